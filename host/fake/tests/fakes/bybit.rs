//! Bybit: the execution list, its pages, windows and rows.

use fillsync_fake::{Category, CursorAtEnd, ExecutionKind, Fill, NewOrder, NewRow, Paging, Side};
use serde_json::json;

use crate::client::{DAY_MS, NOW_MS, ask, bybit, traverse};

const LIST: &str = "/v5/execution/list";

#[tokio::test]
async fn a_row_has_every_documented_field_in_its_documented_form() {
    let venue = bybit().await;
    let order = NewOrder::limit("ETHUSDT", Side::Buy, "0.10", "1190.15").client_order_id("plan-L1");
    let order = venue.book().place_order("main", order).unwrap();
    let id = venue
        .book()
        .fill(
            &order,
            Fill::new("0.04", "1190.15").maker().fee("-0.0071", "USDT"),
        )
        .unwrap();
    let row = ask(&venue, LIST, "category=linear").await.rows().remove(0);
    for (key, expected) in [
        ("execId", json!(id)),
        ("orderId", json!(order)),
        ("orderLinkId", json!("plan-L1")),
        ("execTime", json!("1700000000000")),
        ("execQty", json!("0.04")),
        ("execPrice", json!("1190.15")),
        ("execValue", json!("47.606")),
        ("execFee", json!("-0.0071")),
        ("leavesQty", json!("0.06")),
        ("orderQty", json!("0.10")),
        ("isMaker", json!(true)),
        ("orderType", json!("Limit")),
        ("stopOrderType", json!("UNKNOWN")),
        ("closedSize", json!("")),
        ("extraFees", json!("")),
        ("createType", json!("CreateByUser")),
    ] {
        assert_eq!(row[key], expected, "{key}");
    }
    assert!(row["seq"].is_u64());
    assert!(
        row.get("positionIdx").is_none(),
        "executions carry no positionIdx"
    );
    assert!(
        row.get("nextReleaseField").is_some(),
        "an unknown key is among them"
    );
    // Every key of the documentation's own example is there.
    for key in [
        "underlyingPrice",
        "indexPrice",
        "feeCurrency",
        "feeRate",
        "tradeIv",
        "blockTradeId",
        "markPrice",
        "markIv",
        "orderPrice",
        "execType",
        "side",
        "symbol",
    ] {
        assert!(row[key].is_string(), "{key}");
    }
}

#[tokio::test]
async fn spot_ids_are_decimal_and_a_buy_pays_in_base() {
    let venue = bybit().await;
    let order = NewOrder::market("BTCUSDT", Side::Buy, "0.01").category(Category::Spot);
    let order = venue.book().place_order("main", order).unwrap();
    venue
        .book()
        .fill(&order, Fill::new("0.01", "60000"))
        .unwrap();
    assert!(ask(&venue, LIST, "category=linear").await.rows().is_empty());
    let row = ask(&venue, LIST, "category=spot").await.rows().remove(0);
    for key in ["orderId", "execId"] {
        assert!(
            row[key].as_str().unwrap().parse::<u64>().is_ok(),
            "{key} {row}"
        );
    }
    assert_eq!(row["feeCurrency"], "BTC");
    assert!(row.get("createType").is_none());
}

#[tokio::test]
async fn pages_are_newest_first_and_the_cursor_is_accepted_verbatim_and_encoded_twice() {
    let venue = bybit().await;
    let order = venue
        .book()
        .place_order("main", NewOrder::limit("GTCUSDT", Side::Sell, "25", "0.2"))
        .unwrap();
    for number in 0..25 {
        venue
            .book()
            .fill(
                &order,
                Fill::new("1", "0.2").at_ms(NOW_MS - 50_000 + number / 5),
            )
            .unwrap();
    }
    let pages = traverse(&venue, LIST, "category=linear&limit=5").await;
    assert_eq!(
        pages
            .iter()
            .map(|page| page.rows().len())
            .collect::<Vec<_>>(),
        [5, 5, 5, 5, 5, 0]
    );
    assert!(
        !pages[4].cursor().is_empty(),
        "the last page with rows has a cursor too"
    );
    assert!(
        pages[0].cursor().contains("%3A2%2C"),
        "the cursor comes encoded"
    );
    let times: Vec<String> = pages
        .iter()
        .flat_map(|page| page.column("execTime"))
        .collect();
    assert!(times.is_sorted_by(|earlier, later| earlier >= later));
    let mut read: Vec<String> = pages
        .iter()
        .flat_map(|page| page.column("execId"))
        .collect();
    let laid_down = venue.book().execution_ids("main");
    read.sort();
    let mut expected = laid_down;
    expected.sort();
    assert_eq!(read, expected);

    let verbatim = pages[0].cursor();
    let twice = verbatim.replace('%', "%25");
    let once = ask(
        &venue,
        LIST,
        &format!("category=linear&limit=5&cursor={verbatim}"),
    )
    .await;
    let again = ask(
        &venue,
        LIST,
        &format!("category=linear&limit=5&cursor={twice}"),
    )
    .await;
    assert_eq!(once.column("execId"), again.column("execId"));
    assert_eq!(once.column("execId"), pages[1].column("execId"));
    assert_eq!(
        ask(&venue, LIST, "category=linear&cursor=nonsense")
            .await
            .code(),
        10001
    );
}

