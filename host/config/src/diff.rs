//! What a reload changes, as data: the daemon carries it out, one step at a time or not at all.
//!
//! Applied to the old configuration the changes give the new one, and equal configurations give no
//! change. Keys that a running process cannot change are named, never silently taken over. Whether a
//! secret's *content* changed is not seen here, only where it comes from.

use crate::schema::{Account, Channel, Config, Daemon, Group, Plugin};
use fillsync_core::id::{AccountName, ChannelName, GroupName, PluginName};
use std::collections::BTreeMap;

/// The keys of `[daemon]` that take effect at the next start of the process only.
pub const RESTART_KEYS: [&str; 9] = [
    "database",
    "plugin_dir",
    "cache_dir",
    "plugin_lock",
    "compile_memory",
    "compile_time",
    "listen",
    "api_token",
    "log_format",
];

/// What happened to one named thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step<T> {
    /// It is new.
    Added(T),
    /// It is gone.
    Removed,
    /// It is another now.
    Changed {
        /// As it is from now on.
        now: T,
        /// The keys whose values differ.
        keys: Vec<&'static str>,
    },
}

/// One difference between two configurations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Something about the process.
    Daemon {
        /// As it is wanted from now on.
        now: Daemon,
        /// The keys whose values differ.
        keys: Vec<&'static str>,
    },
    /// An account: its poll task starts, stops or starts anew.
    Account(AccountName, Step<Account>),
    /// A group: its open cycles must be decided again.
    Group(GroupName, Step<Group>),
    /// A channel: its delivery task starts, stops or starts anew.
    Channel(ChannelName, Step<Channel>),
    /// What is set for a plugin: it must be offered again.
    Plugin(PluginName, Step<Plugin>),
}

impl Change {
    /// The changed keys that take effect at the next start of the process only.
    #[must_use]
    pub fn restart_keys(&self) -> Vec<&'static str> {
        match self {
            Self::Daemon { keys, .. } => keys
                .iter()
                .copied()
                .filter(|key| RESTART_KEYS.contains(key))
                .collect(),
            _ => Vec::new(),
        }
    }

    /// Whether an account of this name now means other credentials or another venue, so that its
    /// cursors and coverage may not fit any more.
    #[must_use]
    pub fn is_another_account(&self) -> bool {
        const IDENTITY_KEYS: [&str; 3] = ["venue", "base_url", "api_key"];
        match self {
            Self::Account(_, Step::Changed { keys, .. }) => {
                keys.iter().any(|key| IDENTITY_KEYS.contains(key))
            }
            _ => false,
        }
    }
}

impl std::fmt::Display for Change {
    /// One line for the log: `group desk changed: strategy, settle`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        fn step<T>(
            f: &mut std::fmt::Formatter<'_>,
            kind: &str,
            name: &str,
            step: &Step<T>,
        ) -> std::fmt::Result {
            match step {
                Step::Added(_) => write!(f, "{kind} {name} added"),
                Step::Removed => write!(f, "{kind} {name} removed"),
                Step::Changed { keys, .. } => {
                    write!(f, "{kind} {name} changed: {}", keys.join(", "))
                }
            }
        }
        match self {
            Self::Daemon { keys, .. } => {
                write!(f, "daemon changed: {}", keys.join(", "))?;
                let restart = self.restart_keys();
                if !restart.is_empty() {
                    write!(f, " (at the next start: {})", restart.join(", "))?;
                }
                Ok(())
            }
            Self::Account(name, s) => step(f, "account", name.as_str(), s),
            Self::Group(name, s) => step(f, "group", name.as_str(), s),
            Self::Channel(name, s) => step(f, "channel", name.as_str(), s),
            Self::Plugin(name, s) => step(f, "plugin", name.as_str(), s),
        }
    }
}

/// What must be done to come from `old` to `new`: the daemon, then accounts, groups, channels and
/// plugins, each by name.
#[must_use]
pub fn difference(old: &Config, new: &Config) -> Vec<Change> {
    let mut changes = Vec::new();
    let keys = old.daemon.changed_keys(&new.daemon);
    if !keys.is_empty() {
        let now = new.daemon.clone();
        changes.push(Change::Daemon { now, keys });
    }
    let accounts = steps(&old.accounts, &new.accounts, Account::changed_keys);
    changes.extend(
        accounts
            .into_iter()
            .map(|(name, step)| Change::Account(name, step)),
    );
    let groups = steps(&old.groups, &new.groups, Group::changed_keys);
    changes.extend(
        groups
            .into_iter()
            .map(|(name, step)| Change::Group(name, step)),
    );
    let channels = steps(&old.channels, &new.channels, Channel::changed_keys);
    changes.extend(
        channels
            .into_iter()
            .map(|(name, step)| Change::Channel(name, step)),
    );
    let plugins = steps(&old.plugins, &new.plugins, Plugin::changed_keys);
    changes.extend(
        plugins
            .into_iter()
            .map(|(name, step)| Change::Plugin(name, step)),
    );
    changes
}

fn steps<N: Ord + Clone, T: Clone>(
    old: &BTreeMap<N, T>,
    new: &BTreeMap<N, T>,
    changed_keys: impl Fn(&T, &T) -> Vec<&'static str>,
) -> Vec<(N, Step<T>)> {
    let mut steps = Vec::new();
    for name in old.keys().filter(|name| !new.contains_key(name)) {
        steps.push((name.clone(), Step::Removed));
    }
    for (name, now) in new {
        let Some(before) = old.get(name) else {
            steps.push((name.clone(), Step::Added(now.clone())));
            continue;
        };
        let keys = changed_keys(before, now);
        if !keys.is_empty() {
            let now = now.clone();
            steps.push((name.clone(), Step::Changed { now, keys }));
        }
    }
    steps
}

/// The configuration after the changes.
#[must_use]
pub fn apply(changes: &[Change], config: &Config) -> Config {
    fn put<N: Ord + Clone, T: Clone>(map: &mut BTreeMap<N, T>, name: &N, step: &Step<T>) {
        match step {
            Step::Added(now) | Step::Changed { now, .. } => map.insert(name.clone(), now.clone()),
            Step::Removed => map.remove(name),
        };
    }
    let mut config = config.clone();
    for change in changes {
        match change {
            Change::Daemon { now, .. } => config.daemon = now.clone(),
            Change::Account(name, step) => put(&mut config.accounts, name, step),
            Change::Group(name, step) => put(&mut config.groups, name, step),
            Change::Channel(name, step) => put(&mut config.channels, name, step),
            Change::Plugin(name, step) => put(&mut config.plugins, name, step),
        }
    }
    config
}

/// The configuration that a process which started with `old` runs after a reload of `new`: the new
/// one, with the old values of the keys that wait for the next start.
#[must_use]
pub fn running(old: &Config, new: &Config) -> Config {
    let mut config = new.clone();
    config.daemon = Daemon {
        alert_max_age: new.daemon.alert_max_age,
        log_level: new.daemon.log_level,
        plugin_trust: new.daemon.plugin_trust,
        plugin_keys: new.daemon.plugin_keys.clone(),
        ..old.daemon.clone()
    };
    config
}
