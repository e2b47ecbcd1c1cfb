//! `/divergences`: where accounts really differ, since when, and whether they agree again.

use crate::table::{Column, Look, or_dash, render};
use crate::{Answer, time_text};
use fillsync_core::time::HostTime;
use fillsync_ledger::{DivergenceFilter, LedgerError, Reader, StoredDivergence};
use schemars::JsonSchema;
use serde::Serialize;

/// Divergences, the newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Divergences {
    /// When the answer was made.
    #[schemars(extend("format" = "date-time"))]
    pub timestamp: String,
    /// Divergences in it.
    pub count: usize,
    /// Those among them that are confirmed and not resolved.
    pub open: usize,
    /// The divergences.
    pub divergences: Vec<Divergence>,
    /// Whether there are older ones.
    pub more: bool,
    /// Ask again with this as `before` for older divergences; none at the end.
    pub next: Option<i64>,
}

/// One account that differs at one slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Divergence {
    /// The ledger's row.
    pub id: i64,
    /// The group.
    pub group: String,
    /// The symbol, in the group's spelling.
    pub symbol: String,
    /// The direction of the position: `long` or `short`.
    #[schemars(schema_with = "crate::words::side")]
    pub side: &'static str,
    /// The group cycle.
    pub cycle: u64,
    /// The slot's lasting name.
    pub slot: String,
    /// The account.
    pub account: String,
    /// What is true of it.
    #[schemars(schema_with = "crate::words::truth")]
    pub truth: &'static str,
    /// `suspected`, `confirmed` or `resolved`.
    #[schemars(schema_with = "crate::words::divergence_state")]
    pub state: &'static str,
    /// When the slot was first filled by anybody, in venue time.
    #[schemars(extend("format" = "date-time"))]
    pub first_at: String,
    /// When it was proven that the account differs, in venue time.
    #[schemars(extend("format" = "date-time"))]
    pub confirmed_at: Option<String>,
    /// When it agreed again or its cycle ended, in venue time.
    #[schemars(extend("format" = "date-time"))]
    pub resolved_at: Option<String>,
    /// The alert that told of it.
    pub alert: Option<String>,
}

/// The newest divergences that pass a filter.
///
/// # Errors
/// When the ledger cannot be read.
pub fn divergences(
    reader: &Reader,
    filter: &DivergenceFilter,
    now: HostTime,
) -> Result<Divergences, LedgerError> {
    let limit = filter.limit.clamp(1, crate::ROWS_MAX);
    // One more than wanted tells whether there is a next page.
    let mut rows = reader.divergences_page(&DivergenceFilter {
        limit: limit + 1,
        ..filter.clone()
    })?;
    let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = rows.len() > wanted;
    rows.truncate(wanted);
    let next = rows.last().filter(|_| more).map(|(id, _)| *id);
    let rows: Vec<_> = rows.iter().map(|(id, row)| divergence(*id, row)).collect();
    Ok(Divergences {
        timestamp: time_text::host(now),
        count: rows.len(),
        open: rows.iter().filter(|row| row.state == "confirmed").count(),
        divergences: rows,
        more,
        next,
    })
}

pub(crate) fn divergence(id: i64, row: &StoredDivergence) -> Divergence {
    let divergence = &row.divergence;
    Divergence {
        id,
        group: row.group.to_string(),
        symbol: divergence.symbol.to_string(),
        side: divergence.side.as_str(),
        cycle: divergence.cycle,
        slot: divergence.slot_key.clone(),
        account: divergence.account.to_string(),
        truth: divergence.truth.as_str(),
        state: match (divergence.confirmed_at, divergence.resolved_at) {
            (_, Some(_)) => "resolved",
            (Some(_), None) => "confirmed",
            (None, None) => "suspected",
        },
        first_at: time_text::venue(divergence.first_at),
        confirmed_at: time_text::venue_option(divergence.confirmed_at),
        resolved_at: time_text::venue_option(divergence.resolved_at),
        alert: divergence.alert_identity.clone(),
    }
}

impl Answer for Divergences {
    fn table(&self, look: Look) -> String {
        let columns = [
            Column::Left("GROUP"),
            Column::Left("SYMBOL"),
            Column::Left("SIDE"),
            Column::Right("CYCLE"),
            Column::Left("SLOT"),
            Column::Left("ACCOUNT"),
            Column::State("TRUTH"),
            Column::State("STATE"),
            Column::Left("SINCE"),
            Column::Left("RESOLVED"),
        ];
        let rows = self.divergences.iter().map(|row| {
            vec![
                row.group.clone(),
                row.symbol.clone(),
                row.side.to_owned(),
                row.cycle.to_string(),
                row.slot.clone(),
                row.account.clone(),
                row.truth.to_owned(),
                row.state.to_owned(),
                row.first_at.clone(),
                or_dash(row.resolved_at.as_deref()),
            ]
        });
        render(look, &columns, rows, "No divergences.")
    }
}
