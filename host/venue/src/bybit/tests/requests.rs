//! What goes out: signatures, windows, the query on the wire, and settings that cannot work.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::{FixedClock, KEY, SECRET, asked, category, settings, venue_at};
use crate::bybit::pages::window_ms;
use crate::bybit::session::{sign, sign_stream};
use crate::bybit::stream;
use crate::http::Http;
use crate::responder::{Responder, json};
use crate::{AccountSettings, Address, Limits, OpenError, open};
use fillsync_core::coverage::Window;
use fillsync_core::execution::VenueKind;
use fillsync_core::id::{OrderId, Symbol};
use fillsync_core::port::Cursor;
use fillsync_core::time::VenueTime;
use secrecy::SecretString;
use std::sync::Arc;

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

#[tokio::test]
async fn one_orders_executions_are_asked_for_by_its_id_and_no_other_rows_are_taken() {
    // A row of another order, and a settlement whose `orderId` is none of an order.
    let row = |order: &str, id: &str, kind: &str| {
        format!(
            r#"{{"symbol":"BTCUSDT","orderId":"{order}","side":"Buy","execId":"{id}","execType":"{kind}",
                "execQty":"1","execPrice":"2","execTime":"1672128000000"}}"#
        )
    };
    let list = [
        row("o-1", "e1", "Trade"),
        row("o-2", "e2", "Trade"),
        row("o-1", "e3", "AdlTrade"),
        row("o-1", "e4", "Settle"),
    ];
    let page = format!(
        r#"{{"retCode":0,"retMsg":"OK","result":{{"list":[{}],"nextPageCursor":"a%3A2"}},"time":1688639403423}}"#,
        list.join(",")
    );
    let responder = Responder::start(vec![
        json("200 OK", "", fixture!("documented_market_time.json")),
        json("200 OK", "", &page),
    ])
    .await;
    let venue = venue_at(&responder.url, Limits::of(VenueKind::Bybit));
    let (symbol, order) = (
        Symbol::new("BTCUSDT").unwrap(),
        OrderId::new("o-1").unwrap(),
    );
    let cursor = Cursor("132766%3A2%2C132766%3A2".to_owned());
    let page = venue
        .executions_of(&category("linear"), &symbol, &order, Some(&cursor))
        .await
        .unwrap();
    let ids: Vec<_> = page
        .rows
        .iter()
        .map(|row| row.execution_id.as_str())
        .collect();
    assert_eq!(
        (ids.as_slice(), page.unreadable.len()),
        (["e1", "e3"].as_slice(), 0)
    );
    assert_eq!(page.next, Some(Cursor("a%3A2".to_owned())));
    let head = responder.heads().remove(1);
    let query = head.split_once('?').unwrap().1.split_once(' ').unwrap().0;
    assert_eq!(
        query,
        "category=linear&symbol=BTCUSDT&orderId=o-1&limit=100&cursor=132766%3A2%2C132766%3A2"
    );
}

#[test]
fn the_streams_signature_equals_the_known_vector() {
    assert_eq!(
        sign_stream(SECRET, 1_700_000_010_000).as_deref(),
        Some("df86ef1e84b6f9120cd2e807efbc67ed85fb7f508efc10f63a27a223279bfa8e")
    );
}

#[test]
fn official_hosts_have_their_streams_elsewhere_and_others_at_home() {
    let limits = Limits::of(VenueKind::Bybit);
    let address = Address::new(VenueKind::Bybit, limits).unwrap();
    for (base_url, expected) in [
        ("https://api.bybit.com", "wss://stream.bybit.com/v5/private"),
        (
            "https://api.bytick.com",
            "wss://stream.bybit.com/v5/private",
        ),
        (
            "https://api-testnet.bybit.com/",
            "wss://stream-testnet.bybit.com/v5/private",
        ),
        (
            "https://api-demo.bybit.com",
            "wss://stream-demo.bybit.com/v5/private",
        ),
        ("https://api.bybit.kz", "wss://stream.bybit.kz/v5/private"),
        (
            "https://relay.example:8443",
            "wss://relay.example:8443/v5/private",
        ),
        ("http://127.0.0.1:9000", "ws://127.0.0.1:9000/v5/private"),
        ("http://[::1]:9000", "ws://[::1]:9000/v5/private"),
    ] {
        let settings = settings(base_url, &["linear"]);
        let http = Http::open(&settings, address.clients(), limits).unwrap();
        assert_eq!(stream::url(&http), expected);
    }
}
