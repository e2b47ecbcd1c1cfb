//! The stream connections that are open: who they belong to, and how each is ended from outside.
//!
//! Promise: a connection that ended is no longer counted, whichever side ended it. This is also where a venue that
//! serves one connection per key finds the other one.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

/// How a connection ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Without a close frame.
    Cut,
    /// With this code and reason.
    Close(u16, String),
}

/// The open stream connections of one fake; clones see the same ones.
#[derive(Clone, Debug, Default)]
pub struct Streams {
    state: Arc<Mutex<Table>>,
    changes: Changes,
}

#[derive(Clone, Debug)]
struct Changes(watch::Sender<u64>);

impl Default for Changes {
    fn default() -> Self {
        Self(watch::Sender::new(0))
    }
}

#[derive(Debug, Default)]
struct Table {
    opened: u64,
    open: BTreeMap<u64, Entry>,
}

#[derive(Debug)]
struct Entry {
    key: Option<String>,
    account: Option<String>,
    is_live: bool,
    ender: watch::Sender<Option<End>>,
}

impl Streams {
    /// How many connections were taken over since the start.
    #[must_use]
    pub fn opened(&self) -> u64 {
        self.lock().opened
    }

    /// How many connections are open, whether they authenticated or not.
    #[must_use]
    pub fn open_now(&self) -> usize {
        self.lock().open.len()
    }

    /// How many connections of an account are authenticated and subscribed.
    #[must_use]
    pub fn live(&self, account: &str) -> usize {
        let state = self.lock();
        state
            .open
            .values()
            .filter(|entry| entry.is_live && entry.account.as_deref() == Some(account))
            .count()
    }

    /// Waits until exactly `count` connections of an account are authenticated and subscribed; false when `timeout`
    /// passed first.
    pub async fn wait_live(&self, account: &str, count: usize, timeout: Duration) -> bool {
        let mut changes = self.changes.0.subscribe();
        let reached = changes.wait_for(|_| self.live(account) == count);
        matches!(tokio::time::timeout(timeout, reached).await, Ok(Ok(_)))
    }

    /// Breaks every connection of an account without a close frame.
    pub fn cut(&self, account: &str) {
        self.end_where(&End::Cut, |entry| entry.account.as_deref() == Some(account));
    }

    /// Breaks every connection without a close frame.
    pub fn cut_all(&self) {
        self.end_where(&End::Cut, |_| true);
    }

    /// Takes a seat for a new connection.
    pub(crate) fn open(&self) -> (Seat, watch::Receiver<Option<End>>) {
        let (ender, ended) = watch::channel(None);
        let mut state = self.lock();
        state.opened += 1;
        let number = state.opened;
        let entry = Entry {
            key: None,
            account: None,
            is_live: false,
            ender,
        };
        state.open.insert(number, entry);
        drop(state);
        self.changed();
        let seat = Seat {
            streams: self.clone(),
            number,
            ended: ended.clone(),
        };
        (seat, ended)
    }

    fn end_where(&self, end: &End, is_meant: impl Fn(&Entry) -> bool) {
        let state = self.lock();
        for entry in state.open.values().filter(|entry| is_meant(entry)) {
            entry.ender.send_replace(Some(end.clone()));
        }
    }

    fn changed(&self) {
        self.changes.0.send_modify(|count| *count += 1);
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One connection's place among the others; given back when dropped.
#[derive(Debug)]
pub(crate) struct Seat {
    streams: Streams,
    number: u64,
    ended: watch::Receiver<Option<End>>,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.streams.lock().open.remove(&self.number);
        self.streams.changed();
    }
}

impl Seat {
    /// A number of its own, from 1.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// Says who the connection belongs to.
    pub(crate) fn belongs_to(&self, key: &str, account: &str) {
        if let Some(entry) = self.streams.lock().open.get_mut(&self.number) {
            entry.key = Some(key.to_owned());
            entry.account = Some(account.to_owned());
        }
        self.streams.changed();
    }

    /// Says whether it is subscribed to anything.
    pub(crate) fn set_live(&self, is_live: bool) {
        if let Some(entry) = self.streams.lock().open.get_mut(&self.number) {
            entry.is_live = is_live;
        }
        self.streams.changed();
    }

    /// Whether another connection has authenticated with this key.
    pub(crate) fn has_rival(&self, key: &str) -> bool {
        let state = self.streams.lock();
        state
            .open
            .iter()
            .any(|(number, entry)| *number != self.number && entry.key.as_deref() == Some(key))
    }

    /// Ends the other connections of this key.
    pub(crate) fn end_rivals(&self, key: &str, end: &End) {
        let state = self.streams.lock();
        let rivals = state
            .open
            .iter()
            .filter(|(number, entry)| **number != self.number && entry.key.as_deref() == Some(key));
        for (_, entry) in rivals {
            entry.ender.send_replace(Some(end.clone()));
        }
    }

    /// Waits until the connection is ended from outside, at most this long.
    pub(crate) async fn end_or(&self, timeout: Duration) {
        let mut ended = self.ended.clone();
        // Either way it is over.
        let _ = tokio::time::timeout(timeout, ended.wait_for(Option::is_some)).await;
    }
}
