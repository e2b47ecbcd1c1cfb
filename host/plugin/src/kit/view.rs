//! A view as a person writes one: members and the slots they filled; the rest follows.
//!
//! `{"members": [{"account": "main", "filled": [1, 2]}, {"account": "mirror", "filled": [1]}]}` is a
//! whole view. Every part can be spelled out as the ledger keeps it, and what is derived (detected
//! counts, truth) is derived as facts would have it.

use super::case::CaseError;
use super::fill_in::lay_over;
use fillsync_core::leg::LegState;
use fillsync_core::truth::Truth;
use fillsync_core::view::{CountsWhen, View, ViewLeg, ViewMember, ViewSlot};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use std::time::Duration;

/// 2025-11-21T12:00:00Z.
const NOON_US: i64 = 1_763_726_400_000_000;
/// How far a member that is known is proven past the moment of the view.
const PROVEN_PAST: Duration = Duration::from_secs(3);
/// What each order wants.
const QUANTITY: &str = "150";
const HALF: &str = "75";
/// The orders of a plan where nobody says how many, unless somebody filled more.
const PLAN: u32 = 3;

/// A view from what was written of it.
pub(super) fn read(written: Value, at: &str) -> Result<View, CaseError> {
    let mut written = table(written, at)?;
    let (plan, slots) = (written.remove("plan"), written.remove("slots"));
    let members = list(written.remove("members"), &format!("{at}/members"))?;
    let mut whole = json!({
        "group": "desk", "symbol": "GTCUSDT", "side": "short", "cycle": 1, "as_of": NOON_US,
        "counts_when": "filled", "slots": [], "members": []
    });
    lay_over(&mut whole, Value::Object(written), at).map_err(|error| {
        if error.what.starts_with("there is no such key") {
            CaseError {
                what: format!("{}, plan", error.what),
                ..error
            }
        } else {
            error
        }
    })?;
    let mut view: View = typed(whole, at)?;
    let ordinals = plan_of(plan, slots.as_ref(), &members, at)?;
    view.slots = match slots {
        Some(slots) => read_slots(list(Some(slots), &format!("{at}/slots"))?, at)?,
        None => (1..=ordinals)
            .map(|ordinal| typed(slot(ordinal), at))
            .collect::<Result<_, _>>()?,
    };
    let mut drafts = Vec::with_capacity(members.len());
    for (index, member) in members.into_iter().enumerate() {
        drafts.push(read_member(
            member,
            &view,
            &format!("{at}/members/{index}"),
        )?);
    }
    settle(&mut view, drafts, at)?;
    Ok(view)
}

/// A member whose legs may still lack their truth.
struct Draft {
    member: ViewMember,
    /// By leg: whether its author said what is true of it.
    truth_given: Vec<bool>,
}

fn read_member(written: Value, view: &View, at: &str) -> Result<Draft, CaseError> {
    let mut written = table(written, at)?;
    let filled = written.remove("filled");
    let legs = written.remove("legs");
    let detected_given = written.contains_key("detected");
    let coverage_given = written.contains_key("coverage_to");
    let name = match written.get("account") {
        Some(Value::String(name)) => name.clone(),
        _ => {
            return Err(CaseError::at(
                &format!("{at}/account"),
                "a member needs its name",
            ));
        }
    };
    let mut whole = json!({
        "account": name, "role": if name == "main" { "main" } else { "mirror" }, "detected": 0,
        "known": true, "at_least": false, "coverage_to": null, "shown_before": null, "legs": []
    });
    lay_over(&mut whole, Value::Object(written), at).map_err(|error| {
        if error.what.starts_with("there is no such key") {
            CaseError {
                what: format!("{}, filled", error.what),
                ..error
            }
        } else {
            error
        }
    })?;
    let mut member: ViewMember = typed(whole, at)?;
    if !coverage_given && member.known {
        member.coverage_to = Some(view.as_of.plus(PROVEN_PAST));
    }
    let mut truth_given = Vec::new();
    match (filled, legs) {
        (Some(_), Some(_)) => {
            return Err(CaseError::at(
                at,
                "\"filled\" is short for \"legs\"; write one of the two",
            ));
        }
        (_, Some(legs)) => {
            for (index, leg) in list(Some(legs), &format!("{at}/legs"))?
                .into_iter()
                .enumerate()
            {
                let at = format!("{at}/legs/{index}");
                truth_given.push(leg.get("truth").is_some());
                member.legs.push(read_leg(leg, view, &at)?);
            }
        }
        (filled, None) => {
            let filled = match filled {
                Some(filled) => slots_filled(&filled, view, &format!("{at}/filled"))?,
                None => Vec::new(),
            };
            for slot in &view.slots {
                let is_filled = filled.contains(&slot.ordinal);
                let state = if is_filled { "filled" } else { "open" };
                let leg = json!({ "slot": slot.ordinal, "state": state });
                truth_given.push(false);
                member.legs.push(read_leg(leg, view, at)?);
            }
        }
    }
    if !detected_given {
        let counted = member.legs.iter().filter(|leg| leg.counted).count();
        member.detected = u32::try_from(counted).unwrap_or(u32::MAX);
    }
    Ok(Draft {
        member,
        truth_given,
    })
}

