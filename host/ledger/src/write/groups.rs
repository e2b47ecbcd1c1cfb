//! Writes decisions with everything that follows from them, in one savepoint.
//!
//! Every row has a key of its own and decisions are append only, so the same commit after a crash
//! changes nothing: what exists is left as it is, and no alert goes out twice (law 11).

use super::markets::{find_market, market_id};
use super::{outbox, tally};
use crate::codec::{self, count, one, run, to_json, whole};
use crate::decisions::{
    AlertRow, Committed, CountRow, DecisionRow, Decisions, DivergenceRow, GroupCycleRow,
    PluginUsedRow,
};
use crate::error::LedgerError;
use crate::writer::Desk;
use fillsync_core::id::GroupName;
use fillsync_core::time::{HostTime, VenueTime};
use rusqlite::{Connection, params};

/// Writes decisions.
pub(crate) fn commit(desk: &mut Desk, decisions: &Decisions) -> Result<Committed, LedgerError> {
    let connection = &desk.connection;
    let group = &decisions.group;
    for cycle in &decisions.cycles {
        group_cycle(connection, group, cycle)?;
    }
    let mut new_decisions = 0i64;
    for decision in &decisions.decisions {
        new_decisions =
            new_decisions.saturating_add(whole(insert_decision(connection, group, decision)?)?);
    }
    tally::add(connection, "decisions", tally::WHOLE, new_decisions)?;
    for plugin in &decisions.plugins {
        insert_plugin_used(connection, plugin, decisions.at)?;
    }
    for count in &decisions.counts {
        upsert_count(connection, group, count)?;
    }
    for divergence in &decisions.divergences {
        upsert_divergence(connection, group, divergence)?;
    }
    let committed = raise(desk, &decisions.alerts, decisions.at)?;
    for market in &decisions.markets {
        let Some(id) = find_market(&desk.connection, market)? else {
            continue;
        };
        run(
            &desk.connection,
            "DELETE FROM mark WHERE market_id = ?1 AND seq <= ?2",
            params![id, decisions.marks_to],
        )?;
    }
    Ok(committed)
}

/// Writes alerts with the messages they cause.
pub(crate) fn raise(
    desk: &mut Desk,
    alerts: &[AlertRow],
    at: HostTime,
) -> Result<Committed, LedgerError> {
    let mut committed = Committed::default();
    for row in alerts {
        if outbox::insert_alert(&desk.connection, row, at)? {
            committed
                .new_alerts
                .push((row.alert.identity.clone(), row.alert.revision));
        }
    }
    Ok(committed)
}

fn group_cycle(
    connection: &Connection,
    group: &GroupName,
    cycle: &GroupCycleRow,
) -> Result<(), LedgerError> {
    let ordinal = whole(cycle.ordinal)?;
    run(
        connection,
        "INSERT INTO group_cycle (group_name, symbol, side, ordinal, opened_at, closed_at, settled)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (group_name, symbol, side, ordinal) DO UPDATE SET opened_at = excluded.opened_at,
             closed_at = excluded.closed_at, settled = excluded.settled",
        params![
            group.as_str(),
            cycle.symbol.as_str(),
            cycle.side.as_str(),
            ordinal,
            cycle.opened_at.us(),
            cycle.closed_at.map(VenueTime::us),
            cycle.settled
        ],
    )?;
    let id = one(
        connection,
        "SELECT id FROM group_cycle WHERE group_name = ?1 AND symbol = ?2 AND side = ?3 AND ordinal = ?4",
        params![group.as_str(), cycle.symbol.as_str(), cycle.side.as_str(), ordinal],
        |row| codec::get::<i64>(row, "id"),
    )?
    .ok_or_else(|| LedgerError::Rejected { what: "a group cycle was not stored".to_owned() })?;
    run(
        connection,
        "DELETE FROM group_cycle_member WHERE group_cycle = ?1",
        params![id],
    )?;
    for (book, ordinal) in &cycle.members {
        let market = market_id(connection, &book.market)?;
        run(
            connection,
            "INSERT OR IGNORE INTO group_cycle_member (group_cycle, market_id, lane, ordinal) VALUES (?1, ?2, ?3, ?4)",
            params![id, market, book.lane.as_str(), ordinal],
        )?;
    }
    Ok(())
}

