//! The small values of the configuration that have a form of their own: spans, sizes, addresses, pins.
//!
//! Each is read from text by one fallible function and printed so that reading gives it back. None is
//! read from a float. What a value means for a whole configuration is not judged here.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

/// The longest span that can be configured: ten years.
pub const SPAN_MAX: Duration = Duration::from_secs(10 * 365 * 86_400);

/// The largest pattern that is compiled, in bytes of the compiled program.
const PATTERN_BYTES_MAX: usize = 1 << 20;

/// The largest address, in bytes.
const URL_BYTES_MAX: usize = 2_048;

/// Text that is no value of its kind: what it should be, then an example.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{wanted}; {remedy}")]
pub struct ValueError {
    /// What is wrong or wanted. Never repeats the text.
    pub wanted: String,
    /// What to write instead.
    pub remedy: String,
}

impl ValueError {
    fn new(wanted: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            wanted: wanted.into(),
            remedy: remedy.into(),
        }
    }
}

const SPAN_UNITS: [(&str, u64); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// Reads a span of time: whole numbers with the units `ms`, `s`, `m`, `h`, `d`, as in `"2s"` or `"1h30m"`.
///
/// # Errors
/// When it has another form or is longer than [`SPAN_MAX`].
pub fn parse_span(text: &str) -> Result<Duration, ValueError> {
    let wrong = || {
        ValueError::new(
            "a span of time is a whole number with a unit",
            "write for instance \"500ms\", \"2s\", \"15m\", \"24h\" or \"7d\"",
        )
    };
    let too_long = || {
        ValueError::new(
            "a span of time is at most 3650 days",
            "write a shorter one, for instance \"7d\"",
        )
    };
    let mut rest = text.trim();
    let mut total_ms: u64 = 0;
    if rest.is_empty() {
        return Err(wrong());
    }
    while !rest.is_empty() {
        let (number, after) = split_at_first(rest, |c| !c.is_ascii_digit());
        let (unit, after) = split_at_first(after, |c| !c.is_ascii_alphabetic());
        let (_, unit_ms) = SPAN_UNITS
            .iter()
            .find(|(name, _)| *name == unit)
            .ok_or_else(wrong)?;
        if number.is_empty() {
            return Err(wrong());
        }
        let number: u64 = number.parse().map_err(|_| too_long())?;
        total_ms = number
            .checked_mul(*unit_ms)
            .and_then(|ms| total_ms.checked_add(ms))
            .ok_or_else(too_long)?;
        rest = after;
    }
    let span = Duration::from_millis(total_ms);
    if span > SPAN_MAX {
        return Err(too_long());
    }
    Ok(span)
}

/// Prints a span as [`parse_span`] reads it, in the largest unit that gives a whole number.
#[must_use]
pub fn print_span(span: Duration) -> String {
    let ms = span.as_millis();
    for (unit, unit_ms) in SPAN_UNITS {
        let unit_ms = u128::from(unit_ms);
        if ms >= unit_ms && ms.is_multiple_of(unit_ms) {
            return format!("{}{unit}", ms / unit_ms);
        }
    }
    format!("{ms}ms")
}

const SIZE_UNITS: [(&str, u64); 4] = [
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("B", 1),
];

/// Reads a size in bytes: a whole number with the unit `B`, `KiB`, `MiB` or `GiB`.
///
/// # Errors
/// When it has another form or does not fit.
pub fn parse_size(text: &str) -> Result<u64, ValueError> {
    let wrong = || {
        ValueError::new(
            "a size is a whole number with the unit B, KiB, MiB or GiB",
            "write for instance \"64MiB\"",
        )
    };
    let (number, unit) = split_at_first(text.trim(), |c| !c.is_ascii_digit());
    let (_, unit_bytes) = SIZE_UNITS
        .iter()
        .find(|(name, _)| *name == unit.trim_start())
        .ok_or_else(wrong)?;
    let number: u64 = number.parse().map_err(|_| wrong())?;
    number.checked_mul(*unit_bytes).ok_or_else(wrong)
}

/// Prints a size as [`parse_size`] reads it.
#[must_use]
pub fn print_size(bytes: u64) -> String {
    for (unit, unit_bytes) in SIZE_UNITS {
        if bytes >= unit_bytes && bytes.is_multiple_of(unit_bytes) {
            return format!("{}{unit}", bytes / unit_bytes);
        }
    }
    format!("{bytes}B")
}

fn split_at_first(text: &str, ends: impl Fn(char) -> bool) -> (&str, &str) {
    let at = text.find(ends).unwrap_or(text.len());
    text.split_at_checked(at).unwrap_or((text, ""))
}

/// An address that fillsync may call: `https`, or `http` to this machine only, so that keys and
/// tokens never cross a network in the clear. It has no user part and no fragment.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HttpUrl(String);

impl HttpUrl {
    /// Reads an address with any path and query; a slash at the end is dropped.
    ///
    /// # Errors
    /// When it is not such an address. The error never repeats the text, which may hold a token.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        let wrong = |wanted: &str| {
            ValueError::new(
                wanted,
                "write for instance \"https://api.bybit.com\" or \"http://127.0.0.1:9000\"",
            )
        };
        if text.len() > URL_BYTES_MAX {
            return Err(wrong("an address has at most 2048 bytes"));
        }
        if text.contains(|c: char| !c.is_ascii_graphic()) {
            return Err(wrong("an address has only ASCII characters and no spaces"));
        }
        if text.contains(['"', '<', '>', '\\', '^', '`', '{', '|', '}']) {
            return Err(wrong(
                "an address has a character that must be percent-encoded",
            ));
        }
        let (scheme, rest) = text
            .split_once("://")
            .ok_or_else(|| wrong("an address begins with https:// or http://"))?;
        let is_plain = match scheme {
            "https" => false,
            "http" => true,
            _ => return Err(wrong("only https and http can be called")),
        };
        if rest.contains('#') {
            return Err(wrong("an address has no fragment (#…)"));
        }
        let (authority, _) = split_at_first(rest, |c| c == '/' || c == '?');
        if authority.contains('@') {
            return Err(wrong(
                "an address must not hold a user or password (…@host)",
            ));
        }
        let host = host_of(authority).ok_or_else(|| wrong("the host or port is not valid"))?;
        if is_plain && !is_loopback(host) {
            return Err(ValueError::new(
                "http is allowed to this machine only: keys would cross the network in the clear",
                "use https",
            ));
        }
        Ok(Self(text.trim_end_matches('/').to_owned()))
    }

    /// The address, without a slash at its end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Scheme, host and port only: what may be shown where the path could hold a token.
    #[must_use]
    pub fn origin(&self) -> &str {
        let after_scheme = self.0.find("://").map_or(0, |at| at + 3);
        let end = self
            .0
            .get(after_scheme..)
            .and_then(|rest| rest.find(['/', '?']))
            .map_or(self.0.len(), |at| after_scheme + at);
        self.0.get(..end).unwrap_or("")
    }

    /// Whether a path or a query follows the host.
    #[must_use]
    pub fn has_path(&self) -> bool {
        self.origin().len() < self.0.len()
    }
}

