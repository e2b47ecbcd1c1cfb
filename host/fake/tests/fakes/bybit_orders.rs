//! Bybit: orders, what they forget, positions and keys.

use fillsync_fake::{BybitAccount, Change, Fill, HistoryWindow, NewOrder, OrderKind, Side};
use serde_json::json;

use crate::client::{DAY_MS, KEY, NOW_MS, SECRET, ask, bybit, traverse};

const REALTIME: &str = "/v5/order/realtime";
const HISTORY: &str = "/v5/order/history";
const POSITIONS: &str = "/v5/position/list";

#[tokio::test]
async fn linear_realtime_needs_a_selection() {
    let venue = bybit().await;
    assert_eq!(ask(&venue, REALTIME, "category=linear").await.code(), 10001);
    for parameter in [
        "symbol=GTCUSDT",
        "settleCoin=USDT",
        "baseCoin=GTC",
        "orderId=none",
    ] {
        assert_eq!(
            ask(&venue, REALTIME, &format!("category=linear&{parameter}"))
                .await
                .code(),
            0,
            "{parameter}"
        );
    }
    assert_eq!(ask(&venue, REALTIME, "category=spot").await.code(), 0);
    assert_eq!(
        ask(&venue, REALTIME, "category=spot&limit=51").await.code(),
        10001
    );
    assert_eq!(
        ask(&venue, HISTORY, "category=linear&orderStatus=New")
            .await
            .code(),
        181_017
    );
}

#[tokio::test]
async fn open_orders_come_by_settle_coin_newest_first_in_pages() {
    let venue = bybit().await;
    for number in 0..45 {
        let order =
            NewOrder::limit("GTCUSDT", Side::Buy, "10", "0.1").at_ms(NOW_MS - 1_000 + number);
        venue.book().place_order("main", order).unwrap();
    }
    venue
        .book()
        .place_order("main", NewOrder::limit("BTCPERP", Side::Buy, "1", "100"))
        .unwrap();
    let pages = traverse(&venue, REALTIME, "category=linear&settleCoin=USDT").await;
    assert_eq!(
        pages
            .iter()
            .map(|page| page.rows().len())
            .collect::<Vec<_>>(),
        [20, 20, 5, 0]
    );
    let times: Vec<String> = pages
        .iter()
        .flat_map(|page| page.column("createdTime"))
        .collect();
    assert!(times.is_sorted_by(|earlier, later| earlier >= later));
    let usdc = ask(&venue, REALTIME, "category=linear&settleCoin=USDC").await;
    assert_eq!(usdc.column("symbol"), ["BTCPERP"]);
    assert_eq!(
        ask(&venue, REALTIME, "category=linear&symbol=BTCPERP")
            .await
            .rows()
            .len(),
        1
    );
}

#[tokio::test]
async fn an_order_shows_its_state_and_its_leg() {
    let venue = bybit().await;
    let book = venue.book();
    let order = NewOrder::limit("GTCUSDT", Side::Sell, "150", "0.2215")
        .position_idx(2)
        .client_order_id("L1");
    let order = book.place_order("main", order.at_ms(NOW_MS - 10)).unwrap();
    book.fill(&order, Fill::new("50", "0.2215").at_ms(NOW_MS - 5))
        .unwrap();
    book.fill(&order, Fill::new("40", "0.2217").at_ms(NOW_MS - 4))
        .unwrap();
    book.amend(&order, Change::price("0.2300").at_ms(NOW_MS - 3))
        .unwrap();
    let row = ask(&venue, REALTIME, "category=linear&orderLinkId=L1")
        .await
        .rows()
        .remove(0);
    for (key, expected) in [
        ("orderId", json!(order)),
        ("orderStatus", json!("PartiallyFilled")),
        ("positionIdx", json!(2)),
        ("qty", json!("150")),
        ("price", json!("0.2300")),
        ("cumExecQty", json!("90")),
        ("leavesQty", json!("60")),
        ("avgPrice", json!("0.2215888889")),
        ("reduceOnly", json!(false)),
        ("createdTime", json!((NOW_MS - 10).to_string())),
        ("updatedTime", json!((NOW_MS - 3).to_string())),
    ] {
        assert_eq!(row[key], expected, "{key}");
    }
    assert!(row["cumFeeDetail"]["USDT"].is_string());
    assert!(
        ask(&venue, HISTORY, "category=linear")
            .await
            .rows()
            .is_empty(),
        "history has no open orders"
    );
    book.cancel(&order, Some(NOW_MS - 2)).unwrap();
    let closed = ask(&venue, HISTORY, "category=linear")
        .await
        .rows()
        .remove(0);
    assert_eq!(
        (&closed["orderStatus"], &closed["cumExecQty"]),
        (&json!("Cancelled"), &json!("90"))
    );
    assert!(
        ask(&venue, REALTIME, "category=linear&settleCoin=USDT")
            .await
            .rows()
            .is_empty()
    );
}

