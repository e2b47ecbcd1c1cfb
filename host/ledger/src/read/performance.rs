//! Reads what performance figures are made of: cycles that changed, and the rows of one cycle.
//!
//! Whoever sums cycles asks once for all of them and from then on only for those that changed after
//! the last answer. The numbers of changes come from triggers on the cycles themselves, so a late row
//! that changes an old closed cycle is told like a new one, and a cycle that is no more is told as
//! well. Nothing is summed here.

use crate::codec::{
    self, all, amount, count, get, json, market, named, venue_time, venue_time_or_none,
};
use crate::error::LedgerError;
use crate::reader::Reader;
use fillsync_core::amount::{Money, Quantity};
use fillsync_core::cycle::{Allocation, CycleStart};
use fillsync_core::execution::Execution;
use fillsync_core::id::{AccountName, Market};
use fillsync_core::order::{Lane, PositionSide};
use fillsync_core::time::VenueTime;
use rusqlite::{Connection, params};
use std::collections::BTreeMap;

type Read<T> = Result<T, LedgerError>;

/// Which cycle: the ledger's number of the market, the position, and the cycle's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CycleKey {
    /// The market, by [`CycleChanges::markets`].
    pub market: i64,
    /// Which of its positions.
    pub lane: Lane,
    /// The cycle's number.
    pub ordinal: u32,
}

/// What of a cycle is summed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CycleSums {
    /// The position's direction.
    pub side: PositionSide,
    /// How it began.
    pub start: CycleStart,
    /// When it began.
    pub opened_at: VenueTime,
    /// When it was flat again.
    pub closed_at: Option<VenueTime>,
    /// The position now, without sign.
    pub quantity: Quantity,
    /// Realised profit or loss by average cost, before fees, as the core's fold has it: meaningless
    /// for inverse contracts.
    pub realised: Money,
    /// Fees by currency ("" where the venue does not say); positive is paid.
    pub fees: BTreeMap<String, Money>,
    /// Rows that left.
    pub exits: u32,
}

/// A cycle that changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CycleChange {
    /// Which.
    pub key: CycleKey,
    /// What it is now; none where it is no more.
    pub now: Option<CycleSums>,
}

/// The cycles that changed after a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CycleChanges {
    /// Those cycles, each once, as they are now.
    pub changes: Vec<CycleChange>,
    /// The number after which to ask the next time.
    pub newest: i64,
    /// The markets that the keys name.
    pub markets: BTreeMap<i64, Market>,
}

/// One row of a cycle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CycleRow {
    /// The row, without its raw text.
    pub execution: Execution,
    /// What it did; a flip has a part in another cycle as well.
    pub allocation: Allocation,
}

impl Reader {
    /// The cycles that changed after a number; all of them after 0.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn cycle_changes(&self, after: i64) -> Read<CycleChanges> {
        changes(self.connection(), after)
    }

    /// Rows that stand in for rows which the venue has not told, and still do, by account.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn stand_ins(&self) -> Read<BTreeMap<AccountName, u64>> {
        let counts = all(
            self.connection(),
            "SELECT account, count(*) AS rows FROM execution JOIN market ON market.id = execution.market_id
             WHERE stands_to IS NOT NULL AND state = 'live' GROUP BY account",
            [],
            |row| Ok((codec::id(row, "account")?, count(row, "rows")?)),
        )?;
        Ok(counts.into_iter().collect())
    }

    /// The rows of a cycle that began at `opened_at`, in fill order.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn cycle_rows(
        &self,
        key: CycleKey,
        market: &Market,
        opened_at: VenueTime,
        closed_at: Option<VenueTime>,
    ) -> Read<Vec<CycleRow>> {
        rows(self.connection(), key, market, opened_at, closed_at)
    }
}

fn changes(connection: &Connection, after: i64) -> Read<CycleChanges> {
    let mut newest = after;
    let changes = all(
        connection,
        "SELECT change, cycle_change.market_id AS market_id, cycle_change.lane AS lane,
             cycle_change.ordinal AS ordinal, side, start, opened_at, closed_at, quantity, realised, fees, exits
         FROM cycle_change LEFT JOIN cycle ON cycle.market_id = cycle_change.market_id
             AND cycle.lane = cycle_change.lane AND cycle.ordinal = cycle_change.ordinal
         WHERE change > ?1 ORDER BY change",
        params![after],
        |row| {
            newest = newest.max(get(row, "change")?);
            let key = CycleKey {
                market: get(row, "market_id")?,
                lane: codec::lane(row)?,
                ordinal: count(row, "ordinal")?,
            };
            let there: Option<String> = get(row, "side")?;
            let now = there.map(|_| sums(row)).transpose()?;
            Ok(CycleChange { key, now })
        },
    )?;
    let markets = if changes.is_empty() {
        BTreeMap::new()
    } else {
        all(
            connection,
            "SELECT id, account, category, symbol FROM market",
            [],
            |row| Ok((get(row, "id")?, market(row)?)),
        )?
        .into_iter()
        .collect()
    };
    Ok(CycleChanges {
        changes,
        newest,
        markets,
    })
}

pub(super) fn sums(row: &rusqlite::Row<'_>) -> Read<CycleSums> {
    Ok(CycleSums {
        side: named(row, "side", PositionSide::from_name)?,
        start: named(row, "start", codec::start_from_name)?,
        opened_at: venue_time(row, "opened_at")?,
        closed_at: venue_time_or_none(row, "closed_at")?,
        quantity: amount(row, "quantity")?,
        realised: amount(row, "realised")?,
        fees: json(row, "fees")?,
        exits: count(row, "exits")?,
    })
}

fn rows(
    connection: &Connection,
    key: CycleKey,
    market: &Market,
    opened_at: VenueTime,
    closed_at: Option<VenueTime>,
) -> Read<Vec<CycleRow>> {
    let mut rows = all(
        connection,
        &format!(
            "SELECT entry_cycle, entry_quantity, exit_cycle, exit_quantity, realised, {}
             FROM execution WHERE market_id = ?1 AND executed_at >= ?2 AND executed_at <= ?3 AND state = 'live'
                 AND lane = ?4 AND (entry_cycle = ?5 OR exit_cycle = ?5)",
            codec::EXECUTION
        ),
        params![
            key.market,
            opened_at.us(),
            closed_at.map_or(i64::MAX, VenueTime::us),
            key.lane.as_str(),
            key.ordinal
        ],
        |row| {
            Ok(CycleRow {
                execution: codec::execution(row, market)?,
                allocation: codec::allocation(row)?,
            })
        },
    )?;
    rows.sort_by_cached_key(|row| row.execution.sequence());
    Ok(rows)
}
