//! Moments: the instants of venue time at which a group's counts changed, and what is decided there.
//!
//! Every instant at which a leg came to count is one moment, and gets one decision over all members,
//! made from what was filled up to that instant. So the alerts of all accounts at one instant are cut
//! from one decision, and the order in which fills arrived changes nothing. A moment is decided when
//! every member's coverage has passed it by the group's settle, or at its deadline; what is learned
//! later about it makes a new revision of the same moment. A strategy is asked for what to show; what
//! is detected and what is true are computed here and cannot be changed by it.

use crate::group::{GroupFacts, GroupRules, Knowledge};
use crate::id::{AccountName, OrderId};
use crate::join::{GroupCycle, MemberCycle};
use crate::judge::{first_counted, judge};
use crate::leg::{Leg, LegState, Sum};
use crate::slot::Slot;
use crate::time::{HostTime, VenueTime};
use crate::truth::Truth;
use crate::view::{CountsWhen, Role, Shown, View, ViewLeg, ViewMember, ViewSlot, hex};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// One group cycle with everything that decisions and alerts about it read.
#[derive(Debug, Clone, Copy)]
pub struct Frame<'a> {
    /// The group's rules.
    pub rules: &'a GroupRules,
    /// The members' facts.
    pub facts: &'a GroupFacts,
    /// The group cycle.
    pub cycle: &'a GroupCycle,
    /// The symbol, in the group's spelling.
    pub symbol: &'a crate::id::Symbol,
    /// The group cycle's number.
    pub number: u64,
}

/// An instant at which a group's counts changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    /// The instant.
    pub at: VenueTime,
    /// When the last of its fills was first seen here: its deadline runs from then.
    pub seen_at: HostTime,
    /// Who came to count, and at which slot.
    pub counted: Vec<(AccountName, u32)>,
}

/// Whether a moment can be decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Readiness {
    /// Every member's facts reach past it.
    Proven,
    /// Its deadline has passed; these members' facts do not reach past it.
    Deadline {
        /// Whose facts are missing.
        missing: Vec<AccountName>,
    },
    /// Not yet.
    Waiting {
        /// When its deadline passes.
        until: HostTime,
        /// Whose facts are missing.
        missing: Vec<AccountName>,
    },
}

/// When a leg came to count.
#[must_use]
pub fn counted_at(leg: &Leg, counts_when: CountsWhen) -> Option<VenueTime> {
    match counts_when {
        CountsWhen::Filled => leg.completed_at,
        // One more touched order, or the same in another's place: not told before it is read.
        CountsWhen::Touched if leg.may_continue_another => None,
        CountsWhen::Touched => leg.fills.first().map(|fill| fill.at),
    }
}

/// The order whose fill made a leg count. It stays the same when it turns out to have taken the place
/// of another.
#[must_use]
pub fn counted_by(leg: &Leg, counts_when: CountsWhen) -> Option<&OrderId> {
    let at = counted_at(leg, counts_when)?;
    let mut fills = leg.fills.iter();
    let fill = match counts_when {
        CountsWhen::Filled => fills.rfind(|fill| fill.at <= at),
        CountsWhen::Touched => fills.next(),
    };
    fill.map(|fill| &fill.order_id)
}

/// The moments of a group cycle, the oldest first.
#[must_use]
pub fn moments(rules: &GroupRules, cycle: &GroupCycle) -> Vec<Moment> {
    let mut moments: BTreeMap<VenueTime, Moment> = BTreeMap::new();
    for slot in &cycle.slots {
        for member in &cycle.members {
            let Some(leg) = cycle.leg(slot, member) else {
                continue;
            };
            let Some(at) = counted_at(leg, rules.counts_when) else {
                continue;
            };
            let seen_at = leg
                .fills
                .iter()
                .filter(|fill| fill.at <= at)
                .map(|fill| fill.seen_at)
                .max()
                .unwrap_or(HostTime::EPOCH);
            let moment = moments.entry(at).or_insert_with(|| Moment {
                at,
                seen_at,
                counted: Vec::new(),
            });
            moment.seen_at = moment.seen_at.max(seen_at);
            moment.counted.push((member.account.clone(), slot.ordinal));
        }
    }
    moments.into_values().collect()
}

/// Whether a moment can be decided now. Observers are not waited for.
#[must_use]
pub fn readiness(
    rules: &GroupRules,
    facts: &GroupFacts,
    cycle: &GroupCycle,
    moment: &Moment,
    now: HostTime,
) -> Readiness {
    let missing: Vec<AccountName> = cycle
        .members
        .iter()
        .filter(|member| member.role != Role::Observer)
        .filter(|member| {
            !is_known_by(rules, facts, cycle, member, moment.at)
                || has_unread_order(rules, moment, member)
        })
        .map(|member| member.account.clone())
        .collect();
    if missing.is_empty() {
        return Readiness::Proven;
    }
    let until = moment.seen_at.plus(rules.deadline);
    if now >= until {
        Readiness::Deadline { missing }
    } else {
        Readiness::Waiting { until, missing }
    }
}

