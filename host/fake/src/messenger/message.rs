//! A Telegram message as it was accepted, and as the API shows it.
//!
//! Promise: a message keeps what was sent, what a reader sees, and every state that an edit replaced.

use serde_json::{Map, Value, json};

/// A message that was accepted.
#[derive(Clone, Debug, PartialEq)]
pub struct TelegramMessage {
    /// The id that was answered.
    pub message_id: i64,
    /// The chat, as text.
    pub chat_id: String,
    /// The text as sent, with its markup.
    pub raw_text: String,
    /// The text as a reader sees it now.
    pub text: String,
    /// `parse_mode` as sent.
    pub parse_mode: Option<String>,
    /// The entities, sent or read from the markup.
    pub entities: Vec<Value>,
    /// Whether it arrives without a sound.
    pub disable_notification: bool,
    /// The other parameters as sent (`link_preview_options`, `message_thread_id`, `reply_parameters`, …).
    pub parameters: Map<String, Value>,
    /// Time of sending, Unix milliseconds.
    pub at_ms: i64,
    /// What it said before, oldest first.
    pub edits: Vec<TelegramEdit>,
}

/// A state that an edit replaced.
#[derive(Clone, Debug, PartialEq)]
pub struct TelegramEdit {
    /// The text as a reader saw it before the edit.
    pub text: String,
    /// Its entities.
    pub entities: Vec<Value>,
    /// Time of the edit, Unix milliseconds.
    pub at_ms: i64,
}

pub(super) fn chat_value(chat_id: &str) -> Value {
    chat_id
        .parse::<i64>()
        .map_or_else(|_| chat_id.into(), Value::from)
}

pub(super) fn chat_type(chat_id: &str) -> &'static str {
    match chat_id {
        id if id.starts_with("-100") => "supergroup",
        id if id.starts_with('-') => "group",
        id if id.starts_with('@') => "channel",
        _ => "private",
    }
}

pub(super) fn render(message: &TelegramMessage, edited_ms: Option<i64>) -> Value {
    let mut body = json!({
        "message_id": message.message_id,
        "from": { "id": 7_000_000_001_i64, "is_bot": true, "first_name": "fillsync", "username": "fillsync_bot" },
        "chat": { "id": chat_value(&message.chat_id), "type": chat_type(&message.chat_id), "title": "fills" },
        "date": message.at_ms / 1000,
        "text": message.text,
    });
    if let Value::Object(fields) = &mut body {
        if let Some(edited_ms) = edited_ms {
            fields.insert("edit_date".to_owned(), (edited_ms / 1000).into());
        }
        if !message.entities.is_empty() {
            fields.insert(
                "entities".to_owned(),
                Value::Array(message.entities.clone()),
            );
        }
    }
    body
}
