//! Orders and what took their place, made into legs.
//!
//! A chain follows `replaces` from order to order (Alpaca gives a replaced order a new id; Bybit amends
//! in place, which is one order). It is one leg however many orders it is made of. Its fills are the
//! facts; what its orders say of themselves is only used where the fills leave a question.

use crate::amount::Quantity;
use crate::cycle::Cycle;
use crate::execution::Side;
use crate::group::{FillFact, OrderFact};
use crate::id::{ClientOrderId, OrderId};
use crate::leg::{Leg, LegFill, Part, PlanSpan, Sum};
use crate::order::OrderStatus;
use crate::time::VenueTime;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

/// The orders of a book as chains: each order's root, following `replaces` as far as it is known.
pub(crate) fn roots(orders: &[OrderFact]) -> BTreeMap<OrderId, OrderId> {
    let replaces: BTreeMap<&OrderId, &OrderId> = orders
        .iter()
        .filter_map(|fact| Some((&fact.order.order_id, fact.order.replaces.as_ref()?)))
        .collect();
    let root_of = |id: &OrderId| {
        let mut seen = BTreeSet::from([id]);
        let mut root = id;
        while let Some(before) = replaces.get(root) {
            if !seen.insert(before) {
                break;
            }
            root = before;
        }
        root.clone()
    };
    orders
        .iter()
        .map(|fact| (fact.order.order_id.clone(), root_of(&fact.order.order_id)))
        .collect()
}

/// An order, those that took its place, and what they filled.
#[derive(Default)]
pub(crate) struct Chain<'a> {
    pub(crate) orders: Vec<&'a OrderFact>,
    pub(crate) fills: Vec<&'a FillFact>,
}

