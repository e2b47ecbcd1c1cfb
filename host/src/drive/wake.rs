//! Hints between the loops: "there may be something to read", and how far each account has come.
//!
//! A lost or doubled hint changes nothing but the time of the next look. Liveness keeps the first
//! catch-up of an account from being decided in pieces: a group waits until each of its members has
//! caught up once, or could not be reached for as long as its deadline. A stream counts as live only
//! after a traversal that began when it was already open: what happened before that, no stream tells.

use fillsync_core::id::AccountName;
use fillsync_core::time::HostTime;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// How far one account has come since the start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountLife {
    /// When its polling began.
    pub started_at: HostTime,
    /// When a traversal last reached the venue's present.
    pub live_at: Option<HostTime>,
    /// Since when it fails, and how.
    pub failing: Option<(HostTime, String)>,
    /// Whether the venue refuses its key.
    pub is_refused: bool,
}

/// How an account's stream is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StreamState {
    /// Being opened, for the first time or again.
    Connecting {
        /// Since when.
        since: HostTime,
        /// Why it is not open, after a failure.
        why: Option<String>,
    },
    /// Open, but what happened before it was open is not read yet.
    CatchingUp {
        /// When it was opened.
        since: HostTime,
    },
    /// Open, and everything before it is read.
    Live {
        /// Since when.
        since: HostTime,
    },
    /// The venue refuses it; polling alone goes on.
    Refused {
        /// Since when.
        since: HostTime,
        /// What it said.
        why: String,
    },
}

/// The hints.
#[derive(Debug, Default)]
pub struct Wake {
    /// New facts or new coverage: synchronise.
    pub facts: Notify,
    /// New alerts: deliver.
    pub alerts: Notify,
    life: Mutex<BTreeMap<AccountName, AccountLife>>,
    streams: Mutex<BTreeMap<AccountName, StreamState>>,
    nudges: Mutex<BTreeMap<AccountName, Arc<Notify>>>,
}

impl Wake {
    /// Without any account yet.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }

    /// An account's polling begins.
    pub fn begins(&self, account: &AccountName, now: HostTime) {
        let life = AccountLife {
            started_at: now,
            live_at: None,
            failing: None,
            is_refused: false,
        };
        self.with(|lives| lives.insert(account.clone(), life));
    }

    /// An account is no longer polled.
    pub fn ends(&self, account: &AccountName) {
        self.with(|lives| lives.remove(account));
    }

    /// A traversal that began at `began` reached the present.
    pub fn is_live(&self, account: &AccountName, began: HostTime, now: HostTime) {
        {
            let mut streams = locked(&self.streams);
            if let Some(state) = streams.get_mut(account)
                && matches!(state, StreamState::CatchingUp { since } if *since <= began)
            {
                *state = StreamState::Live { since: now };
            }
        }
        self.with(|lives| {
            if let Some(life) = lives.get_mut(account) {
                life.live_at = Some(now);
                life.failing = None;
                life.is_refused = false;
            }
        });
        self.facts.notify_one();
    }

    /// A traversal failed.
    pub fn fails(&self, account: &AccountName, now: HostTime, what: &str, is_refused: bool) {
        self.with(|lives| {
            if let Some(life) = lives.get_mut(account) {
                let since = life.failing.as_ref().map_or(now, |(since, _)| *since);
                life.failing = Some((since, what.to_owned()));
                life.is_refused = is_refused;
            }
        });
        self.facts.notify_one();
    }

    /// How every account is.
    #[must_use]
    pub fn lives(&self) -> BTreeMap<AccountName, AccountLife> {
        self.with(|lives| lives.clone())
    }

    /// Whether an account has caught up, or has had its time: facts of it can be decided.
    #[must_use]
    pub fn is_ready(&self, account: &AccountName, patience: Duration, now: HostTime) -> bool {
        self.with(|lives| {
            lives.get(account).is_none_or(|life| {
                life.live_at.is_some()
                    || (life.failing.is_some() && now >= life.started_at.plus(patience))
            })
        })
    }

    /// How an account's stream is; none where there is none.
    pub fn stream(&self, account: &AccountName, state: Option<StreamState>) {
        let mut streams = locked(&self.streams);
        match state {
            Some(state) => streams.insert(account.clone(), state),
            None => streams.remove(account),
        };
    }

    /// How every stream is.
    #[must_use]
    pub fn streams(&self) -> BTreeMap<AccountName, StreamState> {
        locked(&self.streams).clone()
    }

    /// Something happened at an account: its next round should not wait for its time.
    pub fn nudge(&self, account: &AccountName) {
        self.nudges(account).notify_one();
    }

    /// The nudges of one account.
    #[must_use]
    pub fn nudges(&self, account: &AccountName) -> Arc<Notify> {
        Arc::clone(locked(&self.nudges).entry(account.clone()).or_default())
    }

    fn with<T>(&self, act: impl FnOnce(&mut BTreeMap<AccountName, AccountLife>) -> T) -> T {
        act(&mut locked(&self.life))
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// A round that was under way when the stream opened may have read the venue before it did.
    #[test]
    fn a_stream_is_live_only_after_a_round_that_began_when_it_was_open() {
        let wake = Wake::new();
        let account = AccountName::new("main").unwrap();
        let at = |s: i64| HostTime::from_us(s * 1_000_000);
        wake.begins(&account, at(0));
        wake.stream(&account, Some(StreamState::CatchingUp { since: at(10) }));
        wake.is_live(&account, at(9), at(11));
        assert_eq!(
            wake.streams().get(&account),
            Some(&StreamState::CatchingUp { since: at(10) })
        );
        wake.is_live(&account, at(11), at(12));
        assert_eq!(
            wake.streams().get(&account),
            Some(&StreamState::Live { since: at(12) })
        );
    }
}
