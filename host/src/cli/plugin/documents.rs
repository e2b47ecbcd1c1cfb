//! Every `fillsync …` line that authors read is one that the command line takes, and a project that is
//! written has no placeholder left in it.
#![cfg(test)]
#![allow(clippy::unwrap_used, clippy::panic)]

use super::new::{Kind, Language, project};
use crate::cli::Cli;
use clap::{Parser as _, ValueEnum as _};

const AUTHORS: &str = include_str!("../../../../plugins/README.md");
const CONTRACT: &str = include_str!("../../../../wit/README.md");

fn every_project() -> Vec<(String, Vec<(String, String)>)> {
    let mut projects = Vec::new();
    for language in Language::value_variants() {
        for kind in Kind::value_variants() {
            let name = format!("a {language:?} {kind:?}");
            projects.push((name, project(*language, *kind, "my-own")));
        }
    }
    projects
}

/// The commands of a text: lines of shell blocks, and inline code, that begin with `fillsync `.
fn commands(text: &str) -> Vec<String> {
    let in_blocks = text.lines().filter(|line| line.starts_with("fillsync "));
    let inline = text
        .split('`')
        .filter(|code| code.starts_with("fillsync ") && !code.contains('\n'));
    in_blocks
        .chain(inline)
        .map(|line| line.split(" # ").next().unwrap().trim().to_owned())
        .collect()
}

fn is_taken(command: &str) -> Result<(), String> {
    // Placeholders are words like any other; "…" stands for what a reader leaves out.
    let words = command.split_whitespace().filter(|word| *word != "…");
    match Cli::try_parse_from(words) {
        Ok(_) => Ok(()),
        Err(error) => Err(format!("`{command}` is not taken: {error}")),
    }
}

#[test]
fn every_command_that_is_shown_is_taken() {
    let mut texts = vec![AUTHORS.to_owned(), CONTRACT.to_owned()];
    for (_, files) in every_project() {
        texts.extend(
            files
                .into_iter()
                .filter(|(path, _)| path == "README.md")
                .map(|(_, text)| text),
        );
    }
    let mut seen = 0;
    for text in &texts {
        for command in commands(text) {
            // Names of commands, as in "`plugin check` shows", are no lines to type.
            if [
                "fillsync plugin new",
                "fillsync plugin test",
                "fillsync plugin record",
                "fillsync plugin check",
                "fillsync plugin inspect",
                "fillsync plugin bench",
            ]
            .contains(&command.as_str())
            {
                continue;
            }
            is_taken(&command).unwrap_or_else(|why| panic!("{why}"));
            seen += 1;
        }
    }
    assert!(seen > 40, "only {seen} commands were found");
}

#[test]
fn a_command_that_is_wrong_is_found() {
    assert!(is_taken("fillsync plugin build --release").is_err());
    assert_eq!(
        commands("a `fillsync plugin list` and\nfillsync check  # a remark\n"),
        ["fillsync check", "fillsync plugin list"]
    );
}

#[test]
fn a_project_has_what_it_needs_and_no_placeholder() {
    for (name, files) in every_project() {
        for needed in [
            "README.md",
            ".gitignore",
            "wit/v1/fillsync.wit",
            "cases/a-mirror-is-behind.json",
            "cases/a-mirror-is-behind.expected.txt",
        ] {
            assert!(
                files.iter().any(|(path, _)| path == needed),
                "{name} has no {needed}"
            );
        }
        for (path, text) in &files {
            if !path.starts_with("vendor/") && !path.starts_with("wit/") && path != "Cargo.lock" {
                assert!(
                    !text.contains("my-plugin") && !text.contains("WORLD"),
                    "{name}: {path}"
                );
            }
        }
        let mut paths: Vec<&String> = files.iter().map(|(path, _)| path).collect();
        paths.dedup();
        assert_eq!(paths.len(), files.len(), "{name} has a file twice");
    }
}
