//! The wiring: who is who, started, changed while it runs, and drained.
//!
//! The first start is a reload from nothing: [`App::apply`] is the one way by which a configuration
//! takes effect. It opens everything that the new configuration needs before it touches anything that
//! runs, so a configuration that cannot be carried out changes nothing (law 15). What did not change
//! goes on undisturbed; a secret whose content changed is a change of who uses it. Only this file and
//! its parts know all rooms.

mod apply;
mod open;
mod policy;

pub use self::open::open_alone;
use self::open::{Secrets, Shared};
use crate::drive::wake::Wake;
use crate::policy::Policy;
use crate::shelf::Shelf;
use crate::telemetry::Voice;
use anyhow::anyhow;
use fillsync_channel::Surroundings;
use fillsync_config::{Config, Strategy};
use fillsync_core::execution::VenueKind;
use fillsync_core::id::{AccountName, ChannelName};
use fillsync_core::port::Clock;
use fillsync_core::time::HostTime;
use fillsync_ledger::Ledger;
use fillsync_plugin_host::{CompilerProcess, PluginEngine, Registry};
use fillsync_reload::Word;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

/// How long a drain waits for messages under way.
const DRAIN: Duration = Duration::from_secs(5);

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> HostTime {
        let since = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or_default();
        HostTime::from_us(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
    }
}

/// A task that can be told to stop.
struct Task {
    stop: watch::Sender<bool>,
    handle: JoinHandle<()>,
}

impl Task {
    /// Tells it to stop; what takes its place waits for what it has under way.
    fn dismiss(self) -> JoinHandle<()> {
        let _ = self.stop.send(true);
        self.handle
    }

    async fn end(self) {
        let _ = self.stop.send(true);
        // A task that panicked has said so already; it is over either way.
        let _ = tokio::time::timeout(DRAIN, self.handle).await;
    }
}

/// Tasks that were told to stop, for their successors to wait for.
#[derive(Default)]
struct Dismissed {
    pollers: BTreeMap<AccountName, JoinHandle<()>>,
    listeners: BTreeMap<AccountName, JoinHandle<()>>,
    deliverers: BTreeMap<ChannelName, JoinHandle<()>>,
}

/// The running daemon.
pub struct App {
    ledger: Ledger,
    clock: Arc<dyn Clock>,
    wake: Arc<Wake>,
    voice: Arc<Voice>,
    plugins: Arc<Registry>,
    shelf: Shelf,
    surroundings: Surroundings,
    policy: watch::Sender<Arc<Policy>>,
    config: Config,
    addresses: BTreeMap<(VenueKind, String), Shared>,
    pollers: BTreeMap<AccountName, Task>,
    listeners: BTreeMap<AccountName, Task>,
    deliverers: BTreeMap<ChannelName, Task>,
    /// The secrets that are in use.
    secrets: Secrets,
    /// Who was told to stop: who comes back under the same name waits for what it has under way.
    leaving: Dismissed,
    synchroniser: Option<Task>,
    fatal: watch::Sender<Option<String>>,
}

impl App {
    /// Opens the ledger and the plugin engine. Nothing is polled or sent before [`App::apply`].
    ///
    /// # Errors
    /// When the ledger, the engine or the HTTP client cannot be opened.
    pub fn open(
        config: &Config,
        clock: Arc<dyn Clock>,
        surroundings: Surroundings,
        compiler: Option<CompilerProcess>,
    ) -> anyhow::Result<Self> {
        let ledger = Ledger::open(&config.daemon.database)?;
        let cache = Some(config.daemon.cache_dir.as_path());
        let engine = PluginEngine::open(cache, compiler.clone()).or_else(|error| {
            tracing::warn!(event = "compile_cache_off", %error, "plugins are compiled at each start");
            PluginEngine::open(None, compiler)
        })?;
        let plugins = Arc::new(Registry::new(engine.clone()));
        let wake = Wake::new();
        let (policy, policy_rx) = watch::channel(Arc::new(Policy::default()));
        let hint = Arc::clone(&wake);
        let voice = Voice::new(
            ledger.clone(),
            Arc::clone(&clock),
            policy_rx,
            Arc::new(move || {
                hint.alerts.notify_waiters();
                hint.alerts.notify_one();
            }),
        );
        let shelf = Shelf::new(
            engine,
            Arc::clone(&plugins),
            ledger.clone(),
            Arc::clone(&clock),
            Arc::clone(&voice),
            config,
        );
        Ok(Self {
            ledger,
            clock,
            wake,
            voice,
            plugins,
            shelf,
            surroundings,
            policy,
            config: nothing(config),
            addresses: BTreeMap::new(),
            pollers: BTreeMap::new(),
            listeners: BTreeMap::new(),
            deliverers: BTreeMap::new(),
            secrets: Secrets::default(),
            leaving: Dismissed::default(),
            synchroniser: None,
            fatal: watch::Sender::new(None),
        })
    }