#[tokio::test]
async fn realtime_keeps_few_closed_orders_and_loses_them_at_a_release() {
    let venue = bybit().await;
    venue.rules(|rules| rules.recent_closed_max = 3);
    let mut orders = Vec::new();
    for number in 0..5 {
        let order = NewOrder::limit("GTCUSDT", Side::Buy, "10", "0.1").at_ms(NOW_MS - 100 + number);
        let order = venue.book().place_order("main", order).unwrap();
        venue
            .book()
            .cancel(&order, Some(NOW_MS - 50 + number))
            .unwrap();
        orders.push(order);
    }
    let closed = "category=linear&settleCoin=USDT&openOnly=1";
    let recent = ask(&venue, REALTIME, closed).await.column("orderId");
    assert_eq!(
        recent,
        [orders[4].clone(), orders[3].clone(), orders[2].clone()]
    );
    let by_id = format!("category=linear&orderId={}", orders[4]);
    assert_eq!(
        ask(&venue, REALTIME, &by_id).await.rows().len(),
        1,
        "openOnly is ignored with an id"
    );
    venue.wipe_recent_closed();
    assert!(ask(&venue, REALTIME, closed).await.rows().is_empty());
    assert!(ask(&venue, REALTIME, &by_id).await.rows().is_empty());
    assert_eq!(
        ask(&venue, HISTORY, "category=linear").await.rows().len(),
        5
    );
}

#[tokio::test]
async fn history_forgets_unfilled_orders_after_a_day_and_keeps_filled_ones() {
    let venue = bybit().await;
    let book = venue.book();
    let place = |name: &str| {
        let order = NewOrder::limit("GTCUSDT", Side::Buy, "10", "0.1").client_order_id(name);
        book.place_order("main", order.at_ms(NOW_MS - 2 * DAY_MS))
            .unwrap()
    };
    let hour_ms = 3_600_000;
    book.cancel(&place("cancelled-yesterday"), Some(NOW_MS - DAY_MS - 1))
        .unwrap();
    book.cancel(&place("cancelled-today"), Some(NOW_MS - hour_ms))
        .unwrap();
    book.reject(
        &place("rejected-yesterday"),
        "EC_PostOnlyWillTakeLiquidity",
        Some(NOW_MS - 25 * hour_ms),
    )
    .unwrap();
    let partial = place("partial-yesterday");
    book.fill(&partial, Fill::new("3", "0.1").at_ms(NOW_MS - 26 * hour_ms))
        .unwrap();
    book.cancel(&partial, Some(NOW_MS - 25 * hour_ms)).unwrap();
    let mut kept = ask(&venue, HISTORY, "category=linear")
        .await
        .column("orderLinkId");
    kept.sort();
    assert_eq!(kept, ["cancelled-today", "partial-yesterday"]);
}

#[tokio::test]
async fn an_old_order_that_fills_now_lies_outside_a_recent_window_by_creation() {
    let venue = bybit().await;
    let order = NewOrder::limit("GTCUSDT", Side::Buy, "10", "0.1").at_ms(NOW_MS - 30 * DAY_MS);
    let order = venue.book().place_order("main", order).unwrap();
    venue.book().fill(&order, Fill::new("10", "0.1")).unwrap();
    assert!(
        ask(&venue, HISTORY, "category=linear")
            .await
            .rows()
            .is_empty()
    );
    let by_id = ask(&venue, HISTORY, &format!("category=linear&orderId={order}")).await;
    assert_eq!(by_id.column("orderStatus"), ["Filled"]);
    venue.rules(|rules| rules.history_window = HistoryWindow::Updated);
    assert_eq!(
        ask(&venue, HISTORY, "category=linear").await.rows().len(),
        1
    );
}

