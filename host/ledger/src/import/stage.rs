//! The set of rows between a file and the ledger: sorted, each key once, and complete or not used.
//!
//! It is a temporary SQLite database without a name, which SQLite keeps in memory while it is small and
//! on the disk when it is not, and removes by itself.

use super::{BATCH_ROWS_MAX, IMPORT_ROWS_MAX, ImportError, WRONG_LINES_MAX, WrongLine};
use crate::codec;
use crate::error::LedgerError;
use fillsync_core::execution::{Execution, Relation};
use fillsync_core::id::{Category, Symbol};
use fillsync_core::time::VenueTime;
use rusqlite::{Connection, OptionalExtension as _, params};
use std::path::Path;

/// Rows between two commits of the set.
const COMMIT_ROWS: u64 = 50_000;

const TABLE: &str = "
    PRAGMA journal_mode = OFF;
    PRAGMA synchronous = OFF;
    CREATE TABLE staged (
        line         INTEGER NOT NULL,
        category     TEXT NOT NULL,
        symbol       TEXT NOT NULL,
        execution_id TEXT NOT NULL,
        order_id     TEXT,
        is_sum       INTEGER NOT NULL,
        executed_at  INTEGER NOT NULL,
        json         TEXT NOT NULL,
        PRIMARY KEY (category, symbol, execution_id)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX by_time ON staged (category, symbol, executed_at, line);
    CREATE UNIQUE INDEX one_sum ON staged (category, symbol, order_id) WHERE is_sum = 1;
    BEGIN;";

/// Rows that were read from a file, and nothing that is wrong.
#[derive(Debug)]
pub struct Staged {
    connection: Connection,
    rows: u64,
    repeated: u64,
    wrong: Vec<WrongLine>,
    wrong_more: u64,
    /// Columns that were not understood, and were left out.
    pub(super) ignored: Vec<String>,
    /// A market whose batches come next, and how far it came.
    place: Option<(String, String, i64, i64)>,
}

/// What a file has of one symbol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// The venue's space.
    pub category: Category,
    /// The symbol.
    pub symbol: Symbol,
    /// Rows.
    pub rows: u64,
    /// Rows that are the sum of an order.
    pub sums: u64,
    /// When the oldest is said to have happened.
    pub from: VenueTime,
    /// When the newest is.
    pub to: VenueTime,
}

impl Staged {
    pub(super) fn new() -> Result<Self, ImportError> {
        let connection = Connection::open("")?;
        connection.execute_batch(TABLE)?;
        Ok(Self {
            connection,
            rows: 0,
            repeated: 0,
            wrong: Vec::new(),
            wrong_more: 0,
            ignored: Vec::new(),
            place: None,
        })
    }

    /// Different rows of the file.
    #[must_use]
    pub const fn rows(&self) -> u64 {
        self.rows
    }

    /// Rows that the file has more than once, with the same content.
    #[must_use]
    pub const fn repeated(&self) -> u64 {
        self.repeated
    }

    /// Columns of the file that say nothing to us.
    #[must_use]
    pub fn ignored_columns(&self) -> &[String] {
        &self.ignored
    }

