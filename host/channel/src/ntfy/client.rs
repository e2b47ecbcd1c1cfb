//! One topic: publishes, and turns what the server answers into what the outbox must do.

use super::config::{Checked, KIND, Login, Settings, check};
use super::wire::{self, Refusal};
use crate::OpenError;
use crate::errors::Errors;
use crate::http::{self, Answer, Http};
use crate::payload::{Payload, payload};
use async_trait::async_trait;
use base64::Engine as _;
use fillsync_core::id::ChannelName;
use fillsync_core::limits::{MessageLimits, NTFY};
use fillsync_core::port::{Channel, ChannelError, Clock, Outgoing, Receipt};
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// ntfy's own number for a day's messages that are used up.
const DAY_IS_USED_UP: u32 = 42_908;
/// How long such a day can last at most is not said: it is looked at again every hour.
const DAY_WAIT: Duration = Duration::from_secs(60 * 60);

/// One topic of one server.
pub struct Ntfy {
    name: ChannelName,
    settings: Checked,
    errors: Errors,
    /// The login as it is sent.
    login: Option<SecretString>,
    http: Http,
    clock: Arc<dyn Clock>,
}

impl Ntfy {
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
        let login = match &settings.login {
            Login::Nobody => None,
            Login::Token(token) => Some(format!("Bearer {}", token.expose_secret())),
            Login::User(user, password) => {
                let pair = format!("{user}:{}", password.expose_secret());
                let code = base64::engine::general_purpose::STANDARD.encode(pair);
                Some(format!("Basic {code}"))
            }
        };
        let login = login.map(SecretString::from);
        let code = match &settings.login {
            Login::Nobody => None,
            Login::Token(code) | Login::User(_, code) => Some(code),
        };
        let secrets = code.into_iter().chain(&login).chain([&settings.topic]);
        Ok(Self {
            errors: Errors::new(
                name.clone(),
                http::host(&settings.base_url),
                None,
                secrets.cloned().collect(),
            ),
            name,
            settings,
            login,
            http,
            clock,
        })
    }

    fn headers(&self) -> Result<HeaderMap, ChannelError> {
        let mut headers = HeaderMap::new();
        if let Some(login) = &self.login {
            let mut value = HeaderValue::try_from(login.expose_secret()).map_err(|_| {
                self.errors.dead(
                    "the token cannot be sent in a header",
                    "set token to an access token (tk_…)",
                )
            })?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        Ok(headers)
    }

    fn body(&self, outgoing: &Outgoing) -> Result<Vec<u8>, ChannelError> {
        let fields = match payload(outgoing, KIND)? {
            Payload::Rich(message) => {
                let message = wire::message(message, outgoing.kind, outgoing.severity);
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
                .no_object("make it an object with message, title, tags and priority"));
        };
        // Where messages go is the operator's word, never the formatter's.
        let topic = self.settings.topic.expose_secret();
        fields.insert("topic".to_owned(), json!(topic));
        serde_json::to_vec(&fields).map_err(|error| self.errors.unwritable(&error))
    }

    /// What the outbox must do.
    fn judge(&self, answer: &Answer) -> Result<(), ChannelError> {
        let status = answer.status.as_u16();
        if answer.status.is_success() {
            return match serde_json::from_slice::<wire::Taken>(&answer.body) {
                Ok(taken) if !taken.id.is_empty() => Ok(()),
                // A message that was taken may hide behind a broken answer: at least once, so once more.
                _ => Err(self.errors.retry(format!(
                    "answer {status} is not from ntfy: {:?}{}",
                    self.errors.quoted(&answer.text()),
                    answer.broken()
                ))),
            };
        }
        Err(self.refusal(answer))
    }

    fn refusal(&self, answer: &Answer) -> ChannelError {
        let status = answer.status.as_u16();
        let refusal: Refusal = serde_json::from_slice(&answer.body).unwrap_or_default();
        let said = if refusal.error.is_empty() {
            answer.text().into_owned()
        } else {
            refusal.error
        };
        let what = format!(
            "ntfy answers {} {:?}{}",
            refusal.code.unwrap_or(u32::from(status)),
            self.errors.quoted(&said),
            answer.broken()
        );
        match status {
            429 if refusal.code == Some(DAY_IS_USED_UP) => {
                let after = answer.retry_after(&*self.clock).unwrap_or(DAY_WAIT);
                self.errors.wait(Some(after), &what)
            }
            429 => self.errors.wait(answer.retry_after(&*self.clock), &what),
            408 | 500.. => self.errors.retry(&what),
            401 => self.errors.dead(
                &what,
                "set token, or user and password, to a login of this server",
            ),
            403 => self.errors.dead(
                &what,
                "give the login the right to write to the topic, or set topic to another one",
            ),
            404 => self
                .errors
                .dead(&what, "set base_url to the server's address"),
            413 => self.errors.dead(
                &what,
                "the server takes no message of this size: raise its limit",
            ),
            300..=399 => self.errors.dead(
                &what,
                "redirects are never followed: set base_url to where it leads",
            ),
            _ => self
                .errors
                .dead(&what, "check topic and base_url, and the setting formatter"),
        }
    }
}

#[async_trait]
impl Channel for Ntfy {
    fn name(&self) -> &ChannelName {
        &self.name
    }

    fn kind(&self) -> &'static str {
        KIND
    }

    fn limits(&self) -> &'static MessageLimits {
        &NTFY
    }

    fn can_edit(&self) -> bool {
        false
    }

    /// A server says 429 where it is too fast; its limits are its operator's.
    fn pace(&self) -> Duration {
        Duration::ZERO
    }

    async fn send(&self, outgoing: &Outgoing) -> Result<Receipt, ChannelError> {
        let body = self.body(outgoing)?;
        let answer = self
            .http
            .post_json(self.settings.base_url.clone(), self.headers()?, body)
            .await
            .map_err(|fault| self.errors.retry(fault.to_string()))?;
        self.judge(&answer).map(|()| Receipt::default())
    }

    async fn edit(&self, _: &str, _: &Outgoing) -> Result<Receipt, ChannelError> {
        Err(self.errors.dead(
            "what was published cannot be edited",
            "send it as a message of its own",
        ))
    }

    /// A login is looked at with the account that it opens; without one the server's health is.
    async fn probe(&self) -> Result<Option<String>, ChannelError> {
        let (path, said) = match self.settings.login {
            Login::Nobody => ("v1/health", "the server answers"),
            Login::Token(_) | Login::User(..) => ("v1/account", "the login is good"),
        };
        let url = self.settings.base_url.join(path).map_err(|_| {
            self.errors
                .dead("the address cannot be made", "correct base_url")
        })?;
        let answer = self
            .http
            .get(url, self.headers()?)
            .await
            .map_err(|fault| self.errors.retry(fault.to_string()))?;
        if answer.status.is_success() {
            return Ok(Some(said.to_owned()));
        }
        Err(self.refusal(&answer))
    }
}
