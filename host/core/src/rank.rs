//! Orders without a token, matched by the rank of their prices.
//!
//! Both sides are given best first and are paired without crossings so that the price differences are
//! smallest: first orders that worked or filled, then those that were given up, all within the
//! tolerance; what is left is paired out to a reach, so that it is known to be doubtful instead of
//! being called missing. A confidence says how sure each pair is. Nothing is claimed here.

use crate::amount::Price;
use crate::time::VenueTime;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use std::time::Duration;

/// The confidence of a match at equal prices, in percent: two orders of one price may still differ.
const EQUAL: i64 = 95;
/// What a whole tolerance of price difference takes from it, and what an order takes from it that is
/// just as near.
const PENALTY: i64 = 35;
/// Orders further apart than this are not the same order, whatever their ranks.
pub(crate) const REACH_BPS: i64 = 500;

/// One order of a plan among those of its account.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ranked {
    /// Where it stands in its owner's list.
    pub(crate) index: usize,
    /// Its limit price.
    pub(crate) price: Option<Price>,
    /// When it was placed, where its order was read.
    pub(crate) placed_at: Option<VenueTime>,
    /// It works or has filled.
    pub(crate) is_live: bool,
}

/// A pair: the index of a slot, the index of a leg, and the confidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pair {
    pub(crate) slot: usize,
    pub(crate) leg: usize,
    pub(crate) confidence: u8,
}

/// How far apart two orders may be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Nearness {
    pub(crate) tolerance_bps: i64,
    pub(crate) placed_within: Duration,
    /// The least distance between two orders of one account: the next rung is that far.
    pub(crate) rung_bps: Option<i64>,
    /// Pairs that are too far apart to be sure are wanted as well.
    pub(crate) wants_doubtful: bool,
}

/// Pairs slots with legs; `allows` says which may be paired at all.
pub(crate) fn pair_by_rank(
    slots: &[Ranked],
    legs: &[Ranked],
    nearness: Nearness,
    allows: &dyn Fn(usize, usize) -> bool,
) -> Vec<Pair> {
    let mut pairs: Vec<Pair> = Vec::new();
    let reach = REACH_BPS.max(nearness.tolerance_bps);
    for (is_live, is_near) in [(true, true), (false, true), (true, false), (false, false)] {
        if !is_near && !nearness.wants_doubtful {
            break;
        }
        let free = |all: &[Ranked], is_taken: &dyn Fn(usize) -> bool| -> Vec<Ranked> {
            all.iter()
                .filter(|one| (one.is_live || !is_live) && !is_taken(one.index))
                .copied()
                .collect()
        };
        let rows = free(slots, &|index| pairs.iter().any(|pair| pair.slot == index));
        let columns = free(legs, &|index| pairs.iter().any(|pair| pair.leg == index));
        let limit = if is_near {
            nearness.tolerance_bps
        } else {
            reach
        };
        let before = pairs.clone();
        let distance = |slot: &Ranked, leg: &Ranked| {
            let crosses = !is_near
                && before
                    .iter()
                    .any(|pair| (pair.slot < slot.index) != (pair.leg < leg.index));
            let far = distance_bps(slot.price, leg.price);
            far.filter(|far| *far <= limit && !crosses && allows(slot.index, leg.index))
        };
        for (slot, leg, far) in align(&rows, &columns, limit, &distance) {
            let confidence = if is_near {
                confidence(&slot, &leg, far, (&rows, &columns), nearness, allows)
            } else {
                0
            };
            pairs.push(Pair {
                slot: slot.index,
                leg: leg.index,
                confidence,
            });
        }
    }
    pairs
}

