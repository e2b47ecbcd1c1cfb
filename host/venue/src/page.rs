//! From an answer's rows to a page: what can be read, and what cannot.
//!
//! One bad row costs only itself in a list of facts, and all of the answer in a list whose absences mean
//! something: a position that is left out would look flat. Nothing here knows a venue.

use crate::field::RowError;
use crate::redact::Redactor;
use fillsync_core::port::{Cursor, Page, UnreadableRow, VenueError};
use fillsync_core::time::VenueTime;
use serde_json::value::RawValue;

/// A row that cannot be read, with the reason fit for a log.
pub(crate) fn unreadable(raw: &RawValue, error: &RowError, redactor: &Redactor) -> UnreadableRow {
    UnreadableRow {
        raw: raw.get().to_owned(),
        reason: redactor.clean(&error.to_string()),
    }
}

/// The rows of one answer, each given to `read`, which says none for a row that is not asked for.
pub(crate) fn page<T>(
    list: &[&RawValue],
    venue_time: Option<VenueTime>,
    next: Option<Cursor>,
    redactor: &Redactor,
    read: impl Fn(&RawValue) -> Result<Option<T>, RowError>,
) -> Page<T> {
    let mut page = Page {
        rows: Vec::with_capacity(list.len()),
        unreadable: Vec::new(),
        next,
        venue_time,
    };
    for raw in list {
        match read(raw) {
            Ok(row) => page.rows.extend(row),
            Err(error) => page.unreadable.push(unreadable(raw, &error, redactor)),
        }
    }
    page
}

/// The page's rows, when every one of them could be read. `what` names the question and the kind of row.
///
/// # Errors
/// [`VenueError::Rejected`] with the first row's reason: the same rows would be unreadable again.
pub(crate) fn all_of<T>(page: Page<T>, what: &str) -> Result<Vec<T>, VenueError> {
    match page.unreadable.first() {
        None => Ok(page.rows),
        Some(bad) => Err(VenueError::Rejected {
            what: format!("{what} cannot be read: {}", bad.reason),
        }),
    }
}
