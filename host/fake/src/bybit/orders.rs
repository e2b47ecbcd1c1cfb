//! `GET /v5/order/realtime` and `GET /v5/order/history`.
//!
//! Promise: what each of the two forgets, it forgets here too: realtime keeps the newest 500 closed orders and loses
//! them at a release; history loses unfilled orders that ended after a day, keeps filled ones for two years, and never
//! shows an open one.

use std::sync::atomic::Ordering;

use serde_json::{Map, Value, json};

use super::Shared;
use super::dialect::Refusal;
use super::executions::{
    REACH_MS, Window, category, category_text, limit, page, side_text, stop_order_type,
};
use super::{CursorAtEnd, HistoryWindow};
use crate::book::{Category, Order, OrderKind, OrderStatus};
use crate::query::{Query, percent_decode};
use crate::symbols;

const LIMIT_DEFAULT: usize = 20;
const LIMIT_MAX: usize = 50;
const DAY_MS: i64 = 24 * 3_600_000;
/// The statuses that `order/history` accepts as a filter.
const FINAL_STATUSES: [&str; 5] = [
    "Filled",
    "Cancelled",
    "Rejected",
    "PartiallyFilledCanceled",
    "Deactivated",
];

pub(crate) fn realtime(shared: &Shared, account: &str, query: &Query) -> Result<Value, Refusal> {
    let category = category(query)?;
    let limit = limit(query, LIMIT_DEFAULT, LIMIT_MAX)?;
    let selection = Selection::parse(category, query);
    let is_selected = ["symbol", "baseCoin", "settleCoin"]
        .iter()
        .any(|name| query.get(name).is_some());
    if category == Category::Linear && !is_selected && selection.by_id.is_none() {
        return Err(Refusal::new(
            10001,
            "Missing some parameters that must be filled in, symbol or settleCoin or baseCoin",
        ));
    }
    let wants_closed = match query.get("openOnly") {
        None | Some("0") => false,
        Some("1") => true,
        Some(_) => return Err(Refusal::parameter("openOnly invalid")),
    };
    let rules = shared.rules();
    let (seen_ms, wiped_ms) = (
        shared.clock.now_ms(),
        shared.wiped_ms.load(Ordering::SeqCst),
    );
    let state = shared.book.lock();
    let orders = state
        .accounts
        .get(account)
        .map(|book| book.orders.as_slice())
        .unwrap_or_default();
    let mine = || {
        orders
            .iter()
            .filter(|order| order.category == category && order.visible_at_ms <= seen_ms)
    };
    let mut recent: Vec<&Order> = mine()
        .filter(|order| !order.status.is_open() && order.updated_us / 1000 > wiped_ms)
        .collect();
    recent.sort_unstable_by_key(|order| std::cmp::Reverse((order.updated_us, order.number)));
    recent.truncate(rules.recent_closed_max);
    let open = mine().filter(|order| order.status.is_open());
    let found: Vec<&Order> = match (&selection.by_id, wants_closed) {
        // openOnly is ignored with an order id.
        (Some(_), _) => open
            .chain(recent)
            .filter(|order| selection.covers(order))
            .collect(),
        (None, false) => open.filter(|order| selection.covers(order)).collect(),
        (None, true) => recent
            .into_iter()
            .filter(|order| selection.covers(order))
            .collect(),
    };
    paged(
        category,
        found,
        query,
        limit,
        rules.cursor_at_end,
        rules.unknown_keys,
    )
}

pub(crate) fn history(shared: &Shared, account: &str, query: &Query) -> Result<Value, Refusal> {
    let category = category(query)?;
    let limit = limit(query, LIMIT_DEFAULT, LIMIT_MAX)?;
    let selection = Selection::parse(category, query);
    let status = query.get("orderStatus");
    if status.is_some_and(|status| !FINAL_STATUSES.contains(&status)) {
        return Err(Refusal::new(181_017, "orderStatus must be final status"));
    }
    let rules = shared.rules();
    let now_ms = shared.server_ms();
    let window = match selection.by_id {
        Some(_) => None,
        None => Some(Window::parse(query, now_ms)?),
    };
    let seen_ms = shared.clock.now_ms();
    let state = shared.book.lock();
    let orders = state
        .accounts
        .get(account)
        .map(|book| book.orders.as_slice())
        .unwrap_or_default();
    let found = orders
        .iter()
        .filter(|order| order.category == category && order.visible_at_ms <= seen_ms)
        .filter(|order| is_kept(order, now_ms) && selection.covers(order))
        .filter(|order| order.updated_us / 1000 + rules.history_delay_ms <= seen_ms)
        .filter(|order| status.is_none_or(|status| status_text(order) == status))
        .filter(|order| {
            let at_ms = match rules.history_window {
                HistoryWindow::Created => order.created_us / 1000,
                HistoryWindow::Updated => order.updated_us / 1000,
            };
            window
                .as_ref()
                .is_none_or(|window| window.start_ms <= at_ms && at_ms <= window.end_ms)
        })
        .collect();
    paged(
        category,
        found,
        query,
        limit,
        rules.cursor_at_end,
        rules.unknown_keys,
    )
}

