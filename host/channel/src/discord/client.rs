//! One webhook: posts and edits, and turns what Discord answers into what the outbox must do.

use super::config::{Checked, KIND, Settings, check};
use super::wire::{self, Refusal};
use crate::OpenError;
use crate::errors::Errors;
use crate::http::{self, Answer, Http};
use crate::payload::{Payload, payload};
use async_trait::async_trait;
use fillsync_core::id::ChannelName;
use fillsync_core::limits::{DISCORD, MessageLimits};
use fillsync_core::port::{Channel, ChannelError, Clock, Outgoing, Receipt};
use reqwest::header::HeaderMap;
use reqwest::{Method, Url};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Discord's own number for a message that is not there (any more).
const UNKNOWN_MESSAGE: i64 = 10_008;
/// ... for a thread or channel.
const UNKNOWN_CHANNEL: i64 = 10_003;
/// ... for a webhook of a forum that is not told which thread.
const NEEDS_A_THREAD: i64 = 220_001;

/// One webhook of one Discord channel.
pub struct Discord {
    name: ChannelName,
    settings: Checked,
    errors: Errors,
    http: Http,
    clock: Arc<dyn Clock>,
    /// Until the bucket is filled again, as the last answer said.
    pace: Mutex<Duration>,
    /// Why the webhook is not called any more.
    gone: Mutex<Option<String>>,
}

/// What was asked of Discord.
#[derive(Debug, Clone, Copy)]
enum Call<'a> {
    Send,
    Edit(&'a str),
}

/// What an answer means.
enum Verdict {
    Taken(Option<String>),
    /// The message that was to be edited is gone.
    Gone,
}

impl Discord {
    /// Checks the settings; sends nothing.
    ///
    /// # Errors
    /// [`OpenError::Setting`] for an address that can never work.
    pub fn open(
        name: ChannelName,
        settings: Settings,
        http: Http,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, OpenError> {
        let settings = check(&name, settings)?;
        Ok(Self {
            errors: Errors::new(
                name.clone(),
                http::host(&settings.url),
                Some(settings.url.clone()),
                Vec::new(),
            ),
            name,
            settings,
            http,
            clock,
            pace: Mutex::default(),
            gone: Mutex::default(),
        })
    }

    async fn attempt(&self, call: Call<'_>, outgoing: &Outgoing) -> Result<Verdict, ChannelError> {
        if let Some(what) = self.lock(&self.gone).clone() {
            return Err(self
                .errors
                .dead(what, "make a new webhook in Discord, and set url to it"));
        }
        let body = self.body(outgoing)?;
        let method = match call {
            Call::Send => Method::POST,
            Call::Edit(_) => Method::PATCH,
        };
        let answer = self
            .http
            .call(method, self.address(call), HeaderMap::new(), body)
            .await
            .map_err(|fault| self.errors.retry(fault.to_string()))?;
        *self.lock(&self.pace) = bucket(&answer);
        self.judge(call, outgoing.as_plain, &answer)
    }

    /// The address of a call. It has the token in it: it goes to the client and nowhere else.
    fn address(&self, call: Call<'_>) -> Url {
        let mut url = self.settings.url.clone();
        if let Call::Edit(id) = call {
            url.set_path(&format!("{}/messages/{id}", url.path()));
        }
        {
            let mut query = url.query_pairs_mut();
            if matches!(call, Call::Send) {
                query.append_pair("wait", "true");
            }
            if let Some(thread) = self.settings.thread_id {
                query.append_pair("thread_id", &thread.to_string());
            }
        }
        if url.query() == Some("") {
            url.set_query(None);
        }
        url
    }

    fn body(&self, outgoing: &Outgoing) -> Result<Vec<u8>, ChannelError> {
        let body = match payload(outgoing, KIND)? {
            Payload::Rich(message) => {
                let message = if self.settings.embeds && !outgoing.as_plain {
                    wire::embed(message, outgoing.severity)
                } else {
                    wire::content(message, outgoing.as_plain)
                };
                if message.is_empty() {
                    return Err(self.errors.empty());
                }
                serde_json::to_vec(&message)
            }
            Payload::Raw(json) => {
                let Ok(Value::Object(mut fields)) = serde_json::from_str(json.get()) else {
                    return Err(self
                        .errors
                        .no_object("make it an object with content or embeds"));
                };
                // Whom a message calls is the operator's word, never the formatter's.
                fields.insert("allowed_mentions".to_owned(), json!(wire::NOBODY));
                for (key, nothing) in [("content", json!("")), ("embeds", json!([]))] {
                    fields.entry(key).or_insert(nothing);
                }
                serde_json::to_vec(&fields)
            }
        };
        body.map_err(|error| self.errors.unwritable(&error))
    }

    /// What the outbox must do.
    fn judge(
        &self,
        call: Call<'_>,
        as_plain: bool,
        answer: &Answer,
    ) -> Result<Verdict, ChannelError> {
        let status = answer.status.as_u16();
        if status == 204 {
            return Ok(Verdict::Taken(None));
        }
        if answer.status.is_success() {
            return match serde_json::from_slice::<wire::Taken>(&answer.body) {
                Ok(taken) => Ok(Verdict::Taken(Some(taken.id))),
                // A message that was taken may hide behind a broken answer: at least once, so once more.
                Err(_) => Err(self.errors.retry(format!(
                    "answer {status} has no message in it: {:?}{}",
                    self.errors.quoted(&answer.text()),
                    answer.broken()
                ))),
            };
        }
        let refusal: Option<Refusal> = serde_json::from_slice(&answer.body).ok();
        let is_discord = refusal.is_some();
        let refusal = refusal.unwrap_or_default();
        let said = if refusal.message.is_empty() {
            answer.text().into_owned()
        } else {
            refusal.message.clone()
        };
        let code = refusal.code.map(|code| format!(" ({code})"));
        let what = format!(
            "Discord answers {status}{} {:?}{}",
            code.unwrap_or_default(),
            self.errors.quoted(&said),
            answer.broken()
        );
        let dead = |remedy: &str| Err(self.errors.dead(what.clone(), remedy));
        match (status, refusal.code) {
            (429, _) => {
                let after = refusal
                    .retry_after()
                    .or_else(|| answer.retry_after(&*self.clock));
                Err(self.errors.wait(after, &what))
            }
            (404, Some(UNKNOWN_MESSAGE)) if matches!(call, Call::Edit(_)) => Ok(Verdict::Gone),
            (400 | 404, Some(UNKNOWN_CHANNEL)) => {
                dead("set thread_id to a thread of the webhook's channel, or leave it out")
            }
            (404, _) if is_discord => {
                *self.lock(&self.gone) = Some(what.clone());
                dead(
                    "the webhook was deleted and is not called again: make a new one, and set url to it",
                )
            }
            (404, _) => dead("nothing is there: set url to the webhook's address"),
            (401 | 403, _) => {
                dead("set url to the webhook's whole address, and see that it may write there")
            }
            (400, Some(NEEDS_A_THREAD)) => {
                dead("the webhook is of a forum: set thread_id to one of its posts")
            }
            (400, _) if !as_plain => Err(self.errors.markup(&what)),
            (408 | 500.., _) => Err(self.errors.retry(&what)),
            (300..=399, _) => dead("redirects are never followed: set url to where it leads"),
            _ => dead("the message cannot be sent as it is: check the setting formatter"),
        }
    }

    fn lock<'a, T>(&self, mutex: &'a Mutex<T>) -> std::sync::MutexGuard<'a, T> {
        mutex.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long the bucket is empty, as the headers say; not at all where something is left in it.
fn bucket(answer: &Answer) -> Duration {
    let is_empty = answer.header("x-ratelimit-remaining") == Some("0");
    let after = answer.header("x-ratelimit-reset-after");
    match after.and_then(wire::seconds) {
        Some(after) if is_empty => after.min(http::WAIT_MAX),
        _ => Duration::ZERO,
    }
}

#[async_trait]
impl Channel for Discord {
    fn name(&self) -> &ChannelName {
        &self.name
    }

