//! The HTTP server: what the ledger answers, as JSON, and the health of the daemon.
//!
//! Promises: it reads, and does only what is meant; nothing is done for a caller without the token where a token is set; an
//! address beyond this machine is refused without one; no request makes the poller wait, because
//! connections, headers, answers and rows are all bounded and the ledger is read on its own threads.
//! It decides nothing: shapes come from `fillsync-report`, and what only the running daemon knows
//! comes through [`Live`]. This is the only room of axum and hyper.

mod answer;
mod bind;
mod dashboard;
mod endpoint;
mod endpoints;
mod guard;
mod limits;
mod live;
mod metrics;
mod openapi;
mod question;
mod server;
mod stream;

pub use bind::{BindError, LISTEN_SETTING, TOKEN_BYTES_MIN, TOKEN_SETTING, bind};
pub use endpoints::paths;
pub use fillsync_report::{GroupPlan, StreamHealth, StreamState, Streams};
pub use limits::Limits;
pub use live::{AccountHealth, Health, Live, PluginTally};
pub use server::{serve, serve_within};

use fillsync_ledger::Ledger;
use secrecy::SecretString;
use std::sync::Arc;

/// What the server answers from.
#[derive(Clone)]
pub struct ApiState {
    /// The ledger.
    pub ledger: Ledger,
    /// What callers must present as `Authorization: Bearer …`; none for a server of this machine only.
    pub token: Option<SecretString>,
    /// What only the running daemon knows.
    pub live: Arc<dyn Live>,
}

#[cfg(test)]
mod tests;
