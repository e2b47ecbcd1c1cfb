//! A fake Telegram Bot API: `getMe`, `getChat`, `sendMessage`, `editMessageText`.
//!
//! Promise: it refuses what the real one refuses (markup, length, unknown chats, an edit without a change) in the same
//! words, and keeps each accepted message with its edits. The token never enters the log. Deliberately absent:
//! updates, media and MarkdownV2. A pace for each chat is kept where one is set: the real one is not published exactly.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::markup::{PlainText, parse_html};
use super::message::{TelegramEdit, TelegramMessage, chat_type, chat_value, render};
use super::{Inbox, Pace};
use crate::clock::FakeClock;
use crate::fault::Faults;
use crate::rate::Rate;
use crate::requests::Requests;
use crate::server::{Answer, Dialect, Incoming, Server};

/// Longest text after its markup was read, in UTF-16 units.
const TEXT_UNITS_MAX: usize = 4_096;
/// Longest text as sent.
const TEXT_BYTES_MAX: usize = 32_768;

/// How to start a [`FakeTelegram`].
#[derive(Clone, Debug)]
pub struct TelegramOptions {
    /// The bot's token.
    pub token: String,
    /// The chats that exist; empty: every chat exists.
    pub chats: Vec<String>,
    /// The clock behind `date`; default the system's.
    pub clock: FakeClock,
    /// How fast messages to one chat may come; default: as fast as anybody likes.
    pub pace: Rate,
    /// The port on 127.0.0.1; default 0, any free one.
    pub port: u16,
}

impl TelegramOptions {
    /// A bot that is a member of every chat.
    #[must_use]
    pub fn new(token: &str) -> Self {
        Self {
            token: token.to_owned(),
            chats: Vec::new(),
            clock: FakeClock::system(),
            pace: Rate::new(u32::MAX, 1_000),
            port: 0,
        }
    }
}

/// A running fake Telegram; dropping it closes the port and every connection.
pub struct FakeTelegram {
    server: Server,
    desk: Arc<Desk>,
}

struct Desk {
    token: String,
    clock: FakeClock,
    inbox: Inbox<TelegramMessage>,
    next_id: AtomicI64,
    chats: Mutex<Chats>,
    pace: Pace,
}

#[derive(Default)]
struct Chats {
    known: BTreeSet<String>,
    blocked: BTreeSet<String>,
    migrated: BTreeMap<String, i64>,
}

impl FakeTelegram {
    /// Binds loopback and serves until dropped.
    ///
    /// # Errors
    /// The port cannot be bound.
    pub async fn start(options: TelegramOptions) -> io::Result<Self> {
        let chats = Chats {
            known: options.chats.into_iter().collect(),
            ..Chats::default()
        };
        let desk = Arc::new(Desk {
            token: options.token,
            clock: options.clock,
            inbox: Inbox::default(),
            next_id: AtomicI64::new(1),
            chats: Mutex::new(chats),
            pace: Pace::new(options.pace),
        });
        let dialect: Arc<dyn Dialect> = Arc::<Desk>::clone(&desk);
        let server = Server::start(dialect, Faults::default(), options.port).await?;
        Ok(Self { server, desk })
    }

    /// `http://127.0.0.1:PORT`, in place of `https://api.telegram.org`.
    #[must_use]
    pub fn base_url(&self) -> String {
        self.server.base_url()
    }

    /// What goes wrong. Paths are matched in their masked form, `/bot***/sendMessage`.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.server.faults
    }

    /// What was asked, accepted or not.
    #[must_use]
    pub fn requests(&self) -> &Requests {
        &self.server.requests
    }

    /// Every accepted message as it stands now, oldest first.
    #[must_use]
    pub fn received(&self) -> Vec<TelegramMessage> {
        self.desk.inbox.all()
    }

    /// Forgets the accepted messages; ids go on counting.
    pub fn clear(&self) {
        self.desk.inbox.clear();
    }

    /// Waits for at least `count` messages and answers all there are; `Err` with those there are after `timeout`.
    ///
    /// # Errors
    /// The time passed first.
    pub async fn wait_for(
        &self,
        count: usize,
        timeout: Duration,
    ) -> Result<Vec<TelegramMessage>, Vec<TelegramMessage>> {
        self.wait_until(|messages| messages.len() >= count, timeout)
            .await
    }

    /// Waits until the messages fulfil a condition, for instance that one was edited.
    ///
    /// # Errors
    /// The messages there are when the time passed first.
    pub async fn wait_until(
        &self,
        is_enough: impl Fn(&[TelegramMessage]) -> bool,
        timeout: Duration,
    ) -> Result<Vec<TelegramMessage>, Vec<TelegramMessage>> {
        match self.desk.inbox.wait(is_enough, timeout).await {
            (true, messages) => Ok(messages),
            (false, messages) => Err(messages),
        }
    }

    /// How fast messages to one chat may come from now on.
    pub fn set_pace(&self, rate: Rate) {
        self.desk.pace.set(rate);
    }

    /// The bot was thrown out: 403 for this chat from now on.
    pub fn block_chat(&self, chat_id: &str) {
        self.desk.chats().blocked.insert(chat_id.to_owned());
    }

    /// The bot was let back in.
    pub fn unblock_chat(&self, chat_id: &str) {
        self.desk.chats().blocked.remove(chat_id);
    }

    /// The group became a supergroup: 400 with `migrate_to_chat_id` for the old id; the new one exists.
    pub fn migrate_chat(&self, old: &str, new: i64) {
        let mut chats = self.desk.chats();
        chats.migrated.insert(old.to_owned(), new);
        if !chats.known.is_empty() {
            chats.known.insert(new.to_string());
        }
    }
}

