//! Alerts and the messages that wait to be sent.
//!
//! An alert is recorded once for each identity and revision, together with one message for each
//! channel. A message is pending until it is sent, given up, or overtaken by a higher revision; what
//! was sent stays sent, which the schema itself enforces.

use super::tally;
use crate::codec::{self, one, run, to_json};
use crate::decisions::AlertRow;
use crate::error::LedgerError;
use crate::writer::Desk;
use fillsync_core::alert::Alert;
use fillsync_core::id::{ChannelName, GroupName, Symbol};
use fillsync_core::time::HostTime;
use rusqlite::{Connection, params};

/// The longest error text that is kept, in characters.
const ERROR_CHARACTERS_MAX: usize = 500;

/// Records an alert with its messages. False when it was recorded before.
pub(crate) fn insert_alert(
    connection: &Connection,
    row: &AlertRow,
    at: HostTime,
) -> Result<bool, LedgerError> {
    let alert = &row.alert;
    let silent = row.suppressed || row.channels.is_empty();
    let Some(id) = insert_alert_row(connection, alert, silent, at)? else {
        return Ok(false);
    };
    if !silent {
        for channel in &row.channels {
            queue(connection, id, alert, channel, at)?;
        }
    }
    Ok(true)
}

/// The alert without its messages; none where it was recorded before.
pub(super) fn insert_alert_row(
    connection: &Connection,
    alert: &Alert,
    silent: bool,
    at: HostTime,
) -> Result<Option<i64>, LedgerError> {
    let inserted = run(
        connection,
        "INSERT INTO alert (identity, revision, kind, severity, group_name, symbol, account, at, json, state, created_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
         ON CONFLICT (identity, revision) DO NOTHING",
        params![
            alert.identity,
            alert.revision,
            alert.kind().as_str(),
            alert.severity.as_str(),
            alert.group.as_ref().map(GroupName::as_str),
            alert.symbol.as_ref().map(Symbol::as_str),
            alert.account.as_ref().map(|account| account.name.as_str()),
            alert.at.us(),
            to_json(alert)?,
            if silent { "suppressed" } else { "queued" },
            at.us(),
        ],
    )?;
    if inserted == 0 {
        return Ok(None);
    }
    let id = connection.last_insert_rowid();
    tally::add(
        connection,
        if silent {
            "alerts_suppressed"
        } else {
            "alerts"
        },
        tally::WHOLE,
        1,
    )?;
    Ok(Some(id))
}

fn queue(
    connection: &Connection,
    id: i64,
    alert: &Alert,
    channel: &ChannelName,
    at: HostTime,
) -> Result<(), LedgerError> {
    run(
        connection,
        "UPDATE outbox SET state = 'superseded', finished_at = ?4
         WHERE identity = ?1 AND channel = ?2 AND revision < ?3 AND state = 'pending'",
        params![alert.identity, channel.as_str(), alert.revision, at.us()],
    )?;
    let newer = one(
        connection,
        "SELECT 1 FROM outbox WHERE identity = ?1 AND channel = ?2 AND revision > ?3 LIMIT 1",
        params![alert.identity, channel.as_str(), alert.revision],
        |_| Ok(()),
    )?
    .is_some();
    run(
        connection,
        "INSERT INTO outbox (alert, identity, revision, channel, state, next_at, created_at, queued_at, finished_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6, ?6, ?7) ON CONFLICT DO NOTHING",
        params![
            id,
            alert.identity,
            alert.revision,
            channel.as_str(),
            if newer { "superseded" } else { "pending" },
            at.us(),
            newer.then(|| at.us()),
        ],
    )?;
    Ok(())
}

/// A message was taken. One that was overtaken while it was on its way was sent all the same: the
/// newer revision then edits it.
pub(crate) fn outbox_sent(
    desk: &Desk,
    id: i64,
    message_id: Option<&str>,
    text: &str,
    at: HostTime,
) -> Result<bool, LedgerError> {
    let changed = run(
        &desk.connection,
        "UPDATE outbox SET state = 'sent', attempts = attempts + 1, message_id = ?2, sent_text = ?3, finished_at = ?4,
             last_error = NULL
         WHERE id = ?1 AND state IN ('pending', 'superseded')",
        params![id, message_id, text, at.us()],
    )?;
    if changed == 1 {
        tally::add(&desk.connection, "messages_sent", tally::WHOLE, 1)?;
        return Ok(true);
    }
    known(&desk.connection, id).map(|()| false)
}

/// A message must wait.
pub(crate) fn outbox_retry(
    desk: &Desk,
    id: i64,
    next_at: HostTime,
    error: &str,
) -> Result<bool, LedgerError> {
    let changed = run(
        &desk.connection,
        "UPDATE outbox SET attempts = attempts + 1, next_at = ?2, last_error = ?3 WHERE id = ?1 AND state = 'pending'",
        params![id, next_at.us(), short(error)],
    )?;
    if changed == 1 {
        return Ok(true);
    }
    known(&desk.connection, id).map(|()| false)
}

/// A message will never be taken.
pub(crate) fn outbox_dead(
    desk: &Desk,
    id: i64,
    error: &str,
    at: HostTime,
) -> Result<bool, LedgerError> {
    let changed = run(
        &desk.connection,
        "UPDATE outbox SET state = 'dead', attempts = attempts + 1, last_error = ?2, finished_at = ?3
         WHERE id = ?1 AND state = 'pending'",
        params![id, short(error), at.us()],
    )?;
    if changed == 1 {
        tally::add(&desk.connection, "messages_dead", tally::WHOLE, 1)?;
        return Ok(true);
    }
    known(&desk.connection, id).map(|()| false)
}

fn short(error: &str) -> String {
    error.chars().take(ERROR_CHARACTERS_MAX).collect()
}

/// A message that does not wait any more is no news; one that never was is a mistake.
fn known(connection: &Connection, id: i64) -> Result<(), LedgerError> {
    one(
        connection,
        "SELECT id FROM outbox WHERE id = ?1",
        params![id],
        |row| codec::get::<i64>(row, "id"),
    )?
    .map(|_| ())
    .ok_or_else(|| LedgerError::Rejected {
        what: format!("the outbox has no message {id}"),
    })
}
