//! What a group is and which facts its decisions read.
//!
//! A group joins accounts that follow one plan. This file holds its rules, as the configuration
//! gives them, and the facts of its members, as the ledger gives them; [`crate::join`],
//! [`crate::slot`], [`crate::truth`] and [`crate::moment`] turn these into what is shown and said.
//! Nothing here is changed by a strategy (law 3).

use crate::amount::{Price, Quantity};
use crate::coverage::Window;
use crate::cycle::{Allocation, Book, Cycle};
use crate::execution::{ExecutionClass, Sequence, Side, Source};
use crate::id::{
    AccountName, Category, ClientOrderId, ExecutionId, GroupName, Market, OrderId, Symbol,
};
use crate::order::{Order, OrderKind, StopKind};
use crate::time::{HostTime, VenueTime};
use crate::view::{CountsWhen, Role};
use rust_decimal::Decimal;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// One account's part in a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberRules {
    /// The account.
    pub account: AccountName,
    /// Its role.
    pub role: Role,
    /// What is expected of it is so many times what the plan says; its counts are not scaled.
    pub ratio: Decimal,
    /// Its own spelling of symbols to the group's.
    pub symbols: BTreeMap<Symbol, Symbol>,
}

/// The rules of one group.
#[derive(Debug, Clone)]
pub struct GroupRules {
    /// Its name.
    pub name: GroupName,
    /// Its members, by name.
    pub members: Vec<MemberRules>,
    /// When a leg counts.
    pub counts_when: CountsWhen,
    /// How far a member's coverage must reach past a fill before the fill is decided.
    pub settle: Duration,
    /// How long after a fill was first seen it is decided with what is known.
    pub deadline: Duration,
    /// Fills seen later than this after they happened are told in a digest only.
    pub alert_max_age: Duration,
    /// Finds the slot's token in a client order id: a regular expression with a group named `slot`.
    pub slot_token: Option<regex::Regex>,
    /// Matches below this many percent cannot be compared.
    pub confidence_min: u8,
    /// Orders without a token are never surely the same slot where their prices are further apart than
    /// this, in basis points.
    pub price_tolerance_bps: u32,
    /// Orders without a token are never surely the same slot where they were placed further apart.
    pub placed_within: Duration,
}

impl PartialEq for GroupRules {
    fn eq(&self, other: &Self) -> bool {
        let token = |rules: &Self| {
            rules
                .slot_token
                .as_ref()
                .map(|regex| regex.as_str().to_owned())
        };
        self.name == other.name
            && self.members == other.members
            && self.counts_when == other.counts_when
            && self.settle == other.settle
            && self.deadline == other.deadline
            && self.alert_max_age == other.alert_max_age
            && self.confidence_min == other.confidence_min
            && self.price_tolerance_bps == other.price_tolerance_bps
            && self.placed_within == other.placed_within
            && token(self) == token(other)
    }
}

/// The confidence from which on slots can be compared, in percent.
pub const CONFIDENCE_MIN: u8 = 60;

/// The tolerance of prices, in basis points, where none is set: one percent.
pub const PRICE_TOLERANCE_BPS: u32 = 100;

/// The window within which the orders of one slot are placed, where none is set.
pub const PLACED_WITHIN: Duration = Duration::from_secs(24 * 3600);

impl GroupRules {
    /// A member by name.
    #[must_use]
    pub fn member(&self, account: &AccountName) -> Option<&MemberRules> {
        self.members
            .iter()
            .find(|member| &member.account == account)
    }

    /// The group's spelling of a market's symbol; none where the account is no member.
    ///
    /// Bybit spells a pair the same on `spot` and on `linear`; those are two markets, so a spot
    /// symbol that no `symbols` entry maps is marked as such.
    #[must_use]
    pub fn symbol_of(&self, market: &Market) -> Option<Symbol> {
        let member = self.member(&market.account)?;
        if let Some(symbol) = member.symbols.get(&market.symbol) {
            return Some(symbol.clone());
        }
        if market.category.as_str() == "spot" {
            return Symbol::new(format!("{} spot", market.symbol)).ok();
        }
        Some(market.symbol.clone())
    }
}

/// An order with what the ledger knows of its being looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderFact {
    /// The order.
    pub order: Order,
    /// The venue no longer keeps it, and it was not seen to end.
    pub gone: bool,
    /// When it was last seen at the venue, in venue time.
    pub checked_at: VenueTime,
}

