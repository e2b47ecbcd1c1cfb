//! Corrections and busts: which row of a chain stands.
//!
//! Whether a row stands is a function of the rows that are stored, never of the order in which they
//! came (law 1):
//! - a row that takes another one back moves nothing itself;
//! - a row that was corrected is superseded; of several corrections of one row the last one stands;
//! - a row that was taken back is busted, and so is what corrects it, unless that was corrected in
//!   turn: a venue may name the first row of a chain or the last one.
//!
//! A relation to a row that never comes changes nothing but the row that has it.

use super::changes::MarketChanges;
use super::markets::MarketState;
use super::states::{self, StoredAs, set_state};
use crate::codec::{all, one, run};
use crate::error::LedgerError;
use crate::facts::{RevisedKind, RowState};
use fillsync_core::execution::{Execution, Relation};
use fillsync_core::id::ExecutionId;
use rusqlite::{Connection, params};
use std::collections::{BTreeMap, BTreeSet};

/// The row of which another one speaks. One that speaks of itself says nothing.
pub(crate) fn subject(row: &Execution) -> Option<&ExecutionId> {
    match &row.relation {
        Relation::Corrects(other) | Relation::Busts(other) if *other != row.execution_id => {
            Some(other)
        }
        _ => None,
    }
}

/// Whether a row takes another one back.
pub(crate) const fn is_bust(row: &Execution) -> bool {
    matches!(row.relation, Relation::Busts(_))
}

/// Whether any stored row speaks of this one.
pub(crate) fn is_spoken_of(
    connection: &Connection,
    state: &MarketState,
    id: &ExecutionId,
) -> Result<bool, LedgerError> {
    if !state.has_relations {
        return Ok(false);
    }
    let found = one(
        connection,
        "SELECT 1 FROM execution WHERE market_id = ?1 AND relates_to = ?2 LIMIT 1",
        params![state.id, id.as_str()],
        |_| Ok(()),
    )?;
    Ok(found.is_some())
}

/// A row that was stored as a fact of its own turns out to speak of another one: of two sources only
/// one may tell that.
pub(crate) fn learn(
    connection: &Connection,
    state: &mut MarketState,
    stored: &StoredAs,
    seen: &Execution,
    changes: &mut MarketChanges,
) -> Result<(), LedgerError> {
    let (name, Some(other)) = (name(&seen.relation), subject(seen)) else {
        return Ok(());
    };
    run(
        connection,
        "UPDATE execution SET relation = ?2, relates_to = ?3 WHERE id = ?1",
        params![stored.id, name, other.as_str()],
    )?;
    state.has_relations = true;
    changes.touched.insert(seen.execution_id.clone());
    Ok(())
}

/// A relation's name in the database.
pub(crate) const fn name(relation: &Relation) -> &'static str {
    match relation {
        Relation::Own => "own",
        Relation::Corrects(_) => "corrects",
        Relation::Busts(_) => "busts",
        Relation::StandsIn { .. } => "stands-in",
    }
}

/// Brings the rows around those that were touched to the state that the rows together say.
pub(crate) fn apply(
    connection: &Connection,
    state: &MarketState,
    changes: &mut MarketChanges,
) -> Result<(), LedgerError> {
    let touched = std::mem::take(&mut changes.touched);
    if touched.is_empty() {
        return Ok(());
    }
    let family = Family::around(connection, state, touched)?;
    for row in family.rows.values() {
        let (now, by) = family.state_of(row);
        if row.state == RowState::Live
            && let Some(by) = by
        {
            let kind = match now {
                RowState::Superseded => RevisedKind::Corrected,
                RowState::Live | RowState::Busted => RevisedKind::Busted,
            };
            changes.revise(row, by, kind);
        }
        set_state(connection, row, now, changes)?;
        if let Some(subject) = subject(&row.execution).and_then(|other| family.rows.get(other)) {
            run(
                connection,
                "UPDATE execution SET revision_of = ?2 WHERE id = ?1 AND revision_of IS NOT ?2",
                params![row.id, subject.id],
            )?;
        }
    }
    Ok(())
}