/// Whether `order/history` still has a closed order.
fn is_kept(order: &Order, now_ms: i64) -> bool {
    if order.status.is_open() {
        return false;
    }
    let age_ms = now_ms - order.updated_us / 1000;
    if order.filled_qty.is_zero() {
        age_ms <= DAY_MS
    } else {
        age_ms <= REACH_MS
    }
}

/// Which orders are asked for.
struct Selection<'a> {
    by_id: Option<ById<'a>>,
    symbol: Option<&'a str>,
    base_coin: Option<&'a str>,
    settle_coin: Option<&'a str>,
    filter: Option<&'a str>,
}

enum ById<'a> {
    Order(&'a str),
    Link(&'a str),
}

impl<'a> Selection<'a> {
    fn parse(category: Category, query: &'a Query) -> Self {
        let by_link = || query.get("orderLinkId").map(ById::Link);
        // Spot shows plain orders unless asked otherwise.
        let filter_default = (category == Category::Spot).then_some("Order");
        Self {
            by_id: query.get("orderId").map(ById::Order).or_else(by_link),
            symbol: query.get("symbol"),
            base_coin: query.get("baseCoin"),
            // Spot has no settle coin and ignores it.
            settle_coin: query
                .get("settleCoin")
                .filter(|_| category != Category::Spot),
            filter: query.get("orderFilter").or(filter_default),
        }
    }

    fn covers(&self, order: &Order) -> bool {
        match self.by_id {
            Some(ById::Order(id)) => return order.id == id,
            Some(ById::Link(id)) => return order.client_order_id == id,
            None => {}
        }
        let (base, settle) = (
            symbols::base_coin(order.category, &order.symbol),
            symbols::settle_coin(order.category, &order.symbol),
        );
        let is_stop =
            order.status == OrderStatus::Untriggered || order.status == OrderStatus::Deactivated;
        self.symbol.is_none_or(|symbol| order.symbol == symbol)
            && (self.symbol.is_some() || self.base_coin.is_none_or(|coin| base == coin))
            && (self.symbol.is_some() || self.settle_coin.is_none_or(|coin| settle == coin))
            && match self.filter {
                None => true,
                Some("Order") => !is_stop,
                Some("StopOrder") => is_stop,
                Some(_) => false,
            }
    }
}

fn paged(
    category: Category,
    mut found: Vec<&Order>,
    query: &Query,
    limit: usize,
    cursor_at_end: CursorAtEnd,
    unknown_keys: bool,
) -> Result<Value, Refusal> {
    let place = |order: &Order| std::cmp::Reverse((order.created_us / 1000, order.id.clone()));
    found.sort_by_cached_key(|order| place(order));
    if let Some(cursor) = query.get("cursor") {
        let last = decode_cursor(cursor)?;
        found.retain(|order| place(order) > std::cmp::Reverse(last.clone()));
    }
    let has_more = found.len() > limit;
    found.truncate(limit);
    let has_cursor = match cursor_at_end {
        CursorAtEnd::Always => !found.is_empty(),
        CursorAtEnd::FullPage => found.len() == limit,
        CursorAtEnd::Never => has_more,
    };
    let cursor = match (found.first(), found.last()) {
        (Some(first), Some(last)) if has_cursor => {
            let mark = |order: &Order| format!("{}%3A{}", order.id, order.created_us / 1000);
            format!("{}%2C{}", mark(first), mark(last))
        }
        _ => String::new(),
    };
    Ok(page(
        category,
        found
            .iter()
            .map(|order| render(order, unknown_keys))
            .collect(),
        cursor,
    ))
}

/// The last `id:createdTime` of a cursor, whether it arrives encoded once or twice.
fn decode_cursor(text: &str) -> Result<(i64, String), Refusal> {
    let decoded = if text.contains('%') {
        percent_decode(text)
    } else {
        text.to_owned()
    };
    decoded
        .rsplit(',')
        .next()
        .and_then(|last| last.rsplit_once(':'))
        .and_then(|(id, created)| Some((created.parse().ok()?, id.to_owned())))
        .ok_or_else(|| Refusal::parameter("cursor invalid"))
}

fn status_text(order: &Order) -> &'static str {
    match order.status {
        OrderStatus::Untriggered => "Untriggered",
        OrderStatus::New => "New",
        OrderStatus::PartiallyFilled => "PartiallyFilled",
        OrderStatus::Filled => "Filled",
        OrderStatus::Rejected => "Rejected",
        OrderStatus::Deactivated => "Deactivated",
        // Only spot tells a cancelled order with fills by its status.
        OrderStatus::Cancelled | OrderStatus::Expired | OrderStatus::Replaced
            if order.category == Category::Spot && !order.filled_qty.is_zero() =>
        {
            "PartiallyFilledCanceled"
        }
        OrderStatus::Cancelled | OrderStatus::Expired | OrderStatus::Replaced => "Cancelled",
    }
}

