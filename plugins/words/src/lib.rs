//! The words of the formatters that ship: one function for each kind of alert.
//!
//! Keeps law 10: `[Synchronized count]` stands there exactly when the shown count differs from the
//! account's own, and the own count stands beside it; "aligned" is never said of what is not proven.
//! A formatter chooses among these functions; none of them writes markup, because the channel
//! escapes for itself.

mod body;
mod phrase;

pub use phrase::{clock, count_phrase, detail, headline, truth_phrase};

use fillsync_plugin::alert::{Body, Event};
use fillsync_plugin::formatter::{Rendered, RichMessage, Span};

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
        let text = |spans: &Vec<Span>| {
            spans
                .iter()
                .map(|span| match span {
                    Span::Text(text) | Span::Bold(text) | Span::Code(text) => text.as_str(),
                    Span::Link(link) => link.text.as_str(),
                })
                .collect::<String>()
        };
        std::iter::once(&self.title)
            .chain(&self.lines)
            .map(text)
            .collect::<Vec<_>>()
            .join("\n")
    }
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
