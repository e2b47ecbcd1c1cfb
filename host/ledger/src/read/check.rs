//! The ledger against itself: everything that can be computed again is, and compared.
//!
//! Cycles and allocations are folded from the stored rows from scratch; tallies are counted; the
//! file and its references are checked by SQLite; [`super::consistency`] has the rest. It reports and repairs nothing.

use super::consistency;
use crate::codec::{self, all, get, market};
use crate::error::LedgerError;
use crate::fold::{self, BookWalk};
use crate::rows::SelfCheck;
use crate::write::markets::{LANES, MarketState};
use crate::write::openings::{self, Openings};
use fillsync_core::cycle::{BookFold, Cycle};
use fillsync_core::id::Market;
use fillsync_core::order::Lane;
use rusqlite::{Connection, params};
use std::collections::BTreeMap;

type Read<T> = Result<T, LedgerError>;

impl SelfCheck {
    pub(super) fn find(&mut self, finding: impl Into<String>) {
        if self.findings.len() < crate::FINDINGS_MAX {
            self.findings.push(finding.into());
        }
    }
}

pub(crate) fn self_check(connection: &Connection) -> Read<SelfCheck> {
    let mut check = SelfCheck::default();
    file(connection, &mut check)?;
    let markets = all(connection, "SELECT * FROM market ORDER BY id", [], |row| {
        Ok((get::<i64>(row, "id")?, market(row)?))
    })?;
    for (_, market) in &markets {
        market_again(connection, market, &mut check)?;
    }
    tallies(connection, &mut check)?;
    consistency::coverage(connection, &mut check)?;
    consistency::messages(connection, &mut check)?;
    Ok(check)
}

fn file(connection: &Connection, check: &mut SelfCheck) -> Read<()> {
    for found in all(connection, "PRAGMA integrity_check", [], |row| {
        Ok(row.get::<_, String>(0)?)
    })? {
        if found != "ok" {
            check.find(format!("the file: {found}"));
        }
    }
    for table in all(connection, "PRAGMA foreign_key_check", [], |row| {
        Ok(row.get::<_, String>(0)?)
    })? {
        check.find(format!("table {table} has a row that refers to nothing"));
    }
    Ok(())
}

fn market_again(connection: &Connection, market: &Market, check: &mut SelfCheck) -> Read<()> {
    let mut state = MarketState::load(connection, market)?;
    let anchors = all(
        connection,
        "SELECT at FROM anchor WHERE account = ?1 AND category = ?2 ORDER BY at",
        params![market.account.as_str(), market.category.as_str()],
        |row| codec::venue_time(row, "at"),
    )?;
    let openings = openings::compute(connection, &state, &anchors)?;
    if openings != openings::stored(connection, state.id)? {
        check.find(format!(
            "{market}: the position before the data is not what positions and rows say"
        ));
    }
    let mut books = from_scratch(&state, &openings);
    let id = state.id;
    let (mut rows, mut wrong) = (0u64, Vec::new());
    fold::walk(
        connection,
        id,
        market,
        &mut books,
        |execution| match &execution.order_id {
            Some(order_id) => state.order(connection, order_id),
            None => Ok(None),
        },
        |followed| {
            rows = rows.saturating_add(1);
            if followed.row.lane != followed.lane || followed.row.allocation != followed.allocation
            {
                wrong.push(followed.row.execution.execution_id.clone());
                wrong.truncate(crate::FINDINGS_MAX);
            }
            Ok(())
        },
    )?;
    check.executions = check.executions.saturating_add(rows);
    for execution_id in wrong {
        check.find(format!(
            "{market}: execution {execution_id} is said to have done what it did not"
        ));
    }
    consistency::relations(connection, &state, check)?;
    consistency::orders(connection, &state, check)?;
    let cycles = fold::cycles_of(&mut books);
    compare_cycles(connection, id, market, &cycles, check)
}

fn from_scratch(state: &MarketState, openings: &Openings) -> BTreeMap<Lane, BookWalk> {
    LANES
        .into_iter()
        .map(|lane| {
            let fold = match openings.get(&lane) {
                Some(opening) => BookFold::opening(state.rule, lane, opening.quantity, opening.at),
                None => BookFold::after(state.rule, lane, None),
            };
            (lane, BookWalk { fold, from: None })
        })
        .collect()
}

fn compare_cycles(
    connection: &Connection,
    id: i64,
    market: &Market,
    again: &BTreeMap<Lane, Vec<Cycle>>,
    check: &mut SelfCheck,
) -> Read<()> {
    for lane in LANES {
        let stored = all(
            connection,
            "SELECT * FROM cycle WHERE market_id = ?1 AND lane = ?2 ORDER BY ordinal",
            params![id, lane.as_str()],
            codec::cycle,
        )?;
        let again = again.get(&lane).cloned().unwrap_or_default();
        check.cycles = check
            .cycles
            .saturating_add(u64::try_from(again.len()).unwrap_or(u64::MAX));
        if stored.len() != again.len() {
            check.find(format!(
                "{market} {}: {} cycles are stored, the rows make {}",
                lane.as_str(),
                stored.len(),
                again.len()
            ));
        }
        for (stored, again) in stored.iter().zip(&again) {
            if stored != again {
                check.find(format!(
                    "{market} {}: cycle {} is not what its rows make",
                    lane.as_str(),
                    stored.ordinal
                ));
            }
        }
    }
    Ok(())
}

fn tallies(connection: &Connection, check: &mut SelfCheck) -> Read<()> {
    let accounts = all(
        connection,
        "SELECT name FROM account ORDER BY name",
        [],
        |row| get::<String>(row, "name"),
    )?;
    for scope in &accounts {
        for (name, sql) in [
            (
                "executions",
                "SELECT count(*) AS value FROM execution JOIN market ON market.id = execution.market_id
                 WHERE account = ?1 AND state = 'live'",
            ),
            (
                "fills",
                "SELECT count(*) AS value FROM execution JOIN market ON market.id = execution.market_id
                 WHERE account = ?1 AND state = 'live' AND class = 'order-fill'",
            ),
            (
                "conflicts",
                "SELECT count(*) AS value FROM conflict JOIN execution ON execution.id = conflict.execution
                     JOIN market ON market.id = execution.market_id WHERE account = ?1",
            ),
            (
                "quarantined",
                "SELECT count(*) AS value FROM quarantine WHERE account = ?1",
            ),
            (
                "last_fill_at",
                "SELECT max(executed_at) AS value FROM execution JOIN market ON market.id = execution.market_id
                 WHERE account = ?1 AND state = 'live' AND class = 'order-fill' HAVING max(executed_at) IS NOT NULL",
            ),
        ] {
            consistency::compare(connection, name, scope, sql, check)?;
        }
    }
    Ok(())
}
