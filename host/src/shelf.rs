//! The plugin files that were read, and their offering to the registry.
//!
//! A name's bytes are those of its file in the plugin folder, else those that the binary carries. A
//! candidate is judged away from the loops; what is active stays until one stands and nothing holds it,
//! and stays when its file disappears (law 15). A start begins with what was in use before, where a
//! copy of it is kept, so that what the folder holds now comes in by the same gate as while fillsync
//! runs. Every outcome is logged and kept as a row.

mod grounds;
mod kept;
mod outcome;

pub use grounds::{demands, stem_of, wishes};

use self::grounds::{Grounds, asked_for};
use self::kept::Kept;
use crate::app::plugins_in_use;
use crate::telemetry::Voice;
use fillsync_config::{Config, PluginLock};
use fillsync_core::id::{ChannelName, PluginName};
use fillsync_core::port::Clock;
use fillsync_ledger::{Ledger, PluginEventRow, PluginMemory};
use fillsync_plugin_host::{
    Limits, Offer, Outcome, Passage, PluginEngine, PluginKind, Registry, Source, SwapPolicy,
    Target, first_party,
};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// The files and the registry.
pub struct Shelf {
    engine: PluginEngine,
    plugins: Arc<Registry>,
    ledger: Ledger,
    clock: Arc<dyn Clock>,
    voice: Arc<Voice>,
    /// By the file's name without `.wasm`.
    files: BTreeMap<String, (String, Arc<Vec<u8>>)>,
    /// Beside the files, by the same name.
    signatures: BTreeMap<String, Arc<Vec<u8>>>,
    lock_path: PathBuf,
    lock: PluginLock,
    kept: Kept,
    /// How formatters see the channels.
    targets: BTreeMap<ChannelName, Target>,
    /// Names that had their chance to begin with what was in use before this start.
    begun: Mutex<BTreeSet<PluginName>>,
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
    /// Without files yet; approvals are read.
    #[must_use]
    pub fn new(
        engine: PluginEngine,
        plugins: Arc<Registry>,
        ledger: Ledger,
        clock: Arc<dyn Clock>,
        voice: Arc<Voice>,
        config: &Config,
    ) -> Self {
        let mut shelf = Self {
            engine,
            plugins,
            ledger,
            clock,
            voice,
            files: BTreeMap::new(),
            signatures: BTreeMap::new(),
            lock_path: config.daemon.plugin_lock.clone(),
            lock: PluginLock::default(),
            kept: Kept::beside(&config.daemon.database),
            targets: BTreeMap::new(),
            begun: Mutex::default(),
        };
        shelf.read_lock();
        shelf
    }

    /// A file was read.
    pub fn put(&mut self, stem: &str, file: &str, bytes: Vec<u8>) {
        self.files
            .insert(stem.to_owned(), (file.to_owned(), Arc::new(bytes)));
    }

    /// A signature was read, or is gone.
    pub fn sign(&mut self, stem: &str, signature: Option<Vec<u8>>) {
        match signature {
            Some(signature) => self.signatures.insert(stem.to_owned(), Arc::new(signature)),
            None => self.signatures.remove(stem),
        };
    }

    /// Reads the approvals again. One that cannot be believed leaves those that were read before.
    pub fn read_lock(&mut self) {
        match PluginLock::read(&self.lock_path) {
            Ok(lock) => self.lock = lock,
            Err(error) => {
                tracing::error!(event = "plugin_lock_unreadable", %error, "the approvals read before stay");
            }
        }
    }

    /// How formatters see the channels from now on.
    pub fn aim(&mut self, targets: impl IntoIterator<Item = Target>) {
        for target in targets {
            self.targets.insert(target.channel.clone(), target);
        }
    }

