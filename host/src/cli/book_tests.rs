//! The book cannot rot: every configuration in it is read by the real reader, every command by the real
//! arguments, every link leads somewhere, and the reference is the schema's.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::Cli;
use clap::Parser as _;
use clap::error::ErrorKind;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Set to write the reference into the book instead of complaining.
const WRITE: &str = "FILLSYNC_WRITE_REFERENCE";
const BEGIN: &str = "<!-- the reference begins -->\n";
const END: &str = "<!-- the reference ends -->\n";

/// What a fragment is a part of.
const BASE: &str = r#"
[[account]]
name = "main"
venue = "bybit"
api_key = { env = "KEY" }
api_secret = { env = "SECRET" }
[[account]]
name = "mirror"
venue = "bybit"
api_key = { env = "KEY" }
api_secret = { env = "SECRET" }
[[group]]
name = "desk"
strategy = "max-count"
members = [{ account = "main", role = "main" }, { account = "mirror", role = "mirror" }]
"#;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn book() -> PathBuf {
    root().join("host/book/src")
}

fn markdown_in(folder: &Path, found: &mut BTreeMap<PathBuf, String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            markdown_in(&path, found);
        } else if path.extension().is_some_and(|end| end == "md") {
            found.insert(path.clone(), std::fs::read_to_string(&path).unwrap());
        }
    }
}

/// The book's chapters, and the other pages that tell people what to type.
fn pages() -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    markdown_in(&book(), &mut found);
    for page in ["README.md", "wit/README.md", "tests/README.md"] {
        let path = root().join(page);
        found.insert(path.clone(), std::fs::read_to_string(path).unwrap());
    }
    assert!(found.len() > 12, "{:?}", found.keys());
    found
}

