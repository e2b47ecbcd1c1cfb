//! What is said of accounts at slots, held against what each really did.
//!
//! A difference is judged by its proof: the order as it was last read, which must be after the fill that
//! it is held against. What an order did after that reading is not claimed, and what it did before must
//! be as it was said, to the quantity.

use crate::check::{Judge, Span, claim};
use crate::history::{LATE_MS, SETTLE_MS, TrueOrder};
use fillsync_core::alert::{Alert, AlertBody};
use fillsync_core::cut;
use fillsync_core::id::AccountName;
use fillsync_core::join::MemberCycle;
use fillsync_core::leg::Leg;
use fillsync_core::moment::Frame;
use fillsync_core::order::OrderStatus;
use fillsync_core::slot::Slot;
use fillsync_core::truth::{Doubt, Truth};
use fillsync_core::view::Role;
use rust_decimal::prelude::ToPrimitive;

impl Judge<'_> {
    /// Law 6 and "aligned is never claimed without proof".
    pub(crate) fn truth(&self, difference: &cut::Difference) -> Result<(), String> {
        let cycle = self.frame.cycle;
        let slot = cycle
            .slots
            .iter()
            .find(|slot| slot.key == difference.slot_key)
            .ok_or("no such slot")?;
        let member = cycle.member(&difference.account).ok_or("no such member")?;
        let account = self.account(&member.account);
        let sight = &self.watch.sights[account];
        let leg = cycle.leg(slot, member);
        let order = leg.map(|leg| self.history.order(&leg.root).1);
        claim(
            !difference.is_confirmed || difference.truth.is_diverged(),
            || "confirmed without a difference".to_owned(),
        )?;
        if matches!(difference.truth, Truth::Aligned | Truth::Extra) {
            let order = order.ok_or("it has no leg")?;
            let counted_ms = order.counted_seen_ms(self.history.counts_when, sight.seen_ms);
            claim(counted_ms.is_some(), || {
                format!("its rows do not say so: {order:?}")
            })?;
            return self.same_rung(slot, order);
        }
        if !difference.truth.is_diverged() {
            let settled = matches!(difference.truth, Truth::Pending | Truth::Unknown);
            return claim(
                !self.is_last || !settled || self.may_stay_open(slot, member, difference.doubt),
                || {
                    let doubt = difference.doubt;
                    format!(
                        "all is known: {doubt:?}, {leg:?}, {:?}, {}",
                        slot.confidences,
                        self.told()
                    )
                },
            );
        }
        claim(!member.at_least(), || "its beginning is unknown".to_owned())?;
        let first_ms = self.first_counted_ms(slot).ok_or("nobody filled it")?;
        let proof_ms = sight.proven_ms.min(sight.orders_ms);
        claim(first_ms + SETTLE_MS <= proof_ms, || {
            format!("known to {proof_ms} ms, but filled at {first_ms} ms")
        })?;
        match leg.zip(order) {
            Some((leg, order)) => {
                self.same_rung(slot, order)?;
                self.kind(difference.truth, member, (leg, order), first_ms)
            }
            None => self.missing(slot, account, first_ms),
        }
    }

    /// What the alert of a fill says: the order filled as its rows tell, and an observer's is of the slot.
    pub(crate) fn told_fill(&self, alert: &Alert) -> Result<(), String> {
        let AlertBody::Fill(fill) = &alert.body else {
            return Err(format!("{} is no fill", alert.identity));
        };
        let name = &alert.account.as_ref().ok_or("it has no account")?.name;
        let (_, order) = self.leg_at(name, fill.slot).ok_or("it has no leg")?;
        let account = self.account(name);
        let seen_ms = self.watch.sights[account].seen_ms;
        let counted_ms = order.counted_seen_ms(self.history.counts_when, seen_ms);
        claim(counted_ms.is_some(), || {
            format!("{} is told: {order:?}", alert.identity)
        })?;
        if self.history.accounts[account].role != Role::Observer {
            return Ok(());
        }
        let slots = &self.frame.cycle.slots;
        let slot = slots.iter().find(|slot| slot.ordinal == fill.slot);
        self.same_rung(slot.ok_or("it has no slot")?, order)
    }

    /// Whether the kind of difference was really so when the order was read.
    fn kind(
        &self,
        truth: Truth,
        member: &MemberCycle,
        (leg, order): (&Leg, &TrueOrder),
        first_ms: i64,
    ) -> Result<(), String> {
        let account = self.account(&member.account);
        let (_, index) = self.history.by_id[&leg.root];
        let read_ms = self.read_ms(account, index).ok_or("it was never read")?;
        // Rows that are late by less than the settle are seen by then as well.
        let rows_ms = self.watch.sights[account].proven_ms - LATE_MS;
        let counted_ms = order.counted_ms(self.history.counts_when);
        let is_passed = |at: i64| at <= read_ms || (at < rows_ms && !order.is_hidden);
        let told = || format!("read at {read_ms} ms: {order:?}, {}", self.told());
        claim(!counted_ms.is_some_and(is_passed), || {
            format!("it counted at {counted_ms:?}, {}", told())
        })?;
        let (status, _) = order.state_at(read_ms);
        let works = status == OrderStatus::Open;
        claim(!works || read_ms >= first_ms + SETTLE_MS, || {
            format!("it may have filled since, {}", told())
        })?;
        let entered = match self.true_cycle(member) {
            Some(cycle) => order.entered_in(cycle, read_ms + 1),
            None => order.entered_before(read_ms + 1),
        };
        let said = leg.filled().decimal().to_i64().unwrap();
        claim(said == entered, || {
            format!(
                "{said} of it are called filled, and {entered} were, {}",
                told()
            )
        })?;
        let holds = match truth {
            Truth::Lagging => works && entered == 0,
            Truth::Partial => entered > 0 && status != OrderStatus::Filled,
            Truth::Cancelled => status == OrderStatus::Cancelled && order.fills.is_empty(),
            Truth::Rejected => status == OrderStatus::Rejected && order.fills.is_empty(),
            _ => false,
        };
        claim(holds, || format!("it was {status:?}, {}", told()))
    }

    /// Whether an account really had no order at a slot when its orders were listed.
    fn missing(&self, slot: &Slot, account: usize, first_ms: i64) -> Result<(), String> {
        let founder = self.founder(slot);
        let sight = &self.watch.sights[account];
        claim(first_ms + SETTLE_MS <= sight.closed_ms, || {
            format!("ended orders were read at {} ms", sight.closed_ms)
        })?;
        let lists = sight.listed_ms.iter().chain([&sight.orders_ms]);
        let proven = lists.filter(|listed| **listed + SETTLE_MS <= sight.proven_ms);
        let listed_ms = *proven.max().ok_or("its orders were never listed")?;
        let have = self.history.accounts[account]
            .orders
            .iter()
            .filter(|order| (order.trade, order.rung) == (founder.trade, founder.rung))
            .find(|order| order.created_ms <= listed_ms);
        claim(have.is_none(), || {
            let members = self.told();
            format!("it has {have:?}, seen {sight:?}, among {members}")
        })
    }

    /// Whether an order really is the slot's, where nothing could be taken for another.
    fn same_rung(&self, slot: &Slot, order: &TrueOrder) -> Result<(), String> {
        let founder = self.founder(slot);
        let same = (founder.trade, founder.rung) == (order.trade, order.rung);
        claim(same, || {
            format!("{} is no order of that slot: {}", order.id, self.told())
        })
    }

    /// When somebody who moves counts first filled a slot.
    fn first_counted_ms(&self, slot: &Slot) -> Option<i64> {
        let cycle = self.frame.cycle;
        let movers = cycle
            .members
            .iter()
            .filter(|member| member.role != Role::Observer);
        movers
            .filter_map(|member| {
                let leg = cycle.leg(slot, member)?;
                let (account, order) = self.history.order(&leg.root);
                let seen_ms = self.watch.sights[account].seen_ms;
                order.counted_seen_ms(self.history.counts_when, seen_ms)
            })
            .min()
    }

    /// With all known, a question stays open only where the facts cannot answer it.
    fn may_stay_open(&self, slot: &Slot, member: &MemberCycle, doubt: Option<Doubt>) -> bool {
        let Frame { rules, cycle, .. } = self.frame;
        let account = self.account(&member.account);
        let order = cycle
            .leg(slot, member)
            .map(|leg| self.history.order(&leg.root).1);
        match doubt {
            None | Some(Doubt::TradeNotSeen | Doubt::ClosedUnread) => false,
            Some(Doubt::UnknownStart) => member.at_least(),
            Some(Doubt::NotSeen) => {
                let begin_ms = self.history.accounts[account].data_begin_ms;
                self.first_counted_ms(slot).is_some_and(|at| at < begin_ms)
            }
            // What filled before the data begin has no rows here.
            Some(Doubt::OrderAhead) => order.is_some_and(|order| {
                order.filled_before(self.history.accounts[account].data_begin_ms) > 0
            }),
            Some(Doubt::AnotherTrade) => {
                // When an order ended that the venue forgot, nobody can know.
                let mut legs = cycle.members.iter().filter_map(|of| cycle.leg(slot, of));
                !self.history.is_separated
                    || !self.were_together(slot, member)
                    || legs.any(|leg| leg.gone)
            }
            Some(Doubt::CannotCompare) => {
                let is_sure =
                    |account: &AccountName| slot.confidence_of(account) >= rules.confidence_min;
                !self.history.is_plain
                    || (is_sure(&member.account) && is_sure(&slot.founder))
                    || !member.set_aside.is_empty()
                    || cycle
                        .members
                        .iter()
                        .flat_map(|member| &member.legs)
                        .any(|leg| leg.gone)
            }
            Some(Doubt::OrderUnknown) => cycle.leg(slot, member).is_some_and(|leg| leg.gone),
            Some(Doubt::Closed) => order.is_some_and(|order| {
                order.over_ms().is_some() && order.entered_before(i64::MAX) == 0
            }),
        }
    }

    /// Whether an account and those that have an order at a slot were in their positions together.
    fn were_together(&self, slot: &Slot, member: &MemberCycle) -> bool {
        let span = |member: &MemberCycle| {
            let (_, cycle) = member.cycle.as_ref()?;
            Some((cycle.opened_at, cycle.closed_at))
        };
        let accounts = slot.legs.keys().chain([&member.account]);
        let spans: Vec<_> = accounts
            .filter_map(|account| span(self.frame.cycle.member(account)?))
            .collect();
        let together = |one: &Span, two: &Span| one.1.is_none_or(|closed| two.0 <= closed);
        spans
            .iter()
            .all(|one| spans.iter().all(|two| together(one, two)))
    }
}
