//! From a step's words to the values that the book takes.
//!
//! Promise: what a step leaves out is what the book leaves out.

use super::schema::milliseconds;
use super::words::{FillStep, Place, RowStep};
use crate::book::{Fill, NewOrder, NewRow, OrderKind};

/// When a row that is `late` is shown; the text was checked when the script was read.
fn shown_at(at_ms: i64, late: Option<&str>) -> Option<i64> {
    late.and_then(milliseconds).map(|late_ms| at_ms + late_ms)
}

pub(super) fn new_order(place: &Place, at_ms: i64) -> NewOrder {
    let side = place.side.into();
    let mut order = match &place.price {
        Some(price) => NewOrder::limit(&place.symbol, side, &place.qty, price),
        None => NewOrder::market(&place.symbol, side, &place.qty),
    };
    if let Some(kind) = place.kind {
        order = order.kind(OrderKind::from(kind));
    }
    order.trigger_price = place.trigger_price.clone();
    order.client_order_id = place.client_order_id.clone();
    order.reduce_only = place.reduce_only;
    order.visible_at_ms = shown_at(at_ms, place.late.as_deref());
    order
        .category(place.category.into())
        .position_idx(place.position_idx)
        .at_ms(at_ms)
}

pub(super) fn new_fill(step: &FillStep, at_ms: i64) -> Fill {
    let mut fill = Fill::new(&step.qty, &step.price)
        .at_ms(at_ms)
        .plus_us(step.plus_us);
    fill.is_maker = step.maker;
    fill.fee = step.fee.clone();
    fill.fee_currency = step.fee_currency.clone();
    fill.id = step.id.clone();
    fill.visible_at_ms = shown_at(at_ms, step.late.as_deref());
    fill
}

pub(super) fn new_row(step: &RowStep, at_ms: i64) -> NewRow {
    let side = step.side.into();
    let mut row = NewRow::new(step.kind(), &step.symbol, side, &step.qty, &step.price)
        .category(step.category.into())
        .position_idx(step.position_idx)
        .at_ms(at_ms);
    if let Some(fee) = &step.fee {
        row.fee.clone_from(fee);
    }
    row.order_id = step.order_id.clone();
    row.id = step.id.clone();
    row.visible_at_ms = shown_at(at_ms, step.late.as_deref());
    row
}
