//! Fake messengers: where alerts arrive.
//!
//! Promise: what a messenger accepted is kept with everything a test wants to compare, in the order of arrival, and a
//! test waits for it without sleeping.

/// What a test does with every messenger that speaks HTTP and keeps to a pace.
macro_rules! messenger_doors {
    ($fake:ty, $message:ty) => {
        impl $fake {
            /// `http://127.0.0.1:PORT`.
            #[must_use]
            pub fn base_url(&self) -> String {
                self.server.base_url()
            }

            /// What goes wrong. Paths are matched as the log shows them, secrets masked.
            #[must_use]
            pub fn faults(&self) -> &crate::fault::Faults {
                &self.server.faults
            }

            /// What was asked, accepted or not.
            #[must_use]
            pub fn requests(&self) -> &crate::requests::Requests {
                &self.server.requests
            }

            /// How fast messages may come from now on.
            pub fn set_pace(&self, rate: crate::rate::Rate) {
                self.desk.pace.set(rate);
            }

            /// Every accepted message as it stands now, oldest first.
            #[must_use]
            pub fn received(&self) -> Vec<$message> {
                self.desk.inbox.all()
            }

            /// Waits for at least `count` messages and answers all there are; `Err` with those there are after
            /// `timeout`.
            ///
            /// # Errors
            /// The time passed first.
            pub async fn wait_for(
                &self,
                count: usize,
                timeout: std::time::Duration,
            ) -> Result<Vec<$message>, Vec<$message>> {
                let is_enough = |messages: &[$message]| messages.len() >= count;
                match self.desk.inbox.wait(is_enough, timeout).await {
                    (true, messages) => Ok(messages),
                    (false, messages) => Err(messages),
                }
            }
        }
    };
}
use messenger_doors;

mod discord;
mod letter;
mod markdown;
mod markup;
mod message;
mod ntfy;
mod slack;
mod smtp;
mod telegram;
mod webhook;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::rate::{Admission, Rate, RollingWindow};

pub use self::discord::{DiscordEdit, DiscordMessage, DiscordOptions, FakeDiscord};
pub use self::markdown::read_markdown;
pub use self::markup::{MarkupError, PlainText, parse_html};
pub use self::message::{TelegramEdit, TelegramMessage};
pub use self::ntfy::{FakeNtfy, NtfyLogin, NtfyMessage, NtfyOptions};
pub use self::slack::{FakeSlack, SlackEdit, SlackMessage, SlackOptions};
pub use self::smtp::{FakeSmtp, Letter, SMTP_CA_PEM, SmtpFault, SmtpOptions, SmtpTls};
pub use self::telegram::{FakeTelegram, TelegramOptions};
pub use self::webhook::{FakeWebhook, WebhookAnswer, WebhookRequest};

/// Items kept per messenger; older ones are forgotten.
pub const RECEIVED_KEPT_MAX: usize = 100_000;

/// What a messenger accepted; clones share it.
#[derive(Debug)]
pub(crate) struct Inbox<T> {
    items: Arc<Mutex<VecDeque<T>>>,
    changes: Arc<watch::Sender<u64>>,
}

impl<T> Clone for Inbox<T> {
    fn clone(&self) -> Self {
        Self {
            items: Arc::clone(&self.items),
            changes: Arc::clone(&self.changes),
        }
    }
}

impl<T> Default for Inbox<T> {
    fn default() -> Self {
        Self {
            items: Arc::default(),
            changes: Arc::new(watch::Sender::new(0)),
        }
    }
}

impl<T: Clone> Inbox<T> {
    pub(crate) fn all(&self) -> Vec<T> {
        self.lock().iter().cloned().collect()
    }

    pub(crate) fn clear(&self) {
        self.lock().clear();
    }

    /// Forgets what does not fit.
    pub(crate) fn retain(&self, keep: impl Fn(&T) -> bool) {
        self.lock().retain(|item| keep(item));
        self.changed();
    }

    pub(crate) fn push(&self, item: T) {
        {
            let mut items = self.lock();
            if items.len() >= RECEIVED_KEPT_MAX {
                items.pop_front();
            }
            items.push_back(item);
        }
        self.changed();
    }

    /// Changes the newest item that fits and answers what the change answered.
    pub(crate) fn change<R>(
        &self,
        is_it: impl Fn(&T) -> bool,
        change: impl FnOnce(&mut T) -> R,
    ) -> Option<R> {
        let answer = self
            .lock()
            .iter_mut()
            .rev()
            .find(|item| is_it(item))
            .map(change);
        if answer.is_some() {
            self.changed();
        }
        answer
    }

    /// Waits until the items fulfil the condition; answers them as they then are, also when `timeout` passed first.
    pub(crate) async fn wait(
        &self,
        is_enough: impl Fn(&[T]) -> bool,
        timeout: Duration,
    ) -> (bool, Vec<T>) {
        let mut changes = self.changes.subscribe();
        let reached = changes.wait_for(|_| is_enough(&self.all()));
        let reached = matches!(tokio::time::timeout(timeout, reached).await, Ok(Ok(_)));
        (reached, self.all())
    }

    fn changed(&self) {
        self.changes.send_modify(|count| *count += 1);
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<T>> {
        self.items.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How fast messages may come, for each chat, channel or visitor.
#[derive(Debug)]
pub(crate) struct Pace {
    rate: Mutex<Rate>,
    windows: Mutex<BTreeMap<String, RollingWindow>>,
}

impl Pace {
    pub(crate) fn new(rate: Rate) -> Self {
        Self {
            rate: Mutex::new(rate),
            windows: Mutex::default(),
        }
    }

    pub(crate) fn set(&self, rate: Rate) {
        *self.rate.lock().unwrap_or_else(PoisonError::into_inner) = rate;
    }

    pub(crate) fn admit(&self, key: &str) -> (Rate, Admission) {
        let rate = *self.rate.lock().unwrap_or_else(PoisonError::into_inner);
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        let window = windows.entry(key.to_owned()).or_default();
        (rate, window.admit(rate, Instant::now()))
    }
}
