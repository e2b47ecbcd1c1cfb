//! Lets a row stand in for what a venue's sum of an order says and its rows do not show.
//!
//! Somebody else decides when that is due; this reads the stored order and its rows, and writes the one
//! row that is missing, under an id that says what it stands for: so asking twice, or after the rows
//! have come, changes nothing.

use super::changes::MarketChanges;
use super::executions::{RowToInsert, insert_row, settle};
use super::markets::{MarketState, find_market};
use super::stand_ins::{OrderRows, Piece, inferred_id};
use super::tally;
use crate::error::LedgerError;
use crate::facts::{Inferred, NewExecution, RowState};
use crate::writer::Desk;
use fillsync_core::amount::Money;
use fillsync_core::cycle::Allocation;
use fillsync_core::execution::{Execution, ExecutionClass, Relation, Source};
use fillsync_core::id::{AccountName, Category, Market, OrderId, Symbol};
use fillsync_core::order::Order;
use fillsync_core::time::{HostTime, VenueTime};

/// Lets a row stand in for what an order filled beyond what its rows show.
pub(crate) fn infer(
    desk: &mut Desk,
    account: &AccountName,
    category: &Category,
    symbol: &Symbol,
    order_id: &OrderId,
    at: HostTime,
) -> Result<Inferred, LedgerError> {
    let market = Market {
        account: account.clone(),
        category: category.clone(),
        symbol: symbol.clone(),
    };
    if find_market(&desk.connection, &market)?.is_none() {
        return Ok(Inferred::NotStored);
    }
    let anchors = desk.markets.anchors(&desk.connection, account, category)?;
    let mut state = desk.markets.take(&desk.connection, &market)?;
    let inferred = in_market(desk, &mut state, &anchors, order_id, at);
    desk.markets.put(state);
    inferred
}

fn in_market(
    desk: &Desk,
    state: &mut MarketState,
    anchors: &[VenueTime],
    order_id: &OrderId,
    at: HostTime,
) -> Result<Inferred, LedgerError> {
    let connection = &desk.connection;
    let Some(order) = state.order(connection, order_id)? else {
        return Ok(Inferred::NotStored);
    };
    let rows = OrderRows::read(connection, state, order_id)?;
    let (from, to) = (rows.reach(), order.filled_quantity);
    if to <= from {
        return Ok(Inferred::Enough);
    }
    let price = order.average_price.or(order.price);
    let value = price.and_then(|price| price.times(to));
    let Some((value, piece)) = value.and_then(|value| Some((value, rows.piece(from, to, value)?)))
    else {
        return Ok(Inferred::NoPrice);
    };
    stand(desk, state, anchors, made_from(&order, &piece)?, value, at)
}

/// Stores a stand-in, up to whose end the order's fills were worth so much.
fn stand(
    desk: &Desk,
    state: &mut MarketState,
    anchors: &[VenueTime],
    row: Execution,
    value: Money,
    at: HostTime,
) -> Result<Inferred, LedgerError> {
    let connection = &desk.connection;
    let mut changes = MarketChanges::default();
    let to_insert = RowToInsert::bare(&row, RowState::Live, Some(value), at);
    if !insert_row(connection, state.id, &to_insert)? {
        return Err(LedgerError::Rejected {
            what: format!(
                "{} is stored, but does not count for its order; run `fillsync verify`",
                row.execution_id
            ),
        });
    }
    state.has_stand_ins = true;
    state.reached(row.sequence());
    changes.tallied.stands(&row.class, row.executed_at);
    changes.note(row.executed_at);
    changes.note_late(row.executed_at);
    changes.to_weigh.extend(row.order_id.clone());
    let account = row.market.account.clone();
    changes.new.push(NewExecution {
        execution: row,
        order_was_tracked: true,
        allocation: Allocation::default(),
        state: RowState::Live,
        was_stood_in_for: false,
    });
    settle(connection, state, anchors, &mut changes)?;
    tally::keep_up(connection, &account, changes.tallied)?;
    Ok(match changes.new.pop() {
        Some(new) => Inferred::StoodIn(Box::new(new)),
        None => Inferred::Enough,
    })
}

/// The row that an order's own sum makes.
fn made_from(order: &Order, piece: &Piece) -> Result<Execution, LedgerError> {
    let raw = serde_json::json!({
        "inferred_from": {
            "order_id": order.order_id, "filled_quantity": order.filled_quantity,
            "average_price": order.average_price, "limit_price": order.price,
            "status": order.status.as_str(), "updated_at": order.updated_at.to_string(),
        }
    });
    Ok(Execution {
        market: order.market.clone(),
        execution_id: inferred_id(&order.order_id, piece.from, piece.to)?,
        class: ExecutionClass::OrderFill,
        order_id: Some(order.order_id.clone()),
        client_order_id: order.client_order_id.clone(),
        side: order.side,
        quantity: piece.to - piece.from,
        price: piece.price,
        fee: None,
        is_maker: None,
        leaves_quantity: order
            .quantity
            .map(|quantity| quantity - piece.to)
            .filter(|rest| !rest.is_negative()),
        closed_quantity: None,
        order_kind: order.kind.clone(),
        stop: order.stop,
        venue_sequence: None,
        executed_at: order.updated_at,
        source: Source::Inferred,
        relation: Relation::StandsIn {
            from: piece.from,
            to: piece.to,
        },
        raw: raw.to_string(),
    })
}
