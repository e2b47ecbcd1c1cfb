//! What can go wrong with the ledger, named by what the caller must do.
//!
//! A message names the file, the value and the remedy in one sentence, because it is what an operator
//! reads when the daemon refuses to start. SQLite's own words stand at the end of it. Nothing here
//! carries a row's content.

use rusqlite::ErrorCode;

/// Why the ledger did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// Another daemon owns the file: stop.
    #[error(
        "the ledger {path} is in use by another fillsync; stop that one, or set another `database`"
    )]
    Locked {
        /// The database file.
        path: String,
    },
    /// There is no such file: stop.
    #[error("there is no ledger at {path}; start `fillsync run` once, or set the right `database`")]
    Missing {
        /// The database file.
        path: String,
    },
    /// The file was written by a newer fillsync: stop, it is left as it is.
    #[error(
        "the ledger {path} has schema {found}, but this fillsync knows only {known}; install the newer fillsync that wrote it"
    )]
    Newer {
        /// The database file.
        path: String,
        /// Its schema.
        found: i64,
        /// The newest schema that this program knows.
        known: i64,
    },
    /// The file was written by an older fillsync, and this handle only reads: start the daemon once, which
    /// brings it up.
    #[error(
        "the ledger {path} has schema {found}, and this fillsync reads {known}; start `fillsync run` once, which brings it up and keeps its data"
    )]
    Older {
        /// The database file.
        path: String,
        /// Its schema.
        found: i64,
        /// The schema that this program reads.
        known: i64,
    },
    /// The file belongs to somebody else: stop, it is left as it is.
    #[error("{path} is a database of another program; set another `database`")]
    Foreign {
        /// The database file.
        path: String,
    },
    /// The file cannot be read as a database: stop, it is left as it is.
    #[error(
        "the ledger {path} is damaged ({what}); restore a backup, or move it away and let the lookback fetch again"
    )]
    Damaged {
        /// The database file.
        path: String,
        /// What was found.
        what: String,
    },
    /// The file or its folder cannot be used: stop.
    #[error(
        "the ledger {path} cannot be opened ({what}); check that the folder exists and that this user may write there"
    )]
    Unusable {
        /// The database file.
        path: String,
        /// What happened.
        what: String,
    },
    /// An I/O error left it uncertain what is on the disk: nothing more is written until the ledger is opened anew.
    #[error(
        "the ledger takes no more writes after an I/O error ({cause}); check the disk and restart fillsync"
    )]
    Poisoned {
        /// The error that latched it.
        cause: String,
    },
    /// The disk is full: nothing was written; the same request again when there is room.
    #[error("the disk of the ledger is full; make room, the request will be tried again")]
    Full,
    /// Somebody else holds the file's lock for too long: the same request again.
    #[error("the ledger is busy ({what}); the request will be tried again")]
    Busy {
        /// What happened.
        what: String,
    },
    /// This request can never be written as it is; nothing of it was written, the others were.
    #[error("the ledger refused the request: {what}")]
    Rejected {
        /// Why.
        what: String,
    },
    /// The ledger is being closed: nothing more can be asked of it.
    #[error("the ledger is closed")]
    Closed,
}

impl LedgerError {
    /// Whether the same request can succeed later without anybody doing anything to this process.
    #[must_use]
    pub const fn is_passing(&self) -> bool {
        matches!(self, Self::Full | Self::Busy { .. })
    }

    /// A stored value that this program cannot have written.
    pub(crate) fn unreadable(column: &str, text: &str) -> Self {
        Self::Rejected {
            what: format!(
                "column {column} holds {text:?}, which this fillsync cannot read; run `fillsync verify`"
            ),
        }
    }
}

impl From<rusqlite::Error> for LedgerError {
    fn from(error: rusqlite::Error) -> Self {
        let what = error.to_string();
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full,
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy { what },
            Some(
                ErrorCode::SystemIoFailure
                | ErrorCode::DatabaseCorrupt
                | ErrorCode::NotADatabase
                | ErrorCode::CannotOpen
                | ErrorCode::ReadOnly,
            ) => Self::Poisoned { cause: what },
            _ => Self::Rejected { what },
        }
    }
}
