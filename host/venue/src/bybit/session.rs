//! One signed request to Bybit, and what its answer means.
//!
//! The query that is signed is taken from the very URL that is sent. A time stamp that Bybit refuses leads
//! to one measurement of its clock and one more attempt; every other refusal goes to the caller with what
//! it asks for. Nothing here knows what the rows of an answer are.

use super::client::Bybit;
use super::config::RECV_WINDOW_MS;
use super::envelope::{Bare, ServerTime};
use super::refusal::{self, Action};
use crate::clock::VenueClock;
use crate::field::whole;
use crate::http::Answer;
use fillsync_core::port::VenueError;
use fillsync_core::time::VenueTime;
use hmac::{Hmac, KeyInit, Mac};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use secrecy::ExposeSecret;
use sha2::Sha256;

const SERVER_TIME: &str = "/v5/market/time";

/// The signature of a request, over time stamp, key, window and query.
pub(super) fn sign(secret: &str, timestamp: &str, key: &str, query: &str) -> Option<String> {
    sign_parts(secret, &[timestamp, key, RECV_WINDOW_MS, query])
}

/// The signature of a stream, over the moment until which it may be used.
pub(super) fn sign_stream(secret: &str, expires_ms: i64) -> Option<String> {
    sign_parts(secret, &["GET/realtime", &expires_ms.to_string()])
}

/// Lower-case hex of HMAC-SHA256 over the parts, one after the other.
fn sign_parts(secret: &str, parts: &[&str]) -> Option<String> {
    // A key of any length is taken; the library's signature allows for others.
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).ok()?;
    for part in parts {
        mac.update(part.as_bytes());
    }
    Some(hex::encode(mac.finalize().into_bytes()))
}

