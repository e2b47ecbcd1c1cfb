//! Puts orders into the ledger: always the furthest state, whatever came last.
//!
//! Of two states of one order the later is the one that ended, then the one with more filled, then
//! the one that changed later; so states can come in any order, from lists that lag behind each
//! other, and the same one stays (law 1). An order says to which position its executions belong:
//! when that is learned after them, the market is followed again.

use super::changes::MarketChanges;
use super::markets::{MarketState, find_market, mark, market_id};
use crate::codec::{self, one, run};
use crate::error::LedgerError;
use crate::writer::Desk;
use fillsync_core::amount::Quantity;
use fillsync_core::id::{AccountName, Category, ClientOrderId, Market, OrderId, Symbol};
use fillsync_core::order::{Lane, Order, StopKind};
use fillsync_core::time::{HostTime, VenueTime};
use rusqlite::{Connection, params};
use std::cmp::Ordering;
use std::sync::Arc;

/// Stores an order, or the further state of a stored one.
pub(crate) fn upsert(
    connection: &Connection,
    state: &mut MarketState,
    order: &Order,
    checked_at: Option<VenueTime>,
    seen_at: HostTime,
    changes: &mut MarketChanges,
) -> Result<(), LedgerError> {
    let checked_at = checked_at.unwrap_or(order.updated_at);
    let stored = state.order(connection, &order.order_id)?;
    if let Some(stored) = &stored
        && is_back(connection, state.id, &order.order_id)?
    {
        // It was called gone, and is there after all: what was not claimed of it can be now.
        changes.note(stored.updated_at);
    }
    let before = match &stored {
        Some(stored) => {
            if further(stored, order) != Ordering::Greater {
                return touch(connection, state.id, &order.order_id, checked_at);
            }
            rewrite(connection, state.id, order, checked_at)?;
            changes.note(order.updated_at.min(stored.updated_at));
            effect_of(stored)
        }
        None => {
            insert(connection, state.id, order, checked_at, seen_at)?;
            changes.note(order.created_at);
            changes.orders_new.insert(order.order_id.clone());
            (Lane::OneWay, false)
        }
    };
    if stored
        .as_ref()
        .map_or(Quantity::ZERO, |stored| stored.filled_quantity)
        != order.filled_quantity
    {
        changes.to_weigh.insert(order.order_id.clone());
    }
    if before != effect_of(order)
        && let Some(first) = first_execution(connection, state.id, &order.order_id)?
    {
        changes.note_late(first);
    }
    if stored.is_none() {
        came_to_light(connection, state.id, &order.order_id)?;
    }
    state.remember(order.order_id.clone(), Some(Arc::new(order.clone())));
    Ok(())
}

/// How much further the second state is than the first.
fn further(stored: &Order, seen: &Order) -> Ordering {
    let rank = |order: &Order| {
        (
            !order.status.is_open(),
            order.filled_quantity,
            order.updated_at,
            order.status.as_str(),
            order.average_price,
            order.raw.clone(),
        )
    };
    rank(seen).cmp(&rank(stored))
}

/// What of an order the core's fold looks at.
const fn effect_of(order: &Order) -> (Lane, bool) {
    let closes = order.reduce_only
        || matches!(
            order.stop,
            StopKind::TakeProfit | StopKind::StopLoss | StopKind::TrailingStop
        );
    (order.lane, closes)
}

/// The earliest execution of an order. Looked for only when an order turns out to be of another
/// position than was thought, so it may look through the market.
fn first_execution(
    connection: &Connection,
    market_id: i64,
    order_id: &OrderId,
) -> Result<Option<VenueTime>, LedgerError> {
    let wanted = one(
        connection,
        "SELECT first_at FROM order_wanted WHERE market_id = ?1 AND order_id = ?2",
        params![market_id, order_id.as_str()],
        |row| codec::venue_time(row, "first_at"),
    )?;
    if wanted.is_some() {
        return Ok(wanted);
    }
    let first = one(
        connection,
        "SELECT min(executed_at) AS first_at FROM execution WHERE market_id = ?1 AND order_id = ?2",
        params![market_id, order_id.as_str()],
        |row| codec::venue_time_or_none(row, "first_at"),
    )?;
    Ok(first.flatten())
}

fn came_to_light(
    connection: &Connection,
    market_id: i64,
    order_id: &OrderId,
) -> Result<(), LedgerError> {
    for sql in [
        "DELETE FROM order_wanted WHERE market_id = ?1 AND order_id = ?2",
        "DELETE FROM order_gone WHERE market_id = ?1 AND order_id = ?2",
    ] {
        run(connection, sql, params![market_id, order_id.as_str()])?;
    }
    Ok(())
}

