//! `GET /v2/orders`, `/v2/orders/{id}` and `/v2/orders:by_client_order_id`.
//!
//! Promise: `after` and `until` are exclusive and look at the submission time; there is no page token; a replaced order
//! keeps its fills and names its successor.

use serde_json::{Value, json};

use super::Shared;
use super::dialect::Refusal;
use super::time;
use crate::book::{Order, OrderKind, OrderStatus, Side};
use crate::ids::uuid_of;
use crate::query::Query;
use crate::symbols::asset_class;

const LIMIT_DEFAULT: usize = 50;
const LIMIT_MAX: usize = 500;
const UUID_CHARACTERS: usize = 36;

pub(crate) fn list(shared: &Shared, account: &str, query: &Query) -> Result<Value, Refusal> {
    let wants = match query.get("status") {
        None | Some("open") => |order: &Order| order.status.is_open(),
        Some("closed") => |order: &Order| !order.status.is_open(),
        Some("all") => |_: &Order| true,
        Some(other) => return Err(Refusal::parameter(format!("invalid status: {other}"))),
    };
    let limit = match query.number::<usize>("limit") {
        Ok(None) => LIMIT_DEFAULT,
        Ok(Some(limit)) if (1..=LIMIT_MAX).contains(&limit) => limit,
        _ => return Err(Refusal::parameter("invalid limit")),
    };
    // Clients of several languages write the boolean differently.
    match query.get("nested").map(str::to_ascii_lowercase).as_deref() {
        None | Some("true" | "false" | "1" | "0") => {}
        Some(other) => return Err(Refusal::parameter(format!("invalid nested: {other}"))),
    }
    let ascending = direction_is_ascending(query)?;
    let (after_us, until_us) = (instant(query, "after")?, instant(query, "until")?);
    let symbols: Option<Vec<&str>> = query.get("symbols").map(|list| list.split(',').collect());
    let side = query.get("side");
    let unknown_keys = shared.rules().unknown_keys;
    let now_ms = shared.clock.now_ms();
    let state = shared.book.lock();
    let orders = state
        .accounts
        .get(account)
        .map(|book| book.orders.as_slice())
        .unwrap_or_default();
    let mut found: Vec<&Order> = orders
        .iter()
        .filter(|order| order.visible_at_ms <= now_ms && wants(order))
        .filter(|order| after_us.is_none_or(|after_us| order.created_us > after_us))
        .filter(|order| until_us.is_none_or(|until_us| order.created_us < until_us))
        .filter(|order| {
            symbols
                .as_ref()
                .is_none_or(|symbols| symbols.contains(&order.symbol.as_str()))
        })
        .filter(|order| side.is_none_or(|side| side_text(order.side) == side))
        .collect();
    found.sort_by_key(|order| (order.created_us, order.number));
    if !ascending {
        found.reverse();
    }
    found.truncate(limit);
    Ok(Value::Array(
        found
            .iter()
            .map(|order| render(order, unknown_keys))
            .collect(),
    ))
}

pub(crate) fn by_id(shared: &Shared, account: &str, id: &str) -> Result<Value, Refusal> {
    if id.len() != UUID_CHARACTERS {
        return Err(Refusal::parameter("order_id is missing"));
    }
    one(shared, account, |order| order.id == id)
        .ok_or_else(|| Refusal::not_found(format!("order not found for {id}")))
}

pub(crate) fn by_client_order_id(
    shared: &Shared,
    account: &str,
    query: &Query,
) -> Result<Value, Refusal> {
    let id = query
        .get("client_order_id")
        .ok_or_else(|| Refusal::parameter("client_order_id is missing"))?;
    one(shared, account, |order| order.client_order_id == id)
        .ok_or_else(|| Refusal::not_found(format!("order not found for {id}")))
}

fn one(shared: &Shared, account: &str, is_it: impl Fn(&Order) -> bool) -> Option<Value> {
    let unknown_keys = shared.rules().unknown_keys;
    let now_ms = shared.clock.now_ms();
    let state = shared.book.lock();
    let order = state
        .accounts
        .get(account)?
        .orders
        .iter()
        .find(|order| is_it(order))?;
    (order.visible_at_ms <= now_ms).then(|| render(order, unknown_keys))
}

