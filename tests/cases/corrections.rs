//! Corrections and busts: a venue takes a fill back, or says what it really was.

use crate::arrival::Row;
use crate::desk::{Desk, HOUR_MS, MINUTE_MS, Stand};
use crate::rig::{PRICES, eventually, so};
use crate::stage::AlpacaStage;
use fillsync_core::time::VenueTime;
use fillsync_fake::{Book, ExecutionKind, FakeAlpaca, Fill, NewOrder, NewRow, Side};
use serde_json::json;

const SYMBOL: &str = FakeAlpaca::SYMBOL;

/// A row of the venue that speaks of another one.
struct Speaking<'a> {
    event: &'a str,
    id: &'a str,
    of: &'a str,
    order: &'a str,
    size: &'a str,
    price: &'a str,
}

impl Speaking<'_> {
    fn add(&self, book: &Book, at_ms: i64) {
        let row = NewRow::new(
            ExecutionKind::Trade,
            SYMBOL,
            Side::Buy,
            self.size,
            self.price,
        )
        .id(self.id)
        .order_id(self.order)
        .at_ms(at_ms)
        .extra("type", json!(self.event))
        .extra("previous_id", json!(self.of))
        .extra("order_id", json!(self.order))
        .extra("side", json!("buy"))
        .extra(
            "transaction_time",
            json!(VenueTime::from_ms(at_ms).to_string()),
        );
        book.add_row("main", row).unwrap();
    }
}

#[test]
fn case_19_a_correction_takes_the_place_and_a_bust_takes_back_on_alpaca() {
    // A venue corrects a price, or takes a trade back hours later. Read as one more fill it doubles
    // the position; left out, the books keep a trade that never was (IB's ".02" rows, Paradex,
    // Portfolio Performance 5915; Alpaca's `trade_correct` and `trade_bust`). Whichever arrives
    // first, the same stands.
    let desk = Desk::<FakeAlpaca>::new();
    let (book, at) = (desk.fake.book(), desk.now_ms() - 10 * MINUTE_MS);
    let order = NewOrder::limit(SYMBOL, Side::Buy, "10", "190").at_ms(at);
    let order = book.place_order("main", order).unwrap();
    for (size, id) in [("4", "four"), ("5", "five"), ("1", "one")] {
        let fill = Fill::new(size, "190").id(id).at_ms(at + 1_000);
        book.fill(&order, fill).unwrap();
    }
    let speaking = |event, id, of, size, price| Speaking {
        event,
        id,
        of,
        order: &order,
        size,
        price,
    };
    // Five was at 191, then at 191.5; four never was.
    speaking("trade_correct", "five-1", "five", "5", "191").add(book, at + 60_000);
    speaking("trade_correct", "five-2", "five-1", "5", "191.5").add(book, at + 61_000);
    speaking("trade_bust", "bust", "four", "4", "190").add(book, at + 62_000);
    desk.round("main", HOUR_MS);
    let stands = desk.sql("SELECT exec_id, quantity, price FROM fills ORDER BY exec_id");
    assert_eq!(stands, ["five-2|5|191.5", "one|1|190"]);
    let cycle = desk.books("main", SYMBOL).remove(0).cycles.remove(0);
    assert_eq!(cycle.quantity.to_string(), "6");
    assert_eq!(cycle.entry_value.to_string(), "1147.5");
    // Nothing is deleted: what was said is history.
    let states = desk.sql("SELECT execution_id, state FROM execution ORDER BY execution_id");
    assert!(states.contains(&"five|superseded".to_owned()), "{states:?}");
    assert!(states.contains(&"four|busted".to_owned()), "{states:?}");
    let rows = desk.rows(
        "main",
        desk.last("main", HOUR_MS),
        &[(SYMBOL, order.clone())],
    );
    let executions = rows
        .iter()
        .filter(|row| matches!(row, Row::Execution(_)))
        .count();
    assert_eq!(executions, 6);
    desk.same_in_any_order("main", &rows);
}

#[test]
fn case_19_a_count_falls_by_a_bust_only_and_says_so_on_alpaca() {
    // What was told is not true any more: the count falls, which nothing else makes it do, and the
    // receiver is told that it was corrected.
    let stage = AlpacaStage::new();
    let (rig, book) = (&stage.rig, stage.alpaca.book());
    let daemon = rig.start_ready();
    let order = NewOrder::limit(SYMBOL, Side::Buy, "150", PRICES[0]);
    let order = book.place_order("main", order).unwrap();
    book.fill(&order, Fill::new("150", PRICES[0]).id("never-was"))
        .unwrap();
    rig.wait_for("fill", 1);
    daemon.wait_for_counts(SYMBOL, [(1, 1), (0, 1)]);
    let bust = Speaking {
        event: "trade_bust",
        id: "bust",
        of: "never-was",
        order: &order,
        size: "150",
        price: PRICES[0],
    };
    bust.add(book, stage.alpaca.clock().now_ms());
    let told = rig.wait_for("correction", 1);
    assert!(told[0].text.contains("(was 1)"), "{}", told[0].text);
    assert!(
        told[0].text.contains("took the fill back"),
        "{}",
        told[0].text
    );
    eventually("the count has fallen", || {
        let counts = daemon.counts(SYMBOL);
        so(
            counts.as_ref().is_none_or(|counts| counts[0].0 == 0),
            counts,
        )
    });
    assert!(rig.ledger_ids("main").is_empty());
    assert_eq!(rig.of_kind("correction").len(), 1);
}
