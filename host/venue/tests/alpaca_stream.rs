//! Alpaca's `trade_updates`, played by the test.
//!
//! Promise under test: the stream tells the execution that the activities tell, under the same key and with
//! the same facts; only fills are executions; and a stream that another program uses is left to it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::SystemClock;
use common::line::{Host, Line, next, opened};
use fillsync_core::amount::{Price, Quantity};
use fillsync_core::execution::{ExecutionClass, Relation, Side, Source, VenueKind};
use fillsync_core::id::{AccountName, Category, ExecutionId};
use fillsync_core::order::OrderStatus;
use fillsync_core::port::{Stream, StreamRows, Venue, VenueError};
use fillsync_core::time::VenueTime;
use fillsync_venue::alpaca::wire::read_fill;
use fillsync_venue::{AccountSettings, Address, Limits, open};
use secrecy::SecretString;
use serde_json::{Value, json};
use std::sync::Arc;

macro_rules! fixture {
    ($name:literal) => {
        include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../tests/fixtures/alpaca/",
            $name
        ))
    };
}

const KEY: &str = "ALPACAKEY";
const SECRET: &str = "alpaca-secret-of-a-test";
const AUTHORISED: &str = fixture!("documented_stream_authorized.json");
const LISTENING: &str = fixture!("documented_stream_listening.json");
const FILL: &str = fixture!("documented_stream_fill.json");

async fn host() -> Host {
    Host::start("429 Too Many Requests", "{}".to_owned(), false).await
}

fn venue(url: &str) -> Arc<dyn Venue> {
    let settings = AccountSettings::new(
        AccountName::new("bot").unwrap(),
        VenueKind::Alpaca,
        url,
        SecretString::from(KEY),
        SecretString::from(SECRET),
        vec![],
    );
    let address = Address::new(VenueKind::Alpaca, Limits::of(VenueKind::Alpaca)).unwrap();
    open(settings, &address, Arc::new(SystemClock)).unwrap()
}

async fn welcome(host: &mut Host) -> (Line, [Value; 2]) {
    let mut line = host.line().await;
    let auth = line.heard().await;
    // The paper host speaks in binary frames.
    line.say_binary(AUTHORISED).await;
    let listen = line.heard().await;
    line.say_binary(LISTENING).await;
    (line, [auth, listen])
}

async fn open_line(host: &mut Host, venue: &dyn Venue) -> (Box<dyn Stream>, Line) {
    let (stream, (line, _)) = opened(venue, welcome(host)).await;
    (stream.unwrap(), line)
}

/// What the stream tells of these events.
async fn told(events: &[Value]) -> Vec<StreamRows> {
    let mut host = host().await;
    let venue = venue(&host.url);
    let (mut stream, mut line) = open_line(&mut host, &*venue).await;
    let mut rows = Vec::new();
    for event in events {
        line.say_binary(event.to_string()).await;
        rows.push(next(&mut stream).await.unwrap());
    }
    rows
}

/// The documented fill, with these entries of its event and its order replaced.
fn event(patch: Value, order: Value) -> Value {
    let mut event: Value = serde_json::from_str(FILL).unwrap();
    for (into, patch) in [("/data", patch), ("/data/order", order)] {
        let into = event.pointer_mut(into).unwrap().as_object_mut().unwrap();
        into.extend(patch.as_object().unwrap().clone());
    }
    event
}

#[tokio::test]
async fn a_stream_is_authenticated_and_listens_to_trade_updates_alone() {
    let mut host = host().await;
    let venue = venue(&host.url);
    let (stream, (_line, [auth, listen])) = opened(&*venue, welcome(&mut host)).await;
    stream.unwrap();
    let keys = json!({"key_id": KEY, "secret_key": SECRET});
    assert_eq!(auth, json!({"action": "authenticate", "data": keys}));
    assert_eq!(
        listen,
        json!({"action": "listen", "data": {"streams": ["trade_updates"]}})
    );
}

