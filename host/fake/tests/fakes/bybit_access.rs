//! Bybit: signature, time, keys and limits.

use fillsync_fake::{BybitAccount, Rate, sign};
use serde_json::json;

use crate::client::{KEY, NOW_MS, SECRET, ask, bybit, http, send, signed};

const LIST: &str = "/v5/execution/list";

#[test]
fn signature_equals_the_reference_vectors() {
    let vectors = [
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
    for (payload, expected) in vectors {
        assert_eq!(
            sign(SECRET, "1700000000000", KEY, "5000", payload),
            expected
        );
    }
}

#[tokio::test]
async fn a_precomputed_signature_is_accepted_and_another_order_of_the_query_is_not() {
    let venue = bybit().await;
    // Computed outside of this code base: python's hmac over 1700000000000 + key + 5000 + the query.
    let query = "category=linear&cursor=132766%3A2%2C132766%3A2&limit=100";
    let hex = "573ef8ffce0b2b27dfcc19abbeb6cc0d90ff51a8ad3293b35d83f68609776d13";
    let request = |query: &str| {
        http()
            .get(format!("{}{LIST}?{query}", venue.base_url()))
            .header("X-BAPI-API-KEY", KEY)
            .header("X-BAPI-TIMESTAMP", "1700000000000")
            .header("X-BAPI-RECV-WINDOW", "5000")
            .header("X-BAPI-SIGN", hex)
    };
    let accepted = send(request(query)).await.unwrap();
    // The signature holds; the cursor belongs to no row of an empty book.
    assert_eq!(
        (accepted.status, accepted.code()),
        (200, 10001),
        "{}",
        accepted.text
    );
    let reordered = "limit=100&category=linear&cursor=132766%3A2%2C132766%3A2";
    let refused = send(request(reordered)).await.unwrap();
    assert_eq!(refused.code(), 10004);
    let expected = format!("error sign! origin_string[1700000000000{KEY}5000{reordered}]");
    assert_eq!(refused.json()["retMsg"], json!(expected));
    assert_eq!(refused.json()["result"], json!({}));
}

#[tokio::test]
async fn time_is_checked_on_both_sides() {
    let venue = bybit().await;
    for (offset_ms, expected) in [(-5_001, 10002), (-5_000, 0), (999, 0), (1_000, 10002)] {
        let reply = send(signed(&venue, LIST, "category=linear", NOW_MS + offset_ms))
            .await
            .unwrap();
        assert_eq!(reply.code(), expected, "{offset_ms}: {}", reply.text);
    }
    venue.faults().set_clock_skew_ms(-1_500);
    let reply = send(signed(&venue, LIST, "category=linear", NOW_MS))
        .await
        .unwrap();
    assert_eq!(reply.code(), 10002);
    let time = ask(&venue, "/v5/market/time", "").await.json();
    assert_eq!(time["result"]["timeSecond"], "1699999998");
    assert_eq!(time["result"]["timeNano"], "1699999998500000000");
    assert_eq!(time["time"], json!(NOW_MS - 1_500));
}

#[tokio::test]
async fn unknown_revoked_bound_and_missing_keys_are_refused() {
    let venue = bybit().await;
    let bare = send(http().get(format!("{}{LIST}?category=linear", venue.base_url())))
        .await
        .unwrap();
    assert_eq!(bare.status, 401);
    let mut bound = BybitAccount::new("main", KEY, SECRET, 7);
    bound.ips = vec!["203.0.113.9".to_owned()];
    venue.add_account(bound);
    assert_eq!(ask(&venue, LIST, "category=linear").await.code(), 10010);
    venue.remove_account("main");
    assert_eq!(ask(&venue, LIST, "category=linear").await.code(), 10003);
}

#[tokio::test]
async fn limits_answer_as_documented() {
    let venue = bybit().await;
    venue.add_account(BybitAccount::new("other", "OTHERKEY", "s", 8));
    venue.rules(|rules| rules.per_uid = Rate::new(2, 60_000));
    let first = ask(&venue, LIST, "category=linear").await;
    assert_eq!(first.header("x-bapi-limit").as_deref(), Some("2"));
    assert_eq!(first.header("x-bapi-limit-status").as_deref(), Some("1"));
    assert_eq!(
        first.header("x-bapi-limit-reset-timestamp"),
        Some(NOW_MS.to_string())
    );
    ask(&venue, LIST, "category=linear").await;
    let third = ask(&venue, LIST, "category=linear").await;
    assert_eq!((third.status, third.code()), (200, 10006));
    let reset: i64 = third
        .header("x-bapi-limit-reset-timestamp")
        .unwrap()
        .parse()
        .unwrap();
    assert!((NOW_MS + 1..=NOW_MS + 60_000).contains(&reset));
    venue.rules(|rules| rules.reset_header_when_limited = false);
    assert_eq!(
        ask(&venue, LIST, "category=linear")
            .await
            .header("x-bapi-limit-reset-timestamp"),
        None
    );
    // Another endpoint has its own count.
    assert_eq!(
        ask(&venue, "/v5/order/history", "category=linear")
            .await
            .code(),
        0
    );

    let used = u32::try_from(venue.requests().total()).unwrap();
    venue.rules(|rules| rules.per_ip = Rate::new(used + 1, 60_000));
    assert_eq!(ask(&venue, "/v5/market/time", "").await.status, 200);
    for _ in 0..2 {
        let banned = ask(&venue, "/v5/market/time", "").await;
        assert_eq!(
            (banned.status, banned.text.as_str()),
            (403, "access too frequent")
        );
    }
    venue.lift_ip_ban();
    assert_eq!(ask(&venue, "/v5/market/time", "").await.status, 200);
}
