//! The log of what a fake was asked, for assertions.
//!
//! Promise: every request that reached the fake is counted, also those answered by a fault or dropped; keys,
//! signatures and tokens never enter the log, because headers and bodies are left out and token paths are masked.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

/// Entries kept; older ones leave the log, while the counters keep counting.
pub const REQUESTS_KEPT_MAX: usize = 100_000;

/// One request as the fake saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedRequest {
    /// Position in the log, from 1.
    pub number: u64,
    /// The fake's time of arrival, Unix milliseconds.
    pub at_ms: i64,
    /// `GET`, `POST`, …
    pub method: String,
    /// Path without the query; a Telegram token is masked.
    pub path: String,
    /// The raw query string as received.
    pub query: String,
    /// The account whose key was sent, where known.
    pub account: Option<String>,
    /// Which page of a traversal this was: 1 unless a cursor or page token was sent.
    pub page: u32,
    /// The status answered; `None` where the connection was dropped without an answer.
    pub status: Option<u16>,
    /// The name of the fault that touched this request, where one did.
    pub fault: Option<&'static str>,
}

/// The shared log; clones see the same entries.
#[derive(Clone, Debug)]
pub struct Requests {
    state: Arc<Mutex<LogState>>,
    total: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct LogState {
    entries: VecDeque<LoggedRequest>,
    counts: BTreeMap<String, u64>,
    total: u64,
}

impl Default for Requests {
    fn default() -> Self {
        Self {
            state: Arc::default(),
            total: watch::Sender::new(0),
        }
    }
}

impl Requests {
    /// Every entry still kept, oldest first.
    #[must_use]
    pub fn all(&self) -> Vec<LoggedRequest> {
        self.lock().entries.iter().cloned().collect()
    }

    /// The entries for one exact path.
    #[must_use]
    pub fn of(&self, path: &str) -> Vec<LoggedRequest> {
        self.lock()
            .entries
            .iter()
            .filter(|entry| entry.path == path)
            .cloned()
            .collect()
    }

    /// How often one exact path was asked since the start, or since [`Requests::clear`].
    #[must_use]
    pub fn count(&self, path: &str) -> u64 {
        self.lock().counts.get(path).copied().unwrap_or(0)
    }

    /// The counters of all paths.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<String, u64> {
        self.lock().counts.clone()
    }

    /// Requests of any path since the start, or since [`Requests::clear`].
    #[must_use]
    pub fn total(&self) -> u64 {
        self.lock().total
    }

    /// Forgets entries and counters.
    pub fn clear(&self) {
        *self.lock() = LogState::default();
    }

    /// Waits until `path` was asked at least `count` times; false when `timeout` passed first.
    pub async fn wait_for(&self, path: &str, count: u64, timeout: Duration) -> bool {
        let mut changes = self.total.subscribe();
        let reached = changes.wait_for(|_| self.count(path) >= count);
        matches!(tokio::time::timeout(timeout, reached).await, Ok(Ok(_)))
    }

    pub(crate) fn record(&self, mut entry: LoggedRequest) {
        {
            let mut state = self.lock();
            state.total += 1;
            entry.number = state.total;
            *state.counts.entry(entry.path.clone()).or_default() += 1;
            if state.entries.len() >= REQUESTS_KEPT_MAX {
                state.entries.pop_front();
            }
            state.entries.push_back(entry);
        }
        self.total.send_modify(|total| *total += 1);
    }

    fn lock(&self) -> MutexGuard<'_, LogState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
