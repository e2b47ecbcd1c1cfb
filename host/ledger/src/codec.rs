//! Between columns and the core's types.
//!
//! Reading is strict: a value that this program cannot have written is an error that names the
//! column, never a default. Columns are read by name, so a statement may list them in any order; only
//! those of an execution stand together, in a file of their own.

use crate::error::LedgerError;
use fillsync_core::amount::Quantity;
use fillsync_core::cycle::{Allocation, Cycle, CycleStart, EntryPart, ExitPart};
use fillsync_core::execution::{ExecutionClass, Side};
use fillsync_core::id::Market;
use fillsync_core::order::{Lane, Order, OrderKind, OrderStatus, PositionSide, StopKind};
use fillsync_core::time::{HostTime, VenueTime};
use rusqlite::Row;
use rusqlite::types::FromSql;
use std::str::FromStr;

mod execution;

pub(crate) use execution::{EXECUTION, execution};

type Read<T> = Result<T, LedgerError>;

pub(crate) fn get<T: FromSql>(row: &Row<'_>, column: &str) -> Read<T> {
    Ok(row.get::<_, T>(column)?)
}

/// Text that a type reads: an id, or an amount by way of [`amount`].
pub(crate) fn id<T: FromStr>(row: &Row<'_>, column: &str) -> Read<T> {
    let text: String = get(row, column)?;
    T::from_str(&text).map_err(|_| LedgerError::unreadable(column, &text))
}

pub(crate) fn id_or_none<T: FromStr>(row: &Row<'_>, column: &str) -> Read<Option<T>> {
    let text: Option<String> = get(row, column)?;
    text.map(|text| T::from_str(&text).map_err(|_| LedgerError::unreadable(column, &text)))
        .transpose()
}

/// A value with a name of its own in the database.
pub(crate) fn named<T>(
    row: &Row<'_>,
    column: &str,
    from_name: impl Fn(&str) -> Option<T>,
) -> Read<T> {
    let text: String = get(row, column)?;
    from_name(&text).ok_or_else(|| LedgerError::unreadable(column, &text))
}

pub(crate) fn amount<T: TryFrom<String>>(row: &Row<'_>, column: &str) -> Read<T> {
    let text: String = get(row, column)?;
    T::try_from(text.clone()).map_err(|_| LedgerError::unreadable(column, &text))
}

pub(crate) fn amount_or_none<T: TryFrom<String>>(row: &Row<'_>, column: &str) -> Read<Option<T>> {
    let text: Option<String> = get(row, column)?;
    text.map(|text| T::try_from(text.clone()).map_err(|_| LedgerError::unreadable(column, &text)))
        .transpose()
}

pub(crate) fn venue_time(row: &Row<'_>, column: &str) -> Read<VenueTime> {
    Ok(VenueTime::from_us(get(row, column)?))
}

pub(crate) fn venue_time_or_none(row: &Row<'_>, column: &str) -> Read<Option<VenueTime>> {
    Ok(get::<Option<i64>>(row, column)?.map(VenueTime::from_us))
}

pub(crate) fn host_time(row: &Row<'_>, column: &str) -> Read<HostTime> {
    Ok(HostTime::from_us(get(row, column)?))
}

/// A count, which is never below zero.
pub(crate) fn count<T: TryFrom<i64>>(row: &Row<'_>, column: &str) -> Read<T> {
    let number: i64 = get(row, column)?;
    T::try_from(number).map_err(|_| LedgerError::unreadable(column, &number.to_string()))
}

pub(crate) fn json<T: serde::de::DeserializeOwned>(row: &Row<'_>, column: &str) -> Read<T> {
    let text: String = get(row, column)?;
    serde_json::from_str(&text).map_err(|_| LedgerError::unreadable(column, &text))
}

pub(crate) fn json_or_none<T: serde::de::DeserializeOwned>(
    row: &Row<'_>,
    column: &str,
) -> Read<Option<T>> {
    let text: Option<String> = get(row, column)?;
    text.map(|text| serde_json::from_str(&text).map_err(|_| LedgerError::unreadable(column, &text)))
        .transpose()
}

pub(crate) fn to_json<T: serde::Serialize>(value: &T) -> Read<String> {
    serde_json::to_string(value).map_err(|error| LedgerError::Rejected {
        what: error.to_string(),
    })
}

/// A number for a column; what does not fit is refused rather than cut.
pub(crate) fn whole<T: TryInto<i64>>(number: T) -> Read<i64> {
    number.try_into().map_err(|_| LedgerError::Rejected {
        what: "a number is too large for the ledger".to_owned(),
    })
}

/// The raw word of an unknown class; none for a known one.
pub(crate) fn class_raw(class: &ExecutionClass) -> Option<&str> {
    match class {
        ExecutionClass::Unknown(raw) => Some(raw),
        _ => None,
    }
}