/// Rows that speak of each other, directly or by way of others.
#[derive(Debug, Default)]
pub(crate) struct Family {
    pub(crate) rows: BTreeMap<ExecutionId, StoredAs>,
    /// Who corrects a row, by the row; it may not have come yet.
    corrections: BTreeMap<ExecutionId, BTreeSet<ExecutionId>>,
    /// Who takes a row back.
    busts: BTreeMap<ExecutionId, BTreeSet<ExecutionId>>,
}

impl Family {
    /// Reads every row that is connected with some rows. As many as the venue made: a chain is as
    /// long as a trade was corrected often.
    pub(crate) fn around(
        connection: &Connection,
        state: &MarketState,
        touched: BTreeSet<ExecutionId>,
    ) -> Result<Self, LedgerError> {
        let mut family = Self::default();
        let mut looked_at = BTreeSet::new();
        let mut to_look_at: Vec<ExecutionId> = touched.into_iter().collect();
        let columns = states::columns();
        while let Some(id) = to_look_at.pop() {
            if !looked_at.insert(id.clone()) {
                continue;
            }
            // Its own row, and those that speak of it.
            for sql in [
                format!(
                    "SELECT {columns}, raw FROM execution WHERE market_id = ?1 AND execution_id = ?2"
                ),
                format!(
                    "SELECT {columns}, raw FROM execution WHERE market_id = ?1 AND relates_to = ?2"
                ),
            ] {
                let found = all(connection, &sql, params![state.id, id.as_str()], |row| {
                    states::stored_as(row, &state.market)
                })?;
                for row in found {
                    to_look_at.push(row.execution.execution_id.clone());
                    to_look_at.extend(subject(&row.execution).cloned());
                    family.add(row);
                }
            }
        }
        Ok(family)
    }

    fn add(&mut self, row: StoredAs) {
        let id = row.execution.execution_id.clone();
        if let Some(other) = subject(&row.execution).cloned() {
            let spoken = if is_bust(&row.execution) {
                &mut self.busts
            } else {
                &mut self.corrections
            };
            spoken.entry(other).or_default().insert(id.clone());
        }
        self.rows.insert(id, row);
    }

    /// What a row of the family is, and which other row says so.
    pub(crate) fn state_of(&self, row: &StoredAs) -> (RowState, Option<&ExecutionId>) {
        let id = &row.execution.execution_id;
        if is_bust(&row.execution) {
            return (RowState::Busted, None);
        }
        let later = self
            .last_correction(id)
            .or_else(|| self.rival(&row.execution));
        if let Some(by) = later {
            return (RowState::Superseded, Some(by));
        }
        match self.bust_of(&row.execution) {
            Some(by) => (RowState::Busted, Some(by)),
            None => (RowState::Live, None),
        }
    }

    /// The last of those that correct a row.
    fn last_correction(&self, id: &ExecutionId) -> Option<&ExecutionId> {
        self.corrections
            .get(id)?
            .iter()
            .max_by_key(|id| self.rows.get(*id).map(|row| row.execution.sequence()))
    }

    /// A later correction of the same row.
    fn rival(&self, row: &Execution) -> Option<&ExecutionId> {
        if is_bust(row) {
            return None;
        }
        self.last_correction(subject(row)?)
            .filter(|last| **last != row.execution_id)
    }

    /// Who takes a row back, or the row that it corrects, or the one which that corrects.
    fn bust_of(&self, row: &Execution) -> Option<&ExecutionId> {
        let mut seen = BTreeSet::new();
        let mut id = &row.execution_id;
        while seen.insert(id) {
            if let Some(by) = self.busts.get(id).and_then(BTreeSet::first) {
                return Some(by);
            }
            id = match self.rows.get(id) {
                Some(row) if !is_bust(&row.execution) => subject(&row.execution)?,
                _ => return None,
            };
        }
        None
    }
}
