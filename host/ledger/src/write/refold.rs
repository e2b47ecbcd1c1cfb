//! Follows a market's books again after something changed in the past.
//!
//! A row came late, an order said to which position earlier rows belong, or a position said what was
//! held before: the books are followed again from the newest clean start before the change, and
//! rows and cycles are brought to what the core's fold says. The result is the same as if
//! everything had been known from the start (law 1).

use super::changes::MarketChanges;
use super::markets::{LANES, MarketState};
use super::openings::{self, Openings, QUIET};
use crate::codec::{self, all, run};
use crate::error::LedgerError;
use crate::fold::{self, BookWalk, Followed};
use fillsync_core::cycle::{Allocation, BookFold, Cycle};
use fillsync_core::id::ExecutionId;
use fillsync_core::order::Lane;
use fillsync_core::time::VenueTime;
use rusqlite::{Connection, params};
use std::collections::{BTreeMap, HashMap, HashSet};

/// What a refold found for the rows that were asked about.
pub(crate) type Allocations = HashMap<ExecutionId, Allocation>;

/// Follows again from the earliest moment of `changes` at which rows or orders changed, if they did.
/// `anchors` are the category's. The answer is what the rows in `wanted` did, and the earliest
/// moment at which anything came out differently.
pub(crate) fn refold(
    connection: &Connection,
    state: &mut MarketState,
    anchors: &[VenueTime],
    changes: &MarketChanges,
    wanted: &HashSet<ExecutionId>,
) -> Result<(Allocations, Option<VenueTime>), LedgerError> {
    let changed_from = changes.refold_from;
    let before = openings::stored(connection, state.id)?;
    let after_anchors = changed_from.is_some_and(|from| {
        anchors
            .last()
            .is_none_or(|anchor| from > anchor.plus(QUIET))
    });
    let openings = if after_anchors && !changes.anchors_changed {
        before.clone()
    } else {
        openings::compute(connection, state, anchors)?
    };
    let mut books = BTreeMap::new();
    for lane in LANES {
        let from_scratch = before.get(&lane) != openings.get(&lane);
        if !from_scratch && changed_from.is_none() {
            continue;
        }
        let start = match changed_from.filter(|_| !from_scratch) {
            Some(moment) => clean_start(connection, state.id, lane, moment)?,
            None => None,
        };
        books.insert(lane, start_of(state, lane, &openings, start));
    }
    if books.is_empty() {
        return Ok((Allocations::new(), None));
    }
    if before != openings {
        openings::store(connection, state.id, &openings)?;
    }
    let mut earliest = changed_from;
    for (lane, opening) in &openings {
        if before.get(lane) != Some(opening) {
            earliest = Some(earliest.map_or(opening.at, |time| time.min(opening.at)));
        }
    }
    let allocations = follow(connection, state, &mut books, wanted, &mut earliest)?;
    for (lane, cycles) in fold::cycles_of(&mut books) {
        replace_cycles(connection, state.id, lane, &cycles)?;
        match cycles.last() {
            Some(newest) => state.books.insert(lane, newest.clone()),
            None => state.books.remove(&lane),
        };
    }
    Ok((allocations, earliest))
}

fn follow(
    connection: &Connection,
    state: &mut MarketState,
    books: &mut BTreeMap<Lane, BookWalk>,
    wanted: &HashSet<ExecutionId>,
    earliest: &mut Option<VenueTime>,
) -> Result<Allocations, LedgerError> {
    let mut allocations = Allocations::new();
    let (id, market) = (state.id, state.market.clone());
    fold::walk(
        connection,
        id,
        &market,
        books,
        |execution| match &execution.order_id {
            Some(order_id) => state.order(connection, order_id),
            None => Ok(None),
        },
        |followed| {
            if wanted.contains(&followed.row.execution.execution_id) {
                allocations.insert(
                    followed.row.execution.execution_id.clone(),
                    followed.allocation,
                );
            }
            if followed.lane != followed.row.lane || followed.allocation != followed.row.allocation
            {
                let at = followed.row.execution.executed_at;
                *earliest = Some(earliest.map_or(at, |time| time.min(at)));
                update_row(connection, &followed)?;
            }
            Ok(())
        },
    )?;
    Ok(allocations)
}

