//! An answer as text that a person can read, write by hand and compare.
//!
//! A strategy's answer has a line for each member, `mirror: 2 | main has 2`: what would be shown, and
//! why. A message is its lines, with `<b>`, `<code>` and `<a href>` where it is more than plain words,
//! and `&lt;` and `&amp;` for the two characters that this takes; so different messages have
//! different texts. "Undecided" and "unsupported" are answers as well.

use crate::error::CallError;
use fillsync_core::message::{Line, Rendered, Span};
use fillsync_core::moment::Verdict;
use serde_json::Value;

/// What a plugin said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// What would be shown of each member, as the host shows it: observers their own, and no count
    /// below what was shown before.
    Shown(Vec<Verdict>),
    /// A message.
    Message(Rendered),
    /// A strategy cannot decide from this view.
    Undecided(String),
    /// A formatter does not speak for this alert.
    Unsupported(String),
}

impl Said {
    /// To be undecided is an answer, not a failure.
    pub(super) fn of(answer: Result<Self, CallError>) -> Result<Self, CallError> {
        match answer {
            Err(CallError::Undecided { reason }) => Ok(Self::Undecided(reason)),
            Err(CallError::Unsupported { reason }) => Ok(Self::Unsupported(reason)),
            other => other,
        }
    }

    /// The answer as text, ending with a line end.
    #[must_use]
    pub fn text(&self) -> String {
        let lines: Vec<String> = match self {
            Self::Shown(verdicts) => verdicts.iter().map(verdict).collect(),
            Self::Message(Rendered::Rich(message)) => std::iter::once(&message.title)
                .chain(&message.lines)
                .map(line)
                .collect(),
            Self::Message(Rendered::Raw { channel_kind, json }) => {
                let pretty = serde_json::from_str::<Value>(json)
                    .and_then(|value| serde_json::to_string_pretty(&value))
                    .unwrap_or_else(|_| json.clone());
                vec![format!("raw for {channel_kind}:"), pretty]
            }
            Self::Undecided(reason) => vec![format!("undecided: {reason}")],
            Self::Unsupported(reason) => vec![format!("unsupported: {reason}")],
        };
        lines.join("\n") + "\n"
    }
}

fn verdict(verdict: &Verdict) -> String {
    match &verdict.note {
        Some(note) => format!("{}: {} | {note}", verdict.account, verdict.shown),
        None => format!("{}: {}", verdict.account, verdict.shown),
    }
}

fn line(spans: &Line) -> String {
    let plain = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;");
    spans
        .iter()
        .map(|span| match span {
            Span::Text(text) => plain(text),
            Span::Bold(text) => format!("<b>{}</b>", plain(text)),
            Span::Code(text) => format!("<code>{}</code>", plain(text)),
            Span::Link { text, url } => {
                format!(
                    "<a href=\"{}\">{}</a>",
                    plain(url).replace('"', "&quot;"),
                    plain(text)
                )
            }
        })
        .collect()
}

/// A line of a comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DiffLine {
    /// In both.
    Same(String),
    /// Expected, and not said.
    Expected(String),
    /// Said, and not expected.
    Said(String),
}

/// What a comparison came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison {
    /// Whether the answer is the expected one.
    pub agrees: bool,
    /// Line by line.
    pub lines: Vec<DiffLine>,
}

/// Compares an answer with what was expected of it. An expected count without a note stands for that
/// count with any note: `mirror: 2` takes `mirror: 2 | main has 2`.
#[must_use]
pub fn compare(said: &Said, expected: &str) -> Comparison {
    let text = said.text();
    let said_lines: Vec<&str> = text.lines().collect();
    let expected_lines: Vec<&str> = expected.trim_end().lines().map(str::trim_end).collect();
    let counts = matches!(said, Said::Shown(_));
    let agree = |said: &str, expected: &str| {
        let said = said.trim_end();
        said == expected || counts && said.split(" | ").next() == Some(expected)
    };
    let lines = diff(&said_lines, &expected_lines, &agree);
    Comparison {
        agrees: lines.iter().all(|line| matches!(line, DiffLine::Same(_))),
        lines,
    }
}

