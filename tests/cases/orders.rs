//! Orders: what they say is derived, what their executions say is not.

use crate::arrival::Dice;
use crate::desk::{DAY_MS, Desk, HOUR_MS, MINUTE_MS, Stand};
use fillsync_core::execution::Side as CoreSide;
use fillsync_core::leg::LegState;
use fillsync_core::order::OrderStatus;
use fillsync_fake::{Change, ExecutionKind, FakeAlpaca, FakeBybit, Fill, NewOrder, NewRow, Side};
use serde_json::json;

/// Places an order of 150, so long ago.
fn place<V: Stand>(desk: &Desk<V>, price: &str, before_ms: i64) -> String {
    let order =
        NewOrder::limit(V::SYMBOL, Side::Buy, "150", price).at_ms(desk.now_ms() - before_ms);
    desk.fake.book().place_order("main", order).unwrap()
}

/// Fills so much of an order, so long ago.
fn fill<V: Stand>(desk: &Desk<V>, order: &str, size: &str, before_ms: i64) {
    let price = desk.fake.book().order(order).unwrap().price.unwrap();
    let fill = Fill::new(size, &price.to_string())
        .maker()
        .at_ms(desk.now_ms() - before_ms);
    desk.fake.book().fill(order, fill).unwrap();
}

fn fill_after_the_end<V: Stand>() {
    let desk = Desk::<V>::new();
    let order = place(&desk, "0.2215", 10 * MINUTE_MS);
    desk.read_orders("main").unwrap();
    desk.fake
        .book()
        .cancel(&order, Some(desk.now_ms() - MINUTE_MS))
        .unwrap();
    desk.round("main", HOUR_MS);
    assert_eq!(desk.orders("main")[&order].status, OrderStatus::Cancelled);
    assert!(desk.ids("main").is_empty());
    // The order is over and says so for ever; then a row appears all the same.
    let late = NewRow::new(ExecutionKind::Trade, V::SYMBOL, Side::Buy, "150", "0.2215")
        .id("after-the-end")
        .order_id(&order)
        .at_ms(desk.now_ms() - MINUTE_MS - 5)
        .extra("orderType", json!("Limit"))
        .extra("leavesQty", json!("0"))
        .extra(
            "transaction_time",
            json!(iso(desk.now_ms() - MINUTE_MS - 5)),
        )
        .extra(
            "side",
            json!(if V::SYMBOL == FakeBybit::SYMBOL {
                "Buy"
            } else {
                "buy"
            }),
        )
        .extra("leaves_qty", json!("0"))
        .extra("order_id", json!(order));
    desk.fake.book().add_row("main", late).unwrap();
    desk.round("main", HOUR_MS);
    assert_eq!(desk.ids("main"), ["after-the-end"]);
    let legs = desk.legs("main", V::SYMBOL, CoreSide::Buy);
    assert_eq!(legs.len(), 1, "{legs:#?}");
    assert_eq!(legs[0].filled().to_string(), "150");
    assert_eq!(legs[0].state(), LegState::Filled, "{legs:#?}");
    let rows = desk.rows("main", desk.last("main", HOUR_MS), &[(V::SYMBOL, order)]);
    desk.same_in_any_order("main", &rows);
}

/// A time as Alpaca writes it.
fn iso(at_ms: i64) -> String {
    fillsync_core::time::VenueTime::from_ms(at_ms).to_string()
}

#[test]
fn case_01_a_fill_after_the_order_was_called_over_counts_on_bybit() {
    // An order that was reported cancelled, and filled: the cancel crossed the fill on its way.
    // Trackers that forget an order when it ends lose that fill (freqtrade 1858 and 3647,
    // pysystemtrade 1580), or keep it for thirty seconds and then lose it (hummingbot). Fills are
    // the primary fact here; an order's state is derived and never closes the book.
    fill_after_the_end::<FakeBybit>();
}

