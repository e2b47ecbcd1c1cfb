//! Orders that ended, read only where a claim rests on them.
//!
//! That an account has no order is not seen from its open orders and its executions: an order that came
//! and filled between two looks, and whose rows the venue lists late, is in neither. So before anything is
//! called missing, the ended orders are read, after the open ones and in the same round. What they tell is
//! recorded like any order; one that filled more than rows show then goes the way of `ahead.rs`. Nothing is
//! asked while nobody needs it.

use crate::drive::found::Found;
use crate::drive::traverse::{Pager, TraverseError, Traverser};
use fillsync_core::id::Category;
use fillsync_core::port::VenueError;
use fillsync_core::time::VenueTime;
use std::time::Duration;

/// How far back ended orders are read: venues keep those without fills for no longer.
const LOOK_BACK: Duration = Duration::from_hours(24);
/// So far before the last reading the next one begins, because the lists of ended orders may lag.
const OVERLAP: Duration = Duration::from_secs(600);
/// Pages of one reading: 10,000 orders at Bybit.
const PAGES_MAX: u32 = 200;

/// Whether a reading of ended orders came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClosedRead {
    /// All of them are recorded.
    Whole,
    /// Not all could be read, and trying again at once would not help.
    Unfinished,
}

/// Reads the orders that ended since the last such reading, or since the data begin. `listed_at` is when
/// the open orders were read before it: up to then every order is known afterwards.
///
/// # Errors
/// When a page did not come: nothing is claimed then.
pub async fn read(
    traverser: &Traverser<'_>,
    category: &Category,
    data_begin: VenueTime,
    listed_at: VenueTime,
    found: &mut Found,
) -> Result<ClosedRead, TraverseError> {
    let (account, asked) = (traverser.venue.account().clone(), category.clone());
    let before = traverser
        .ledger
        .read(move |reader| Ok(reader.closed_checked(&account)?.remove(&asked)))
        .await?;
    let since = before
        .map_or(VenueTime::EPOCH, |before| before.minus(OVERLAP))
        .max(listed_at.minus(LOOK_BACK))
        .max(data_begin);
    let mut record = traverser.blank(category);
    let mut pager = Pager::default();
    let outcome = loop {
        let answer = traverser
            .venue
            .closed_orders(category, since, pager.cursor())
            .await;
        let page = match answer {
            Ok(page) => page,
            Err(VenueError::Rejected { what }) => break Err(what),
            Err(error) => return Err(error.into()),
        };
        record.orders.extend(page.rows);
        record.unreadable.extend(page.unreadable);
        if page.next.is_none() {
            break match record.unreadable.first() {
                None => Ok(()),
                Some(row) => Err(format!("an ended order cannot be read: {}", row.reason)),
            };
        }
        if let Err(why) = pager.turn(page.next, PAGES_MAX) {
            break Err(why);
        }
    };
    // What ended before the data begin has no rows here, and must not look as if it lacked them.
    record.orders.retain(|order| order.updated_at >= since);
    record.seen_at = traverser.clock.now();
    record.closed_checked = outcome.is_ok().then_some(listed_at);
    found.add(traverser.ledger.record(record).await?);
    match outcome {
        Ok(()) => Ok(ClosedRead::Whole),
        Err(why) => {
            tracing::warn!(event = "closed_orders_unread", account = %traverser.venue.account(), %category, %why,
                "the orders that ended could not all be read, so nothing is called missing");
            Ok(ClosedRead::Unfinished)
        }
    }
}
