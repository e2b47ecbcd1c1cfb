//! How each type of a field is read from its value.
//!
//! One `impl Read` for each type, and what each says when the value is wrong. A wrong value of a
//! secret is masked and never repeated.

use crate::notes::Footing;
use crate::problem::Severity;
use crate::quiet::{TimeOfDay, Zone};
use crate::read::{Entry, Read, Value, nearest_or_all, quoted};
use crate::schema::{ByteSize, Strategy};
use crate::secret::SecretSource;
use crate::value::{
    EmailTls, HttpUrl, LogFormat, LogLevel, PluginSwap, PluginTrust, Sha256Pin, SigningKey,
    SlotToken, ValueError, parse_size, parse_span,
};
use fillsync_core::alert::{self, AlertKind};
use fillsync_core::execution::VenueKind;
use fillsync_core::id::{AccountName, Category, ChannelName, GroupName, PluginName, Symbol};
use fillsync_core::view::{CountsWhen, Role};
use rust_decimal::Decimal;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use toml::de::DeValue;

/// The most elements of one list and entries of one table.
pub const LIST_ITEMS_MAX: usize = 10_000;

fn read_with<T>(
    value: &Value<'_>,
    example: &str,
    parse: impl Fn(&str) -> Result<T, ValueError>,
) -> Option<T> {
    let text = value.text("text", example)?;
    match parse(text) {
        Ok(parsed) => Some(parsed),
        Err(error) => value.wrong(
            format!("`{}`: {}", value.last(), error.wanted),
            error.remedy,
        ),
    }
}

macro_rules! read_name {
    ($($name:ident $example:literal),* $(,)?) => { $(
        impl Read for $name {
            fn read(value: &Value<'_>) -> Option<Self> {
                let text = value.text("text", $example)?;
                match $name::new(text) {
                    Ok(name) => Some(name),
                    Err(error) => value.wrong(
                        format!("`{}`: {error}", value.last()),
                        concat!("write for instance ", $example),
                    ),
                }
            }
        }
    )* };
}

read_name!(
    AccountName "\"main\"",
    GroupName "\"desk\"",
    ChannelName "\"ops\"",
    Category "\"linear\"",
    Symbol "\"BTCUSDT\"",
);

/// The longest name of a plugin, as the plugin interface has it.
const PLUGIN_NAME_BYTES_MAX: usize = 64;

/// Reads the name of a plugin: lower-case letters, digits and "-".
pub(crate) fn plugin_name(text: &str) -> Result<PluginName, ValueError> {
    let is_name = !text.is_empty()
        && text.len() <= PLUGIN_NAME_BYTES_MAX
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    let wrong = || ValueError {
        wanted: format!(
            "a plugin's name has lower-case letters, digits and \"-\", at most {PLUGIN_NAME_BYTES_MAX}"
        ),
        remedy: "write for instance \"max-count\"".to_owned(),
    };
    if is_name {
        PluginName::new(text).map_err(|_| wrong())
    } else {
        Err(wrong())
    }
}

impl Read for PluginName {
    fn read(value: &Value<'_>) -> Option<Self> {
        read_with(value, "\"limit-fill\"", plugin_name)
    }
}

impl Read for Strategy {
    fn read(value: &Value<'_>) -> Option<Self> {
        read_with(value, "\"max-count\"", |text| match text {
            "none" => Ok(Self::None),
            name => plugin_name(name).map(Self::Plugin),
        })
    }
}

impl Read for Duration {
    fn read(value: &Value<'_>) -> Option<Self> {
        if let DeValue::Integer(number) = value.node.get_ref() {
            let number = number.as_str();
            return value.wrong(
                format!("`{}` needs a unit", value.last()),
                format!("write for instance \"{number}s\" or \"{number}ms\""),
            );
        }
        read_with(value, "\"2s\"", parse_span)
    }
}

impl Read for ByteSize {
    fn read(value: &Value<'_>) -> Option<Self> {
        read_with(value, "\"64MiB\"", |text| parse_size(text).map(Self))
    }
}

