//! `/counts` and `fillsync counts`: detected, shown and true, side by side for every group cycle.
//!
//! The three values stand in three fields and are never merged. `limit_orders_filled` and
//! `last_fill_sync_timestamp` keep the seed's names for the shown count and for when it was made.

use crate::explain::cycle_id;
use crate::table::{Column, Look, render};
use crate::{Answer, time_text};
use fillsync_core::time::HostTime;
use fillsync_ledger::{CountFilter, LedgerError, Reader, StoredCount};
use schemars::JsonSchema;
use serde::Serialize;

/// Counts, the newest cycle first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Counts {
    /// When the answer was made.
    #[schemars(extend("format" = "date-time"))]
    pub timestamp: String,
    /// Cycles in it.
    pub count: usize,
    /// The cycles.
    pub counts: Vec<CycleCounts>,
    /// Whether there are older cycles.
    pub more: bool,
    /// Ask again with this as `before` for older cycles; none at the end.
    pub next: Option<i64>,
}

/// The counts of one group cycle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct CycleCounts {
    /// Its name, which `fillsync explain count` takes.
    pub id: String,
    /// The group.
    pub group: String,
    /// The symbol, in the group's spelling.
    pub symbol: String,
    /// The direction of the position: `long` or `short`.
    #[schemars(schema_with = "crate::words::side")]
    pub side: &'static str,
    /// The cycle's number within group, symbol and side.
    pub cycle: u64,
    /// Its members.
    pub accounts: Vec<AccountCount>,
}

/// The count of one account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct AccountCount {
    /// The account.
    pub account: String,
    /// What its own facts say.
    pub detected: u32,
    /// What is shown.
    pub shown: u32,
    /// The same as `shown`, under the seed's name.
    pub limit_orders_filled: u32,
    /// What is true: the worst of its slots.
    #[schemars(schema_with = "crate::words::truth")]
    pub truth: &'static str,
    /// False where the strategy failed and its own count is shown.
    pub synchronised: bool,
    /// Whether `detected` is a lower bound.
    pub at_least: bool,
    /// Orders of the plan.
    pub total: u32,
    /// Why the shown count is what it is.
    pub note: Option<String>,
    /// The venue time that the decision is about.
    #[schemars(extend("format" = "date-time"))]
    pub moment: String,
    /// When it was last synchronised.
    #[schemars(extend("format" = "date-time"))]
    pub last_fill_sync_timestamp: String,
}

/// The newest counts that pass a filter: at most [`crate::ROWS_MAX`] cycles, and those beyond that
/// share the last one's moment.
///
/// # Errors
/// When the ledger cannot be read.
pub fn counts(reader: &Reader, filter: &CountFilter, now: HostTime) -> Result<Counts, LedgerError> {
    let (cycles, more) = reader.counts_page(&CountFilter {
        limit: filter.limit.clamp(1, crate::ROWS_MAX),
        ..filter.clone()
    })?;
    let last = cycles.last().and_then(|rows| {
        let moments = rows.iter().map(|row| row.count.moment.us());
        moments.max()
    });
    let counts: Vec<_> = cycles
        .iter()
        .filter_map(|rows| cycle_counts(rows))
        .collect();
    Ok(Counts {
        timestamp: time_text::host(now),
        count: counts.len(),
        counts,
        more,
        next: last.filter(|_| more),
    })
}

fn cycle_counts(rows: &[StoredCount]) -> Option<CycleCounts> {
    let first = rows.first()?;
    Some(CycleCounts {
        id: cycle_id(
            &first.group,
            &first.count.symbol,
            first.count.side,
            first.count.cycle,
        ),
        group: first.group.to_string(),
        symbol: first.count.symbol.to_string(),
        side: first.count.side.as_str(),
        cycle: first.count.cycle,
        accounts: rows.iter().map(account_count).collect(),
    })
}

fn account_count(row: &StoredCount) -> AccountCount {
    let count = &row.count;
    AccountCount {
        account: count.account.to_string(),
        detected: count.detected,
        shown: count.shown,
        limit_orders_filled: count.shown,
        truth: count.truth.as_str(),
        synchronised: count.synchronised,
        at_least: count.at_least,
        total: count.total,
        note: count.note.clone(),
        moment: time_text::venue(count.moment),
        last_fill_sync_timestamp: time_text::host(count.last_fill_sync),
    }
}

impl Answer for Counts {
    fn table(&self, look: Look) -> String {
        let columns = [
            Column::Left("GROUP"),
            Column::Left("SYMBOL"),
            Column::Left("SIDE"),
            Column::Right("CYCLE"),
            Column::Left("ACCOUNT"),
            Column::Right("DETECTED"),
            Column::Right("SHOWN"),
            Column::Right("OF"),
            Column::State("TRUTH"),
            Column::Left("NOTE"),
        ];
        let rows = self.counts.iter().flat_map(|cycle| {
            cycle.accounts.iter().map(move |count| {
                let detected = if count.at_least {
                    format!("≥{}", count.detected)
                } else {
                    count.detected.to_string()
                };
                let note = match (&count.note, count.synchronised) {
                    (Some(note), true) => note.clone(),
                    (Some(note), false) => format!("not synchronised: {note}"),
                    (None, false) => "not synchronised".to_owned(),
                    (None, true) => "-".to_owned(),
                };
                vec![
                    cycle.group.clone(),
                    cycle.symbol.clone(),
                    cycle.side.to_owned(),
                    cycle.cycle.to_string(),
                    count.account.clone(),
                    detected,
                    count.shown.to_string(),
                    count.total.to_string(),
                    count.truth.to_owned(),
                    note,
                ]
            })
        });
        let mut text = render(look, &columns, rows, "No counts yet.");
        if self.more {
            text.push_str("There are older cycles: --limit shows more.\n");
        }
        if let Some(newest) = self.counts.first() {
            text.push_str(&format!("Why: fillsync explain count {}\n", newest.id));
        }
        text
    }
}
