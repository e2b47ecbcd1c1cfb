//! The same leg seen across a group ("limit order L2").
//!
//! Legs are matched by a token in the trader's own order ids where there is one, else by the order
//! of their prices, aligned so that the sum of the price differences is smallest. Every match has a
//! confidence in percent; one below the group's minimum is never called diverged. Main's legs found
//! the slots; what other members have beyond them founds slots of its own. Observers found none.

use crate::amount::Price;
use crate::execution::Side;
use crate::id::AccountName;
use crate::leg::Leg;
use crate::view::Role;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How a slot's legs were recognised as the same order of the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SlotMatch {
    /// By a token in the trader's own order ids.
    Token,
    /// By the rank of their prices.
    Rank,
    /// By hand.
    Manual,
}

impl SlotMatch {
    /// The name in the database and the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Rank => "rank",
            Self::Manual => "manual",
        }
    }
}

/// What leaving a leg without a partner costs, in basis points of price difference.
const UNMATCHED_COST_BPS: i64 = 250;
/// The confidence of a rank match at equal prices; one percent less for each 5 bps of difference.
const RANK_CONFIDENCE: i64 = 95;
const BPS_PER_PERCENT: i64 = 5;

/// One slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    /// 1 for "L1".
    pub ordinal: u32,
    /// The leg that founded it, as "account/root": the slot's name for ever.
    pub key: String,
    /// The founding leg's price.
    pub reference_price: Option<Price>,
    /// How its legs were matched.
    pub matched_by: SlotMatch,
    /// How sure the match is, in percent.
    pub confidence: u8,
    /// Each member's leg, as an index into that member's legs.
    pub legs: BTreeMap<AccountName, usize>,
    token: Option<String>,
}

/// One member's legs, best first.
#[derive(Debug, Clone, Copy)]
pub struct MemberLegs<'a> {
    /// The account.
    pub account: &'a AccountName,
    /// Its role.
    pub role: Role,
    /// Its legs.
    pub legs: &'a [Leg],
}

