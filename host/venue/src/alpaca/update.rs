//! A trade update of the stream: what happened to an order, and the order as it now is.
//!
//! Only `fill` and `partial_fill` are executions: other events carry an `execution_id` as well, which
//! belongs to nothing. A fill is read so that it equals the `FILL` activity of the same execution: its id is
//! the uuid half of the activity's, its symbol is spelled with the slash, its price and quantity are the
//! event's own and never the order's sums. Unknown events tell the order and nothing else (the
//! documentation says to expect them). Sources: the streaming page, recorded events, the broker's schema of
//! `trade_bust` and `trade_correct`.

use super::wire::{self, execution_half, read_order, side};
use crate::field::{Field, RowError, fields};
use fillsync_core::amount::{Price, Quantity};
use fillsync_core::execution::{Execution, ExecutionClass, Relation, Source};
use fillsync_core::id::{AccountName, Category, ClientOrderId, ExecutionId, Market, OrderId};
use fillsync_core::order::{Order, OrderKind, StopKind};
use fillsync_core::time::VenueTime;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::str::FromStr;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct UpdateRow<'a> {
    #[serde(borrow)]
    event: Field<'a>,
    #[serde(borrow)]
    execution_id: Field<'a>,
    #[serde(borrow)]
    previous_execution_id: Field<'a>,
    #[serde(borrow)]
    previous_id: Field<'a>,
    #[serde(borrow)]
    timestamp: Field<'a>,
    #[serde(borrow)]
    at: Field<'a>,
    #[serde(borrow)]
    price: Field<'a>,
    #[serde(borrow)]
    qty: Field<'a>,
    #[serde(borrow)]
    position_qty: Field<'a>,
    #[serde(borrow)]
    order: Option<&'a RawValue>,
}

/// The order of an event, as far as its execution needs it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct OrderPart<'a> {
    #[serde(borrow)]
    id: Field<'a>,
    #[serde(borrow)]
    client_order_id: Field<'a>,
    #[serde(borrow)]
    symbol: Field<'a>,
    #[serde(borrow)]
    asset_class: Field<'a>,
    #[serde(borrow)]
    side: Field<'a>,
    #[serde(borrow)]
    position_intent: Field<'a>,
    #[serde(borrow)]
    qty: Field<'a>,
    #[serde(borrow)]
    filled_qty: Field<'a>,
    #[serde(borrow)]
    legs: Option<&'a RawValue>,
}

/// What an event tells.
#[derive(Debug, Default)]
pub(super) struct Update<'a> {
    pub(super) executions: Vec<Execution>,
    pub(super) orders: Vec<Order>,
    pub(super) unreadable: Vec<(&'a RawValue, RowError)>,
}

/// Reads one event. What cannot be read of it does not keep the rest from being told.
pub(super) fn read<'a>(
    raw: &'a RawValue,
    account: &AccountName,
    category: &Category,
) -> Update<'a> {
    let mut update = Update::default();
    let row: UpdateRow<'a> = match fields(raw) {
        Ok(row) => row,
        Err(error) => {
            update.unreadable.push((raw, error));
            return update;
        }
    };
    let Some(order) = row.order else {
        let error = RowError::Missing { field: "order" };
        update.unreadable.push((raw, error));
        return update;
    };
    let is_parent = update.take_order(order, account, category);
    // What a multi-leg order's parent reports are sums over its legs, whose fills have ids of their own.
    if is_parent || !is_execution(row.event) {
        return update;
    }
    match read_execution(raw, &row, order, account, category) {
        Ok(execution) => update.executions.push(execution),
        Err(error) => update.unreadable.push((raw, error)),
    }
    update
}

impl<'a> Update<'a> {
    /// Takes the order, or the legs of a parent; says whether it was a parent.
    fn take_order(
        &mut self,
        order: &'a RawValue,
        account: &AccountName,
        category: &Category,
    ) -> bool {
        match read_order(order, account, category) {
            Ok(Some(order)) => self.orders.push(order),
            Err(error) => self.unreadable.push((order, error)),
            Ok(None) => {
                let part: Result<OrderPart<'a>, RowError> = fields(order);
                let legs = part.ok().and_then(|part| part.legs);
                let legs: Option<Vec<&'a RawValue>> =
                    legs.and_then(|legs| serde_json::from_str(legs.get()).ok());
                for leg in legs.unwrap_or_default() {
                    match read_order(leg, account, category) {
                        Ok(order) => self.orders.extend(order),
                        Err(error) => self.unreadable.push((leg, error)),
                    }
                }
                return true;
            }
        }
        false
    }
}

