//! Every key of a `[[channel]]`: what all kinds have, and what each kind needs.
//!
//! The keys of a kind stand beside `kind`, in the same table; a key of another kind is unknown there.
//! What belongs together (a token and its channel, a user and its password) is judged in `judge`.

use crate::quiet::{BreaksThrough, TimeOfDay, Zone};
use crate::read::{Key, Read, Section, Value};
use crate::secret::SecretSource;
use crate::value::{EmailTls, HttpUrl};
use fillsync_core::alert::{AlertKind, Severity};
use fillsync_core::id::{AccountName, ChannelName, GroupName, PluginName, Symbol};
use std::path::PathBuf;
use std::time::Duration;

section! {
    /// Where alerts go. The kind decides which further keys there are.
    Channel {
        /// The name by which the outbox knows the channel. Do not reuse a name.
        name: ChannelName,
        /// "telegram", "discord", "slack", "webhook", "ntfy", "email" or "stdout".
        kind: ChannelKind,
        /// The plugin that puts alerts into words.
        formatter: PluginName = "limit-fill",
        /// The groups whose alerts it gets. Default: all.
        groups: Option<Vec<GroupName>>,
        /// The accounts whose alerts it gets. A divergence is about every account that it names. Default: all.
        accounts: Option<Vec<AccountName>>,
        /// The symbols whose alerts it gets, in the group's spelling. Default: all.
        symbols: Option<Vec<Symbol>>,
        /// The kinds of alerts it gets. "progress" may be added: one message more for each fill.
        alerts: Vec<AlertKind> = ["fill", "exit", "closed", "divergence", "resolved", "correction", "digest", "system"],
        /// The least severe alert it gets: "info", "warning" or "critical". Whoever is told that accounts
        /// differ is told as well that they agree again.
        severity: Severity = "info",
        /// Hours in which it is left in peace.
        quiet: Option<Quiet>,
        /// What waited longer than this for the receiver, because it was down, is told as one digest.
        backlog_after: Duration = "30m",
    }
}

section! {
    /// Hours in which a channel is left in peace. What happened meanwhile is told after them, as one digest.
    Quiet {
        /// From this time of day on, as in "22:00".
        from: TimeOfDay,
        /// Until this one. One that is earlier than `from` is that of the next day.
        to: TimeOfDay,
        /// Where these times hold: "Europe/Berlin", "UTC", or a fixed offset as in "+02:00".
        zone: Zone = "UTC",
        /// The least severe alert that is sent all the same: "critical", "warning", or "none" for none.
        breaks_through: BreaksThrough = "critical",
    }
}

section! {
    /// A channel of kind "telegram".
    Telegram {
        /// The bot's token, from the environment or a file.
        token: SecretSource,
        /// The chat: its number as text, or "@name" of a public one.
        chat_id: String,
        /// The topic, in a group that has topics.
        thread_id: Option<u64>,
        /// The address of the Bot API.
        base_url: HttpUrl = "https://api.telegram.org",
    }
}

section! {
    /// A channel of kind "discord".
    Discord {
        /// The webhook's address, from the environment or a file: who knows it can write there.
        url: SecretSource,
        /// The thread of the webhook's channel that messages go to, by its id.
        thread_id: Option<u64>,
        /// Whether a message is an embed, with a colour for its severity, or plain content.
        embeds: bool = true,
    }
}

section! {
    /// A channel of kind "slack": by an incoming webhook (`url`), or by a bot (`token` and `channel`).
    /// Only a bot can edit what it sent.
    Slack {
        /// The incoming webhook's address, from the environment or a file: who knows it can write there.
        url: Option<SecretSource>,
        /// The bot's token (xoxb-…), from the environment or a file. It needs the scope chat:write.
        token: Option<SecretSource>,
        /// Where the bot writes: the channel's id.
        channel: Option<String>,
        /// The address of the Web API, for a bot.
        base_url: HttpUrl = "https://slack.com/api",
    }
}

section! {
    /// A channel of kind "webhook": alerts are posted as JSON.
    Webhook {
        /// The address to post to.
        url: HttpUrl,
        /// The secret with which posts are signed, from the environment or a file.
        secret: Option<SecretSource>,
        /// Whether a later truth is posted as an edit of the first message.
        edits: bool = false,
    }
}

section! {
    /// A channel of kind "ntfy".
    Ntfy {
        /// The topic. On a server without access control whoever knows it can read along.
        topic: String,
        /// The server.
        base_url: HttpUrl = "https://ntfy.sh",
        /// An access token (tk_…), from the environment or a file.
        token: Option<SecretSource>,
        /// A user's name, where the server has no tokens; needs `password`.
        user: Option<String>,
        /// The user's password, from the environment or a file.
        password: Option<SecretSource>,
    }
}

