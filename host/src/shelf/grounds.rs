//! What a candidate is judged by: the operator's demands, what was recorded, what is remembered.
//!
//! Read from the configuration, the lock, the signatures and the ledger; the judgement itself is the
//! registry's.

use super::Shelf;
use fillsync_config::{Config, PluginLock, PluginSwap, PluginTrust, Strategy};
use fillsync_core::id::{ChannelName, GroupName, PluginName};
use fillsync_core::time::HostTime;
use fillsync_ledger::{PluginMemory, RecordedInputs};
use fillsync_plugin_host::{
    Approval, Barred, Demand, Limits, PluginKind, Recorded, Source, SwapPolicy, Trust, first_party,
};
use std::collections::BTreeSet;
use std::time::Duration;

/// What stands for a plugin that has no section of its own, as the schema of the configuration has it.
const REPLAY_INPUTS: u32 = 50;
const PROBATION: Duration = Duration::from_secs(600);

/// All that one offer is judged by.
pub(super) struct Grounds {
    pub(super) json: String,
    pub(super) limits: Limits,
    pub(super) trust: Trust,
    pub(super) policy: SwapPolicy,
    pub(super) recorded: Recorded,
    pub(super) probation: Option<Duration>,
    pub(super) promoted_at: Option<HostTime>,
    pub(super) barred: Option<Barred>,
    pub(super) predecessor: Option<String>,
}

impl Shelf {
    /// The grounds for a candidate that comes in the ordinary way.
    pub(super) async fn grounds(
        &self,
        config: &Config,
        name: &PluginName,
        (source, bytes, sha256): (&Source, &[u8], &str),
        memory: &PluginMemory,
    ) -> Grounds {
        let plugin = config.plugins.get(name);
        let (json, limits) = wishes(config, name);
        let trust = self.trust(config, name, source, bytes, sha256);
        // Where only settings were rolled back, the content is in use and keeps its place.
        let barred = memory
            .barred
            .iter()
            .find(|barred| barred.sha256 == sha256)
            .filter(|_| memory.in_use.as_deref() != Some(sha256))
            .map(|barred| Barred {
                at: barred.at,
                cause: barred.cause.clone(),
            });
        let active = self.plugins.used(name);
        let predecessor = memory
            .in_use
            .clone()
            .filter(|in_use| in_use != sha256 && active.is_none());
        let recorded = if active.is_some() {
            self.recorded(config, name).await
        } else {
            Recorded::default()
        };
        // A pin leaves no other version to go back to.
        let probation = plugin.map_or(PROBATION, |plugin| plugin.probation);
        let probation = (trust.pin.is_none() && !probation.is_zero()).then_some(probation);
        Grounds {
            json,
            limits,
            trust,
            policy: match plugin.map_or(PluginSwap::Auto, |plugin| plugin.swap) {
                PluginSwap::Auto => SwapPolicy::Auto,
                PluginSwap::AutoIfSame => SwapPolicy::AutoIfSame,
                PluginSwap::Manual => SwapPolicy::Manual,
            },
            recorded,
            probation,
            promoted_at: self.lock.promoted_at(name, sha256),
            barred,
            predecessor,
        }
    }

    /// What the operator demands of a content that came from there.
    pub(super) fn trust(
        &self,
        config: &Config,
        name: &PluginName,
        source: &Source,
        bytes: &[u8],
        sha256: &str,
    ) -> Trust {
        let signature = match source {
            Source::Kept => self.kept.signature(sha256),
            Source::Embedded | Source::File(_) => self
                .signatures
                .get(&stem_of(config, name))
                .map(|signature| signature.to_vec()),
        };
        demands(config, &self.lock, name, bytes, signature)
    }

    /// What the groups and channels that use a plugin asked of late.
    async fn recorded(&self, config: &Config, name: &PluginName) -> Recorded {
        let limit = config.plugins.get(name).map_or(REPLAY_INPUTS, |plugin| {
            u32::try_from(plugin.replay).unwrap_or(u32::MAX)
        });
        if limit == 0 {
            return Recorded::default();
        }
        let groups: Vec<GroupName> = config
            .groups
            .values()
            .filter(|group| group.strategy == Strategy::Plugin(name.clone()))
            .map(|group| group.name.clone())
            .collect();
        let channels: Vec<ChannelName> = config
            .channels
            .values()
            .filter(|channel| channel.formatter == *name)
            .map(|channel| channel.name.clone())
            .collect();
        let read = self
            .ledger
            .read(move |reader| {
                let views = reader.recorded_views(&groups, limit)?;
                let alerts = reader.recorded_alerts(&channels, limit)?;
                Ok(RecordedInputs {
                    unreadable: views.unreadable + alerts.unreadable,
                    views: views.views,
                    alerts: alerts.alerts,
                })
            })
            .await;
        match read {
            Ok(inputs) => self.aimed(inputs),
            Err(error) => {
                tracing::warn!(event = "replay_off", plugin = %name, %error,
                    "recorded inputs cannot be read: there is nothing to compare with");
                Recorded::default()
            }
        }
    }