    fn kind(&self) -> &'static str {
        KIND
    }

    fn limits(&self) -> &'static MessageLimits {
        &DISCORD
    }

    fn can_edit(&self) -> bool {
        true
    }

    /// Discord publishes no pace: its headers say when the bucket is filled again.
    fn pace(&self) -> Duration {
        *self.lock(&self.pace)
    }

    async fn send(&self, outgoing: &Outgoing) -> Result<Receipt, ChannelError> {
        match self.attempt(Call::Send, outgoing).await? {
            Verdict::Taken(message_id) => Ok(Receipt {
                message_id,
                notice: None,
            }),
            Verdict::Gone => Err(self
                .errors
                .dead("a send was answered like an edit", "check url")),
        }
    }

    /// Replaces a message. One that was deleted is sent as a new message: the later truth must reach
    /// the reader. The receipt then has the new message's id.
    async fn edit(&self, message_id: &str, outgoing: &Outgoing) -> Result<Receipt, ChannelError> {
        if message_id.is_empty() || !message_id.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(self.errors.dead(
                format!("message id {message_id:?} is not a number"),
                "the id was not made by this channel: send the alert as a new message",
            ));
        }
        match self.attempt(Call::Edit(message_id), outgoing).await? {
            Verdict::Taken(edited) => Ok(Receipt {
                message_id: Some(edited.unwrap_or_else(|| message_id.to_owned())),
                notice: None,
            }),
            Verdict::Gone => self.send(outgoing).await,
        }
    }

    async fn probe(&self) -> Result<Option<String>, ChannelError> {
        let url = self.settings.url.clone();
        let answer = self
            .http
            .get(url, HeaderMap::new())
            .await
            .map_err(|fault| self.errors.retry(fault.to_string()))?;
        if let Ok(webhook) = serde_json::from_slice::<wire::Webhook>(&answer.body)
            && answer.status.is_success()
        {
            let name = http::quote(&webhook.name.unwrap_or_default());
            let channel = http::quote(&webhook.channel_id.unwrap_or_default());
            return Ok(Some(format!("webhook {name:?} of channel {channel}")));
        }
        self.judge(Call::Send, true, &answer).map(|_| None)
    }
}
