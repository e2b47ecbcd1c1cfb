//! Parquet, one row group for each step of the walk, every column optional.
//!
//! Amounts are UTF-8 text, not Decimal128: a decimal column has one number of places for all of its rows,
//! and prices of different markets have none in common. A reader casts where it knows the market.

use super::Sink;
use super::table::{Cell, Column, Kind};
use anyhow::{Context as _, bail};
use parquet::basic::Compression;
use parquet::column::writer::ColumnWriter;
use parquet::data_type::ByteArray;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use std::fs::File;
use std::io::BufWriter;
use std::sync::Arc;

/// A file that is being written.
pub(super) struct ParquetFile {
    writer: SerializedFileWriter<BufWriter<File>>,
}

impl ParquetFile {
    pub(super) fn begin(out: BufWriter<File>, columns: &[Column]) -> anyhow::Result<Self> {
        let fields: String = columns
            .iter()
            .map(|column| {
                let kind = match column.kind {
                    Kind::Text => ("BYTE_ARRAY", " (UTF8)"),
                    Kind::Whole => ("INT64", ""),
                    Kind::Moment => ("INT64", " (TIMESTAMP(MICROS,true))"),
                    Kind::Flag => ("BOOLEAN", ""),
                };
                format!("OPTIONAL {} {}{};", kind.0, column.name, kind.1)
            })
            .collect();
        let schema = Arc::new(parse_message_type(&format!(
            "message fillsync {{{fields}}}"
        ))?);
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_created_by(format!("fillsync {}", env!("CARGO_PKG_VERSION")))
            .build();
        let writer = SerializedFileWriter::new(out, schema, Arc::new(properties))?;
        Ok(Self { writer })
    }
}

impl Sink for ParquetFile {
    fn write(&mut self, rows: &[Vec<Cell>]) -> anyhow::Result<()> {
        let mut group = self.writer.next_row_group()?;
        let mut place = 0;
        while let Some(mut column) = group.next_column()? {
            let cells = rows
                .iter()
                .map(|row| row.get(place).unwrap_or(&Cell::Empty));
            write_column(column.untyped(), cells).with_context(|| format!("column {place}"))?;
            column.close()?;
            place += 1;
        }
        group.close()?;
        Ok(())
    }

    fn finish(self: Box<Self>) -> anyhow::Result<()> {
        let out = self.writer.into_inner()?;
        let file = out.into_inner()?;
        Ok(file.sync_all()?)
    }
}

fn write_column<'a>(
    column: &mut ColumnWriter<'_>,
    cells: impl Iterator<Item = &'a Cell>,
) -> anyhow::Result<()> {
    let (mut texts, mut wholes, mut flags) = (Vec::new(), Vec::new(), Vec::new());
    let levels: Vec<i16> = cells
        .map(|cell| {
            match cell {
                Cell::Empty => return 0,
                Cell::Text(text) => texts.push(ByteArray::from(text.as_bytes().to_vec())),
                Cell::Whole(number) | Cell::Moment(number) => wholes.push(*number),
                Cell::Flag(flag) => flags.push(*flag),
            }
            1
        })
        .collect();
    let there: usize = levels.iter().filter(|level| **level == 1).count();
    let written = match column {
        ColumnWriter::ByteArrayColumnWriter(writer) => {
            writer.write_batch(&texts, Some(&levels), None)?
        }
        ColumnWriter::Int64ColumnWriter(writer) => {
            writer.write_batch(&wholes, Some(&levels), None)?
        }
        ColumnWriter::BoolColumnWriter(writer) => {
            writer.write_batch(&flags, Some(&levels), None)?
        }
        _ => bail!("a column of a kind that is not written"),
    };
    if written != there {
        bail!("{there} cells are to be written, and {written} are of the column's kind");
    }
    Ok(())
}
