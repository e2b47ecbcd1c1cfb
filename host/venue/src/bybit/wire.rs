//! Bybit's rows, and what they are in fillsync's words. Nothing here sends or waits.
//!
//! A row is a set of [`Field`]s over its own JSON text: unknown keys are passed over, empty strings are
//! absent values, and a value that cannot be read is named. Page rows and stream messages have the same
//! fields, so a stream can use [`read_execution`] and [`read_order`] as they are. Sources: the V5
//! documentation of `execution/list`, `order/realtime`, `position/list` and its list of enumerations.

use super::symbol::{FeeCase, fee_currency};
use crate::field::{Field, RowError, each_field, fields, whole};
use fillsync_core::amount::{Money, Price, Quantity};
use fillsync_core::execution::{Execution, ExecutionClass, Fee, Relation, Side, Source};
use fillsync_core::id::{
    AccountName, Category, ClientOrderId, Currency, ExecutionId, Market, OrderId, Symbol,
};
use fillsync_core::order::{Lane, Order, OrderKind, OrderStatus, StopKind};
use fillsync_core::port::Position;
use fillsync_core::time::VenueTime;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::str::FromStr;

#[derive(Debug, Default)]
struct ExecutionRow<'a> {
    symbol: Field<'a>,
    order_id: Field<'a>,
    order_link_id: Field<'a>,
    side: Field<'a>,
    order_type: Field<'a>,
    stop_order_type: Field<'a>,
    create_type: Field<'a>,
    leaves_qty: Field<'a>,
    closed_size: Field<'a>,
    exec_id: Field<'a>,
    exec_type: Field<'a>,
    exec_qty: Field<'a>,
    exec_price: Field<'a>,
    exec_fee: Field<'a>,
    fee_rate: Field<'a>,
    fee_currency: Field<'a>,
    exec_time: Field<'a>,
    is_maker: Field<'a>,
    seq: Field<'a>,
}

impl<'a> ExecutionRow<'a> {
    fn place(&mut self, key: &str) -> Option<&mut Field<'a>> {
        Some(match key {
            "symbol" => &mut self.symbol,
            "orderId" => &mut self.order_id,
            "orderLinkId" => &mut self.order_link_id,
            "side" => &mut self.side,
            "orderType" => &mut self.order_type,
            "stopOrderType" => &mut self.stop_order_type,
            "createType" => &mut self.create_type,
            "leavesQty" => &mut self.leaves_qty,
            "closedSize" => &mut self.closed_size,
            "execId" => &mut self.exec_id,
            "execType" => &mut self.exec_type,
            "execQty" => &mut self.exec_qty,
            "execPrice" => &mut self.exec_price,
            "execFee" => &mut self.exec_fee,
            "feeRate" => &mut self.fee_rate,
            "feeCurrency" => &mut self.fee_currency,
            "execTime" => &mut self.exec_time,
            "isMaker" => &mut self.is_maker,
            "seq" => &mut self.seq,
            _ => return None,
        })
    }
}

/// Reads one execution.
///
/// # Errors
/// When a field that the row cannot do without is missing, or any amount cannot be read.
pub fn read_execution(
    raw: &RawValue,
    account: &AccountName,
    category: &Category,
    source: Source,
) -> Result<Execution, RowError> {
    let row: ExecutionRow<'_> = each_field(raw, ExecutionRow::place)?;
    let kind = row.exec_type.text();
    let created_by = row.create_type.text();
    let class = class_of(
        kind.as_deref().unwrap_or(""),
        created_by.as_deref().unwrap_or(""),
    );
    let side = row.side.need("side", side)?;
    let symbol = row.symbol.need("symbol", Symbol::from_str)?;
    let is_maker = row.is_maker.flag();
    let fee = read_fee(&row, category, &symbol, side, is_maker)?;
    // The venue's own doings carry ids in `orderId` that no order has.
    let has_order = !matches!(class, ExecutionClass::Cash | ExecutionClass::Settlement);
    Ok(Execution {
        execution_id: row.exec_id.need("execId", ExecutionId::from_str)?,
        order_id: row
            .order_id
            .read("orderId", OrderId::from_str)?
            .filter(|_| has_order),
        client_order_id: row
            .order_link_id
            .read("orderLinkId", ClientOrderId::from_str)?,
        side,
        quantity: read_quantity(&row, &class)?,
        price: read_price(&row, &class)?,
        fee,
        is_maker,
        leaves_quantity: row.leaves_qty.read("leavesQty", Quantity::parse)?,
        closed_quantity: row.closed_size.read("closedSize", Quantity::parse)?,
        order_kind: order_kind(row.order_type.text().as_deref().unwrap_or("")),
        stop: stop_kind(
            row.stop_order_type.text().as_deref().unwrap_or(""),
            created_by.as_deref().unwrap_or(""),
        ),
        // Only an order among rows of one instant: not worth losing a fill for.
        venue_sequence: row.seq.text().and_then(|text| whole(&text).ok()),
        executed_at: row.exec_time.need("execTime", time)?,
        class,
        source,
        relation: Relation::Own,
        raw: raw.get().to_owned(),
        market: Market {
            account: account.clone(),
            category: category.clone(),
            symbol,
        },
    })
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct CategoryRow<'a> {
    #[serde(borrow)]
    category: Field<'a>,
}

