//! Whether the daemon lives: what must work for it to be more than a process that is there.
//!
//! A loop that breaks off ends the daemon by itself. What is looked at here is what can hang without
//! breaking off: the synchroniser's thread and the ledger's writer. That the look is taken at all shows
//! that the runtime works. An account whose venue does not answer is no reason: the daemon lives, and
//! `/health` says what it cannot do.

use crate::drive::wake::Wake;
use fillsync_ledger::Ledger;
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

/// Longer than any look of the synchroniser takes, with every plugin at the end of its time.
const SILENCE_MAX: Duration = Duration::from_secs(60);
/// Longer than any write takes, with a full queue before it.
const WRITE_MAX: Duration = Duration::from_secs(60);

/// Looks again and again.
#[derive(Debug)]
pub(crate) struct Watchdog {
    began: Instant,
    /// The write that is waited for, and since when.
    write: Option<(Instant, JoinHandle<()>)>,
}

impl Watchdog {
    /// Begins now.
    pub(crate) fn new() -> Self {
        Self {
            began: Instant::now(),
            write: None,
        }
    }

    /// Whether the daemon lives. Does not wait: the write that is asked for is looked at the next time.
    ///
    /// # Errors
    /// What hangs, and since when.
    pub(crate) fn look(&mut self, wake: &Wake, ledger: &Ledger) -> Result<(), String> {
        let silence = wake.since_beat().unwrap_or_else(|| self.began.elapsed());
        if silence > SILENCE_MAX {
            return Err(format!(
                "the synchroniser was last seen at work {} s ago",
                silence.as_secs()
            ));
        }
        match &self.write {
            Some((since, write)) if !write.is_finished() => {
                let waited = since.elapsed();
                if waited > WRITE_MAX {
                    return Err(format!(
                        "the ledger's writer has not answered for {} s",
                        waited.as_secs()
                    ));
                }
            }
            _ => {
                let ledger = ledger.clone();
                let write = tokio::spawn(async move {
                    // An error is an answer; what is wrong with the ledger is said by who writes to it.
                    let _ = ledger.flush().await;
                });
                self.write = Some((Instant::now(), write));
            }
        }
        Ok(())
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        // It holds the ledger, which is about to be closed.
        if let Some((_, write)) = self.write.take() {
            write.abort();
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    fn ago(span: Duration) -> Instant {
        Instant::now().checked_sub(span).unwrap()
    }

    #[tokio::test]
    async fn a_synchroniser_that_falls_silent_and_a_writer_that_does_not_answer_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(folder.path().join("a.db")).unwrap();
        let wake = Wake::new();
        let mut dog = Watchdog::new();
        // It has just begun: its first look may take a moment.
        assert_eq!(dog.look(&wake, &ledger), Ok(()));
        dog.began = ago(SILENCE_MAX + Duration::from_secs(1));
        let why = dog.look(&wake, &ledger).unwrap_err();
        assert!(why.contains("synchroniser"), "{why}");
        wake.beat();
        assert_eq!(dog.look(&wake, &ledger), Ok(()));
        let hangs = || tokio::spawn(std::future::pending());
        dog.write = Some((Instant::now(), hangs()));
        assert_eq!(dog.look(&wake, &ledger), Ok(()), "it has time");
        dog.write = Some((ago(WRITE_MAX + Duration::from_secs(1)), hangs()));
        let why = dog.look(&wake, &ledger).unwrap_err();
        assert!(why.contains("writer"), "{why}");
    }
}
