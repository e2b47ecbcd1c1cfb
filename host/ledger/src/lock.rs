//! One daemon per ledger.
//!
//! The lock is a file of its own beside the database, so that it says nothing about readers: the
//! command line reads while the daemon writes. The kernel lets go of it when the process ends,
//! however it ends, so there is no stale lock to remove.

use crate::error::LedgerError;
use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

/// Held as long as the ledger is open for writing.
#[derive(Debug)]
pub(crate) struct LedgerLock {
    _file: File,
}

impl LedgerLock {
    pub(crate) fn take(database: &Path) -> Result<Self, LedgerError> {
        let unusable = |error: std::io::Error| LedgerError::Unusable {
            path: database.display().to_string(),
            what: error.to_string(),
        };
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(beside(database, ".lock"))
            .map_err(unusable)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(LedgerError::Locked {
                path: database.display().to_string(),
            }),
            Err(TryLockError::Error(error)) => Err(unusable(error)),
        }
    }
}

/// The name of a file that belongs to the database.
pub(crate) fn beside(database: &Path, suffix: &str) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}
