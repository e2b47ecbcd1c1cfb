//! Rows of the execution list: fills of orders, and the rows that are none.
//!
//! Promise: a row carries everything that either venue reports about it, fixed at the moment it happened, so that
//! later events never change an old row. The order inside one instant is scrambled on purpose, as the venues do it.

use rust_decimal::Decimal;
use serde_json::{Map, Value};

use super::order::{Category, Side};

/// What a row of the execution list is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExecutionKind {
    /// A trade of an order.
    Trade,
    /// Auto-deleveraging (Bybit `AdlTrade`).
    Adl,
    /// Liquidation (Bybit `BustTrade`).
    Bust,
    /// Delivery of a future (Bybit `Delivery`).
    Delivery,
    /// Settlement (Bybit `Settle`).
    Settle,
    /// Funding payment (Bybit `Funding`).
    Funding,
    /// Anything else, in the venue's spelling: an unknown Bybit `execType`, or an Alpaca activity type such as `CFEE`.
    Other(String),
}

impl ExecutionKind {
    /// Whether such a row moves the position.
    #[must_use]
    pub fn moves_position(&self) -> bool {
        !matches!(self, Self::Funding | Self::Other(_))
    }
}

/// An execution of an order, for [`crate::Book::fill`].
#[derive(Clone, Debug)]
pub struct Fill {
    /// Quantity of this execution as text.
    pub qty: String,
    /// Price of this execution as text.
    pub price: String,
    /// Whether the order was resting.
    pub is_maker: bool,
    /// Signed fee as text (positive: paid); default Bybit's usual rate, none at Alpaca.
    pub fee: Option<String>,
    /// Coin of the fee; default by the category's rule. Pass an empty text for the old rows that leave it out.
    pub fee_currency: Option<String>,
    /// The execution id; default a generated one.
    pub id: Option<String>,
    /// Execution time, Unix milliseconds; default now.
    pub at_ms: Option<i64>,
    /// Microseconds on top of the millisecond.
    pub plus_us: u16,
    /// The row is answered only from this time on; default its own time.
    pub visible_at_ms: Option<i64>,
    /// Keys that replace or join those of the rendered row.
    pub extra: Map<String, Value>,
}

impl Fill {
    /// A taker execution of `qty` at `price`, now.
    #[must_use]
    pub fn new(qty: &str, price: &str) -> Self {
        Self {
            qty: qty.to_owned(),
            price: price.to_owned(),
            is_maker: false,
            fee: None,
            fee_currency: None,
            id: None,
            at_ms: None,
            plus_us: 0,
            visible_at_ms: None,
            extra: Map::new(),
        }
    }

    /// The order was resting.
    #[must_use]
    pub fn maker(mut self) -> Self {
        self.is_maker = true;
        self
    }

    /// Sets the signed fee and its coin.
    #[must_use]
    pub fn fee(mut self, fee: &str, currency: &str) -> Self {
        self.fee = Some(fee.to_owned());
        self.fee_currency = Some(currency.to_owned());
        self
    }

    /// Sets the execution id.
    #[must_use]
    pub fn id(mut self, id: &str) -> Self {
        self.id = Some(id.to_owned());
        self
    }

    /// Sets the execution time in Unix milliseconds.
    #[must_use]
    pub fn at_ms(mut self, at_ms: i64) -> Self {
        self.at_ms = Some(at_ms);
        self
    }

    /// Adds microseconds (0..=999) to the execution time.
    #[must_use]
    pub fn plus_us(mut self, plus_us: u16) -> Self {
        self.plus_us = plus_us;
        self
    }

    /// Hides the row until this time (Unix milliseconds); the order and the position show it at once.
    #[must_use]
    pub fn visible_at_ms(mut self, visible_at_ms: i64) -> Self {
        self.visible_at_ms = Some(visible_at_ms);
        self
    }

