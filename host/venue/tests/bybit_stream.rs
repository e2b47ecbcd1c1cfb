//! Bybit's private stream, played by the test.
//!
//! Promise under test: what the stream tells is what pages tell, each category by itself, nothing is lost by
//! being dropped while it waits, and whatever ends it says what to do and no secret.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::SystemClock;
use common::line::{Host, Line, next, opened};
use fillsync_core::execution::{Source, VenueKind};
use fillsync_core::id::{AccountName, Category};
use fillsync_core::order::OrderStatus;
use fillsync_core::port::{Stream, Venue, VenueError};
use fillsync_venue::{AccountSettings, Address, Limits, open};
use secrecy::SecretString;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

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
const AUTH: &str = fixture!("documented_ws_auth.json");
const SUBSCRIBED: &str = fixture!("documented_ws_subscribe.json");
const EXECUTION: &str = fixture!("documented_ws_execution.json");
const ORDER: &str = fixture!("documented_ws_order.json");

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_millis()).unwrap()
}

async fn host() -> Host {
    let now = now_ms();
    let body = format!(
        r#"{{"retCode":0,"retMsg":"OK","result":{{"timeSecond":"{}","timeNano":"{now}000000"}},"time":{now}}}"#,
        now / 1_000
    );
    Host::start("403 Forbidden", body, false).await
}

fn venue_with(url: &str, categories: &[&str], limits: Limits) -> Arc<dyn Venue> {
    let settings = AccountSettings::new(
        AccountName::new("main").unwrap(),
        VenueKind::Bybit,
        url,
        SecretString::from(KEY),
        SecretString::from(SECRET),
        categories
            .iter()
            .map(|name| Category::new(*name).unwrap())
            .collect(),
    );
    let address = Address::new(VenueKind::Bybit, limits).unwrap();
    open(settings, &address, Arc::new(SystemClock)).unwrap()
}

fn venue(url: &str) -> Arc<dyn Venue> {
    venue_with(url, &["linear", "option"], Limits::of(VenueKind::Bybit))
}

/// Lets a stream in; returns what it said.
async fn welcome(host: &mut Host) -> (Line, [Value; 2]) {
    let mut line = host.line().await;
    let auth = heard(&mut line, "auth").await;
    line.say(AUTH).await;
    let subscribe = heard(&mut line, "subscribe").await;
    line.say(SUBSCRIBED).await;
    (line, [auth, subscribe])
}

/// The next message of this kind; a slow machine may ask for signs of life before.
async fn heard(line: &mut Line, op: &str) -> Value {
    loop {
        let message = line.heard().await;
        if message["op"] == op {
            return message;
        }
        assert_eq!(message, json!({"op": "ping"}));
    }
}

async fn open_line(host: &mut Host, venue: &dyn Venue) -> (Box<dyn Stream>, Line) {
    let (stream, (line, _)) = opened(venue, welcome(host)).await;
    (stream.unwrap(), line)
}

/// An execution message with rows of these categories.
fn executions(categories: &[&str]) -> String {
    let message: Value = serde_json::from_str(EXECUTION).unwrap();
    let rows: Vec<Value> = categories
        .iter()
        .enumerate()
        .map(|(n, category)| {
            let mut row = message["data"][0].clone();
            row["category"] = json!(category);
            row["execId"] = json!(format!("exec-{n}"));
            row
        })
        .collect();
    json!({"topic": "execution", "creationTime": 1, "data": rows}).to_string()
}

#[tokio::test]
async fn a_stream_is_authenticated_by_the_venues_clock_and_subscribed_to_the_whole_topics() {
    let mut host = host().await;
    let venue = venue(&host.url);
    let (stream, (_line, [auth, subscribe])) = opened(&*venue, welcome(&mut host)).await;
    stream.unwrap();
    assert_eq!(
        (&auth["op"], &auth["args"][0]),
        (&json!("auth"), &json!(KEY))
    );
    let expires = auth["args"][1].as_i64().unwrap();
    let ahead = expires - now_ms();
    assert!((5_000..=10_000).contains(&ahead), "{ahead}");
    assert_eq!(auth["args"][2].as_str().unwrap().len(), 64);
    assert_eq!(
        subscribe,
        json!({"op": "subscribe", "args": ["execution", "order"]})
    );
}

