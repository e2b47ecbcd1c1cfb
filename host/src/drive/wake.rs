//! Hints between the loops: "there may be something to read", and how far each account has come.
//!
//! A lost or doubled hint changes nothing but the time of the next look. Liveness keeps the first
//! catch-up of an account from being decided in pieces: a group waits until each of its members has
//! caught up once, or could not be reached for as long as its deadline. A stream counts as live only
//! after a traversal that began when it was already open: what happened before that, no stream tells.
//! When an account is handed over from one poller to the next, each has a life of its own: what the old
//! one still says is of no account, and an account without a life is not ready.

use fillsync_core::id::{AccountName, ChannelName};
use fillsync_core::time::HostTime;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
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

/// One polling of one account, from its begin to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Life(u64);

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
    lives: Mutex<Lives>,
    streams: Mutex<BTreeMap<AccountName, StreamState>>,
    nudges: Mutex<BTreeMap<AccountName, Arc<Notify>>>,
    closed_wanted: Mutex<BTreeSet<AccountName>>,
    /// When the synchroniser last began to look at something; none before its first look.
    beat: Mutex<Option<Instant>>,
    /// Since when the first message of each channel waits, as it was last seen.
    waiting: Mutex<BTreeMap<ChannelName, HostTime>>,
}

#[derive(Debug, Default)]
struct Lives {
    begun: u64,
    of: BTreeMap<AccountName, (Life, AccountLife)>,
}

impl Lives {
    /// What is known of a life, if it is still the account's own.
    fn of(&mut self, account: &AccountName, life: Life) -> Option<&mut AccountLife> {
        let (current, known) = self.of.get_mut(account)?;
        (*current == life).then_some(known)
    }
}

impl Wake {
    /// Without any account yet.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }

    /// An account's polling begins. It takes the place of what was there.
    #[must_use]
    pub fn begins(&self, account: &AccountName, now: HostTime) -> Life {
        let known = AccountLife {
            started_at: now,
            live_at: None,
            failing: None,
            is_refused: false,
        };
        self.with(|lives| {
            lives.begun += 1;
            let life = Life(lives.begun);
            lives.of.insert(account.clone(), (life, known));
            life
        })
    }

    /// An account is no longer polled, unless another polling of it has begun meanwhile.
    pub fn ends(&self, account: &AccountName, life: Life) {
        self.with(|lives| {
            if lives.of(account, life).is_some() {
                lives.of.remove(account);
            }
        });
    }

    /// A traversal that began at `began` reached the present.
    pub fn is_live(&self, account: &AccountName, life: Life, began: HostTime, now: HostTime) {
        let is_current = self.with(|lives| match lives.of(account, life) {
            Some(known) => {
                known.live_at = Some(now);
                known.failing = None;
                known.is_refused = false;
                true
            }
            None => false,
        });
        if is_current {
            let mut streams = locked(&self.streams);
            if let Some(state) = streams.get_mut(account)
                && matches!(state, StreamState::CatchingUp { since } if *since <= began)
            {
                *state = StreamState::Live { since: now };
            }
        }
        self.facts.notify_one();
    }

    /// A traversal failed.
    pub fn fails(
        &self,
        account: &AccountName,
        life: Life,
        now: HostTime,
        what: &str,
        is_refused: bool,
    ) {
        self.with(|lives| {
            if let Some(known) = lives.of(account, life) {
                let since = known.failing.as_ref().map_or(now, |(since, _)| *since);
                known.failing = Some((since, what.to_owned()));
                known.is_refused = is_refused;
            }
        });
        self.facts.notify_one();
    }

    /// How every account is.
    #[must_use]
    pub fn lives(&self) -> BTreeMap<AccountName, AccountLife> {
        self.with(|lives| {
            let lives = lives.of.iter();
            lives
                .map(|(account, (_, known))| (account.clone(), known.clone()))
                .collect()
        })
    }

    /// Whether an account has caught up, or has had its time: facts of it can be decided. One that is
    /// not polled is not ready.
    #[must_use]
    pub fn is_ready(&self, account: &AccountName, patience: Duration, now: HostTime) -> bool {
        self.with(|lives| {
            lives.of.get(account).is_some_and(|(_, life)| {
                life.live_at.is_some()
                    || (life.failing.is_some() && now >= life.started_at.plus(patience))
            })
        })
    }

