//! A fake Discord webhook: execute with and without `wait`, get, edit a message.
//!
//! Promise: it refuses what the documentation says Discord refuses (lengths, empty messages, an unknown thread, a wrong
//! token, a webhook that was deleted) with its numbers and words, keeps a bucket and tells of it in every answer's
//! headers, and keeps each message with its edits. The token never enters the log. Deliberately absent: files,
//! components, and bots.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use serde_json::{Map, Value, json};

use super::{Inbox, Pace, read_markdown};
use crate::clock::FakeClock;
use crate::fault::Faults;
use crate::rate::{Admission, Rate};
use crate::server::{Answer, Dialect, Incoming, Server};

/// How to start a [`FakeDiscord`].
#[derive(Clone, Debug)]
pub struct DiscordOptions {
    /// The webhook's id.
    pub id: u64,
    /// The webhook's token.
    pub token: String,
    /// The threads of its channel.
    pub threads: Vec<u64>,
    /// Its bucket. Discord publishes none; five in two seconds is what its headers have shown.
    pub bucket: Rate,
}

impl DiscordOptions {
    /// A webhook with this token.
    #[must_use]
    pub fn new(token: &str) -> Self {
        Self {
            id: 1_180_000_000_000_000_001,
            token: token.to_owned(),
            threads: Vec::new(),
            bucket: Rate::new(5, 2_000),
        }
    }
}

/// A message that was accepted.
#[derive(Clone, Debug, PartialEq)]
pub struct DiscordMessage {
    /// The id that was answered, if an answer was asked for.
    pub id: String,
    /// The content as sent.
    pub content: String,
    /// The embeds as sent.
    pub embeds: Vec<Value>,
    /// What a reader sees: the content, then each embed's title and description, without marks.
    pub text: String,
    /// Whether somebody was called.
    pub calls_people: bool,
    /// The thread it went to.
    pub thread_id: Option<u64>,
    /// Time of sending, Unix milliseconds.
    pub at_ms: i64,
    /// What it said before, oldest first.
    pub edits: Vec<DiscordEdit>,
}

/// A state that an edit replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiscordEdit {
    /// What a reader saw.
    pub text: String,
    /// Time of the edit, Unix milliseconds.
    pub at_ms: i64,
}

/// A running fake Discord; dropping it closes the port and every connection.
pub struct FakeDiscord {
    server: Server,
    desk: Arc<Desk>,
}

struct Desk {
    options: DiscordOptions,
    clock: FakeClock,
    inbox: Inbox<DiscordMessage>,
    next_id: AtomicU64,
    is_deleted: AtomicBool,
    pace: Pace,
}

impl FakeDiscord {
    /// Binds loopback and serves until dropped.
    ///
    /// # Errors
    /// The port cannot be bound.
    pub async fn start(options: DiscordOptions) -> io::Result<Self> {
        let desk = Arc::new(Desk {
            pace: Pace::new(options.bucket),
            options,
            clock: FakeClock::system(),
            inbox: Inbox::default(),
            next_id: AtomicU64::new(1_180_000_000_000_001_000),
            is_deleted: AtomicBool::new(false),
        });
        let dialect: Arc<dyn Dialect> = Arc::<Desk>::clone(&desk);
        let server = Server::start(dialect, Faults::default(), 0).await?;
        Ok(Self { server, desk })
    }

    /// The webhook's address, with its token.
    #[must_use]
    pub fn webhook_url(&self) -> String {
        let DiscordOptions { id, token, .. } = &self.desk.options;
        format!("{}/api/webhooks/{id}/{token}", self.server.base_url())
    }

    /// The webhook is deleted: 404 from now on.
    pub fn delete_webhook(&self) {
        self.desk.is_deleted.store(true, Ordering::SeqCst);
    }

    /// A moderator deletes a message.
    pub fn delete_message(&self, id: &str) {
        self.desk.inbox.retain(|message| message.id != id);
    }
}

super::messenger_doors!(FakeDiscord, DiscordMessage);

/// An error as Discord answers it.
struct Refusal {
    status: u16,
    code: i64,
    message: &'static str,
}

const fn refusal(status: u16, code: i64, message: &'static str) -> Refusal {
    Refusal {
        status,
        code,
        message,
    }
}

const INVALID_FORM: Refusal = refusal(400, 50_035, "Invalid Form Body");

