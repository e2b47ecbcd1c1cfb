//! Discord's own types: what is sent, what comes back, and its Markdown.
//!
//! Only the fields that are used; whatever else an answer has is passed over (law 14).

use crate::render::{self, Limits, Size};
use fillsync_core::alert::Severity;
use fillsync_core::limits::DISCORD;
use fillsync_core::message::{Line, RichMessage, Span};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::time::Duration;

/// The body of "Execute Webhook" and of "Edit Webhook Message". Both parts always stand there: an edit
/// keeps what it does not name.
#[derive(Debug, Serialize)]
pub(super) struct Message {
    content: String,
    embeds: Vec<Embed>,
    allowed_mentions: AllowedMentions,
}

/// One embed.
#[derive(Debug, Serialize)]
struct Embed {
    title: String,
    description: String,
    color: u32,
}

/// Nobody is called.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct AllowedMentions {
    parse: [&'static str; 0],
}

/// Nobody is called.
pub(super) const NOBODY: AllowedMentions = AllowedMentions { parse: [] };

/// What comes back of a message that was taken.
#[derive(Debug, Deserialize)]
pub(super) struct Taken {
    pub(super) id: String,
}

/// What "Get Webhook with Token" says.
#[derive(Debug, Deserialize)]
pub(super) struct Webhook {
    #[serde(default)]
    pub(super) name: Option<String>,
    #[serde(default)]
    pub(super) channel_id: Option<String>,
}

/// What comes back of anything else.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Refusal {
    #[serde(default)]
    pub(super) code: Option<i64>,
    #[serde(default)]
    pub(super) message: String,
    /// Seconds with a fraction; of a 429 only. Kept as it stands: no float is read.
    #[serde(default)]
    retry_after: Option<Box<RawValue>>,
}

impl Refusal {
    /// How long Discord wants to be left alone.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        seconds(self.retry_after.as_ref()?.get())
    }
}

/// Seconds with or without a fraction, rounded up to a millisecond.
pub(super) fn seconds(text: &str) -> Option<Duration> {
    let text = text.trim();
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !is_digits(whole) || !is_digits(fraction) {
        return None;
    }
    let whole = Duration::from_secs(whole.parse().ok()?);
    let ms: String = fraction.chars().chain("000".chars()).take(3).collect();
    let more = fraction
        .get(3..)
        .is_some_and(|rest| rest.bytes().any(|byte| byte != b'0'));
    let ms = ms.parse::<u64>().ok()? + u64::from(more);
    whole.checked_add(Duration::from_millis(ms))
}

/// The colour at an embed's side.
const fn colour(severity: Severity) -> u32 {
    match severity {
        Severity::Info => 0x2e_86_de,
        Severity::Warning => 0xf3_9c_12,
        Severity::Critical => 0xe7_4c_3c,
    }
}

/// A message as an embed: the title, and the lines as its description.
pub(super) fn embed(message: &RichMessage, severity: Severity) -> Message {
    let mut rows = render::rows(message);
    let title = if message.title.is_empty() || rows.is_empty() {
        Line::new()
    } else {
        rows.remove(0)
    };
    let title_max = Limits {
        units_max: DISCORD.raw_max("embed-title"),
        bytes_max: usize::MAX,
    };
    // A title is strong by itself.
    let title = render::cut(vec![title], title_max, |span| {
        size(&escaped(span.as_plain()))
    });
    let rows = render::cut(rows, Limits::of(&DISCORD), |span| size(&markdown(span)));
    Message {
        content: String::new(),
        embeds: vec![Embed {
            title: title
                .iter()
                .flatten()
                .map(|span| escaped(span.as_plain()))
                .collect(),
            description: lines(&rows, markdown),
            color: colour(severity),
        }],
        allowed_mentions: NOBODY,
    }
}

/// A message as content with Markdown, or without any (`as_plain`).
pub(super) fn content(message: &RichMessage, as_plain: bool) -> Message {
    let rows = render::rows(message);
    // Plain words are escaped as well: Discord reads Markdown in every content.
    let span = |span: &Span| {
        if as_plain {
            escaped(span.as_plain())
        } else {
            markdown(span)
        }
    };
    let rows = render::cut(rows, Limits::of(&DISCORD), |part| size(&span(part)));
    Message {
        content: lines(&rows, span),
        embeds: Vec::new(),
        allowed_mentions: NOBODY,
    }
}

impl Message {
    /// Whether there is nothing to read, which Discord refuses.
    pub(super) fn is_empty(&self) -> bool {
        self.content.trim().is_empty()
            && self
                .embeds
                .iter()
                .all(|embed| embed.title.trim().is_empty() && embed.description.trim().is_empty())
    }
}

fn lines(rows: &[Line], text: impl Fn(&Span) -> String) -> String {
    let rows: Vec<String> = rows
        .iter()
        .map(|row| row.iter().map(&text).collect())
        .collect();
    rows.join("\n")
}

/// What is sent counts, escapes included.
fn size(text: &str) -> Size {
    Size {
        units: text.chars().map(char::len_utf16).sum(),
        bytes: text.len(),
    }
}

fn markdown(span: &Span) -> String {
    match span {
        Span::Text(text) => escaped(text),
        Span::Bold(text) if text.trim().is_empty() => escaped(text),
        Span::Bold(text) => format!("**{}**", escaped(text)),
        // Nothing is escaped within code, so a back quote cannot stand there.
        Span::Code(text) if text.contains('`') || text.trim().is_empty() => escaped(text),
        Span::Code(text) => format!("`{text}`"),
        Span::Link { text, url } if url.contains(['(', ')', '<', '>']) => escaped(text),
        Span::Link { text, url } => format!("[{}]({url})", escaped(text)),
    }
}

/// Every character that Discord's Markdown may read, escaped.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if "\\*_~`|<>[]()#@-+".contains(character) {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}