    /// The synchroniser is at work.
    pub fn beat(&self) {
        *locked(&self.beat) = Some(Instant::now());
    }

    /// How long ago the synchroniser was last seen at work; none before its first look.
    #[must_use]
    pub fn since_beat(&self) -> Option<Duration> {
        locked(&self.beat).map(|at| at.elapsed())
    }

    /// Since when the first message of each channel that has one waits.
    pub fn wait(&self, waiting: BTreeMap<ChannelName, HostTime>) {
        *locked(&self.waiting) = waiting;
    }

    /// As [`Wake::wait`] was last told.
    #[must_use]
    pub fn waiting(&self) -> BTreeMap<ChannelName, HostTime> {
        locked(&self.waiting).clone()
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

    /// A claim about an account rests on the orders that ended: they are to be read in its next round,
    /// which should not wait for its time. Said again before that round, it changes nothing.
    pub fn wants_closed(&self, account: &AccountName) {
        if locked(&self.closed_wanted).insert(account.clone()) {
            self.nudge(account);
        }
    }

    /// Whether an account's ended orders are wanted; whoever asks will read them.
    #[must_use]
    pub fn take_closed(&self, account: &AccountName) -> bool {
        locked(&self.closed_wanted).remove(account)
    }

    /// The nudges of one account.
    #[must_use]
    pub fn nudges(&self, account: &AccountName) -> Arc<Notify> {
        Arc::clone(locked(&self.nudges).entry(account.clone()).or_default())
    }

    fn with<T>(&self, act: impl FnOnce(&mut Lives) -> T) -> T {
        act(&mut locked(&self.lives))
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn ended_orders_are_read_once_for_each_time_that_they_are_wanted() {
        let wake = Wake::new();
        let (main, mirror) = (AccountName::new("main"), AccountName::new("mirror"));
        let (main, mirror) = (main.unwrap(), mirror.unwrap());
        assert!(!wake.take_closed(&main));
        wake.wants_closed(&main);
        wake.wants_closed(&main);
        assert!(!wake.take_closed(&mirror));
        assert!(wake.take_closed(&main));
        assert!(!wake.take_closed(&main));
    }

    /// A round that was under way when the stream opened may have read the venue before it did.
    #[test]
    fn a_stream_is_live_only_after_a_round_that_began_when_it_was_open() {
        let wake = Wake::new();
        let account = AccountName::new("main").unwrap();
        let at = |s: i64| HostTime::from_us(s * 1_000_000);
        let life = wake.begins(&account, at(0));
        wake.stream(&account, Some(StreamState::CatchingUp { since: at(10) }));
        wake.is_live(&account, life, at(9), at(11));
        assert_eq!(
            wake.streams().get(&account),
            Some(&StreamState::CatchingUp { since: at(10) })
        );
        wake.is_live(&account, life, at(11), at(12));
        assert_eq!(
            wake.streams().get(&account),
            Some(&StreamState::Live { since: at(12) })
        );
    }

    /// At a hand-over the old poller ends after the new life has begun.
    #[test]
    fn what_the_old_poller_says_does_not_touch_the_new_ones_life() {
        let wake = Wake::new();
        let account = AccountName::new("main").unwrap();
        let at = |s: i64| HostTime::from_us(s * 1_000_000);
        let patience = Duration::from_secs(30);
        assert!(!wake.is_ready(&account, patience, at(0)), "nobody polls it");
        let old = wake.begins(&account, at(0));
        wake.is_live(&account, old, at(1), at(2));
        assert!(wake.is_ready(&account, patience, at(2)));
        let new = wake.begins(&account, at(3));
        wake.is_live(&account, old, at(2), at(4));
        wake.fails(&account, old, at(4), "it was told to stop", false);
        assert!(!wake.is_ready(&account, patience, at(90)));
        wake.ends(&account, old);
        assert_eq!(wake.lives().len(), 1, "the new one's life is gone");
        wake.is_live(&account, new, at(5), at(6));
        assert!(wake.is_ready(&account, patience, at(6)));
        wake.ends(&account, new);
        assert!(wake.lives().is_empty());
    }
}
