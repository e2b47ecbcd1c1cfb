//! Alpaca's rows, and what they are in fillsync's words. Nothing here sends or waits.
//!
//! A row is a set of [`Field`]s over its own JSON text: unknown keys are passed over, null and empty are
//! absent, and a value that cannot be read is named. Amounts are strings and may be negative where the
//! account is short; here they are quantities without a sign, because the side says the rest. Sources:
//! the documentation of account activities, orders and positions, and recorded answers.

use crate::field::{Field, RowError, fields};
use fillsync_core::amount::{Price, Quantity};
use fillsync_core::execution::{Execution, ExecutionClass, Relation, Side, Source};
use fillsync_core::id::{
    AccountName, Category, ClientOrderId, ExecutionId, Market, OrderId, Symbol,
};
use fillsync_core::order::{Lane, Order, OrderKind, OrderStatus, StopKind};
use fillsync_core::port::Position;
use fillsync_core::time::VenueTime;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::str::FromStr;

/// The quotes of crypto pairs, the longer of two that fit first.
const CRYPTO_QUOTES: [&str; 4] = ["USDT", "USDC", "USD", "BTC"];

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct FillRow<'a> {
    #[serde(borrow)]
    id: Field<'a>,
    #[serde(borrow)]
    activity_type: Field<'a>,
    #[serde(borrow, rename = "type")]
    kind: Field<'a>,
    #[serde(borrow)]
    previous_id: Field<'a>,
    #[serde(borrow)]
    transaction_time: Field<'a>,
    #[serde(borrow)]
    price: Field<'a>,
    #[serde(borrow)]
    qty: Field<'a>,
    #[serde(borrow)]
    side: Field<'a>,
    #[serde(borrow)]
    symbol: Field<'a>,
    #[serde(borrow)]
    leaves_qty: Field<'a>,
    #[serde(borrow)]
    order_id: Field<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RowId<'a> {
    #[serde(borrow)]
    id: Field<'a>,
}

/// The whole id of an activity: what the next page is asked for with.
#[must_use]
pub fn activity_id(raw: &RawValue) -> Option<String> {
    let row: RowId<'_> = fields(raw).ok()?;
    row.id.text().map(|id| id.into_owned())
}

/// Reads one `FILL` activity.
///
/// # Errors
/// When a field that a fill cannot do without is missing or cannot be read.
pub fn read_fill(
    raw: &RawValue,
    account: &AccountName,
    category: &Category,
    source: Source,
) -> Result<Execution, RowError> {
    let row: FillRow<'_> = fields(raw)?;
    let quantity = row.qty.need("qty", Quantity::parse)?.abs();
    let side_text = row
        .side
        .need("side", |text| Ok::<_, &str>(text.to_owned()))?;
    let execution_id = row
        .id
        .need("id", |id| ExecutionId::new(execution_half(id)))?;
    let kind = row.kind.text();
    let class = class_of(
        row.activity_type.text().as_deref().unwrap_or(""),
        kind.as_deref().unwrap_or(""),
    );
    let relation = relation(
        kind.as_deref().unwrap_or(""),
        &execution_id,
        [("previous_id", row.previous_id)],
    )?;
    let market = Market {
        account: account.clone(),
        category: category.clone(),
        symbol: row.symbol.need("symbol", trimmed_symbol)?,
    };
    Ok(Execution {
        market,
        execution_id,
        class,
        order_id: row.order_id.read("order_id", OrderId::from_str)?,
        client_order_id: None,
        side: side(&side_text)?,
        quantity,
        price: row.price.need("price", Price::parse)?,
        fee: None,
        is_maker: None,
        leaves_quantity: row
            .leaves_qty
            .read("leaves_qty", Quantity::parse)?
            .map(Quantity::abs),
        // A plain sell never opens a short: Alpaca calls that `sell_short`.
        closed_quantity: (side_text == "sell").then_some(quantity),
        order_kind: OrderKind::Unstated,
        stop: StopKind::None,
        venue_sequence: None,
        executed_at: row
            .transaction_time
            .need("transaction_time", VenueTime::parse)?,
        source,
        relation,
        raw: raw.get().to_owned(),
    })
}

/// The class of an activity. `type` is `fill` or `partial_fill`, absent in some recordings; corrections and
/// busts are told by the newer event feeds under these names, and read here if they should come.
fn class_of(activity: &str, kind: &str) -> ExecutionClass {
    let unknown = |text: &str| ExecutionClass::Unknown(text.chars().take(64).collect());
    match (activity, kind) {
        ("FILL", "" | "fill" | "partial_fill" | "trade_correct" | "trade_bust") => {
            ExecutionClass::OrderFill
        }
        ("FILL", kind) => unknown(kind),
        (activity, _) => unknown(activity),
    }
}

