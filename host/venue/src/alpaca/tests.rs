//! What Alpaca says, read: recorded and documented rows, and refusals by status.
//!
//! The fixtures' origins are in the README beside them. Whole traversals against the fake venue are in
//! `tests/alpaca.rs` of this package.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::wire::{activity_id, order_status, read_fill, read_order, read_position, submitted_at};
use crate::responder::{Responder, json};
use crate::{AccountSettings, Address, Limits, open};
use fillsync_core::amount::{Price, Quantity};
use fillsync_core::coverage::Window;
use fillsync_core::execution::{Execution, ExecutionClass, Relation, Side, Source, VenueKind};
use fillsync_core::id::{AccountName, Category, ExecutionId, OrderId, Symbol};
use fillsync_core::order::{Order, OrderKind, OrderStatus, StopKind};
use fillsync_core::port::{Clock, Venue, VenueError};
use fillsync_core::time::{HostTime, VenueTime};
use secrecy::SecretString;
use serde_json::value::RawValue;
use std::sync::Arc;
use std::time::Duration;

macro_rules! fixture {
    ($name:literal) => {
        include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../tests/fixtures/alpaca/",
            $name
        ))
    };
}

const SECRET: &str = "alpaca-secret-of-a-test";

struct FixedClock;

impl Clock for FixedClock {
    fn now(&self) -> HostTime {
        HostTime::from_ms(1_590_191_000_000)
    }
}

fn account() -> AccountName {
    AccountName::new("bot").unwrap()
}

fn fills() -> Category {
    Category::new("fills").unwrap()
}

fn venue_at(base_url: &str) -> Arc<dyn Venue> {
    let address = Address::new(VenueKind::Alpaca, Limits::of(VenueKind::Alpaca)).unwrap();
    let settings = AccountSettings::new(
        account(),
        VenueKind::Alpaca,
        base_url,
        SecretString::from("ALPACAKEY"),
        SecretString::from(SECRET),
        vec![],
    );
    open(settings, &address, Arc::new(FixedClock)).unwrap()
}

fn list(body: &str) -> Vec<&RawValue> {
    serde_json::from_str(body).unwrap()
}

fn one(body: &str) -> &RawValue {
    serde_json::from_str(body).unwrap()
}

fn fill(raw: &RawValue) -> Execution {
    read_fill(raw, &account(), &fills(), Source::Poll).unwrap()
}

fn order(body: &str) -> Order {
    read_order(one(body), &account(), &fills())
        .unwrap()
        .unwrap()
}

fn quantity(text: &str) -> Quantity {
    Quantity::parse(text).unwrap()
}

#[test]
fn every_recorded_fill_is_read() {
    let raw = list(fixture!("recorded_fills.json"));
    let rows: Vec<_> = raw.iter().map(|row| fill(row)).collect();
    assert_eq!(rows.len(), 20);
    let first = &rows[0];
    assert_eq!(first.class, ExecutionClass::OrderFill);
    assert_eq!(
        first.execution_id.as_str(),
        "a80dfbdf-42ea-459f-82ea-61cf91691913"
    );
    assert_eq!(
        activity_id(raw[0]).as_deref(),
        Some("20200522035112065::a80dfbdf-42ea-459f-82ea-61cf91691913")
    );
    assert_eq!((first.side, first.quantity), (Side::Buy, quantity("26")));
    assert_eq!(first.price, Price::parse("186.98").unwrap());
    assert_eq!(
        first.executed_at,
        VenueTime::parse("2020-05-22T19:51:12.065361Z").unwrap()
    );
    assert_eq!(
        (first.closed_quantity, first.order_kind.clone()),
        (None, OrderKind::Unstated)
    );
    // A plain sell only reduces.
    assert_eq!(
        (rows[1].side, rows[1].closed_quantity),
        (Side::Sell, Some(quantity("36")))
    );
    // Two partials of one order: what it still wanted tells their order.
    let partials: Vec<_> = rows
        .iter()
        .filter(|row| row.market.symbol.as_str() == "HRB" && row.side == Side::Buy)
        .collect();
    assert_eq!(partials.len(), 2);
    assert_eq!(partials[0].order_id, partials[1].order_id);
    assert!(partials[1].sequence() < partials[0].sequence());
}

