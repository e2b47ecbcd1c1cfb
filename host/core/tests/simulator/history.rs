//! What really happened: every order and every fill of a group, known to nobody in the system.
//!
//! What counts when is worked out here by adding signed quantities, without the core's own fold, so
//! that the two can contradict each other. How a history is made stands in [`crate::make`].

use fillsync_core::execution::Side;
use fillsync_core::id::{AccountName, OrderId};
use fillsync_core::order::{Lane, OrderStatus};
use fillsync_core::view::{CountsWhen, Role};
use std::collections::BTreeMap;

/// The group's settle and deadline, in milliseconds.
pub(crate) const SETTLE_MS: i64 = 3_000;
/// How late a row can appear behind others: less than the settle, which is there for it. All rows of
/// some orders appear later still: [`TrueOrder::is_hidden`].
pub(crate) const LATE_MS: i64 = 2_000;
pub(crate) const DEADLINE_MS: i64 = 30_000;
/// The group's symbol, and how some venues spell it.
pub(crate) const SYMBOL: &str = "GTCUSDT";
pub(crate) const OTHER_SYMBOL: &str = "GTCPERP";

/// A position of an account, and which of its cycles.
pub(crate) type TrueCycle = (Lane, usize);

/// One fill of an order.
#[derive(Debug, Clone, Hash)]
pub(crate) struct TrueFill {
    pub(crate) at_ms: i64,
    pub(crate) quantity: i64,
    /// How much of it enlarged the position.
    pub(crate) entered: i64,
    /// Which cycle of its position it is of, by what it entered, else by what it left.
    pub(crate) cycle: usize,
    /// So much later than others of its time it appears.
    pub(crate) late_ms: i64,
    /// Until then the venue shows it with a wrong price and another id.
    pub(crate) corrected_ms: Option<i64>,
}

/// One state of an order's terms: as it was placed, replaced or amended.
#[derive(Debug, Clone, Hash)]
pub(crate) struct TrueStep {
    /// The same for every step of an order that is amended in place.
    pub(crate) id: OrderId,
    pub(crate) at_ms: i64,
    pub(crate) price: i64,
    /// What it wanted in all, with what had filled before.
    pub(crate) quantity: i64,
}

/// One order of a plan, from its birth to its end, through all that took its place.
#[derive(Debug, Clone, Hash)]
pub(crate) struct TrueOrder {
    pub(crate) id: OrderId,
    pub(crate) steps: Vec<TrueStep>,
    pub(crate) lane: Lane,
    pub(crate) trade: usize,
    /// Which order of the plan; none for an exit.
    pub(crate) rung: Option<usize>,
    pub(crate) side: Side,
    pub(crate) is_limit: bool,
    /// In ten-thousandths, in the end.
    pub(crate) price: i64,
    pub(crate) quantity: i64,
    pub(crate) created_ms: i64,
    pub(crate) fills: Vec<TrueFill>,
    /// When it was cancelled or rejected.
    pub(crate) ended: Option<(i64, OrderStatus)>,
    /// Whether its rows say what is left of it.
    pub(crate) says_leaves: bool,
    /// The venue forgets it when it is over.
    pub(crate) is_forgotten: bool,
    /// Its rows appear later than the settle allows for: what is proven does not hold for them.
    pub(crate) is_hidden: bool,
}

impl TrueOrder {
    /// The step that was in force at a moment.
    pub(crate) fn step_at(&self, ms: i64) -> usize {
        let begun = self.steps.iter().filter(|step| step.at_ms <= ms);
        begun.count().max(1) - 1
    }

    /// Whether each step is an order of its own.
    pub(crate) fn is_chain(&self) -> bool {
        self.steps.len() > 1 && self.steps[0].id != self.steps[1].id
    }

    pub(crate) fn filled_before(&self, ms: i64) -> i64 {
        self.fills
            .iter()
            .filter(|fill| fill.at_ms < ms)
            .map(|fill| fill.quantity)
            .sum()
    }

    /// Whether rows of it should have been seen, and are not.
    pub(crate) fn lacks_rows(&self, seen_ms: i64) -> bool {
        let is_late =
            |fill: &TrueFill| fill.at_ms < seen_ms && fill.at_ms + fill.late_ms >= seen_ms;
        self.is_hidden && self.fills.iter().any(is_late)
    }

    /// How much of it had entered the position.
    pub(crate) fn entered_before(&self, ms: i64) -> i64 {
        let fills = self.fills.iter().filter(|fill| fill.at_ms < ms);
        fills.map(|fill| fill.entered).sum()
    }

    /// How much of it had entered in one cycle.
    pub(crate) fn entered_in(&self, (lane, cycle): TrueCycle, before_ms: i64) -> i64 {
        let fills = self.fills.iter();
        let fills = fills.filter(|fill| fill.cycle == cycle && fill.at_ms < before_ms);
        let entered: i64 = fills.map(|fill| fill.entered).sum();
        if self.lane == lane { entered } else { 0 }
    }

    pub(crate) fn completed_ms(&self) -> Option<i64> {
        let last = self.fills.last()?;
        let filled: i64 = self.fills.iter().map(|fill| fill.quantity).sum();
        (filled == self.quantity).then_some(last.at_ms)
    }

    /// When it came to count as a part of the plan.
    pub(crate) fn counted_ms(&self, when: CountsWhen) -> Option<i64> {
        self.rung?;
        let mut entries = self.fills.iter().filter(|fill| fill.entered > 0);
        let first = entries.next()?.at_ms;
        match when {
            CountsWhen::Filled => self.completed_ms(),
            CountsWhen::Touched => Some(first),
        }
    }

