//! Puts the executions of a page into the ledger, each once.
//!
//! Rows that come after everything a market has go straight through the core's fold and are
//! inserted with their final columns: one statement for each. Rows that come late are inserted
//! bare, and the market is followed again afterwards. Whether a row is new is what the unique key
//! says, never a look beforehand.

use super::markets::{MarketState, mark};
use super::openings::QUIET;
use super::refold::{refold, store_cycles};
use crate::codec::{self, one, run};
use crate::error::LedgerError;
use crate::facts::NewExecution;
use fillsync_core::cycle::{Allocation, BookFold, Cycle, book_of};
use fillsync_core::execution::{Execution, ExecutionKey};
use fillsync_core::id::{ExecutionId, OrderId};
use fillsync_core::order::Lane;
use fillsync_core::time::{HostTime, VenueTime};
use rusqlite::{Connection, params};
use std::collections::{BTreeMap, HashMap, HashSet};

/// What a page did to one market.
#[derive(Debug, Default)]
pub(crate) struct MarketChanges {
    pub(crate) new: Vec<NewExecution>,
    pub(crate) known: u32,
    pub(crate) conflicts: Vec<ExecutionKey>,
    /// From where the books must be followed again: set by late rows and by orders.
    pub(crate) refold_from: Option<VenueTime>,
    /// The earliest moment at which anything changed.
    pub(crate) changed_from: Option<VenueTime>,
    /// Whether the positions of the category have changed.
    pub(crate) anchors_changed: bool,
    /// Orders that this record brought for the first time.
    pub(crate) orders_new: HashSet<OrderId>,
}

impl MarketChanges {
    /// Something changed at a moment.
    pub(crate) fn note(&mut self, at: VenueTime) {
        self.changed_from = Some(self.changed_from.map_or(at, |time| time.min(at)));
    }

    /// The books are to be followed again from a moment.
    pub(crate) fn note_late(&mut self, at: VenueTime) {
        self.refold_from = Some(self.refold_from.map_or(at, |time| time.min(at)));
    }
}

/// Inserts the rows of one market.
pub(crate) fn insert(
    connection: &Connection,
    state: &mut MarketState,
    anchors: &[VenueTime],
    mut rows: Vec<&Execution>,
    seen_at: HostTime,
    changes: &mut MarketChanges,
) -> Result<(), LedgerError> {
    rows.sort_by_cached_key(|row| row.sequence());
    let horizon = anchors.last().map(|at| at.plus(QUIET));
    let mut finished: BTreeMap<Lane, Vec<Cycle>> = BTreeMap::new();
    let mut untracked: HashMap<OrderId, VenueTime> = HashMap::new();
    for row in rows {
        let order = match &row.order_id {
            Some(order_id) => state.order(connection, order_id)?,
            None => None,
        };
        let lane = book_of(row, order.as_deref()).lane;
        let sequence = row.sequence();
        let appends = changes.refold_from.is_none()
            && state
                .newest
                .as_ref()
                .is_none_or(|newest| sequence > *newest)
            && horizon.is_none_or(|horizon| row.executed_at > horizon);
        let mut allocation = Allocation::default();
        let mut followed = None;
        if appends {
            let mut fold = BookFold::after(state.rule, lane, state.books.get(&lane).cloned());
            allocation = fold.apply(row, order.as_deref());
            followed = Some(fold);
        }
        if insert_row(connection, state.id, row, lane, &allocation, seen_at)? {
            // A row whose key was known under another place in the sequence leaves the book as it was.
            match followed {
                Some(mut fold) => {
                    let mut changed = fold.take_changed();
                    if let Some(newest) = changed.pop() {
                        state.books.insert(lane, newest);
                        finished.entry(lane).or_default().extend(changed);
                    }
                }
                None => changes.note_late(row.executed_at),
            }
            changes.note(row.executed_at);
            if state
                .newest
                .as_ref()
                .is_none_or(|newest| sequence > *newest)
            {
                state.newest = Some(sequence);
            }
            if let (Some(order_id), None, true) =
                (&row.order_id, &order, row.class.moves_position())
            {
                let first = untracked.entry(order_id.clone()).or_insert(row.executed_at);
                *first = (*first).min(row.executed_at);
            }
            let order_was_tracked = order
                .as_ref()
                .is_some_and(|order| !changes.orders_new.contains(&order.order_id));
            changes.new.push(NewExecution {
                execution: row.clone(),
                order_was_tracked,
                allocation,
            });
        } else {
            compare(connection, state, row, seen_at, changes)?;
        }
    }
    for (lane, mut cycles) in finished {
        cycles.extend(state.books.get(&lane).cloned());
        store_cycles(connection, state.id, lane, &cycles)?;
    }
    for (order_id, first) in untracked {
        want_order(connection, state.id, &order_id, first)?;
    }
    Ok(())
}

/// Follows the books again where that is due, and marks the market when anything changed.
pub(crate) fn settle(
    connection: &Connection,
    state: &mut MarketState,
    anchors: &[VenueTime],
    changes: &mut MarketChanges,
) -> Result<(), LedgerError> {
    if changes.refold_from.is_some() || changes.anchors_changed {
        let wanted: HashSet<ExecutionId> = changes
            .new
            .iter()
            .map(|new| new.execution.execution_id.clone())
            .collect();
        let (allocations, earliest) = refold(connection, state, anchors, changes, &wanted)?;
        for new in &mut changes.new {
            if let Some(allocation) = allocations.get(&new.execution.execution_id) {
                new.allocation = *allocation;
            }
        }
        if let Some(earliest) = earliest {
            changes.note(earliest);
        }
    }
    if let Some(from) = changes.changed_from {
        mark(connection, state.id, from)?;
    }
    Ok(())
}