impl Desk {
    fn result(&self, request: &Incoming) -> Result<(u16, Value), Refusal> {
        let parts: Vec<&str> = request.path.trim_matches('/').split('/').collect();
        let (id, token, message) = match parts.as_slice() {
            ["api", "webhooks", id, token] => (*id, *token, None),
            ["api", "webhooks", id, token, "messages", message] => (*id, *token, Some(*message)),
            _ => return Err(refusal(404, 0, "404: Not Found")),
        };
        if id != self.options.id.to_string() || self.is_deleted.load(Ordering::SeqCst) {
            return Err(refusal(404, 10_015, "Unknown Webhook"));
        }
        if token != self.options.token {
            return Err(refusal(401, 50_027, "Invalid Webhook Token"));
        }
        match (request.method.as_str(), message) {
            ("GET", None) => Ok((
                200,
                json!({
                    "type": 1, "id": id, "name": "fills", "avatar": null, "channel_id": "1180000000000000002",
                    "guild_id": "1180000000000000003", "application_id": null, "token": token,
                    "url": format!("https://discord.com/api/webhooks/{id}/{token}"),
                }),
            )),
            ("POST", None) => self.execute(request),
            ("PATCH", Some(message)) => self.edit(request, message),
            _ => Err(refusal(405, 0, "405: Method Not Allowed")),
        }
    }

    fn execute(&self, request: &Incoming) -> Result<(u16, Value), Refusal> {
        let fields = fields(request)?;
        let (content, embeds) = said(&fields)?;
        let thread_id = match request.query.get("thread_id") {
            None => None,
            Some(text) => {
                let thread = text.parse::<u64>().map_err(|_| INVALID_FORM)?;
                if !self.options.threads.contains(&thread) {
                    return Err(refusal(400, 10_003, "Unknown Channel"));
                }
                Some(thread)
            }
        };
        let message = DiscordMessage {
            id: self.next_id.fetch_add(1, Ordering::SeqCst).to_string(),
            text: seen(&content, &embeds),
            calls_people: calls_people(&fields, &content),
            content,
            embeds,
            thread_id,
            at_ms: self.clock.now_ms(),
            edits: Vec::new(),
        };
        let answer = shown(&message);
        self.inbox.push(message);
        if request.query.get("wait") == Some("true") {
            Ok((200, answer))
        } else {
            Ok((204, Value::Null))
        }
    }

    fn edit(&self, request: &Incoming, id: &str) -> Result<(u16, Value), Refusal> {
        let fields = fields(request)?;
        let (content, embeds) = said(&fields)?;
        let at_ms = self.clock.now_ms();
        let edited = self.inbox.change(
            |message| message.id == id,
            |message| {
                let before = std::mem::replace(&mut message.text, seen(&content, &embeds));
                message.edits.push(DiscordEdit {
                    text: before,
                    at_ms,
                });
                message.calls_people |= calls_people(&fields, &content);
                message.content = content;
                message.embeds = embeds;
                shown(message)
            },
        );
        edited
            .map(|message| (200, message))
            .ok_or(refusal(404, 10_008, "Unknown Message"))
    }
}

fn fields(request: &Incoming) -> Result<Map<String, Value>, Refusal> {
    match serde_json::from_slice(&request.body) {
        Ok(Value::Object(fields)) => Ok(fields),
        _ => Err(refusal(
            400,
            50_109,
            "The request body contains invalid JSON.",
        )),
    }
}

/// Content and embeds, within the documented limits.
fn said(fields: &Map<String, Value>) -> Result<(String, Vec<Value>), Refusal> {
    let content = match fields.get("content") {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(_) => return Err(INVALID_FORM),
    };
    let embeds = match fields.get("embeds") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(embeds)) => embeds.clone(),
        Some(_) => return Err(INVALID_FORM),
    };
    let total: usize = embeds.iter().map(embed_length).sum();
    let is_too_long = |embed: &Value| {
        length(embed, "title") > 256
            || length(embed, "description") > 4_096
            || embed
                .get("fields")
                .and_then(Value::as_array)
                .is_some_and(|fields| fields.len() > 25)
    };
    if content.chars().count() > 2_000
        || embeds.len() > 10
        || total > 6_000
        || embeds.iter().any(is_too_long)
        || !embeds.iter().all(Value::is_object)
    {
        return Err(INVALID_FORM);
    }
    if content.trim().is_empty() && total == 0 {
        return Err(refusal(400, 50_006, "Cannot send an empty message"));
    }
    Ok((content, embeds))
}