/// An error as Telegram answers it.
struct Refusal {
    code: i64,
    description: String,
    parameters: Option<Value>,
}

impl Refusal {
    fn new(code: i64, description: impl Into<String>) -> Self {
        Self {
            code,
            description: description.into(),
            parameters: None,
        }
    }

    fn answer(&self) -> Answer {
        let mut body =
            json!({ "ok": false, "error_code": self.code, "description": self.description });
        if let (Value::Object(fields), Some(parameters)) = (&mut body, &self.parameters) {
            fields.insert("parameters".to_owned(), parameters.clone());
        }
        Answer::json(u16::try_from(self.code).unwrap_or(500), &body)
    }
}

impl Desk {
    fn chats(&self) -> std::sync::MutexGuard<'_, Chats> {
        self.chats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn result(&self, method: &str, request: &Incoming) -> Result<Value, Refusal> {
        let parameters = parameters(request)?;
        match method.to_ascii_lowercase().as_str() {
            "getme" => Ok(json!({
                "id": 7_000_000_001_i64, "is_bot": true, "first_name": "fillsync", "username": "fillsync_bot",
                "can_join_groups": true, "can_read_all_group_messages": false, "supports_inline_queries": false,
            })),
            "getchat" => {
                let chat = self.chat(&parameters)?;
                Ok(json!({ "id": chat_value(&chat), "type": chat_type(&chat), "title": "fills" }))
            }
            "sendmessage" => self.send(parameters),
            "editmessagetext" => self.edit(&parameters),
            _ => Err(Refusal::new(404, "Not Found: method not found")),
        }
    }

    fn send(&self, mut parameters: Map<String, Value>) -> Result<Value, Refusal> {
        let chat_id = self.chat(&parameters)?;
        self.admit(&chat_id)?;
        let (raw_text, plain) = text(&parameters)?;
        let message = TelegramMessage {
            message_id: self.next_id.fetch_add(1, Ordering::SeqCst),
            chat_id,
            raw_text,
            text: plain.text,
            parse_mode: parameters
                .get("parse_mode")
                .and_then(Value::as_str)
                .map(str::to_owned),
            entities: plain.entities,
            disable_notification: parameters.get("disable_notification")
                == Some(&Value::Bool(true)),
            at_ms: self.clock.now_ms(),
            edits: Vec::new(),
            parameters: {
                for key in [
                    "chat_id",
                    "text",
                    "parse_mode",
                    "entities",
                    "disable_notification",
                ] {
                    parameters.remove(key);
                }
                parameters
            },
        };
        let answer = render(&message, None);
        self.inbox.push(message);
        Ok(answer)
    }

    fn edit(&self, parameters: &Map<String, Value>) -> Result<Value, Refusal> {
        let chat_id = self.chat(parameters)?;
        self.admit(&chat_id)?;
        let (raw_text, plain) = text(parameters)?;
        let id = parameters.get("message_id").and_then(|id| match id {
            Value::String(text) => text.parse().ok(),
            other => other.as_i64(),
        });
        let Some(id) = id else {
            return Err(Refusal::new(
                400,
                "Bad Request: message identifier is not specified",
            ));
        };
        let at_ms = self.clock.now_ms();
        let edited = self.inbox.change(
            |message| message.message_id == id && message.chat_id == chat_id,
            |message| {
                if message.text == plain.text && message.entities == plain.entities {
                    return Err(Refusal::new(
                        400,
                        "Bad Request: message is not modified: specified new message content and reply markup are \
                         exactly the same as a current content and reply markup of the message",
                    ));
                }
                message.edits.push(TelegramEdit {
                    text: std::mem::replace(&mut message.text, plain.text.clone()),
                    entities: std::mem::replace(&mut message.entities, plain.entities.clone()),
                    at_ms,
                });
                message.raw_text = raw_text;
                Ok(render(message, Some(at_ms)))
            },
        );
        edited.unwrap_or_else(|| Err(Refusal::new(400, "Bad Request: message to edit not found")))
    }

