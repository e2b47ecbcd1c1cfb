//! One row that a venue reports about an account's money: the only primary fact.
//!
//! Rows are classed, not filtered: a venue that mixes funding, liquidations and unknown things among
//! fills (Bybit's `execution/list` does) loses nothing here, and only [`ExecutionClass::OrderFill`]
//! is ever a fill. The key always has the account, because two accounts of one owner can be the two
//! sides of one trade. The order of rows in a page means nothing; [`Execution::sequence`] does.

use crate::amount::{Money, Price, Quantity};
use crate::id::{
    AccountName, Category, ClientOrderId, Currency, ExecutionId, Market, OrderId, Symbol,
};
use crate::order::{OrderKind, StopKind};
use crate::time::VenueTime;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The venues whose dialect is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VenueKind {
    /// Bybit, V5 API.
    Bybit,
    /// Alpaca, Trading API v2.
    Alpaca,
}

impl VenueKind {
    /// The name in configuration and database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bybit => "bybit",
            Self::Alpaca => "alpaca",
        }
    }
}

impl fmt::Display for VenueKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The side of an order or a fill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// Adds to the position.
    Buy,
    /// Takes from it.
    Sell,
}

impl Side {
    /// The name in the database and the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Buy => "buy",
            Self::Sell => "sell",
        }
    }

    /// The name as alerts print it.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Buy => "Buy",
            Self::Sell => "Sell",
        }
    }

    /// From [`Side::as_str`].
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "buy" => Some(Self::Buy),
            "sell" => Some(Self::Sell),
            _ => None,
        }
    }

    /// The other side.
    #[must_use]
    pub const fn opposite(self) -> Self {
        match self {
            Self::Buy => Self::Sell,
            Self::Sell => Self::Buy,
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What a row is. Only [`ExecutionClass::OrderFill`] is a fill.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExecutionClass {
    /// An order of the account traded.
    OrderFill,
    /// The venue liquidated (part of) the position.
    Liquidation,
    /// The venue closed it against a bankrupt one.
    AutoDeleverage,
    /// Delivery or settlement at expiry or delisting.
    Settlement,
    /// Money moved, the position did not: funding, session settlement.
    Cash,
    /// The position moved between accounts or products without a trade.
    Transfer,
    /// Something that is not known yet: kept raw, reported once, stops nothing.
    Unknown(String),
}

impl ExecutionClass {
    /// The name in the database and the API; the raw word of an unknown one is kept beside it.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::OrderFill => "order-fill",
            Self::Liquidation => "liquidation",
            Self::AutoDeleverage => "auto-deleverage",
            Self::Settlement => "settlement",
            Self::Cash => "cash",
            Self::Transfer => "transfer",
            Self::Unknown(_) => "unknown",
        }
    }

    /// From [`ExecutionClass::as_str`] and the raw word of an unknown one.
    #[must_use]
    pub fn from_name(name: &str, raw: &str) -> Self {
        match name {
            "order-fill" => Self::OrderFill,
            "liquidation" => Self::Liquidation,
            "auto-deleverage" => Self::AutoDeleverage,
            "settlement" => Self::Settlement,
            "cash" => Self::Cash,
            "transfer" => Self::Transfer,
            _ => Self::Unknown(raw.to_owned()),
        }
    }

    /// Whether a row of this class changes a position.
    #[must_use]
    pub const fn moves_position(&self) -> bool {
        matches!(
            self,
            Self::OrderFill
                | Self::Liquidation
                | Self::AutoDeleverage
                | Self::Settlement
                | Self::Transfer
        )
    }

    /// Whether the venue, not an order, closed the position.
    #[must_use]
    pub const fn is_venue_close(&self) -> bool {
        matches!(
            self,
            Self::Liquidation | Self::AutoDeleverage | Self::Settlement
        )
    }
}

/// How a row came to us. A row is stored once, whichever way brought it first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// A page of REST polling.
    Poll,
    /// A message of a stream.
    Stream,
    /// An import of somebody else's records.
    Import,
    /// The venue's sum of an order, where it shows no rows for it ([`Relation::StandsIn`]).
    Inferred,
}

impl Source {
    /// The name in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Poll => "poll",
            Self::Stream => "stream",
            Self::Import => "import",
            Self::Inferred => "inferred",
        }
    }

    /// From [`Source::as_str`].
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "poll" => Some(Self::Poll),
            "stream" => Some(Self::Stream),
            "import" => Some(Self::Import),
            "inferred" => Some(Self::Inferred),
            _ => None,
        }
    }
}