fn start_of(
    state: &MarketState,
    lane: Lane,
    openings: &Openings,
    start: Option<(Cycle, fillsync_core::execution::Sequence)>,
) -> BookWalk {
    match start {
        Some((before, first)) => BookWalk {
            fold: BookFold::after(state.rule, lane, Some(before)),
            from: Some(first),
        },
        None => BookWalk {
            fold: match openings.get(&lane) {
                Some(opening) => BookFold::opening(state.rule, lane, opening.quantity, opening.at),
                None => BookFold::after(state.rule, lane, None),
            },
            from: None,
        },
    }
}

/// The newest clean start before a moment; none where the book must be followed from its first row.
fn clean_start(
    connection: &Connection,
    market_id: i64,
    lane: Lane,
    moment: VenueTime,
) -> Result<Option<(Cycle, fillsync_core::execution::Sequence)>, LedgerError> {
    let mut limit = 32usize;
    loop {
        let cycles = all(
            connection,
            "SELECT * FROM cycle WHERE market_id = ?1 AND lane = ?2 ORDER BY ordinal DESC LIMIT ?3",
            params![market_id, lane.as_str(), codec::whole(limit)?],
            codec::cycle,
        )?;
        let found = fold::restart(&cycles, moment);
        if found.is_some() || cycles.len() < limit {
            return Ok(found);
        }
        limit = limit.saturating_mul(4);
    }
}

fn update_row(connection: &Connection, followed: &Followed) -> Result<(), LedgerError> {
    let (entry, exit) = (followed.allocation.entry, followed.allocation.exit);
    run(
        connection,
        "UPDATE execution SET lane = ?2, entry_cycle = ?3, entry_quantity = ?4, exit_cycle = ?5, exit_quantity = ?6,
             realised = ?7 WHERE id = ?1",
        params![
            followed.row.id,
            followed.lane.as_str(),
            entry.map(|part| part.ordinal),
            entry.map(|part| part.quantity.to_string()),
            exit.map(|part| part.ordinal),
            exit.map(|part| part.quantity.to_string()),
            exit.and_then(|part| part.realised).map(|money| money.to_string()),
        ],
    )?;
    Ok(())
}

/// Puts a book's cycles in the place of those from the first of them on.
fn replace_cycles(
    connection: &Connection,
    market_id: i64,
    lane: Lane,
    cycles: &[Cycle],
) -> Result<(), LedgerError> {
    let first = cycles.first().map_or(0, |cycle| cycle.ordinal);
    run(
        connection,
        "DELETE FROM cycle WHERE market_id = ?1 AND lane = ?2 AND ordinal >= ?3",
        params![market_id, lane.as_str(), first],
    )?;
    store_cycles(connection, market_id, lane, cycles)
}

/// Stores cycles as they now are.
pub(crate) fn store_cycles(
    connection: &Connection,
    market_id: i64,
    lane: Lane,
    cycles: &[Cycle],
) -> Result<(), LedgerError> {
    for cycle in cycles {
        let row_json = |row: &Option<fillsync_core::execution::Sequence>| {
            row.as_ref().map(codec::to_json).transpose()
        };
        run(
            connection,
            "INSERT OR REPLACE INTO cycle (market_id, lane, ordinal, side, start, opened_at, closed_at, quantity,
                 quantity_max, cost, entry_quantity, entry_value, exit_quantity, exit_value, realised, fees, entries,
                 exits, first_row, last_row)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20)",
            params![
                market_id,
                lane.as_str(),
                cycle.ordinal,
                cycle.side.as_str(),
                codec::start_name(cycle.start),
                cycle.opened_at.us(),
                cycle.closed_at.map(VenueTime::us),
                cycle.quantity.to_string(),
                cycle.quantity_max.to_string(),
                cycle.cost.to_string(),
                cycle.entry_quantity.to_string(),
                cycle.entry_value.to_string(),
                cycle.exit_quantity.to_string(),
                cycle.exit_value.to_string(),
                cycle.realised.to_string(),
                codec::to_json(&cycle.fees)?,
                cycle.entries,
                cycle.exits,
                row_json(&cycle.first)?,
                row_json(&cycle.last)?,
            ],
        )?;
    }
    Ok(())
}
