//! Which orders filled more than their rows show.
//!
//! The venue's sum of an order is a check of its rows, never their source: where it is more, rows are
//! missing, and the order is noted until they have come, or a stand-in has. It is compared whenever an
//! order's sum changes, and whenever a noted order gets rows; other rows cost nothing.

use super::changes::MarketChanges;
use super::markets::MarketState;
use crate::codec::{all, amount, amount_or_none, get, id, named, one, run};
use crate::error::LedgerError;
use fillsync_core::amount::Quantity;
use fillsync_core::execution::ExecutionClass;
use fillsync_core::id::OrderId;
use fillsync_core::time::VenueTime;
use rusqlite::{Connection, Row, params};
use std::time::Duration;

/// An order's rows are looked for from so long before it was made, by the venue's own times, before
/// the whole market is looked through.
const BEFORE_CREATION: Duration = Duration::from_secs(60);

/// The columns of [`Shown::add`].
pub(crate) const SHOWN: &str = "class, quantity, stands_to, relation, state";

/// What the rows of one order show.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Shown {
    /// By real rows that stand.
    pub(crate) live: Quantity,
    /// By real rows that the venue took back.
    pub(crate) busted: Quantity,
    /// By stand-ins that stand.
    pub(crate) stood_in: Quantity,
    /// How many stand-ins stand.
    pub(crate) stand_ins: u32,
    /// The furthest point that any stand-in was made for.
    pub(crate) point: Quantity,
}

impl Shown {
    /// Adds a row that has the columns [`SHOWN`].
    pub(crate) fn add(&mut self, row: &Row<'_>) -> Result<(), LedgerError> {
        let quantity: Quantity = amount(row, "quantity")?;
        let state: String = get(row, "state")?;
        if let Some(to) = amount_or_none::<Quantity>(row, "stands_to")? {
            self.point = self.point.max(to);
            if state == "live" {
                self.stood_in += quantity;
                self.stand_ins = self.stand_ins.saturating_add(1);
            }
            return Ok(());
        }
        let class = named(row, "class", |name| {
            Some(ExecutionClass::from_name(name, name))
        })?;
        let relation: String = get(row, "relation")?;
        if !class.moves_position() || relation == "busts" {
            return Ok(());
        }
        match state.as_str() {
            "live" => self.live += quantity,
            "busted" => self.busted += quantity,
            _ => {}
        }
        Ok(())
    }

    /// Up to where the order is shown. What was shown and taken back is not missing.
    pub(crate) fn reach(&self) -> Quantity {
        (self.live + self.busted).max(self.point)
    }
}

fn shown(
    connection: &Connection,
    market_id: i64,
    order_id: &OrderId,
    from: Option<VenueTime>,
) -> Result<Shown, LedgerError> {
    let mut shown = Shown::default();
    all(
        connection,
        &format!(
            "SELECT {SHOWN} FROM execution INDEXED BY execution_in_market
             WHERE market_id = ?1 AND executed_at >= ?2 AND order_id = ?3"
        ),
        params![
            market_id,
            from.map_or(i64::MIN, VenueTime::us),
            order_id.as_str()
        ],
        |row| shown.add(row),
    )?;
    Ok(shown)
}

/// What is shown of an order where that is less than it filled; none where nothing is missing.
fn behind(
    connection: &Connection,
    market_id: i64,
    order_id: &OrderId,
    filled: Quantity,
    created_at: VenueTime,
) -> Result<Option<Quantity>, LedgerError> {
    // Nearly always the rows of the order's own time are enough, and few.
    let since = created_at.minus(BEFORE_CREATION);
    if shown(connection, market_id, order_id, Some(since))?.reach() >= filled {
        return Ok(None);
    }
    let reach = shown(connection, market_id, order_id, None)?.reach();
    Ok((reach < filled).then_some(reach))
}

/// Notes the orders that filled more than rows and stand-ins show, and forgets those that no longer do.
pub(crate) fn weigh(
    connection: &Connection,
    state: &mut MarketState,
    changes: &mut MarketChanges,
) -> Result<(), LedgerError> {
    let mut to_weigh = std::mem::take(&mut changes.to_weigh);
    for order_id in std::mem::take(&mut changes.traded) {
        if state.has_ahead && is_noted(connection, state.id, &order_id)? {
            to_weigh.insert(order_id);
        }
    }
    for order_id in to_weigh {
        let Some(order) = state.order(connection, &order_id)? else {
            continue;
        };
        let filled = order.filled_quantity;
        match behind(connection, state.id, &order_id, filled, order.created_at)? {
            Some(reach) => {
                note(connection, state.id, &order_id, reach)?;
                state.has_ahead = true;
            }
            None if state.has_ahead => {
                run(
                    connection,
                    "DELETE FROM order_ahead WHERE market_id = ?1 AND order_id = ?2",
                    params![state.id, order_id.as_str()],
                )?;
            }
            None => {}
        }
    }
    Ok(())
}

fn is_noted(
    connection: &Connection,
    market_id: i64,
    order_id: &OrderId,
) -> Result<bool, LedgerError> {
    let found = one(
        connection,
        "SELECT 1 FROM order_ahead WHERE market_id = ?1 AND order_id = ?2",
        params![market_id, order_id.as_str()],
        |_| Ok(()),
    )?;
    Ok(found.is_some())
}

fn note(
    connection: &Connection,
    market_id: i64,
    order_id: &OrderId,
    reach: Quantity,
) -> Result<(), LedgerError> {
    run(
        connection,
        "INSERT INTO order_ahead (market_id, order_id, shown) VALUES (?1, ?2, ?3)
         ON CONFLICT (market_id, order_id) DO UPDATE SET shown = excluded.shown",
        params![market_id, order_id.as_str(), reach.to_string()],
    )?;
    Ok(())
}

/// Orders that are weighed at a time when a ledger is brought up.
const BATCH: i64 = 1_000;

/// Weighs every order of a ledger that did not use to.
pub(crate) fn weigh_all(connection: &Connection) -> Result<(), LedgerError> {
    let mut after = 0i64;
    loop {
        let orders = all(
            connection,
            "SELECT id, market_id, order_id, filled_quantity, created_at FROM orders
             WHERE id > ?1 AND filled_quantity <> '0' ORDER BY id LIMIT ?2",
            params![after, BATCH],
            |row| {
                Ok((
                    get::<i64>(row, "id")?,
                    get::<i64>(row, "market_id")?,
                    id::<OrderId>(row, "order_id")?,
                    amount::<Quantity>(row, "filled_quantity")?,
                    crate::codec::venue_time(row, "created_at")?,
                ))
            },
        )?;
        let Some((last, ..)) = orders.last() else {
            return Ok(());
        };
        after = *last;
        for (_, market_id, order_id, filled, created_at) in orders {
            if let Some(reach) = behind(connection, market_id, &order_id, filled, created_at)? {
                note(connection, market_id, &order_id, reach)?;
            }
        }
    }
}
