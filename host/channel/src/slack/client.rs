//! One Slack channel: posts and edits, and turns what Slack answers into what the outbox must do.

use super::config::{Checked, KIND, PACE, Settings, check};
use super::wire;
use crate::OpenError;
use crate::errors::Errors;
use crate::http::{self, Answer, Http};
use crate::payload::{Payload, payload};
use async_trait::async_trait;
use fillsync_core::id::ChannelName;
use fillsync_core::limits::{MessageLimits, SLACK};
use fillsync_core::port::{Channel, ChannelError, Clock, Outgoing, Receipt};
use reqwest::Url;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use std::time::Duration;

/// One channel of one workspace.
pub struct Slack {
    name: ChannelName,
    settings: Checked,
    errors: Errors,
    http: Http,
    clock: Arc<dyn Clock>,
}

/// What was asked of Slack.
#[derive(Debug, Clone, Copy)]
enum Call<'a> {
    Send,
    /// The channel and the time stamp of the message that is replaced.
    Edit(&'a str, &'a str),
}

/// What an answer means.
enum Verdict {
    Taken(Option<String>),
    /// The message that was to be edited is gone or too old.
    Gone,
}

impl Slack {
    /// Checks the settings; sends nothing.
    ///
    /// # Errors
    /// [`OpenError::Setting`] for an address, token or channel that can never work.
    pub fn open(
        name: ChannelName,
        settings: Settings,
        http: Http,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, OpenError> {
        let settings = check(&name, settings)?;
        Ok(Self {
            errors: settings.errors(name.clone()),
            name,
            settings,
            http,
            clock,
        })
    }

    async fn attempt(&self, call: Call<'_>, outgoing: &Outgoing) -> Result<Verdict, ChannelError> {
        let method = match call {
            Call::Send => "chat.postMessage",
            Call::Edit(..) => "chat.update",
        };
        let body = self.body(call, outgoing)?;
        let answer = self.post(method, body).await?;
        match &self.settings {
            Checked::Hook { .. } => self.judge_hook(outgoing.as_plain, &answer),
            Checked::Bot { .. } => self.judge_bot(call, outgoing.as_plain, &answer),
        }
    }

    async fn post(&self, method: &str, body: Vec<u8>) -> Result<Answer, ChannelError> {
        let url = self.address(method)?;
        self.http
            .post_json(url, self.settings.headers(), body)
            .await
            .map_err(|fault| self.errors.retry(fault.to_string()))
    }

    fn address(&self, method: &str) -> Result<Url, ChannelError> {
        match &self.settings {
            Checked::Hook { url } => Ok(url.clone()),
            Checked::Bot { base_url, .. } => base_url.join(method).map_err(|_| {
                self.errors
                    .dead("the address cannot be made", "correct base_url")
            }),
        }
    }

    fn body(&self, call: Call<'_>, outgoing: &Outgoing) -> Result<Vec<u8>, ChannelError> {
        let fields = match payload(outgoing, KIND)? {
            Payload::Rich(message) => {
                let message = wire::message(message, outgoing.as_plain);
                if message.is_empty() {
                    return Err(self.errors.empty());
                }
                serde_json::to_value(&message)
            }
            Payload::Raw(json) => serde_json::from_str(json.get()),
        };
        let Ok(Value::Object(mut fields)) = fields else {
            return Err(self
                .errors
                .no_object("make it an object with text and blocks"));
        };
        self.direct(call, &mut fields);
        serde_json::to_vec(&fields).map_err(|error| self.errors.unwritable(&error))
    }

    /// Where messages go is the operator's word, never the formatter's.
    fn direct(&self, call: Call<'_>, fields: &mut Map<String, Value>) {
        for key in [
            "channel",
            "ts",
            "thread_ts",
            "username",
            "icon_url",
            "icon_emoji",
        ] {
            fields.remove(key);
        }
        let (place, ts) = match (&self.settings, call) {
            (Checked::Hook { .. }, _) => return,
            (Checked::Bot { channel, .. }, Call::Send) => (channel.as_str(), None),
            (Checked::Bot { .. }, Call::Edit(channel, ts)) => (channel, Some(ts)),
        };
        fields.insert("channel".to_owned(), json!(place));
        if let Some(ts) = ts {
            fields.insert("ts".to_owned(), json!(ts));
            // An edit keeps the blocks that it does not name.
            fields.entry("blocks").or_insert_with(|| json!([]));
        }
    }

    /// A webhook answers with a status and a word.
    fn judge_hook(&self, as_plain: bool, answer: &Answer) -> Result<Verdict, ChannelError> {
        let status = answer.status.as_u16();
        let text = answer.text();
        let word = text.trim();
        let what = format!(
            "Slack answers {status} {:?}{}",
            self.errors.quoted(word),
            answer.broken()
        );
        let dead = |remedy: &str| Err(self.errors.dead(&what, remedy));
        match (status, word) {
            (200, "ok") => Ok(Verdict::Taken(None)),
            // Taken or not, nobody knows: at least once, so once more.
            (200..=299 | 408 | 500.., _) => Err(self.errors.retry(&what)),
            (429, _) => Err(self.errors.wait(answer.retry_after(&*self.clock), &what)),
            (400, "user_not_found") => dead("the webhook's owner is gone: make a new webhook"),
            (400, _) if !as_plain => Err(self.errors.markup(&what)),
            (403, "action_prohibited") => {
                dead("an administrator forbids it: ask for the right to post with webhooks")
            }
            (403, _) => dead("set url to the webhook's whole address, or make a new webhook"),
            (404, "channel_not_found") => {
                dead("the channel was deleted: make a webhook for another, and set url to it")
            }
            (404, _) => dead("the webhook was removed: make a new one, and set url to it"),
            (410, _) => dead("the channel is archived: make a webhook for another channel"),
            (300..=399, _) => dead("redirects are never followed: set url to where it leads"),
            _ => dead("the message cannot be sent as it is: check the setting formatter"),
        }
    }

    /// The Web API answers 200 for most refusals as well: `ok` decides.
    fn judge_bot(
        &self,
        call: Call<'_>,
        as_plain: bool,
        answer: &Answer,
    ) -> Result<Verdict, ChannelError> {
        let status = answer.status.as_u16();
        let Ok(said) = serde_json::from_slice::<wire::Answer>(&answer.body) else {
            let what = format!(
                "answer {status} is not from Slack's API: {:?}{}",
                self.errors.quoted(&answer.text()),
                answer.broken()
            );
            return Err(match status {
                429 => self.errors.wait(answer.retry_after(&*self.clock), &what),
                200..=299 | 408 | 500.. => self.errors.retry(&what),
                _ => self
                    .errors
                    .dead(&what, "set base_url to https://slack.com/api"),
            });
        };
        if said.ok {
            let id = said.channel.zip(said.ts);
            return Ok(Verdict::Taken(
                id.map(|(channel, ts)| format!("{channel}/{ts}")),
            ));
        }
        let error = said.error.unwrap_or_default();
        let needed = said.needed.map(|scope| format!(", needs {scope}"));
        let what = format!(
            "Slack answers {:?}{}",
            self.errors.quoted(&error),
            self.errors.quoted(&needed.unwrap_or_default())
        );
        let dead = |remedy: &str| Err(self.errors.dead(&what, remedy));
        match error.as_str() {
            "ratelimited" | "rate_limited" | "message_limit_exceeded" => {
                Err(self.errors.wait(answer.retry_after(&*self.clock), &what))
            }
            "message_not_found" | "cant_update_message" | "edit_window_closed"
                if matches!(call, Call::Edit(..)) =>
            {
                Ok(Verdict::Gone)
            }
            "invalid_blocks"
            | "invalid_blocks_format"
            | "msg_blocks_too_long"
            | "msg_too_long"
            | "invalid_arguments"
            | "invalid_json"
                if !as_plain =>
            {
                Err(self.errors.markup(&what))
            }
            "invalid_auth" | "not_authed" | "account_inactive" | "token_revoked"
            | "token_expired" => {
                dead("set token to the Bot User OAuth Token that the app's page shows now")
            }
            "missing_scope" | "not_allowed_token_type" => {
                dead("give the app the scope chat:write, install it again, and set token")
            }
            "channel_not_found" => {
                dead("check channel (the id, as in C0123456789), and invite the bot there")
            }
            "not_in_channel" => dead("invite the bot to the channel: /invite @its-name"),
            "is_archived" => dead("the channel is archived: set channel to another one"),
            "internal_error"
            | "fatal_error"
            | "service_unavailable"
            | "request_timeout"
            | "team_added_to_org"
            | "accesslimited" => Err(self.errors.retry(&what)),
            _ if status >= 500 => Err(self.errors.retry(&what)),
            _ => {
                dead("the message cannot be sent as it is: check channel and the setting formatter")
            }
        }
    }
}

#[async_trait]
impl Channel for Slack {
    fn name(&self) -> &ChannelName {
        &self.name
    }

