//! Promise: a fill that the venue tells only in an order's sum is neither lost nor counted twice.
//!
//! Venues tell that an order filled before they list the fill, and now and then never list it. A bot that
//! believes the status makes a fill up and doubles it when the row comes; one that believes the list only
//! misses it.

use crate::rig::{PRICES, Rig, SYMBOL, eventually, so};
use fillsync_fake::Fill;

/// Long enough that the row does not come by itself while the test looks.
const HIDDEN_MS: i64 = 3_600_000;

/// Fills all of an order, whose row the venue does not list before `visible_at_ms`.
fn fill_unseen(rig: &Rig, order: &str, slot: usize) -> i64 {
    let now = rig.now_ms();
    let mut fill = Fill::new("150", PRICES[slot - 1]).maker();
    fill.at_ms = Some(now);
    fill.visible_at_ms = Some(now + HIDDEN_MS);
    rig.bybit.book().fill(order, fill).unwrap();
    now
}

#[test]
fn an_orders_sum_stands_in_for_a_row_that_does_not_come_and_gives_way_when_it_does() {
    let rig = Rig::new();
    rig.edit(
        "lookback = \"1h\"",
        "lookback = \"1h\"\ninfer_after = \"1s\"",
    );
    let daemon = rig.start_ready();
    let (main, mirror) = (rig.place("main", 1), rig.place("mirror", 1));
    eventually("main's order is known", || {
        let orders = daemon.json("/orders");
        so(orders.to_string().contains(&main), orders)
    });
    rig.fill(&mirror);
    fill_unseen(&rig, &main, 1);
    let alerts = rig.wait_for("fill", 2);
    let of_main = alerts.iter().find(|alert| alert.account == "main").unwrap();
    assert!(of_main.text.contains("1 of 1"), "{}", of_main.text);
    daemon.wait_for_event("fill_inferred");
    let inferred = rig.ledger_ids("main");
    assert_eq!(inferred, [format!("inferred:{main}:0-150")]);

    // The row comes: the clock of the venue moves past the moment from which on it is listed.
    rig.bybit.clock().advance_ms(HIDDEN_MS + 1_000);
    let real = rig.venue_ids("main");
    eventually("the real row has taken the place of the sum", || {
        let have = rig.ledger_ids("main");
        so(have == real, have)
    });
    daemon.wait_for_counts(SYMBOL, [(1, 1), (1, 1)]);
    // Whatever would be told of it again has been told when the next fill is.
    let next = rig.place("main", 2);
    rig.fill(&next);
    rig.wait_for("fill", 3);
    let of_main = rig
        .of_kind("fill")
        .into_iter()
        .filter(|alert| alert.account == "main");
    assert_eq!(of_main.count(), 2, "{:#?}", rig.messages());
    assert!(
        rig.of_kind("correction").is_empty(),
        "{:#?}",
        rig.messages()
    );
}

/// How often an account was asked for the orders that ended.
fn asked_for_ended(rig: &Rig, account: &str) -> usize {
    let asked = rig.bybit.requests().of("/v5/order/realtime");
    asked
        .iter()
        .filter(|request| request.account.as_deref() == Some(account))
        .filter(|request| request.query.contains("openOnly=1"))
        .count()
}

/// An order's sum stands in soon.
fn with_sums_soon(rig: &Rig) {
    rig.edit(
        "lookback = \"1h\"",
        "lookback = \"1h\"\ninfer_after = \"1s\"",
    );
}

#[test]
fn an_order_that_came_and_filled_between_two_looks_is_not_said_to_be_missing() {
    let rig = Rig::new();
    with_sums_soon(&rig);
    let daemon = rig.start_ready();
    let mirror = rig.place("mirror", 1);
    eventually("the mirror's order is known", || {
        let orders = daemon.json("/orders");
        so(orders.to_string().contains(&mirror), orders)
    });
    // Neither a list of open orders nor the executions ever show main's order.
    let main = rig.place("main", 1);
    fill_unseen(&rig, &main, 1);
    rig.fill(&mirror);
    daemon.wait_for_event("fill_inferred");
    assert_eq!(rig.ledger_ids("main"), [format!("inferred:{main}:0-150")]);
    daemon.wait_for_counts(SYMBOL, [(1, 1), (1, 1)]);
    eventually("both are aligned", || {
        let counts = daemon.counts(SYMBOL);
        let are_aligned = counts
            .as_ref()
            .is_some_and(|counts| counts.iter().all(|(_, _, truth)| truth == "aligned"));
        so(are_aligned, counts)
    });
    assert!(asked_for_ended(&rig, "main") > 0);
    assert_eq!(asked_for_ended(&rig, "mirror"), 0);
    // What was told before has come before the alerts of the next fill.
    for order in [rig.place("main", 2), rig.place("mirror", 2)] {
        rig.fill(&order);
    }
    rig.wait_for("fill", 4);
    let divergences = rig.of_kind("divergence");
    assert!(
        divergences
            .iter()
            .all(|alert| !alert.text.contains("no such order")),
        "{divergences:#?}"
    );
}

#[test]
fn an_order_that_never_was_is_missing_once_the_ended_orders_were_read() {
    let rig = Rig::new();
    with_sums_soon(&rig);
    let daemon = rig.start_ready();
    let both = [rig.place("main", 1), rig.place("mirror", 1)];
    for order in &both {
        rig.fill(order);
    }
    daemon.wait_for_counts(SYMBOL, [(1, 1), (1, 1)]);
    assert_eq!(
        (
            asked_for_ended(&rig, "main"),
            asked_for_ended(&rig, "mirror")
        ),
        (0, 0),
        "nothing is asked for that nobody needs"
    );
    let only = rig.place("main", 2);
    rig.fill(&only);
    let told = rig.wait_for("divergence", 1);
    assert!(told[0].text.contains("no such order"), "{}", told[0].text);
    // One answer is enough, however often it is polled.
    let asked = asked_for_ended(&rig, "mirror");
    assert!((1..=8).contains(&asked), "asked {asked} times");
    assert_eq!(asked_for_ended(&rig, "main"), 0);
}