#[tokio::test]
async fn a_fill_is_told_in_text_and_in_binary_frames() {
    let mut host = host().await;
    let venue = venue(&host.url);
    let (mut stream, mut line) = open_line(&mut host, &*venue).await;
    line.say(FILL).await;
    let as_text = next(&mut stream).await.unwrap();
    line.say_binary(FILL).await;
    assert_eq!(as_text, next(&mut stream).await.unwrap());
    let fill = &as_text.executions[0];
    assert_eq!(
        (fill.source, fill.class.clone(), fill.side),
        (Source::Stream, ExecutionClass::OrderFill, Side::Sell)
    );
    assert_eq!(
        fill.market.symbol.as_str(),
        "SOL/USD",
        "spelled as activities spell it"
    );
    assert_eq!(
        fill.execution_id.as_str(),
        "2f63ea93-423d-4169-b3f6-3fdafc10c418"
    );
    assert_eq!(
        fill.executed_at,
        VenueTime::parse("2022-04-19T17:45:05.024916Z").unwrap()
    );
    let order = &as_text.orders[0];
    assert_eq!(
        (order.status.clone(), order.average_price),
        (
            OrderStatus::Filled,
            Some(Price::parse("105.8988475").unwrap())
        )
    );
    assert_eq!(order.market, fill.market);
}

#[tokio::test]
async fn an_execution_is_the_same_by_stream_and_by_activity() {
    // The pairing of both ids is as checked live by the author of an adapter (one witness); the activity
    // is the documented fill in the activities' form.
    for (side, order_side, patch, order) in [
        ("sell", "sell", json!({"position_qty": "0"}), json!({})),
        (
            "sell",
            "sell",
            json!({"position_qty": "-5"}),
            json!({"position_intent": "sell_to_close"}),
        ),
        (
            "sell_short",
            "sell",
            json!({"position_qty": "-5"}),
            json!({}),
        ),
        (
            "sell_short",
            "sell",
            json!({"position_qty": "0"}),
            json!({"position_intent": "sell_to_open"}),
        ),
        (
            "sell_short",
            "sell_short",
            json!({"position_qty": "3"}),
            json!({}),
        ),
        ("buy", "buy", json!({"position_qty": "5"}), json!({})),
    ] {
        let activity = json!({
            "id": "20220419134505024::2f63ea93-423d-4169-b3f6-3fdafc10c418", "activity_type": "FILL",
            "transaction_time": "2022-04-19T17:45:05.024916Z", "type": "fill", "price": "105.8988475",
            "qty": "1790.86", "side": side, "symbol": "SOL/USD", "leaves_qty": "0",
            "order_id": "a5be8f5e-fdfa-41f5-a644-7a74fe947a8f", "cum_qty": "1790.86"
        });
        let activity = serde_json::value::to_raw_value(&activity).unwrap();
        let category = Category::new("fills").unwrap();
        let account = AccountName::new("bot").unwrap();
        let row = read_fill(&activity, &account, &category, Source::Poll).unwrap();
        let mut order = order;
        order["side"] = json!(order_side);
        let rows = told(&[event(patch, order)]).await.remove(0);
        let mut fill = rows.executions[0].clone();
        // What only one way tells.
        assert!(fill.client_order_id.take().is_some());
        fill.source = Source::Poll;
        fill.raw.clone_from(&row.raw);
        assert_eq!(fill, row, "{side}");
    }
}