/// The longest common lines, and what stands between them. Answers have at most some hundred lines.
fn diff(said: &[&str], expected: &[&str], agree: &impl Fn(&str, &str) -> bool) -> Vec<DiffLine> {
    let width = expected.len() + 1;
    let mut common = vec![0_u32; (said.len() + 1) * width];
    let at = |common: &[u32], s: usize, e: usize| common.get(s * width + e).copied().unwrap_or(0);
    for (s, said) in said.iter().enumerate().rev() {
        for (e, expected) in expected.iter().enumerate().rev() {
            let longest = if agree(said, expected) {
                at(&common, s + 1, e + 1) + 1
            } else {
                at(&common, s + 1, e).max(at(&common, s, e + 1))
            };
            if let Some(cell) = common.get_mut(s * width + e) {
                *cell = longest;
            }
        }
    }
    let (mut s, mut e, mut lines) = (0, 0, Vec::new());
    loop {
        match (said.get(s), expected.get(e)) {
            (Some(have), Some(want)) if agree(have, want) => {
                lines.push(DiffLine::Same((*have).to_owned()));
                (s, e) = (s + 1, e + 1);
            }
            (Some(have), want)
                if want.is_none() || at(&common, s + 1, e) > at(&common, s, e + 1) =>
            {
                lines.push(DiffLine::Said((*have).to_owned()));
                s += 1;
            }
            (_, Some(want)) => {
                lines.push(DiffLine::Expected((*want).to_owned()));
                e += 1;
            }
            (_, None) => return lines,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use fillsync_core::id::AccountName;
    use fillsync_core::message::RichMessage;

    fn shown(rows: &[(&str, u32, Option<&str>)]) -> Said {
        Said::Shown(
            rows.iter()
                .map(|(account, shown, note)| Verdict {
                    account: AccountName::new(account).unwrap(),
                    detected: 0,
                    shown: *shown,
                    synchronised: true,
                    note: note.map(ToOwned::to_owned),
                })
                .collect(),
        )
    }

    #[test]
    fn a_note_is_compared_where_it_is_expected() {
        let said = shown(&[("main", 2, None), ("mirror", 2, Some("main has 2"))]);
        assert!(compare(&said, "main: 2\nmirror: 2\n").agrees);
        assert!(compare(&said, "main: 2\nmirror: 2 | main has 2").agrees);
        assert!(!compare(&said, "main: 2\nmirror: 2 | main has 3").agrees);
        assert!(!compare(&said, "main: 2 | why\nmirror: 2").agrees);
        assert!(!compare(&said, "main: 2").agrees, "a line too few");
        assert!(!compare(&said, "").agrees);
    }

    #[test]
    fn a_difference_shows_both_sides_in_place() {
        let said = shown(&[("a", 1, None), ("b", 2, None), ("c", 3, None)]);
        let lines = compare(&said, "a: 1\nb: 1\nc: 3\nd: 4\n").lines;
        assert_eq!(
            lines,
            [
                DiffLine::Same("a: 1".to_owned()),
                DiffLine::Expected("b: 1".to_owned()),
                DiffLine::Said("b: 2".to_owned()),
                DiffLine::Same("c: 3".to_owned()),
                DiffLine::Expected("d: 4".to_owned()),
            ]
        );
    }

    #[test]
    fn different_messages_have_different_texts() {
        let of = |spans: Vec<Span>| {
            Said::Message(Rendered::Rich(RichMessage {
                title: spans,
                lines: Vec::new(),
            }))
            .text()
        };
        assert_eq!(
            of(vec![Span::bold("a"), Span::text(" <b> & [c]")]),
            "<b>a</b> &lt;b> &amp; [c]\n"
        );
        assert_ne!(of(vec![Span::text("<b>a</b>")]), of(vec![Span::bold("a")]));
    }
}
