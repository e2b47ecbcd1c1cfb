//! Alpaca's headers, errors, limit and routes; the endpoints are in the files beside.
//!
//! Promise: each error has the recorded body, `{code, message}` with the HTTP status in the code's first digits.

use std::sync::{Arc, PoisonError};
use std::time::Instant;

use serde_json::{Value, json};

use super::{AlpacaAccount, Shared, activities, orders, positions, stream, time};
use crate::book::{BookError, Fill};
use crate::rate::Admission;
use crate::server::{Answer, Dialect, Incoming, NewsOfBook};
use crate::stream::Talk;

/// An error answer: HTTP status and body.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) code: i64,
    pub(crate) message: String,
}

impl Refusal {
    /// 404 with code 40410000.
    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self {
            status: 404,
            code: 40_410_000,
            message: message.into(),
        }
    }

    /// 422 with code 40010001, as recorded for parameters.
    pub(crate) fn parameter(message: impl Into<String>) -> Self {
        Self {
            status: 422,
            code: 40_010_001,
            message: message.into(),
        }
    }
}

pub(crate) struct AlpacaDialect {
    shared: Arc<Shared>,
}

impl AlpacaDialect {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    fn authenticate(&self, request: &Incoming) -> Option<AlpacaAccount> {
        let key = request.header("apca-api-key-id")?;
        let secret = request.header("apca-api-secret-key")?;
        let accounts = self
            .shared
            .accounts
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        accounts
            .get(key)
            .filter(|account| account.secret == secret)
            .cloned()
    }

    fn admit(&self, key: &str) -> Admission {
        let rate = self.shared.rules().per_key;
        let mut windows = self
            .shared
            .windows
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        windows
            .entry(key.to_owned())
            .or_default()
            .admit(rate, Instant::now())
    }

    fn result(&self, request: &Incoming, account: &str) -> Result<Value, Refusal> {
        let (shared, query) = (&*self.shared, &request.query);
        if let Some(activity_type) = request.path.strip_prefix("/v2/account/activities/") {
            return activities::list(shared, account, Some(activity_type), query);
        }
        if let Some(id) = request.path.strip_prefix("/v2/orders/") {
            return orders::by_id(shared, account, id);
        }
        if let Some(symbol) = request.path.strip_prefix("/v2/positions/") {
            return positions::one(shared, account, symbol);
        }
        match request.path.as_str() {
            "/v2/account" => Ok(positions::account(shared, account)),
            "/v2/account/activities" => activities::list(shared, account, None, query),
            "/v2/orders" => orders::list(shared, account, query),
            "/v2/orders:by_client_order_id" => orders::by_client_order_id(shared, account, query),
            "/v2/positions" => Ok(positions::list(shared, account)),
            "/v2/clock" => Ok(self.market_clock()),
            _ => Err(Refusal::not_found("endpoint not found")),
        }
    }

    fn market_clock(&self) -> Value {
        let now_us = (self.shared.clock.now_ms() + self.shared.faults.clock_skew_ms()) * 1000;
        // The fake's market never closes; the next bell is always a day away.
        let tomorrow = time::rfc3339(now_us + 24 * 3_600_000_000);
        json!({ "timestamp": time::rfc3339(now_us), "is_open": true, "next_open": tomorrow, "next_close": tomorrow })
    }

    fn refused(refusal: &Refusal) -> Answer {
        Answer::json(
            refusal.status,
            &json!({ "code": refusal.code, "message": refusal.message }),
        )
    }

    fn reset_s(&self, in_ms: u64) -> i64 {
        self.shared
            .clock
            .now_ms()
            .saturating_add_unsigned(in_ms + 999)
            / 1000
    }
}

impl Dialect for AlpacaDialect {
    fn answer(&self, request: &Incoming) -> Answer {
        if request.path == stream::PATH {
            // Who connects is said later, over the stream.
            return if request.wants_stream() {
                Answer::switching()
            } else {
                Answer::text(400, "Bad Request")
            };
        }
        let Some(account) = self.authenticate(request) else {
            return Self::refused(&Refusal {
                status: 401,
                code: 40_110_000,
                message: "access key verification failed : verification failure".to_owned(),
            });
        };
        let admission = self.admit(&account.key);
        let answer = if !admission.admitted {
            Answer::json(
                429,
                &json!({ "code": 42_910_000, "message": "rate limit exceeded" }),
            )
        } else if request.method != "GET" {
            Answer::text(405, "Method Not Allowed")
        } else {
            match self.result(request, &account.name) {
                Ok(body) => Answer::json(200, &body),
                Err(refusal) => Self::refused(&refusal),
            }
        };
        let rules = self.shared.rules();
        if !rules.rate_headers {
            return answer;
        }
        answer
            .with_header("X-RateLimit-Limit", rules.per_key.count)
            .with_header("X-RateLimit-Remaining", admission.remaining)
            .with_header("X-RateLimit-Reset", self.reset_s(admission.reset_in_ms))
    }

    fn repeat_page(&self, request: &Incoming) -> Answer {
        let query = request.query.without("page_token");
        self.answer(&Incoming {
            query,
            ..request.clone()
        })
    }

    fn refusal(&self, code: i64, message: &str) -> Answer {
        let status = u16::try_from(code / 100_000).unwrap_or(500);
        Self::refused(&Refusal {
            status,
            code,
            message: message.to_owned(),
        })
    }

    fn too_many(&self, retry_after_s: u64, with_headers: bool) -> Answer {
        let answer = Answer::json(
            429,
            &json!({ "code": 42_910_000, "message": "rate limit exceeded" }),
        );
        if !with_headers {
            return answer;
        }
        answer
            .with_header("X-RateLimit-Limit", self.shared.rules().per_key.count)
            .with_header("X-RateLimit-Remaining", 0)
            .with_header(
                "X-RateLimit-Reset",
                self.reset_s(retry_after_s.saturating_mul(1000)),
            )
            .with_header("Retry-After", retry_after_s)
    }

    fn account_of(&self, request: &Incoming) -> Option<String> {
        let key = request.header("apca-api-key-id")?;
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

    fn talk(&self, _request: &Incoming) -> Option<(Box<dyn Talk>, NewsOfBook)> {
        let talk = stream::AlpacaTalk::new(Arc::clone(&self.shared));
        Some((Box::new(talk), self.shared.book.listen()))
    }

    fn continues(&self, request: &Incoming) -> bool {
        request.query.get("page_token").is_some()
    }

    fn now_ms(&self) -> i64 {
        self.shared.clock.now_ms()
    }
}
