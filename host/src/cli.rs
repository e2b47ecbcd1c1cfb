//! The command line: its arguments, and what each command does.
//!
//! Commands that answer read the ledger by themselves, so they work whether the daemon runs or not,
//! and print a table for people or JSON for machines. Errors name the thing, the value and the
//! remedy, and go to standard error.

use crate::app::{self, SystemClock};
use crate::demo::{self, DemoSettings};
use crate::run::{self, RunSettings};
use crate::telemetry::{self, LogFormat};
use anyhow::{Context as _, anyhow};
use clap::{Args, Parser, Subcommand};
use fillsync_core::id::{AccountName, GroupName, Symbol};
use fillsync_core::port::Clock as _;
use fillsync_core::time::VenueTime;
use fillsync_ledger::{AlertFilter, CycleFilter, FillFilter, Reader};
use fillsync_report::{Answer, CountFilter, DivergenceFilter, Look};
use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tokio::sync::{mpsc, watch};

mod check;

/// Watches the fills of main and mirror accounts, and keeps their counts in agreement and true.
#[derive(Debug, Parser)]
#[command(name = "fillsync", version, propagate_version = true)]
pub struct Cli {
    /// The configuration file.
    #[arg(
        long,
        short,
        global = true,
        default_value = "fillsync.toml",
        env = "FILLSYNC_CONFIG"
    )]
    config: PathBuf,
    /// Print JSON instead of a table.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the daemon.
    Run,
    /// Play the story with fake venues on this machine: nothing leaves it, no keys are needed.
    Demo {
        /// End when the story is told, instead of staying up for a look around.
        #[arg(long)]
        exit: bool,
        /// Where to write the configuration and the ledger; a new temporary folder otherwise.
        #[arg(long)]
        dir: Option<PathBuf>,
    },
    /// Check the configuration, the secrets, the plugins and, by asking the venues, the keys.
    Check {
        /// Ask nobody: check only what is on this machine.
        #[arg(long)]
        offline: bool,
    },
    /// The fills, the newest first.
    Fills {
        #[command(flatten)]
        which: Which,
        /// At most so many.
        #[arg(long, default_value_t = 50)]
        limit: u32,
        /// Older than this one, as the answer before says.
        #[arg(long)]
        before: Option<i64>,
    },
    /// Detected, shown and true counts.
    Counts {
        /// Of this group.
        #[arg(long)]
        group: Option<GroupName>,
        /// At most so many cycles.
        #[arg(long, default_value_t = 20)]
        limit: u32,
    },
    /// What closed cycles earned.
    Performance {
        #[command(flatten)]
        which: Which,
    },
    /// Accounts, coverage, gaps, the outbox.
    Status,
    /// Accounts that differ in truth.
    Divergences {
        /// Those that are resolved as well.
        #[arg(long)]
        all: bool,
    },
    /// Alerts and their deliveries, the newest first.
    Alerts {
        /// At most so many.
        #[arg(long, default_value_t = 20)]
        limit: u32,
        /// Older than this one, as the answer before says.
        #[arg(long)]
        before: Option<i64>,
    },
    /// Recompute everything that can be, and compare it with what is stored.
    Verify,
    /// Plugins.
    #[command(subcommand)]
    Plugin(PluginCommand),
}

#[derive(Debug, Subcommand)]
enum PluginCommand {
    /// The plugins that the configuration uses, and how loading them ends.
    List,
}

#[derive(Debug, Args)]
struct Which {
    /// Of this account.
    #[arg(long)]
    account: Option<AccountName>,
    /// Of this symbol, in the venue's spelling.
    #[arg(long)]
    symbol: Option<Symbol>,
    /// From this time on (RFC 3339).
    #[arg(long, value_parser = time)]
    since: Option<VenueTime>,
    /// Before this time (RFC 3339).
    #[arg(long, value_parser = time)]
    until: Option<VenueTime>,
}

fn time(text: &str) -> Result<VenueTime, String> {
    VenueTime::parse(text).map_err(|error| error.to_string())
}

/// The whole command: reads the arguments, does what they say, and says how it ended.
#[must_use]
pub fn main() -> ExitCode {
    // The only TLS provider; reqwest is built without one of its own choice.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let arguments = match Cli::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let asked_for_help = !error.use_stderr();
            let _ = error.print();
            return if asked_for_help {
                ExitCode::SUCCESS
            } else {
                ExitCode::from(2)
            };
        }
    };
    match run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error);
            ExitCode::from(1)
        }
    }
}

