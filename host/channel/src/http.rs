//! The one HTTP client of all channels: a call with limits, and nothing else.
//!
//! Promises: an answer is never larger than [`ANSWER_BYTES_MAX`], a call never lasts longer than its
//! [`Timeouts`], a redirect is an answer and not a detour (it could lead to an internal address), and
//! no `Fault` names the address, because Telegram's token is part of it.
//! Deliberately absent: retries, and any opinion on what a status means.

use crate::OpenError;
use fillsync_core::port::{ChannelError, Clock};
use fillsync_core::time::HostTime;
use jiff::fmt::rfc2822;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Method, StatusCode, Url};
use std::borrow::Cow;
use std::error::Error;
use std::time::Duration;

/// The most of an answer that is read. Telegram's answer to a message of 4096 characters has some 20 KiB.
pub const ANSWER_BYTES_MAX: usize = 256 * 1024;

/// The most of an answer that is quoted in an error, in characters.
pub const QUOTE_CHARACTERS_MAX: usize = 200;

/// The longest wait that a receiver can ask for. Telegram was seen to ask for nearly three hours.
pub const WAIT_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// The shortest wait after "too fast", so that a zero does not become a busy loop.
pub const WAIT_MIN: Duration = Duration::from_secs(1);

/// The wait after "too fast" where the receiver does not say how long.
pub const WAIT_UNSAID: Duration = Duration::from_secs(30);

/// How long a call may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// To connect, TLS included.
    pub connect: Duration,
    /// For the whole call, to the last byte of the answer.
    pub whole: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            whole: Duration::from_secs(20),
        }
    }
}

/// What came back.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    /// The status.
    pub(crate) status: StatusCode,
    /// The headers.
    pub(crate) headers: HeaderMap,
    /// At most [`ANSWER_BYTES_MAX`] of the body.
    pub(crate) body: Vec<u8>,
    /// Why the body is not all there, where it is not.
    pub(crate) cut: Option<String>,
}

impl Answer {
    /// The body as text. Whoever shows it takes out secrets first and then shortens it with [`quote`]:
    /// the other way round, half a secret could stand at the cut.
    pub(crate) fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }

    /// A header's text; one that is absent and one that is no text count the same.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok().map(str::trim)
    }

    /// Why the body is not all there, in words for the end of a message; nothing where it is.
    pub(crate) fn broken(&self) -> String {
        self.cut
            .as_ref()
            .map(|cut| format!("; {cut}"))
            .unwrap_or_default()
    }

    /// The header `Retry-After` as a span from now: whole seconds, or an HTTP date (RFC 9110 §10.2.3).
    pub(crate) fn retry_after(&self, clock: &dyn Clock) -> Option<Duration> {
        let text = self.header(RETRY_AFTER.as_str())?;
        if let Ok(seconds) = text.parse::<u64>() {
            return Some(Duration::from_secs(seconds));
        }
        let date = rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
        Some(HostTime::from_us(date.as_microsecond()).since(clock.now()))
    }
}

/// No answer came. The receiver may or may not have got the call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub(crate) struct Fault {
    /// What happened, without the address.
    pub(crate) what: String,
}

/// A client that every channel shares: one pool of connections.
#[derive(Debug, Clone)]
pub struct Http {
    client: reqwest::Client,
}

impl Http {
    /// Makes the client.
    ///
    /// # Errors
    /// [`OpenError::Http`] when this machine's TLS cannot be used.
    pub fn new(timeouts: Timeouts) -> Result<Self, OpenError> {
        // Somebody else in the process may have installed the same provider first; that is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .redirect(Policy::none())
            .referer(false)
            .connect_timeout(timeouts.connect)
            .timeout(timeouts.whole)
            .user_agent(concat!("fillsync/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| OpenError::Http {
                what: describe(error),
            })?;
        Ok(Self { client })
    }

