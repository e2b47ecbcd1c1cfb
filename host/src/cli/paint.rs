//! Colours: on a terminal, unless somebody says otherwise.
//!
//! `--color` wins, then `NO_COLOR` (set to anything), `CLICOLOR_FORCE` and `TERM=dumb`, then whether the output is a
//! terminal. A colour only repeats what a word says. Deliberately absent: themes.

use clap::ValueEnum;
use fillsync_report::Look;
use std::ffi::OsString;
use std::io::IsTerminal;

const RED: &str = "\u{1b}[1;31m";
const YELLOW: &str = "\u{1b}[1;33m";
const BLUE: &str = "\u{1b}[34m";
const PLAIN: &str = "\u{1b}[0m";

/// When something is coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum When {
    /// On a terminal.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl When {
    /// What `--color` says, before the arguments are read: help and errors about arguments are coloured
    /// as well. What cannot be understood is complained of by whoever reads them in full.
    pub(super) fn asked_for(arguments: impl IntoIterator<Item = OsString>) -> Self {
        let mut arguments = arguments.into_iter().skip(1);
        while let Some(argument) = arguments.next() {
            let Some(argument) = argument.to_str() else {
                continue;
            };
            let word = match argument.strip_prefix("--color") {
                Some("") => arguments.next().unwrap_or_default(),
                Some(rest) => OsString::from(rest.trim_start_matches('=')),
                None => continue,
            };
            let word = word.to_string_lossy();
            return Self::from_str(&word, false).unwrap_or(Self::Auto);
        }
        Self::Auto
    }

    /// For clap, which colours what it prints by itself.
    pub(super) const fn of_help(self) -> clap::ColorChoice {
        match self {
            Self::Auto => clap::ColorChoice::Auto,
            Self::Always => clap::ColorChoice::Always,
            Self::Never => clap::ColorChoice::Never,
        }
    }

    fn is_on(self, is_terminal: bool) -> bool {
        let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto if is_set("NO_COLOR") => false,
            Self::Auto if is_set("CLICOLOR_FORCE") => true,
            Self::Auto => is_terminal && std::env::var_os("TERM").is_none_or(|term| term != "dumb"),
        }
    }

    /// How tables on standard output look.
    pub(super) fn look(self) -> Look {
        let is_terminal = std::io::stdout().is_terminal();
        match (self.is_on(is_terminal), is_terminal) {
            (true, _) => Look::Painted,
            (false, true) => Look::Terminal,
            (false, false) => Look::Plain,
        }
    }
}

/// An error text for standard error, its words of severity and its carets painted.
pub(super) fn errors(text: &str, when: When) -> String {
    if !when.is_on(std::io::stderr().is_terminal()) {
        return text.to_owned();
    }
    let lines = text.lines().map(|line| {
        for (word, paint) in [("error:", RED), ("warning:", YELLOW)] {
            if let Some(rest) = line.strip_prefix(word) {
                return format!("{paint}{word}{PLAIN}{rest}");
            }
        }
        match line.split_once("| ") {
            Some((gutter, carets))
                if !carets.trim().is_empty() && carets.trim().chars().all(|c| c == '^') =>
            {
                format!("{gutter}| {RED}{carets}{PLAIN}")
            }
            _ => match line.split_once("= help: ") {
                Some((gutter, help)) => format!("{gutter}{BLUE}= help:{PLAIN} {help}"),
                None => line.to_owned(),
            },
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    fn asked(arguments: &[&str]) -> When {
        When::asked_for(arguments.iter().map(OsString::from))
    }

    #[test]
    fn the_wish_is_found_wherever_it_stands() {
        assert_eq!(
            asked(&["fillsync", "counts", "--color", "never"]),
            When::Never
        );
        assert_eq!(
            asked(&["fillsync", "--color=always", "counts"]),
            When::Always
        );
        assert_eq!(asked(&["fillsync", "counts"]), When::Auto);
        assert_eq!(asked(&["fillsync", "--color"]), When::Auto);
    }

    #[test]
    fn an_error_is_painted_where_it_is_wanted_and_as_it_is_elsewhere() {
        let text = "error: no key\n --> a.toml:1:1\n  |\n1 | x = 1\n  | ^\n  = help: remove it";
        assert_eq!(errors(text, When::Never), text);
        let painted = errors(text, When::Always);
        assert!(
            painted.starts_with(&format!("{RED}error:{PLAIN} no key")),
            "{painted}"
        );
        assert!(painted.contains(&format!("  | {RED}^{PLAIN}")), "{painted}");
        let bare = [RED, YELLOW, BLUE, PLAIN]
            .iter()
            .fold(painted, |text, paint| text.replace(paint, ""));
        assert_eq!(bare, text);
    }
}