/// `direction`, descending by default.
pub(crate) fn direction_is_ascending(query: &Query) -> Result<bool, Refusal> {
    match query.get("direction") {
        None | Some("desc") => Ok(false),
        Some("asc") => Ok(true),
        Some(other) => Err(Refusal::parameter(format!("invalid direction: {other}"))),
    }
}

fn instant(query: &Query, name: &str) -> Result<Option<i64>, Refusal> {
    let parsed = query.get(name).map(|text| {
        time::parse(text).ok_or_else(|| Refusal::parameter(format!("invalid {name}: {text}")))
    });
    parsed.transpose()
}

fn side_text(side: Side) -> &'static str {
    match side {
        Side::Buy => "buy",
        Side::Sell => "sell",
    }
}

fn status_text(status: OrderStatus) -> &'static str {
    match status {
        OrderStatus::Untriggered | OrderStatus::New => "new",
        OrderStatus::PartiallyFilled => "partially_filled",
        OrderStatus::Filled => "filled",
        OrderStatus::Cancelled | OrderStatus::Deactivated => "canceled",
        OrderStatus::Expired => "expired",
        OrderStatus::Rejected => "rejected",
        OrderStatus::Replaced => "replaced",
    }
}

fn kind_text(kind: OrderKind) -> &'static str {
    match kind {
        OrderKind::Limit | OrderKind::TakeProfit => "limit",
        OrderKind::Market => "market",
        OrderKind::Stop | OrderKind::StopLoss => "stop",
        OrderKind::StopLimit => "stop_limit",
        OrderKind::TrailingStop => "trailing_stop",
    }
}

pub(crate) fn render(order: &Order, unknown_keys: bool) -> Value {
    let at = |at_us: Option<i64>| at_us.map(time::rfc3339);
    let ended = |status: OrderStatus| at(order.ended_us.filter(|_| order.status == status));
    let cancelled = ended(OrderStatus::Cancelled).or_else(|| ended(OrderStatus::Deactivated));
    let kind = kind_text(order.kind);
    let limit_price = match order.kind {
        OrderKind::TakeProfit => order.price.or(order.trigger_price),
        _ => order.price,
    };
    let stop_price = order
        .trigger_price
        .filter(|_| order.kind != OrderKind::TakeProfit);
    let mut row = json!({
        "id": order.id, "client_order_id": order.client_order_id,
        // The recorded orders were created some milliseconds after their submission.
        "created_at": time::rfc3339(order.created_us + 4_608), "updated_at": time::rfc3339(order.updated_us + 4_608),
        "submitted_at": time::rfc3339(order.created_us), "filled_at": at(order.filled_us),
        "expired_at": ended(OrderStatus::Expired), "expires_at": null,
        "canceled_at": cancelled, "failed_at": ended(OrderStatus::Rejected),
        "replaced_at": ended(OrderStatus::Replaced), "replaced_by": order.replaced_by, "replaces": order.replaces,
        "asset_id": uuid_of(&order.symbol), "symbol": order.symbol, "asset_class": asset_class(&order.symbol),
        "notional": null, "qty": order.qty.to_string(), "filled_qty": order.filled_qty.to_string(),
        "filled_avg_price": order.average_price().map(|price| price.to_string()),
        "order_class": "", "order_type": kind, "type": kind, "side": side_text(order.side),
        "position_intent": match order.side { Side::Buy => "buy_to_open", Side::Sell => "sell_to_close" },
        "time_in_force": order.time_in_force.as_deref().unwrap_or("gtc"),
        "limit_price": limit_price.map(|price| price.to_string()),
        "stop_price": stop_price.map(|price| price.to_string()),
        "status": status_text(order.status), "extended_hours": false, "legs": null, "trail_percent": null,
        "trail_price": null, "hwm": null, "ratio_qty": null, "subtag": null, "source": null,
    });
    if let Value::Object(fields) = &mut row {
        if unknown_keys {
            fields.insert("next_release_field".to_owned(), json!(["", null]));
        }
        fields.extend(order.extra.clone());
    }
    row
}
