//! Faults, the request log and the book's refusals.

use std::time::{Duration, Instant};

use fillsync_fake::{
    BookError, BybitAccount, BybitOptions, FOREVER, FakeBybit, Fault, Fill, Match, NewOrder,
    OrderStatus, Side,
};
use serde_json::json;

use crate::client::{KEY, NOW_MS, SECRET, alpaca, ask, bybit, column, get, send, signed};

const LIST: &str = "/v5/execution/list";

async fn filled_bybit(executions: i64) -> FakeBybit {
    let venue = bybit().await;
    let qty = executions.to_string();
    let order = venue
        .book()
        .place_order("main", NewOrder::limit("GTCUSDT", Side::Sell, &qty, "0.2"))
        .unwrap();
    for number in 0..executions {
        venue
            .book()
            .fill(&order, Fill::new("1", "0.2").at_ms(NOW_MS - 1_000 + number))
            .unwrap();
    }
    venue
}

#[tokio::test]
async fn a_planned_fault_meets_only_the_requests_it_matches_and_is_used_up() {
    let venue = filled_bybit(4).await;
    let faults = venue.faults();
    faults.add(
        Match::path("/v5/order").account("main"),
        Fault::refuse(10016, "Server error"),
        1,
    );
    faults.add(
        Match::path(LIST).query("category=spot"),
        Fault::Html,
        FOREVER,
    );
    faults.add(
        Match::path(LIST).query("linear").after(1),
        Fault::status(502, "bad gateway"),
        2,
    );
    assert_eq!(
        ask(&venue, LIST, "category=linear").await.rows().len(),
        4,
        "the first one passes"
    );
    for _ in 0..2 {
        let reply = ask(&venue, LIST, "category=linear").await;
        assert_eq!((reply.status, reply.text.as_str()), (502, "bad gateway"));
    }
    assert_eq!(ask(&venue, LIST, "category=linear").await.status, 200);
    let html = ask(&venue, LIST, "category=spot").await;
    assert_eq!(
        (html.status, html.text.starts_with("<!DOCTYPE html>")),
        (200, true)
    );
    assert_eq!(
        ask(&venue, "/v5/order/history", "category=linear")
            .await
            .code(),
        10016
    );
    assert_eq!(
        ask(&venue, "/v5/order/history", "category=linear")
            .await
            .code(),
        0
    );
    assert_eq!(faults.pending(), 1);
    faults.clear();
    assert_eq!(ask(&venue, LIST, "category=spot").await.code(), 0);
}

#[tokio::test]
async fn a_traversal_can_fail_on_its_second_page_or_repeat_it() {
    let venue = filled_bybit(5).await;
    venue.faults().add(
        Match::path(LIST).page(2),
        Fault::refuse(10000, "Server Timeout"),
        1,
    );
    let first = ask(&venue, LIST, "category=linear&limit=2").await;
    let next = format!("category=linear&limit=2&cursor={}", first.cursor());
    assert_eq!(ask(&venue, LIST, &next).await.code(), 10000);
    // A traversal begun anew counts anew.
    ask(&venue, LIST, "category=linear&limit=2").await;
    venue
        .faults()
        .add(Match::path(LIST).page(2), Fault::RepeatPage, 1);
    let repeated = ask(&venue, LIST, &next).await;
    assert_eq!(repeated.cursor(), first.cursor(), "the cursor it was given");
    assert_eq!(repeated.rows().len(), 2);
    let pages: Vec<u32> = venue
        .requests()
        .of(LIST)
        .iter()
        .map(|request| request.page)
        .collect();
    assert_eq!(pages, [1, 2, 1, 2]);
}

#[tokio::test]
async fn alpaca_repeats_a_page_and_limits_without_headers() {
    let venue = alpaca().await;
    let order = venue
        .book()
        .place_order("bot", NewOrder::limit("AAPL", Side::Buy, "3", "190"))
        .unwrap();
    for number in 0..3 {
        venue
            .book()
            .fill(&order, Fill::new("1", "190").at_ms(NOW_MS - 3 + number))
            .unwrap();
    }
    let fills = "/v2/account/activities/FILL?page_size=2";
    let first = column(&get(&venue, fills).await.json(), "id");
    venue.faults().next(1, Fault::RepeatPage);
    let next = format!("{fills}&page_token={}", first[1]);
    assert_eq!(column(&get(&venue, &next).await.json(), "id"), first);
    assert_eq!(column(&get(&venue, &next).await.json(), "id").len(), 1);
    venue.faults().next(
        1,
        Fault::TooManyRequests {
            retry_after_s: 7,
            with_headers: true,
        },
    );
    let limited = get(&venue, fills).await;
    assert_eq!(
        (limited.status, limited.header("retry-after").as_deref()),
        (429, Some("7"))
    );
    venue.faults().next(
        1,
        Fault::TooManyRequests {
            retry_after_s: 7,
            with_headers: false,
        },
    );
    let limited = get(&venue, fills).await;
    assert_eq!((limited.status, limited.header("retry-after")), (429, None));
    venue
        .faults()
        .next(1, Fault::refuse(40_310_000, "forbidden."));
    let refused = get(&venue, fills).await;
    assert_eq!(
        (refused.status, refused.json()),
        (403, json!({ "code": 40_310_000, "message": "forbidden." }))
    );
}

