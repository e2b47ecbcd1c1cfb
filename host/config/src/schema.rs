//! Every key of the configuration, its meaning and its default: the manual is made of this file.
//!
//! A section is a struct whose fields are its keys. The documentation of a field is what the manual
//! says about the key; the text behind `=` is the default, as TOML, and stands nowhere else. Order in
//! the file means nothing, so everything that has a name is a map. No secret is ever in here.

use crate::read::{Key, Read, Section, Value};
use crate::secret::SecretSource;
use crate::value::{
    HttpUrl, LogFormat, LogLevel, PluginSwap, PluginTrust, Sha256Pin, SigningKey, SlotToken,
    print_span,
};
use fillsync_core::execution::VenueKind;
use fillsync_core::id::{AccountName, Category, ChannelName, GroupName, PluginName, Symbol};
use fillsync_core::view::{CountsWhen, Role};
use rust_decimal::Decimal;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

macro_rules! section {
    (
        $(#[doc = $about:literal])*
        $name:ident {
            $( $(#[doc = $doc:literal])* $field:ident : $type:ty $(= $default:tt)? ),* $(,)?
        }
    ) => {
        $(#[doc = $about])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $name {
            $( $(#[doc = $doc])* pub $field: $type, )*
        }

        impl $name {
            /// The keys of the section, in the order of the manual.
            pub const KEYS: &'static [Key] = &[
                $( Key {
                    name: stringify!($field),
                    about: concat!($($doc, "\n"),*),
                    default: section!(@default $($default)?),
                } ),*
            ];

            /// The keys whose values differ.
            #[must_use]
            pub fn changed_keys(&self, other: &Self) -> Vec<&'static str> {
                let mut keys = Vec::new();
                $( if self.$field != other.$field {
                    keys.push(stringify!($field));
                } )*
                keys
            }

            /// Reads every field before the first that is wrong ends it, so that all are reported.
            fn read_fields(section: &Section<'_>) -> Option<Self> {
                $( let $field = <$type as Read>::take(section, stringify!($field)); )*
                Some(Self { $( $field: $field? ),* })
            }
        }
    };
    (@default) => { None };
    (@default $default:tt) => { Some(stringify!($default)) };
}

macro_rules! read_section {
    ($($name:ident),*) => { $(
        impl Read for $name {
            fn read(value: &Value<'_>) -> Option<Self> {
                let section = Section::of(value, Self::KEYS)?;
                let read = Self::read_fields(&section);
                section.close();
                read
            }
        }
    )* };
}

mod channel;

pub use channel::{Channel, ChannelKind, Discord, Email, Ntfy, Quiet, Slack, Telegram, Webhook};

/// The whole configuration, checked. Every reference in it leads somewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// What concerns the process.
    pub daemon: Daemon,
    /// The accounts, by name.
    pub accounts: BTreeMap<AccountName, Account>,
    /// The groups, by name.
    pub groups: BTreeMap<GroupName, Group>,
    /// The channels, by name.
    pub channels: BTreeMap<ChannelName, Channel>,
    /// What is set for plugins, by name. A first-party plugin needs no entry.
    pub plugins: BTreeMap<PluginName, Plugin>,
}

/// A size in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(pub u64);

section! {
    /// What concerns the process. Relative paths are taken from the folder of the configuration file.
    Daemon {
        /// The ledger's file. It and its folder must be writable; nobody else may write to it. Copies of
        /// the plugins in use stand beside it, in a folder of the same name with `.plugins`.
        database: PathBuf = "fillsync.db",
        /// The folder whose `.wasm` files are watched and loaded. It need not exist.
        plugin_dir: PathBuf = "plugins",
        /// The folder for compiled plugins. It can be deleted at any time.
        cache_dir: PathBuf = "cache",
        /// Which plugin files are let in: "any"; "lock": those that `fillsync plugin approve NAME` wrote into
        /// `plugin_lock`, or that are pinned; "signed": those with a signature of one of `plugin_keys`.
        /// What the binary carries is trusted as the binary is.
        plugin_trust: PluginTrust = "any",
        /// The file of approvals and promotions. It must not be in `plugin_dir`: who can put a plugin
        /// there must not be able to approve it.
        plugin_lock: PathBuf = "plugins.lock",
        /// Public keys of minisign: the second line of a `.pub` file. A signature stands beside the
        /// plugin, as `NAME.wasm.minisig`.
        plugin_keys: Vec<SigningKey> = [],
        /// The memory that compiling one plugin file may take, in a process of its own.
        compile_memory: ByteSize = "2GiB",
        /// The time that compiling one plugin file may take.
        compile_time: Duration = "2m",
        /// Where the HTTP interface listens. Anything but a loopback address needs `api_token`.
        listen: SocketAddr = "127.0.0.1:8080",
        /// The bearer token that HTTP callers must show. Without it only this machine can call.
        api_token: Option<SecretSource>,
        /// The form of log lines: "text" for people, "json" for machines.
        log_format: LogFormat = "text",
        /// The least severe line that is logged: "error", "warn", "info", "debug" or "trace".
        log_level: LogLevel = "info",
        /// A fill that is seen later than this after it happened is told in a digest only.
        alert_max_age: Duration = "10m",
    }
}

section! {
    /// One set of credentials at one venue. Keys that may only read are enough.
    Account {
        /// The name by which groups, alerts and the ledger know the account. Do not reuse a name.
        name: AccountName,
        /// The venue: "bybit" or "alpaca".
        venue: VenueKind,
        /// The address of the venue's API. Default: the venue's own for live trading.
        base_url: HttpUrl,
        /// The API key, from the environment or a file.
        api_key: SecretSource,
        /// The API secret, from the environment or a file.
        api_secret: SecretSource,
        /// How often the venue is asked for new fills.
        poll_every: Duration = "2s",
        /// How far back the first start reads.
        lookback: Duration = "7d",
        /// How far each poll reaches back behind what is proven, for rows that a venue shows late.
        overlap: Duration = "2m",
        /// How often the recent past is read again from the start.
        rescan_every: Duration = "15m",
        /// How much of the past such a rescan reads.
        rescan_span: Duration = "24h",
        /// How long the venue may say that an order filled more than its fills show, before that sum is
        /// taken for a fill. It gives way to the real ones as soon as they come.
        infer_after: Duration = "1m",
        /// What is watched. Bybit: "linear", "inverse", "spot", "option"; default: linear only.
        /// Alpaca has no categories.
        categories: Vec<Category>,
        /// Whether the venue's private stream is listened to as well, so that fills are seen at once.
        /// Polling goes on beneath it. Default: true for Bybit; false for Alpaca, which allows one
        /// stream for each key: it would disconnect any other program that listens with that key.
        stream: bool,
    }
}

section! {
    /// Accounts that follow one plan: the unit of synchronisation.
    Group {
        /// The name by which channels and the ledger know the group.
        name: GroupName,
        /// The plugin that says which count is shown, or "none" to show each account's own.
        strategy: Strategy,
        /// The accounts that follow the plan.
        members: Vec<Member>,
        /// When an order counts: when it is entirely "filled", or "touched" by its first fill.
        counts_when: CountsWhen = "filled",
        /// How far every member's data must reach past a fill before it is told.
        settle: Duration = "3s",
        /// How long a fill waits for that at most, before it is told with what is known.
        deadline: Duration = "30s",
        /// How the orders of two accounts are recognised as the same one: a regular expression over
        /// the client order id, with a group named `slot`. Without it they are matched by price.
        slot_token: Option<SlotToken>,
        /// Orders that are matched by price are not surely the same one where their prices differ by
        /// more than so many hundredths of a percent, ...
        price_tolerance_bps: u64 = 100,
        /// ... or where they were placed further apart than this.
        placed_within: Duration = "24h",
        /// How sure a match must be, in percent, before accounts are said to differ by it. Below that
        /// they "cannot be compared".
        confidence_min: u64 = 60,
        /// As in `[daemon]`, for this group. Default: that of `[daemon]`.
        alert_max_age: Duration,
    }
}

section! {
    /// One account's part in a group.
    Member {
        /// The account's name.
        account: AccountName,
        /// "main", "mirror", or "observer": watched and compared, but without a say.
        role: Role,
        /// What is expected of it is so many times what the plan says. Counts are not scaled.
        ratio: Decimal = "1",
        /// Its own spelling of symbols to the group's.
        symbols: BTreeMap<Symbol, Symbol> = {},
    }
}

section! {
    /// What is set for one plugin.
    Plugin {
        /// Its file in `plugin_dir`. Default: its name with `.wasm`; a first-party plugin needs none.
        file: Option<String>,
        /// The SHA-256 that the file must have. Without it any file of that name is loaded.
        sha256: Option<Sha256Pin>,
        /// What a new file does where another one is in use: "auto" takes its place if it stands;
        /// "auto-if-same" does if it answers the recorded inputs the same; "manual", and what is not
        /// the same, waits for `fillsync plugin promote NAME`.
        swap: PluginSwap = "auto",
        /// How many recorded inputs a new file is asked beside the one in use.
        replay: u64 = 50,
        /// How long at least a new file can be rolled back to the one before, when it fails at what that
        /// one answers. "0s" for never; a pinned file never is.
        probation: Duration = "10m",
        /// Its settings, checked against its own schema.
        settings: serde_json::Map<String, serde_json::Value> = {},
        /// What one call may use.
        limits: PluginLimits = {},
    }
}

section! {
    /// What one call of a plugin may use.
    PluginLimits {
        /// Memory, at most 512MiB.
        memory: ByteSize = "64MiB",
        /// Time by the wall clock, at most 30s.
        time: Duration = "500ms",
        /// Instructions, about one unit each, at most 20_000_000_000.
        fuel: u64 = 200_000_000,
    }
}

/// Which count a group shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Strategy {
    /// Each account's own.
    None,
    /// What this plugin says.
    Plugin(PluginName),
}

read_section!(Daemon, Member, Plugin, PluginLimits);

/// The address of a venue's API for live trading.
#[must_use]
pub const fn venue_base_url(venue: VenueKind) -> &'static str {
    match venue {
        VenueKind::Bybit => "https://api.bybit.com",
        VenueKind::Alpaca => "https://api.alpaca.markets",
    }
}

