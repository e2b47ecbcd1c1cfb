//! Orders and positions in shared words, and the walk over lists of orders.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::{account, fills, list, one, order, quantity, venue_at};
use crate::alpaca::wire::{order_status, read_order, read_position, submitted_at};
use crate::responder::{Responder, json};
use fillsync_core::execution::Side;
use fillsync_core::id::{OrderId, Symbol};
use fillsync_core::order::{OrderKind, OrderStatus, StopKind};
use fillsync_core::port::VenueError;
use fillsync_core::time::VenueTime;

#[test]
fn recorded_orders_are_read() {
    let orders: Vec<_> = list(fixture!("recorded_orders.json"))
        .iter()
        .map(|raw| read_order(raw, &account(), &fills()).unwrap().unwrap())
        .collect();
    assert_eq!(orders[0].status, OrderStatus::Filled);
    assert_eq!(
        (orders[0].filled_quantity, orders[0].kind.clone()),
        (quantity("500"), OrderKind::Limit)
    );
    assert_eq!(orders[3].status, OrderStatus::Cancelled);
    let replaced = order(fixture!("recorded_replace.json"));
    assert_eq!(
        replaced.replaces.unwrap().as_str(),
        "1c7490e3-a3fb-4f33-aa93-d0194e675bfa"
    );
    assert_eq!(replaced.client_order_id.unwrap().as_str(), "MY_ORDER_ID_3");
    let notional = order(fixture!("recorded_notional.json"));
    assert_eq!(
        (notional.quantity, notional.kind),
        (None, OrderKind::Market)
    );
    assert_eq!(
        order(fixture!("documented_order_crypto.json"))
            .market
            .symbol
            .as_str(),
        "BTC/USD"
    );
    assert_eq!(order(fixture!("recorded_order.json")).side, Side::Sell);
    assert!(submitted_at(one(fixture!("documented_order.json"))).is_some());
}

