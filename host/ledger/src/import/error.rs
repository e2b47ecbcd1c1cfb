//! Why a file cannot be imported, named by what the operator must do.
//!
//! A line that is wrong is named by its number, its field and what stands there. Nothing of a file that
//! is wrong anywhere is imported.

use crate::error::LedgerError;
use std::fmt::Write as _;
use std::path::Path;

/// One line that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrongLine {
    /// Its number in the file, from 1; for a database the row's own number (`rowid`).
    pub line: u64,
    /// Which field, what stands there, and what belongs there.
    pub what: String,
}

/// Why a file was not imported.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// The file cannot be opened or read: name another.
    #[error("{path} cannot be read ({what}); name a file that this user may read")]
    Unreadable {
        /// The file.
        path: String,
        /// What happened.
        what: String,
    },
    /// The file is not what it is said to be: name another, or another format.
    #[error("{path} cannot be imported as it is: {what}")]
    Shape {
        /// The file.
        path: String,
        /// What is missing, and what to do.
        what: String,
    },
    /// Some lines are wrong: mend them all; nothing was imported.
    #[error("{}", wrong_lines(path, lines, *more))]
    Wrong {
        /// The file.
        path: String,
        /// The first of them.
        lines: Vec<WrongLine>,
        /// How many there are besides.
        more: u64,
    },
    /// The set in between could not be kept.
    #[error("the rows cannot be sorted ({0}); see that the temporary folder has room")]
    Staging(#[from] LedgerError),
}

impl ImportError {
    pub(super) fn unreadable(path: &Path, what: &impl ToString) -> Self {
        Self::Unreadable {
            path: path.display().to_string(),
            what: what.to_string(),
        }
    }

    pub(super) fn shape(path: &Path, what: impl Into<String>) -> Self {
        Self::Shape {
            path: path.display().to_string(),
            what: what.into(),
        }
    }
}

impl From<rusqlite::Error> for ImportError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Staging(error.into())
    }
}

fn wrong_lines(path: &str, lines: &[WrongLine], more: u64) -> String {
    let count = u64::try_from(lines.len())
        .unwrap_or(u64::MAX)
        .saturating_add(more);
    let noun = if count == 1 { "line" } else { "lines" };
    let mut text = format!("{path}: {count} {noun} cannot be read, so nothing was imported");
    for wrong in lines {
        // Writing to a text cannot fail.
        let _ = write!(text, "\n  line {}: {}", wrong.line, wrong.what);
    }
    if more > 0 {
        let _ = write!(text, "\n  … and {more} more");
    }
    text
}
