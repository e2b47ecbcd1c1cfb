//! A fake Slack: an incoming webhook, and `auth.test`, `chat.postMessage`, `chat.update` of the Web API.
//!
//! Promise: refusals have Slack's own form: the webhook a status and a word, the API `ok: false` within a 200; both hold
//! each channel to its pace with `Retry-After`. Each message is kept with its edits and what a reader sees of it. Keys
//! and tokens never enter the log. Deliberately absent: threads, files, and every block but `rich_text`, `section`,
//! `header`, `context` and `divider`.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Map, Value, json};

use super::{Inbox, Pace};
use crate::clock::FakeClock;
use crate::fault::Faults;
use crate::rate::Rate;
use crate::server::{Answer, Dialect, Incoming, Server};

/// How to start a [`FakeSlack`].
#[derive(Clone, Debug)]
pub struct SlackOptions {
    /// The secret part of the webhook's address.
    pub key: String,
    /// The bot's token.
    pub token: String,
    /// The channel's id.
    pub channel: String,
    /// One message a second, with bursts.
    pub pace: Rate,
}

impl SlackOptions {
    /// A workspace with one channel.
    #[must_use]
    pub fn new(key: &str, token: &str) -> Self {
        Self {
            key: key.to_owned(),
            token: token.to_owned(),
            channel: "C0123456789".to_owned(),
            pace: Rate::new(4, 4_000),
        }
    }
}

/// A message that was accepted.
#[derive(Clone, Debug, PartialEq)]
pub struct SlackMessage {
    /// The channel.
    pub channel: String,
    /// Its time stamp, which is its id.
    pub ts: String,
    /// `text` as sent.
    pub raw_text: String,
    /// `blocks` as sent.
    pub blocks: Vec<Value>,
    /// What a reader sees: the blocks, or the text where there are none.
    pub text: String,
    /// What a notification shows.
    pub notification: String,
    /// Whether somebody was called.
    pub calls_people: bool,
    /// Time of sending, Unix milliseconds.
    pub at_ms: i64,
    /// What it said before, oldest first.
    pub edits: Vec<SlackEdit>,
}

/// A state that an edit replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlackEdit {
    /// What a reader saw.
    pub text: String,
    /// Time of the edit, Unix milliseconds.
    pub at_ms: i64,
}

/// A running fake Slack; dropping it closes the port and every connection.
pub struct FakeSlack {
    server: Server,
    desk: Arc<Desk>,
}

struct Desk {
    options: SlackOptions,
    clock: FakeClock,
    inbox: Inbox<SlackMessage>,
    next_ts: AtomicU64,
    /// What is answered to every message until it is taken back: the webhook's status and word.
    state: Mutex<BTreeMap<&'static str, (u16, String)>>,
    pace: Pace,
}

impl FakeSlack {
    /// Binds loopback and serves until dropped.
    ///
    /// # Errors
    /// The port cannot be bound.
    pub async fn start(options: SlackOptions) -> io::Result<Self> {
        let desk = Arc::new(Desk {
            pace: Pace::new(options.pace),
            options,
            clock: FakeClock::system(),
            inbox: Inbox::default(),
            next_ts: AtomicU64::new(100),
            state: Mutex::default(),
        });
        let dialect: Arc<dyn Dialect> = Arc::<Desk>::clone(&desk);
        let server = Server::start(dialect, Faults::default(), 0).await?;
        Ok(Self { server, desk })
    }

    /// The incoming webhook's address, with its key.
    #[must_use]
    pub fn webhook_url(&self) -> String {
        let key = &self.desk.options.key;
        format!(
            "{}/services/T00000000/B00000000/{key}",
            self.server.base_url()
        )
    }

    /// The address of the Web API.
    #[must_use]
    pub fn api_url(&self) -> String {
        format!("{}/api", self.server.base_url())
    }

    /// Every message is refused from now on: at the webhook with this status and word, at the API with the word.
    pub fn refuse(&self, status: u16, word: &str) {
        self.desk
            .state()
            .insert("refusal", (status, word.to_owned()));
    }

    /// Messages are taken again.
    pub fn accept(&self) {
        self.desk.state().clear();
    }

