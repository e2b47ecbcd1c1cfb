//! What was found while a file was read: problems, where values stand, and what must not be shown.
//!
//! Problems are made at the very end, when everything that must be masked is known; so the order in
//! which keys are read can never let a secret slip into somebody else's snippet. Where the file is
//! not even TOML, every value in a snippet is masked, because nobody knows what belongs to what.

use crate::problem::{PROBLEMS_MAX, Place, Problem, Severity, cut};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

/// What stands for a masked value.
const MASK: &str = "\"…\"";

/// Whether a finding still means something in a file that is not even TOML.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Footing {
    /// The file is not TOML here.
    Syntax,
    /// One value or key is wrong, whatever else stands in the file.
    Local,
    /// Something is missing or does not fit together; a broken line elsewhere may be the reason.
    Whole,
}

struct Finding {
    severity: Severity,
    footing: Footing,
    span: Range<usize>,
    key: String,
    message: String,
    help: Option<String>,
}

/// The notes taken while one file is read.
pub(crate) struct Notes<'t> {
    text: &'t str,
    /// The folder against which relative paths are taken.
    folder: &'t Path,
    line_starts: Vec<usize>,
    findings: RefCell<Vec<Finding>>,
    masks: RefCell<Vec<Range<usize>>>,
    places: RefCell<BTreeMap<String, Range<usize>>>,
}

impl<'t> Notes<'t> {
    pub(crate) fn new(text: &'t str, folder: &'t Path) -> Self {
        let line_ends = text.match_indices('\n').map(|(at, _)| at + 1);
        Self {
            text,
            folder,
            line_starts: std::iter::once(0).chain(line_ends).collect(),
            findings: RefCell::default(),
            masks: RefCell::default(),
            places: RefCell::default(),
        }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder
    }

    /// Keeps a piece of the text out of every snippet.
    pub(crate) fn mask(&self, span: Range<usize>) {
        self.masks.borrow_mut().push(span);
    }

    /// Remembers where the value of a key stands, for checks that come later.
    pub(crate) fn remember(&self, key: &str, span: Range<usize>) {
        self.places.borrow_mut().insert(key.to_owned(), span);
    }

    /// Where the value of a key stands; for a key that was left out, where its section begins.
    pub(crate) fn place_of(&self, key: &str) -> Range<usize> {
        let places = self.places.borrow();
        let mut key = key;
        loop {
            if let Some(span) = places.get(key) {
                return span.clone();
            }
            match key.rfind(['.', '[']).and_then(|at| key.get(..at)) {
                Some(section) => key = section,
                None => return 0..0,
            }
        }
    }

    /// The line of a span, from 1.
    pub(crate) fn line_of(&self, span: &Range<usize>) -> usize {
        self.line_starts
            .partition_point(|start| *start <= span.start)
    }

    pub(crate) fn add(
        &self,
        severity: Severity,
        footing: Footing,
        span: Range<usize>,
        key: &str,
        message: impl Into<String>,
        help: Option<String>,
    ) {
        self.findings.borrow_mut().push(Finding {
            severity,
            footing,
            span,
            key: key.to_owned(),
            message: message.into(),
            help,
        });
    }

    /// A wrong value or key.
    pub(crate) fn wrong(
        &self,
        span: Range<usize>,
        key: &str,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        let help = Some(help.into());
        self.add(Severity::Error, Footing::Local, span, key, message, help);
    }

    /// Something that does not fit together with the rest.
    pub(crate) fn misfit(
        &self,
        severity: Severity,
        key: &str,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        let help = Some(help.into());
        self.add(
            severity,
            Footing::Whole,
            self.place_of(key),
            key,
            message,
            help,
        );
    }