/// What a row means for another one, which it names in one of these fields by the execution's id.
///
/// # Errors
/// When a correction or a bust does not say of which row, or names itself: nothing is guessed.
pub(super) fn relation<const N: usize>(
    event: &str,
    own: &ExecutionId,
    previous: [(&'static str, Field<'_>); N],
) -> Result<Relation, RowError> {
    let relate: fn(ExecutionId) -> Relation = match event {
        "trade_correct" => Relation::Corrects,
        "trade_bust" => Relation::Busts,
        _ => return Ok(Relation::Own),
    };
    for (field, value) in previous {
        let read = value.read(field, |id| ExecutionId::new(execution_half(id)))?;
        match read {
            Some(id) if id == *own => {
                return Err(RowError::unreadable(field, id.as_str(), "the row itself"));
            }
            Some(id) => return Ok(relate(id)),
            None => {}
        }
    }
    let field = previous.first().map_or("previous_id", |(field, _)| *field);
    Err(RowError::Missing { field })
}

/// The uuid of `20200522035112065::a80dfbdf-…`: the digits before it are New York's local time.
pub(super) fn execution_half(id: &str) -> &str {
    id.rsplit_once("::").map_or(id, |(_, uuid)| uuid)
}

pub(super) fn side(text: &str) -> Result<Side, RowError> {
    match text {
        "buy" => Ok(Side::Buy),
        "sell" | "sell_short" => Ok(Side::Sell),
        other => Err(RowError::unreadable(
            "side",
            other,
            "none of buy, sell, sell_short",
        )),
    }
}

/// The documentation's own sample of a position has a blank after its symbol.
fn trimmed_symbol(text: &str) -> Result<Symbol, fillsync_core::id::IdError> {
    Symbol::new(text.trim())
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct OrderRow<'a> {
    #[serde(borrow)]
    id: Field<'a>,
    #[serde(borrow)]
    client_order_id: Field<'a>,
    #[serde(borrow)]
    created_at: Field<'a>,
    #[serde(borrow)]
    updated_at: Field<'a>,
    #[serde(borrow)]
    replaces: Field<'a>,
    #[serde(borrow)]
    symbol: Field<'a>,
    #[serde(borrow)]
    qty: Field<'a>,
    #[serde(borrow)]
    filled_qty: Field<'a>,
    #[serde(borrow)]
    filled_avg_price: Field<'a>,
    #[serde(borrow)]
    asset_class: Field<'a>,
    #[serde(borrow)]
    order_class: Field<'a>,
    #[serde(borrow, rename = "type")]
    kind: Field<'a>,
    #[serde(borrow)]
    order_type: Field<'a>,
    #[serde(borrow)]
    side: Field<'a>,
    #[serde(borrow)]
    position_intent: Field<'a>,
    #[serde(borrow)]
    limit_price: Field<'a>,
    #[serde(borrow)]
    status: Field<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct SubmittedRow<'a> {
    #[serde(borrow)]
    submitted_at: Field<'a>,
}

/// When an order was submitted: what lists of orders are walked by.
#[must_use]
pub fn submitted_at(raw: &RawValue) -> Option<VenueTime> {
    let row: SubmittedRow<'_> = fields(raw).ok()?;
    row.submitted_at
        .text()
        .and_then(|text| VenueTime::parse(&text).ok())
}

/// Reads one order; none for the parent of a multi-leg option order: it has neither a symbol nor a side
/// of its own and nothing fills under its id, while its legs are orders of their own.
///
/// # Errors
/// When a field that an order cannot do without is missing or cannot be read.
pub fn read_order(
    raw: &RawValue,
    account: &AccountName,
    category: &Category,
) -> Result<Option<Order>, RowError> {
    let row: OrderRow<'_> = fields(raw)?;
    if row.symbol.text().is_none() && row.order_class.text().as_deref() == Some("mleg") {
        return Ok(None);
    }
    let kind_text = row
        .kind
        .text()
        .or_else(|| row.order_type.text())
        .unwrap_or_default();
    let (kind, stop) = kind(&kind_text);
    let side_text = row
        .side
        .need("side", |text| Ok::<_, &str>(text.to_owned()))?;
    let market = Market {
        account: account.clone(),
        category: category.clone(),
        symbol: symbol(row.symbol, row.asset_class)?,
    };
    let created_at = row.created_at.need("created_at", VenueTime::parse)?;
    let intent = row.position_intent.text();
    Ok(Some(Order {
        market,
        order_id: row.id.need("id", OrderId::from_str)?,
        client_order_id: row
            .client_order_id
            .read("client_order_id", ClientOrderId::from_str)?,
        side: side(&side_text)?,
        lane: Lane::OneWay,
        stop,
        reduce_only: matches!(intent.as_deref(), Some("buy_to_close" | "sell_to_close")),
        quantity: row.qty.read("qty", Quantity::parse)?.map(Quantity::abs),
        price: match kind {
            OrderKind::Market => None,
            _ => row.limit_price.read("limit_price", Price::parse)?,
        },
        filled_quantity: row
            .filled_qty
            .read("filled_qty", Quantity::parse)?
            .unwrap_or(Quantity::ZERO)
            .abs(),
        average_price: row
            .filled_avg_price
            .read("filled_avg_price", Price::parse)?
            .filter(|price| price.is_positive()),
        status: order_status(row.status.text().as_deref().unwrap_or("")),
        created_at,
        updated_at: row
            .updated_at
            .read("updated_at", VenueTime::parse)?
            .unwrap_or(created_at),
        replaces: row.replaces.read("replaces", OrderId::from_str)?,
        kind,
        raw: raw.get().to_owned(),
    }))
}

