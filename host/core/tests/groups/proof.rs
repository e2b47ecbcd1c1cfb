//! What each claim rests on: the order itself, read after the fill, agreeing with its rows. Every case
//! was a false claim in some seeded history of the simulator.

use crate::desk::{Account, PAIR, facts, judged, only, plan, rules, told, truths};
use fillsync_core::amount::Quantity;
use fillsync_core::execution::Side;
use fillsync_core::group::{GroupFacts, GroupRules};
use fillsync_core::id::{Category, OrderId};
use fillsync_core::moment::{self, Readiness};
use fillsync_core::order::{OrderKind, OrderStatus};
use fillsync_core::time::{HostTime, VenueTime};
use fillsync_core::truth::{Doubt, Truth};
use fillsync_core::view::CountsWhen;

fn quantity(text: &str) -> Quantity {
    Quantity::parse(text).unwrap()
}

/// The venue no longer has an order, and it was not seen to end.
fn forget(facts: &mut GroupFacts, id: &str) {
    let lost = OrderId::new(id).unwrap();
    let orders = facts.books.iter_mut().flat_map(|book| &mut book.orders);
    for order in orders.filter(|order| order.order.order_id == lost) {
        order.gone = true;
    }
}

fn readiness(rules: &GroupRules, facts: &GroupFacts, now_ms: i64) -> Readiness {
    let cycle = only(rules, facts);
    let moment = &moment::moments(rules, &cycle)[0];
    moment::readiness(rules, facts, &cycle, moment, HostTime::from_ms(now_ms))
}

#[test]
fn an_order_that_filled_more_than_its_rows_show_is_not_called_partly_filled() {
    // 40 of 150 are seen, later than any settle allows for. How much the order says decides.
    let rules = rules(&PAIR);
    let look = |said: &str, status: OrderStatus| {
        let mirror = plan("mirror")
            .trade("L1", Side::Sell, "40", 10_000)
            .with("L1", |order| order.filled_quantity = quantity(said))
            .status("L1", status, 10_100);
        let facts = facts(
            vec![plan("main").fill("L1", 10_000), mirror],
            &[("main", 60_000), ("mirror", 60_000)],
        );
        judged(&rules, &facts, "main/main-L1", "mirror")
    };
    let ahead = (Truth::Unknown, Some(Doubt::OrderAhead));
    for status in [OrderStatus::Open, OrderStatus::Cancelled] {
        assert_eq!(look("150", status.clone()), ahead);
        assert_eq!(look("41", status.clone()), ahead);
        assert_eq!(look("40", status), (Truth::Partial, None));
    }
    // The row is newer than the reading: how much came with it is not known.
    let behind = (Truth::Unknown, Some(Doubt::NotSeen));
    assert_eq!(look("0", OrderStatus::Open), behind);
    let contradiction = (Truth::Unknown, Some(Doubt::OrderUnknown));
    assert_eq!(look("0", OrderStatus::Cancelled), contradiction);
}

#[test]
fn what_an_order_filled_and_nobody_sees_is_pending_until_the_deadline() {
    let rules = rules(&PAIR);
    let mirror = plan("mirror").with("L1", |order| order.filled_quantity = quantity("150"));
    let facts = facts(
        vec![plan("main").fill("L1", 10_000), mirror],
        &[("main", 60_000), ("mirror", 60_000)],
    );
    let cycle = only(&rules, &facts);
    let at = |now_ms| truths(&rules, &facts, &cycle, now_ms)[1].clone();
    let one = |truth| (1, "mirror".to_owned(), truth);
    assert_eq!(at(20_000), one(Truth::Pending));
    assert_eq!(at(60_000), one(Truth::Unknown));
}

#[test]
fn an_order_lags_only_where_it_was_itself_read_after_the_fill() {
    // The list of orders was read since; this one was not in it, and was not asked for yet.
    let rules = rules(&PAIR);
    let look = |checked_ms: i64| {
        let mut mirror = plan("mirror");
        mirror.checked_ms = checked_ms;
        let facts = facts(
            vec![plan("main").fill("L1", 10_000), mirror],
            &[("main", 60_000), ("mirror", 60_000)],
        );
        judged(&rules, &facts, "main/main-L1", "mirror")
    };
    assert_eq!(look(12_999), (Truth::Unknown, Some(Doubt::NotSeen)));
    assert_eq!(look(13_000), (Truth::Lagging, None));
}