impl Read for Sha256Pin {
    fn read(value: &Value<'_>) -> Option<Self> {
        read_with(value, "\"9f86d0…\"", Self::parse)
    }
}

impl Read for SigningKey {
    fn read(value: &Value<'_>) -> Option<Self> {
        read_with(value, "\"RWQ…\"", Self::parse)
    }
}

impl Read for SlotToken {
    fn read(value: &Value<'_>) -> Option<Self> {
        read_with(value, "'-L(?<slot>[0-9]+)-'", Self::parse)
    }
}

impl Read for HttpUrl {
    fn read(value: &Value<'_>) -> Option<Self> {
        // A path or a user part may be a password: it never shows, be it right or wrong.
        value.mask();
        read_with(value, "\"https://api.bybit.com\"", Self::parse)
    }
}

impl Read for PathBuf {
    fn read(value: &Value<'_>) -> Option<Self> {
        let text = value.text("a path, as text", "\"fillsync.db\"")?;
        if text.is_empty() || text.contains('\0') {
            return value.wrong(
                format!("`{}` is no path", value.last()),
                "write for instance \"fillsync.db\"",
            );
        }
        Some(value.notes.folder().join(text))
    }
}

impl Read for SocketAddr {
    fn read(value: &Value<'_>) -> Option<Self> {
        read_with(value, "\"127.0.0.1:8080\"", |text| {
            text.parse().map_err(|_| ValueError {
                wanted: "an address to listen on is an IP address with a port".to_owned(),
                remedy: "write for instance \"127.0.0.1:8080\" or \"[::1]:8080\"".to_owned(),
            })
        })
    }
}

impl Read for String {
    fn read(value: &Value<'_>) -> Option<Self> {
        const BYTES_MAX: usize = 4_096;
        let text = value.text("text", "\"…\"")?;
        if text.is_empty() || text.len() > BYTES_MAX || text.chars().any(char::is_control) {
            return value.wrong(
                format!(
                    "`{}` must be one line of 1 to {BYTES_MAX} bytes",
                    value.last()
                ),
                "leave the key out if it has no value",
            );
        }
        Some(text.to_owned())
    }
}

impl Read for bool {
    fn read(value: &Value<'_>) -> Option<Self> {
        match value.node.get_ref() {
            DeValue::Boolean(yes) => Some(*yes),
            _ => value.wrong_type("true or false, without quotes", "true"),
        }
    }
}

impl Read for u64 {
    fn read(value: &Value<'_>) -> Option<Self> {
        let DeValue::Integer(number) = value.node.get_ref() else {
            return value.wrong_type("a whole number", "200_000_000");
        };
        match Self::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => Some(number),
            Err(_) => value.wrong(
                format!(
                    "`{}` must be a whole number from 0 to 18446744073709551615",
                    value.last()
                ),
                "write for instance 200_000_000",
            ),
        }
    }
}

impl Read for Decimal {
    /// From text, a whole number or the digits of a number as they stand in the file: never a float.
    fn read(value: &Value<'_>) -> Option<Self> {
        let text = match value.node.get_ref() {
            DeValue::String(text) => text.to_string(),
            DeValue::Integer(number) if number.radix() == 10 => number.as_str().to_owned(),
            DeValue::Float(number) => number.as_str().to_owned(),
            _ => return value.wrong_type("a decimal number", "\"0.5\""),
        };
        match Self::from_str_exact(&text) {
            Ok(number) => Some(number),
            Err(_) => value.wrong(
                format!("`{}` is no plain decimal number", value.last()),
                "write for instance \"0.5\"",
            ),
        }
    }
}

impl Read for VenueKind {
    fn read(value: &Value<'_>) -> Option<Self> {
        value.choice(&[("bybit", Self::Bybit), ("alpaca", Self::Alpaca)])
    }
}

impl Read for Role {
    fn read(value: &Value<'_>) -> Option<Self> {
        let all = [Self::Main, Self::Mirror, Self::Observer];
        value.choice(&all.map(|role| (role.as_str(), role)))
    }
}

impl Read for CountsWhen {
    fn read(value: &Value<'_>) -> Option<Self> {
        value.choice(&[("filled", Self::Filled), ("touched", Self::Touched)])
    }
}