/// The blocks of code of a page: what stands behind the fence, and the text.
fn blocks(page: &str) -> Vec<(String, String)> {
    let mut blocks = Vec::new();
    let mut open: Option<(String, String)> = None;
    for line in page.lines() {
        let bare = line.trim_start();
        match (&mut open, bare.strip_prefix("```")) {
            (None, Some(info)) => open = Some((info.to_owned(), String::new())),
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some((_, text)), None) => {
                text.push_str(bare);
                text.push('\n');
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block of code has no end");
    blocks
}

/// A page without its blocks of code.
fn prose(page: &str) -> String {
    let mut is_code = false;
    let mut prose = String::new();
    for line in page.lines() {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
        } else if !is_code {
            prose.push_str(line);
            prose.push('\n');
        }
    }
    prose
}

#[test]
fn every_configuration_is_read_without_an_error() {
    let mut read = 0;
    for (path, page) in pages() {
        for (info, text) in blocks(&page) {
            // Elsewhere than in the book a fragment is not marked as one.
            let is_whole = path.starts_with(book()) || text.contains("[[account]]");
            let whole = match info.as_str() {
                "toml" if is_whole => text,
                "toml" | "toml,fragment" => format!("{text}{BASE}"),
                _ => continue,
            };
            let known = crate::app::known_plugins();
            let loaded = fillsync_config::parse(&whole, "block", Path::new("/etc"), &known);
            if let Err(problems) = loaded {
                panic!(
                    "{}:\n{}",
                    path.display(),
                    fillsync_config::report(&problems)
                );
            }
            read += 1;
        }
    }
    assert!(read >= 10, "only {read} blocks");
}

/// The commands of a line as a shell would see them: apart at `|`, `&&`, `;` and `>`.
fn commands(line: &str) -> Vec<Vec<String>> {
    let mut commands = vec![Vec::new()];
    let mut word = String::new();
    let mut quote = None;
    let mut depth = 0;
    for character in line.chars() {
        match (quote, character) {
            (Some(open), c) if c == open => quote = None,
            (None, '\'' | '"') => quote = Some(character),
            (None, '(') => depth += 1,
            (None, ')') if depth > 0 => depth -= 1,
            (None, c) if depth == 0 && (c.is_whitespace() || "|&;>".contains(c)) => {
                if !word.is_empty() {
                    commands.last_mut().unwrap().push(std::mem::take(&mut word));
                }
                if !c.is_whitespace() {
                    commands.push(Vec::new());
                }
            }
            (None, '#') if word.is_empty() => break,
            (_, c) => word.push(c),
        }
    }
    commands.last_mut().unwrap().push(word);
    for command in &mut commands {
        command.retain(|word| !word.is_empty());
        while command
            .first()
            .is_some_and(|word| word == "$" || word == "sudo")
        {
            command.remove(0);
        }
    }
    commands
}

/// A command that is typed must be whole; one that is named in a sentence may leave out what it needs.
fn check_command(path: &Path, words: &[String], is_typed: bool) {
    let parsed = Cli::try_parse_from(words);
    if let Err(error) = parsed {
        let names_only = !is_typed && error.kind() == ErrorKind::MissingRequiredArgument;
        let is_good = names_only || !error.use_stderr();
        assert!(is_good, "{}: {words:?}\n{error}", path.display());
    }
}

#[test]
fn every_command_is_one_that_the_program_takes() {
    let mut checked = 0;
    for (path, page) in pages() {
        let shell = blocks(&page)
            .into_iter()
            .filter(|(info, _)| info == "sh" || info == "console")
            .flat_map(|(_, text)| text.lines().map(str::to_owned).collect::<Vec<_>>())
            .map(|line| (line, true));
        // Spans of code in the text: every second part between backticks.
        let prose = prose(&page);
        let spans = prose.split('`').skip(1).step_by(2);
        let spans = spans.map(|span| (span.to_owned(), false));
        for (line, is_typed) in shell.chain(spans) {
            for words in commands(&line) {
                // An ellipsis stands for what a reader fills in.
                let is_ours = words.first().is_some_and(|word| word == "fillsync");
                if is_ours && words.len() > 1 && !words.iter().any(|word| word.contains('…')) {
                    check_command(&path, &words, is_typed);
                    checked += 1;
                }
            }
        }
    }
    assert!(checked >= 60, "only {checked} commands");
}

#[test]
fn a_command_that_there_is_not_would_be_noticed() {
    let words = |line: &str| commands(line).remove(0);
    assert!(Cli::try_parse_from(words("fillsync count --watch")).is_err());
    assert!(Cli::try_parse_from(words("fillsync counts --wach")).is_err());
    assert_eq!(
        commands("sudo fillsync backup --to '/a b.db' && rm x | less # why"),
        [
            vec!["fillsync", "backup", "--to", "/a b.db"],
            vec![],
            vec!["rm", "x"],
            vec!["less"]
        ]
    );
}

/// The anchor that a heading gets.
fn anchor(heading: &str) -> String {
    heading
        .trim_start_matches('#')
        .trim()
        .to_lowercase()
        .chars()
        .filter_map(|c| match c {
            ' ' => Some('-'),
            c if c.is_alphanumeric() || c == '-' || c == '_' => Some(c),
            _ => None,
        })
        .collect()
}

/// Where the links of a page lead: path and anchor.
fn links(page: &str) -> Vec<(String, Option<String>)> {
    let prose = prose(page);
    let parts = prose.split("](").skip(1);
    parts
        .filter_map(|part| part.split_once(')'))
        .map(|(target, _)| target.to_owned())
        .filter(|target| !target.contains("://"))
        .map(|target| match target.split_once('#') {
            Some((path, anchor)) => (path.to_owned(), Some(anchor.to_owned())),
            None => (target, None),
        })
        .collect()
}

#[test]
fn every_link_leads_somewhere_and_every_chapter_is_in_the_summary() {
    let mut listed = BTreeSet::new();
    for (path, page) in pages() {
        for (to, heading) in links(&page) {
            let target = if to.is_empty() {
                path.clone()
            } else {
                path.parent().unwrap().join(&to)
            };
            assert!(target.exists(), "{}: no {to}", path.display());
            if path.ends_with("SUMMARY.md") {
                listed.insert(target.canonicalize().unwrap());
            }
            if let Some(wanted) = heading {
                let text = std::fs::read_to_string(&target).unwrap();
                let is_there = prose(&text)
                    .lines()
                    .any(|line| line.starts_with('#') && anchor(line) == wanted);
                assert!(is_there, "{}: no heading {wanted} in {to}", path.display());
            }
        }
    }
    let mut chapters = BTreeMap::new();
    markdown_in(&book(), &mut chapters);
    for chapter in chapters.keys().filter(|path| !path.ends_with("SUMMARY.md")) {
        let chapter = chapter.canonicalize().unwrap();
        assert!(
            listed.contains(&chapter),
            "{} is in no summary",
            chapter.display()
        );
    }
}

#[test]
fn every_file_of_the_project_that_is_named_is_there() {
    for (path, page) in pages()
        .into_iter()
        .filter(|(path, _)| path.starts_with(book()))
    {
        let prose = prose(&page);
        for span in prose.split('`').skip(1).step_by(2) {
            let is_ours = ["config/", "plugins/", "wit/", "host/"]
                .iter()
                .any(|begin| span.starts_with(begin));
            if is_ours && !span.contains(' ') {
                assert!(root().join(span).exists(), "{}: no {span}", path.display());
            }
        }
    }
}

#[test]
fn the_reference_is_that_of_the_schema() {
    let path = book().join("configuration.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (head, rest) = page.split_once(BEGIN).expect("where the reference begins");
    let (_, tail) = rest.split_once(END).expect("where the reference ends");
    let wanted = format!("{head}{BEGIN}\n{}{END}{tail}", fillsync_config::reference());
    if std::env::var_os(WRITE).is_some() {
        std::fs::write(&path, wanted).unwrap();
        return;
    }
    assert!(
        page == wanted,
        "the chapter differs from the schema; write it anew: {WRITE}=1 cargo test -p fillsync the_reference"
    );
}