    /// Sets one key of the rendered row, replacing what stands there.
    #[must_use]
    pub fn extra(mut self, key: &str, value: Value) -> Self {
        self.extra.insert(key.to_owned(), value);
        self
    }
}

/// A row that belongs to no order of the book, for [`crate::Book::add_row`].
#[derive(Clone, Debug)]
pub struct NewRow {
    /// The venue's spelling.
    pub symbol: String,
    /// Bybit's category.
    pub category: Category,
    /// What it is.
    pub kind: ExecutionKind,
    /// Buy or sell.
    pub side: Side,
    /// Quantity as text.
    pub qty: String,
    /// Price as text.
    pub price: String,
    /// Signed fee or payment as text; default `0`.
    pub fee: String,
    /// The order id shown, real or not; default a generated one.
    pub order_id: Option<String>,
    /// Bybit's leg whose position it moves.
    pub position_idx: u8,
    /// The row's id; default a generated one.
    pub id: Option<String>,
    /// Time, Unix milliseconds; default now.
    pub at_ms: Option<i64>,
    /// The row is answered only from this time on; default its own time.
    pub visible_at_ms: Option<i64>,
    /// Keys that replace or join those of the rendered row.
    pub extra: Map<String, Value>,
}

impl NewRow {
    /// A row of any kind.
    #[must_use]
    pub fn new(kind: ExecutionKind, symbol: &str, side: Side, qty: &str, price: &str) -> Self {
        Self {
            symbol: symbol.to_owned(),
            category: Category::default(),
            kind,
            side,
            qty: qty.to_owned(),
            price: price.to_owned(),
            fee: "0".to_owned(),
            order_id: None,
            position_idx: 0,
            id: None,
            at_ms: None,
            visible_at_ms: None,
            extra: Map::new(),
        }
    }

    /// A funding payment for a position of `qty`: `fee` positive is paid, negative received.
    #[must_use]
    pub fn funding(symbol: &str, side: Side, qty: &str, price: &str, fee: &str) -> Self {
        Self {
            fee: fee.to_owned(),
            ..Self::new(ExecutionKind::Funding, symbol, side, qty, price)
        }
    }

    /// Sets Bybit's category.
    #[must_use]
    pub fn category(mut self, category: Category) -> Self {
        self.category = category;
        self
    }

    /// Sets the order id shown.
    #[must_use]
    pub fn order_id(mut self, order_id: &str) -> Self {
        self.order_id = Some(order_id.to_owned());
        self
    }

    /// Sets the leg of hedge mode.
    #[must_use]
    pub fn position_idx(mut self, position_idx: u8) -> Self {
        self.position_idx = position_idx;
        self
    }

    /// Sets the row's id.
    #[must_use]
    pub fn id(mut self, id: &str) -> Self {
        self.id = Some(id.to_owned());
        self
    }

    /// Sets the time in Unix milliseconds.
    #[must_use]
    pub fn at_ms(mut self, at_ms: i64) -> Self {
        self.at_ms = Some(at_ms);
        self
    }

    /// Hides the row until this time (Unix milliseconds).
    #[must_use]
    pub fn visible_at_ms(mut self, visible_at_ms: i64) -> Self {
        self.visible_at_ms = Some(visible_at_ms);
        self
    }

    /// Sets one key of the rendered row, replacing what stands there.
    #[must_use]
    pub fn extra(mut self, key: &str, value: Value) -> Self {
        self.extra.insert(key.to_owned(), value);
        self
    }
}

