//! Slots: which orders of two accounts are the same, and how sure that is.

use crate::desk::{Account, PAIR, differences, facts, judged, only, rules, truths};
use fillsync_core::amount::Quantity;
use fillsync_core::execution::Side;
use fillsync_core::order::OrderStatus;
use fillsync_core::time::VenueTime;
use fillsync_core::truth::{Doubt, Truth};
use fillsync_core::view::Role;
use rust_decimal::Decimal;
use std::time::Duration;

const KNOWN: [(&str, i64); 2] = [("main", 60_000), ("mirror", 60_000)];

fn pair(main: Account, mirror: Account) -> fillsync_core::group::GroupFacts {
    facts(vec![main, mirror], &KNOWN)
}

#[test]
fn tokens_match_legs_that_prices_would_confuse() {
    let mut rules = rules(&PAIR);
    rules.slot_token = Some(regex::Regex::new("-(?<slot>L[0-9])-").unwrap());
    let mirror = Account::new("mirror")
        .limit("L1", "0.3210")
        .limit("L2", "0.3215");
    let facts = facts(
        vec![
            Account::new("main")
                .limit("L1", "0.2210")
                .limit("L2", "0.2215")
                .fill("L2", 10_000),
            mirror,
        ],
        &[("main", 60_000), ("mirror", 60_000)],
    );
    let cycle = only(&rules, &facts);
    assert_eq!(cycle.slots.len(), 2);
    assert!(truths(&rules, &facts, &cycle, 60_000).contains(&(
        2,
        "mirror".to_owned(),
        Truth::Lagging
    )));
}

#[test]
fn prices_too_far_apart_cannot_be_compared() {
    let rules = rules(&PAIR);
    let facts = facts(
        vec![
            Account::new("main")
                .limit("L1", "0.2210")
                .fill("L1", 10_000),
            Account::new("mirror").limit("L1", "0.2255"),
        ],
        &[("main", 60_000), ("mirror", 60_000)],
    );
    let cycle = only(&rules, &facts);
    assert!(
        !truths(&rules, &facts, &cycle, 60_000)
            .iter()
            .any(|(_, _, truth)| truth.is_diverged())
    );
}

#[test]
fn a_rank_match_within_the_tolerance_is_compared() {
    let rules = rules(&PAIR);
    let facts = pair(
        Account::new("main")
            .limit("L1", "0.2210")
            .fill("L1", 10_000),
        Account::new("mirror").limit("L1", "0.2214"),
    );
    assert_eq!(
        judged(&rules, &facts, "main/main-L1", "mirror"),
        (Truth::Lagging, None)
    );
    let slot = &only(&rules, &facts).slots[0];
    assert!((60..95).contains(&slot.confidence), "{}", slot.confidence);
}

#[test]
fn a_rank_match_outside_the_tolerance_cannot_be_compared() {
    // 0.2210 and 0.2214 are 19 basis points apart.
    let mut rules = rules(&PAIR);
    rules.price_tolerance_bps = 10;
    let facts = pair(
        Account::new("main")
            .limit("L1", "0.2210")
            .fill("L1", 10_000),
        Account::new("mirror").limit("L1", "0.2214"),
    );
    let unknown = (Truth::Unknown, Some(Doubt::CannotCompare));
    assert_eq!(judged(&rules, &facts, "main/main-L1", "mirror"), unknown);
    assert_eq!(
        only(&rules, &facts).slots[0].confidence,
        0,
        "it is stored as unsure"
    );
}

#[test]
fn a_stricter_threshold_makes_a_match_incomparable() {
    let mut rules = rules(&PAIR);
    rules.confidence_min = 96;
    let facts = pair(
        Account::new("main")
            .limit("L1", "0.2210")
            .fill("L1", 10_000),
        Account::new("mirror").limit("L1", "0.2210"),
    );
    let unknown = (Truth::Unknown, Some(Doubt::CannotCompare));
    assert_eq!(judged(&rules, &facts, "main/main-L1", "mirror"), unknown);
}

#[test]
fn orders_placed_too_far_apart_cannot_be_compared() {
    let mut rules = rules(&PAIR);
    rules.placed_within = Duration::from_secs(5);
    let placed_at = |ms: i64| {
        let main = Account::new("main")
            .limit("L1", "0.2210")
            .fill("L1", 10_000);
        let mirror = Account::new("mirror").limit("L1", "0.2210");
        let at = VenueTime::from_ms(ms);
        pair(main, mirror.with("L1", |order| order.created_at = at))
    };
    let at = |ms: i64| judged(&rules, &placed_at(ms), "main/main-L1", "mirror");
    assert_eq!(at(5_001), (Truth::Lagging, None));
    assert_eq!(at(5_002), (Truth::Unknown, Some(Doubt::CannotCompare)));
}