impl Bybit {
    /// Asks the venue for its clock.
    async fn ask_time(&self) -> Result<(VenueTime, Answer), VenueError> {
        let answer = self.route.fetch(SERVER_TIME, "", HeaderMap::new()).await?;
        let bare = self.bare(SERVER_TIME, &answer)?;
        let nanos = bare
            .result
            .and_then(|raw| serde_json::from_str::<ServerTime<'_>>(raw.get()).ok())
            .and_then(|time| time.time_nano.text().and_then(|text| whole(&text).ok()));
        let venue = match (nanos, bare.time) {
            (Some(nanos), _) => VenueTime::from_us(nanos.div_euclid(1_000)),
            (None, Some(ms)) => VenueTime::from_ms(ms),
            (None, None) => {
                return Err(self.route.retry(SERVER_TIME, "the answer has no time"));
            }
        };
        Ok((venue, answer))
    }

    /// A time that the venue has certainly reached.
    pub(super) async fn venue_now(&self) -> Result<VenueTime, VenueError> {
        self.route
            .time(SERVER_TIME, VenueClock::reached, self.ask_time())
            .await
    }

    /// The best estimate of the venue's clock.
    pub(super) async fn signing_time(&self) -> Result<VenueTime, VenueError> {
        self.route
            .time(SERVER_TIME, VenueClock::estimate, self.ask_time())
            .await
    }

    pub(super) fn signed(&self, time: VenueTime, query: &str) -> Option<HeaderMap> {
        let timestamp = time.ms().to_string();
        let signature = sign(
            self.secret.expose_secret(),
            &timestamp,
            self.key.expose_secret(),
            query,
        )?;
        let mut signature = HeaderValue::from_str(&signature).ok()?;
        signature.set_sensitive(true);
        Some(HeaderMap::from_iter([
            (
                HeaderName::from_static("x-bapi-api-key"),
                self.key_header.clone(),
            ),
            (
                HeaderName::from_static("x-bapi-timestamp"),
                HeaderValue::from_str(&timestamp).ok()?,
            ),
            (
                HeaderName::from_static("x-bapi-recv-window"),
                HeaderValue::from_static(RECV_WINDOW_MS),
            ),
            (HeaderName::from_static("x-bapi-sign"), signature),
        ]))
    }

    /// One signed GET whose answer is a success.
    pub(super) async fn get(&self, path: &str, query: &str) -> Result<Answer, VenueError> {
        let mut is_second = false;
        loop {
            let time = self.signing_time().await?;
            // What the URL says is what is sent, and so is what is signed.
            let url = self.route.http.url(path, query);
            let wire_query = url.query().unwrap_or_default();
            let headers = self
                .signed(time, wire_query)
                .ok_or_else(|| self.route.retry(path, "the request could not be signed"))?;
            let answer = self.route.fetch(path, query, headers).await?;
            let Some((action, error)) = self.refusal(path, &answer) else {
                return Ok(answer);
            };
            if action == Action::Clock && !is_second {
                self.route.clock.forget();
                is_second = true;
                continue;
            }
            self.route.gate.remember(&error);
            return Err(error);
        }
    }

    /// Why an answer is no success; none when it is one.
    pub(super) fn refusal(&self, path: &str, answer: &Answer) -> Option<(Action, VenueError)> {
        let body: Option<Bare<'_>> = if answer.status == 200 {
            // The body of a page is looked at once more, by its reader; here only its head matters.
            match code_of(&answer.body) {
                Some(0) => return None,
                _ => serde_json::from_slice(&answer.body).ok(),
            }
        } else {
            serde_json::from_slice(&answer.body).ok()
        };
        let (action, what) = match body {
            Some(bare) if answer.status == 200 || bare.ret_code != 0 => {
                let (means, action) = refusal::lookup(bare.ret_code);
                let text = self
                    .route
                    .redactor
                    .clean(bare.ret_msg.as_deref().unwrap_or(""));
                (
                    action,
                    format!("retCode {} ({means}): {text}", bare.ret_code),
                )
            }
            _ => {
                let text = self.route.redactor.body(&answer.body);
                let (means, action) = by_status(answer.status);
                (action, format!("HTTP {} ({means}): {text}", answer.status))
            }
        };
        let what = format!("{}: {what}", self.route.name(path));
        let status_wait = (answer.status == 429)
            .then(|| answer.retry_after())
            .flatten();
        let error = match status_wait {
            Some(after) => VenueError::Wait {
                after,
                whole_address: false,
                what,
            },
            None => refusal::error(action, what, answer, self.route.clock.estimate())?,
        };
        Some((action, error))
    }

    pub(super) fn bare<'a>(&self, path: &str, answer: &'a Answer) -> Result<Bare<'a>, VenueError> {
        if let Some((_, error)) = self.refusal(path, answer) {
            self.route.gate.remember(&error);
            return Err(error);
        }
        self.route.json(path, answer)
    }
}

/// The `retCode` at the head of a body, without reading the rest; none when it is not at the head.
fn code_of(body: &[u8]) -> Option<i64> {
    let head = std::str::from_utf8(body.get(..body.len().min(64))?).ok()?;
    let head = head.trim_start().strip_prefix('{')?.trim_start();
    let value = head
        .strip_prefix("\"retCode\"")?
        .trim_start()
        .strip_prefix(':')?
        .trim_start();
    let end = value.find(|c: char| c != '-' && !c.is_ascii_digit())?;
    value.get(..end)?.parse().ok()
}

/// What a status asks for when the body says nothing.
fn by_status(status: u16) -> (&'static str, Action) {
    match status {
        200 => ("no JSON", Action::Retry),
        300..=399 => (
            "a redirect, which is not followed: check base_url",
            Action::Retry,
        ),
        401 => (
            "not authorised",
            Action::Refused("check api_key and api_secret"),
        ),
        403 => (
            "access too frequent from this address, or an address that Bybit does not serve",
            Action::AddressBan,
        ),
        404 => (
            "no such path, or a category that the account does not have",
            Action::Rejected,
        ),
        429 => ("the venue protects itself", Action::RateWait),
        400..=499 => ("a bad request", Action::Rejected),
        _ => ("a fault of the venue", Action::Retry),
    }
}
