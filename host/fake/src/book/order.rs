//! Orders as the book keeps them, and the values with which a driver places and fills them.
//!
//! Promise: venue-neutral facts only; how a status or a kind is spelled is each dialect's own matter. Amounts enter as
//! text and are kept as exact decimals with the scale they were written in.

use rust_decimal::Decimal;
use serde_json::{Map, Value};

/// Buy or sell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Takes the asset.
    Buy,
    /// Gives the asset.
    Sell,
}

impl Side {
    /// The other side.
    #[must_use]
    pub fn opposite(self) -> Self {
        match self {
            Self::Buy => Self::Sell,
            Self::Sell => Self::Buy,
        }
    }
}

/// Bybit's product category. Alpaca ignores it: there a symbol with a slash is crypto, any other a US equity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Category {
    /// USDT and USDC perpetuals and futures.
    #[default]
    Linear,
    /// Coin-margined contracts.
    Inverse,
    /// Spot.
    Spot,
    /// Options.
    Option,
}

/// What kind of order it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderKind {
    /// Rests at its price.
    Limit,
    /// Takes what is there.
    Market,
    /// Becomes a market order at the trigger price.
    Stop,
    /// Becomes a limit order at the trigger price.
    StopLimit,
    /// Closes a position in profit (Bybit: a stop order `TakeProfit`; Alpaca: a limit order).
    TakeProfit,
    /// Closes a position at a loss (Bybit: a stop order `StopLoss`; Alpaca: a stop order).
    StopLoss,
    /// Follows the price.
    TrailingStop,
}

impl OrderKind {
    /// Whether it waits for a trigger before it is in the book.
    #[must_use]
    pub fn waits_for_trigger(self) -> bool {
        !matches!(self, Self::Limit | Self::Market)
    }

    /// Whether it rests at a limit price once it is live.
    #[must_use]
    pub fn has_limit_price(self) -> bool {
        matches!(self, Self::Limit | Self::StopLimit)
    }
}

/// Where an order stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderStatus {
    /// Waiting for its trigger.
    Untriggered,
    /// In the book, nothing executed.
    New,
    /// In the book, something executed.
    PartiallyFilled,
    /// Executed completely.
    Filled,
    /// Taken back; may have executed quantity.
    Cancelled,
    /// Ended by its time in force.
    Expired,
    /// Never accepted.
    Rejected,
    /// Taken back before its trigger.
    Deactivated,
    /// Succeeded by another order (Alpaca).
    Replaced,
}

impl OrderStatus {
    /// Whether it can still execute.
    #[must_use]
    pub fn is_open(self) -> bool {
        matches!(self, Self::Untriggered | Self::New | Self::PartiallyFilled)
    }
}

/// An order to place. Build with [`NewOrder::limit`] or [`NewOrder::market`] and the setters.
#[derive(Clone, Debug)]
pub struct NewOrder {
    /// The venue's spelling: `GTCUSDT`, `AAPL`, `BTC/USD`.
    pub symbol: String,
    /// Bybit's category; default linear.
    pub category: Category,
    /// Buy or sell.
    pub side: Side,
    /// Default as built.
    pub kind: OrderKind,
    /// Quantity as text.
    pub qty: String,
    /// Limit price as text.
    pub price: Option<String>,
    /// Trigger price as text.
    pub trigger_price: Option<String>,
    /// Bybit `orderLinkId` (default empty), Alpaca `client_order_id` (default a uuid).
    pub client_order_id: Option<String>,
    /// Bybit's mark that the order may only reduce a position.
    pub reduce_only: bool,
    /// Bybit: 0 one-way, 1 buy leg, 2 sell leg of hedge mode.
    pub position_idx: u8,
    /// In the venue's spelling; default `GTC` at Bybit (`IOC` for market orders), `gtc` at Alpaca.
    pub time_in_force: Option<String>,
    /// The venue's order id; default a generated one.
    pub id: Option<String>,
    /// Submission time, Unix milliseconds; default now.
    pub at_ms: Option<i64>,
    /// Microseconds on top of the millisecond.
    pub plus_us: u16,
    /// The order is answered only from this time on; default its submission.
    pub visible_at_ms: Option<i64>,
    /// Keys that replace or join those of the rendered row.
    pub extra: Map<String, Value>,
}

impl NewOrder {
    /// A limit order.
    #[must_use]
    pub fn limit(symbol: &str, side: Side, qty: &str, price: &str) -> Self {
        Self {
            price: Some(price.to_owned()),
            ..Self::market(symbol, side, qty)
        }
        .kind(OrderKind::Limit)
    }

    /// A market order.
    #[must_use]
    pub fn market(symbol: &str, side: Side, qty: &str) -> Self {
        Self {
            symbol: symbol.to_owned(),
            category: Category::default(),
            side,
            kind: OrderKind::Market,
            qty: qty.to_owned(),
            price: None,
            trigger_price: None,
            client_order_id: None,
            reduce_only: false,
            position_idx: 0,
            time_in_force: None,
            id: None,
            at_ms: None,
            plus_us: 0,
            visible_at_ms: None,
            extra: Map::new(),
        }
    }

    /// Any kind of order, for stops with [`NewOrder::trigger_price`].
    #[must_use]
    pub fn kind(mut self, kind: OrderKind) -> Self {
        self.kind = kind;
        self
    }

