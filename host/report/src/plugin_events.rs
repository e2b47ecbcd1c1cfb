//! What happened to plugins: loaded, swapped, refused, set aside, and why.

use crate::table::{Column, Look, or_dash, render};
use crate::{Answer, ROWS_MAX, time_text};
use fillsync_core::time::HostTime;
use fillsync_ledger::{LedgerError, Reader};
use schemars::JsonSchema;
use serde::Serialize;

/// Plugin events, the newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PluginEvents {
    /// When the answer was made.
    #[schemars(extend("format" = "date-time"))]
    pub timestamp: String,
    /// Events in it.
    pub count: usize,
    /// The events.
    pub events: Vec<PluginEventAnswer>,
}

/// One plugin event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PluginEventAnswer {
    /// Rises with every event.
    pub id: i64,
    /// When, in this machine's clock.
    #[schemars(extend("format" = "date-time"))]
    pub timestamp: String,
    /// The plugin.
    pub plugin: String,
    /// The stage that it reached ("compile", "swap").
    pub stage: String,
    /// How it ended ("loaded", "rejected").
    pub outcome: String,
    /// SHA-256 of what ran before.
    pub old_sha256: Option<String>,
    /// SHA-256 of what was offered.
    pub new_sha256: Option<String>,
    /// Why.
    pub cause: Option<String>,
    /// What to do about it.
    pub hint: Option<String>,
}

/// The newest plugin events. A limit beyond [`ROWS_MAX`] becomes [`ROWS_MAX`].
///
/// # Errors
/// When the ledger cannot be read.
pub fn plugin_events(
    reader: &Reader,
    limit: u32,
    now: HostTime,
) -> Result<PluginEvents, LedgerError> {
    let events: Vec<_> = reader
        .plugin_events(limit.clamp(1, ROWS_MAX))?
        .into_iter()
        .map(|row| PluginEventAnswer {
            id: row.id,
            timestamp: time_text::host(row.event.at),
            plugin: row.event.plugin,
            stage: row.event.stage,
            outcome: row.event.outcome,
            old_sha256: row.event.old_sha256,
            new_sha256: row.event.new_sha256,
            cause: row.event.cause,
            hint: row.event.hint,
        })
        .collect();
    Ok(PluginEvents {
        timestamp: time_text::host(now),
        count: events.len(),
        events,
    })
}

impl Answer for PluginEvents {
    fn table(&self, look: Look) -> String {
        let columns = [
            Column::Left("TIME"),
            Column::Left("PLUGIN"),
            Column::Left("STAGE"),
            Column::Left("OUTCOME"),
            Column::Left("CAUSE"),
            Column::Left("HINT"),
        ];
        let rows = self.events.iter().map(|event| {
            vec![
                event.timestamp.clone(),
                event.plugin.clone(),
                event.stage.clone(),
                event.outcome.clone(),
                or_dash(event.cause.as_deref()),
                or_dash(event.hint.as_deref()),
            ]
        });
        render(look, &columns, rows, "No plugin events.")
    }
}
