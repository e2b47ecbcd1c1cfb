//! Alpaca: headers, activities, orders, positions.

use fillsync_fake::{Change, ExecutionKind, Fill, NewOrder, NewRow, Rate, Side};
use serde_json::json;

use crate::client::{NOW_MS, alpaca, column, get, http, send};

const FILLS: &str = "/v2/account/activities/FILL";
/// 2023-11-05T05:30:00Z: 01:30 in New York, in summer time. An hour later it is 01:30 again.
const BEFORE_THE_CHANGE_MS: i64 = 1_699_162_200_000;
const HOUR_MS: i64 = 3_600_000;

#[tokio::test]
async fn a_wrong_secret_is_refused_as_recorded() {
    let venue = alpaca().await;
    let request = http()
        .get(format!("{}/v2/account", venue.base_url()))
        .header("APCA-API-KEY-ID", "PK1")
        .header("APCA-API-SECRET-KEY", "wrong");
    let reply = send(request).await.unwrap();
    assert_eq!(reply.status, 401);
    let expected = json!({ "code": 40_110_000, "message": "access key verification failed : verification failure" });
    assert_eq!(reply.json(), expected);
    assert_eq!(get(&venue, "/v2/account").await.json()["status"], "ACTIVE");
}

#[tokio::test]
async fn activity_ids_show_new_york_time_over_the_change_of_clocks() {
    let venue = alpaca().await;
    let order = NewOrder::limit("AAPL", Side::Buy, "9", "190").at_ms(BEFORE_THE_CHANGE_MS);
    let order = venue.book().place_order("bot", order).unwrap();
    let summer = Fill::new("1", "190")
        .at_ms(BEFORE_THE_CHANGE_MS + 123)
        .id("00000000-0000-4000-a000-000000000001");
    venue.book().fill(&order, summer).unwrap();
    let winter = Fill::new("1", "190")
        .at_ms(BEFORE_THE_CHANGE_MS + HOUR_MS)
        .id("00000000-0000-4000-a000-000000000002");
    venue.book().fill(&order, winter).unwrap();
    let july = Fill::new("1", "190")
        .at_ms(1_689_600_600_000)
        .id("00000000-0000-4000-a000-000000000003");
    venue.book().fill(&order, july).unwrap();
    let body = get(&venue, &format!("{FILLS}?direction=asc")).await.json();
    assert_eq!(
        column(&body, "id"),
        [
            // 2023-07-17T13:30:00Z
            "20230717093000000::00000000-0000-4000-a000-000000000003",
            "20231105013000123::00000000-0000-4000-a000-000000000001",
            "20231105013000000::00000000-0000-4000-a000-000000000002",
        ]
    );
    assert_eq!(body[1]["transaction_time"], "2023-11-05T05:30:00.123Z");
    let ids = venue.activity_ids("bot");
    assert!(ids[2] < ids[1], "the later id sorts before the earlier one");
    // The recordings of 2020 fit a 12-hour clock: 13:05 becomes 01:05, 00:05 becomes 12:05.
    venue.rules(|rules| rules.twelve_hour_ids = true);
    let afternoon = Fill::new("1", "190").at_ms(1_689_613_500_000);
    venue.book().fill(&order, afternoon).unwrap();
    let newest_july = get(&venue, &format!("{FILLS}?date=2023-07-17"))
        .await
        .json();
    assert!(column(&newest_july, "id")[0].starts_with("20230717010500000::"));
}

#[tokio::test]
async fn page_tokens_walk_to_the_empty_array_in_both_directions() {
    let venue = alpaca().await;
    let order = venue
        .book()
        .place_order("bot", NewOrder::limit("AAPL", Side::Buy, "250", "190"))
        .unwrap();
    for number in 0..250 {
        // Five executions share each instant.
        venue
            .book()
            .fill(
                &order,
                Fill::new("1", "190").at_ms(NOW_MS - 1_000 + number / 5),
            )
            .unwrap();
    }
    for direction in ["asc", "desc"] {
        let (mut read, mut sizes, mut token) = (Vec::new(), Vec::new(), String::new());
        loop {
            let path = format!("{FILLS}?direction={direction}&page_size=100{token}");
            let body = get(&venue, &path).await.json();
            let ids = column(&body, "id");
            sizes.push(ids.len());
            let Some(last) = ids.last() else { break };
            token = format!("&page_token={}", last.replace(':', "%3A"));
            read.extend(ids);
        }
        assert_eq!(sizes, [100, 100, 50, 0]);
        let mut expected = venue.activity_ids("bot");
        if direction == "desc" {
            expected.reverse();
        }
        assert_eq!(read, expected);
    }
    assert_eq!(
        get(&venue, &format!("{FILLS}?page_size=101")).await.status,
        422
    );
    assert_eq!(
        get(&venue, &format!("{FILLS}?page_token=unknown"))
            .await
            .status,
        422
    );
}