fn is_execution(event: Field<'_>) -> bool {
    matches!(
        event.text().as_deref(),
        Some("fill" | "partial_fill" | "trade_correct" | "trade_bust")
    )
}

fn read_execution(
    raw: &RawValue,
    row: &UpdateRow<'_>,
    order: &RawValue,
    account: &AccountName,
    category: &Category,
) -> Result<Execution, RowError> {
    let part: OrderPart<'_> = fields(order)?;
    let execution_id = row
        .execution_id
        .need("execution_id", |id| ExecutionId::new(execution_half(id)))?;
    let event = row.event.text();
    let relation = wire::relation(
        event.as_deref().unwrap_or(""),
        &execution_id,
        [
            ("previous_execution_id", row.previous_execution_id),
            ("previous_id", row.previous_id),
        ],
    )?;
    let is_bust = matches!(relation, Relation::Busts(_));
    let side_text = part
        .side
        .need("side", |text| Ok::<_, &str>(text.to_owned()))?;
    // What a bust takes back is the other row's; its own amounts only have to be readable.
    let quantity = match row.qty.read("qty", Quantity::parse)? {
        Some(quantity) => quantity.abs(),
        None if is_bust => Quantity::ZERO,
        None => return Err(RowError::Missing { field: "qty" }),
    };
    let price = match row.price.read("price", Price::parse)? {
        Some(price) => price,
        None if is_bust => Price::ZERO,
        None => return Err(RowError::Missing { field: "price" }),
    };
    let time = match row.timestamp.text() {
        Some(_) => row.timestamp,
        None => row.at,
    };
    Ok(Execution {
        market: Market {
            account: account.clone(),
            category: category.clone(),
            symbol: wire::symbol(part.symbol, part.asset_class)?,
        },
        execution_id,
        class: ExecutionClass::OrderFill,
        order_id: part.id.read("id", OrderId::from_str)?,
        client_order_id: part
            .client_order_id
            .read("client_order_id", ClientOrderId::from_str)?,
        side: side(&side_text)?,
        quantity,
        price,
        fee: None,
        is_maker: None,
        leaves_quantity: leaves(&part)?,
        closed_quantity: closes(&side_text, &part, row)?.then_some(quantity),
        order_kind: OrderKind::Unstated,
        stop: StopKind::None,
        venue_sequence: None,
        executed_at: time.need("timestamp", VenueTime::parse)?,
        source: Source::Stream,
        relation,
        raw: raw.get().to_owned(),
    })
}

/// What the order still wanted after this fill, which tells the order of fills of one instant. The activity
/// says it; here it is what the order asked for less its sum, where it asked for a quantity.
fn leaves(part: &OrderPart<'_>) -> Result<Option<Quantity>, RowError> {
    let asked = part.qty.read("qty", Quantity::parse)?;
    let filled = part.filled_qty.read("filled_qty", Quantity::parse)?;
    let rest = asked
        .zip(filled)
        .map(|(asked, filled)| asked.abs() - filled.abs());
    Ok(rest.filter(|rest| !rest.is_negative()))
}

/// Whether it closed what it sold. The activity says so by its side, `sell` against `sell_short`; here the
/// order's intent says it, else the position that is left.
fn closes(side: &str, part: &OrderPart<'_>, row: &UpdateRow<'_>) -> Result<bool, RowError> {
    if side != "sell" {
        return Ok(false);
    }
    match part.position_intent.text().as_deref() {
        Some("sell_to_close") => return Ok(true),
        Some("sell_to_open") => return Ok(false),
        _ => {}
    }
    let left = row.position_qty.read("position_qty", Quantity::parse)?;
    Ok(left.is_some_and(|left| !left.is_negative()))
}
