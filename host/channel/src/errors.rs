//! The errors of one channel: with its name and host before them, and without what may be secret.
//!
//! Promise (law 16): whatever a client says goes through here, so that no secret of the channel stands in
//! it, whoever echoed it.

use crate::http;
use crate::redact::redacted;
use fillsync_core::id::ChannelName;
use fillsync_core::port::ChannelError;
use reqwest::Url;
use secrecy::SecretString;
use std::time::Duration;

/// Says what went wrong at one channel.
pub(crate) struct Errors {
    channel: ChannelName,
    /// The host with its port.
    host: String,
    /// An address that is a secret from its path on.
    address: Option<Url>,
    secrets: Vec<SecretString>,
}

impl Errors {
    pub(crate) fn new(
        channel: ChannelName,
        host: String,
        address: Option<Url>,
        secrets: Vec<SecretString>,
    ) -> Self {
        Self {
            channel,
            host,
            address,
            secrets,
        }
    }

    /// The same again, later.
    pub(crate) fn retry(&self, what: impl AsRef<str>) -> ChannelError {
        ChannelError::Retry {
            what: self.named(what.as_ref()),
        }
    }

    /// Never again.
    pub(crate) fn dead(&self, what: impl AsRef<str>, remedy: &str) -> ChannelError {
        ChannelError::Dead {
            what: self.named(what.as_ref()),
            remedy: remedy.to_owned(),
        }
    }

    /// After a while.
    pub(crate) fn wait(&self, after: Option<Duration>, what: impl AsRef<str>) -> ChannelError {
        http::wait(after, self.named(what.as_ref()))
    }

    /// Once more, as plain text.
    pub(crate) fn markup(&self, what: impl AsRef<str>) -> ChannelError {
        ChannelError::Markup {
            what: self.named(what.as_ref()),
        }
    }

    /// A message without a word in it, which no receiver takes.
    pub(crate) fn empty(&self) -> ChannelError {
        self.dead(
            "the formatter made an empty message",
            "correct the formatter, or choose another in the setting formatter",
        )
    }

    /// A payload of a formatter's own that is not what it must be.
    pub(crate) fn no_object(&self, wanted: &str) -> ChannelError {
        self.dead("the formatter's raw payload is no JSON object", wanted)
    }

    /// A message that JSON cannot say.
    pub(crate) fn unwritable(&self, error: &serde_json::Error) -> ChannelError {
        self.dead(
            format!("the message cannot be written as JSON ({error})"),
            "correct the formatter",
        )
    }

    /// What a stranger said, short and without secrets.
    pub(crate) fn quoted(&self, text: &str) -> String {
        http::quote(&self.hidden(text))
    }

    fn named(&self, what: &str) -> String {
        let what = self.hidden(what);
        format!("channel {} at {}: {what}", self.channel, self.host)
    }

    fn hidden(&self, text: &str) -> String {
        redacted(text, self.address.as_ref(), &self.secrets)
    }
}
