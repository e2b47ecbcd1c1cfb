//! What only the running daemon knows, for its HTTP side: plugins, health, readiness.

use crate::drive::wake::{AccountLife, StreamState as WakeStream, Wake};
use crate::policy::{GroupPolicy, Policy};
use fillsync_api::{
    AccountHealth, GroupPlan, Health, Live, PluginTally, StreamHealth, StreamState, Streams,
};
use fillsync_core::port::Clock;
use fillsync_core::time::HostTime;
use fillsync_ledger::Ledger;
use fillsync_plugin_host::Registry;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// An account whose last complete round is older than this is not healthy.
const DATA_AGE_MAX: Duration = Duration::from_secs(120);

/// A message that waits longer than this keeps somebody from knowing.
const OUTBOX_AGE_MAX: Duration = Duration::from_secs(300);

/// The daemon, seen from its HTTP side.
pub struct Daemon {
    /// The plugins.
    pub plugins: Arc<Registry>,
    /// How every account is.
    pub wake: Arc<Wake>,
    /// The ledger.
    pub ledger: Ledger,
    /// What the configuration asks for.
    pub policy: watch::Receiver<Arc<Policy>>,
    /// The host's clock.
    pub clock: Arc<dyn Clock>,
}

/// Why the daemon does not do all of its work as of `now`, as far as it knows by itself; nothing where
/// it does.
pub(crate) fn complaints(
    ledger: &Ledger,
    wake: &Wake,
    plugins: &Registry,
    now: HostTime,
) -> Vec<String> {
    let mut reasons = Vec::new();
    if let Some(cause) = ledger.poisoned() {
        reasons.push(format!("the ledger takes no more writes: {cause}"));
    }
    for (account, life) in wake.lives() {
        if let Some(reason) = complaint(&life, now) {
            reasons.push(format!("account {account}: {reason}"));
        }
    }
    for (channel, since) in wake.waiting() {
        let age = now.since(since);
        if age > OUTBOX_AGE_MAX {
            reasons.push(format!(
                "channel {channel}: a message waits for {}s; `fillsync alerts` says why",
                age.as_secs()
            ));
        }
    }
    for plugin in plugins.status() {
        if let Some(until) = plugin.aside_until {
            reasons.push(format!(
                "plugin {} is set aside until {}: own counts or plain words are in its place",
                plugin.name,
                until.clock()
            ));
        }
    }
    reasons
}

fn complaint(life: &AccountLife, now: HostTime) -> Option<String> {
    if let Some((since, what)) = &life.failing {
        return Some(format!("fails since {}: {what}", since.clock()));
    }
    let last = life.live_at.unwrap_or(life.started_at);
    let age = now.since(last);
    (age > DATA_AGE_MAX).then(|| format!("no complete round for {}s", age.as_secs()))
}

impl Live for Daemon {
    fn now(&self) -> HostTime {
        self.clock.now()
    }

    fn plugins(&self) -> serde_json::Value {
        let mut plugins = serde_json::to_value(self.plugins.status()).unwrap_or_default();
        in_words(&mut plugins);
        plugins
    }

    fn plugin_tallies(&self) -> Vec<PluginTally> {
        self.plugins
            .status()
            .into_iter()
            .map(|status| PluginTally {
                plugin: status.name.to_string(),
                calls: status.calls,
                failures: status.failures,
                is_set_aside: status.aside_until.is_some(),
            })
            .collect()
    }

    fn health(&self, now: HostTime) -> Health {
        let reasons = complaints(&self.ledger, &self.wake, &self.plugins, now);
        Health {
            ok: reasons.is_empty(),
            reasons,
            accounts: self
                .wake
                .lives()
                .into_iter()
                .map(|(account, life)| AccountHealth {
                    account: account.to_string(),
                    ok: complaint(&life, now).is_none(),
                    data_age_ms: life
                        .live_at
                        .map(|at| u64::try_from(now.since(at).as_millis()).unwrap_or(u64::MAX)),
                })
                .collect(),
        }
    }

    fn ready(&self) -> Result<(), Vec<String>> {
        let missing: Vec<String> = self
            .wake
            .lives()
            .into_iter()
            .filter(|(_, life)| life.live_at.is_none())
            .map(|(account, _)| format!("account {account} has not caught up yet"))
            .collect();
        if missing.is_empty() {
            Ok(())
        } else {
            Err(missing)
        }
    }

    fn groups(&self) -> Vec<GroupPlan> {
        let policy = Arc::clone(&self.policy.borrow());
        policy.groups.iter().map(plan).collect()
    }

    fn messages_wait(&self) {
        self.wake.alerts.notify_waiters();
        self.wake.alerts.notify_one();
    }

    fn streams(&self) -> Streams {
        self.wake
            .streams()
            .into_iter()
            .map(|(account, state)| (account, stream_health(state)))
            .collect()
    }
}

fn stream_health(state: WakeStream) -> StreamHealth {
    let (state, since, reason) = match state {
        WakeStream::Connecting { since, why } => (StreamState::Connecting, since, why),
        WakeStream::CatchingUp { since } => (StreamState::CatchingUp, since, None),
        WakeStream::Live { since } => (StreamState::Live, since, None),
        WakeStream::Refused { since, why } => (StreamState::Failed, since, Some(why)),
    };
    StreamHealth {
        state,
        since: Some(since),
        reason,
    }
}

fn plan(group: &GroupPolicy) -> GroupPlan {
    let ms = |span: Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    let members = group.rules.members.iter();
    GroupPlan {
        name: group.rules.name.clone(),
        strategy: group.strategy.as_ref().map(ToString::to_string),
        members: members
            .map(|member| (member.account.clone(), member.role))
            .collect(),
        settle_ms: ms(group.rules.settle),
        deadline_ms: ms(group.rules.deadline),
    }
}

/// Times as people and `jq` read them, instead of microseconds.
fn in_words(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::Object(fields) => {
            for (name, value) in fields {
                let is_time = matches!(name.as_str(), "at" | "loaded_at" | "aside_until" | "until");
                match value.as_i64() {
                    Some(us) if is_time => *value = HostTime::from_us(us).to_string().into(),
                    _ => in_words(value),
                }
            }
        }
        serde_json::Value::Array(items) => items.iter_mut().for_each(in_words),
        _ => {}
    }
}
