//! Named events and plugin events, for `/events` and `/plugins`.
//!
//! Both tables are bounded: the oldest rows give way. They explain; nothing is decided from them.

use crate::codec::{run, to_json};
use crate::decisions::{EventRow, PluginEventRow};
use crate::error::LedgerError;
use crate::writer::Desk;
use fillsync_core::id::{AccountName, GroupName};
use rusqlite::params;

/// Writes events.
pub(crate) fn log_events(desk: &Desk, events: &[EventRow]) -> Result<(), LedgerError> {
    for event in events {
        run(
            &desk.connection,
            "INSERT INTO event (at, name, account, group_name, json) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![
                event.at.us(),
                event.name,
                event.account.as_ref().map(AccountName::as_str),
                event.group.as_ref().map(GroupName::as_str),
                event.json
            ],
        )?;
    }
    run(
        &desk.connection,
        "DELETE FROM event WHERE id <= (SELECT max(id) FROM event) - ?1",
        params![crate::EVENTS_MAX],
    )?;
    Ok(())
}

/// Writes what happened to a plugin. What a restart needs to know stays, however much happens to others:
/// what is in use under each name, and what was rolled back last.
pub(crate) fn log_plugin_event(desk: &Desk, event: &PluginEventRow) -> Result<(), LedgerError> {
    let stages = (!event.stages.is_empty())
        .then(|| to_json(&event.stages))
        .transpose()?;
    run(
        &desk.connection,
        "INSERT INTO plugin_event (at, plugin, stage, outcome, old_sha256, new_sha256, settings_sha256, cause, hint,
             stages_json, comparison_json)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        params![
            event.at.us(),
            event.plugin,
            event.stage,
            event.outcome,
            event.old_sha256,
            event.new_sha256,
            event.settings_sha256,
            event.cause,
            event.hint,
            stages,
            event.comparison_json
        ],
    )?;
    run(
        &desk.connection,
        "DELETE FROM plugin_event WHERE id <= (SELECT max(id) FROM plugin_event) - ?1
             AND id NOT IN (SELECT max(id) FROM plugin_event
                 WHERE outcome IN ('loaded', 'swapped', 'promoted', 'rolled-back') GROUP BY plugin)
             AND id NOT IN (SELECT max(id) FROM plugin_event WHERE outcome = 'rolled-back' GROUP BY plugin)",
        params![crate::PLUGIN_EVENTS_MAX],
    )?;
    Ok(())
}