    /// Posts a JSON body.
    ///
    /// # Errors
    /// [`Fault`] when no status came back; any status is an [`Answer`].
    pub(crate) async fn post_json(
        &self,
        url: Url,
        headers: HeaderMap,
        body: Vec<u8>,
    ) -> Result<Answer, Fault> {
        self.call(Method::POST, url, headers, body).await
    }

    /// Asks without a body.
    ///
    /// # Errors
    /// As [`Http::post_json`].
    pub(crate) async fn get(&self, url: Url, headers: HeaderMap) -> Result<Answer, Fault> {
        self.call(Method::GET, url, headers, Vec::new()).await
    }

    /// Calls with a JSON body, or none.
    ///
    /// # Errors
    /// As [`Http::post_json`].
    pub(crate) async fn call(
        &self,
        method: Method,
        url: Url,
        headers: HeaderMap,
        body: Vec<u8>,
    ) -> Result<Answer, Fault> {
        let mut request = self.client.request(method, url).headers(headers);
        if !body.is_empty() {
            request = request
                .header(reqwest::header::CONTENT_TYPE, "application/json")
                .body(body);
        }
        let mut response = request.send().await.map_err(|error| Fault {
            what: describe(error),
        })?;
        let mut answer = Answer {
            status: response.status(),
            headers: response.headers().clone(),
            body: Vec::new(),
            cut: None,
        };
        loop {
            match response.chunk().await {
                Ok(None) => break,
                Ok(Some(chunk)) if answer.body.len() + chunk.len() <= ANSWER_BYTES_MAX => {
                    answer.body.extend_from_slice(&chunk);
                }
                Ok(Some(_)) => {
                    answer.cut = Some(format!("the answer has more than {ANSWER_BYTES_MAX} bytes"));
                    break;
                }
                Err(error) => {
                    answer.cut = Some(describe(error));
                    break;
                }
            }
        }
        Ok(answer)
    }
}

/// A base address or webhook address: http or https, with a host, without a name or a password in it.
pub(crate) fn address(text: &str) -> Result<Url, &'static str> {
    let url = Url::parse(text.trim()).map_err(|_| "is not an address")?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err("is neither an http nor an https address");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("has a user name or a password in it");
    }
    if url.fragment().is_some() {
        return Err("has a fragment (#…), which is never sent");
    }
    Ok(url)
}

/// As [`address`], for one that is a secret itself, or takes one with every call: it must not be
/// readable on the way.
pub(crate) fn private_address(text: &str) -> Result<Url, &'static str> {
    let url = address(text)?;
    if is_readable_on_the_way(&url) {
        return Err("is plain http to another machine, where it could be read on the way");
    }
    Ok(url)
}

/// The host with its port, for messages.
pub(crate) fn host(url: &Url) -> String {
    let mut host = url.host_str().unwrap_or_default().to_owned();
    if let Some(port) = url.port() {
        host.push_str(&format!(":{port}"));
    }
    host
}

/// Whether what is sent there can be read on the way: plain http to another machine.
pub(crate) fn is_readable_on_the_way(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let ip = host.trim_start_matches('[').trim_end_matches(']');
    let loopback = host == "localhost"
        || ip
            .parse::<std::net::IpAddr>()
            .is_ok_and(|ip| ip.is_loopback());
    url.scheme() == "http" && !loopback
}

/// [`ChannelError::Wait`] with the span kept between [`WAIT_MIN`] and [`WAIT_MAX`].
pub(crate) fn wait(after: Option<Duration>, what: String) -> ChannelError {
    ChannelError::Wait {
        after: after.unwrap_or(WAIT_UNSAID).clamp(WAIT_MIN, WAIT_MAX),
        what,
    }
}

/// Text of a stranger as one short line without control characters.
pub(crate) fn quote(text: &str) -> String {
    let words = text.split(|character: char| character.is_whitespace() || character.is_control());
    let mut quote = String::new();
    let mut length = 0;
    for word in words.filter(|word| !word.is_empty()) {
        for character in (length > 0).then_some(' ').into_iter().chain(word.chars()) {
            if length == QUOTE_CHARACTERS_MAX {
                quote.push('…');
                return quote;
            }
            quote.push(character);
            length += 1;
        }
    }
    quote
}

