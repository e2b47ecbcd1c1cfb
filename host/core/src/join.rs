//! Group cycles: the members' cycles of one plan, joined.
//!
//! Cycles are joined by time. In the order in which they opened, each joins the oldest group cycle
//! that its account is not yet part of, that is newer than the account's last one, and that was not
//! over (plus the group's deadline) when it opened; else it opens a new one. So a mirror that is late
//! to close never drags its main's next trade into the old one (law 7). A member without a cycle
//! takes part with the orders it had working meanwhile. Observers never open a group cycle.

use crate::cycle::{Book, Cycle, CycleStart};
use crate::group::{BookFacts, GroupFacts, GroupRules, Knowledge, MemberRules};
use crate::id::{AccountName, OrderId};
use crate::leg::{Leg, Legs, PlanSpan, legs_of, sort_best_first};
use crate::order::PositionSide;
use crate::slot::{MatchRules, MemberLegs, Slot, match_slots};
use crate::time::VenueTime;
use crate::view::Role;
use rust_decimal::Decimal;

/// One member's part in a group cycle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberCycle {
    /// The account.
    pub account: AccountName,
    /// Its role.
    pub role: Role,
    /// What is expected of it, in times of the plan.
    pub ratio: Decimal,
    /// Its position and cycle; none where it has orders only, or nothing.
    pub cycle: Option<(Book, Cycle)>,
    /// Its legs, best first.
    pub legs: Vec<Leg>,
    /// Orders that ended without a fill about the time at which the plan was placed: of it, or of one
    /// that was given up before. They claim nothing, and keep anything from being called missing.
    pub set_aside: Vec<Leg>,
}

impl MemberCycle {
    /// Whether its position was open before its data begin.
    #[must_use]
    pub fn at_least(&self) -> bool {
        self.cycle
            .as_ref()
            .is_some_and(|(_, cycle)| cycle.start == CycleStart::Unknown)
    }
}

/// One trade of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupCycle {
    /// The position's direction.
    pub side: PositionSide,
    /// When the first member's position opened.
    pub opened_at: VenueTime,
    /// When the last member was flat; none while one is open.
    pub closed_at: Option<VenueTime>,
    /// Every member of the group, by name.
    pub members: Vec<MemberCycle>,
    /// The plan's orders across the members.
    pub slots: Vec<Slot>,
}

impl GroupCycle {
    /// A member by name.
    #[must_use]
    pub fn member(&self, account: &AccountName) -> Option<&MemberCycle> {
        self.members
            .iter()
            .find(|member| &member.account == account)
    }

    /// A member's leg at a slot.
    #[must_use]
    pub fn leg<'a>(&self, slot: &Slot, member: &'a MemberCycle) -> Option<&'a Leg> {
        slot.legs
            .get(&member.account)
            .and_then(|index| member.legs.get(*index))
    }

    /// Whether a slot is the one that was stored under a name, "account/order": the order that founds
    /// it can change when main places its own later, and a chain's when an older order of it is read;
    /// the orders in it stay.
    #[must_use]
    pub fn answers_to(&self, slot: &Slot, stored_key: &str) -> bool {
        stored_key == slot.key
            || self.members.iter().any(|member| {
                let order = stored_key
                    .strip_prefix(member.account.as_str())
                    .and_then(|rest| rest.strip_prefix('/'))
                    .and_then(|order| OrderId::new(order).ok());
                let leg = self.leg(slot, member);
                leg.zip(order)
                    .is_some_and(|(leg, order)| leg.has_order(&order))
            })
    }

    /// The cycles of which it is made.
    pub fn parts(&self) -> impl Iterator<Item = (&Book, u32)> {
        self.members
            .iter()
            .filter_map(|member| member.cycle.as_ref())
            .map(|(book, cycle)| (book, cycle.ordinal))
    }
}

struct Draft<'a> {
    opened_at: VenueTime,
    closed_at: Option<VenueTime>,
    parts: Vec<(&'a MemberRules, &'a BookFacts, &'a Cycle)>,
}

