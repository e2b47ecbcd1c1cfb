//! What a book tells the streams: one piece of news for each event, with everything that a message needs.
//!
//! Promise: news leave in the order of the events, because they are sent under the book's lock; they carry copies, so
//! a message tells what was so at its event and not what became of it. Deliberately absent: a history; who listens
//! later hears nothing of before, as at both venues.

use std::sync::Arc;

use rust_decimal::Decimal;

use super::execution::Execution;
use super::order::Order;
use super::{Book, State};

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NewsKind {
    /// An order was placed.
    Placed,
    /// A waiting order was triggered.
    Triggered,
    /// An order was changed in place.
    Amended,
    /// An order was executed.
    Filled,
    /// A row without an order of the book: funding, a liquidation, a settlement.
    Row,
    /// An order ended: taken back, expired, rejected or replaced.
    Ended,
    /// An execution was taken back.
    Busted,
    /// An execution was corrected.
    Corrected,
}

/// One event.
#[derive(Clone, Debug)]
pub(crate) struct News {
    pub(crate) kind: NewsKind,
    pub(crate) account: String,
    /// The order after the event.
    pub(crate) order: Option<Order>,
    /// The row of the event.
    pub(crate) execution: Option<Execution>,
    /// The signed size of the position after the event, both legs together.
    pub(crate) position: Decimal,
    /// Time of the event, Unix microseconds.
    pub(crate) at_us: i64,
}

impl Book {
    /// Tells an event of an order; `state` is the lock that the event holds.
    pub(super) fn tell_order(&self, state: &State, kind: NewsKind, order: Order, at_us: i64) {
        self.tell(state, kind, Some(order), None, at_us);
    }

    pub(super) fn tell(
        &self,
        state: &State,
        kind: NewsKind,
        order: Option<Order>,
        execution: Option<Execution>,
        at_us: i64,
    ) {
        let named = order
            .as_ref()
            .map(|order| (&order.account, &order.symbol))
            .or_else(|| execution.as_ref().map(|row| (&row.account, &row.symbol)));
        let Some((account, symbol)) = named else {
            return;
        };
        let positions = state.accounts.get(account).map(|book| &book.positions);
        let position = positions
            .into_iter()
            .flat_map(|positions| positions.values())
            .filter(|position| position.symbol == *symbol)
            .map(|position| position.size)
            .sum();
        let news = News {
            kind,
            account: account.clone(),
            order,
            execution,
            position,
            at_us,
        };
        // Nobody listens: nothing is lost, for streams have no memory.
        let _ = self.news.send(Arc::new(news));
    }
}
