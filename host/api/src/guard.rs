//! What every request passes before any work is done for it: host, token, intent, body, time.
//!
//! The token is compared through its digest and in constant time, so neither its text nor its length
//! shows in how long a refusal takes. Without a token the server is for this machine only, and then
//! the `Host` must be this machine as well: a page that rebinds its own name to 127.0.0.1 gets nothing.

use crate::answer::Refusal;
use crate::limits::Limits;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use subtle::ConstantTimeEq as _;

/// The header that says that something is meant to be done. A page of another origin can make a browser
/// send a POST, but not this header.
pub(crate) const INTENT_HEADER: &str = "x-fillsync-intent";

/// What stands in it.
pub(crate) const INTENT: &str = "act";

/// What a page of ours may load and do: nothing from elsewhere, no inline script, no frame.
const CONTENT_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// What every answer says beside what it says.
const ALWAYS: [(&str, &str); 6] = [
    ("cache-control", "no-store"),
    ("x-content-type-options", "nosniff"),
    ("content-security-policy", CONTENT_POLICY),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-resource-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
];

/// How often a bound of the server was met, for the metrics.
#[derive(Debug, Default)]
pub(crate) struct Refused {
    pub(crate) connections: AtomicU64,
    pub(crate) unauthorised: AtomicU64,
    pub(crate) late: AtomicU64,
    pub(crate) listeners: AtomicU64,
    pub(crate) forged: AtomicU64,
}

/// The rules of one server.
#[derive(Clone)]
pub(crate) struct Guard {
    token_digest: Option<Arc<[u8]>>,
    /// What may be asked without the token.
    open_paths: Arc<[&'static str]>,
    limits: Limits,
    pub(crate) refused: Arc<Refused>,
}

impl Guard {
    pub(crate) fn new(
        token: Option<&SecretString>,
        limits: Limits,
        open_paths: Vec<&'static str>,
    ) -> Self {
        Self {
            token_digest: token.map(|token| {
                Sha256::digest(token.expose_secret().as_bytes())
                    .as_slice()
                    .into()
            }),
            open_paths: open_paths.into(),
            limits,
            refused: Arc::new(Refused::default()),
        }
    }

    fn refusal(&self, request: &Request) -> Option<Refusal> {
        self.wrong_host(request)
            .or_else(|| self.no_token(request))
            .or_else(|| self.large_body(request.headers()))
    }

    fn wrong_host(&self, request: &Request) -> Option<Refusal> {
        if self.token_digest.is_some() {
            return None;
        }
        // A request without the header comes from no browser, and only a browser can be tricked.
        let host = request.headers().get(header::HOST)?;
        if host.to_str().is_ok_and(is_this_machine) {
            return None;
        }
        Some(Refusal::new(
            StatusCode::MISDIRECTED_REQUEST,
            "this server answers only to localhost and 127.0.0.1",
            format!(
                "ask it by that name, or set {} and send it",
                crate::TOKEN_SETTING
            ),
        ))
    }

    fn no_token(&self, request: &Request) -> Option<Refusal> {
        let wanted = self.token_digest.as_ref()?;
        // Nothing is open for more than being read.
        let is_open =
            is_reading(request.method()) && self.open_paths.contains(&request.uri().path());
        if is_open || presents(request.headers(), wanted) {
            return None;
        }
        self.refused.unauthorised.fetch_add(1, Ordering::Relaxed);
        Some(Refusal::new(
            StatusCode::UNAUTHORIZED,
            "the token is missing or wrong",
            format!(
                "send `Authorization: Bearer …` with the value of {}",
                crate::TOKEN_SETTING
            ),
        ))
    }