    /// The problems, by place; at most [`PROBLEMS_MAX`], with a last one that counts the rest.
    pub(crate) fn into_problems(self, file: &str) -> Vec<Problem> {
        let mut findings = self.findings.take();
        let broken_lines: Vec<usize> = findings
            .iter()
            .filter(|finding| finding.footing == Footing::Syntax)
            .map(|finding| self.line_of(&finding.span))
            .collect();
        let is_broken = !broken_lines.is_empty();
        if is_broken {
            // Below a broken header nobody knows to which section a key belongs.
            let is_header = |line: &&usize| self.line(**line).trim_start().starts_with('[');
            let broken_header = broken_lines.iter().find(is_header).copied();
            findings.retain(|finding| match finding.footing {
                Footing::Syntax => true,
                Footing::Local => {
                    let line = self.line_of(&finding.span);
                    !broken_lines.contains(&line)
                        && broken_header.is_none_or(|header| line < header)
                }
                Footing::Whole => false,
            });
        }
        findings.sort_by_key(|finding| (finding.span.start, finding.severity));
        let more = findings.len().saturating_sub(PROBLEMS_MAX);
        let worst_of_more = findings.iter().skip(PROBLEMS_MAX).map(|f| f.severity).min();
        let mut problems: Vec<Problem> = findings
            .into_iter()
            .take(PROBLEMS_MAX)
            .map(|finding| Problem {
                severity: finding.severity,
                file: file.to_owned(),
                place: Some(self.place(&finding.span, is_broken)),
                key: bounded(&finding.key),
                message: bounded(&finding.message),
                help: finding.help.as_deref().map(bounded),
            })
            .collect();
        if let Some(severity) = worst_of_more {
            let message = format!("{more} more problems are not shown");
            let mut rest = Problem::of_file(file, message, "mend those above first");
            rest.severity = severity;
            problems.push(rest);
        }
        problems
    }

    /// Where a line begins; lines count from 1.
    fn line_start(&self, line: usize) -> usize {
        let start = self.line_starts.get(line.saturating_sub(1));
        start.copied().unwrap_or(0)
    }

    /// A line's text without its end.
    fn line(&self, line: usize) -> &str {
        let rest = self.text.get(self.line_start(line)..).unwrap_or("");
        let content = rest.split('\n').next().unwrap_or("");
        content.trim_end_matches('\r')
    }

    fn place(&self, span: &Range<usize>, is_broken: bool) -> Place {
        let line = self.line_of(span);
        let start = self.line_start(line);
        let content = self.line(line);
        let column = 1 + content
            .char_indices()
            .take_while(|(at, _)| start + at < span.start)
            .count();
        let (shown, caret_at, caret_end) = if is_broken {
            self.blurred(content, start, span)
        } else {
            self.masked(content, start, span)
        };
        let length = caret_end.saturating_sub(caret_at).max(1);
        let (text, caret_at, caret_characters) = cut(&shown, caret_at, length);
        Place {
            line,
            column,
            text,
            caret_at,
            caret_characters,
        }
    }

    /// The line with each masked value as `"…"`, and where the carets begin and end in it.
    fn masked(
        &self,
        content: &str,
        start: usize,
        span: &Range<usize>,
    ) -> (Vec<char>, usize, usize) {
        let masks = self.masks.borrow();
        let (mut shown, mut caret_at, mut caret_end) = (Vec::new(), None, None);
        let mut was_masked = false;
        for (at, character) in content.char_indices() {
            let at = start + at;
            if at >= span.start && caret_at.is_none() {
                caret_at = Some(shown.len());
            }
            if at >= span.end && caret_end.is_none() {
                caret_end = Some(shown.len());
            }
            let is_masked = masks.iter().any(|mask| mask.contains(&at));
            if is_masked && !was_masked {
                shown.extend(MASK.chars());
            } else if !is_masked {
                shown.push(printable(character));
            }
            was_masked = is_masked;
        }
        let end = shown.len();
        (shown, caret_at.unwrap_or(end), caret_end.unwrap_or(end))
    }

    /// The line with every character of every value blurred, quotes and brackets kept.
    fn blurred(
        &self,
        content: &str,
        start: usize,
        span: &Range<usize>,
    ) -> (Vec<char>, usize, usize) {
        let before = self.text.get(..start).unwrap_or("");
        let is_perhaps_inside_text = before.contains("\"\"\"") || before.contains("'''");
        let key_end = if is_perhaps_inside_text {
            0
        } else if content.trim_start().starts_with('[') {
            content.len()
        } else {
            content.find('=').unwrap_or(0)
        };
        let shown = content
            .char_indices()
            .map(|(at, character)| {
                if at < key_end || " \t=\"'[]{},".contains(character) {
                    printable(character)
                } else {
                    '•'
                }
            })
            .collect();
        let until = |end: usize| {
            content
                .char_indices()
                .take_while(|(at, _)| start + at < end)
                .count()
        };
        (shown, until(span.start), until(span.end))
    }
}

/// One line of bounded length: a free key or a name in it may be anything.
fn bounded(text: &str) -> String {
    const CHARACTERS_MAX: usize = 500;
    let short: String = text.chars().take(CHARACTERS_MAX).map(printable).collect();
    let more = if text.chars().nth(CHARACTERS_MAX).is_some() {
        "…"
    } else {
        ""
    };
    format!("{short}{more}")
}

/// A tab or another control character would move the caret or the terminal.
fn printable(character: char) -> char {
    if character.is_control() {
        ' '
    } else {
        character
    }
}
