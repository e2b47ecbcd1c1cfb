//! Faults of bodies and pages, late and delayed rows, every error code, and the mixture by a seed.

use std::time::{Duration, Instant};

use fillsync_fake::{
    BYBIT_ERRORS, FakeBybit, Fault, Fill, LateRows, Match, Mix, NewOrder, Paging, Side,
    StreamFault, StreamMatch,
};

use crate::client::{alpaca, ask, bybit, get, send, signed};
use crate::socket::{Heard, bybit_stream};

const LIST: &str = "/v5/execution/list";

fn filled(venue: &FakeBybit, count: u32) -> String {
    let order = NewOrder::market("GTCUSDT", Side::Buy, "1000");
    let order = venue.book().place_order("main", order).unwrap();
    for _ in 0..count {
        venue.book().fill(&order, Fill::new("1", "2")).unwrap();
    }
    order
}

#[tokio::test]
async fn every_code_of_the_table_can_be_answered() {
    let venue = bybit().await;
    for (code, text) in BYBIT_ERRORS {
        venue.faults().next(1, Fault::bybit(code).unwrap());
        let reply = ask(&venue, LIST, "category=linear").await;
        assert_eq!((reply.status, reply.code()), (200, code));
        assert_eq!(reply.json()["retMsg"], text);
    }
    assert_eq!(Fault::bybit(12_345), None);
}

#[tokio::test]
async fn a_slow_body_arrives_whole_in_the_end() {
    let venue = bybit().await;
    filled(&venue, 1);
    let slow = Fault::SlowBody {
        piece_bytes: 200,
        every_ms: 20,
    };
    venue.faults().next(1, slow);
    let since = Instant::now();
    let reply = ask(&venue, LIST, "category=linear").await;
    assert_eq!(reply.rows().len(), 1);
    assert!(
        since.elapsed() >= Duration::from_millis(80),
        "{:?}",
        since.elapsed()
    );
}

#[tokio::test]
async fn rows_move_between_pages_when_a_fill_lands_there() {
    let venue = bybit().await;
    venue.rules(|rules| rules.paging = Paging::Offset);
    let order = filled(&venue, 4);
    venue.clock().advance_ms(10);
    let fill = Fault::FillAfter {
        order,
        qty: "1".to_owned(),
        price: "2".to_owned(),
    };
    venue
        .faults()
        .add(Match::path(LIST).page(1), fill.clone(), 1);
    let first = ask(&venue, LIST, "category=linear&limit=2").await;
    let query = format!("category=linear&limit=2&cursor={}", first.cursor());
    let second = ask(&venue, LIST, &query).await;
    let repeated = first.column("execId");
    assert_eq!(second.column("execId")[0], repeated[1], "a row comes twice");
    assert_eq!(venue.book().trade_ids("main").len(), 5);

    // A fill that cannot happen is told, not passed over.
    let Fault::FillAfter { order, .. } = fill else {
        return;
    };
    venue.book().cancel(&order, None).unwrap();
    let late = Fault::FillAfter {
        order,
        qty: "1".to_owned(),
        price: "2".to_owned(),
    };
    venue.faults().next(1, late);
    assert_eq!(ask(&venue, LIST, "category=linear").await.status, 500);
}

#[tokio::test]
async fn order_history_is_written_with_a_delay() {
    let venue = bybit().await;
    venue.rules(|rules| rules.history_delay_ms = 3_000);
    let order = filled(&venue, 0);
    venue.book().cancel(&order, None).unwrap();
    let rows = || async {
        ask(&venue, "/v5/order/history", "category=linear")
            .await
            .rows()
            .len()
    };
    assert_eq!(rows().await, 0);
    venue.clock().advance_ms(2_999);
    assert_eq!(rows().await, 0);
    venue.clock().advance_ms(1);
    assert_eq!(rows().await, 1);
}

