//! The time a fake venue believes in: the system's, or one that a test has set.
//!
//! Promise: every fake reads time only here, so that a signature vector of 2023 or a history of last year can be
//! served as "now". Rate limits deliberately do not use it: they measure how fast a client really asks.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

/// A settable clock; clones share the same time, so several fakes can be given one clock.
#[derive(Clone, Debug, Default)]
pub struct FakeClock {
    state: Arc<Mutex<ClockState>>,
}

#[derive(Debug, Default)]
struct ClockState {
    /// `Some` while the clock stands still at this time.
    fixed_ms: Option<i64>,
    /// Added to the system's time while the clock runs.
    offset_ms: i64,
}

impl FakeClock {
    /// A clock that follows the system.
    #[must_use]
    pub fn system() -> Self {
        Self::default()
    }

    /// A clock that stands still at `at_ms` (Unix milliseconds) until it is set or advanced.
    #[must_use]
    pub fn fixed(at_ms: i64) -> Self {
        let clock = Self::default();
        clock.set_ms(at_ms);
        clock
    }

    /// The time in Unix milliseconds.
    #[must_use]
    pub fn now_ms(&self) -> i64 {
        let state = self.lock();
        state
            .fixed_ms
            .unwrap_or_else(|| system_ms() + state.offset_ms)
    }

    /// Stops the clock at `at_ms` (Unix milliseconds).
    pub fn set_ms(&self, at_ms: i64) {
        self.lock().fixed_ms = Some(at_ms);
    }

    /// Moves the clock by `by_ms`, whether it stands still or runs.
    pub fn advance_ms(&self, by_ms: i64) {
        let mut state = self.lock();
        match state.fixed_ms {
            Some(at_ms) => state.fixed_ms = Some(at_ms + by_ms),
            None => state.offset_ms += by_ms,
        }
    }

    /// Lets the clock run with the system's time again.
    pub fn follow_system(&self) {
        *self.lock() = ClockState::default();
    }

    fn lock(&self) -> MutexGuard<'_, ClockState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn system_ms() -> i64 {
    // A system clock before 1970 reads as 1970: nothing here can be served before that.
    let since_epoch = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX)
}
