//! The words of the formatters that ship: one function for each kind of alert.
//!
//! Keeps law 10: `[Synchronized count]` stands there exactly when the shown count differs from the
//! account's own, and the own count stands beside it; "aligned" is never said of what is not proven.
//! A formatter chooses among these functions; none of them writes markup, because the channel
//! escapes for itself.

mod body;
mod part;
mod phrase;

pub use body::leg_parts;
pub use part::{fitting, parts, units};
pub use phrase::{clock, count_phrase, date_time, detail, headline, place, truth_phrase};

use fillsync_plugin::alert::{Body, Event};
use fillsync_plugin::formatter::{Rendered, RichMessage, Span, Target};

/// A message of plain lines under a strong title.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Words {
    /// The first line.
    pub title: Vec<Span>,
    /// The lines below.
    pub lines: Vec<Vec<Span>>,
}

impl Words {
    /// A message with this title.
    #[must_use]
    pub fn titled(title: impl Into<String>) -> Self {
        Self {
            title: vec![Span::Bold(title.into())],
            lines: Vec::new(),
        }
    }

    /// One more line.
    pub fn line(&mut self, text: impl Into<String>) {
        self.lines.push(vec![Span::Text(text.into())]);
    }

    /// One more line, if there is one.
    pub fn maybe(&mut self, text: Option<String>) {
        if let Some(text) = text {
            self.line(text);
        }
    }

    /// As the contract carries it.
    #[must_use]
    pub fn rendered(self) -> Rendered {
        Rendered::Rich(RichMessage {
            title: self.title,
            lines: self.lines,
        })
    }

    /// As a reader sees it without markup.
    #[must_use]
    pub fn plain(&self) -> String {
        let (title, lines) = self.plain_parts();
        std::iter::once(title)
            .chain(lines)
            .collect::<Vec<_>>()
            .join("\n")
    }

    /// Title and lines as a reader sees them without markup.
    #[must_use]
    pub fn plain_parts(&self) -> (String, Vec<String>) {
        let text = |spans: &Vec<Span>| {
            spans
                .iter()
                .map(|span| match span {
                    Span::Text(text) | Span::Bold(text) | Span::Code(text) => text.as_str(),
                    Span::Link(link) => link.text.as_str(),
                })
                .collect::<String>()
        };
        (text(&self.title), self.lines.iter().map(text).collect())
    }
}

/// The target's bound on a part of a raw payload.
#[must_use]
pub fn limit(target: &Target, part: &str) -> Option<usize> {
    let found = target.limits.raw.iter().find(|(name, _)| name == part);
    found.and_then(|(_, max)| usize::try_from(*max).ok())
}

/// What stands first where a later truth cannot replace the message that was sent.
#[must_use]
pub fn revision_note(event: &Event, target: &Target) -> Option<String> {
    (event.revision > 0 && !target.edits).then(|| {
        format!(
            "✏️ instead of what was said before (revision {})",
            event.revision
        )
    })
}

/// The default words of an alert, whatever its kind.
#[must_use]
pub fn words(event: &Event) -> Words {
    match &event.body {
        Body::Fill(fill) => body::fill(event, fill),
        Body::Progress(progress) => body::progress(event, progress),
        Body::Exit(exit) => body::exit(event, exit),
        Body::Closed(closed) => body::closed(event, closed),
        Body::Divergence(divergence) => body::divergence(event, divergence),
        Body::Resolved(divergence) => body::resolved(event, divergence),
        Body::Correction(correction) => body::correction(event, correction),
        Body::Digest(digest) => body::digest(digest),
        Body::System(system) => body::system(event, system),
    }
}

#[cfg(test)]
mod tests;
