//! Whether the facts behind the sums are complete, and what of the asked range is not.
//!
//! A part is an account, one of its categories, and where it is about one, a symbol. It is not complete
//! when nothing is proven of it, when the asked range begins before or ends after what is proven,
//! when a gap lies in the range, and when a position was open before the data begin. An open end of
//! the range asks for what is known so far, not for more.

use super::PerformanceFilter;
use super::sums::Sums;
use super::trades::{Line, OpenCycle};
use crate::{GAPS_LISTED_MAX, time_text};
use fillsync_core::coverage::{Coverage, Window};
use fillsync_core::cycle::CycleStart;
use fillsync_core::id::{AccountName, Category, Symbol};
use fillsync_core::time::{HostTime, VenueTime};
use fillsync_ledger::{KnownGap, LedgerError, Reader};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Whether the facts behind the sums are complete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PerformanceCoverage {
    /// True when all of the asked range is proven of every account that is asked about, and every
    /// result can be said.
    pub complete: bool,
    /// Gaps in the asked range that are not resolved.
    pub gaps: u64,
    /// Accounts of which not all is proven or said.
    pub incomplete_accounts: Vec<String>,
    /// Reasons, all of them counted.
    pub incomplete_count: usize,
    /// What is not complete, and why; at most [`GAPS_LISTED_MAX`].
    pub incomplete: Vec<IncompletePart>,
    /// What is not complete, without reasons: an account, its category, and a symbol or all of it.
    #[serde(skip)]
    open_parts: BTreeSet<(AccountName, Option<Category>, Option<Symbol>)>,
}

/// One reason why sums are not complete.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct IncompletePart {
    /// The account.
    pub account: String,
    /// The venue's space; null where nothing is known of the account.
    pub category: Option<String>,
    /// The venue's symbol; null where it is about all of the category.
    pub symbol: Option<String>,
    /// Why.
    pub reason: String,
}

impl PerformanceCoverage {
    /// Whether all of these positions' facts are complete.
    pub(super) fn proven<'a>(&self, mut lines: impl Iterator<Item = &'a Line>) -> bool {
        lines.all(|line| {
            let market = &line.market;
            !self.open_parts.iter().any(|(account, category, symbol)| {
                *account == market.account
                    && category
                        .as_ref()
                        .is_none_or(|category| *category == market.category)
                    && symbol
                        .as_ref()
                        .is_none_or(|symbol| *symbol == market.symbol)
            })
        })
    }
}

#[derive(Default)]
struct Found {
    reasons: Vec<IncompletePart>,
    parts: BTreeSet<(AccountName, Option<Category>, Option<Symbol>)>,
}

impl Found {
    fn add(
        &mut self,
        account: &AccountName,
        category: Option<&Category>,
        symbol: Option<&Symbol>,
        reason: String,
    ) {
        self.reasons.push(IncompletePart {
            account: account.to_string(),
            category: category.map(ToString::to_string),
            symbol: symbol.map(ToString::to_string),
            reason,
        });
        self.parts
            .insert((account.clone(), category.cloned(), symbol.cloned()));
    }
}

pub(super) fn coverage(
    reader: &Reader,
    filter: &PerformanceFilter,
    sums: &Sums,
    open: &[&OpenCycle],
    now: HostTime,
) -> Result<PerformanceCoverage, LedgerError> {
    let asked = Window::new(
        filter.from.unwrap_or(VenueTime::from_us(i64::MIN)),
        filter
            .to
            .filter(|to| to.us() <= now.us())
            .unwrap_or(VenueTime::from_us(i64::MAX)),
    );
    let gaps: Vec<KnownGap> = reader
        .gaps(filter.account.as_ref())?
        .into_iter()
        .filter(|gap| filter.takes_account(&gap.account) && overlaps(gap.window, asked))
        .collect();
    let mut found = Found::default();
    let mut accounts = 0u64;
    for tally in reader.status()?.accounts {
        if filter.takes_account(&tally.account) {
            accounts += 1;
            let proven = reader.coverage(&tally.account)?;
            account(&mut found, &tally.account, &proven, &gaps, asked);
        }
    }
    for ((account, category, symbol), cycles) in &sums.unsaid {
        let reason = match cycles {
            1 => "1 closed position was open before the data begin".to_owned(),
            many => format!("{many} closed positions were open before the data begin"),
        };
        found.add(account, Some(category), Some(symbol), reason);
    }
    for cycle in open {
        if cycle.sums.start == CycleStart::Unknown {
            let market = &cycle.line.market;
            let reason = "the open position was open before the data begin".to_owned();
            found.add(
                &market.account,
                Some(&market.category),
                Some(&market.symbol),
                reason,
            );
        }
    }
    found.reasons.sort();
    let mut incomplete_accounts: Vec<_> = found
        .parts
        .iter()
        .map(|(account, ..)| account.to_string())
        .collect();
    incomplete_accounts.dedup();
    Ok(PerformanceCoverage {
        // Of no account nothing is proven.
        complete: accounts > 0 && found.reasons.is_empty(),
        gaps: u64::try_from(gaps.len()).unwrap_or(u64::MAX),
        incomplete_accounts,
        incomplete_count: found.reasons.len(),
        incomplete: found.reasons.into_iter().take(GAPS_LISTED_MAX).collect(),
        open_parts: found.parts,
    })
}

fn overlaps(one: Window, other: Window) -> bool {
    one.from < other.to && other.from < one.to
}

fn account(
    found: &mut Found,
    name: &AccountName,
    proven: &BTreeMap<Category, Coverage>,
    gaps: &[KnownGap],
    asked: Window,
) {
    let own = || gaps.iter().filter(|gap| gap.account == *name);
    let categories: BTreeSet<&Category> = proven
        .keys()
        .chain(own().map(|gap| &gap.category))
        .collect();
    if categories.is_empty() {
        found.add(name, None, None, "nothing is proven yet".to_owned());
    }
    for category in categories {
        let in_category: Vec<&KnownGap> = own().filter(|gap| gap.category == *category).collect();
        for gap in &in_category {
            let reason = format!(
                "{} to {}: {}{}",
                time_text::venue(gap.window.from),
                time_text::venue(gap.window.to),
                gap.reason,
                if gap.unfillable {
                    "; the venue can no longer serve it"
                } else {
                    ""
                }
            );
            found.add(name, Some(category), None, reason);
        }
        let none = Coverage::default();
        let proven = proven.get(category).unwrap_or(&none);
        let told = Coverage::from_windows(in_category.iter().map(|gap| gap.window));
        for reason in unproven(proven, &told, asked) {
            found.add(name, Some(category), None, reason);
        }
    }
}

/// What of the asked range is not proven and is in no gap that was told.
fn unproven(proven: &Coverage, told: &Coverage, asked: Window) -> Vec<String> {
    let (Some(first), Some(last)) = (proven.windows().first(), proven.newest()) else {
        return vec!["nothing is proven yet".to_owned()];
    };
    let mut reasons = Vec::new();
    if asked.from.us() != i64::MIN && asked.from < first.from {
        reasons.push(format!("proven only from {}", time_text::venue(first.from)));
    }
    if asked.to.us() != i64::MAX && asked.to > last.to {
        reasons.push(format!("proven only to {}", time_text::venue(last.to)));
    }
    let inner = Window::new(asked.from.max(first.from), asked.to.min(last.to));
    for hole in proven.missing(inner) {
        if !inner.is_empty() && !told.contains(hole) {
            let (from, to) = (time_text::venue(hole.from), time_text::venue(hole.to));
            reasons.push(format!("{from} to {to}: not fetched"));
        }
    }
    reasons
}