/// Does what the arguments say.
///
/// # Errors
/// When it failed; the text says what and what to do.
fn run(cli: Cli) -> anyhow::Result<()> {
    let Cli {
        config,
        json,
        command,
    } = cli;
    let answers = Answers {
        config: &config,
        json,
    };
    match command {
        Command::Run => runtime()?.block_on(daemon(config)),
        Command::Demo { exit, dir } => runtime()?.block_on(demo::play(DemoSettings { exit, dir })),
        Command::Check { offline } => runtime()?.block_on(check::check(&config, offline, json)),
        Command::Fills {
            which,
            limit,
            before,
        } => answers.give(|reader| {
            let filter = FillFilter {
                account: which.account,
                symbol: which.symbol,
                from: which.since,
                to: which.until,
                before_id: before,
                limit: fillsync_report::rows_wanted(Some(limit.into())),
            };
            Ok(fillsync_report::fills(reader, &filter, SystemClock.now())?)
        }),
        Command::Counts { group, limit } => answers.give(|reader| {
            let filter = CountFilter {
                group,
                symbol: None,
                limit,
            };
            Ok(fillsync_report::counts(reader, &filter, SystemClock.now())?)
        }),
        Command::Performance { which } => answers.give(|reader| {
            let filter = CycleFilter {
                account: which.account,
                symbol: which.symbol,
                from: which.since,
                to: which.until,
            };
            Ok(fillsync_report::performance(
                reader,
                &filter,
                SystemClock.now(),
            )?)
        }),
        Command::Status => {
            let path = answers.database()?;
            answers.give(|reader| Ok(fillsync_report::status(reader, &path, SystemClock.now())?))
        }
        Command::Divergences { all } => answers.give(|reader| {
            let filter = DivergenceFilter {
                group: None,
                account: None,
                symbol: None,
                open_only: !all,
                limit: fillsync_report::ROWS_MAX,
            };
            Ok(fillsync_report::divergences(
                reader,
                &filter,
                SystemClock.now(),
            )?)
        }),
        Command::Alerts { limit, before } => answers.give(|reader| {
            let filter = AlertFilter {
                before_id: before,
                ..AlertFilter::default()
            };
            Ok(fillsync_report::alerts(
                reader,
                &filter,
                limit,
                SystemClock.now(),
            )?)
        }),
        Command::Verify => verify(&answers),
        Command::Plugin(PluginCommand::List) => check::plugins(&config, json),
    }
}

/// Prints an error as it is meant to be read.
fn complain(error: &anyhow::Error) {
    let mut out = std::io::stderr().lock();
    // Nobody can be told that standard error is closed.
    let _ = writeln!(out, "fillsync: {error:#}");
}

/// Prints a line of an answer.
///
/// # Errors
/// When standard output is closed.
pub fn say(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}")?;
    Ok(out.flush()?)
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("the runtime cannot be started")
}

async fn daemon(config_path: PathBuf) -> anyhow::Result<()> {
    let loaded = app::load_config(&config_path)?;
    let format = match loaded.config.daemon.log_format {
        fillsync_config::LogFormat::Text => LogFormat::Text,
        fillsync_config::LogFormat::Json => LogFormat::Json,
    };
    telemetry::start(
        format,
        &telemetry::filter(loaded.config.daemon.log_level.as_str()),
    )?;
    let (rescan, rescans) = mpsc::channel(1);
    run::run(RunSettings {
        config_path,
        stop: signals(rescan)?,
        bound: None,
        sink: None,
        rescan: Some(rescans),
    })
    .await
}

/// Becomes true at SIGINT or SIGTERM; a second one ends the process at once. SIGHUP asks for a look
/// at all files.
///
/// # Errors
/// When signals cannot be taken.
pub fn signals(rescan: mpsc::Sender<()>) -> anyhow::Result<watch::Receiver<bool>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    let (stop, stopped) = watch::channel(false);
    tokio::spawn(async move {
        loop {
            tokio::select! {
                biased;
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                _ = hang_up.recv() => {
                    // A full channel means that a look is coming anyway.
                    let _ = rescan.try_send(());
                    continue;
                }
            }
            if *stop.borrow() {
                std::process::exit(1);
            }
            let _ = stop.send(true);
        }
    });
    Ok(stopped)
}

struct Answers<'a> {
    config: &'a Path,
    json: bool,
}

impl Answers<'_> {
    fn database(&self) -> anyhow::Result<PathBuf> {
        Ok(app::load_config(self.config)?.config.daemon.database)
    }

    fn reader(&self) -> anyhow::Result<Reader> {
        Ok(Reader::open(self.database()?)?)
    }

    fn give<A: Answer>(
        &self,
        ask: impl FnOnce(&Reader) -> anyhow::Result<A>,
    ) -> anyhow::Result<()> {
        let answer = ask(&self.reader()?)?;
        if self.json {
            return say(&answer.json()?);
        }
        let look = if std::io::stdout().is_terminal() {
            Look::Terminal
        } else {
            Look::Plain
        };
        say(answer.table(look).trim_end())
    }
}

fn verify(answers: &Answers<'_>) -> anyhow::Result<()> {
    let bar = spinner("recomputing every cycle from its executions");
    let check = answers.reader()?.self_check()?;
    bar.finish_and_clear();
    if answers.json {
        say(&serde_json::json!({
            "executions": check.executions, "cycles": check.cycles, "findings": check.findings,
        })
        .to_string())?;
    } else {
        say(&format!(
            "{} executions, {} cycles recomputed",
            check.executions, check.cycles
        ))?;
        for finding in &check.findings {
            say(&format!("  {finding}"))?;
        }
    }
    if check.findings.is_empty() {
        return Ok(());
    }
    Err(anyhow!(
        "{} findings; restore a backup, or move the ledger away and let the lookback fetch again",
        check.findings.len()
    ))
}

/// Shows that something goes on, on a terminal only.
fn spinner(what: &str) -> indicatif::ProgressBar {
    let bar = indicatif::ProgressBar::new_spinner().with_message(what.to_owned());
    bar.enable_steady_tick(std::time::Duration::from_millis(120));
    bar
}
