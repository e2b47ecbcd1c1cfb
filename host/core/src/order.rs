//! An order as its venue describes it: a secondary fact that explains fills.
//!
//! Fills are primary: an order's status never makes or unmakes one. What an order adds is what
//! executions do not say: the position index in hedge mode, the price and quantity that were wanted,
//! the trader's own id, and whether the order is still open. Statuses that are not known are kept.

use crate::amount::{Price, Quantity};
use crate::execution::Side;
use crate::id::{ClientOrderId, Market, OrderId};
use crate::time::VenueTime;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The direction of a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PositionSide {
    /// Bought first.
    Long,
    /// Sold first.
    Short,
}

impl PositionSide {
    /// The name in the database and the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Long => "long",
            Self::Short => "short",
        }
    }

    /// From [`PositionSide::as_str`].
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "long" => Some(Self::Long),
            "short" => Some(Self::Short),
            _ => None,
        }
    }

    /// The side of an order that enlarges such a position.
    #[must_use]
    pub const fn entry_side(self) -> Side {
        match self {
            Self::Long => Side::Buy,
            Self::Short => Side::Sell,
        }
    }

    /// The position that an order of this side opens.
    #[must_use]
    pub const fn opened_by(side: Side) -> Self {
        match side {
            Side::Buy => Self::Long,
            Side::Sell => Self::Short,
        }
    }
}

impl fmt::Display for PositionSide {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Which position of a market an order trades: the one there is, or one leg of hedge mode
/// (Bybit `positionIdx` 0, 1, 2).
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Lane {
    /// One position, long or short.
    #[default]
    OneWay,
    /// The long position of hedge mode.
    Long,
    /// The short position of hedge mode.
    Short,
}

impl Lane {
    /// The name in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OneWay => "one-way",
            Self::Long => "long",
            Self::Short => "short",
        }
    }

    /// From [`Lane::as_str`].
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "one-way" => Some(Self::OneWay),
            "long" => Some(Self::Long),
            "short" => Some(Self::Short),
            _ => None,
        }
    }
}

/// How an order trades.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum OrderKind {
    /// At its price or better: the only kind that can be a slot.
    Limit,
    /// At any price.
    Market,
    /// Not said, or not known; the raw word.
    Unknown(String),
    /// The row does not say.
    #[default]
    Unstated,
}

impl OrderKind {
    /// The text in the database: `limit`, `market`, empty, or the raw word.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Limit => "limit",
            Self::Market => "market",
            Self::Unknown(raw) => raw,
            Self::Unstated => "",
        }
    }

    /// From [`OrderKind::as_str`].
    #[must_use]
    pub fn from_name(name: &str) -> Self {
        match name {
            "limit" => Self::Limit,
            "market" => Self::Market,
            "" => Self::Unstated,
            raw => Self::Unknown(raw.to_owned()),
        }
    }
}

impl From<String> for OrderKind {
    fn from(name: String) -> Self {
        Self::from_name(&name)
    }
}

impl From<OrderKind> for String {
    fn from(kind: OrderKind) -> Self {
        kind.as_str().to_owned()
    }
}

/// Whether an order waits for a price before it works, and what for.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum StopKind {
    /// It does not wait.
    #[default]
    None,
    /// Take profit, whole or partial.
    TakeProfit,
    /// Stop loss, whole or partial.
    StopLoss,
    /// A trailing stop.
    TrailingStop,
    /// Any other conditional order.
    Other,
}

impl StopKind {
    /// The name in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::TakeProfit => "take-profit",
            Self::StopLoss => "stop-loss",
            Self::TrailingStop => "trailing-stop",
            Self::Other => "other",
        }
    }

    /// From [`StopKind::as_str`].
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "none" => Some(Self::None),
            "take-profit" => Some(Self::TakeProfit),
            "stop-loss" => Some(Self::StopLoss),
            "trailing-stop" => Some(Self::TrailingStop),
            "other" => Some(Self::Other),
            _ => None,
        }
    }
}

/// Where an order stands, in words that all venues share.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OrderStatus {
    /// Working, or waiting for its trigger. Partial fills do not change it.
    Open,
    /// Entirely filled.
    Filled,
    /// Taken back or expired, possibly after partial fills.
    Cancelled,
    /// Never accepted.
    Rejected,
    /// Another order took its place (Alpaca); its own fills stay its own.
    Replaced,
    /// A word that is not known: treated as open until an execution or a known word says more.
    Unknown(String),
}

impl OrderStatus {
    /// The name in the database; the raw word of an unknown one is kept beside it.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Filled => "filled",
            Self::Cancelled => "cancelled",
            Self::Rejected => "rejected",
            Self::Replaced => "replaced",
            Self::Unknown(_) => "unknown",
        }
    }

    /// From [`OrderStatus::as_str`] and the raw word of an unknown one.
    #[must_use]
    pub fn from_name(name: &str, raw: &str) -> Self {
        match name {
            "open" => Self::Open,
            "filled" => Self::Filled,
            "cancelled" => Self::Cancelled,
            "rejected" => Self::Rejected,
            "replaced" => Self::Replaced,
            _ => Self::Unknown(raw.to_owned()),
        }
    }

    /// Whether it may still trade, as far as the status says.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        matches!(self, Self::Open | Self::Unknown(_))
    }
}

/// One order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Account, category and symbol.
    pub market: Market,
    /// The venue's id.
    pub order_id: OrderId,
    /// The trader's own id.
    pub client_order_id: Option<ClientOrderId>,
    /// Its side.
    pub side: Side,
    /// Which position it trades.
    pub lane: Lane,
    /// How it trades.
    pub kind: OrderKind,
    /// Whether it waits for a trigger, and what for.
    pub stop: StopKind,
    /// Whether it can only reduce a position.
    pub reduce_only: bool,
    /// What it wants; none where only a notional was given (Alpaca).
    pub quantity: Option<Quantity>,
    /// Its limit price.
    pub price: Option<Price>,
    /// Filled so far, as the venue sums it: a cross-check of the executions, never their source.
    pub filled_quantity: Quantity,
    /// At which price on average, as the venue sums it.
    pub average_price: Option<Price>,
    /// Where it stands.
    pub status: OrderStatus,
    /// When the venue took it.
    pub created_at: VenueTime,
    /// When it last changed.
    pub updated_at: VenueTime,
    /// The order whose place it took.
    pub replaces: Option<OrderId>,
    /// The venue's own row, as JSON text.
    pub raw: String,
}

impl Order {
    /// Whether it can be a slot of a plan: a plain limit order that may enlarge a position.
    #[must_use]
    pub fn can_be_entry(&self) -> bool {
        let lane_allows = match self.lane {
            Lane::OneWay => true,
            Lane::Long => self.side == Side::Buy,
            Lane::Short => self.side == Side::Sell,
        };
        self.kind == OrderKind::Limit
            && self.stop == StopKind::None
            && !self.reduce_only
            && lane_allows
    }
}