#[test]
fn case_01_a_fill_after_the_order_was_called_over_counts_on_alpaca() {
    // The same at Alpaca.
    fill_after_the_end::<FakeAlpaca>();
}

fn partial_then_over<V: Stand>(end: impl Fn(&Desk<V>, &str)) {
    for was_seen_open in [true, false] {
        let desk = Desk::<V>::new();
        let order = place(&desk, "0.2215", 10 * MINUTE_MS);
        if was_seen_open {
            desk.read_orders("main").unwrap();
        }
        fill(&desk, &order, "50", 5 * MINUTE_MS);
        end(&desk, &order);
        desk.round("main", HOUR_MS);
        assert_eq!(desk.ids("main").len(), 1, "seen open: {was_seen_open}");
        assert_eq!(desk.orders("main")[&order].status, OrderStatus::Cancelled);
        let legs = desk.legs("main", V::SYMBOL, CoreSide::Buy);
        assert_eq!(legs.len(), 1, "{legs:#?}");
        assert_eq!(legs[0].filled().to_string(), "50");
        assert_eq!(legs[0].state(), LegState::PartialFinal);
        let cycles = &desk.books("main", V::SYMBOL)[0].cycles;
        assert_eq!(cycles[0].quantity.to_string(), "50");
        let rows = desk.rows("main", desk.last("main", HOUR_MS), &[(V::SYMBOL, order)]);
        desk.same_in_any_order("main", &rows);
    }
}

#[test]
fn case_04_a_part_that_filled_before_the_cancel_counts_on_bybit() {
    // A third of an order fills, then it is cancelled. Readers that look for orders "filled" never
    // see the third (the seed, rotki, freqtrade 7444; Nautilus mended its Bybit adapter for it).
    // Whatever ends an order, what it filled is a position.
    partial_then_over::<FakeBybit>(|desk, order| {
        desk.fake
            .book()
            .cancel(order, Some(desk.now_ms() - MINUTE_MS))
            .unwrap();
    });
}

#[test]
fn case_04_a_part_that_filled_before_the_expiry_counts_on_alpaca() {
    // The same at Alpaca with an order that expires at the end of its day: the seed polls closed
    // orders for the status "filled" or "partially_filled", and this one is "expired".
    partial_then_over::<FakeAlpaca>(|desk, order| {
        desk.fake
            .book()
            .expire(order, Some(desk.now_ms() - MINUTE_MS))
            .unwrap();
    });
}

fn beyond_the_lists<V: Stand>(narrow: impl Fn(&V)) {
    let desk = Desk::<V>::new();
    narrow(&desk.fake);
    let mut dice = Dice::new(12);
    // Long before everything else: orders that fill or end only now.
    let old: Vec<String> = (0..8)
        .map(|number| place(&desk, "0.2", 9 * DAY_MS - number))
        .collect();
    let many: Vec<String> = (0..620)
        .map(|number| place(&desk, "0.3", 2 * HOUR_MS - number))
        .collect();
    let mut ending: Vec<&String> = many.iter().collect();
    dice.shuffle(&mut ending);
    for order in ending.into_iter().take(560) {
        desk.fake
            .book()
            .cancel(order, Some(desk.now_ms() - HOUR_MS))
            .unwrap();
    }
    for (number, order) in old.iter().enumerate() {
        fill(
            &desk,
            order,
            if number % 2 == 0 { "150" } else { "60" },
            30 * MINUTE_MS,
        );
        if number % 2 == 1 {
            desk.fake.book().cancel(order, None).unwrap();
        }
    }
    desk.round("main", HOUR_MS);
    assert_eq!(desk.ids("main").len(), 8);
    assert_eq!(desk.ids("main"), desk.venue_ids("main"));
    // Their orders are found one by one, since no list shows them.
    let known = desk.orders("main");
    for (number, order) in old.iter().enumerate() {
        let status = &known[order].status;
        let wanted = if number % 2 == 0 {
            OrderStatus::Filled
        } else {
            OrderStatus::Cancelled
        };
        assert_eq!(*status, wanted, "{order}");
    }
    // Every order that is still open is known as well: their list has several pages.
    let open = known
        .values()
        .filter(|order| order.status.is_open())
        .count();
    assert_eq!(open, 60);
}

