//! Executions: every row is read or named, none is dropped, and its class is the venue's own word.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::{account, category, execution, first_execution};
use crate::bybit::wire::{class_of, read_execution};
use fillsync_core::amount::{Money, Price, Quantity};
use fillsync_core::execution::{ExecutionClass, Side, Source};
use fillsync_core::order::{OrderKind, StopKind};
use fillsync_core::time::VenueTime;
use serde_json::value::RawValue;

#[test]
fn a_documented_execution_is_read_whole() {
    let row = first_execution(fixture!("documented_execution_list.json"), "linear");
    assert_eq!(row.class, ExecutionClass::OrderFill);
    assert_eq!(
        row.execution_id.as_str(),
        "e0cbe81d-0f18-5866-9415-cf319b5dab3b"
    );
    assert_eq!(
        row.order_id.unwrap().as_str(),
        "8c065341-7b52-4ca9-ac2c-37e31ac55c94"
    );
    assert_eq!((row.client_order_id, row.side), (None, Side::Buy));
    assert_eq!(
        (row.quantity, row.price),
        (
            Quantity::parse("0.1").unwrap(),
            Price::parse("1190.15").unwrap()
        )
    );
    let fee = row.fee.unwrap();
    assert_eq!(fee.amount, Money::parse("0.071409").unwrap());
    assert_eq!(
        fee.currency.unwrap().as_str(),
        "USDC",
        "ETHPERP settles in USDC"
    );
    assert_eq!(
        (row.is_maker, row.venue_sequence),
        (Some(false), Some(4_688_002_127))
    );
    assert_eq!(
        (row.leaves_quantity, row.closed_quantity),
        (Some(Quantity::ZERO), None)
    );
    assert_eq!(
        (row.order_kind, row.stop),
        (OrderKind::Market, StopKind::None)
    );
    assert_eq!(row.executed_at, VenueTime::from_ms(1_672_282_722_429));
    assert!(
        row.raw.contains("\"markPrice\": \"1183.54\""),
        "the raw row is kept as it came"
    );
}

#[test]
fn a_recorded_execution_is_read_without_the_keys_that_came_later() {
    let row = first_execution(fixture!("recorded_execution_list_result.json"), "linear");
    assert_eq!(row.class, ExecutionClass::OrderFill);
    assert_eq!(row.closed_quantity, Some(Quantity::parse("0.01").unwrap()));
    assert_eq!(row.venue_sequence, None);
    assert_eq!(row.fee.unwrap().currency.unwrap().as_str(), "USDT");
}

#[test]
fn a_stream_message_has_the_same_rows() {
    #[derive(serde::Deserialize)]
    struct Message<'a> {
        #[serde(borrow)]
        data: Vec<&'a RawValue>,
    }
    let message: Message<'_> =
        serde_json::from_str(fixture!("documented_ws_execution.json")).unwrap();
    let row = read_execution(
        message.data[0],
        &account(),
        &category("linear"),
        Source::Stream,
    )
    .unwrap();
    assert_eq!(
        (row.quantity, row.source),
        (Quantity::parse("0.5").unwrap(), Source::Stream)
    );
}

#[test]
fn rows_are_classed_and_never_dropped() {
    use ExecutionClass as Class;
    let table = [
        ("Trade", "", Class::OrderFill),
        ("BlockTrade", "", Class::OrderFill),
        ("FutureSpread", "", Class::OrderFill),
        ("Trade", "CreateByUser", Class::OrderFill),
        ("Trade", "CreateByLiq", Class::Liquidation),
        ("Trade", "CreateByTakeOver_PassThrough", Class::Liquidation),
        ("Trade", "CreateByAdl_PassThrough", Class::AutoDeleverage),
        ("Trade", "CreateBySettle", Class::Settlement),
        ("AdlTrade", "", Class::AutoDeleverage),
        ("BustTrade", "", Class::Liquidation),
        ("Delivery", "", Class::Settlement),
        ("Settle", "", Class::Settlement),
        ("Funding", "", Class::Cash),
        ("SessionSettlePnL", "", Class::Cash),
        ("MovePosition", "", Class::Transfer),
        ("CorporateAction", "", Class::Transfer),
        (
            "SomethingNew",
            "",
            Class::Unknown("SomethingNew".to_owned()),
        ),
    ];
    for (exec_type, create_type, class) in table {
        assert_eq!(
            class_of(exec_type, create_type),
            class,
            "{exec_type} {create_type}"
        );
    }
}

