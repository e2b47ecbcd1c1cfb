//! A table with a header line: columns by their names, in any order, in the spellings in use.
//!
//! The shape is that of our own `/fills`. A time needs its zone (RFC 3339), because a file that leaves
//! it out does not say when anything happened. Columns that are not known are left out and named.

use super::row::{self, Draft};
use super::{ImportError, ImportSettings, Staged};
use csv::{ReaderBuilder, StringRecord, Trim};
use std::path::Path;

/// Bytes of one line's fields; a line that has more is no row of fills.
const LINE_BYTES_MAX: usize = 64 * 1024;

/// What a column is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Column {
    Timestamp,
    Symbol,
    Side,
    Quantity,
    Price,
    OrderId,
    ExecutionId,
    Account,
    Category,
    ClientOrderId,
    OrderKind,
    Fee,
    FeeCurrency,
    IsMaker,
}

impl Column {
    /// The column of a header, whatever its case and its spaces.
    fn of(header: &str) -> Option<Self> {
        let name: String = header
            .trim_start_matches('\u{feff}')
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .map(|c| c.to_ascii_lowercase())
            .collect();
        Some(match name.as_str() {
            "timestamp" | "ts" | "time" | "executedat" | "transactiontime" => Self::Timestamp,
            "symbol" => Self::Symbol,
            "side" => Self::Side,
            "quantity" | "qty" => Self::Quantity,
            "price" => Self::Price,
            "orderid" => Self::OrderId,
            "execid" | "executionid" => Self::ExecutionId,
            "account" => Self::Account,
            "category" => Self::Category,
            "clientorderid" | "orderlinkid" => Self::ClientOrderId,
            "ordertype" => Self::OrderKind,
            "fee" => Self::Fee,
            "feecurrency" => Self::FeeCurrency,
            "ismaker" => Self::IsMaker,
            _ => return None,
        })
    }

    const fn place(self, draft: &mut Draft) -> &mut Option<String> {
        match self {
            Self::Timestamp => &mut draft.timestamp,
            Self::Symbol => &mut draft.symbol,
            Self::Side => &mut draft.side,
            Self::Quantity => &mut draft.quantity,
            Self::Price => &mut draft.price,
            Self::OrderId => &mut draft.order_id,
            Self::ExecutionId => &mut draft.execution_id,
            Self::Account => &mut draft.account,
            Self::Category => &mut draft.category,
            Self::ClientOrderId => &mut draft.client_order_id,
            Self::OrderKind => &mut draft.order_kind,
            Self::Fee => &mut draft.fee,
            Self::FeeCurrency => &mut draft.fee_currency,
            Self::IsMaker => &mut draft.is_maker,
        }
    }
}

/// Reads a whole table.
pub(super) fn read(
    path: &Path,
    settings: &ImportSettings,
    staged: &mut Staged,
) -> Result<(), ImportError> {
    let mut reader = ReaderBuilder::new()
        .trim(Trim::All)
        .flexible(true)
        .from_path(path)
        .map_err(|error| ImportError::unreadable(path, &error))?;
    let headers = reader
        .headers()
        .map_err(|error| {
            ImportError::shape(path, format!("its first line is no header ({error})"))
        })?
        .clone();
    let columns = columns_of(path, &headers, staged)?;
    let mut record = StringRecord::new();
    loop {
        let line = reader.position().line();
        match reader.read_record(&mut record) {
            Ok(false) => return Ok(()),
            Ok(true) => {}
            Err(error) => match error.kind() {
                csv::ErrorKind::Utf8 { err, .. } => {
                    staged.complain(line, format!("it is not UTF-8 ({err})"));
                    continue;
                }
                _ => return Err(ImportError::unreadable(path, &error)),
            },
        }
        let line = record.position().map_or(line, csv::Position::line);
        if record.len() != headers.len() {
            let what = format!(
                "it has {} fields, the header has {}",
                record.len(),
                headers.len()
            );
            staged.complain(line, what);
            continue;
        }
        if record.as_slice().len() > LINE_BYTES_MAX {
            staged.complain(line, format!("it is longer than {LINE_BYTES_MAX} bytes"));
            continue;
        }
        let draft = draft_of(&headers, &columns, &record);
        staged.take(path, line, row::execution(&draft, settings))?;
    }
}

fn columns_of(
    path: &Path,
    headers: &StringRecord,
    staged: &mut Staged,
) -> Result<Vec<Option<Column>>, ImportError> {
    let columns: Vec<Option<Column>> = headers.iter().map(Column::of).collect();
    for (at, column) in columns.iter().enumerate() {
        let header = headers.get(at).unwrap_or_default();
        match column {
            None => staged.ignored.push(header.to_owned()),
            Some(column)
                if columns
                    .iter()
                    .take(at)
                    .any(|before| before.as_ref() == Some(column)) =>
            {
                return Err(ImportError::shape(
                    path,
                    format!(
                        "two columns are the {column:?}, {header:?} is the second; take one of them out"
                    ),
                ));
            }
            Some(_) => {}
        }
    }
    let has = |column: Column| columns.contains(&Some(column));
    let missing: Vec<&str> = [
        (Column::Timestamp, "timestamp"),
        (Column::Symbol, "symbol"),
        (Column::Side, "side"),
        (Column::Quantity, "quantity"),
        (Column::Price, "price"),
    ]
    .into_iter()
    .filter(|(column, _)| !has(*column))
    .map(|(_, name)| name)
    .chain((!has(Column::OrderId) && !has(Column::ExecutionId)).then_some("order_id or exec_id"))
    .collect();
    if missing.is_empty() {
        return Ok(columns);
    }
    Err(ImportError::shape(
        path,
        format!(
            "its header line has no column {}; wanted are timestamp, symbol, side, quantity, price, order_id and exec_id",
            missing.join(", ")
        ),
    ))
}

fn draft_of(headers: &StringRecord, columns: &[Option<Column>], record: &StringRecord) -> Draft {
    let mut draft = Draft::default();
    let mut raw = serde_json::Map::new();
    for ((column, header), text) in columns.iter().zip(headers).zip(record) {
        if text.is_empty() {
            continue;
        }
        raw.insert(header.to_owned(), text.into());
        if let Some(column) = column {
            *column.place(&mut draft) = Some(text.to_owned());
        }
    }
    draft.raw = serde_json::Value::Object(raw).to_string();
    draft
}
