//! What only the running daemon knows: health, readiness, plugins, metrics.

use super::Server;
use super::plugin::PluginAnswer;
use crate::answer::{Refusal, typed};
use crate::live::{AccountHealth, readiness};
use crate::metrics::{self, Facts};
use crate::question::PluginQuestion;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use fillsync_report::plugin_events::PluginEventAnswer;
use fillsync_report::{plugin_events, rows_wanted};
use schemars::JsonSchema;
use serde::Serialize;

/// The type of Prometheus' text format.
pub(super) const METRICS_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The plugins.
#[derive(Serialize, JsonSchema)]
pub(super) struct Plugins {
    /// When the answer was made.
    timestamp: String,
    /// The plugins that the configuration uses.
    #[schemars(with = "Vec<PluginAnswer>")]
    plugins: serde_json::Value,
    /// What happened to plugins, the newest first.
    events: Vec<PluginEventAnswer>,
}

pub(super) async fn plugins(server: Server, asked: PluginQuestion) -> Result<Plugins, Refusal> {
    let limit = rows_wanted(asked.limit);
    let past = server
        .ask(move |reader, now| plugin_events(reader, limit, now))
        .await?;
    Ok(Plugins {
        timestamp: past.timestamp,
        plugins: server.state.live.plugins(),
        events: past.events,
    })
}

/// How the daemon is.
#[derive(Serialize, JsonSchema)]
pub(super) struct HealthAnswer {
    /// When the answer was made.
    timestamp: String,
    /// True when it does its work.
    ok: bool,
    /// Why not, one sentence each.
    reasons: Vec<String>,
    /// How fresh each account's data are.
    accounts: Vec<AccountHealth>,
}

pub(super) fn health(server: Server) -> (bool, HealthAnswer) {
    let now = server.state.live.now();
    let mut health = server.state.live.health(now);
    if let Some(cause) = server.state.ledger.poisoned() {
        health.ok = false;
        health.reasons.push(format!(
            "the ledger takes no more writes after an I/O error ({cause})"
        ));
    }
    let answer = HealthAnswer {
        timestamp: now.to_string(),
        ok: health.ok,
        reasons: health.reasons,
        accounts: health.accounts,
    };
    (answer.ok, answer)
}

/// Whether the daemon has started up.
#[derive(Serialize, JsonSchema)]
pub(super) struct ReadyAnswer {
    /// When the answer was made.
    timestamp: String,
    /// True when every account has caught up.
    ready: bool,
    /// What is missing, one sentence each.
    reasons: Vec<String>,
}

pub(super) fn ready(server: Server) -> (bool, ReadyAnswer) {
    let live = server.state.live.as_ref();
    let now = live.now();
    let reasons = readiness(live, now).err();
    let answer = ReadyAnswer {
        timestamp: now.to_string(),
        ready: reasons.is_none(),
        reasons: reasons.unwrap_or_default(),
    };
    (answer.ready, answer)
}

pub(super) async fn metrics(server: Server, _: HeaderMap) -> Result<Response, Refusal> {
    let facts = server.state.ledger.read(Facts::read).await?;
    let text = metrics::text(
        &facts,
        server.state.live.as_ref(),
        &server.refused,
        server.listeners.count(),
    );
    Ok(typed(StatusCode::OK, METRICS_TYPE, text))
}
