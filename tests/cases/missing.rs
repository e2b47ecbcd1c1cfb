//! Missing rows: an order says that it filled, and no execution shows it, yet.

use crate::desk::{Desk, HOUR_MS, HostClock, MINUTE_MS, Stand};
use crate::rig::{PRICES, Rig, SYMBOL, eventually, so};
use fillsync::drive::ahead::Ahead;
use fillsync::drive::traverse::Traverser;
use fillsync_core::execution::Side as CoreSide;
use fillsync_core::leg::LegState;
use fillsync_core::order::OrderStatus;
use fillsync_fake::{FakeAlpaca, FakeBybit, Fill, NewOrder, Side};
use rust_decimal::Decimal;
use std::time::Duration;

/// Long enough that nothing hidden appears by itself.
const HIDDEN_MS: i64 = HOUR_MS;

/// A round that also asks for the rows of orders that are ahead of them.
fn round<V: Stand>(desk: &Desk<V>, ahead: &mut Ahead, infer_after: Duration) -> usize {
    let window = desk.last("main", 3 * HOUR_MS);
    let mut found = desk.read("main", window).unwrap();
    desk.read_orders("main").unwrap();
    let venue = desk.venue("main");
    let traverser = Traverser {
        venue: venue.as_ref(),
        ledger: &desk.ledger,
        clock: &HostClock,
    };
    desk.runtime
        .block_on(ahead.catch_up(
            &traverser,
            &venue.categories()[0],
            window.to,
            infer_after,
            &mut found,
        ))
        .unwrap()
        .len()
}

/// An order of 150 that is known to be open, then fills in these parts, whose rows appear so much later.
fn fill_unseen<V: Stand>(desk: &Desk<V>, parts: &[(&str, i64)]) -> String {
    let order =
        NewOrder::limit(V::SYMBOL, Side::Buy, "150", "0.2215").at_ms(desk.now_ms() - MINUTE_MS);
    let order = desk.fake.book().place_order("main", order).unwrap();
    desk.round("main", HOUR_MS);
    let at = desk.now_ms() - 5_000;
    for (number, (size, hidden_ms)) in (0..).zip(parts) {
        let fill = Fill::new(size, "0.2215")
            .maker()
            .at_ms(at + number)
            .visible_at_ms(desk.now_ms() + hidden_ms);
        desk.fake.book().fill(&order, fill).unwrap();
    }
    order
}

/// What the account's only leg has filled.
fn filled<V: Stand>(desk: &Desk<V>) -> (LegState, String) {
    let legs = desk.legs("main", V::SYMBOL, CoreSide::Buy);
    assert_eq!(legs.len(), 1, "{legs:#?}");
    (legs[0].state(), legs[0].filled().to_string())
}

/// The sum of the account's live fills.
fn sum<V: Stand>(desk: &Desk<V>) -> Decimal {
    let fills = desk.fills("main");
    fills
        .iter()
        .map(|fill| fill.execution.quantity.decimal())
        .sum()
}

fn status_before_fills<V: Stand>(by_order: &str) {
    let desk = Desk::<V>::new();
    let order = fill_unseen(&desk, &[("150", HIDDEN_MS)]);
    let mut ahead = Ahead::default();
    // The status is here, the row is not: its order is asked for by name, and nothing is made up.
    eventually("the order's rows are asked for again and again", || {
        assert_eq!(round(&desk, &mut ahead, Duration::from_hours(2)), 0);
        let asked = desk.fake.requests().of(V::FILLS);
        let wanted = format!("{by_order}={order}");
        let times = asked
            .iter()
            .filter(|request| request.query.contains(&wanted))
            .count();
        so(times >= 2, times)
    });
    assert_eq!(desk.orders("main")[&order].status, OrderStatus::Filled);
    assert!(desk.ids("main").is_empty());
    let legs = desk.legs("main", V::SYMBOL, CoreSide::Buy);
    assert_eq!(
        legs[0].state(),
        LegState::Unknown,
        "nothing is claimed of it"
    );
    // After the time that is waited for, the order's sum stands in, under an id that a restart gives again.
    eventually("the sum stands in", || {
        round(&desk, &mut ahead, Duration::ZERO);
        so(!desk.ids("main").is_empty(), desk.ids("main"))
    });
    assert_eq!(desk.ids("main"), [format!("inferred:{order}:0-150")]);
    assert_eq!(filled(&desk), (LegState::Filled, "150".to_owned()));
    let mut after_restart = Ahead::default();
    for _ in 0..3 {
        round(&desk, &mut after_restart, Duration::ZERO);
    }
    assert_eq!(desk.ids("main").len(), 1);
}