#[test]
fn a_short_sale_opens_and_its_negative_amounts_lose_their_sign() {
    let row = fill(one(
        r#"{"activity_type":"FILL","id":"20260820093000000::u1","side":"sell_short","qty":"-3","leaves_qty":"-2",
            "cum_qty":"-3","price":"10","symbol":"GE","order_id":"o","transaction_time":"2026-08-20T13:30:00Z","swap_rate":null}"#,
    ));
    assert_eq!(
        (row.side, row.quantity, row.leaves_quantity),
        (Side::Sell, quantity("3"), Some(quantity("2")))
    );
    assert_eq!(row.closed_quantity, None);
}

#[test]
fn an_activity_of_another_type_is_no_fill_and_one_that_corrects_says_of_which() {
    let of = |kind: &str, more: &str| {
        read_fill(
            one(&format!(
                r#"{{"activity_type":"FILL","id":"20260820093000000::u2","type":"{kind}","side":"buy","qty":"3",
                    "price":"10","symbol":"GE","order_id":"o","transaction_time":"2026-08-20T13:30:00Z"{more}}}"#
            )),
            &account(),
            &fills(),
            Source::Poll,
        )
    };
    let of_first = r#","previous_id":"20260820092900000::u1""#;
    let first = ExecutionId::new("u1").unwrap();
    for (kind, class, relation) in [
        ("fill", ExecutionClass::OrderFill, Relation::Own),
        ("partial_fill", ExecutionClass::OrderFill, Relation::Own),
        (
            "allocation",
            ExecutionClass::Unknown("allocation".to_owned()),
            Relation::Own,
        ),
        (
            "trade_correct",
            ExecutionClass::OrderFill,
            Relation::Corrects(first.clone()),
        ),
        (
            "trade_bust",
            ExecutionClass::OrderFill,
            Relation::Busts(first),
        ),
    ] {
        let row = of(kind, of_first).unwrap();
        assert_eq!((row.class, row.relation), (class, relation), "{kind}");
    }
    let error = of("trade_bust", "").unwrap_err().to_string();
    assert_eq!(error, "previous_id is missing or empty");
}

#[test]
fn a_documented_fill_is_read_and_a_broken_one_names_its_field() {
    let body = fixture!("documented_fill.json");
    assert_eq!(fill(one(body)).market.symbol.as_str(), "LPCN");
    let reason = |body: &str| {
        read_fill(one(body), &account(), &fills(), Source::Poll)
            .unwrap_err()
            .to_string()
    };
    assert!(reason(&body.replace("\"buy\"", "\"borrow\"")).starts_with("side is \"borrow\""));
    assert!(reason(&body.replace("\"1.63\"", "\"cheap\"")).starts_with("price is \"cheap\""));
    assert!(
        reason(&body.replace("2019-05-24T15:34:06.977Z", "then"))
            .starts_with("transaction_time is \"then\"")
    );
    let other = read_fill(
        one(&body.replace("\"FILL\"", "\"TRANS\"")),
        &account(),
        &fills(),
        Source::Poll,
    );
    assert_eq!(
        other.unwrap().class,
        ExecutionClass::Unknown("TRANS".to_owned())
    );
}

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

async fn refused(status: &str, headers: &str, body: &str) -> VenueError {
    let responder = Responder::start(vec![json(status, headers, body)]).await;
    let window = Window::new(VenueTime::from_ms(1_000_000), VenueTime::from_ms(2_000_000));
    venue_at(&responder.url)
        .executions(&fills(), window, None)
        .await
        .unwrap_err()
}

