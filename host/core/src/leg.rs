//! One account's entry order in a plan: a chain of orders, each taking the place of the one before.
//!
//! A leg is made of plain limit orders that may enlarge the position and of the executions that
//! entered by them; market orders, stops and exits are never legs. An order that fills in a cycle is
//! a leg of that cycle. One that never filled belongs to the plan in which it was placed: after the
//! cycle before was flat. Executions whose order is not known yet are legs as well, if the row
//! itself says "limit": a fill is never left out because its order is unknown.

use crate::amount::{Money, Price, Quantity};
use crate::chain::{Chain, roots};
use crate::cycle::Cycle;
use crate::execution::{ExecutionClass, Side, Source};
use crate::group::{BookFacts, FillFact};
use crate::id::{ClientOrderId, OrderId};
use crate::order::{OrderKind, OrderStatus, StopKind};
use crate::time::{HostTime, VenueTime};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Where a leg stands, by the account's own facts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LegState {
    /// Expected, but no order has been seen yet.
    Planned,
    /// Working, nothing filled.
    Open,
    /// Working, partly filled.
    Partial,
    /// Entirely filled.
    Filled,
    /// Partly filled, and no longer working.
    PartialFinal,
    /// Taken back without a fill.
    Cancelled,
    /// Never accepted.
    Rejected,
    /// The account has no such order.
    Missing,
    /// Not known.
    Unknown,
}

impl LegState {
    /// The name in the database and the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Open => "open",
            Self::Partial => "partial",
            Self::Filled => "filled",
            Self::PartialFinal => "partial-final",
            Self::Cancelled => "cancelled",
            Self::Rejected => "rejected",
            Self::Missing => "missing",
            Self::Unknown => "unknown",
        }
    }
}

/// What the orders of a leg say that they filled, held against their rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sum {
    /// As much as the rows: when the orders were read, no row was missing.
    Agrees,
    /// An order before them in the chain was not read: what it filled is known by its rows alone.
    Unread,
    /// Less: rows came that are newer than the reading, and more may have come with them.
    Behind,
    /// More: rows are not seen yet.
    Ahead,
}

/// One step of a leg's filling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LegFill {
    /// The order of the chain that traded.
    pub order_id: OrderId,
    /// When.
    pub at: VenueTime,
    /// How much of it entered the position in this cycle.
    pub quantity: Quantity,
    /// At which price.
    pub price: Price,
    /// When we first saw it.
    pub seen_at: HostTime,
    /// How it came to us.
    pub source: Source,
    /// The venue's row says what the order still wanted afterwards.
    pub says_leaves: bool,
}

/// A leg.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leg {
    /// The first order of the chain: the leg's name for ever.
    pub root: OrderId,
    /// The orders of the chain that are known, the oldest first; none while no order was read.
    pub orders: Vec<OrderId>,
    /// The trader's own ids along the chain.
    pub client_order_ids: Vec<ClientOrderId>,
    /// Its side.
    pub side: Side,
    /// Its limit price (of the newest order of the chain), or what it filled at.
    pub price: Option<Price>,
    /// What it wants in this cycle; what it filled, where its order is not known.
    pub quantity: Quantity,
    /// Its fills in this cycle, the oldest first.
    pub fills: Vec<LegFill>,
    /// When it was entirely filled.
    pub completed_at: Option<VenueTime>,
    /// Where its newest order stands; none while the order is not known.
    pub status: Option<OrderStatus>,
    /// The venue no longer keeps its order, and it was not seen to end.
    pub gone: bool,
    /// What its orders say that they filled, held against the fills that are here.
    pub sum: Sum,
    /// What of it closed a position instead of entering one.
    pub closed: Quantity,
    /// Its order was not read, and may have taken the place of one that is partly filled.
    pub may_continue_another: bool,
    /// Its order was not read, and may have taken the place of any that was not seen at work since.
    pub may_replace_another: bool,
    /// An order that was not read may have taken its place.
    pub may_be_replaced: bool,
    /// When the plan placed it.
    pub created_at: VenueTime,
    /// When its newest order last changed.
    pub updated_at: VenueTime,
    /// When its order was last looked at.
    pub checked_at: Option<VenueTime>,
}

impl Leg {
    /// Filled up to and including a moment.
    #[must_use]
    pub fn filled_by(&self, at: VenueTime) -> Quantity {
        self.fills
            .iter()
            .filter(|fill| fill.at <= at)
            .map(|fill| fill.quantity)
            .sum()
    }

    /// Filled so far.
    #[must_use]
    pub fn filled(&self) -> Quantity {
        self.fills.iter().map(|fill| fill.quantity).sum()
    }

    /// Average price of its fills.
    #[must_use]
    pub fn average_price(&self) -> Option<Price> {
        let mut value = Money::ZERO;
        for fill in &self.fills {
            value += fill.price.times(fill.quantity)?;
        }
        value.per(self.filled())
    }