/// Whether an order of the member had filled by a moment, and may have come to count there or before,
/// but was not read since: what the plan wanted of it is not known before it is.
fn has_unread_order(rules: &GroupRules, moment: &Moment, member: &MemberCycle) -> bool {
    let is_unread = |leg: &Leg| match (&leg.status, rules.counts_when) {
        (None, _) => leg.filled_by(moment.at).is_positive(),
        // One that the venue no longer has is not read again, however long is waited for it.
        (Some(_), CountsWhen::Filled) => !leg.gone && leg.is_uncertain_by(moment.at),
        (Some(_), CountsWhen::Touched) => false,
    };
    member
        .legs
        .iter()
        .filter(|leg| is_unread(leg))
        .any(|leg| counted_at(leg, rules.counts_when).is_none_or(|at| at == moment.at))
}

/// With nobody to agree with there is nothing to settle.
fn only_itself(cycle: &GroupCycle, member: &MemberCycle) -> bool {
    cycle
        .members
        .iter()
        .all(|other| other.account == member.account || other.role == Role::Observer)
}

/// The slots of a plan as of a moment: those of which some order had been placed.
fn slots_by(cycle: &GroupCycle, at: VenueTime) -> impl Iterator<Item = &Slot> {
    cycle.slots.iter().filter(move |slot| {
        cycle
            .members
            .iter()
            .filter_map(|member| cycle.leg(slot, member))
            .any(|leg| leg.created_at <= at || leg.fills.iter().any(|fill| fill.at <= at))
    })
}

/// The view of a group cycle as of a moment, by all that is known now.
#[must_use]
pub fn view_at(
    frame: Frame<'_>,
    at: VenueTime,
    shown_before: &BTreeMap<AccountName, u32>,
    now: HostTime,
) -> View {
    let Frame {
        rules,
        facts,
        cycle,
        symbol,
        number,
    } = frame;
    let slots: Vec<&Slot> = slots_by(cycle, at).collect();
    let mut members: Vec<ViewMember> = cycle
        .members
        .iter()
        .map(|member| {
            let knowledge = facts.knowledge.get(&member.account);
            let legs: Vec<ViewLeg> = slots
                .iter()
                .filter_map(|slot| view_leg(frame, slot, member, at, now))
                .collect();
            let counted = legs.iter().filter(|leg| leg.counted).count();
            ViewMember {
                account: member.account.clone(),
                role: member.role,
                detected: u32::try_from(counted).unwrap_or(u32::MAX),
                known: is_known(frame, member, at),
                at_least: member.at_least(),
                coverage_to: knowledge.and_then(Knowledge::coverage_to),
                shown_before: shown_before.get(&member.account).copied(),
                legs,
            }
        })
        .collect();
    members.sort_by(|a, b| a.account.cmp(&b.account));
    View {
        group: rules.name.clone(),
        symbol: symbol.clone(),
        side: cycle.side,
        cycle: number,
        as_of: at,
        counts_when: rules.counts_when,
        slots: slots
            .iter()
            .map(|slot| ViewSlot {
                ordinal: slot.ordinal,
                reference_price: slot.reference_price,
                matched_by: slot.matched_by,
                confidence: slot.confidence,
            })
            .collect(),
        members,
    }
}

fn view_leg(
    frame: Frame<'_>,
    slot: &Slot,
    member: &MemberCycle,
    at: VenueTime,
    now: HostTime,
) -> Option<ViewLeg> {
    let Frame { rules, cycle, .. } = frame;
    let truth = if first_counted(rules, cycle, slot).is_some_and(|(first, _)| first <= at) {
        judge(frame, slot, member, now).truth
    } else {
        Truth::Unfilled
    };
    let Some(leg) = cycle.leg(slot, member) else {
        return (truth != Truth::Unfilled).then_some(ViewLeg {
            slot: slot.ordinal,
            state: LegState::Missing,
            filled_quantity: crate::amount::Quantity::ZERO,
            quantity: crate::amount::Quantity::ZERO,
            counted: false,
            truth,
        });
    };
    Some(ViewLeg {
        slot: slot.ordinal,
        state: leg.state_by(at),
        filled_quantity: leg.filled_by(at),
        quantity: leg.quantity,
        counted: counted_at(leg, rules.counts_when).is_some_and(|counted| counted <= at),
        truth,
    })
}