    /// Somebody deletes a message.
    pub fn delete_message(&self, ts: &str) {
        self.desk.inbox.retain(|message| message.ts != ts);
    }
}

super::messenger_doors!(FakeSlack, SlackMessage);

impl Desk {
    fn state(&self) -> std::sync::MutexGuard<'_, BTreeMap<&'static str, (u16, String)>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn refusing(&self) -> Option<(u16, String)> {
        self.state().get("refusal").cloned()
    }

    fn hook(&self, request: &Incoming) -> Answer {
        if request.method != "POST" {
            return Answer::text(405, "method_not_allowed");
        }
        if !request.path.ends_with(&format!("/{}", self.options.key)) {
            return Answer::text(403, "invalid_token");
        }
        if let Some((status, word)) = self.refusing() {
            return Answer::text(status, &word);
        }
        let (_, admission) = self.pace.admit(&self.options.channel);
        if !admission.admitted {
            return self.too_many(admission.reset_in_ms.div_ceil(1_000).max(1), true);
        }
        let fields = serde_json::from_slice::<Map<String, Value>>(&request.body).ok();
        match fields
            .ok_or("invalid_payload")
            .and_then(|fields| self.message(&fields))
        {
            Ok(message) => {
                self.inbox.push(message);
                Answer::text(200, "ok")
            }
            Err("no_text") => Answer::text(400, "no_text"),
            Err(_) => Answer::text(400, "invalid_payload"),
        }
    }

    fn api(&self, request: &Incoming, method: &str) -> Answer {
        let wanted = format!("Bearer {}", self.options.token);
        let refused = |error: &str| Answer::json(200, &json!({ "ok": false, "error": error }));
        match request.header("authorization") {
            None => return refused("not_authed"),
            Some(header) if header != wanted => return refused("invalid_auth"),
            Some(_) => {}
        }
        if method == "auth.test" {
            return Answer::json(
                200,
                &json!({ "ok": true, "url": "https://desk.slack.com/", "team": "desk", "user": "fillsync",
                    "team_id": "T00000000", "user_id": "U00000000", "bot_id": "B00000000" }),
            );
        }
        if let Some((_, word)) = self.refusing() {
            return refused(&word);
        }
        let (_, admission) = self.pace.admit(&self.options.channel);
        if !admission.admitted {
            let body = json!({ "ok": false, "error": "ratelimited" });
            return Answer::json(429, &body)
                .with_header("Retry-After", admission.reset_in_ms.div_ceil(1_000).max(1));
        }
        let Ok(fields) = serde_json::from_slice::<Map<String, Value>>(&request.body) else {
            return refused("invalid_json");
        };
        if fields.get("channel").and_then(Value::as_str) != Some(self.options.channel.as_str()) {
            return refused("channel_not_found");
        }
        let done = match method {
            "chat.postMessage" => self.message(&fields).map(|message| {
                let answer = json!({ "ok": true, "channel": message.channel, "ts": message.ts,
                    "message": { "type": "message", "text": message.raw_text, "ts": message.ts } });
                self.inbox.push(message);
                answer
            }),
            "chat.update" => self.update(&fields),
            _ => Err("unknown_method"),
        };
        match done {
            Ok(body) => Answer::json(200, &body),
            Err(error) => refused(error),
        }
    }

    fn message(&self, fields: &Map<String, Value>) -> Result<SlackMessage, &'static str> {
        let (raw_text, blocks) = said(fields)?;
        let number = self.next_ts.fetch_add(1, Ordering::SeqCst);
        let at_ms = self.clock.now_ms();
        Ok(SlackMessage {
            channel: self.options.channel.clone(),
            ts: format!("{}.{number:06}", at_ms / 1_000),
            text: seen(&raw_text, &blocks),
            notification: unescaped(&raw_text),
            calls_people: calls_people(&raw_text, &blocks),
            raw_text,
            blocks,
            at_ms,
            edits: Vec::new(),
        })
    }

    fn update(&self, fields: &Map<String, Value>) -> Result<Value, &'static str> {
        let ts = fields.get("ts").and_then(Value::as_str).unwrap_or_default();
        let (raw_text, blocks) = said(fields)?;
        let at_ms = self.clock.now_ms();
        let edited = self.inbox.change(
            |message| message.ts == ts,
            |message| {
                let before = std::mem::replace(&mut message.text, seen(&raw_text, &blocks));
                message.edits.push(SlackEdit {
                    text: before,
                    at_ms,
                });
                message.notification = unescaped(&raw_text);
                message.calls_people |= calls_people(&raw_text, &blocks);
                message.raw_text = raw_text;
                message.blocks = blocks;
                json!({ "ok": true, "channel": message.channel, "ts": message.ts, "text": message.raw_text })
            },
        );
        edited.ok_or("message_not_found")
    }
}