#[tokio::test]
async fn broken_connections_are_errors_and_the_fake_lives_on() {
    let venue = filled_bybit(3).await;
    let client = crate::client::http();
    let request = || {
        let built = signed(&venue, LIST, "category=linear", NOW_MS)
            .build()
            .unwrap();
        send(reqwest::RequestBuilder::from_parts(client.clone(), built))
    };
    request().await.unwrap();
    for fault in [Fault::DropConnection, Fault::LoseAnswer] {
        venue.faults().next(1, fault.clone());
        assert!(request().await.is_err(), "{fault:?}");
    }
    venue.faults().next(1, Fault::CutBody { keep_bytes: 20 });
    let response = signed(&venue, LIST, "category=linear", NOW_MS)
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 200);
    assert!(response.content_length().unwrap() > 20);
    assert!(response.text().await.is_err(), "the body breaks off");
    venue.faults().unplug();
    assert!(request().await.is_err());
    assert!(
        send(signed(&venue, LIST, "category=linear", NOW_MS))
            .await
            .is_err(),
        "new connections too"
    );
    venue.faults().plug_in();
    assert_eq!(request().await.unwrap().rows().len(), 3);
    let seen: Vec<_> = venue
        .requests()
        .of(LIST)
        .iter()
        .map(|entry| (entry.status, entry.fault))
        .collect();
    assert!(
        seen.contains(&(None, Some("drop_connection")))
            && seen.contains(&(Some(200), Some("cut_body"))),
        "{seen:?}"
    );
}

#[tokio::test]
async fn a_delay_outlasts_the_clients_patience() {
    let venue = filled_bybit(1).await;
    venue.faults().next(1, Fault::Delay { ms: 5_000 });
    let impatient = signed(&venue, LIST, "category=linear", NOW_MS)
        .timeout(Duration::from_millis(50))
        .send()
        .await;
    assert!(impatient.unwrap_err().is_timeout());
    venue.faults().next(1, Fault::Delay { ms: 30 });
    let begun = Instant::now();
    assert_eq!(ask(&venue, LIST, "category=linear").await.rows().len(), 1);
    assert!(begun.elapsed() >= Duration::from_millis(30));
}

#[tokio::test]
async fn the_log_names_accounts_and_holds_no_secret() {
    let venue = filled_bybit(1).await;
    ask(&venue, LIST, "category=linear&limit=5").await;
    ask(&venue, "/v5/market/time", "").await;
    assert!(
        venue
            .requests()
            .wait_for(LIST, 1, Duration::from_secs(5))
            .await
    );
    assert!(
        !venue
            .requests()
            .wait_for(LIST, 2, Duration::from_millis(10))
            .await
    );
    let entries = venue.requests().all();
    assert_eq!(entries[0].account.as_deref(), Some("main"));
    assert_eq!(
        (entries[0].query.as_str(), entries[0].status),
        ("category=linear&limit=5", Some(200))
    );
    assert_eq!(venue.requests().counts().values().sum::<u64>(), 2);
    let text = format!("{entries:?}");
    assert!(!text.contains(KEY) && !text.contains(SECRET));
}

#[tokio::test]
async fn fakes_are_independent_and_leave_their_port_when_dropped() {
    let (one, two) = (filled_bybit(1).await, filled_bybit(2).await);
    assert_ne!(one.base_url(), two.base_url());
    one.faults().next(1, Fault::Html);
    assert_eq!(ask(&two, LIST, "category=linear").await.rows().len(), 2);
    let port: u16 = one.base_url().rsplit(':').next().unwrap().parse().unwrap();
    let request = signed(&one, LIST, "category=linear", NOW_MS);
    drop(one);
    assert!(send(request).await.is_err());
    let account = BybitAccount::new("main", KEY, SECRET, 7);
    // The old listener closes with its task, which the runtime ends at its next turn.
    let mut again = None;
    for _ in 0..100 {
        match FakeBybit::start(BybitOptions::new([account.clone()]).port(port)).await {
            Ok(venue) => {
                again = Some(venue);
                break;
            }
            Err(_) => tokio::task::yield_now().await,
        }
    }
    assert_eq!(
        ask(&again.unwrap(), LIST, "category=linear").await.code(),
        0
    );
}

#[tokio::test]
async fn the_book_refuses_what_cannot_have_happened() {
    let venue = bybit().await;
    let book = venue.book();
    let order = || NewOrder::limit("GTCUSDT", Side::Buy, "10", "0.1").id("order-1");
    assert_eq!(
        book.place_order("nobody", order()),
        Err(BookError::UnknownAccount("nobody".to_owned()))
    );
    book.place_order("main", order()).unwrap();
    assert_eq!(
        book.place_order("main", order()),
        Err(BookError::DuplicateOrder("order-1".to_owned()))
    );
    assert!(matches!(
        book.fill("order-2", Fill::new("1", "1")),
        Err(BookError::UnknownOrder(_))
    ));
    assert!(matches!(
        book.fill("order-1", Fill::new("11", "0.1")),
        Err(BookError::Overfill { .. })
    ));
    assert!(matches!(
        book.fill("order-1", Fill::new("0", "0.1")),
        Err(BookError::BadNumber { .. })
    ));
    assert!(matches!(
        book.fill("order-1", Fill::new("1", "x")),
        Err(BookError::BadNumber { .. })
    ));
    let future = Fill::new("1", "0.1").at_ms(NOW_MS + 1);
    assert_eq!(
        book.fill("order-1", future),
        Err(BookError::InFuture {
            at_ms: NOW_MS + 1,
            now_ms: NOW_MS
        })
    );
    book.fill("order-1", Fill::new("10", "0.1")).unwrap();
    let closed = BookError::OrderClosed {
        id: "order-1".to_owned(),
        status: OrderStatus::Filled,
    };
    assert_eq!(book.cancel("order-1", None), Err(closed));
    let negative = NewOrder::limit("GTCUSDT", Side::Buy, "-1", "0.1");
    assert!(matches!(
        book.place_order("main", negative),
        Err(BookError::BadNumber { .. })
    ));
    assert_eq!(book.orders("main").len(), 1);
}