#[tokio::test]
async fn only_fills_are_executions_and_every_event_tells_its_order() {
    // Lean.Brokerages.Alpaca #41: `new` carries an execution id as well, which belongs to nothing.
    for (name, status, known) in [
        ("new", "new", OrderStatus::Open),
        ("accepted", "accepted", OrderStatus::Open),
        ("canceled", "canceled", OrderStatus::Cancelled),
        ("expired", "expired", OrderStatus::Cancelled),
        ("done_for_day", "done_for_day", OrderStatus::Open),
        ("replaced", "replaced", OrderStatus::Replaced),
        ("rejected", "rejected", OrderStatus::Rejected),
        ("order_cancel_rejected", "new", OrderStatus::Open),
        ("something_new", "new", OrderStatus::Open),
    ] {
        let event = event(json!({"event": name}), json!({"status": status}));
        let rows = told(&[event]).await.remove(0);
        assert_eq!(
            (rows.executions.len(), rows.unreadable.len()),
            (0, 0),
            "{name}"
        );
        assert_eq!(rows.orders[0].status, known, "{name}");
    }
    let partial = event(
        json!({"event": "partial_fill", "qty": "10", "price": "105"}),
        json!({"status": "partially_filled", "filled_qty": "500"}),
    );
    let rows = told(&[partial]).await.remove(0);
    let amounts = (rows.executions[0].quantity, rows.executions[0].price);
    assert_eq!(
        amounts,
        (Quantity::parse("10").unwrap(), Price::parse("105").unwrap()),
        "the event's own, not the order's sum"
    );
}

#[tokio::test]
async fn a_correction_and_a_bust_say_of_which_row_and_are_not_guessed() {
    let first = ExecutionId::new("2f63ea93-423d-4169-b3f6-3fdafc10c418").unwrap();
    let about = |name: &str, own: &str, previous: Value| {
        let mut patch = json!({"event": name, "execution_id": own});
        patch
            .as_object_mut()
            .unwrap()
            .extend(previous.as_object().unwrap().clone());
        event(patch, json!({}))
    };
    let rows = told(&[
        about(
            "trade_correct",
            "c-1",
            json!({"previous_execution_id": first.as_str(), "price": "1"}),
        ),
        about(
            "trade_bust",
            "b-1",
            json!({"previous_id": first.as_str(), "price": null, "qty": null}),
        ),
        about("trade_bust", "b-2", json!({})),
        about("trade_bust", "b-3", json!({"previous_execution_id": "b-3"})),
    ])
    .await;
    let correction = &rows[0].executions[0];
    assert_eq!(
        (correction.execution_id.as_str(), &correction.relation),
        ("c-1", &Relation::Corrects(first.clone()))
    );
    let bust = &rows[1].executions[0];
    assert_eq!(
        (&bust.relation, bust.quantity),
        (&Relation::Busts(first), Quantity::ZERO)
    );
    for rows in &rows[2..] {
        assert_eq!((rows.executions.len(), rows.orders.len()), (0, 1));
        assert!(
            rows.unreadable[0]
                .reason
                .starts_with("previous_execution_id"),
            "{:?}",
            rows.unreadable
        );
    }
}

#[tokio::test]
async fn what_cannot_be_read_of_an_event_is_told_and_keeps_nothing_else_back() {
    let rows = told(&[
        event(json!({"qty": "some"}), json!({})),
        event(json!({}), json!({"status": "filled", "created_at": "soon"})),
        json!({"stream": "trade_updates", "data": {"event": "fill"}}),
    ])
    .await;
    assert_eq!((rows[0].executions.len(), rows[0].orders.len()), (0, 1));
    assert!(rows[0].unreadable[0].reason.starts_with("qty is \"some\""));
    assert_eq!((rows[1].executions.len(), rows[1].orders.len()), (1, 0));
    assert!(
        rows[1].unreadable[0]
            .reason
            .starts_with("created_at is \"soon\"")
    );
    assert_eq!(rows[2].unreadable[0].reason, "order is missing or empty");
}