#[tokio::test]
async fn stops_wait_and_are_deactivated() {
    let venue = bybit().await;
    let stop = NewOrder::market("BTCUSDT", Side::Sell, "1")
        .kind(OrderKind::StopLoss)
        .trigger_price("90")
        .reduce_only();
    let stop = venue.book().place_order("main", stop).unwrap();
    let row = ask(&venue, REALTIME, "category=linear&symbol=BTCUSDT")
        .await
        .rows()
        .remove(0);
    assert_eq!(
        (&row["orderStatus"], &row["stopOrderType"]),
        (&json!("Untriggered"), &json!("StopLoss"))
    );
    assert_eq!(
        (&row["triggerPrice"], &row["reduceOnly"]),
        (&json!("90"), &json!(true))
    );
    venue.book().cancel(&stop, None).unwrap();
    let row = ask(&venue, HISTORY, "category=linear")
        .await
        .rows()
        .remove(0);
    assert_eq!(row["orderStatus"], "Deactivated");
}

#[tokio::test]
async fn positions_show_legs_and_empty_ones_only_by_symbol() {
    let venue = bybit().await;
    let book = venue.book();
    assert_eq!(
        ask(&venue, POSITIONS, "category=linear").await.code(),
        10001
    );
    let never = ask(&venue, POSITIONS, "category=linear&symbol=NEWUSDT")
        .await
        .rows()
        .remove(0);
    assert_eq!(
        (&never["side"], &never["size"], &never["seq"]),
        (&json!(""), &json!("0"), &json!("-1"))
    );
    let short = book
        .place_order(
            "main",
            NewOrder::limit("BTCUSDT", Side::Sell, "3", "100").position_idx(2),
        )
        .unwrap();
    book.fill(&short, Fill::new("1", "100")).unwrap();
    book.fill(&short, Fill::new("2", "103")).unwrap();
    let open = ask(&venue, POSITIONS, "category=linear&settleCoin=USDT")
        .await
        .rows();
    assert_eq!(open.len(), 1);
    assert_eq!(
        (&open[0]["side"], &open[0]["size"]),
        (&json!("Sell"), &json!("3"))
    );
    assert_eq!(
        (&open[0]["positionIdx"], &open[0]["avgPrice"]),
        (&json!(2), &json!("102"))
    );
    let legs = ask(&venue, POSITIONS, "category=linear&symbol=BTCUSDT")
        .await
        .rows();
    let indices: Vec<i64> = legs
        .iter()
        .map(|leg| leg["positionIdx"].as_i64().unwrap())
        .collect();
    assert_eq!(indices, [1, 2]);
    let close = NewOrder::market("BTCUSDT", Side::Buy, "3")
        .position_idx(2)
        .reduce_only();
    let close = book.place_order("main", close).unwrap();
    book.fill(&close, Fill::new("3", "90")).unwrap();
    assert!(
        ask(&venue, POSITIONS, "category=linear&settleCoin=USDT")
            .await
            .rows()
            .is_empty()
    );
    let flat = ask(&venue, POSITIONS, "category=linear&symbol=BTCUSDT")
        .await
        .rows();
    assert_eq!(
        (&flat[1]["positionValue"], &flat[1]["cumRealisedPnl"]),
        (&json!(""), &json!("36"))
    );
}

#[tokio::test]
async fn a_key_says_what_it_may_do() {
    let venue = bybit().await;
    let mut account = BybitAccount::new("main", KEY, SECRET, 7);
    account.is_read_only = false;
    account.may_withdraw = true;
    account.deadline_days = 3;
    venue.add_account(account);
    let body = ask(&venue, "/v5/user/query-api", "").await.json();
    let key = &body["result"];
    assert_eq!(
        (&key["readOnly"], &key["deadlineDay"], &key["userID"]),
        (&json!(0), &json!(3), &json!(7))
    );
    assert_eq!(
        key["permissions"]["Wallet"],
        json!(["AccountTransfer", "Withdraw"])
    );
    assert_eq!(key["secret"], "");
    let info = ask(&venue, "/v5/account/info", "").await.json();
    assert_eq!(info["result"]["unifiedMarginStatus"], 5);
    assert_eq!(ask(&venue, "/v5/unknown", "").await.status, 404);
}
