//! Classes: not every row of an execution list is a fill, and none may be left out.

use crate::desk::{Desk, HOUR_MS, MINUTE_MS, Stand};
use fillsync_core::execution::{ExecutionClass, Side as CoreSide};
use fillsync_core::leg::LegState;
use fillsync_core::order::{OrderStatus, PositionSide};
use fillsync_fake::{ExecutionKind, FakeAlpaca, FakeBybit, Fill, NewOrder, NewRow, Side};
use serde_json::json;

/// Places an order and fills all of it, so long ago.
fn fill<V: Stand>(desk: &Desk<V>, side: Side, size: &str, price: &str, before_ms: i64) -> String {
    let at = desk.now_ms() - before_ms;
    let order = NewOrder::limit(V::SYMBOL, side, size, price).at_ms(at);
    let order = desk.fake.book().place_order("main", order).unwrap();
    let fill = Fill::new(size, price).at_ms(at + 1);
    desk.fake.book().fill(&order, fill).unwrap();
    order
}

#[test]
fn case_14_funding_is_no_fill_on_bybit() {
    // Funding stands in the execution list with the whole position as its quantity and no order
    // type; readers took it for a trade and doubled the position every eight hours (Nautilus 4937,
    // bytex 76, Bybit.Net 296, banexg 13). It is money, kept as such, and moves nothing.
    let desk = Desk::<FakeBybit>::new();
    fill(&desk, Side::Sell, "150", "0.2215", 20 * MINUTE_MS);
    for hour in 1..=3 {
        let row = NewRow::funding(FakeBybit::SYMBOL, Side::Sell, "150", "0.2210", "0.0031")
            .at_ms(desk.now_ms() - hour * MINUTE_MS);
        desk.fake.book().add_row("main", row).unwrap();
    }
    desk.round("main", HOUR_MS);
    assert_eq!(desk.ids("main").len(), 1, "one fill");
    let classes = desk.sql("SELECT class, count(*) FROM execution GROUP BY class ORDER BY class");
    assert_eq!(classes, ["cash|3", "order-fill|1"]);
    let legs = desk.legs("main", FakeBybit::SYMBOL, CoreSide::Sell);
    assert_eq!(legs.len(), 1);
    assert_eq!(legs[0].filled().to_string(), "150");
    let cycles = &desk.books("main", FakeBybit::SYMBOL)[0].cycles;
    assert_eq!(cycles.last().unwrap().quantity.to_string(), "150");
    assert!(cycles.last().unwrap().is_open());
}

#[test]
fn case_15_what_the_venue_closes_is_seen_on_bybit() {
    // Asking for execType=Trade only keeps funding out, and with it every liquidation and
    // auto-deleverage: the position is gone at the venue and open for ever in the books (ccxt
    // 4.5.90; banexg 13, "too narrow"). Everything is asked for and classed.
    let closes = [
        (ExecutionKind::Bust, ExecutionClass::Liquidation),
        (ExecutionKind::Adl, ExecutionClass::AutoDeleverage),
        (ExecutionKind::Settle, ExecutionClass::Settlement),
        (ExecutionKind::Delivery, ExecutionClass::Settlement),
    ];
    for (kind, class) in closes {
        let desk = Desk::<FakeBybit>::new();
        fill(&desk, Side::Sell, "150", "0.2215", 20 * MINUTE_MS);
        let row = NewRow::new(kind.clone(), FakeBybit::SYMBOL, Side::Buy, "150", "0.3000")
            .at_ms(desk.now_ms() - MINUTE_MS);
        desk.fake.book().add_row("main", row).unwrap();
        desk.round("main", HOUR_MS);
        let rows = desk.sql("SELECT class FROM execution ORDER BY executed_at");
        assert_eq!(rows, ["order-fill", class.as_str()], "{kind:?}");
        // It closes the position and is nobody's fill.
        assert_eq!(desk.ids("main").len(), 1, "{kind:?}");
        let cycles = &desk.books("main", FakeBybit::SYMBOL)[0].cycles;
        assert_eq!(cycles.len(), 1, "{kind:?}");
        assert!(!cycles[0].is_open(), "{kind:?}");
    }
    // A liquidation by way of an ordinary-looking trade.
    let desk = Desk::<FakeBybit>::new();
    fill(&desk, Side::Sell, "150", "0.2215", 20 * MINUTE_MS);
    let at = desk.now_ms() - MINUTE_MS;
    let order = NewOrder::market(FakeBybit::SYMBOL, Side::Buy, "150").at_ms(at);
    let order = desk.fake.book().place_order("main", order).unwrap();
    let trade = Fill::new("150", "0.3")
        .at_ms(at)
        .extra("createType", json!("CreateByLiq"));
    desk.fake.book().fill(&order, trade).unwrap();
    desk.round("main", HOUR_MS);
    let rows = desk.sql("SELECT class FROM execution ORDER BY executed_at");
    assert_eq!(rows, ["order-fill", "liquidation"]);
}

