//! What an ntfy channel needs.

use crate::OpenError;
use crate::http::private_address;
use fillsync_core::id::ChannelName;
use reqwest::Url;
use secrecy::SecretString;

/// `kind = "ntfy"`.
pub const KIND: &str = "ntfy";

/// The public server.
pub const BASE_URL: &str = "https://ntfy.sh";

/// The settings of `kind = "ntfy"`.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `base_url`, [`BASE_URL`] where none is set.
    pub base_url: String,
    /// `topic`. Kept as a secret: on an open server whoever knows it can read along.
    pub topic: SecretString,
    /// Who writes there.
    pub login: Login,
}

/// Who writes.
#[derive(Debug, Clone)]
pub enum Login {
    /// Anybody.
    Nobody,
    /// `token`: `tk_…`.
    Token(SecretString),
    /// `user` and `password`.
    User(String, SecretString),
}

/// The settings once they are checked.
pub(super) struct Checked {
    /// Ends in a slash.
    pub(super) base_url: Url,
    pub(super) topic: SecretString,
    pub(super) login: Login,
}

/// Checks what can be checked without asking the server.
pub(super) fn check(channel: &ChannelName, settings: Settings) -> Result<Checked, OpenError> {
    let mut base_url = private_address(&settings.base_url).map_err(|what| OpenError::Setting {
        channel: channel.clone(),
        setting: "base_url",
        what: what.to_owned(),
        remedy: "write it as in https://ntfy.sh",
    })?;
    if !base_url.path().ends_with('/') {
        base_url.set_path(&format!("{}/", base_url.path()));
    }
    base_url.set_query(None);
    Ok(Checked {
        base_url,
        topic: settings.topic,
        login: settings.login,
    })
}
