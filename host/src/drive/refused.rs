//! What the ledger refuses: one row costs itself, never its page, its account or the daemon (law 14).
//!
//! A refused record is cut in halves until what is refused stands alone. Such a row is kept raw in
//! quarantine and told once. The moment at which it happened stays a known gap, because the row is not
//! in the books: what lies before and after is proven, and the gap is tried again like every other one,
//! so that a mended ledger takes the row up by itself.

use crate::drive::found::Found;
use fillsync_core::coverage::{Coverage, Window};
use fillsync_core::port::UnreadableRow;
use fillsync_core::time::VenueTime;
use fillsync_ledger::{Gap, Ledger, LedgerError, PageRecord, Proven};
use std::time::Duration;

/// The most gaps that the refused rows of one window make; more are one gap over all of them.
const GAPS_MAX: usize = 64;
/// How wide the gap of one row is: venues are asked by the millisecond.
const GAP_SPAN: Duration = Duration::from_millis(1);

/// A row that the ledger refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// What it is, with the venue's id.
    pub row: String,
    /// Why it was refused.
    pub why: String,
}

/// Records a page. What of it is refused is left out and kept raw; the answer is when that happened.
///
/// # Errors
/// When nothing can be written, or what is no row is refused.
pub async fn record(
    ledger: &Ledger,
    page: PageRecord,
    found: &mut Found,
) -> Result<Vec<VenueTime>, LedgerError> {
    match ledger.record(page.clone()).await {
        Ok(recorded) => {
            found.add(recorded);
            Ok(Vec::new())
        }
        Err(LedgerError::Rejected { .. }) if rows(&page) > 0 => apart(ledger, page, found).await,
        Err(error) => Err(error),
    }
}

fn rows(page: &PageRecord) -> usize {
    page.executions.len().saturating_add(page.orders.len())
}

/// A page of the same account and category without anything in it.
fn blank(page: &PageRecord) -> PageRecord {
    PageRecord::new(
        page.account.clone(),
        page.venue,
        page.category.clone(),
        page.seen_at,
    )
}

/// Records the rows of a refused page one by one where need be, then the rest of it.
async fn apart(
    ledger: &Ledger,
    mut page: PageRecord,
    found: &mut Found,
) -> Result<Vec<VenueTime>, LedgerError> {
    let mut orders = blank(&page);
    orders.orders = std::mem::take(&mut page.orders);
    let mut executions = blank(&page);
    executions.executions = std::mem::take(&mut page.executions);
    // Taken from the end: orders first, because they say to which position the executions belong.
    let mut waiting = vec![executions, orders];
    let mut times = Vec::new();
    let mut is_order_refused = false;
    while let Some(part) = waiting.pop() {
        if rows(&part) == 0 {
            continue;
        }
        match ledger.record(part.clone()).await {
            Ok(recorded) => found.add(recorded),
            Err(LedgerError::Rejected { .. }) if rows(&part) > 1 => {
                let (first, second) = halves(part);
                waiting.push(second);
                waiting.push(first);
            }
            Err(LedgerError::Rejected { what }) => {
                is_order_refused |= !part.orders.is_empty();
                times.extend(part.executions.first().map(|row| row.executed_at));
                quarantine(ledger, part, what, found).await?;
            }
            Err(error) => return Err(error),
        }
    }
    if is_order_refused {
        // An order that is not known may have ended: nothing is claimed of the list.
        page.orders_checked = None;
    }
    let proven = if times.is_empty() {
        None
    } else {
        page.proven.take()
    };
    found.add(ledger.record(page.clone()).await?);
    if let Some(proven) = proven {
        prove_around(ledger, &page, proven, &times, found).await?;
    }
    Ok(times)
}

fn halves(mut part: PageRecord) -> (PageRecord, PageRecord) {
    let mut second = blank(&part);
    second.executions = part.executions.split_off(part.executions.len() / 2);
    second.orders = part.orders.split_off(part.orders.len() / 2);
    (part, second)
}

