//! Fake messengers: where alerts arrive.
//!
//! Promise: what a messenger accepted is kept with everything a test wants to compare, in the order of arrival, and a
//! test waits for it without sleeping.

mod markup;
mod message;
mod telegram;
mod webhook;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

pub use self::markup::{MarkupError, PlainText, parse_html};
pub use self::message::{TelegramEdit, TelegramMessage};
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
