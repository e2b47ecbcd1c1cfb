//! Asking a venue from a command: again where it makes sense, for a bounded time.
//!
//! The daemon has time and goes on with other accounts; a command has somebody who waits. What can never
//! work is not asked twice.

use fillsync_core::backoff::Backoff;
use fillsync_core::port::VenueError;
use std::time::Duration;

const BACKOFF: Backoff = Backoff {
    base: Duration::from_millis(500),
    ceiling: Duration::from_secs(30),
};

/// How often, and for how long, a venue is asked again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Patience {
    /// How often one question is asked.
    pub(super) tries_max: u32,
    /// The longest wait that the venue may ask for.
    pub(super) wait_max: Duration,
}

impl Patience {
    /// How long to wait before the same question again, after so many tries; none when it makes no
    /// sense, or was asked enough.
    pub(super) fn pause(self, error: &VenueError, tries: u32) -> Option<Duration> {
        if tries >= self.tries_max {
            return None;
        }
        match error {
            VenueError::Wait { after, .. } => Some(*after).filter(|after| *after <= self.wait_max),
            VenueError::Retry { .. } => Some(BACKOFF.after(tries, u64::from(tries))),
            VenueError::Refused { .. } | VenueError::Rejected { .. } => None,
        }
    }

    /// Asks until there is an answer, or no sense in asking again.
    pub(super) async fn ask<T, F>(self, question: impl Fn() -> F) -> Result<T, VenueError>
    where
        F: Future<Output = Result<T, VenueError>>,
    {
        let mut tries = 0;
        loop {
            let error = match question().await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            tries += 1;
            match self.pause(&error, tries) {
                Some(pause) => tokio::time::sleep(pause).await,
                None => return Err(error),
            }
        }
    }
}
