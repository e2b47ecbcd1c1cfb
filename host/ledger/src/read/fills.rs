//! Reads fills and closed cycles, for people and for bots.

use super::lists::json_list;
use crate::codec::{self, all, get, host_time, market};
use crate::error::LedgerError;
use crate::rows::{ClosedCycle, CycleFilter, FillFilter, StoredFill};
use fillsync_core::cycle::Book;
use fillsync_core::id::{AccountName, Symbol};
use fillsync_core::time::VenueTime;
use rusqlite::{Connection, Row, params};

type Read<T> = Result<T, LedgerError>;

/// Up to so many markets are walked one by one, each along its own index; a question about more of
/// them meets its rows soon enough along the time.
const MARKETS_WALKED_MAX: usize = 64;

/// Where a list of fills goes on: at what is not newer than this.
#[derive(Clone, Copy)]
struct Place {
    executed_at: i64,
    id: i64,
}

pub(crate) fn fills(connection: &Connection, filter: &FillFilter) -> Read<Vec<StoredFill>> {
    let place = match filter.before_id {
        None => Place {
            executed_at: i64::MAX,
            id: i64::MAX,
        },
        Some(before) => match place_of(connection, before)? {
            Some(place) => place,
            None => return Ok(Vec::new()),
        },
    };
    let narrowed = filter.account.is_some() || filter.among.is_some() || filter.symbol.is_some();
    let markets = if narrowed {
        markets(connection, filter)?
    } else {
        Vec::new()
    };
    if !narrowed || markets.len() > MARKETS_WALKED_MAX {
        return page(connection, filter, place, None);
    }
    let mut found = Vec::new();
    for market in markets {
        found.extend(page(connection, filter, place, Some(market))?);
    }
    found.sort_by_key(|fill| std::cmp::Reverse((fill.execution.executed_at, fill.id)));
    found.truncate(usize::try_from(limit(filter)).unwrap_or(usize::MAX));
    Ok(found)
}

fn limit(filter: &FillFilter) -> u32 {
    filter.limit.min(crate::FILLS_READ_MAX)
}

fn place_of(connection: &Connection, id: i64) -> Read<Option<Place>> {
    codec::one(
        connection,
        "SELECT executed_at FROM execution WHERE id = ?1",
        params![id],
        |row| {
            Ok(Place {
                executed_at: get(row, "executed_at")?,
                id,
            })
        },
    )
}

/// The markets that pass a filter, one more than are walked at most.
fn markets(connection: &Connection, filter: &FillFilter) -> Read<Vec<i64>> {
    all(
        connection,
        "SELECT id FROM market WHERE (?1 IS NULL OR account = ?1) AND (?2 IS NULL OR symbol = ?2)
             AND (?3 IS NULL OR account IN (SELECT value FROM json_each(?3))) LIMIT ?4",
        params![
            filter.account.as_ref().map(AccountName::as_str),
            filter.symbol.as_ref().map(Symbol::as_str),
            filter.among.as_deref().map(json_list),
            codec::whole(MARKETS_WALKED_MAX + 1)?,
        ],
        |row| get(row, "id"),
    )
}

/// One page along the time, or along one market.
fn page(
    connection: &Connection,
    filter: &FillFilter,
    place: Place,
    of: Option<i64>,
) -> Read<Vec<StoredFill>> {
    let along = match of {
        Some(_) => "market_id = ?8",
        None => "?8 IS NULL",
    };
    all(
        connection,
        &format!(
            "SELECT execution.id AS id, account, category, symbol, lane, entry_cycle, entry_quantity, exit_cycle,
                 exit_quantity, realised, seen_at, {}, raw
             FROM execution JOIN market ON market.id = execution.market_id
             WHERE {along} AND class = 'order-fill' AND state = 'live'
                 AND (?1 IS NULL OR account = ?1) AND (?2 IS NULL OR symbol = ?2)
                 AND executed_at >= ?3 AND executed_at < ?4
                 AND executed_at <= ?5 AND (executed_at < ?5 OR execution.id < ?6)
                 AND (?9 IS NULL OR account IN (SELECT value FROM json_each(?9)))
             ORDER BY executed_at DESC, execution.id DESC LIMIT ?7",
            codec::EXECUTION
        ),
        params![
            filter.account.as_ref().map(AccountName::as_str),
            filter.symbol.as_ref().map(Symbol::as_str),
            filter.from.map_or(i64::MIN, VenueTime::us),
            filter.to.map_or(i64::MAX, VenueTime::us),
            place.executed_at,
            place.id,
            limit(filter),
            of,
            filter.among.as_deref().map(json_list),
        ],
        stored_fill,
    )
}

/// Fills in the order in which they came to this machine, after a row and up to another one.
pub(crate) fn fills_as_they_came(
    connection: &Connection,
    after: i64,
    up_to: i64,
    limit: u32,
) -> Read<Vec<StoredFill>> {
    all(
        connection,
        &format!(
            "SELECT execution.id AS id, account, category, symbol, lane, entry_cycle, entry_quantity, exit_cycle,
                 exit_quantity, realised, seen_at, {}, raw
             FROM execution JOIN market ON market.id = execution.market_id
             WHERE execution.id > ?1 AND execution.id <= ?2 AND class = 'order-fill' AND state = 'live'
             ORDER BY execution.id LIMIT ?3",
            codec::EXECUTION
        ),
        params![after, up_to, limit.min(crate::FILLS_READ_MAX)],
        stored_fill,
    )
}

fn stored_fill(row: &Row<'_>) -> Read<StoredFill> {
    Ok(StoredFill {
        id: get(row, "id")?,
        execution: codec::execution(row, &market(row)?)?,
        lane: codec::lane(row)?,
        allocation: codec::allocation(row)?,
        seen_at: host_time(row, "seen_at")?,
    })
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