#[tokio::test]
async fn the_order_inside_one_instant_is_not_the_order_of_filling() {
    let venue = bybit().await;
    let order = venue
        .book()
        .place_order("main", NewOrder::limit("GTCUSDT", Side::Sell, "20", "0.2"))
        .unwrap();
    let filled: Vec<String> = (0..20)
        .map(|_| venue.book().fill(&order, Fill::new("1", "0.2")).unwrap())
        .collect();
    let mut answered = ask(&venue, LIST, "category=linear").await.column("execId");
    assert_ne!(answered, filled);
    answered.reverse();
    assert_ne!(answered, filled);
}

#[tokio::test]
async fn the_cursor_at_the_end_follows_the_rule() {
    let venue = bybit().await;
    let order = venue
        .book()
        .place_order("main", NewOrder::limit("GTCUSDT", Side::Sell, "4", "0.2"))
        .unwrap();
    for _ in 0..4 {
        venue.book().fill(&order, Fill::new("1", "0.2")).unwrap();
    }
    for (rule, limit, pages) in [
        (CursorAtEnd::Always, 3, vec![3, 1, 0]),
        (CursorAtEnd::FullPage, 3, vec![3, 1]),
        (CursorAtEnd::FullPage, 2, vec![2, 2, 0]),
        (CursorAtEnd::Never, 2, vec![2, 2]),
    ] {
        venue.rules(|rules| rules.cursor_at_end = rule);
        let read = traverse(&venue, LIST, &format!("category=linear&limit={limit}")).await;
        assert_eq!(
            read.iter()
                .map(|page| page.rows().len())
                .collect::<Vec<_>>(),
            pages,
            "{rule:?} {limit}"
        );
    }
}

#[tokio::test]
async fn a_fill_between_two_pages_repeats_rows_only_with_offset_paging() {
    for (paging, repeated) in [(Paging::Keyset, 0), (Paging::Offset, 1)] {
        let venue = bybit().await;
        venue.rules(|rules| rules.paging = paging);
        let order = venue
            .book()
            .place_order("main", NewOrder::limit("GTCUSDT", Side::Sell, "9", "0.2"))
            .unwrap();
        for number in 0..4 {
            venue
                .book()
                .fill(&order, Fill::new("1", "0.2").at_ms(NOW_MS - 100 + number))
                .unwrap();
        }
        let first = ask(&venue, LIST, "category=linear&limit=2").await;
        venue.book().fill(&order, Fill::new("1", "0.2")).unwrap();
        let next = format!("category=linear&limit=2&cursor={}", first.cursor());
        let second = ask(&venue, LIST, &next).await.column("execId");
        let seen = first.column("execId");
        assert_eq!(
            second.iter().filter(|id| seen.contains(id)).count(),
            repeated,
            "{paging:?}"
        );
    }
}

