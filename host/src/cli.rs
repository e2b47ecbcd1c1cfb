//! The command line: its arguments, and what each command does.
//!
//! Commands that answer read the ledger by themselves, so they work whether the daemon runs or not,
//! and print a table for people or JSON for machines. Errors name the thing, the value and the
//! remedy, and go to standard error.

use crate::demo::{self, DemoSettings};
use anyhow::Context as _;
use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum};
use fillsync_core::id::{AccountName, Category, ChannelName, GroupName, Symbol};
use fillsync_core::time::VenueTime;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

mod accounts;
mod alerts;
mod answers;
mod backfill;
mod backup;
mod channels;
mod check;
mod compare;
mod daemon;
mod documents;
mod explain;
mod export;
mod fake_venue;
mod import;
mod init;
mod keys;
mod paint;
mod patience;
mod plugin;
mod plugin_store;
mod progress;
mod verify;
mod watch;

#[cfg(test)]
mod book_tests;
#[cfg(test)]
mod help_tests;

pub use daemon::signals;

use answers::{Answers, is_known};

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
    /// Whether tables and errors are coloured: on a terminal, always, or never.
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    color: paint::When,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Ask a few questions, check the keys, and write a configuration.
    ///
    /// Questions are asked at a terminal; otherwise each line of standard input is one answer, and an empty
    /// line takes the default. What an option says is not asked. A secret is asked for too, unless it
    /// stands in the variable FILLSYNC_ACCOUNT_KEY, FILLSYNC_ACCOUNT_SECRET (with the account's name) or FILLSYNC_TELEGRAM_TOKEN.
    /// The order: where secrets are kept; for each account its name, role, venue, address, key, secret, and
    /// whether there is another; the strategy, where there are several; where alerts go, and what
    /// that needs.
    ///
    /// Secrets are never in the configuration. With --secrets file each has a file of its own that only its
    /// owner can read, so that it works at once, also as a service; with --secrets env nothing is stored.
    /// Nothing that exists is written over.
    Init(init::Wish),
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
    /// Check the configuration, the secrets, the plugins and, by asking, the keys and the channels.
    ///
    /// Each venue is asked what the key may do, from where, and until when, and how its clock stands. A key
    /// that could trade or withdraw is warned of by name: fillsync needs to read only. So is one that
    /// stops working within 14 days. Each receiver of alerts that can be asked without a message is asked
    /// whether it would take one. Nothing is written and no message is sent.
    ///
    /// Exit status: 0 when the daemon can run (warnings or not), 1 when something keeps it from working.
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
        #[command(flatten)]
        watch: watch::Wish,
    },
    /// What closed cycles earned.
    Performance {
        #[command(flatten)]
        which: Which,
        /// Of the members of this group of the configuration.
        #[arg(long)]
        group: Option<GroupName>,
    },
    /// Accounts, coverage, gaps, the outbox.
    Status {
        #[command(flatten)]
        watch: watch::Wish,
    },
    /// Accounts that differ in truth.
    Divergences {
        /// Those that are resolved as well.
        #[arg(long)]
        all: bool,
    },
    /// Alerts and their deliveries, the newest first; and what can be done about them.
    #[command(args_conflicts_with_subcommands = true)]
    Alerts {
        #[command(subcommand)]
        command: Option<AlertsCommand>,
        /// At most so many.
        #[arg(long, default_value_t = 20)]
        limit: u32,
        /// Older than this one, as the answer before says.
        #[arg(long)]
        before: Option<i64>,
    },
    /// Why something is what it is: the chain of facts, the view, the decision, and the decision made again.
    ///
    /// The executions with the venue's own ids and times, what was proven at that time, how the orders were
    /// matched, what the strategy was shown and answered, what was told of it and where that went. Then the
    /// same plugin is asked once more with the same view, and the answer must be the same, byte for byte.
    #[command(subcommand)]
    Explain(explain::Wish),
    /// Compare the ledger with itself and with the venues.
    ///
    /// Every cycle is computed again from its executions. Then each venue is asked: for every order that
    /// is open or changed in the last days the sum of its fills must be what the venue says is filled, and
    /// the open positions must be the venue's. Every difference is printed with both values and what to
    /// do. Nothing is changed.
    ///
    /// Exit status: 0 when all agrees, 1 when something differs or could not be asked.
    Verify {
        /// Of this account; of all by default. The ledger itself is always looked at as a whole.
        #[arg(long)]
        account: Option<AccountName>,
        /// Ask about every order that the ledger has, however old; one request each.
        #[arg(long, conflicts_with = "offline")]
        all: bool,
        /// Ask no venue: only the ledger against itself.
        #[arg(long)]
        offline: bool,
    },
    /// Ask the venues for everything in a span that is not proven yet.
    ///
    /// What is proven is not asked for again, so an interrupted backfill goes on when the same command
    /// runs again. A window that fails stays a known gap; what is older than the venue serves is named.
    /// Old fills are told in one digest when the daemon runs again. The daemon must not run meanwhile.
    ///
    /// Exit status: 0 when all of the span is proven, 1 when something of it is not.
    Backfill {
        /// Of this account; of all by default.
        #[arg(long)]
        account: Option<AccountName>,
        /// From this time on (RFC 3339, as in 2026-01-01T00:00:00Z).
        #[arg(long, value_parser = time)]
        from: VenueTime,
        /// Before this time (RFC 3339); now by default.
        #[arg(long, value_parser = time)]
        to: Option<VenueTime>,
    },
    /// Take over the records of another program, as old facts: they cause no alert.
    ///
    /// Two kinds of file are read. A SQLite database with a table `fills` (ts, symbol, side, qty, price,
    /// order_id, exec_id), as the second seed's bot keeps it: its `ts` is when the bot wrote the row, in
    /// UTC; its `exec_id` is the order's id, so that a row is the sum of an order and gives way to the
    /// venue's own rows when they come; its numbers are floats, read as the shortest decimal that is the
    /// same float. And a CSV file with a header line as `/fills` names its columns: timestamp (RFC 3339,
    /// with its zone), symbol, side, quantity, price, order_id, exec_id, and, where there are any,
    /// account, category, client_order_id, order_type, fee, fee_currency, is_maker.
    ///
    /// Every line that cannot be read is told, and then nothing is imported. What is known already stays
    /// as it is, so an import can be repeated. The daemon must not run; --dry-run works on a copy of the
    /// ledger and can be used at any time.
    Import {
        /// The file.
        file: PathBuf,
        /// The account of the configuration that the rows become part of.
        #[arg(long)]
        account: AccountName,
        /// What the file is; by default its first bytes tell.
        #[arg(long)]
        format: Option<ImportFormat>,
        /// The category of rows that do not say their own, where the account has several.
        #[arg(long)]
        category: Option<Category>,
        /// Show what would change, and change nothing.
        #[arg(long)]
        dry_run: bool,
    },
    /// Write facts into a file, for a spreadsheet or a data frame.
    ///
    /// The file is the ledger at one moment, whether the daemon runs or not. Amounts are decimal text in
    /// both formats, with every digit; moments are UTC, in Parquet as timestamps in microseconds.
    Export(export::Wish),
    /// Run a fake venue on this machine, to test your own bot against.
    ///
    /// It answers as Bybit or Alpaca do, over HTTP and WebSocket, checks signatures and keeps the venue's
    /// limits. It binds 127.0.0.1 only, says its address and its keys, and serves until Ctrl-C.
    FakeVenue(fake_venue::Wish),
    /// Write a copy of the ledger into a new file; the daemon may run meanwhile.
    ///
    /// The copy has its name only when every page of it was checked and is on the disk. The configuration,
    /// the secrets and the plugins are files of their own: copy them as you copy other files.
    Backup {
        /// The file; it must not exist.
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
    },
    /// Put a copy in the ledger's place. The daemon must not run.
    ///
    /// The copy is checked first, page by page. A ledger that is there is replaced with --force only, and
    /// kept beside it. What happened since the copy was made is fetched from the venues when the
    /// daemon runs again.
    Restore {
        /// The copy.
        #[arg(long, value_name = "FILE")]
        from: PathBuf,
        /// Replace the ledger that is there; it is kept as `….before-TIME`.
        #[arg(long)]
        force: bool,
    },
    /// Plugins: those in use, and the author's kit.
    #[command(subcommand)]
    Plugin(plugin::PluginCommand),
    /// Print a shell's completions of this command.
    ///
    /// For bash: `fillsync completions bash > ~/.local/share/bash-completion/completions/fillsync`. For fish:
    /// `fillsync completions fish > ~/.config/fish/completions/fillsync.fish`. For zsh: into a file `_fillsync` in a
    /// folder of `$fpath`.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Print the manual page of this command, or of one of its commands.
    ///
    /// To read it: `fillsync man | man -l -`. To install all of them: `fillsync man --to /usr/local/share/man/man1`.
    Man {
        /// The command whose page it is, as in `plugin list`; the whole by default.
        command: Vec<String>,
        /// Write the pages of all commands into this folder instead.
        #[arg(long, value_name = "FOLDER", conflicts_with = "command")]
        to: Option<PathBuf>,
    },
    /// Compile the component on standard input, for the daemon that started this process.
    #[command(hide = true)]
    CompilePlugin {
        /// Address space that it may take.
        memory_bytes: u64,
        /// Time that it may take.
        time_ms: u64,
    },
}

