//! What is claimed, held against what really happened.
//!
//! A claim is judged by its own proof: the account's coverage, its order list, and the fill that the
//! claim is about. What the system does not claim is never an error here, except at the end, when it
//! knows all, and where it calls a moment proven.

use crate::history::{History, SYMBOL};
use crate::settled::Settled;
use crate::tally::Tally;
use crate::watch::{Fault, Watch};
use fillsync_core::cut;
use fillsync_core::group::GroupRules;
use fillsync_core::id::{AccountName, Market, OrderId, Symbol};
use fillsync_core::join::join;
use fillsync_core::moment::{self, Answer, Frame, Readiness};
use fillsync_core::order::PositionSide;
use fillsync_core::time::{HostTime, VenueTime};
use fillsync_core::view::Role;
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
    let mut settled = Settled::default();
    while watch.step() {
        outcome.decisions.clear();
        alerts_before.append(&mut outcome.alerts);
        let is_last = watch.now_ms > history.end_ms;
        watch.facts.settled = if is_last {
            BTreeSet::new()
        } else {
            settled.after(rules, watch.changed_from)
        };
        let symbol = Symbol::new(SYMBOL).unwrap();
        // Which markets are the group's is asked as the daemon asks it.
        let is_ours = |market: &Market| rules.symbol_of(market).as_ref() == Some(&symbol);
        let mut books = watch.facts.books.iter();
        let all_ours = books.all(|facts| is_ours(&facts.book.market));
        claim(all_ours, || "a market is not the group's".to_owned())?;
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
                    .cycle(&mut outcome, &mut trace, &mut settled)
                    .map_err(|why| format!("at {} ms, {side}: {why}", watch.now_ms))?;
            }
        }
    }
    // Which order founds a slot can change with one that is read later, and with it whether an observer's
    // is surely of it: what was told of it is judged when it is told.
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

pub(crate) struct Judge<'a> {
    pub(crate) history: &'a History,
    pub(crate) watch: &'a Watch<'a>,
    pub(crate) frame: Frame<'a>,
    pub(crate) is_last: bool,
}

/// When a position was opened, and when it was flat.
pub(crate) type Span = (VenueTime, Option<VenueTime>);

pub(crate) fn claim(holds: bool, why: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(why()) }
}

impl Judge<'_> {
    fn cycle(
        &self,
        outcome: &mut Outcome,
        trace: &mut DefaultHasher,
        settled: &mut Settled,
    ) -> Result<(), String> {
        let now = HostTime::from_ms(self.watch.now_ms);
        let Frame {
            rules,
            facts,
            cycle,
            ..
        } = self.frame;
        let mut shown_before = BTreeMap::new();
        let mut all_decided = true;
        for moment in moment::moments(rules, cycle) {
            let readiness = moment::readiness(rules, facts, cycle, &moment, now);
            let is_proven = readiness == Readiness::Proven;
            let view = moment::view_at(self.frame, moment.at, &shown_before, now);
            let is_decided = !matches!(readiness, Readiness::Waiting { .. });
            all_decided &= is_decided;
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
                    self.told_fill(&cut.alert)?;
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
        let differences = cut::differences(self.frame, now);
        settled.note(rules, cycle, all_decided, &differences);
        for difference in differences {
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

    pub(crate) fn account(&self, name: &AccountName) -> usize {
        let accounts = &self.history.accounts;
        accounts.iter().position(|have| &have.name == name).unwrap()
    }

    /// The group cycle, for failures.
    pub(crate) fn told(&self) -> String {
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
}
