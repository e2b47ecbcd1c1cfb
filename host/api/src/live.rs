//! What only the running daemon knows, as the server asks for it.

use fillsync_core::time::HostTime;
use fillsync_report::{GroupPlan, Streams};
use schemars::JsonSchema;
use serde::Serialize;

/// The running daemon. Every answer comes from memory at once: nothing here may wait or block.
pub trait Live: Send + Sync + 'static {
    /// Now, in the host's clock.
    fn now(&self) -> HostTime;

    /// The plugins that the configuration uses, each as `/openapi.json` describes a plugin, with whatever
    /// more the daemon knows of it.
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

    /// A message waits that was given up before: whoever delivers may look.
    fn messages_wait(&self) {}

    /// The streams of the accounts that have one; an account that is not in it has its stream off.
    fn streams(&self) -> Streams {
        Streams::new()
    }

    /// The groups, as the configuration has them.
    fn groups(&self) -> Vec<GroupPlan> {
        Vec::new()
    }
}

/// Whether requests can rely on the daemon: it watches at least one account, and has started up.
/// Without an account it runs, and `/health` says so, but there is nothing that it could answer for.
///
/// # Errors
/// The sentences that say what is missing.
pub(crate) fn readiness(live: &dyn Live, now: HostTime) -> Result<(), Vec<String>> {
    if live.health(now).accounts.is_empty() {
        return Err(vec![
            "no account is configured: add an [[account]] to the configuration".to_owned(),
        ]);
    }
    live.ready()
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
    /// Whether it is set aside, and something else stands in for it.
    pub is_set_aside: bool,
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct AccountHealth {
    /// The account.
    pub account: String,
    /// Whether it is reached within its bound.
    pub ok: bool,
    /// Milliseconds since the last answer of its venue; none before the first.
    pub data_age_ms: Option<u64>,
}
