//! One GET, bounded on every side.
//!
//! Connection, head and body have their own time limits; the body is read in chunks up to a cap that
//! counts decompressed bytes, so a small answer that unpacks to a large one stops at the cap. Redirects
//! are not followed, because they would carry keys to another host. Errors never contain a URL. An
//! answer that breaks off is an error, never a short body.

use crate::limit::Limits;
use crate::{AccountSettings, OpenError};
use fillsync_core::port::VenueError;
use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::{Client, Url};
use rustls_platform_verifier::BuilderVerifierExt;
use secrecy::{ExposeSecret, SecretString};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// The clients of one address: connections are shared by all its accounts.
#[derive(Debug)]
pub(crate) struct Clients {
    /// Goes straight to loopback, whatever the environment says about proxies.
    loopback: Client,
    /// Follows `HTTPS_PROXY` and `NO_PROXY`, as operators behind a proxy expect.
    outside: Client,
    /// The trust of streams: what this machine trusts, as for requests.
    tls: Arc<rustls::ClientConfig>,
}

impl Clients {
    pub(crate) fn new(limits: &Limits) -> Result<Self, OpenError> {
        // The provider is process-wide; a second installation is refused and harmless.
        let provider = rustls::crypto::ring::default_provider();
        let _ = provider.clone().install_default();
        let tls = rustls::ClientConfig::builder_with_provider(Arc::new(provider))
            .with_safe_default_protocol_versions()
            .and_then(BuilderVerifierExt::with_platform_verifier)
            .map_err(|error| OpenError::Client {
                what: chain(&error),
            })?
            .with_no_client_auth();
        let builder = || {
            Client::builder()
                .user_agent(concat!("fillsync/", env!("CARGO_PKG_VERSION")))
                .redirect(reqwest::redirect::Policy::none())
                .referer(false)
                .connect_timeout(limits.connect_timeout)
                .tcp_nodelay(true)
        };
        let build = |builder: reqwest::ClientBuilder| {
            builder.build().map_err(|error| OpenError::Client {
                what: chain(&error),
            })
        };
        Ok(Self {
            loopback: build(builder().no_proxy())?,
            outside: build(builder())?,
            tls: Arc::new(tls),
        })
    }
}

/// One venue's host, as one account reaches it.
#[derive(Debug)]
pub(crate) struct Http {
    client: Client,
    base: Url,
    limits: Limits,
    tls: Arc<rustls::ClientConfig>,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    /// When the request went out.
    pub(crate) sent: Instant,
    /// When the answer's head came in.
    pub(crate) received: Instant,
}

impl Answer {
    /// A header as text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// `Retry-After` in seconds.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        let seconds: u64 = self.header("retry-after")?.trim().parse().ok()?;
        Some(Duration::from_secs(seconds))
    }
}

impl Http {
    /// Checks the base URL: a host without a path, over TLS unless it is this machine.
    pub(crate) fn open(
        settings: &AccountSettings,
        clients: &Clients,
        limits: Limits,
    ) -> Result<Self, OpenError> {
        let refuse = |problem| OpenError::BaseUrl {
            account: settings.account.clone(),
            url: Redacted(&settings.base_url).to_string(),
            problem,
        };
        let base = Url::parse(&settings.base_url)
            .map_err(|_| refuse("is no URL; write scheme and host, as in https://api.bybit.com"))?;
        if base.path() != "/" || base.query().is_some() || base.fragment().is_some() {
            return Err(refuse("has a path; write scheme and host only"));
        }
        if !base.username().is_empty() || base.password().is_some() {
            return Err(refuse("has a user name; write scheme and host only"));
        }
        let is_loopback = is_loopback(&base);
        match base.scheme() {
            "https" => {}
            "http" if is_loopback => {}
            _ => return Err(refuse("is not https; keys are sent only over TLS")),
        }
        let client = if is_loopback {
            &clients.loopback
        } else {
            &clients.outside
        };
        Ok(Self {
            client: client.clone(),
            base,
            limits,
            tls: Arc::clone(&clients.tls),
        })
    }

