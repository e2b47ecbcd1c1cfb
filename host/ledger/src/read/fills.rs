//! Reads fills and closed cycles, for people and for bots.

use crate::codec::{self, all, get, host_time, market};
use crate::error::LedgerError;
use crate::rows::{ClosedCycle, CycleFilter, FillFilter, StoredFill};
use fillsync_core::cycle::Book;
use fillsync_core::id::{AccountName, Symbol};
use fillsync_core::time::VenueTime;
use rusqlite::{Connection, params};

type Read<T> = Result<T, LedgerError>;

pub(crate) fn fills(connection: &Connection, filter: &FillFilter) -> Read<Vec<StoredFill>> {
    all(
        connection,
        &format!(
            "SELECT execution.id AS id, account, category, symbol, lane, entry_cycle, entry_quantity, exit_cycle,
                 exit_quantity, realised, seen_at, {}, raw
             FROM execution JOIN market ON market.id = execution.market_id
             WHERE class = 'order-fill' AND state = 'live'
                 AND (?1 IS NULL OR account = ?1) AND (?2 IS NULL OR symbol = ?2)
                 AND executed_at >= ?3 AND executed_at < ?4
                 AND (?5 IS NULL OR (executed_at, execution.id) <
                     (SELECT executed_at, id FROM execution WHERE id = ?5))
             ORDER BY executed_at DESC, execution.id DESC LIMIT ?6",
            codec::EXECUTION
        ),
        params![
            filter.account.as_ref().map(AccountName::as_str),
            filter.symbol.as_ref().map(Symbol::as_str),
            filter.from.map_or(i64::MIN, VenueTime::us),
            filter.to.map_or(i64::MAX, VenueTime::us),
            filter.before_id,
            filter.limit.min(crate::FILLS_READ_MAX),
        ],
        |row| {
            Ok(StoredFill {
                id: get(row, "id")?,
                execution: codec::execution(row, &market(row)?)?,
                lane: codec::lane(row)?,
                allocation: codec::allocation(row)?,
                seen_at: host_time(row, "seen_at")?,
            })
        },
    )
}

pub(crate) fn closed_cycles(
    connection: &Connection,
    filter: &CycleFilter,
) -> Read<Vec<ClosedCycle>> {
    all(
        connection,
        "SELECT cycle.*, account, category, symbol FROM cycle JOIN market ON market.id = cycle.market_id
         WHERE closed_at IS NOT NULL AND closed_at >= ?3 AND closed_at < ?4
             AND (?1 IS NULL OR account = ?1) AND (?2 IS NULL OR symbol = ?2)
         ORDER BY closed_at, account, category, symbol, lane, ordinal",
        params![
            filter.account.as_ref().map(AccountName::as_str),
            filter.symbol.as_ref().map(Symbol::as_str),
            filter.from.map_or(i64::MIN, VenueTime::us),
            filter.to.map_or(i64::MAX, VenueTime::us),
        ],
        |row| Ok(ClosedCycle { book: Book { market: market(row)?, lane: codec::lane(row)? }, cycle: codec::cycle(row)? }),
    )
}
