//! Bybit's envelope, authentication and limits; the endpoints are in the files beside.
//!
//! Promise: checks come in a fixed order (address limit, path, key, time, signature, address binding, user limit), and
//! the signature is verified over the query string exactly as received.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use super::{BybitAccount, Shared, stream};
use crate::book::{BookError, Fill};
use crate::rate::{Admission, Rate, RollingWindow};
use crate::server::{Answer, Dialect, Incoming, NewsOfBook};
use crate::stream::Talk;

const RECV_WINDOW_DEFAULT_MS: i64 = 5_000;
/// A timestamp may run ahead of the server by less than this, however large the window is.
const AHEAD_MAX_MS: i64 = 1_000;

/// Bybit's signature: lower-case hex of HMAC-SHA256 over `timestamp + key + recv_window + payload`, where the payload
/// of a GET is the raw query string.
#[must_use]
pub fn sign(secret: &str, timestamp: &str, key: &str, recv_window: &str, payload: &str) -> String {
    // HMAC takes keys of any length, so the refusal cannot happen; an empty text would match no signature.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else {
        return String::new();
    };
    for part in [timestamp, key, recv_window, payload] {
        mac.update(part.as_bytes());
    }
    hex::encode(mac.finalize().into_bytes())
}

/// A business error: HTTP 200 with this code.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) code: i64,
    pub(crate) message: String,
}

impl Refusal {
    pub(crate) fn new(code: i64, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }

    /// 10001, a parameter that the venue does not accept.
    pub(crate) fn parameter(what: &str) -> Self {
        Self::new(10001, format!("params error: {what}"))
    }
}

/// The state of the limits.
#[derive(Debug, Default)]
pub(crate) struct Limits {
    per_ip: RollingWindow,
    banned_until: Option<Instant>,
    streams_per_ip: RollingWindow,
    per_uid: HashMap<(u64, String), RollingWindow>,
}

pub(crate) struct BybitDialect {
    shared: Arc<Shared>,
}

impl BybitDialect {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    fn envelope(&self, code: i64, message: &str, result: &Value) -> Answer {
        Answer::json(
            200,
            &json!({
                "retCode": code,
                "retMsg": message,
                "result": result,
                "retExtInfo": {},
                "time": self.shared.server_ms(),
            }),
        )
    }

    /// `Err` is the address ban's answer.
    fn admit_address(&self) -> Result<(), Answer> {
        let rules = self.shared.rules();
        let now = Instant::now();
        let mut limits = self
            .shared
            .limits
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let banned = limits.banned_until.is_some_and(|until| now < until);
        if !banned && limits.per_ip.admit(rules.per_ip, now).admitted {
            return Ok(());
        }
        if !banned {
            limits.banned_until = Some(now + Duration::from_millis(rules.ip_ban_ms));
        }
        Err(Answer::text(403, "access too frequent"))
    }

    /// The handshake of the private stream: who connects is said later, over the stream.
    fn handshake(&self, request: &Incoming) -> Answer {
        if !request.wants_stream() {
            return Answer::text(400, "Bad Request");
        }
        let rate = self.shared.rules().streams_per_ip;
        let mut limits = self
            .shared
            .limits
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if !limits.streams_per_ip.admit(rate, Instant::now()).admitted {
            return Answer::text(403, "access too frequent");
        }
        Answer::switching()
    }

    fn admit_user(&self, uid: u64, path: &str, rate: Rate) -> Admission {
        let mut limits = self
            .shared
            .limits
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        limits
            .per_uid
            .entry((uid, path.to_owned()))
            .or_default()
            .admit(rate, Instant::now())
    }

    /// The account that signed the request.
    fn authenticate(&self, request: &Incoming) -> Result<BybitAccount, Refusal> {
        let header = |name| request.header(name).unwrap_or_default();
        let key = header("x-bapi-api-key");
        let accounts = self
            .shared
            .accounts
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let account = accounts
            .get(key)
            .cloned()
            .ok_or_else(|| Refusal::new(10003, "API key is invalid."))?;
        drop(accounts);
        let timestamp = header("x-bapi-timestamp");
        let window_text = header("x-bapi-recv-window");
        let window_ms = match window_text {
            "" => RECV_WINDOW_DEFAULT_MS,
            text => text
                .parse::<i64>()
                .map_err(|_| Refusal::parameter("recv_window invalid"))?,
        };
        let now_ms = self.shared.server_ms();
        let in_time = timestamp
            .parse::<i64>()
            .is_ok_and(|sent_ms| now_ms - window_ms <= sent_ms && sent_ms < now_ms + AHEAD_MAX_MS);
        if !in_time {
            return Err(Refusal::new(
                10002,
                format!(
                    "invalid request, please check your server timestamp or recv_window param. \
                     req_timestamp[{timestamp}],server_timestamp[{now_ms}],recv_window[{window_ms}]"
                ),
            ));
        }
        let payload = request.query.raw();
        if header("x-bapi-sign") != sign(&account.secret, timestamp, key, window_text, payload) {
            return Err(Refusal::new(
                10004,
                format!("error sign! origin_string[{timestamp}{key}{window_text}{payload}]"),
            ));
        }
        if !account.ips.is_empty() && !account.ips.iter().any(|ip| ip == "127.0.0.1") {
            return Err(Refusal::new(
                10010,
                "Unmatched IP, please check your API key's bound IP addresses.",
            ));
        }
        Ok(account)
    }

    fn market_time(&self) -> Answer {
        let now_ms = self.shared.server_ms();
        let result = json!({
            "timeSecond": (now_ms / 1000).to_string(),
            "timeNano": format!("{now_ms}000000"),
        });
        self.envelope(0, "OK", &result)
    }