#[tokio::test]
async fn after_includes_its_instant_to_the_microsecond() {
    let venue = alpaca().await;
    let order = venue
        .book()
        .place_order("bot", NewOrder::limit("AAPL", Side::Buy, "9", "190"))
        .unwrap();
    for us in [360, 361, 362] {
        venue
            .book()
            .fill(&order, Fill::new("1", "190").plus_us(us))
            .unwrap();
    }
    let read = async |parameter: &str| {
        column(
            &get(&venue, &format!("{FILLS}?direction=asc&{parameter}"))
                .await
                .json(),
            "transaction_time",
        )
    };
    let times = [
        "2023-11-14T22:13:20.00036Z",
        "2023-11-14T22:13:20.000361Z",
        "2023-11-14T22:13:20.000362Z",
    ];
    assert_eq!(read("after=2023-11-14T22:13:20.000361Z").await, times[1..]);
    assert_eq!(
        read("after=2023-11-14T22:13:20.000361999Z").await,
        times[1..],
        "finer digits are cut off"
    );
    assert_eq!(
        read("after=2023-11-14T17:13:20.000362-05:00").await,
        times[2..]
    );
    assert_eq!(read("until=2023-11-14T22:13:20.000361Z").await, times[..1]);
    assert_eq!(
        get(&venue, &format!("{FILLS}?after=yesterday"))
            .await
            .status,
        422
    );
    assert_eq!(
        get(&venue, &format!("{FILLS}?date=2023-11-14&after=2023-11-14"))
            .await
            .status,
        422
    );
}

#[tokio::test]
async fn an_activity_has_the_recorded_fields() {
    let venue = alpaca().await;
    let book = venue.book();
    let order = book
        .place_order("bot", NewOrder::limit("HRB", Side::Sell, "295", "16.93"))
        .unwrap();
    book.fill(&order, Fill::new("191", "16.93").at_ms(NOW_MS - 2))
        .unwrap();
    book.fill(&order, Fill::new("104", "16.94").at_ms(NOW_MS - 1))
        .unwrap();
    let cover = book
        .place_order("bot", NewOrder::market("HRB", Side::Buy, "295"))
        .unwrap();
    book.fill(&cover, Fill::new("295", "16")).unwrap();
    let fee = NewRow::new(
        ExecutionKind::Other("CFEE".to_owned()),
        "BTCUSD",
        Side::Sell,
        "0.00001",
        "0",
    );
    book.add_row("bot", fee).unwrap();
    let body = get(&venue, &format!("{FILLS}?direction=asc")).await.json();
    assert_eq!(column(&body, "type"), ["partial_fill", "fill", "fill"]);
    assert_eq!(column(&body, "side"), ["sell_short", "sell_short", "buy"]);
    assert_eq!(column(&body, "cum_qty"), ["191", "295", "295"]);
    assert_eq!(column(&body, "leaves_qty"), ["104", "0", "0"]);
    assert_eq!(
        column(&body, "order_status"),
        ["partially_filled", "filled", "filled"]
    );
    assert_eq!(
        column(&body, "order_id")[..2],
        [order.clone(), order.clone()]
    );
    assert!(body[0].get("client_order_id").is_none() && body[0].get("fee").is_none());
    let by_order = get(&venue, &format!("{FILLS}?order_id={cover}"))
        .await
        .json();
    assert_eq!(column(&by_order, "order_id"), [cover]);
    let both = get(&venue, "/v2/account/activities?activity_types=FILL,CFEE")
        .await
        .json();
    assert_eq!(both.as_array().unwrap().len(), 4);
    let unknown = get(&venue, "/v2/account/activities/INVALID").await;
    assert_eq!(unknown.status, 422);
    assert_eq!(
        unknown.json(),
        json!({ "code": 40_010_001, "message": "invalid activity type: INVALID" })
    );
}

