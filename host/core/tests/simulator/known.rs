//! What the readings of an account tell, worked out from the truth: until when an order is known, to
//! which true cycle a part belongs, and what could be claimed.

use crate::check::Judge;
use crate::history::{SETTLE_MS, TrueCycle, TrueOrder};
use fillsync_core::cut;
use fillsync_core::id::AccountName;
use fillsync_core::join::MemberCycle;
use fillsync_core::leg::Leg;
use fillsync_core::order::OrderStatus;
use fillsync_core::slot::Slot;
use fillsync_core::truth::Truth;
use fillsync_core::view::{CountsWhen, Role};

impl Judge<'_> {
    /// As of when an order was last read: its newest step that is known.
    pub(crate) fn read_ms(&self, account: usize, order: usize) -> Option<i64> {
        let sight = &self.watch.sights[account];
        let mut steps = sight.orders.range((order, 0)..=(order, usize::MAX));
        steps.next_back().map(|(_, as_of_ms)| *as_of_ms)
    }

    /// When an order was last seen to work where it was looked for.
    fn checked_ms(&self, account: usize, order: usize) -> Option<i64> {
        let sight = &self.watch.sights[account];
        let mut steps = sight.checked.range((order, 0)..=(order, usize::MAX));
        steps.next_back().map(|(_, checked_ms)| *checked_ms)
    }

    /// The true cycle that a member's part in the group cycle is of.
    pub(crate) fn true_cycle(&self, part: &MemberCycle) -> Option<TrueCycle> {
        let (book, cycle) = part.cycle.as_ref()?;
        let account = &self.history.accounts[self.account(&part.account)];
        let first = cycle.first.as_ref()?.execution_id.as_str();
        let (order, index) = first.trim_end_matches("-wrong").rsplit_once('-').unwrap();
        let order = account
            .orders
            .iter()
            .find(|have| have.id.as_str() == order)
            .unwrap();
        let fill = &order.fills[index.parse::<usize>().unwrap()];
        Some((book.lane, fill.cycle))
    }

    /// A member's leg at a numbered slot, and its order.
    pub(crate) fn leg_at(&self, account: &AccountName, ordinal: u32) -> Option<(&Leg, &TrueOrder)> {
        let cycle = self.frame.cycle;
        let slot = cycle.slots.iter().find(|slot| slot.ordinal == ordinal)?;
        let leg = cycle.leg(slot, cycle.member(account)?)?;
        Some((leg, self.history.order(&leg.root).1))
    }

    /// The true cycle in which a leg came to count.
    pub(crate) fn counted_in(&self, (leg, order): (&Leg, &TrueOrder)) -> Option<TrueCycle> {
        let at = match self.history.counts_when {
            CountsWhen::Filled => leg.completed_at?,
            CountsWhen::Touched => leg.fills.first()?.at,
        };
        let fills = order.fills.iter();
        let mut entries = fills.filter(|fill| fill.entered > 0 && fill.at_ms == at.ms());
        entries.next_back().map(|fill| (order.lane, fill.cycle))
    }

    pub(crate) fn founder(&self, slot: &Slot) -> &TrueOrder {
        let (_, root) = slot.key.split_once('/').unwrap();
        let root = fillsync_core::id::OrderId::new(root).unwrap();
        self.history.order(&root).1
    }

    /// What really was so of an account at a slot, where all that tells it was seen.
    pub(crate) fn provable(&self, difference: &cut::Difference) -> Option<Truth> {
        let slots = &self.frame.cycle.slots;
        let slot = slots.iter().find(|slot| slot.key == difference.slot_key)?;
        let founder = self.founder(slot);
        let of_slot = |account: usize| {
            let orders = self.history.accounts[account].orders.iter().enumerate();
            let is_same =
                |order: &TrueOrder| (order.trade, order.rung) == (founder.trade, founder.rung);
            orders.into_iter().find(|(_, order)| is_same(order))
        };
        let counted_ms = |account: usize| {
            let seen_ms = self.watch.sights[account].seen_ms;
            of_slot(account)?
                .1
                .counted_seen_ms(self.history.counts_when, seen_ms)
        };
        let movers = self.history.accounts.iter().enumerate();
        let first_ms = movers
            .filter(|(_, account)| account.role != Role::Observer)
            .filter_map(|(index, _)| counted_ms(index))
            .min()?;
        let account = self.account(&difference.account);
        let sight = &self.watch.sights[account];
        let settled_ms = first_ms + SETTLE_MS;
        let is_whole = self.history.accounts[account].data_begin_ms == 0;
        if !is_whole || settled_ms > sight.orders_ms.min(sight.proven_ms) {
            return None;
        }
        let Some((index, order)) = of_slot(account) else {
            let mut lists = sight.listed_ms.iter().chain([&sight.orders_ms]);
            let is_listed =
                lists.any(|listed| *listed >= settled_ms && listed + SETTLE_MS <= sight.proven_ms);
            return (is_listed && sight.closed_ms >= settled_ms).then_some(Truth::Missing);
        };
        if counted_ms(account).is_some() {
            return Some(Truth::Aligned);
        }
        let read_ms = self.read_ms(account, index)?;
        // Rows and readings must tell the same.
        let is_seen = |fill: &&crate::history::TrueFill| fill.at_ms + fill.late_ms < sight.seen_ms;
        let in_reading = order.fills.iter().filter(|fill| fill.at_ms <= read_ms);
        let in_rows = order.fills.iter().filter(is_seen);
        let is_gone = sight.gone.iter().any(|(gone, _)| *gone == index);
        let steps = if order.is_chain() {
            order.steps.len()
        } else {
            1
        };
        let is_read = (0..steps).all(|step| sight.orders.contains_key(&(index, step)));
        let agrees =
            in_reading.clone().all(|fill| is_seen(&fill)) && in_rows.count() == in_reading.count();
        if !agrees || is_gone || !is_read {
            return None;
        }
        let touched = order.entered_before(read_ms + 1) > 0;
        match order.state_at(read_ms).0 {
            OrderStatus::Rejected => Some(Truth::Rejected),
            OrderStatus::Cancelled if touched => Some(Truth::Partial),
            OrderStatus::Cancelled => Some(Truth::Cancelled),
            OrderStatus::Open if self.checked_ms(account, index) < Some(settled_ms) => None,
            OrderStatus::Open if touched => Some(Truth::Partial),
            OrderStatus::Open => Some(Truth::Lagging),
            _ => None,
        }
    }
}
