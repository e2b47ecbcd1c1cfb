//! One address: posts, signs, and turns the status into what the outbox must do.

use super::config::{BODY_BYTES_MAX, Checked, KIND, Settings, check};
use super::wire;
use crate::OpenError;
use crate::http::{self, Answer, Http};
use crate::payload::identified;
use crate::redact::redacted;
use async_trait::async_trait;
use fillsync_core::id::ChannelName;
use fillsync_core::limits::{MessageLimits, WEBHOOK};
use fillsync_core::port::{Channel, ChannelError, Clock, Outgoing, Receipt};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use secrecy::ExposeSecret;
use std::sync::Arc;
use std::time::Duration;

/// One receiver.
pub struct Webhook {
    name: ChannelName,
    settings: Checked,
    http: Http,
    clock: Arc<dyn Clock>,
}

impl Webhook {
    /// Checks the settings; posts nothing.
    ///
    /// # Errors
    /// [`OpenError::Setting`] for an address or secret that can never work.
    pub fn open(
        name: ChannelName,
        settings: Settings,
        http: Http,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, OpenError> {
        let settings = check(&name, settings)?;
        if http::is_readable_on_the_way(&settings.url) {
            tracing::warn!(
                channel = %name,
                host = settings.host,
                "url is plain http to another machine: alerts can be read on the way; use https"
            );
        }
        Ok(Self {
            name,
            settings,
            http,
            clock,
        })
    }

    async fn post(&self, outgoing: &Outgoing) -> Result<Receipt, ChannelError> {
        let identified = identified(outgoing)?;
        let body = wire::body(outgoing, &identified)?;
        if body.len() > BODY_BYTES_MAX {
            return Err(self.dead(
                format!(
                    "the body has {} bytes; at most {BODY_BYTES_MAX} are posted",
                    body.len()
                ),
                "make the formatter write less, or choose another in the setting formatter",
            ));
        }
        let headers = self.headers(outgoing, &body)?;
        let answer = self
            .http
            .post_json(self.settings.url.clone(), headers, body)
            .await
            .map_err(|fault| ChannelError::Retry {
                what: self.named(&fault.to_string()),
            })?;
        self.judge(&answer)?;
        Ok(Receipt {
            message_id: self.settings.edits.then_some(identified.identity),
            notice: None,
        })
    }

    fn headers(&self, outgoing: &Outgoing, body: &[u8]) -> Result<HeaderMap, ChannelError> {
        let timestamp = self.clock.now().ms().div_euclid(1_000).to_string();
        let key = wire::header_key(&outgoing.idempotency_key);
        let mut pairs = vec![
            (wire::IDEMPOTENCY_KEY, key),
            (wire::TIMESTAMP, timestamp.clone()),
        ];
        if let Some(secret) = &self.settings.secret {
            let signature =
                wire::signature(secret.expose_secret(), &timestamp, body).ok_or_else(|| {
                    self.dead("the body cannot be signed".to_owned(), "set another secret")
                })?;
            pairs.push((wire::SIGNATURE, signature));
        }
        pairs
            .into_iter()
            .map(|(name, text)| {
                let value = HeaderValue::try_from(text).map_err(|_| {
                    self.dead(
                        format!("the header {name} cannot carry its value"),
                        "this is a fault of fillsync: report it with this line",
                    )
                })?;
                Ok((HeaderName::from_static(name), value))
            })
            .collect()
    }

    /// The status alone decides; a body, whole or broken, is quoted and nothing more.
    fn judge(&self, answer: &Answer) -> Result<(), ChannelError> {
        let status = answer.status.as_u16();
        let quote = http::quote(&self.hidden(&answer.text()));
        let said = if quote.is_empty() {
            String::new()
        } else {
            format!(" {quote:?}")
        };
        let what = self.named(&format!("answer {status}{said}"));
        let dead = |remedy: &str| {
            Err(ChannelError::Dead {
                what: what.clone(),
                remedy: remedy.to_owned(),
            })
        };
        let after = answer.retry_after(&*self.clock);
        match status {
            200..=299 => Ok(()),
            408 | 429 => Err(http::wait(after, what)),
            503 if after.is_some() => Err(http::wait(after, what)),
            500.. => Err(ChannelError::Retry { what }),
            300..=399 => dead("redirects are never followed: set url to the address it leads to"),
            401 | 403 => dead("check the key in url, and that secret is the receiver's"),
            404 | 410 => dead("nothing is there any more: set url to the receiver's address"),
            413 => dead("the receiver takes no body of this size: raise its limit"),
            _ => dead("the receiver does not take this: check url and what it expects"),
        }
    }

    fn dead(&self, what: String, remedy: &str) -> ChannelError {
        ChannelError::Dead {
            what: self.named(&what),
            remedy: remedy.to_owned(),
        }
    }

    /// With the channel and the host before it.
    fn named(&self, what: &str) -> String {
        let host = &self.settings.host;
        format!("channel {} at {host}: {}", self.name, self.hidden(what))
    }

    /// Without what may be secret, should the receiver echo it: the secret, and the address from its
    /// path on.
    fn hidden(&self, text: &str) -> String {
        redacted(text, Some(&self.settings.url), &self.settings.secret)
    }
}

#[async_trait]
impl Channel for Webhook {
    fn name(&self) -> &ChannelName {
        &self.name
    }

    fn kind(&self) -> &'static str {
        KIND
    }

    fn limits(&self) -> &'static MessageLimits {
        &WEBHOOK
    }

    fn can_edit(&self) -> bool {
        self.settings.edits
    }

    /// A receiver of the operator's own has no published pace; it says 429 where it is too fast.
    fn pace(&self) -> Duration {
        Duration::ZERO
    }

    async fn send(&self, outgoing: &Outgoing) -> Result<Receipt, ChannelError> {
        self.post(outgoing).await
    }

    /// Posts again: the identity is the same, the revision in the alert is higher.
    async fn edit(&self, _: &str, outgoing: &Outgoing) -> Result<Receipt, ChannelError> {
        if !self.settings.edits {
            return Err(self.dead(
                "this receiver takes no edits".to_owned(),
                "set edits = true where the receiver replaces by identity and revision",
            ));
        }
        self.post(outgoing).await
    }

    /// What a receiver of the operator's own answers to anything but an alert, nobody knows.
    async fn probe(&self) -> Result<Option<String>, ChannelError> {
        Ok(None)
    }
}