#[test]
fn case_02_a_status_before_its_fills_asks_and_waits_on_bybit() {
    // "Filled", says the order's status, and the list of fills is still empty: hummingbot (5826)
    // closed the order and never saw what it cost. Here the status leads to a question for the rows
    // of that order; until they come the leg is unknown, and only after a while does the sum that the
    // venue tells stand in for them.
    status_before_fills::<FakeBybit>("orderId");
}

#[test]
fn case_02_a_status_before_its_fills_asks_and_waits_on_alpaca() {
    // The same at Alpaca, where single activities were missing for good (Alpaca-API 176).
    status_before_fills::<FakeAlpaca>("order_id");
}

fn inferred_then_real<V: Stand>() {
    let desk = Desk::<V>::new();
    let parts = [
        ("60", HIDDEN_MS),
        ("50", HIDDEN_MS + 10 * MINUTE_MS),
        ("40", HIDDEN_MS),
    ];
    let order = fill_unseen(&desk, &parts);
    let mut ahead = Ahead::default();
    let whole = Decimal::from(150);
    eventually("the sum stands in", || {
        round(&desk, &mut ahead, Duration::ZERO);
        so(sum(&desk) == whole, desk.ids("main"))
    });
    // The rows come, not all at once: at every step the sum is what was filled, never more.
    let mut seen = Vec::new();
    for advance_ms in [HIDDEN_MS + MINUTE_MS, 10 * MINUTE_MS] {
        desk.fake.clock().advance_ms(advance_ms);
        desk.read("main", desk.last("main", 3 * HOUR_MS)).unwrap();
        assert_eq!(sum(&desk), whole, "at once: {:?}", desk.ids("main"));
        for _ in 0..3 {
            round(&desk, &mut ahead, Duration::ZERO);
            assert_eq!(sum(&desk), whole, "{:?}", desk.ids("main"));
            assert_eq!(filled(&desk), (LegState::Filled, "150".to_owned()));
            let cycles = &desk.books("main", V::SYMBOL)[0].cycles;
            assert_eq!(cycles.last().unwrap().quantity.decimal(), whole);
        }
        seen.push(desk.ids("main").len());
    }
    assert_eq!(
        desk.ids("main"),
        desk.venue_ids("main"),
        "{order}: {seen:?}"
    );
    // What stood in is kept as history, and moves nothing.
    let stood_in = desk.sql("SELECT DISTINCT state FROM execution WHERE source = 'inferred'");
    assert_eq!(stood_in, ["superseded"]);
}

#[test]
fn case_03_a_real_fill_takes_the_place_of_the_inferred_one_on_bybit() {
    // A fill was made up from an order's status, then the real one came, under another id, and the
    // position was twice as large (Nautilus, pull requests 3493 and 4692). What stands in gives way,
    // part by part, in the transaction that brings the real rows.
    inferred_then_real::<FakeBybit>();
}

#[test]
fn case_03_a_real_fill_takes_the_place_of_the_inferred_one_on_alpaca() {
    // The same at Alpaca.
    inferred_then_real::<FakeAlpaca>();
}

#[test]
fn case_03_a_real_fill_after_the_inferred_one_is_no_second_alert_on_bybit() {
    // The same fill, told once more when its row came.
    let rig = Rig::new();
    rig.edit(
        "lookback = \"1h\"",
        "lookback = \"1h\"\ninfer_after = \"1s\"",
    );
    let daemon = rig.start_ready();
    let order = rig.place("main", 1);
    eventually("the order is known", || {
        let orders = daemon.json("/orders");
        so(orders.to_string().contains(&order), orders)
    });
    let now = rig.now_ms();
    for size in ["60", "90"] {
        let mut fill = Fill::new(size, PRICES[0]).maker().at_ms(now);
        fill.visible_at_ms = Some(now + HIDDEN_MS);
        rig.bybit.book().fill(&order, fill).unwrap();
    }
    rig.wait_for("fill", 1);
    daemon.wait_for_event("fill_inferred");
    rig.bybit.clock().advance_ms(HIDDEN_MS + 1_000);
    rig.wait_for_all_fills();
    daemon.wait_for_counts(SYMBOL, [(1, 1), (0, 1)]);
    rig.fill(&rig.place("main", 2));
    let told = rig.wait_for("fill", 2);
    assert_eq!(told.len(), 2, "{told:#?}");
    assert!(told[0].identity.ends_with(&order), "{told:#?}");
    assert!(!told[1].identity.ends_with(&order), "{told:#?}");
    assert!(
        rig.of_kind("correction").is_empty(),
        "{:#?}",
        rig.messages()
    );
}
