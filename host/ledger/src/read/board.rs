//! A group's cycles with all that is known of them now: slots, counts, decisions, divergences.
//!
//! What somebody looks at first comes first: cycles in which accounts differ, then open ones, then
//! the newest of those that are over. Only so many cycles are read as are shown.

use super::groups::{count_row, divergence_row};
use crate::codec::{
    all, count, get, host_time, id, json, named, one, venue_time, venue_time_or_none, whole,
};
use crate::decisions::DecisionOutcome;
use crate::error::LedgerError;
use crate::lists::{BoardCycle, BoardDecision};
use crate::reader::Reader;
use fillsync_core::id::{GroupName, Symbol};
use fillsync_core::order::PositionSide;
use rusqlite::{Row, params};
use std::collections::BTreeSet;

type Read<T> = Result<T, LedgerError>;

/// One question for each reason to look at a cycle.
const HEADS: [&str; 3] = [
    "SELECT * FROM group_cycle WHERE group_name = ?1 AND (?2 IS NULL OR symbol = ?2)
         AND (symbol, side, ordinal) IN (SELECT symbol, side, cycle FROM divergence
             WHERE group_name = ?1 AND resolved_at IS NULL AND confirmed_at IS NOT NULL)
     ORDER BY opened_at DESC, id DESC LIMIT ?3",
    "SELECT * FROM group_cycle WHERE group_name = ?1 AND (?2 IS NULL OR symbol = ?2) AND settled = 0
         AND closed_at IS NULL
     ORDER BY opened_at DESC, id DESC LIMIT ?3",
    "SELECT * FROM group_cycle WHERE group_name = ?1 AND (?2 IS NULL OR symbol = ?2)
     ORDER BY opened_at DESC, id DESC LIMIT ?3",
];

impl Reader {
    /// Cycles of a group: those in which accounts differ, then open ones, then the newest.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn board(
        &self,
        group: &GroupName,
        symbol: Option<&Symbol>,
        limit: u32,
    ) -> Read<Vec<BoardCycle>> {
        let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
        let mut seen = BTreeSet::new();
        let mut cycles = Vec::new();
        for heads in HEADS {
            let found = all(
                self.connection(),
                heads,
                params![group.as_str(), symbol.map(Symbol::as_str), limit],
                |row| Ok((get::<i64>(row, "id")?, head(row)?)),
            )?;
            for (id, cycle) in found {
                if cycles.len() < wanted && seen.insert(id) {
                    cycles.push(self.filled_in(cycle)?);
                }
            }
        }
        Ok(cycles)
    }

    fn filled_in(&self, mut cycle: BoardCycle) -> Read<BoardCycle> {
        let ordinal = whole(cycle.ordinal)?;
        let key = params![
            cycle.group.as_str(),
            cycle.symbol.as_str(),
            cycle.side.as_str(),
            ordinal
        ];
        cycle.decision = one(
            self.connection(),
            "SELECT moment, view_json, plugin, outcome, error, decided_at FROM decision
             WHERE group_name = ?1 AND symbol = ?2 AND side = ?3 AND cycle = ?4
             ORDER BY moment DESC, revision DESC LIMIT 1",
            key,
            |row| {
                Ok(BoardDecision {
                    moment: venue_time(row, "moment")?,
                    view: json(row, "view_json")?,
                    plugin: get(row, "plugin")?,
                    outcome: named(row, "outcome", DecisionOutcome::from_name)?,
                    error: get(row, "error")?,
                    decided_at: host_time(row, "decided_at")?,
                })
            },
        )?;
        cycle.counts = all(
            self.connection(),
            "SELECT * FROM count_state WHERE group_name = ?1 AND symbol = ?2 AND side = ?3 AND cycle = ?4
             ORDER BY account",
            key,
            count_row,
        )?;
        cycle.divergences = all(
            self.connection(),
            "SELECT * FROM divergence WHERE group_name = ?1 AND symbol = ?2 AND side = ?3 AND cycle = ?4
                 AND resolved_at IS NULL ORDER BY first_at, id",
            key,
            |row| Ok((get(row, "id")?, divergence_row(row)?)),
        )?;
        Ok(cycle)
    }
}

fn head(row: &Row<'_>) -> Read<BoardCycle> {
    Ok(BoardCycle {
        group: id(row, "group_name")?,
        symbol: id(row, "symbol")?,
        side: named(row, "side", PositionSide::from_name)?,
        ordinal: count(row, "ordinal")?,
        opened_at: venue_time(row, "opened_at")?,
        closed_at: venue_time_or_none(row, "closed_at")?,
        decision: None,
        counts: Vec::new(),
        divergences: Vec::new(),
    })
}
