//! The same leg seen across a group ("limit order L2").
//!
//! Legs are matched by a token in the trader's own order ids where there is one, else by the rank of
//! their prices (`rank.rs`). Every match has a confidence in percent, and so has the statement
//! that a member has no order at a slot; what is below the group's minimum cannot be compared and is
//! never called diverged. Main's legs found the slots; what other members have beyond them founds
//! slots of its own. Observers found none, and are matched only where the match is sure.

use crate::amount::Price;
use crate::execution::Side;
use crate::group::GroupRules;
use crate::id::AccountName;
use crate::leg::Leg;
use crate::rank::{Nearness, REACH_BPS, Ranked, distance_bps, pair_by_rank, rung_bps};
use crate::time::VenueTime;
use crate::view::Role;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

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

/// By which rules legs are matched.
#[derive(Debug, Clone, Copy)]
pub struct MatchRules<'a> {
    /// Finds the slot's token in a client order id, in a group named `slot`.
    pub token: Option<&'a regex::Regex>,
    /// Prices further apart than this, in basis points, are never surely the same slot.
    pub price_tolerance_bps: u32,
    /// Orders placed further apart than this are never surely the same slot, whatever their prices.
    pub placed_within: Duration,
    /// Matches below this many percent cannot be compared.
    pub confidence_min: u8,
    /// How far facts must be proven past a moment.
    pub settle: Duration,
}

impl<'a> MatchRules<'a> {
    /// The rules of a group.
    #[must_use]
    pub const fn of(rules: &'a GroupRules) -> Self {
        Self {
            token: rules.slot_token.as_ref(),
            price_tolerance_bps: rules.price_tolerance_bps,
            placed_within: rules.placed_within,
            confidence_min: rules.confidence_min,
            settle: rules.settle,
        }
    }
}

/// One slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    /// 1 for "L1".
    pub ordinal: u32,
    /// The leg that founded it, as "account/root": the slot's name for ever.
    pub key: String,
    /// The account whose leg founded it.
    pub founder: AccountName,
    /// The founding leg's price.
    pub reference_price: Option<Price>,
    /// How its legs were matched.
    pub matched_by: SlotMatch,
    /// How sure the least sure of its matches is, in percent.
    pub confidence: u8,
    /// Each member's leg, as an index into that member's legs.
    pub legs: BTreeMap<AccountName, usize>,
    /// How sure it is, in percent, that a member's leg is this slot's; for a member without one, that
    /// it has none.
    pub confidences: BTreeMap<AccountName, u8>,
    token: Token,
    /// The members that placed their order here later than their facts are proven.
    early: BTreeSet<AccountName>,
}

impl Slot {
    /// Whether a member placed its order here later than its facts are proven: its position may have
    /// been closed before, and the order be of the next trade.
    pub(crate) fn is_early(&self, account: &AccountName) -> bool {
        self.early.contains(account)
    }

    /// Whether tokens tell its orders from another slot's.
    pub(crate) fn has_another_token(&self, other: &Self) -> bool {
        self.matched_by == SlotMatch::Token
            && self.token.decides(&other.token)
            && self.token != other.token
    }

    /// How sure it is that a member's leg is this slot's, or that it has none here.
    #[must_use]
    pub fn confidence_of(&self, account: &AccountName) -> u8 {
        self.confidences.get(account).copied().unwrap_or(0)
    }
}

/// What is known of a leg's token.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    /// It carries none.
    None,
    /// It carries this one.
    Some(String),
    /// Its order was not read yet, and its rows do not say.
    Unread,
}

impl Token {
    fn of(leg: &Leg, rules: MatchRules<'_>) -> Self {
        let Some(token) = rules.token else {
            return Self::None;
        };
        let found = leg.client_order_ids.iter().find_map(|id| {
            let found = token.captures(id.as_str())?.name("slot")?;
            Some(found.as_str().to_owned())
        });
        match found {
            Some(found) => Self::Some(found),
            None if leg.status.is_none() && leg.client_order_ids.is_empty() => Self::Unread,
            None => Self::None,
        }
    }