/// Keeps a refused row raw. It is told when it was not known.
async fn quarantine(
    ledger: &Ledger,
    part: PageRecord,
    why: String,
    found: &mut Found,
) -> Result<(), LedgerError> {
    let execution = part
        .executions
        .first()
        .map(|row| (format!("execution {}", row.execution_id), row.raw.clone()));
    let order = part
        .orders
        .first()
        .map(|order| (format!("order {}", order.order_id), order.raw.clone()));
    let Some((row, raw)) = execution.or(order) else {
        return Ok(());
    };
    let mut kept = blank(&part);
    kept.unreadable = vec![UnreadableRow {
        raw,
        reason: format!("the ledger refused {row}: {why}"),
    }];
    let recorded = ledger.record(kept).await?;
    if recorded.quarantined > 0 {
        found.refused.push(Refused { row, why });
    }
    Ok(())
}

/// Proves a window but for the moments of rows that were refused.
///
/// # Errors
/// When the ledger does not take it.
pub async fn prove_around(
    ledger: &Ledger,
    page: &PageRecord,
    proven: Proven,
    times: &[VenueTime],
    found: &mut Found,
) -> Result<(), LedgerError> {
    let gaps = gaps(proven.window, times);
    for window in gaps.missing(proven.window) {
        let mut part = blank(page);
        part.proven = Some(Proven { window, ..proven });
        found.add(ledger.record(part).await?);
    }
    for window in gaps.windows() {
        let mut part = blank(page);
        part.gap = Some(Gap {
            window: *window,
            reason: "the ledger refused a row of it, which is kept raw in quarantine".to_owned(),
        });
        found.add(ledger.record(part).await?);
    }
    Ok(())
}

/// The parts of a window in which the refused rows lie.
fn gaps(window: Window, times: &[VenueTime]) -> Coverage {
    let within = |at: VenueTime| {
        let from = VenueTime::from_ms(at.ms());
        Window::new(from.max(window.from), from.plus(GAP_SPAN).min(window.to))
    };
    let gaps: Vec<Window> = times
        .iter()
        .filter(|at| window.from <= **at && **at < window.to)
        .map(|at| within(*at))
        .collect();
    let first = gaps.iter().map(|gap| gap.from).min();
    let last = gaps.iter().map(|gap| gap.to).max();
    match (first, last) {
        (Some(first), Some(last)) if gaps.len() > GAPS_MAX => {
            Coverage::from_windows([Window::new(first, last)])
        }
        _ => Coverage::from_windows(gaps),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use crate::drive::bench::{Bench, account, at, category, fill};

    /// One row that can never be written, between two that can: these are stored, their time is proven,
    /// that of the refused one is not, and it is told once.
    #[tokio::test]
    async fn a_refused_row_costs_only_itself() {
        let bench = Bench::new(&["linear"]);
        let rows = vec![
            fill("linear", "e1", "o1", 20),
            fill("spot", "e2", "o2", 30),
            fill("linear", "e3", "o3", 40),
        ];
        let linear = category("linear");
        bench
            .venue
            .answers
            .lock()
            .unwrap()
            .executions
            .insert(linear.clone(), rows);
        let window = Window::new(at(10), at(100));
        for is_first in [true, false] {
            let mut found = Found::default();
            bench
                .traverser()
                .executions(&linear, window, &mut found)
                .await
                .unwrap();
            assert_eq!(found.refused.len(), usize::from(is_first), "{found:?}");
        }
        let reader = bench.reader();
        let coverage = reader
            .coverage(&account())
            .unwrap()
            .remove(&linear)
            .unwrap();
        let after = at(30).plus(GAP_SPAN);
        assert_eq!(
            coverage.windows(),
            [Window::new(at(10), at(30)), Window::new(after, at(100))]
        );
        let gaps = reader.gaps(Some(&account())).unwrap();
        assert_eq!(gaps.len(), 1, "{gaps:?}");
        assert_eq!(gaps[0].window, Window::new(at(30), after));
        let fills = reader.position_now(&account(), &linear).unwrap();
        assert_eq!(fills[0].quantity.to_string(), "2");
    }
}
