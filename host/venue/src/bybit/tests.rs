//! What Bybit says, read: recorded and documented rows, refusals by code, signatures by known vectors.
//!
//! The fixtures' origins are in the README beside them. Whole traversals against the fake venue are in
//! `tests/bybit.rs` of this package.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::client::window_ms;
use super::refusal::{Action, TABLE, lookup};
use super::session::sign;
use super::wire::{self, Envelope, List, class_of, order_status, read_execution, read_order};
use crate::responder::{Responder, json};
use crate::{AccountSettings, Address, Limits, OpenError, open};
use fillsync_core::amount::{Money, Price, Quantity};
use fillsync_core::coverage::Window;
use fillsync_core::execution::{Execution, ExecutionClass, Side, Source, VenueKind};
use fillsync_core::id::{AccountName, Category};
use fillsync_core::order::{Lane, Order, OrderKind, OrderStatus, StopKind};
use fillsync_core::port::{Clock, Cursor, Venue, VenueError};
use fillsync_core::time::{HostTime, VenueTime};
use secrecy::SecretString;
use serde_json::value::RawValue;
use std::sync::Arc;
use std::time::Duration;

macro_rules! fixture {
    ($name:literal) => {
        include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../tests/fixtures/bybit/",
            $name
        ))
    };
}

const KEY: &str = "TESTKEY0123456789";
const SECRET: &str = "testsecret-abcdefghijklmnopqrstuvwxyz";

struct FixedClock;

impl Clock for FixedClock {
    fn now(&self) -> HostTime {
        HostTime::from_ms(1_688_639_403_000)
    }
}

fn account() -> AccountName {
    AccountName::new("main").unwrap()
}

fn category(name: &str) -> Category {
    Category::new(name).unwrap()
}

fn settings(base_url: &str, categories: &[&str]) -> AccountSettings {
    AccountSettings::new(
        account(),
        VenueKind::Bybit,
        base_url,
        SecretString::from(KEY),
        SecretString::from(SECRET),
        categories.iter().map(|name| category(name)).collect(),
    )
}

fn venue_at(base_url: &str, limits: Limits) -> Arc<dyn Venue> {
    let address = Address::new(VenueKind::Bybit, limits).unwrap();
    open(
        settings(base_url, &["linear"]),
        &address,
        Arc::new(FixedClock),
    )
    .unwrap()
}

fn rows(body: &str) -> Vec<&RawValue> {
    match serde_json::from_str::<Envelope<'_>>(body) {
        Ok(envelope) => envelope.result.list.unwrap(),
        Err(_) => serde_json::from_str::<List<'_>>(body)
            .unwrap()
            .list
            .unwrap(),
    }
}

fn first_execution(body: &str, name: &str) -> Execution {
    read_execution(rows(body)[0], &account(), &category(name), Source::Poll).unwrap()
}

fn first_order(body: &str, name: &str) -> Order {
    read_order(rows(body)[0], &account(), &category(name)).unwrap()
}

fn execution(row: &str, name: &str) -> Result<Execution, crate::field::RowError> {
    let raw: &RawValue = serde_json::from_str(row).unwrap();
    read_execution(raw, &account(), &category(name), Source::Poll)
}

#[test]
fn signatures_equal_the_known_vectors() {
    let cases = [
        (
            "category=linear&cursor=132766%3A2%2C132766%3A2&limit=100",
            "573ef8ffce0b2b27dfcc19abbeb6cc0d90ff51a8ad3293b35d83f68609776d13",
        ),
        (
            "",
            "f465d608389a4b3b9e5e95d1238c9116c07b69dcaf7bdc37d4aba940cf48a991",
        ),
        (
            r#"{"category":"linear","symbol":"BTCUSDT"}"#,
            "965ff8f206bd491334eccc722f3f97826527fdeb925a83038edecc1b7182d890",
        ),
    ];
    for (payload, signature) in cases {
        assert_eq!(
            sign(SECRET, "1700000000000", KEY, payload).as_deref(),
            Some(signature)
        );
    }
}

