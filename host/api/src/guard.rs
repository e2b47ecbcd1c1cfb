//! What every request passes before any work is done for it: host, token, body, time.
//!
//! The token is compared through its digest and in constant time, so neither its text nor its length
//! shows in how long a refusal takes. Without a token the server is for this machine only, and then
//! the `Host` must be this machine as well: a page that rebinds its own name to 127.0.0.1 gets nothing.

use crate::answer::Refusal;
use crate::limits::Limits;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use subtle::ConstantTimeEq as _;

/// What may be asked without a token.
const OPEN_PATHS: [&str; 2] = ["/health", "/ready"];

/// How often a bound of the server was met, for the metrics.
#[derive(Debug, Default)]
pub(crate) struct Refused {
    pub(crate) connections: AtomicU64,
    pub(crate) unauthorised: AtomicU64,
    pub(crate) late: AtomicU64,
}

/// The rules of one server.
#[derive(Clone)]
pub(crate) struct Guard {
    token_digest: Option<Arc<[u8]>>,
    limits: Limits,
    pub(crate) refused: Arc<Refused>,
}

impl Guard {
    pub(crate) fn new(token: Option<&SecretString>, limits: Limits) -> Self {
        Self {
            token_digest: token.map(|token| {
                Sha256::digest(token.expose_secret().as_bytes())
                    .as_slice()
                    .into()
            }),
            limits,
            refused: Arc::new(Refused::default()),
        }
    }

    fn refusal(&self, request: &Request) -> Option<Refusal> {
        self.wrong_host(request)
            .or_else(|| self.no_token(request))
            .or_else(|| wrong_method(request))
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
        if OPEN_PATHS.contains(&request.uri().path()) || presents(request.headers(), wanted) {
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
                "send no body: every endpoint is a GET",
            )
        })
    }
}

fn wrong_method(request: &Request) -> Option<Refusal> {
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        return None;
    }
    Some(Refusal::new(
        StatusCode::METHOD_NOT_ALLOWED,
        format!("{} is not understood here", request.method()),
        "use GET: this server only reads",
    ))
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
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    if status == StatusCode::METHOD_NOT_ALLOWED {
        headers.insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
    }
    if status == StatusCode::PAYLOAD_TOO_LARGE {
        // The body is not read, so what follows on this connection is no request.
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}