    fn private(&self, request: &Incoming) -> Answer {
        let missing = ["x-bapi-api-key", "x-bapi-timestamp", "x-bapi-sign"]
            .iter()
            .any(|name| request.header(name).unwrap_or_default().is_empty());
        if missing {
            return Answer::text(401, "");
        }
        let account = match self.authenticate(request) {
            Ok(account) => account,
            Err(refusal) => return self.refused(&refusal),
        };
        let rules = self.shared.rules();
        let rate = if request.path == "/v5/user/query-api" {
            rules.per_uid_query_api
        } else {
            rules.per_uid
        };
        let admission = self.admit_user(account.uid, &request.path, rate);
        let now_ms = self.shared.server_ms();
        let reset_ms = if admission.admitted {
            now_ms
        } else {
            now_ms.saturating_add_unsigned(admission.reset_in_ms)
        };
        let answer = if admission.admitted {
            match self.result(request, &account) {
                Ok((message, result)) => self.envelope(0, message, &result),
                Err(refusal) => self.refused(&refusal),
            }
        } else {
            self.refused(&Refusal::new(
                10006,
                "Too many visits. Exceeded the API Rate Limit.",
            ))
        };
        let answer = answer
            .with_header("X-Bapi-Limit", rate.count)
            .with_header("X-Bapi-Limit-Status", admission.remaining);
        if admission.admitted || rules.reset_header_when_limited {
            return answer.with_header("X-Bapi-Limit-Reset-Timestamp", reset_ms);
        }
        answer
    }

    fn result(
        &self,
        request: &Incoming,
        account: &BybitAccount,
    ) -> Result<(&'static str, Value), Refusal> {
        let (shared, query) = (&*self.shared, &request.query);
        match request.path.as_str() {
            "/v5/execution/list" => {
                Ok(("OK", super::executions::list(shared, &account.name, query)?))
            }
            "/v5/order/realtime" => {
                Ok(("OK", super::orders::realtime(shared, &account.name, query)?))
            }
            "/v5/order/history" => {
                Ok(("OK", super::orders::history(shared, &account.name, query)?))
            }
            "/v5/position/list" => {
                Ok(("OK", super::positions::list(shared, &account.name, query)?))
            }
            "/v5/user/query-api" => Ok(("", super::keys::query_api(account, shared.server_ms()))),
            _ => Ok(("OK", super::keys::account_info(shared.server_ms()))),
        }
    }

    fn refused(&self, refusal: &Refusal) -> Answer {
        self.envelope(refusal.code, &refusal.message, &json!({}))
    }
}

impl Dialect for BybitDialect {
    fn answer(&self, request: &Incoming) -> Answer {
        if let Err(banned) = self.admit_address() {
            return banned;
        }
        if request.method != "GET" {
            return Answer::text(404, "404 page not found");
        }
        match request.path.as_str() {
            stream::PATH => self.handshake(request),
            "/v5/market/time" => self.market_time(),
            "/v5/execution/list" | "/v5/order/realtime" | "/v5/order/history"
            | "/v5/position/list" | "/v5/user/query-api" | "/v5/account/info" => {
                self.private(request)
            }
            _ => Answer::text(404, "404 page not found"),
        }
    }

    fn repeat_page(&self, request: &Incoming) -> Answer {
        let mut answer = self.answer(request);
        // The cursor as it stands on the wire, which is how the venue hands it out.
        let sent = request
            .query
            .raw()
            .split('&')
            .find_map(|part| part.strip_prefix("cursor="));
        if let (Some(sent), Ok(mut body)) = (sent, serde_json::from_slice::<Value>(&answer.body)) {
            if let Some(cursor) = body.pointer_mut("/result/nextPageCursor") {
                *cursor = Value::String(sent.to_owned());
            }
            answer.body = body.to_string().into_bytes();
        }
        answer
    }

    fn refusal(&self, code: i64, message: &str) -> Answer {
        self.refused(&Refusal::new(code, message))
    }

    fn too_many(&self, retry_after_s: u64, with_headers: bool) -> Answer {
        let answer = self.refusal(10006, "Too many visits. Exceeded the API Rate Limit.");
        if !with_headers {
            return answer;
        }
        let reset_ms = self
            .shared
            .server_ms()
            .saturating_add_unsigned(retry_after_s.saturating_mul(1000));
        answer
            .with_header("X-Bapi-Limit", self.shared.rules().per_uid.count)
            .with_header("X-Bapi-Limit-Status", 0)
            .with_header("X-Bapi-Limit-Reset-Timestamp", reset_ms)
    }

    fn account_of(&self, request: &Incoming) -> Option<String> {
        let key = request.header("x-bapi-api-key")?;
        let accounts = self
            .shared
            .accounts
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        accounts.get(key).map(|account| account.name.clone())
    }

    fn fill(&self, order: &str, qty: &str, price: &str) -> Result<(), BookError> {
        let fill = Fill::new(qty, price);
        self.shared.book.fill(order, fill).map(|_| ())
    }

    fn talk(&self, request: &Incoming) -> Option<(Box<dyn Talk>, NewsOfBook)> {
        let talk = stream::BybitTalk::new(Arc::clone(&self.shared), &request.query);
        Some((Box::new(talk), self.shared.book.listen()))
    }

    fn continues(&self, request: &Incoming) -> bool {
        request.query.get("cursor").is_some()
    }

    fn now_ms(&self) -> i64 {
        self.shared.clock.now_ms()
    }
}
