//! One chat: sends and edits, and turns what Telegram answers into what the outbox must do.

use super::config::{ChatId, Checked, KIND, Settings, check};
use super::wire::{self, LinkPreview, Message};
use crate::OpenError;
use crate::http::{self, Answer, Http};
use crate::payload::{Payload, payload};
use crate::render::{self, Limits};
use async_trait::async_trait;
use fillsync_core::id::ChannelName;
use fillsync_core::limits::{MessageLimits, TELEGRAM};
use fillsync_core::port::{Channel, ChannelError, Clock, Notice, Outgoing, Receipt};
use reqwest::Url;
use reqwest::header::HeaderMap;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// One bot in one chat.
pub struct Telegram {
    name: ChannelName,
    settings: Checked,
    http: Http,
    clock: Arc<dyn Clock>,
    /// The id of the supergroup that the group became while this process runs; zero where it did not.
    moved_to: AtomicI64,
}

/// What was asked of Telegram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Call {
    Send,
    Edit(i64),
}

/// What an answer means, before the one repetition that this channel makes by itself.
#[derive(Debug)]
enum Verdict {
    Taken(Option<i64>),
    Moved(i64),
    /// The message that was to be edited is gone or too old.
    Gone,
    Failed(ChannelError),
}

impl Telegram {
    /// Checks the settings; sends nothing.
    ///
    /// # Errors
    /// [`OpenError::Setting`] for a base address, token or chat that can never work.
    pub fn open(
        name: ChannelName,
        settings: Settings,
        http: Http,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, OpenError> {
        let settings = check(&name, settings)?;
        if http::is_readable_on_the_way(&settings.base_url) {
            tracing::warn!(
                channel = %name,
                host = settings.base_url.host_str().unwrap_or_default(),
                "base_url is plain http to another machine: the bot's token can be read on the way; use https"
            );
        }
        Ok(Self {
            name,
            settings,
            http,
            clock,
            moved_to: AtomicI64::new(0),
        })
    }

    fn chat(&self) -> ChatId {
        match self.moved_to.load(Ordering::Acquire) {
            0 => self.settings.chat_id.clone(),
            moved => ChatId::Number(moved),
        }
    }

    /// One attempt, and a second one when the chat has moved: the group's upgrade refused the first.
    async fn call(
        &self,
        call: Call,
        outgoing: &Outgoing,
    ) -> Result<(Verdict, Option<Notice>), ChannelError> {
        let verdict = self.attempt(call, outgoing).await?;
        let Verdict::Moved(chat) = verdict else {
            return Ok((verdict, None));
        };
        self.moved_to.store(chat, Ordering::Release);
        tracing::warn!(
            channel = %self.name,
            chat_id = chat,
            "the group became a supergroup with another id; used from now on: set chat_id to it"
        );
        match self.attempt(call, outgoing).await? {
            Verdict::Moved(again) => Err(self.dead(
                format!("the chat moved to {chat} and at once to {again}"),
                "set chat_id to the id that the chat has now",
            )),
            verdict => Ok((verdict, Some(self.moved(chat)))),
        }
    }

    /// What the operator must know once: the configuration still has the old id.
    fn moved(&self, chat: i64) -> Notice {
        Notice {
            key: format!("moved/{chat}"),
            what: format!(
                "channel {}: the group became a supergroup with another id; messages go there",
                self.name
            ),
            remedy: format!("set chat_id to \"{chat}\""),
        }
    }

    async fn attempt(&self, call: Call, outgoing: &Outgoing) -> Result<Verdict, ChannelError> {
        let body = self.body(call, outgoing)?;
        let method = match call {
            Call::Send => "sendMessage",
            Call::Edit(_) => "editMessageText",
        };
        let answer = self
            .http
            .post_json(self.address(method)?, HeaderMap::new(), body)
            .await
            .map_err(|fault| ChannelError::Retry {
                what: self.redacted(&format!("channel {}: {fault}", self.name)),
            })?;
        Ok(self.judge(call, outgoing.as_plain, &answer))
    }

    /// The address of a method. It has the token in it: it goes to the client and nowhere else.
    fn address(&self, method: &str) -> Result<Url, ChannelError> {
        let token = self.settings.token.expose_secret();
        // A colon before the first slash would be read as a scheme; "./" keeps it a path.
        self.settings
            .base_url
            .join(&format!("./bot{token}/{method}"))
            .map_err(|_| {
                self.dead(
                    "the address cannot be made".to_owned(),
                    "correct base_url and token",
                )
            })
    }

    fn body(&self, call: Call, outgoing: &Outgoing) -> Result<Vec<u8>, ChannelError> {
        let chat = self.chat();
        let (message_id, thread_id) = match call {
            Call::Send => (None, self.settings.thread_id),
            Call::Edit(id) => (Some(id), None),
        };
        let body = match payload(outgoing, KIND)? {
            Payload::Rich(message) => {
                let limits = Limits::of(&TELEGRAM);
                let rows = render::rows(message);
                let text = if outgoing.as_plain {
                    render::plain(&render::cut(rows, limits, render::plain_size))
                } else {
                    render::html(&render::cut(rows, limits, render::html_size))
                };
                if text.trim().is_empty() {
                    return Err(self.dead(
                        "the formatter made an empty message, which Telegram refuses".to_owned(),
                        "correct the formatter, or choose another in the setting formatter",
                    ));
                }
                serde_json::to_vec(&Message {
                    chat_id: &chat,
                    message_id,
                    message_thread_id: thread_id,
                    text: &text,
                    parse_mode: (!outgoing.as_plain).then_some("HTML"),
                    link_preview_options: LinkPreview { is_disabled: true },
                })
            }
            Payload::Raw(json) => {
                let Ok(Value::Object(mut fields)) = serde_json::from_str(json.get()) else {
                    return Err(self.dead(
                        "the formatter's raw payload is no JSON object".to_owned(),
                        "make it an object with the fields of sendMessage, without chat_id",
                    ));
                };
                // Where messages go is the operator's word, never the formatter's.
                fields.insert("chat_id".to_owned(), json!(chat));
                for (key, id) in [
                    ("message_id", message_id.map(|id| json!(id))),
                    ("message_thread_id", thread_id.map(|id| json!(id))),
                ] {
                    fields.remove(key);
                    if let Some(id) = id {
                        fields.insert(key.to_owned(), id);
                    }
                }
                if outgoing.as_plain {
                    fields.remove("parse_mode");
                    fields.remove("entities");
                }
                serde_json::to_vec(&fields)
            }
        };
        body.map_err(|error| {
            self.dead(
                format!("the message cannot be written as JSON ({error})"),
                "correct the formatter",
            )
        })
    }

    /// What the outbox must do, from the answer's own error code before the status: a proxy may answer
    /// 200 with `ok: false` inside.
    fn judge(&self, call: Call, as_plain: bool, answer: &Answer) -> Verdict {
        let Ok(said) = serde_json::from_slice::<wire::Answer>(&answer.body) else {
            return Verdict::Failed(self.judge_stranger(answer));
        };
        if said.ok {
            return Verdict::Taken(said.message_id());
        }
        let code = said.error_code.unwrap_or(answer.status.as_u16());
        let what = format!(
            "channel {}: Telegram answers {code} {:?}",
            self.name,
            http::quote(&self.redacted(&said.description))
        );
        if let Some(chat) = said.parameters.migrate_to_chat_id.filter(|chat| *chat != 0) {
            return Verdict::Moved(chat);
        }
        let dead = |remedy: &str| {
            Verdict::Failed(ChannelError::Dead {
                what: what.clone(),
                remedy: remedy.to_owned(),
            })
        };
        match code {
            429 | 420 => {
                let said = said.retry_after().map(Duration::from_secs);
                let after = said.or_else(|| answer.retry_after(&*self.clock));
                Verdict::Failed(http::wait(after, what))
            }
            400 if matches!(call, Call::Edit(_)) && said.says("message is not modified") => {
                Verdict::Taken(None)
            }
            400 if matches!(call, Call::Edit(_))
                && (said.says("message to edit not found")
                    || said.says("message can't be edited")
                    || said.says("message_id_invalid")) =>
            {
                Verdict::Gone
            }
            400 if said.says("can't parse entities") && !as_plain => {
                Verdict::Failed(ChannelError::Markup { what })
            }
            400 if said.says("thread not found") => {
                dead("set thread_id to a topic of this group, or leave it out")
            }
            400 if said.says("chat not found") || said.says("chat_id is empty") => dead(
                "check chat_id (groups are negative), and write to the bot once or add it to the group",
            ),
            401 => dead("set token to the token that the BotFather shows for this bot"),
            403 => dead(
                "let the bot back in (unblock it, or add it to the group with the right to write), or set another chat_id",
            ),
            404 => dead("check token (it must be whole) and base_url"),
            code if code >= 500 => Verdict::Failed(ChannelError::Retry { what }),
            _ => {
                dead("the message cannot be sent as it is: check chat_id and the setting formatter")
            }
        }
    }

    /// An answer that is not the Bot API's: of a proxy, of a wrong address, or broken off.
    fn judge_stranger(&self, answer: &Answer) -> ChannelError {
        let status = answer.status.as_u16();
        let broken = answer.broken();
        let what = format!(
            "channel {}: answer {status} is not from the Bot API: {:?}{broken}",
            self.name,
            http::quote(&self.redacted(&answer.text()))
        );
        match status {
            429 => http::wait(answer.retry_after(&*self.clock), what),
            // A message that was accepted may hide behind a broken 200: at least once, so once more.
            200..=299 | 408 | 500.. => ChannelError::Retry { what },
            _ => ChannelError::Dead {
                what,
                remedy: "set base_url to a Bot API server (https://api.telegram.org), and check the proxy before it"
                    .to_owned(),
            },
        }
    }

    fn dead(&self, what: String, remedy: &str) -> ChannelError {
        ChannelError::Dead {
            what: self.redacted(&format!("channel {}: {what}", self.name)),
            remedy: remedy.to_owned(),
        }
    }

    /// Without the token, should a proxy or Telegram echo the address: nor the half after the colon.
    fn redacted(&self, text: &str) -> String {
        let token = self.settings.token.expose_secret();
        let key = token.split_once(':').map_or(token, |(_, key)| key);
        text.replace(token, "[token]").replace(key, "[token]")
    }
}

#[async_trait]
impl Channel for Telegram {
    fn name(&self) -> &ChannelName {
        &self.name
    }

