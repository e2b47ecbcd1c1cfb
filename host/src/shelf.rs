//! The plugin files that were read, and their offering to the registry.
//!
//! A name's bytes are those of its file in the plugin folder, else those that the binary carries. A
//! candidate is compiled and checked away from the loops; what is active stays until one stands, and
//! stays when its file disappears (law 15). Every outcome is logged and kept as a row.

use crate::app::plugins_in_use;
use crate::telemetry::Voice;
use fillsync_config::Config;
use fillsync_core::id::PluginName;
use fillsync_core::port::Clock;
use fillsync_ledger::PluginEventRow;
use fillsync_plugin_host::{Limits, Outcome, Registry, Source, first_party};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The files and the registry.
pub struct Shelf {
    plugins: Arc<Registry>,
    clock: Arc<dyn Clock>,
    voice: Arc<Voice>,
    /// By the file's name without `.wasm`.
    files: BTreeMap<String, (String, Arc<Vec<u8>>)>,
}

/// What became of offering all plugins of a configuration.
pub enum Offered {
    /// Each is active, or was not taken for a reason of its own that was told.
    Done,
    /// The configuration itself cannot be carried out.
    Refused {
        /// The plugin.
        plugin: PluginName,
        /// Why.
        why: String,
    },
}

impl Shelf {
    /// Without files yet.
    #[must_use]
    pub const fn new(plugins: Arc<Registry>, clock: Arc<dyn Clock>, voice: Arc<Voice>) -> Self {
        Self {
            plugins,
            clock,
            voice,
            files: BTreeMap::new(),
        }
    }

    /// A file was read.
    pub fn put(&mut self, stem: &str, file: &str, bytes: Vec<u8>) {
        self.files
            .insert(stem.to_owned(), (file.to_owned(), Arc::new(bytes)));
    }

    /// A file is gone. What runs stays until a start without it.
    pub fn gone(&mut self, stem: &str) {
        self.files.remove(stem);
        tracing::warn!(
            event = "plugin_file_gone",
            plugin = stem,
            "the file is gone; what was loaded from it keeps running until the next start"
        );
    }

    /// Offers every plugin that a configuration uses. A file that cannot be loaded is told and leaves
    /// what is active; settings that an active plugin refuses make the configuration unusable.
    pub async fn offer(&self, config: &Config) -> Offered {
        for name in plugins_in_use(config) {
            let had = self.plugins.active(&name).is_some();
            if let Some(why) = self.offer_one(config, &name).await
                && had
                && self.is_about_settings(config, &name)
            {
                return Offered::Refused { plugin: name, why };
            }
        }
        Offered::Done
    }

    /// The file of an active plugin is what it was, so a refusal is about what is set for it.
    fn is_about_settings(&self, config: &Config, name: &PluginName) -> bool {
        let (_, bytes) = match self.bytes(config, name) {
            Some(found) => found,
            None => return false,
        };
        self.plugins
            .active(name)
            .is_some_and(|active| active.sha256() == hex(&bytes))
    }

    /// Offers the plugins that use a file.
    pub async fn offer_file(&self, config: &Config, stem: &str) {
        for name in plugins_in_use(config) {
            if stem_of(config, &name) == stem {
                self.offer_one(config, &name).await;
            }
        }
    }

    fn bytes(&self, config: &Config, name: &PluginName) -> Option<(Source, Arc<Vec<u8>>)> {
        if let Some((file, bytes)) = self.files.get(&stem_of(config, name)) {
            return Some((Source::File(file.clone()), Arc::clone(bytes)));
        }
        first_party()
            .iter()
            .find(|plugin| plugin.name == name.as_str())
            .map(|plugin| (Source::Embedded, Arc::new(plugin.bytes.to_vec())))
    }