/// The facts on which a moment's decision rests: when they change, it is decided again. How far
/// coverage has moved on since, and orders placed later, are not among them; slots are named by the
/// orders that founded them, because a later order can change their numbers.
///
/// It needs no view, because a look asks for it at every moment of a cycle, decided or not.
#[must_use]
pub fn fingerprint(frame: Frame<'_>, at: VenueTime) -> String {
    #[derive(Serialize)]
    struct Facts<'a> {
        account: &'a AccountName,
        slots: Vec<&'a str>,
        known: bool,
        at_least: bool,
    }
    let cycle = frame.cycle;
    let mut facts: Vec<Facts<'_>> = cycle
        .members
        .iter()
        .map(|member| Facts {
            account: &member.account,
            slots: cycle
                .slots
                .iter()
                .filter(|slot| {
                    cycle
                        .leg(slot, member)
                        .and_then(|leg| counted_at(leg, frame.rules.counts_when))
                        .is_some_and(|counted| counted <= at)
                })
                .map(|slot| slot.key.as_str())
                .collect(),
            known: is_known(frame, member, at),
            at_least: member.at_least(),
        })
        .collect();
    facts.sort_by(|a, b| a.account.cmp(b.account));
    hex(&Sha256::digest(
        serde_json::to_vec(&facts).unwrap_or_default(),
    ))
}

/// Whether a member's facts are proven complete past a moment, by as much as agreement needs.
fn is_known(frame: Frame<'_>, member: &MemberCycle, at: VenueTime) -> bool {
    is_known_by(frame.rules, frame.facts, frame.cycle, member, at)
}

fn is_known_by(
    rules: &GroupRules,
    facts: &GroupFacts,
    cycle: &GroupCycle,
    member: &MemberCycle,
    at: VenueTime,
) -> bool {
    let settle = if only_itself(cycle, member) {
        std::time::Duration::ZERO
    } else {
        rules.settle
    };
    facts
        .knowledge
        .get(&member.account)
        .is_some_and(|knowledge| {
            knowledge.covers(at, settle) && !lacks_rows(rules, knowledge, member, at)
        })
}

/// Whether the venue says of an order that it came to count by a moment, and its rows do not show it
/// yet: executions are read past them, and yet they are not complete. Only what an order was when it
/// was last read is asked for; no reading is waited for. What filled before the data begin has no rows
/// here, and never will.
fn lacks_rows(
    rules: &GroupRules,
    knowledge: &Knowledge,
    member: &MemberCycle,
    at: VenueTime,
) -> bool {
    let until = at.plus(rules.settle);
    let is_ahead = |leg: &Leg| match rules.counts_when {
        CountsWhen::Filled => leg.filled_unseen_by(until),
        CountsWhen::Touched => {
            leg.sum == Sum::Ahead && leg.fills.is_empty() && leg.created_at <= at
        }
    };
    // One that shows no row is set aside as if it had not filled.
    let mut legs = member.legs.iter().chain(&member.set_aside);
    legs.any(|leg| is_ahead(leg) && knowledge.covers_from(leg.created_at))
}

/// What is shown for one account at a moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// The account.
    pub account: AccountName,
    /// Its own count.
    pub detected: u32,
    /// What is shown.
    pub shown: u32,
    /// False where the strategy failed.
    pub synchronised: bool,
    /// Why `shown` is what it is.
    pub note: Option<String>,
}

/// What a strategy said, or why it said nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// No strategy is set: own counts.
    None,
    /// Its answer, checked.
    Shown(Vec<Shown>),
    /// It failed; the text says how.
    Failed(String),
}

/// Makes verdicts of an answer. Law 5 is kept here: within a cycle a shown count does not fall below
/// what was shown at an earlier moment, unless the strategy itself was changed in between; then the
/// note says so. Law 8 as well: without an answer each account's own count is shown.
#[must_use]
pub fn verdicts(view: &View, answer: &Answer, strategy_changed: bool) -> Vec<Verdict> {
    view.members
        .iter()
        .map(|member| {
            let answered = match answer {
                Answer::Shown(rows) => rows.iter().find(|row| row.account == member.account),
                Answer::None | Answer::Failed(_) => None,
            };
            let (mut shown, mut note) = match answered {
                Some(row) if member.role != Role::Observer => (row.count, row.note.clone()),
                _ => (member.detected, None),
            };
            if let Answer::Failed(why) = answer {
                note = Some(why.clone());
            }
            if let Some(before) = member.shown_before.filter(|before| *before > shown) {
                if strategy_changed {
                    note = Some(format!("was {before} before the strategy changed"));
                } else if !matches!(answer, Answer::Failed(_)) {
                    shown = before.min(u32::try_from(view.slots.len()).unwrap_or(u32::MAX));
                }
            }
            Verdict {
                account: member.account.clone(),
                detected: member.detected,
                shown,
                synchronised: !matches!(answer, Answer::Failed(_)),
                note,
            }
        })
        .collect()
}

/// The worst truth of a view's members, observers left out.
#[must_use]
pub fn worst_truth(view: &View) -> Truth {
    view.members
        .iter()
        .filter(|member| member.role != Role::Observer)
        .flat_map(|member| &member.legs)
        .map(|leg| leg.truth)
        .filter(|truth| *truth != Truth::Unfilled)
        .fold(Truth::Unfilled, Truth::worse)
}
