//! `import`: the records of another program become part of an account, as old facts.
//!
//! The file is read whole before anything is written, and every wrong line of it is told. A dry run
//! does the same to a copy of the ledger and shows the difference, so it cannot show anything else than
//! what would happen. Imported rows prove nothing: coverage stays as it is, and the venue's own rows
//! are fetched all the same. They cause no alert; that is kept where alerts are routed.

use super::accounts::{self, account};
use super::answers::Answers;
use super::progress::{Progress, spinner};
use crate::app::SystemClock;
use anyhow::Context as _;
use fillsync_config::Account;
use fillsync_core::id::{AccountName, Category, Market};
use fillsync_core::port::Clock as _;
use fillsync_core::time::HostTime;
use fillsync_ledger::import::{ImportFormat, ImportSettings, Span, Staged};
use fillsync_ledger::{CycleFilter, Ledger, PageRecord, Reader};
use fillsync_report::{Answer, Column, ExactNumber, Look, render};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// What to say when the ledger is in use.
const IN_USE: &str =
    "stop it, import, and start it again (`--dry-run` works on a copy, while it runs as well)";

/// Conflicts that are named.
const CONFLICTS_NAMED_MAX: usize = 100;

/// What is to be imported, and how.
pub(super) struct Wish {
    pub(super) file: PathBuf,
    pub(super) account: AccountName,
    pub(super) format: Option<super::ImportFormat>,
    pub(super) category: Option<Category>,
    pub(super) dry_run: bool,
}

/// What an import changed, or would change.
#[derive(Debug, Serialize)]
struct ImportAnswer {
    file: String,
    format: &'static str,
    account: String,
    dry_run: bool,
    /// Different rows of the file.
    rows: u64,
    /// Rows that the file has more than once.
    repeated: u64,
    /// Rows that are the sum of an order, and give way to the venue's own.
    sums: u64,
    /// Rows that the ledger did not have.
    new: u64,
    /// Rows that it had, with the same content.
    known: u64,
    /// Rows that it had with other content, which stays.
    conflicts: u64,
    /// The first of these, by id.
    conflicting: Vec<String>,
    ignored_columns: Vec<String>,
    by_symbol: Vec<BySymbol>,
    before: Sums,
    after: Sums,
}

#[derive(Debug, Serialize)]
struct BySymbol {
    category: String,
    symbol: String,
    from: String,
    to: String,
    rows: u64,
    new: u64,
    known: u64,
    conflicts: u64,
}

/// What the account's ledger says in sum.
#[derive(Debug, Serialize)]
struct Sums {
    /// Closed cycles with a known result.
    trades: u64,
    /// What they earned.
    pnl: ExactNumber,
    /// Closed cycles whose result cannot be said.
    incomplete_cycles: u64,
}

#[derive(Debug, Default, Clone, Copy)]
struct Tally {
    new: u64,
    known: u64,
    conflicts: u64,
}

/// `fillsync import`.
pub(super) fn import(answers: &Answers<'_>, wish: &Wish) -> anyhow::Result<()> {
    let config = answers.load()?;
    let account = account(&config, &wish.account)?;
    let now = SystemClock.now();
    let format = match wish.format {
        Some(super::ImportFormat::Seed) => ImportFormat::Seed,
        Some(super::ImportFormat::Csv) => ImportFormat::Csv,
        None => ImportFormat::of(&wish.file)?,
    };
    let bar = spinner(&format!("reading {}", wish.file.display()));
    let staged = Staged::read(&wish.file, format, &settings(account, wish, now)?);
    bar.finish_and_clear();
    let mut staged = staged?;
    let spans = staged.spans()?;
    let database = &config.daemon.database;
    let before = match Reader::open(database) {
        Ok(reader) => sums(&reader, &account.name, now)?,
        Err(fillsync_ledger::LedgerError::Missing { .. }) => Sums::nothing(),
        Err(error) => return Err(error.into()),
    };
    let copy = wish.dry_run.then(|| Copy::of(database)).transpose()?;
    let target = copy.as_ref().map_or(database, |copy| &copy.database);
    let ledger = accounts::ledger(target, IN_USE)?;
    let (tallies, conflicting) =
        super::runtime()?.block_on(record(ledger, &mut staged, account, now))?;
    let after = sums(&Reader::open(target)?, &account.name, now)?;
    let total = tallies.values().fold(Tally::default(), |sum, tally| Tally {
        new: sum.new + tally.new,
        known: sum.known + tally.known,
        conflicts: sum.conflicts + tally.conflicts,
    });
    answers.print(&ImportAnswer {
        file: wish.file.display().to_string(),
        format: match format {
            ImportFormat::Seed => "seed",
            ImportFormat::Csv => "csv",
        },
        account: account.name.to_string(),
        dry_run: wish.dry_run,
        rows: staged.rows(),
        repeated: staged.repeated(),
        sums: spans.iter().map(|span| span.sums).sum(),
        new: total.new,
        known: total.known,
        conflicts: total.conflicts,
        conflicting,
        ignored_columns: staged.ignored_columns().to_vec(),
        by_symbol: spans
            .iter()
            .map(|span| BySymbol::new(span, &account.name, &tallies))
            .collect(),
        before,
        after,
    })
}

fn settings(account: &Account, wish: &Wish, now: HostTime) -> anyhow::Result<ImportSettings> {
    let categories = match &wish.category {
        None => account.categories.clone(),
        Some(category) if account.categories.contains(category) => vec![category.clone()],
        Some(category) => {
            let known: Vec<&str> = account.categories.iter().map(Category::as_str).collect();
            return Err(super::CalledWrongly(format!(
                "account {} has no category {category}; it has {}",
                account.name,
                known.join(", ")
            ))
            .into());
        }
    };
    Ok(ImportSettings {
        account: account.name.clone(),
        categories,
        now,
    })
}