    /// Alerts with the channel that they went to, as the formatter sees it.
    fn aimed(&self, inputs: RecordedInputs) -> Recorded {
        if inputs.unreadable > 0 {
            tracing::warn!(
                event = "replay_unreadable",
                inputs = inputs.unreadable,
                "recorded inputs of an older version are left out of the comparison"
            );
        }
        Recorded {
            views: inputs.views,
            alerts: inputs
                .alerts
                .into_iter()
                .filter_map(|(alert, channel)| {
                    let target = self.targets.get(&channel)?;
                    Some((alert, target.clone()))
                })
                .collect(),
        }
    }

    /// What is remembered of a plugin; a ledger that cannot be read remembers nothing.
    pub(super) async fn memory(&self, name: &PluginName) -> PluginMemory {
        let of = name.clone();
        let read = self
            .ledger
            .read(move |reader| reader.plugin_memory(of.as_str()))
            .await;
        read.unwrap_or_else(|error| {
            tracing::warn!(event = "plugin_memory_unreadable", plugin = %name, %error,
                "what was in use before this start is not known");
            PluginMemory::default()
        })
    }
}

/// What the operator demands of a content under a name.
#[must_use]
pub fn demands(
    config: &Config,
    lock: &PluginLock,
    name: &PluginName,
    bytes: &[u8],
    signature: Option<Vec<u8>>,
) -> Trust {
    let pin = config
        .plugins
        .get(name)
        .and_then(|plugin| plugin.sha256.as_ref())
        .map(|pin| pin.as_str().to_owned());
    // What the binary carries is trusted as the binary is, wherever it was read from.
    let is_ours = first_party().iter().any(|plugin| plugin.bytes == bytes);
    let demand = match config.daemon.plugin_trust {
        PluginTrust::Lock if !is_ours => Demand::Approval {
            approvals: lock
                .of(name)
                .map(|entry| Approval {
                    sha256: entry.sha256.clone(),
                    imports: entry.imports.clone(),
                })
                .collect(),
        },
        PluginTrust::Signed if !is_ours => Demand::Signature {
            keys: config
                .daemon
                .plugin_keys
                .iter()
                .map(|key| key.as_str().to_owned())
                .collect(),
            signature,
            file: format!("{}.wasm", stem_of(config, name)),
        },
        PluginTrust::Any | PluginTrust::Lock | PluginTrust::Signed => Demand::Nothing,
    };
    Trust { pin, demand }
}

/// What groups and channels ask a plugin to be; one that only has settings is asked by nobody.
pub(super) fn asked_for(config: &Config, name: &PluginName) -> BTreeSet<PluginKind> {
    let by_groups = config
        .groups
        .values()
        .filter(|group| group.strategy == Strategy::Plugin(name.clone()))
        .map(|_| PluginKind::Strategy);
    let by_channels = config
        .channels
        .values()
        .filter(|channel| channel.formatter == *name)
        .map(|_| PluginKind::Formatter);
    by_groups.chain(by_channels).collect()
}

/// The settings, as JSON, and the limits that a configuration sets for a plugin.
#[must_use]
pub fn wishes(config: &Config, name: &PluginName) -> (String, Limits) {
    let Some(plugin) = config.plugins.get(name) else {
        return ("{}".to_owned(), Limits::default());
    };
    let json = serde_json::Value::Object(plugin.settings.clone()).to_string();
    let limits = Limits {
        fuel: plugin.limits.fuel,
        time: plugin.limits.time,
        memory_bytes: usize::try_from(plugin.limits.memory.0).unwrap_or(usize::MAX),
        ..Limits::default()
    };
    (json, limits)
}

/// The file's name without `.wasm`.
#[must_use]
pub fn stem_of(config: &Config, name: &PluginName) -> String {
    config
        .plugins
        .get(name)
        .and_then(|plugin| plugin.file.as_deref())
        .map_or_else(
            || name.to_string(),
            |file| file.strip_suffix(".wasm").unwrap_or(file).to_owned(),
        )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_plugin_without_a_section_has_the_defaults_of_one() {
        let text = format!("{}\n[plugin.limit-fill]\n", fillsync_config::MINIMAL);
        let known = crate::app::known_plugins();
        let loaded =
            fillsync_config::parse(&text, "fillsync.toml", std::path::Path::new("/"), &known)
                .unwrap();
        let plugin = loaded.config.plugins.values().next().unwrap();
        assert_eq!(plugin.replay, u64::from(REPLAY_INPUTS));
        assert_eq!(plugin.probation, PROBATION);
        assert_eq!(plugin.swap, PluginSwap::Auto);
        let name = PluginName::new("limit-fill").unwrap();
        assert_eq!(wishes(&loaded.config, &name).1, Limits::default());
    }
}
