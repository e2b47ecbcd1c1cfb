//! When to leave a plugin alone that fails again and again.
//!
//! Three failures in a row set it aside, for longer each time; then one call may try. Time comes in
//! as an argument, so that this is a plain value without a clock.

use fillsync_core::time::HostTime;
use std::time::Duration;

/// Failures in a row that set a plugin aside.
pub const FAILURES_MAX: u32 = 3;
/// For how long, the first time, the second, and so on; the last one stays.
pub const ASIDE: [Duration; 4] = [
    Duration::from_secs(30),
    Duration::from_secs(120),
    Duration::from_secs(600),
    Duration::from_secs(3600),
];

/// The failures of one plugin.
#[derive(Debug, Clone, Default)]
pub(crate) struct Breaker {
    failures: u32,
    times_aside: usize,
    until: Option<HostTime>,
    trying: bool,
}

/// What a breaker says to a call that wants through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gate {
    Open,
    Aside { failures: u32, until: HostTime },
}

/// What a call's end changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Nothing worth telling.
    None,
    /// The plugin is now set aside.
    SetAside {
        /// When it is tried again.
        until: HostTime,
    },
    /// It had been set aside, and works again.
    Back,
}

impl Breaker {
    /// Whether a call may be made now. The first after the time aside is the trial; others wait for it.
    pub(crate) fn gate(&mut self, now: HostTime) -> Gate {
        match self.until {
            None => Gate::Open,
            Some(until) if now < until || self.trying => Gate::Aside {
                failures: self.failures,
                until,
            },
            Some(_) => {
                self.trying = true;
                Gate::Open
            }
        }
    }

    pub(crate) fn succeeded(&mut self) -> Turn {
        let was_aside = self.until.is_some();
        *self = Self::default();
        if was_aside { Turn::Back } else { Turn::None }
    }

    pub(crate) fn failed(&mut self, now: HostTime) -> Turn {
        self.failures = self.failures.saturating_add(1);
        let is_trial = std::mem::take(&mut self.trying);
        // A call that was let in before the others set the plugin aside does not prolong it.
        if !is_trial && (self.failures < FAILURES_MAX || self.until.is_some()) {
            return Turn::None;
        }
        let longest = ASIDE.last().copied().unwrap_or_default();
        let until = now.plus(ASIDE.get(self.times_aside).copied().unwrap_or(longest));
        self.times_aside += 1;
        self.until = Some(until);
        Turn::SetAside { until }
    }

    /// A call that ended without saying anything about the plugin.
    pub(crate) fn neither(&mut self) {
        self.trying = false;
    }

    pub(crate) const fn failures(&self) -> u32 {
        self.failures
    }

    pub(crate) const fn until(&self) -> Option<HostTime> {
        self.until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: i64) -> HostTime {
        HostTime::from_ms(seconds * 1000)
    }

    #[test]
    fn three_failures_set_aside_and_the_time_grows() {
        let mut breaker = Breaker::default();
        let mut now = at(0);
        for _ in 0..FAILURES_MAX - 1 {
            assert_eq!(breaker.failed(now), Turn::None);
        }
        for aside in ASIDE.into_iter().chain(ASIDE.last().copied()) {
            let until = now.plus(aside);
            assert_eq!(breaker.failed(now), Turn::SetAside { until });
            assert!(matches!(breaker.gate(now), Gate::Aside { .. }));
            now = until;
            assert_eq!(breaker.gate(now), Gate::Open, "the trial");
            assert!(
                matches!(breaker.gate(now), Gate::Aside { .. }),
                "one trial at a time"
            );
        }
        assert_eq!(breaker.succeeded(), Turn::Back);
        assert_eq!(breaker.gate(now), Gate::Open);
        assert_eq!(breaker.failures(), 0);
    }

    #[test]
    fn a_success_in_between_starts_the_count_again() {
        let mut breaker = Breaker::default();
        for _ in 0..10 {
            assert_eq!(breaker.failed(at(0)), Turn::None);
            assert_eq!(breaker.failed(at(0)), Turn::None);
            assert_eq!(breaker.succeeded(), Turn::None);
        }
    }
}
