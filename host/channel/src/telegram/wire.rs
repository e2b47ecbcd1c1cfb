//! The Bot API's own types: what is sent, and what comes back.
//!
//! Only the fields that are used; whatever else an answer has is passed over (law 14).

use super::config::ChatId;
use serde::{Deserialize, Serialize};

/// The body of `sendMessage` and `editMessageText`.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Message<'a> {
    pub(super) chat_id: &'a ChatId,
    /// Which message is replaced; only for `editMessageText`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) message_id: Option<i64>,
    /// The topic; only for `sendMessage`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) message_thread_id: Option<u64>,
    pub(super) text: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) parse_mode: Option<&'static str>,
    pub(super) link_preview_options: LinkPreview,
}

/// Whether a link shows a preview of its page.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct LinkPreview {
    pub(super) is_disabled: bool,
}

/// What comes back, whether it worked or not.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Answer {
    pub(super) ok: bool,
    /// The message; `true` where an edited message is not the bot's to show.
    #[serde(default)]
    pub(super) result: serde_json::Value,
    #[serde(default)]
    pub(super) error_code: Option<u16>,
    #[serde(default)]
    pub(super) description: String,
    #[serde(default)]
    pub(super) parameters: Parameters,
}

/// What makes an error one that can be acted on.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Parameters {
    /// Seconds.
    #[serde(default)]
    pub(super) retry_after: Option<u64>,
    /// The id of the supergroup that the group became.
    #[serde(default)]
    pub(super) migrate_to_chat_id: Option<i64>,
}

impl Answer {
    /// The id of the message that was sent or edited.
    pub(super) fn message_id(&self) -> Option<i64> {
        self.result.get("message_id")?.as_i64()
    }

    /// How people call the chat that `getChat` answered with.
    pub(super) fn chat_name(&self) -> String {
        ["title", "username", "first_name"]
            .into_iter()
            .find_map(|key| self.result.get(key)?.as_str())
            .unwrap_or_default()
            .to_owned()
    }

    /// The seconds to wait: from `parameters`, or from the text, where older answers had them only.
    pub(super) fn retry_after(&self) -> Option<u64> {
        self.parameters.retry_after.or_else(|| {
            let text = self.description.to_ascii_lowercase();
            let (_, after) = text.split_once("retry after ")?;
            let digits = after
                .split(|character: char| !character.is_ascii_digit())
                .next()?;
            digits.parse().ok()
        })
    }

    /// Whether the description has these words, in whatever case.
    pub(super) fn says(&self, words: &str) -> bool {
        self.description.to_ascii_lowercase().contains(words)
    }
}
