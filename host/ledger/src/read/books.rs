//! Reads the books of markets: cycles, and the orders and fills that belong to them.

use super::facts::{KNOWN_ORDER, known_order};
use crate::codec::{self, all, host_time, one};
use crate::error::LedgerError;

use crate::write::markets::find_market;
use fillsync_core::cycle::{Book, Cycle};
use fillsync_core::group::{BookFacts, FillFact, OrderFact};
use fillsync_core::id::{Market, OrderId};
use fillsync_core::order::Lane;
use fillsync_core::time::VenueTime;
use rusqlite::{Connection, params};
use std::collections::{BTreeMap, BTreeSet};

type Read<T> = Result<T, LedgerError>;

#[derive(Default)]
struct Lanes {
    cycles: Vec<Cycle>,
    orders: Vec<OrderFact>,
    fills: Vec<FillFact>,
}

pub(crate) fn books(
    connection: &Connection,
    markets: &[Market],
    since: VenueTime,
) -> Read<Vec<BookFacts>> {
    let mut found = Vec::new();
    for market in markets {
        let Some(id) = find_market(connection, market)? else {
            continue;
        };
        for (lane, facts) in market_books(connection, id, market, since)? {
            found.push(BookFacts {
                book: Book {
                    market: market.clone(),
                    lane,
                },
                cycles: facts.cycles,
                orders: facts.orders,
                fills: facts.fills,
            });
        }
    }
    Ok(found)
}

fn market_books(
    connection: &Connection,
    id: i64,
    market: &Market,
    since: VenueTime,
) -> Read<BTreeMap<Lane, Lanes>> {
    let mut lanes: BTreeMap<Lane, Lanes> = BTreeMap::new();
    let cycles = all(
        connection,
        "SELECT * FROM cycle WHERE market_id = ?1 AND (closed_at IS NULL OR closed_at >= ?2) ORDER BY lane, ordinal",
        params![id, since.us()],
        |row| Ok((codec::lane(row)?, codec::cycle(row)?)),
    )?;
    for (lane, cycle) in cycles {
        lanes.entry(lane).or_default().cycles.push(cycle);
    }
    let first = lanes
        .values()
        .flat_map(|facts| &facts.cycles)
        .map(|cycle| {
            cycle
                .first
                .as_ref()
                .map_or(cycle.opened_at, |row| row.executed_at)
                .min(cycle.opened_at)
        })
        .min();
    let mut traded: BTreeSet<OrderId> = BTreeSet::new();
    if let Some(first) = first {
        for (lane, fill) in fills(connection, id, market, first)? {
            let Some(facts) = lanes.get_mut(&lane) else {
                continue;
            };
            if !belongs(&fill, &facts.cycles) {
                continue;
            }
            traded.extend(fill.order_id.clone());
            facts.fills.push(fill);
        }
    }
    for facts in lanes.values_mut() {
        facts
            .fills
            .sort_by(|one, other| one.sequence.cmp(&other.sequence));
    }
    for order in orders(connection, id, since, traded)? {
        lanes
            .entry(order.order.lane)
            .or_default()
            .orders
            .push(order);
    }
    Ok(lanes)
}

/// Whether any part of a fill is in one of the cycles.
fn belongs(fill: &FillFact, cycles: &[Cycle]) -> bool {
    let part_of = |ordinal: u32| cycles.iter().any(|cycle| cycle.ordinal == ordinal);
    fill.allocation
        .entry
        .is_some_and(|part| part_of(part.ordinal))
        || fill
            .allocation
            .exit
            .is_some_and(|part| part_of(part.ordinal))
}

fn fills(
    connection: &Connection,
    id: i64,
    market: &Market,
    from: VenueTime,
) -> Read<Vec<(Lane, FillFact)>> {
    all(
        connection,
        &format!(
            "SELECT lane, entry_cycle, entry_quantity, exit_cycle, exit_quantity, realised, seen_at, {}
             FROM execution WHERE market_id = ?1 AND executed_at >= ?2 AND state = 'live'
                 AND (entry_cycle IS NOT NULL OR exit_cycle IS NOT NULL)",
            codec::EXECUTION
        ),
        params![id, from.us()],
        |row| {
            let execution = codec::execution(row, market)?;
            let sequence = execution.sequence();
            let fill = FillFact {
                order_id: execution.order_id,
                client_order_id: execution.client_order_id,
                execution_id: execution.execution_id,
                class: execution.class,
                side: execution.side,
                quantity: execution.quantity,
                price: execution.price,
                leaves_quantity: execution.leaves_quantity,
                order_kind: execution.order_kind,
                stop: execution.stop,
                executed_at: execution.executed_at,
                sequence,
                allocation: codec::allocation(row)?,
                source: execution.source,
                seen_at: host_time(row, "seen_at")?,
            };
            Ok((codec::lane(row)?, fill))
        },
    )
}

/// Orders that are open, changed lately, or traded; each once, by id of the row.
fn orders(
    connection: &Connection,
    id: i64,
    since: VenueTime,
    mut traded: BTreeSet<OrderId>,
) -> Read<Vec<OrderFact>> {
    let mut found = all(
        connection,
        &format!("{KNOWN_ORDER} WHERE orders.market_id = ?1 AND is_open = 1"),
        params![id],
        known_order,
    )?;
    found.extend(all(
        connection,
        &format!(
            "{KNOWN_ORDER} WHERE orders.market_id = ?1 AND is_open = 0 AND orders.updated_at >= ?2"
        ),
        params![id, since.us()],
        known_order,
    )?);
    for known in &found {
        traded.remove(&known.order.order_id);
    }
    for order_id in traded {
        found.extend(one(
            connection,
            &format!("{KNOWN_ORDER} WHERE orders.market_id = ?1 AND orders.order_id = ?2"),
            params![id, order_id.as_str()],
            known_order,
        )?);
    }
    found.sort_by(|one, other| {
        (one.order.created_at, &one.order.order_id)
            .cmp(&(other.order.created_at, &other.order.order_id))
    });
    Ok(found)
}
