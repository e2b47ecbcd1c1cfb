//! Reads what is known of accounts: marks, coverage, gaps, orders.

use crate::codec::{all, count, get, host_time, id, market, order, venue_time};
use crate::error::LedgerError;
use crate::rows::{KnownGap, Mark};
use fillsync_core::coverage::{Coverage, Window};
use fillsync_core::group::OrderFact;
use fillsync_core::id::{AccountName, Category, Market, OrderId, Symbol};
use fillsync_core::order::Order;
use fillsync_core::time::VenueTime;
use rusqlite::{Connection, Row, params};
use std::collections::BTreeMap;

type Read<T> = Result<T, LedgerError>;

pub(crate) fn marks(connection: &Connection) -> Read<(Vec<Mark>, i64)> {
    let marks = all(
        connection,
        "SELECT seq, from_at, account, category, symbol FROM mark JOIN market ON market.id = mark.market_id ORDER BY seq",
        [],
        |row| {
            Ok(Mark {
                seq: get(row, "seq")?,
                market: market(row)?,
                from: venue_time(row, "from_at")?,
            })
        },
    )?;
    let newest = marks.last().map_or(0, |mark| mark.seq);
    Ok((marks, newest))
}

pub(crate) fn coverage(
    connection: &Connection,
    account: &AccountName,
) -> Read<BTreeMap<Category, Coverage>> {
    let windows = all(
        connection,
        "SELECT category, from_at, to_at FROM coverage WHERE account = ?1 ORDER BY category, from_at",
        params![account.as_str()],
        |row| {
            let window = Window::new(venue_time(row, "from_at")?, venue_time(row, "to_at")?);
            Ok((id::<Category>(row, "category")?, window))
        },
    )?;
    let mut found: BTreeMap<Category, Coverage> = BTreeMap::new();
    for (category, window) in windows {
        found.entry(category).or_default().add(window);
    }
    Ok(found)
}

pub(crate) fn orders_checked(
    connection: &Connection,
    account: &AccountName,
) -> Read<BTreeMap<Category, VenueTime>> {
    readings(
        connection,
        "SELECT category, orders_checked AS at FROM traversal WHERE account = ?1 AND orders_checked IS NOT NULL",
        account,
    )
}

pub(crate) fn closed_checked(
    connection: &Connection,
    account: &AccountName,
) -> Read<BTreeMap<Category, VenueTime>> {
    readings(
        connection,
        "SELECT category, closed_checked AS at FROM traversal WHERE account = ?1 AND closed_checked IS NOT NULL",
        account,
    )
}

fn readings(
    connection: &Connection,
    sql: &str,
    account: &AccountName,
) -> Read<BTreeMap<Category, VenueTime>> {
    let rows = all(connection, sql, params![account.as_str()], |row| {
        Ok((id(row, "category")?, venue_time(row, "at")?))
    })?;
    Ok(rows.into_iter().collect())
}

pub(crate) fn gaps(connection: &Connection, account: Option<&AccountName>) -> Read<Vec<KnownGap>> {
    all(
        connection,
        "SELECT * FROM gap WHERE resolved IS NULL AND (?1 IS NULL OR account = ?1) ORDER BY account, category, from_at",
        params![account.map(AccountName::as_str)],
        |row| {
            Ok(KnownGap {
                account: id(row, "account")?,
                category: id(row, "category")?,
                window: Window::new(venue_time(row, "from_at")?, venue_time(row, "to_at")?),
                reason: get(row, "reason")?,
                retries: count(row, "retries")?,
                first_seen: host_time(row, "first_seen")?,
                last_tried: host_time(row, "last_tried")?,
                unfillable: get(row, "unfillable")?,
            })
        },
    )
}

/// Orders with the names of their market, and whether the venue no longer has them.
pub(crate) const KNOWN_ORDER: &str = "SELECT orders.*, account, category, symbol,
     EXISTS (SELECT 1 FROM order_gone WHERE order_gone.market_id = orders.market_id
         AND order_gone.order_id = orders.order_id) AS gone
     FROM orders JOIN market ON market.id = orders.market_id";

pub(crate) fn known_order(row: &Row<'_>) -> Read<OrderFact> {
    Ok(OrderFact {
        order: order(row, &market(row)?)?,
        gone: get(row, "gone")?,
        checked_at: venue_time(row, "checked_at")?,
    })
}

pub(crate) fn open_orders(
    connection: &Connection,
    account: &AccountName,
    category: &Category,
) -> Read<Vec<Order>> {
    let known = all(
        connection,
        &format!(
            "{KNOWN_ORDER} WHERE account = ?1 AND category = ?2 AND is_open = 1 AND NOT gone ORDER BY orders.created_at, orders.id"
        ),
        params![account.as_str(), category.as_str()],
        known_order,
    )?;
    Ok(known.into_iter().map(|known| known.order).collect())
}

pub(crate) fn orders(
    connection: &Connection,
    account: Option<&AccountName>,
    limit: u32,
) -> Read<Vec<OrderFact>> {
    all(
        connection,
        &format!(
            "{KNOWN_ORDER} WHERE is_open = 1 AND NOT gone AND (?1 IS NULL OR account = ?1)
             ORDER BY orders.created_at DESC, orders.id DESC LIMIT ?2"
        ),
        params![account.map(AccountName::as_str), limit],
        known_order,
    )
}

pub(crate) fn orders_wanted(
    connection: &Connection,
    account: &AccountName,
    category: &Category,
    limit: u32,
) -> Read<Vec<(Symbol, OrderId)>> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    crate::write::orders_wanted(connection, account, category, limit)
}

pub(crate) fn markets_of(connection: &Connection, account: &AccountName) -> Read<Vec<Market>> {
    all(
        connection,
        "SELECT account, category, symbol FROM market WHERE account = ?1 AND (
             EXISTS (SELECT 1 FROM execution WHERE market_id = market.id)
             OR EXISTS (SELECT 1 FROM orders WHERE market_id = market.id)
             OR EXISTS (SELECT 1 FROM cycle WHERE market_id = market.id))
         ORDER BY category, symbol",
        params![account.as_str()],
        market,
    )
}
