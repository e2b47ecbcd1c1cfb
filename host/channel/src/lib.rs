//! Where alerts go: the room of reqwest on the side of the receivers, and of lettre.
//!
//! [`open`] turns one channel's settings into the core's [`Channel`] port. Each kind is one folder of
//! the same files (`mod.rs`, `config.rs`, `wire.rs`, `client.rs`, `tests.rs`) and one arm of
//! [`KindSettings`]: a new kind is a new folder and a new arm, and touches no other. The kinds share
//! [`http`] (limits, no redirects, errors without addresses), [`render`] (plain text, HTML, cuts) and
//! `redact` (what a receiver echoes, without secrets).
//!
//! Deliberately absent: queues, order, retries and back-off. A channel makes one attempt and says in
//! its error what the outbox must do next. No token or secret leaves this package in an error, a log
//! line or debug output.

pub mod discord;
pub mod email;
pub mod http;
pub mod ntfy;
pub mod render;
pub mod slack;
pub mod stdout;
pub mod telegram;
pub mod webhook;

mod errors;
mod payload;
mod redact;

#[cfg(test)]
mod against_fakes;
#[cfg(test)]
mod loopback;

use crate::http::Http;
use crate::stdout::Sink;
use fillsync_core::id::ChannelName;
use fillsync_core::port::{Channel, Clock};
use std::sync::{Arc, Mutex};

/// Every kind that [`open`] knows, as `kind = "…"` of the configuration names it.
pub const KINDS: [&str; 7] = [
    telegram::KIND,
    discord::KIND,
    slack::KIND,
    webhook::KIND,
    ntfy::KIND,
    email::KIND,
    stdout::KIND,
];

/// One `[[channel]]` of the configuration, with its secrets already read.
#[derive(Debug, Clone)]
pub struct ChannelSettings {
    /// Its name.
    pub name: ChannelName,
    /// Its kind, and what that kind needs.
    pub kind: KindSettings,
}

/// What each kind of channel needs.
#[derive(Debug, Clone)]
pub enum KindSettings {
    /// `kind = "stdout"`.
    Stdout,
    /// `kind = "telegram"`.
    Telegram(telegram::Settings),
    /// `kind = "discord"`.
    Discord(discord::Settings),
    /// `kind = "slack"`.
    Slack(slack::Settings),
    /// `kind = "webhook"`.
    Webhook(webhook::Settings),
    /// `kind = "ntfy"`.
    Ntfy(ntfy::Settings),
    /// `kind = "email"`.
    Email(email::Settings),
}

/// What channels use of the process that they live in. Made once, shared by all channels.
#[derive(Clone)]
pub struct Surroundings {
    /// The one HTTP client.
    pub http: Http,
    /// The clock: signatures carry a time, and a wait may be given as a date.
    pub clock: Arc<dyn Clock>,
    /// Where channels of kind `stdout` write.
    pub sink: Sink,
}

impl Surroundings {
    /// The process's own: a new HTTP client, and standard output.
    ///
    /// # Errors
    /// [`OpenError::Http`] when the TLS of this machine cannot be used (no root certificates).
    pub fn new(clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        Ok(Self {
            http: Http::new(http::Timeouts::default())?,
            clock,
            sink: Arc::new(Mutex::new(std::io::stdout())),
        })
    }
}

/// Why a channel cannot be opened. Nothing is retried: the operator must act.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// A setting that can never work.
    #[error("channel {channel}: {setting} {what}; {remedy}")]
    Setting {
        /// The channel's name.
        channel: ChannelName,
        /// The key in the configuration.
        setting: &'static str,
        /// What is wrong with it; the value is shown where it is no secret.
        what: String,
        /// What to write instead.
        remedy: &'static str,
    },
    /// The HTTP client cannot be made.
    #[error("the HTTP client of the channels cannot be made: {what}")]
    Http {
        /// What it said.
        what: String,
    },
}

/// Opens a channel. Sends nothing: a wrong token shows at the first message.
///
/// # Errors
/// [`OpenError::Setting`] when a setting can never work.
pub fn open(
    settings: ChannelSettings,
    surroundings: &Surroundings,
) -> Result<Arc<dyn Channel>, OpenError> {
    let ChannelSettings { name, kind } = settings;
    let (http, clock) = (surroundings.http.clone(), surroundings.clock.clone());
    Ok(match kind {
        KindSettings::Stdout => Arc::new(stdout::Stdout::open(name, surroundings.sink.clone())),
        KindSettings::Telegram(settings) => {
            Arc::new(telegram::Telegram::open(name, settings, http, clock)?)
        }
        KindSettings::Discord(settings) => {
            Arc::new(discord::Discord::open(name, settings, http, clock)?)
        }
        KindSettings::Slack(settings) => Arc::new(slack::Slack::open(name, settings, http, clock)?),
        KindSettings::Webhook(settings) => {
            Arc::new(webhook::Webhook::open(name, settings, http, clock)?)
        }
        KindSettings::Ntfy(settings) => Arc::new(ntfy::Ntfy::open(name, settings, http, clock)?),
        KindSettings::Email(settings) => Arc::new(email::Email::open(name, settings, clock)?),
    })
}