fn read_leg(written: Value, view: &View, at: &str) -> Result<ViewLeg, CaseError> {
    let Some(ordinal) = written.get("slot").and_then(Value::as_u64) else {
        return Err(CaseError::at(
            &format!("{at}/slot"),
            "a leg needs the number of its slot",
        ));
    };
    let state = written
        .get("state")
        .cloned()
        .unwrap_or_else(|| json!("open"));
    let state: LegState = typed(state, &format!("{at}/state"))?;
    let touched = matches!(state, LegState::Partial | LegState::PartialFinal);
    let filled = state == LegState::Filled;
    let quantity = written
        .get("quantity")
        .and_then(Value::as_str)
        .unwrap_or(QUANTITY);
    let filled_quantity = match (filled, touched) {
        (true, _) => quantity,
        (false, true) => HALF,
        (false, false) => "0",
    };
    let mut whole = json!({
        "slot": ordinal, "state": state.as_str(), "filled_quantity": filled_quantity, "quantity": QUANTITY,
        "counted": filled || touched && view.counts_when == CountsWhen::Touched, "truth": "unfilled"
    });
    lay_over(&mut whole, written, at)?;
    typed(whole, at)
}

/// What is true of each leg, as facts would have it, where the author did not say.
fn settle(view: &mut View, drafts: Vec<Draft>, at: &str) -> Result<(), CaseError> {
    let filled_somewhere = |slot: u32| {
        drafts.iter().any(|draft| {
            let mut legs = draft.member.legs.iter();
            legs.any(|leg| leg.slot == slot && leg.state == LegState::Filled)
        })
    };
    let filled: Vec<u32> = view
        .slots
        .iter()
        .map(|slot| slot.ordinal)
        .filter(|slot| filled_somewhere(*slot))
        .collect();
    for Draft {
        mut member,
        truth_given,
    } in drafts
    {
        let known = member.known;
        for (leg, given) in member.legs.iter_mut().zip(truth_given) {
            if !given {
                leg.truth = truth(leg.state, known, filled.contains(&leg.slot));
            }
        }
        if view
            .members
            .iter()
            .any(|other| other.account == member.account)
        {
            return Err(CaseError::at(
                &format!("{at}/members"),
                format!("{} is there twice", member.account),
            ));
        }
        view.members.push(member);
    }
    // The contract says "the members, by name", and a plugin may rely on it.
    view.members.sort_by(|a, b| a.account.cmp(&b.account));
    Ok(())
}

const fn truth(state: LegState, known: bool, filled_somewhere: bool) -> Truth {
    match state {
        LegState::Filled => Truth::Aligned,
        _ if !filled_somewhere => Truth::Unfilled,
        _ if !known => Truth::Pending,
        LegState::Planned | LegState::Open => Truth::Lagging,
        LegState::Partial | LegState::PartialFinal => Truth::Partial,
        LegState::Cancelled => Truth::Cancelled,
        LegState::Rejected => Truth::Rejected,
        LegState::Missing => Truth::Missing,
        LegState::Unknown => Truth::Unknown,
    }
}

/// How many orders the plan has: as said, else as many as somebody filled, at least [`PLAN`].
fn plan_of(
    plan: Option<Value>,
    slots: Option<&Value>,
    members: &[Value],
    at: &str,
) -> Result<u32, CaseError> {
    let place = format!("{at}/plan");
    match plan {
        Some(_) if slots.is_some() => Err(CaseError::at(
            &place,
            "\"plan\" is short for \"slots\"; write one of the two",
        )),
        Some(plan) => typed(plan, &place),
        None => {
            let filled = members
                .iter()
                .filter_map(|member| member.get("filled")?.as_array());
            let legs = members
                .iter()
                .filter_map(|member| member.get("legs")?.as_array());
            let highest = filled
                .flatten()
                .chain(legs.flatten().filter_map(|leg| leg.get("slot")))
                .filter_map(Value::as_u64)
                .max()
                .unwrap_or_default();
            Ok(u32::try_from(highest)
                .unwrap_or(u32::MAX)
                .clamp(PLAN, 1_000))
        }
    }
}

