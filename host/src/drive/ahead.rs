//! Orders of which the venue says that more filled than its executions show.
//!
//! Venues tell an order's status before its fills, and now and then lose a row. The rows of such an
//! order are asked for one order at a time, less and less often. When they do not come for long enough,
//! and all of the order's life is proven, the order's own sum stands in for them: a
//! fill that the operator must know of is not kept back for ever, and gives way to the real rows as they
//! come (`Relation::StandsIn`). Until then nothing is claimed of the order: what filled before coverage
//! begins, or in a gap, would look like a fresh fill.

use crate::drive::found::Found;
use crate::drive::traverse::{TraverseError, Traverser};
use fillsync_core::backoff::Backoff;
use fillsync_core::coverage::Coverage;
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
        let (orders, coverage) = self.listed(traverser, category).await?;
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
                && is_life_proven(&order, &coverage);
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

    /// The orders that are ahead, and what is proven; what was asked of others is forgotten.
    async fn listed(
        &mut self,
        traverser: &Traverser<'_>,
        category: &Category,
    ) -> Result<(Vec<OrderAhead>, Coverage), TraverseError> {
        let (account, wanted) = (traverser.venue.account().clone(), category.clone());
        let (orders, coverage) = traverser
            .ledger
            .read(move |reader| {
                let coverage = reader.coverage(&account)?.remove(&wanted);
                let orders = reader.orders_ahead(&account, &wanted)?;
                Ok((orders, coverage.unwrap_or_default()))
            })
            .await?;
        self.asked.retain(|(of, symbol, order_id), _| {
            of != category
                || orders
                    .iter()
                    .any(|order| order.market.symbol == *symbol && order.order_id == *order_id)
        });
        Ok((orders, coverage))
    }
}

/// Whether executions are proven complete from when the venue took the order to its last change. Only
/// then does a row that is not there exist nowhere; otherwise it may lie before coverage begins, and is
/// no fresh fill.
fn is_life_proven(order: &OrderAhead, coverage: &Coverage) -> bool {
    coverage.windows().iter().any(|window| {
        window.from <= order.created_at
            && order.created_at <= window.to
            && order.updated_at <= window.to
    })
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use crate::drive::bench::{Bench, at, category, order};
    use crate::drive::look_ups::LookUps;
    use fillsync_core::amount::Quantity;
    use fillsync_core::coverage::Window;

    /// Asks for an order of this age in vain until its sum is due; coverage begins at 10.
    async fn stood_in_for(created: i64) -> usize {
        let bench = Bench::new(&["linear"]);
        let linear = category("linear");
        let mut half_filled = order("linear", "o1", created);
        half_filled.filled_quantity = Quantity::parse("2").unwrap();
        half_filled.updated_at = at(50);
        bench.venue.answers.lock().unwrap().open.push(half_filled);
        let traverser = bench.traverser();
        let mut found = Found::default();
        traverser
            .executions(&linear, Window::new(at(10), at(100)), &mut found)
            .await
            .unwrap();
        traverser
            .orders(&linear, &mut found, &mut LookUps::default())
            .await
            .unwrap();
        let mut ahead = Ahead::default();
        let mut stood_in = 0;
        for _ in 0..=TRIES_MIN {
            for asked in ahead.asked.values_mut() {
                asked.next = Instant::now();
            }
            let new = ahead
                .catch_up(
                    &traverser,
                    &linear,
                    at(100),
                    Duration::from_secs(1),
                    &mut found,
                )
                .await
                .unwrap();
            stood_in += new.len();
        }
        stood_in
    }

    #[tokio::test]
    async fn a_sum_stands_in_only_where_the_whole_life_of_its_order_is_proven() {
        assert_eq!(stood_in_for(20).await, 1);
        assert_eq!(stood_in_for(5).await, 0, "an old partial fill looks fresh");
    }
}
