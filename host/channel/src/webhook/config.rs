//! What a webhook needs, and the limits that are ours, because every receiver is different.

use crate::OpenError;
use crate::http::{address, host};
use fillsync_core::id::ChannelName;
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};

/// `kind = "webhook"`.
pub const KIND: &str = "webhook";

/// The largest body that is posted, in bytes.
pub(super) const BODY_BYTES_MAX: usize = 1024 * 1024;

/// The settings of `kind = "webhook"`.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `url`: where alerts are posted. Many receivers put a key into it, so it is never shown.
    pub url: SecretString,
    /// `secret`: signs what is posted.
    pub secret: Option<SecretString>,
    /// `edits = true`: a later truth is posted again under the same identity with a higher revision.
    pub edits: bool,
}

/// The settings once they are checked.
pub(super) struct Checked {
    /// Has the secret parts of the address: never shown.
    pub(super) url: Url,
    /// The host with its port, for messages.
    pub(super) host: String,
    pub(super) secret: Option<SecretString>,
    pub(super) edits: bool,
}

/// Checks what can be checked without posting.
pub(super) fn check(channel: &ChannelName, settings: Settings) -> Result<Checked, OpenError> {
    let wrong = |setting, what: &str, remedy| OpenError::Setting {
        channel: channel.clone(),
        setting,
        what: what.to_owned(),
        remedy,
    };
    let url = address(settings.url.expose_secret())
        .map_err(|what| wrong("url", what, "write it as in https://example.com/fillsync"))?;
    if settings
        .secret
        .as_ref()
        .is_some_and(|secret| secret.expose_secret().is_empty())
    {
        return Err(wrong(
            "secret",
            "is empty, which signs nothing",
            "give it at least 32 random characters, or leave it out",
        ));
    }
    Ok(Checked {
        host: host(&url),
        url,
        secret: settings.secret,
        edits: settings.edits,
    })
}