/// The raw word of an unknown status; none for a known one.
pub(crate) fn status_raw(status: &OrderStatus) -> Option<&str> {
    match status {
        OrderStatus::Unknown(raw) => Some(raw),
        _ => None,
    }
}

/// Account, category and symbol, from columns of these names.
pub(crate) fn market(row: &Row<'_>) -> Read<Market> {
    Ok(Market {
        account: id(row, "account")?,
        category: id(row, "category")?,
        symbol: id(row, "symbol")?,
    })
}

/// What an execution did to its book, from the columns that say so.
pub(crate) fn allocation(row: &Row<'_>) -> Read<Allocation> {
    let entry = match get::<Option<i64>>(row, "entry_cycle")? {
        Some(_) => Some(EntryPart {
            ordinal: count(row, "entry_cycle")?,
            quantity: amount(row, "entry_quantity")?,
        }),
        None => None,
    };
    let exit = match get::<Option<i64>>(row, "exit_cycle")? {
        Some(_) => Some(ExitPart {
            ordinal: count(row, "exit_cycle")?,
            quantity: amount(row, "exit_quantity")?,
            realised: amount_or_none(row, "realised")?,
        }),
        None => None,
    };
    Ok(Allocation { entry, exit })
}

pub(crate) fn lane(row: &Row<'_>) -> Read<Lane> {
    named(row, "lane", Lane::from_name)
}

pub(crate) fn order(row: &Row<'_>, market: &Market) -> Read<Order> {
    let status: String = get(row, "status")?;
    let status_raw: Option<String> = get(row, "status_raw")?;
    Ok(Order {
        market: market.clone(),
        order_id: id(row, "order_id")?,
        client_order_id: id_or_none(row, "client_order_id")?,
        side: named(row, "side", Side::from_name)?,
        lane: lane(row)?,
        kind: OrderKind::from_name(&get::<String>(row, "kind")?),
        stop: named(row, "stop", StopKind::from_name)?,
        reduce_only: get(row, "reduce_only")?,
        quantity: amount_or_none(row, "quantity")?,
        price: amount_or_none(row, "price")?,
        filled_quantity: amount::<Quantity>(row, "filled_quantity")?,
        average_price: amount_or_none(row, "average_price")?,
        status: OrderStatus::from_name(&status, status_raw.as_deref().unwrap_or(&status)),
        created_at: venue_time(row, "created_at")?,
        updated_at: venue_time(row, "updated_at")?,
        replaces: id_or_none(row, "replaces")?,
        raw: get(row, "raw")?,
    })
}

pub(crate) const fn start_name(start: CycleStart) -> &'static str {
    match start {
        CycleStart::Flat => "flat",
        CycleStart::Unknown => "unknown",
    }
}

pub(crate) fn start_from_name(name: &str) -> Option<CycleStart> {
    match name {
        "flat" => Some(CycleStart::Flat),
        "unknown" => Some(CycleStart::Unknown),
        _ => None,
    }
}

pub(crate) fn cycle(row: &Row<'_>) -> Read<Cycle> {
    Ok(Cycle {
        ordinal: count(row, "ordinal")?,
        side: named(row, "side", PositionSide::from_name)?,
        start: named(row, "start", start_from_name)?,
        opened_at: venue_time(row, "opened_at")?,
        closed_at: venue_time_or_none(row, "closed_at")?,
        quantity: amount(row, "quantity")?,
        quantity_max: amount(row, "quantity_max")?,
        cost: amount(row, "cost")?,
        entry_quantity: amount(row, "entry_quantity")?,
        entry_value: amount(row, "entry_value")?,
        exit_quantity: amount(row, "exit_quantity")?,
        exit_value: amount(row, "exit_value")?,
        realised: amount(row, "realised")?,
        fees: json(row, "fees")?,
        entries: count(row, "entries")?,
        exits: count(row, "exits")?,
        first: json_or_none(row, "first_row")?,
        last: json_or_none(row, "last_row")?,
    })
}

/// Reads all rows of a statement.
pub(crate) fn all<T>(
    connection: &rusqlite::Connection,
    sql: &str,
    params: impl rusqlite::Params,
    mut read: impl FnMut(&Row<'_>) -> Read<T>,
) -> Read<Vec<T>> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(read(row)?);
    }
    Ok(found)
}

/// Reads the first row of a statement, if there is one.
pub(crate) fn one<T>(
    connection: &rusqlite::Connection,
    sql: &str,
    params: impl rusqlite::Params,
    mut read: impl FnMut(&Row<'_>) -> Read<T>,
) -> Read<Option<T>> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    match rows.next()? {
        Some(row) => read(row).map(Some),
        None => Ok(None),
    }
}

/// Runs a statement; the answer is the number of rows that it changed.
pub(crate) fn run(
    connection: &rusqlite::Connection,
    sql: &str,
    params: impl rusqlite::Params,
) -> Read<usize> {
    Ok(connection.prepare_cached(sql)?.execute(params)?)
}
