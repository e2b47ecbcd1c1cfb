//! The events that drive a book.
//!
//! Promise: each event is one locked step, so a reader sees the order, its rows and the position change together.

use rust_decimal::Decimal;
use serde_json::Map;

use super::execution::{Execution, ExecutionKind, Fill, NewRow, OrderAtFill, RowKey};
use super::order::{Category, Change, NewOrder, Order, OrderStatus, Side};
use super::position::{Position, PositionKey};
use super::{AccountBook, Book, BookError, Habit, State};
use crate::ids::digest_u64;
use crate::symbols;

impl Book {
    /// Places an order and answers its id.
    ///
    /// # Errors
    /// Unknown account, id that is taken, amounts that are no positive numbers, a time in the future.
    pub fn place_order(&self, account: &str, order: NewOrder) -> Result<String, BookError> {
        let at_ms = self.time(order.at_ms)?;
        let mut state = self.lock();
        let State {
            ids,
            accounts,
            owners,
            ..
        } = &mut *state;
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
        book.orders.push(Order {
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
        });
        owners.insert(id.clone(), (account.to_owned(), number));
        Ok(id)
    }

    /// Executes a part or all of an order and answers the execution's id. A waiting stop is triggered first.
    ///
    /// # Errors
    /// Unknown or closed order, more than is left, amounts that are no positive numbers, a time in the future.
    pub fn fill(&self, order_id: &str, fill: Fill) -> Result<String, BookError> {
        let at_ms = self.time(fill.at_ms)?;
        let at_us = at_ms * 1000 + i64::from(fill.plus_us);
        let qty = positive("quantity", &fill.qty)?;
        let price = positive("price", &fill.price)?;
        let given_fee = fill
            .fee
            .as_deref()
            .map(|text| number("fee", text))
            .transpose()?;
        let mut state = self.lock();
        let order = open_order(&mut state, order_id)?;
        if qty > order.leaves_qty() {
            return Err(BookError::Overfill {
                id: order.id.clone(),
                leaves: order.leaves_qty(),
                qty,
            });
        }
        let (fee, fee_rate, fee_currency) = self.fee(order, &fill, given_fee, qty, price);
        order.filled_qty += qty;
        order.filled_value += qty * price;
        order.fees += fee;
        order.updated_us = order.updated_us.max(at_us);
        order.status = OrderStatus::PartiallyFilled;
        if order.leaves_qty().is_zero() {
            order.status = OrderStatus::Filled;
            order.filled_us = Some(at_us);
        }
        let order = order.clone();
        let id = fill.id.unwrap_or_else(|| match order.category {
            Category::Spot => state.ids.decimal("execution", &order.account),
            _ => state.ids.uuid("execution", &order.account),
        });
        let at_fill = OrderAtFill {
            kind: order.kind,
            qty: order.qty,
            price: order.price.unwrap_or(price),
            leaves_qty: order.leaves_qty(),
            cum_qty: order.filled_qty,
        };
        let execution = Execution {
            id: id.clone(),
            account: order.account,
            kind: ExecutionKind::Trade,
            order_id: order.id,
            client_order_id: order.client_order_id,
            symbol: order.symbol,
            category: order.category,
            side: order.side,
            qty,
            price,
            fee,
            fee_currency,
            fee_rate,
            is_maker: fill.is_maker,
            order: Some(at_fill),
            closed_qty: Decimal::ZERO,
            is_short_sale: false,
            at_us,
            visible_at_ms: fill.visible_at_ms.unwrap_or(at_ms),
            sequence: 0,
            extra: fill.extra,
        };
        state.record(execution, order.position_idx);
        Ok(id)
    }

