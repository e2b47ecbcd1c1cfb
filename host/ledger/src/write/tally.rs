//! Counts that are kept up with every write.

use crate::codec::run;
use crate::error::LedgerError;
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
