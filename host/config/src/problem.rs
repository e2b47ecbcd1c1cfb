//! A problem of a configuration file, as the user sees it.
//!
//! It names the file, the line, the column and the key, shows the piece of text with a caret and says
//! what to do. A problem never shows the value of a secret: what stands where a secret belongs, and
//! what stands behind a key that nobody knows, is already masked when a problem is made. Columns
//! count characters, from 1. Finding problems is not done here.

use std::fmt;

/// The most problems that are reported of one file; the rest is counted.
pub const PROBLEMS_MAX: usize = 100;

/// The most characters of a line that a problem shows.
const SNIPPET_CHARACTERS_MAX: usize = 100;

/// What a problem does to the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The configuration is refused.
    Error,
    /// It is used, but somebody should look.
    Warning,
}

/// Where in the file a problem is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The line, from 1.
    pub line: usize,
    /// The character in it, from 1.
    pub column: usize,
    /// The line's text, secrets masked, cut to what fits a terminal.
    pub text: String,
    /// The character of `text` at which the caret begins, from 0.
    pub caret_at: usize,
    /// The number of carets, at least 1.
    pub caret_characters: usize,
}

/// One thing that is wrong with the configuration, or suspicious in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Whether the configuration is refused for it.
    pub severity: Severity,
    /// The file, as it was named when it was loaded.
    pub file: String,
    /// Where in the file; none for a file that cannot be read at all.
    pub place: Option<Place>,
    /// The key that it is about (`group.desk.settle`); empty where there is none.
    pub key: String,
    /// What is wrong: one sentence without a full stop.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl Problem {
    /// A problem with a file as a whole.
    pub(crate) fn of_file(file: &str, message: String, help: &str) -> Self {
        Self {
            severity: Severity::Error,
            file: file.to_owned(),
            place: None,
            key: String::new(),
            message,
            help: Some(help.to_owned()),
        }
    }

    /// `fillsync.toml:14:1`, or the file alone.
    #[must_use]
    pub fn location(&self) -> String {
        match &self.place {
            Some(place) => format!("{}:{}:{}", self.file, place.line, place.column),
            None => self.file.clone(),
        }
    }

    /// All of it in one line, for a log event.
    #[must_use]
    pub fn summary(&self) -> String {
        let mut line = format!("{}: {}", self.location(), self.message);
        if !self.key.is_empty() {
            line.push_str(&format!(" [{}]", self.key));
        }
        if let Some(help) = &self.help {
            line.push_str(&format!(" ({help})"));
        }
        line
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
        })
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}", self.severity, self.message)?;
        let gutter = self
            .place
            .as_ref()
            .map_or(1, |place| place.line.to_string().len());
        write!(f, "{:gutter$}--> {}", "", self.location())?;
        if let Some(place) = &self.place {
            writeln!(f)?;
            writeln!(f, "{:gutter$} |", "")?;
            writeln!(f, "{} | {}", place.line, place.text)?;
            let (indent, carets) = (place.caret_at, "^".repeat(place.caret_characters.max(1)));
            write!(f, "{:gutter$} | {:indent$}{carets}", "", "")?;
        }
        if !self.key.is_empty() {
            write!(f, "\n{:gutter$} = key: {}", "", self.key)?;
        }
        if let Some(help) = &self.help {
            write!(f, "\n{:gutter$} = help: {help}", "")?;
        }
        Ok(())
    }
}

/// Many problems as one text, with a last line that counts them.
#[must_use]
pub fn report(problems: &[Problem]) -> String {
    let mut text = String::new();
    for problem in problems {
        text.push_str(&format!("{problem}\n\n"));
    }
    let errors = problems
        .iter()
        .filter(|problem| problem.severity == Severity::Error)
        .count();
    let warnings = problems.len() - errors;
    text.push_str(&format!(
        "{errors} error{}, {warnings} warning{}\n",
        if errors == 1 { "" } else { "s" },
        if warnings == 1 { "" } else { "s" }
    ));
    text
}

/// Cuts a line so that its caret stays in sight; gives the text, the caret's place and its length.
pub(crate) fn cut(
    characters: &[char],
    caret_at: usize,
    caret_characters: usize,
) -> (String, usize, usize) {
    if characters.len() <= SNIPPET_CHARACTERS_MAX {
        let rest = characters.len().saturating_sub(caret_at).max(1);
        return (
            characters.iter().collect(),
            caret_at,
            caret_characters.clamp(1, rest),
        );
    }
    let from = caret_at.saturating_sub(SNIPPET_CHARACTERS_MAX / 2);
    let shown: Vec<char> = characters
        .iter()
        .skip(from)
        .take(SNIPPET_CHARACTERS_MAX)
        .copied()
        .collect();
    let more = from + shown.len() < characters.len();
    let before = if from > 0 { "…" } else { "" };
    let after = if more { "…" } else { "" };
    let caret_at = caret_at - from;
    let rest = shown.len().saturating_sub(caret_at).max(1);
    let text: String = shown.into_iter().collect();
    (
        format!("{before}{text}{after}"),
        caret_at + before.chars().count(),
        caret_characters.clamp(1, rest),
    )
}