fn length(embed: &Value, key: &str) -> usize {
    embed
        .get(key)
        .and_then(Value::as_str)
        .map_or(0, |text| text.chars().count())
}

fn embed_length(embed: &Value) -> usize {
    let of_fields: usize = embed
        .get("fields")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .map(|field| length(field, "name") + length(field, "value"))
        .sum();
    length(embed, "title") + length(embed, "description") + of_fields
}

fn seen(content: &str, embeds: &[Value]) -> String {
    let mut parts = vec![content];
    for embed in embeds {
        for key in ["title", "description"] {
            parts.extend(embed.get(key).and_then(Value::as_str));
        }
    }
    let parts: Vec<String> = parts
        .into_iter()
        .filter(|part| !part.is_empty())
        .map(read_markdown)
        .collect();
    parts.join("\n")
}

/// Somebody is called by a mention that `allowed_mentions` does not hold back. Embeds call nobody.
fn calls_people(fields: &Map<String, Value>, content: &str) -> bool {
    let is_held_back = fields
        .get("allowed_mentions")
        .and_then(|allowed| allowed.get("parse"))
        .and_then(Value::as_array)
        .is_some_and(Vec::is_empty);
    let mentions = ["@everyone", "@here", "<@"];
    !is_held_back && mentions.iter().any(|mention| content.contains(mention))
}

fn shown(message: &DiscordMessage) -> Value {
    json!({
        "id": message.id, "type": 0, "content": message.content, "embeds": message.embeds, "mentions": [],
        "channel_id": "1180000000000000002", "webhook_id": "1180000000000000001", "pinned": false, "tts": false,
    })
}

/// The bucket, as every answer tells of it.
fn with_bucket(answer: Answer, rate: Rate, admission: Admission) -> Answer {
    let reset_after = seconds(admission.reset_in_ms.max(1));
    answer
        .with_header("X-RateLimit-Limit", rate.count)
        .with_header("X-RateLimit-Remaining", admission.remaining)
        .with_header("X-RateLimit-Reset-After", reset_after)
        .with_header("X-RateLimit-Bucket", "4f95dd6fa3d2b9b1b2b7bb8cb8b4a9a1")
}

/// Milliseconds as seconds with three places.
fn seconds(ms: u64) -> String {
    format!("{}.{:03}", ms / 1_000, ms % 1_000)
}

fn limited(after_ms: u64, is_global: bool, with_headers: bool) -> Answer {
    let body = format!(
        "{{\"message\": \"You are being rate limited.\", \"retry_after\": {}, \"global\": {is_global}}}",
        seconds(after_ms)
    );
    let answer = Answer {
        body: body.into_bytes(),
        ..Answer::json(429, &Value::Null)
    };
    if with_headers {
        answer
            .with_header("Retry-After", after_ms.div_ceil(1_000))
            .with_header(
                "X-RateLimit-Scope",
                if is_global { "global" } else { "user" },
            )
    } else {
        answer
    }
}

impl Dialect for Desk {
    fn answer(&self, request: &Incoming) -> Answer {
        if request.method == "GET" {
            return match self.result(request) {
                Ok((status, body)) => Answer::json(status, &body),
                Err(refusal) => self.refused(&refusal),
            };
        }
        let (rate, admission) = self.pace.admit(&request.path);
        if !admission.admitted {
            return with_bucket(limited(admission.reset_in_ms, false, true), rate, admission);
        }
        let answer = match self.result(request) {
            Ok((204, _)) => Answer {
                content_type: "",
                ..Answer::text(204, "")
            },
            Ok((status, body)) => Answer::json(status, &body),
            Err(refusal) => self.refused(&refusal),
        };
        with_bucket(answer, rate, admission)
    }

    fn refusal(&self, code: i64, message: &str) -> Answer {
        let status = u16::try_from(code).unwrap_or(400);
        Answer::json(status, &json!({ "message": message, "code": 0 }))
    }

    fn too_many(&self, retry_after_s: u64, with_headers: bool) -> Answer {
        limited(retry_after_s * 1_000, true, with_headers)
    }

    fn shown_path(&self, request: &Incoming) -> String {
        match request.path.split_once("/messages/") {
            Some((_, message)) => format!("/api/webhooks/***/messages/{message}"),
            None => "/api/webhooks/***".to_owned(),
        }
    }

    fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }
}

impl Desk {
    fn refused(&self, refusal: &Refusal) -> Answer {
        let body = json!({ "message": refusal.message, "code": refusal.code });
        Answer::json(refusal.status, &body)
    }
}
