//! The intervals of venue time for which an account's executions are proven complete.
//!
//! Coverage is what tells "not seen yet" from "really not filled". It only grows by a traversal that
//! reached its end (law 9), and what lies between two covered intervals is a known gap. Intervals are
//! half open, sorted, and never touch: touching ones are one.

use crate::time::VenueTime;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// A span of venue time: from `from` up to but without `to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Window {
    /// The first moment in it.
    pub from: VenueTime,
    /// The first moment after it.
    pub to: VenueTime,
}

impl Window {
    /// A window; empty when `to` is not after `from`.
    #[must_use]
    pub const fn new(from: VenueTime, to: VenueTime) -> Self {
        Self { from, to }
    }

    /// Whether nothing is in it.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.to <= self.from
    }

    /// Cuts it into contiguous windows of at most `most`, the oldest first.
    #[must_use]
    pub fn split(self, most: Duration) -> Vec<Self> {
        let most = most.max(Duration::from_millis(1));
        let mut windows = Vec::new();
        let mut from = self.from;
        while from < self.to {
            let to = from.plus(most).min(self.to);
            windows.push(Self { from, to });
            from = to;
        }
        windows
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}, {})", self.from, self.to)
    }
}

/// A set of proven windows.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Coverage {
    windows: Vec<Window>,
}

impl Coverage {
    /// From windows in any order, overlapping or not.
    #[must_use]
    pub fn from_windows(windows: impl IntoIterator<Item = Window>) -> Self {
        let mut coverage = Self::default();
        for window in windows {
            coverage.add(window);
        }
        coverage
    }

    /// Adds a proven window.
    pub fn add(&mut self, window: Window) {
        if window.is_empty() {
            return;
        }
        let mut joined = window;
        self.windows.retain(|have| {
            let apart = have.to < joined.from || joined.to < have.from;
            if !apart {
                joined.from = joined.from.min(have.from);
                joined.to = joined.to.max(have.to);
            }
            apart
        });
        let at = self.windows.partition_point(|have| have.from < joined.from);
        self.windows.insert(at, joined);
    }

    /// The proven windows, the oldest first.
    #[must_use]
    pub fn windows(&self) -> &[Window] {
        &self.windows
    }

    /// The end of the newest proven window: facts are complete up to here, back to [`Coverage::newest`]'s start.
    #[must_use]
    pub fn to(&self) -> Option<VenueTime> {
        self.windows.last().map(|window| window.to)
    }

    /// The newest proven window.
    #[must_use]
    pub fn newest(&self) -> Option<Window> {
        self.windows.last().copied()
    }

    /// Whether all of a window is proven.
    #[must_use]
    pub fn contains(&self, window: Window) -> bool {
        window.is_empty()
            || self
                .windows
                .iter()
                .any(|have| have.from <= window.from && window.to <= have.to)
    }

    /// What is not proven between the oldest and the newest proven moment.
    #[must_use]
    pub fn gaps(&self) -> Vec<Window> {
        self.windows
            .iter()
            .zip(self.windows.iter().skip(1))
            .map(|(before, after)| Window::new(before.to, after.from))
            .collect()
    }

    /// What of a window is not proven, the oldest first.
    #[must_use]
    pub fn missing(&self, window: Window) -> Vec<Window> {
        let mut missing = Vec::new();
        let mut from = window.from;
        for have in &self.windows {
            if have.to <= from {
                continue;
            }
            if have.from >= window.to {
                break;
            }
            if have.from > from {
                missing.push(Window::new(from, have.from));
            }
            from = from.max(have.to);
        }
        if from < window.to {
            missing.push(Window::new(from, window.to));
        }
        missing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(from: i64, to: i64) -> Window {
        Window::new(VenueTime::from_us(from), VenueTime::from_us(to))
    }

    #[test]
    fn touching_windows_are_one_and_gaps_are_known() {
        let coverage = Coverage::from_windows([
            window(10, 20),
            window(30, 40),
            window(20, 25),
            window(5, 11),
        ]);
        assert_eq!(coverage.windows(), [window(5, 25), window(30, 40)]);
        assert_eq!(coverage.gaps(), [window(25, 30)]);
        assert_eq!(
            coverage.missing(window(0, 50)),
            [window(0, 5), window(25, 30), window(40, 50)]
        );
        assert!(coverage.contains(window(6, 25)));
        assert!(!coverage.contains(window(6, 26)));
    }

    #[test]
    fn the_order_of_additions_does_not_matter() {
        use proptest::prelude::*;
        proptest!(|(ends in proptest::collection::vec((0i64..60, 1i64..9), 0..12), seed in 0usize..12)| {
            let windows: Vec<_> = ends.iter().map(|(from, span)| window(*from, from + span)).collect();
            let mut turned = windows.clone();
            if !turned.is_empty() { let by = seed % turned.len(); turned.rotate_left(by); turned.reverse(); }
            let coverage = Coverage::from_windows(windows.clone());
            prop_assert_eq!(&coverage, &Coverage::from_windows(turned));
            for moment in 0..70 {
                let one = window(moment, moment + 1);
                let proven = windows.iter().any(|w| w.from <= one.from && one.to <= w.to);
                prop_assert_eq!(coverage.contains(one), proven);
            }
        });
    }

    #[test]
    fn a_long_window_is_cut_into_contiguous_ones() {
        let parts = window(0, 25).split(Duration::from_millis(0));
        assert_eq!(parts, [window(0, 25)]);
        let parts = Window::new(VenueTime::from_ms(0), VenueTime::from_ms(25))
            .split(Duration::from_millis(10));
        assert_eq!(parts.len(), 3);
        assert!(parts.windows(2).all(|pair| pair[0].to == pair[1].from));
    }
}