impl Chain<'_> {
    /// The leg that it is in a cycle, and which part that is of its plan; none where it has none.
    pub(crate) fn into_leg(
        mut self,
        root: OrderId,
        cycle: Option<&Cycle>,
        side: Side,
        span: PlanSpan,
        is_current: bool,
    ) -> Option<(Leg, Part)> {
        self.orders
            .sort_by_key(|fact| (fact.order.created_at, fact.order.order_id.clone()));
        self.fills.sort_by(|a, b| a.sequence.cmp(&b.sequence));
        let in_cycle = |fill: &FillFact| {
            let entry = fill.allocation.entry?;
            (Some(entry.ordinal) == cycle.map(|cycle| cycle.ordinal)).then_some(entry.quantity)
        };
        let fills: Vec<LegFill> = self
            .fills
            .iter()
            .filter_map(|fill| {
                Some(LegFill {
                    order_id: fill.order_id.clone()?,
                    at: fill.executed_at,
                    quantity: in_cycle(fill)?,
                    price: fill.price,
                    seen_at: fill.seen_at,
                    source: fill.source,
                    says_leaves: fill.leaves_quantity.is_some(),
                })
            })
            .collect();
        let newest = self.orders.last();
        let created_at = self
            .orders
            .first()
            .map(|fact| fact.order.created_at)
            .or_else(|| self.fills.first().map(|fill| fill.executed_at))?;
        let filled_anywhere = self
            .fills
            .iter()
            .any(|fill| fill.allocation.entry.is_some());
        let wanted = self.wanted();
        let completed_at = self.completed_at(wanted);
        // Fills are primary: an order that they completed is not open, however old its last look is.
        let is_open = completed_at.is_none()
            && newest.is_some_and(|fact| fact.order.status.is_open() && !fact.gone);
        let belongs = if filled_anywhere {
            !fills.is_empty() || (is_open && is_current && cycle.is_some())
        } else if is_open {
            // One that outlives the cycle in which it was placed belongs to the next plan as well.
            is_current || (cycle.is_some() && span.holds(created_at))
        } else {
            span.holds(created_at)
        };
        let is_from_before = span.after.is_some_and(|after| created_at <= after)
            && span.begins_before_end(created_at);
        let part = match (belongs, filled_anywhere) {
            (true, _) => Part::OfPlan,
            (false, false) if is_from_before => Part::FromBefore,
            (false, true) if span.holds(created_at) => Part::ForLater,
            (false, _) => return None,
        };
        let before: Quantity = self
            .fills
            .iter()
            .filter(|fill| in_cycle(fill).is_none())
            .filter_map(|fill| fill.allocation.entry)
            .map(|entry| entry.quantity)
            .sum();
        let filled: Quantity = fills.iter().map(|fill| fill.quantity).sum();
        let quantity = wanted.map_or(filled, |wanted| (wanted - before).max(filled));
        let leg = Leg {
            root,
            orders: self
                .orders
                .iter()
                .map(|fact| fact.order.order_id.clone())
                .collect(),
            client_order_ids: self.client_order_ids(),
            side,
            price: newest
                .and_then(|fact| fact.order.price)
                .or_else(|| fills.first().map(|fill| fill.price)),
            quantity,
            // What was completed by a fill of a later cycle was not completed in this one.
            completed_at: completed_at.filter(|at| fills.last().is_some_and(|fill| fill.at >= *at)),
            status: newest.map(|fact| fact.order.status.clone()),
            gone: newest.is_some_and(|fact| fact.gone),
            sum: self.sum(),
            closed: self
                .fills
                .iter()
                .filter_map(|fill| fill.allocation.exit)
                .map(|exit| exit.quantity)
                .sum(),
            may_continue_another: false,
            may_replace_another: false,
            may_be_replaced: false,
            created_at,
            updated_at: newest.map_or(created_at, |fact| fact.order.updated_at),
            checked_at: newest.map(|fact| fact.checked_at),
            fills,
        };
        Some((leg, part))
    }

    /// What its orders say that they filled, held against their rows: the worst of any order. The venue
    /// says what an order filled before it shows the rows, and rows come between two readings.
    fn sum(&self) -> Sum {
        let of_orders = self.orders.iter().map(|fact| {
            let own = Some(&fact.order.order_id);
            let rows = self.fills.iter();
            let rows = rows.filter(|fill| fill.order_id.as_ref() == own);
            let seen: Quantity = rows.map(|fill| fill.quantity).sum();
            match fact.order.filled_quantity.cmp(&seen) {
                Ordering::Equal => Sum::Agrees,
                Ordering::Less => Sum::Behind,
                Ordering::Greater => Sum::Ahead,
            }
        });
        let is_read = |id: &OrderId| self.orders.iter().any(|fact| &fact.order.order_id == id);
        let mut before = self
            .orders
            .iter()
            .filter_map(|fact| fact.order.replaces.as_ref());
        let unread = (!before.all(is_read)).then_some(Sum::Unread);
        of_orders.chain(unread).max().unwrap_or(Sum::Unread)
    }

    fn client_order_ids(&self) -> Vec<ClientOrderId> {
        let of_orders = self
            .orders
            .iter()
            .filter_map(|fact| fact.order.client_order_id.clone());
        let of_fills = self
            .fills
            .iter()
            .filter_map(|fill| fill.client_order_id.clone());
        let mut ids: Vec<ClientOrderId> = Vec::new();
        for id in of_orders.chain(of_fills) {
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
        ids
    }

    /// What the chain wants in all: what the orders before the newest filled, and the newest's quantity.
    fn wanted(&self) -> Option<Quantity> {
        let newest = self.orders.last()?;
        let before: Quantity = self
            .fills
            .iter()
            .filter(|fill| fill.order_id.as_ref() != Some(&newest.order.order_id))
            .map(|fill| fill.quantity)
            .sum();
        Some(before + newest.order.quantity?)
    }

    /// The fill that completed the chain: the one at which the sum reached what is wanted, or after
    /// which the venue says that nothing is left of the newest order.
    fn completed_at(&self, wanted: Option<Quantity>) -> Option<VenueTime> {
        let newest = self.orders.last().map(|fact| &fact.order.order_id);
        let total: Quantity = self.fills.iter().map(|fill| fill.quantity).sum();
        // More filled than it wanted when it was read: it was amended since.
        let wanted = wanted.filter(|wanted| wanted.is_positive() && total <= *wanted);
        let mut filled = Quantity::ZERO;
        for fill in &self.fills {
            filled += fill.quantity;
            let says_more = newest == fill.order_id.as_ref()
                && fill.leaves_quantity.is_some_and(Quantity::is_positive);
            let reached = wanted.is_some_and(|wanted| filled >= wanted) && !says_more;
            let nothing_left = fill.leaves_quantity.is_some_and(Quantity::is_zero)
                && (newest.is_none() || newest == fill.order_id.as_ref());
            if reached || nothing_left {
                return Some(fill.executed_at);
            }
        }
        let all_but_said = self.orders.last().is_some_and(|fact| {
            fact.order.status == OrderStatus::Filled && fact.order.quantity.is_none()
        });
        all_but_said
            .then(|| self.fills.last().map(|fill| fill.executed_at))
            .flatten()
    }
}
