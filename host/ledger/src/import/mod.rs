//! Reading the records of other programs, so that they can be imported.
//!
//! A file is read once, to its end, into a [`Staged`] set: every line that cannot be read is told with
//! its number, all of them at once, and then nothing is imported. What was read comes out market by
//! market in the order of time, in batches, so that a file of any length needs little memory (the set is
//! a temporary SQLite database, which goes to the disk when it grows). Nothing here writes to a ledger:
//! the rows go the way of every page, with [`fillsync_core::execution::Source::Import`].
//!
//! A row with an execution id of its own is a fact of its own, and the venue's own row will be known by
//! the same id. A row whose execution id is its order's id (the second seed's bot wrote one for each
//! order) is the *sum* of that order: it stands in for the rows of the order until they come.

mod csv_file;
mod error;
mod row;
mod seed;
mod stage;

#[cfg(test)]
mod tests;

pub use error::{ImportError, WrongLine};
pub use stage::{Span, Staged};

use fillsync_core::id::{AccountName, Category};
use fillsync_core::time::{HostTime, VenueTime};
use std::path::Path;
use std::time::Duration;

/// Lines that cannot be read and are named; those after them are counted.
pub const WRONG_LINES_MAX: usize = 1_000;

/// The most rows of one import; a longer file is refused, and can be cut in two.
pub const IMPORT_ROWS_MAX: u64 = 20_000_000;

/// The most rows of one batch.
pub const BATCH_ROWS_MAX: usize = 5_000;

/// A row may be so much newer than this machine's clock.
const AHEAD_MAX: Duration = Duration::from_secs(300);

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImportFormat {
    /// The SQLite database of the second seed's bot, with its `fills` table.
    Seed,
    /// A table with a header line, as our own `/fills` names its columns.
    Csv,
}

impl ImportFormat {
    /// What a file is, by its first bytes: every SQLite database begins with the same sixteen.
    ///
    /// # Errors
    /// [`ImportError::Unreadable`].
    pub fn of(path: &Path) -> Result<Self, ImportError> {
        use std::io::Read as _;
        let unreadable = |error: std::io::Error| ImportError::unreadable(path, &error);
        let mut first = Vec::with_capacity(16);
        std::fs::File::open(path)
            .map_err(unreadable)?
            .take(16)
            .read_to_end(&mut first)
            .map_err(unreadable)?;
        Ok(if first == b"SQLite format 3\0" {
            Self::Seed
        } else {
            Self::Csv
        })
    }
}

/// Whose rows they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportSettings {
    /// The account that they become part of.
    pub account: AccountName,
    /// Its categories; a row that does not say its own is of the only one there is.
    pub categories: Vec<Category>,
    /// Now: what is said to have happened later than that is wrong.
    pub now: HostTime,
}

impl ImportSettings {
    /// What a row may be dated at the latest: both clocks agree to within seconds.
    fn latest(&self) -> VenueTime {
        VenueTime::from_us(self.now.us()).plus(AHEAD_MAX)
    }
}

impl Staged {
    /// Reads a whole file.
    ///
    /// # Errors
    /// When the file cannot be read at all, or any of its lines is wrong; the message names all of them.
    pub fn read(
        path: &Path,
        format: ImportFormat,
        settings: &ImportSettings,
    ) -> Result<Self, ImportError> {
        let mut staged = Self::new()?;
        match format {
            ImportFormat::Seed => seed::read(path, settings, &mut staged)?,
            ImportFormat::Csv => csv_file::read(path, settings, &mut staged)?,
        }
        staged.finish(path)
    }
}
