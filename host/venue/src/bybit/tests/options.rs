//! Options: all base coins that the venue names are asked for, or none is.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::{category, settings};
use crate::responder::{Responder, json};
use crate::{Address, Limits, open};
use fillsync_core::coverage::Window;
use fillsync_core::execution::VenueKind;
use fillsync_core::port::{Cursor, Venue, VenueError};
use fillsync_core::time::VenueTime;
use std::sync::Arc;

fn venue(url: &str) -> Arc<dyn Venue> {
    let address = Address::new(VenueKind::Bybit, Limits::of(VenueKind::Bybit)).unwrap();
    let clock = Arc::new(super::FixedClock);
    open(settings(url, &["option"]), &address, clock).unwrap()
}

fn window() -> Window {
    Window::new(
        VenueTime::from_ms(1_688_639_000_000),
        VenueTime::from_ms(1_688_639_403_000),
    )
}

/// The documented list, as if it were asked for at the time that the documented clock tells.
fn coins() -> String {
    fixture!("documented_option_base_coins.json").replace("1790055708162", "1688639403423")
}

fn empty() -> Option<Vec<u8>> {
    json(
        "200 OK",
        "",
        r#"{"retCode":0,"retMsg":"OK","result":{"list":[],"nextPageCursor":""},"time":1688639403423}"#,
    )
}

#[tokio::test]
async fn every_base_coin_that_the_venue_names_is_asked_for() {
    let mut answers = vec![
        json("200 OK", "", fixture!("documented_market_time.json")),
        json("200 OK", "", &coins()),
    ];
    answers.extend((0..10).map(|_| empty()));
    let responder = Responder::start(answers).await;
    let venue = venue(&responder.url);
    let mut cursor: Option<Cursor> = None;
    for page in 0..10 {
        let next = venue
            .executions(&category("option"), window(), cursor.as_ref())
            .await
            .unwrap()
            .next;
        assert_eq!(next.is_none(), page == 9, "page {page}: {next:?}");
        cursor = next;
    }
    let asked: Vec<_> = responder
        .heads()
        .iter()
        .filter_map(|head| {
            Some(
                head.split_once("baseCoin=")?
                    .1
                    .split([' ', '&'])
                    .next()?
                    .to_owned(),
            )
        })
        .collect();
    assert_eq!(
        asked,
        [
            "BTC", "DOGE", "ETH", "HYPE", "MNT", "NVDA", "SOL", "SPCX", "XAUT", "XRP"
        ]
    );
}

#[tokio::test]
async fn without_the_list_no_option_is_claimed() {
    for (status, body, is_final) in [
        ("404 Not Found", "404 page not found", true),
        (
            "200 OK",
            r#"{"retCode":10017,"retMsg":"Route not found.","result":{}}"#,
            true,
        ),
        (
            "200 OK",
            r#"{"retCode":0,"retMsg":"OK","result":{"list":[]},"time":1688639403423}"#,
            false,
        ),
        ("502 Bad Gateway", "<html>", false),
    ] {
        let time = json("200 OK", "", fixture!("documented_market_time.json"));
        let responder = Responder::start(vec![time, json(status, "", body)]).await;
        let error = venue(&responder.url)
            .executions(&category("option"), window(), None)
            .await
            .unwrap_err();
        match &error {
            VenueError::Rejected { what } => {
                assert!(is_final && what.contains("take \"option\" out"), "{error}");
            }
            VenueError::Retry { .. } => assert!(!is_final, "{error}"),
            _ => panic!("{error}"),
        }
    }
}

#[tokio::test]
async fn a_coin_that_is_gone_is_no_end_of_a_traversal() {
    let responder = Responder::start(vec![
        json("200 OK", "", fixture!("documented_market_time.json")),
        json("200 OK", "", &coins()),
    ])
    .await;
    let cursor = Cursor("baseCoin=GONE|".to_owned());
    let error = venue(&responder.url)
        .executions(&category("option"), window(), Some(&cursor))
        .await
        .unwrap_err();
    assert!(
        matches!(&error, VenueError::Retry { what } if what.contains("GONE")),
        "{error}"
    );
}