#[tokio::test]
async fn a_message_is_told_category_by_category_and_only_what_the_account_follows() {
    let mut host = host().await;
    let venue = venue(&host.url);
    let (mut stream, mut line) = open_line(&mut host, &*venue).await;
    line.say(r#"{"topic":"wallet","data":[{"coin":"BTC"}]}"#)
        .await;
    line.say(executions(&["option", "linear", "spot", "linear"]))
        .await;
    line.say(ORDER).await;
    let linear = next(&mut stream).await.unwrap();
    let ids: Vec<_> = linear
        .executions
        .iter()
        .map(|row| row.execution_id.as_str())
        .collect();
    assert_eq!(
        (linear.category.as_str(), ids),
        ("linear", vec!["exec-1", "exec-3"])
    );
    assert!(
        linear
            .executions
            .iter()
            .all(|row| row.source == Source::Stream
                && row.market.category == linear.category
                && row.raw.contains("extraFees"))
    );
    let option = next(&mut stream).await.unwrap();
    assert_eq!(
        (option.category.as_str(), option.executions.len()),
        ("option", 1)
    );
    let order = next(&mut stream).await.unwrap();
    assert_eq!(
        (order.category.as_str(), order.executions.len()),
        ("option", 0)
    );
    assert_eq!(order.orders[0].status, OrderStatus::Filled);
    assert_eq!(order.orders[0].average_price.unwrap().to_string(), "75");
}

#[tokio::test]
async fn a_row_that_cannot_be_read_is_told_and_costs_only_itself() {
    let mut host = host().await;
    let venue = venue(&host.url);
    let (mut stream, mut line) = open_line(&mut host, &*venue).await;
    let mut message: Value =
        serde_json::from_str(&executions(&["linear", "linear", "linear"])).unwrap();
    message["data"][0]["execQty"] = json!("many");
    message["data"][1]
        .as_object_mut()
        .unwrap()
        .remove("category");
    line.say(message.to_string()).await;
    let rows = next(&mut stream).await.unwrap();
    let reasons: Vec<_> = rows
        .unreadable
        .iter()
        .map(|row| row.reason.as_str())
        .collect();
    assert_eq!(rows.executions.len(), 1);
    assert!(reasons[0].starts_with("execQty is \"many\""), "{reasons:?}");
    assert_eq!(reasons[1], "category is missing or empty");
}

#[tokio::test]
async fn a_refused_key_is_tried_once_more_with_a_fresh_clock_and_then_told() {
    let refusal = fixture!("recorded_ws_auth_refused.json").replace("Params Error", KEY);
    let mut host = host().await;
    let venue = venue(&host.url);
    venue.now().await.unwrap();
    let refuse = async {
        for _ in 0..2 {
            let mut line = host.line().await;
            line.heard().await;
            line.say(refusal.clone()).await;
        }
        host.is_quiet()
    };
    let (stream, is_quiet) = opened(&*venue, refuse).await;
    let error = stream.err().unwrap();
    assert!(
        matches!(&error, VenueError::Refused { remedy, .. } if remedy.contains("api_secret")),
        "{error}"
    );
    assert!(is_quiet && !error.to_string().contains(KEY), "{error}");
}

#[tokio::test]
async fn a_stale_clock_is_no_refused_key() {
    let mut host = host().await;
    let venue = venue(&host.url);
    venue.now().await.unwrap();
    let plays = async {
        let mut line = host.line().await;
        line.heard().await;
        line.say(fixture!("recorded_ws_auth_refused.json")).await;
        welcome(&mut host).await
    };
    let (stream, _line) = opened(&*venue, plays).await;
    stream.unwrap();
    assert_eq!(host.requests(), 2, "the clock was asked for again");
}

#[tokio::test]
async fn topics_that_are_refused_and_answers_that_never_come_open_nothing() {
    let limits = Limits {
        head_timeout: Duration::from_millis(100),
        ..Limits::of(VenueKind::Bybit)
    };
    let mut host = host().await;
    let venue = venue_with(&host.url, &["linear"], limits);
    let plays = async {
        let mut line = host.line().await;
        line.heard().await;
        line.say(AUTH).await;
        line.heard().await;
        line.say(r#"{"success":false,"ret_msg":"error:handler not found","op":"subscribe"}"#)
            .await;
        line
    };
    let (stream, _line) = opened(&*venue, plays).await;
    let error = stream.err().unwrap();
    assert!(matches!(&error, VenueError::Rejected { .. }), "{error}");
    let (stream, _line) = opened(&*venue, host.line()).await;
    let error = stream.err().unwrap();
    assert!(
        matches!(&error, VenueError::Retry { what } if what.contains("no answer to auth")),
        "{error}"
    );
}

#[tokio::test]
async fn an_address_that_is_banned_is_told_as_for_requests() {
    let mut host = host().await;
    let now = now_ms();
    let body = format!(r#"{{"retCode":0,"result":{{}},"time":{now}}}"#);
    let deaf = Host::start("403 Forbidden", body, true).await;
    let (stream, ()) = opened(&*venue(&deaf.url), async {}).await;
    let error = stream.err().unwrap();
    assert!(
        matches!(
            error,
            VenueError::Wait {
                whole_address: true,
                ..
            }
        ),
        "{error}"
    );
    assert!(host.is_quiet());
}

fn lively() -> Limits {
    Limits {
        stream_ping_every: Duration::from_millis(50),
        stream_silence_max: Duration::from_secs(1),
        ..Limits::of(VenueKind::Bybit)
    }
}

#[tokio::test]
async fn a_quiet_stream_is_asked_for_a_sign_of_life_and_lives_while_it_gives_one() {
    let mut host = host().await;
    let venue = venue_with(&host.url, &["linear"], lively());
    let (mut stream, mut line) = open_line(&mut host, &*venue).await;
    let plays = async {
        // For longer than the silence that would end it.
        for _ in 0..30 {
            assert_eq!(line.heard().await, json!({"op": "ping"}));
            line.say(fixture!("documented_ws_pong.json")).await;
        }
        line.say(executions(&["linear"])).await;
        line
    };
    let (rows, _line) = tokio::join!(next(&mut stream), plays);
    assert_eq!(rows.unwrap().executions.len(), 1);
}

#[tokio::test]
async fn a_stream_that_gives_no_sign_of_life_is_over() {
    let mut host = host().await;
    let venue = venue_with(&host.url, &["linear"], lively());
    let (mut stream, _line) = open_line(&mut host, &*venue).await;
    let error = next(&mut stream).await.unwrap_err();
    assert!(
        matches!(&error, VenueError::Retry { what } if what.contains("no sign of life")),
        "{error}"
    );
}

#[tokio::test]
async fn a_caller_that_was_away_for_long_finds_what_was_said_meanwhile() {
    let mut host = host().await;
    let venue = venue_with(&host.url, &["linear"], lively());
    let (mut stream, mut line) = open_line(&mut host, &*venue).await;
    // A first wait asks for a sign of life, is dropped, and the caller is busy beyond the silence.
    let _ = tokio::time::timeout(Duration::from_millis(200), stream.next()).await;
    assert_eq!(line.heard().await, json!({"op": "ping"}));
    line.say(executions(&["linear"])).await;
    // It asks for nothing while nobody waits, and that lasts longer than the silence that would end it.
    let quiet = Duration::from_millis(1_200);
    while let Ok(ping) = tokio::time::timeout(quiet, line.heard()).await {
        assert_eq!(ping, json!({"op": "ping"}));
    }
    assert_eq!(next(&mut stream).await.unwrap().executions.len(), 1);
}

#[tokio::test]
async fn a_wait_that_is_dropped_loses_nothing() {
    let mut host = host().await;
    let venue = venue_with(&host.url, &["linear", "option"], lively());
    let (mut stream, mut line) = open_line(&mut host, &*venue).await;
    let says = async {
        for n in 0..50 {
            line.say(executions(&["linear", "option"])).await;
            if n % 7 == 0 {
                line.say(fixture!("documented_ws_pong.json")).await;
            }
        }
        line
    };
    let hears = async {
        let mut told = 0;
        while told < 100 {
            // Dropped as soon as it has to wait.
            tokio::select! {
                biased;
                rows = stream.next() => told += rows.unwrap().executions.len(),
                () = tokio::task::yield_now() => {}
            }
        }
        told
    };
    let both = async { tokio::join!(says, hears) };
    let (_line, told) = tokio::time::timeout(Duration::from_secs(10), both)
        .await
        .unwrap();
    assert_eq!(told, 100);
}

#[tokio::test]
async fn what_is_no_message_and_what_is_too_long_ends_the_stream() {
    let long = "x".repeat(Limits::of(VenueKind::Bybit).stream_message_bytes_max + 1);
    let many = executions(&["spot"; 1_001]);
    for (said, problem) in [
        ("<html>".to_owned(), "not the JSON"),
        (
            r#"{"topic":"execution","data":{}}"#.to_owned(),
            "without rows",
        ),
        (long, "broke off"),
        (many, "1001 rows"),
    ] {
        let mut host = host().await;
        let venue = venue(&host.url);
        let (mut stream, mut line) = open_line(&mut host, &*venue).await;
        let (error, ()) = tokio::join!(next(&mut stream), line.say(said));
        let error = error.unwrap_err();
        assert!(
            matches!(&error, VenueError::Retry { what } if what.contains(problem)),
            "{problem}: {error}"
        );
    }
    let mut host = host().await;
    let venue = venue(&host.url);
    let (mut stream, line) = open_line(&mut host, &*venue).await;
    let (error, ()) = tokio::join!(next(&mut stream), line.close());
    let error = error.unwrap_err();
    assert!(
        matches!(&error, VenueError::Retry { what } if what.contains("account main: Bybit /v5/private")),
        "{error}"
    );
}
