//! What is true of each member at each slot, from facts, coverage and the state of orders.
//!
//! A member is held to a fill only where three things are proven: the accounts were in their
//! positions together, so that it is the same trade; the orders are surely the same slot; and its
//! facts reach past the fill. Where one of them is not, the judgement says which. No strategy is asked
//! (law 6).

use crate::cycle::Cycle;
use crate::group::{GroupFacts, GroupRules, Knowledge};
use crate::id::AccountName;
use crate::join::{GroupCycle, MemberCycle};
use crate::leg::Leg;
use crate::moment::{Frame, counted_at};
use crate::rank::{REACH_BPS, distance_bps};
use crate::slot::Slot;
use crate::time::{HostTime, VenueTime};
use crate::truth::{Doubt, Evidence, Judgement, LegEvidence, Truth, truth_of};
use crate::view::Role;
use std::time::Duration;

/// When a slot was first filled by somebody whose facts move counts.
#[must_use]
pub fn first_counted(
    rules: &GroupRules,
    cycle: &GroupCycle,
    slot: &Slot,
) -> Option<(VenueTime, HostTime)> {
    movers(cycle)
        .filter_map(|member| counted(rules, cycle, slot, member))
        .min()
}

fn movers(cycle: &GroupCycle) -> impl Iterator<Item = &MemberCycle> {
    let members = cycle.members.iter();
    members.filter(|member| member.role != Role::Observer)
}

/// When a member's leg at a slot came to count, and when that was seen.
fn counted(
    rules: &GroupRules,
    cycle: &GroupCycle,
    slot: &Slot,
    member: &MemberCycle,
) -> Option<(VenueTime, HostTime)> {
    let leg = cycle.leg(slot, member)?;
    let at = counted_at(leg, rules.counts_when)?;
    let seen = leg
        .fills
        .iter()
        .filter(|fill| fill.at <= at)
        .map(|fill| fill.seen_at)
        .max()?;
    Some((at, seen))
}

/// What is true of a member at a slot, by all that is known now.
#[must_use]
pub fn judge(frame: Frame<'_>, slot: &Slot, member: &MemberCycle, now: HostTime) -> Judgement {
    let truth = own(frame, slot, member, now);
    if truth.truth == Truth::Aligned && member.role == Role::Mirror {
        let main_is_without = movers(frame.cycle)
            .filter(|other| other.role == Role::Main)
            .any(|main| own(frame, slot, main, now).truth.is_diverged());
        if main_is_without {
            return Judgement {
                truth: Truth::Extra,
                doubt: None,
            };
        }
    }
    truth
}

fn own(frame: Frame<'_>, slot: &Slot, member: &MemberCycle, now: HostTime) -> Judgement {
    let Frame {
        rules,
        facts,
        cycle,
        ..
    } = frame;
    let Some((_, seen_at)) = first_counted(rules, cycle, slot) else {
        return Judgement {
            truth: Truth::Unfilled,
            doubt: None,
        };
    };
    let leg = cycle.leg(slot, member);
    let is_counted = leg.is_some_and(|leg| counted_at(leg, rules.counts_when).is_some());
    let reference = reference(frame, slot, member);
    // What an unread order may have taken over is not seen to its end, nor is one that may have been
    // amended since it was read, if it can still be read.
    let is_unseen = !is_counted
        && leg.is_some_and(|leg| {
            let forever = VenueTime::from_us(i64::MAX);
            leg.may_be_replaced || (!leg.gone && leg.is_uncertain_by(forever))
        });
    let (at, doubt) = match reference {
        Ok(at) => (at, is_unseen.then_some(Doubt::NotSeen)),
        Err(doubt) => (VenueTime::EPOCH, Some(doubt)),
    };
    let none = Knowledge::default();
    let knowledge = facts.knowledge.get(&member.account).unwrap_or(&none);
    let judgement = truth_of(Evidence {
        leg: leg.map(|leg| LegEvidence {
            state: leg.state(),
            sum: leg.sum,
            is_read: leg.checked_at >= Some(at.plus(rules.settle)),
        }),
        counted: is_counted,
        doubt,
        at_least: member.at_least(),
        covered: knowledge.covers(at, rules.settle),
        orders_read: knowledge.orders_after(at, rules.settle),
        orders_known: knowledge.knows_orders(at, rules.settle),
        closed_known: knowledge.knows_closed(at, rules.settle),
        past_deadline: now >= seen_at.plus(rules.deadline),
    });
    let is_closer = judgement.doubt == Some(Doubt::OrderUnknown)
        && leg.is_some_and(|leg| leg.fills.is_empty() && leg.closed.is_positive());
    if is_closer {
        return Judgement {
            doubt: Some(Doubt::Closed),
            ..judgement
        };
    }
    judgement
}

