//! What a book held when its data begin.
//!
//! The venue says what is held at one moment; what the known fills up to that moment do not explain
//! was there before. Positions and fills of one instant can be told apart by nobody, so of the
//! moments that are kept the earliest counts that has no fill of the market close to it. The answer
//! depends on the rows and the moments only, never on the order in which they came (law 1).

use super::markets::{LANES, MarketState};
use crate::codec::{self, all, amount, lane, named, one, run};
use crate::error::LedgerError;
use fillsync_core::amount::Quantity;
use fillsync_core::execution::Side;
use fillsync_core::id::{AccountName, Category};
use fillsync_core::order::Lane;
use fillsync_core::port::Positions;
use fillsync_core::time::VenueTime;
use rusqlite::{Connection, params};
use rust_decimal::Decimal;
use std::collections::BTreeMap;
use std::time::Duration;

/// Moments that are kept for each category: the earliest ones.
const ANCHORS_MAX: i64 = 8;

/// A fill this close to a moment may or may not be in the positions of that moment.
pub(crate) const QUIET: Duration = Duration::from_secs(2);

/// Classes that move a position, as the database names them.
pub(crate) const MOVING: &str =
    "class IN ('order-fill', 'liquidation', 'auto-deleverage', 'settlement', 'transfer')";

/// What a book held when its data begin, signed, and since when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Opening {
    pub(crate) quantity: Quantity,
    pub(crate) at: VenueTime,
}

pub(crate) type Openings = BTreeMap<Lane, Opening>;

/// Keeps the positions of a moment. True when they are among those that are kept and were not known.
pub(crate) fn keep_positions(
    connection: &Connection,
    account: &AccountName,
    category: &Category,
    positions: &Positions,
) -> Result<bool, LedgerError> {
    let at = positions.at.us();
    let new = run(
        connection,
        "INSERT OR IGNORE INTO anchor (account, category, at) VALUES (?1, ?2, ?3)",
        params![account.as_str(), category.as_str(), at],
    )?;
    if new == 0 {
        return Ok(false);
    }
    for position in &positions.positions {
        run(
            connection,
            "INSERT INTO position_anchor (account, category, at, symbol, lane, quantity) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT DO UPDATE SET quantity = excluded.quantity",
            params![
                account.as_str(),
                category.as_str(),
                at,
                position.symbol.as_str(),
                position.lane.as_str(),
                position.quantity.to_string()
            ],
        )?;
    }
    run(
        connection,
        "DELETE FROM anchor WHERE account = ?1 AND category = ?2 AND at NOT IN
             (SELECT at FROM anchor WHERE account = ?1 AND category = ?2 ORDER BY at LIMIT ?3)",
        params![account.as_str(), category.as_str(), ANCHORS_MAX],
    )?;
    let kept = one(
        connection,
        "SELECT at FROM anchor WHERE account = ?1 AND category = ?2 AND at = ?3",
        params![account.as_str(), category.as_str(), at],
        |_| Ok(()),
    )?;
    Ok(kept.is_some())
}

/// What the books of a market held when their data begin, as the rows and moments say now.
pub(crate) fn compute(
    connection: &Connection,
    state: &MarketState,
    anchors: &[VenueTime],
) -> Result<Openings, LedgerError> {
    let Some(anchor) = choose(connection, state.id, anchors)? else {
        return Ok(Openings::new());
    };
    let held: BTreeMap<Lane, Quantity> = all(
        connection,
        "SELECT lane, quantity FROM position_anchor WHERE account = ?1 AND category = ?2 AND at = ?3 AND symbol = ?4",
        params![
            state.market.account.as_str(),
            state.market.category.as_str(),
            anchor.us(),
            state.market.symbol.as_str()
        ],
        |row| Ok((lane(row)?, amount(row, "quantity")?)),
    )?
    .into_iter()
    .collect();
    let moved = moved_until(connection, state.id, anchor)?;
    let mut openings = Openings::new();
    for lane in LANES {
        let held = held.get(&lane).copied().unwrap_or(Quantity::ZERO);
        let moved = moved.get(&lane).copied().unwrap_or_default();
        let quantity = held - moved.net;
        if explains_nothing(quantity, moved.gross, state) {
            continue;
        }
        let at = moved.first.map_or(anchor, |first| first.min(anchor));
        openings.insert(lane, Opening { quantity, at });
    }
    Ok(openings)
}

