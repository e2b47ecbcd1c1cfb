//! Times: rows of one instant, rows that appear late, and clocks that differ.

use crate::arrival::Row;
use crate::desk::{Desk, HOUR_MS, MINUTE_MS, Stand};
use crate::rig::{Rig, SYMBOL, eventually, so};
use crate::stage::AlpacaStage;
use fillsync_core::order::PositionSide;
use fillsync_fake::{Book, FakeAlpaca, FakeBybit, Fill, NewOrder, Side};
use rust_decimal::Decimal;

#[test]
fn case_06_rows_of_one_millisecond_are_followed_by_the_venues_sequence_on_bybit() {
    // Rows of one millisecond come in any order. Read as they stand, "buy 100, sell 100, buy 50"
    // becomes a short position that never was, or a trade that never ended (passivbot 1428, the
    // Deribit adapter of Nautilus; Bybit's own tip warns of its sorting). The venue's `seq` is what
    // orders them, however they arrive.
    let desk = Desk::<FakeBybit>::new();
    let (book, at) = (desk.fake.book(), desk.now_ms() - MINUTE_MS);
    let mut orders = Vec::new();
    // The ids fall while time goes on, so that no order of text can be mistaken for the true one.
    for (side, size, id) in [
        (Side::Buy, "100", "9"),
        (Side::Sell, "100", "8"),
        (Side::Sell, "70", "7"),
        (Side::Buy, "70", "6"),
        (Side::Buy, "50", "5"),
    ] {
        let order = NewOrder::limit(FakeBybit::SYMBOL, side, size, "0.2215")
            .id(&format!("order-{id}"))
            .at_ms(at);
        let order = book.place_order("main", order).unwrap();
        let fill = Fill::new(size, "0.2215")
            .id(&format!("execution-{id}"))
            .at_ms(at);
        book.fill(&order, fill).unwrap();
        orders.push((FakeBybit::SYMBOL, order));
    }
    let rows = desk.rows("main", desk.last("main", HOUR_MS), &orders);
    let told = desk.same_in_any_order("main", &rows);
    let cycles: Vec<&String> = told
        .iter()
        .filter(|row| row.starts_with("cycle|"))
        .collect();
    assert_eq!(cycles.len(), 3, "{told:#?}");
    assert!(
        cycles[0].contains("|long|flat|") && cycles[1].contains("|short|flat|"),
        "{cycles:?}"
    );

    desk.round("main", HOUR_MS);
    let cycles = &desk.books("main", FakeBybit::SYMBOL)[0].cycles;
    let sides: Vec<_> = cycles
        .iter()
        .map(|cycle| (cycle.side, cycle.is_open()))
        .collect();
    assert_eq!(
        sides,
        [
            (PositionSide::Long, false),
            (PositionSide::Short, false),
            (PositionSide::Long, true)
        ]
    );
    assert_eq!(cycles[2].quantity.to_string(), "50");
}

#[test]
fn case_06_parts_of_one_millisecond_are_followed_by_what_was_left_on_alpaca() {
    // Alpaca lists the parts of one order that filled within a millisecond in any order
    // (Alpaca-API 170). What the order still wanted after each part tells which came first: summed
    // up in that order, the parts give the running sums that the venue wrote beside them.
    let desk = Desk::<FakeAlpaca>::new();
    let (book, at) = (desk.fake.book(), desk.now_ms() - MINUTE_MS);
    let order = NewOrder::limit(FakeAlpaca::SYMBOL, Side::Buy, "55", "190").at_ms(at);
    let order = book.place_order("main", order).unwrap();
    for part in 1..=10 {
        let fill = Fill::new(&part.to_string(), "190").at_ms(at);
        book.fill(&order, fill).unwrap();
    }
    let orders = [(FakeAlpaca::SYMBOL, order)];
    let rows = desk.rows("main", desk.last("main", HOUR_MS), &orders);
    let listed: Vec<&str> = rows
        .iter()
        .filter_map(|row| match row {
            Row::Execution(row) => Some(row.execution_id.as_str()),
            Row::Order(_) => None,
        })
        .collect();
    let true_order = desk.fake.book().executions("main");
    let mut by_sequence: Vec<_> = true_order
        .iter()
        .map(|row| (row.sequence, row.id.as_str()))
        .collect();
    by_sequence.sort_unstable();
    let happened: Vec<&str> = by_sequence.into_iter().map(|(_, id)| id).collect();
    assert_ne!(
        listed, happened,
        "the page is not in the order of time, or this proves nothing"
    );
    desk.same_in_any_order("main", &rows);
    desk.round("main", HOUR_MS);
    let mut fills = desk.books("main", FakeAlpaca::SYMBOL).remove(0).fills;
    fills.sort_by(|a, b| a.sequence.cmp(&b.sequence));
    let followed: Vec<&str> = fills
        .iter()
        .map(|fill| fill.execution_id.as_str())
        .collect();
    assert_eq!(followed, happened);
    let mut sum = Decimal::ZERO;
    for fill in &fills {
        sum += fill.quantity.decimal();
        let left = fill.leaves_quantity.unwrap().decimal();
        assert_eq!(sum + left, Decimal::from(55), "{fill:?}");
    }
}

