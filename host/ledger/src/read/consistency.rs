//! The self-check of what is not computed by the fold: which rows stand, what is proven, what was sent.
//!
//! Each rule is one that the writer keeps in its transactions, so a finding means a defect, a damaged
//! disk, or a hand that wrote to the file. It reports and repairs nothing.

use super::orders::shown_by_order;
use crate::codec::{all, amount, get, id, one};
use crate::error::LedgerError;
use crate::rows::SelfCheck;
use crate::write::markets::MarketState;
use crate::write::relations::Family;
use crate::write::stand_ins;
use fillsync_core::amount::Quantity;
use fillsync_core::id::{ExecutionId, OrderId};
use rusqlite::{Connection, params};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};

type Read<T> = Result<T, LedgerError>;

/// The rows of one market that speak about others.
pub(super) fn relations(
    connection: &Connection,
    state: &MarketState,
    check: &mut SelfCheck,
) -> Read<()> {
    let market = &state.market;
    let speaking: BTreeSet<ExecutionId> = all(
        connection,
        "SELECT execution_id FROM execution WHERE market_id = ?1 AND relates_to IS NOT NULL",
        params![state.id],
        |row| id(row, "execution_id"),
    )?
    .into_iter()
    .collect();
    let family = Family::around(connection, state, speaking)?;
    for (id, row) in &family.rows {
        let (should_be, _) = family.state_of(row);
        if row.state != should_be {
            check.find(format!(
                "{market}: execution {id} is {}, but the rows about it make it {}",
                row.state.as_str(),
                should_be.as_str()
            ));
        }
    }
    let fallen = all(
        connection,
        "SELECT execution_id, state FROM execution WHERE market_id = ?1 AND state <> 'live'
             AND relation <> 'stands-in'",
        params![state.id],
        |row| {
            Ok((
                id::<ExecutionId>(row, "execution_id")?,
                get::<String>(row, "state")?,
            ))
        },
    )?;
    for (id, state) in fallen {
        if !family.rows.contains_key(&id) {
            check.find(format!(
                "{market}: execution {id} is {state}, and no row says why"
            ));
        }
    }
    Ok(())
}

/// The stand-ins of one market, and the orders that are said to be ahead of their rows.
pub(super) fn orders(
    connection: &Connection,
    state: &MarketState,
    check: &mut SelfCheck,
) -> Read<()> {
    let market = &state.market;
    let stood_in_for: Vec<OrderId> = all(
        connection,
        "SELECT DISTINCT order_id FROM execution INDEXED BY execution_standing_in
         WHERE market_id = ?1 AND stands_to IS NOT NULL AND order_id IS NOT NULL",
        params![state.id],
        |row| id(row, "order_id"),
    )?;
    let shown = shown_by_order(connection, state.id)?;
    for order_id in stood_in_for {
        let sum = shown.get(&order_id).copied().unwrap_or_default();
        let is_tiled = stand_ins::is_tiled(connection, state, &order_id)?;
        if !is_tiled || sum.live + sum.busted + sum.stood_in != sum.reach() {
            check.find(format!(
                "{market}: order {order_id} shows {} by rows and {} by stand-ins, but {} in all",
                sum.live + sum.busted,
                sum.stood_in,
                sum.reach()
            ));
        }
    }
    let noted: BTreeMap<OrderId, Quantity> = all(
        connection,
        "SELECT order_id, shown FROM order_ahead WHERE market_id = ?1",
        params![state.id],
        |row| Ok((id(row, "order_id")?, amount(row, "shown")?)),
    )?
    .into_iter()
    .collect();
    let ahead: BTreeMap<OrderId, Quantity> = all(
        connection,
        "SELECT order_id, filled_quantity FROM orders WHERE market_id = ?1 AND filled_quantity <> '0'",
        params![state.id],
        |row| Ok((id::<OrderId>(row, "order_id")?, amount::<Quantity>(row, "filled_quantity")?)),
    )?
    .into_iter()
    .filter_map(|(order_id, filled)| {
        let reach = shown.get(&order_id).copied().unwrap_or_default().reach();
        (filled > reach).then_some((order_id, reach))
    })
    .collect();
    for order_id in noted.keys().chain(ahead.keys()).collect::<BTreeSet<_>>() {
        if noted.get(order_id) != ahead.get(order_id) {
            check.find(format!(
                "{market}: order {order_id} is noted wrongly as to whether rows of it are missing"
            ));
        }
    }
    Ok(())
}