/// Whether what is left over is nothing: exactly nothing, or, where fees are taken from what was
/// bought, no more than these fees.
fn explains_nothing(quantity: Quantity, gross: Quantity, state: &MarketState) -> bool {
    let dust = gross.decimal() * Decimal::from(state.rule.dust_permille) / Decimal::from(1_000);
    quantity.decimal().abs() <= dust || (!state.rule.shorts && quantity.is_negative())
}

fn choose(
    connection: &Connection,
    market_id: i64,
    anchors: &[VenueTime],
) -> Result<Option<VenueTime>, LedgerError> {
    for anchor in anchors {
        let near = one(
            connection,
            &format!(
                "SELECT 1 FROM execution WHERE market_id = ?1 AND executed_at BETWEEN ?2 AND ?3 AND state = 'live'
                     AND {MOVING} LIMIT 1"
            ),
            params![market_id, anchor.minus(QUIET).us(), anchor.plus(QUIET).us()],
            |_| Ok(()),
        )?;
        if near.is_none() {
            return Ok(Some(*anchor));
        }
    }
    Ok(anchors.first().copied())
}

#[derive(Debug, Clone, Copy, Default)]
struct Moved {
    net: Quantity,
    gross: Quantity,
    first: Option<VenueTime>,
}

fn moved_until(
    connection: &Connection,
    market_id: i64,
    until: VenueTime,
) -> Result<BTreeMap<Lane, Moved>, LedgerError> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT execution.side AS side, execution.quantity AS quantity, executed_at,
                ifnull(orders.lane, 'one-way') AS lane
         FROM execution LEFT JOIN orders
             ON orders.market_id = execution.market_id AND orders.order_id = execution.order_id
         WHERE execution.market_id = ?1 AND executed_at <= ?2 AND state = 'live' AND {MOVING}
         ORDER BY executed_at"
    ))?;
    let mut rows = statement.query(params![market_id, until.us()])?;
    let mut moved: BTreeMap<Lane, Moved> = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let quantity: Quantity = amount(row, "quantity")?;
        let signed = match named(row, "side", Side::from_name)? {
            Side::Buy => quantity,
            Side::Sell => -quantity,
        };
        let executed_at = codec::venue_time(row, "executed_at")?;
        let book = moved.entry(lane(row)?).or_default();
        book.net += signed;
        book.gross += quantity;
        book.first = book.first.or(Some(executed_at));
    }
    Ok(moved)
}

/// The openings from which the stored cycles were made.
pub(crate) fn stored(connection: &Connection, market_id: i64) -> Result<Openings, LedgerError> {
    Ok(all(
        connection,
        "SELECT lane, quantity, at FROM opening WHERE market_id = ?1",
        params![market_id],
        |row| {
            Ok((
                lane(row)?,
                Opening {
                    quantity: amount(row, "quantity")?,
                    at: codec::venue_time(row, "at")?,
                },
            ))
        },
    )?
    .into_iter()
    .collect())
}

/// Replaces the stored openings.
pub(crate) fn store(
    connection: &Connection,
    market_id: i64,
    openings: &Openings,
) -> Result<(), LedgerError> {
    run(
        connection,
        "DELETE FROM opening WHERE market_id = ?1",
        params![market_id],
    )?;
    for (lane, opening) in openings {
        run(
            connection,
            "INSERT INTO opening (market_id, lane, quantity, at) VALUES (?1, ?2, ?3, ?4)",
            params![
                market_id,
                lane.as_str(),
                opening.quantity.to_string(),
                opening.at.us()
            ],
        )?;
    }
    Ok(())
}
