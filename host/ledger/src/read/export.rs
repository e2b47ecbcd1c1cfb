//! Walks over executions and closed cycles, the oldest first, step by step: what goes into files.
//!
//! Each step begins where the one before ended, so a walk over a million rows holds one step of them.

use crate::codec::{self, all, get, host_time, market, venue_time};
use crate::error::LedgerError;
use crate::lists::{CyclePlace, ExecutionWalk, WalkedExecution};
use crate::read::performance::{CycleKey, CycleSums, sums};
use crate::reader::Reader;
use crate::rows::CycleFilter;
use fillsync_core::id::{AccountName, Market, Symbol};
use fillsync_core::time::VenueTime;
use rusqlite::params;

type Read<T> = Result<T, LedgerError>;

impl Reader {
    /// The next executions of a walk, in the order of venue time.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn walk_executions(&self, walk: &ExecutionWalk) -> Read<Vec<WalkedExecution>> {
        let (after_at, after_id) = walk
            .after
            .map_or((i64::MIN, i64::MIN), |(at, id)| (at.us(), id));
        all(
            self.connection(),
            &format!(
                "SELECT execution.id AS id, account, category, symbol, lane, entry_cycle, entry_quantity, exit_cycle,
                     exit_quantity, realised, seen_at, state, {}, raw
                 FROM execution JOIN market ON market.id = execution.market_id
                 WHERE (?1 IS NULL OR account = ?1) AND (?2 IS NULL OR symbol = ?2)
                     AND executed_at >= ?3 AND executed_at < ?4
                     AND executed_at >= ?5 AND (executed_at > ?5 OR execution.id > ?6)
                     AND (NOT ?7 OR (class = 'order-fill' AND state = 'live'))
                 ORDER BY executed_at, execution.id LIMIT ?8",
                codec::EXECUTION
            ),
            params![
                walk.account.as_ref().map(AccountName::as_str),
                walk.symbol.as_ref().map(Symbol::as_str),
                walk.from.map_or(i64::MIN, VenueTime::us),
                walk.to.map_or(i64::MAX, VenueTime::us),
                after_at,
                after_id,
                walk.fills_only,
                walk.limit,
            ],
            |row| {
                Ok(WalkedExecution {
                    id: get(row, "id")?,
                    execution: codec::execution(row, &market(row)?)?,
                    lane: codec::lane(row)?,
                    allocation: codec::allocation(row)?,
                    state: get(row, "state")?,
                    seen_at: host_time(row, "seen_at")?,
                })
            },
        )
    }

    /// The next closed cycles of a walk, in the order of their close.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn walk_closed_cycles(
        &self,
        filter: &CycleFilter,
        after: Option<&CyclePlace>,
        limit: u32,
    ) -> Read<Vec<(CyclePlace, Market, CycleSums)>> {
        all(
            self.connection(),
            "SELECT cycle.*, account, category, symbol FROM cycle JOIN market ON market.id = cycle.market_id
             WHERE closed_at IS NOT NULL AND closed_at >= ?3 AND closed_at < ?4
                 AND (?1 IS NULL OR account = ?1) AND (?2 IS NULL OR symbol = ?2)
                 AND closed_at >= ?5 AND (closed_at, cycle.market_id, lane, ordinal) > (?5, ?6, ?7, ?8)
             ORDER BY closed_at, cycle.market_id, lane, ordinal LIMIT ?9",
            params![
                filter.account.as_ref().map(AccountName::as_str),
                filter.symbol.as_ref().map(Symbol::as_str),
                filter.from.map_or(i64::MIN, VenueTime::us),
                filter.to.map_or(i64::MAX, VenueTime::us),
                after.map_or(i64::MIN, |place| place.closed_at.us()),
                after.map_or(i64::MIN, |place| place.key.market),
                after.map_or("", |place| place.key.lane.as_str()),
                after.map_or(-1, |place| i64::from(place.key.ordinal)),
                limit,
            ],
            |row| {
                let place = CyclePlace {
                    closed_at: venue_time(row, "closed_at")?,
                    key: CycleKey {
                        market: get(row, "market_id")?,
                        lane: codec::lane(row)?,
                        ordinal: codec::count(row, "ordinal")?,
                    },
                };
                Ok((place, market(row)?, sums(row)?))
            },
        )
    }
}