impl fmt::Debug for HttpUrl {
    /// Shows the origin only: a webhook's path is often its password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rest = if self.has_path() { "/…" } else { "" };
        write!(f, "HttpUrl({}{rest})", self.origin())
    }
}

/// The host of `host[:port]`, or none where either has no valid form.
fn host_of(authority: &str) -> Option<&str> {
    let (host, port) = if let Some(rest) = authority.strip_prefix('[') {
        let (host, after) = rest.split_once(']')?;
        host.parse::<Ipv6Addr>().ok()?;
        match after.strip_prefix(':') {
            Some(port) => (host, Some(port)),
            None if after.is_empty() => (host, None),
            None => return None,
        }
    } else {
        match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        }
    };
    let is_port = |port: &str| {
        port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0)
    };
    if port.is_some_and(|port| !is_port(port)) {
        return None;
    }
    let is_name = |host: &str| {
        !host.is_empty()
            && host.len() <= 253
            && host
                .split('.')
                .all(|label| !label.is_empty() && label.len() <= 63)
            && host
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.' || b == b'_')
    };
    (host.parse::<Ipv6Addr>().is_ok() || is_name(host)).then_some(host)
}

/// Whether a host is this machine.
pub(crate) fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host
            .parse::<Ipv4Addr>()
            .map(IpAddr::V4)
            .or_else(|_| host.parse::<Ipv6Addr>().map(IpAddr::V6))
            .is_ok_and(|ip| ip.is_loopback())
}

