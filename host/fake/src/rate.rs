//! Rolling request limits, measured in real time.
//!
//! Promise: at most `count` admissions in any window of `window_ms`. The monotonic clock is used on purpose: a frozen
//! [`crate::FakeClock`] must not turn a limit into a wall.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// A limit: so many requests in a rolling window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Requests admitted per window.
    pub count: u32,
    /// Length of the window in milliseconds of real time.
    pub window_ms: u64,
}

impl Rate {
    /// `count` requests per `window_ms`.
    #[must_use]
    pub const fn new(count: u32, window_ms: u64) -> Self {
        Self { count, window_ms }
    }
}

/// The admissions of one key or address that still count.
#[derive(Debug, Default)]
pub(crate) struct RollingWindow {
    admitted: VecDeque<Instant>,
}

/// What the limit says about one request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Admission {
    pub(crate) admitted: bool,
    /// Requests left in the window after this one.
    pub(crate) remaining: u32,
    /// Milliseconds until the oldest admission leaves the window.
    pub(crate) reset_in_ms: u64,
}

impl RollingWindow {
    pub(crate) fn admit(&mut self, rate: Rate, now: Instant) -> Admission {
        let window = Duration::from_millis(rate.window_ms);
        while self
            .admitted
            .front()
            .is_some_and(|oldest| now.duration_since(*oldest) >= window)
        {
            self.admitted.pop_front();
        }
        let used = u32::try_from(self.admitted.len()).unwrap_or(u32::MAX);
        let admitted = used < rate.count;
        if admitted {
            self.admitted.push_back(now);
        }
        let reset_in_ms = self.admitted.front().map_or(0, |oldest| {
            let left = window.saturating_sub(now.duration_since(*oldest));
            u64::try_from(left.as_millis()).unwrap_or(u64::MAX)
        });
        Admission {
            admitted,
            remaining: rate.count.saturating_sub(used + u32::from(admitted)),
            reset_in_ms,
        }
    }
}
