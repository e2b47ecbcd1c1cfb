//! `/status` and `fillsync status`: the ledger at a glance, from counts that are kept up, never from
//! scans, and what is proven of each account, as `/accounts` has it.

use crate::accounts::{AccountAnswer, accounts, coverage_table};
use crate::streams::Streams;
use crate::table::{Column, Look, facts, or_dash, render};
use crate::{Answer, time_text};
use fillsync_core::time::HostTime;
use fillsync_ledger::{LedgerError, LedgerStatus, Reader};
use schemars::JsonSchema;
use serde::Serialize;
use std::path::Path;

/// The ledger at a glance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Status {
    /// When the answer was made.
    #[schemars(extend("format" = "date-time"))]
    pub timestamp: String,
    /// The database.
    pub database: Database,
    /// Fills of all accounts.
    pub fills: u64,
    /// Rows of every class of all accounts.
    pub executions: u64,
    /// Decisions made.
    pub decisions: u64,
    /// Divergences that are not resolved.
    pub divergences_open: u64,
    /// Markets that wait for a decision.
    pub markets_undecided: u64,
    /// Gaps that are not resolved.
    pub gaps: u64,
    /// Alerts recorded.
    pub alerts: u64,
    /// Alerts recorded without being sent.
    pub alerts_suppressed: u64,
    /// The messages.
    pub outbox: Outbox,
    /// By account.
    pub accounts: Vec<AccountStatus>,
    /// What is proven of each account and category, the known gaps, the streams: as `/accounts` has it.
    pub coverage: Vec<AccountAnswer>,
}

/// The database file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Database {
    /// Where it is.
    pub path: String,
    /// Its size, without what is not yet in it.
    pub bytes: u64,
    /// The schema's number.
    pub schema: i64,
}

/// The messages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Outbox {
    /// Messages sent.
    pub sent: u64,
    /// Messages given up.
    pub dead: u64,
    /// Messages waiting.
    pub pending: u64,
    /// Those waiting, by channel.
    pub channels: Vec<ChannelStatus>,
}

/// One channel with waiting messages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ChannelStatus {
    /// The channel.
    pub channel: String,
    /// Messages waiting.
    pub pending: u64,
    /// When the first of them may be tried.
    #[schemars(extend("format" = "date-time"))]
    pub next_at: String,
}

/// One account at a glance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct AccountStatus {
    /// The account.
    pub account: String,
    /// Its venue.
    pub venue: String,
    /// Fills.
    pub fills: u64,
    /// Rows of every class.
    pub executions: u64,
    /// When the newest fill happened.
    #[schemars(extend("format" = "date-time"))]
    pub last_fill_at: Option<String>,
    /// Gaps that are not resolved.
    pub gaps: u64,
    /// Rows that could not be read.
    pub quarantined: u64,
    /// Executions that came again with other content.
    pub conflicts: u64,
}

/// The ledger at `path` at a glance; `streams` from who knows them.
///
/// # Errors
/// When the ledger cannot be read.
pub fn status(
    reader: &Reader,
    path: &Path,
    streams: Option<&Streams>,
    now: HostTime,
) -> Result<Status, LedgerError> {
    let coverage = accounts(reader, streams, now)?.accounts;
    Ok(of(reader.status()?, coverage, path, now))
}

fn of(status: LedgerStatus, coverage: Vec<AccountAnswer>, path: &Path, now: HostTime) -> Status {
    Status {
        timestamp: time_text::host(now),
        database: Database {
            path: path.display().to_string(),
            bytes: status.bytes,
            schema: status.schema,
        },
        fills: status.accounts.iter().map(|account| account.fills).sum(),
        executions: status
            .accounts
            .iter()
            .map(|account| account.executions)
            .sum(),
        decisions: status.decisions,
        divergences_open: status.divergences_open,
        markets_undecided: status.marks,
        gaps: status.accounts.iter().map(|account| account.gaps).sum(),
        alerts: status.alerts,
        alerts_suppressed: status.alerts_suppressed,
        outbox: Outbox {
            sent: status.messages_sent,
            dead: status.messages_dead,
            pending: status.pending.iter().map(|channel| channel.pending).sum(),
            channels: status
                .pending
                .iter()
                .map(|channel| ChannelStatus {
                    channel: channel.channel.to_string(),
                    pending: channel.pending,
                    next_at: time_text::host(channel.next_at),
                })
                .collect(),
        },
        coverage,
        accounts: status
            .accounts
            .into_iter()
            .map(|account| AccountStatus {
                account: account.account.to_string(),
                venue: account.venue,
                fills: account.fills,
                executions: account.executions,
                last_fill_at: time_text::venue_option(account.last_fill_at),
                gaps: account.gaps,
                quarantined: account.quarantined,
                conflicts: account.conflicts,
            })
            .collect(),
    }
}

impl Status {
    /// The whole ledger as lines of a name and a value.
    fn totals(&self) -> String {
        let waiting: Vec<_> = self
            .outbox
            .channels
            .iter()
            .map(|row| format!("{} {}", row.channel, row.pending))
            .collect();
        facts(&[
            (
                "database",
                format!(
                    "{} ({} bytes, schema {})",
                    self.database.path, self.database.bytes, self.database.schema
                ),
            ),
            ("fills", self.fills.to_string()),
            (
                "decisions",
                format!(
                    "{} made, {} markets waiting",
                    self.decisions, self.markets_undecided
                ),
            ),
            ("divergences", format!("{} open", self.divergences_open)),
            ("gaps", self.gaps.to_string()),
            (
                "alerts",
                format!(
                    "{} recorded, {} of them not sent singly",
                    self.alerts, self.alerts_suppressed
                ),
            ),
            (
                "messages",
                format!(
                    "{} sent, {} given up, {} waiting{}",
                    self.outbox.sent,
                    self.outbox.dead,
                    self.outbox.pending,
                    if waiting.is_empty() {
                        String::new()
                    } else {
                        format!(" ({})", waiting.join(", "))
                    }
                ),
            ),
        ])
    }
}

impl Answer for Status {
    fn table(&self, look: Look) -> String {
        let mut text = self.totals();
        let columns = [
            Column::Left("ACCOUNT"),
            Column::Left("VENUE"),
            Column::Right("FILLS"),
            Column::Right("ROWS"),
            Column::Right("GAPS"),
            Column::Right("UNREADABLE"),
            Column::Right("CONFLICTS"),
            Column::Left("LAST FILL"),
        ];
        let rows = self.accounts.iter().map(|account| {
            vec![
                account.account.clone(),
                account.venue.clone(),
                account.fills.to_string(),
                account.executions.to_string(),
                account.gaps.to_string(),
                account.quarantined.to_string(),
                account.conflicts.to_string(),
                or_dash(account.last_fill_at.as_deref()),
            ]
        });
        text.push('\n');
        text.push_str(&render(look, &columns, rows, "No accounts yet."));
        text.push_str(&coverage_table(&self.coverage, look));
        text
    }
}
