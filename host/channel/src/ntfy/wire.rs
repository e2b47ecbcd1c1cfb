//! ntfy's own types: what is sent, and what comes back.
//!
//! Only the fields that are used; whatever else an answer has is passed over (law 14).

use crate::render::{self, Limits};
use fillsync_core::alert::{AlertKind, Severity};
use fillsync_core::limits::NTFY;
use fillsync_core::message::{Line, RichMessage};
use serde::{Deserialize, Serialize};

/// A message as it is published; the channel adds the topic.
#[derive(Debug, Serialize)]
pub(super) struct Message {
    /// ntfy shows its own word where there is none.
    #[serde(skip_serializing_if = "String::is_empty")]
    title: String,
    message: String,
    tags: Vec<&'static str>,
    priority: u8,
}

/// What comes back of a message that was taken.
#[derive(Debug, Deserialize)]
pub(super) struct Taken {
    pub(super) id: String,
}

/// What comes back of anything else.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Refusal {
    /// ntfy's own number: the status with two digits more.
    #[serde(default)]
    pub(super) code: Option<u32>,
    #[serde(default)]
    pub(super) error: String,
}

/// A message's form: the title above, the lines below, what it is as tags, how much it matters as its
/// priority. ntfy shows a tag that names an emoji as that emoji.
pub(super) fn message(message: &RichMessage, kind: AlertKind, severity: Severity) -> Message {
    let mut rows = render::rows(message);
    let title = if message.title.is_empty() || rows.is_empty() {
        Line::new()
    } else {
        rows.remove(0)
    };
    let title_max = Limits {
        units_max: NTFY.raw_max("title"),
        bytes_max: usize::MAX,
    };
    let title = render::plain(&render::cut(vec![title], title_max, render::plain_size));
    let lines = render::cut(rows, Limits::of(&NTFY), render::plain_size);
    let lines = render::plain(&lines);
    let (alarm, priority) = match severity {
        Severity::Info => (None, 3),
        Severity::Warning => (Some("warning"), 4),
        Severity::Critical => (Some("rotating_light"), 5),
    };
    // A message without any text would say "triggered".
    let (title, message) = if lines.trim().is_empty() {
        (String::new(), title)
    } else {
        (title, lines)
    };
    Message {
        title,
        message,
        tags: alarm.into_iter().chain([kind.as_str()]).collect(),
        priority,
    }
}

impl Message {
    /// Whether there is nothing to read.
    pub(super) fn is_empty(&self) -> bool {
        self.message.trim().is_empty()
    }
}