    /// Sets the trigger price.
    #[must_use]
    pub fn trigger_price(mut self, price: &str) -> Self {
        self.trigger_price = Some(price.to_owned());
        self
    }

    /// Sets Bybit's category.
    #[must_use]
    pub fn category(mut self, category: Category) -> Self {
        self.category = category;
        self
    }

    /// Sets the client's own id.
    #[must_use]
    pub fn client_order_id(mut self, id: &str) -> Self {
        self.client_order_id = Some(id.to_owned());
        self
    }

    /// Marks the order as reduce-only.
    #[must_use]
    pub fn reduce_only(mut self) -> Self {
        self.reduce_only = true;
        self
    }

    /// Sets the leg of hedge mode.
    #[must_use]
    pub fn position_idx(mut self, position_idx: u8) -> Self {
        self.position_idx = position_idx;
        self
    }

    /// Sets the time in force, in the venue's spelling.
    #[must_use]
    pub fn time_in_force(mut self, time_in_force: &str) -> Self {
        self.time_in_force = Some(time_in_force.to_owned());
        self
    }

    /// Sets the venue's order id.
    #[must_use]
    pub fn id(mut self, id: &str) -> Self {
        self.id = Some(id.to_owned());
        self
    }

    /// Sets the submission time in Unix milliseconds.
    #[must_use]
    pub fn at_ms(mut self, at_ms: i64) -> Self {
        self.at_ms = Some(at_ms);
        self
    }

    /// Adds microseconds (0..=999) to the submission time.
    #[must_use]
    pub fn plus_us(mut self, plus_us: u16) -> Self {
        self.plus_us = plus_us;
        self
    }

    /// Hides the order until this time (Unix milliseconds).
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

/// A change of an order, for [`crate::Book::amend`] and [`crate::Book::replace`]. `None` keeps what is.
#[derive(Clone, Debug, Default)]
pub struct Change {
    /// New total quantity as text. [`crate::Book::replace`] takes what is left by default.
    pub qty: Option<String>,
    /// New limit price as text.
    pub price: Option<String>,
    /// New client order id; [`crate::Book::replace`] only.
    pub client_order_id: Option<String>,
    /// Time of the change, Unix milliseconds; default now.
    pub at_ms: Option<i64>,
}

impl Change {
    /// A new limit price.
    #[must_use]
    pub fn price(price: &str) -> Self {
        Self {
            price: Some(price.to_owned()),
            ..Self::default()
        }
    }

    /// A new quantity.
    #[must_use]
    pub fn qty(qty: &str) -> Self {
        Self {
            qty: Some(qty.to_owned()),
            ..Self::default()
        }
    }

    /// Sets the time of the change in Unix milliseconds.
    #[must_use]
    pub fn at_ms(mut self, at_ms: i64) -> Self {
        self.at_ms = Some(at_ms);
        self
    }
}

/// An order as the book keeps it.
#[derive(Clone, Debug)]
pub struct Order {
    /// The venue's id.
    pub id: String,
    /// Whose order.
    pub account: String,
    /// The client's own id; empty where none was given at Bybit.
    pub client_order_id: String,
    /// The venue's spelling.
    pub symbol: String,
    /// Bybit's category.
    pub category: Category,
    /// Buy or sell.
    pub side: Side,
    /// What kind of order.
    pub kind: OrderKind,
    /// Where it stands.
    pub status: OrderStatus,
    /// Ordered quantity.
    pub qty: Decimal,
    /// Executed quantity.
    pub filled_qty: Decimal,
    /// Executed value, the sum of price times quantity.
    pub filled_value: Decimal,
    /// Fees so far.
    pub fees: Decimal,
    /// Limit price.
    pub price: Option<Decimal>,
    /// Trigger price.
    pub trigger_price: Option<Decimal>,
    /// Bybit's mark.
    pub reduce_only: bool,
    /// Bybit's leg.
    pub position_idx: u8,
    /// In the venue's spelling, where given.
    pub time_in_force: Option<String>,
    /// Why it was rejected, in the venue's words.
    pub reject_reason: Option<String>,
    /// Submission time, Unix microseconds.
    pub created_us: i64,
    /// Time of the last change, Unix microseconds.
    pub updated_us: i64,
    /// Time of the execution that completed it, Unix microseconds.
    pub filled_us: Option<i64>,
    /// Time of its end without completion, Unix microseconds.
    pub ended_us: Option<i64>,
    /// The order it replaced.
    pub replaces: Option<String>,
    /// The order that replaced it.
    pub replaced_by: Option<String>,
    /// Answered from this time on, Unix milliseconds.
    pub visible_at_ms: i64,
    /// Position in the account's order list, from 0.
    pub number: usize,
    /// Keys that replace or join those of the rendered row.
    pub extra: Map<String, Value>,
}

impl Order {
    /// What is not executed.
    #[must_use]
    pub fn leaves_qty(&self) -> Decimal {
        self.qty - self.filled_qty
    }

    /// Average price of what is executed.
    #[must_use]
    pub fn average_price(&self) -> Option<Decimal> {
        self.filled_value
            .checked_div(self.filled_qty)
            .map(|price| price.round_dp(10).normalize())
    }
}