#[tokio::test]
async fn some_rows_are_late_by_chance_and_all_come() {
    let venue = bybit().await;
    let late = LateRows {
        per_hundred: 50,
        late_ms_max: 5_000,
    };
    venue.rules(|rules| rules.late_rows = Some(late));
    filled(&venue, 40);
    let shown = || async {
        ask(&venue, LIST, "category=linear&limit=100")
            .await
            .column("execId")
    };
    let at_once = shown().await;
    assert!((10..=30).contains(&at_once.len()), "{}", at_once.len());
    assert_eq!(
        shown().await,
        at_once,
        "chance is the same for every request"
    );
    venue.clock().advance_ms(5_000);
    assert_eq!(shown().await.len(), 40);
}

#[tokio::test]
async fn unknown_values_and_negative_sells_appear_on_demand() {
    let venue = bybit().await;
    filled(&venue, 1);
    venue.rules(|rules| rules.unknown_values = true);
    let rows = ask(&venue, LIST, "category=linear").await.rows();
    assert_eq!(rows[0]["createType"], "CreateByNextRelease");

    let venue = alpaca().await;
    let order = NewOrder::market("AAPL", Side::Sell, "3");
    let order = venue.book().place_order("bot", order).unwrap();
    venue.book().fill(&order, Fill::new("2", "190")).unwrap();
    venue.rules(|rules| rules.negative_sells = true);
    let rows = get(&venue, "/v2/account/activities/FILL").await.json();
    assert_eq!(rows[0]["qty"], "-2");
    assert_eq!(rows[0]["cum_qty"], "-2");
    assert_eq!(rows[0]["leaves_qty"], "-1");
}

/// What a client without patience of its own sees of 60 requests: the names of the faults, empty where none.
async fn sixty(mix: Mix<Fault>) -> Vec<&'static str> {
    let venue = bybit().await;
    venue.rules(|rules| rules.per_uid = fillsync_fake::Rate::new(1_000, 1_000));
    filled(&venue, 3);
    venue.faults().mix(mix);
    for _ in 0..60 {
        // Broken connections are part of the mixture.
        let _ = send(signed(
            &venue,
            LIST,
            "category=linear",
            venue.clock().now_ms(),
        ))
        .await;
    }
    let log = venue.requests().of(LIST);
    log.iter().map(|entry| entry.fault.unwrap_or("")).collect()
}

#[tokio::test]
async fn a_mixture_repeats_itself_and_lets_everybody_through() {
    let often = |seed| Mix::bybit(seed).per_hundred(70).in_a_row_max(3);
    let first = sixty(often(1)).await;
    assert_eq!(sixty(often(1)).await, first);
    assert_ne!(sixty(often(2)).await, first);
    let longest = first.split(|name| name.is_empty()).map(<[_]>::len).max();
    assert_eq!(longest, Some(3), "{first:?}");
    let kinds: std::collections::BTreeSet<_> =
        first.iter().filter(|name| !name.is_empty()).collect();
    assert!(kinds.len() >= 5, "{kinds:?}");
    let bounded = sixty(often(1).total_max(4)).await;
    assert_eq!(bounded.iter().filter(|name| !name.is_empty()).count(), 4);
}

#[tokio::test]
async fn a_mixture_of_frames_leaves_answers_alone() {
    let venue = bybit().await;
    let always = Mix::new(1, vec![StreamFault::Drop])
        .per_hundred(90)
        .in_a_row_max(5);
    venue.stream_faults().mix(always);
    // The whole handshake gets through, however often.
    for _ in 0..5 {
        bybit_stream(&venue, &["execution"]).await;
    }
    let mut socket = bybit_stream(&venue, &["execution"]).await;
    // A planned fault comes before the mixture and marks the end of what is counted.
    let end = StreamFault::Close {
        code: 1000,
        reason: "the end".to_owned(),
    };
    let last = StreamMatch::any().contains("the-last-one");
    venue.stream_faults().add(last, end, 1);
    let order = filled(&venue, 30);
    let last = Fill::new("1", "2").id("the-last-one");
    venue.book().fill(&order, last).unwrap();
    let mut told = 0;
    while let Heard::Message(..) = socket.heard().await {
        told += 1;
    }
    assert!((1..15).contains(&told), "{told} of 30 frames came");
}