fn read_slots(written: Vec<Value>, at: &str) -> Result<Vec<ViewSlot>, CaseError> {
    let mut slots = Vec::with_capacity(written.len());
    for (ordinal, value) in (1_u32..).zip(written) {
        let at = format!("{at}/slots/{}", ordinal - 1);
        let mut whole = slot(ordinal);
        lay_over(&mut whole, value, &at)?;
        slots.push(typed(whole, &at)?);
    }
    Ok(slots)
}

fn slot(ordinal: u32) -> Value {
    let price = format!("0.{}", 2200 + ordinal.saturating_mul(15));
    json!({ "ordinal": ordinal, "reference_price": price, "matched_by": "token", "confidence": 100 })
}

fn slots_filled(filled: &Value, view: &View, at: &str) -> Result<Vec<u32>, CaseError> {
    let filled: Vec<u32> = typed(filled.clone(), at)?;
    for slot in &filled {
        if !view.slots.iter().any(|known| known.ordinal == *slot) {
            let what = format!(
                "there is no slot {slot}; the plan has {} orders",
                view.slots.len()
            );
            return Err(CaseError::at(at, what));
        }
    }
    Ok(filled)
}

pub(super) fn table(value: Value, at: &str) -> Result<Map<String, Value>, CaseError> {
    match value {
        Value::Object(map) => Ok(map),
        other => Err(CaseError::at(
            at,
            format!("{other} stands where a table belongs"),
        )),
    }
}

fn list(value: Option<Value>, at: &str) -> Result<Vec<Value>, CaseError> {
    match value {
        Some(Value::Array(items)) => Ok(items),
        Some(other) => Err(CaseError::at(
            at,
            format!("{other} stands where a list belongs"),
        )),
        None => Err(CaseError::at(
            at,
            r#"a view needs its members, as in [{"account": "main", "filled": [1]}]"#,
        )),
    }
}

pub(super) fn typed<T: DeserializeOwned>(value: Value, at: &str) -> Result<T, CaseError> {
    serde_json::from_value(value).map_err(|error| CaseError::at(at, error.to_string()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_view_of_two_lines_is_whole() {
        let view = read(
            json!({"members": [{"account": "mirror", "filled": [1], "known": false}, {"account": "main", "filled": [1, 2]}]}),
            "/view",
        )
        .unwrap();
        let counts: Vec<_> = view
            .members
            .iter()
            .map(|member| (member.account.as_str(), member.detected))
            .collect();
        assert_eq!(counts, [("main", 2), ("mirror", 1)]);
        assert_eq!(view.slots.len(), 3);
        let truths: Vec<Truth> = view.members[1].legs.iter().map(|leg| leg.truth).collect();
        assert_eq!(truths, [Truth::Aligned, Truth::Pending, Truth::Unfilled]);
        assert_eq!(view.members[1].coverage_to, None);
    }

    #[test]
    fn a_view_as_the_ledger_keeps_it_is_taken_as_it_is() {
        let written = json!({"counts_when": "touched", "plan": 2, "members": [
            {"account": "main", "legs": [{"slot": 1, "state": "partial", "quantity": "10", "filled_quantity": "4"}]},
            {"account": "eye", "role": "observer", "detected": 2, "shown_before": 1, "filled": [2]}]});
        let view = read(written, "").unwrap();
        assert_eq!(view.members[1].detected, 1, "a touched leg counts");
        assert_eq!(
            view.members[1].legs[0].truth,
            Truth::Unfilled,
            "nobody has filled the slot"
        );
        let again = read(serde_json::to_value(&view).unwrap(), "").unwrap();
        assert_eq!(again, view);
    }

    #[test]
    fn what_cannot_be_meant_is_named() {
        for (written, place, what) in [
            (json!({}), "/members", "needs its members"),
            (
                json!({"members": [{}]}),
                "/members/0/account",
                "needs its name",
            ),
            (
                json!({"members": [{"account": "a", "fild": [1]}]}),
                "/members/0/fild",
                "filled",
            ),
            (
                json!({"members": [{"account": "a"}, {"account": "a"}]}),
                "/members",
                "twice",
            ),
            (
                json!({"plan": 2, "members": [{"account": "a", "filled": [3]}]}),
                "/members/0/filled",
                "no slot 3",
            ),
            (
                json!({"plan": 2, "slots": [], "members": []}),
                "/plan",
                "one of the two",
            ),
            (
                json!({"members": [{"account": "a", "legs": [{"slot": 1, "state": "full"}]}]}),
                "/members/0/legs/0/state",
                "full",
            ),
        ] {
            let error = read(written, "").unwrap_err();
            assert_eq!(error.place, place, "{error}");
            assert!(error.what.contains(what), "{error}");
        }
    }
}