fn confidence(
    slot: &Ranked,
    leg: &Ranked,
    far: i64,
    (rows, columns): (&[Ranked], &[Ranked]),
    nearness: Nearness,
    allows: &dyn Fn(usize, usize) -> bool,
) -> u8 {
    let is_another_time = slot
        .placed_at
        .zip(leg.placed_at)
        .is_some_and(|(one, two)| one.max(two) > one.min(two).plus(nearness.placed_within));
    if is_another_time {
        return 0;
    }
    let other_legs = columns
        .iter()
        .filter(|other| other.index != leg.index && allows(slot.index, other.index))
        .filter_map(|other| distance_bps(slot.price, other.price));
    let other_slots = rows
        .iter()
        .filter(|other| other.index != slot.index && allows(other.index, leg.index))
        .filter_map(|other| distance_bps(other.price, leg.price));
    // Several orders of one price are told apart by their rank, where both sides have as many.
    let equals = |others: &[i64]| others.iter().filter(|other| **other == 0).count();
    let (other_legs, other_slots): (Vec<i64>, Vec<i64>) =
        (other_legs.collect(), other_slots.collect());
    if equals(&other_legs) != equals(&other_slots) {
        return 0;
    }
    // A rung that one side lacks would be as near as the ladder's steps are small.
    let unseen = nearness.rung_bps.map(|rung| rung - far);
    let next = other_legs
        .into_iter()
        .chain(other_slots)
        .chain(unseen)
        .min();
    let by_next = match next {
        Some(next) if next < far => return 0,
        Some(next) if next > 0 => PENALTY * far / next,
        _ => 0,
    };
    let by_distance = PENALTY * far / nearness.tolerance_bps.max(1);
    u8::try_from((EQUAL - by_distance - by_next).clamp(0, 100)).unwrap_or(0)
}

/// The cheapest pairs without crossings: a pair costs its distance, and what stays alone `alone`.
fn align(
    rows: &[Ranked],
    columns: &[Ranked],
    alone: i64,
    distance: &dyn Fn(&Ranked, &Ranked) -> Option<i64>,
) -> Vec<(Ranked, Ranked, i64)> {
    let width = columns.len() + 1;
    // least[i * width + j]: the least cost of the first i rows and the first j columns.
    let mut least: Vec<i64> = vec![0; (rows.len() + 1) * width];
    let at = |least: &[i64], i: usize, j: usize| {
        least.get(i * width + j).copied().unwrap_or(i64::MAX / 2)
    };
    let between = |i: usize, j: usize| {
        let (row, column) = (rows.get(i)?, columns.get(j)?);
        Some((*row, *column, distance(row, column)?))
    };
    let paired = |least: &[i64], i: usize, j: usize| {
        let (_, _, far) = between(i - 1, j - 1)?;
        Some(at(least, i - 1, j - 1) + far)
    };
    for i in 0..=rows.len() {
        for j in 0..=columns.len() {
            let mut best = match (i, j) {
                (0, 0) => 0,
                (0, j) => at(&least, 0, j - 1) + alone,
                (i, 0) => at(&least, i - 1, 0) + alone,
                (i, j) => (at(&least, i - 1, j) + alone).min(at(&least, i, j - 1) + alone),
            };
            if i > 0 && j > 0 {
                best = paired(&least, i, j).map_or(best, |paired| paired.min(best));
            }
            if let Some(cell) = least.get_mut(i * width + j) {
                *cell = best;
            }
        }
    }
    let (mut i, mut j) = (rows.len(), columns.len());
    let mut pairs = Vec::new();
    while i > 0 && j > 0 {
        let here = at(&least, i, j);
        if paired(&least, i, j) == Some(here) {
            pairs.extend(between(i - 1, j - 1));
            i -= 1;
            j -= 1;
        } else if here == at(&least, i - 1, j) + alone {
            i -= 1;
        } else {
            j -= 1;
        }
    }
    pairs
}

/// How far two prices are apart, in basis points of the larger, rounded up; none where one is unknown.
pub(crate) fn distance_bps(a: Option<Price>, b: Option<Price>) -> Option<i64> {
    let (a, b) = (a?, b?);
    let base = a.decimal().abs().max(b.decimal().abs());
    let far = ((a - b).decimal().abs() * Decimal::from(10_000)).checked_div(base);
    far.map_or(Some(0), |far| far.ceil().to_i64())
}

/// The least distance between two different prices of one account's orders, best first.
pub(crate) fn rung_bps(prices: impl Iterator<Item = Option<Price>>) -> Option<i64> {
    let mut before = None;
    let mut least = None;
    for price in prices.flatten() {
        let step = before.and_then(|before| distance_bps(Some(before), Some(price)));
        if let Some(step) = step.filter(|step| *step > 0) {
            least = Some(least.map_or(step, |least: i64| least.min(step)));
        }
        before = Some(price);
    }
    least
}
