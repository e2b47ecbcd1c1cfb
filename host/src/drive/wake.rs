//! Hints between the loops: "there may be something to read", and how far each account has come.
//!
//! A lost or doubled hint changes nothing but the time of the next look. Liveness keeps the first
//! catch-up of an account from being decided in pieces: a group waits until each of its members has
//! caught up once, or could not be reached for as long as its deadline.

use fillsync_core::id::AccountName;
use fillsync_core::time::HostTime;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
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

/// The hints.
#[derive(Debug, Default)]
pub struct Wake {
    /// New facts or new coverage: synchronise.
    pub facts: Notify,
    /// New alerts: deliver.
    pub alerts: Notify,
    life: Mutex<BTreeMap<AccountName, AccountLife>>,
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

    /// A traversal reached the present.
    pub fn is_live(&self, account: &AccountName, now: HostTime) {
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

    fn with<T>(&self, act: impl FnOnce(&mut BTreeMap<AccountName, AccountLife>) -> T) -> T {
        act(&mut self.life.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
