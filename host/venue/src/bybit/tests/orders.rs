//! Orders and positions in shared words.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::{account, category, first_order, rows};
use crate::bybit::wire::{self, order_status};
use fillsync_core::amount::{Price, Quantity};
use fillsync_core::order::{Lane, OrderStatus};
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
    let of = |price: &str| {
        let row = format!(
            r#"{{"symbol":"BTCUSDT","orderId":"o","side":"Buy","orderType":"Limit","price":"1","qty":"1",
                "orderStatus":"New","createdTime":"1672128000000","avgPrice":{price}}}"#
        );
        let raw: &RawValue = serde_json::from_str(&row).unwrap();
        wire::read_order(raw, &account(), &category("linear"))
            .unwrap()
            .average_price
    };
    for none in [r#""""#, r#""0""#, r#""0.00""#, "null"] {
        assert_eq!(of(none), None, "{none}");
    }
    assert_eq!(of(r#""0.22155""#), Some(Price::parse("0.22155").unwrap()));
}
