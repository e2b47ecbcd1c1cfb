//! Writes one page with everything that it proves.
//!
//! All of it is one savepoint: rows, orders, positions, coverage, gaps, quarantine and marks stand
//! or fall together (law 9). Orders come first, because they say to which position the executions
//! of the same page belong.

use super::changes::{MarketChanges, Tallied};
use super::executions;
use super::markets::markets_in;
use super::{coverage, openings, orders, tally};
use crate::codec::{all, class_raw, id, run};
use crate::error::LedgerError;
use crate::facts::{PageRecord, Recorded};
use crate::writer::Desk;
use fillsync_core::execution::Execution;
use fillsync_core::id::{AccountName, Category, Market, OrderId, Symbol};
use fillsync_core::order::Order;
use fillsync_core::time::VenueTime;
use rusqlite::{Connection, params};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// What a page has for one market.
#[derive(Debug, Default)]
struct MarketPage<'a> {
    executions: Vec<&'a Execution>,
    orders: Vec<&'a Order>,
}

/// Writes a page.
pub(crate) fn record(desk: &mut Desk, record: &PageRecord) -> Result<Recorded, LedgerError> {
    let mut pages = by_market(record)?;
    desk.markets
        .account(&desk.connection, &record.account, record.venue)?;
    let anchors_changed = match &record.positions {
        Some(positions) => {
            let kept = openings::keep_positions(
                &desk.connection,
                &record.account,
                &record.category,
                positions,
            )?;
            if kept {
                desk.markets
                    .forget_anchors(&record.account, &record.category);
                add_anchored(&desk.connection, record, &mut pages)?;
            }
            kept
        }
        None => false,
    };
    let anchors = desk
        .markets
        .anchors(&desk.connection, &record.account, &record.category)?;
    let mut recorded = Recorded::default();
    let mut tallied = Tallied::default();
    for (market, page) in pages {
        let changes = record_market(desk, record, &market, page, &anchors, anchors_changed)?;
        if changes.changed_from.is_some() {
            recorded.changed_markets.push(market);
        }
        recorded.known = recorded.known.saturating_add(changes.known);
        recorded.new.extend(changes.new);
        recorded.conflicts.extend(changes.conflicts);
        recorded.revised.extend(changes.revised);
        tallied.join(changes.tallied);
    }
    recorded.new_unknown_classes = unknown_classes(&desk.connection, record)?;
    recorded.quarantined = quarantine(&desk.connection, record)?;
    proofs(&desk.connection, record)?;
    recorded.orders_wanted = orders_wanted(
        &desk.connection,
        &record.account,
        &record.category,
        crate::ORDERS_WANTED_MAX,
    )?;
    recorded.coverage_to =
        coverage::coverage_to(&desk.connection, &record.account, &record.category)?;
    tally::keep_up(&desk.connection, &record.account, tallied)?;
    count(&desk.connection, record, &recorded)?;
    Ok(recorded)
}

fn by_market(record: &PageRecord) -> Result<BTreeMap<Market, MarketPage<'_>>, LedgerError> {
    let mut pages: BTreeMap<Market, MarketPage<'_>> = BTreeMap::new();
    let belongs = |market: &Market| {
        if market.account == record.account && market.category == record.category {
            return Ok(());
        }
        Err(LedgerError::Rejected {
            what: format!(
                "a page of {}/{} has a row of {market}",
                record.account, record.category
            ),
        })
    };
    for execution in &record.executions {
        belongs(&execution.market)?;
        pages
            .entry(execution.market.clone())
            .or_default()
            .executions
            .push(execution);
    }
    for order in &record.orders {
        belongs(&order.market)?;
        pages
            .entry(order.market.clone())
            .or_default()
            .orders
            .push(order);
    }
    Ok(pages)
}

/// New positions speak about every market of their category.
fn add_anchored(
    connection: &Connection,
    record: &PageRecord,
    pages: &mut BTreeMap<Market, MarketPage<'_>>,
) -> Result<(), LedgerError> {
    for market in markets_in(connection, &record.account, &record.category)? {
        pages.entry(market).or_default();
    }
    for position in record
        .positions
        .iter()
        .flat_map(|positions| &positions.positions)
    {
        let market = Market {
            account: record.account.clone(),
            category: record.category.clone(),
            symbol: position.symbol.clone(),
        };
        pages.entry(market).or_default();
    }
    Ok(())
}

