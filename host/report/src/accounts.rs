//! `/accounts`: what is proven of each account, up to when, and what is missing.
//!
//! "Complete to" is the end of the newest proven window; it says nothing about what lies before a
//! gap, so the gaps stand beside it with their reasons.

use crate::streams::{StreamAnswer, Streams, stream_line};
use crate::table::{Column, Look, or_dash, render};
use crate::{Answer, GAPS_LISTED_MAX, WINDOWS_LISTED_MAX, time_text};
use fillsync_core::coverage::Coverage;
use fillsync_core::id::AccountName;
use fillsync_core::time::HostTime;
use fillsync_ledger::{AccountTally, KnownGap, LedgerError, Proof, Reader};
use schemars::JsonSchema;
use serde::Serialize;

/// Every account that the ledger knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Accounts {
    /// When the answer was made.
    #[schemars(extend("format" = "date-time"))]
    pub timestamp: String,
    /// Accounts in it.
    pub count: usize,
    /// The accounts.
    pub accounts: Vec<AccountAnswer>,
}

/// One account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct AccountAnswer {
    /// Its name in the configuration.
    pub account: String,
    /// Its venue.
    pub venue: String,
    /// Whether all between its oldest and newest proven moment is proven, and no gap is known.
    pub complete: bool,
    /// The latest beginning of what is proven without a hole up to `complete_to`, among its categories.
    #[schemars(extend("format" = "date-time"))]
    pub complete_from: Option<String>,
    /// The earliest end of proven coverage among its categories, in venue time.
    #[schemars(extend("format" = "date-time"))]
    pub complete_to: Option<String>,
    /// Its stream; null where nobody who knows it was asked, as on the command line.
    pub stream: Option<StreamAnswer>,
    /// Fills.
    pub fills: u64,
    /// Rows of every class.
    pub executions: u64,
    /// When the newest fill happened.
    #[schemars(extend("format" = "date-time"))]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct CategoryAnswer {
    /// The venue's space ("linear").
    pub category: String,
    /// How far the data reach back: the beginning of the oldest proven window, in venue time.
    #[schemars(extend("format" = "date-time"))]
    pub data_from: Option<String>,
    /// The beginning of the newest proven window: from there to `complete_to` nothing is missing.
    #[schemars(extend("format" = "date-time"))]
    pub complete_from: Option<String>,
    /// The end of the newest proven window, in venue time.
    #[schemars(extend("format" = "date-time"))]
    pub complete_to: Option<String>,
    /// When the last traversal that reached its end was recorded, by the host's clock.
    #[schemars(extend("format" = "date-time"))]
    pub last_proven_at: Option<String>,
    /// Gaps that can still be filled.
    pub gaps_fillable: u64,
    /// Gaps that the venue can no longer serve.
    pub gaps_unfillable: u64,
    /// Gaps that were filled later.
    pub gaps_filled: u64,
    /// How far `complete_to` lies behind now, in milliseconds.
    pub lag_ms: Option<u64>,
    /// When the open orders were last read to the end, in venue time.
    #[schemars(extend("format" = "date-time"))]
    pub orders_checked_at: Option<String>,
    /// Proven windows.
    pub window_count: usize,
    /// The newest proven windows, the oldest first; at most [`WINDOWS_LISTED_MAX`].
    pub windows: Vec<WindowAnswer>,
    /// The same moments for the table.
    #[serde(skip)]
    span: Option<CoverageSpan>,
}

/// What the table shortens to seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct CoverageSpan {
    data_from_us: i64,
    complete_to_us: i64,
}

/// A span of venue time, without its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct WindowAnswer {
    /// The first moment in it.
    #[schemars(extend("format" = "date-time"))]
    pub from: String,
    /// The first moment after it.
    #[schemars(extend("format" = "date-time"))]
    pub to: String,
}

/// A window that is not proven, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct GapAnswer {
    /// The venue's space.
    pub category: String,
    /// The first moment in it.
    #[schemars(extend("format" = "date-time"))]
    pub from: String,
    /// The first moment after it.
    #[schemars(extend("format" = "date-time"))]
    pub to: String,
    /// Why it could not be fetched.
    pub reason: String,
    /// How often it was tried again.
    pub retries: u32,
    /// Whether the venue can no longer serve it; else it is tried again.
    pub unfillable: bool,
    /// When it was first recorded.
    #[schemars(extend("format" = "date-time"))]
    pub first_seen: String,
    /// When it was last tried.
    #[schemars(extend("format" = "date-time"))]
    pub last_tried: String,
    /// The same moments for the table.
    #[serde(skip)]
    tried_us: (i64, i64),
}

