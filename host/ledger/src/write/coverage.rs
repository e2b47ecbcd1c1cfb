//! Writes what is proven and what is not.
//!
//! Coverage grows only here, in the same transaction as the rows that prove it (law 9). A gap is
//! resolved when coverage contains all of it, and never in any other way.

use crate::codec::{all, get, one, run, venue_time};
use crate::error::LedgerError;
use crate::facts::{Gap, Proven};
use crate::writer::Desk;
use fillsync_core::coverage::{Coverage, Window};
use fillsync_core::id::{AccountName, Category};
use fillsync_core::time::{HostTime, VenueTime};
use rusqlite::{Connection, params};

/// Adds a proven window, and resolves the gaps that it fills.
pub(crate) fn prove(
    connection: &Connection,
    account: &AccountName,
    category: &Category,
    proven: &Proven,
    seen_at: HostTime,
) -> Result<(), LedgerError> {
    if proven.window.is_empty() {
        return Ok(());
    }
    let touching = touching(connection, account, category, proven.window)?;
    let mut joined = Coverage::from_windows(touching.iter().copied());
    joined.add(proven.window);
    if joined.windows() != touching {
        for window in &touching {
            run(
                connection,
                "DELETE FROM coverage WHERE account = ?1 AND category = ?2 AND from_at = ?3",
                params![account.as_str(), category.as_str(), window.from.us()],
            )?;
        }
        for window in joined.windows() {
            run(
                connection,
                "INSERT INTO coverage (account, category, from_at, to_at) VALUES (?1, ?2, ?3, ?4)",
                params![
                    account.as_str(),
                    category.as_str(),
                    window.from.us(),
                    window.to.us()
                ],
            )?;
        }
    }
    for window in joined.windows() {
        run(
            connection,
            "UPDATE gap SET resolved = ?5 WHERE account = ?1 AND category = ?2 AND resolved IS NULL
                 AND from_at >= ?3 AND to_at <= ?4",
            params![
                account.as_str(),
                category.as_str(),
                window.from.us(),
                window.to.us(),
                seen_at.us()
            ],
        )?;
    }
    run(
        connection,
        "INSERT INTO traversal (account, category, traversals, pages, rows, last_seen_at) VALUES (?1, ?2, 1, ?3, ?4, ?5)
         ON CONFLICT DO UPDATE SET traversals = traversals + 1, pages = pages + excluded.pages,
             rows = rows + excluded.rows, last_seen_at = max(last_seen_at, excluded.last_seen_at)",
        params![account.as_str(), category.as_str(), proven.pages, proven.rows, seen_at.us()],
    )?;
    Ok(())
}

/// The stored windows that overlap or touch a window, the oldest first.
fn touching(
    connection: &Connection,
    account: &AccountName,
    category: &Category,
    window: Window,
) -> Result<Vec<Window>, LedgerError> {
    all(
        connection,
        "SELECT from_at, to_at FROM coverage
         WHERE account = ?1 AND category = ?2 AND from_at <= ?4 AND to_at >= ?3 ORDER BY from_at",
        params![
            account.as_str(),
            category.as_str(),
            window.from.us(),
            window.to.us()
        ],
        |row| {
            Ok(Window::new(
                venue_time(row, "from_at")?,
                venue_time(row, "to_at")?,
            ))
        },
    )
}

/// The end of the newest proven window.
pub(crate) fn coverage_to(
    connection: &Connection,
    account: &AccountName,
    category: &Category,
) -> Result<Option<VenueTime>, LedgerError> {
    one(
        connection,
        "SELECT to_at FROM coverage WHERE account = ?1 AND category = ?2 ORDER BY from_at DESC LIMIT 1",
        params![account.as_str(), category.as_str()],
        |row| venue_time(row, "to_at"),
    )
}

/// The open orders were listed to the end.
pub(crate) fn orders_checked(
    connection: &Connection,
    account: &AccountName,
    category: &Category,
    at: VenueTime,
    seen_at: HostTime,
) -> Result<(), LedgerError> {
    run(
        connection,
        "INSERT INTO traversal (account, category, last_seen_at, orders_checked) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT DO UPDATE SET orders_checked = max(ifnull(orders_checked, 0), excluded.orders_checked)",
        params![account.as_str(), category.as_str(), seen_at.us(), at.us()],
    )?;
    Ok(())
}

/// The ended orders were listed to the end, after the open ones.
pub(crate) fn closed_checked(
    connection: &Connection,
    account: &AccountName,
    category: &Category,
    at: VenueTime,
    seen_at: HostTime,
) -> Result<(), LedgerError> {
    run(
        connection,
        "INSERT INTO traversal (account, category, last_seen_at, closed_checked) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT DO UPDATE SET closed_checked = excluded.closed_checked
         WHERE closed_checked IS NULL OR closed_checked < excluded.closed_checked",
        params![account.as_str(), category.as_str(), seen_at.us(), at.us()],
    )?;
    Ok(())
}

/// Records a window that could not be fetched, unless it is proven already.
pub(crate) fn note_gap(
    connection: &Connection,
    account: &AccountName,
    category: &Category,
    gap: &Gap,
    seen_at: HostTime,
) -> Result<(), LedgerError> {
    let proven = Coverage::from_windows(touching(connection, account, category, gap.window)?);
    if proven.contains(gap.window) {
        return Ok(());
    }
    // While a venue is away every try ends later: that is one gap that grows, not one for each try.
    let grown = run(
        connection,
        "UPDATE OR IGNORE gap SET to_at = ?4, reason = ?5, retries = retries + 1, last_tried = max(last_tried, ?6)
         WHERE account = ?1 AND category = ?2 AND from_at = ?3 AND to_at < ?4 AND resolved IS NULL AND unfillable = 0",
        params![
            account.as_str(),
            category.as_str(),
            gap.window.from.us(),
            gap.window.to.us(),
            gap.reason,
            seen_at.us()
        ],
    )?;
    if grown > 0 {
        return Ok(());
    }
    run(
        connection,
        "INSERT INTO gap (account, category, from_at, to_at, reason, first_seen, last_tried)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6)
         ON CONFLICT DO UPDATE SET reason = excluded.reason, retries = retries + 1, resolved = NULL,
             last_tried = max(last_tried, excluded.last_tried)",
        params![
            account.as_str(),
            category.as_str(),
            gap.window.from.us(),
            gap.window.to.us(),
            gap.reason,
            seen_at.us()
        ],
    )?;
    Ok(())
}

/// The venue can no longer serve a gap. True where that was not known, so that it is told once.
pub(crate) fn gap_unfillable(
    desk: &Desk,
    account: &AccountName,
    category: &Category,
    window: Window,
) -> Result<bool, LedgerError> {
    let names = params![
        account.as_str(),
        category.as_str(),
        window.from.us(),
        window.to.us()
    ];
    let known = one(
        &desk.connection,
        "SELECT unfillable FROM gap WHERE account = ?1 AND category = ?2 AND from_at = ?3 AND to_at = ?4",
        names,
        |row| get::<bool>(row, "unfillable"),
    )?;
    match known {
        Some(true) => Ok(false),
        Some(false) => {
            run(
                &desk.connection,
                "UPDATE gap SET unfillable = 1 WHERE account = ?1 AND category = ?2 AND from_at = ?3 AND to_at = ?4",
                names,
            )?;
            Ok(true)
        }
        None => Err(LedgerError::Rejected {
            what: format!("{account} {category} has no gap {window}"),
        }),
    }
}