#[tokio::test]
async fn orders_are_walked_with_exclusive_times_of_submission() {
    let venue = alpaca().await;
    let mut ids = Vec::new();
    for number in 0..7 {
        let order = NewOrder::limit("AAPL", Side::Buy, "1", "190")
            .at_ms(NOW_MS - 100 + number)
            .plus_us(938);
        ids.push(venue.book().place_order("bot", order).unwrap());
    }
    venue.book().cancel(&ids[0], None).unwrap();
    let body = get(&venue, "/v2/orders?status=all&limit=3&nested=True")
        .await
        .json();
    assert_eq!(
        column(&body, "id"),
        [ids[6].clone(), ids[5].clone(), ids[4].clone()]
    );
    let edge = body[2]["submitted_at"].as_str().unwrap();
    assert_eq!(edge, "2023-11-14T22:13:19.904938Z");
    let older = get(&venue, &format!("/v2/orders?status=all&until={edge}"))
        .await
        .json();
    assert_eq!(
        column(&older, "id"),
        [
            ids[3].clone(),
            ids[2].clone(),
            ids[1].clone(),
            ids[0].clone()
        ]
    );
    let newer = get(
        &venue,
        &format!("/v2/orders?status=all&direction=asc&after={edge}"),
    )
    .await
    .json();
    assert_eq!(column(&newer, "id"), [ids[5].clone(), ids[6].clone()]);
    assert_eq!(
        get(&venue, "/v2/orders")
            .await
            .json()
            .as_array()
            .unwrap()
            .len(),
        6,
        "open is the default"
    );
    let closed = get(&venue, "/v2/orders?status=closed").await.json();
    assert_eq!(column(&closed, "status"), ["canceled"]);
    assert_eq!(get(&venue, "/v2/orders?limit=501").await.status, 422);
    assert!(
        get(&venue, "/v2/orders?symbols=MSFT%2CBTC%2FUSD")
            .await
            .json()
            .as_array()
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn a_replaced_order_keeps_its_fills_and_names_its_successor() {
    let venue = alpaca().await;
    let book = venue.book();
    let order = NewOrder::limit("MSFT", Side::Buy, "10", "410").client_order_id("plan-L1");
    let old = book.place_order("bot", order).unwrap();
    book.fill(&old, Fill::new("4", "410")).unwrap();
    let new = book.replace(&old, Change::price("411")).unwrap();
    book.fill(&new, Fill::new("6", "411")).unwrap();
    let before = get(
        &venue,
        "/v2/orders:by_client_order_id?client_order_id=plan-L1",
    )
    .await
    .json();
    assert_eq!(
        (&before["status"], &before["replaced_by"]),
        (&json!("replaced"), &json!(new))
    );
    assert_eq!(
        (&before["filled_qty"], &before["qty"]),
        (&json!("4"), &json!("10"))
    );
    let after = get(&venue, &format!("/v2/orders/{new}")).await.json();
    assert_eq!(
        (&after["status"], &after["replaces"]),
        (&json!("filled"), &json!(old))
    );
    assert_eq!(
        (&after["filled_qty"], &after["filled_avg_price"]),
        (&json!("6"), &json!("411"))
    );
    let missing = "001c0b29-5bc9-45c4-bd32-5ba323c997b3";
    let reply = get(&venue, &format!("/v2/orders/{missing}")).await;
    assert_eq!(reply.status, 404);
    assert_eq!(
        reply.json(),
        json!({ "code": 40_410_000, "message": format!("order not found for {missing}") })
    );
    assert_eq!(get(&venue, "/v2/orders/short").await.status, 422);
}

#[tokio::test]
async fn crypto_loses_its_slash_in_positions() {
    let venue = alpaca().await;
    let book = venue.book();
    let coin = book
        .place_order("bot", NewOrder::market("BTC/USD", Side::Buy, "0.5"))
        .unwrap();
    book.fill(&coin, Fill::new("0.5", "60000")).unwrap();
    let short = book
        .place_order("bot", NewOrder::market("FB", Side::Sell, "100"))
        .unwrap();
    book.fill(&short, Fill::new("100", "198.4")).unwrap();
    let positions = get(&venue, "/v2/positions").await.json();
    assert_eq!(column(&positions, "symbol"), ["BTCUSD", "FB"]);
    assert_eq!(column(&positions, "side"), ["long", "short"]);
    assert_eq!(column(&positions, "cost_basis"), ["30000", "-19840"]);
    assert_eq!(positions[1]["qty"], "-100");
    let order = get(&venue, &format!("/v2/orders/{coin}")).await.json();
    assert_eq!(
        (&order["symbol"], &order["asset_class"]),
        (&json!("BTC/USD"), &json!("crypto"))
    );
    assert_ne!(order["asset_id"], positions[0]["asset_id"]);
    assert_eq!(get(&venue, "/v2/positions/BTCUSD").await.status, 200);
    let reply = get(&venue, "/v2/positions/BTC/USD").await;
    assert_eq!(
        reply.json(),
        json!({ "code": 40_410_000, "message": "position does not exist" })
    );
    let close = book
        .place_order("bot", NewOrder::market("FB", Side::Buy, "100"))
        .unwrap();
    book.fill(&close, Fill::new("100", "190")).unwrap();
    assert_eq!(
        column(&get(&venue, "/v2/positions").await.json(), "symbol"),
        ["BTCUSD"],
        "closed ones vanish"
    );
}

#[tokio::test]
async fn the_limit_per_key_answers_429_with_headers_in_seconds() {
    let venue = alpaca().await;
    venue.rules(|rules| rules.per_key = Rate::new(2, 60_000));
    let first = get(&venue, "/v2/clock").await;
    assert_eq!(first.header("x-ratelimit-limit").as_deref(), Some("2"));
    assert_eq!(first.header("x-ratelimit-remaining").as_deref(), Some("1"));
    get(&venue, "/v2/clock").await;
    let third = get(&venue, "/v2/clock").await;
    assert_eq!(third.status, 429);
    let reset: i64 = third.header("x-ratelimit-reset").unwrap().parse().unwrap();
    assert!((NOW_MS / 1000 + 1..=NOW_MS / 1000 + 61).contains(&reset));
    venue.rules(|rules| rules.rate_headers = false);
    assert_eq!(
        get(&venue, "/v2/clock").await.header("x-ratelimit-reset"),
        None
    );
}
