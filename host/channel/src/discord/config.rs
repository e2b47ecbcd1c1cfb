//! What a Discord channel needs.

use crate::OpenError;
use crate::http::private_address;
use fillsync_core::id::ChannelName;
use reqwest::Url;
use secrecy::{ExposeSecret as _, SecretString};

/// `kind = "discord"`.
pub const KIND: &str = "discord";

/// The settings of `kind = "discord"`.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `url`: the webhook's address, `https://discord.com/api/webhooks/ID/TOKEN`.
    pub url: SecretString,
    /// `thread_id`: a thread of the webhook's channel.
    pub thread_id: Option<u64>,
    /// `embeds`: whether a message is an embed, or plain content.
    pub embeds: bool,
}

/// The settings once they are checked.
pub(super) struct Checked {
    /// The webhook's address, without a query. Has the token in it: never shown.
    pub(super) url: Url,
    pub(super) thread_id: Option<u64>,
    pub(super) embeds: bool,
}

/// Checks what can be checked without asking Discord.
pub(super) fn check(channel: &ChannelName, settings: Settings) -> Result<Checked, OpenError> {
    let wrong = |what: &str| OpenError::Setting {
        channel: channel.clone(),
        setting: "url",
        what: format!("{what} (it is not shown)"),
        remedy: "copy the webhook's URL in Discord: Server Settings, Integrations, Webhooks",
    };
    let mut url = private_address(settings.url.expose_secret()).map_err(wrong)?;
    let parts: Vec<&str> = url.path().trim_matches('/').split('/').collect();
    // A proxy may put a path of its own before it, Discord a version within it.
    let is_webhook = matches!(
        parts.as_slice(),
        [.., "webhooks", id, token] if !id.is_empty() && !token.is_empty()
    );
    if !is_webhook {
        return Err(wrong(
            "is not the address of a webhook (…/webhooks/ID/TOKEN)",
        ));
    }
    url.set_query(None);
    Ok(Checked {
        url,
        thread_id: settings.thread_id,
        embeds: settings.embeds,
    })
}
