//! Answers that are no page: each is an error that says what its caller must do, and no secret.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::{asked, refused};
use crate::Limits;
use crate::bybit::refusal::{Action, TABLE, lookup};
use crate::responder::json;
use fillsync_core::execution::VenueKind;
use fillsync_core::port::VenueError;
use std::time::Duration;

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