    /// Where it stood at a moment, as far as its order's last change tells.
    #[must_use]
    pub fn state_by(&self, at: VenueTime) -> LegState {
        if self.completed_at.is_some_and(|completed| completed <= at) {
            return LegState::Filled;
        }
        let touched = self.filled_by(at).is_positive();
        // What closed a position before was no entry, and no failure to enter either.
        if self.gone || (!touched && self.closed.is_positive()) {
            return LegState::Unknown;
        }
        let ended = self.updated_at <= at;
        match (&self.status, ended, touched) {
            // The venue says what an order filled before it shows the fills: they are what counts,
            // and they are not here yet.
            (Some(OrderStatus::Filled), true, _) => LegState::Unknown,
            (Some(status), _, touched)
                if self.sum == Sum::Ahead && !(touched && status.is_open()) =>
            {
                LegState::Unknown
            }
            // What took its place is not read yet.
            (Some(OrderStatus::Replaced), _, _) => LegState::Unknown,
            (Some(OrderStatus::Cancelled), true, false) => LegState::Cancelled,
            (Some(OrderStatus::Rejected), true, false) => LegState::Rejected,
            (Some(OrderStatus::Cancelled | OrderStatus::Rejected), true, true) => {
                LegState::PartialFinal
            }
            // What an order that is not read yet wanted is not known: its fills may be all of it.
            (None, _, _) | (Some(OrderStatus::Unknown(_)), _, false) => LegState::Unknown,
            (_, _, true) => LegState::Partial,
            (_, _, false) => LegState::Open,
        }
    }

    /// Where it stands.
    #[must_use]
    pub fn state(&self) -> LegState {
        self.state_by(VenueTime::from_us(i64::MAX))
    }

    /// Whether it was never filled and is over, or nobody can tell whether it is.
    #[must_use]
    pub fn is_unfilled_and_over(&self) -> bool {
        let is_over = self.status.as_ref().is_some_and(|status| !status.is_open());
        self.fills.is_empty() && (is_over || self.gone)
    }

    /// When it ended; none while it works, or may still have worked after it was last seen.
    #[must_use]
    pub fn ended_at(&self) -> Option<VenueTime> {
        let is_over = self.status.as_ref().is_some_and(|status| !status.is_open());
        (is_over && !self.gone).then_some(self.updated_at)
    }

    /// Whether its order says that it came to its end by a moment, and rows that would say so too are
    /// not here.
    #[must_use]
    pub fn filled_unseen_by(&self, at: VenueTime) -> bool {
        self.sum == Sum::Ahead
            && self.completed_at.is_none()
            && self.status == Some(OrderStatus::Filled)
            && self.updated_at <= at
    }

    /// Whether nobody can tell if it was complete by a moment: its order was amended, or not, since it
    /// was read, and its newest row does not say what was left.
    #[must_use]
    pub fn is_uncertain_by(&self, at: VenueTime) -> bool {
        let newest = self.fills.iter().rfind(|fill| fill.at <= at);
        newest.is_some_and(|fill| !fill.says_leaves && self.checked_at < Some(fill.at))
    }

    /// Whether an order is one of the chain.
    #[must_use]
    pub fn has_order(&self, order_id: &OrderId) -> bool {
        &self.root == order_id
            || self.orders.contains(order_id)
            || self.fills.iter().any(|fill| &fill.order_id == order_id)
    }

    /// When it was placed, where it tells when its plan was: it was not given up without a fill, and
    /// its order is known. The fills of an order that is not read yet come long after it was placed.
    #[must_use]
    pub fn placed_at(&self) -> Option<VenueTime> {
        (self.status.is_some() && !self.is_unfilled_and_over()).then_some(self.created_at)
    }
}

/// The span of a plan: from the moment the cycle before was flat to the moment this one was.
#[derive(Debug, Clone, Copy)]
pub struct PlanSpan {
    /// When the cycle before was flat; none for the first.
    pub after: Option<VenueTime>,
    /// When this one was flat; none while it is open or planned.
    pub until: Option<VenueTime>,
}

impl PlanSpan {
    pub(crate) fn holds(self, created_at: VenueTime) -> bool {
        self.after.is_none_or(|after| created_at > after) && self.begins_before_end(created_at)
    }

    pub(crate) fn begins_before_end(self, created_at: VenueTime) -> bool {
        self.until.is_none_or(|until| created_at <= until)
    }
}

/// The legs of a plan, by price, best first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Legs {
    /// What is part of it.
    pub of_plan: Vec<Leg>,
    /// Orders that entered nothing, are over, and were placed before the position before was flat:
    /// for this plan, or for the one before.
    pub from_before: Vec<Leg>,
    /// Orders that worked in this plan and filled in a later one.
    pub for_later: Vec<Leg>,
}

