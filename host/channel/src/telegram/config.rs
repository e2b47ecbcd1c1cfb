//! What a Telegram channel needs, and the pace that Telegram publishes.

use crate::OpenError;
use crate::http::address;
use fillsync_core::id::ChannelName;
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use std::time::Duration;

/// `kind = "telegram"`.
pub const KIND: &str = "telegram";

/// Where the Bot API lives; a local Bot API server has another address.
pub const BASE_URL: &str = "https://api.telegram.org";

/// Messages to one user: one a second (Bot API, "Bots FAQ").
pub const PACE_USER: Duration = Duration::from_secs(1);

/// Messages to one group: twenty a minute.
pub const PACE_GROUP: Duration = Duration::from_secs(3);

/// The settings of `kind = "telegram"`.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `base_url`, [`BASE_URL`] where none is set.
    pub base_url: String,
    /// `token`, as the BotFather gave it: digits, a colon, letters.
    pub token: SecretString,
    /// `chat_id`: a number (negative for groups) or the @name of a public chat.
    pub chat_id: String,
    /// `thread_id`: the topic of a forum group, where there is one.
    pub thread_id: Option<u64>,
}

/// Where messages go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum ChatId {
    /// A user (positive), a group, supergroup or broadcast channel (negative).
    Number(i64),
    /// A public chat's name, with its @.
    Name(String),
}

impl ChatId {
    /// Reads the setting `chat_id`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Some(name) = text.strip_prefix('@') {
            let fits = !name.is_empty()
                && name
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            return fits.then(|| Self::Name(text.to_owned()));
        }
        text.parse().ok().filter(|id| *id != 0).map(Self::Number)
    }

    /// The shortest time between two messages. Only groups have public names and negative numbers.
    pub(super) const fn pace(&self) -> Duration {
        match self {
            Self::Number(id) if *id > 0 => PACE_USER,
            Self::Number(_) | Self::Name(_) => PACE_GROUP,
        }
    }
}

/// The settings once they are checked.
pub(super) struct Checked {
    pub(super) base_url: Url,
    pub(super) token: SecretString,
    pub(super) chat_id: ChatId,
    pub(super) thread_id: Option<u64>,
}

/// Checks what can be checked without asking Telegram.
pub(super) fn check(channel: &ChannelName, settings: Settings) -> Result<Checked, OpenError> {
    let wrong = |setting, what: String, remedy| OpenError::Setting {
        channel: channel.clone(),
        setting,
        what,
        remedy,
    };
    let mut base_url = address(&settings.base_url).map_err(|what| {
        wrong(
            "base_url",
            what.to_owned(),
            "write it as in https://api.telegram.org",
        )
    })?;
    if base_url.query().is_some() {
        return Err(wrong(
            "base_url",
            "has a query (?…)".to_owned(),
            "write it as in https://api.telegram.org",
        ));
    }
    // `Url::join` replaces the last part of a path that does not end in a slash.
    if !base_url.path().ends_with('/') {
        base_url.set_path(&format!("{}/", base_url.path()));
    }
    let token = settings.token.expose_secret();
    let fits = token
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'_' | b'-'));
    if !fits
        || !token
            .split_once(':')
            .is_some_and(|(id, key)| !id.is_empty() && !key.is_empty())
    {
        return Err(wrong(
            "token",
            "has not the form of a bot's token (it is not shown)".to_owned(),
            "take it from the BotFather as it is: digits, a colon, letters; no space or line feed",
        ));
    }
    let chat_id = ChatId::parse(&settings.chat_id).ok_or_else(|| {
        wrong(
            "chat_id",
            format!("{:?} is neither a number nor an @name", settings.chat_id),
            "write it as in \"123456\", \"-1001234567890\" or \"@my_channel\"",
        )
    })?;
    Ok(Checked {
        base_url,
        token: settings.token,
        chat_id,
        thread_id: settings.thread_id,
    })
}