#[tokio::test]
async fn refusals_say_what_to_do() {
    let error = refused(
        "401 Unauthorized",
        "x-request-id: r-1\r\n",
        fixture!("recorded_error_401.json"),
    )
    .await;
    assert!(
        matches!(&error, VenueError::Refused { what, .. }
        if what.contains("access key verification failed") && what.contains("r-1")),
        "{error}"
    );
    let error = refused("403 Forbidden", "", r#"{"message":"forbidden."}"#).await;
    assert!(
        matches!(&error, VenueError::Refused { what, .. } if what.contains("forbidden.")),
        "{error}"
    );
    let error = refused(
        "422 Unprocessable Entity",
        "",
        fixture!("recorded_error_422.json"),
    )
    .await;
    assert!(matches!(error, VenueError::Rejected { .. }), "{error}");
    for (status, body) in [
        ("200 OK", "<html>"),
        ("504 Gateway Timeout", "<html>"),
        ("302 Found", ""),
    ] {
        let error = refused(status, "", body).await;
        assert!(
            matches!(error, VenueError::Retry { .. }),
            "{status}: {error}"
        );
    }
    let echo = format!(r#"{{"code":40110000,"message":"bad secret {SECRET}"}}"#);
    assert!(
        !refused("401 Unauthorized", "", &echo)
            .await
            .to_string()
            .contains(SECRET)
    );
}

#[tokio::test]
async fn rate_limits_wait_as_long_as_the_venue_says() {
    let date = "date: Sat, 21 Nov 2026 12:00:00 GMT\r\n";
    for (headers, seconds) in [
        (format!("{date}x-ratelimit-reset: 1795262407\r\n"), 8),
        ("retry-after: 3\r\n".to_owned(), 3),
        (String::new(), 10),
        (format!("{date}x-ratelimit-reset: 1795262300\r\n"), 1),
    ] {
        let error = refused("429 Too Many Requests", &headers, "").await;
        let VenueError::Wait {
            after,
            whole_address,
            ..
        } = error
        else {
            panic!("{error}")
        };
        assert_eq!(
            (after, whole_address),
            (Duration::from_secs(seconds), false),
            "{headers}"
        );
    }
}

#[tokio::test]
async fn an_order_that_is_not_there_is_none_and_a_key_can_always_trade() {
    let account_body = r#"{"id":"u-1","trading_blocked":false,"account_blocked":false,"trade_suspended_by_user":true}"#;
    let responder = Responder::start(vec![
        json("404 Not Found", "", fixture!("recorded_error_404.json")),
        json("200 OK", "", account_body),
        json(
            "200 OK",
            "",
            r#"{"timestamp":"2020-05-22T19:43:20.000000001-04:00","is_open":false}"#,
        ),
    ])
    .await;
    let venue = venue_at(&responder.url);
    let id = OrderId::new("001c0b29-5bc9-45c4-bd32-5ba323c997b3").unwrap();
    let found = venue
        .order(&fills(), &Symbol::new("GE").unwrap(), &id)
        .await;
    assert_eq!(found, Ok(None));
    let report = venue.key().await.unwrap();
    assert_eq!(
        (report.read_only, report.uid.as_deref()),
        (None, Some("u-1"))
    );
    assert_eq!(
        report.powers,
        ["Trading: blocked for now (trade_suspended_by_user)"]
    );
    assert!(
        (0..5_000).contains(&report.clock_offset_ms),
        "{}",
        report.clock_offset_ms
    );
    let head = responder.heads().remove(0).to_lowercase();
    assert!(
        head.contains("apca-api-key-id: alpacakey") && head.contains(SECRET),
        "{head}"
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
async fn one_orders_fills_are_asked_for_by_its_id_and_other_rows_are_left_out() {
    // An older server does not know `order_id` and answers with everything.
    let body = fixture!("recorded_fills.json");
    let responder =
        Responder::start(vec![json("200 OK", "", body), json("200 OK", "", "[]")]).await;
    let venue = venue_at(&responder.url);
    let id = OrderId::new("41e50621-273f-44a3-93fd-174dcf068fd0").unwrap();
    let symbol = Symbol::new("HRB").unwrap();
    let page = venue
        .executions_of(&fills(), &symbol, &id, None)
        .await
        .unwrap();
    let quantities: Vec<_> = page.rows.iter().map(|row| row.quantity).collect();
    assert_eq!(quantities, [quantity("104"), quantity("191")]);
    let last = venue
        .executions_of(&fills(), &symbol, &id, page.next.as_ref())
        .await
        .unwrap();
    assert_eq!((last.rows.len(), last.next), (0, None));
    let head = responder.heads().remove(1);
    assert!(
        head.contains("?order_id=41e50621-273f-44a3-93fd-174dcf068fd0&direction=asc&page_size=100&page_token=20200522033150594%3A%3Aa815"),
        "{head}"
    );
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
