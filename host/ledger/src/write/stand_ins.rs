//! Rows that stand in for what a venue's sum of an order says and its rows do not show.
//!
//! What stands is a function of the order's real rows and of the sums that were inferred or imported
//! (law 1). Each sum is a point: the order had filled `to`, for so much value, by then. The real rows
//! fill from zero up; what they do not reach is tiled by stand-ins, one from point to point, so that
//! nothing is counted twice and nothing that was counted is lost while real rows come one by one. The
//! price of a stand-in is what brings the order's average out.
//!
//! Real rows that were busted count as come: the venue showed them, and took them back. An inferred sum
//! is never the source of another one.

use super::changes::MarketChanges;
use super::executions::{RowToInsert, insert_row};
use super::markets::MarketState;
use super::relations::is_bust;
use super::states::{self, StoredAs, set_state};
use crate::codec::{all, amount_or_none, one, to_json};
use crate::error::LedgerError;
use crate::facts::{RevisedKind, RowState};
use fillsync_core::amount::{Money, Price, Quantity};
use fillsync_core::execution::{Execution, Relation};
use fillsync_core::id::{ExecutionId, OrderId};
use rusqlite::{Connection, params};
use std::collections::{BTreeMap, BTreeSet};

/// A stored stand-in.
#[derive(Debug, Clone)]
struct StandIn {
    row: StoredAs,
    from: Quantity,
    to: Quantity,
    /// What the order's fills up to `to` were worth.
    value: Money,
}

/// What an order's rows say.
#[derive(Debug, Default)]
pub(super) struct OrderRows {
    /// What real rows show, busted ones among them.
    shown: Quantity,
    /// What that was worth.
    value: Money,
    /// Whether some row is worth more than can be kept exactly, so that `value` is too little.
    is_beyond: bool,
    last: Option<(fillsync_core::execution::Sequence, ExecutionId)>,
    stand_ins: Vec<StandIn>,
}

/// A stand-in as it should be.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) from: Quantity,
    pub(super) to: Quantity,
    pub(super) price: Price,
}

/// What the fills up to the end of a stand-in were worth, where it is the first to say so.
pub(crate) fn value_of(row: &Execution) -> Option<Money> {
    match row.relation {
        Relation::StandsIn { to, .. } => row.price.times(to),
        _ => None,
    }
}

impl OrderRows {
    /// Reads one order's.
    pub(super) fn read(
        connection: &Connection,
        state: &MarketState,
        order_id: &OrderId,
    ) -> Result<Self, LedgerError> {
        let one = BTreeSet::from([order_id.clone()]);
        let mut found = Self::read_all(connection, state, &one)?;
        Ok(found.remove(order_id).unwrap_or_default())
    }

    /// Reads those of some orders by looking through the market once: what an order's rows show must
    /// not depend on whether a venue's times fit together.
    fn read_all(
        connection: &Connection,
        state: &MarketState,
        orders: &BTreeSet<OrderId>,
    ) -> Result<BTreeMap<OrderId, Self>, LedgerError> {
        let mut found: BTreeMap<OrderId, Self> = BTreeMap::new();
        all(
            connection,
            &format!(
                "SELECT stands_value, {}, raw FROM execution INDEXED BY execution_in_market
                 WHERE market_id = ?1 AND order_id IN (SELECT value FROM json_each(?2))",
                states::columns()
            ),
            params![state.id, to_json(orders)?],
            |row| {
                let value = amount_or_none::<Money>(row, "stands_value")?;
                let row = states::stored_as(row, &state.market)?;
                match row.execution.order_id.clone() {
                    Some(order_id) => found.entry(order_id).or_default().add(row, value),
                    None => Ok(()),
                }
            },
        )?;
        for rows in found.values_mut() {
            // The earliest to say so speaks for a point; rows of one point that differ are rare.
            rows.stand_ins.sort_by(|one, other| {
                let rank = |one: &StandIn| {
                    let execution = &one.row.execution;
                    let source = execution.source.as_str();
                    (one.to, execution.executed_at, one.value, source)
                };
                rank(one).cmp(&rank(other))
            });
        }
        Ok(found)
    }