#[test]
fn case_12_fills_do_not_come_from_lists_of_orders_on_bybit() {
    // The list of closed orders has room for 500. Behind five hundred cancelled ones a fill is
    // invisible to whoever reads fills from there.
    beyond_the_lists::<FakeBybit>(|fake| fake.rules(|rules| rules.recent_closed_max = 20));
}

#[test]
fn case_12_fills_do_not_come_from_lists_of_orders_on_alpaca() {
    // The second seed reads the 50 newest closed orders by the time of their submission: an order
    // that waited for nine days and fills now is never among them.
    beyond_the_lists::<FakeAlpaca>(|_| ());
}

#[test]
fn case_13_a_list_that_the_venue_forgot_says_nothing_on_bybit() {
    // A release of Bybit clears the list of recently closed orders. An order that is in no list
    // was then called cancelled, whatever had become of it. The history is asked, and the
    // executions are, and what nobody keeps any more is "gone", which claims nothing.
    let desk = Desk::<FakeBybit>::new();
    let orders: Vec<String> = ["0.21", "0.22", "0.23", "0.24"]
        .map(|price| place(&desk, price, 10 * MINUTE_MS))
        .into();
    desk.read_orders("main").unwrap();
    fill(&desk, &orders[0], "150", MINUTE_MS);
    fill(&desk, &orders[1], "60", MINUTE_MS);
    desk.fake.book().cancel(&orders[1], None).unwrap();
    desk.fake.book().cancel(&orders[2], None).unwrap();
    desk.fake.wipe_recent_closed();
    desk.round("main", HOUR_MS);
    let known = desk.orders("main");
    let told: Vec<_> = orders
        .iter()
        .map(|order| (known[order].status.clone(), known[order].gone))
        .collect();
    assert_eq!(
        told,
        [
            (OrderStatus::Filled, false),
            (OrderStatus::Cancelled, false),
            (OrderStatus::Cancelled, false),
            (OrderStatus::Open, false),
        ]
    );
    // A day later nothing is left of a cancelled order: nobody can say what became of it.
    desk.fake.book().cancel(&orders[3], None).unwrap();
    desk.fake.clock().advance_ms(25 * HOUR_MS);
    desk.fake.wipe_recent_closed();
    desk.round("main", 30 * HOUR_MS);
    let standing = &desk.orders("main")[&orders[3]];
    assert!(standing.gone, "{standing:?}");
    let legs = desk.legs("main", FakeBybit::SYMBOL, CoreSide::Buy);
    let leg = legs
        .iter()
        .find(|leg| leg.root.as_str() == orders[3])
        .unwrap();
    assert_eq!(leg.state(), LegState::Unknown);
}

#[test]
fn case_13_an_order_that_left_the_list_is_asked_for_by_its_id_on_alpaca() {
    // Alpaca keeps its orders, but an order that leaves the list of open ones has filled, ended or
    // was replaced, and the list does not say which.
    let desk = Desk::<FakeAlpaca>::new();
    let orders: Vec<String> = ["21", "22", "23", "24"]
        .map(|price| place(&desk, price, 10 * MINUTE_MS))
        .into();
    desk.read_orders("main").unwrap();
    fill(&desk, &orders[0], "150", MINUTE_MS);
    desk.fake.book().expire(&orders[1], None).unwrap();
    desk.fake
        .book()
        .reject(&orders[2], "insufficient buying power", None)
        .unwrap();
    desk.read_orders("main").unwrap();
    let known = desk.orders("main");
    let told: Vec<_> = orders
        .iter()
        .map(|order| (known[order].status.clone(), known[order].gone))
        .collect();
    assert_eq!(
        told,
        [
            (OrderStatus::Filled, false),
            (OrderStatus::Cancelled, false),
            (OrderStatus::Rejected, false),
            (OrderStatus::Open, false),
        ]
    );
}

