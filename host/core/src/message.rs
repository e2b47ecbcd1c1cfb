//! A message without any channel's markup: what formatters make and channels escape.
//!
//! The same shape as the interface `message` of `wit/v1`. No channel's rules are here: what must be
//! escaped for Telegram or cut for Discord is that channel's own business.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A piece of a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Span {
    /// Plain words.
    Text(String),
    /// Strong.
    Bold(String),
    /// Fixed width.
    Code(String),
    /// A link: its text, and where it leads.
    Link {
        /// What is read.
        text: String,
        /// Where it leads: http or https.
        url: String,
    },
}

impl Span {
    /// Plain words.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// Strong words.
    pub fn bold(text: impl Into<String>) -> Self {
        Self::Bold(text.into())
    }

    /// What a reader sees where there is no markup.
    #[must_use]
    pub fn as_plain(&self) -> &str {
        match self {
            Self::Text(text) | Self::Bold(text) | Self::Code(text) | Self::Link { text, .. } => {
                text
            }
        }
    }
}

/// One line.
pub type Line = Vec<Span>;

/// A message of a title and lines.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RichMessage {
    /// The first line.
    pub title: Line,
    /// The lines below.
    pub lines: Vec<Line>,
}

impl fmt::Display for RichMessage {
    /// As plain text, lines joined by line feeds, no line feed at the end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let title = (!self.title.is_empty()).then_some(&self.title);
        for (index, line) in title.into_iter().chain(&self.lines).enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            for span in line {
                f.write_str(span.as_plain())?;
            }
        }
        Ok(())
    }
}

/// What a formatter makes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rendered {
    /// For every channel.
    Rich(RichMessage),
    /// For one kind of channel, as it is.
    Raw {
        /// The kind of channel it is for ("slack", "discord", "webhook").
        channel_kind: String,
        /// The payload, in the channel's own JSON.
        json: String,
    },
}