#[derive(Debug, Subcommand)]
enum AlertsCommand {
    /// Send a sample to a channel.
    ///
    /// It goes the way of every alert, through the channel's formatter to its receiver, says that it is a
    /// test, and is recorded nowhere. Routing and quiet hours are not asked.
    ///
    /// Exit status: 0 when the receiver took it, 1 when not, with its own answer and what to do.
    Test {
        /// The channel's name in the configuration.
        channel: ChannelName,
    },
    /// Send an alert's dead letters again.
    ///
    /// What was sent is not repeated, nor what a newer revision of the alert took the place of. The daemon
    /// may run: it sends them within seconds.
    ///
    /// Exit status: 0 when something is sent again, 1 when there was nothing to send.
    Resend {
        /// The alert's number, as `alerts` shows it.
        id: i64,
        /// Only to this channel; to all that gave it up by default.
        #[arg(long)]
        channel: Option<ChannelName>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ImportFormat {
    /// The SQLite database of the second seed's bot.
    Seed,
    /// A table with a header line.
    Csv,
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
    let when = paint::When::asked_for(std::env::args_os());
    let matches = Cli::command()
        .color(when.of_help())
        .try_get_matches()
        .and_then(|matches| Cli::from_arg_matches(&matches));
    let arguments = match matches {
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
    // A process that compiles does nothing else, and says how it went by its status alone.
    if let Command::CompilePlugin {
        memory_bytes,
        time_ms,
    } = arguments.command
    {
        return ExitCode::from(plugin_store::compile(memory_bytes, time_ms));
    }
    match run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        // Who reads the first lines of an answer and closes the pipe has what was wanted.
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error, when);
            let called_wrongly = error.is::<CalledWrongly>();
            ExitCode::from(if called_wrongly { 2 } else { 1 })
        }
    }
}