/// How a slot is found in a client order id: a regular expression with a group named `slot`.
#[derive(Clone)]
pub struct SlotToken(regex::Regex);

impl SlotToken {
    /// Compiles the pattern.
    ///
    /// # Errors
    /// When it is no regular expression, too large, or has no group named `slot`.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        let regex = regex::RegexBuilder::new(text)
            .size_limit(PATTERN_BYTES_MAX)
            .build()
            .map_err(|error| ValueError::new(pattern_error(&error), EXAMPLE))?;
        const EXAMPLE: &str = "write for instance '-L(?<slot>[0-9]+)-'";
        if regex.capture_names().flatten().all(|name| name != "slot") {
            return Err(ValueError::new(
                "the pattern has no group named `slot`",
                EXAMPLE,
            ));
        }
        Ok(Self(regex))
    }

    /// The compiled pattern.
    #[must_use]
    pub const fn regex(&self) -> &regex::Regex {
        &self.0
    }
}

/// The last line of the engine's message; those before it repeat the pattern.
fn pattern_error(error: &regex::Error) -> String {
    let text = error.to_string();
    let last = text.lines().last().unwrap_or("").trim();
    let last = last.strip_prefix("error: ").unwrap_or(last);
    format!("this is no regular expression: {last}")
}

impl PartialEq for SlotToken {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl Eq for SlotToken {}

impl fmt::Debug for SlotToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SlotToken({:?})", self.0.as_str())
    }
}

/// The SHA-256 to which a plugin's file is pinned: 64 hexadecimal digits, lower case.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Sha256Pin(String);

impl Sha256Pin {
    /// Reads 64 hexadecimal digits of either case.
    ///
    /// # Errors
    /// When it is anything else.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        if text.len() != 64 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(ValueError::new(
                format!(
                    "a SHA-256 has 64 hexadecimal digits, this has {} characters",
                    text.chars().count()
                ),
                "print it with `sha256sum FILE`, or leave the key out",
            ));
        }
        Ok(Self(text.to_ascii_lowercase()))
    }

    /// The digits, lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// How the connection to a mail server is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EmailTls {
    /// Before anything is said.
    StartTls,
    /// From the start.
    Implicit,
    /// Not at all: to this machine only.
    None,
}

/// A public key of minisign, as its `.pub` file has it in its second line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningKey(String);

impl SigningKey {
    /// Reads 56 characters of base64 that begin as such a key does.
    ///
    /// # Errors
    /// When it is anything else.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        let is_base64 = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/');
        if text.len() != 56 || !text.starts_with("RW") || !text.bytes().all(is_base64) {
            return Err(ValueError::new(
                "this is no public key of minisign".to_owned(),
                "copy the second line of the .pub file: 56 characters that begin with RW",
            ));
        }
        Ok(Self(text.to_owned()))
    }

    /// The characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Which plugin files are let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PluginTrust {
    /// Every one that stands.
    Any,
    /// Approved and pinned ones.
    Lock,
    /// Signed ones.
    Signed,
}

/// What a plugin's new file does where another one is in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PluginSwap {
    /// It takes its place.
    Auto,
    /// It does if it answers recorded inputs the same.
    AutoIfSame,
    /// It waits for the operator.
    Manual,
}

/// The form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object for each line.
    Json,
}

/// The least severe log line that is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Only what failed.
    Error,
    /// And what is suspicious.
    Warn,
    /// And what happened.
    Info,
    /// And why.
    Debug,
    /// Everything.
    Trace,
}