    /// What is done rather than read must be meant: asked by a page of this server or by no page at
    /// all, and with a header that a form or an image of another page cannot send.
    fn not_meant(&self, request: &Request) -> Option<Refusal> {
        let headers = request.headers();
        let (error, remedy) = if !is_own_page(headers, self.token_digest.is_some()) {
            (
                "a page of another origin may not make this server act",
                "ask from the dashboard of this server, or without a browser".to_owned(),
            )
        } else if headers
            .get(INTENT_HEADER)
            .is_none_or(|intent| intent != INTENT)
        {
            (
                "the header that says that it is meant is missing",
                format!("send `{INTENT_HEADER}: {INTENT}`"),
            )
        } else {
            return None;
        };
        self.refused.forged.fetch_add(1, Ordering::Relaxed);
        Some(Refusal::new(StatusCode::FORBIDDEN, error, remedy))
    }

    fn large_body(&self, headers: &HeaderMap) -> Option<Refusal> {
        let announced = headers
            .get(header::CONTENT_LENGTH)?
            .to_str()
            .ok()?
            .parse::<u64>()
            .ok()?;
        (announced > self.limits.body_bytes_max).then(|| {
            Refusal::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                format!(
                    "a body of {announced} bytes; at most {} are taken",
                    self.limits.body_bytes_max
                ),
                "send no body: no endpoint reads one",
            )
        })
    }
}

fn is_reading(method: &Method) -> bool {
    matches!(
        *method,
        Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE
    )
}

/// Whether the page that made a browser ask is one of this server's, as far as browsers say.
fn is_own_page(headers: &HeaderMap, has_token: bool) -> bool {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or(""));
    if text("sec-fetch-site").is_some_and(|site| site != "same-origin") {
        return false;
    }
    // Behind a token a reverse proxy may give the server another name than the browser knows, and no
    // other page can make a browser send the token.
    match (text("origin"), has_token) {
        (None, _) | (Some(_), true) => true,
        (Some(origin), false) => {
            let host = text("host").unwrap_or("");
            !host.is_empty() && origin.strip_prefix("http://") == Some(host)
        }
    }
}

fn presents(headers: &HeaderMap, wanted: &[u8]) -> bool {
    let Some(value) = headers.get(header::AUTHORIZATION) else {
        return false;
    };
    let Some((scheme, token)) = value.to_str().ok().and_then(|value| value.split_once(' ')) else {
        return false;
    };
    let right: bool = Sha256::digest(token.trim().as_bytes())
        .as_slice()
        .ct_eq(wanted)
        .into();
    right && scheme.eq_ignore_ascii_case("bearer")
}

/// Whether a `Host` names this machine: `localhost`, an address of 127.0.0.0/8, `[::1]`, any port.
pub(crate) fn is_this_machine(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((address, port)) if is_port(port) => address,
            _ => return false,
        },
        None => match host.split_once(':') {
            Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
            Some(_) => return false,
            None => host,
        },
    };
    name.eq_ignore_ascii_case("localhost")
        || name
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

fn is_port(text: &str) -> bool {
    text.is_empty()
        || text
            .strip_prefix(':')
            .is_some_and(|port| port.bytes().all(|byte| byte.is_ascii_digit()))
}

/// What a request to an endpoint that acts passes in addition, once its method is known to be right.
pub(crate) async fn meant(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    match guard.not_meant(&request) {
        Some(refusal) => refusal.into_response(),
        None => next.run(request).await,
    }
}

/// The guard as a layer around every endpoint.
pub(crate) async fn guard(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    let mut response = match guard.refusal(&request) {
        Some(refusal) => refusal.into_response(),
        None => match tokio::time::timeout(guard.limits.answer_wait, next.run(request)).await {
            Ok(response) => response,
            Err(_) => {
                guard.refused.late.fetch_add(1, Ordering::Relaxed);
                Refusal::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    format!("no answer within {} s", guard.limits.answer_wait.as_secs()),
                    "ask for less (`limit`, `since`), or again later",
                )
                .into_response()
            }
        },
    };
    let status = response.status();
    let headers = response.headers_mut();
    for (name, value) in ALWAYS {
        headers.insert(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
    }
    if status == StatusCode::PAYLOAD_TOO_LARGE {
        // The body is not read, so what follows on this connection is no request.
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}
