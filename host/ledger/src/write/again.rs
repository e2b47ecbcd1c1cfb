//! Dead letters, sent again because somebody asked for it.
//!
//! Nothing that was sent is sent again, and no older revision after a newer one.

use super::tally;
use crate::codec::{all, get, id, one, run};
use crate::error::LedgerError;
use crate::rows::{Again, AgainOutcome};
use fillsync_core::id::ChannelName;
use fillsync_core::time::HostTime;
use rusqlite::{Connection, params};

/// Puts an alert's dead letters back in line, those of one channel or of all.
///
/// # Errors
/// When there is no such alert, or none of its messages is for that channel.
pub(crate) fn outbox_again(
    connection: &Connection,
    alert: i64,
    channel: Option<&ChannelName>,
    at: HostTime,
) -> Result<Vec<Again>, LedgerError> {
    let messages = all(
        connection,
        "SELECT id, channel, identity, revision, state FROM outbox
         WHERE alert = ?1 AND (?2 IS NULL OR channel = ?2) ORDER BY channel",
        params![alert, channel.map(ChannelName::as_str)],
        |row| {
            Ok((
                get::<i64>(row, "id")?,
                id::<ChannelName>(row, "channel")?,
                get::<String>(row, "identity")?,
                get::<i64>(row, "revision")?,
                get::<String>(row, "state")?,
            ))
        },
    )?;
    if messages.is_empty() {
        let to = channel.map_or_else(String::new, |channel| format!(" to channel {channel}"));
        return Err(LedgerError::Rejected {
            what: format!(
                "no message{to} is known of an alert {alert}; `fillsync alerts` lists them"
            ),
        });
    }
    let mut done = Vec::with_capacity(messages.len());
    for (message, channel, identity, revision, state) in messages {
        let outcome = if state == "dead" {
            if is_overtaken(connection, &identity, &channel, revision)? {
                AgainOutcome::Overtaken
            } else {
                queue_again(connection, message, at)?;
                AgainOutcome::Queued
            }
        } else {
            AgainOutcome::NotDead(state)
        };
        done.push(Again { channel, outcome });
    }
    Ok(done)
}

fn is_overtaken(
    connection: &Connection,
    identity: &str,
    channel: &ChannelName,
    revision: i64,
) -> Result<bool, LedgerError> {
    let newer = one(
        connection,
        "SELECT 1 FROM outbox WHERE identity = ?1 AND channel = ?2 AND revision > ?3 LIMIT 1",
        params![identity, channel.as_str(), revision],
        |_| Ok(()),
    )?;
    Ok(newer.is_some())
}

fn queue_again(connection: &Connection, message: i64, at: HostTime) -> Result<(), LedgerError> {
    run(
        connection,
        "UPDATE outbox SET state = 'pending', attempts = 0, next_at = ?2, queued_at = ?2, finished_at = NULL
         WHERE id = ?1",
        params![message, at.us()],
    )?;
    tally::add(connection, "messages_dead", tally::WHOLE, -1)
}