    /// Scheme and host of the account.
    pub(crate) fn base(&self) -> &Url {
        &self.base
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(crate) fn tls(&self) -> Arc<rustls::ClientConfig> {
        Arc::clone(&self.tls)
    }

    /// The URL of a path with a query that is already encoded. What [`Url::query`] says afterwards is
    /// what goes over the wire, byte for byte.
    pub(crate) fn url(&self, path: &str, query: &str) -> Url {
        let mut url = self.base.clone();
        url.set_path(path);
        url.set_query((!query.is_empty()).then_some(query));
        url
    }

    /// Sends one GET and reads all of its answer.
    ///
    /// # Errors
    /// [`VenueError::Retry`] for whatever kept a whole answer from arriving.
    pub(crate) async fn get(&self, url: Url, headers: HeaderMap) -> Result<Answer, VenueError> {
        let path = url.path().to_owned();
        let retry = |what: String| VenueError::Retry {
            what: format!("GET {path}: {what}"),
        };
        let sent = Instant::now();
        let sending = self.client.get(url).headers(headers).send();
        let mut response = match timeout(self.limits.head_timeout, sending).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => return Err(retry(chain(&error.without_url()))),
            Err(_) => {
                let seconds = self.limits.head_timeout.as_secs_f32();
                return Err(retry(format!("no answer within {seconds}s")));
            }
        };
        let received = Instant::now();
        let status = response.status().as_u16();
        let headers = std::mem::take(response.headers_mut());
        let reading = read_body(&mut response, self.limits.body_bytes_max);
        match timeout(self.limits.body_timeout, reading).await {
            Ok(Ok(body)) => Ok(Answer {
                status,
                headers,
                body,
                sent,
                received,
            }),
            Ok(Err(what)) => Err(retry(format!("HTTP {status}: {what}"))),
            Err(_) => {
                let seconds = self.limits.body_timeout.as_secs_f32();
                Err(retry(format!(
                    "HTTP {status}: the body did not end within {seconds}s"
                )))
            }
        }
    }
}

async fn read_body(response: &mut reqwest::Response, bytes_max: usize) -> Result<Vec<u8>, String> {
    // What the answer promises is believed up to the cap, so that a page is not copied as it grows.
    let promised = response.content_length().unwrap_or(0);
    let mut body = Vec::with_capacity(usize::try_from(promised).unwrap_or(0).min(bytes_max));
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > bytes_max => {
                return Err(format!("the body is longer than {bytes_max} bytes"));
            }
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => return Ok(body),
            Err(error) => {
                let have = body.len();
                let why = chain(&error.without_url());
                return Err(format!("the body broke off after {have} bytes: {why}"));
            }
        }
    }
}

/// An error with its causes on one line; the outer one of reqwest alone says next to nothing.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        source = inner.source();
    }
    text
}

fn is_loopback(url: &Url) -> bool {
    let Some(host) = url.host_str() else {
        return false;
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|ip| ip.is_loopback())
}

/// A base URL for an error: without what stands before an `@`.
struct Redacted<'a>(&'a str);

impl std::fmt::Display for Redacted<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0.rsplit_once('@') {
            Some((_, host)) => write!(f, "[redacted]@{host}"),
            None => f.write_str(self.0),
        }
    }
}

/// A key as a header that debug output hides.
pub(crate) fn key_header(
    settings: &AccountSettings,
    which: &'static str,
    secret: &SecretString,
) -> Result<HeaderValue, OpenError> {
    let refuse = |problem| OpenError::Key {
        account: settings.account.clone(),
        which,
        problem,
    };
    let text = secret.expose_secret();
    if text.is_empty() {
        return Err(refuse("is empty"));
    }
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(refuse(
            "has a space, a line end or a character that no key has",
        ));
    }
    let mut value = HeaderValue::from_str(text).map_err(|_| refuse("cannot stand in a header"))?;
    value.set_sensitive(true);
    Ok(value)
}

/// A query's value: everything but letters, digits and `-._~` is percent-encoded.
pub(crate) fn encode(value: &str) -> String {
    encode_unless(value, |_| false)
}

/// A value that the venue gave already encoded: only what would end or break the query is encoded.
pub(crate) fn encode_verbatim(value: &str) -> String {
    encode_unless(value, |byte| {
        byte.is_ascii_graphic() && !matches!(byte, b'&' | b'#' | b'"' | b'\'' | b'<' | b'>')
    })
}

fn encode_unless(value: &str, keep: impl Fn(u8) -> bool) -> String {
    let mut encoded = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') || keep(byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_that_came_encoded_stays_as_it_came() {
        assert_eq!(
            encode_verbatim("132766%3A2%2C132766%3A2"),
            "132766%3A2%2C132766%3A2"
        );
        assert_eq!(encode_verbatim("a b&c#d"), "a%20b%26c%23d");
        assert_eq!(encode("2020::a-b"), "2020%3A%3Aa-b");
    }

    #[test]
    fn a_base_url_in_an_error_has_no_password() {
        assert_eq!(
            Redacted("https://me:pass@host").to_string(),
            "[redacted]@host"
        );
    }
}