    /// The ledger.
    #[must_use]
    pub const fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// What the loops follow; it changes with every configuration that is taken up.
    #[must_use]
    pub fn policy(&self) -> watch::Receiver<Arc<Policy>> {
        self.policy.subscribe()
    }

    /// The plugins.
    #[must_use]
    pub const fn plugins(&self) -> &Arc<Registry> {
        &self.plugins
    }

    /// The hints, with how every account is.
    #[must_use]
    pub const fn wake(&self) -> &Arc<Wake> {
        &self.wake
    }

    /// How events are told.
    #[must_use]
    pub const fn voice(&self) -> &Arc<Voice> {
        &self.voice
    }

    /// The configuration that is in force.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// Becomes a text when a loop can go on no longer: the daemon must end and be started again.
    #[must_use]
    pub fn fatal(&self) -> watch::Receiver<Option<String>> {
        self.fatal.subscribe()
    }

    /// A plugin's file was found or changed. The component of the binary gives way to it.
    pub async fn plugin_file(&mut self, stem: &str, file: &str, bytes: Vec<u8>) {
        self.shelf.put(stem, file, bytes);
        let config = self.config.clone();
        self.shelf.offer_file(&config, stem).await;
    }

    /// A plugin's file is gone: what runs stays.
    pub async fn plugin_gone(&mut self, stem: &str) {
        let config = self.config.clone();
        self.shelf.gone(&config, stem).await;
    }

    /// Somebody's word about plugins changed: the operator's lock, or a signature.
    pub async fn plugin_word(&mut self, of: &Word, bytes: Option<Vec<u8>>) {
        let config = self.config.clone();
        match of {
            Word::Lock => {
                self.shelf.read_lock();
                self.shelf.offer_all(&config).await;
            }
            Word::Signature(stem) => {
                self.shelf.sign(stem, bytes);
                self.shelf.offer_file(&config, stem).await;
            }
        }
    }

    /// Ends everything: polling first, then decisions, then messages under way.
    pub async fn drain(mut self) {
        let _ = self.synchroniser.as_ref().map(|task| task.stop.send(true));
        let mut ending = JoinSet::new();
        let listeners = std::mem::take(&mut self.listeners);
        let pollers = std::mem::take(&mut self.pollers);
        for task in listeners.into_values().chain(pollers.into_values()) {
            ending.spawn(task.end());
        }
        while ending.join_next().await.is_some() {}
        if let Some(task) = self.synchroniser.take() {
            task.end().await;
        }
        for task in std::mem::take(&mut self.deliverers).into_values() {
            ending.spawn(task.end());
        }
        // What left the configuration may still have a message under way.
        for task in std::mem::take(&mut self.leaving.deliverers).into_values() {
            ending.spawn(async move {
                let _ = tokio::time::timeout(DRAIN, task).await;
            });
        }
        while ending.join_next().await.is_some() {}
        let _ = self.ledger.flush().await;
    }
}

/// The same process without anything to do: what the first configuration is compared with.
fn nothing(config: &Config) -> Config {
    Config {
        daemon: config.daemon.clone(),
        accounts: BTreeMap::new(),
        groups: BTreeMap::new(),
        channels: BTreeMap::new(),
        plugins: BTreeMap::new(),
    }
}

/// The names of the components that the binary carries.
#[must_use]
pub fn known_plugins() -> Vec<&'static str> {
    fillsync_plugin_host::first_party()
        .iter()
        .map(|plugin| plugin.name)
        .collect()
}

/// The plugin names that a configuration uses.
#[must_use]
pub fn plugins_in_use(config: &Config) -> BTreeSet<fillsync_core::id::PluginName> {
    let strategies = config
        .groups
        .values()
        .filter_map(|group| match &group.strategy {
            Strategy::Plugin(name) => Some(name.clone()),
            Strategy::None => None,
        });
    let formatters = config
        .channels
        .values()
        .map(|channel| channel.formatter.clone());
    strategies
        .chain(formatters)
        .chain(config.plugins.keys().cloned())
        .collect()
}

/// Reads a configuration file and says everything that is wrong with it.
///
/// # Errors
/// The report, ready to print.
pub fn load_config(path: &Path) -> anyhow::Result<fillsync_config::Loaded> {
    fillsync_config::load(path, &known_plugins())
        .map_err(|problems| anyhow!(fillsync_config::report(&problems)))
}
