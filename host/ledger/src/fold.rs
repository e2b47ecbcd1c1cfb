//! Follows the stored rows of one market through its books.
//!
//! The one way from rows to cycles: the writer uses it for rows that come late, the self-check for
//! all of them. Rows are read in bounded batches, in the order of their sequence. It writes nothing.

use crate::codec;
use crate::error::LedgerError;
use fillsync_core::cycle::{Allocation, BookFold, Cycle};
use fillsync_core::execution::{Execution, Sequence};
use fillsync_core::id::Market;
use fillsync_core::order::{Lane, Order};
use fillsync_core::time::VenueTime;
use rusqlite::{Connection, params};
use std::collections::BTreeMap;

/// Rows that are read at a time.
const BATCH: i64 = 4_096;

/// A stored row with what it is said to have done.
#[derive(Debug)]
pub(crate) struct StoredRow {
    pub(crate) id: i64,
    pub(crate) execution: Execution,
    pub(crate) lane: Lane,
    pub(crate) allocation: Allocation,
}

/// One book on its way through the rows.
#[derive(Debug)]
pub(crate) struct BookWalk {
    pub(crate) fold: BookFold,
    /// Rows before it are not looked at: they are already in the fold.
    pub(crate) from: Option<Sequence>,
}

/// Where a row went when it was followed again.
#[derive(Debug)]
pub(crate) struct Followed {
    pub(crate) row: StoredRow,
    pub(crate) lane: Lane,
    pub(crate) allocation: Allocation,
}

/// Follows every live row of a market from the earliest start of its books on.
pub(crate) fn walk(
    connection: &Connection,
    market_id: i64,
    market: &Market,
    books: &mut BTreeMap<Lane, BookWalk>,
    mut order_of: impl FnMut(&Execution) -> Result<Option<std::sync::Arc<Order>>, LedgerError>,
    mut found: impl FnMut(Followed) -> Result<(), LedgerError>,
) -> Result<(), LedgerError> {
    let start = books
        .values()
        .map(|book| {
            book.from
                .as_ref()
                .map_or(i64::MIN, |from| from.executed_at.us())
        })
        .min()
        .unwrap_or(i64::MIN);
    let mut rows = RowsInSequence::new(connection, market_id, market, start);
    while let Some(batch) = rows.next_batch()? {
        for row in batch {
            let order = order_of(&row.execution)?;
            let lane = order.as_ref().map_or(Lane::OneWay, |order| order.lane);
            let Some(book) = books.get_mut(&lane) else {
                continue;
            };
            if book
                .from
                .as_ref()
                .is_some_and(|from| row.execution.sequence() < *from)
            {
                continue;
            }
            let allocation = book.fold.apply(&row.execution, order.as_deref());
            found(Followed {
                row,
                lane,
                allocation,
            })?;
        }
    }
    Ok(())
}

/// The cycles of every book after a walk.
pub(crate) fn cycles_of(books: &mut BTreeMap<Lane, BookWalk>) -> BTreeMap<Lane, Vec<Cycle>> {
    books
        .iter_mut()
        .map(|(lane, book)| (*lane, book.fold.take_changed()))
        .collect()
}

/// Rows of a market in batches that never part rows of one instant.
struct RowsInSequence<'a> {
    connection: &'a Connection,
    market_id: i64,
    market: &'a Market,
    from: i64,
    ended: bool,
}

impl<'a> RowsInSequence<'a> {
    const fn new(
        connection: &'a Connection,
        market_id: i64,
        market: &'a Market,
        from: i64,
    ) -> Self {
        Self {
            connection,
            market_id,
            market,
            from,
            ended: false,
        }
    }

    fn next_batch(&mut self) -> Result<Option<Vec<StoredRow>>, LedgerError> {
        let mut limit = BATCH;
        while !self.ended {
            let mut rows = self.read(limit)?;
            let whole = i64::try_from(rows.len()).is_ok_and(|read| read < limit);
            rows.sort_by_cached_key(|row| row.execution.sequence());
            if whole {
                self.ended = true;
                return Ok((!rows.is_empty()).then_some(rows));
            }
            let Some(last) = rows.last().map(|row| row.execution.executed_at) else {
                break;
            };
            let complete = rows.partition_point(|row| row.execution.executed_at < last);
            if complete > 0 {
                rows.truncate(complete);
                self.from = last.us();
                return Ok(Some(rows));
            }
            // All of them are of one instant: more at once.
            limit = limit.saturating_mul(2);
        }
        Ok(None)
    }

    fn read(&self, limit: i64) -> Result<Vec<StoredRow>, LedgerError> {
        codec::all(
            self.connection,
            &format!(
                "SELECT id, lane, entry_cycle, entry_quantity, exit_cycle, exit_quantity, realised, {}
                 FROM execution WHERE market_id = ?1 AND executed_at >= ?2 AND state = 'live'
                 ORDER BY executed_at LIMIT ?3",
                codec::EXECUTION
            ),
            params![self.market_id, self.from, limit],
            |row| {
                Ok(StoredRow {
                    id: codec::get(row, "id")?,
                    execution: codec::execution(row, self.market)?,
                    lane: codec::lane(row)?,
                    allocation: codec::allocation(row)?,
                })
            },
        )
    }
}

/// Where a book must be followed from again when something changed at a moment: the fold, and the
/// first row that it has not seen. That is the start of the newest cycle before the moment that
/// began cleanly; a cycle that began with a flip, or after one of unknown start, shares a row or an
/// end with the one before it, so the search goes on to the older one.
pub(crate) fn restart(
    cycles_newest_first: &[Cycle],
    moment: VenueTime,
) -> Option<(Cycle, Sequence)> {
    use fillsync_core::cycle::CycleStart;
    cycles_newest_first
        .iter()
        .zip(cycles_newest_first.iter().skip(1))
        .find_map(|(cycle, before)| {
            let first = cycle.first.as_ref()?;
            let clean = before.start == CycleStart::Flat
                && !before.is_open()
                && before.last.as_ref().is_some_and(|last| last < first);
            (clean && first.executed_at < moment).then(|| (before.clone(), first.clone()))
        })
}