fn record_market(
    desk: &mut Desk,
    record: &PageRecord,
    market: &Market,
    page: MarketPage<'_>,
    anchors: &[VenueTime],
    anchors_changed: bool,
) -> Result<MarketChanges, LedgerError> {
    let connection = &desk.connection;
    let mut state = desk.markets.take(connection, market)?;
    let mut changes = MarketChanges {
        anchors_changed,
        ..MarketChanges::default()
    };
    for order in page.orders {
        orders::upsert(
            connection,
            &mut state,
            order,
            record.orders_checked,
            record.seen_at,
            &mut changes,
        )?;
    }
    executions::insert(
        connection,
        &mut state,
        anchors,
        page.executions,
        record.seen_at,
        &mut changes,
    )?;
    executions::settle(connection, &mut state, anchors, &mut changes)?;
    desk.markets.put(state);
    Ok(changes)
}

/// Class words that this venue was never seen to use before (law 14).
fn unknown_classes(
    connection: &Connection,
    record: &PageRecord,
) -> Result<Vec<String>, LedgerError> {
    let mut new = Vec::new();
    for execution in &record.executions {
        let Some(word) = class_raw(&execution.class) else {
            continue;
        };
        let told = run(
            connection,
            "INSERT OR IGNORE INTO unknown_class (venue, word, seen_at) VALUES (?1, ?2, ?3)",
            params![record.venue.as_str(), word, record.seen_at.us()],
        )?;
        if told == 1 {
            new.push(word.to_owned());
        }
    }
    Ok(new)
}

fn quarantine(connection: &Connection, record: &PageRecord) -> Result<u32, LedgerError> {
    let mut new = 0u32;
    for row in &record.unreadable {
        let hash: String = Sha256::digest(row.raw.as_bytes())
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let inserted = run(
            connection,
            "INSERT OR IGNORE INTO quarantine (account, category, raw_hash, raw, reason, seen_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![
                record.account.as_str(),
                record.category.as_str(),
                hash,
                row.raw,
                row.reason,
                record.seen_at.us()
            ],
        )?;
        new = new.saturating_add(u32::from(inserted == 1));
    }
    Ok(new)
}

fn proofs(connection: &Connection, record: &PageRecord) -> Result<(), LedgerError> {
    let (account, category) = (&record.account, &record.category);
    if let Some(proven) = &record.proven {
        coverage::prove(connection, account, category, proven, record.seen_at)?;
    }
    if let Some(gap) = &record.gap {
        coverage::note_gap(connection, account, category, gap, record.seen_at)?;
    }
    if let Some(at) = record.orders_checked {
        coverage::orders_checked(connection, account, category, at, record.seen_at)?;
    }
    if let Some(at) = record.closed_checked {
        coverage::closed_checked(connection, account, category, at, record.seen_at)?;
    }
    Ok(())
}

/// Orders that have executions but are not stored, the newest first.
pub(crate) fn orders_wanted(
    connection: &Connection,
    account: &AccountName,
    category: &Category,
    limit: usize,
) -> Result<Vec<(Symbol, OrderId)>, LedgerError> {
    all(
        connection,
        // A cross join is followed as it is written: along the index, until there are enough.
        "SELECT symbol, order_id FROM order_wanted CROSS JOIN market ON market.id = order_wanted.market_id
         WHERE account = ?1 AND category = ?2 ORDER BY first_at DESC, order_id LIMIT ?3",
        params![account.as_str(), category.as_str(), crate::codec::whole(limit)?],
        |row| Ok((id(row, "symbol")?, id(row, "order_id")?)),
    )
}

fn count(
    connection: &Connection,
    record: &PageRecord,
    recorded: &Recorded,
) -> Result<(), LedgerError> {
    let scope = record.account.as_str();
    tally::add(
        connection,
        "conflicts",
        scope,
        crate::codec::whole(recorded.conflicts.len())?,
    )?;
    tally::add(
        connection,
        "quarantined",
        scope,
        i64::from(recorded.quarantined),
    )
}
