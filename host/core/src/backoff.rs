//! How long to wait after a failure: doubling from a base to a ceiling, with a spread.
//!
//! The spread comes from the caller's seed (an id), not from randomness, so that a test sees what a
//! daemon does, and two accounts that fail together do not return together.

use std::time::Duration;

/// A growing wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The wait after the first failure.
    pub base: Duration,
    /// The longest wait.
    pub ceiling: Duration,
}

impl Backoff {
    /// The wait after the `failures`-th failure in a row (counted from 1), spread over its last
    /// quarter by `seed`.
    #[must_use]
    pub fn after(self, failures: u32, seed: u64) -> Duration {
        let doublings = failures.saturating_sub(1).min(32);
        let full = self
            .base
            .saturating_mul(2u32.saturating_pow(doublings))
            .min(self.ceiling);
        let mixed = (seed ^ u64::from(failures)).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 54;
        let spread = full / 4;
        let part = spread.saturating_mul(u32::try_from(mixed).unwrap_or(0)) / 1024;
        full - spread + part
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn waits_stay_within_three_quarters_and_the_whole(failures in 0u32..1000, seed: u64) {
            let backoff = Backoff { base: Duration::from_millis(500), ceiling: Duration::from_secs(60) };
            let wait = backoff.after(failures, seed);
            let full = Duration::from_millis(500).saturating_mul(2u32.saturating_pow(failures.saturating_sub(1).min(32))).min(Duration::from_secs(60));
            prop_assert!(wait <= full && wait >= full - full / 4);
        }
    }

    #[test]
    fn two_seeds_do_not_return_together() {
        let backoff = Backoff {
            base: Duration::from_secs(1),
            ceiling: Duration::from_secs(60),
        };
        assert_ne!(backoff.after(5, 1), backoff.after(5, 2));
    }
}