/// What went wrong, from the kind down to the root cause, without the address.
fn describe(error: reqwest::Error) -> String {
    let error = error.without_url();
    let kind = if error.is_timeout() {
        "no answer in time"
    } else if error.is_connect() {
        "no connection"
    } else if error.is_body() || error.is_decode() {
        "the answer broke off"
    } else {
        "the call failed"
    };
    let mut cause: &dyn Error = &error;
    while let Some(below) = cause.source() {
        cause = below;
    }
    format!("{kind} ({})", quote(&cause.to_string()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    struct At(HostTime);

    impl Clock for At {
        fn now(&self) -> HostTime {
            self.0
        }
    }

    fn answer(retry_after: &str) -> Answer {
        Answer {
            status: StatusCode::TOO_MANY_REQUESTS,
            headers: HeaderMap::from_iter([(RETRY_AFTER, retry_after.parse().unwrap())]),
            body: Vec::new(),
            cut: None,
        }
    }

    #[test]
    fn retry_after_is_seconds_or_an_http_date() {
        let clock = At(HostTime::parse("1994-11-06T08:49:00Z").unwrap());
        let read = |text: &str| answer(text).retry_after(&clock);
        assert_eq!(read("120"), Some(Duration::from_secs(120)));
        assert_eq!(
            read("Sun, 06 Nov 1994 08:49:37 GMT"),
            Some(Duration::from_secs(37))
        );
        assert_eq!(read("Sun, 06 Nov 1994 08:48:00 GMT"), Some(Duration::ZERO));
        assert_eq!(read("soon"), None);
        assert_eq!(read("-5"), None);
    }

    #[test]
    fn a_wait_is_never_zero_and_never_longer_than_a_day() {
        let after = |span| match wait(span, String::new()) {
            ChannelError::Wait { after, .. } => after,
            other => panic!("{other:?}"),
        };
        assert_eq!(after(Some(Duration::ZERO)), WAIT_MIN);
        assert_eq!(after(Some(Duration::from_secs(10_072))).as_secs(), 10_072);
        assert_eq!(after(Some(Duration::from_secs(u64::MAX))), WAIT_MAX);
        assert_eq!(after(None), WAIT_UNSAID);
    }

    #[test]
    fn a_quote_is_one_short_line() {
        assert_eq!(
            quote("<html>\r\n  bad\u{1b}[31m\0gateway\n"),
            "<html> bad [31m gateway"
        );
        let long = quote(&"é".repeat(QUOTE_CHARACTERS_MAX + 1));
        assert_eq!(long.chars().count(), QUOTE_CHARACTERS_MAX + 1);
        assert!(long.ends_with('…'));
        assert_eq!(
            quote(&"e".repeat(QUOTE_CHARACTERS_MAX)).len(),
            QUOTE_CHARACTERS_MAX
        );
    }

    #[test]
    fn only_addresses_that_can_be_called_are_taken() {
        assert!(address("https://hooks.example.com/a?b=c").is_ok());
        for bad in [
            "hooks.example.com",
            "ftp://example.com",
            "https://",
            "https://user:word@example.com",
            "https://example.com/#part",
            "",
        ] {
            assert!(address(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_secret_address_is_never_called_in_the_clear() {
        assert!(private_address("https://hooks.example.com/T0/B0/key").is_ok());
        assert!(private_address("http://127.0.0.1:8/key").is_ok());
        assert!(private_address("http://hooks.example.com/key").is_err());
    }

    #[test]
    fn plain_http_is_private_on_this_machine_only() {
        let readable = |text: &str| is_readable_on_the_way(&address(text).unwrap());
        assert!(readable("http://example.com"));
        assert!(readable("http://10.0.0.1"));
        for private in [
            "http://localhost:1",
            "http://127.0.0.1:1",
            "http://[::1]:1",
            "https://example.com",
        ] {
            assert!(!readable(private), "{private}");
        }
    }
}
