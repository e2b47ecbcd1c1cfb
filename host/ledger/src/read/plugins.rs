//! What happened to plugins, what is remembered of them over a restart, and what they were really asked.

use crate::codec::{all, get, host_time, id, json_or_none, one};
use crate::decisions::PluginEventRow;
use crate::error::LedgerError;
use crate::rows::{BarredContent, PluginMemory, RecordedInputs, StoredPluginEvent};
use fillsync_core::id::{ChannelName, GroupName};
use rusqlite::{Connection, params};

type Read<T> = Result<T, LedgerError>;

/// How many of the newest decisions, or messages, are looked at for recorded inputs: a group that was
/// silent for longer than that has none.
const INPUTS_LOOKED_AT_MAX: i64 = 20_000;
/// The rolled-back contents that are remembered of one plugin.
const BARRED_MAX: i64 = 64;

pub(crate) fn events(
    connection: &Connection,
    plugin: Option<&str>,
    limit: u32,
) -> Read<Vec<StoredPluginEvent>> {
    all(
        connection,
        "SELECT * FROM plugin_event WHERE ?1 IS NULL OR plugin = ?1 ORDER BY id DESC LIMIT ?2",
        params![plugin, limit],
        |row| {
            let event = PluginEventRow {
                at: host_time(row, "at")?,
                plugin: get(row, "plugin")?,
                stage: get(row, "stage")?,
                outcome: get(row, "outcome")?,
                old_sha256: get(row, "old_sha256")?,
                new_sha256: get(row, "new_sha256")?,
                settings_sha256: get(row, "settings_sha256")?,
                cause: get(row, "cause")?,
                hint: get(row, "hint")?,
                stages: json_or_none(row, "stages_json")?.unwrap_or_default(),
                comparison_json: get(row, "comparison_json")?,
            };
            Ok(StoredPluginEvent {
                id: get(row, "id")?,
                event,
            })
        },
    )
}

pub(crate) fn memory(connection: &Connection, plugin: &str) -> Read<PluginMemory> {
    let in_use = one(
        connection,
        "SELECT new_sha256 FROM plugin_event
         WHERE plugin = ?1 AND outcome IN ('loaded', 'swapped', 'promoted', 'rolled-back')
         ORDER BY id DESC LIMIT 1",
        params![plugin],
        |row| get::<Option<String>>(row, "new_sha256"),
    )?;
    let barred = all(
        connection,
        "SELECT at, old_sha256, settings_sha256, cause FROM plugin_event
         WHERE plugin = ?1 AND outcome = 'rolled-back' AND old_sha256 IS NOT NULL
         ORDER BY id DESC LIMIT ?2",
        params![plugin, BARRED_MAX],
        |row| {
            Ok(BarredContent {
                sha256: get(row, "old_sha256")?,
                at: host_time(row, "at")?,
                cause: get::<Option<String>>(row, "cause")?.unwrap_or_default(),
            })
        },
    )?;
    Ok(PluginMemory {
        in_use: in_use.flatten(),
        barred,
    })
}

/// The newest views that differ, of decisions about these groups.
pub(crate) fn recorded_views(
    connection: &Connection,
    groups: &[GroupName],
    limit: u32,
) -> Read<RecordedInputs> {
    let names: Vec<&str> = groups.iter().map(GroupName::as_str).collect();
    let texts = all(
        connection,
        "SELECT view_json FROM decision WHERE id IN (
             SELECT max(id) FROM decision
             WHERE id > (SELECT max(id) FROM decision) - ?1
                 AND group_name IN (SELECT value FROM json_each(?2))
             GROUP BY view_hash ORDER BY max(id) DESC LIMIT ?3)
         ORDER BY id DESC",
        params![INPUTS_LOOKED_AT_MAX, json_list(&names), limit],
        |row| get::<String>(row, "view_json"),
    )?;
    let mut inputs = RecordedInputs::default();
    for text in texts {
        match serde_json::from_str(&text) {
            Ok(view) => inputs.views.push(view),
            Err(_) => inputs.unreadable += 1,
        }
    }
    Ok(inputs)
}

/// The newest alerts that went to these channels.
pub(crate) fn recorded_alerts(
    connection: &Connection,
    channels: &[ChannelName],
    limit: u32,
) -> Read<RecordedInputs> {
    let names: Vec<&str> = channels.iter().map(ChannelName::as_str).collect();
    let rows = all(
        connection,
        "SELECT alert.json AS json, outbox.channel AS channel
         FROM outbox JOIN alert ON alert.id = outbox.alert
         WHERE outbox.id > (SELECT max(id) FROM outbox) - ?1
             AND outbox.channel IN (SELECT value FROM json_each(?2))
         ORDER BY outbox.id DESC LIMIT ?3",
        params![INPUTS_LOOKED_AT_MAX, json_list(&names), limit],
        |row| {
            Ok((
                get::<String>(row, "json")?,
                id::<ChannelName>(row, "channel")?,
            ))
        },
    )?;
    let mut inputs = RecordedInputs::default();
    for (text, channel) in rows {
        match serde_json::from_str(&text) {
            Ok(alert) => inputs.alerts.push((alert, channel)),
            Err(_) => inputs.unreadable += 1,
        }
    }
    Ok(inputs)
}

/// A list as the database's own functions read it.
fn json_list(names: &[&str]) -> String {
    serde_json::Value::from(names.to_vec()).to_string()
}