#[test]
fn an_order_that_could_be_either_rung_is_neither() {
    // The mirror's only order is between main's two: which of them it lacks cannot be said.
    let rules = rules(&PAIR);
    let facts = pair(
        Account::new("main")
            .limit("L1", "0.2210")
            .limit("L2", "0.2214")
            .fill("L1", 10_000)
            .fill("L2", 10_000),
        Account::new("mirror").limit("L1", "0.2212"),
    );
    let unknown = (Truth::Unknown, Some(Doubt::CannotCompare));
    for slot in ["main/main-L1", "main/main-L2"] {
        assert_eq!(judged(&rules, &facts, slot, "mirror"), unknown, "{slot}");
    }
}

#[test]
fn a_missing_leg_is_missing_only_where_the_others_surely_match() {
    let rules = rules(&PAIR);
    let main = || {
        Account::new("main")
            .limit("L1", "0.2210")
            .limit("L2", "0.2290")
            .fill("L2", 10_000)
    };
    let sure = pair(main(), Account::new("mirror").limit("L1", "0.2210"));
    assert_eq!(
        judged(&rules, &sure, "main/main-L2", "mirror"),
        (Truth::Missing, None)
    );
    // Its only other order is 1.8 percent from each: it may be the one that is asked for.
    let unsure = pair(main(), Account::new("mirror").limit("L1", "0.2250"));
    let unknown = (Truth::Unknown, Some(Doubt::CannotCompare));
    assert_eq!(judged(&rules, &unsure, "main/main-L2", "mirror"), unknown);
}

#[test]
fn an_unsure_third_account_takes_nothing_from_the_other_two() {
    let members = [PAIR[0], PAIR[1], ("other", Role::Mirror)];
    let mut rules = rules(&members);
    rules.price_tolerance_bps = 10;
    let facts = facts(
        vec![
            Account::new("main")
                .limit("L1", "0.2210")
                .fill("L1", 10_000),
            Account::new("mirror").limit("L1", "0.2210"),
            Account::new("other").limit("L1", "0.2214"),
        ],
        &[("main", 60_000), ("mirror", 60_000), ("other", 60_000)],
    );
    let at = |account| judged(&rules, &facts, "main/main-L1", account);
    assert_eq!(at("mirror"), (Truth::Lagging, None));
    assert_eq!(at("other"), (Truth::Unknown, Some(Doubt::CannotCompare)));
}

#[test]
fn members_of_another_ratio_are_matched_and_counted_as_they_are() {
    // The mirror trades half: its own order is complete with 75, and counts as one.
    let mut rules = rules(&PAIR);
    rules.members[1].ratio = Decimal::new(5, 1);
    let half = Quantity::parse("75").unwrap();
    let facts = pair(
        Account::new("main")
            .limit("L1", "0.2210")
            .fill("L1", 10_000),
        Account::new("mirror")
            .limit("L1", "0.2210")
            .with("L1", |order| order.quantity = Some(half))
            .trade("L1", Side::Sell, "75", 10_100),
    );
    let cycle = only(&rules, &facts);
    let expected = [
        (1, "main".to_owned(), Truth::Aligned),
        (1, "mirror".to_owned(), Truth::Aligned),
    ];
    assert_eq!(truths(&rules, &facts, &cycle, 60_000), expected);
}

#[test]
fn a_chain_of_replaced_orders_is_one_leg() {
    // 60 of the first order, then 90 of the one that took its place: one order of the plan, filled.
    let rules = rules(&PAIR);
    let chain = |account: Account| {
        account
            .limit("L1", "0.2230")
            .trade("L1", Side::Sell, "60", 9_000)
            .status("L1", OrderStatus::Replaced, 9_500)
            .limit("L1b", "0.2210")
            .replacing("L1", 9_500)
            .with("L1b", |order| {
                order.quantity = Some(Quantity::parse("90").unwrap())
            })
            .trade("L1b", Side::Sell, "90", 10_000)
    };
    let facts = pair(
        Account::new("main")
            .limit("L1", "0.2210")
            .fill("L1", 10_000),
        chain(Account::new("mirror")),
    );
    let cycle = only(&rules, &facts);
    assert_eq!(cycle.slots.len(), 1);
    let leg = &cycle.members[1].legs[0];
    assert_eq!((leg.root.as_str(), leg.orders.len()), ("mirror-L1", 2));
    let aligned = (Truth::Aligned, None);
    assert_eq!(judged(&rules, &facts, "main/main-L1", "mirror"), aligned);
}

