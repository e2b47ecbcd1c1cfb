//! The bounds of the server, each with its name. Tests make them small; nothing else changes them.

use std::time::Duration;

/// What one server takes and how long it waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Connections at once; the next one is told 503 and closed.
    pub connections_max: usize,
    /// How long a caller may take to send the head of a request, also the wait between two requests.
    pub head_wait: Duration,
    /// How long an answer may take to be made.
    pub answer_wait: Duration,
    /// How long one connection lives; then the answer in flight is its last.
    pub connection_life: Duration,
    /// How long answers in flight get at the end.
    pub drain_wait: Duration,
    /// The largest head of a request, in bytes.
    pub head_bytes_max: usize,
    /// The largest body that a request may announce, in bytes. No endpoint reads one.
    pub body_bytes_max: u64,
    /// Listeners to `/events/stream` at once.
    pub listeners_max: usize,
    /// How long one of them is told what comes; then it is to come back.
    pub listener_life: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 256,
            head_wait: Duration::from_secs(10),
            answer_wait: Duration::from_secs(15),
            connection_life: Duration::from_secs(300),
            drain_wait: Duration::from_secs(4),
            head_bytes_max: 32 * 1024,
            body_bytes_max: 64 * 1024,
            listeners_max: 32,
            listener_life: Duration::from_secs(240),
        }
    }
}
