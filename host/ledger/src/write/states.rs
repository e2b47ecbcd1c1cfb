//! Which rows stand: reading a row with its state, and changing that state.
//!
//! The only place that changes `state`. Whoever does it follows the books again from that row on,
//! marks the market and corrects the tallies: that is in the same call, so that it cannot be
//! forgotten. A row that does not stand belongs to no position, whatever its order says.

use super::changes::MarketChanges;
use crate::codec::{self, get, run};
use crate::error::LedgerError;
use crate::facts::RowState;
use fillsync_core::execution::Execution;
use fillsync_core::id::Market;
use fillsync_core::order::Lane;
use fillsync_core::time::HostTime;
use rusqlite::{Connection, Row, params};

/// A stored row with what else stands in its columns.
#[derive(Debug, Clone)]
pub(crate) struct StoredAs {
    pub(crate) id: i64,
    pub(crate) execution: Execution,
    pub(crate) state: RowState,
    pub(crate) seen_at: HostTime,
}

/// The columns of [`stored_as`]; whoever wants the venue's own row adds `raw` behind them.
pub(crate) fn columns() -> String {
    format!("id, state, seen_at, {}", codec::EXECUTION)
}

/// Reads a row from a statement that selects [`columns`].
pub(crate) fn stored_as(row: &Row<'_>, market: &Market) -> Result<StoredAs, LedgerError> {
    Ok(StoredAs {
        id: get(row, "id")?,
        execution: codec::execution(row, market)?,
        state: codec::named(row, "state", RowState::from_name)?,
        seen_at: codec::host_time(row, "seen_at")?,
    })
}

/// Changes whether a row stands.
pub(crate) fn set_state(
    connection: &Connection,
    row: &StoredAs,
    state: RowState,
    changes: &mut MarketChanges,
) -> Result<(), LedgerError> {
    if row.state == state {
        return Ok(());
    }
    run(
        connection,
        "UPDATE execution SET state = ?2, lane = ?3, entry_cycle = NULL, entry_quantity = NULL, exit_cycle = NULL,
             exit_quantity = NULL, realised = NULL WHERE id = ?1",
        params![row.id, state.as_str(), Lane::OneWay.as_str()],
    )?;
    let execution = &row.execution;
    match (row.state, state) {
        (RowState::Live, _) => changes.tallied.falls(&execution.class),
        (_, RowState::Live) => changes
            .tallied
            .stands(&execution.class, execution.executed_at),
        _ => {}
    }
    changes.note(execution.executed_at);
    changes.note_late(execution.executed_at);
    changes.states.insert(execution.execution_id.clone(), state);
    changes.to_give_way.extend(execution.order_id.clone());
    changes.to_weigh.extend(execution.order_id.clone());
    Ok(())
}