#[tokio::test]
async fn a_multi_leg_order_tells_its_legs_and_no_fill_of_its_own() {
    let leg = json!({"id": "l-1", "symbol": "SPY260320C00600000", "asset_class": "us_option", "side": "buy",
        "order_class": "mleg", "type": "limit", "status": "filled", "qty": "1", "filled_qty": "1",
        "created_at": "2026-01-02T15:00:00Z"});
    let parent = json!({"order_class": "mleg", "symbol": null, "side": "", "asset_class": "", "legs": [leg]});
    let rows = told(&[event(json!({}), parent)]).await.remove(0);
    assert_eq!((rows.executions.len(), rows.unreadable.len()), (0, 0));
    let ids: Vec<_> = rows
        .orders
        .iter()
        .map(|order| order.order_id.as_str())
        .collect();
    assert_eq!(ids, ["l-1"]);
}

#[tokio::test]
async fn a_key_that_is_refused_and_a_stream_that_is_not_granted_open_nothing() {
    let mut host = host().await;
    let venue = venue(&host.url);
    let refuses = async {
        let mut line = host.line().await;
        line.heard().await;
        line.say(fixture!("documented_stream_unauthorized.json"))
            .await;
    };
    let (stream, ()) = opened(&*venue, refuses).await;
    let error = stream.err().unwrap();
    assert!(
        matches!(&error, VenueError::Refused { remedy, .. } if remedy.contains("api_secret")),
        "{error}"
    );
    let grants_nothing = async {
        let mut line = host.line().await;
        line.heard().await;
        line.say(AUTHORISED).await;
        line.heard().await;
        line.say(r#"{"stream":"listening","data":{"streams":[]}}"#)
            .await;
    };
    let (stream, ()) = opened(&*venue, grants_nothing).await;
    let error = stream.err().unwrap();
    assert!(matches!(&error, VenueError::Rejected { .. }), "{error}");
    let deaf = Host::start("429 Too Many Requests", "{}".to_owned(), true).await;
    let (stream, ()) = opened(&*self::venue(&deaf.url), async {}).await;
    let error = stream.err().unwrap();
    assert!(matches!(&error, VenueError::Wait { .. }), "{error}");
}

#[tokio::test]
async fn a_stream_that_another_program_holds_is_left_to_it() {
    let echo = format!("connection limit exceeded for {SECRET}");
    for refusal in [
        json!({"action": "error", "data": {"error_message": echo}}),
        json!([{"T": "error", "code": 406, "msg": "too many"}]),
        json!({"action": "error", "data": {"code": 406, "message": ""}}),
    ] {
        let mut host = host().await;
        let venue = venue(&host.url);
        let refuses = async {
            let mut line = host.line().await;
            line.heard().await;
            line.say(refusal.to_string()).await;
        };
        let (stream, ()) = opened(&*venue, refuses).await;
        let error = stream.err().unwrap();
        assert!(
            matches!(&error, VenueError::Refused { remedy, .. } if remedy.contains("turn the stream off")),
            "{error}"
        );
        assert!(!error.to_string().contains(SECRET), "{error}");
    }
    let other = json!({"action": "error", "data": {"error_message": "internal"}});
    let mut host = host().await;
    let venue = venue(&host.url);
    let (mut stream, mut line) = open_line(&mut host, &*venue).await;
    line.say(other.to_string()).await;
    let error = next(&mut stream).await.unwrap_err();
    assert!(
        matches!(&error, VenueError::Retry { what } if what.contains("internal")),
        "{error}"
    );
}

#[tokio::test]
async fn a_stream_that_the_venue_ends_again_and_again_is_not_opened_for_ever() {
    let mut host = host().await;
    let venue = venue(&host.url);
    for ending in 1..=3 {
        let (mut stream, line) = open_line(&mut host, &*venue).await;
        let (error, ()) = tokio::join!(next(&mut stream), line.close());
        let error = error.unwrap_err();
        let is_over = matches!(&error, VenueError::Refused { remedy, .. } if remedy.contains("another program"));
        let is_passing = matches!(&error, VenueError::Retry { .. });
        assert_eq!((is_passing, is_over), (ending < 3, ending == 3), "{error}");
    }
}