/// What a row means for other rows of its market. The rows may come in any order: what a later one
/// takes back is taken back even where it arrives first.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Relation {
    /// Nothing: a fact of its own.
    #[default]
    Own,
    /// The venue corrected that row: this one stands in its place (Alpaca `trade_correct`).
    Corrects(ExecutionId),
    /// The venue took that row back; this one moves nothing (Alpaca `trade_bust`).
    Busts(ExecutionId),
    /// The venue's sum of an order says that it filled from here to there, and no row shows it. It
    /// gives way, part by part, to the real rows of the order as they come.
    StandsIn {
        /// What the real rows of the order already showed.
        from: Quantity,
        /// What the order had filled in all.
        to: Quantity,
    },
}

/// What a fill cost besides its price.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fee {
    /// Positive is paid, negative is a rebate.
    pub amount: Money,
    /// The currency it is taken in; none where the venue does not say.
    pub currency: Option<Currency>,
}

/// Under which a row is stored once (law 2).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ExecutionKey {
    /// The account.
    pub account: AccountName,
    /// The venue's space.
    pub category: Category,
    /// The venue's symbol.
    pub symbol: Symbol,
    /// The venue's id.
    pub execution_id: ExecutionId,
}

/// One row, normalised; the venue's own text stands in `raw`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Execution {
    /// Account, category and symbol.
    pub market: Market,
    /// The venue's id of the row.
    pub execution_id: ExecutionId,
    /// What it is.
    pub class: ExecutionClass,
    /// The order that traded; none for what the venue did by itself.
    pub order_id: Option<OrderId>,
    /// The id that the trader's bot gave that order.
    pub client_order_id: Option<ClientOrderId>,
    /// The side of the account's own order.
    pub side: Side,
    /// How much, always positive.
    pub quantity: Quantity,
    /// At which price.
    pub price: Price,
    /// What it cost besides.
    pub fee: Option<Fee>,
    /// Whether the order was resting.
    pub is_maker: Option<bool>,
    /// What the order still wants after this row, where the venue says.
    pub leaves_quantity: Option<Quantity>,
    /// The part that reduced a position, where the venue says (Bybit `closedSize`; for Alpaca all of a
    /// plain `sell`, which never opens a short).
    pub closed_quantity: Option<Quantity>,
    /// The order's type, as the row says it.
    pub order_kind: OrderKind,
    /// Whether the order was a stop of some kind, as the row says it.
    pub stop: StopKind,
    /// The venue's own sequence within the symbol (Bybit `seq`), for rows of one instant.
    pub venue_sequence: Option<i64>,
    /// When it happened, in venue time.
    pub executed_at: VenueTime,
    /// How it came to us.
    pub source: Source,
    /// What it means for other rows.
    pub relation: Relation,
    /// The venue's own row, as JSON text.
    pub raw: String,
}

/// The order of rows in which a position is followed: venue time, the venue's sequence, then within
/// one order by what it still wanted (Alpaca writes several partials of one millisecond in any
/// order), then by id so that there is always one answer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Sequence {
    /// When it happened.
    pub executed_at: VenueTime,
    /// The venue's sequence, 0 where there is none.
    pub venue_sequence: i64,
    /// The order.
    pub order_id: Option<OrderId>,
    /// Less is later: the order's rest after the row, negated.
    pub leaves_negated: Quantity,
    /// The last word.
    pub execution_id: ExecutionId,
}

impl Execution {
    /// The key under which it is stored once.
    #[must_use]
    pub fn key(&self) -> ExecutionKey {
        ExecutionKey {
            account: self.market.account.clone(),
            category: self.market.category.clone(),
            symbol: self.market.symbol.clone(),
            execution_id: self.execution_id.clone(),
        }
    }

    /// Where it stands among the rows of its market.
    #[must_use]
    pub fn sequence(&self) -> Sequence {
        Sequence {
            executed_at: self.executed_at,
            venue_sequence: self.venue_sequence.unwrap_or(0),
            order_id: self.order_id.clone(),
            leaves_negated: -self.leaves_quantity.unwrap_or(Quantity::ZERO),
            execution_id: self.execution_id.clone(),
        }
    }
}
