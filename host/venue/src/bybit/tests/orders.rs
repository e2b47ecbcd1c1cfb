//! Orders and positions in shared words.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::{account, category, first_order, rows};
use crate::bybit::wire::{self, order_status};
use fillsync_core::amount::{Price, Quantity};
use fillsync_core::order::{Lane, Order, OrderKind, OrderStatus, StopKind};
use fillsync_core::time::VenueTime;
use serde_json::value::RawValue;

#[test]
fn documented_and_recorded_orders_are_read() {
    let open = first_order(fixture!("documented_order_realtime.json"), "linear");
    assert_eq!(
        (open.status.clone(), open.lane),
        (OrderStatus::Open, Lane::Long)
    );
    assert_eq!(
        open.client_order_id.as_ref().unwrap().as_str(),
        "test-000005"
    );
    assert_eq!(
        (open.price, open.quantity),
        (
            Some(Price::parse("1600").unwrap()),
            Some(Quantity::parse("0.1").unwrap())
        )
    );
    assert!(open.can_be_entry());
    let closed = first_order(fixture!("documented_order_history.json"), "linear");
    assert_eq!(
        (closed.status, closed.filled_quantity),
        (OrderStatus::Cancelled, Quantity::ZERO)
    );
    assert_eq!(closed.updated_at, VenueTime::from_ms(1_684_476_068_372));
    let spot = first_order(fixture!("recorded_open_orders_result.json"), "spot");
    assert_eq!(
        (spot.order_id.as_str(), spot.lane),
        ("1368933863545500672", Lane::OneWay)
    );
    assert_eq!(
        spot,
        first_order(fixture!("recorded_order_history_result.json"), "spot")
    );
}

#[test]
fn statuses_are_told_in_shared_words() {
    let cancelled_partly = order_status("PartiallyFilledCanceled");
    assert_eq!(cancelled_partly, OrderStatus::Cancelled);
    for open in ["New", "PartiallyFilled", "Untriggered", "Triggered"] {
        assert_eq!(order_status(open), OrderStatus::Open, "{open}");
    }
    assert_eq!(order_status("Deactivated"), OrderStatus::Cancelled);
    assert_eq!(order_status("Rejected"), OrderStatus::Rejected);
    assert_eq!(order_status("Filled"), OrderStatus::Filled);
    assert_eq!(
        order_status("Paused"),
        OrderStatus::Unknown("Paused".to_owned())
    );
}

#[test]
fn positions_are_signed_and_flat_ones_are_none() {
    let list = rows(fixture!("documented_position_list.json"));
    let short = wire::read_position(list[0]).unwrap().unwrap();
    assert_eq!(
        (short.symbol.as_str(), short.lane),
        ("BTCUSD", Lane::OneWay)
    );
    assert_eq!(short.quantity, Quantity::parse("-300").unwrap());
    let list = rows(fixture!("recorded_position_list_result.json"));
    assert_eq!(wire::read_position(list[0]).unwrap(), None);
}