/// Which part a chain has in a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    OfPlan,
    FromBefore,
    ForLater,
}

/// The legs of one cycle of a book, or of the plan that has not filled yet (`cycle` is none).
#[must_use]
pub fn legs_of(facts: &BookFacts, cycle: Option<&Cycle>, entry_side: Side, span: PlanSpan) -> Legs {
    let roots = roots(&facts.orders);
    let mut chains: BTreeMap<OrderId, Chain<'_>> = BTreeMap::new();
    for fact in &facts.orders {
        if fact.order.side != entry_side || !fact.order.can_be_entry() {
            continue;
        }
        if let Some(root) = roots.get(&fact.order.order_id) {
            chains.entry(root.clone()).or_default().orders.push(fact);
        }
    }
    for fill in &facts.fills {
        let Some(order_id) = fill.order_id.as_ref() else {
            continue;
        };
        let root = roots.get(order_id).unwrap_or(order_id);
        let order_is_known = roots.contains_key(order_id);
        if let Some(chain) = chains.get_mut(root) {
            chain.fills.push(fill);
        } else if !order_is_known && is_entry_by_its_row(fill, entry_side, cycle) {
            chains.entry(root.clone()).or_default().fills.push(fill);
        }
    }
    let last_cycle = facts.cycles.iter().map(|cycle| cycle.ordinal).max();
    let is_current = match cycle {
        Some(cycle) => Some(cycle.ordinal) == last_cycle && cycle.is_open(),
        None => true,
    };
    let mut legs = Legs::default();
    for (root, chain) in chains {
        match chain.into_leg(root, cycle, entry_side, span, is_current) {
            Some((leg, Part::OfPlan)) => legs.of_plan.push(leg),
            Some((leg, Part::FromBefore)) => legs.from_before.push(leg),
            Some((leg, Part::ForLater)) => legs.for_later.push(leg),
            None => {}
        }
    }
    sort_best_first(&mut legs.of_plan, entry_side);
    sort_best_first(&mut legs.from_before, entry_side);
    // An order placed before the position was flat may be of this plan all the same, and be replaced.
    let Legs {
        of_plan,
        from_before,
        ..
    } = &mut legs;
    note_continuations(of_plan.iter_mut().chain(from_before).collect());
    legs
}

/// Whether a row of an order that is not known entered by a limit order, or closed the position
/// before by one that may have been meant to enter.
fn is_entry_by_its_row(fill: &FillFact, entry_side: Side, cycle: Option<&Cycle>) -> bool {
    let closed_before = || {
        let exit = fill
            .allocation
            .exit
            .map(|exit| exit.ordinal.saturating_add(1));
        cycle.is_some_and(|cycle| exit == Some(cycle.ordinal))
    };
    fill.class == ExecutionClass::OrderFill
        && fill.side == entry_side
        && (fill.allocation.entry.is_some() || closed_before())
        && fill.order_kind != OrderKind::Market
        && fill.stop == StopKind::None
}

/// Marks legs of unread orders that may go on with another leg: one that is not known to be over, and
/// was not seen at work after the first of their fills.
fn note_continuations(mut legs: Vec<&mut Leg>) {
    let unfinished: Vec<(OrderId, Option<VenueTime>, bool)> = legs
        .iter()
        .filter(|leg| leg.completed_at.is_none())
        .filter(|leg| leg.ended_at().is_none() || leg.status == Some(OrderStatus::Replaced))
        .map(|leg| {
            let works = leg.status.as_ref().is_some_and(OrderStatus::is_open);
            let worked_at = leg.checked_at.filter(|_| works && !leg.gone);
            (leg.root.clone(), worked_at, !leg.fills.is_empty())
        })
        .collect();
    let mut replaced: BTreeSet<OrderId> = BTreeSet::new();
    for leg in legs.iter_mut().filter(|leg| leg.status.is_none()) {
        let first = leg.fills.first().map(|fill| fill.at);
        for (root, worked_at, is_touched) in &unfinished {
            if *root != leg.root && *worked_at < first {
                leg.may_replace_another = true;
                leg.may_continue_another |= is_touched;
                replaced.insert(root.clone());
            }
        }
    }
    for leg in legs {
        leg.may_be_replaced = replaced.contains(&leg.root);
    }
}

/// The order in which a falling (for buys) or rising (for sells) price reaches them.
pub fn sort_best_first(legs: &mut [Leg], entry_side: Side) {
    legs.sort_by(|a, b| {
        let by_price = match entry_side {
            Side::Buy => b.price.cmp(&a.price),
            Side::Sell => a.price.cmp(&b.price),
        };
        by_price
            .then_with(|| a.created_at.cmp(&b.created_at))
            .then_with(|| a.root.cmp(&b.root))
    });
}
