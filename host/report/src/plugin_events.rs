//! What happened to plugins: loaded, swapped, refused, set aside, and why.

use crate::table::{Column, Look, or_dash, render};
use crate::{Answer, ROWS_MAX, time_text};
use fillsync_core::id::PluginName;
use fillsync_core::time::HostTime;
use fillsync_ledger::{LedgerError, Reader, StoredPluginEvent};
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
    /// How it ended ("loaded", "swapped", "promoted", "held", "rejected", "rolled-back", ...).
    pub outcome: String,
    /// SHA-256 of what ran before.
    pub old_sha256: Option<String>,
    /// SHA-256 of what was offered, or of what answers again.
    pub new_sha256: Option<String>,
    /// SHA-256 of the settings that it was offered with.
    pub settings_sha256: Option<String>,
    /// Why.
    pub cause: Option<String>,
    /// What to do about it.
    pub hint: Option<String>,
    /// How long each stage took, in their order.
    pub stages: Vec<StageTime>,
    /// How its answers to recorded inputs differ from those of what was active.
    pub comparison: Option<serde_json::Value>,
}

/// How long one stage took.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct StageTime {
    /// The stage.
    pub stage: String,
    /// Milliseconds, with three places.
    pub ms: String,
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
    Ok(answer(reader.plugin_events(limit.clamp(1, ROWS_MAX))?, now))
}

/// The newest events of one plugin. A limit beyond [`ROWS_MAX`] becomes [`ROWS_MAX`].
///
/// # Errors
/// When the ledger cannot be read.
pub fn plugin_history(
    reader: &Reader,
    plugin: &PluginName,
    limit: u32,
    now: HostTime,
) -> Result<PluginEvents, LedgerError> {
    let rows = reader.plugin_history(plugin.as_str(), limit.clamp(1, ROWS_MAX))?;
    Ok(answer(rows, now))
}

fn answer(rows: Vec<StoredPluginEvent>, now: HostTime) -> PluginEvents {
    let events: Vec<_> = rows
        .into_iter()
        .map(|row| PluginEventAnswer {
            id: row.id,
            timestamp: time_text::host(row.event.at),
            plugin: row.event.plugin,
            stage: row.event.stage,
            outcome: row.event.outcome,
            old_sha256: row.event.old_sha256,
            new_sha256: row.event.new_sha256,
            settings_sha256: row.event.settings_sha256,
            cause: row.event.cause,
            hint: row.event.hint,
            stages: row
                .event
                .stages
                .into_iter()
                .map(|(stage, us)| StageTime {
                    stage,
                    ms: format!("{}.{:03}", us / 1000, us % 1000),
                })
                .collect(),
            comparison: row
                .event
                .comparison_json
                .and_then(|json| serde_json::from_str(&json).ok()),
        })
        .collect();
    PluginEvents {
        timestamp: time_text::host(now),
        count: events.len(),
        events,
    }
}

impl PluginEventAnswer {
    /// The lines of the difference, as the replay wrote them.
    fn differences(&self) -> Vec<&str> {
        self.comparison
            .as_ref()
            .and_then(|comparison| comparison["lines"].as_array())
            .map(|lines| lines.iter().filter_map(serde_json::Value::as_str).collect())
            .unwrap_or_default()
    }
}

/// Enough of a hash to tell two contents apart by eye, and to name one by.
fn short(sha256: Option<&String>) -> String {
    sha256.map_or_else(
        || "-".to_owned(),
        |sha256| sha256.chars().take(12).collect(),
    )
}

impl Answer for PluginEvents {
    fn table(&self, look: Look) -> String {
        let columns = [
            Column::Left("TIME"),
            Column::Left("PLUGIN"),
            Column::Left("STAGE"),
            Column::Left("OUTCOME"),
            Column::Left("FROM"),
            Column::Left("TO"),
            Column::Left("CAUSE"),
            Column::Left("HINT"),
        ];
        let rows = self.events.iter().map(|event| {
            vec![
                event.timestamp.clone(),
                event.plugin.clone(),
                event.stage.clone(),
                event.outcome.clone(),
                short(event.old_sha256.as_ref()),
                short(event.new_sha256.as_ref()),
                or_dash(event.cause.as_deref()),
                or_dash(event.hint.as_deref()),
            ]
        });
        let mut text = render(look, &columns, rows, "No plugin events.");
        for event in &self.events {
            let lines = event.differences();
            if lines.is_empty() {
                continue;
            }
            let to = short(event.new_sha256.as_ref());
            text.push_str(&format!(
                "\n{} {} {to} {}:\n",
                event.timestamp, event.plugin, event.outcome
            ));
            for line in lines {
                text.push_str(&format!("  {line}\n"));
            }
        }
        text
    }
}
