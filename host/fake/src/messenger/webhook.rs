//! A fake webhook: any path, any method, one programmable answer.
//!
//! Promise: every request it carried out is kept with headers and body. A request that met a fault is in
//! [`FakeWebhook::requests`] only, unless the fault loses or delays the answer of a request that was carried out.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;

use super::Inbox;
use crate::clock::FakeClock;
use crate::fault::Faults;
use crate::requests::Requests;
use crate::server::{Answer, Dialect, Incoming, Server};

/// A request that arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookRequest {
    /// `POST`, …
    pub method: String,
    /// Path without the query.
    pub path: String,
    /// The raw query string.
    pub query: String,
    /// Headers with lower-case names, in wire order.
    pub headers: Vec<(String, String)>,
    /// The body's bytes.
    pub body: Vec<u8>,
    /// Time of arrival, Unix milliseconds.
    pub at_ms: i64,
}

impl WebhookRequest {
    /// A header's first value, by lower-case name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(candidate, _)| candidate == name)
            .map(|(_, value)| value.as_str())
    }

    /// The body as JSON; `None` where it is none.
    #[must_use]
    pub fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }

    /// The body as text, broken characters replaced.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// What the webhook answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookAnswer {
    /// HTTP status.
    pub status: u16,
    /// Extra headers.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

impl Default for WebhookAnswer {
    fn default() -> Self {
        Self {
            status: 200,
            headers: Vec::new(),
            body: "ok".to_owned(),
        }
    }
}

/// A running fake webhook; dropping it closes the port and every connection.
pub struct FakeWebhook {
    server: Server,
    desk: Arc<Desk>,
}

struct Desk {
    inbox: Inbox<WebhookRequest>,
    answer: Mutex<WebhookAnswer>,
    clock: FakeClock,
}

impl FakeWebhook {
    /// Binds loopback (port 0: any free one) and serves until dropped. Answers 200 `ok` until told otherwise.
    ///
    /// # Errors
    /// The port cannot be bound.
    pub async fn start(port: u16) -> io::Result<Self> {
        let desk = Arc::new(Desk {
            inbox: Inbox::default(),
            answer: Mutex::default(),
            clock: FakeClock::system(),
        });
        let dialect: Arc<dyn Dialect> = Arc::<Desk>::clone(&desk);
        let server = Server::start(dialect, Faults::default(), port).await?;
        Ok(Self { server, desk })
    }

    /// `http://127.0.0.1:PORT`; any path below it is served.
    #[must_use]
    pub fn base_url(&self) -> String {
        self.server.base_url()
    }

    /// What goes wrong; [`crate::Fault::redirect`] sends the client elsewhere once.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.server.faults
    }

    /// What was asked, carried out or not.
    #[must_use]
    pub fn requests(&self) -> &Requests {
        &self.server.requests
    }

    /// Sets the lasting answer.
    pub fn respond(&self, answer: WebhookAnswer) {
        *self
            .desk
            .answer
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = answer;
    }

    /// Every request carried out, oldest first.
    #[must_use]
    pub fn received(&self) -> Vec<WebhookRequest> {
        self.desk.inbox.all()
    }

    /// Forgets the requests.
    pub fn clear(&self) {
        self.desk.inbox.clear();
    }

    /// Waits for at least `count` requests and answers all there are; `Err` with those there are after `timeout`.
    ///
    /// # Errors
    /// The time passed first.
    pub async fn wait_for(
        &self,
        count: usize,
        timeout: Duration,
    ) -> Result<Vec<WebhookRequest>, Vec<WebhookRequest>> {
        match self
            .desk
            .inbox
            .wait(|requests| requests.len() >= count, timeout)
            .await
        {
            (true, requests) => Ok(requests),
            (false, requests) => Err(requests),
        }
    }
}

impl Dialect for Desk {
    fn answer(&self, request: &Incoming) -> Answer {
        let headers = request.headers.iter().map(|(name, value)| {
            (
                name.as_str().to_owned(),
                String::from_utf8_lossy(value.as_bytes()).into_owned(),
            )
        });
        self.inbox.push(WebhookRequest {
            method: request.method.clone(),
            path: request.path.clone(),
            query: request.query.raw().to_owned(),
            headers: headers.collect(),
            body: request.body.to_vec(),
            at_ms: self.clock.now_ms(),
        });
        let answer = self
            .answer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        Answer {
            headers: answer.headers,
            ..Answer::text(answer.status, &answer.body)
        }
    }

    fn refusal(&self, code: i64, message: &str) -> Answer {
        Answer::text(u16::try_from(code).unwrap_or(500), message)
    }

    fn too_many(&self, retry_after_s: u64, with_headers: bool) -> Answer {
        let answer = Answer::text(429, "too many requests");
        if with_headers {
            answer.with_header("Retry-After", retry_after_s)
        } else {
            answer
        }
    }

    fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }
}
