//! What is claimed, held against what really happened.
//!
//! A claim is judged by its own proof: the account's coverage, its order list, and the fill that the
//! claim is about. What the system does not claim is never an error here, except at the end, when it
//! knows all, and where it calls a moment proven.

use crate::history::{History, LATE_MS, SETTLE_MS, TrueOrder};
use crate::tally::Tally;
use crate::watch::{Fault, Watch};
use fillsync_core::cut;
use fillsync_core::group::GroupRules;
use fillsync_core::id::{AccountName, OrderId, Symbol};
use fillsync_core::join::{MemberCycle, join};
use fillsync_core::leg::Leg;
use fillsync_core::moment::{self, Answer, Frame, Moment, Readiness};
use fillsync_core::order::{OrderStatus, PositionSide};
use fillsync_core::slot::Slot;
use fillsync_core::time::{HostTime, VenueTime};
use fillsync_core::truth::{Doubt, Truth};
use fillsync_core::view::{Role, Shown, View};
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};

/// What one schedule said at its end, and the trace of all it said on the way.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// The decision's fingerprint of each moment.
    pub(crate) decisions: Vec<String>,
    /// The identities of the fill alerts.
    pub(crate) alerts: BTreeSet<String>,
    /// The venue forgot orders before their end was seen: not every way of watching knows the same.
    pub(crate) has_gone: bool,
    /// A hash of everything that was said at every instant.
    pub(crate) trace: u64,
    pub(crate) tally: Tally,
}

/// Watches a history to its end, and judges every instant.
pub(crate) fn watch(
    history: &History,
    rules: &GroupRules,
    schedule: u64,
    fault: Option<Fault>,
) -> Result<Outcome, String> {
    let mut watch = Watch::new(history, schedule, fault);
    let mut outcome = Outcome::default();
    let mut trace = DefaultHasher::new();
    let mut alerts_before = BTreeSet::new();
    while watch.step() {
        outcome.decisions.clear();
        alerts_before.append(&mut outcome.alerts);
        let is_last = watch.now_ms > history.end_ms;
        let symbol = Symbol::new("GTCUSDT").unwrap();
        for side in [PositionSide::Long, PositionSide::Short] {
            for cycle in &join(rules, &watch.facts, side) {
                let frame = Frame {
                    rules,
                    facts: &watch.facts,
                    cycle,
                    symbol: &symbol,
                    number: 1,
                };
                let judge = Judge {
                    history,
                    watch: &watch,
                    frame,
                    is_last,
                };
                judge
                    .cycle(&mut outcome, &mut trace)
                    .map_err(|why| format!("at {} ms, {side}: {why}", watch.now_ms))?;
            }
        }
    }
    // That an observer's order filled is true, and all that its alert claims of others is judged with
    // the slots; which order founds the slot can change with an order that is read later.
    let moves_counts = |identity: &&String| {
        let root = identity.rsplit('/').next().unwrap();
        let (account, _) = history.order(&OrderId::new(root).unwrap());
        history.accounts[account].role != Role::Observer
    };
    let gone = alerts_before.difference(&outcome.alerts);
    let gone: Vec<_> = gone.filter(moves_counts).collect();
    if !gone.is_empty() {
        return Err(format!("alerts that the end does not know: {gone:?}"));
    }
    outcome.has_gone = watch.sights.iter().any(|sight| !sight.gone.is_empty());
    outcome.trace = trace.finish();
    Ok(outcome)
}

struct Judge<'a> {
    history: &'a History,
    watch: &'a Watch<'a>,
    frame: Frame<'a>,
    is_last: bool,
}

/// When a position was opened, and when it was flat.
type Span = (VenueTime, Option<VenueTime>);

fn claim(holds: bool, why: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(why()) }
}