    /// Takes one row of a file.
    pub(super) fn take(
        &mut self,
        path: &Path,
        line: u64,
        row: Result<Execution, String>,
    ) -> Result<(), ImportError> {
        let row = match row {
            Ok(row) => row,
            Err(what) => {
                self.complain(line, what);
                return Ok(());
            }
        };
        if self.rows >= IMPORT_ROWS_MAX {
            return Err(ImportError::shape(
                path,
                format!("it has more than {IMPORT_ROWS_MAX} rows; cut it in parts"),
            ));
        }
        let json = serde_json::to_string(&row).map_err(|error| LedgerError::Rejected {
            what: error.to_string(),
        })?;
        let is_sum = matches!(row.relation, Relation::StandsIn { .. });
        let line_number = i64::try_from(line).unwrap_or(i64::MAX);
        let inserted = self
            .connection
            .prepare_cached(
                "INSERT OR IGNORE INTO staged (line, category, symbol, execution_id, order_id, is_sum, executed_at, json)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            )?
            .execute(params![
                line_number,
                row.market.category.as_str(),
                row.market.symbol.as_str(),
                row.execution_id.as_str(),
                row.order_id.as_ref().map(fillsync_core::id::OrderId::as_str),
                is_sum,
                row.executed_at.us(),
                json,
            ])?;
        if inserted == 0 {
            return self.again(line, &row, is_sum);
        }
        self.rows += 1;
        if self.rows.is_multiple_of(COMMIT_ROWS) {
            self.connection.execute_batch("COMMIT; BEGIN;")?;
        }
        Ok(())
    }

    /// A key that is there already: the same row once more, or a contradiction.
    fn again(&mut self, line: u64, row: &Execution, is_sum: bool) -> Result<(), ImportError> {
        let before: Option<(i64, String)> = self
            .connection
            .prepare_cached(
                "SELECT line, json FROM staged WHERE category = ?1 AND symbol = ?2
                     AND (execution_id = ?3 OR (?5 AND is_sum = 1 AND order_id = ?4)) LIMIT 1",
            )?
            .query_row(
                params![
                    row.market.category.as_str(),
                    row.market.symbol.as_str(),
                    row.execution_id.as_str(),
                    row.order_id
                        .as_ref()
                        .map(fillsync_core::id::OrderId::as_str),
                    is_sum,
                ],
                |found| Ok((found.get(0)?, found.get(1)?)),
            )
            .optional()?;
        let Some((first, json)) = before else {
            return Ok(());
        };
        let stored: Execution =
            serde_json::from_str(&json).map_err(|error| LedgerError::Rejected {
                what: error.to_string(),
            })?;
        let same = Execution {
            raw: stored.raw.clone(),
            ..row.clone()
        };
        if stored == same {
            self.repeated += 1;
        } else if is_sum {
            let order = row.order_id.as_ref().map_or("", |id| id.as_str());
            self.complain(
                line,
                format!(
                    "order {order} has another sum in line {first}; keep the newer line, or give each row its own exec_id"
                ),
            );
        } else {
            self.complain(
                line,
                format!(
                    "exec_id {} of {} stands in line {first} with other content; only one of them can be right",
                    row.execution_id, row.market.symbol
                ),
            );
        }
        Ok(())
    }

    /// Notes a line that cannot be read.
    pub(super) fn complain(&mut self, line: u64, what: String) {
        if self.wrong.len() < WRONG_LINES_MAX {
            self.wrong.push(WrongLine { line, what });
        } else {
            self.wrong_more += 1;
        }
    }

    /// The set is complete, unless something was wrong.
    pub(super) fn finish(mut self, path: &Path) -> Result<Self, ImportError> {
        self.connection.execute_batch("COMMIT;")?;
        if self.wrong.is_empty() {
            return Ok(self);
        }
        Err(ImportError::Wrong {
            path: path.display().to_string(),
            lines: std::mem::take(&mut self.wrong),
            more: self.wrong_more,
        })
    }

    /// What there is, by symbol.
    ///
    /// # Errors
    /// When the set cannot be read.
    pub fn spans(&self) -> Result<Vec<Span>, ImportError> {
        let spans = codec::all(
            &self.connection,
            "SELECT category, symbol, count(*) AS rows, sum(is_sum) AS sums, min(executed_at) AS from_at,
                 max(executed_at) AS to_at FROM staged GROUP BY category, symbol ORDER BY category, symbol",
            [],
            |row| {
                Ok(Span {
                    category: codec::id(row, "category")?,
                    symbol: codec::id(row, "symbol")?,
                    rows: codec::count(row, "rows")?,
                    sums: codec::count(row, "sums")?,
                    from: codec::venue_time(row, "from_at")?,
                    to: codec::venue_time(row, "to_at")?,
                })
            },
        )?;
        Ok(spans)
    }

    /// The next rows, all of one market, the oldest first; none at the end.
    ///
    /// # Errors
    /// When the set cannot be read.
    pub fn next_batch(&mut self) -> Result<Vec<Execution>, ImportError> {
        loop {
            let Some((category, symbol, at, line)) = self.place.clone() else {
                if !self.next_market("", "")? {
                    return Ok(Vec::new());
                }
                continue;
            };
            let found = self.batch(&category, &symbol, at, line)?;
            if let Some((last_line, last)) = found.last() {
                self.place = Some((category, symbol, last.executed_at.us(), *last_line));
                return Ok(found.into_iter().map(|(_, row)| row).collect());
            }
            if !self.next_market(&category, &symbol)? {
                return Ok(Vec::new());
            }
        }
    }

    fn batch(
        &self,
        category: &str,
        symbol: &str,
        at: i64,
        line: i64,
    ) -> Result<Vec<(i64, Execution)>, ImportError> {
        let rows = codec::all(
            &self.connection,
            "SELECT line, json FROM staged WHERE category = ?1 AND symbol = ?2 AND (executed_at, line) > (?3, ?4)
             ORDER BY executed_at, line LIMIT ?5",
            params![category, symbol, at, line, codec::whole(BATCH_ROWS_MAX)?],
            |row| Ok((codec::get(row, "line")?, codec::json(row, "json")?)),
        )?;
        Ok(rows)
    }

    fn next_market(&mut self, category: &str, symbol: &str) -> Result<bool, ImportError> {
        let next = codec::one(
            &self.connection,
            "SELECT category, symbol FROM staged WHERE (category, symbol) > (?1, ?2)
             ORDER BY category, symbol LIMIT 1",
            params![category, symbol],
            |row| Ok((codec::get(row, "category")?, codec::get(row, "symbol")?)),
        )?;
        let found = next.is_some();
        if let Some((category, symbol)) = next {
            self.place = Some((category, symbol, i64::MIN, i64::MIN));
        }
        Ok(found)
    }
}