fn insert_row(
    connection: &Connection,
    market_id: i64,
    row: &Execution,
    lane: Lane,
    allocation: &Allocation,
    seen_at: HostTime,
) -> Result<bool, LedgerError> {
    let (entry, exit) = (allocation.entry, allocation.exit);
    let inserted = run(
        connection,
        "INSERT INTO execution (market_id, execution_id, class, class_raw, order_id, client_order_id, side, quantity,
             price, fee, fee_currency, is_maker, leaves_quantity, closed_quantity, order_kind, stop, venue_sequence,
             executed_at, seen_at, source, lane, entry_cycle, entry_quantity, exit_cycle, exit_quantity, realised, raw)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22,
             ?23, ?24, ?25, ?26, ?27)
         ON CONFLICT (market_id, execution_id) DO NOTHING",
        params![
            market_id,
            row.execution_id.as_str(),
            row.class.as_str(),
            codec::class_raw(&row.class),
            row.order_id.as_ref().map(OrderId::as_str),
            row.client_order_id.as_ref().map(fillsync_core::id::ClientOrderId::as_str),
            row.side.as_str(),
            row.quantity.to_string(),
            row.price.to_string(),
            row.fee.as_ref().map(|fee| fee.amount.to_string()),
            row.fee.as_ref().and_then(|fee| fee.currency.as_ref()).map(fillsync_core::id::Currency::as_str),
            row.is_maker,
            row.leaves_quantity.map(|amount| amount.to_string()),
            row.closed_quantity.map(|amount| amount.to_string()),
            row.order_kind.as_str(),
            row.stop.as_str(),
            row.venue_sequence,
            row.executed_at.us(),
            seen_at.us(),
            row.source.as_str(),
            lane.as_str(),
            entry.map(|part| part.ordinal),
            entry.map(|part| part.quantity.to_string()),
            exit.map(|part| part.ordinal),
            exit.map(|part| part.quantity.to_string()),
            exit.and_then(|part| part.realised).map(|money| money.to_string()),
            row.raw,
        ],
    )?;
    Ok(inserted == 1)
}

/// A key that is stored already: the same content is known, other content is a conflict.
fn compare(
    connection: &Connection,
    state: &MarketState,
    row: &Execution,
    seen_at: HostTime,
    changes: &mut MarketChanges,
) -> Result<(), LedgerError> {
    let stored = one(
        connection,
        &format!(
            "SELECT id, {} FROM execution WHERE market_id = ?1 AND execution_id = ?2",
            codec::EXECUTION
        ),
        params![state.id, row.execution_id.as_str()],
        |found| {
            Ok((
                codec::get::<i64>(found, "id")?,
                codec::execution(found, &state.market)?,
            ))
        },
    )?;
    let Some((id, stored)) = stored else {
        return Err(LedgerError::Rejected {
            what: format!(
                "execution {} of {} was refused, but is not stored",
                row.execution_id, row.market
            ),
        });
    };
    if same_facts(&stored, row) {
        changes.known = changes.known.saturating_add(1);
        return Ok(());
    }
    let told = run(
        connection,
        "INSERT OR IGNORE INTO conflict (execution, raw, seen_at) VALUES (?1, ?2, ?3)",
        params![id, row.raw, seen_at.us()],
    )?;
    if told == 1 {
        changes.conflicts.push(row.key());
    }
    Ok(())
}

/// Whether two sightings say the same. The way by which a row came, its raw text and what only some
/// ways tell (the trader's own id, maker, the fee) are no part of it, as long as they do not differ.
fn same_facts(stored: &Execution, seen: &Execution) -> bool {
    fn agree<T: PartialEq>(one: Option<&T>, other: Option<&T>) -> bool {
        one.is_none() || other.is_none() || one == other
    }
    stored.class == seen.class
        && stored.order_id == seen.order_id
        && stored.side == seen.side
        && stored.quantity == seen.quantity
        && stored.price == seen.price
        && stored.executed_at == seen.executed_at
        && agree(stored.fee.as_ref(), seen.fee.as_ref())
        && agree(
            stored.client_order_id.as_ref(),
            seen.client_order_id.as_ref(),
        )
        && agree(
            stored.leaves_quantity.as_ref(),
            seen.leaves_quantity.as_ref(),
        )
        && agree(
            stored.closed_quantity.as_ref(),
            seen.closed_quantity.as_ref(),
        )
}

/// Notes that an order with executions is not stored, unless the venue was asked and has it no longer.
fn want_order(
    connection: &Connection,
    market_id: i64,
    order_id: &OrderId,
    first: VenueTime,
) -> Result<(), LedgerError> {
    run(
        connection,
        "INSERT INTO order_wanted (market_id, order_id, first_at)
         SELECT ?1, ?2, ?3 WHERE NOT EXISTS (SELECT 1 FROM order_gone WHERE market_id = ?1 AND order_id = ?2)
         ON CONFLICT (market_id, order_id) DO UPDATE SET first_at = min(first_at, excluded.first_at)",
        params![market_id, order_id.as_str(), first.us()],
    )?;
    Ok(())
}