section! {
    /// A channel of kind "email": messages over SMTP.
    Email {
        /// The mail server.
        host: String,
        /// Its port. Default: 587 with "starttls", 465 with "implicit", 25 with "none".
        port: Option<u64>,
        /// "starttls": the connection is encrypted before anything is said; "implicit": it is encrypted
        /// from the start; "none": it is not, which is allowed to this machine only.
        tls: EmailTls = "starttls",
        /// Certificates (PEM) that are trusted beside those of this machine, for a server of your own.
        ca_file: Option<PathBuf>,
        /// The user to log in as; needs `password`.
        user: Option<String>,
        /// The user's password, from the environment or a file.
        password: Option<SecretSource>,
        /// The sender, as in "fillsync@example.com" or "fillsync <fillsync@example.com>".
        from: String,
        /// The receivers.
        to: Vec<String>,
    }
}

read_section!(Channel, Quiet);

/// What a channel is, with the keys that only its kind has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChannelKind {
    /// A Telegram chat.
    Telegram(Telegram),
    /// A Discord webhook.
    Discord(Discord),
    /// A Slack channel.
    Slack(Slack),
    /// A web address that takes JSON.
    Webhook(Webhook),
    /// A topic of an ntfy server.
    Ntfy(Ntfy),
    /// Mailboxes.
    Email(Email),
    /// The daemon's standard output.
    Stdout,
}

/// The keys of every kind but the one that has none.
const KEYS_OF_KINDS: [&[Key]; 6] = [
    Telegram::KEYS,
    Discord::KEYS,
    Slack::KEYS,
    Webhook::KEYS,
    Ntfy::KEYS,
    Email::KEYS,
];

impl ChannelKind {
    /// The kinds that can be configured.
    pub const NAMES: [&'static str; 7] = [
        "telegram", "discord", "slack", "webhook", "ntfy", "email", "stdout",
    ];

    /// The name in configuration and database.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Telegram(_) => "telegram",
            Self::Discord(_) => "discord",
            Self::Slack(_) => "slack",
            Self::Webhook(_) => "webhook",
            Self::Ntfy(_) => "ntfy",
            Self::Email(_) => "email",
            Self::Stdout => "stdout",
        }
    }

    /// The secrets that it needs, by their keys.
    #[must_use]
    pub fn secrets(&self) -> Vec<(&'static str, &SecretSource)> {
        let optional: Vec<(&'static str, Option<&SecretSource>)> = match self {
            Self::Telegram(telegram) => vec![("token", Some(&telegram.token))],
            Self::Discord(discord) => vec![("url", Some(&discord.url))],
            Self::Slack(slack) => {
                vec![("url", slack.url.as_ref()), ("token", slack.token.as_ref())]
            }
            Self::Webhook(webhook) => vec![("secret", webhook.secret.as_ref())],
            Self::Ntfy(ntfy) => vec![
                ("token", ntfy.token.as_ref()),
                ("password", ntfy.password.as_ref()),
            ],
            Self::Email(email) => vec![("password", email.password.as_ref())],
            Self::Stdout => Vec::new(),
        };
        optional
            .into_iter()
            .filter_map(|(key, source)| Some((key, source?)))
            .collect()
    }

    /// Whether a message that was sent can be edited there.
    #[must_use]
    pub const fn can_edit(&self) -> bool {
        match self {
            Self::Telegram(_) | Self::Discord(_) => true,
            Self::Slack(slack) => slack.token.is_some(),
            Self::Webhook(webhook) => webhook.edits,
            Self::Ntfy(_) | Self::Email(_) | Self::Stdout => false,
        }
    }
}

impl Read for ChannelKind {
    fn read(value: &Value<'_>) -> Option<Self> {
        value.wrong_type("the kind of a channel", "\"stdout\"")
    }

    /// The kind's own keys stand beside `kind`, in the same table.
    fn take(section: &Section<'_>, key: &'static str) -> Option<Self> {
        // Where the kind is not known, the keys of all kinds are: its own are not its mistakes.
        let allow_all = || KEYS_OF_KINDS.iter().for_each(|keys| section.allow(keys));
        let Some(value) = section.value(key) else {
            allow_all();
            return String::take(section, key).and(None);
        };
        match value.text("the kind of a channel", "\"stdout\"")? {
            "telegram" => {
                section.allow(Telegram::KEYS);
                Telegram::read_fields(section).map(Self::Telegram)
            }
            "discord" => {
                section.allow(Discord::KEYS);
                Discord::read_fields(section).map(Self::Discord)
            }
            "slack" => {
                section.allow(Slack::KEYS);
                Slack::read_fields(section).map(Self::Slack)
            }
            "webhook" => {
                section.allow(Webhook::KEYS);
                Webhook::read_fields(section).map(Self::Webhook)
            }
            "ntfy" => {
                section.allow(Ntfy::KEYS);
                Ntfy::read_fields(section).map(Self::Ntfy)
            }
            "email" => {
                section.allow(Email::KEYS);
                Email::read_fields(section).map(Self::Email)
            }
            "stdout" => Some(Self::Stdout),
            other => {
                allow_all();
                crate::field::unknown_channel_kind(&value, other, &Self::NAMES)
            }
        }
    }
}