fn insert_decision(
    connection: &Connection,
    group: &GroupName,
    decision: &DecisionRow,
) -> Result<usize, LedgerError> {
    run(
        connection,
        "INSERT INTO decision (group_name, symbol, side, cycle, moment, revision, facts_hash, view_hash, view_json, plugin,
             plugin_sha256, settings_sha256, outcome, error, answer_json, fuel, took_us, decided_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)
         ON CONFLICT DO NOTHING",
        params![
            group.as_str(),
            decision.symbol.as_str(),
            decision.side.as_str(),
            whole(decision.cycle)?,
            decision.moment.us(),
            decision.revision,
            decision.facts_hash,
            decision.view_hash,
            decision.view_json,
            decision.plugin,
            decision.plugin_sha256,
            decision.settings_sha256,
            decision.outcome.as_str(),
            decision.error,
            to_json(&decision.answer)?,
            decision.fuel.map(whole).transpose()?,
            decision.took_us.map(whole).transpose()?,
            decision.decided_at.us(),
        ],
    )
}

fn insert_plugin_used(
    connection: &Connection,
    plugin: &PluginUsedRow,
    at: HostTime,
) -> Result<usize, LedgerError> {
    run(
        connection,
        "INSERT INTO plugin_used (plugin_sha256, settings_sha256, own_name, version, settings_json, first_used_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING",
        params![
            plugin.plugin_sha256,
            plugin.settings_sha256,
            plugin.own_name,
            plugin.version,
            plugin.settings_json,
            at.us(),
        ],
    )
}

fn upsert_count(
    connection: &Connection,
    group: &GroupName,
    count: &CountRow,
) -> Result<(), LedgerError> {
    run(
        connection,
        "INSERT INTO count_state (group_name, symbol, side, cycle, account, detected, limit_orders_filled, synchronised,
             note, at_least, total, truth, moment, last_fill_sync_timestamp)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)
         ON CONFLICT DO UPDATE SET detected = excluded.detected, limit_orders_filled = excluded.limit_orders_filled,
             synchronised = excluded.synchronised, note = excluded.note, at_least = excluded.at_least,
             total = excluded.total, truth = excluded.truth, moment = excluded.moment,
             last_fill_sync_timestamp = excluded.last_fill_sync_timestamp",
        params![
            group.as_str(),
            count.symbol.as_str(),
            count.side.as_str(),
            whole(count.cycle)?,
            count.account.as_str(),
            count.detected,
            count.shown,
            count.synchronised,
            count.note,
            count.at_least,
            count.total,
            count.truth.as_str(),
            count.moment.us(),
            count.last_fill_sync.us(),
        ],
    )?;
    Ok(())
}

fn upsert_divergence(
    connection: &Connection,
    group: &GroupName,
    row: &DivergenceRow,
) -> Result<(), LedgerError> {
    let cycle = whole(row.cycle)?;
    let open = one(
        connection,
        "SELECT id FROM divergence WHERE group_name = ?1 AND symbol = ?2 AND side = ?3 AND cycle = ?4 AND slot_key = ?5
             AND account = ?6 AND resolved_at IS NULL",
        params![group.as_str(), row.symbol.as_str(), row.side.as_str(), cycle, row.slot_key, row.account.as_str()],
        |found| count::<i64>(found, "id"),
    )?;
    if let Some(id) = open {
        run(
            connection,
            "UPDATE divergence SET truth = ?2, confirmed_at = ifnull(confirmed_at, ?3), resolved_at = ?4,
                 alert_identity = ifnull(?5, alert_identity) WHERE id = ?1",
            params![
                id,
                row.truth.as_str(),
                row.confirmed_at.map(VenueTime::us),
                row.resolved_at.map(VenueTime::us),
                row.alert_identity
            ],
        )?;
        return Ok(());
    }
    run(
        connection,
        "INSERT INTO divergence (group_name, symbol, side, cycle, slot_key, account, truth, first_at, confirmed_at,
             resolved_at, alert_identity)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
         ON CONFLICT DO UPDATE SET truth = excluded.truth, resolved_at = excluded.resolved_at,
             alert_identity = ifnull(excluded.alert_identity, alert_identity)",
        params![
            group.as_str(),
            row.symbol.as_str(),
            row.side.as_str(),
            cycle,
            row.slot_key,
            row.account.as_str(),
            row.truth.as_str(),
            row.first_at.us(),
            row.confirmed_at.map(VenueTime::us),
            row.resolved_at.map(VenueTime::us),
            row.alert_identity,
        ],
    )?;
    Ok(())
}
