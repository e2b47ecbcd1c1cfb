//! The five strategies as components: what holds for every view, whatever it is.
//!
//! - The same question has the same answer and the same cost.
//! - The order in which accounts, slots and legs stand says nothing.
//! - No count is above the union: the slots that somebody who counts has filled.
//! - Nothing but counts is read: what is true of a leg, and what was shown before, changes no answer,
//!   so no strategy can hide a divergence (laws 3 and 6).
//! - Within the truth that the view carries, which for each strategy means:
//!   - any: a count that is not the account's own says why (law 10); an observer shows its own;
//!   - `max-count`: what is shown was detected by somebody;
//!   - `main-master`, and `mirror-follows-main` with `prefer = "main"`: main's count is passed on only
//!     where main's facts are proven past the moment; a main that is not known moves nobody;
//!   - `mirror-follows-main`: main's count only raises a mirror, and a lower bound stays one;
//!   - `union-by-slot`: exactly the union, so no slot is counted that nobody filled, and none twice;
//!   - `quorum`: so many slots, each filled on k accounts or more. With k = all every account has reached
//!     the count by its own facts, so it is safe to act upon; with a smaller k it is not, because each
//!     slot may have been filled by others.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod common;

use common::{NOON_US, load};
use fillsync_core::amount::{Price, Quantity};
use fillsync_core::id::{AccountName, GroupName, Symbol};
use fillsync_core::leg::LegState;
use fillsync_core::order::PositionSide;
use fillsync_core::slot::SlotMatch;
use fillsync_core::time::VenueTime;
use fillsync_core::truth::Truth;
use fillsync_core::view::{CountsWhen, Role, Shown, View, ViewLeg, ViewMember, ViewSlot};
use fillsync_plugin_host::{CallError, Loaded};
use proptest::prelude::*;
use proptest::sample::select;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

const MEMBERS_MAX: usize = 7;
const SLOTS_MAX: u32 = 8;

struct Asked {
    name: &'static str,
    settings: &'static str,
    loaded: Arc<Loaded>,
}

