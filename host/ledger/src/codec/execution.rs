//! The columns of an execution.
//!
//! Books and pages are thousands of rows, so these are read by place, not by name: a statement selects
//! [`EXECUTION`] as it stands, and may select `raw` right behind it. As strict as the rest: what this
//! program cannot have written is an error that names the column.

use super::Read;
use crate::error::LedgerError;
use fillsync_core::amount::{Money, Price, Quantity};
use fillsync_core::execution::{Execution, ExecutionClass, Fee, Relation, Side, Source};
use fillsync_core::id::{ClientOrderId, Currency, ExecutionId, Market, OrderId};
use fillsync_core::order::{OrderKind, StopKind};
use fillsync_core::time::VenueTime;
use rusqlite::Row;
use rusqlite::types::FromSql;

/// An execution of a market, from a statement that selects [`EXECUTION`]. Without a column `raw` right
/// behind, its raw row is empty.
pub(crate) fn execution(row: &Row<'_>, market: &Market) -> Read<Execution> {
    let columns = Columns::find(row)?;
    let class = columns.need(1)?;
    let fee = columns
        .read(8, Money::parse)?
        .map(|amount| {
            Ok::<_, LedgerError>(Fee {
                amount,
                currency: columns.read(9, Currency::new)?,
            })
        })
        .transpose()?;
    Ok(Execution {
        market: market.clone(),
        execution_id: columns.some(0, ExecutionId::new)?,
        class: ExecutionClass::from_name(class, columns.text(2)?.unwrap_or(class)),
        order_id: columns.read(3, OrderId::new)?,
        client_order_id: columns.read(4, ClientOrderId::new)?,
        side: columns.some(5, |text| Side::from_name(text).ok_or(()))?,
        quantity: columns.some(6, Quantity::parse)?,
        price: columns.some(7, Price::parse)?,
        fee,
        is_maker: columns.get(10)?,
        leaves_quantity: columns.read(11, Quantity::parse)?,
        closed_quantity: columns.read(12, Quantity::parse)?,
        order_kind: OrderKind::from_name(columns.need(13)?),
        stop: columns.some(14, |text| StopKind::from_name(text).ok_or(()))?,
        venue_sequence: columns.get(15)?,
        executed_at: VenueTime::from_us(columns.get(16)?),
        source: columns.some(17, |text| Source::from_name(text).ok_or(()))?,
        relation: relation(&columns)?,
        raw: match row
            .as_ref()
            .column_name(columns.first + EXECUTION_COLUMNS.len())
        {
            Ok("raw") => columns.get(EXECUTION_COLUMNS.len())?,
            _ => String::new(),
        },
    })
}

/// What a row means for others. Nearly all rows mean nothing, and cost one column.
fn relation(columns: &Columns<'_, '_>) -> Read<Relation> {
    match columns.need(18)? {
        "own" => Ok(Relation::Own),
        "corrects" => Ok(Relation::Corrects(columns.some(19, ExecutionId::new)?)),
        "busts" => Ok(Relation::Busts(columns.some(19, ExecutionId::new)?)),
        "stands-in" => Ok(Relation::StandsIn {
            from: columns.some(20, Quantity::parse)?,
            to: columns.some(21, Quantity::parse)?,
        }),
        other => Err(LedgerError::unreadable("relation", other)),
    }
}

/// The columns that [`execution`] reads, without the raw row.
pub(crate) const EXECUTION: &str = "execution_id, class, class_raw, order_id, client_order_id, side, quantity, price, \
     fee, fee_currency, is_maker, leaves_quantity, closed_quantity, order_kind, stop, venue_sequence, executed_at, source, \
     relation, relates_to, stands_from, stands_to";

/// The same, one by one.
const EXECUTION_COLUMNS: [&str; 22] = [
    "execution_id",
    "class",
    "class_raw",
    "order_id",
    "client_order_id",
    "side",
    "quantity",
    "price",
    "fee",
    "fee_currency",
    "is_maker",
    "leaves_quantity",
    "closed_quantity",
    "order_kind",
    "stop",
    "venue_sequence",
    "executed_at",
    "source",
    "relation",
    "relates_to",
    "stands_from",
    "stands_to",
];

/// The columns of an execution in a row. Only the first is found by its name: books and pages are
/// thousands of rows, and to look for each column by name would cost more than to read it.
struct Columns<'row, 'statement> {
    row: &'row Row<'statement>,
    first: usize,
}

impl<'row, 'statement> Columns<'row, 'statement> {
    fn find(row: &'row Row<'statement>) -> Read<Self> {
        let [name, ..] = EXECUTION_COLUMNS;
        Ok(Self {
            row,
            first: row.as_ref().column_index(name)?,
        })
    }

    fn get<T: FromSql>(&self, column: usize) -> Read<T> {
        Ok(self.row.get(self.first + column)?)
    }

    fn text(&self, column: usize) -> Read<Option<&'row str>> {
        self.row
            .get_ref(self.first + column)?
            .as_str_or_null()
            .map_err(|error| LedgerError::unreadable(name_of(column), &error.to_string()))
    }

    fn need(&self, column: usize) -> Read<&'row str> {
        self.text(column)?
            .ok_or_else(|| LedgerError::unreadable(name_of(column), "NULL"))
    }

    fn some<T, E>(&self, column: usize, parse: impl FnOnce(&'row str) -> Result<T, E>) -> Read<T> {
        let text = self.need(column)?;
        parse(text).map_err(|_| LedgerError::unreadable(name_of(column), text))
    }

    fn read<T, E>(
        &self,
        column: usize,
        parse: impl FnOnce(&'row str) -> Result<T, E>,
    ) -> Read<Option<T>> {
        match self.text(column)? {
            None => Ok(None),
            Some(_) => self.some(column, parse).map(Some),
        }
    }
}

fn name_of(column: usize) -> &'static str {
    EXECUTION_COLUMNS.get(column).copied().unwrap_or("raw")
}

#[cfg(test)]
mod tests {
    use super::{EXECUTION, EXECUTION_COLUMNS};

    #[test]
    fn both_lists_of_columns_agree() {
        assert_eq!(EXECUTION_COLUMNS.join(", "), EXECUTION);
    }
}