/// Text and blocks, within the documented limits.
fn said(fields: &Map<String, Value>) -> Result<(String, Vec<Value>), &'static str> {
    let text = fields
        .get("text")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let blocks = match fields.get("blocks") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(blocks)) => blocks.clone(),
        Some(_) => return Err("invalid_blocks_format"),
    };
    if text.trim().is_empty() && blocks.is_empty() {
        return Err("no_text");
    }
    if text.chars().count() > 40_000 {
        return Err("msg_too_long");
    }
    let is_known = |block: &Value| {
        matches!(
            block.get("type").and_then(Value::as_str),
            Some("rich_text" | "section" | "header" | "context" | "divider")
        )
    };
    if blocks.len() > 50 || !blocks.iter().all(is_known) {
        return Err("invalid_blocks");
    }
    Ok((text.to_owned(), blocks))
}

/// What a reader sees.
fn seen(text: &str, blocks: &[Value]) -> String {
    if blocks.is_empty() {
        return unescaped(text);
    }
    let mut seen = String::new();
    for block in blocks {
        if !seen.is_empty() {
            seen.push('\n');
        }
        if block.get("type").and_then(Value::as_str) == Some("rich_text") {
            collect_texts(block, &mut seen);
        } else {
            let mut marked = String::new();
            collect_texts(block, &mut marked);
            seen.push_str(&unescaped(&marked));
        }
    }
    seen
}

/// Every `text` below a value, in order. Within `rich_text` nothing is read as a mark.
fn collect_texts(value: &Value, seen: &mut String) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect_texts(item, seen)),
        Value::Object(fields) => {
            if let Some(Value::String(text)) = fields.get("text") {
                seen.push_str(text);
            }
            for (key, item) in fields {
                if key != "text" || item.is_object() {
                    collect_texts(item, seen);
                }
            }
        }
        _ => {}
    }
}

fn unescaped(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&")
}

/// `<@U…>`, `<!channel>` and their like within a text that is read for marks, or as elements of rich text.
fn calls_people(text: &str, blocks: &[Value]) -> bool {
    let in_blocks = Value::Array(blocks.to_vec()).to_string();
    let elements = [
        "\"type\":\"user\"",
        "\"type\":\"broadcast\"",
        "\"type\":\"usergroup\"",
    ];
    text.contains("<@")
        || text.contains("<!")
        || elements.iter().any(|element| in_blocks.contains(element))
}

impl Dialect for Desk {
    fn answer(&self, request: &Incoming) -> Answer {
        if request.path.starts_with("/services/") {
            return self.hook(request);
        }
        match request.path.strip_prefix("/api/") {
            Some(method) => self.api(request, method),
            None => Answer::text(404, "no_service"),
        }
    }

    /// The webhook's form: this status, and the word.
    fn refusal(&self, code: i64, message: &str) -> Answer {
        Answer::text(u16::try_from(code).unwrap_or(500), message)
    }

    fn too_many(&self, retry_after_s: u64, with_headers: bool) -> Answer {
        let answer = Answer::text(429, "rate_limited");
        if with_headers {
            answer.with_header("Retry-After", retry_after_s)
        } else {
            answer
        }
    }

    fn shown_path(&self, request: &Incoming) -> String {
        if request.path.starts_with("/services/") {
            "/services/***".to_owned()
        } else {
            request.path.clone()
        }
    }

    fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }
}
