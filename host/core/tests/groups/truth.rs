//! Truth: not seen yet, or really not filled, and why.

use crate::desk::{Account, PAIR, differences, facts, judged, only, plan, rules, truths};
use fillsync_core::amount::Quantity;
use fillsync_core::execution::Side;
use fillsync_core::id::{AccountName, Category};
use fillsync_core::moment::{self, Readiness};
use fillsync_core::order::OrderStatus;
use fillsync_core::time::{HostTime, VenueTime};
use fillsync_core::truth::{Doubt, Truth};
use fillsync_core::view::Role;

#[test]
fn one_and_one_are_not_the_same_when_the_orders_differ() {
    // Main filled L1, mirror filled L2: the counts agree and the accounts do not.
    let rules = rules(&PAIR);
    let facts = facts(
        vec![
            plan("main").fill("L1", 10_000),
            plan("mirror").fill("L2", 10_000),
        ],
        &[("main", 60_000), ("mirror", 60_000)],
    );
    let cycle = only(&rules, &facts);
    assert_eq!(
        truths(&rules, &facts, &cycle, 60_000),
        [
            (1, "main".to_owned(), Truth::Aligned),
            (1, "mirror".to_owned(), Truth::Lagging),
            (2, "main".to_owned(), Truth::Lagging),
            (2, "mirror".to_owned(), Truth::Extra),
        ]
    );
}

#[test]
fn not_seen_yet_and_really_not_filled_are_told_apart() {
    let rules = rules(&PAIR);
    let look = |mirror_to: i64, now_ms: i64| {
        let facts = facts(
            vec![plan("main").fill("L1", 10_000), plan("mirror")],
            &[("main", 60_000), ("mirror", mirror_to)],
        );
        let cycle = only(&rules, &facts);
        let moments = moment::moments(&rules, &cycle);
        let ready = moment::readiness(
            &rules,
            &facts,
            &cycle,
            &moments[0],
            HostTime::from_ms(now_ms),
        );
        let truth = truths(&rules, &facts, &cycle, now_ms)[1].2;
        (matches!(ready, Readiness::Waiting { .. }), truth)
    };
    assert_eq!(
        look(12_999, 13_000),
        (true, Truth::Pending),
        "settle is not over"
    );
    assert_eq!(
        look(13_000, 13_100),
        (false, Truth::Lagging),
        "proven: its order is open"
    );
    assert_eq!(
        look(9_000, 41_000),
        (false, Truth::Unknown),
        "not reachable at the deadline"
    );
}

#[test]
fn a_leg_that_cannot_fill_any_more_is_named_for_what_it_is() {
    let rules = rules(&PAIR);
    for (mirror, expected) in [
        (
            plan("mirror").status("L1", OrderStatus::Cancelled, 9_500),
            Truth::Cancelled,
        ),
        (
            plan("mirror").status("L1", OrderStatus::Rejected, 9_500),
            Truth::Rejected,
        ),
        (
            plan("mirror").trade("L1", Side::Sell, "40", 10_000).status(
                "L1",
                OrderStatus::Cancelled,
                10_500,
            ),
            Truth::Partial,
        ),
        (
            Account::new("mirror")
                .limit("L2", "0.2215")
                .limit("L3", "0.2220"),
            Truth::Missing,
        ),
    ] {
        let facts = facts(
            vec![plan("main").fill("L1", 10_000), mirror],
            &[("main", 20_000), ("mirror", 20_000)],
        );
        let cycle = only(&rules, &facts);
        let truths = truths(&rules, &facts, &cycle, 20_000);
        assert!(
            truths.contains(&(1, "mirror".to_owned(), expected)),
            "{expected}: {truths:?}"
        );
    }
}

#[test]
fn a_filled_status_without_its_fills_claims_nothing() {
    // The order list is ahead of the executions: not lagging, not filled.
    let rules = rules(&PAIR);
    let facts = facts(
        vec![
            plan("main").fill("L1", 10_000),
            plan("mirror").status("L1", OrderStatus::Filled, 10_100),
        ],
        &[("main", 20_000), ("mirror", 20_000)],
    );
    let cycle = only(&rules, &facts);
    assert!(
        !truths(&rules, &facts, &cycle, 60_000)
            .iter()
            .any(|(_, _, truth)| truth.is_diverged())
    );
}

#[test]
fn an_order_that_is_still_open_when_its_trade_ends_was_part_of_the_plan() {
    // Main's L1 and L2 filled; the mirror closed with its L2 still open: lagging, never missing.
    let rules = rules(&PAIR);
    let facts = facts(
        vec![
            plan("main").fill("L1", 10_000).fill("L2", 10_500),
            plan("mirror")
                .fill("L1", 10_000)
                .trade("exit", Side::Buy, "150", 11_000),
        ],
        &[("main", 60_000), ("mirror", 60_000)],
    );
    let cycle = only(&rules, &facts);
    assert_eq!(cycle.slots.len(), 3);
    assert!(truths(&rules, &facts, &cycle, 60_000).contains(&(
        2,
        "mirror".to_owned(),
        Truth::Lagging
    )));
}