#[test]
fn order_types_and_intents_are_told_in_shared_words() {
    let of = |patch: &str| {
        order(&format!(
            r#"{{"id":"o","symbol":"GE","side":"sell","created_at":"2026-01-01T00:00:00.15088-04:00","filled_qty":"0","status":"new"{patch}}}"#
        ))
    };
    let stop = of(r#","type":"stop","stop_price":"9","limit_price":null"#);
    assert_eq!((stop.kind, stop.stop), (OrderKind::Market, StopKind::Other));
    let stop_limit = of(r#","type":"stop_limit","limit_price":"9""#);
    assert_eq!(
        (stop_limit.kind, stop_limit.stop),
        (OrderKind::Limit, StopKind::Other)
    );
    assert_eq!(
        of(r#","type":"trailing_stop""#).stop,
        StopKind::TrailingStop
    );
    assert!(of(r#","order_type":"limit","position_intent":"sell_to_close""#).reduce_only);
    assert!(!of(r#","type":"limit","position_intent":"sell_to_open""#).reduce_only);
    assert_eq!(of("").kind, OrderKind::Unstated);
}

#[test]
fn statuses_are_told_in_shared_words() {
    for open in [
        "new",
        "partially_filled",
        "held",
        "pending_cancel",
        "pending_replace",
        "done_for_day",
        "calculated",
        "accepted",
        "pending_new",
        "pending_review",
        "accepted_for_bidding",
        "stopped",
        "suspended",
    ] {
        assert_eq!(order_status(open), OrderStatus::Open, "{open}");
    }
    assert_eq!(order_status("filled"), OrderStatus::Filled);
    assert_eq!(order_status("canceled"), OrderStatus::Cancelled);
    assert_eq!(order_status("expired"), OrderStatus::Cancelled);
    assert_eq!(order_status("replaced"), OrderStatus::Replaced);
    assert_eq!(order_status("rejected"), OrderStatus::Rejected);
    assert_eq!(
        order_status("teleported"),
        OrderStatus::Unknown("teleported".to_owned())
    );
}

#[test]
fn positions_spell_their_symbols_as_fills_do() {
    let short = read_position(list(fixture!("recorded_positions.json"))[0])
        .unwrap()
        .unwrap();
    assert_eq!(
        (short.symbol.as_str(), short.quantity),
        ("FB", quantity("-100"))
    );
    let long = read_position(one(fixture!("documented_position.json")))
        .unwrap()
        .unwrap();
    assert_eq!(
        (long.symbol.as_str(), long.quantity),
        ("AAPL", quantity("5"))
    );
    for (theirs, ours) in [
        ("BTCUSD", "BTC/USD"),
        ("ETHUSDT", "ETH/USDT"),
        ("ETHBTC", "ETH/BTC"),
        ("SOLUSDC", "SOL/USDC"),
        ("USDTUSD", "USDT/USD"),
        ("BTC/USD", "BTC/USD"),
        ("ODD", "ODD"),
    ] {
        let row =
            format!(r#"{{"symbol":"{theirs}","asset_class":"crypto","qty":"1.5","side":"long"}}"#);
        assert_eq!(
            read_position(one(&row)).unwrap().unwrap().symbol.as_str(),
            ours
        );
    }
    assert_eq!(read_position(one(r#"{"symbol":"GE","qty":"0"}"#)), Ok(None));
}

#[test]
fn an_average_price_is_one_only_where_something_filled() {
    assert_eq!(order(fixture!("documented_order.json")).average_price, None);
    let recorded: Vec<_> = list(fixture!("recorded_orders.json"))
        .iter()
        .filter_map(|raw| read_order(raw, &account(), &fills()).unwrap())
        .map(|order| order.average_price.is_some() == order.filled_quantity.is_positive())
        .collect();
    assert!(
        recorded.len() > 3 && recorded.iter().all(|agree| *agree),
        "{recorded:?}"
    );
}

#[tokio::test]
async fn a_full_list_of_orders_is_walked_on_with_an_overlap() {
    let row = |n: usize| {
        format!(
            r#"{{"id":"o{n}","symbol":"GE","side":"buy","type":"limit","status":"new","filled_qty":"0","qty":"1",
                "limit_price":"1","created_at":"2026-01-01T00:00:00Z","submitted_at":"2026-01-01T00:00:00.{:06}Z"}}"#,
            999_999 - n
        )
    };
    let page =
        |from: usize, to: usize| format!("[{}]", (from..to).map(row).collect::<Vec<_>>().join(","));
    let responder = Responder::start(vec![
        json("200 OK", "", &page(0, 500)),
        json("200 OK", "", &page(499, 503)),
    ])
    .await;
    let venue = venue_at(&responder.url);
    let first = venue.open_orders(&fills(), None).await.unwrap();
    assert_eq!(first.rows.len(), 500);
    let second = venue
        .open_orders(&fills(), first.next.as_ref())
        .await
        .unwrap();
    assert_eq!((second.rows.len(), second.next), (4, None));
    assert!(
        responder.heads()[1].contains("until=2026-01-01T00%3A00%3A00.999501Z"),
        "{}",
        responder.heads()[1]
    );
}

#[tokio::test]
async fn ended_orders_are_walked_from_the_oldest_on_with_an_overlap() {
    let row = |n: usize| {
        format!(
            r#"{{"id":"o{n}","symbol":"GE","side":"buy","type":"limit","status":"filled","filled_qty":"1","qty":"1",
                "filled_avg_price":"1","limit_price":"1","created_at":"2026-01-01T00:00:00Z",
                "submitted_at":"2026-01-01T00:00:00.{n:06}Z"}}"#
        )
    };
    let page =
        |from: usize, to: usize| format!("[{}]", (from..to).map(row).collect::<Vec<_>>().join(","));
    let at_once = format!("[{}]", vec![row(499); 500].join(","));
    let responder = Responder::start(vec![
        json("200 OK", "", &page(0, 500)),
        json("200 OK", "", &page(499, 503)),
        json("200 OK", "", &at_once),
    ])
    .await;
    let venue = venue_at(&responder.url);
    let since = VenueTime::parse("2026-01-01T00:00:00Z").unwrap();
    let first = venue.closed_orders(&fills(), since, None).await.unwrap();
    assert_eq!(first.rows.len(), 500);
    assert_eq!(first.rows[0].status, OrderStatus::Filled);
    let again = first.next.as_ref();
    let second = venue.closed_orders(&fills(), since, again).await.unwrap();
    assert_eq!((second.rows.len(), second.next), (4, None));
    // It would lead to the same page for ever.
    let stuck = venue.closed_orders(&fills(), since, again).await;
    assert!(
        matches!(stuck, Err(VenueError::Rejected { .. })),
        "{stuck:?}"
    );
    let heads = responder.heads();
    for (head, after) in [
        (&heads[0], "after=2025-12-31T23%3A59%3A59.999999Z"),
        (&heads[1], "after=2026-01-01T00%3A00%3A00.000498Z"),
    ] {
        for word in ["status=closed", "direction=asc", "nested=false", after] {
            assert!(head.contains(word), "{word} in {head}");
        }
    }
}

#[tokio::test]
async fn the_parent_of_a_multi_leg_order_is_no_order_and_its_legs_are() {
    // By the OpenAPI: parents have no symbol and an empty side; legs are listed flat with `nested=false`.
    let parent = r#"{"id":"p","symbol":null,"side":"","order_class":"mleg","type":"limit","status":"new",
        "qty":"1","filled_qty":"0","created_at":"2026-01-01T00:00:00Z","legs":null}"#;
    let leg = r#"{"id":"l","symbol":"SPY260320C00600000","asset_class":"us_option","side":"sell",
        "order_class":"mleg","position_intent":"sell_to_open","type":"","status":"new","qty":"1","filled_qty":"0",
        "created_at":"2026-01-01T00:00:00Z"}"#;
    let nameless = r#"{"id":"n","symbol":"","side":"buy","order_class":"","type":"limit","status":"new",
        "created_at":"2026-01-01T00:00:00Z"}"#;
    let responder = Responder::start(vec![
        json("200 OK", "", &format!("[{parent},{leg},{nameless}]")),
        json("200 OK", "", parent),
    ])
    .await;
    let venue = venue_at(&responder.url);
    let page = venue.open_orders(&fills(), None).await.unwrap();
    let ids: Vec<_> = page.rows.iter().map(|row| row.order_id.as_str()).collect();
    assert_eq!(ids, ["l"]);
    assert_eq!(page.unreadable.len(), 1, "{:?}", page.unreadable);
    assert_eq!(page.unreadable[0].reason, "symbol is missing or empty");
    let (symbol, id) = (Symbol::new("SPY").unwrap(), OrderId::new("p").unwrap());
    assert_eq!(venue.order(&fills(), &symbol, &id).await, Ok(None));
}
