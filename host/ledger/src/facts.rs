//! What the poller hands to the ledger, and what the ledger answers.
//!
//! A [`PageRecord`] is one page with everything that it proves; all of it is written in one
//! transaction, or nothing (law 9). The answer says what was new, so that nobody has to ask again.

use fillsync_core::coverage::Window;
use fillsync_core::cycle::Allocation;
use fillsync_core::execution::{Execution, ExecutionKey, VenueKind};
use fillsync_core::id::{AccountName, Category, ExecutionId, Market, OrderId, Symbol};
use fillsync_core::order::Order;
use fillsync_core::port::{Positions, UnreadableRow};
use fillsync_core::time::{HostTime, VenueTime};

/// One page of one account and category, with everything that it proves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRecord {
    /// The account.
    pub account: AccountName,
    /// Its venue.
    pub venue: VenueKind,
    /// The category that the page is of; every row's market must be of this account and category.
    pub category: Category,
    /// Rows, in any order, known ones among them.
    pub executions: Vec<Execution>,
    /// Orders, in any order, older states among them.
    pub orders: Vec<Order>,
    /// Rows that the adapter could not read.
    pub unreadable: Vec<UnreadableRow>,
    /// The window that a traversal, which ends with this page, has proven.
    pub proven: Option<Proven>,
    /// The venue's time at which a traversal of the open orders, which ends with this page, was made.
    pub orders_checked: Option<VenueTime>,
    /// The venue's time after which the open orders, and then the ended ones, were read to the end by
    /// traversals of which this page is the last.
    pub closed_checked: Option<VenueTime>,
    /// The positions of the category, where they were asked for.
    pub positions: Option<Positions>,
    /// What could not be fetched.
    pub gap: Option<Gap>,
    /// When the page came, in the host's clock.
    pub seen_at: HostTime,
}

impl PageRecord {
    /// A record of nothing yet.
    #[must_use]
    pub const fn new(
        account: AccountName,
        venue: VenueKind,
        category: Category,
        seen_at: HostTime,
    ) -> Self {
        Self {
            account,
            venue,
            category,
            executions: Vec::new(),
            orders: Vec::new(),
            unreadable: Vec::new(),
            proven: None,
            orders_checked: None,
            closed_checked: None,
            positions: None,
            gap: None,
            seen_at,
        }
    }
}

/// A traversal that reached its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proven {
    /// The window whose executions are now complete.
    pub window: Window,
    /// Pages it took.
    pub pages: u32,
    /// Rows on them.
    pub rows: u32,
}

/// A window that could not be fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// The window.
    pub window: Window,
    /// Why, in a sentence.
    pub reason: String,
}

/// An execution that was not known before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewExecution {
    /// The row.
    pub execution: Execution,
    /// Whether its order was in the ledger before this record.
    pub order_was_tracked: bool,
    /// What it did to its book; nothing where it does not stand.
    pub allocation: Allocation,
    /// Whether it stands: a row can be corrected or busted by one that came before it.
    pub state: RowState,
    /// Whether its quantity stood in the books already, by a row made from the venue's sum of the order.
    pub was_stood_in_for: bool,
}

/// Whether a row stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RowState {
    /// It does: it moves its book and is counted.
    Live,
    /// Another row stands in its place.
    Superseded,
    /// The venue took it back, or it is the row that takes another one back.
    Busted,
}

impl RowState {
    /// Its name in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Superseded => "superseded",
            Self::Busted => "busted",
        }
    }

    /// The state of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "live" => Some(Self::Live),
            "superseded" => Some(Self::Superseded),
            "busted" => Some(Self::Busted),
            _ => None,
        }
    }
}

/// A row that no longer stands. It is told once, whichever of the two rows came first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revised {
    /// The row that no longer stands, as it is.
    pub execution: Execution,
    /// The row that says so; for a stand-in, one that took its place.
    pub by: ExecutionId,
    /// Why it does not stand.
    pub kind: RevisedKind,
}

/// Why a row no longer stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RevisedKind {
    /// The venue corrected it.
    Corrected,
    /// The venue took it back.
    Busted,
    /// It stood in for rows of its order, and such rows came. Nothing to alert anybody about.
    Replaced,
}

/// What came of asking for a stand-in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inferred {
    /// A row now stands in for what the rows of the order did not show.
    StoodIn(Box<NewExecution>),
    /// Rows, or a stand-in from before, show as much as the order says.
    Enough,
    /// The order is not stored: ask the venue for it first.
    NotStored,
    /// Neither the order's average nor its limit price is known: ask the venue for it again.
    NoPrice,
}

/// What a record changed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Recorded {
    /// Executions that were not known, in the order of their sequence within each market.
    pub new: Vec<NewExecution>,
    /// Executions that were known already, with the same content.
    pub known: u32,
    /// Rows that no longer stand, each told once.
    pub revised: Vec<Revised>,
    /// Keys that came again with other content, each reported once; the first sighting stays.
    pub conflicts: Vec<ExecutionKey>,
    /// Raw class words that this venue was never seen to use before.
    pub new_unknown_classes: Vec<String>,
    /// Unreadable rows that were not known.
    pub quarantined: u32,
    /// Orders of this account and category that have executions but are not stored, the newest
    /// first; at most [`crate::ORDERS_WANTED_MAX`].
    pub orders_wanted: Vec<(Symbol, OrderId)>,
    /// Markets in which anything changed.
    pub changed_markets: Vec<Market>,
    /// The end of the category's newest proven window, after this record.
    pub coverage_to: Option<VenueTime>,
}