/// The category that a stream's row says of itself; pages say it once, beside their rows.
#[must_use]
pub fn category_of(raw: &RawValue) -> Option<String> {
    let row: CategoryRow<'_> = fields(raw).ok()?;
    row.category.text().map(|category| category.into_owned())
}

/// Money-only and unknown rows may come without an amount; what moves a position may not.
fn read_quantity(row: &ExecutionRow<'_>, class: &ExecutionClass) -> Result<Quantity, RowError> {
    let quantity = if class.moves_position() {
        row.exec_qty.need("execQty", Quantity::parse)?
    } else {
        row.exec_qty
            .read("execQty", Quantity::parse)?
            .unwrap_or(Quantity::ZERO)
    };
    Ok(quantity.abs())
}

/// A transfer is no trade and may have no price.
fn read_price(row: &ExecutionRow<'_>, class: &ExecutionClass) -> Result<Price, RowError> {
    if *class == ExecutionClass::OrderFill || class.is_venue_close() {
        return row.exec_price.need("execPrice", Price::parse);
    }
    Ok(row
        .exec_price
        .read("execPrice", Price::parse)?
        .unwrap_or(Price::ZERO))
}

fn read_fee(
    row: &ExecutionRow<'_>,
    category: &Category,
    symbol: &Symbol,
    side: Side,
    is_maker: Option<bool>,
) -> Result<Option<Fee>, RowError> {
    let Some(amount) = row.exec_fee.read("execFee", Money::parse)? else {
        return Ok(None);
    };
    let rate = row.fee_rate.read("feeRate", Money::parse)?;
    let currency = match row.fee_currency.read("feeCurrency", Currency::from_str)? {
        Some(currency) => Some(currency),
        None => fee_currency(&FeeCase {
            category: category.as_str(),
            symbol: symbol.as_str(),
            is_buy: side == Side::Buy,
            is_maker,
            rate_is_positive: rate.map(Money::is_positive),
        })
        .and_then(|currency| Currency::new(currency).ok()),
    };
    Ok(Some(Fee { amount, currency }))
}

/// The class of an execution, from `execType` and, for trades that the venue ordered, `createType`.
#[must_use]
pub fn class_of(exec_type: &str, create_type: &str) -> ExecutionClass {
    match exec_type {
        "Trade" | "BlockTrade" | "FutureSpread" => match create_type {
            "CreateByLiq" | "CreateByTakeOver_PassThrough" => ExecutionClass::Liquidation,
            "CreateByAdl_PassThrough" => ExecutionClass::AutoDeleverage,
            "CreateBySettle" => ExecutionClass::Settlement,
            "CreateByBlockTradeMovePosition_PassThrough" => ExecutionClass::Transfer,
            _ => ExecutionClass::OrderFill,
        },
        "AdlTrade" => ExecutionClass::AutoDeleverage,
        "BustTrade" => ExecutionClass::Liquidation,
        "Delivery" | "Settle" => ExecutionClass::Settlement,
        "Funding" | "SessionSettlePnL" => ExecutionClass::Cash,
        "MovePosition" | "CorporateAction" => ExecutionClass::Transfer,
        other => ExecutionClass::Unknown(other.chars().take(64).collect()),
    }
}

fn order_kind(order_type: &str) -> OrderKind {
    match order_type {
        "Limit" => OrderKind::Limit,
        "Market" => OrderKind::Market,
        "" | "UNKNOWN" => OrderKind::Unstated,
        other => OrderKind::Unknown(other.chars().take(64).collect()),
    }
}