/// Writes all rows, market by market; each batch is one transaction, and doing it again changes nothing.
async fn record(
    ledger: Ledger,
    staged: &mut Staged,
    account: &Account,
    now: HostTime,
) -> anyhow::Result<(BTreeMap<Market, Tally>, Vec<String>)> {
    let progress = Progress::new(staged.rows());
    let mut tallies: BTreeMap<Market, Tally> = BTreeMap::new();
    let mut conflicting = Vec::new();
    loop {
        let batch = staged.next_batch()?;
        let Some(first) = batch.first() else { break };
        let market = first.market.clone();
        let rows = u64::try_from(batch.len())?;
        let mut page = PageRecord::new(
            account.name.clone(),
            account.venue,
            market.category.clone(),
            now,
        );
        page.executions = batch;
        let recorded = ledger.record(page).await.context(
            "the import stopped half-way; what is written stays, and the same command goes on from there",
        )?;
        let new = u64::try_from(recorded.new.len())?;
        let known = u64::from(recorded.known);
        let tally = tallies.entry(market.clone()).or_default();
        tally.new += new;
        tally.known += known;
        // A conflict that was told before is no longer among those of this record; it is one all the same.
        tally.conflicts += rows.saturating_sub(new + known);
        conflicting.extend(
            recorded
                .conflicts
                .iter()
                .map(|key| format!("{} {}", key.symbol, key.execution_id)),
        );
        conflicting.truncate(CONFLICTS_NAMED_MAX);
        progress.advance(rows, market.symbol.as_str());
    }
    progress.finish();
    ledger.close().await;
    Ok((tallies, conflicting))
}

fn sums(reader: &Reader, account: &AccountName, now: HostTime) -> anyhow::Result<Sums> {
    let filter = CycleFilter {
        account: Some(account.clone()),
        ..CycleFilter::default()
    };
    let answer = fillsync_report::performance(reader, &filter, now)?;
    Ok(Sums {
        trades: answer.overall.total_trades,
        pnl: answer.overall.total_pnl,
        incomplete_cycles: answer.incomplete_cycles,
    })
}

impl Sums {
    fn nothing() -> Self {
        Self {
            trades: 0,
            pnl: ExactNumber(rust_decimal::Decimal::ZERO),
            incomplete_cycles: 0,
        }
    }
}

impl BySymbol {
    fn new(span: &Span, account: &AccountName, tallies: &BTreeMap<Market, Tally>) -> Self {
        let market = Market {
            account: account.clone(),
            category: span.category.clone(),
            symbol: span.symbol.clone(),
        };
        let tally = tallies.get(&market).copied().unwrap_or_default();
        Self {
            category: span.category.to_string(),
            symbol: span.symbol.to_string(),
            from: span.from.to_string(),
            to: span.to.to_string(),
            rows: span.rows,
            new: tally.new,
            known: tally.known,
            conflicts: tally.conflicts,
        }
    }
}

/// A copy of the ledger, beside it: on a disk that has room for it, and as private as it is.
struct Copy {
    database: PathBuf,
    _folder: TempDir,
}

impl Copy {
    fn of(database: &Path) -> anyhow::Result<Self> {
        let beside = database
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
            .unwrap_or_else(|| Path::new("."));
        let folder = tempfile::Builder::new()
            .prefix(".fillsync-dry-run-")
            .tempdir_in(beside)
            .with_context(|| {
                format!(
                    "a copy of the ledger cannot be made in {}",
                    beside.display()
                )
            })?;
        let copy = folder.path().join("ledger.db");
        match Reader::open(database) {
            Ok(reader) => reader.backup_into(&copy)?,
            // Nothing is there yet: the import would make it.
            Err(fillsync_ledger::LedgerError::Missing { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(Self {
            database: copy,
            _folder: folder,
        })
    }
}

impl Answer for ImportAnswer {
    fn table(&self, look: Look) -> String {
        let columns = [
            Column::Left("CATEGORY"),
            Column::Left("SYMBOL"),
            Column::Left("FROM"),
            Column::Left("TO"),
            Column::Right("ROWS"),
            Column::Right("NEW"),
            Column::Right("KNOWN"),
            Column::Right("CONFLICTS"),
        ];
        let rows = self.by_symbol.iter().map(|row| {
            vec![
                row.category.clone(),
                row.symbol.clone(),
                row.from.clone(),
                row.to.clone(),
                row.rows.to_string(),
                row.new.to_string(),
                row.known.to_string(),
                row.conflicts.to_string(),
            ]
        });
        let mut text = render(look, &columns, rows, "The file has no rows.");
        let mut line = |sentence: String| {
            text.push_str(&sentence);
            text.push('\n');
        };
        line(format!(
            "{}{}: {} new, {} known, {} in conflict",
            if self.dry_run {
                "dry run, nothing was changed; "
            } else {
                ""
            },
            self.account,
            self.new,
            self.known,
            self.conflicts
        ));
        line(format!(
            "closed trades {} -> {}, realised {} -> {}",
            self.before.trades, self.after.trades, self.before.pnl.0, self.after.pnl.0
        ));
        if self.sums > 0 {
            line(format!(
                "{} rows are sums of orders; each gives way to the venue's own rows when they come",
                self.sums
            ));
        }
        if self.repeated > 0 {
            line(format!(
                "{} rows stand in the file more than once",
                self.repeated
            ));
        }
        if !self.ignored_columns.is_empty() {
            line(format!(
                "columns left out: {}",
                self.ignored_columns.join(", ")
            ));
        }
        for conflict in &self.conflicting {
            line(format!(
                "conflict: {conflict} is in the ledger with other content, which stays"
            ));
        }
        text
    }
}