#[test]
fn a_member_in_another_trade_is_held_to_nothing() {
    // The mirror sat main's trade out; its own began when main's was closed. Nothing joins the two.
    let rules = rules(&PAIR);
    let facts = facts(
        vec![
            Account::new("main")
                .limit("L1", "0.2210")
                .fill("L1", 10_000)
                .trade("exit", Side::Buy, "150", 20_000),
            Account::new("mirror")
                .limit("L1", "0.2210")
                .fill("L1", 25_000),
        ],
        &[("main", 60_000), ("mirror", 60_000)],
    );
    let another = (Truth::Unknown, Some(Doubt::AnotherTrade));
    assert_eq!(judged(&rules, &facts, "main/main-L1", "mirror"), another);
}

#[test]
fn an_order_that_filled_long_before_another_was_placed_is_no_mate_of_it() {
    // Main was still in its trade when it placed the next plan, with an order at the price at which the
    // mirror had filled long before: main did not fail to follow it there.
    let rules = rules(&PAIR);
    let look = |placed_ms: i64| {
        let facts = facts(
            vec![
                Account::new("main")
                    .limit("L0", "0.2500")
                    .limit("N1", "0.2210")
                    .with("N1", |order| {
                        order.created_at = VenueTime::from_ms(placed_ms);
                        order.updated_at = VenueTime::from_ms(placed_ms);
                    })
                    .fill("L0", 10_000),
                Account::new("mirror")
                    .limit("L1", "0.2210")
                    .fill("L1", 10_000),
            ],
            &[("main", 120_000), ("mirror", 120_000)],
        );
        judged(&rules, &facts, "main/main-N1", "mirror")
    };
    assert_eq!(look(39_000), (Truth::Extra, None));
    assert_eq!(look(60_000), (Truth::Unknown, Some(Doubt::AnotherTrade)));
}

#[test]
fn a_trade_that_is_not_seen_to_go_on_joins_nobody_yet() {
    // Main is not reachable since 15 s; the mirror's fill at 25 s may be of the next trade.
    let rules = rules(&PAIR);
    let facts = facts(
        vec![
            Account::new("main")
                .limit("L1", "0.2210")
                .fill("L1", 10_000),
            Account::new("mirror")
                .limit("L1", "0.2210")
                .fill("L1", 25_000),
        ],
        &[("main", 15_000), ("mirror", 60_000)],
    );
    let not_yet = (Truth::Unknown, Some(Doubt::TradeNotSeen));
    assert_eq!(judged(&rules, &facts, "main/main-L1", "mirror"), not_yet);
}

#[test]
fn nothing_is_missing_before_coverage_has_passed_the_order_list() {
    // An order that came after one list and filled before the next, past the end of coverage, is in
    // neither.
    let rules = rules(&PAIR);
    let look = |coverage_ms: i64| {
        let mut facts = facts(
            vec![
                Account::new("main")
                    .limit("L1", "0.2210")
                    .fill("L1", 10_000),
            ],
            &[("main", 60_000), ("mirror", coverage_ms)],
        );
        for knowledge in facts.knowledge.values_mut() {
            knowledge.orders_checked_before.clear();
            for listed in knowledge.orders_checked.values_mut() {
                *listed = VenueTime::from_ms(20_000);
            }
        }
        judged(&rules, &facts, "main/main-L1", "mirror")
    };
    assert_eq!(look(22_999), (Truth::Unknown, Some(Doubt::NotSeen)));
    assert_eq!(look(23_000), (Truth::Missing, None));
}

#[test]
fn main_is_not_without_an_order_before_its_ended_orders_were_read() {
    // Main's order came and filled between two lists, and its row is late beyond settle: so far nobody
    // can tell it from one that never was. The mirror's is neither followed by main nor too much.
    let rules = rules(&PAIR);
    let look = |closed_ms: Option<i64>, now_ms: i64| {
        let mirror = Account::new("mirror").limit("L1", "0.2210");
        let mut facts = facts(
            vec![mirror.fill("L1", 10_000)],
            &[("main", 60_000), ("mirror", 60_000)],
        );
        let main = facts.knowledge.get_mut(&AccountName::new("main").unwrap());
        let closed = &mut main.unwrap().closed_checked;
        closed.clear();
        let category = Category::new("linear").unwrap();
        closed.extend(closed_ms.map(|ms| (category, VenueTime::from_ms(ms))));
        let cycle = only(&rules, &facts);
        let of = |account: &str| {
            let all = differences(&rules, &facts, &cycle, now_ms);
            let difference = all.into_iter().find(|one| one.account.as_str() == account);
            difference.map(|one| (one.truth, one.doubt)).unwrap()
        };
        (of("main"), of("mirror"))
    };
    let aligned = (Truth::Aligned, None);
    for unread in [None, Some(9_000), Some(12_999)] {
        let held_up = |truth| ((truth, Some(Doubt::ClosedUnread)), aligned);
        assert_eq!(look(unread, 20_000), held_up(Truth::Pending));
        assert_eq!(look(unread, 60_000), held_up(Truth::Unknown));
    }
    let proven = ((Truth::Missing, None), (Truth::Extra, None));
    assert_eq!(look(Some(13_000), 20_000), proven);
}