    fn kind(&self) -> &'static str {
        KIND
    }

    fn limits(&self) -> &'static MessageLimits {
        &SLACK
    }

    fn can_edit(&self) -> bool {
        matches!(self.settings, Checked::Bot { .. })
    }

    fn pace(&self) -> Duration {
        PACE
    }

    async fn send(&self, outgoing: &Outgoing) -> Result<Receipt, ChannelError> {
        match self.attempt(Call::Send, outgoing).await? {
            Verdict::Taken(message_id) => Ok(Receipt {
                message_id,
                notice: None,
            }),
            Verdict::Gone => Err(self
                .errors
                .dead("a send was answered like an edit", "check base_url")),
        }
    }

    /// Replaces a message. One that was deleted, or is too old to be edited, is sent as a new message:
    /// the later truth must reach the reader. The receipt then has the new message's id.
    async fn edit(&self, message_id: &str, outgoing: &Outgoing) -> Result<Receipt, ChannelError> {
        let Some((channel, ts)) = message_id.split_once('/') else {
            return Err(self.errors.dead(
                format!("message id {message_id:?} is no channel with a time stamp"),
                "the id was not made by this channel: send the alert as a new message",
            ));
        };
        match self.attempt(Call::Edit(channel, ts), outgoing).await? {
            Verdict::Taken(edited) => Ok(Receipt {
                message_id: Some(edited.unwrap_or_else(|| message_id.to_owned())),
                notice: None,
            }),
            Verdict::Gone => self.send(outgoing).await,
        }
    }

    /// A bot can be asked who it is; a webhook cannot be asked anything without a message.
    async fn probe(&self) -> Result<Option<String>, ChannelError> {
        if !self.can_edit() {
            return Ok(None);
        }
        let answer = self.post("auth.test", b"{}".to_vec()).await?;
        self.judge_bot(Call::Send, true, &answer)?;
        let said: Option<wire::Answer> = serde_json::from_slice(&answer.body).ok();
        Ok(said.map(|said| {
            let user = http::quote(&said.user.unwrap_or_default());
            let team = http::quote(&said.team.unwrap_or_default());
            format!("bot {user:?} of {team:?}; whether it may write to the channel shows at the first message")
        }))
    }
}