#[tokio::test]
async fn windows_follow_the_seven_day_rule() {
    let venue = bybit().await;
    let order = venue
        .book()
        .place_order("main", NewOrder::limit("GTCUSDT", Side::Sell, "9", "0.2"))
        .unwrap();
    for days in [1, 6, 8, 20] {
        let fill = Fill::new("1", "0.2")
            .at_ms(NOW_MS - days * DAY_MS)
            .id(&format!("day-{days}"));
        venue.book().fill(&order, fill).unwrap();
    }
    let day = |days: i64| NOW_MS - days * DAY_MS;
    let cases = [
        (String::new(), vec!["day-1", "day-6"]),
        // Start alone reaches seven days on and never to now.
        (format!("&startTime={}", day(21)), vec!["day-20"]),
        (format!("&endTime={}", day(5)), vec!["day-6", "day-8"]),
        (
            format!("&startTime={}&endTime={}", day(8), day(1)),
            vec!["day-1", "day-6", "day-8"],
        ),
        (
            format!("&startTime={}&endTime={}", day(6) + 1, day(1) - 1),
            vec![],
        ),
        (
            format!("&orderId={order}"),
            vec!["day-1", "day-6", "day-8", "day-20"],
        ),
        (
            format!("&orderId={order}&startTime={}&symbol=OTHER", day(1)),
            vec!["day-1", "day-6", "day-8", "day-20"],
        ),
    ];
    for (parameters, expected) in cases {
        let read = ask(&venue, LIST, &format!("category=linear{parameters}"))
            .await
            .column("execId");
        assert_eq!(read, expected, "{parameters}");
    }
    let refused = [
        format!("&startTime={}&endTime={}", day(8) - 1, day(1)),
        format!("&startTime={}&endTime={}", day(1), day(2)),
        "&startTime=yesterday".to_owned(),
        "&limit=0".to_owned(),
        "&limit=101".to_owned(),
    ];
    for parameters in refused {
        let reply = ask(&venue, LIST, &format!("category=linear{parameters}")).await;
        assert_eq!((reply.status, reply.code()), (200, 10001), "{parameters}");
    }
    assert_eq!(
        ask(&venue, LIST, "").await.code(),
        10001,
        "the category is required"
    );
    assert_eq!(ask(&venue, LIST, "category=Linear").await.code(), 10001);
}

#[tokio::test]
async fn funding_adl_and_unknown_rows_are_mixed_among_the_fills() {
    let venue = bybit().await;
    let book = venue.book();
    let order = book
        .place_order(
            "main",
            NewOrder::limit("BTCUSDT", Side::Sell, "2", "100").position_idx(2),
        )
        .unwrap();
    book.fill(&order, Fill::new("2", "100").at_ms(NOW_MS - 4))
        .unwrap();
    book.add_row(
        "main",
        NewRow::funding("BTCUSDT", Side::Sell, "2", "100", "-0.01").at_ms(NOW_MS - 3),
    )
    .unwrap();
    let adl = NewRow::new(ExecutionKind::Adl, "BTCUSDT", Side::Buy, "0.5", "100").position_idx(2);
    book.add_row("main", adl.at_ms(NOW_MS - 2)).unwrap();
    let unknown = ExecutionKind::Other("MoonTrade".to_owned());
    let unknown = NewRow::new(unknown, "BTCUSDT", Side::Buy, "1", "1").extra("execFee", json!(""));
    book.add_row("main", unknown.at_ms(NOW_MS - 1)).unwrap();

    let page = ask(&venue, LIST, "category=linear").await;
    assert_eq!(
        page.column("execType"),
        ["MoonTrade", "AdlTrade", "Funding", "Trade"]
    );
    assert_eq!(
        page.column("execFee")[0],
        "",
        "an extra key replaces the rendered one"
    );
    assert_eq!(page.column("closedSize"), ["", "0.5", "", ""]);
    assert_eq!(
        page.column("orderType"),
        ["UNKNOWN", "Market", "UNKNOWN", "Limit"]
    );
    let trades = ask(&venue, LIST, "category=linear&execType=Trade").await;
    assert_eq!(
        trades.rows().len(),
        1,
        "the filter loses the ADL row, as at the venue"
    );
    assert_eq!(book.position_size("main", "BTCUSDT", 2).to_string(), "-1.5");
}

#[tokio::test]
async fn a_row_may_appear_late() {
    let venue = bybit().await;
    let order = venue
        .book()
        .place_order("main", NewOrder::limit("GTCUSDT", Side::Sell, "1", "0.2"))
        .unwrap();
    venue
        .book()
        .fill(&order, Fill::new("1", "0.2").visible_at_ms(NOW_MS + 3_000))
        .unwrap();
    assert!(ask(&venue, LIST, "category=linear").await.rows().is_empty());
    venue.clock().advance_ms(3_000);
    let rows = ask(&venue, LIST, "category=linear").await.rows();
    assert_eq!(
        rows[0]["execTime"],
        NOW_MS.to_string(),
        "with its own, earlier time"
    );
}
