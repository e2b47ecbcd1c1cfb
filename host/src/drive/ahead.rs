//! Orders of which the venue says that more filled than its executions show.
//!
//! Venues tell an order's status before its fills, and now and then lose a row. The rows of such an
//! order are asked for one order at a time, less and less often. When they do not come for long enough,
//! and what is proven reaches past the order's last change, the order's own sum stands in for them: a
//! fill that the operator must know of is not kept back for ever, and gives way to the real rows as they
//! come (`Relation::StandsIn`). Until then nothing is claimed of the order.

use crate::drive::found::Found;
use crate::drive::traverse::{TraverseError, Traverser};
use fillsync_core::backoff::Backoff;
use fillsync_core::id::{Category, OrderId, Symbol};
use fillsync_core::port::VenueError;
use fillsync_core::time::VenueTime;
use fillsync_ledger::{Inferred, LedgerError, NewExecution, OrderAhead};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

/// Orders whose rows are asked for in one round.
const ASKED_PER_ROUND_MAX: usize = 10;
/// How often rows must have been asked for in vain before the order's sum is taken.
const TRIES_MIN: u32 = 2;
/// From one question to the next.
const BACKOFF: Backoff = Backoff {
    base: Duration::from_millis(500),
    ceiling: Duration::from_secs(300),
};

/// What was asked before; nothing of it is needed after a restart.
#[derive(Debug, Default)]
pub struct Ahead {
    asked: BTreeMap<(Category, Symbol, OrderId), Asked>,
}

#[derive(Debug)]
struct Asked {
    tries: u32,
    next: Instant,
}

impl Ahead {
    /// Asks for the rows of orders that are ahead of them, and lets sums stand in where that is due.
    /// The answer is what now stands in.
    ///
    /// # Errors
    /// When the venue or the ledger did not answer; what came before is recorded.
    pub async fn catch_up(
        &mut self,
        traverser: &Traverser<'_>,
        category: &Category,
        now: VenueTime,
        infer_after: Duration,
        found: &mut Found,
    ) -> Result<Vec<NewExecution>, TraverseError> {
        let orders = self.listed(traverser, category).await?;
        let mut stood_in = Vec::new();
        let mut failure = None;
        let mut questions = 0;
        for order in orders {
            let key = (
                category.clone(),
                order.market.symbol.clone(),
                order.order_id.clone(),
            );
            let asked = self.asked.entry(key).or_insert_with(|| Asked {
                tries: 0,
                next: Instant::now(),
            });
            let is_overdue = asked.tries >= TRIES_MIN
                && order.updated_at.plus(infer_after) <= now
                && found.coverage_to.is_some_and(|to| to >= order.updated_at);
            if is_overdue {
                match infer(traverser, category, &order, found).await {
                    Ok(new) => stood_in.extend(new),
                    // It costs this order its sum, and nothing else.
                    Err(TraverseError::Ledger(LedgerError::Rejected { what })) => {
                        found.unread_orders.push((order.order_id.clone(), what));
                    }
                    Err(error) => return Err(error),
                }
            }
            if asked.next > Instant::now() || questions >= ASKED_PER_ROUND_MAX {
                continue;
            }
            questions += 1;
            asked.tries = asked.tries.saturating_add(1);
            asked.next = Instant::now() + BACKOFF.after(asked.tries, 0);
            let (symbol, order_id) = (&order.market.symbol, &order.order_id);
            match traverser
                .executions_of(category, symbol, order_id, found)
                .await
            {
                Ok(()) => {}
                // One order that cannot be read does not keep the others from being found.
                Err(TraverseError::Venue(error @ VenueError::Rejected { .. })) => {
                    failure = Some(error);
                }
                Err(error) => return Err(error),
            }
        }
        failure.map_or(Ok(stood_in), |error| Err(error.into()))
    }

    /// The orders that are ahead; what was asked of others is forgotten.
    async fn listed(
        &mut self,
        traverser: &Traverser<'_>,
        category: &Category,
    ) -> Result<Vec<OrderAhead>, TraverseError> {
        let (account, wanted) = (traverser.venue.account().clone(), category.clone());
        let orders = traverser
            .ledger
            .read(move |reader| reader.orders_ahead(&account, &wanted))
            .await?;
        self.asked.retain(|(of, symbol, order_id), _| {
            of != category
                || orders
                    .iter()
                    .any(|order| order.market.symbol == *symbol && order.order_id == *order_id)
        });
        Ok(orders)
    }
}

async fn infer(
    traverser: &Traverser<'_>,
    category: &Category,
    order: &OrderAhead,
    found: &mut Found,
) -> Result<Option<NewExecution>, TraverseError> {
    let inferred = traverser
        .ledger
        .infer(
            traverser.venue.account().clone(),
            category.clone(),
            order.market.symbol.clone(),
            order.order_id.clone(),
            traverser.clock.now(),
        )
        .await?;
    match inferred {
        Inferred::StoodIn(new) => {
            found.markets.insert(order.market.clone());
            Ok(Some(*new))
        }
        // Rows came meanwhile; or the order is read again by the next list of orders.
        Inferred::Enough | Inferred::NotStored | Inferred::NoPrice => Ok(None),
    }
}
