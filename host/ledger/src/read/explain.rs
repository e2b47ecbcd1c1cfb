//! Reads what one decision rests on, and what it was made with.
//!
//! Every question is about one thing by its name, so nothing here lists the ledger; what could be many
//! (the fills of a cycle) is bounded.

use crate::codec::{
    self, all, count, get, host_time, id, json, market, named, one, venue_time, whole,
};
use crate::decisions::{DecisionOutcome, DecisionRow, PluginUsedRow};
use crate::error::LedgerError;
use crate::read::facts::{KNOWN_ORDER, known_order};
use crate::rows::{CycleName, StoredDecision, StoredFill};
use fillsync_core::cycle::Book;
use fillsync_core::group::OrderFact;
use fillsync_core::id::{Market, OrderId};
use fillsync_core::order::PositionSide;
use fillsync_core::time::VenueTime;
use rusqlite::{Connection, Row, params};

type Read<T> = Result<T, LedgerError>;

fn stored_decision(row: &Row<'_>) -> Read<StoredDecision> {
    let uncounted = |column: &str| -> Read<Option<u64>> {
        match get::<Option<i64>>(row, column)? {
            Some(_) => count(row, column).map(Some),
            None => Ok(None),
        }
    };
    Ok(StoredDecision {
        id: get(row, "id")?,
        group: id(row, "group_name")?,
        decision: DecisionRow {
            symbol: id(row, "symbol")?,
            side: named(row, "side", PositionSide::from_name)?,
            cycle: count(row, "cycle")?,
            moment: venue_time(row, "moment")?,
            revision: count(row, "revision")?,
            facts_hash: get(row, "facts_hash")?,
            view_hash: get(row, "view_hash")?,
            view_json: get(row, "view_json")?,
            plugin: get(row, "plugin")?,
            plugin_sha256: get(row, "plugin_sha256")?,
            settings_sha256: get(row, "settings_sha256")?,
            outcome: named(row, "outcome", DecisionOutcome::from_name)?,
            error: get(row, "error")?,
            answer: json(row, "answer_json")?,
            fuel: uncounted("fuel")?,
            took_us: uncounted("took_us")?,
            decided_at: host_time(row, "decided_at")?,
        },
    })
}

pub(crate) fn decision(connection: &Connection, id: i64) -> Read<Option<StoredDecision>> {
    one(
        connection,
        "SELECT * FROM decision WHERE id = ?1",
        params![id],
        stored_decision,
    )
}

pub(crate) fn decision_about(
    connection: &Connection,
    cycle: &CycleName,
    at: Option<VenueTime>,
) -> Read<Option<StoredDecision>> {
    let of_cycle = |condition: &str, at: VenueTime| -> Read<Option<StoredDecision>> {
        one(
            connection,
            &format!(
                "SELECT * FROM decision WHERE group_name = ?1 AND symbol = ?2 AND side = ?3 AND cycle = ?4 AND {condition}"
            ),
            params![
                cycle.group.as_str(),
                cycle.symbol.as_str(),
                cycle.side.as_str(),
                whole(cycle.ordinal)?,
                at.us()
            ],
            stored_decision,
        )
    };
    let newest = "moment <= ?5 ORDER BY moment DESC, revision DESC LIMIT 1";
    let Some(at) = at else {
        return of_cycle(newest, VenueTime::from_us(i64::MAX));
    };
    // The first moment that has seen it; else the last before it.
    let first = "moment >= ?5 ORDER BY moment, revision DESC LIMIT 1";
    match of_cycle(first, at)? {
        Some(found) => Ok(Some(found)),
        None => of_cycle(newest, at),
    }
}

pub(crate) fn plugin_used(
    connection: &Connection,
    plugin_sha256: &str,
    settings_sha256: &str,
) -> Read<Option<PluginUsedRow>> {
    one(
        connection,
        "SELECT * FROM plugin_used WHERE plugin_sha256 = ?1 AND settings_sha256 = ?2",
        params![plugin_sha256, settings_sha256],
        |row| {
            Ok(PluginUsedRow {
                plugin_sha256: get(row, "plugin_sha256")?,
                settings_sha256: get(row, "settings_sha256")?,
                own_name: get(row, "own_name")?,
                version: get(row, "version")?,
                settings_json: get(row, "settings_json")?,
            })
        },
    )
}

pub(crate) fn cycles_of(
    connection: &Connection,
    book: &Book,
    ordinal: u32,
) -> Read<Vec<CycleName>> {
    all(
        connection,
        "SELECT group_cycle.group_name, group_cycle.symbol, group_cycle.side, group_cycle.ordinal
         FROM group_cycle_member JOIN group_cycle ON group_cycle.id = group_cycle_member.group_cycle
         JOIN market ON market.id = group_cycle_member.market_id
         WHERE market.account = ?1 AND market.category = ?2 AND market.symbol = ?3
             AND group_cycle_member.lane = ?4 AND group_cycle_member.ordinal = ?5
         ORDER BY group_cycle.group_name, group_cycle.ordinal",
        params![
            book.market.account.as_str(),
            book.market.category.as_str(),
            book.market.symbol.as_str(),
            book.lane.as_str(),
            ordinal
        ],
        |row| {
            Ok(CycleName {
                group: id(row, "group_name")?,
                symbol: id(row, "symbol")?,
                side: named(row, "side", PositionSide::from_name)?,
                ordinal: count(row, "ordinal")?,
            })
        },
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

fn fill_statement(condition: &str) -> String {
    format!(
        "SELECT execution.id AS id, account, category, symbol, lane, entry_cycle, entry_quantity, exit_cycle,
             exit_quantity, realised, seen_at, {}, raw
         FROM execution JOIN market ON market.id = execution.market_id WHERE {condition}",
        codec::EXECUTION
    )
}

/// Of any account: the venue's ids are unique within one only.
pub(crate) fn fills_named(connection: &Connection, name: &str) -> Read<Vec<StoredFill>> {
    let by_row = name.parse::<i64>().ok();
    all(
        connection,
        &fill_statement(
            "execution_id = ?1 OR account || '/' || execution_id = ?1 OR execution.id = ?2
             ORDER BY account, execution.id LIMIT 20",
        ),
        params![name, by_row],
        stored_fill,
    )
}

pub(crate) fn fills_of_cycle(
    connection: &Connection,
    book: &Book,
    ordinal: u32,
    limit: u32,
) -> Read<Vec<StoredFill>> {
    all(
        connection,
        &fill_statement(
            "state = 'live' AND account = ?1 AND category = ?2 AND symbol = ?3 AND lane = ?4
             AND (entry_cycle = ?5 OR exit_cycle = ?5) ORDER BY executed_at, execution.id LIMIT ?6",
        ),
        params![
            book.market.account.as_str(),
            book.market.category.as_str(),
            book.market.symbol.as_str(),
            book.lane.as_str(),
            ordinal,
            limit.min(crate::FILLS_READ_MAX)
        ],
        stored_fill,
    )
}

pub(crate) fn order_known(
    connection: &Connection,
    market: &Market,
    order: &OrderId,
) -> Read<Option<OrderFact>> {
    one(
        connection,
        &format!(
            "{KNOWN_ORDER} WHERE account = ?1 AND category = ?2 AND symbol = ?3 AND orders.order_id = ?4"
        ),
        params![
            market.account.as_str(),
            market.category.as_str(),
            market.symbol.as_str(),
            order.as_str()
        ],
        known_order,
    )
}