#[test]
fn case_20_orders_that_replace_each_other_are_one_leg_on_alpaca() {
    // A changed order has a new id at Alpaca, and the old one stays in the lists as "replaced" with
    // what it filled. Counted by id, one plan of one order becomes three orders, and what filled
    // before the change counts again or not at all (Nautilus 4288). A chain is one leg.
    let desk = Desk::<FakeAlpaca>::new();
    let first = place(&desk, "190", 10 * MINUTE_MS);
    fill(&desk, &first, "50", 9 * MINUTE_MS);
    let replace = |order: &str, price: &str, before_ms: i64| {
        let change = Change::price(price).at_ms(desk.now_ms() - before_ms);
        desk.fake.book().replace(order, change).unwrap()
    };
    let second = replace(&first, "191", 8 * MINUTE_MS);
    fill(&desk, &second, "30", 7 * MINUTE_MS);
    let third = replace(&second, "192", 6 * MINUTE_MS);
    let chain = [first.clone(), second, third.clone()].map(|order| (FakeAlpaca::SYMBOL, order));
    desk.round("main", HOUR_MS);
    let legs = desk.legs("main", FakeAlpaca::SYMBOL, CoreSide::Buy);
    assert_eq!(legs.len(), 1, "{legs:#?}");
    assert_eq!(legs[0].state(), LegState::Partial);
    fill(&desk, &third, "70", MINUTE_MS);
    desk.round("main", HOUR_MS);
    let legs = desk.legs("main", FakeAlpaca::SYMBOL, CoreSide::Buy);
    assert_eq!(legs.len(), 1, "{legs:#?}");
    assert_eq!(legs[0].root.as_str(), first);
    assert_eq!(legs[0].quantity.to_string(), "150");
    assert_eq!(legs[0].filled().to_string(), "150");
    assert_eq!(legs[0].state(), LegState::Filled);
    let rows = desk.rows("main", desk.last("main", HOUR_MS), &chain);
    desk.same_in_any_order("main", &rows);
}

#[test]
fn case_20_an_order_that_was_changed_is_the_same_leg_on_bybit() {
    // At Bybit a changed order keeps its id: the leg wants what the order wants now. Held against
    // the first quantity, an order that was made smaller and filled would stay open for ever.
    let desk = Desk::<FakeBybit>::new();
    let order = place(&desk, "0.2215", 10 * MINUTE_MS);
    fill(&desk, &order, "50", 9 * MINUTE_MS);
    desk.round("main", HOUR_MS);
    let state = |desk: &Desk<FakeBybit>| {
        let legs = desk.legs("main", FakeBybit::SYMBOL, CoreSide::Buy);
        assert_eq!(legs.len(), 1, "{legs:#?}");
        (
            legs[0].state(),
            legs[0].quantity.to_string(),
            legs[0].price.unwrap().to_string(),
        )
    };
    assert_eq!(
        state(&desk),
        (LegState::Partial, "150".to_owned(), "0.2215".to_owned())
    );
    desk.fake
        .book()
        .amend(
            &order,
            Change::qty("90").at_ms(desk.now_ms() - 8 * MINUTE_MS),
        )
        .unwrap();
    desk.fake
        .book()
        .amend(
            &order,
            Change::price("0.2220").at_ms(desk.now_ms() - 7 * MINUTE_MS),
        )
        .unwrap();
    desk.round("main", HOUR_MS);
    assert_eq!(
        state(&desk),
        (LegState::Partial, "90".to_owned(), "0.222".to_owned())
    );
    fill(&desk, &order, "40", MINUTE_MS);
    desk.round("main", HOUR_MS);
    assert_eq!(
        state(&desk),
        (LegState::Filled, "90".to_owned(), "0.222".to_owned())
    );
}