#[test]
fn an_average_price_is_one_only_where_something_filled() {
    let of = |price: &str| order_of(&format!(r#""avgPrice":{price}"#)).average_price;
    for none in [r#""""#, r#""0""#, r#""0.00""#, "null"] {
        assert_eq!(of(none), None, "{none}");
    }
    assert_eq!(of(r#""0.22155""#), Some(Price::parse("0.22155").unwrap()));
}

fn order_of(patch: &str) -> Order {
    let row = format!(
        r#"{{"symbol":"BTCUSDT","orderId":"o","side":"Sell","createdTime":"1672128000000",{patch}}}"#
    );
    let raw: &RawValue = serde_json::from_str(&row).unwrap();
    wire::read_order(raw, &account(), &category("linear")).unwrap()
}

#[test]
fn a_cancelled_order_keeps_what_it_filled() {
    // Only spot has a status of its own for it; a derivative says `Cancelled` and its sum.
    for status in ["Cancelled", "PartiallyFilledCanceled", "Deactivated"] {
        let order = order_of(&format!(
            r#""orderStatus":"{status}","qty":"150","cumExecQty":"40","avgPrice":"0.2215""#
        ));
        assert_eq!(order.status, OrderStatus::Cancelled, "{status}");
        assert_eq!(order.filled_quantity, Quantity::parse("40").unwrap());
        assert_eq!(order.average_price, Some(Price::parse("0.2215").unwrap()));
    }
}

#[test]
fn stops_are_named_by_their_type_and_else_by_who_made_them() {
    for (stop_order_type, create_type, stop) in [
        ("", "", StopKind::None),
        ("UNKNOWN", "CreateByUser", StopKind::None),
        ("TakeProfit", "", StopKind::TakeProfit),
        ("PartialTakeProfit", "", StopKind::TakeProfit),
        ("StopLoss", "", StopKind::StopLoss),
        ("PartialStopLoss", "", StopKind::StopLoss),
        ("TrailingStop", "", StopKind::TrailingStop),
        ("Stop", "", StopKind::Other),
        ("tpslOrder", "", StopKind::Other),
        ("OcoOrder", "", StopKind::Other),
        ("MmRateClose", "", StopKind::Other),
        ("BidirectionalTpslOrder", "", StopKind::Other),
        ("", "CreateByPartialTakeProfit", StopKind::TakeProfit),
        ("UNKNOWN", "CreateByStopLoss", StopKind::StopLoss),
        ("", "CreateByTrailingProfit", StopKind::TrailingStop),
    ] {
        let order = order_of(&format!(
            r#""stopOrderType":"{stop_order_type}","createType":"{create_type}","orderStatus":"Untriggered""#
        ));
        assert_eq!(order.stop, stop, "{stop_order_type} {create_type}");
    }
}

#[test]
fn lanes_reduce_marks_and_market_prices_are_told_as_what_they_are() {
    for (index, lane) in [
        ("0", Lane::OneWay),
        ("1", Lane::Long),
        ("\"2\"", Lane::Short),
        ("null", Lane::OneWay),
    ] {
        let order = order_of(&format!(r#""positionIdx":{index},"orderStatus":"New""#));
        assert_eq!(order.lane, lane, "{index}");
    }
    for (marks, reduces) in [
        (r#""reduceOnly":true,"closeOnTrigger":false"#, true),
        (r#""reduceOnly":false,"closeOnTrigger":true"#, true),
        (r#""reduceOnly":null"#, false),
    ] {
        assert_eq!(order_of(marks).reduce_only, reduces, "{marks}");
    }
    // The price of a market order is the venue's protection, not what was asked for.
    let market = order_of(r#""orderType":"Market","price":"72.5""#);
    assert_eq!((market.price, market.kind), (None, OrderKind::Market));
    let odd = order_of(r#""orderType":"UNKNOWN","orderStatus":"Paused""#);
    assert_eq!(
        (odd.kind, odd.status),
        (
            OrderKind::Unstated,
            OrderStatus::Unknown("Paused".to_owned())
        )
    );
}

#[test]
fn positions_have_the_sign_of_their_side_and_no_side_when_they_are_flat() {
    let of = |patch: &str| {
        let row = format!(r#"{{"symbol":"BTCUSDT",{patch}}}"#);
        wire::read_position(serde_json::from_str(&row).unwrap())
    };
    let long = of(r#""side":"Buy","size":"2","positionIdx":1,"seq":"-1","liqPrice":"""#);
    let long = long.unwrap().unwrap();
    assert_eq!(
        (long.lane, long.quantity),
        (Lane::Long, Quantity::parse("2").unwrap())
    );
    for flat in [
        r#""side":"","size":"0","positionValue":"""#,
        r#""side":"None","size":"""#,
    ] {
        assert_eq!(of(flat), Ok(None), "{flat}");
    }
    let error = of(r#""side":"","size":"2""#).unwrap_err().to_string();
    assert_eq!(
        error, "side is missing or empty",
        "a size without a side is not flat"
    );
}