/// Every account that the ledger knows; `streams` from who knows them, an account that is not in it
/// has its stream off.
///
/// # Errors
/// When the ledger cannot be read.
pub fn accounts(
    reader: &Reader,
    streams: Option<&Streams>,
    now: HostTime,
) -> Result<Accounts, LedgerError> {
    let mut accounts = Vec::new();
    for tally in reader.status()?.accounts {
        let stream = streams.map(|streams| {
            streams
                .get(&tally.account)
                .map_or(StreamAnswer::OFF, StreamAnswer::from)
        });
        accounts.push(account(reader, tally, stream, now)?);
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
    stream: Option<StreamAnswer>,
    now: HostTime,
) -> Result<AccountAnswer, LedgerError> {
    let name: &AccountName = &tally.account;
    let coverage = reader.coverage(name)?;
    let proofs = reader.proofs(Some(name))?;
    let gaps = reader.gaps(Some(name))?;
    let nothing = Coverage::default();
    let categories: Vec<_> = proofs
        .iter()
        .map(|proof| {
            category_answer(
                proof,
                coverage.get(&proof.category).unwrap_or(&nothing),
                now,
            )
        })
        .collect();
    let whole =
        !categories.is_empty() && categories.iter().all(|category| category.window_count == 1);
    // An end that one category does not have is no end of the account's.
    let complete: Option<Vec<_>> = proofs.iter().map(|proof| proof.complete).collect();
    let complete = complete.unwrap_or_default();
    let complete_from = complete.iter().map(|window| window.from).max();
    let complete_to = complete.iter().map(|window| window.to).min();
    Ok(AccountAnswer {
        account: name.to_string(),
        complete: whole && gaps.is_empty(),
        complete_from: time_text::venue_option(complete_from),
        complete_to: time_text::venue_option(complete_to),
        stream,
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

fn category_answer(proof: &Proof, coverage: &Coverage, now: HostTime) -> CategoryAnswer {
    let windows = coverage.windows();
    let newest = coverage.newest();
    let span = newest.map(|newest| CoverageSpan {
        data_from_us: windows
            .first()
            .map_or(newest.from, |oldest| oldest.from)
            .us(),
        complete_to_us: newest.to.us(),
    });
    CategoryAnswer {
        category: proof.category.to_string(),
        data_from: time_text::venue_option(windows.first().map(|window| window.from)),
        complete_from: time_text::venue_option(newest.map(|window| window.from)),
        complete_to: time_text::venue_option(newest.map(|window| window.to)),
        last_proven_at: proof.last_seen.map(time_text::host),
        gaps_fillable: proof.gaps_open,
        gaps_unfillable: proof.gaps_unfillable,
        gaps_filled: proof.gaps_resolved,
        // The clocks differ by their offset, which is small against what this number is read for.
        lag_ms: newest.map(|window| time_text::span_ms(window.to.us(), now.us())),
        orders_checked_at: time_text::venue_option(proof.orders_checked),
        window_count: windows.len(),
        windows: windows
            .iter()
            .skip(windows.len().saturating_sub(WINDOWS_LISTED_MAX))
            .map(|window| WindowAnswer {
                from: window.from.to_string(),
                to: window.to.to_string(),
            })
            .collect(),
        span,
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
        tried_us: (gap.first_seen.us(), gap.last_tried.us()),
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
        text.push_str(&coverage_table(&self.accounts, look));
        text
    }
}

/// What is proven of every account and category, the streams, and the known gaps.
pub(crate) fn coverage_table(accounts: &[AccountAnswer], look: Look) -> String {
    let columns = [
        Column::Left("ACCOUNT"),
        Column::Left("CATEGORY"),
        Column::Left("DATA FROM"),
        Column::Left("COMPLETE TO"),
        Column::Right("BEHIND"),
        Column::Right("GAPS"),
        Column::Right("LOST"),
    ];
    let rows: Vec<_> = accounts
        .iter()
        .flat_map(|account| {
            account
                .categories
                .iter()
                .map(|category| category_row(&account.account, category))
        })
        .collect();
    let mut text = String::new();
    if !rows.is_empty() {
        text.push('\n');
        text.push_str(&render(look, &columns, rows, ""));
    }
    for account in accounts {
        if let Some(line) = account
            .stream
            .as_ref()
            .and_then(|stream| stream_line(&account.account, stream))
        {
            text.push_str(&line);
        }
    }
    for account in accounts {
        for gap in &account.gaps {
            text.push_str(&gap_lines(&account.account, gap));
        }
        if account.gap_count > account.gaps.len() {
            let more = account.gap_count - account.gaps.len();
            text.push_str(&format!("gap: {}: {more} more\n", account.account));
        }
    }
    text
}

fn category_row(account: &str, category: &CategoryAnswer) -> Vec<String> {
    let moment = |text: fn(i64) -> String, us: fn(CoverageSpan) -> i64| {
        or_dash(category.span.map(|span| text(us(span))).as_deref())
    };
    vec![
        account.to_owned(),
        category.category.clone(),
        moment(time_text::second_from, |span| span.data_from_us),
        moment(time_text::second, |span| span.complete_to_us),
        or_dash(category.lag_ms.map(time_text::span).as_deref()),
        category.gaps_fillable.to_string(),
        category.gaps_unfillable.to_string(),
    ]
}

fn gap_lines(account: &str, gap: &GapAnswer) -> String {
    let (first, last) = gap.tried_us;
    let outlook = if gap.unfillable {
        "the venue can no longer serve it"
    } else {
        "it is tried again"
    };
    format!(
        "gap: {account} {} {} to {}\n     {}; {outlook}\n     first seen {}, tried again {} times, last tried {}\n",
        gap.category,
        gap.from,
        gap.to,
        gap.reason.replace(char::is_control, " "),
        time_text::second(first),
        gap.retries,
        time_text::second(last),
    )
}
