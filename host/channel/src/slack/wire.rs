//! Slack's own types: what is sent, and what comes back.
//!
//! Only the fields that are used; whatever else an answer has is passed over (law 14).

use crate::render::{self, Limits, Size};
use fillsync_core::limits::SLACK;
use fillsync_core::message::{Line, RichMessage, Span};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The body of an incoming webhook, of `chat.postMessage` and of `chat.update`.
#[derive(Debug, Serialize)]
pub(super) struct Message {
    /// What notifications show, and what is read where there are no blocks.
    text: String,
    /// Always there: an edit keeps the blocks that it does not name.
    blocks: Vec<Value>,
    /// Marks within the text are not read.
    mrkdwn: bool,
    unfurl_links: bool,
    unfurl_media: bool,
}

/// What the Web API answers.
#[derive(Debug, Deserialize)]
pub(super) struct Answer {
    pub(super) ok: bool,
    #[serde(default)]
    pub(super) error: Option<String>,
    /// The message's time stamp, which is its id within the channel.
    #[serde(default)]
    pub(super) ts: Option<String>,
    #[serde(default)]
    pub(super) channel: Option<String>,
    /// Which scope is missing.
    #[serde(default)]
    pub(super) needed: Option<String>,
    /// Of `auth.test`.
    #[serde(default)]
    pub(super) user: Option<String>,
    /// Of `auth.test`.
    #[serde(default)]
    pub(super) team: Option<String>,
}

/// A message with its styles, or as text alone (`as_plain`).
pub(super) fn message(message: &RichMessage, as_plain: bool) -> Message {
    let rows = render::cut(render::rows(message), Limits::of(&SLACK), size);
    Message {
        text: escaped(&render::plain(&rows)),
        blocks: if as_plain {
            Vec::new()
        } else {
            rich_text(&rows)
        },
        mrkdwn: false,
        unfurl_links: false,
        unfurl_media: false,
    }
}

impl Message {
    /// Whether there is nothing to read, which Slack refuses.
    pub(super) fn is_empty(&self) -> bool {
        self.text.trim().is_empty()
    }
}

/// What is read counts, and what is sent of it: the text beside the blocks has it escaped.
fn size(span: &Span) -> Size {
    let text = span.as_plain();
    Size {
        units: text.chars().map(char::len_utf16).sum(),
        bytes: escaped(text).len(),
    }
}

/// One block in which styles are data: nothing within a text is read as a mark.
fn rich_text(rows: &[Line]) -> Vec<Value> {
    let mut elements = Vec::new();
    for (index, row) in rows.iter().enumerate() {
        if index > 0 {
            elements.push(json!({ "type": "text", "text": "\n" }));
        }
        elements.extend(row.iter().map(element));
    }
    if elements.is_empty() {
        return Vec::new();
    }
    let section = json!({ "type": "rich_text_section", "elements": elements });
    vec![json!({ "type": "rich_text", "elements": [section] })]
}

fn element(span: &Span) -> Value {
    match span {
        Span::Text(text) => json!({ "type": "text", "text": text }),
        Span::Bold(text) => json!({ "type": "text", "text": text, "style": { "bold": true } }),
        Span::Code(text) => json!({ "type": "text", "text": text, "style": { "code": true } }),
        Span::Link { text, url } => json!({ "type": "link", "url": url, "text": text }),
    }
}

/// The three characters that Slack reads in a text.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
