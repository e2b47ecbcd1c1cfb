//! The events that make rows of the execution list: fills, self-matches, funding and the like, busts, corrections.
//!
//! Promise: a row is never changed by what comes later. A bust and a correction are rows of their own that name the
//! one they mean; the order's sums and the position follow them at once, as the venue's do.

use rust_decimal::Decimal;

use super::events::{number, open_order, positive};
use super::execution::{
    Correction, Execution, ExecutionKind, Fill, NewRow, OrderAtFill, Revision, RowKey, SelfMatchIds,
};
use super::news::NewsKind;
use super::order::{Category, Order, OrderStatus, Side};
use super::position::{Position, PositionKey};
use super::{AccountBook, Book, BookError, State};
use crate::ids::digest_u64;
use crate::symbols;

impl Book {
    /// Executes a part or all of an order and answers the execution's id. A waiting stop is triggered first.
    ///
    /// # Errors
    /// Unknown or closed order, more than is left, amounts that are no positive numbers, a time in the future.
    pub fn fill(&self, order_id: &str, fill: Fill) -> Result<String, BookError> {
        let at_ms = self.time(fill.at_ms)?;
        let mut state = self.lock();
        let (order, execution) = self.execute(&mut state, order_id, fill, at_ms)?;
        let (id, at_us) = (execution.id.clone(), execution.at_us);
        self.tell(
            &state,
            NewsKind::Filled,
            Some(order),
            Some(execution),
            at_us,
        );
        Ok(id)
    }

    /// Two of the book's own orders trade with each other: one trade, one row on each side, with the same `seq`.
    /// The buy is the taker unless `fill` says otherwise. Answers the ids of both rows, the buy's first.
    ///
    /// # Errors
    /// As [`Book::fill`] for either order, and [`BookError::NoMatch`]; nothing happens then.
    pub fn self_match(
        &self,
        buy: &str,
        sell: &str,
        fill: Fill,
        ids: SelfMatchIds,
    ) -> Result<(String, String), BookError> {
        let at_ms = self.time(fill.at_ms)?;
        let qty = positive("quantity", &fill.qty)?;
        let mut state = self.lock();
        // Both are looked at before either changes: half a trade cannot happen.
        let mut sides = Vec::with_capacity(2);
        for id in [buy, sell] {
            let order = open_order(&mut state, id)?;
            check_leaves(order, qty)?;
            sides.push((order.side, order.symbol.clone(), order.category));
        }
        let fits = matches!(
            sides.as_slice(),
            [(Side::Buy, symbol, category), (Side::Sell, other, also)]
                if symbol == other && category == also
        );
        if !fits {
            return Err(BookError::NoMatch {
                buy: buy.to_owned(),
                sell: sell.to_owned(),
            });
        }
        let (order, row) = self.execute(&mut state, buy, fill.clone(), at_ms)?;
        let mut other = fill;
        other.is_maker = !other.is_maker;
        if ids == SelfMatchIds::Same {
            other.id = Some(row.id.clone());
        } else {
            other.id = None;
        }
        other
            .extra
            .entry("seq")
            .or_insert_with(|| row.sequence.into());
        if self.habit == super::Habit::Alpaca {
            other.extra.remove("seq");
        }
        let bought = row.id.clone();
        let at_us = row.at_us;
        self.tell(&state, NewsKind::Filled, Some(order), Some(row), at_us);
        let (order, row) = self.execute(&mut state, sell, other, at_ms)?;
        let sold = row.id.clone();
        self.tell(&state, NewsKind::Filled, Some(order), Some(row), at_us);
        Ok((bought, sold))
    }

