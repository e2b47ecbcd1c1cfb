//! `/divergences`: where accounts really differ, since when, and whether they agree again.

use crate::table::{Column, Look, or_dash, render};
use crate::{Answer, time_text};
use fillsync_core::id::{AccountName, GroupName, Symbol};
use fillsync_core::time::HostTime;
use fillsync_ledger::{LedgerError, Reader, StoredDivergence};
use serde::Serialize;

/// Which divergences to read; every field narrows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DivergenceFilter {
    /// Of this group.
    pub group: Option<GroupName>,
    /// Of this account.
    pub account: Option<AccountName>,
    /// Of this symbol, in the group's spelling.
    pub symbol: Option<Symbol>,
    /// Only those that are not resolved.
    pub open_only: bool,
    /// At most so many.
    pub limit: u32,
}

/// Divergences, the newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Divergences {
    /// When the answer was made.
    pub timestamp: String,
    /// Divergences in it.
    pub count: usize,
    /// Those among them that are confirmed and not resolved.
    pub open: usize,
    /// The divergences.
    pub divergences: Vec<Divergence>,
    /// Whether there are more than were asked for.
    pub more: bool,
}

/// One account that differs at one slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Divergence {
    /// The group.
    pub group: String,
    /// The symbol, in the group's spelling.
    pub symbol: String,
    /// The direction of the position: `long` or `short`.
    pub side: &'static str,
    /// The group cycle.
    pub cycle: u64,
    /// The slot's lasting name.
    pub slot: String,
    /// The account.
    pub account: String,
    /// What is true of it.
    pub truth: &'static str,
    /// `suspected`, `confirmed` or `resolved`.
    pub state: &'static str,
    /// When the slot was first filled by anybody, in venue time.
    pub first_at: String,
    /// When it was proven that the account differs, in venue time.
    pub confirmed_at: Option<String>,
    /// When it agreed again or its cycle ended, in venue time.
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
    let limit = usize::try_from(filter.limit.clamp(1, crate::ROWS_MAX)).unwrap_or(usize::MAX);
    let mut rows: Vec<_> = reader
        .divergences(filter.open_only)?
        .iter()
        .filter(|row| passes(row, filter))
        .take(limit.saturating_add(1))
        .map(divergence)
        .collect();
    let more = rows.len() > limit;
    rows.truncate(limit);
    Ok(Divergences {
        timestamp: time_text::host(now),
        count: rows.len(),
        open: rows.iter().filter(|row| row.state == "confirmed").count(),
        divergences: rows,
        more,
    })
}

fn passes(row: &StoredDivergence, filter: &DivergenceFilter) -> bool {
    filter
        .group
        .as_ref()
        .is_none_or(|group| *group == row.group)
        && filter
            .account
            .as_ref()
            .is_none_or(|account| *account == row.divergence.account)
        && filter
            .symbol
            .as_ref()
            .is_none_or(|symbol| *symbol == row.divergence.symbol)
}

fn divergence(row: &StoredDivergence) -> Divergence {
    let divergence = &row.divergence;
    Divergence {
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
