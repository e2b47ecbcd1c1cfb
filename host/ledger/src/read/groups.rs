//! Reads what was decided about groups.

use crate::codec::{
    self, all, count, get, host_time, id, json, market, named, venue_time, venue_time_or_none,
    whole,
};
use crate::decisions::{CountRow, DecisionOutcome, DivergenceRow, GroupCycleRow};
use crate::error::LedgerError;
use crate::rows::{LatestDecision, StoredCount, StoredDivergence, StoredGroupCycle};
use fillsync_core::cycle::Book;
use fillsync_core::id::{GroupName, Symbol};
use fillsync_core::order::PositionSide;
use fillsync_core::time::{HostTime, VenueTime};
use fillsync_core::truth::Truth;
use rusqlite::{Connection, Row, params};

type Read<T> = Result<T, LedgerError>;

pub(crate) fn group_cycles(
    connection: &Connection,
    group: &GroupName,
    symbol: Option<&Symbol>,
    unsettled_only: bool,
) -> Read<Vec<StoredGroupCycle>> {
    with_members(
        connection,
        group,
        "SELECT * FROM group_cycle WHERE group_name = ?1 AND (?2 IS NULL OR symbol = ?2) AND (NOT ?3 OR settled = 0)
         ORDER BY symbol, side, ordinal",
        params![group.as_str(), symbol.map(Symbol::as_str), unsettled_only],
    )
}

pub(crate) fn group_cycles_since(
    connection: &Connection,
    group: &GroupName,
    symbol: &Symbol,
    since: VenueTime,
) -> Read<Vec<StoredGroupCycle>> {
    with_members(
        connection,
        group,
        "SELECT * FROM group_cycle WHERE group_name = ?1 AND symbol = ?2
             AND (settled = 0 OR closed_at IS NULL OR closed_at >= ?3)
         ORDER BY symbol, side, ordinal",
        params![group.as_str(), symbol.as_str(), since.us()],
    )
}

fn with_members(
    connection: &Connection,
    group: &GroupName,
    sql: &str,
    values: impl rusqlite::Params,
) -> Read<Vec<StoredGroupCycle>> {
    let cycles = all(connection, sql, values, |row| {
        let cycle = GroupCycleRow {
            symbol: id(row, "symbol")?,
            side: named(row, "side", PositionSide::from_name)?,
            ordinal: count(row, "ordinal")?,
            opened_at: venue_time(row, "opened_at")?,
            closed_at: venue_time_or_none(row, "closed_at")?,
            settled: get(row, "settled")?,
            members: Vec::new(),
        };
        Ok((get::<i64>(row, "id")?, cycle))
    })?;
    let mut found = Vec::with_capacity(cycles.len());
    for (id, mut cycle) in cycles {
        cycle.members = members(connection, id)?;
        found.push(StoredGroupCycle {
            group: group.clone(),
            cycle,
        });
    }
    Ok(found)
}

fn members(connection: &Connection, group_cycle: i64) -> Read<Vec<(Book, u32)>> {
    all(
        connection,
        "SELECT account, category, symbol, lane, ordinal FROM group_cycle_member
         JOIN market ON market.id = group_cycle_member.market_id
         WHERE group_cycle = ?1 ORDER BY account, category, symbol, lane, ordinal",
        params![group_cycle],
        |row| {
            Ok((
                Book {
                    market: market(row)?,
                    lane: codec::lane(row)?,
                },
                count(row, "ordinal")?,
            ))
        },
    )
}

pub(crate) fn latest_decisions(
    connection: &Connection,
    group: &GroupName,
    symbol: &Symbol,
    side: PositionSide,
    cycle: u64,
) -> Read<Vec<LatestDecision>> {
    // With max() SQLite takes the bare columns from the row that has the greatest revision.
    all(
        connection,
        "SELECT moment, max(revision) AS revision, facts_hash, view_hash, plugin, plugin_sha256, settings_sha256,
             outcome, answer_json, decided_at
         FROM decision WHERE group_name = ?1 AND symbol = ?2 AND side = ?3 AND cycle = ?4
         GROUP BY moment ORDER BY moment",
        params![group.as_str(), symbol.as_str(), side.as_str(), whole(cycle)?],
        |row| {
            Ok(LatestDecision {
                moment: venue_time(row, "moment")?,
                revision: count(row, "revision")?,
                facts_hash: get(row, "facts_hash")?,
                view_hash: get(row, "view_hash")?,
                plugin: get(row, "plugin")?,
                plugin_sha256: get(row, "plugin_sha256")?,
                settings_sha256: get(row, "settings_sha256")?,
                outcome: named(row, "outcome", DecisionOutcome::from_name)?,
                shown: json(row, "answer_json")?,
                decided_at: host_time(row, "decided_at")?,
            })
        },
    )
}

pub(crate) fn count_row(row: &Row<'_>) -> Read<CountRow> {
    Ok(CountRow {
        symbol: id(row, "symbol")?,
        side: named(row, "side", PositionSide::from_name)?,
        cycle: count(row, "cycle")?,
        account: id(row, "account")?,
        detected: count(row, "detected")?,
        shown: count(row, "limit_orders_filled")?,
        synchronised: get(row, "synchronised")?,
        note: get(row, "note")?,
        at_least: get(row, "at_least")?,
        total: count(row, "total")?,
        truth: named(row, "truth", Truth::from_name)?,
        moment: venue_time(row, "moment")?,
        last_fill_sync: HostTime::from_us(get(row, "last_fill_sync_timestamp")?),
    })
}

pub(crate) fn counts(connection: &Connection, group: Option<&GroupName>) -> Read<Vec<StoredCount>> {
    all(
        connection,
        "SELECT * FROM count_state WHERE ?1 IS NULL OR group_name = ?1
         ORDER BY group_name, symbol, side, cycle DESC, account",
        params![group.map(GroupName::as_str)],
        |row| {
            let count = count_row(row)?;
            Ok(StoredCount {
                group: id(row, "group_name")?,
                count,
            })
        },
    )
}

pub(crate) fn divergences(connection: &Connection, open_only: bool) -> Read<Vec<StoredDivergence>> {
    all(
        connection,
        "SELECT * FROM divergence WHERE NOT ?1 OR resolved_at IS NULL ORDER BY first_at DESC, id DESC",
        params![open_only],
        divergence_row,
    )
}

pub(crate) fn divergence_row(row: &Row<'_>) -> Read<StoredDivergence> {
    let divergence = DivergenceRow {
        symbol: id(row, "symbol")?,
        side: named(row, "side", PositionSide::from_name)?,
        cycle: count(row, "cycle")?,
        slot_key: get(row, "slot_key")?,
        account: id(row, "account")?,
        truth: named(row, "truth", Truth::from_name)?,
        first_at: venue_time(row, "first_at")?,
        confirmed_at: venue_time_or_none(row, "confirmed_at")?,
        resolved_at: venue_time_or_none(row, "resolved_at")?,
        alert_identity: get(row, "alert_identity")?,
    };
    Ok(StoredDivergence {
        group: id(row, "group_name")?,
        divergence,
    })
}