#[test]
fn an_order_rejected_while_the_plan_was_placed_is_part_of_it() {
    // The mirror's order was refused at once, before main's own was in the book; one that was given
    // up a quarter of a minute before may be of a plan before, and one of long ago is.
    let rules = rules(&PAIR);
    let look = |ended_ms: i64| {
        let placed = VenueTime::from_ms(100_000);
        let refused = VenueTime::from_ms(ended_ms);
        let facts = facts(
            vec![
                Account::new("main")
                    .limit("L1", "0.2210")
                    .with("L1", |order| order.created_at = placed)
                    .fill("L1", 110_000),
                Account::new("mirror")
                    .limit("L1", "0.2210")
                    .with("L1", |order| order.created_at = refused)
                    .status("L1", OrderStatus::Rejected, ended_ms),
            ],
            &[("main", 160_000), ("mirror", 160_000)],
        );
        judged(&rules, &facts, "main/main-L1", "mirror").0
    };
    assert_eq!(look(99_500), Truth::Rejected);
    assert_eq!(look(85_000), Truth::Unknown);
    assert_eq!(look(20_000), Truth::Missing);
}

#[test]
fn an_order_that_closed_the_position_before_failed_at_nothing() {
    // The mirror's L1 was taken by its old long position; that is neither cancelled nor filled.
    let rules = rules(&PAIR);
    let facts = facts(
        vec![
            Account::new("main")
                .limit("L1", "0.2210")
                .limit("L2", "0.2215")
                .fill("L1", 10_000),
            Account::new("mirror")
                .limit("L1", "0.2210")
                .limit("L2", "0.2215")
                .trade("old", Side::Buy, "150", 5_000)
                .fill("L1", 10_000)
                .status("L1", OrderStatus::Filled, 10_000)
                .fill("L2", 10_100),
        ],
        &[("main", 60_000), ("mirror", 60_000)],
    );
    let closed = (Truth::Unknown, Some(Doubt::Closed));
    assert_eq!(judged(&rules, &facts, "main/main-L1", "mirror"), closed);
}

#[test]
fn what_is_left_of_an_order_that_closed_a_position_is_neither_cancelled_nor_open() {
    // 100 of the mirror's L1 closed its old long position. What became of the rest says nothing of the
    // plan: it did fill, and entered nothing.
    let rules = rules(&PAIR);
    for status in [OrderStatus::Cancelled, OrderStatus::Open] {
        let facts = facts(
            vec![
                plan("main").fill("L1", 10_000),
                plan("mirror")
                    .trade("old", Side::Buy, "100", 5_000)
                    .trade("L1", Side::Sell, "100", 10_000)
                    .status("L1", status.clone(), 10_050)
                    .fill("L2", 10_100),
            ],
            &[("main", 60_000), ("mirror", 60_000)],
        );
        let closed = (Truth::Unknown, Some(Doubt::Closed));
        let judged = judged(&rules, &facts, "main/main-L1", "mirror");
        assert_eq!(judged, closed, "{status:?}");
    }
}

#[test]
fn a_leg_is_complete_when_its_row_says_that_nothing_is_left() {
    // The first part of the order was before the data begin.
    let rules = rules(&PAIR);
    let mut mirror = plan("mirror").trade("L1", Side::Sell, "40", 10_000);
    mirror.rows[0].leaves_quantity = Some(Quantity::ZERO);
    let facts = facts(
        vec![plan("main").fill("L1", 10_000), mirror],
        &[("main", 60_000), ("mirror", 60_000)],
    );
    let cycle = only(&rules, &facts);
    assert!(truths(&rules, &facts, &cycle, 60_000).contains(&(
        1,
        "mirror".to_owned(),
        Truth::Aligned
    )));
}

#[test]
fn an_observer_is_not_waited_for() {
    let rules = rules(&[("main", Role::Main), ("watcher", Role::Observer)]);
    let facts = facts(vec![plan("main").fill("L1", 10_000)], &[("main", 60_000)]);
    let cycle = only(&rules, &facts);
    let ready = &moment::moments(&rules, &cycle)[0];
    let now = HostTime::from_ms(10_100);
    assert_eq!(
        moment::readiness(&rules, &facts, &cycle, ready, now),
        Readiness::Proven
    );
    let all = differences(&rules, &facts, &cycle, 60_000);
    assert!(all.iter().all(|one| !one.is_confirmed), "{all:?}");
}