fn kind(text: &str) -> (OrderKind, StopKind) {
    match text {
        "limit" => (OrderKind::Limit, StopKind::None),
        "market" => (OrderKind::Market, StopKind::None),
        "stop" => (OrderKind::Market, StopKind::Other),
        "stop_limit" => (OrderKind::Limit, StopKind::Other),
        "trailing_stop" => (OrderKind::Market, StopKind::TrailingStop),
        "" => (OrderKind::Unstated, StopKind::None),
        other => (
            OrderKind::Unknown(other.chars().take(64).collect()),
            StopKind::None,
        ),
    }
}

/// The status in shared words. `done_for_day` and `calculated` are not final: a good-till-cancelled
/// order goes on the next day.
#[must_use]
pub fn order_status(status: &str) -> OrderStatus {
    match status {
        "new"
        | "accepted"
        | "pending_new"
        | "partially_filled"
        | "accepted_for_bidding"
        | "pending_cancel"
        | "pending_replace"
        | "pending_review"
        | "held"
        | "stopped"
        | "suspended"
        | "calculated"
        | "done_for_day" => OrderStatus::Open,
        "filled" => OrderStatus::Filled,
        "canceled" | "expired" => OrderStatus::Cancelled,
        "rejected" => OrderStatus::Rejected,
        "replaced" => OrderStatus::Replaced,
        other => OrderStatus::Unknown(other.chars().take(64).collect()),
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct PositionRow<'a> {
    #[serde(borrow)]
    symbol: Field<'a>,
    #[serde(borrow)]
    asset_class: Field<'a>,
    #[serde(borrow)]
    qty: Field<'a>,
    #[serde(borrow)]
    side: Field<'a>,
}

/// Reads one position; none when it is flat.
///
/// # Errors
/// When it is not flat and a field is missing or cannot be read.
pub fn read_position(raw: &RawValue) -> Result<Option<Position>, RowError> {
    let row: PositionRow<'_> = fields(raw)?;
    let quantity = row.qty.need("qty", Quantity::parse)?;
    if quantity.is_zero() {
        return Ok(None);
    }
    let symbol = symbol(row.symbol, row.asset_class)?;
    // The side and the sign say the same; older rows of shorts have been seen without the sign.
    let is_short = quantity.is_negative() || row.side.text().as_deref() == Some("short");
    let quantity = if is_short { -quantity.abs() } else { quantity };
    Ok(Some(Position {
        symbol,
        lane: Lane::OneWay,
        quantity,
    }))
}

/// A symbol in the spelling of REST's fills, whose rows do not say what class of asset they are of.
pub(super) fn symbol(symbol: Field<'_>, asset_class: Field<'_>) -> Result<Symbol, RowError> {
    let is_crypto = asset_class
        .text()
        .is_some_and(|class| class.starts_with("crypto"));
    symbol.need("symbol", |text| {
        let text = text.trim();
        Symbol::new(if is_crypto {
            slashed(text)
        } else {
            text.to_owned()
        })
    })
}

/// `BTCUSD`, as positions and older streams of crypto spell it, in the spelling of orders and fills: `BTC/USD`.
fn slashed(symbol: &str) -> String {
    let pair = CRYPTO_QUOTES.iter().find_map(|quote| {
        let base = symbol.strip_suffix(quote)?;
        (!base.is_empty() && !base.contains('/')).then(|| format!("{base}/{quote}"))
    });
    pair.unwrap_or_else(|| symbol.to_owned())
}
