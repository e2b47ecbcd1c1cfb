//! The events of orders that drive a book; those that make rows are beside, in `trades`.
//!
//! Promise: each event is one locked step, so a reader sees the order, its rows and the position change together, and
//! a stream hears of the events in their order.

use rust_decimal::Decimal;
use serde_json::Map;

use super::news::NewsKind;
use super::order::{Category, Change, NewOrder, Order, OrderStatus};
use super::{Book, BookError, Habit, State};

impl Book {
    /// Places an order and answers its id.
    ///
    /// # Errors
    /// Unknown account, id that is taken, amounts that are no positive numbers, a time in the future.
    pub fn place_order(&self, account: &str, order: NewOrder) -> Result<String, BookError> {
        let at_ms = self.time(order.at_ms)?;
        let mut state = self.lock();
        let placed = self.place(&mut state, account, order, at_ms)?;
        let (id, at_us) = (placed.id.clone(), placed.created_us);
        self.tell_order(&state, NewsKind::Placed, placed, at_us);
        Ok(id)
    }

    fn place(
        &self,
        state: &mut State,
        account: &str,
        order: NewOrder,
        at_ms: i64,
    ) -> Result<Order, BookError> {
        let State {
            ids,
            accounts,
            owners,
            ..
        } = state;
        let book = accounts
            .get_mut(account)
            .ok_or_else(|| BookError::UnknownAccount(account.to_owned()))?;
        let id = match order.id {
            Some(id) => id,
            None if order.category == Category::Spot => ids.decimal("order", account),
            None => ids.uuid("order", account),
        };
        if owners.contains_key(&id) {
            return Err(BookError::DuplicateOrder(id));
        }
        let client_order_id = match (order.client_order_id, self.habit) {
            (Some(given), _) => given,
            (None, Habit::Bybit) => String::new(),
            (None, Habit::Alpaca) => ids.uuid("client", account),
        };
        let created_us = at_ms * 1000 + i64::from(order.plus_us);
        let number = book.orders.len();
        let status = if order.kind.waits_for_trigger() {
            OrderStatus::Untriggered
        } else {
            OrderStatus::New
        };
        let placed = Order {
            id: id.clone(),
            account: account.to_owned(),
            client_order_id,
            symbol: order.symbol,
            category: order.category,
            side: order.side,
            kind: order.kind,
            status,
            qty: positive("quantity", &order.qty)?,
            filled_qty: Decimal::ZERO,
            filled_value: Decimal::ZERO,
            fees: Decimal::ZERO,
            price: order
                .price
                .as_deref()
                .map(|text| positive("price", text))
                .transpose()?,
            trigger_price: order
                .trigger_price
                .as_deref()
                .map(|text| positive("trigger price", text))
                .transpose()?,
            reduce_only: order.reduce_only,
            position_idx: order.position_idx,
            time_in_force: order.time_in_force,
            reject_reason: None,
            created_us,
            updated_us: created_us,
            filled_us: None,
            ended_us: None,
            replaces: None,
            replaced_by: None,
            visible_at_ms: order.visible_at_ms.unwrap_or(at_ms),
            number,
            extra: order.extra,
        };
        owners.insert(id, (account.to_owned(), number));
        book.orders.push(placed.clone());
        Ok(placed)
    }

    /// Takes an order back; a waiting stop is deactivated. What was executed stays.
    ///
    /// # Errors
    /// Unknown or closed order, a time in the future.
    pub fn cancel(&self, order_id: &str, at_ms: Option<i64>) -> Result<(), BookError> {
        let waiting = self
            .order(order_id)
            .is_some_and(|order| order.status == OrderStatus::Untriggered);
        self.end(
            order_id,
            if waiting {
                OrderStatus::Deactivated
            } else {
                OrderStatus::Cancelled
            },
            None,
            at_ms,
        )
    }

    /// Ends an order by its time in force.
    ///
    /// # Errors
    /// Unknown or closed order, a time in the future.
    pub fn expire(&self, order_id: &str, at_ms: Option<i64>) -> Result<(), BookError> {
        self.end(order_id, OrderStatus::Expired, None, at_ms)
    }

    /// Rejects an order, with the venue's reason (`EC_PostOnlyWillTakeLiquidity`).
    ///
    /// # Errors
    /// Unknown or closed order, a time in the future.
    pub fn reject(
        &self,
        order_id: &str,
        reason: &str,
        at_ms: Option<i64>,
    ) -> Result<(), BookError> {
        self.end(order_id, OrderStatus::Rejected, Some(reason), at_ms)
    }

    /// Triggers a waiting stop.
    ///
    /// # Errors
    /// Unknown or closed order, a time in the future.
    pub fn trigger(&self, order_id: &str, at_ms: Option<i64>) -> Result<(), BookError> {
        let at_us = self.time(at_ms)? * 1000;
        let mut state = self.lock();
        let order = open_order(&mut state, order_id)?;
        order.status = OrderStatus::New;
        order.updated_us = order.updated_us.max(at_us);
        let order = order.clone();
        self.tell_order(&state, NewsKind::Triggered, order, at_us);
        Ok(())
    }