fn create_type(order: &Order) -> &'static str {
    match order.kind {
        OrderKind::TakeProfit => "CreateByTakeProfit",
        OrderKind::StopLoss => "CreateByStopLoss",
        OrderKind::TrailingStop => "CreateByTrailingStop",
        _ => "CreateByUser",
    }
}

fn reject_reason(order: &Order) -> &str {
    match (&order.reject_reason, order.status) {
        (Some(reason), _) => reason,
        (None, OrderStatus::Cancelled | OrderStatus::Deactivated) => "EC_PerCancelRequest",
        (None, OrderStatus::Expired) => "EC_NoImmediateQtyToFill",
        (None, _) => "EC_NoError",
    }
}

pub(crate) fn render(order: &Order, unknown_keys: bool) -> Value {
    let leaves = if order.status.is_open() {
        order.leaves_qty().to_string()
    } else {
        "0".to_owned()
    };
    let leaves_value = match (order.status.is_open(), order.price) {
        (true, Some(price)) => (order.leaves_qty() * price).normalize().to_string(),
        _ => "0".to_owned(),
    };
    let average = order.average_price();
    let price = order
        .price
        .or(average)
        .map_or_else(|| "0".to_owned(), |price| price.to_string());
    let is_stop = order.kind.waits_for_trigger();
    let cancel_type = if order.status == OrderStatus::Cancelled {
        "CancelByUser"
    } else {
        "UNKNOWN"
    };
    let in_force = order.time_in_force.as_deref().unwrap_or(match order.kind {
        OrderKind::Limit | OrderKind::StopLimit => "GTC",
        _ => "IOC",
    });
    let coin = symbols::settle_coin(order.category, &order.symbol);
    let fees = if order.fees.is_zero() {
        json!({})
    } else {
        json!({ coin: order.fees.to_string() })
    };
    let trigger = order
        .trigger_price
        .map_or_else(|| "0.00".to_owned(), |price| price.to_string());
    let mut fields = object(json!({
        "orderId": order.id, "orderLinkId": order.client_order_id, "symbol": order.symbol,
        "price": price, "qty": order.qty.to_string(), "side": side_text(order.side),
        "isLeverage": if order.category == Category::Spot { "0" } else { "" },
        "positionIdx": order.position_idx, "orderStatus": status_text(order),
        "cancelType": cancel_type, "rejectReason": reject_reason(order),
        "avgPrice": average.map_or_else(String::new, |price| price.to_string()),
        "leavesQty": leaves, "leavesValue": leaves_value,
        "cumExecQty": order.filled_qty.to_string(),
        "cumExecValue": order.filled_value.normalize().to_string(),
        "cumExecFee": order.fees.to_string(), "cumFeeDetail": fees, "timeInForce": in_force,
        "orderType": if order.kind.has_limit_price() { "Limit" } else { "Market" },
        "stopOrderType": stop_order_type(order.category, order.kind), "triggerPrice": trigger,
        "triggerDirection": i32::from(is_stop), "triggerBy": if is_stop { "LastPrice" } else { "UNKNOWN" },
        "reduceOnly": order.reduce_only,
        "createdTime": (order.created_us / 1000).to_string(),
        "updatedTime": (order.updated_us / 1000).to_string(),
    }));
    fields.extend(constant_fields());
    if order.category != Category::Spot {
        fields.insert("createType".to_owned(), create_type(order).into());
    }
    if unknown_keys {
        fields.insert(
            "nextReleaseField".to_owned(),
            json!([category_text(order.category), null]),
        );
    }
    fields.extend(order.extra.clone());
    Value::Object(fields)
}

/// What an order without brackets, leverage and self-match prevention shows for them.
fn constant_fields() -> Map<String, Value> {
    object(json!({
        "blockTradeId": "", "orderIv": "", "marketUnit": "", "takeProfit": "", "stopLoss": "", "tpslMode": "",
        "ocoTriggerBy": "", "tpLimitPrice": "", "slLimitPrice": "", "tpTriggerBy": "", "slTriggerBy": "",
        "lastPriceOnCreated": "", "basePrice": "", "closeOnTrigger": false, "placeType": "", "smpType": "None",
        "smpGroup": 0, "smpOrderId": "", "parentOrderLinkId": "", "slippageToleranceType": "UNKNOWN",
        "slippageTolerance": "", "extraFees": "", "rpiTakerAccess": false, "rpiMatchedQty": "0",
    }))
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}