    /// Two legs that both carry a token, and different ones, are never the same slot.
    fn allows(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Some(one), Self::Some(two)) => one == two,
            _ => true,
        }
    }

    /// Whether it tells that two legs are the same slot, or are not.
    fn decides(&self, other: &Self) -> bool {
        matches!((self, other), (Self::Some(_), Self::Some(_)))
    }
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
    /// Orders that ended without a fill, of which nobody can tell whether they were part of the plan.
    pub set_aside: &'a [Leg],
    /// Its position is proven until then; none where nothing is proven.
    pub proven_to: Option<VenueTime>,
}

/// A member's legs with their tokens, each looked for once.
struct Tokened<'a> {
    member: &'a MemberLegs<'a>,
    tokens: Vec<Token>,
    of_set_aside: Vec<Token>,
}

impl<'a> Tokened<'a> {
    fn of(member: &'a MemberLegs<'a>, rules: MatchRules<'_>) -> Self {
        let of = |legs: &[Leg]| legs.iter().map(|leg| Token::of(leg, rules)).collect();
        Self {
            member,
            tokens: of(member.legs),
            of_set_aside: of(member.set_aside),
        }
    }
}

/// Matches the legs of a group's members, and numbers the slots in the order in which price reaches them.
#[must_use]
pub fn match_slots(
    members: &[MemberLegs<'_>],
    entry_side: Side,
    rules: MatchRules<'_>,
) -> Vec<Slot> {
    let mut order: Vec<Tokened<'_>> = members
        .iter()
        .map(|member| Tokened::of(member, rules))
        .collect();
    order.sort_by_key(|Tokened { member, .. }| {
        (
            member.role,
            std::cmp::Reverse(member.legs.len()),
            member.account.clone(),
        )
    });
    let mut slots: Vec<Slot> = Vec::new();
    for tokened in &order {
        place(&mut slots, members, tokened, entry_side, rules);
        mark_early(&mut slots, tokened.member, rules);
    }
    sort(&mut slots, entry_side);
    let absences: Vec<Vec<(AccountName, u8)>> = slots
        .iter()
        .map(|slot| {
            let account = |tokened: &Tokened<'_>| tokened.member.account.clone();
            order
                .iter()
                .filter(|tokened| !slot.legs.contains_key(tokened.member.account))
                .map(|tokened| {
                    (
                        account(tokened),
                        absence((&slots, slot), members, tokened, rules),
                    )
                })
                .collect()
        })
        .collect();
    for (slot, absences) in slots.iter_mut().zip(absences) {
        slot.confidences.extend(absences);
    }
    for (index, slot) in slots.iter_mut().enumerate() {
        slot.ordinal = u32::try_from(index + 1).unwrap_or(u32::MAX);
    }
    slots
}

/// By price, in the order in which the market reaches them.
fn sort(slots: &mut [Slot], entry_side: Side) {
    slots.sort_by(|a, b| {
        let by_price = match entry_side {
            Side::Buy => b.reference_price.cmp(&a.reference_price),
            Side::Sell => a.reference_price.cmp(&b.reference_price),
        };
        by_price.then_with(|| a.key.cmp(&b.key))
    });
}

fn place(
    slots: &mut Vec<Slot>,
    members: &[MemberLegs<'_>],
    tokened: &Tokened<'_>,
    entry_side: Side,
    rules: MatchRules<'_>,
) {
    place_by_token(slots, members, tokened, rules);
    let Tokened { member, tokens, .. } = tokened;
    sort(slots, entry_side);
    let placed_at = |leg: &Leg| leg.status.is_some().then_some(leg.created_at);
    let of_slots: Vec<Ranked> = slots
        .iter()
        .enumerate()
        .filter(|(_, slot)| !slot.legs.contains_key(member.account))
        .map(|(index, slot)| Ranked {
            index,
            price: slot.reference_price,
            placed_at: founding_leg(slot, members).and_then(placed_at),
            is_live: legs_at(slot, members).any(|leg| !leg.is_unfilled_and_over()),
        })
        .collect();
    let of_legs: Vec<Ranked> = member
        .legs
        .iter()
        .enumerate()
        .filter(|(index, _)| !is_placed(slots, member, *index))
        .map(|(index, leg)| Ranked {
            index,
            price: leg.price,
            placed_at: placed_at(leg),
            is_live: !leg.is_unfilled_and_over(),
        })
        .collect();
    let nearness = Nearness {
        tolerance_bps: i64::from(rules.price_tolerance_bps),
        placed_within: rules.placed_within,
        rung_bps: members
            .iter()
            .filter_map(|member| rung_bps(member.legs.iter().map(|leg| leg.price)))
            .min(),
        wants_doubtful: member.role != Role::Observer,
    };
    let allows = |slot: usize, leg: usize| {
        let both = slots.get(slot).zip(tokens.get(leg));
        both.is_some_and(|(slot, token)| slot.token.allows(token))
    };
    let pairs = pair_by_rank(&of_slots, &of_legs, nearness, &allows);
    for pair in pairs {
        let is_unread = tokens.get(pair.leg) == Some(&Token::Unread)
            || member
                .legs
                .get(pair.leg)
                .is_some_and(|leg| leg.may_replace_another);
        if let Some(slot) = slots.get_mut(pair.slot) {
            let confidence = if is_unread { 0 } else { pair.confidence };
            if member.role == Role::Observer && confidence < rules.confidence_min {
                continue;
            }
            slot.join(member.account, pair.leg, SlotMatch::Rank, confidence);
        }
    }
    if member.role == Role::Observer {
        return;
    }
    for (index, (leg, token)) in member.legs.iter().zip(tokens).enumerate() {
        let is_superseded = leg.is_unfilled_and_over()
            && matches!(token, Token::Some(_))
            && slots.iter().any(|slot| &slot.token == token);
        if !is_placed(slots, member, index) && !is_superseded {
            slots.push(Slot::founded_by(member.account, index, leg, token));
        }
    }
}

/// Marks at which slots a member's orders were placed later than its facts are proven.
fn mark_early(slots: &mut [Slot], member: &MemberLegs<'_>, rules: MatchRules<'_>) {
    for slot in slots {
        let leg = slot.legs.get(member.account);
        let leg = leg.and_then(|index| member.legs.get(*index));
        let is_proven = |leg: &Leg| {
            let proven_to = member.proven_to;
            proven_to.is_some_and(|to| leg.created_at.plus(rules.settle) <= to)
        };
        if leg.is_some_and(|leg| !is_proven(leg)) {
            slot.early.insert(member.account.clone());
        }
    }
}

/// Puts legs to the slots of their tokens: those that work or filled first, because an order that was
/// placed again carries the token of the one that was given up, and those placed about the same time
/// before others, because a token may come again in the next trade.
fn place_by_token(
    slots: &mut [Slot],
    members: &[MemberLegs<'_>],
    Tokened { member, tokens, .. }: &Tokened<'_>,
    rules: MatchRules<'_>,
) {
    let has_unread = tokens.contains(&Token::Unread);
    for (is_over, is_same_time) in [(false, true), (true, true), (false, false), (true, false)] {
        for (index, (leg, token)) in member.legs.iter().zip(tokens).enumerate() {
            let is_placed = is_placed(slots, member, index);
            let Token::Some(_) = token else {
                continue;
            };
            if is_placed || leg.is_unfilled_and_over() != is_over {
                continue;
            }
            let same = slots.iter_mut().find(|slot| {
                let founder = founding_leg(slot, members);
                let near = founder.is_none_or(|founder| placed_near(founder, leg, rules));
                &slot.token == token
                    && !slot.legs.contains_key(member.account)
                    && near == is_same_time
            });
            let can_be_unsure = member.role != Role::Observer;
            if let Some(slot) = same.filter(|_| can_be_unsure || is_same_time) {
                // An order that is not read yet may be the one that took its place.
                let is_sure = is_same_time && !(is_over && has_unread);
                let confidence = if is_sure { 100 } else { 0 };
                slot.join(member.account, index, SlotMatch::Token, confidence);
            }
        }
    }
}

/// Whether two orders were placed about the same time, as far as they are read.
fn placed_near(one: &Leg, two: &Leg, rules: MatchRules<'_>) -> bool {
    let (early, late) = (
        one.created_at.min(two.created_at),
        one.created_at.max(two.created_at),
    );
    one.status.is_none() || two.status.is_none() || late <= early.plus(rules.placed_within)
}

impl Slot {
    fn founded_by(account: &AccountName, index: usize, leg: &Leg, token: &Token) -> Self {
        // Without its order nobody can tell whose slot it is, if tokens do, or if it took the place of
        // another.
        let is_unread = token == &Token::Unread || leg.may_replace_another;
        let confidence = if is_unread { 0 } else { 100 };
        Self {
            ordinal: 0,
            key: format!("{account}/{}", leg.root),
            founder: account.clone(),
            reference_price: leg.price,
            matched_by: SlotMatch::Token,
            confidence,
            legs: BTreeMap::from([(account.clone(), index)]),
            confidences: BTreeMap::from([(account.clone(), confidence)]),
            token: token.clone(),
            early: BTreeSet::new(),
        }
    }

    fn join(&mut self, account: &AccountName, leg: usize, by: SlotMatch, confidence: u8) {
        if by == SlotMatch::Rank {
            self.matched_by = SlotMatch::Rank;
        }
        self.confidence = self.confidence.min(confidence);
        self.legs.insert(account.clone(), leg);
        self.confidences.insert(account.clone(), confidence);
    }
}

fn is_placed(slots: &[Slot], member: &MemberLegs<'_>, leg: usize) -> bool {
    slots
        .iter()
        .any(|slot| slot.legs.get(member.account) == Some(&leg))
}

fn legs_at<'a>(slot: &'a Slot, members: &'a [MemberLegs<'a>]) -> impl Iterator<Item = &'a Leg> {
    members
        .iter()
        .filter_map(|member| member.legs.get(*slot.legs.get(member.account)?))
}

