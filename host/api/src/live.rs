//! What only the running daemon knows, as the server asks for it.

use fillsync_core::time::HostTime;
use serde::Serialize;

/// The running daemon. Every answer comes from memory at once: nothing here may wait or block.
pub trait Live: Send + Sync + 'static {
    /// Now, in the host's clock.
    fn now(&self) -> HostTime;

    /// The plugins that run: name, version, digest, kind, groups, settings and the like.
    fn plugins(&self) -> serde_json::Value;

    /// How often each plugin was called, and how often it failed.
    fn plugin_tallies(&self) -> Vec<PluginTally>;

    /// Whether the daemon does its work as of `now`.
    fn health(&self, now: HostTime) -> Health;

    /// Whether it has started up entirely: what is still missing otherwise.
    ///
    /// # Errors
    /// The sentences that say what is not ready yet.
    fn ready(&self) -> Result<(), Vec<String>>;
}

/// Calls of one plugin since the start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginTally {
    /// The plugin.
    pub plugin: String,
    /// Calls.
    pub calls: u64,
    /// Calls that gave no usable answer.
    pub failures: u64,
}

/// Whether the daemon does its work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Health {
    /// True when it does.
    pub ok: bool,
    /// Why not, one sentence each; no secrets, because anybody may read them.
    pub reasons: Vec<String>,
    /// How fresh each account's data are.
    pub accounts: Vec<AccountHealth>,
}

/// How fresh an account's data are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AccountHealth {
    /// The account.
    pub account: String,
    /// Whether it is reached within its bound.
    pub ok: bool,
    /// Milliseconds since the last answer of its venue; none before the first.
    pub data_age_ms: Option<u64>,
}