#[test]
fn a_window_asks_for_every_moment_in_it_and_ends_before_the_next() {
    let ms = |from: i64, to: i64| {
        window_ms(Window::new(
            VenueTime::from_us(from),
            VenueTime::from_us(to),
        ))
    };
    assert_eq!(ms(1_000_000, 2_000_000), (1_000, 1_999));
    // A window that ends inside a millisecond needs that millisecond.
    assert_eq!(ms(1_000_999, 2_000_001), (1_000, 2_000));
    assert_eq!(ms(1_000_000, 1_000_001), (1_000, 1_000));
    assert_eq!(
        ms(1_000_000, 1_000_000),
        (1_000, 1_000),
        "an empty window is no backward one"
    );
}

#[test]
fn a_documented_execution_is_read_whole() {
    let row = first_execution(fixture!("documented_execution_list.json"), "linear");
    assert_eq!(row.class, ExecutionClass::OrderFill);
    assert_eq!(
        row.execution_id.as_str(),
        "e0cbe81d-0f18-5866-9415-cf319b5dab3b"
    );
    assert_eq!(
        row.order_id.unwrap().as_str(),
        "8c065341-7b52-4ca9-ac2c-37e31ac55c94"
    );
    assert_eq!((row.client_order_id, row.side), (None, Side::Buy));
    assert_eq!(
        (row.quantity, row.price),
        (
            Quantity::parse("0.1").unwrap(),
            Price::parse("1190.15").unwrap()
        )
    );
    let fee = row.fee.unwrap();
    assert_eq!(fee.amount, Money::parse("0.071409").unwrap());
    assert_eq!(
        fee.currency.unwrap().as_str(),
        "USDC",
        "ETHPERP settles in USDC"
    );
    assert_eq!(
        (row.is_maker, row.venue_sequence),
        (Some(false), Some(4_688_002_127))
    );
    assert_eq!(
        (row.leaves_quantity, row.closed_quantity),
        (Some(Quantity::ZERO), None)
    );
    assert_eq!(
        (row.order_kind, row.stop),
        (OrderKind::Market, StopKind::None)
    );
    assert_eq!(row.executed_at, VenueTime::from_ms(1_672_282_722_429));
    assert!(
        row.raw.contains("\"markPrice\": \"1183.54\""),
        "the raw row is kept as it came"
    );
}

#[test]
fn a_recorded_execution_is_read_without_the_keys_that_came_later() {
    let row = first_execution(fixture!("recorded_execution_list_result.json"), "linear");
    assert_eq!(row.class, ExecutionClass::OrderFill);
    assert_eq!(row.closed_quantity, Some(Quantity::parse("0.01").unwrap()));
    assert_eq!(row.venue_sequence, None);
    assert_eq!(row.fee.unwrap().currency.unwrap().as_str(), "USDT");
}

#[test]
fn a_stream_message_has_the_same_rows() {
    #[derive(serde::Deserialize)]
    struct Message<'a> {
        #[serde(borrow)]
        data: Vec<&'a RawValue>,
    }
    let message: Message<'_> =
        serde_json::from_str(fixture!("documented_ws_execution.json")).unwrap();
    let row = read_execution(
        message.data[0],
        &account(),
        &category("linear"),
        Source::Stream,
    )
    .unwrap();
    assert_eq!(
        (row.quantity, row.source),
        (Quantity::parse("0.5").unwrap(), Source::Stream)
    );
}

#[test]
fn rows_are_classed_and_never_dropped() {
    use ExecutionClass as Class;
    let table = [
        ("Trade", "", Class::OrderFill),
        ("BlockTrade", "", Class::OrderFill),
        ("FutureSpread", "", Class::OrderFill),
        ("Trade", "CreateByUser", Class::OrderFill),
        ("Trade", "CreateByLiq", Class::Liquidation),
        ("Trade", "CreateByTakeOver_PassThrough", Class::Liquidation),
        ("Trade", "CreateByAdl_PassThrough", Class::AutoDeleverage),
        ("Trade", "CreateBySettle", Class::Settlement),
        ("AdlTrade", "", Class::AutoDeleverage),
        ("BustTrade", "", Class::Liquidation),
        ("Delivery", "", Class::Settlement),
        ("Settle", "", Class::Settlement),
        ("Funding", "", Class::Cash),
        ("SessionSettlePnL", "", Class::Cash),
        ("MovePosition", "", Class::Transfer),
        ("CorporateAction", "", Class::Transfer),
        (
            "SomethingNew",
            "",
            Class::Unknown("SomethingNew".to_owned()),
        ),
    ];
    for (exec_type, create_type, class) in table {
        assert_eq!(
            class_of(exec_type, create_type),
            class,
            "{exec_type} {create_type}"
        );
    }
}