#[test]
fn an_order_placed_before_the_position_was_flat_may_have_been_replaced_as_well() {
    // The mirror placed its plan while it still closed its old long position. Its L3 was last seen at
    // work before an order filled that nobody read yet: that one may have taken its place.
    let rules = rules(&PAIR);
    let placed = |order: &mut fillsync_core::order::Order| {
        order.created_at = VenueTime::from_ms(2_000);
    };
    let mut mirror = plan("mirror")
        .with("L1", placed)
        .with("L3", placed)
        .trade("old", Side::Buy, "150", 1_000)
        .trade("exit", Side::Sell, "150", 5_000)
        .fill("L1", 10_000)
        .fill("again", 20_000)
        .trade("out", Side::Buy, "300", 50_000);
    mirror.rows[1].order_kind = OrderKind::Market;
    mirror.checked_ms = 12_500;
    let main = plan("main").fill("L1", 9_000).fill("L3", 9_000);
    let facts = facts(vec![main, mirror], &[("main", 60_000), ("mirror", 60_000)]);
    let judged = judged(&rules, &facts, "main/main-L3", "mirror");
    assert_eq!(judged, (Truth::Unknown, Some(Doubt::NotSeen)));
}

#[test]
fn what_an_order_that_nobody_read_filled_before_it_was_replaced_is_asked_for() {
    // Only the newest order of the chain is known. The first came and was replaced between two looks.
    let rules = rules(&PAIR);
    let look = |closed_ms: i64| {
        let mirror = Account::new("mirror")
            .limit("L1-again", "0.2210")
            .replacing("L1", 5_000);
        let mut facts = facts(
            vec![
                Account::new("main")
                    .limit("L1", "0.2210")
                    .fill("L1", 10_000),
                mirror,
            ],
            &[("main", 60_000), ("mirror", 60_000)],
        );
        for knowledge in facts.knowledge.values_mut() {
            let category = Category::new("linear").unwrap();
            let at = VenueTime::from_ms(closed_ms);
            knowledge.closed_checked.insert(category, at);
        }
        judged(&rules, &facts, "main/main-L1", "mirror")
    };
    assert_eq!(look(12_999), (Truth::Unknown, Some(Doubt::ClosedUnread)));
    assert_eq!(look(13_000), (Truth::Lagging, None));
}

#[test]
fn an_order_of_the_next_plan_is_not_missing_in_this_one() {
    // The mirror goes on from one plan to the next without ever being flat. Main was flat a moment after
    // the mirror had placed its next order, placed its own then, and took it back.
    let rules = rules(&PAIR);
    let look = |placed_ms: i64| {
        let at = |ms: i64| {
            move |order: &mut fillsync_core::order::Order| {
                order.created_at = VenueTime::from_ms(ms);
            }
        };
        let main = Account::new("main")
            .limit("L1", "0.2210")
            .limit("N1", "0.2500")
            .fill("L1", 10_000)
            .trade("exit", Side::Buy, "150", 50_100)
            .with("N1", at(placed_ms))
            .status("N1", OrderStatus::Cancelled, placed_ms + 2_000);
        let mirror = Account::new("mirror")
            .limit("L1", "0.2210")
            .limit("N1", "0.2500")
            .with("N1", at(50_000))
            .fill("L1", 10_000)
            .fill("N1", 60_000);
        let facts = facts(
            vec![main, mirror],
            &[("main", 200_000), ("mirror", 200_000)],
        );
        judged(&rules, &facts, "mirror/mirror-N1", "main")
    };
    assert_eq!(look(50_500), (Truth::Unknown, Some(Doubt::AnotherTrade)));
    assert_eq!(look(90_000), (Truth::Missing, None));
}

#[test]
fn a_moment_is_not_proven_while_an_order_is_filled_whose_rows_are_not_here() {
    let rules = rules(&PAIR);
    let look = |changed_ms: i64| {
        let mirror = plan("mirror")
            .with("L1", |order| order.filled_quantity = quantity("150"))
            .status("L1", OrderStatus::Filled, changed_ms);
        let facts = facts(
            vec![plan("main").fill("L1", 10_000), mirror],
            &[("main", 60_000), ("mirror", 60_000)],
        );
        [20_000, 41_000].map(|now_ms| readiness(&rules, &facts, now_ms))
    };
    let [before, after] = look(10_050);
    assert!(matches!(before, Readiness::Waiting { .. }), "{before:?}");
    assert!(matches!(after, Readiness::Deadline { .. }), "{after:?}");
    // What filled later than that changes nothing of it.
    assert_eq!(look(13_001)[0], Readiness::Proven);
}