fn strategies() -> &'static [Asked] {
    static STRATEGIES: OnceLock<Vec<Asked>> = OnceLock::new();
    STRATEGIES.get_or_init(|| {
        [
            ("max-count", "{}"),
            ("main-master", "{}"),
            ("mirror-follows-main", "{}"),
            ("mirror-follows-main", r#"{"prefer":"main"}"#),
            ("union-by-slot", "{}"),
            ("quorum", "{}"),
            ("quorum", r#"{"k":2}"#),
        ]
        .into_iter()
        .map(|(name, settings)| Asked {
            name,
            settings,
            loaded: load(name, settings),
        })
        .collect()
    })
}

/// By account, so that the order of the members does not matter.
type Answer = Result<BTreeMap<AccountName, Shown>, CallError>;

impl Asked {
    fn answer(&self, view: &View) -> Answer {
        let (shown, _) = self.loaded.decide(view)?;
        Ok(shown
            .into_iter()
            .map(|row| (row.account.clone(), row))
            .collect())
    }
}

fn a_member(index: usize, is_main: bool) -> impl Strategy<Value = ViewMember> {
    let role = if is_main {
        Just(Role::Main).boxed()
    } else {
        prop_oneof![4 => Just(Role::Mirror), 1 => Just(Role::Observer)].boxed()
    };
    let legs = prop::collection::vec(
        prop::option::weighted(0.8, (any::<bool>(), any_truth())),
        SLOTS_MAX as usize,
    );
    (
        role,
        any::<bool>(),
        any::<bool>(),
        prop::option::of(0..=SLOTS_MAX),
        legs,
    )
        .prop_map(move |(role, known, at_least, shown_before, legs)| {
            let legs: Vec<ViewLeg> = (1..)
                .zip(legs)
                .filter_map(|(slot, leg)| leg.map(|(counted, truth)| a_leg(slot, counted, truth)))
                .collect();
            ViewMember {
                account: AccountName::new(format!("account-{index}")).unwrap(),
                role,
                detected: u32::try_from(legs.iter().filter(|leg| leg.counted).count()).unwrap(),
                known,
                at_least,
                coverage_to: known.then(|| VenueTime::from_us(NOON_US + 3_000_000)),
                shown_before,
                legs,
            }
        })
}

fn any_truth() -> impl Strategy<Value = Truth> {
    select(vec![
        Truth::Unfilled,
        Truth::Aligned,
        Truth::Pending,
        Truth::Lagging,
        Truth::Cancelled,
        Truth::Missing,
        Truth::Extra,
        Truth::Unknown,
    ])
}

fn a_leg(slot: u32, counted: bool, truth: Truth) -> ViewLeg {
    ViewLeg {
        slot,
        state: if counted {
            LegState::Filled
        } else {
            LegState::Open
        },
        filled_quantity: Quantity::parse(if counted { "150" } else { "0" }).unwrap(),
        quantity: Quantity::parse("150").unwrap(),
        counted,
        truth,
    }
}

/// Any group with one main at most, as a configuration has it.
fn a_view() -> impl Strategy<Value = View> {
    (
        0..=MEMBERS_MAX,
        prop::option::weighted(0.9, 0..MEMBERS_MAX),
        0_u8..=100,
    )
        .prop_flat_map(|(members, main, confidence)| {
            let members: Vec<_> = (0..members)
                .map(|index| a_member(index, main == Some(index)))
                .collect();
            (members, Just(confidence))
        })
        .prop_map(|(members, confidence)| View {
            group: GroupName::new("desk").unwrap(),
            symbol: Symbol::new("GTCUSDT").unwrap(),
            side: PositionSide::Short,
            cycle: 12,
            as_of: VenueTime::from_us(NOON_US),
            counts_when: CountsWhen::Filled,
            slots: (1..=SLOTS_MAX)
                .map(|ordinal| ViewSlot {
                    ordinal,
                    reference_price: Some(Price::parse("0.2215").unwrap()),
                    matched_by: SlotMatch::Rank,
                    confidence,
                })
                .collect(),
            members,
        })
}

/// The view, and the same with its accounts, slots and legs in another order.
fn a_view_and_its_shuffle() -> impl Strategy<Value = (View, View)> {
    a_view().prop_flat_map(|view| {
        let legs: Vec<_> = view
            .members
            .iter()
            .map(|member| Just(member.legs.clone()).prop_shuffle())
            .collect();
        let shuffled = (
            Just(view.clone()),
            Just(view.slots.clone()).prop_shuffle(),
            legs,
        )
            .prop_flat_map(|(view, slots, legs)| {
                let mut members = view.members.clone();
                for (member, legs) in members.iter_mut().zip(legs) {
                    member.legs = legs;
                }
                (Just(view), Just(slots), Just(members).prop_shuffle())
            })
            .prop_map(|(view, slots, members)| View {
                slots,
                members,
                ..view
            });
        (Just(view), shuffled)
    })
}

fn counting(view: &View) -> impl Iterator<Item = &ViewMember> {
    view.members
        .iter()
        .filter(|member| member.role != Role::Observer)
}

/// How many accounts that count have filled each slot that somebody filled.
fn votes(view: &View) -> BTreeMap<u32, usize> {
    let mut votes = BTreeMap::new();
    for member in counting(view) {
        for leg in member.legs.iter().filter(|leg| leg.counted) {
            *votes.entry(leg.slot).or_default() += 1;
        }
    }
    votes
}

fn within_the_truth(asked: &Asked, view: &View, answer: &BTreeMap<AccountName, Shown>) {
    let Asked { name, settings, .. } = asked;
    let main = view.members.iter().find(|member| member.role == Role::Main);
    let largest = counting(view).map(|member| member.detected).max();
    for member in &view.members {
        let row = &answer[&member.account];
        let is_own = row.count == member.detected;
        assert!(
            is_own || row.note.is_some(),
            "{name}: {} without a word why",
            row.count
        );
        if member.role == Role::Observer {
            assert!(is_own, "{name}: an observer");
            continue;
        }
        match (*name, *settings) {
            ("max-count", _) => assert_eq!(Some(row.count), largest),
            ("main-master", _) | (_, r#"{"prefer":"main"}"#) => {
                let passed_on = main.filter(|main| main.known).map(|main| main.detected);
                assert_eq!(row.count, passed_on.unwrap_or(member.detected), "{name}");
            }
            ("mirror-follows-main", _) => {
                let of_main = main.map_or(0, |main| main.detected);
                let higher = member.detected.max(of_main);
                let expected = if member.role == Role::Main {
                    member.detected
                } else {
                    higher
                };
                assert_eq!(row.count, expected);
            }
            ("union-by-slot", _) => assert_eq!(row.count as usize, votes(view).len()),
            ("quorum", settings) => {
                let k = if settings == "{}" {
                    counting(view).count()
                } else {
                    2
                };
                let agreed = votes(view).values().filter(|votes| **votes >= k).count();
                assert_eq!(row.count as usize, agreed);
                if settings == "{}" {
                    let reached = |member: &ViewMember| member.detected >= row.count;
                    assert!(counting(view).all(reached), "{} is not safe", row.count);
                }
            }
            other => panic!("{other:?} has no rule here"),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn law_4_the_same_question_has_the_same_answer_whatever_its_order((view, shuffled) in a_view_and_its_shuffle()) {
        for asked in strategies() {
            let first = asked.loaded.decide(&view).map(|(shown, report)| (shown, report.fuel));
            let again = asked.loaded.decide(&view).map(|(shown, report)| (shown, report.fuel));
            prop_assert_eq!(&first, &again, "{} twice", asked.name);
            prop_assert_eq!(asked.answer(&view), asked.answer(&shuffled), "{} in another order", asked.name);
        }
    }

    #[test]
    fn no_count_is_above_the_union_and_each_is_within_the_truth(view in a_view()) {
        let union = votes(&view).len();
        for asked in strategies() {
            match asked.answer(&view) {
                Ok(answer) => {
                    for member in counting(&view) {
                        let count = answer[&member.account].count as usize;
                        prop_assert!(count <= union, "{}: {count} of a union of {union}", asked.name);
                    }
                    within_the_truth(asked, &view, &answer);
                }
                // Only a quorum that the group cannot reach is no answer.
                Err(CallError::Undecided { .. }) => {
                    prop_assert!(asked.settings.contains("\"k\"") && counting(&view).count() == 1);
                }
                Err(error) => prop_assert!(false, "{}: {error}", asked.name),
            }
        }
    }

    #[test]
    fn law_3_what_is_true_and_what_was_shown_change_no_answer(view in a_view(), truth in any_truth(), before in 0..=SLOTS_MAX) {
        let mut other = view.clone();
        for member in &mut other.members {
            member.shown_before = Some(before);
            for leg in &mut member.legs {
                leg.truth = truth;
            }
        }
        for asked in strategies() {
            prop_assert_eq!(asked.answer(&view), asked.answer(&other), "{}", asked.name);
        }
    }

    /// Facts only add up: one more fill lowers nobody's count, but where main's own word rules.
    #[test]
    fn one_more_fill_lowers_no_count(view in a_view(), who in 0..MEMBERS_MAX, slot in 1..=SLOTS_MAX) {
        let mut more = view.clone();
        let Some(member) = more.members.get_mut(who) else { return Ok(()) };
        let leg = a_leg(slot, true, Truth::Aligned);
        member.legs.retain(|leg| leg.slot != slot);
        member.legs.push(leg);
        member.legs.sort_by_key(|leg| leg.slot);
        member.detected = u32::try_from(member.legs.iter().filter(|leg| leg.counted).count()).unwrap();
        for asked in strategies() {
            let (Ok(before), Ok(after)) = (asked.answer(&view), asked.answer(&more)) else { continue };
            for (account, row) in &before {
                prop_assert!(row.count <= after[account].count, "{}: {account}", asked.name);
            }
        }
    }
}

/// The seed's own cases, by slot: who filled which.
#[test]
fn the_seeds_vectors() {
    let view = |main: &[u32], mirror: &[u32]| {
        let mut view = common::desk(0, 0);
        for (member, filled) in view.members.iter_mut().zip([main, mirror]) {
            member.detected = u32::try_from(filled.len()).unwrap();
            for leg in &mut member.legs {
                leg.counted = filled.contains(&leg.slot);
            }
        }
        view
    };
    let counts = |index: usize, view: &View| -> Vec<u32> {
        let (shown, _) = strategies()[index].loaded.decide(view).unwrap();
        shown.iter().map(|row| row.count).collect()
    };
    let names: BTreeSet<&str> = strategies().iter().map(|asked| asked.name).collect();
    assert_eq!(names.len(), 5);
    // main, mirror, and what each strategy of the list shows.
    type Vector<'a> = (&'a [u32], &'a [u32], [[u32; 2]; 7]);
    let vectors: [Vector<'_>; 5] = [
        (
            &[1, 2],
            &[1],
            [[2, 2], [2, 2], [2, 2], [2, 2], [2, 2], [1, 1], [1, 1]],
        ),
        (
            &[1, 2, 3],
            &[1, 2, 3],
            [[3, 3], [3, 3], [3, 3], [3, 3], [3, 3], [3, 3], [3, 3]],
        ),
        (
            &[1],
            &[1, 2],
            [[2, 2], [1, 1], [1, 2], [1, 1], [2, 2], [1, 1], [1, 1]],
        ),
        (
            &[1],
            &[2],
            [[1, 1], [1, 1], [1, 1], [1, 1], [2, 2], [0, 0], [0, 0]],
        ),
        (
            &[],
            &[],
            [[0, 0], [0, 0], [0, 0], [0, 0], [0, 0], [0, 0], [0, 0]],
        ),
    ];
    for (main, mirror, expected) in vectors {
        let view = view(main, mirror);
        for (index, expected) in expected.iter().enumerate() {
            let Asked { name, settings, .. } = &strategies()[index];
            assert_eq!(
                counts(index, &view),
                expected,
                "{name} {settings}: {main:?} {mirror:?}"
            );
        }
    }
}