#[test]
fn a_funding_row_is_cash_and_belongs_to_no_order() {
    let row = execution(
        r#"{"symbol":"BTCUSDT","orderId":"1672128000-8-592324-1-2","orderLinkId":"","side":"Buy","orderType":"UNKNOWN",
            "stopOrderType":"UNKNOWN","execId":"f1","execType":"Funding","execQty":"","execPrice":"","execFee":"-0.5",
            "execTime":"1672128000000","seq":"-1","extraFees":[{"fee":"1"}],"isMaker":null,"closedSize":"0"}"#,
        "linear",
    )
    .unwrap();
    assert_eq!((row.class, row.order_id), (ExecutionClass::Cash, None));
    assert_eq!((row.quantity, row.price), (Quantity::ZERO, Price::ZERO));
    assert_eq!(
        (row.order_kind, row.venue_sequence),
        (OrderKind::Unstated, Some(-1))
    );
    assert_eq!(row.fee.unwrap().amount, Money::parse("-0.5").unwrap());
}

#[test]
fn spot_ids_stay_text_and_stops_are_named() {
    let row = execution(
        r#"{"symbol":"BTCUSDT","orderId":"1549452573428424448","side":"Sell","orderType":"Limit","stopOrderType":"",
            "createType":"CreateByTakeProfit","execId":"2210000000101610464","execType":"Trade","execQty":"0.1",
            "execPrice":"60000","execFee":"6","feeRate":"0.001","isMaker":true,"execTime":"1672128000000"}"#,
        "spot",
    )
    .unwrap();
    assert_eq!(row.execution_id.as_str(), "2210000000101610464");
    assert_eq!(row.stop, StopKind::TakeProfit);
    assert_eq!(row.fee.unwrap().currency.unwrap().as_str(), "USDT");
}