/// Whether an order that was called gone was seen again.
fn is_back(
    connection: &Connection,
    market_id: i64,
    order_id: &OrderId,
) -> Result<bool, LedgerError> {
    let sql = "DELETE FROM order_gone WHERE market_id = ?1 AND order_id = ?2";
    Ok(run(connection, sql, params![market_id, order_id.as_str()])? > 0)
}

/// The venue still has it as it was.
fn touch(
    connection: &Connection,
    market_id: i64,
    order_id: &OrderId,
    checked_at: VenueTime,
) -> Result<(), LedgerError> {
    run(
        connection,
        "UPDATE orders SET checked_at = ?3 WHERE market_id = ?1 AND order_id = ?2 AND checked_at < ?3",
        params![market_id, order_id.as_str(), checked_at.us()],
    )?;
    Ok(())
}

fn insert(
    connection: &Connection,
    market_id: i64,
    order: &Order,
    checked_at: VenueTime,
    seen_at: HostTime,
) -> Result<(), LedgerError> {
    run(
        connection,
        "INSERT INTO orders (market_id, order_id, client_order_id, side, lane, kind, stop, reduce_only, quantity, price,
             filled_quantity, status, status_raw, is_open, created_at, updated_at, replaces, raw, first_seen_at,
             checked_at, average_price)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21)",
        params![
            market_id,
            order.order_id.as_str(),
            order.client_order_id.as_ref().map(ClientOrderId::as_str),
            order.side.as_str(),
            order.lane.as_str(),
            order.kind.as_str(),
            order.stop.as_str(),
            order.reduce_only,
            order.quantity.map(|amount| amount.to_string()),
            order.price.map(|amount| amount.to_string()),
            order.filled_quantity.to_string(),
            order.status.as_str(),
            codec::status_raw(&order.status),
            order.status.is_open(),
            order.created_at.us(),
            order.updated_at.us(),
            order.replaces.as_ref().map(OrderId::as_str),
            order.raw,
            seen_at.us(),
            checked_at.us(),
            order.average_price.map(|price| price.to_string()),
        ],
    )?;
    Ok(())
}

fn rewrite(
    connection: &Connection,
    market_id: i64,
    order: &Order,
    checked_at: VenueTime,
) -> Result<(), LedgerError> {
    run(
        connection,
        "UPDATE orders SET client_order_id = ?3, side = ?4, lane = ?5, kind = ?6, stop = ?7, reduce_only = ?8,
             quantity = ?9, price = ?10, filled_quantity = ?11, status = ?12, status_raw = ?13, is_open = ?14,
             created_at = ?15, updated_at = ?16, replaces = ?17, raw = ?18, checked_at = max(checked_at, ?19),
             average_price = ?20
         WHERE market_id = ?1 AND order_id = ?2",
        params![
            market_id,
            order.order_id.as_str(),
            order.client_order_id.as_ref().map(ClientOrderId::as_str),
            order.side.as_str(),
            order.lane.as_str(),
            order.kind.as_str(),
            order.stop.as_str(),
            order.reduce_only,
            order.quantity.map(|amount| amount.to_string()),
            order.price.map(|amount| amount.to_string()),
            order.filled_quantity.to_string(),
            order.status.as_str(),
            codec::status_raw(&order.status),
            order.status.is_open(),
            order.created_at.us(),
            order.updated_at.us(),
            order.replaces.as_ref().map(OrderId::as_str),
            order.raw,
            checked_at.us(),
            order.average_price.map(|price| price.to_string()),
        ],
    )?;
    Ok(())
}

/// The venue was asked for an order and no longer has it.
pub(crate) fn order_gone(
    desk: &mut Desk,
    account: &AccountName,
    category: &Category,
    symbol: &Symbol,
    order_id: &OrderId,
    at: VenueTime,
) -> Result<(), LedgerError> {
    let market = Market {
        account: account.clone(),
        category: category.clone(),
        symbol: symbol.clone(),
    };
    let connection = &desk.connection;
    let known = find_market(connection, &market)?;
    let id = match known {
        Some(id) => id,
        None => market_id(connection, &market)?,
    };
    let names = params![id, order_id.as_str(), at.us()];
    run(
        connection,
        "INSERT INTO order_gone (market_id, order_id, at) VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET at = max(at, excluded.at)",
        names,
    )?;
    run(
        connection,
        "DELETE FROM order_wanted WHERE market_id = ?1 AND order_id = ?2",
        params![id, order_id.as_str()],
    )?;
    touch(connection, id, order_id, at)?;
    mark(connection, id, at)
}
