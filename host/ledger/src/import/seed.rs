//! The database of the second seed's bot: its table `fills`.
//!
//! Three things of it must be known. `ts` is the moment at which the bot *inserted* the row, in UTC
//! without a zone, not the moment of the fill; nothing in it is nearer to that. `exec_id` is the order's
//! id, so that a row is the sum of an order. And `qty` and `price` are binary floating point (REAL):
//! they are read as the shortest decimal that is that same number, which is what the bot was given
//! wherever that had no more than 15 digits; digits that the float lost are not invented.

use super::row::{self, Draft};
use super::{ImportError, ImportSettings, Staged};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags, Row};
use std::path::Path;

/// The columns that are needed.
const COLUMNS: [&str; 7] = [
    "ts", "symbol", "side", "qty", "price", "order_id", "exec_id",
];

/// Reads the whole table.
pub(super) fn read(
    path: &Path,
    settings: &ImportSettings,
    staged: &mut Staged,
) -> Result<(), ImportError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let unreadable = |error: rusqlite::Error| ImportError::unreadable(path, &error);
    if !path.is_file() {
        return Err(ImportError::unreadable(path, &"there is no such file"));
    }
    let connection = Connection::open_with_flags(path, flags).map_err(unreadable)?;
    connection
        .execute_batch(
            "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0;",
        )
        .map_err(unreadable)?;
    check_columns(path, &connection)?;
    let mut statement = connection
        .prepare("SELECT rowid AS line, ts, symbol, side, qty, price, order_id, exec_id FROM fills ORDER BY rowid")
        .map_err(unreadable)?;
    let mut rows = statement.query([]).map_err(unreadable)?;
    while let Some(found) = rows.next().map_err(unreadable)? {
        let line: i64 = found.get("line").map_err(unreadable)?;
        let line = u64::try_from(line).unwrap_or(0);
        match draft_of(found) {
            Ok(draft) => staged.take(path, line, row::execution(&draft, settings))?,
            Err(what) => staged.complain(line, what),
        }
    }
    Ok(())
}

fn check_columns(path: &Path, connection: &Connection) -> Result<(), ImportError> {
    let mut statement = connection
        .prepare("SELECT name FROM pragma_table_info('fills')")
        .map_err(|error| ImportError::unreadable(path, &error))?;
    let names: Vec<String> = statement
        .query_map([], |row| row.get(0))
        .and_then(Iterator::collect)
        .map_err(|error| ImportError::unreadable(path, &error))?;
    let missing: Vec<&str> = COLUMNS
        .into_iter()
        .filter(|column| !names.iter().any(|name| name == column))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let what = if names.is_empty() {
        "it has no table `fills`; name the bot's own database".to_owned()
    } else {
        format!(
            "its table `fills` has no column {}; wanted are {}",
            missing.join(", "),
            COLUMNS.join(", ")
        )
    };
    Err(ImportError::shape(path, what))
}

fn draft_of(row: &Row<'_>) -> Result<Draft, String> {
    let mut raw = serde_json::Map::new();
    let mut text = |column: &str| -> Result<Option<String>, String> {
        let value = row
            .get_ref(column)
            .map_err(|error| format!("{column}: {error}"))?;
        let text = plain(value).map_err(|what| format!("{column} is {what}"))?;
        if let Some(text) = &text {
            raw.insert(column.to_owned(), text.as_str().into());
        }
        Ok(text)
    };
    let mut draft = Draft {
        timestamp: text("ts")?.map(|ts| utc(&ts)),
        symbol: text("symbol")?,
        side: text("side")?,
        quantity: text("qty")?,
        price: text("price")?,
        order_id: text("order_id")?,
        execution_id: text("exec_id")?,
        ..Draft::default()
    };
    draft.raw = serde_json::Value::Object(raw).to_string();
    Ok(draft)
}

/// A value as text. Rust writes a float as the shortest decimal that reads back as the same float.
fn plain(value: ValueRef<'_>) -> Result<Option<String>, &'static str> {
    match value {
        ValueRef::Null => Ok(None),
        ValueRef::Integer(number) => Ok(Some(number.to_string())),
        ValueRef::Real(number) if number.is_finite() => Ok(Some(number.to_string())),
        ValueRef::Real(_) => Err("no finite number"),
        ValueRef::Text(bytes) => match std::str::from_utf8(bytes) {
            Ok("") => Ok(None),
            Ok(text) => Ok(Some(text.to_owned())),
            Err(_) => Err("not UTF-8"),
        },
        ValueRef::Blob(_) => Err("a blob"),
    }
}

/// What SQLAlchemy writes for a time ("2025-11-02 14:30:05.123456") as RFC 3339: in UTC, because the bot
/// takes `utcnow()`. A text with a zone of its own keeps it.
fn utc(text: &str) -> String {
    let text = text.replacen(' ', "T", 1);
    let has_zone = text
        .get(10..)
        .is_some_and(|clock| clock.ends_with(['Z', 'z']) || clock.contains(['+', '-']));
    if has_zone { text } else { format!("{text}Z") }
}