#[test]
fn an_order_whose_successor_is_not_read_is_not_called_cancelled() {
    let rules = rules(&PAIR);
    let facts = pair(
        Account::new("main")
            .limit("L1", "0.2210")
            .fill("L1", 10_000),
        Account::new("mirror")
            .limit("L1", "0.2210")
            .status("L1", OrderStatus::Replaced, 9_500),
    );
    let (truth, _) = judged(&rules, &facts, "main/main-L1", "mirror");
    assert_eq!(truth, Truth::Unknown);
}

#[test]
fn an_order_amended_in_place_is_one_leg_at_its_newest_terms() {
    let rules = rules(&PAIR);
    let amended = |quantity: &'static str| {
        let mut mirror = Account::new("mirror")
            .limit("L1", "0.2210")
            .with("L1", |order| {
                order.quantity = Some(Quantity::parse(quantity).unwrap())
            })
            .trade("L1", Side::Sell, "100", 10_000);
        mirror.checked_ms = 9_000;
        pair(
            Account::new("main")
                .limit("L1", "0.2210")
                .fill("L1", 10_000),
            mirror,
        )
    };
    let truth = |quantity| judged(&rules, &amended(quantity), "main/main-L1", "mirror").0;
    assert_eq!(
        truth("100"),
        Truth::Aligned,
        "amended down to what it filled"
    );
    // It was last read before it filled, and its rows do not say what is left.
    assert_eq!(
        truth("90"),
        Truth::Unknown,
        "more filled than it wanted when it was read"
    );
}

#[test]
fn a_slot_is_known_by_any_order_of_it_when_its_founder_changes() {
    // The mirror's order founds the slot; then main's appears and founds it instead. What was stored
    // under the mirror's name is the same slot still.
    let rules = rules(&PAIR);
    let mirror = || {
        Account::new("mirror")
            .limit("L1", "0.2210")
            .fill("L1", 10_000)
    };
    let before = only(&rules, &pair(Account::new("main"), mirror()));
    let stored = before.slots[0].key.clone();
    assert_eq!(stored, "mirror/mirror-L1");
    let after = only(
        &rules,
        &pair(Account::new("main").limit("L1", "0.2210"), mirror()),
    );
    assert_eq!(after.slots[0].key, "main/main-L1");
    assert!(after.answers_to(&after.slots[0], &stored));
    assert!(!after.answers_to(&after.slots[0], "mirror/mirror-L2"));
    let all = differences(
        &rules,
        &pair(Account::new("main"), mirror()),
        &before,
        60_000,
    );
    assert_eq!(all.len(), 2);
}

#[test]
fn an_order_nearer_to_another_rung_is_not_surely_the_rung_that_is_left() {
    // 0.4 percent from rung to rung. The mirror's second order is main's L2; its first stands nearer to
    // L2 than to L1, which alone is left for it.
    let rules = rules(&PAIR);
    let at = |price: &str| {
        let facts = pair(
            Account::new("main")
                .limit("L1", "1.0000")
                .limit("L2", "1.0040")
                .fill("L1", 10_000),
            Account::new("mirror")
                .limit("L1", price)
                .limit("L2", "1.0040"),
        );
        judged(&rules, &facts, "main/main-L1", "mirror")
    };
    assert_eq!(at("1.0010"), (Truth::Lagging, None));
    assert_eq!(at("1.0025"), (Truth::Unknown, Some(Doubt::CannotCompare)));
}

#[test]
fn a_slot_is_known_by_any_order_of_its_chain() {
    // While only the newest order of a chain is read, it names the slot; then the first one does.
    let rules = rules(&PAIR);
    let newest = |account: Account| {
        account
            .limit("L1b", "0.2210")
            .replacing("L1", 500)
            .fill("L1b", 10_000)
    };
    let first = |account: Account| account.limit("L1", "0.2210");
    let replaced = |account: Account| account.status("L1", OrderStatus::Replaced, 500);
    let mirror = || Account::new("mirror");
    let whole = only(
        &rules,
        &pair(Account::new("main"), replaced(newest(first(mirror())))),
    );
    let slot = &whole.slots[0];
    assert_eq!(slot.key, "mirror/mirror-L1");
    assert!(whole.answers_to(slot, "mirror/mirror-L1b"));
    assert!(
        !whole.answers_to(slot, "main/mirror-L1b"),
        "another account's"
    );
    assert!(!whole.answers_to(slot, "mirror/mirror-L1c"));
}