#[test]
fn case_16_a_word_nobody_knows_is_kept_and_told_once_on_bybit() {
    // A new value of an enumeration crashed typed clients, or sent the row into the default branch,
    // where it counted as a trade (Nautilus had both). It is kept raw, moves nothing, is told once
    // and stops nothing.
    let desk = Desk::<FakeBybit>::new();
    let order = NewOrder::limit(FakeBybit::SYMBOL, Side::Sell, "150", "0.2215")
        .extra("orderStatus", json!("Hibernating"))
        .at_ms(desk.now_ms() - MINUTE_MS);
    let asleep = desk.fake.book().place_order("main", order).unwrap();
    fill(&desk, Side::Sell, "150", "0.2230", 30_000);
    for number in 0..3 {
        let kind = ExecutionKind::Other("MoonPhase".to_owned());
        let row = NewRow::new(kind, FakeBybit::SYMBOL, Side::Buy, "150", "0.2")
            .id(&format!("moon-{number}"))
            .at_ms(desk.now_ms() - 20_000 + number)
            .extra("lunarAge", json!("29.53"));
        desk.fake.book().add_row("main", row).unwrap();
    }
    let window = desk.last("main", HOUR_MS);
    let found = desk.read("main", window).unwrap();
    assert_eq!(found.unknown_classes, ["MoonPhase"]);
    desk.read_orders("main").unwrap();
    let again = desk.read("main", window).unwrap();
    assert!(again.unknown_classes.is_empty(), "told once");
    let rows = desk.sql(
        "SELECT class, class_raw, raw LIKE '%lunarAge%' FROM execution WHERE class <> 'order-fill'",
    );
    assert_eq!(rows, vec!["unknown|MoonPhase|1"; 3]);
    // The position is what the one true fill made it, and the order beside it is not called over.
    let cycles = &desk.books("main", FakeBybit::SYMBOL)[0].cycles;
    assert_eq!(cycles.last().unwrap().quantity.to_string(), "150");
    let status = desk.orders("main")[&asleep].status.clone();
    assert_eq!(status, OrderStatus::Unknown("Hibernating".to_owned()));
    let legs = desk.legs("main", FakeBybit::SYMBOL, CoreSide::Sell);
    let states: Vec<LegState> = legs.iter().map(|leg| leg.state()).collect();
    assert_eq!(states, [LegState::Unknown, LegState::Filled]);
}

#[test]
fn case_16_a_word_nobody_knows_is_kept_and_told_once_on_alpaca() {
    // "Tolerate unknown values", says Alpaca's documentation of its own enumerations.
    let desk = Desk::<FakeAlpaca>::new();
    let order = NewOrder::limit(FakeAlpaca::SYMBOL, Side::Buy, "10", "190")
        .extra("status", json!("hibernating"))
        .at_ms(desk.now_ms() - MINUTE_MS);
    let asleep = desk.fake.book().place_order("main", order).unwrap();
    let order = NewOrder::limit(FakeAlpaca::SYMBOL, Side::Buy, "10", "191")
        .at_ms(desk.now_ms() - MINUTE_MS);
    let order = desk.fake.book().place_order("main", order).unwrap();
    let at = desk.now_ms() - 30_000;
    let book = desk.fake.book();
    book.fill(&order, Fill::new("4", "191").at_ms(at)).unwrap();
    let odd = Fill::new("5", "191")
        .at_ms(at + 1)
        .extra("activity_type", json!("FILL_OF_DREAMS"));
    book.fill(&order, odd).unwrap();
    let unreadable = Fill::new("1", "191")
        .at_ms(at + 2)
        .extra("side", json!("sideways"));
    book.fill(&order, unreadable).unwrap();
    let window = desk.last("main", HOUR_MS);
    let found = desk.read("main", window).unwrap();
    assert_eq!(found.unknown_classes, ["FILL_OF_DREAMS"]);
    // What cannot be read at all is kept raw beside the ledger's rows, told once, and costs only itself.
    assert_eq!(found.quarantined, 1);
    let again = desk.read("main", window).unwrap();
    assert!(
        again.unknown_classes.is_empty() && again.quarantined == 0,
        "told once"
    );
    let raw = desk.sql("SELECT raw LIKE '%sideways%' FROM quarantine");
    assert_eq!(raw, ["1"]);
    assert_eq!(desk.ids("main").len(), 1, "one fill");
    desk.read_orders("main").unwrap();
    let cycles = &desk.books("main", FakeAlpaca::SYMBOL)[0].cycles;
    assert_eq!(cycles.last().unwrap().quantity.to_string(), "4");
    let status = desk.orders("main")[&asleep].status.clone();
    assert_eq!(status, OrderStatus::Unknown("hibernating".to_owned()));
}

#[test]
fn case_18_one_execution_that_flips_a_position_is_two_cycles_on_bybit() {
    // Long 100, and one execution sells 250: dYdX's adapter wrote two fills under one id, bytex (16)
    // one fill that left the position wrong. It is one row; 100 of it end one cycle and 150 begin
    // the next.
    let desk = Desk::<FakeBybit>::new();
    let orders = [
        fill(&desk, Side::Buy, "100", "0.2000", 30_000),
        fill(&desk, Side::Sell, "250", "0.2200", 20_000),
        fill(&desk, Side::Buy, "150", "0.2100", 10_000),
    ]
    .map(|order| (FakeBybit::SYMBOL, order));
    desk.round("main", HOUR_MS);
    assert_eq!(desk.ids("main").len(), 3);
    let cycles = &desk.books("main", FakeBybit::SYMBOL)[0].cycles;
    let told: Vec<_> = cycles
        .iter()
        .map(|cycle| {
            let (entered, left) = (
                cycle.entry_quantity.to_string(),
                cycle.exit_quantity.to_string(),
            );
            (cycle.side, entered, left, cycle.realised.to_string())
        })
        .collect();
    let wanted = |side, size: &str, profit: &str| {
        (side, size.to_owned(), size.to_owned(), profit.to_owned())
    };
    assert_eq!(
        told,
        [
            wanted(PositionSide::Long, "100", "2"),
            wanted(PositionSide::Short, "150", "1.5")
        ]
    );
    let flip = desk.sql("SELECT entry_cycle, entry_quantity, exit_cycle, exit_quantity FROM fills WHERE side = 'sell'");
    assert_eq!(flip, ["2|150|1|100"]);
    let rows = desk.rows("main", desk.last("main", HOUR_MS), &orders);
    desk.same_in_any_order("main", &rows);
}