impl Read for AlertKind {
    fn read(value: &Value<'_>) -> Option<Self> {
        value.choice(&Self::ALL.map(|kind| (kind.as_str(), kind)))
    }
}

impl Read for alert::Severity {
    fn read(value: &Value<'_>) -> Option<Self> {
        value.choice(&Self::ALL.map(|severity| (severity.as_str(), severity)))
    }
}

impl Read for EmailTls {
    fn read(value: &Value<'_>) -> Option<Self> {
        value.choice(&[
            ("starttls", Self::StartTls),
            ("implicit", Self::Implicit),
            ("none", Self::None),
        ])
    }
}

impl Read for TimeOfDay {
    fn read(value: &Value<'_>) -> Option<Self> {
        read_with(value, "\"22:00\"", Self::parse)
    }
}

impl Read for Zone {
    fn read(value: &Value<'_>) -> Option<Self> {
        read_with(value, "\"Europe/Berlin\"", Self::parse)
    }
}

impl Read for LogFormat {
    fn read(value: &Value<'_>) -> Option<Self> {
        value.choice(&[("text", Self::Text), ("json", Self::Json)])
    }
}

impl Read for PluginTrust {
    fn read(value: &Value<'_>) -> Option<Self> {
        value.choice(&[
            ("any", Self::Any),
            ("lock", Self::Lock),
            ("signed", Self::Signed),
        ])
    }
}

impl Read for PluginSwap {
    fn read(value: &Value<'_>) -> Option<Self> {
        value.choice(&[
            ("auto", Self::Auto),
            ("auto-if-same", Self::AutoIfSame),
            ("manual", Self::Manual),
        ])
    }
}

impl Read for LogLevel {
    fn read(value: &Value<'_>) -> Option<Self> {
        let all = [
            Self::Error,
            Self::Warn,
            Self::Info,
            Self::Debug,
            Self::Trace,
        ];
        value.choice(&all.map(|level| (level.as_str(), level)))
    }
}

impl<T: Read> Read for Vec<T> {
    fn read(value: &Value<'_>) -> Option<Self> {
        let items = value.items("a list", "[…]")?;
        if items.len() > LIST_ITEMS_MAX {
            return value.wrong(
                format!("`{}` has more than {LIST_ITEMS_MAX} elements", value.last()),
                "make it shorter",
            );
        }
        // Each is read before the first that is wrong ends it, so that all are reported.
        let read: Vec<Option<T>> = items.iter().map(T::read).collect();
        read.into_iter().collect()
    }
}

impl Read for BTreeMap<Symbol, Symbol> {
    fn read(value: &Value<'_>) -> Option<Self> {
        let entries = value.entries("a table", "{ \"BTC/USD\" = \"BTCUSDT\" }")?;
        let symbol = |entry: &Entry<'_>| {
            let theirs = match Symbol::new(entry.name) {
                Ok(symbol) => Some(symbol),
                Err(error) => {
                    let span = entry.name_span.clone();
                    entry.value.notes.wrong(
                        span,
                        &value.key,
                        error.to_string(),
                        "write the venue's symbol",
                    );
                    None
                }
            };
            let ours = Symbol::read(&entry.value);
            Some((theirs?, ours?))
        };
        let read: Vec<Option<(Symbol, Symbol)>> = entries.iter().map(symbol).collect();
        read.into_iter().collect()
    }
}

impl Read for serde_json::Map<String, serde_json::Value> {
    fn read(value: &Value<'_>) -> Option<Self> {
        let entries = value.entries("a table", "{ prefer = \"main\" }")?;
        let read: Vec<_> = entries
            .iter()
            .map(|entry| Some((entry.name.to_owned(), json(&entry.value)?)))
            .collect();
        read.into_iter().collect()
    }
}

