//! `/outbox`: the messages, what became of each, and why one was given up.
//!
//! The text of a message stands with its alert in `/alerts`; here it is about the way to a channel.

use crate::table::{Column, Look, or_dash, render};
use crate::{Answer, ROWS_MAX, time_text};
use fillsync_core::time::HostTime;
use fillsync_ledger::{LedgerError, OutboxFilter, OutboxLine, Reader};
use schemars::JsonSchema;
use serde::Serialize;

/// Messages, the newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Messages {
    /// When the answer was made.
    #[schemars(extend("format" = "date-time"))]
    pub timestamp: String,
    /// Messages in it.
    pub count: usize,
    /// The messages.
    pub messages: Vec<Message>,
    /// Ask again with this as `before` for older messages; none at the end.
    pub next: Option<i64>,
}

/// One alert on its way to one channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Message {
    /// The ledger's row, by which it can be sent again.
    pub id: i64,
    /// The channel.
    pub channel: String,
    /// `pending`, `sent`, `dead` (given up) or `superseded` (a newer revision takes its place).
    #[schemars(schema_with = "crate::words::message_state")]
    pub state: String,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was queued.
    #[schemars(extend("format" = "date-time"))]
    pub created_at: String,
    /// When it may be tried next; none unless it waits.
    #[schemars(extend("format" = "date-time"))]
    pub next_at: Option<String>,
    /// When it was sent, given up or superseded.
    #[schemars(extend("format" = "date-time"))]
    pub finished_at: Option<String>,
    /// Why it was not taken.
    pub last_error: Option<String>,
    /// The row of the alert.
    pub alert: i64,
    /// The alert's identity.
    pub identity: String,
    /// The alert's revision.
    pub revision: u32,
    /// What kind of alert.
    #[schemars(schema_with = "crate::words::alert_kind")]
    pub kind: &'static str,
    /// The alert's group.
    pub group: Option<String>,
    /// The alert's symbol, in the group's spelling.
    pub symbol: Option<String>,
    /// The alert's account.
    pub account: Option<String>,
}

/// The newest messages that pass a filter. A limit beyond [`ROWS_MAX`] becomes [`ROWS_MAX`].
///
/// # Errors
/// When the ledger cannot be read.
pub fn messages(
    reader: &Reader,
    filter: &OutboxFilter,
    now: HostTime,
) -> Result<Messages, LedgerError> {
    let limit = filter.limit.clamp(1, ROWS_MAX);
    let mut rows = reader.outbox_page(&OutboxFilter {
        limit: limit + 1,
        ..filter.clone()
    })?;
    let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = rows.len() > wanted;
    rows.truncate(wanted);
    Ok(Messages {
        timestamp: time_text::host(now),
        count: rows.len(),
        next: rows.last().filter(|_| more).map(|row| row.id),
        messages: rows.into_iter().map(message).collect(),
    })
}

fn message(row: OutboxLine) -> Message {
    let waits = row.state == "pending";
    Message {
        id: row.id,
        channel: row.channel.to_string(),
        state: row.state,
        attempts: row.attempts,
        created_at: time_text::host(row.created_at),
        next_at: waits.then(|| time_text::host(row.next_at)),
        finished_at: row.finished_at.map(time_text::host),
        last_error: row.last_error,
        alert: row.alert,
        identity: row.identity,
        revision: row.revision,
        kind: row.kind.as_str(),
        group: row.group.map(String::from),
        symbol: row.symbol.map(String::from),
        account: row.account.map(String::from),
    }
}

impl Answer for Messages {
    fn table(&self, look: Look) -> String {
        let columns = [
            Column::Right("ID"),
            Column::Left("CHANNEL"),
            Column::Left("STATE"),
            Column::Right("TRIES"),
            Column::Left("KIND"),
            Column::Left("SYMBOL"),
            Column::Left("ACCOUNT"),
            Column::Left("QUEUED"),
            Column::Left("ERROR"),
        ];
        let rows = self.messages.iter().map(|message| {
            vec![
                message.id.to_string(),
                message.channel.clone(),
                message.state.clone(),
                message.attempts.to_string(),
                message.kind.to_owned(),
                or_dash(message.symbol.as_deref()),
                or_dash(message.account.as_deref()),
                message.created_at.clone(),
                or_dash(message.last_error.as_deref()),
            ]
        });
        render(look, &columns, rows, "No messages.")
    }
}
