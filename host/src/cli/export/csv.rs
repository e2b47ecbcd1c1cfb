//! CSV as RFC 4180 has it: a header line, commas, CRLF, quotes where they are needed.
//!
//! An empty cell is nothing between commas; an empty text is `""`, so the two stay apart.

use super::Sink;
use super::table::{Cell, Column};
use fillsync_core::time::VenueTime;
use std::fs::File;
use std::io::{BufWriter, Write};

/// A file that is being written.
pub(super) struct CsvFile {
    out: BufWriter<File>,
}

impl CsvFile {
    pub(super) fn begin(mut out: BufWriter<File>, columns: &[Column]) -> anyhow::Result<Self> {
        let names: Vec<_> = columns.iter().map(|column| column.name).collect();
        write!(out, "{}\r\n", names.join(","))?;
        Ok(Self { out })
    }
}

impl Sink for CsvFile {
    fn write(&mut self, rows: &[Vec<Cell>]) -> anyhow::Result<()> {
        let mut line = String::new();
        for row in rows {
            line.clear();
            for (place, cell) in row.iter().enumerate() {
                if place > 0 {
                    line.push(',');
                }
                append(&mut line, cell);
            }
            line.push_str("\r\n");
            self.out.write_all(line.as_bytes())?;
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> anyhow::Result<()> {
        let file = self.out.into_inner()?;
        Ok(file.sync_all()?)
    }
}

fn append(line: &mut String, cell: &Cell) {
    match cell {
        Cell::Empty => {}
        Cell::Text(text) if is_plain(text) => line.push_str(text),
        Cell::Text(text) => {
            line.push('"');
            line.push_str(&text.replace('"', "\"\""));
            line.push('"');
        }
        Cell::Whole(number) => line.push_str(&number.to_string()),
        Cell::Moment(us) => line.push_str(&VenueTime::from_us(*us).to_string()),
        Cell::Flag(flag) => line.push_str(if *flag { "true" } else { "false" }),
    }
}

fn is_plain(text: &str) -> bool {
    !text.is_empty()
        && !text.contains([',', '"', '\r', '\n'])
        && !text.starts_with(' ')
        && !text.ends_with(' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_where_they_must_be() {
        for (cell, wanted) in [
            (Cell::Empty, ""),
            (Cell::text(""), "\"\""),
            (Cell::text("GTCUSDT"), "GTCUSDT"),
            (Cell::text("a,b"), "\"a,b\""),
            (Cell::text("{\"a\":1}"), "\"{\"\"a\"\":1}\""),
            (Cell::text("two\nlines"), "\"two\nlines\""),
            (Cell::text("0.00001234"), "0.00001234"),
            (Cell::Whole(-3), "-3"),
            (Cell::Moment(0), "1970-01-01T00:00:00.000000Z"),
            (Cell::Flag(true), "true"),
        ] {
            let mut line = String::new();
            append(&mut line, &cell);
            assert_eq!(line, wanted, "{cell:?}");
        }
    }
}