/// A plugin's setting as JSON. Numbers with a fraction stay what JSON can say of them.
fn json(value: &Value<'_>) -> Option<serde_json::Value> {
    use serde_json::Value as Json;
    match value.node.get_ref() {
        DeValue::String(text) => Some(Json::String(text.to_string())),
        DeValue::Boolean(yes) => Some(Json::Bool(*yes)),
        DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => Some(Json::from(number)),
            Err(_) => value.wrong(
                format!("`{}` does not fit 64 bits", value.last()),
                "write it as text",
            ),
        },
        DeValue::Float(number) => match serde_json::from_str::<serde_json::Number>(number.as_str())
        {
            Ok(number) => Some(Json::Number(number)),
            Err(_) => value.wrong(
                format!("`{}` is a number that JSON cannot say", value.last()),
                "write it as text",
            ),
        },
        DeValue::Datetime(time) => Some(Json::String(time.to_string())),
        DeValue::Array(_) => {
            let read: Vec<_> = value.items("a list", "[…]")?.iter().map(json).collect();
            read.into_iter()
                .collect::<Option<Vec<_>>>()
                .map(Json::Array)
        }
        DeValue::Table(_) => Read::read(value).map(Json::Object),
    }
}

const SECRET_HELP: &str = "write `{ env = \"NAME\" }` or `{ file = \"/run/secrets/name\" }`";

impl Read for SecretSource {
    fn read(value: &Value<'_>) -> Option<Self> {
        let DeValue::Table(table) = value.node.get_ref() else {
            value.mask();
            return value.wrong(
                format!(
                    "`{}` is a secret and must not stand in this file",
                    value.last()
                ),
                format!("{SECRET_HELP}, and change the secret if the file was ever shared"),
            );
        };
        let mut is_clean = true;
        for (name, node) in table {
            if !matches!(name.get_ref().as_ref(), "env" | "file") {
                value.notes.mask(node.span());
                // The name itself may be the secret that somebody pasted.
                value.notes.mask(name.span());
                is_clean = false;
                value.notes.wrong(
                    name.span(),
                    &value.key,
                    "a secret comes from `env` or from `file`; this is neither",
                    SECRET_HELP,
                );
            }
        }
        let part = |name: &str| {
            let node = table.get(name)?;
            Some(Value::new(
                node,
                format!("{}.{name}", value.key),
                value.notes,
                false,
            ))
        };
        match (part("env"), part("file")) {
            (Some(env), None) => env_name(&env).filter(|_| is_clean).map(Self::Env),
            (None, Some(file)) => PathBuf::read(&file).filter(|_| is_clean).map(Self::File),
            (Some(_), Some(_)) => value.wrong(
                "a secret has one source, not both `env` and `file`",
                SECRET_HELP,
            ),
            (None, None) if is_clean => {
                value.wrong("a secret needs a source: `env` or `file`", SECRET_HELP)
            }
            (None, None) => None,
        }
    }
}

/// The name of an environment variable. What is none may be the secret itself, so it is masked.
fn env_name(value: &Value<'_>) -> Option<String> {
    const CHARACTERS_MAX: usize = 128;
    let is_name = |text: &str| {
        !text.is_empty()
            && text.len() <= CHARACTERS_MAX
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
            && !text.starts_with(|c: char| c.is_ascii_digit())
    };
    match value.node.get_ref() {
        DeValue::String(text) if is_name(text) => {
            if text.bytes().any(|b| b.is_ascii_lowercase()) {
                // Legal, but a pasted key looks like this too.
                value.mask();
                value.notes.add(
                    Severity::Warning,
                    Footing::Local,
                    value.span(),
                    &value.key,
                    "this name of an environment variable has lower-case letters",
                    Some("`env` wants the variable's name, not the secret".to_owned()),
                );
            }
            Some(text.to_string())
        }
        _ => {
            value.mask();
            value.wrong(
                "`env` wants the name of an environment variable, not the secret",
                "write for instance { env = \"BYBIT_MAIN_KEY\" }",
            )
        }
    }
}

/// Notes a kind of channel that nobody knows.
pub(crate) fn unknown_channel_kind<T>(value: &Value<'_>, text: &str, kinds: &[&str]) -> Option<T> {
    value.wrong(
        format!("{} is no kind of channel", quoted(text)),
        nearest_or_all(text, kinds),
    )
}
