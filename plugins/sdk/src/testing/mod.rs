//! Views and alerts for native tests of plugins, settings as an operator gives them, and checks.
//!
//! Not for use inside a component. A member's legs fill the slots from L1 up unless `with_slots`
//! says otherwise; every slot was matched by its token, so all of them can be compared. Whether the
//! component answers the same is what `fillsync plugin test` asks, with the host's own limits.
#![allow(clippy::panic, reason = "a check in a test has to fail the test")]

mod alerts;

pub use alerts::{alert, divergence, event, fill, message, system, target, target_of};

use crate::strategy::{Leg, Member, Slot, View};
use crate::types::{CountsWhen, LegState, PositionSide, Role, SlotMatch, Truth};
use crate::{Formatter, Remark, Remarks, Strategy, parse_settings};

/// The slots of a test's plan.
pub const SLOTS: u32 = 3;

/// The main account with a count.
#[must_use]
pub fn main(detected: u32) -> Member {
    member("main", Role::Main, detected)
}

/// A mirror with a count.
#[must_use]
pub fn mirror(detected: u32) -> Member {
    member("mirror", Role::Mirror, detected)
}

/// An observer with a count.
#[must_use]
pub fn observer(detected: u32) -> Member {
    member("observer", Role::Observer, detected)
}

/// The member, its facts not yet complete up to the view.
#[must_use]
pub fn unknown(member: Member) -> Member {
    Member {
        known: false,
        coverage_to_us: None,
        ..member
    }
}

/// The member with exactly these slots filled.
#[must_use]
pub fn with_slots(member: Member, filled: &[u32]) -> Member {
    Member {
        legs: (1..=SLOTS)
            .map(|slot| leg(slot, filled.contains(&slot)))
            .collect(),
        ..member
    }
}

/// A view of a plan of [`SLOTS`] orders with these members. Members of one name are numbered.
#[must_use]
pub fn view(members: &[Member]) -> View {
    let members = members
        .iter()
        .enumerate()
        .map(|(index, member)| {
            let repeated = members
                .iter()
                .filter(|other| other.account == member.account)
                .count()
                > 1;
            let account = if repeated {
                format!("{}-{}", member.account, index + 1)
            } else {
                member.account.clone()
            };
            Member {
                account,
                ..member.clone()
            }
        })
        .collect();
    View {
        group: "desk".to_owned(),
        symbol: "GTCUSDT".to_owned(),
        side: PositionSide::Short,
        cycle: 12,
        as_of_us: 1_763_726_400_000_000,
        counts_when: CountsWhen::Filled,
        slots: (1..=SLOTS)
            .map(|ordinal| Slot {
                ordinal,
                reference_price: Some(format!("0.22{ordinal}5")),
                matched_by: SlotMatch::Token,
                confidence: 100,
                attributes: Vec::new(),
            })
            .collect(),
        members,
        attributes: Vec::new(),
    }
}

/// Asks the strategy and compares the counts, member by member.
pub fn check_counts<S: Strategy>(strategy: &S, members: &[Member], expected: &[u32]) {
    let view = view(members);
    match strategy.decide(&view) {
        Ok(decision) => {
            let counts: Vec<(&str, u32)> = decision
                .shown
                .iter()
                .map(|shown| (shown.account.as_str(), shown.count))
                .collect();
            let expected: Vec<(&str, u32)> = view
                .members
                .iter()
                .map(|member| member.account.as_str())
                .zip(expected.iter().copied())
                .collect();
            assert_eq!(counts, expected, "shown counts");
        }
        Err(error) => panic!("the strategy gave no answer: {error:?}"),
    }
}

/// A strategy with these settings, given as JSON.
///
/// # Panics
/// When it refuses them.
#[must_use]
pub fn configured<S: Strategy>(json: &str) -> S {
    taken(json, S::configure)
}

/// What a strategy says against these settings: its errors.
///
/// # Panics
/// When it takes them.
#[must_use]
pub fn refused<S: Strategy>(json: &str) -> Vec<Remark> {
    errors(json, S::configure)
}

/// A formatter with these settings, given as JSON.
///
/// # Panics
/// When it refuses them.
#[must_use]
pub fn configured_formatter<F: Formatter>(json: &str) -> F {
    taken(json, F::configure)
}

/// What a formatter says against these settings: its errors.
///
/// # Panics
/// When it takes them.
#[must_use]
pub fn refused_formatter<F: Formatter>(json: &str) -> Vec<Remark> {
    errors(json, F::configure)
}

fn configure<S, P>(json: &str, configure: fn(S, &mut Remarks) -> P) -> (P, Vec<Remark>)
where
    S: serde::de::DeserializeOwned + Default,
{
    let mut remarks = Remarks::default();
    let settings = parse_settings(json, &mut remarks);
    let plugin = configure(settings, &mut remarks);
    let errors = remarks.all().iter().filter(|remark| remark.is_error);
    (plugin, errors.cloned().collect())
}

fn taken<S, P>(json: &str, with: fn(S, &mut Remarks) -> P) -> P
where
    S: serde::de::DeserializeOwned + Default,
{
    let (plugin, errors) = configure(json, with);
    assert!(errors.is_empty(), "it refuses {json}: {errors:?}");
    plugin
}

fn errors<S, P>(json: &str, with: fn(S, &mut Remarks) -> P) -> Vec<Remark>
where
    S: serde::de::DeserializeOwned + Default,
{
    let (_, errors) = configure(json, with);
    assert!(!errors.is_empty(), "it takes {json}");
    errors
}

fn member(account: &str, role: Role, detected: u32) -> Member {
    Member {
        account: account.to_owned(),
        role,
        detected,
        known: true,
        at_least: false,
        coverage_to_us: Some(1_763_726_403_000_000),
        shown_before: None,
        legs: (1..=SLOTS)
            .map(|slot| leg(slot, slot <= detected))
            .collect(),
        attributes: Vec::new(),
    }
}

fn leg(slot: u32, filled: bool) -> Leg {
    Leg {
        slot,
        state: if filled {
            LegState::Filled
        } else {
            LegState::Open
        },
        filled_quantity: if filled { "150" } else { "0" }.to_owned(),
        quantity: "150".to_owned(),
        counted: filled,
        truth: if filled {
            Truth::Aligned
        } else {
            Truth::Unfilled
        },
        attributes: Vec::new(),
    }
}