#[test]
fn a_row_that_cannot_be_read_names_its_field_and_value() {
    let row = |patch: &str| {
        format!(
            r#"{{"symbol":"BTCUSDT","side":"Buy","execId":"e","execType":"Trade","execQty":"1","execPrice":"2","execTime":"1672128000000"{patch}}}"#
        )
    };
    assert!(execution(&row(""), "linear").is_ok());
    let reason = |row: &str| execution(row, "linear").unwrap_err().to_string();
    assert!(reason(&row(r#","leavesQty":"many""#)).starts_with("leavesQty is \"many\""));
    assert_eq!(
        reason(&row("").replace("\"2\"", "\"\"")),
        "execPrice is missing or empty"
    );
    assert!(reason(&row("").replace("Buy", "None")).starts_with("side is \"None\""));
    assert!(reason(&row("").replace("1672128000000", "soon")).starts_with("execTime is \"soon\""));
    assert!(reason(&row(r#","side":"Sell""#)).contains("duplicate field"));
}

#[test]
fn documented_and_recorded_orders_are_read() {
    let open = first_order(fixture!("documented_order_realtime.json"), "linear");
    assert_eq!(
        (open.status.clone(), open.lane),
        (OrderStatus::Open, Lane::Long)
    );
    assert_eq!(
        open.client_order_id.as_ref().unwrap().as_str(),
        "test-000005"
    );
    assert_eq!(
        (open.price, open.quantity),
        (
            Some(Price::parse("1600").unwrap()),
            Some(Quantity::parse("0.1").unwrap())
        )
    );
    assert!(open.can_be_entry());
    let closed = first_order(fixture!("documented_order_history.json"), "linear");
    assert_eq!(
        (closed.status, closed.filled_quantity),
        (OrderStatus::Cancelled, Quantity::ZERO)
    );
    assert_eq!(closed.updated_at, VenueTime::from_ms(1_684_476_068_372));
    let spot = first_order(fixture!("recorded_open_orders_result.json"), "spot");
    assert_eq!(
        (spot.order_id.as_str(), spot.lane),
        ("1368933863545500672", Lane::OneWay)
    );
    assert_eq!(
        spot,
        first_order(fixture!("recorded_order_history_result.json"), "spot")
    );
}

#[test]
fn statuses_are_told_in_shared_words() {
    let cancelled_partly = order_status("PartiallyFilledCanceled");
    assert_eq!(cancelled_partly, OrderStatus::Cancelled);
    for open in ["New", "PartiallyFilled", "Untriggered", "Triggered"] {
        assert_eq!(order_status(open), OrderStatus::Open, "{open}");
    }
    assert_eq!(order_status("Deactivated"), OrderStatus::Cancelled);
    assert_eq!(order_status("Rejected"), OrderStatus::Rejected);
    assert_eq!(order_status("Filled"), OrderStatus::Filled);
    assert_eq!(
        order_status("Paused"),
        OrderStatus::Unknown("Paused".to_owned())
    );
}

#[test]
fn positions_are_signed_and_flat_ones_are_none() {
    let list = rows(fixture!("documented_position_list.json"));
    let short = wire::read_position(list[0]).unwrap().unwrap();
    assert_eq!(
        (short.symbol.as_str(), short.lane),
        ("BTCUSD", Lane::OneWay)
    );
    assert_eq!(short.quantity, Quantity::parse("-300").unwrap());
    let list = rows(fixture!("recorded_position_list_result.json"));
    assert_eq!(wire::read_position(list[0]).unwrap(), None);
}

#[test]
fn every_code_of_the_documentation_has_its_action() {
    let of = |code| lookup(code).1;
    for code in [429, 10_000, 10_016, 99_999] {
        assert_eq!(of(code), Action::Retry, "{code}");
    }
    for code in [-1, 10_002] {
        assert_eq!(of(code), Action::Clock, "{code}");
    }
    for code in [10_001, 10_017, 10_029, 181_017] {
        assert_eq!(of(code), Action::Rejected, "{code}");
    }
    for code in [
        10_003, 10_004, 10_005, 10_007, 10_008, 10_009, 10_010, 10_024, 10_028, 33_004, -2_015,
    ] {
        assert!(matches!(of(code), Action::Refused(_)), "{code}");
    }
    assert_eq!(
        (of(10_006), of(10_018), of(0)),
        (Action::RateWait, Action::AddressBan, Action::Fine)
    );
    let mut codes: Vec<_> = TABLE.iter().map(|(code, _, _)| *code).collect();
    codes.sort_unstable();
    codes.dedup();
    assert_eq!(
        codes.len(),
        TABLE.len(),
        "each code stands in the table once"
    );
}

/// Asks for one page of a venue that first tells its time and then answers with these.
async fn asked(
    answers: Vec<Option<Vec<u8>>>,
    limits: Limits,
) -> (Result<usize, VenueError>, Vec<String>) {
    let mut all = vec![json("200 OK", "", fixture!("documented_market_time.json"))];
    all.extend(answers);
    let responder = Responder::start(all).await;
    let venue = venue_at(&responder.url, limits);
    let window = Window::new(
        VenueTime::from_ms(1_688_639_000_000),
        VenueTime::from_ms(1_688_639_403_000),
    );
    let cursor = Cursor("|132766%3A2%2C132766%3A2".to_owned());
    let page = venue
        .executions(&category("linear"), window, Some(&cursor))
        .await;
    (page.map(|page| page.rows.len()), responder.heads())
}

async fn refused(status: &str, headers: &str, body: &str) -> VenueError {
    asked(
        vec![json(status, headers, body)],
        Limits::of(VenueKind::Bybit),
    )
    .await
    .0
    .unwrap_err()
}

#[tokio::test]
async fn the_signed_query_is_the_query_on_the_wire() {
    let page = json(
        "200 OK",
        "",
        r#"{"retCode":0,"retMsg":"OK","result":{"list":[],"nextPageCursor":""},"time":1688639403423}"#,
    );
    let (rows, heads) = asked(vec![page], Limits::of(VenueKind::Bybit)).await;
    assert_eq!(rows, Ok(0));
    let head = heads.last().unwrap();
    let query = head.split_once('?').unwrap().1.split_once(' ').unwrap().0;
    assert!(
        query.ends_with("&cursor=132766%3A2%2C132766%3A2"),
        "{query}"
    );
    let header = |name: &str| {
        let line = head
            .lines()
            .find(|line| line.to_lowercase().starts_with(name))
            .unwrap();
        line.split_once(": ").unwrap().1.to_owned()
    };
    let signature = sign(
        SECRET,
        &header("x-bapi-timestamp"),
        &header("x-bapi-api-key"),
        query,
    );
    assert_eq!(Some(header("x-bapi-sign")), signature);
    assert_eq!(header("x-bapi-recv-window"), "5000");
}

#[tokio::test]
async fn recorded_refusals_say_what_to_do_and_no_secret() {
    let error = refused("200 OK", "", fixture!("error_10001.json")).await;
    assert!(
        matches!(&error, VenueError::Rejected { what } if what.contains("position_mode invalid")),
        "{error}"
    );
    let error = refused("200 OK", "", fixture!("error_10010.json")).await;
    assert!(
        matches!(&error, VenueError::Refused { remedy, .. } if remedy.contains("address")),
        "{error}"
    );
    let error = refused("200 OK", "", fixture!("error_10004.json")).await;
    assert!(matches!(&error, VenueError::Refused { .. }), "{error}");
    assert!(
        !error.to_string().contains("XXXXXX"),
        "the echoed key is in {error}"
    );
}

#[tokio::test]
async fn a_refused_time_stamp_is_retried_once_and_then_told() {
    let refusal = || json("200 OK", "", fixture!("error_10002.json"));
    let time = json("200 OK", "", fixture!("documented_market_time.json"));
    let (rows, heads) = asked(
        vec![refusal(), time, refusal()],
        Limits::of(VenueKind::Bybit),
    )
    .await;
    assert!(
        matches!(&rows, Err(VenueError::Retry { what }) if what.contains("10002")),
        "{rows:?}"
    );
    let paths: Vec<_> = heads
        .iter()
        .map(|head| head.split(['?', ' ']).nth(1).unwrap())
        .collect();
    assert_eq!(
        paths,
        [
            "/v5/market/time",
            "/v5/execution/list",
            "/v5/market/time",
            "/v5/execution/list"
        ]
    );
}

#[tokio::test]
async fn rate_limits_wait_as_long_as_the_venue_says() {
    let body = r#"{"retCode":10006,"retMsg":"Too many visits!","result":{},"time":1688639403423}"#;
    let error = refused("200 OK", "", body).await;
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
        (Duration::from_millis(1_500), false)
    );
    let error = refused(
        "200 OK",
        "X-Bapi-Limit-Reset-Timestamp: 1688639407423\r\n",
        body,
    )
    .await;
    let VenueError::Wait { after, .. } = error else {
        panic!("{error}")
    };
    assert!(
        after > Duration::from_secs(3) && after <= Duration::from_secs(4),
        "{after:?}"
    );
    let error = refused("403 Forbidden", "", "access too frequent").await;
    let VenueError::Wait {
        after,
        whole_address,
        ..
    } = error
    else {
        panic!("{error}")
    };
    assert_eq!((after, whole_address), (Duration::from_secs(600), true));
}

#[tokio::test]
async fn what_is_no_answer_is_asked_again() {
    for (status, headers, body) in [
        ("200 OK", "", "<html>maintenance</html>"),
        (
            "200 OK",
            "",
            r#"{"retCode":0,"retMsg":"OK","result":{},"time":1}"#,
        ),
        (
            "200 OK",
            "",
            r#"{"retCode":99999,"retMsg":"new","result":{}}"#,
        ),
        (
            "200 OK",
            "",
            r#"{"retMsg":"broken","retCode":10016,"result":""}"#,
        ),
        ("302 Found", "location: http://127.0.0.1:9/\r\n", ""),
        ("502 Bad Gateway", "", "<html>"),
    ] {
        let error = refused(status, headers, body).await;
        assert!(
            matches!(error, VenueError::Retry { .. }),
            "{status} {body}: {error}"
        );
        assert!(
            !error.to_string().contains("http://"),
            "a URL is in {error}"
        );
    }
}

#[tokio::test]
async fn bodies_are_bounded_after_they_are_unpacked() {
    // 133 bytes that unpack to 100,000 blanks.
    let packed = hex::decode(concat!(
        "1f8b0800000000000203edc13101000000c2a02aeb9fd21a1e40010000000000000000000000000000000000000000",
        "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000",
        "00000000000000000000000000000000000000000000000000af062df079caa0860100"
    ))
    .unwrap();
    let mut answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        packed.len()
    )
    .into_bytes();
    answer.extend(packed);
    let limits = Limits {
        body_bytes_max: 50_000,
        ..Limits::of(VenueKind::Bybit)
    };
    let error = asked(vec![Some(answer)], limits).await.0.unwrap_err();
    assert!(
        matches!(&error, VenueError::Retry { what } if what.contains("longer than 50000 bytes")),
        "{error}"
    );
}

#[tokio::test]
async fn a_silent_venue_and_a_cut_body_are_passing_faults() {
    let limits = Limits {
        head_timeout: Duration::from_millis(50),
        ..Limits::of(VenueKind::Bybit)
    };
    let error = asked(vec![None], limits).await.0.unwrap_err();
    assert!(
        matches!(&error, VenueError::Retry { what } if what.contains("no answer within")),
        "{error}"
    );
    let cut = b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{\"retCode\":0".to_vec();
    let error = asked(vec![Some(cut)], Limits::of(VenueKind::Bybit))
        .await
        .0
        .unwrap_err();
    assert!(
        matches!(&error, VenueError::Retry { what } if what.contains("broke off after 12 bytes")),
        "{error}"
    );
}

#[tokio::test]
async fn a_key_tells_its_powers() {
    let report = async |body: &str| {
        let time = json("200 OK", "", fixture!("documented_market_time.json"));
        let responder = Responder::start(vec![time, json("200 OK", "", body)]).await;
        venue_at(&responder.url, Limits::of(VenueKind::Bybit))
            .key()
            .await
            .unwrap()
    };
    let reading = report(fixture!("documented_user_query_api.json")).await;
    assert_eq!((reading.read_only, reading.powers.len()), (Some(true), 0));
    assert_eq!(
        (reading.expires_at, reading.uid.as_deref()),
        (None, Some("1448939"))
    );
    assert!(
        (0..5_000).contains(&reading.clock_offset_ms),
        "{}",
        reading.clock_offset_ms
    );
    let recorded = fixture!("recorded_query_api_result.json");
    let trading = report(&format!(
        r#"{{"retCode":0,"retMsg":"","result":{recorded},"time":1688639403423}}"#
    ))
    .await;
    assert_eq!(trading.read_only, Some(false));
    assert!(
        trading
            .powers
            .contains(&"Wallet: AccountTransfer".to_owned()),
        "{:?}",
        trading.powers
    );
    assert!(trading.expires_at.is_some());
}

#[test]
fn settings_that_cannot_work_are_told_before_anything_is_sent() {
    let address = Address::new(VenueKind::Bybit, Limits::of(VenueKind::Bybit)).unwrap();
    let refuse = |settings: AccountSettings| {
        open(settings, &address, Arc::new(FixedClock))
            .err()
            .unwrap()
            .to_string()
    };
    assert!(refuse(settings("http://api.bybit.com", &["linear"])).contains("not https"));
    assert!(refuse(settings("https://api.bybit.com/v5", &["linear"])).contains("has a path"));
    assert!(refuse(settings("https://api.bybit.com", &["futures"])).contains("futures"));
    assert!(refuse(settings("https://api.bybit.com", &[])).contains("not one of linear"));
    let mut with_blank = settings("https://api.bybit.com", &["linear"]);
    with_blank.api_key = SecretString::from("key with a blank\n");
    let error = refuse(with_blank);
    assert!(
        error.contains("api_key") && !error.contains("blank\n"),
        "{error}"
    );
    let mut other = settings("https://api.bybit.com", &["linear"]);
    other.venue = VenueKind::Alpaca;
    assert!(matches!(
        open(other, &address, Arc::new(FixedClock)).err(),
        Some(OpenError::OtherVenue { .. })
    ));
}