/// A row as the book keeps it.
#[derive(Clone, Debug)]
pub struct Execution {
    /// The venue's id: Bybit `execId`, the second half of Alpaca's activity id.
    pub id: String,
    /// Whose row.
    pub account: String,
    /// What it is.
    pub kind: ExecutionKind,
    /// The order it belongs to, or the id that the venue shows instead.
    pub order_id: String,
    /// The order's client id; empty where none.
    pub client_order_id: String,
    /// The venue's spelling.
    pub symbol: String,
    /// Bybit's category.
    pub category: Category,
    /// Buy or sell.
    pub side: Side,
    /// Quantity.
    pub qty: Decimal,
    /// Price.
    pub price: Decimal,
    /// Signed fee, positive: paid.
    pub fee: Decimal,
    /// Coin of the fee; may be empty.
    pub fee_currency: String,
    /// The rate behind the fee.
    pub fee_rate: Decimal,
    /// Whether the order was resting.
    pub is_maker: bool,
    /// Bybit `orderType`: whether the order had a limit price, where there was an order.
    pub order: Option<OrderAtFill>,
    /// The part that reduced a position.
    pub closed_qty: Decimal,
    /// Whether it sold what the account did not hold (Alpaca `sell_short`).
    pub is_short_sale: bool,
    /// Time, Unix microseconds.
    pub at_us: i64,
    /// Answered from this time on, Unix milliseconds.
    pub visible_at_ms: i64,
    /// Bybit `seq`: grows with every row of the book.
    pub sequence: u64,
    /// What this row takes back or corrects (Alpaca `trade_bust`, `trade_correct`).
    pub revision: Option<Revision>,
    /// Whether a later row took this one back or corrected it. The row itself is answered as before.
    pub is_revised: bool,
    /// Keys that replace or join those of the rendered row.
    pub extra: Map<String, Value>,
}

impl Execution {
    /// Whether this row is a fact of today: it was not taken back or corrected, and is none that takes back.
    #[must_use]
    pub fn stands(&self) -> bool {
        !self.is_revised && !matches!(self.revision, Some(Revision::Busts(_)))
    }
}

/// What a row does to an earlier one of the same account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Revision {
    /// It takes the execution of this id back.
    Busts(String),
    /// It stands in place of the execution of this id.
    Corrects(String),
}

/// What a correction says instead, for [`crate::Book::correct`]. `None` keeps what was.
#[derive(Clone, Debug, Default)]
pub struct Correction {
    /// Quantity as text.
    pub qty: Option<String>,
    /// Price as text.
    pub price: Option<String>,
    /// The id of the correcting row; default a generated one.
    pub id: Option<String>,
    /// Time of the correction, Unix milliseconds; default now.
    pub at_ms: Option<i64>,
    /// The row is answered only from this time on; default its own time.
    pub visible_at_ms: Option<i64>,
}

impl Correction {
    /// Another price.
    #[must_use]
    pub fn price(price: &str) -> Self {
        Self {
            price: Some(price.to_owned()),
            ..Self::default()
        }
    }

    /// Another quantity.
    #[must_use]
    pub fn qty(qty: &str) -> Self {
        Self {
            qty: Some(qty.to_owned()),
            ..Self::default()
        }
    }

    /// Sets the time of the correction in Unix milliseconds.
    #[must_use]
    pub fn at_ms(mut self, at_ms: i64) -> Self {
        self.at_ms = Some(at_ms);
        self
    }
}

/// Which ids the two sides of a self-match get; the documentation leaves it open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SelfMatchIds {
    /// Both rows have one id: the harder reading, and the default.
    #[default]
    Same,
    /// Each row has an id of its own.
    Own,
}

/// What a row says about its order at the moment of the execution.
#[derive(Clone, Debug)]
pub struct OrderAtFill {
    /// The order's kind.
    pub kind: super::order::OrderKind,
    /// Ordered quantity.
    pub qty: Decimal,
    /// Limit price; for market orders the execution's own price.
    pub price: Decimal,
    /// What was left after this execution.
    pub leaves_qty: Decimal,
    /// What was executed including this execution.
    pub cum_qty: Decimal,
}

/// The place of a row in an account's list: by time, scrambled inside one microsecond.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RowKey {
    pub(crate) at_us: i64,
    pub(crate) tie: u64,
    pub(crate) sequence: u64,
}