    fn execute(
        &self,
        state: &mut State,
        order_id: &str,
        fill: Fill,
        at_ms: i64,
    ) -> Result<(Order, Execution), BookError> {
        let at_us = at_ms * 1000 + i64::from(fill.plus_us);
        let qty = positive("quantity", &fill.qty)?;
        let price = positive("price", &fill.price)?;
        let given_fee = fill
            .fee
            .as_deref()
            .map(|text| number("fee", text))
            .transpose()?;
        let order = open_order(state, order_id)?;
        check_leaves(order, qty)?;
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
            id,
            account: order.account.clone(),
            kind: ExecutionKind::Trade,
            order_id: order.id.clone(),
            client_order_id: order.client_order_id.clone(),
            symbol: order.symbol.clone(),
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
            revision: None,
            is_revised: false,
            extra: fill.extra,
        };
        let execution = state.record(execution, order.position_idx);
        Ok((order, execution))
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
            revision: None,
            is_revised: false,
            extra: row.extra,
        };
        let execution = state.record(execution, row.position_idx);
        let at_us = execution.at_us;
        self.tell(&state, NewsKind::Row, None, Some(execution), at_us);
        Ok(id)
    }

    /// Takes an execution of an account back, as a venue does with an erroneous trade, and answers the id of the row
    /// that says so. The order's sums and the position lose it at once; its own row stays.
    ///
    /// # Errors
    /// No such execution that stands, a time in the future.
    pub fn bust(
        &self,
        account: &str,
        execution_id: &str,
        at_ms: Option<i64>,
    ) -> Result<String, BookError> {
        let at_ms = self.time(at_ms)?;
        let mut state = self.lock();
        let taken = state.revise(account, execution_id)?;
        let leg = state.take_back(&taken, at_ms * 1000);
        let row = Execution {
            id: state.ids.uuid("bust", account),
            revision: Some(Revision::Busts(taken.id.clone())),
            is_revised: false,
            closed_qty: Decimal::ZERO,
            at_us: at_ms * 1000,
            visible_at_ms: at_ms,
            ..taken
        };
        let row = state.record(row, leg);
        let order = state.order_mut(&row.order_id).cloned();
        let id = row.id.clone();
        self.tell(&state, NewsKind::Busted, order, Some(row), at_ms * 1000);
        Ok(id)
    }

    /// Corrects an execution of an account and answers the id of the row that stands in its place. The order's sums
    /// and the position follow at once; the first row stays as it was.
    ///
    /// # Errors
    /// No such execution that stands, amounts that are no positive numbers, a time in the future.
    pub fn correct(
        &self,
        account: &str,
        execution_id: &str,
        correction: Correction,
    ) -> Result<String, BookError> {
        let at_ms = self.time(correction.at_ms)?;
        let amount = |field, text: &Option<String>| {
            let read = text.as_deref().map(|text| positive(field, text));
            read.transpose()
        };
        let (qty, price) = (
            amount("quantity", &correction.qty)?,
            amount("price", &correction.price)?,
        );
        let mut state = self.lock();
        let taken = state.revise(account, execution_id)?;
        let leg = state.take_back(&taken, at_ms * 1000);
        let mut row = Execution {
            id: match correction.id {
                Some(id) => id,
                None => state.ids.uuid("correction", account),
            },
            qty: qty.unwrap_or(taken.qty),
            price: price.unwrap_or(taken.price),
            revision: Some(Revision::Corrects(taken.id.clone())),
            is_revised: false,
            at_us: at_ms * 1000,
            visible_at_ms: correction.visible_at_ms.unwrap_or(at_ms),
            ..taken
        };
        if let Some(order) = state.order_mut(&row.order_id) {
            order.filled_qty += row.qty;
            order.filled_value += row.qty * row.price;
            order.fees += row.fee;
            let (cum_qty, leaves_qty) = (order.filled_qty, order.leaves_qty());
            if let Some(at_fill) = &mut row.order {
                (at_fill.cum_qty, at_fill.leaves_qty) = (cum_qty, leaves_qty);
            }
        }
        let row = state.record(row, leg);
        let order = state.order_mut(&row.order_id).cloned();
        let id = row.id.clone();
        self.tell(&state, NewsKind::Corrected, order, Some(row), at_ms * 1000);
        Ok(id)
    }
}

impl State {
    /// Marks an execution as no longer standing and answers it.
    fn revise(&mut self, account: &str, execution_id: &str) -> Result<Execution, BookError> {
        let unknown = || BookError::UnknownExecution(execution_id.to_owned());
        let book = self.accounts.get_mut(account).ok_or_else(unknown)?;
        let row = book
            .executions
            .values_mut()
            .find(|row| row.id == execution_id && row.stands())
            .ok_or_else(unknown)?;
        row.is_revised = true;
        Ok(row.clone())
    }

    /// Takes an execution out of its order's sums and out of its position; answers the position's leg.
    fn take_back(&mut self, row: &Execution, at_us: i64) -> u8 {
        let mut leg = 0;
        if let Some(order) = self.order_mut(&row.order_id) {
            order.filled_qty -= row.qty;
            order.filled_value -= row.qty * row.price;
            order.fees -= row.fee;
            order.updated_us = order.updated_us.max(at_us);
            leg = order.position_idx;
        }
        let key = PositionKey {
            category: row.category,
            symbol: row.symbol.clone(),
            position_idx: leg,
        };
        let book = self.accounts.get_mut(&row.account);
        let position = book.and_then(|book| book.positions.get_mut(&key));
        if let Some(position) = position.filter(|_| row.kind.moves_position()) {
            position.apply(row.side.opposite(), row.qty, row.price, at_us / 1000);
        }
        leg
    }

    fn record(&mut self, mut execution: Execution, position_idx: u8) -> Execution {
        self.sequence += 1;
        execution.sequence = self.sequence;
        let moves = execution.kind.moves_position()
            && !matches!(execution.revision, Some(Revision::Busts(_)));
        let book: &mut AccountBook = self.accounts.entry(execution.account.clone()).or_default();
        if moves {
            self.last_prices
                .insert(execution.symbol.clone(), execution.price);
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
        book.executions.insert(key, execution.clone());
        execution
    }
}

fn check_leaves(order: &Order, qty: Decimal) -> Result<(), BookError> {
    if qty > order.leaves_qty() {
        return Err(BookError::Overfill {
            id: order.id.clone(),
            leaves: order.leaves_qty(),
            qty,
        });
    }
    Ok(())
}