    /// A file is gone. What runs stays, now and at the next start.
    pub async fn gone(&mut self, config: &Config, stem: &str) {
        self.files.remove(stem);
        for name in plugins_in_use(config) {
            if stem_of(config, &name) != stem {
                continue;
            }
            if let Some(used) = self.plugins.used(&name) {
                self.file_gone(&name, &used.sha256).await;
            }
        }
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
        self.tidy().await;
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
        let Some((source, bytes)) = self.bytes(config, name) else {
            return Err(format!(
                "there is no file {}.wasm in the plugin folder",
                stem_of(config, name)
            ));
        };
        // What the operator does not let in is not even tried.
        self.trust(config, name, &source, &bytes, &hex(&bytes))
            .permits(name, &bytes)
            .map_err(|rejection| rejection.to_string())?;
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

    /// Offers every plugin again, because the operator's word about them changed.
    pub async fn offer_all(&self, config: &Config) {
        for name in plugins_in_use(config) {
            self.offer_one(config, &name).await;
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
        let memory = self.memory(name).await;
        let found = self.bytes(config, name);
        let has_begun = !self
            .begun
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(name.clone());
        let offered = found.as_ref().map(|(_, bytes)| hex(bytes));
        if !has_begun {
            self.begin(config, name, &memory, offered.as_deref()).await;
        }
        let Some((source, bytes)) = found else {
            match self.plugins.used(name) {
                Some(used) if !has_begun => self.file_gone(name, &used.sha256).await,
                Some(_) => {}
                None => {
                    let why = format!(
                        "there is no file {}.wasm in the plugin folder",
                        stem_of(config, name)
                    );
                    self.missing(name, &why).await;
                }
            }
            return;
        };
        let sha256 = offered.unwrap_or_default();
        let grounds = self
            .grounds(config, name, (&source, &bytes, &sha256), &memory)
            .await;
        let signature = self.signatures.get(&stem_of(config, name)).cloned();
        self.judge(name, source, bytes, signature, grounds).await;
    }

    /// Begins with what was in use before this start, where that is not what is offered now: the new
    /// content then comes in by the same gate as while fillsync runs.
    async fn begin(
        &self,
        config: &Config,
        name: &PluginName,
        memory: &PluginMemory,
        offered: Option<&str>,
    ) {
        let Some(in_use) = memory.in_use.as_deref() else {
            return;
        };
        if self.plugins.used(name).is_some() || offered == Some(in_use) {
            return;
        }
        let Some(bytes) = self.kept.get(in_use) else {
            return;
        };
        let source = Source::Kept;
        let mut grounds = self
            .grounds(config, name, (&source, &bytes, in_use), memory)
            .await;
        // It was let in before; what the operator demands of files holds for it all the same.
        grounds.policy = SwapPolicy::Auto;
        grounds.barred = None;
        grounds.predecessor = None;
        let bytes = Arc::new(bytes);
        let passage = self.consider(name, source.clone(), bytes, grounds).await;
        match passage {
            Some(passage) if matches!(passage.outcome, Outcome::Swapped(_)) => {
                self.tell(name, &source, passage).await;
            }
            Some(passage) => {
                tracing::warn!(event = "plugin_kept_unusable", plugin = %name, sha256 = in_use,
                    outcome = ?passage.outcome, "what was in use before this start is not taken again");
            }
            None => {}
        }
    }

    async fn judge(
        &self,
        name: &PluginName,
        source: Source,
        bytes: Arc<Vec<u8>>,
        signature: Option<Arc<Vec<u8>>>,
        grounds: Grounds,
    ) {
        let sha256 = hex(&bytes);
        let Some(passage) = self
            .consider(name, source.clone(), Arc::clone(&bytes), grounds)
            .await
        else {
            let rejection = fillsync_plugin_host::Rejection {
                stage: fillsync_plugin_host::Stage::Read,
                cause: "the loader broke off; see the log".to_owned(),
                hint: None,
            };
            let row = PluginEventRow::new(self.clock.now(), name.as_str(), "read", "");
            self.rejected(name, Some(&sha256), &rejection, row).await;
            return;
        };
        if matches!(passage.outcome, Outcome::Swapped(_)) {
            let signature = signature.as_deref().map(Vec::as_slice);
            if let Err(error) = self.kept.put(&sha256, &bytes, signature) {
                tracing::warn!(event = "plugin_not_kept", plugin = %name, %error,
                    "a start without its file, or with another one, has no copy of it");
            }
        }
        self.tell(name, &source, passage).await;
    }

    /// Asks the registry, off the runtime's threads. None when its thread broke off.
    async fn consider(
        &self,
        name: &PluginName,
        source: Source,
        bytes: Arc<Vec<u8>>,
        grounds: Grounds,
    ) -> Option<Passage> {
        let (plugins, name, now) = (Arc::clone(&self.plugins), name.clone(), self.clock.now());
        tokio::task::spawn_blocking(move || {
            plugins.consider(&Offer {
                name: &name,
                source,
                bytes: &bytes,
                settings_json: &grounds.json,
                limits: &grounds.limits,
                trust: grounds.trust,
                policy: grounds.policy,
                recorded: grounds.recorded,
                probation: grounds.probation,
                promoted_at: grounds.promoted_at,
                barred: grounds.barred,
                predecessor: grounds.predecessor,
                now,
            })
        })
        .await
        .ok()
    }

    /// Lets go of copies that nobody can need any more.
    async fn tidy(&self) {
        let mut needed = BTreeSet::new();
        for status in self.plugins.status() {
            needed.extend(status.active.map(|active| active.sha256));
            needed.extend(status.probation.map(|probation| probation.previous_sha256));
            needed.extend(self.memory(&status.name).await.in_use);
        }
        if let Err(error) = self.kept.retain(&needed) {
            tracing::warn!(event = "plugin_copies_not_tidied", %error, "old copies of plugins stay");
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}