/// Joins the members' cycles of one direction, the oldest group cycle first.
#[must_use]
pub fn join(rules: &GroupRules, facts: &GroupFacts, side: PositionSide) -> Vec<GroupCycle> {
    let mut cycles: Vec<(&MemberRules, &BookFacts, &Cycle)> = facts
        .books
        .iter()
        .filter_map(|book| Some((rules.member(&book.book.market.account)?, book)))
        .flat_map(|(member, book)| book.cycles.iter().map(move |cycle| (member, book, cycle)))
        .filter(|(_, book, cycle)| {
            cycle.side == side && !facts.settled.contains(&(book.book.clone(), cycle.ordinal))
        })
        .collect();
    cycles.sort_by_key(|(member, book, cycle)| {
        let observes = member.role == Role::Observer;
        (
            observes,
            cycle.opened_at,
            member.role,
            book.book.clone(),
            cycle.ordinal,
        )
    });
    let mut drafts: Vec<Draft<'_>> = Vec::new();
    for (member, book, cycle) in cycles {
        let of_account = |draft: &Draft<'_>| {
            draft
                .parts
                .iter()
                .any(|(have, _, _)| have.account == member.account)
        };
        let after = drafts.iter().rposition(of_account).map_or(0, |at| at + 1);
        let open_then = |draft: &Draft<'_>| {
            draft
                .closed_at
                .is_none_or(|closed| cycle.opened_at <= closed.plus(rules.deadline))
                && cycle
                    .closed_at
                    .is_none_or(|closed| closed.plus(rules.deadline) >= draft.opened_at)
        };
        let found = drafts.iter_mut().skip(after).find(|draft| open_then(draft));
        match found {
            Some(draft) => {
                draft.parts.push((member, book, cycle));
                if member.role != Role::Observer {
                    draft.opened_at = draft.opened_at.min(cycle.opened_at);
                    draft.closed_at = match (draft.closed_at, cycle.closed_at) {
                        (Some(a), Some(b)) => Some(a.max(b)),
                        _ => None,
                    };
                }
            }
            None if member.role == Role::Observer => {}
            None => drafts.push(Draft {
                opened_at: cycle.opened_at,
                closed_at: cycle.closed_at,
                parts: vec![(member, book, cycle)],
            }),
        }
    }
    drafts.sort_by_key(|draft| draft.opened_at);
    drafts
        .into_iter()
        .map(|draft| finish(rules, facts, side, &draft))
        .collect()
}

fn finish(
    rules: &GroupRules,
    facts: &GroupFacts,
    side: PositionSide,
    draft: &Draft<'_>,
) -> GroupCycle {
    let mut of_parts: Vec<Legs> = draft
        .parts
        .iter()
        .map(|(_, book, cycle)| legs_of(book, Some(cycle), side.entry_side(), span_of(book, cycle)))
        .collect();
    let plan_start = plan_start(draft, &of_parts);
    let members: Vec<MemberCycle> = rules
        .members
        .iter()
        .map(|member| {
            let mut parts = draft.parts.iter().zip(&mut of_parts);
            let part = parts.find(|((have, _, _), _)| have.account == member.account);
            let (part, legs) = match part {
                Some((part, legs)) => (Some(part), std::mem::take(legs)),
                None => (None, working_legs(facts, &member.account, side, draft)),
            };
            let (legs, set_aside) = sift(rules, side, draft, plan_start, legs);
            MemberCycle {
                account: member.account.clone(),
                role: member.role,
                ratio: member.ratio,
                cycle: part.map(|(_, book, cycle)| (book.book.clone(), (*cycle).clone())),
                legs,
                set_aside,
            }
        })
        .collect();
    let legs: Vec<MemberLegs<'_>> = members
        .iter()
        .map(|member| MemberLegs {
            account: &member.account,
            role: member.role,
            legs: &member.legs,
            set_aside: &member.set_aside,
            proven_to: facts
                .knowledge
                .get(&member.account)
                .and_then(Knowledge::coverage_to),
        })
        .collect();
    let slots = match_slots(&legs, side.entry_side(), MatchRules::of(rules));
    GroupCycle {
        side,
        opened_at: draft.opened_at,
        closed_at: draft.closed_at,
        members,
        slots,
    }
}

