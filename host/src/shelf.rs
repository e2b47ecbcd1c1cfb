//! The plugin files that were read, and their offering to the registry.
//!
//! A name's bytes are those of its file in the plugin folder, else those that the binary carries. A
//! candidate is compiled and checked away from the loops; what is active stays until one stands, and
//! stays when its file disappears (law 15). Every outcome is logged and kept as a row.

use crate::app::plugins_in_use;
use crate::telemetry::Voice;
use fillsync_config::{Config, Strategy};
use fillsync_core::id::PluginName;
use fillsync_core::port::Clock;
use fillsync_ledger::PluginEventRow;
use fillsync_plugin_host::{
    Limits, Outcome, PluginEngine, PluginKind, Registry, Source, first_party,
};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The files and the registry.
pub struct Shelf {
    engine: PluginEngine,
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
    pub const fn new(
        engine: PluginEngine,
        plugins: Arc<Registry>,
        clock: Arc<dyn Clock>,
        voice: Arc<Voice>,
    ) -> Self {
        Self {
            engine,
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
            "the file is gone; what runs now stays until the next start"
        );
    }

    /// Offers every plugin that a configuration uses. Settings that a running plugin refuses make the
    /// configuration unusable, and are found before anything is swapped; a file that cannot be loaded
    /// is told and leaves what is active.
    ///
    /// Once the daemon runs, a plugin that the configuration newly uses must be able to serve as well:
    /// what works is not given up for what does not. At a start there is nothing to give up, and what
    /// was asked for before and does not work keeps no other change from being taken up.
    pub async fn offer(&self, config: &Config, before: Option<&Config>) -> Offered {
        let names = plugins_in_use(config);
        for name in &names {
            let asked = asked_for(config, name);
            let newly = before.and_then(|before| {
                let asked_before = asked_for(before, name);
                asked.into_iter().find(|kind| !asked_before.contains(kind))
            });
            let why = match newly {
                Some(kind) => self.cannot_serve(config, name, kind).await,
                None => None,
            };
            let why = match why {
                None => self.refuses(config, name).await,
                why => why,
            };
            if let Some(why) = why {
                return Offered::Refused {
                    plugin: name.clone(),
                    why,
                };
            }
        }
        for name in &names {
            if let Some(kind) = asked_for(config, name).first() {
                self.plugins.expect(name, *kind);
            }
            self.offer_one(config, name).await;
        }
        Offered::Done
    }

    /// Why a plugin could not do what is newly asked of it.
    async fn cannot_serve(
        &self,
        config: &Config,
        name: &PluginName,
        wanted: PluginKind,
    ) -> Option<String> {
        let kind = match self.plugins.active(name) {
            Some(active) => active.card().kind,
            None => match self.try_start(config, name).await {
                Ok(kind) => kind,
                Err(why) => return Some(why),
            },
        };
        (kind != wanted).then(|| format!("it is a {kind}, and is asked to be a {wanted}"))
    }

    /// Loads a plugin that does not run yet without using it, and says what it is.
    async fn try_start(&self, config: &Config, name: &PluginName) -> Result<PluginKind, String> {
        let Some((_, bytes)) = self.bytes(config, name) else {
            return Err(format!(
                "there is no file {}.wasm in the plugin folder",
                stem_of(config, name)
            ));
        };
        if let Some(why) = breaks_pin(config, name, &hex(&bytes)) {
            return Err(why);
        }
        let (json, limits) = wishes(config, name);
        self.try_out(bytes, json, limits).await
    }

    /// Why a plugin that runs would refuse what is set for it; none where nothing of the kind changed.
    async fn refuses(&self, config: &Config, name: &PluginName) -> Option<String> {
        let active = self.plugins.active(name)?;
        let (_, bytes) = self.bytes(config, name)?;
        let (json, limits) = wishes(config, name);
        let is_same = active.settings() == json && *active.limits() == limits;
        if is_same || active.sha256() != hex(&bytes) {
            return None;
        }
        self.try_out(bytes, json, limits).await.err()
    }

    /// Loads a candidate without using it, and says what it is.
    async fn try_out(
        &self,
        bytes: Arc<Vec<u8>>,
        json: String,
        limits: Limits,
    ) -> Result<PluginKind, String> {
        let engine = self.engine.clone();
        let tried = tokio::task::spawn_blocking(move || engine.load(&bytes, &json, &limits)).await;
        match tried {
            Ok(Ok(loaded)) => Ok(loaded.card().kind),
            Ok(Err(rejection)) => Err(format!("{}: {}", rejection.stage, rejection.cause)),
            Err(_) => Err("the loader broke off".to_owned()),
        }
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

    /// Offers one plugin, and tells what became of it.
    async fn offer_one(&self, config: &Config, name: &PluginName) {
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
            return;
        };
        let sha256 = hex(&bytes);
        if let Some(why) = breaks_pin(config, name, &sha256) {
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
            return;
        }
        let (json, limits) = wishes(config, name);
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
            }
            Ok(Outcome::Unchanged) => {}
            Ok(Outcome::Rejected {
                rejection,
                sha256,
                again,
            }) => {
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
            }
            Err(_) => {
                self.rejected(name, Some(&sha256), "load", "the loader broke off", None)
                    .await;
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

/// What groups and channels ask a plugin to be; one that only has settings is asked by nobody.
fn asked_for(config: &Config, name: &PluginName) -> BTreeSet<PluginKind> {
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

/// Why a file is not the one that the configuration pins.
fn breaks_pin(config: &Config, name: &PluginName, sha256: &str) -> Option<String> {
    let pin = config.plugins.get(name)?.sha256.as_ref()?;
    (pin.as_str() != sha256).then(|| {
        format!(
            "its SHA-256 is {sha256}, but the configuration pins {}",
            pin.as_str()
        )
    })
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