impl LogLevel {
    /// The name, as `tracing` spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn spans_are_read_in_every_unit() {
        for (text, ms) in [
            ("500ms", 500),
            ("2s", 2_000),
            ("15m", 900_000),
            ("24h", 86_400_000),
            ("7d", 604_800_000),
            ("1h30m", 5_400_000),
            ("0s", 0),
        ] {
            assert_eq!(parse_span(text), Ok(Duration::from_millis(ms)), "{text}");
        }
        for text in [
            "",
            "2",
            "s",
            "2 s",
            "1.5s",
            "-2s",
            "2sec",
            "99999999999999999999s",
            "3651d",
            "２s",
        ] {
            assert!(parse_span(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn sizes_are_read_in_every_unit() {
        assert_eq!(parse_size("64MiB"), Ok(64 << 20));
        assert_eq!(parse_size("1 GiB"), Ok(1 << 30));
        assert_eq!(parse_size("512B"), Ok(512));
        for text in [
            "",
            "64",
            "MiB",
            "64MB",
            "-1B",
            "99999999999999GiB",
            "1.5MiB",
        ] {
            assert!(parse_size(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn keys_never_cross_a_network_in_the_clear() {
        for text in [
            "https://api.bybit.com",
            "https://api.bybit.com/",
            "http://127.0.0.1:9000",
            "http://127.8.0.1",
            "http://localhost:1/path?q=1",
            "http://[::1]:80",
            "https://[2001:db8::1]/x",
        ] {
            assert!(HttpUrl::parse(text).is_ok(), "{text}");
        }
        for text in [
            "http://api.bybit.com",
            "http://127.0.0.1.example.com",
            "http://127.0.0.1@example.com",
            "http://localhost.example.com",
            "https://user:pass@example.com",
            "ftp://example.com",
            "api.bybit.com",
            "https://",
            "https://host:99999",
            "https://host:0",
            "https://host:+1",
            "https://a b",
            "https://host/#x",
            "http://[::2]",
            "https://[::1]x",
            "https://host\\@evil",
        ] {
            assert!(HttpUrl::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_webhooks_path_is_not_shown() {
        let url = HttpUrl::parse("https://hooks.example.com/services/T0/SECRET").unwrap();
        assert_eq!(url.origin(), "https://hooks.example.com");
        assert!(!format!("{url:?}").contains("SECRET"));
    }

    #[test]
    fn a_slot_pattern_needs_its_group() {
        assert!(SlotToken::parse(r"-L(?P<slot>\d+)-").is_ok());
        assert!(SlotToken::parse(r"-L(\d+)-").is_err());
        assert!(SlotToken::parse("(?<slot>").is_err());
        assert!(SlotToken::parse("(?<slot>a{1000}{1000}{1000})").is_err());
    }

    #[test]
    fn a_pin_is_64_hexadecimal_digits() {
        let digits = "A".repeat(64);
        assert_eq!(Sha256Pin::parse(&digits).unwrap().as_str(), "a".repeat(64));
        assert!(Sha256Pin::parse("abc").is_err());
        assert!(Sha256Pin::parse(&"g".repeat(64)).is_err());
        let key = format!("RW{}", "a/+9".repeat(13)) + "AA";
        assert_eq!(SigningKey::parse(&key).unwrap().as_str(), key);
        for wrong in [&key[1..], "RWabc", &"RW ".repeat(20)[..56], &"x".repeat(56)] {
            assert!(SigningKey::parse(wrong).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_back(ms in 0_u64..315_360_000_000, bytes in 0_u64..u64::MAX / 2) {
            let span = Duration::from_millis(ms);
            prop_assert_eq!(parse_span(&print_span(span)), Ok(span));
            prop_assert_eq!(parse_size(&print_size(bytes)), Ok(bytes));
        }

        #[test]
        fn any_text_is_read_or_refused(text in ".{0,40}") {
            let _ = parse_span(&text);
            let _ = parse_size(&text);
            let _ = Sha256Pin::parse(&text);
            let _ = SigningKey::parse(&text);
            let _ = SlotToken::parse(&text);
            if let Ok(url) = HttpUrl::parse(&text) {
                prop_assert!(url.as_str().starts_with(url.origin()));
            }
        }
    }
}
