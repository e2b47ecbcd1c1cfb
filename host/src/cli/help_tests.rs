//! What every `--help` says: nothing is without words, and what the design promises is there.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::Cli;
use clap::{Command, CommandFactory as _};

/// Every command with its path, the whole first.
fn all(command: &Command, path: &str, found: &mut Vec<(String, Command)>) {
    found.push((path.to_owned(), command.clone()));
    for below in command
        .get_subcommands()
        .filter(|of| of.get_name() != "help")
    {
        all(below, &format!("{path}-{}", below.get_name()), found);
    }
}

fn commands() -> Vec<(String, Command)> {
    let mut command = Cli::command();
    command.build();
    let mut found = Vec::new();
    all(&command, "fillsync", &mut found);
    found
}

#[test]
fn every_command_and_every_option_says_what_it_is_for() {
    for (path, command) in commands() {
        assert!(command.get_about().is_some(), "{path} says nothing");
        for argument in command.get_arguments() {
            let is_clap = matches!(argument.get_id().as_str(), "help" | "version");
            assert!(
                is_clap || argument.get_help().is_some(),
                "{path}: {} says nothing",
                argument.get_id()
            );
        }
    }
}

#[test]
fn the_definitions_agree_with_each_other() {
    Cli::command().debug_assert();
}

/// The commands that the design promises; what is missing here is missing for users.
#[test]
fn every_command_of_the_design_is_there() {
    let known: Vec<String> = commands().into_iter().map(|(path, _)| path).collect();
    for name in [
        "run",
        "demo",
        "check",
        "status",
        "fills",
        "counts",
        "performance",
        "alerts",
        "backfill",
        "verify",
        "explain",
        "plugin",
        "plugin-list",
    ] {
        let path = format!("fillsync-{name}");
        assert!(known.contains(&path), "no {name}: {known:?}");
    }
}
