//! Answers that are no page, and what a key may do: each says what its caller must do, and no secret.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::{SECRET, fills, venue_at};
use crate::responder::{Responder, json};
use fillsync_core::coverage::Window;
use fillsync_core::id::{OrderId, Symbol};
use fillsync_core::port::VenueError;
use fillsync_core::time::VenueTime;
use std::time::Duration;

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