/// What is proven and what is known to be missing.
pub(super) fn coverage(connection: &Connection, check: &mut SelfCheck) -> Read<()> {
    say(
        connection,
        "SELECT one.account || ' ' || one.category || ': two proven windows overlap or touch' AS said
         FROM coverage AS one JOIN coverage AS other ON other.account = one.account
             AND other.category = one.category AND other.from_at > one.from_at AND other.from_at <= one.to_at",
        check,
    )?;
    say(
        connection,
        "SELECT gap.account || ' ' || gap.category || ': gap ' || gap.id || ' is not resolved, but proven' AS said
         FROM gap JOIN coverage ON coverage.account = gap.account AND coverage.category = gap.category
         WHERE resolved IS NULL AND gap.from_at >= coverage.from_at AND gap.to_at <= coverage.to_at",
        check,
    )
}

/// What was decided and what was sent.
pub(super) fn messages(connection: &Connection, check: &mut SelfCheck) -> Read<()> {
    say(
        connection,
        "SELECT 'alert ' || identity || ' revision ' || revision || ' was queued for no channel' AS said
         FROM alert WHERE state = 'queued' AND NOT EXISTS (SELECT 1 FROM outbox WHERE outbox.alert = alert.id)",
        check,
    )?;
    say(
        connection,
        "SELECT 'message ' || outbox.id || ' is not of the alert that it refers to' AS said
         FROM outbox JOIN alert ON alert.id = outbox.alert
         WHERE outbox.identity <> alert.identity OR outbox.revision <> alert.revision OR alert.state <> 'queued'",
        check,
    )?;
    say(
        connection,
        "SELECT 'message ' || id || ' is ' || state || ', but has no time at which it became so' AS said
         FROM outbox WHERE state IN ('sent', 'dead', 'digested') AND finished_at IS NULL",
        check,
    )?;
    say(
        connection,
        "SELECT 'message ' || told.id || ' is said to be told in message ' || told.digest || ', which is no digest of that channel' AS said
         FROM outbox AS told LEFT JOIN outbox AS digest ON digest.id = told.digest AND digest.channel = told.channel
             LEFT JOIN alert ON alert.id = digest.alert
         WHERE told.state = 'digested' AND alert.kind IS NOT 'digest'",
        check,
    )?;
    say(
        connection,
        "SELECT 'decision ' || id || ' lacks the hash of what it was made from' AS said FROM decision
         WHERE facts_hash = '' OR view_hash = '' OR view_json = ''",
        check,
    )?;
    decisions(connection, check)?;
    for (name, sql) in [
        ("decisions", "SELECT count(*) AS value FROM decision"),
        (
            "alerts",
            "SELECT count(*) AS value FROM alert WHERE state = 'queued'",
        ),
        (
            "alerts_suppressed",
            "SELECT count(*) AS value FROM alert WHERE state = 'suppressed'",
        ),
        (
            "messages_sent",
            "SELECT count(*) AS value FROM outbox WHERE state = 'sent'",
        ),
        (
            "messages_dead",
            "SELECT count(*) AS value FROM outbox WHERE state = 'dead'",
        ),
        (
            "messages_digested",
            "SELECT count(*) AS value FROM outbox WHERE state = 'digested'",
        ),
    ] {
        compare(connection, name, "", sql, check)?;
    }
    Ok(())
}

/// Every decision has kept the very view that it names by its hash.
fn decisions(connection: &Connection, check: &mut SelfCheck) -> Read<()> {
    let mut statement =
        connection.prepare_cached("SELECT id, view_hash, view_json FROM decision ORDER BY id")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let hash: String = get(row, "view_hash")?;
        let made: String = Sha256::digest(get::<String>(row, "view_json")?)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        if hash != made {
            let id: i64 = get(row, "id")?;
            check.find(format!(
                "decision {id}: its view is not the one that its hash names"
            ));
        }
    }
    Ok(())
}

/// Compares a kept count with what is counted.
pub(super) fn compare(
    connection: &Connection,
    name: &str,
    scope: &str,
    sql: &str,
    check: &mut SelfCheck,
) -> Read<()> {
    let value = |sql: &str, params: &[&dyn rusqlite::ToSql]| {
        one(connection, sql, params, |row| get::<i64>(row, "value")).map(Option::unwrap_or_default)
    };
    let kept = value(
        "SELECT value FROM tally WHERE name = ?1 AND scope = ?2",
        &[&name, &scope],
    )?;
    let stored = if scope.is_empty() {
        value(sql, &[])?
    } else {
        value(sql, &[&scope])?
    };
    if kept != stored {
        let of = if scope.is_empty() {
            "the ledger".to_owned()
        } else {
            format!("account {scope}")
        };
        check.find(format!(
            "{of}: {kept} {name} are counted, {stored} are stored"
        ));
    }
    Ok(())
}

/// Finds what a statement says.
fn say(connection: &Connection, sql: &str, check: &mut SelfCheck) -> Read<()> {
    for said in all(
        connection,
        &format!("{sql} LIMIT {}", crate::FINDINGS_MAX),
        [],
        |row| get::<String>(row, "said"),
    )? {
        check.find(said);
    }
    Ok(())
}