/// What an order waits for. `createType` answers for rows whose `stopOrderType` says nothing.
fn stop_kind(stop_order_type: &str, create_type: &str) -> StopKind {
    match stop_order_type {
        "TakeProfit" | "PartialTakeProfit" => StopKind::TakeProfit,
        "StopLoss" | "PartialStopLoss" => StopKind::StopLoss,
        "TrailingStop" => StopKind::TrailingStop,
        "" | "UNKNOWN" => match create_type {
            "CreateByTakeProfit" | "CreateByPartialTakeProfit" => StopKind::TakeProfit,
            "CreateByStopLoss" | "CreateByPartialStopLoss" => StopKind::StopLoss,
            "CreateByTrailingStop" | "CreateByTrailingProfit" => StopKind::TrailingStop,
            "CreateByStopOrder" => StopKind::Other,
            _ => StopKind::None,
        },
        _ => StopKind::Other,
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct OrderRow<'a> {
    #[serde(borrow)]
    symbol: Field<'a>,
    #[serde(borrow)]
    order_id: Field<'a>,
    #[serde(borrow)]
    order_link_id: Field<'a>,
    #[serde(borrow)]
    side: Field<'a>,
    #[serde(borrow)]
    position_idx: Field<'a>,
    #[serde(borrow)]
    order_type: Field<'a>,
    #[serde(borrow)]
    stop_order_type: Field<'a>,
    #[serde(borrow)]
    create_type: Field<'a>,
    #[serde(borrow)]
    reduce_only: Field<'a>,
    #[serde(borrow)]
    close_on_trigger: Field<'a>,
    #[serde(borrow)]
    qty: Field<'a>,
    #[serde(borrow)]
    price: Field<'a>,
    #[serde(borrow)]
    cum_exec_qty: Field<'a>,
    #[serde(borrow)]
    avg_price: Field<'a>,
    #[serde(borrow)]
    order_status: Field<'a>,
    #[serde(borrow)]
    created_time: Field<'a>,
    #[serde(borrow)]
    updated_time: Field<'a>,
}

/// Reads one order.
///
/// # Errors
/// When a field that an order cannot do without is missing or cannot be read.
pub fn read_order(
    raw: &RawValue,
    account: &AccountName,
    category: &Category,
) -> Result<Order, RowError> {
    let row: OrderRow<'_> = fields(raw)?;
    let symbol = row.symbol.need("symbol", Symbol::from_str)?;
    let kind = order_kind(row.order_type.text().as_deref().unwrap_or(""));
    let created_at = row.created_time.need("createdTime", time)?;
    Ok(Order {
        market: Market {
            account: account.clone(),
            category: category.clone(),
            symbol,
        },
        order_id: row.order_id.need("orderId", OrderId::from_str)?,
        client_order_id: row
            .order_link_id
            .read("orderLinkId", ClientOrderId::from_str)?,
        side: row.side.need("side", side)?,
        lane: row
            .position_idx
            .read("positionIdx", lane)?
            .unwrap_or_default(),
        stop: stop_kind(
            row.stop_order_type.text().as_deref().unwrap_or(""),
            row.create_type.text().as_deref().unwrap_or(""),
        ),
        reduce_only: row.reduce_only.flag() == Some(true)
            || row.close_on_trigger.flag() == Some(true),
        quantity: row.qty.read("qty", Quantity::parse)?,
        // A market order's price is 0 or the protective limit: neither was asked for.
        price: row
            .price
            .read("price", Price::parse)?
            .filter(|price| kind != OrderKind::Market && price.is_positive()),
        filled_quantity: row
            .cum_exec_qty
            .read("cumExecQty", Quantity::parse)?
            .unwrap_or(Quantity::ZERO)
            .abs(),
        average_price: row
            .avg_price
            .read("avgPrice", Price::parse)?
            .filter(|price| price.is_positive()),
        status: order_status(row.order_status.text().as_deref().unwrap_or("")),
        created_at,
        updated_at: row
            .updated_time
            .read("updatedTime", time)?
            .unwrap_or(created_at),
        // An amended order keeps its id at Bybit.
        replaces: None,
        kind,
        raw: raw.get().to_owned(),
    })
}

/// The status in shared words. `Triggered` is momentary: the order is about to work.
#[must_use]
pub fn order_status(status: &str) -> OrderStatus {
    match status {
        "New" | "PartiallyFilled" | "Untriggered" | "Triggered" => OrderStatus::Open,
        "Filled" => OrderStatus::Filled,
        "Cancelled" | "PartiallyFilledCanceled" | "Deactivated" => OrderStatus::Cancelled,
        "Rejected" => OrderStatus::Rejected,
        other => OrderStatus::Unknown(other.chars().take(64).collect()),
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct PositionRow<'a> {
    #[serde(borrow)]
    symbol: Field<'a>,
    #[serde(borrow)]
    side: Field<'a>,
    #[serde(borrow)]
    size: Field<'a>,
    #[serde(borrow)]
    position_idx: Field<'a>,
}

/// Reads one position; none when it is flat.
///
/// # Errors
/// When it is not flat and a field is missing or cannot be read.
pub fn read_position(raw: &RawValue) -> Result<Option<Position>, RowError> {
    let row: PositionRow<'_> = fields(raw)?;
    let size = row
        .size
        .read("size", Quantity::parse)?
        .unwrap_or(Quantity::ZERO)
        .abs();
    if size.is_zero() {
        return Ok(None);
    }
    let quantity = match row.side.need("side", side)? {
        Side::Buy => size,
        Side::Sell => -size,
    };
    Ok(Some(Position {
        symbol: row.symbol.need("symbol", Symbol::from_str)?,
        lane: row
            .position_idx
            .read("positionIdx", lane)?
            .unwrap_or_default(),
        quantity,
    }))
}

fn side(text: &str) -> Result<Side, &'static str> {
    match text {
        "Buy" => Ok(Side::Buy),
        "Sell" => Ok(Side::Sell),
        _ => Err("neither Buy nor Sell"),
    }
}

fn lane(text: &str) -> Result<Lane, &'static str> {
    match text {
        "0" => Ok(Lane::OneWay),
        "1" => Ok(Lane::Long),
        "2" => Ok(Lane::Short),
        _ => Err("none of 0 (one-way), 1 (long), 2 (short)"),
    }
}

fn time(text: &str) -> Result<VenueTime, &'static str> {
    match whole(text) {
        Ok(ms) if ms > 0 => Ok(VenueTime::from_ms(ms)),
        _ => Err("not a time in milliseconds since 1970"),
    }
}
