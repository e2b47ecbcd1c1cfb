//! `/accounts`: what is proven of each account, up to when, and what is missing.
//!
//! "Complete to" is the end of the newest proven window; it says nothing about what lies before a
//! gap, so the gaps stand beside it with their reasons.

use crate::table::{Column, Look, or_dash, render};
use crate::{Answer, GAPS_LISTED_MAX, WINDOWS_LISTED_MAX, time_text};
use fillsync_core::coverage::Coverage;
use fillsync_core::id::{AccountName, Category};
use fillsync_core::time::{HostTime, VenueTime};
use fillsync_ledger::{AccountTally, KnownGap, LedgerError, Reader};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Every account that the ledger knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Accounts {
    /// When the answer was made.
    pub timestamp: String,
    /// Accounts in it.
    pub count: usize,
    /// The accounts.
    pub accounts: Vec<AccountAnswer>,
}

/// One account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AccountAnswer {
    /// Its name in the configuration.
    pub account: String,
    /// Its venue.
    pub venue: String,
    /// Whether all between its oldest and newest proven moment is proven, and no gap is known.
    pub complete: bool,
    /// The earliest end of proven coverage among its categories, in venue time.
    pub complete_to: Option<String>,
    /// Fills.
    pub fills: u64,
    /// Rows of every class.
    pub executions: u64,
    /// When the newest fill happened.
    pub last_fill_at: Option<String>,
    /// Rows that could not be read.
    pub quarantined: u64,
    /// Executions that came again with other content.
    pub conflicts: u64,
    /// By category.
    pub categories: Vec<CategoryAnswer>,
    /// Gaps that are not resolved.
    pub gap_count: usize,
    /// The gaps; at most [`GAPS_LISTED_MAX`].
    pub gaps: Vec<GapAnswer>,
}

/// One category of one account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CategoryAnswer {
    /// The venue's space ("linear").
    pub category: String,
    /// The end of the newest proven window, in venue time.
    pub complete_to: Option<String>,
    /// How far that lies behind now, in milliseconds.
    pub lag_ms: Option<u64>,
    /// When the open orders were last read to the end, in venue time.
    pub orders_checked_at: Option<String>,
    /// Proven windows.
    pub window_count: usize,
    /// The newest proven windows, the oldest first; at most [`WINDOWS_LISTED_MAX`].
    pub windows: Vec<WindowAnswer>,
}

/// A span of venue time, without its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WindowAnswer {
    /// The first moment in it.
    pub from: String,
    /// The first moment after it.
    pub to: String,
}

/// A window that is not proven, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GapAnswer {
    /// The venue's space.
    pub category: String,
    /// The first moment in it.
    pub from: String,
    /// The first moment after it.
    pub to: String,
    /// Why it could not be fetched.
    pub reason: String,
    /// How often it was tried again.
    pub retries: u32,
    /// Whether the venue can no longer serve it.
    pub unfillable: bool,
    /// When it was first recorded.
    pub first_seen: String,
    /// When it was last tried.
    pub last_tried: String,
}

/// Every account that the ledger knows.
///
/// # Errors
/// When the ledger cannot be read.
pub fn accounts(reader: &Reader, now: HostTime) -> Result<Accounts, LedgerError> {
    let mut accounts = Vec::new();
    for tally in reader.status()?.accounts {
        accounts.push(account(reader, tally, now)?);
    }
    Ok(Accounts {
        timestamp: time_text::host(now),
        count: accounts.len(),
        accounts,
    })
}

fn account(
    reader: &Reader,
    tally: AccountTally,
    now: HostTime,
) -> Result<AccountAnswer, LedgerError> {
    let name: &AccountName = &tally.account;
    let coverage = reader.coverage(name)?;
    let checked = reader.orders_checked(name)?;
    let gaps = reader.gaps(Some(name))?;
    let names: BTreeSet<&Category> = coverage.keys().chain(checked.keys()).collect();
    let categories: Vec<_> = names
        .into_iter()
        .map(|category| category_answer(category, &coverage, &checked, now))
        .collect();
    let whole =
        !categories.is_empty() && categories.iter().all(|category| category.window_count == 1);
    let complete_to = coverage.values().map(Coverage::to).min().flatten();
    Ok(AccountAnswer {
        account: name.to_string(),
        complete: whole && gaps.is_empty(),
        complete_to: time_text::venue_option(complete_to),
        fills: tally.fills,
        executions: tally.executions,
        last_fill_at: time_text::venue_option(tally.last_fill_at),
        quarantined: tally.quarantined,
        conflicts: tally.conflicts,
        categories,
        gap_count: gaps.len(),
        gaps: gaps.iter().take(GAPS_LISTED_MAX).map(gap_answer).collect(),
        venue: tally.venue,
    })
}

fn category_answer(
    category: &Category,
    coverage: &BTreeMap<Category, Coverage>,
    checked: &BTreeMap<Category, VenueTime>,
    now: HostTime,
) -> CategoryAnswer {
    let windows = coverage
        .get(category)
        .map(Coverage::windows)
        .unwrap_or_default();
    let to = windows.last().map(|window| window.to);
    CategoryAnswer {
        category: category.to_string(),
        complete_to: time_text::venue_option(to),
        // The clocks differ by their offset, which is small against what this number is read for.
        lag_ms: to.map(|to| time_text::span_ms(to.us(), now.us())),
        orders_checked_at: time_text::venue_option(checked.get(category).copied()),
        window_count: windows.len(),
        windows: windows
            .iter()
            .skip(windows.len().saturating_sub(WINDOWS_LISTED_MAX))
            .map(|window| WindowAnswer {
                from: window.from.to_string(),
                to: window.to.to_string(),
            })
            .collect(),
    }
}

fn gap_answer(gap: &KnownGap) -> GapAnswer {
    GapAnswer {
        category: gap.category.to_string(),
        from: time_text::venue(gap.window.from),
        to: time_text::venue(gap.window.to),
        reason: gap.reason.clone(),
        retries: gap.retries,
        unfillable: gap.unfillable,
        first_seen: time_text::host(gap.first_seen),
        last_tried: time_text::host(gap.last_tried),
    }
}

impl Answer for Accounts {
    fn table(&self, look: Look) -> String {
        let columns = [
            Column::Left("ACCOUNT"),
            Column::Left("VENUE"),
            Column::Right("FILLS"),
            Column::Left("COMPLETE TO"),
            Column::Right("GAPS"),
            Column::Left("LAST FILL"),
        ];
        let rows = self.accounts.iter().map(|account| {
            vec![
                account.account.clone(),
                account.venue.clone(),
                account.fills.to_string(),
                or_dash(account.complete_to.as_deref()),
                account.gap_count.to_string(),
                or_dash(account.last_fill_at.as_deref()),
            ]
        });
        let mut text = render(look, &columns, rows, "No accounts yet.");
        for account in &self.accounts {
            for gap in &account.gaps {
                text.push_str(&format!(
                    "gap: {} {} {} to {}: {}{}\n",
                    account.account,
                    gap.category,
                    gap.from,
                    gap.to,
                    gap.reason.replace(char::is_control, " "),
                    if gap.unfillable {
                        " (the venue can no longer serve it)"
                    } else {
                        ""
                    },
                ));
            }
        }
        text
    }
}