    /// Adds a row that belongs to no order of the book (funding, ADL, settlement, fees, unknown kinds) and answers its
    /// id. Venue closes move the position.
    ///
    /// # Errors
    /// Unknown account, amounts that are no numbers, a time in the future.
    pub fn add_row(&self, account: &str, row: NewRow) -> Result<String, BookError> {
        let at_ms = self.time(row.at_ms)?;
        let (qty, price) = (number("quantity", &row.qty)?, number("price", &row.price)?);
        let fee = number("fee", &row.fee)?;
        let mut state = self.lock();
        if !state.accounts.contains_key(account) {
            return Err(BookError::UnknownAccount(account.to_owned()));
        }
        let id = row.id.unwrap_or_else(|| state.ids.uuid("row", account));
        let order_id = row
            .order_id
            .unwrap_or_else(|| state.ids.uuid("row-order", account));
        let execution = Execution {
            id: id.clone(),
            account: account.to_owned(),
            kind: row.kind,
            order_id,
            client_order_id: String::new(),
            fee_currency: symbols::settle_coin(row.category, &row.symbol).to_owned(),
            symbol: row.symbol,
            category: row.category,
            side: row.side,
            qty,
            price,
            fee,
            fee_rate: fee.checked_div(qty * price).unwrap_or_default().round_dp(8),
            is_maker: false,
            order: None,
            closed_qty: Decimal::ZERO,
            is_short_sale: false,
            at_us: at_ms * 1000,
            visible_at_ms: row.visible_at_ms.unwrap_or(at_ms),
            sequence: 0,
            extra: row.extra,
        };
        state.record(execution, row.position_idx);
        Ok(id)
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
        Ok(())
    }

    /// Replaces an order, as Alpaca does: the old one ends as replaced and keeps its fills, the new one has its own id,
    /// which is answered.
    ///
    /// # Errors
    /// Unknown or closed order, amounts that are no positive numbers, a time in the future.
    pub fn replace(&self, order_id: &str, change: Change) -> Result<String, BookError> {
        let at_ms = self.time(change.at_ms)?;
        let old = self
            .order(order_id)
            .ok_or_else(|| BookError::UnknownOrder(order_id.to_owned()))?;
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
        self.end(order_id, OrderStatus::Replaced, None, Some(at_ms))?;
        let id = self.place_order(&old.account, successor)?;
        let mut state = self.lock();
        if let Some(order) = state.order_mut(order_id) {
            order.replaced_by = Some(id.clone());
        }
        if let Some(order) = state.order_mut(&id) {
            order.replaces = Some(order_id.to_owned());
        }
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
        let order = open_order(&mut state, id)?;
        order.status = status;
        order.reject_reason = reason.map(str::to_owned);
        order.ended_us = Some(at_us);
        order.updated_us = order.updated_us.max(at_us);
        Ok(())
    }

    fn time(&self, at_ms: Option<i64>) -> Result<i64, BookError> {
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

    fn record(&mut self, mut execution: Execution, position_idx: u8) {
        self.sequence += 1;
        execution.sequence = self.sequence;
        if execution.kind.moves_position() {
            self.last_prices
                .insert(execution.symbol.clone(), execution.price);
        }
        let book: &mut AccountBook = self.accounts.entry(execution.account.clone()).or_default();
        if execution.kind.moves_position() {
            let key = PositionKey {
                category: execution.category,
                symbol: execution.symbol.clone(),
                position_idx,
            };
            let at_ms = execution.at_us / 1000;
            let position = book
                .positions
                .entry(key.clone())
                .or_insert_with(|| Position::flat(&key, at_ms));
            execution.is_short_sale =
                execution.side == Side::Sell && position.size <= Decimal::ZERO;
            execution.closed_qty =
                position.apply(execution.side, execution.qty, execution.price, at_ms);
        }
        let key = RowKey {
            at_us: execution.at_us,
            tie: digest_u64(&execution.id),
            sequence: execution.sequence,
        };
        book.keys_by_sequence.insert(execution.sequence, key);
        book.executions.insert(key, execution);
    }
}

fn open_order<'a>(state: &'a mut State, id: &str) -> Result<&'a mut Order, BookError> {
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

fn number(field: &'static str, text: &str) -> Result<Decimal, BookError> {
    Decimal::from_str_exact(text).map_err(|_| BookError::BadNumber {
        field,
        text: text.to_owned(),
    })
}

fn positive(field: &'static str, text: &str) -> Result<Decimal, BookError> {
    match number(field, text)? {
        value if value > Decimal::ZERO => Ok(value),
        _ => Err(BookError::BadNumber {
            field,
            text: text.to_owned(),
        }),
    }
}
