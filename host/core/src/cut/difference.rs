//! Where members differ at a slot, and what is told of it.
//!
//! What is true of each stands in [`crate::judge`]; here it is said when it is time to say so, and in
//! which words. Whether it was said before is not known here.

use super::{Cut, named};
use crate::alert::{AlertBody, Count, DivergenceAlert, DivergenceLeg};
use crate::amount::Quantity;
use crate::id::AccountName;
use crate::judge::{first_counted, judge};
use crate::leg::{Leg, LegState};
use crate::moment::{Frame, counted_at};
use crate::slot::Slot;
use crate::time::{HostTime, VenueTime};
use crate::truth::{Doubt, Judgement, Truth};
use crate::view::Role;
use std::collections::BTreeMap;

/// One member that differs, or agrees again, at one slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The slot's name for ever.
    pub slot_key: String,
    /// Its number.
    pub slot: u32,
    /// The member.
    pub account: AccountName,
    /// What is true of it.
    pub truth: Truth,
    /// Why nothing more can be said.
    pub doubt: Option<Doubt>,
    /// Whether it is time to say so: an order that still works gets until the deadline.
    pub is_confirmed: bool,
}

/// What is true of every member at every slot that somebody filled.
#[must_use]
pub fn differences(frame: Frame<'_>, now: HostTime) -> Vec<Difference> {
    let mut differences = Vec::new();
    for slot in &frame.cycle.slots {
        let Some((_, seen_at)) = first_counted(frame.rules, frame.cycle, slot) else {
            continue;
        };
        let past_deadline = now >= seen_at.plus(frame.rules.deadline);
        for member in &frame.cycle.members {
            let Judgement { truth, doubt } = judge(frame, slot, member, now);
            let works = frame.cycle.leg(slot, member).is_some_and(|leg| {
                matches!(
                    leg.state(),
                    LegState::Open | LegState::Partial | LegState::Planned
                )
            });
            differences.push(Difference {
                slot_key: slot.key.clone(),
                slot: slot.ordinal,
                account: member.account.clone(),
                truth,
                doubt,
                is_confirmed: truth.is_diverged()
                    && truth != Truth::Extra
                    && member.role != Role::Observer
                    && (past_deadline || !works),
            });
        }
    }
    differences
}

/// The `divergence` alert of a slot, for the members that are newly known to differ there.
#[must_use]
pub fn divergence(
    frame: Frame<'_>,
    newly: &[&Difference],
    all: &[Difference],
    counts: &BTreeMap<AccountName, Count>,
) -> Option<Cut> {
    let first = newly.first()?;
    let (slot, since, seen_at, body) = divergence_body(frame, first, all, counts)?;
    let mut who: Vec<String> = newly
        .iter()
        .map(|difference| format!("{}={}", difference.account, difference.truth))
        .collect();
    who.sort();
    let identity = format!(
        "divergence/{}/{}/{}",
        frame.rules.name,
        slot.key,
        who.join("+")
    );
    let member = frame.cycle.member(&first.account);
    Some(Cut {
        alert: frame.alert(member, identity, since, AlertBody::Divergence(body)),
        seen_at,
    })
}

/// The `resolved` alert of a slot and a member that was said to differ there, and agrees now.
#[must_use]
pub fn resolved(
    frame: Frame<'_>,
    difference: &Difference,
    all: &[Difference],
    counts: &BTreeMap<AccountName, Count>,
) -> Option<Cut> {
    let (slot, since, seen_at, body) = divergence_body(frame, difference, all, counts)?;
    let identity = format!(
        "resolved/{}/{}/{}",
        frame.rules.name, slot.key, difference.account
    );
    let member = frame.cycle.member(&difference.account)?;
    let at = frame
        .cycle
        .leg(slot, member)
        .and_then(|leg| counted_at(leg, frame.rules.counts_when))
        .unwrap_or(since);
    Some(Cut {
        alert: frame.alert(Some(member), identity, at, AlertBody::Resolved(body)),
        seen_at,
    })
}

fn divergence_body<'a>(
    frame: Frame<'a>,
    about: &Difference,
    all: &[Difference],
    counts: &BTreeMap<AccountName, Count>,
) -> Option<(&'a Slot, VenueTime, HostTime, DivergenceAlert)> {
    let slot = frame
        .cycle
        .slots
        .iter()
        .find(|slot| slot.key == about.slot_key)?;
    let (since, seen_at) = first_counted(frame.rules, frame.cycle, slot)?;
    let plan = frame
        .cycle
        .members
        .iter()
        .filter_map(|member| Some((member.ratio, frame.cycle.leg(slot, member)?.quantity)))
        .next();
    let mut legs: Vec<DivergenceLeg> = all
        .iter()
        .filter(|difference| difference.slot_key == about.slot_key)
        .filter_map(|difference| {
            let member = frame.cycle.member(&difference.account)?;
            let leg = frame.cycle.leg(slot, member);
            let expected = || {
                let (ratio, quantity) = plan?;
                let one = quantity.decimal().checked_div(ratio)?;
                Some(Quantity::from_decimal(one * member.ratio))
            };
            Some(DivergenceLeg {
                account: named(frame.cycle, member),
                truth: difference.truth,
                filled_quantity: leg.map_or(Quantity::ZERO, Leg::filled),
                quantity: leg
                    .map_or_else(|| expected().unwrap_or(Quantity::ZERO), |leg| leg.quantity),
                filled_at: leg.and_then(|leg| counted_at(leg, frame.rules.counts_when)),
                checked_at: frame
                    .facts
                    .knowledge
                    .get(&difference.account)
                    .and_then(crate::group::Knowledge::orders_checked_at),
            })
        })
        .collect();
    legs.sort_by_key(|leg| {
        (
            leg.filled_at.is_none(),
            leg.filled_at,
            leg.account.role,
            leg.account.name.clone(),
        )
    });
    let count = counts.get(&about.account)?.clone();
    let body = DivergenceAlert {
        slot: slot.ordinal,
        reference_price: slot.reference_price,
        side: frame.cycle.side.entry_side(),
        legs,
        count,
        since,
    };
    Some((slot, since, seen_at, body))
}
