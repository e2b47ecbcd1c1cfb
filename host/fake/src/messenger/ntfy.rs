//! A fake ntfy server: publishing as JSON, its health, and the account behind a login.
//!
//! Promise: refusals have ntfy's own form (`code`, `http`, `error`), a visitor's burst is limited, and a message of more
//! than 4,096 bytes becomes an attachment, which is kept as such. The login never enters the log. Deliberately absent:
//! subscribing, actions, delays and access rules by topic.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Map, Value, json};

use super::{Inbox, Pace};
use crate::clock::FakeClock;
use crate::fault::Faults;
use crate::rate::Rate;
use crate::server::{Answer, Dialect, Incoming, Server};

/// Longest message, in bytes; a longer one becomes a file.
const MESSAGE_BYTES_MAX: usize = 4_096;

/// Who may write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NtfyLogin {
    /// Anybody.
    Anybody,
    /// Who shows this `Authorization` header.
    Header(String),
}

/// How to start a [`FakeNtfy`].
#[derive(Clone, Debug)]
pub struct NtfyOptions {
    /// The only topic that the login may write to.
    pub topic: String,
    /// Who may write.
    pub login: NtfyLogin,
    /// A visitor's burst.
    pub pace: Rate,
}

impl NtfyOptions {
    /// An open topic, with the public server's burst of sixty.
    #[must_use]
    pub fn new(topic: &str) -> Self {
        Self {
            topic: topic.to_owned(),
            login: NtfyLogin::Anybody,
            pace: Rate::new(60, 60_000),
        }
    }
}

/// A message that was accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NtfyMessage {
    /// The id that was answered.
    pub id: String,
    /// The topic.
    pub topic: String,
    /// The title.
    pub title: String,
    /// The text.
    pub message: String,
    /// The tags.
    pub tags: Vec<String>,
    /// From 1 to 5; 3 where none was given.
    pub priority: u64,
    /// Whether the text was too long, and became a file.
    pub is_attachment: bool,
    /// Time of sending, Unix milliseconds.
    pub at_ms: i64,
}

/// A running fake ntfy; dropping it closes the port and every connection.
pub struct FakeNtfy {
    server: Server,
    desk: Arc<Desk>,
}

struct Desk {
    options: NtfyOptions,
    clock: FakeClock,
    inbox: Inbox<NtfyMessage>,
    next_id: AtomicU64,
    pace: Pace,
}

impl FakeNtfy {
    /// Binds loopback and serves until dropped.
    ///
    /// # Errors
    /// The port cannot be bound.
    pub async fn start(options: NtfyOptions) -> io::Result<Self> {
        let desk = Arc::new(Desk {
            pace: Pace::new(options.pace),
            options,
            clock: FakeClock::system(),
            inbox: Inbox::default(),
            next_id: AtomicU64::new(1),
        });
        let dialect: Arc<dyn Dialect> = Arc::<Desk>::clone(&desk);
        let server = Server::start(dialect, Faults::default(), 0).await?;
        Ok(Self { server, desk })
    }
}

super::messenger_doors!(FakeNtfy, NtfyMessage);

fn refused(status: u16, code: u32, error: &str) -> Answer {
    let body = json!({ "code": code, "http": status, "error": error, "link": "https://ntfy.sh/docs/publish/" });
    Answer::json(status, &body)
}

impl Desk {
    fn publish(&self, request: &Incoming) -> Answer {
        let Ok(fields) = serde_json::from_slice::<Map<String, Value>>(&request.body) else {
            return refused(
                400,
                40_024,
                "invalid request: request body must be valid JSON",
            );
        };
        let text = |key: &str| {
            fields
                .get(key)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let topic = text("topic");
        if topic.is_empty() {
            return refused(400, 40_009, "invalid request: topic invalid");
        }
        if topic != self.options.topic {
            return refused(403, 40_301, "forbidden");
        }
        let priority = fields.get("priority").and_then(Value::as_u64).unwrap_or(3);
        if !(1..=5).contains(&priority) {
            return refused(400, 40_007, "invalid priority parameter");
        }
        let tags = fields
            .get("tags")
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        let message = match text("message") {
            empty if empty.is_empty() => "triggered".to_owned(),
            message => message,
        };
        let message = NtfyMessage {
            id: format!("fake{:08}", self.next_id.fetch_add(1, Ordering::SeqCst)),
            topic,
            title: text("title"),
            is_attachment: message.len() > MESSAGE_BYTES_MAX,
            message,
            tags: tags.filter_map(Value::as_str).map(str::to_owned).collect(),
            priority,
            at_ms: self.clock.now_ms(),
        };
        let time = message.at_ms / 1_000;
        let answer = json!({ "id": message.id, "time": time, "expires": time + 43_200, "event": "message",
            "topic": message.topic, "title": message.title, "message": message.message, "priority": priority });
        self.inbox.push(message);
        Answer::json(200, &answer)
    }
}

impl Dialect for Desk {
    fn answer(&self, request: &Incoming) -> Answer {
        if request.path == "/v1/health" {
            return Answer::json(200, &json!({ "healthy": true }));
        }
        if let NtfyLogin::Header(wanted) = &self.options.login {
            match request.header("authorization") {
                // Nobody in particular may do nothing here.
                None => return refused(403, 40_301, "forbidden"),
                Some(header) if header != wanted => return refused(401, 40_101, "unauthorized"),
                Some(_) => {}
            }
        }
        if request.path == "/v1/account" {
            return Answer::json(200, &json!({ "username": "desk", "role": "user" }));
        }
        if request.path != "/" || !matches!(request.method.as_str(), "POST" | "PUT") {
            return refused(404, 40_401, "page not found");
        }
        let (_, admission) = self.pace.admit("visitor");
        if !admission.admitted {
            return self.too_many(1, false);
        }
        self.publish(request)
    }

    /// ntfy's number is the status with two digits more.
    fn refusal(&self, code: i64, message: &str) -> Answer {
        let status = u16::try_from(code / 100).unwrap_or(500);
        refused(status, u32::try_from(code).unwrap_or(50_001), message)
    }

    fn too_many(&self, retry_after_s: u64, with_headers: bool) -> Answer {
        let answer = refused(429, 42_901, "limit reached: too many requests");
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
