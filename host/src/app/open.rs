//! Opens what a configuration names: venues, channels, and the secrets that they need.
//!
//! Accounts at one network address share a limiter and a line. Of every secret in use a digest is kept,
//! so that new content of its source is seen; a secret itself is in no type that can be printed.

use super::App;
use crate::drive::turn::{ROUNDS_AT_ONCE_MAX, Turns};
use anyhow::{Context as _, anyhow};
use fillsync_channel::{ChannelSettings, KindSettings, Surroundings};
use fillsync_config::{
    Account, Change, Channel as ChannelConfig, ChannelKind, Config, EmailTls, Step,
};
use fillsync_core::id::{AccountName, ChannelName};
use fillsync_core::port::{Channel, Venue};
use fillsync_venue::{AccountSettings, Address, Limits};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// The largest file of certificates.
const CERTIFICATES_BYTES_MAX: u64 = 1024 * 1024;

/// What the accounts at one network address share.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) address: Address,
    pub(super) turns: Arc<Turns>,
}

/// An account's venue, and the line in which it waits.
pub(super) type OpenedVenue = (Arc<dyn Venue>, Arc<Turns>);

/// What one application of a configuration needs, opened before anything is touched.
#[derive(Default)]
pub(super) struct Opened {
    pub(super) venues: BTreeMap<AccountName, OpenedVenue>,
    pub(super) channels: BTreeMap<ChannelName, Arc<dyn Channel>>,
    pub(super) warnings: Vec<String>,
    pub(super) secrets: Secrets,
}

/// Digests of the secrets that accounts and channels were opened with, to see whether a source holds
/// another one now. They are never logged: who knows a digest can try guesses at it.
#[derive(Default, Clone)]
pub(super) struct Secrets {
    pub(super) accounts: BTreeMap<AccountName, Digest>,
    pub(super) channels: BTreeMap<ChannelName, Digest>,
}

pub(super) type Digest = [u8; 32];

impl App {
    pub(super) fn open_venue(
        &mut self,
        account: &Account,
        opened: &mut Opened,
    ) -> anyhow::Result<OpenedVenue> {
        let [key, code] = secrets_of_account(account, &mut opened.warnings)?;
        let digest = digest_of([&key, &code]);
        opened.secrets.accounts.insert(account.name.clone(), digest);
        let at = (account.venue, account.base_url.origin().to_owned());
        let shared = match self.addresses.get(&at) {
            Some(shared) => shared.clone(),
            None => {
                let shared = Shared {
                    address: Address::new(account.venue, Limits::of(account.venue))?,
                    turns: Turns::new(ROUNDS_AT_ONCE_MAX),
                };
                self.addresses.insert(at, shared.clone());
                shared
            }
        };
        let settings = AccountSettings::new(
            account.name.clone(),
            account.venue,
            account.base_url.as_str(),
            key,
            code,
            account.categories.clone(),
        );
        let venue = fillsync_venue::open(settings, &shared.address, Arc::clone(&self.clock))?;
        Ok((venue, shared.turns))
    }

    pub(super) fn open_channel(
        &self,
        channel: &ChannelConfig,
        opened: &mut Opened,
    ) -> anyhow::Result<Arc<dyn Channel>> {
        let codes = secrets_of_channel(channel, &mut opened.warnings)?;
        let digest = digest_of(codes.values());
        opened.secrets.channels.insert(channel.name.clone(), digest);
        open_with(channel, codes, &self.surroundings)
    }

    /// Who is not changed by the configuration, but by the content of a secret. A source that cannot be
    /// read just now changes nothing: what runs goes on with what it has.
    pub(super) fn with_new_secrets(
        &self,
        wanted: &Config,
        changes: &[Change],
    ) -> Vec<(String, Change)> {
        let mut renewed = Vec::new();
        let mut warnings = Vec::new();
        for (name, before) in &self.secrets.accounts {
            let is_changed = changes
                .iter()
                .any(|change| matches!(change, Change::Account(of, _) if of == name));
            let Some(account) = wanted.accounts.get(name).filter(|_| !is_changed) else {
                continue;
            };
            let who = format!("account {name}");
            let now = secrets_of_account(account, &mut warnings);
            if is_other(&who, before, now.as_ref().map(digest_of)) {
                let step = Step::Changed {
                    now: account.clone(),
                    keys: Vec::new(),
                };
                renewed.push((who, Change::Account(name.clone(), step)));
            }
        }
        for (name, before) in &self.secrets.channels {
            let is_changed = changes
                .iter()
                .any(|change| matches!(change, Change::Channel(of, _) if of == name));
            let Some(channel) = wanted.channels.get(name).filter(|_| !is_changed) else {
                continue;
            };
            let who = format!("channel {name}");
            let now = secrets_of_channel(channel, &mut warnings);
            let now = now.as_ref().map(|codes| digest_of(codes.values()));
            if is_other(&who, before, now) {
                let step = Step::Changed {
                    now: channel.clone(),
                    keys: Vec::new(),
                };
                renewed.push((who, Change::Channel(name.clone(), step)));
            }
        }
        renewed
    }
}

fn secret(
    source: &fillsync_config::SecretSource,
    setting: &str,
    warnings: &mut Vec<String>,
) -> anyhow::Result<SecretString> {
    let resolved = source.resolve(setting)?;
    warnings.extend(resolved.warning);
    Ok(resolved.secret)
}

fn secrets_of_account(
    account: &Account,
    warnings: &mut Vec<String>,
) -> anyhow::Result<[SecretString; 2]> {
    let name = &account.name;
    Ok([
        secret(
            &account.api_key,
            &format!("account {name}: api_key"),
            warnings,
        )?,
        secret(
            &account.api_secret,
            &format!("account {name}: api_secret"),
            warnings,
        )?,
    ])
}

