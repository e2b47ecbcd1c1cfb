//! Positions, kept from the executions of the book.
//!
//! Promise: the size is the signed sum of what was executed since the book began; the average price is that of what
//! is still open. Deliberately absent: margin, liquidation prices and unrealised profit from a market.

use rust_decimal::Decimal;

use super::order::{Category, Side};

/// Which position: Bybit keeps one per leg, Alpaca one per symbol.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PositionKey {
    pub(crate) category: Category,
    pub(crate) symbol: String,
    pub(crate) position_idx: u8,
}

/// A position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// The symbol as orders spell it.
    pub symbol: String,
    /// Bybit's category.
    pub category: Category,
    /// Bybit's leg: 0 one-way, 1 buy, 2 sell.
    pub position_idx: u8,
    /// Signed size: negative is short.
    pub size: Decimal,
    /// Average price of what is open; zero when flat.
    pub average_price: Decimal,
    /// Realised profit before fees.
    pub realised: Decimal,
    /// First and last change, Unix milliseconds.
    pub created_ms: i64,
    /// Last change, Unix milliseconds.
    pub updated_ms: i64,
}

impl Position {
    pub(crate) fn flat(key: &PositionKey, at_ms: i64) -> Self {
        Self {
            symbol: key.symbol.clone(),
            category: key.category,
            position_idx: key.position_idx,
            size: Decimal::ZERO,
            average_price: Decimal::ZERO,
            realised: Decimal::ZERO,
            created_ms: at_ms,
            updated_ms: at_ms,
        }
    }

    /// Applies one execution and answers which part of it reduced the position.
    pub(crate) fn apply(
        &mut self,
        side: Side,
        qty: Decimal,
        price: Decimal,
        at_ms: i64,
    ) -> Decimal {
        let signed = if side == Side::Buy { qty } else { -qty };
        let reduces =
            !self.size.is_zero() && (self.size.is_sign_negative() != signed.is_sign_negative());
        let closed = if reduces {
            qty.min(self.size.abs())
        } else {
            Decimal::ZERO
        };
        let opened = qty - closed;
        let gain = if self.size.is_sign_negative() {
            self.average_price - price
        } else {
            price - self.average_price
        };
        self.realised += gain * closed;
        let before = if reduces {
            self.size.abs() - closed
        } else {
            self.size.abs()
        };
        self.size += signed;
        if self.size.is_zero() {
            self.average_price = Decimal::ZERO;
        } else if !opened.is_zero() {
            let cost = self.average_price * before + price * opened;
            self.average_price = cost
                .checked_div(before + opened)
                .unwrap_or(price)
                .round_dp(8)
                .normalize();
        }
        self.updated_ms = at_ms;
        closed
    }
}
