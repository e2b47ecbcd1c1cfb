//! Activities: every fill is read or named, under the half of its id that identifies it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::{account, fill, fills, list, one, quantity, venue_at};
use crate::alpaca::wire::{activity_id, read_fill};
use crate::responder::{Responder, json};
use fillsync_core::amount::Price;
use fillsync_core::execution::{ExecutionClass, Relation, Side, Source};
use fillsync_core::id::{ExecutionId, OrderId, Symbol};
use fillsync_core::order::OrderKind;
use fillsync_core::time::VenueTime;

#[test]
fn every_recorded_fill_is_read() {
    let raw = list(fixture!("recorded_fills.json"));
    let rows: Vec<_> = raw.iter().map(|row| fill(row)).collect();
    assert_eq!(rows.len(), 20);
    let first = &rows[0];
    assert_eq!(first.class, ExecutionClass::OrderFill);
    assert_eq!(
        first.execution_id.as_str(),
        "a80dfbdf-42ea-459f-82ea-61cf91691913"
    );
    assert_eq!(
        activity_id(raw[0]).as_deref(),
        Some("20200522035112065::a80dfbdf-42ea-459f-82ea-61cf91691913")
    );
    assert_eq!((first.side, first.quantity), (Side::Buy, quantity("26")));
    assert_eq!(first.price, Price::parse("186.98").unwrap());
    assert_eq!(
        first.executed_at,
        VenueTime::parse("2020-05-22T19:51:12.065361Z").unwrap()
    );
    assert_eq!(
        (first.closed_quantity, first.order_kind.clone()),
        (None, OrderKind::Unstated)
    );
    // A plain sell only reduces.
    assert_eq!(
        (rows[1].side, rows[1].closed_quantity),
        (Side::Sell, Some(quantity("36")))
    );
    // Two partials of one order: what it still wanted tells their order.
    let partials: Vec<_> = rows
        .iter()
        .filter(|row| row.market.symbol.as_str() == "HRB" && row.side == Side::Buy)
        .collect();
    assert_eq!(partials.len(), 2);
    assert_eq!(partials[0].order_id, partials[1].order_id);
    assert!(partials[1].sequence() < partials[0].sequence());
}

#[test]
fn a_short_sale_opens_and_its_negative_amounts_lose_their_sign() {
    let row = fill(one(
        r#"{"activity_type":"FILL","id":"20260820093000000::u1","side":"sell_short","qty":"-3","leaves_qty":"-2",
            "cum_qty":"-3","price":"10","symbol":"GE","order_id":"o","transaction_time":"2026-08-20T13:30:00Z","swap_rate":null}"#,
    ));
    assert_eq!(
        (row.side, row.quantity, row.leaves_quantity),
        (Side::Sell, quantity("3"), Some(quantity("2")))
    );
    assert_eq!(row.closed_quantity, None);
}

#[test]
fn an_activity_of_another_type_is_no_fill_and_one_that_corrects_says_of_which() {
    let of = |kind: &str, more: &str| {
        read_fill(
            one(&format!(
                r#"{{"activity_type":"FILL","id":"20260820093000000::u2","type":"{kind}","side":"buy","qty":"3",
                    "price":"10","symbol":"GE","order_id":"o","transaction_time":"2026-08-20T13:30:00Z"{more}}}"#
            )),
            &account(),
            &fills(),
            Source::Poll,
        )
    };
    let of_first = r#","previous_id":"20260820092900000::u1""#;
    let first = ExecutionId::new("u1").unwrap();
    for (kind, class, relation) in [
        ("fill", ExecutionClass::OrderFill, Relation::Own),
        ("partial_fill", ExecutionClass::OrderFill, Relation::Own),
        (
            "allocation",
            ExecutionClass::Unknown("allocation".to_owned()),
            Relation::Own,
        ),
        (
            "trade_correct",
            ExecutionClass::OrderFill,
            Relation::Corrects(first.clone()),
        ),
        (
            "trade_bust",
            ExecutionClass::OrderFill,
            Relation::Busts(first),
        ),
    ] {
        let row = of(kind, of_first).unwrap();
        assert_eq!((row.class, row.relation), (class, relation), "{kind}");
    }
    let error = of("trade_bust", "").unwrap_err().to_string();
    assert_eq!(error, "previous_id is missing or empty");
}

#[test]
fn a_documented_fill_is_read_and_a_broken_one_names_its_field() {
    let body = fixture!("documented_fill.json");
    assert_eq!(fill(one(body)).market.symbol.as_str(), "LPCN");
    let reason = |body: &str| {
        read_fill(one(body), &account(), &fills(), Source::Poll)
            .unwrap_err()
            .to_string()
    };
    assert!(reason(&body.replace("\"buy\"", "\"borrow\"")).starts_with("side is \"borrow\""));
    assert!(reason(&body.replace("\"1.63\"", "\"cheap\"")).starts_with("price is \"cheap\""));
    assert!(
        reason(&body.replace("2019-05-24T15:34:06.977Z", "then"))
            .starts_with("transaction_time is \"then\"")
    );
    let other = read_fill(
        one(&body.replace("\"FILL\"", "\"TRANS\"")),
        &account(),
        &fills(),
        Source::Poll,
    );
    assert_eq!(
        other.unwrap().class,
        ExecutionClass::Unknown("TRANS".to_owned())
    );
}

#[tokio::test]
async fn one_orders_fills_are_asked_for_by_its_id_and_other_rows_are_left_out() {
    // An older server does not know `order_id` and answers with everything.
    let body = fixture!("recorded_fills.json");
    let responder =
        Responder::start(vec![json("200 OK", "", body), json("200 OK", "", "[]")]).await;
    let venue = venue_at(&responder.url);
    let id = OrderId::new("41e50621-273f-44a3-93fd-174dcf068fd0").unwrap();
    let symbol = Symbol::new("HRB").unwrap();
    let page = venue
        .executions_of(&fills(), &symbol, &id, None)
        .await
        .unwrap();
    let quantities: Vec<_> = page.rows.iter().map(|row| row.quantity).collect();
    assert_eq!(quantities, [quantity("104"), quantity("191")]);
    let last = venue
        .executions_of(&fills(), &symbol, &id, page.next.as_ref())
        .await
        .unwrap();
    assert_eq!((last.rows.len(), last.next), (0, None));
    let head = responder.heads().remove(1);
    assert!(
        head.contains("?order_id=41e50621-273f-44a3-93fd-174dcf068fd0&direction=asc&page_size=100&page_token=20200522033150594%3A%3Aa815"),
        "{head}"
    );
}