/// Whether a member's leg is surely the slot's, and its position surely the trade's.
#[must_use]
pub fn is_sure_of(frame: Frame<'_>, slot: &Slot, member: &MemberCycle) -> bool {
    let founder = frame.cycle.member(&slot.founder);
    let is_same = founder.is_some_and(|founder| same_trade(frame, slot, founder, member).is_ok());
    is_same
        && !slot.is_early(&member.account)
        && slot.confidence_of(&member.account) >= frame.rules.confidence_min
}

/// When the first of those filled a slot with whom a member can be compared there, or why it cannot be
/// compared with any.
fn reference(frame: Frame<'_>, slot: &Slot, member: &MemberCycle) -> Result<VenueTime, Doubt> {
    let Frame { rules, cycle, .. } = frame;
    let is_sure = |account: &AccountName| slot.confidence_of(account) >= rules.confidence_min;
    // What it is compared with is the slot: the order that founded it, and those that filled there.
    let founder = cycle.member(&slot.founder);
    let is_of_slot = |member: &MemberCycle| {
        founder.map_or(Ok(()), |founder| same_trade(frame, slot, founder, member))
    };
    is_of_slot(member)?;
    for account in [&member.account, &slot.founder] {
        if slot.is_early(account) {
            return Err(Doubt::TradeNotSeen);
        }
    }
    if cycle.leg(slot, member).is_none() {
        had_others_surely(frame, slot, member)?;
        had_no_other(frame, member)?;
        placed_no_later(frame, slot, member)?;
    }
    if !is_sure(&member.account) || !is_sure(&slot.founder) {
        return Err(Doubt::CannotCompare);
    }
    let mut first: Option<VenueTime> = None;
    let mut doubt = None;
    for other in movers(cycle) {
        let Some((at, _)) = counted(rules, cycle, slot, other) else {
            continue;
        };
        let compared = if is_sure(&other.account) {
            is_of_slot(other).and_then(|()| same_trade(frame, slot, other, member))
        } else {
            Err(Doubt::CannotCompare)
        };
        match compared {
            // That it filled the slot itself says nothing of the others.
            Ok(()) => first = Some(first.map_or(at, |first| first.min(at))),
            Err(why) => doubt = Some(doubt.map_or(why, |doubt: Doubt| doubt.min(why))),
        }
    }
    first.ok_or(doubt.unwrap_or(Doubt::CannotCompare))
}

/// Whether two members' parts of a group cycle are surely of one trade.
fn same_trade(
    frame: Frame<'_>,
    slot: &Slot,
    one: &MemberCycle,
    two: &MemberCycle,
) -> Result<(), Doubt> {
    if one.account == two.account {
        return Ok(());
    }
    match (&one.cycle, &two.cycle) {
        (Some((_, of_one)), Some((_, of_two))) => {
            let (early, early_at, late) = if of_one.opened_at <= of_two.opened_at {
                (of_one, one, of_two)
            } else {
                (of_two, two, of_one)
            };
            was_open(frame, early, early_at, late.opened_at)?;
        }
        (Some(_), None) => had_no_other(frame, two)?,
        (None, Some(_)) => had_no_other(frame, one)?,
        (None, None) => {}
    }
    // An order that was placed when the other's position was closed is no part of its trade.
    for (with, without) in [(one, two), (two, one)] {
        let Some((_, cycle)) = &with.cycle else {
            continue;
        };
        if let Some(leg) = frame.cycle.leg(slot, without) {
            let placed_at = leg.created_at.max(cycle.opened_at);
            was_open(frame, cycle, with, placed_at)?;
            worked_then(frame, leg, without, cycle.opened_at)?;
            was_placed_since(frame, with, (leg, without))?;
        }
    }
    worked_together(frame, slot, one, two)
}