    fn add(&mut self, row: StoredAs, value: Option<Money>) -> Result<(), LedgerError> {
        let execution = &row.execution;
        if let Relation::StandsIn { from, to } = execution.relation {
            let value = value.ok_or_else(|| LedgerError::unreadable("stands_value", "NULL"))?;
            self.stand_ins.push(StandIn {
                row,
                from,
                to,
                value,
            });
            return Ok(());
        }
        if is_bust(execution)
            || row.state == RowState::Superseded
            || !execution.class.moves_position()
        {
            return Ok(());
        }
        self.shown += execution.quantity;
        match execution.price.times(execution.quantity) {
            Some(value) => self.value += value,
            None => self.is_beyond = true,
        }
        let place = (execution.sequence(), execution.execution_id.clone());
        self.last = self.last.take().max(Some(place));
        Ok(())
    }

    /// Up to where rows or stand-ins show the order.
    pub(super) fn reach(&self) -> Quantity {
        let stood_in = self.stand_ins.iter().map(|one| one.to).max();
        self.shown.max(stood_in.unwrap_or(Quantity::ZERO))
    }

    /// The points, each with the stand-in that speaks for it.
    fn points(&self) -> BTreeMap<Quantity, &StandIn> {
        let mut points = BTreeMap::new();
        for one in &self.stand_ins {
            points.entry(one.to).or_insert(one);
        }
        points
    }

    /// What a stand-in from what is shown so far to a point costs.
    pub(super) fn piece(&self, from: Quantity, to: Quantity, value: Money) -> Option<Piece> {
        let before = match self.points().get(&from) {
            Some(point) if from > self.shown => point.value,
            _ => self.value,
        };
        // A venue that rounds its average can make the rest cost nothing; then the average must do.
        let rest = value - before;
        let price = if rest.is_positive() && !self.is_beyond {
            rest.per(to - from)
        } else {
            value.per(to)
        }?;
        Some(Piece { from, to, price })
    }

    /// The stand-ins that should stand, each with the one from which it takes the rest.
    fn pieces(&self) -> Vec<(Piece, &StandIn)> {
        let mut from = self.shown;
        let mut pieces = Vec::new();
        for (to, point) in self.points() {
            if to > from {
                pieces.extend(
                    self.piece(from, to, point.value)
                        .map(|piece| (piece, point)),
                );
                from = to;
            }
        }
        pieces
    }

    /// The stored stand-in that is a piece. One that starts from nothing has its price from its
    /// point, whatever a division makes of it.
    fn stored(&self, piece: &Piece) -> Option<&StandIn> {
        self.stand_ins.iter().find(|one| {
            one.from == piece.from
                && one.to == piece.to
                && (piece.from.is_zero() || one.row.execution.price == piece.price)
        })
    }
}

/// Lets stand-ins give way to what came, and none stand beside it.
pub(crate) fn give_way(
    connection: &Connection,
    state: &mut MarketState,
    changes: &mut MarketChanges,
) -> Result<(), LedgerError> {
    let orders = std::mem::take(&mut changes.to_give_way);
    if !state.has_stand_ins {
        return Ok(());
    }
    let mut stood_in_for = BTreeSet::new();
    for order_id in orders {
        let found = one(
            connection,
            "SELECT 1 FROM execution INDEXED BY execution_standing_in
             WHERE market_id = ?1 AND order_id = ?2 AND stands_to IS NOT NULL LIMIT 1",
            params![state.id, order_id.as_str()],
            |_| Ok(()),
        )?;
        if found.is_some() {
            stood_in_for.insert(order_id);
        }
    }
    if stood_in_for.is_empty() {
        return Ok(());
    }
    for (order_id, rows) in OrderRows::read_all(connection, state, &stood_in_for)? {
        tile(connection, state, &order_id, &rows, changes)?;
    }
    changes.to_give_way.clear();
    Ok(())
}

