//! What the ledger answers, in two shapes: JSON for machines and a table for people.
//!
//! Each question is a function over a [`fillsync_ledger::Reader`] and an explicit now; it decides
//! nothing and sums only what the core sums. The command line and the HTTP server print the same
//! answers, so they cannot disagree. Amounts keep every digit: fills give decimal strings,
//! performance gives JSON numbers that are written from the decimal itself and never pass through a
//! float. There is no clock, no colour and no terminal detection here.

pub mod accounts;
pub mod alerts;
pub mod counts;
pub mod divergences;
pub mod events;
pub mod explain;
pub mod fills;
pub mod groups;
pub mod messages;
pub mod orders;
pub mod performance;
pub mod plugin_events;
pub mod status;
pub mod streams;
pub mod timeline;

mod exact;
mod table;
mod time_text;
mod words;

pub use accounts::{Accounts, accounts};
pub use alerts::{Alerts, alerts};
pub use counts::{Counts, counts};
pub use divergences::{Divergences, divergences};
pub use events::{Events, events};
pub use exact::{ExactNumber, RawJson};
pub use explain::{
    Again, CountName, ExplainError, Explanation, explain_alert, explain_count, explain_fill,
};
pub use fills::{Fills, fills, fills_as_they_came};
pub use fillsync_ledger::{CountFilter, DivergenceFilter, EventFilter, OrderFilter, OutboxFilter};
pub use groups::{GroupFilter, GroupPlan, Groups, groups};
pub use messages::{Messages, messages};
pub use orders::{Orders, orders};
pub use performance::{PerformanceAnswer, PerformanceFilter, Trades, performance};
pub use plugin_events::{PluginEvents, plugin_events, plugin_history};
pub use status::{Status, status};
pub use streams::{StreamAnswer, StreamHealth, StreamState, Streams};
pub use table::{Column, Look, painted, render};
pub use timeline::{Timeline, TimelineFilter};
pub use words::MESSAGE_STATES;

use serde::Serialize;

/// Rows of a list where nobody asks for more or fewer.
pub const ROWS_DEFAULT: u32 = 50;

/// The most rows of one list; a larger wish is answered with this many and a `next`.
pub const ROWS_MAX: u32 = 1_000;

/// The most gaps that one account lists; all of them are counted.
pub const GAPS_LISTED_MAX: usize = 100;

/// The most coverage windows that one category lists, the newest of them; all of them are counted.
pub const WINDOWS_LISTED_MAX: usize = 100;

/// An answer: JSON through serde, a table through [`Answer::table`].
pub trait Answer: Serialize {
    /// The answer as people read it, ending with a line end.
    fn table(&self, look: Look) -> String;

    /// The answer as one line of JSON, without a line end.
    ///
    /// # Errors
    /// When a stored text that claims to be JSON is not.
    fn json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }
}

/// The number of rows that a wish comes to: [`ROWS_DEFAULT`] without one, else 1 to [`ROWS_MAX`].
#[must_use]
pub fn rows_wanted(wish: Option<u64>) -> u32 {
    match wish {
        None => ROWS_DEFAULT,
        Some(rows) => u32::try_from(rows).unwrap_or(ROWS_MAX).clamp(1, ROWS_MAX),
    }
}

#[cfg(test)]
mod tests;
