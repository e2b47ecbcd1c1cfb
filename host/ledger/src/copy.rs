//! Copies of the ledger: made while the daemon writes, proven whole, and put back in its place.
//!
//! Promises: a copy has its name only when every page of it was checked and is on the disk; nothing that
//! has a name is ever written over, and what a restore replaces is kept beside it; a kill at any point
//! leaves the old ledger or the new one, never half of either. Deliberately absent: when copies are made
//! and how many are kept, which is for whoever runs the machine.

use crate::error::LedgerError;
use crate::lock::{LedgerLock, beside};
use crate::open;
use rusqlite::{Connection, OpenFlags};
use std::fs::{File, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// What a copy is called until it is whole.
const UNFINISHED: &str = ".unfinished";
/// What SQLite keeps beside a database while it is open.
const COMPANIONS: [&str; 2] = ["-wal", "-shm"];

/// What a copy holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyFacts {
    /// The file.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// Its schema; an older one is brought up at the next start of the daemon.
    pub schema: i64,
    /// The executions in it.
    pub executions: u64,
    /// The fills in it.
    pub fills: u64,
}

/// What a restore did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// What is in place now.
    pub now: CopyFacts,
    /// Where the ledger is that was there before.
    pub kept: Option<PathBuf>,
}

/// Writes a whole copy to a new file while a daemon may be writing, and checks it.
///
/// # Errors
/// When the ledger cannot be read, the file exists, cannot be written, or is not whole.
pub fn back_up(ledger: &Path, to: &Path) -> Result<CopyFacts, LedgerError> {
    let name = to.display().to_string();
    let exists = || LedgerError::Rejected {
        what: format!("{name} exists; name a file that does not"),
    };
    if to.exists() {
        return Err(exists());
    }
    let connection = open::reader(ledger)?;
    let unfinished = beside(to, UNFINISHED);
    // A copy that was broken off has no name yet.
    remove(&unfinished)?;
    // Made before SQLite writes to it, so that nobody else can read it at any time.
    private(&unfinished)?;
    open::copy_into(&connection, &unfinished)?;
    let facts = prove(&unfinished)?;
    synced(&unfinished)?;
    if to.exists() {
        return Err(exists());
    }
    named(&unfinished, to)?;
    Ok(CopyFacts {
        path: to.to_owned(),
        ..facts
    })
}

/// Checks every page of a ledger's copy, and says what it holds.
///
/// # Errors
/// When it is no ledger, one of a newer fillsync, or damaged.
pub fn prove(path: &Path) -> Result<CopyFacts, LedgerError> {
    if !path.is_file() {
        return Err(LedgerError::Missing {
            path: path.display().to_string(),
        });
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let damaged = |what: String| LedgerError::Damaged {
        path: path.display().to_string(),
        what,
    };
    let connection =
        Connection::open_with_flags(path, flags).map_err(|error| damaged(error.to_string()))?;
    let schema = open::recognise(path, &connection)?;
    if schema == 0 {
        return Err(LedgerError::Missing {
            path: path.display().to_string(),
        });
    }
    let said: String = connection
        .query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))
        .map_err(|error| damaged(error.to_string()))?;
    if said != "ok" {
        return Err(damaged(said));
    }
    let count = |table: &str| -> Result<u64, LedgerError> {
        let sql = format!("SELECT count(*) FROM {table}");
        let rows: i64 = connection
            .query_row(&sql, [], |row| row.get(0))
            .map_err(|error| damaged(error.to_string()))?;
        Ok(rows.unsigned_abs())
    };
    let bytes = std::fs::metadata(path).map_err(|error| unusable(path, &error))?;
    Ok(CopyFacts {
        path: path.to_owned(),
        bytes: bytes.len(),
        schema,
        executions: count("execution")?,
        fills: count("fills")?,
    })
}

/// Puts a copy in the ledger's place. The ledger that is there is refused, or with `keep_as` kept under
/// that ending (`fillsync.db.before-…`).
///
/// # Errors
/// When the copy is not whole, a daemon has the ledger, or it is there and nobody said to replace it;
/// everything is as it was then.
pub fn restore(from: &Path, ledger: &Path, keep_as: Option<&str>) -> Result<Restored, LedgerError> {
    prove(from)?;
    let _lock = LedgerLock::take(ledger)?;
    let is_there = ledger.exists() || COMPANIONS.iter().any(|end| beside(ledger, end).exists());
    let kept = match keep_as {
        None if is_there => {
            return Err(LedgerError::Rejected {
                what: format!(
                    "there is a ledger at {}; --force puts the copy in its place and keeps it beside",
                    ledger.display()
                ),
            });
        }
        Some(end) if is_there => Some(beside(ledger, &format!(".{end}"))),
        _ => None,
    };
    if let Some(kept) = kept.as_ref().filter(|kept| kept.exists()) {
        return Err(LedgerError::Rejected {
            what: format!("{} exists; move it away", kept.display()),
        });
    }
    let unfinished = beside(ledger, UNFINISHED);
    remove(&unfinished)?;
    private(&unfinished)?;
    std::fs::copy(from, &unfinished).map_err(|error| unusable(&unfinished, &error))?;
    // std::fs::copy takes the rights of the source along.
    std::fs::set_permissions(&unfinished, Permissions::from_mode(0o600))
        .map_err(|error| unusable(&unfinished, &error))?;
    let now = prove(&unfinished)?;
    synced(&unfinished)?;
    if let Some(kept) = &kept {
        set_aside(ledger, kept)?;
    }
    named(&unfinished, ledger)?;
    Ok(Restored {
        now: CopyFacts {
            path: ledger.to_owned(),
            ..now
        },
        kept,
    })
}

/// Gives the present ledger a second name, so that there is a ledger at every moment. What is still in
/// its write-ahead log is brought into it first; where that cannot be done, the log goes with it: left
/// behind it would be applied to the copy.
fn set_aside(ledger: &Path, kept: &Path) -> Result<(), LedgerError> {
    if ledger.exists() {
        let _ = Connection::open(ledger).and_then(|connection| {
            connection.query_row("PRAGMA journal_mode = DELETE", [], |_| Ok(()))
        });
    }
    for end in COMPANIONS {
        let companion = beside(ledger, end);
        if companion.exists() {
            std::fs::rename(&companion, beside(kept, end))
                .map_err(|error| unusable(&companion, &error))?;
        }
    }
    if ledger.exists() && std::fs::hard_link(ledger, kept).is_err() {
        // A file system without links: for a moment there is no ledger.
        std::fs::rename(ledger, kept).map_err(|error| unusable(ledger, &error))?;
    }
    Ok(())
}

fn unusable(path: &Path, error: &std::io::Error) -> LedgerError {
    LedgerError::Unusable {
        path: path.display().to_string(),
        what: error.to_string(),
    }
}

fn remove(path: &Path) -> Result<(), LedgerError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(unusable(path, &error)),
        _ => Ok(()),
    }
}

/// Makes an empty file that only its owner can read.
fn private(path: &Path) -> Result<(), LedgerError> {
    use std::os::unix::fs::OpenOptionsExt as _;
    std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map(drop)
        .map_err(|error| unusable(path, &error))
}

fn synced(path: &Path) -> Result<(), LedgerError> {
    File::open(path)
        .and_then(|file| file.sync_all())
        .map_err(|error| unusable(path, &error))
}

/// Gives a whole file its name, and puts that on the disk as well.
fn named(from: &Path, to: &Path) -> Result<(), LedgerError> {
    std::fs::rename(from, to).map_err(|error| unusable(to, &error))?;
    let folder = match to.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    synced(folder)
}