impl Judge<'_> {
    fn cycle(&self, outcome: &mut Outcome, trace: &mut DefaultHasher) -> Result<(), String> {
        let now = HostTime::from_ms(self.watch.now_ms);
        let Frame {
            rules,
            facts,
            cycle,
            ..
        } = self.frame;
        let mut shown_before = BTreeMap::new();
        for moment in moment::moments(rules, cycle) {
            let readiness = moment::readiness(rules, facts, cycle, &moment, now);
            let is_proven = readiness == Readiness::Proven;
            let view = moment::view_at(self.frame, moment.at, &shown_before, now);
            let is_decided = !matches!(readiness, Readiness::Waiting { .. });
            self.counts(&moment, &view, (is_proven, is_decided))
                .map_err(|why| format!("moment {} ms: {why}", moment.at.ms()))?;
            self.shown(&view, &mut shown_before)?;
            (moment.at, &moment.counted, is_proven).hash(trace);
            for member in &view.members {
                (member.detected, member.known, member.coverage_to).hash(trace);
            }
            if is_decided {
                outcome
                    .tally
                    .add(if is_proven { "proven" } else { "deadline" });
                let verdicts = moment::verdicts(&view, &Answer::None, false);
                for cut in cut::fills(self.frame, &moment, &view, &verdicts) {
                    let identity = cut.alert.identity;
                    claim(outcome.alerts.insert(identity.clone()), || {
                        format!("alert {identity} twice")
                    })?;
                }
            }
            if self.is_last {
                let is_provable = self.history.accounts.iter().all(|account| {
                    account.role == Role::Observer || account.data_begin_ms <= moment.at.ms()
                });
                claim(is_proven || !is_provable, || {
                    format!("all is known, and still {readiness:?}")
                })?;
                let at = moment.at.ms();
                let fingerprint = moment::fingerprint(self.frame, moment.at);
                outcome.decisions.push(format!("{at} {fingerprint}"));
            }
        }
        for difference in cut::differences(self.frame, now) {
            (&difference.slot_key, &difference.account).hash(trace);
            (difference.truth, difference.is_confirmed).hash(trace);
            outcome.tally.add(difference.truth.as_str());
            if let Some(real) = self.provable(&difference) {
                let class = self.history.class();
                outcome.tally.offer(class, real, difference.truth);
            }
            self.truth(&difference).map_err(|why| {
                let cut::Difference {
                    account,
                    truth,
                    slot_key,
                    ..
                } = &difference;
                format!("{account} is called {truth} at {slot_key}: {why}")
            })?;
        }
        Ok(())
    }

    fn account(&self, name: &AccountName) -> usize {
        let accounts = &self.history.accounts;
        accounts.iter().position(|have| &have.name == name).unwrap()
    }

    /// Laws 3, 7 and I6: counts are the account's own, of one trade, and final where proven.
    fn counts(
        &self,
        moment: &Moment,
        view: &View,
        (is_proven, is_decided): (bool, bool),
    ) -> Result<(), String> {
        let at_ms = moment.at.ms();
        let cycle = self.frame.cycle;
        let trade_of = |account: &AccountName, ordinal: u32| {
            let slot = cycle.slots.iter().find(|slot| slot.ordinal == ordinal)?;
            let leg = cycle.leg(slot, cycle.member(account)?)?;
            Some(self.history.order(&leg.root).1.trade)
        };
        let trades: BTreeSet<usize> = moment
            .counted
            .iter()
            .filter_map(|(account, ordinal)| trade_of(account, *ordinal))
            .collect();
        let judged = self.history.is_plain;
        claim(!judged || trades.len() == 1, || {
            format!("counts of trades {trades:?} in one moment")
        })?;
        for member in &view.members {
            let account = self.account(&member.account);
            let sight = &self.watch.sights[account];
            let counted = || member.legs.iter().filter(|leg| leg.counted);
            let own: BTreeSet<usize> = counted()
                .filter_map(|leg| trade_of(&member.account, leg.slot))
                .collect();
            let truly: u32 = own
                .iter()
                .map(|trade| self.history.count(account, *trade, at_ms))
                .sum();
            claim(!is_decided || member.detected <= truly, || {
                format!(
                    "{} has {} and not {}",
                    member.account, truly, member.detected
                )
            })?;
            // Rows that are later than the settle allows for are told when they come.
            if !judged || self.lacks_rows() || member.at_least || member.role == Role::Observer {
                continue;
            }
            let legs = cycle.member(&member.account).map(|member| &member.legs);
            let read_since = |leg: &Leg| leg.status.is_some() && !leg.is_uncertain_by(moment.at);
            let orders_read = legs.is_some_and(|legs| legs.iter().all(read_since));
            let all_seen = orders_read && at_ms + LATE_MS < sight.proven_ms;
            claim(!all_seen || member.detected == truly, || {
                let detected = member.detected;
                let order = &self.history.accounts[account].orders;
                format!(
                    "{} has {truly}, seen are {detected}: {order:?} {}",
                    member.account,
                    self.told()
                )
            })?;
            if !is_proven {
                continue;
            }
            claim(own.is_subset(&trades), || {
                format!("{} counts trades {own:?} in {trades:?}", member.account)
            })?;
            let truly: u32 = trades
                .iter()
                .map(|trade| self.history.count(account, *trade, at_ms))
                .sum();
            claim(member.detected == truly, || {
                let detected = member.detected;
                format!("{} has {truly}, proven are {detected}", member.account)
            })?;
        }
        Ok(())
    }

    /// Laws 3, 5 and 10: a strategy changes what is shown and nothing else, and what is shown does not fall.
    fn shown(
        &self,
        view: &View,
        shown_before: &mut BTreeMap<AccountName, u32>,
    ) -> Result<(), String> {
        let most = view
            .members
            .iter()
            .filter(|member| member.role != Role::Observer)
            .map(|member| member.detected)
            .max()
            .unwrap_or(0);
        let rows = view.members.iter().map(|member| Shown {
            account: member.account.clone(),
            count: most,
            note: None,
        });
        let answer = Answer::Shown(rows.collect());
        let own = moment::verdicts(view, &Answer::None, false);
        let shown = moment::verdicts(view, &answer, false);
        for ((member, own), shown) in view.members.iter().zip(own).zip(shown) {
            claim(
                own.detected == member.detected && shown.detected == member.detected,
                || format!("a strategy changed what {} detected", member.account),
            )?;
            let before = shown_before.insert(member.account.clone(), shown.shown);
            claim(before.is_none_or(|before| shown.shown >= before), || {
                format!("{} showed {before:?}, then {}", member.account, shown.shown)
            })?;
            let right = if member.role == Role::Observer {
                member.detected
            } else {
                most
            };
            claim(shown.shown == right, || {
                format!("{} shows {}, not {right}", member.account, shown.shown)
            })?;
        }
        Ok(())
    }

    /// Law 6 and "aligned is never claimed without proof".
    fn truth(&self, difference: &cut::Difference) -> Result<(), String> {
        let cycle = self.frame.cycle;
        let slot = cycle
            .slots
            .iter()
            .find(|slot| slot.key == difference.slot_key)
            .ok_or("no such slot")?;
        let member = cycle.member(&difference.account).ok_or("no such member")?;
        let account = self.account(&member.account);
        let sight = &self.watch.sights[account];
        let root = cycle.leg(slot, member).map(|leg| leg.root.clone());
        let order = root.as_ref().map(|root| self.history.order(root).1);
        claim(
            !difference.is_confirmed || difference.truth.is_diverged(),
            || "confirmed without a difference".to_owned(),
        )?;
        if matches!(difference.truth, Truth::Aligned | Truth::Extra) {
            let order = order.ok_or("it has no leg")?;
            let counted_ms = order.counted_ms(self.history.counts_when);
            claim(counted_ms.is_some_and(|at| at < sight.seen_ms), || {
                format!("it really filled at {counted_ms:?}")
            })?;
            return self.same_rung(slot, order);
        }
        if !difference.truth.is_diverged() {
            let settled = matches!(difference.truth, Truth::Pending | Truth::Unknown);
            return claim(
                !self.is_last || !settled || self.may_stay_open(slot, member, difference.doubt),
                || {
                    let leg = cycle.leg(slot, member);
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
        match order {
            Some(order) => {
                self.same_rung(slot, order)?;
                // A row can be late, and so can the order that would tell.
                let until_ms = self.known_ms(account, order);
                let counted_ms = order.counted_ms(self.history.counts_when);
                claim(counted_ms.is_none_or(|at| at >= until_ms), || {
                    format!(
                        "it counted at {counted_ms:?}, known to {until_ms} ms: {order:?}, {}, {root:?}",
                        self.told()
                    )
                })?;
                self.kind(difference.truth, account, order)
            }
            None => self.missing(slot, account),
        }
    }

    /// Whether rows that should have been seen are later than the settle allows for: no proof holds then.
    fn lacks_rows(&self) -> bool {
        let accounts = self.history.accounts.iter().zip(&self.watch.sights);
        accounts.into_iter().any(|(account, sight)| {
            let mut orders = account.orders.iter();
            orders.any(|order| order.lacks_rows(sight.seen_ms))
        })
    }

    /// Until when what an order did is known.
    fn known_ms(&self, account: usize, order: &TrueOrder) -> i64 {
        let sight = &self.watch.sights[account];
        if order.lacks_rows(sight.seen_ms) {
            sight.orders_ms
        } else {
            (sight.proven_ms - LATE_MS).max(sight.orders_ms)
        }
    }

    /// What really was so of an account at a slot, where all that tells it was seen.
    fn provable(&self, difference: &cut::Difference) -> Option<Truth> {
        let slots = &self.frame.cycle.slots;
        let slot = slots.iter().find(|slot| slot.key == difference.slot_key)?;
        let founder = self.founder(slot);
        let of_slot = |account: usize| {
            let orders = &self.history.accounts[account].orders;
            let same =
                |order: &&TrueOrder| (order.trade, order.rung) == (founder.trade, founder.rung);
            orders.iter().find(same)
        };
        let counted_ms = |account: usize| of_slot(account)?.counted_ms(self.history.counts_when);
        let movers = self.history.accounts.iter().enumerate();
        let first_ms = movers
            .filter(|(_, account)| account.role != Role::Observer)
            .filter_map(|(index, _)| {
                counted_ms(index).filter(|at| *at < self.watch.sights[index].seen_ms)
            })
            .min()?;
        let account = self.account(&difference.account);
        let sight = &self.watch.sights[account];
        let proof_ms = sight.orders_ms.min(sight.proven_ms - LATE_MS);
        let is_whole = self.history.accounts[account].data_begin_ms == 0;
        if !is_whole || first_ms + SETTLE_MS > proof_ms {
            return None;
        }
        let Some(order) = of_slot(account).filter(|order| order.created_ms <= proof_ms) else {
            return of_slot(account).is_none().then_some(Truth::Missing);
        };
        if let Some(at_ms) = counted_ms(account) {
            return (at_ms < proof_ms).then_some(Truth::Aligned);
        }
        let touched = order.entered_before(proof_ms) > 0;
        match order.state_at(proof_ms).0 {
            OrderStatus::Rejected => Some(Truth::Rejected),
            _ if touched => Some(Truth::Partial),
            OrderStatus::Cancelled => Some(Truth::Cancelled),
            OrderStatus::Open => Some(Truth::Lagging),
            _ => None,
        }
    }

    /// Whether the kind of difference was really so.
    fn kind(&self, truth: Truth, account: usize, order: &TrueOrder) -> Result<(), String> {
        let sight = &self.watch.sights[account];
        let (status, at_ms) = order.state_at(self.watch.now_ms);
        let ended = |wanted: OrderStatus| status == wanted;
        let holds = match truth {
            Truth::Lagging => {
                let over = order.over_ms();
                let works = over.is_none_or(|at| at > sight.orders_ms);
                // Where trades follow each other closely, it may have filled in the one before.
                let until_ms = if order.is_hidden {
                    sight.orders_ms
                } else {
                    sight.proven_ms - LATE_MS
                };
                let is_untouched = order.entered_before(until_ms) == 0;
                works && (is_untouched || !self.history.is_plain)
            }
            Truth::Partial => {
                let until_ms = if order.is_hidden {
                    sight.orders_ms
                } else {
                    sight.seen_ms
                };
                let proven = order.filled_before(until_ms - LATE_MS);
                order.filled_before(until_ms) > 0 && proven < order.quantity
            }
            Truth::Cancelled => ended(OrderStatus::Cancelled) && order.fills.is_empty(),
            Truth::Rejected => ended(OrderStatus::Rejected),
            _ => false,
        };
        claim(holds, || {
            format!("it is {status:?} since {at_ms} ms: {order:?}")
        })
    }

    /// Whether an account really had no order at a slot when its orders were listed.
    fn missing(&self, slot: &Slot, account: usize) -> Result<(), String> {
        let founder = self.founder(slot);
        let sight = &self.watch.sights[account];
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

    /// The group cycle, for failures.
    fn told(&self) -> String {
        let members = self.frame.cycle.members.iter().map(|member| {
            let cycle = member.cycle.as_ref().map(|(_, cycle)| {
                (
                    cycle.ordinal,
                    cycle.opened_at.ms(),
                    cycle.closed_at.map(|at| at.ms()),
                )
            });
            let legs = member.legs.iter();
            let legs: Vec<_> = legs
                .map(|leg| (&leg.root, &leg.status, leg.filled(), leg.created_at.ms()))
                .collect();
            let sight = &self.watch.sights[self.account(&member.account)];
            let seen = (sight.proven_ms, sight.orders_ms);
            format!(
                "{}: {cycle:?}, seen {seen:?}, {legs:?}, {}",
                member.account,
                member.set_aside.len()
            )
        });
        members.collect::<Vec<_>>().join("\n      ")
    }

    fn founder(&self, slot: &Slot) -> &TrueOrder {
        let (_, root) = slot.key.split_once('/').unwrap();
        self.history.order(&OrderId::new(root).unwrap()).1
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
                let at = order.counted_ms(self.history.counts_when)?;
                (at < self.watch.sights[account].seen_ms).then_some(at)
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
            Some(Doubt::AnotherTrade) => {
                !self.history.is_separated || !self.were_together(slot, member)
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