    /// Changes an order in place, as Bybit does: the id stays.
    ///
    /// # Errors
    /// Unknown or closed order, amounts that are no positive numbers, a time in the future. A quantity below what is
    /// executed is an [`BookError::Overfill`].
    pub fn amend(&self, order_id: &str, change: Change) -> Result<(), BookError> {
        let at_us = self.time(change.at_ms)? * 1000;
        let mut state = self.lock();
        let order = open_order(&mut state, order_id)?;
        if let Some(text) = change.qty.as_deref() {
            let qty = positive("quantity", text)?;
            if qty <= order.filled_qty {
                return Err(BookError::Overfill {
                    id: order.id.clone(),
                    leaves: qty,
                    qty: order.filled_qty,
                });
            }
            order.qty = qty;
        }
        if let Some(text) = change.price.as_deref() {
            order.price = Some(positive("price", text)?);
        }
        order.updated_us = order.updated_us.max(at_us);
        let order = order.clone();
        self.tell_order(&state, NewsKind::Amended, order, at_us);
        Ok(())
    }

    /// Replaces an order, as Alpaca does: the old one ends as replaced and keeps its fills, the new one has its own id,
    /// which is answered.
    ///
    /// # Errors
    /// Unknown or closed order, amounts that are no positive numbers, a time in the future.
    pub fn replace(&self, order_id: &str, change: Change) -> Result<String, BookError> {
        let at_ms = self.time(change.at_ms)?;
        let mut state = self.lock();
        let old = open_order(&mut state, order_id)?.clone();
        let successor = NewOrder {
            symbol: old.symbol.clone(),
            category: old.category,
            side: old.side,
            kind: old.kind,
            qty: change.qty.unwrap_or_else(|| old.leaves_qty().to_string()),
            price: change
                .price
                .or_else(|| old.price.map(|price| price.to_string())),
            trigger_price: old.trigger_price.map(|price| price.to_string()),
            client_order_id: change.client_order_id,
            reduce_only: old.reduce_only,
            position_idx: old.position_idx,
            time_in_force: old.time_in_force.clone(),
            id: None,
            at_ms: Some(at_ms),
            plus_us: 0,
            visible_at_ms: None,
            extra: Map::new(),
        };
        let placed = self.place(&mut state, &old.account, successor, at_ms)?;
        end_order(
            &mut state,
            order_id,
            OrderStatus::Replaced,
            None,
            at_ms * 1000,
        )?;
        let mut old = old;
        if let Some(order) = state.order_mut(order_id) {
            order.replaced_by = Some(placed.id.clone());
            old = order.clone();
        }
        let mut successor = placed;
        if let Some(order) = state.order_mut(&successor.id) {
            order.replaces = Some(order_id.to_owned());
            successor = order.clone();
        }
        let id = successor.id.clone();
        self.tell_order(&state, NewsKind::Ended, old, at_ms * 1000);
        self.tell_order(&state, NewsKind::Placed, successor, at_ms * 1000);
        Ok(id)
    }

    fn end(
        &self,
        id: &str,
        status: OrderStatus,
        reason: Option<&str>,
        at_ms: Option<i64>,
    ) -> Result<(), BookError> {
        let at_us = self.time(at_ms)? * 1000;
        let mut state = self.lock();
        let order = end_order(&mut state, id, status, reason, at_us)?;
        self.tell_order(&state, NewsKind::Ended, order, at_us);
        Ok(())
    }

    pub(super) fn time(&self, at_ms: Option<i64>) -> Result<i64, BookError> {
        let now_ms = self.clock.now_ms();
        match at_ms {
            Some(at_ms) if at_ms > now_ms => Err(BookError::InFuture { at_ms, now_ms }),
            Some(at_ms) => Ok(at_ms),
            None => Ok(now_ms),
        }
    }
}

impl State {
    pub(crate) fn order_mut(&mut self, id: &str) -> Option<&mut Order> {
        let (account, number) = self.owners.get(id)?;
        self.accounts.get_mut(account)?.orders.get_mut(*number)
    }
}

fn end_order(
    state: &mut State,
    id: &str,
    status: OrderStatus,
    reason: Option<&str>,
    at_us: i64,
) -> Result<Order, BookError> {
    let order = open_order(state, id)?;
    order.status = status;
    order.reject_reason = reason.map(str::to_owned);
    order.ended_us = Some(at_us);
    order.updated_us = order.updated_us.max(at_us);
    Ok(order.clone())
}

pub(super) fn open_order<'a>(state: &'a mut State, id: &str) -> Result<&'a mut Order, BookError> {
    let order = state
        .order_mut(id)
        .ok_or_else(|| BookError::UnknownOrder(id.to_owned()))?;
    if !order.status.is_open() {
        return Err(BookError::OrderClosed {
            id: order.id.clone(),
            status: order.status,
        });
    }
    Ok(order)
}

pub(super) fn number(field: &'static str, text: &str) -> Result<Decimal, BookError> {
    Decimal::from_str_exact(text).map_err(|_| BookError::BadNumber {
        field,
        text: text.to_owned(),
    })
}

pub(super) fn positive(field: &'static str, text: &str) -> Result<Decimal, BookError> {
    match number(field, text)? {
        value if value > Decimal::ZERO => Ok(value),
        _ => Err(BookError::BadNumber {
            field,
            text: text.to_owned(),
        }),
    }
}