/// When a member was flat before its part of a group cycle.
fn flat_before(frame: Frame<'_>, member: &MemberCycle) -> Option<VenueTime> {
    let (book, cycle) = member.cycle.as_ref()?;
    let mut books = frame.facts.books.iter();
    let facts = books.find(|facts| &facts.book == book)?;
    let before = facts.cycles.iter();
    before
        .filter(|before| before.ordinal < cycle.ordinal)
        .filter_map(|before| before.closed_at)
        .max()
}

/// An order that no position of its own account ties to this trade, and that was placed while the
/// other was in the trade before, may be of that one; unless the other placed its own then as well, as
/// it does where one trade turns into the next.
fn was_placed_since(
    frame: Frame<'_>,
    with: &MemberCycle,
    (leg, without): (&Leg, &MemberCycle),
) -> Result<(), Doubt> {
    let is_tied = !leg.fills.is_empty()
        || (without.cycle.is_some()
            && flat_before(frame, without).is_none_or(|flat| flat < leg.created_at));
    let Some(flat) = flat_before(frame, with).filter(|_| !is_tied) else {
        return Ok(());
    };
    let own = with.legs.iter().filter(|own| !own.fills.is_empty());
    let begun = own.map(|own| own.created_at).min();
    let since = begun.map_or(flat, |begun| begun.min(flat));
    if leg.created_at.plus(frame.rules.settle) <= since {
        return Err(Doubt::AnotherTrade);
    }
    Ok(())
}

/// Whether the orders of two members at a slot can be of one plan: the one was not given up without a
/// fill before the other was placed.
fn worked_together(
    frame: Frame<'_>,
    slot: &Slot,
    one: &MemberCycle,
    two: &MemberCycle,
) -> Result<(), Doubt> {
    let leg = |member| frame.cycle.leg(slot, member);
    let Some((of_one, of_two)) = leg(one).zip(leg(two)) else {
        return Ok(());
    };
    for (ended, other) in [(of_one, of_two), (of_two, of_one)] {
        let ended_at = ended.ended_at().filter(|_| ended.fills.is_empty());
        let is_over_before =
            ended_at.is_some_and(|at| at.plus(frame.rules.settle) < other.created_at);
        // One that filled long before the other was placed is of a trade before, which the other's
        // account had not left yet.
        let filled_before = ended
            .completed_at
            .is_some_and(|at| at.plus(frame.rules.deadline) < other.created_at);
        if filled_before {
            return Err(Doubt::AnotherTrade);
        }
        if is_over_before {
            // Of an order that is not read yet only its fills are known.
            return Err(match other.status {
                Some(_) => Doubt::AnotherTrade,
                None => Doubt::TradeNotSeen,
            });
        }
    }
    Ok(())
}

/// What a member lacks at a slot it lacks where each of its orders near it is surely another's: matched
/// with another order of the slot's founder, and of the same trade.
fn had_others_surely(frame: Frame<'_>, slot: &Slot, member: &MemberCycle) -> Result<(), Doubt> {
    let cycle = frame.cycle;
    let Some(founder) = cycle.member(&slot.founder) else {
        return Ok(());
    };
    let reach = REACH_BPS.max(i64::from(frame.rules.price_tolerance_bps));
    for at in &cycle.slots {
        let is_pair = at.legs.contains_key(&slot.founder) && !at.has_another_token(slot);
        let Some(leg) = cycle.leg(at, member).filter(|_| is_pair) else {
            continue;
        };
        let is_near = distance_bps(leg.price, slot.reference_price).is_none_or(|far| far <= reach);
        if is_near {
            same_trade(frame, at, founder, member)?;
        }
    }
    Ok(())
}

