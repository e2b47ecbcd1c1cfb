//! `/events`: the named events of the log, in the order in which they happened.

use crate::table::{Column, Look, or_dash, render};
use crate::{Answer, ROWS_MAX, RawJson, time_text};
use fillsync_core::time::HostTime;
use fillsync_ledger::{EventFilter, LedgerError, Reader, StoredEvent};
use schemars::JsonSchema;
use serde::Serialize;

/// Events, the oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Events {
    /// When the answer was made.
    #[schemars(extend("format" = "date-time"))]
    pub timestamp: String,
    /// Events in it.
    pub count: usize,
    /// The events.
    pub events: Vec<EventAnswer>,
    /// Ask again with this as `after` for what comes next.
    pub next: Option<i64>,
}

/// One event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct EventAnswer {
    /// Rises with every event.
    pub id: i64,
    /// When, in this machine's clock.
    #[schemars(extend("format" = "date-time"))]
    pub timestamp: String,
    /// Its name ("fill_received").
    pub event: String,
    /// The account.
    pub account: Option<String>,
    /// The group.
    pub group: Option<String>,
    /// Its fields.
    pub fields: RawJson,
}

/// The events that pass a filter. A limit beyond [`ROWS_MAX`] becomes [`ROWS_MAX`].
///
/// # Errors
/// When the ledger cannot be read.
pub fn events(reader: &Reader, filter: &EventFilter, now: HostTime) -> Result<Events, LedgerError> {
    let rows = reader.events_page(&EventFilter {
        limit: filter.limit.clamp(1, ROWS_MAX),
        ..filter.clone()
    })?;
    Ok(Events {
        timestamp: time_text::host(now),
        count: rows.len(),
        next: rows.last().map(|row| row.id).or(filter.after),
        events: rows.into_iter().map(event).collect(),
    })
}

/// One event as answers and the stream write it.
#[must_use]
pub fn event(row: StoredEvent) -> EventAnswer {
    EventAnswer {
        id: row.id,
        timestamp: time_text::host(row.event.at),
        event: row.event.name,
        account: row.event.account.map(String::from),
        group: row.event.group.map(String::from),
        fields: RawJson(row.event.json),
    }
}

impl Answer for Events {
    fn table(&self, look: Look) -> String {
        let columns = [
            Column::Left("TIME"),
            Column::Left("EVENT"),
            Column::Left("ACCOUNT"),
            Column::Left("GROUP"),
            Column::Left("FIELDS"),
        ];
        let rows = self.events.iter().map(|event| {
            vec![
                event.timestamp.clone(),
                event.event.clone(),
                or_dash(event.account.as_deref()),
                or_dash(event.group.as_deref()),
                event.fields.0.clone(),
            ]
        });
        render(look, &columns, rows, "No events.")
    }
}
