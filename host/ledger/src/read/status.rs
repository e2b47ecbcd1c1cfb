//! Reads the ledger at a glance, and what happened to it, without scanning.

use super::outbox;
use crate::codec::{all, count, get, host_time, id, id_or_none, one};
use crate::decisions::EventRow;
use crate::error::LedgerError;
use crate::rows::{AccountTally, LedgerStatus, StoredEvent};
use fillsync_core::id::AccountName;
use fillsync_core::time::VenueTime;
use rusqlite::{Connection, params};

type Read<T> = Result<T, LedgerError>;

pub(crate) fn status(connection: &Connection) -> Read<LedgerStatus> {
    let number = |sql: &str| -> Read<u64> {
        Ok(one(connection, sql, [], |row| count(row, "value"))?.unwrap_or(0))
    };
    let schema = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    Ok(LedgerStatus {
        schema,
        bytes: number(
            "SELECT page_count * page_size AS value FROM pragma_page_count, pragma_page_size",
        )?,
        accounts: accounts(connection)?,
        alerts: tally(connection, "alerts", "")?,
        alerts_suppressed: tally(connection, "alerts_suppressed", "")?,
        messages_sent: tally(connection, "messages_sent", "")?,
        messages_dead: tally(connection, "messages_dead", "")?,
        pending: outbox::channels_pending(connection)?,
        decisions: tally(connection, "decisions", "")?,
        divergences_open: number(
            "SELECT count(*) AS value FROM divergence WHERE resolved_at IS NULL",
        )?,
        marks: number("SELECT count(*) AS value FROM mark")?,
    })
}

fn tally(connection: &Connection, name: &str, scope: &str) -> Read<u64> {
    Ok(one(
        connection,
        "SELECT value FROM tally WHERE name = ?1 AND scope = ?2",
        params![name, scope],
        |row| count(row, "value"),
    )?
    .unwrap_or(0))
}

fn accounts(connection: &Connection) -> Read<Vec<AccountTally>> {
    let names = all(
        connection,
        "SELECT name, venue FROM account ORDER BY name",
        [],
        |row| {
            Ok((
                id::<AccountName>(row, "name")?,
                get::<String>(row, "venue")?,
            ))
        },
    )?;
    let mut found = Vec::with_capacity(names.len());
    for (account, venue) in names {
        let scope = account.as_str();
        let gaps = one(
            connection,
            "SELECT count(*) AS value FROM gap WHERE account = ?1 AND resolved IS NULL",
            params![scope],
            |row| count(row, "value"),
        )?;
        let last_fill_at = one(
            connection,
            "SELECT value FROM tally WHERE name = 'last_fill_at' AND scope = ?1",
            params![scope],
            |row| Ok(VenueTime::from_us(get(row, "value")?)),
        )?;
        found.push(AccountTally {
            venue,
            executions: tally(connection, "executions", scope)?,
            fills: tally(connection, "fills", scope)?,
            last_fill_at,
            quarantined: tally(connection, "quarantined", scope)?,
            conflicts: tally(connection, "conflicts", scope)?,
            gaps: gaps.unwrap_or(0),
            account,
        });
    }
    Ok(found)
}

pub(crate) fn events(
    connection: &Connection,
    limit: u32,
    after: Option<i64>,
) -> Read<Vec<StoredEvent>> {
    let sql = match after {
        Some(_) => "SELECT * FROM event WHERE id > ?1 ORDER BY id LIMIT ?2",
        None => {
            "SELECT * FROM (SELECT * FROM event WHERE ?1 IS NULL ORDER BY id DESC LIMIT ?2) ORDER BY id"
        }
    };
    all(connection, sql, params![after, limit], |row| {
        let event = EventRow {
            at: host_time(row, "at")?,
            name: get(row, "name")?,
            account: id_or_none(row, "account")?,
            group: id_or_none(row, "group_name")?,
            json: get(row, "json")?,
        };
        Ok(StoredEvent {
            id: get(row, "id")?,
            event,
        })
    })
}