/// Whether a member was proven to be in its position at a moment after it opened.
fn was_open(
    frame: Frame<'_>,
    cycle: &Cycle,
    member: &MemberCycle,
    at: VenueTime,
) -> Result<(), Doubt> {
    if let Some(closed_at) = cycle.closed_at {
        return if at <= closed_at {
            Ok(())
        } else {
            Err(Doubt::AnotherTrade)
        };
    }
    let knowledge = frame.facts.knowledge.get(&member.account);
    let is_seen = knowledge
        .and_then(Knowledge::coverage_to)
        .is_some_and(|to| to >= at.plus(frame.rules.settle));
    if is_seen {
        Ok(())
    } else {
        Err(Doubt::TradeNotSeen)
    }
}

/// Whether an order that entered nothing is known to have worked when another's position opened, or to
/// have ended before.
fn worked_then(
    frame: Frame<'_>,
    leg: &Leg,
    member: &MemberCycle,
    opened_at: VenueTime,
) -> Result<(), Doubt> {
    // What the venue no longer has may have ended at any time since it was last seen; that it worked on
    // until another's position opened is only believed for so long.
    let seen_until = leg.checked_at.map(|at| at.plus(frame.rules.deadline));
    if leg.gone && leg.fills.is_empty() && seen_until < Some(opened_at) {
        return Err(Doubt::AnotherTrade);
    }
    let knowledge = frame.facts.knowledge.get(&member.account);
    let is_seen = !leg.fills.is_empty()
        || leg.ended_at().is_some()
        || knowledge.is_some_and(|knowledge| knowledge.orders_after(opened_at, Duration::ZERO));
    if is_seen {
        Ok(())
    } else {
        Err(Doubt::TradeNotSeen)
    }
}

/// Whether a member had no other position at the time than the one with which it takes part: one that
/// was joined to another group cycle may be this trade's, and hold what the member seems to lack.
fn had_no_other(frame: Frame<'_>, member: &MemberCycle) -> Result<(), Doubt> {
    let cycle = frame.cycle;
    let until = cycle
        .closed_at
        .map(|closed| closed.plus(frame.rules.deadline));
    let part = member.cycle.as_ref();
    let GroupFacts { books, .. } = frame.facts;
    let has_other = books
        .iter()
        .filter(|book| book.book.market.account == member.account)
        .flat_map(|book| book.cycles.iter().map(move |own| (&book.book, own)))
        .filter(|(book, own)| {
            part.is_none_or(|(of, part)| (of, part.ordinal) != (*book, own.ordinal))
        })
        .map(|(_, own)| own)
        .filter(|own| own.side == cycle.side)
        .filter(|own| own.closed_at.is_none_or(|flat| flat >= cycle.opened_at))
        .any(|own| until.is_none_or(|until| own.opened_at <= until));
    if has_other {
        return Err(Doubt::AnotherTrade);
    }
    Ok(())
}

/// Whether a member whose position was flat placed nothing afterwards that may be the slot's. An order
/// that the others placed just before that may be of the next plan, to which the member came a moment
/// later: it lacks it here, and has it there.
fn placed_no_later(frame: Frame<'_>, slot: &Slot, member: &MemberCycle) -> Result<(), Doubt> {
    let Some((book, Some(flat))) = member
        .cycle
        .as_ref()
        .map(|(book, cycle)| (book, cycle.closed_at))
    else {
        return Ok(());
    };
    let cycle = frame.cycle;
    let others = cycle.members.iter();
    let placed_at = others
        .filter_map(|other| cycle.leg(slot, other))
        .map(|leg| leg.created_at)
        .max();
    let orders = frame.facts.books.iter().filter(|facts| &facts.book == book);
    let mut later = orders
        .flat_map(|facts| &facts.orders)
        .map(|fact| &fact.order)
        .filter(|order| order.side == cycle.side.entry_side() && order.can_be_entry())
        .filter(|order| order.created_at > flat);
    let is_near =
        |at: VenueTime| placed_at.is_some_and(|placed| at <= placed.plus(frame.rules.deadline));
    if later.any(|order| is_near(order.created_at)) {
        return Err(Doubt::AnotherTrade);
    }
    Ok(())
}