    /// Offers one plugin; the text says why it was not taken.
    async fn offer_one(&self, config: &Config, name: &PluginName) -> Option<String> {
        let settings = config.plugins.get(name);
        let Some((source, bytes)) = self.bytes(config, name) else {
            let why = format!(
                "there is no file {}.wasm in the plugin folder",
                stem_of(config, name)
            );
            self.rejected(
                name,
                None,
                "read",
                &why,
                Some("put the component there; it is taken up while fillsync runs"),
            )
            .await;
            return Some(why);
        };
        let sha256 = hex(&bytes);
        if let Some(pin) = settings.and_then(|settings| settings.sha256.as_ref())
            && pin.as_str() != sha256
        {
            let why = format!(
                "its SHA-256 is {sha256}, but the configuration pins {}",
                pin.as_str()
            );
            self.rejected(
                name,
                Some(&sha256),
                "pin",
                &why,
                Some(
                    "put back the pinned file, or set the pin to the new hash after looking at it",
                ),
            )
            .await;
            return Some(why);
        }
        let json = settings.map_or_else(
            || "{}".to_owned(),
            |settings| serde_json::Value::Object(settings.settings.clone()).to_string(),
        );
        let limits = settings.map_or_else(Limits::default, |settings| Limits {
            fuel: settings.limits.fuel,
            time: settings.limits.time,
            memory_bytes: usize::try_from(settings.limits.memory.0).unwrap_or(usize::MAX),
            ..Limits::default()
        });
        let (plugins, offered, now) = (Arc::clone(&self.plugins), name.clone(), self.clock.now());
        let outcome = tokio::task::spawn_blocking(move || {
            plugins.offer(&offered, source, &bytes, &json, &limits, now)
        })
        .await;
        match outcome {
            Ok(Outcome::Swapped(swap)) => {
                let event = if swap.previous_sha256.is_some() {
                    "plugin_swapped"
                } else {
                    "plugin_loaded"
                };
                tracing::info!(event, plugin = %name, version = swap.used.version, sha256 = swap.used.sha256,
                    previous = swap.previous_sha256, generation = swap.used.generation, "in use");
                self.row(
                    name,
                    "swap",
                    event,
                    swap.previous_sha256,
                    Some(swap.used.sha256.clone()),
                    None,
                    None,
                )
                .await;
                None
            }
            Ok(Outcome::Unchanged) => None,
            Ok(Outcome::Rejected {
                rejection,
                sha256,
                again,
            }) => {
                let why = format!("{}: {}", rejection.stage, rejection.cause);
                if !again {
                    self.rejected(
                        name,
                        Some(&sha256),
                        &rejection.stage.to_string(),
                        &rejection.cause,
                        rejection.hint.as_deref(),
                    )
                    .await;
                }
                Some(why)
            }
            Err(_) => {
                let why = "the loader broke off; what was active stays".to_owned();
                self.rejected(name, Some(&sha256), "load", &why, None).await;
                Some(why)
            }
        }
    }

    async fn rejected(
        &self,
        name: &PluginName,
        sha256: Option<&str>,
        stage: &str,
        cause: &str,
        hint: Option<&str>,
    ) {
        tracing::error!(event = "plugin_rejected", plugin = %name, sha256, stage, cause, hint, "what was active stays");
        let old = self.plugins.used(name).map(|used| used.sha256.clone());
        self.row(
            name,
            stage,
            "plugin_rejected",
            old,
            sha256.map(ToOwned::to_owned),
            Some(cause),
            hint,
        )
        .await;
        self.voice
            .plugin_rejected(
                name.as_str(),
                sha256.unwrap_or("none"),
                &format!("{stage}: {cause}"),
                hint.unwrap_or("look at it with `fillsync plugin list`"),
            )
            .await;
    }

    #[allow(clippy::too_many_arguments)] // One row, column by column.
    async fn row(
        &self,
        name: &PluginName,
        stage: &str,
        outcome: &str,
        old_sha256: Option<String>,
        new_sha256: Option<String>,
        cause: Option<&str>,
        hint: Option<&str>,
    ) {
        self.voice
            .plugin_event(PluginEventRow {
                at: self.clock.now(),
                plugin: name.to_string(),
                stage: stage.to_owned(),
                outcome: outcome.to_owned(),
                old_sha256,
                new_sha256,
                cause: cause.map(ToOwned::to_owned),
                hint: hint.map(ToOwned::to_owned),
            })
            .await;
    }
}

fn stem_of(config: &Config, name: &PluginName) -> String {
    config
        .plugins
        .get(name)
        .and_then(|plugin| plugin.file.as_deref())
        .map_or_else(
            || name.to_string(),
            |file| file.strip_suffix(".wasm").unwrap_or(file).to_owned(),
        )
}

fn hex(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}