#[test]
fn an_order_that_is_set_aside_for_want_of_its_rows_holds_a_moment_as_well() {
    // It was placed long before the one that entered, so that it may be of a plan before.
    let rules = rules(&PAIR);
    let at = |ms: i64| {
        move |order: &mut fillsync_core::order::Order| {
            order.created_at = VenueTime::from_ms(ms);
        }
    };
    let main = Account::new("main")
        .limit("L1", "0.2210")
        .with("L1", at(40_000))
        .fill("L1", 50_000);
    let mirror = Account::new("mirror")
        .limit("L1", "0.2210")
        .with("L1", at(20_000))
        .with("L1", |order| order.filled_quantity = quantity("150"))
        .status("L1", OrderStatus::Filled, 49_900);
    let facts = facts(
        vec![main, mirror],
        &[("main", 100_000), ("mirror", 100_000)],
    );
    let cycle = only(&rules, &facts);
    let aside = cycle.members.iter().map(|member| member.set_aside.len());
    assert_eq!(aside.sum::<usize>(), 1);
    let ready = readiness(&rules, &facts, 60_000);
    assert!(matches!(ready, Readiness::Waiting { .. }), "{ready:?}");
}

#[test]
fn what_the_venue_no_longer_has_is_not_waited_for() {
    // Half of the mirror's order filled after it was last read; the venue forgot what became of it.
    let rules = rules(&PAIR);
    let mut mirror = plan("mirror").trade("L1", Side::Sell, "75", 10_000);
    mirror.checked_ms = 5_000;
    let mut facts = facts(
        vec![plan("main").fill("L1", 10_000), mirror],
        &[("main", 60_000), ("mirror", 60_000)],
    );
    let ready = readiness(&rules, &facts, 20_000);
    assert!(matches!(ready, Readiness::Waiting { .. }), "{ready:?}");
    forget(&mut facts, "mirror-L1");
    assert_eq!(readiness(&rules, &facts, 20_000), Readiness::Proven);
    let unknown = (Truth::Unknown, Some(Doubt::OrderUnknown));
    assert_eq!(judged(&rules, &facts, "main/main-L1", "mirror"), unknown);
}

#[test]
fn a_chain_whose_beginning_is_not_seen_is_told_once_its_rows_are_proven() {
    // What the first order of the chain filled may still come, and would name the alert.
    let mut rules = rules(&PAIR);
    rules.counts_when = CountsWhen::Touched;
    let look = |mirror_to: i64| {
        let mirror = Account::new("mirror")
            .limit("L1-again", "0.2210")
            .replacing("L1", 9_500)
            .trade("L1-again", Side::Sell, "40", 10_000);
        let main = Account::new("main")
            .limit("L1", "0.2210")
            .fill("L1", 10_000);
        let facts = facts(
            vec![main, mirror],
            &[("main", 60_000), ("mirror", mirror_to)],
        );
        let told = told(&rules, &facts, 60_000);
        told.iter().filter(|one| one.contains("mirror")).count()
    };
    assert_eq!(look(12_999), 0);
    assert_eq!(look(13_000), 1);
}

#[test]
fn an_order_that_the_venue_forgot_ties_no_trade_to_one_that_opened_since() {
    // Nobody knows when main's order ended: before the mirror's trade began, or in it.
    let rules = rules(&PAIR);
    let look = |checked_ms: i64| {
        let mut main = Account::new("main").limit("L1", "0.2210");
        main.checked_ms = checked_ms;
        let mirror = Account::new("mirror").limit("L1", "0.2210");
        let mut facts = facts(
            vec![main, mirror.fill("L1", 50_000)],
            &[("main", 90_000), ("mirror", 90_000)],
        );
        forget(&mut facts, "main-L1");
        judged(&rules, &facts, "main/main-L1", "mirror")
    };
    let another = (Truth::Unknown, Some(Doubt::AnotherTrade));
    assert_eq!(look(19_999), another);
    assert_eq!(look(20_000), (Truth::Aligned, None));
}
