//! What a Slack channel needs, and the pace that Slack publishes.

use crate::OpenError;
use crate::errors::Errors;
use crate::http::{host, private_address};
use fillsync_core::id::ChannelName;
use reqwest::Url;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};
use std::time::Duration;

/// `kind = "slack"`.
pub const KIND: &str = "slack";

/// Where the Web API lives.
pub const BASE_URL: &str = "https://slack.com/api";

/// One message a second for each channel, with short bursts (Slack, "Rate limits").
pub const PACE: Duration = Duration::from_secs(1);

/// The settings of `kind = "slack"`.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How messages get there.
    pub way: Way,
}

/// How messages get there.
#[derive(Debug, Clone)]
pub enum Way {
    /// `url`: an incoming webhook, `https://hooks.slack.com/services/T…/B…/…`.
    Hook(SecretString),
    /// A bot.
    Bot {
        /// `base_url`, [`BASE_URL`] where none is set.
        base_url: String,
        /// `token`: `xoxb-…`.
        token: SecretString,
        /// `channel`: the channel's id.
        channel: String,
    },
}

/// The settings once they are checked.
pub(super) enum Checked {
    Hook {
        /// Is a secret as a whole: never shown.
        url: Url,
    },
    Bot {
        /// Ends in a slash.
        base_url: Url,
        token: SecretString,
        channel: String,
    },
}

impl Checked {
    /// How this channel says what went wrong.
    pub(super) fn errors(&self, channel: ChannelName) -> Errors {
        match self {
            Self::Hook { url } => Errors::new(channel, host(url), Some(url.clone()), Vec::new()),
            Self::Bot {
                base_url, token, ..
            } => Errors::new(channel, host(base_url), None, vec![token.clone()]),
        }
    }

    /// The headers of a call. They have the token in them.
    pub(super) fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        if let Self::Bot { token, .. } = self
            && let Ok(mut value) =
                HeaderValue::try_from(format!("Bearer {}", token.expose_secret()))
        {
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        headers
    }
}

/// Checks what can be checked without asking Slack.
pub(super) fn check(channel: &ChannelName, settings: Settings) -> Result<Checked, OpenError> {
    let wrong = |setting, what: String, remedy| OpenError::Setting {
        channel: channel.clone(),
        setting,
        what,
        remedy,
    };
    match settings.way {
        Way::Hook(url) => {
            let url = private_address(url.expose_secret()).map_err(|what| {
                wrong(
                    "url",
                    format!("{what} (it is not shown)"),
                    "copy the webhook's URL from the app's page: Incoming Webhooks",
                )
            })?;
            Ok(Checked::Hook { url })
        }
        Way::Bot {
            base_url,
            token,
            channel,
        } => {
            let mut base_url = private_address(&base_url).map_err(|what| {
                wrong(
                    "base_url",
                    what.to_owned(),
                    "write it as in https://slack.com/api",
                )
            })?;
            // `Url::join` replaces the last part of a path that does not end in a slash.
            if !base_url.path().ends_with('/') {
                base_url.set_path(&format!("{}/", base_url.path()));
            }
            let fits =
                |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
            let code = token.expose_secret();
            if !code.starts_with("xox") || !code.bytes().all(fits) {
                return Err(wrong(
                    "token",
                    "has not the form of a Slack token (it is not shown)".to_owned(),
                    "take the Bot User OAuth Token (xoxb-…) from the app's page: OAuth & Permissions",
                ));
            }
            let is_id = channel.len() >= 8
                && channel.starts_with(['C', 'D', 'G'])
                && channel
                    .bytes()
                    .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
            if !is_id {
                return Err(wrong(
                    "channel",
                    format!("{channel:?} is not the id of a channel"),
                    "write the id, as in \"C0123456789\": it stands at the end of the channel's details",
                ));
            }
            Ok(Checked::Bot {
                base_url,
                token,
                channel,
            })
        }
    }
}