#[test]
fn a_funding_row_is_cash_and_belongs_to_no_order() {
    let row = execution(
        r#"{"symbol":"BTCUSDT","orderId":"1672128000-8-592324-1-2","orderLinkId":"","side":"Buy","orderType":"UNKNOWN",
            "stopOrderType":"UNKNOWN","execId":"f1","execType":"Funding","execQty":"","execPrice":"","execFee":"-0.5",
            "execTime":"1672128000000","seq":"-1","extraFees":[{"fee":"1"}],"isMaker":null,"closedSize":"0"}"#,
        "linear",
    )
    .unwrap();
    assert_eq!((row.class, row.order_id), (ExecutionClass::Cash, None));
    assert_eq!((row.quantity, row.price), (Quantity::ZERO, Price::ZERO));
    assert_eq!(
        (row.order_kind, row.venue_sequence),
        (OrderKind::Unstated, Some(-1))
    );
    assert_eq!(row.fee.unwrap().amount, Money::parse("-0.5").unwrap());
}

#[test]
fn spot_ids_stay_text_and_stops_are_named() {
    let row = execution(
        r#"{"symbol":"BTCUSDT","orderId":"1549452573428424448","side":"Sell","orderType":"Limit","stopOrderType":"",
            "createType":"CreateByTakeProfit","execId":"2210000000101610464","execType":"Trade","execQty":"0.1",
            "execPrice":"60000","execFee":"6","feeRate":"0.001","isMaker":true,"execTime":"1672128000000"}"#,
        "spot",
    )
    .unwrap();
    assert_eq!(row.execution_id.as_str(), "2210000000101610464");
    assert_eq!(row.stop, StopKind::TakeProfit);
    assert_eq!(row.fee.unwrap().currency.unwrap().as_str(), "USDT");
}

#[test]
fn a_row_that_cannot_be_read_names_its_field_and_value() {
    let row = |patch: &str| {
        format!(
            r#"{{"symbol":"BTCUSDT","side":"Buy","execId":"e","execType":"Trade","execQty":"1","execPrice":"2","execTime":"1672128000000"{patch}}}"#
        )
    };
    assert!(execution(&row(""), "linear").is_ok());
    let reason = |row: &str| execution(row, "linear").unwrap_err().to_string();
    assert!(reason(&row(r#","leavesQty":"many""#)).starts_with("leavesQty is \"many\""));
    assert_eq!(
        reason(&row("").replace("\"2\"", "\"\"")),
        "execPrice is missing or empty"
    );
    assert!(reason(&row("").replace("Buy", "None")).starts_with("side is \"None\""));
    assert!(reason(&row("").replace("1672128000000", "soon")).starts_with("execTime is \"soon\""));
    assert!(reason(&row(r#","side":"Sell""#)).contains("duplicate field"));
}

#[test]
fn a_fee_is_what_was_said_with_its_sign_and_an_empty_one_is_none() {
    let of = |fee: &str| {
        execution(
            &format!(
                r#"{{"symbol":"GTCUSDT","side":"Buy","execId":"e","execType":"Trade","execQty":"1","execPrice":"2",
                    "execTime":"1672128000000","execFee":"{fee}","feeCurrency":"","extraFees":""}}"#
            ),
            "linear",
        )
        .unwrap()
        .fee
    };
    assert_eq!(of(""), None, "old classic spot rows have none");
    for fee in ["0.1", "-0.025"] {
        assert_eq!(of(fee).unwrap().amount, Money::parse(fee).unwrap());
    }
}

#[test]
fn what_the_venue_closed_itself_has_no_order_but_what_it_ordered_has_one() {
    let of = |exec_type: &str, create_type: &str| {
        let row = execution(
            &format!(
                r#"{{"symbol":"GTCUSDT","side":"Sell","orderId":"o","orderLinkId":"","execId":"e","execType":"{exec_type}",
                    "createType":"{create_type}","execQty":"-5","execPrice":"2","execTime":"1672128000000","closedSize":""}}"#
            ),
            "linear",
        )
        .unwrap();
        assert_eq!(
            row.quantity,
            Quantity::parse("5").unwrap(),
            "the side says the rest"
        );
        assert_eq!((row.client_order_id, row.closed_quantity), (None, None));
        row.order_id.is_some()
    };
    for (exec_type, create_type, has_order) in [
        ("Trade", "CreateByUser", true),
        ("Trade", "CreateBySettle", false),
        ("Delivery", "", false),
        ("Settle", "", false),
        ("Funding", "", false),
        ("AdlTrade", "CreateByAdl_PassThrough", true),
        ("BustTrade", "CreateByTakeOver_PassThrough", true),
        ("Trade", "CreateByLiq", true),
        ("UNKNOWN", "", true),
    ] {
        assert_eq!(
            of(exec_type, create_type),
            has_order,
            "{exec_type} {create_type}"
        );
    }
}
