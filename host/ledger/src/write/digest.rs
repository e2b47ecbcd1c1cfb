//! Several messages of a channel told as one.
//!
//! The digest is an alert of its own and takes the first message's place in line, so that nothing
//! overtakes. Each message in it keeps a row, with the state `digested` and the digest's message: an
//! alert is never lost from the list because it was not told by itself.

use super::{outbox, tally};
use crate::codec::{get, one, run};
use crate::error::LedgerError;
use crate::writer::Desk;
use fillsync_core::alert::Alert;
use fillsync_core::time::HostTime;
use rusqlite::{Connection, params};

/// A message as it stood in line.
struct Stood {
    alert: i64,
    identity: String,
    revision: i64,
    channel: String,
    state: String,
    attempts: i64,
    next_at: i64,
    last_error: Option<String>,
    created_at: i64,
    queued_at: i64,
}

/// Records that these messages, the first of them first, are told in one. The digest then waits under
/// the first one's number. Recording it once more changes nothing.
pub(crate) fn outbox_digest(
    desk: &Desk,
    ids: &[i64],
    digest: &Alert,
    at: HostTime,
) -> Result<(), LedgerError> {
    let connection = &desk.connection;
    let Some((&first, others)) = ids.split_first() else {
        return Err(LedgerError::Rejected {
            what: "a digest of no messages".to_owned(),
        });
    };
    let stood = stood(connection, first)?;
    if stood.identity == digest.identity {
        return Ok(());
    }
    let was_pending = match stood.state.as_str() {
        "pending" => true,
        // It was overtaken while the digest was on its way.
        "superseded" => false,
        state => {
            return Err(LedgerError::Rejected {
                what: format!("message {first} does not wait, it is {state}"),
            });
        }
    };
    let alert = match outbox::insert_alert_row(connection, digest, false, at)? {
        Some(id) => id,
        None => known_alert(connection, digest)?,
    };
    take_place(connection, first, alert, digest, at)?;
    put_behind(connection, &stood, first, was_pending, at)?;
    let mut told = i64::from(was_pending);
    for id in others {
        let changed = run(
            connection,
            "UPDATE outbox SET state = 'digested', digest = ?2, finished_at = ?3 WHERE id = ?1 AND state = 'pending'",
            params![id, first, at.us()],
        )?;
        told += i64::try_from(changed).unwrap_or_default();
    }
    tally::add(connection, "messages_digested", tally::WHOLE, told)
}

fn stood(connection: &Connection, id: i64) -> Result<Stood, LedgerError> {
    one(
        connection,
        "SELECT * FROM outbox WHERE id = ?1",
        params![id],
        |row| {
            Ok(Stood {
                alert: get(row, "alert")?,
                identity: get(row, "identity")?,
                revision: get(row, "revision")?,
                channel: get(row, "channel")?,
                state: get(row, "state")?,
                attempts: get(row, "attempts")?,
                next_at: get(row, "next_at")?,
                last_error: get(row, "last_error")?,
                created_at: get(row, "created_at")?,
                queued_at: get(row, "queued_at")?,
            })
        },
    )?
    .ok_or_else(|| LedgerError::Rejected {
        what: format!("the outbox has no message {id}"),
    })
}

/// The digest stands where the first message stood.
fn take_place(
    connection: &Connection,
    first: i64,
    alert: i64,
    digest: &Alert,
    at: HostTime,
) -> Result<(), LedgerError> {
    run(
        connection,
        "UPDATE outbox SET alert = ?2, identity = ?3, revision = ?4, state = 'pending', attempts = 0, last_error = NULL,
             created_at = ?5, finished_at = NULL
         WHERE id = ?1",
        params![first, alert, digest.identity, digest.revision, at.us()],
    )
    .map(|_| ())
}

/// The message that gave its place away.
fn put_behind(
    connection: &Connection,
    stood: &Stood,
    digest: i64,
    was_pending: bool,
    at: HostTime,
) -> Result<(), LedgerError> {
    run(
        connection,
        "INSERT INTO outbox (alert, identity, revision, channel, state, attempts, next_at, last_error, created_at,
             queued_at, finished_at, digest)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        params![
            stood.alert,
            stood.identity,
            stood.revision,
            stood.channel,
            if was_pending { "digested" } else { "superseded" },
            stood.attempts,
            stood.next_at,
            stood.last_error,
            stood.created_at,
            stood.queued_at,
            at.us(),
            was_pending.then_some(digest),
        ],
    )
    .map(|_| ())
}

fn known_alert(connection: &Connection, digest: &Alert) -> Result<i64, LedgerError> {
    one(
        connection,
        "SELECT id FROM alert WHERE identity = ?1 AND revision = ?2",
        params![digest.identity, digest.revision],
        |row| get::<i64>(row, "id"),
    )?
    .ok_or_else(|| LedgerError::Rejected {
        what: format!("the alert {} is neither new nor known", digest.identity),
    })
}