/// An execution that moved a position, without its raw row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FillFact {
    /// The order, where one traded.
    pub order_id: Option<OrderId>,
    /// The id that the trader's bot gave it.
    pub client_order_id: Option<ClientOrderId>,
    /// The venue's id of the row.
    pub execution_id: ExecutionId,
    /// What it is.
    pub class: ExecutionClass,
    /// The side.
    pub side: Side,
    /// How much.
    pub quantity: Quantity,
    /// At which price.
    pub price: Price,
    /// What the order still wanted afterwards, where the venue says.
    pub leaves_quantity: Option<Quantity>,
    /// The order's type, as the row says it.
    pub order_kind: OrderKind,
    /// Whether the order was a stop of some kind, as the row says it.
    pub stop: StopKind,
    /// When it happened.
    pub executed_at: VenueTime,
    /// Where it stands among the rows of its market.
    pub sequence: Sequence,
    /// Which part entered and which left.
    pub allocation: Allocation,
    /// How it came to us: what was imported never causes an alert.
    pub source: Source,
    /// When we first saw it.
    pub seen_at: HostTime,
}

/// The facts of one position of one member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BookFacts {
    /// The position.
    pub book: Book,
    /// Its cycles, the oldest first.
    pub cycles: Vec<Cycle>,
    /// Orders that are open, changed lately or traded in these cycles.
    pub orders: Vec<OrderFact>,
    /// The executions of these cycles.
    pub fills: Vec<FillFact>,
}

/// How far one account's facts can be trusted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Knowledge {
    /// The newest proven window of each category.
    pub coverage: BTreeMap<Category, Window>,
    /// When all open orders of each category were last read to the end, in venue time.
    pub orders_checked: BTreeMap<Category, VenueTime>,
    /// Earlier readings of each category, in any order, as many as are kept. One of them is often the
    /// newest that coverage has passed: an order that filled between the end of coverage and a
    /// reading is in neither.
    pub orders_checked_before: BTreeMap<Category, Vec<VenueTime>>,
    /// Up to when every order of each category is known, also one that came and ended between two
    /// readings of the open ones: both the open and the ended orders were read after it, in that order.
    /// It is asked for only where a claim rests on it, so it may be old, or not there.
    pub closed_checked: BTreeMap<Category, VenueTime>,
}

impl Knowledge {
    /// The moment up to which all categories are proven.
    #[must_use]
    pub fn coverage_to(&self) -> Option<VenueTime> {
        self.coverage.values().map(|window| window.to).min()
    }

    /// The moment at which all categories' orders had been read.
    #[must_use]
    pub fn orders_checked_at(&self) -> Option<VenueTime> {
        self.orders_checked.values().copied().min()
    }

    /// Whether executions are proven complete from a moment until `settle` after it.
    #[must_use]
    pub fn covers(&self, at: VenueTime, settle: Duration) -> bool {
        let until = at.plus(settle);
        !self.coverage.is_empty()
            && self
                .coverage
                .values()
                .all(|window| window.from <= at && window.to > at && window.to >= until)
    }

    /// Whether executions are proven from a moment on, as far as they are proven at all.
    #[must_use]
    pub fn covers_from(&self, at: VenueTime) -> bool {
        self.coverage.values().all(|window| window.from <= at)
    }

    /// Whether all orders that worked until a moment and its `settle` are known: they were listed after
    /// it, or filled before they could be, and executions are proven past the list.
    #[must_use]
    pub fn knows_orders(&self, at: VenueTime, settle: Duration) -> bool {
        let until = at.plus(settle);
        !self.orders_checked.is_empty()
            && self.orders_checked.iter().all(|(category, checked)| {
                let Some(window) = self.coverage.get(category) else {
                    return false;
                };
                let is_proven = |listed: VenueTime| window.to >= listed.plus(settle);
                let before = self.orders_checked_before.get(category);
                std::iter::once(checked)
                    .chain(before.into_iter().flatten())
                    .any(|listed| *listed >= until && is_proven(*listed))
            })
    }

    /// Whether orders that ended were read as well after a moment and its `settle`: an order that is
    /// not known then was not there, however late its rows come.
    #[must_use]
    pub fn knows_closed(&self, at: VenueTime, settle: Duration) -> bool {
        let until = at.plus(settle);
        let is_read = |category| {
            self.closed_checked
                .get(category)
                .is_some_and(|read| *read >= until)
        };
        !self.orders_checked.is_empty() && self.orders_checked.keys().all(is_read)
    }

    /// Whether orders were read after a moment and its `settle`.
    #[must_use]
    pub fn orders_after(&self, at: VenueTime, settle: Duration) -> bool {
        let until = at.plus(settle);
        !self.orders_checked.is_empty()
            && self
                .orders_checked
                .values()
                .all(|checked| *checked >= until)
    }
}

/// All facts of one group and one of its symbols.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GroupFacts {
    /// The positions of the members, in any order.
    pub books: Vec<BookFacts>,
    /// How far each member's facts reach.
    pub knowledge: BTreeMap<AccountName, Knowledge>,
    /// Cycles that belong to group cycles which are settled: they are not looked at again.
    pub settled: BTreeSet<(Book, u32)>,
}