    fn kind(&self) -> &'static str {
        KIND
    }

    fn limits(&self) -> &'static MessageLimits {
        &TELEGRAM
    }

    fn can_edit(&self) -> bool {
        true
    }

    fn pace(&self) -> Duration {
        self.settings.chat_id.pace()
    }

    async fn send(&self, outgoing: &Outgoing) -> Result<Receipt, ChannelError> {
        let (verdict, notice) = self.call(Call::Send, outgoing).await?;
        match verdict {
            Verdict::Taken(id) => Ok(Receipt {
                message_id: id.map(|id| id.to_string()),
                notice,
            }),
            Verdict::Failed(error) => Err(error),
            Verdict::Moved(_) | Verdict::Gone => Err(self.dead(
                "a send was answered like an edit".to_owned(),
                "check base_url",
            )),
        }
    }

    /// Replaces a message. One that was deleted, or is too old to be edited, is sent as a new message:
    /// the later truth must reach the reader. The receipt then has the new message's id.
    async fn edit(&self, message_id: &str, outgoing: &Outgoing) -> Result<Receipt, ChannelError> {
        let id: i64 = message_id.parse().map_err(|_| {
            self.dead(
                format!("message id {message_id:?} is not a number"),
                "the id was not made by this channel: send the alert as a new message",
            )
        })?;
        let (verdict, notice) = self.call(Call::Edit(id), outgoing).await?;
        match verdict {
            Verdict::Taken(edited) => Ok(Receipt {
                message_id: Some(edited.unwrap_or(id).to_string()),
                notice,
            }),
            Verdict::Gone => {
                let receipt = self.send(outgoing).await?;
                Ok(Receipt {
                    notice: receipt.notice.or(notice),
                    ..receipt
                })
            }
            Verdict::Failed(error) => Err(error),
            Verdict::Moved(_) => Err(self.dead("the chat moved twice".to_owned(), "set chat_id")),
        }
    }

    /// Asks whether the bot knows the chat.
    async fn probe(&self) -> Result<Option<String>, ChannelError> {
        let body = serde_json::to_vec(&json!({ "chat_id": self.chat() })).unwrap_or_default();
        let answer = self
            .http
            .post_json(self.address("getChat")?, HeaderMap::new(), body)
            .await
            .map_err(|fault| ChannelError::Retry {
                what: self.redacted(&format!("channel {}: {fault}", self.name)),
            })?;
        match self.judge(Call::Send, true, &answer) {
            Verdict::Taken(_) => {
                let said: Option<wire::Answer> = serde_json::from_slice(&answer.body).ok();
                let chat = said.map(|said| said.chat_name()).unwrap_or_default();
                Ok(Some(format!(
                    "the token is good, and the bot knows the chat {:?}",
                    http::quote(&chat)
                )))
            }
            Verdict::Moved(chat) => Ok(Some(self.moved(chat).remedy)),
            Verdict::Failed(error) => Err(error),
            Verdict::Gone => Ok(None),
        }
    }
}
