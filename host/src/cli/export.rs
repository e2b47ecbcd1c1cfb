//! `fillsync export`: facts into a file, for a spreadsheet or a data frame.
//!
//! Promises: what is in the file is the ledger at one moment; amounts keep every digit, as decimal text
//! in both formats, because one column may hold prices of any number of places; the memory that is
//! needed does not depend on how much is written; a file appears under its name when it is whole, and
//! never takes the place of another one unless told to.

mod csv;
mod parquet;
mod rows;
mod table;

use super::answers::Answers;
use super::{CalledWrongly, Which, is_known, say};
use anyhow::Context as _;
use clap::{Args, ValueEnum};
use fillsync_core::id::GroupName;
use fillsync_ledger::Reader;
use std::fs::{self, File};
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use table::Cell;

/// Rows that are read, and written, at once.
const ROWS_AT_ONCE: u32 = 8_192;

/// What can be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum What {
    /// Every fill, once.
    Fills,
    /// Every row that a venue reported: fills, funding, what was taken back, with the venue's own text.
    Executions,
    /// Alerts with their deliveries.
    Alerts,
    /// Detected, shown and true counts.
    Counts,
    /// Closed trades with their results after fees.
    Performance,
}

/// How it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// Text with a header line.
    Csv,
    /// Apache Parquet, compressed by Snappy.
    Parquet,
}

/// What is wished for.
#[derive(Debug, Args)]
pub(super) struct Wish {
    /// What to write.
    what: What,
    /// The file.
    #[arg(long)]
    out: PathBuf,
    /// How; by default the file's ending tells (.csv or .parquet).
    #[arg(long)]
    format: Option<Format>,
    /// Take the place of a file that is there.
    #[arg(long)]
    replace: bool,
    #[command(flatten)]
    which: Which,
    /// Of this group (alerts, counts).
    #[arg(long)]
    group: Option<GroupName>,
}

/// Where rows go.
trait Sink {
    fn write(&mut self, rows: &[Vec<Cell>]) -> anyhow::Result<()>;

    /// Writes what is left, and waits until it is on the disk.
    fn finish(self: Box<Self>) -> anyhow::Result<()>;
}

/// Writes the file.
pub(super) fn export(answers: &Answers<'_>, wish: Wish) -> anyhow::Result<()> {
    let format = format_of(&wish)?;
    if wish.group.is_some() && !matches!(wish.what, What::Alerts | What::Counts) {
        return Err(CalledWrongly(
            "--group narrows alerts and counts; give --account for the others".to_owned(),
        )
        .into());
    }
    if let Some(group) = &wish.group {
        is_known(&answers.load()?, group)?;
    }
    if wish.out.exists() && !wish.replace {
        anyhow::bail!(
            "{} is there already; give another name, or --replace",
            wish.out.display()
        );
    }
    let reader = answers.reader()?;
    let unfinished = unfinished(&wish.out);
    let rows = write(&reader, &wish, format, &unfinished).inspect_err(|_| {
        // What is half written helps nobody; that it cannot be removed says less than the error.
        let _ = fs::remove_file(&unfinished);
    })?;
    fs::rename(&unfinished, &wish.out)
        .with_context(|| format!("{} cannot be given its name", wish.out.display()))?;
    if answers.json {
        let told = serde_json::json!({ "file": wish.out, "rows": rows });
        return say(&told.to_string());
    }
    say(&format!("{rows} rows written to {}", wish.out.display()))
}

fn format_of(wish: &Wish) -> Result<Format, CalledWrongly> {
    let ending = wish.out.extension().and_then(|ending| ending.to_str());
    match (wish.format, ending) {
        (Some(format), _) => Ok(format),
        (None, Some("csv")) => Ok(Format::Csv),
        (None, Some("parquet")) => Ok(Format::Parquet),
        (None, _) => Err(CalledWrongly(format!(
            "{} does not tell its format; give --format csv or --format parquet",
            wish.out.display()
        ))),
    }
}

/// Beside the file, so that giving it its name is one step.
fn unfinished(out: &Path) -> PathBuf {
    let mut name = out.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    out.with_file_name(name)
}

fn write(reader: &Reader, wish: &Wish, format: Format, path: &Path) -> anyhow::Result<u64> {
    let file =
        File::create(path).with_context(|| format!("{} cannot be written", path.display()))?;
    let columns = rows::columns(wish.what);
    let mut sink: Box<dyn Sink> = match format {
        Format::Csv => Box::new(csv::CsvFile::begin(BufWriter::new(file), columns)?),
        Format::Parquet => Box::new(parquet::ParquetFile::begin(BufWriter::new(file), columns)?),
    };
    let mut count = 0u64;
    let mut trouble = None;
    // One transaction, so that rows which come meanwhile are in no page.
    reader.at_one_moment(|reader| {
        rows::walk(reader, wish, &mut |rows| {
            count = count.saturating_add(u64::try_from(rows.len()).unwrap_or(u64::MAX));
            match sink.write(rows) {
                Ok(()) => true,
                Err(error) => {
                    trouble = Some(error);
                    false
                }
            }
        })
    })?;
    if let Some(error) = trouble {
        return Err(error.context(format!("{} cannot be written", path.display())));
    }
    sink.finish()
        .with_context(|| format!("{} cannot be written", path.display()))?;
    Ok(count)
}

impl Wish {
    const fn which(&self) -> &Which {
        &self.which
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_table_has_names_of_its_own_and_rows_of_its_width() {
        for what in What::value_variants() {
            let columns = rows::columns(*what);
            let names: std::collections::BTreeSet<_> =
                columns.iter().map(|column| column.name).collect();
            assert_eq!(names.len(), columns.len(), "{what:?}");
        }
    }

    #[test]
    fn a_file_is_written_beside_its_name() {
        assert_eq!(
            unfinished(Path::new("/a/fills.csv")),
            Path::new("/a/fills.csv.part")
        );
    }
}
