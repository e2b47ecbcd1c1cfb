//! The walk over ended orders: how far it goes, and when it needs the second list.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::{category, venue_at};
use crate::Limits;
use crate::responder::{Responder, json};
use fillsync_core::execution::VenueKind;
use fillsync_core::order::OrderStatus;
use fillsync_core::port::{Cursor, VenueError};
use fillsync_core::time::VenueTime;

const SINCE_MS: i64 = 1_688_639_000_000;

fn list(orders: &[(&str, i64)], cursor: &str) -> Option<Vec<u8>> {
    let rows: Vec<String> = orders
        .iter()
        .map(|(id, created_ms)| {
            format!(
                r#"{{"symbol":"GTCUSDT","orderId":"{id}","side":"Sell","orderType":"Limit","orderStatus":"Filled",
                    "qty":"150","cumExecQty":"150","avgPrice":"0.2215","price":"0.2215","createdTime":"{created_ms}"}}"#
            )
        })
        .collect();
    let body = format!(
        r#"{{"retCode":0,"retMsg":"OK","result":{{"nextPageCursor":"{cursor}","list":[{}]}},"time":1688639403000}}"#,
        rows.join(",")
    );
    json("200 OK", "", &body)
}

/// Walks to the end: the ids that came, and what was asked.
async fn walked(answers: Vec<Option<Vec<u8>>>) -> (Vec<String>, Vec<String>) {
    let mut all = vec![json("200 OK", "", fixture!("documented_market_time.json"))];
    all.extend(answers);
    let questions = all.len() - 1;
    let responder = Responder::start(all).await;
    let venue = venue_at(&responder.url, Limits::of(VenueKind::Bybit));
    let mut ids = Vec::new();
    let mut cursor: Option<Cursor> = None;
    for _ in 0..questions {
        let page = venue
            .closed_orders(
                &category("linear"),
                VenueTime::from_ms(SINCE_MS),
                cursor.as_ref(),
            )
            .await
            .unwrap();
        for order in page.rows {
            assert_eq!(order.status, OrderStatus::Filled);
            ids.push(order.order_id.to_string());
        }
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(cursor, None, "it did not come to its end");
    let heads = responder.heads().into_iter().skip(1);
    let asked: Vec<String> = heads
        .map(|head| head.lines().next().unwrap().to_owned())
        .collect();
    assert_eq!(asked.len(), questions, "{asked:?}");
    (ids, asked)
}

fn asks(line: &str, words: &[&str]) {
    for word in words {
        assert!(line.contains(word), "{word} in {line}");
    }
}

#[tokio::test]
async fn a_list_that_gets_back_far_enough_is_all_that_is_asked_for() {
    let (ids, asked) = walked(vec![
        list(&[("a", SINCE_MS + 9), ("b", SINCE_MS + 8)], "more"),
        list(&[("c", SINCE_MS + 7), ("d", SINCE_MS - 1)], "and-more"),
        list(&[("e", SINCE_MS - 5)], ""),
    ])
    .await;
    assert_eq!(ids, ["a", "b", "c", "d", "e"]);
    asks(&asked[0], &["order/realtime", "openOnly=1", "USDT"]);
    asks(&asked[1], &["order/realtime", "cursor=more", "USDT"]);
    asks(&asked[2], &["order/realtime", "openOnly=1", "USDC"]);
}

#[tokio::test]
async fn a_list_that_ends_too_early_is_no_end() {
    // The venue was restarted: its list of recent orders begins anew, and is even empty.
    let (ids, asked) = walked(vec![
        list(&[("a", SINCE_MS + 9)], "last-page"),
        list(&[], ""),
        list(&[("a", SINCE_MS + 9), ("b", SINCE_MS + 3)], "older"),
        list(&[], ""),
        list(&[], ""),
        list(&[("c", SINCE_MS + 1)], ""),
    ])
    .await;
    assert_eq!(ids, ["a", "a", "b", "c"]);
    let start = format!("startTime={SINCE_MS}");
    asks(&asked[2], &["order/history", &start, "USDT"]);
    asks(&asked[3], &["order/history", "cursor=older", "USDT"]);
    asks(&asked[4], &["order/realtime", "openOnly=1", "USDC"]);
    asks(&asked[5], &["order/history", &start, "USDC"]);
    assert!(!asked[2].contains("openOnly"), "{}", asked[2]);
}

#[tokio::test]
async fn a_cursor_of_another_walk_is_refused() {
    let responder = Responder::start(vec![]).await;
    let venue = venue_at(&responder.url, Limits::of(VenueKind::Bybit));
    for cursor in ["", "settleCoin=USDT|x", "recently|settleCoin=USDT|x"] {
        let answer = venue
            .closed_orders(
                &category("linear"),
                VenueTime::from_ms(SINCE_MS),
                Some(&Cursor(cursor.to_owned())),
            )
            .await;
        assert!(
            matches!(answer, Err(VenueError::Rejected { .. })),
            "{cursor}: {answer:?}"
        );
    }
}
