//! Counts that are kept up with every write.

use super::changes::Tallied;
use crate::codec::run;
use crate::error::LedgerError;
use fillsync_core::id::AccountName;
use rusqlite::{Connection, params};

/// The scope of counts of the whole ledger.
pub(crate) const WHOLE: &str = "";

/// Adds to a count; adding nothing writes nothing.
pub(crate) fn add(
    connection: &Connection,
    name: &str,
    scope: &str,
    by: i64,
) -> Result<(), LedgerError> {
    if by == 0 {
        return Ok(());
    }
    run(
        connection,
        "INSERT INTO tally (name, scope, value) VALUES (?1, ?2, ?3)
         ON CONFLICT (name, scope) DO UPDATE SET value = value + excluded.value",
        params![name, scope, by],
    )?;
    Ok(())
}

/// Raises a value to at least this.
pub(crate) fn raise_to(
    connection: &Connection,
    name: &str,
    scope: &str,
    value: i64,
) -> Result<(), LedgerError> {
    run(
        connection,
        "INSERT INTO tally (name, scope, value) VALUES (?1, ?2, ?3)
         ON CONFLICT (name, scope) DO UPDATE SET value = max(value, excluded.value)",
        params![name, scope, value],
    )?;
    Ok(())
}

/// Keeps up the counts of rows that stand.
pub(crate) fn keep_up(
    connection: &Connection,
    account: &AccountName,
    tallied: Tallied,
) -> Result<(), LedgerError> {
    let scope = account.as_str();
    add(connection, "executions", scope, tallied.executions)?;
    add(connection, "fills", scope, tallied.fills)?;
    if tallied.fell {
        return newest_fill_again(connection, account);
    }
    match tallied.newest_fill {
        Some(newest) => raise_to(connection, "last_fill_at", scope, newest.us()),
        None => Ok(()),
    }
}

/// Looks for the newest fill that stands, market by market: along an index each.
fn newest_fill_again(connection: &Connection, account: &AccountName) -> Result<(), LedgerError> {
    run(
        connection,
        "DELETE FROM tally WHERE name = 'last_fill_at' AND scope = ?1",
        params![account.as_str()],
    )?;
    run(
        connection,
        "INSERT INTO tally (name, scope, value)
         SELECT 'last_fill_at', ?1, newest FROM (
             SELECT max((SELECT executed_at FROM execution
                 WHERE market_id = market.id AND class = 'order-fill' AND state = 'live'
                 ORDER BY executed_at DESC LIMIT 1)) AS newest
             FROM market WHERE account = ?1)
         WHERE newest IS NOT NULL",
        params![account.as_str()],
    )?;
    Ok(())
}
