//! Opening the file: settings, recognition, migration.
//!
//! A file is recognised before anything is written to it: one of another program, of a newer
//! schema, or one that is no database stays exactly as it is. Migrations are only ever added; each
//! commits together with its number. After an I/O error a marker beside the file asks the next
//! start to check the whole database first.

use crate::error::LedgerError;
use crate::lock::beside;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::path::Path;
use std::time::Duration;

/// "fils": marks the file as ours.
const APPLICATION_ID: i64 = 0x6669_6c73;

/// How long to wait for somebody who holds the file, such as an online backup.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Prepared statements that are kept.
const STATEMENTS_MAX: usize = 128;

/// Every schema there was, the oldest first; its place is its number.
const MIGRATIONS: [Migration; 7] = [
    Migration {
        schema: include_str!("../schema/0001_ledger.sql"),
        then: |_| Ok(()),
    },
    Migration {
        schema: include_str!("../schema/0002_relations.sql"),
        then: crate::write::weigh_all,
    },
    Migration {
        schema: include_str!("../schema/0003_cycle_changes.sql"),
        then: |_| Ok(()),
    },
    Migration {
        schema: include_str!("../schema/0004_plugin_used.sql"),
        then: |_| Ok(()),
    },
    Migration {
        schema: include_str!("../schema/0005_outbox_digests.sql"),
        then: |_| Ok(()),
    },
    Migration {
        schema: include_str!("../schema/0006_pages.sql"),
        then: |_| Ok(()),
    },
    Migration {
        schema: include_str!("../schema/0007_plugin_outcomes.sql"),
        then: |_| Ok(()),
    },
];

/// One step from a schema to the next.
struct Migration {
    schema: &'static str,
    /// What cannot be said in SQL, such as exact sums of amounts.
    then: fn(&Connection) -> Result<(), LedgerError>,
}

/// The schema that this program writes.
pub(crate) const SCHEMA: i64 = MIGRATIONS.len() as i64;

/// Opens for writing; the caller holds the lock.
pub(crate) fn writer(path: &Path) -> Result<Connection, LedgerError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection =
        Connection::open_with_flags(path, flags).map_err(|error| named(path, error))?;
    let found = recognise(path, &connection)?;
    settle(&connection).map_err(|error| named(path, error))?;
    check_after_poison(path, &connection)?;
    migrate(path, &connection, found)?;
    Ok(connection)
}

/// Opens for a single small write beside a daemon that may run: SQLite's own locks keep the two apart.
/// It makes no file and brings no schema up.
pub(crate) fn beside_writer(path: &Path) -> Result<Connection, LedgerError> {
    reader(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection =
        Connection::open_with_flags(path, flags).map_err(|error| named(path, error))?;
    settle(&connection).map_err(|error| named(path, error))?;
    Ok(connection)
}

/// Opens for reading.
pub(crate) fn reader(path: &Path) -> Result<Connection, LedgerError> {
    if !path.exists() {
        return Err(LedgerError::Missing {
            path: path.display().to_string(),
        });
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection =
        Connection::open_with_flags(path, flags).map_err(|error| named(path, error))?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    let found = recognise(path, &connection)?;
    if found == 0 {
        return Err(LedgerError::Missing {
            path: path.display().to_string(),
        });
    }
    if found < SCHEMA {
        return Err(LedgerError::Older {
            path: path.display().to_string(),
            found,
            known: SCHEMA,
        });
    }
    connection
        .execute_batch(
            "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0;",
        )
        .map_err(|error| named(path, error))?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    Ok(connection)
}

/// Says whose file it is, before anything is written to it. The answer is its schema, 0 for an empty file.
pub(crate) fn recognise(path: &Path, connection: &Connection) -> Result<i64, LedgerError> {
    let number = |name: &str| -> Result<i64, LedgerError> {
        connection
            .query_row(&format!("PRAGMA {name}"), [], |row| row.get(0))
            .map_err(|error| named(path, error))
    };
    let owner = number("application_id")?;
    let found = number("user_version")?;
    let tables: i64 = connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(|error| named(path, error))?;
    if owner != APPLICATION_ID && (owner != 0 || found != 0 || tables != 0) {
        return Err(LedgerError::Foreign {
            path: path.display().to_string(),
        });
    }
    if found > SCHEMA {
        return Err(LedgerError::Newer {
            path: path.display().to_string(),
            found,
            known: SCHEMA,
        });
    }
    Ok(found)
}

/// The writer's settings. What a savepoint may have to take back is kept in memory (`temp_store`): as
/// a file it would cost ten writes for each fill.
fn settle(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    connection.execute_batch(
        "PRAGMA journal_mode = WAL;
         PRAGMA synchronous = FULL;
         PRAGMA foreign_keys = ON;
         PRAGMA trusted_schema = OFF;
         PRAGMA cell_size_check = ON;
         PRAGMA mmap_size = 0;
         PRAGMA temp_store = MEMORY;
         PRAGMA cache_size = -65536;
         PRAGMA journal_size_limit = 67108864;",
    )
}

fn migrate(path: &Path, connection: &Connection, found: i64) -> Result<(), LedgerError> {
    for (number, migration) in (1i64..).zip(MIGRATIONS) {
        if number <= found {
            continue;
        }
        let batch = |sql: &str| {
            connection
                .execute_batch(sql)
                .map_err(|error| named(path, error))
        };
        batch(&format!("BEGIN IMMEDIATE; {}", migration.schema))?;
        (migration.then)(connection)?;
        batch(&format!(
            "PRAGMA application_id = {APPLICATION_ID};
             PRAGMA user_version = {number};
             COMMIT;"
        ))?;
    }
    Ok(())
}

/// Asks the next start to check the whole file. As good as it gets: the disk is failing.
pub(crate) fn leave_poison_marker(path: &Path) {
    let _ = std::fs::write(
        beside(path, ".check"),
        "an I/O error happened; the next start checks the database\n",
    );
}

fn check_after_poison(path: &Path, connection: &Connection) -> Result<(), LedgerError> {
    let marker = beside(path, ".check");
    if !marker.exists() {
        return Ok(());
    }
    let found: String = connection
        .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
        .map_err(|error| named(path, error))?;
    if found != "ok" {
        return Err(LedgerError::Damaged {
            path: path.display().to_string(),
            what: found,
        });
    }
    std::fs::remove_file(&marker).map_err(|error| LedgerError::Unusable {
        path: path.display().to_string(),
        what: error.to_string(),
    })
}

/// A whole copy, defragmented, in a new file.
pub(crate) fn backup_into(connection: &Connection, path: &Path) -> Result<(), LedgerError> {
    let name = path.display().to_string();
    if path.exists() {
        return Err(LedgerError::Rejected {
            what: format!("{name} exists; name a file that does not"),
        });
    }
    copy_into(connection, path)
}

/// A whole copy, defragmented, in a file that is not there or empty.
pub(crate) fn copy_into(connection: &Connection, path: &Path) -> Result<(), LedgerError> {
    let name = path.display().to_string();
    connection
        .execute("VACUUM INTO ?1", [&name])
        .map_err(|error| LedgerError::Unusable {
            path: name,
            what: error.to_string(),
        })?;
    Ok(())
}

/// Gives an error of opening the file's name and the remedy that fits.
fn named(path: &Path, error: rusqlite::Error) -> LedgerError {
    let path = path.display().to_string();
    let what = error.to_string();
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
            LedgerError::Damaged { path, what }
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => LedgerError::Locked { path },
        _ => LedgerError::Unusable { path, what },
    }
}
