//! Puts the executions of a page into the ledger, each once.
//!
//! Rows that come after everything a market has go straight through the core's fold and are
//! inserted with their final columns: one statement for each. Rows that come late are inserted
//! bare, and the market is followed again afterwards. Whether a row is new is what the unique key
//! says, never a look beforehand.

use super::changes::MarketChanges;
use super::markets::{MarketState, mark};
use super::openings::QUIET;
use super::refold::{refold, store_cycles};
use super::relations::{self, is_bust, is_spoken_of, subject};
use super::stand_ins;
use super::states;
use super::weigh::weigh;
use crate::codec::{self, one, run};
use crate::error::LedgerError;
use crate::facts::{NewExecution, RowState};
use fillsync_core::amount::Money;
use fillsync_core::cycle::{Allocation, BookFold, Cycle, book_of};
use fillsync_core::execution::{Execution, Relation};
use fillsync_core::id::{ExecutionId, OrderId};
use fillsync_core::order::Lane;
use fillsync_core::time::{HostTime, VenueTime};
use rusqlite::{Connection, params};
use std::collections::{BTreeMap, HashMap, HashSet};

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
        let concerns_others =
            subject(row).is_some() || is_spoken_of(connection, state, &row.execution_id)?;
        let stands_in = matches!(row.relation, Relation::StandsIn { .. });
        let row_state = if is_bust(row) {
            RowState::Busted
        } else {
            RowState::Live
        };
        let appends = !concerns_others
            && !stands_in
            && row_state == RowState::Live
            && changes.refold_from.is_none()
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
        let to_insert = RowToInsert {
            row,
            // A row that does not stand is of no position.
            lane: if row_state == RowState::Live {
                lane
            } else {
                Lane::OneWay
            },
            allocation,
            state: row_state,
            stands_value: stand_ins::value_of(row),
            seen_at,
        };
        if insert_row(connection, state.id, &to_insert)? {
            // A row whose key was known under another place in the sequence leaves the book as it was.
            match followed {
                Some(mut fold) => {
                    let mut changed = fold.take_changed();
                    if let Some(newest) = changed.pop() {
                        state.books.insert(lane, newest);
                        finished.entry(lane).or_default().extend(changed);
                    }
                }
                None if row_state == RowState::Live => changes.note_late(row.executed_at),
                None => {}
            }
            changes.note(row.executed_at);
            state.reached(sequence);
            if row_state == RowState::Live {
                changes.tallied.stands(&row.class, row.executed_at);
            }
            if concerns_others {
                state.has_relations = true;
                changes.touched.insert(row.execution_id.clone());
            }
            state.has_stand_ins |= stands_in;
            if state.has_stand_ins {
                changes.to_give_way.extend(row.order_id.clone());
            }
            if state.has_ahead {
                changes.traded.extend(row.order_id.clone());
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
                state: row_state,
                was_stood_in_for: false,
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

/// Brings every row to the state that all rows together say, follows the books again where that is
/// due, and marks the market when anything changed.
pub(crate) fn settle(
    connection: &Connection,
    state: &mut MarketState,
    anchors: &[VenueTime],
    changes: &mut MarketChanges,
) -> Result<(), LedgerError> {
    relations::apply(connection, state, changes)?;
    stand_ins::give_way(connection, state, changes)?;
    weigh(connection, state, changes)?;
    for new in &mut changes.new {
        if let Some(state) = changes.states.get(&new.execution.execution_id) {
            new.state = *state;
            new.allocation = Allocation::default();
        }
    }
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

/// A row with what its other columns hold.
pub(crate) struct RowToInsert<'a> {
    row: &'a Execution,
    lane: Lane,
    allocation: Allocation,
    state: RowState,
    stands_value: Option<Money>,
    seen_at: HostTime,
}

impl<'a> RowToInsert<'a> {
    /// A row of which the books know nothing yet: they are followed again.
    pub(crate) fn bare(
        row: &'a Execution,
        state: RowState,
        stands_value: Option<Money>,
        seen_at: HostTime,
    ) -> Self {
        Self {
            row,
            lane: Lane::OneWay,
            allocation: Allocation::default(),
            state,
            stands_value,
            seen_at,
        }
    }
}

/// Inserts a row; false when its key is stored already.
pub(crate) fn insert_row(
    connection: &Connection,
    market_id: i64,
    to_insert: &RowToInsert<'_>,
) -> Result<bool, LedgerError> {
    let RowToInsert { row, lane, .. } = to_insert;
    let (entry, exit) = (to_insert.allocation.entry, to_insert.allocation.exit);
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
            to_insert.seen_at.us(),
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
    if inserted == 0 {
        return Ok(false);
    }
    if to_insert.state != RowState::Live || row.relation != Relation::Own {
        relate(connection, to_insert)?;
    }
    Ok(true)
}

/// Adds what the row that was just inserted means for others. Nearly no row means anything, so the
/// others are not charged for it.
fn relate(connection: &Connection, inserted: &RowToInsert<'_>) -> Result<(), LedgerError> {
    let relation = &inserted.row.relation;
    let stands = match relation {
        Relation::StandsIn { from, to } => Some((from, to)),
        _ => None,
    };
    run(
        connection,
        "UPDATE execution SET state = ?2, relation = ?3, relates_to = ?4, stands_from = ?5, stands_to = ?6,
             stands_value = ?7 WHERE id = ?1",
        params![
            connection.last_insert_rowid(),
            inserted.state.as_str(),
            relations::name(relation),
            related(relation).map(ExecutionId::as_str),
            stands.map(|(from, _)| from.to_string()),
            stands.map(|(_, to)| to.to_string()),
            inserted.stands_value.map(|value| value.to_string()),
        ],
    )?;
    Ok(())
}

/// What stands in `relates_to`.
const fn related(relation: &Relation) -> Option<&ExecutionId> {
    match relation {
        Relation::Corrects(other) | Relation::Busts(other) => Some(other),
        Relation::Own | Relation::StandsIn { .. } => None,
    }
}

/// A key that is stored already: the same content is known, other content is a conflict.
fn compare(
    connection: &Connection,
    state: &mut MarketState,
    row: &Execution,
    seen_at: HostTime,
    changes: &mut MarketChanges,
) -> Result<(), LedgerError> {
    let stored = one(
        connection,
        &format!(
            "SELECT {} FROM execution WHERE market_id = ?1 AND execution_id = ?2",
            states::columns()
        ),
        params![state.id, row.execution_id.as_str()],
        |found| states::stored_as(found, &state.market),
    )?;
    let Some(stored) = stored else {
        return Err(LedgerError::Rejected {
            what: format!(
                "execution {} of {} was refused, but is not stored",
                row.execution_id, row.market
            ),
        });
    };
    if same_facts(&stored.execution, row) {
        if stored.execution.relation == Relation::Own {
            relations::learn(connection, state, &stored, row, changes)?;
        }
        changes.known = changes.known.saturating_add(1);
        return Ok(());
    }
    let told = run(
        connection,
        "INSERT OR IGNORE INTO conflict (execution, raw, seen_at) VALUES (?1, ?2, ?3)",
        params![stored.id, row.raw, seen_at.us()],
    )?;
    if told == 1 {
        changes.conflicts.push(row.key());
    }
    Ok(())
}

/// Whether two sightings name one instant. A stream and a list of one venue may give it with different
/// precision (Alpaca: nanoseconds and microseconds; Bybit: milliseconds in both), so between the two a
/// difference below a millisecond is none.
fn same_instant(stored: &Execution, seen: &Execution) -> bool {
    let apart_us = stored.executed_at.us().abs_diff(seen.executed_at.us());
    apart_us == 0 || (stored.source != seen.source && apart_us < 1_000)
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
        && same_instant(stored, seen)
        && (stored.relation == Relation::Own
            || seen.relation == Relation::Own
            || stored.relation == seen.relation)
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
