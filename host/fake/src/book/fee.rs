//! What an execution costs.
//!
//! Promise: the sign, coin and rate follow the venue's documented rule unless the driver gives them. Deliberately
//! absent: fee tiers.

use rust_decimal::Decimal;

use super::execution::Fill;
use super::order::{Category, Order, Side};
use super::{Book, Habit};
use crate::symbols;

/// Bybit's usual linear rates, maker and taker.
const MAKER_RATE: Decimal = Decimal::from_parts(2, 0, 0, false, 4);
const TAKER_RATE: Decimal = Decimal::from_parts(55, 0, 0, false, 5);

impl Book {
    /// The fee, its rate and its coin. Spot at Bybit pays in what is received.
    pub(super) fn fee(
        &self,
        order: &Order,
        fill: &Fill,
        given: Option<Decimal>,
        qty: Decimal,
        price: Decimal,
    ) -> (Decimal, Decimal, String) {
        let in_base = order.category == Category::Inverse
            || (order.category == Category::Spot && order.side == Side::Buy);
        let value = match order.category {
            Category::Inverse => qty.checked_div(price).unwrap_or_default(),
            Category::Spot if in_base => qty,
            _ => qty * price,
        };
        let rate = if fill.is_maker {
            MAKER_RATE
        } else {
            TAKER_RATE
        };
        let (fee, rate) = match (given, self.habit) {
            (Some(fee), _) => (
                fee,
                fee.checked_div(value)
                    .unwrap_or_default()
                    .round_dp(8)
                    .normalize(),
            ),
            (None, Habit::Bybit) => ((value * rate).round_dp(8).normalize(), rate),
            (None, Habit::Alpaca) => (Decimal::ZERO, Decimal::ZERO),
        };
        let coin = match (&fill.fee_currency, self.habit) {
            (Some(given), _) => given.clone(),
            (None, Habit::Alpaca) => String::new(),
            (None, Habit::Bybit) if in_base => {
                symbols::base_coin(order.category, &order.symbol).to_owned()
            }
            (None, Habit::Bybit) => symbols::settle_coin(order.category, &order.symbol).to_owned(),
        };
        (fee, rate, coin)
    }
}