    /// When it came to count by the rows that are seen.
    pub(crate) fn counted_seen_ms(&self, when: CountsWhen, seen_ms: i64) -> Option<i64> {
        let counted_ms = self.counted_ms(when)?;
        let mut fills = self.fills.iter();
        let is_seen = |fill: &TrueFill| fill.at_ms + fill.late_ms < seen_ms;
        let is_told = match when {
            CountsWhen::Filled => fills.any(|fill| fill.at_ms == counted_ms && is_seen(fill)),
            CountsWhen::Touched => fills.any(|fill| fill.entered > 0 && is_seen(fill)),
        };
        is_told.then_some(counted_ms)
    }

    /// When it came to count in one cycle of its position.
    fn counted_in_ms(&self, (lane, cycle): TrueCycle, when: CountsWhen) -> Option<i64> {
        let rung = self.rung.filter(|_| self.lane == lane);
        rung?;
        let mut fills = self.fills.iter();
        let is_entry = |fill: &&TrueFill| fill.entered > 0 && fill.cycle == cycle;
        match when {
            CountsWhen::Touched => fills.find(is_entry).map(|fill| fill.at_ms),
            CountsWhen::Filled => {
                let completed_ms = self.completed_ms()?;
                fills.next_back().filter(is_entry).map(|_| completed_ms)
            }
        }
    }

    /// Its state as of a moment, and when it last changed before it.
    pub(crate) fn state_at(&self, ms: i64) -> (OrderStatus, i64) {
        if let Some((at, status)) = self.ended.as_ref().filter(|(at, _)| *at <= ms) {
            return (status.clone(), *at);
        }
        if let Some(at) = self.completed_ms().filter(|at| *at <= ms) {
            return (OrderStatus::Filled, at);
        }
        let touched = self.fills.iter().map(|fill| fill.at_ms);
        let changed = self.steps.iter().map(|step| step.at_ms);
        let last = touched.chain(changed).filter(|at| *at <= ms).max();
        (OrderStatus::Open, last.unwrap_or(self.created_ms))
    }

    pub(crate) fn over_ms(&self) -> Option<i64> {
        let ended = self.ended.as_ref().map(|(at, _)| *at);
        ended.or_else(|| self.completed_ms())
    }
}

/// One account.
#[derive(Debug, Clone, Hash)]
pub(crate) struct TrueAccount {
    pub(crate) name: AccountName,
    pub(crate) role: Role,
    /// How its venue spells the group's symbol.
    pub(crate) symbol: &'static str,
    /// Nothing before it is ever seen.
    pub(crate) data_begin_ms: i64,
    /// The signed position then.
    pub(crate) opening: i64,
    /// Long and short are positions of their own.
    pub(crate) is_hedged: bool,
    /// In hundredths: what is expected of it, in times of the plan.
    pub(crate) ratio: i64,
    /// Its rows say what of them closed a position.
    pub(crate) says_closed: bool,
    pub(crate) orders: Vec<TrueOrder>,
}

/// All that happened.
#[derive(Debug)]
pub(crate) struct History {
    pub(crate) seed: u64,
    pub(crate) counts_when: CountsWhen,
    /// Client order ids carry a token of the slot.
    pub(crate) has_tokens: bool,
    /// The plan's prices are so far apart, and its trades so long, that nothing can be taken for
    /// another rung or another trade.
    pub(crate) is_plain: bool,
    /// Trades are so far apart that exits and entries of two never overlap.
    pub(crate) is_separated: bool,
    pub(crate) price_tolerance_bps: u32,
    /// A wrong price differs by one part in so many: less than from one rung to the next.
    pub(crate) wrong_by: i64,
    /// Tokens that come again in a trade that follows at once are told apart by this alone.
    pub(crate) placed_within_ms: Option<i64>,
    pub(crate) accounts: Vec<TrueAccount>,
    pub(crate) end_ms: i64,
    /// Each order's account and index.
    pub(crate) by_id: BTreeMap<OrderId, (usize, usize)>,
}

impl History {
    pub(crate) fn order(&self, id: &OrderId) -> (usize, &TrueOrder) {
        let (account, order) = self.by_id[id];
        (account, &self.accounts[account].orders[order])
    }

    /// What kind of history it is, for failures.
    pub(crate) fn kind(&self) -> String {
        let token = if self.has_tokens { "tokens" } else { "prices" };
        let plain = if self.is_plain { "plain" } else { "close" };
        format!("({plain}, {token}, {:?})", self.counts_when)
    }

    /// Its class, for the tally of claims.
    pub(crate) const fn class(&self) -> &'static str {
        match (self.is_plain, self.has_tokens) {
            (true, true) => "plain with tokens",
            (true, false) => "plain by price",
            (false, true) => "close with tokens",
            (false, false) => "close by price",
        }
    }

    /// How many orders of an account and a trade counted at a moment.
    pub(crate) fn count(&self, account: usize, trade: usize, at_ms: i64) -> u32 {
        let counted = self.accounts[account].orders.iter().filter(|order| {
            order.trade == trade
                && order
                    .counted_ms(self.counts_when)
                    .is_some_and(|at| at <= at_ms)
        });
        u32::try_from(counted.count()).unwrap()
    }

    /// How many orders of the plan counted in one cycle of an account's position at a moment.
    pub(crate) fn count_in(&self, account: usize, cycle: TrueCycle, at_ms: i64) -> u32 {
        let counted = self.accounts[account].orders.iter().filter(|order| {
            let counted_ms = order.counted_in_ms(cycle, self.counts_when);
            counted_ms.is_some_and(|at| at <= at_ms)
        });
        u32::try_from(counted.count()).unwrap()
    }
}