    fn chat(&self, parameters: &Map<String, Value>) -> Result<String, Refusal> {
        let chat_id = match parameters.get("chat_id") {
            Some(Value::String(text)) if !text.is_empty() => text.clone(),
            Some(Value::Number(number)) => number.to_string(),
            _ => return Err(Refusal::new(400, "Bad Request: chat_id is empty")),
        };
        let chats = self.chats();
        if let Some(new) = chats.migrated.get(&chat_id) {
            return Err(Refusal {
                parameters: Some(json!({ "migrate_to_chat_id": new })),
                ..Refusal::new(
                    400,
                    "Bad Request: group chat was upgraded to a supergroup chat",
                )
            });
        }
        if chats.blocked.contains(&chat_id) {
            return Err(Refusal::new(
                403,
                "Forbidden: bot was kicked from the supergroup chat",
            ));
        }
        if !chats.known.is_empty() && !chats.known.contains(&chat_id) {
            return Err(Refusal::new(400, "Bad Request: chat not found"));
        }
        Ok(chat_id)
    }

    /// Messages and edits count alike.
    fn admit(&self, chat_id: &str) -> Result<(), Refusal> {
        let (_, admission) = self.pace.admit(chat_id);
        if admission.admitted {
            return Ok(());
        }
        let after_s = admission.reset_in_ms.div_ceil(1_000).max(1);
        Err(Refusal {
            parameters: Some(json!({ "retry_after": after_s })),
            ..Refusal::new(429, format!("Too Many Requests: retry after {after_s}"))
        })
    }
}

/// Parameters come as JSON, and for reads also in the query.
fn parameters(request: &Incoming) -> Result<Map<String, Value>, Refusal> {
    if request.body.is_empty() {
        let names = ["chat_id", "text", "parse_mode", "message_id"];
        let given = names
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), request.query.get(name)?.into())));
        return Ok(given.collect());
    }
    match serde_json::from_slice(&request.body) {
        Ok(Value::Object(fields)) => Ok(fields),
        _ => Err(Refusal::new(400, "Bad Request: can't parse JSON object")),
    }
}

/// The text as sent and as read.
fn text(parameters: &Map<String, Value>) -> Result<(String, PlainText), Refusal> {
    let raw = parameters
        .get("text")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned();
    if raw.len() > TEXT_BYTES_MAX {
        return Err(Refusal::new(400, "Bad Request: text is too long"));
    }
    let sent_entities = || {
        parameters
            .get("entities")
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default()
    };
    let mode = parameters
        .get("parse_mode")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let plain = match mode.to_ascii_lowercase().as_str() {
        "" => PlainText {
            text: raw.clone(),
            entities: sent_entities(),
        },
        "html" => parse_html(&raw).map_err(|error| {
            Refusal::new(400, format!("Bad Request: can't parse entities: {error}"))
        })?,
        _ => return Err(Refusal::new(400, "Bad Request: unsupported parse_mode")),
    };
    if plain.text.trim().is_empty() {
        return Err(Refusal::new(400, "Bad Request: message text is empty"));
    }
    if plain.text.encode_utf16().count() > TEXT_UNITS_MAX {
        return Err(Refusal::new(400, "Bad Request: message is too long"));
    }
    Ok((raw, plain))
}

impl Dialect for Desk {
    fn answer(&self, request: &Incoming) -> Answer {
        let Some((token, method)) = request
            .path
            .strip_prefix("/bot")
            .and_then(|rest| rest.split_once('/'))
        else {
            return Refusal::new(404, "Not Found").answer();
        };
        if token != self.token {
            return Refusal::new(401, "Unauthorized").answer();
        }
        match self.result(method, request) {
            Ok(result) => Answer::json(200, &json!({ "ok": true, "result": result })),
            Err(refusal) => refusal.answer(),
        }
    }

    fn refusal(&self, code: i64, message: &str) -> Answer {
        Refusal::new(code, message).answer()
    }

    fn too_many(&self, retry_after_s: u64, with_headers: bool) -> Answer {
        let text = format!("Too Many Requests: retry after {retry_after_s}");
        let parameters = with_headers.then(|| json!({ "retry_after": retry_after_s }));
        Refusal {
            parameters,
            ..Refusal::new(429, text)
        }
        .answer()
    }

    fn shown_path(&self, request: &Incoming) -> String {
        match request
            .path
            .strip_prefix("/bot")
            .and_then(|rest| rest.split_once('/'))
        {
            Some((_, method)) => format!("/bot***/{method}"),
            None => request.path.clone(),
        }
    }

    fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }
}