fn founding_leg<'a>(slot: &Slot, members: &'a [MemberLegs<'a>]) -> Option<&'a Leg> {
    let founder = members
        .iter()
        .find(|member| member.account == &slot.founder)?;
    founder.legs.get(*slot.legs.get(&slot.founder)?)
}

/// How sure it is that a member has no order at a slot: no order of its own that could be the slot's
/// is anything but surely another's.
fn absence(
    (slots, slot): (&[Slot], &Slot),
    members: &[MemberLegs<'_>],
    tokened: &Tokened<'_>,
    rules: MatchRules<'_>,
) -> u8 {
    let member = tokened.member;
    let is_read = founding_leg(slot, members).is_some_and(|leg| leg.status.is_some());
    let tolerance_bps = i64::from(rules.price_tolerance_bps);
    let of_leg = |index: usize, (leg, token): (&Leg, &Token)| {
        if token.decides(&slot.token) {
            return if token == &slot.token { 0 } else { 100 };
        }
        if rules.token.is_some() && (token == &Token::Unread || slot.token == Token::Unread) {
            return 0;
        }
        let Some(far) = distance_bps(leg.price, slot.reference_price) else {
            return 0;
        };
        if far > REACH_BPS.max(tolerance_bps) {
            return 100;
        }
        let at = slots
            .iter()
            .find(|other| other.legs.get(member.account) == Some(&index));
        match at {
            Some(at) if at.is_early(member.account) || at.is_early(&slot.founder) => 0,
            // It is matched with another order of the slot's founder, and as surely not this one.
            Some(at) if at.legs.contains_key(&slot.founder) => at
                .confidence_of(member.account)
                .min(at.confidence_of(&slot.founder)),
            None => 0,
            // What an order that is not read filled at is not the price that it wanted.
            Some(_) if far <= tolerance_bps || !is_read || leg.status.is_none() => 0,
            Some(_) => 100,
        }
    };
    let of_set_aside = |(leg, token): (&Leg, &Token)| {
        if token.decides(&slot.token) {
            return if token == &slot.token { 0 } else { 100 };
        }
        let far = distance_bps(leg.price, slot.reference_price);
        let is_far = far.is_some_and(|far| far > REACH_BPS.max(tolerance_bps));
        if is_far { 100 } else { 0 }
    };
    let own = member.legs.iter().zip(&tokened.tokens).enumerate();
    let of_legs = own.map(|(index, leg)| of_leg(index, leg));
    let aside = member.set_aside.iter().zip(&tokened.of_set_aside);
    let of_others = aside.map(of_set_aside);
    of_legs.chain(of_others).min().unwrap_or(100)
}