impl Read for Account {
    fn read(value: &Value<'_>) -> Option<Self> {
        let mut section = Section::of(value, Self::KEYS)?;
        // Where the venue is not known its problem is noted below; the rest needs some default.
        let is_alpaca = section
            .value("venue")
            .is_some_and(|venue| venue.node.get_ref().as_str() == Some(VenueKind::Alpaca.as_str()));
        let (venue, categories, stream) = if is_alpaca {
            (VenueKind::Alpaca, r#"["fills"]"#, "false")
        } else {
            (VenueKind::Bybit, r#"["linear"]"#, "true")
        };
        section.set_default("base_url", format!("\"{}\"", venue_base_url(venue)));
        section.set_default("categories", categories.to_owned());
        section.set_default("stream", stream.to_owned());
        let read = Self::read_fields(&section);
        section.close();
        read
    }
}

impl Group {
    /// Reads a group; `alert_max_age` is that of the daemon where the group has none.
    pub(crate) fn read_in(value: &Value<'_>, alert_max_age: Duration) -> Option<Self> {
        let mut section = Section::of(value, Self::KEYS)?;
        section.set_default(
            "alert_max_age",
            format!("\"{}\"", print_span(alert_max_age)),
        );
        let read = Self::read_fields(&section);
        section.close();
        read
    }
}