/// A channel's secrets, by the keys that name their sources.
type Codes = BTreeMap<&'static str, SecretString>;

fn secrets_of_channel(
    channel: &ChannelConfig,
    warnings: &mut Vec<String>,
) -> anyhow::Result<Codes> {
    let sources = channel.kind.secrets().into_iter();
    sources
        .map(|(key, source)| {
            let setting = format!("channel {}: {key}", channel.name);
            Ok((key, secret(source, &setting, warnings)?))
        })
        .collect()
}

/// Opens one channel by itself, as `check` and `alerts test` do; what should be looked at is added to
/// the warnings. Nothing is sent.
///
/// # Errors
/// When a secret cannot be read, or a setting can never work.
pub fn open_alone(
    channel: &ChannelConfig,
    surroundings: &Surroundings,
    warnings: &mut Vec<String>,
) -> anyhow::Result<Arc<dyn Channel>> {
    open_with(
        channel,
        secrets_of_channel(channel, warnings)?,
        surroundings,
    )
}

fn open_with(
    channel: &ChannelConfig,
    mut codes: Codes,
    surroundings: &Surroundings,
) -> anyhow::Result<Arc<dyn Channel>> {
    use fillsync_channel::{discord, email, ntfy, slack, telegram, webhook};
    let name = &channel.name;
    // The keys that a kind cannot do without were checked when the configuration was read.
    let needed = |code: Option<SecretString>, key: &str| {
        code.with_context(|| format!("channel {name}: {key} is missing"))
    };
    let kind = match &channel.kind {
        ChannelKind::Stdout => KindSettings::Stdout,
        ChannelKind::Telegram(settings) => KindSettings::Telegram(telegram::Settings {
            base_url: settings.base_url.as_str().to_owned(),
            token: needed(codes.remove("token"), "token")?,
            chat_id: settings.chat_id.clone(),
            thread_id: settings.thread_id,
        }),
        ChannelKind::Discord(settings) => KindSettings::Discord(discord::Settings {
            url: needed(codes.remove("url"), "url")?,
            thread_id: settings.thread_id,
            embeds: settings.embeds,
        }),
        ChannelKind::Slack(settings) => KindSettings::Slack(slack::Settings {
            way: match codes.remove("url") {
                Some(url) => slack::Way::Hook(url),
                None => slack::Way::Bot {
                    base_url: settings.base_url.as_str().to_owned(),
                    token: needed(codes.remove("token"), "token")?,
                    channel: settings.channel.clone().unwrap_or_default(),
                },
            },
        }),
        ChannelKind::Webhook(settings) => KindSettings::Webhook(webhook::Settings {
            url: SecretString::from(settings.url.as_str()),
            secret: codes.remove("secret"),
            edits: settings.edits,
        }),
        ChannelKind::Ntfy(settings) => KindSettings::Ntfy(ntfy::Settings {
            base_url: settings.base_url.as_str().to_owned(),
            topic: SecretString::from(settings.topic.as_str()),
            login: match (codes.remove("token"), &settings.user) {
                (Some(token), _) => ntfy::Login::Token(token),
                (None, Some(user)) => {
                    ntfy::Login::User(user.clone(), needed(codes.remove("password"), "password")?)
                }
                (None, None) => ntfy::Login::Nobody,
            },
        }),
        ChannelKind::Email(settings) => KindSettings::Email(email::Settings {
            host: settings.host.clone(),
            port: settings.port.and_then(|port| u16::try_from(port).ok()),
            tls: match settings.tls {
                EmailTls::StartTls => email::Tls::StartTls,
                EmailTls::Implicit => email::Tls::Implicit,
                EmailTls::None => email::Tls::None,
            },
            ca_pem: settings.ca_file.as_deref().map(certificates).transpose()?,
            login: match (&settings.user, codes.remove("password")) {
                (Some(user), Some(password)) => Some(email::Login {
                    user: user.clone(),
                    password,
                }),
                _ => None,
            },
            from: settings.from.clone(),
            to: settings.to.clone(),
        }),
    };
    let settings = ChannelSettings {
        name: name.clone(),
        kind,
    };
    Ok(fillsync_channel::open(settings, surroundings)?)
}

/// The certificates of a mail server of the operator's own.
fn certificates(path: &Path) -> anyhow::Result<Vec<u8>> {
    let metadata = std::fs::metadata(path);
    let metadata =
        metadata.with_context(|| format!("ca_file {} cannot be read", path.display()))?;
    if metadata.len() > CERTIFICATES_BYTES_MAX {
        return Err(anyhow!(
            "ca_file {} has more than {CERTIFICATES_BYTES_MAX} bytes; name a file that holds only certificates",
            path.display()
        ));
    }
    std::fs::read(path).with_context(|| format!("ca_file {} cannot be read", path.display()))
}

/// One digest of several secrets; their lengths keep "ab", "c" apart from "a", "bc".
fn digest_of<'a>(secrets: impl IntoIterator<Item = &'a SecretString>) -> Digest {
    let mut hash = Sha256::new();
    for secret in secrets {
        let bytes = secret.expose_secret().as_bytes();
        hash.update(bytes.len().to_be_bytes());
        hash.update(bytes);
    }
    hash.finalize().into()
}

/// Whether a secret is another one now. One that cannot be read is told, and is not another one.
fn is_other(who: &str, before: &Digest, now: Result<Digest, &anyhow::Error>) -> bool {
    match now {
        Ok(now) => now != *before,
        Err(error) => {
            tracing::error!(event = "secret_unreadable", who, %error, "what was in use stays in use");
            false
        }
    }
}