/// When the plan was placed, as far as the orders of those who entered tell. It was before the first
/// of them entered: while the orders of that one are not read, nobody knows when.
fn plan_start(draft: &Draft<'_>, of_parts: &[Legs]) -> Option<VenueTime> {
    draft
        .parts
        .iter()
        .zip(of_parts)
        .filter(|((member, _, _), _)| member.role != Role::Observer)
        .filter_map(|((_, _, cycle), legs)| {
            own_start(&legs.of_plan, cycle.opened_at, cycle.closed_at)
        })
        .min()
        .filter(|start| *start <= draft.opened_at)
}

/// When an account placed its plan. Orders placed after it was over do not tell, nor do those that
/// were last seen at work before it began.
fn own_start(legs: &[Leg], opened_at: VenueTime, until: Option<VenueTime>) -> Option<VenueTime> {
    legs.iter()
        .filter(|leg| !leg.fills.is_empty() || leg.checked_at >= Some(opened_at))
        .filter_map(Leg::placed_at)
        .filter(|placed| until.is_none_or(|until| *placed <= until))
        .min()
}

/// What is part of the plan, and what is set aside, of orders that ended without a fill. One that
/// ended before the plan was placed was given up with a plan before, unless it was placed together
/// with this one: the orders of a plan are placed within moments.
fn sift(
    rules: &GroupRules,
    side: PositionSide,
    draft: &Draft<'_>,
    plan_start: Option<VenueTime>,
    legs: Legs,
) -> (Vec<Leg>, Vec<Leg>) {
    let start = own_start(&legs.of_plan, draft.opened_at, draft.closed_at).or(plan_start);
    let mut of_plan = Vec::new();
    let mut set_aside = legs.for_later;
    let all = legs.of_plan.into_iter().map(|leg| (leg, false));
    for (leg, is_from_before) in all.chain(legs.from_before.into_iter().map(|leg| (leg, true))) {
        if !leg.is_unfilled_and_over() && !is_from_before {
            of_plan.push(leg);
            continue;
        }
        let ended_at = leg.ended_at();
        let from = start.unwrap_or(draft.opened_at);
        // Its own orders may all be of a later plan, while it looks as if this one went on.
        // While no order that entered was read, nobody knows when the plan was placed.
        let is_long_before = plan_start.is_some_and(|plan_start| {
            ended_at.is_some_and(|at| at.plus(rules.deadline) < plan_start.min(from))
        });
        let is_placed_with_it = leg.created_at >= from.minus(rules.settle);
        // One that was placed long before all that entered, or was given up before anybody did, may be
        // of a plan before.
        let begun = from.max(draft.opened_at);
        let is_long_placed =
            leg.created_at.plus(rules.deadline) < plan_start.unwrap_or(from).min(from);
        let worked_in_it =
            ended_at.is_some_and(|at| at >= begun) && !is_from_before && !is_long_placed;
        if start.is_some() && (is_placed_with_it || worked_in_it) {
            of_plan.push(leg);
        } else if !is_long_before {
            set_aside.push(leg);
        }
    }
    sort_best_first(&mut of_plan, side.entry_side());
    (of_plan, set_aside)
}

fn span_of(book: &BookFacts, cycle: &Cycle) -> PlanSpan {
    PlanSpan {
        after: book
            .cycles
            .iter()
            .filter(|before| before.ordinal < cycle.ordinal)
            .filter_map(|before| before.closed_at)
            .max(),
        until: cycle.closed_at,
    }
}

/// The orders that a member without a cycle had working during a group cycle.
fn working_legs(
    facts: &GroupFacts,
    account: &AccountName,
    side: PositionSide,
    draft: &Draft<'_>,
) -> Legs {
    let is_of_time = |leg: &Leg| {
        draft
            .closed_at
            .is_none_or(|closed| leg.created_at <= closed)
    };
    facts
        .books
        .iter()
        .filter(|book| &book.book.market.account == account)
        .map(|book| {
            let span = PlanSpan {
                after: book
                    .cycles
                    .iter()
                    .filter_map(|cycle| cycle.closed_at)
                    .filter(|closed| *closed <= draft.opened_at)
                    .max(),
                until: draft.closed_at,
            };
            let mut legs = legs_of(book, None, side.entry_side(), span);
            legs.of_plan.retain(is_of_time);
            legs.from_before.retain(is_of_time);
            legs
        })
        .find(|legs| !legs.of_plan.is_empty() || !legs.from_before.is_empty())
        .unwrap_or_default()
}