/// Matches the legs of a group's members, and numbers the slots in the order in which price reaches them.
#[must_use]
pub fn match_slots(
    members: &[MemberLegs<'_>],
    entry_side: Side,
    token: Option<&regex::Regex>,
) -> Vec<Slot> {
    let mut order: Vec<&MemberLegs<'_>> = members.iter().collect();
    order.sort_by_key(|member| {
        (
            member.role,
            std::cmp::Reverse(member.legs.len()),
            member.account.clone(),
        )
    });
    let mut slots: Vec<Slot> = Vec::new();
    for member in order {
        place(&mut slots, member, entry_side, token);
    }
    sort(&mut slots, entry_side);
    for (index, slot) in slots.iter_mut().enumerate() {
        slot.ordinal = u32::try_from(index + 1).unwrap_or(u32::MAX);
    }
    slots
}

fn sort(slots: &mut [Slot], entry_side: Side) {
    slots.sort_by(|a, b| {
        let by_price = match entry_side {
            Side::Buy => b.reference_price.cmp(&a.reference_price),
            Side::Sell => a.reference_price.cmp(&b.reference_price),
        };
        by_price.then_with(|| a.key.cmp(&b.key))
    });
}

/// The token of a leg: the first of its order ids that has one.
fn token_of(leg: &Leg, token: Option<&regex::Regex>) -> Option<String> {
    let token = token?;
    leg.client_order_ids.iter().find_map(|id| {
        token
            .captures(id.as_str())?
            .name("slot")
            .map(|found| found.as_str().to_owned())
    })
}

fn place(
    slots: &mut Vec<Slot>,
    member: &MemberLegs<'_>,
    entry_side: Side,
    token: Option<&regex::Regex>,
) {
    let mut left: Vec<usize> = Vec::new();
    for (index, leg) in member.legs.iter().enumerate() {
        let own = token_of(leg, token);
        let slot = own.as_ref().and_then(|own| {
            slots.iter_mut().find(|slot| {
                slot.token.as_ref() == Some(own) && !slot.legs.contains_key(member.account)
            })
        });
        match slot {
            Some(slot) => {
                slot.legs.insert(member.account.clone(), index);
            }
            None => left.push(index),
        }
    }
    sort(slots, entry_side);
    let free: Vec<usize> = slots
        .iter()
        .enumerate()
        .filter(|(_, slot)| !slot.legs.contains_key(member.account))
        .map(|(index, _)| index)
        .collect();
    let pairs = align(slots, &free, member.legs, &left, token);
    for &(slot_index, leg_index) in &pairs {
        let (Some(slot), Some(leg)) = (slots.get_mut(slot_index), member.legs.get(leg_index))
        else {
            continue;
        };
        let confidence = rank_confidence(slot.reference_price, leg.price);
        slot.confidence = slot.confidence.min(confidence);
        slot.matched_by = SlotMatch::Rank;
        slot.legs.insert(member.account.clone(), leg_index);
    }
    if member.role == Role::Observer {
        return;
    }
    for index in left {
        if pairs.iter().any(|(_, leg)| *leg == index) {
            continue;
        }
        if let Some(leg) = member.legs.get(index) {
            slots.push(Slot {
                ordinal: 0,
                key: format!("{}/{}", member.account, leg.root),
                reference_price: leg.price,
                matched_by: SlotMatch::Token,
                confidence: 100,
                legs: BTreeMap::from([(member.account.clone(), index)]),
                token: token_of(leg, token),
            });
        }
    }
}

/// Pairs slots with legs, both best first, without crossings, so that the price differences plus
/// the cost of what stays alone are smallest.
fn align(
    slots: &[Slot],
    free: &[usize],
    legs: &[Leg],
    left: &[usize],
    token: Option<&regex::Regex>,
) -> Vec<(usize, usize)> {
    let (rows, columns) = (free.len(), left.len());
    let width = columns + 1;
    // cost[i * width + j]: the least cost of the first i slots and the first j legs.
    let mut cost: Vec<i64> = vec![0; (rows + 1) * width];
    let at =
        |cost: &[i64], i: usize, j: usize| cost.get(i * width + j).copied().unwrap_or(i64::MAX / 2);
    let distance = |i: usize, j: usize| {
        let slot = free.get(i).and_then(|index| slots.get(*index));
        let leg = left.get(j).and_then(|index| legs.get(*index));
        match (slot, leg) {
            (Some(slot), Some(leg)) if tokens_allow(slot, leg, token) => {
                distance_bps(slot.reference_price, leg.price)
            }
            _ => i64::MAX / 4,
        }
    };
    for i in 0..=rows {
        for j in 0..=columns {
            let best = match (i, j) {
                (0, 0) => 0,
                (0, j) => at(&cost, 0, j - 1) + UNMATCHED_COST_BPS,
                (i, 0) => at(&cost, i - 1, 0) + UNMATCHED_COST_BPS,
                (i, j) => (at(&cost, i - 1, j - 1) + distance(i - 1, j - 1))
                    .min(at(&cost, i - 1, j) + UNMATCHED_COST_BPS)
                    .min(at(&cost, i, j - 1) + UNMATCHED_COST_BPS),
            };
            if let Some(cell) = cost.get_mut(i * width + j) {
                *cell = best;
            }
        }
    }
    let (mut i, mut j) = (rows, columns);
    let mut pairs = Vec::new();
    while i > 0 && j > 0 {
        let here = at(&cost, i, j);
        if here == at(&cost, i - 1, j - 1) + distance(i - 1, j - 1) {
            if let (Some(slot), Some(leg)) = (free.get(i - 1), left.get(j - 1)) {
                pairs.push((*slot, *leg));
            }
            i -= 1;
            j -= 1;
        } else if here == at(&cost, i - 1, j) + UNMATCHED_COST_BPS {
            i -= 1;
        } else {
            j -= 1;
        }
    }
    pairs
}

/// Two legs that both carry a token, and different ones, are never the same slot. (Equal ones were
/// paired before.)
fn tokens_allow(slot: &Slot, leg: &Leg, token: Option<&regex::Regex>) -> bool {
    slot.token.is_none() || token_of(leg, token).is_none()
}

fn distance_bps(a: Option<Price>, b: Option<Price>) -> i64 {
    let (Some(a), Some(b)) = (a, b) else {
        return UNMATCHED_COST_BPS;
    };
    let base = a.decimal().abs().max(b.decimal().abs());
    if base.is_zero() {
        return 0;
    }
    ((a - b).decimal().abs() * Decimal::from(10_000) / base)
        .round()
        .to_i64()
        .unwrap_or(i64::MAX / 8)
        .min(i64::MAX / 8)
}

fn rank_confidence(a: Option<Price>, b: Option<Price>) -> u8 {
    let percent = RANK_CONFIDENCE - distance_bps(a, b) / BPS_PER_PERCENT;
    u8::try_from(percent.clamp(0, 100)).unwrap_or(0)
}