/// A fill of now that is shown only so much later.
fn fill_late(book: &Book, account: &str, symbol: &str, shown_in_ms: i64, now: i64) {
    let at = now - 1;
    let order = NewOrder::limit(symbol, Side::Sell, "150", "0.2215").at_ms(at - 10);
    let order = book.place_order(account, order).unwrap();
    let fill = Fill::new("150", "0.2215")
        .maker()
        .at_ms(at)
        .visible_at_ms(now + shown_in_ms);
    book.fill(&order, fill).unwrap();
}

#[test]
fn case_11_a_row_older_than_what_is_proven_is_taken_on_bybit() {
    // "May be delayed", says Bybit of its list; bbgo's code asks again a while back for that
    // reason. A reader that goes on from the newest row it has never sees what appears behind it.
    // Each round reads an overlap behind what is proven.
    let rig = Rig::new();
    let daemon = rig.start_ready();
    fill_late(rig.bybit.book(), "main", SYMBOL, 1_500, rig.now_ms());
    // Something newer is read first.
    rig.fill(&rig.place("main", 2));
    eventually("the newer one is there", || {
        let have = rig.ledger_ids("main");
        so(have.len() == 1, have)
    });
    rig.wait_for_all_fills();
    rig.wait_for("fill", 2);
    daemon.wait_for_counts(SYMBOL, [(2, 2), (0, 2)]);
}

#[test]
fn case_11_a_row_older_than_what_is_proven_is_taken_on_alpaca() {
    // The same at Alpaca, where records went missing for a while as well (Alpaca-API 176).
    let stage = AlpacaStage::new();
    let _daemon = stage.rig.start_ready();
    let now = stage.alpaca.clock().now_ms();
    fill_late(stage.alpaca.book(), "main", "AAPL", 1_500, now);
    fill_late(stage.alpaca.book(), "main", "AAPL", 0, now);
    let mut wanted = stage.alpaca.book().trade_ids("main");
    wanted.sort();
    eventually("both are there", || {
        let have = stage.rig.ledger_ids("main");
        so(have == wanted, have)
    });
}

#[test]
fn case_11_a_row_later_than_the_overlap_is_found_by_the_rescan_on_bybit() {
    // However far each round looks back, a row can appear later still. So the recent past is read
    // again from time to time, as a whole.
    let rig = Rig::new();
    rig.edit(
        "lookback = \"1h\"\n",
        "lookback = \"1h\"\noverlap = \"1s\"\nrescan_every = \"1s\"\nrescan_span = \"5m\"\n",
    );
    let _daemon = rig.start_ready();
    fill_late(rig.bybit.book(), "main", SYMBOL, 3_000, rig.now_ms());
    rig.wait_for_all_fills();
    assert_eq!(rig.ledger_ids("main").len(), 1);
}

fn clock_skew<V: Stand>() {
    for skew_ms in [-90_000, 90_000] {
        let desk = Desk::<V>::new();
        // The venue's clock is not this machine's.
        desk.fake.clock().advance_ms(skew_ms);
        let place = || {
            let order = NewOrder::limit(V::SYMBOL, Side::Buy, "1", "0.2215");
            let order = desk.fake.book().place_order("main", order).unwrap();
            desk.fake
                .book()
                .fill(&order, Fill::new("1", "0.2215"))
                .unwrap();
        };
        place();
        let window = desk.last("main", MINUTE_MS);
        // It is the venue's present that is read up to: not past it, which would claim what has not
        // happened yet, and not long before it, which would leave fills unseen.
        let off = window.to.ms() - desk.now_ms();
        assert!(
            (-2_000..=0).contains(&off),
            "{off} ms off the venue's present"
        );
        desk.read("main", window).unwrap();
        assert!(desk.coverage("main").to().unwrap().ms() <= desk.now_ms());
        // What happens after the claim is in the next window.
        place();
        eventually("both fills", || {
            let claimed = desk.coverage("main").to().unwrap();
            let now = desk.runtime.block_on(desk.venue("main").now()).unwrap();
            desk.read("main", fillsync_core::coverage::Window::new(claimed, now))
                .map_err(|error| error.to_string())?;
            so(desk.ids("main") == desk.venue_ids("main"), desk.ids("main"))
        });
    }
}

#[test]
fn case_28_cursors_are_in_the_venues_time_on_bybit() {
    // A machine whose clock is off was refused with 10002 (bybit-api 5, 206, 260), and a reader
    // that asks up to its own "now" either claims what has not happened or leaves out what has
    // (freqtrade takes five seconds off to be safe). Signing and windows use the venue's own clock.
    clock_skew::<FakeBybit>();
}

#[test]
fn case_28_cursors_are_in_the_venues_time_on_alpaca() {
    // Alpaca accepts any clock, which makes a wrong claim all the easier.
    clock_skew::<FakeAlpaca>();
}