fn tile(
    connection: &Connection,
    state: &mut MarketState,
    order_id: &OrderId,
    rows: &OrderRows,
    changes: &mut MarketChanges,
) -> Result<(), LedgerError> {
    let mut standing = Vec::new();
    let mut first_piece = None;
    for (piece, point) in rows.pieces() {
        let id = match rows.stored(&piece) {
            Some(stored) => {
                standing.push(stored.row.id);
                stored.row.execution.execution_id.clone()
            }
            None => insert_piece(connection, state, order_id, rows, &piece, point, changes)?,
        };
        first_piece = first_piece.or(Some(id));
    }
    let mut gave_way = false;
    for one in &rows.stand_ins {
        let stands = standing.contains(&one.row.id);
        if one.row.state == RowState::Live && !stands {
            gave_way = true;
            let last = rows.last.as_ref().map(|(_, id)| id);
            let by = last.or(first_piece.as_ref());
            let by = by.unwrap_or(&one.row.execution.execution_id).clone();
            changes.revise(&one.row, &by, RevisedKind::Replaced);
        }
        let now = if stands {
            RowState::Live
        } else {
            RowState::Superseded
        };
        set_state(connection, &one.row, now, changes)?;
    }
    if gave_way {
        for new in &mut changes.new {
            let execution = &new.execution;
            new.was_stood_in_for |= execution.order_id.as_ref() == Some(order_id)
                && !matches!(execution.relation, Relation::StandsIn { .. });
        }
    }
    Ok(())
}

/// Whether those stand-ins of an order stand that its rows ask for, and no others.
pub(crate) fn is_tiled(
    connection: &Connection,
    state: &MarketState,
    order_id: &OrderId,
) -> Result<bool, LedgerError> {
    let rows = OrderRows::read(connection, state, order_id)?;
    let mut asked_for = Vec::new();
    for (piece, _) in rows.pieces() {
        match rows.stored(&piece) {
            Some(stored) => asked_for.push(stored.row.id),
            None => return Ok(false),
        }
    }
    Ok(rows
        .stand_ins
        .iter()
        .all(|one| asked_for.contains(&one.row.id) == (one.row.state == RowState::Live)))
}

/// Stores what is left of a stand-in. It was seen when that one was, so nobody waits for it anew.
fn insert_piece(
    connection: &Connection,
    state: &mut MarketState,
    order_id: &OrderId,
    rows: &OrderRows,
    piece: &Piece,
    point: &StandIn,
    changes: &mut MarketChanges,
) -> Result<ExecutionId, LedgerError> {
    let name = inferred_id(order_id, piece.from, piece.to)?;
    let taken = rows
        .stand_ins
        .iter()
        .any(|one| one.row.execution.execution_id == name);
    let execution_id = if taken {
        // The same part, but a real row before it was corrected to another price.
        execution_id(format!("{name}@{}", piece.price))?
    } else {
        name
    };
    let row = Execution {
        execution_id: execution_id.clone(),
        quantity: piece.to - piece.from,
        price: piece.price,
        relation: Relation::StandsIn {
            from: piece.from,
            to: piece.to,
        },
        ..point.row.execution.clone()
    };
    let to_insert = RowToInsert::bare(&row, RowState::Live, Some(point.value), point.row.seen_at);
    if insert_row(connection, state.id, &to_insert)? {
        state.reached(row.sequence());
        changes.tallied.stands(&row.class, row.executed_at);
        changes.note(row.executed_at);
        changes.note_late(row.executed_at);
    }
    Ok(execution_id)
}

fn execution_id(text: String) -> Result<ExecutionId, LedgerError> {
    ExecutionId::new(&text).map_err(|error| LedgerError::Rejected {
        what: format!("{text} can be no execution id: {error}"),
    })
}

pub(super) fn inferred_id(
    order_id: &OrderId,
    from: Quantity,
    to: Quantity,
) -> Result<ExecutionId, LedgerError> {
    execution_id(format!("inferred:{order_id}:{from}-{to}"))
}
