//! `fillsync plugin …`: what the operator asks about plugins, and the author's kit.
//!
//! An arm for each command and a file for each arm. What loads, asks and judges a plugin is the
//! daemon's own engine (`fillsync-plugin-host`), so that what passes here passes there; these files
//! read arguments and files, and print.

use super::answers::Answers;
use super::plugin_store;
use clap::Subcommand;
use fillsync_core::id::PluginName;

mod bench;
mod build;
mod check;
mod documents;
mod inspect;
mod list;
mod new;
mod record;
mod run;
mod test;
mod workbench;

#[derive(Debug, Subcommand)]
pub(super) enum PluginCommand {
    /// The plugins that the configuration uses, and how loading them ends.
    List,
    /// Let in what a plugin's file holds now, where `plugin_trust` is "lock".
    ///
    /// The approval is of this content with these imports, and of no other. It is written into
    /// `plugin_lock`; a running daemon takes it up.
    Approve {
        /// The plugin, by its name in the configuration.
        name: PluginName,
        /// Only if the content has this SHA-256; 12 digits are enough.
        #[arg(long)]
        sha256: Option<String>,
    },
    /// Use what a plugin's file holds now, whatever `swap` says and however it answers recorded inputs.
    ///
    /// For a candidate that waits, and for one that was refused or rolled back. It is approved as well.
    Promote {
        /// The plugin, by its name in the configuration.
        name: PluginName,
        /// Only if the content has this SHA-256; 12 digits are enough.
        #[arg(long)]
        sha256: Option<String>,
    },
    /// Print the line that pins a plugin to the content that is in use.
    Pin {
        /// The plugin, by its name in the configuration.
        name: PluginName,
        /// Write it into the configuration; the rest of the file stays as it is.
        #[arg(long)]
        write: bool,
    },
    /// What became of every candidate: at which stage, why, and how its answers differ.
    History {
        /// Of this plugin; of all by default.
        name: Option<PluginName>,
        /// At most so many.
        #[arg(long, default_value_t = 20)]
        limit: u32,
    },
    /// Write a project for a new plugin: it builds with its language's own tools and passes its own test.
    New(new::Wish),
    /// Build a project's component, from Rust in one step, else with the language's own tool.
    Build(build::Wish),
    /// Take a component through every stage of loading, with the daemon's own limits.
    ///
    /// Each stage is listed with its outcome; where one stops the file, with the cause and what to do.
    ///
    /// Exit status: 0 when the daemon would take it, 1 when not.
    Check(check::Wish),
    /// Ask a plugin the cases of a folder, and compare its answers with the expected ones.
    ///
    /// A case is a file NAME.json with the question; NAME.expected.txt beside it has the answer. A plugin
    /// that ships can be named instead of a file, as in `fillsync plugin test max-count --cases cases`.
    ///
    /// Exit status: 0 when every answer is the expected one, 1 when one is not.
    Test(test::Wish),
    /// Ask a plugin one question; print its answer, its log, and what the call used.
    Run(run::Wish),
    /// Write real questions from the ledger as cases for `plugin test`.
    ///
    /// Views come with the answer that was shown at the time, where the strategy gave one. The ledger is
    /// only read, so the daemon may run meanwhile.
    Record(record::Wish),
    /// Measure what one question costs: fuel, memory, time, and the share of each limit.
    Bench(bench::Wish),
    /// What a component is: world, imports, exports, hash, size, card and settings.
    Inspect(inspect::Wish),
}

/// Does what the arguments say.
pub(super) fn run(answers: &Answers<'_>, command: PluginCommand) -> anyhow::Result<()> {
    match command {
        PluginCommand::List => list::list(answers),
        PluginCommand::Approve { name, sha256 } => {
            plugin_store::approve(answers, &name, sha256.as_deref(), false)
        }
        PluginCommand::Promote { name, sha256 } => {
            plugin_store::approve(answers, &name, sha256.as_deref(), true)
        }
        PluginCommand::Pin { name, write } => plugin_store::pin(answers, &name, write),
        PluginCommand::History { name, limit } => {
            plugin_store::history(answers, name.as_ref(), limit)
        }
        PluginCommand::New(wish) => new::new(answers, &wish),
        PluginCommand::Build(wish) => build::build(answers, &wish),
        PluginCommand::Check(wish) => check::check(answers, &wish),
        PluginCommand::Test(wish) => test::test(answers, &wish),
        PluginCommand::Run(wish) => run::run(answers, &wish),
        PluginCommand::Record(wish) => record::record(answers, &wish),
        PluginCommand::Bench(wish) => bench::bench(answers, &wish),
        PluginCommand::Inspect(wish) => inspect::inspect(answers, &wish),
    }
}