/// The arguments do not fit the configuration: an account that it does not have, a span that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
struct CalledWrongly(String);

/// Does what the arguments say.
///
/// # Errors
/// When it failed; the text says what and what to do.
fn run(cli: Cli) -> anyhow::Result<()> {
    let Cli {
        config,
        json,
        color,
        command,
    } = cli;
    let answers = Answers {
        config: &config,
        json,
        look: color.look(),
    };
    match command {
        Command::Init(wish) => runtime()?.block_on(init::init(&answers, wish)),
        Command::Run => runtime()?.block_on(daemon::run(config)),
        Command::Demo { exit, dir } => runtime()?.block_on(demo::play(DemoSettings { exit, dir })),
        Command::FakeVenue(wish) => runtime()?.block_on(fake_venue::run(wish, json)),
        Command::Check { offline } => runtime()?.block_on(check::check(&answers, offline)),
        Command::Fills {
            which,
            limit,
            before,
        } => answers.fills(which, limit, before),
        Command::Counts {
            group,
            limit,
            watch,
        } => watch.show(|| answers.counts(group.as_ref(), limit)),
        Command::Performance { which, group } => answers.performance(which, group),
        Command::Status { watch } => watch.show(|| answers.status()),
        Command::Divergences { all } => answers.divergences(all),
        Command::Alerts {
            command: None,
            limit,
            before,
        } => answers.alerts(limit, before),
        Command::Alerts {
            command: Some(AlertsCommand::Test { channel }),
            ..
        } => runtime()?.block_on(alerts::test(&answers, &channel)),
        Command::Alerts {
            command: Some(AlertsCommand::Resend { id, channel }),
            ..
        } => alerts::resend(&answers, id, channel.as_ref()),
        Command::Explain(wish) => explain::explain(&answers, &wish),
        Command::Verify {
            account,
            all,
            offline,
        } => {
            let wish = verify::Wish {
                account,
                all,
                offline,
            };
            runtime()?.block_on(verify::verify(&answers, &wish))
        }
        Command::Backfill { account, from, to } => {
            let wish = backfill::Wish { account, from, to };
            runtime()?.block_on(backfill::backfill(&answers, &wish))
        }
        Command::Import {
            file,
            account,
            format,
            category,
            dry_run,
        } => import::import(
            &answers,
            &import::Wish {
                file,
                account,
                format,
                category,
                dry_run,
            },
        ),
        Command::Backup { to } => backup::back_up(&answers, &to),
        Command::Restore { from, force } => backup::restore(&answers, &from, force),
        Command::Plugin(command) => plugin::run(&answers, command),
        Command::Export(wish) => export::export(&answers, wish),
        Command::Completions { shell } => documents::completions(shell),
        Command::Man { command, to } => documents::man(&command, to.as_deref()),
        // `main` has done it already, and gave its own status.
        Command::CompilePlugin { .. } => Ok(()),
    }
}

/// Prints an error as it is meant to be read.
fn complain(error: &anyhow::Error, when: paint::When) {
    let text = paint::errors(&format!("{error:#}"), when);
    // Nobody can be told that standard error is closed.
    let _ = writeln!(std::io::stderr().lock(), "fillsync: {text}");
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<std::io::Error>()
        .is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}

/// Prints something that does not keep a command from working.
fn warn(text: &str) {
    // Nobody can be told that standard error is closed.
    let _ = writeln!(std::io::stderr().lock(), "fillsync: warning: {text}");
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
