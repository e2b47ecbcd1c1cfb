//! `fillsync run`: read, bind, start, follow changes, drain.
//!
//! The stop signal and the listener's address are arguments, so that tests and the demo run the very
//! daemon that operators run. A configuration that changes while it runs is taken up whole or not at
//! all; what was in force stays in force, and the log says which line is wrong.

use crate::app::{App, SystemClock};
use crate::live::Daemon;
use crate::supervisor::Supervisor;
use crate::telemetry::LogSwitch;
use crate::watchdog::Watchdog;
use anyhow::{Context as _, anyhow};
use fillsync_api::ApiState;
use fillsync_channel::Surroundings;
use fillsync_config::Config;
use fillsync_core::port::Clock;
use fillsync_plugin_host::{CompileBounds, CompilerProcess};
use fillsync_reload::{Change, WatchSettings, Watcher};
use secrecy::SecretString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};

/// How long answers under way may take at the end.
const API_DRAIN: Duration = Duration::from_secs(4);
/// How often the outbox is looked at for health.
const OUTBOX_EVERY: Duration = Duration::from_secs(10);
/// How long the ledger may take to close.
const CLOSE_MAX: Duration = Duration::from_secs(5);

/// What a run needs.
pub struct RunSettings {
    /// The configuration file.
    pub config_path: PathBuf,
    /// Becomes true when it shall end.
    pub stop: watch::Receiver<bool>,
    /// Is told the address at which HTTP answers.
    pub bound: Option<oneshot::Sender<SocketAddr>>,
    /// Where channels of kind `stdout` write; none for standard output.
    pub sink: Option<fillsync_channel::stdout::Sink>,
    /// Is hinted to look at all files again (SIGHUP).
    pub rescan: Option<mpsc::Receiver<()>>,
    /// Changes the level of the log; none where the log is somebody else's.
    pub log: Option<LogSwitch>,
    /// Is told how the daemon is.
    pub supervisor: Supervisor,
    /// The program that compiles plugin files in a process of its own when it is started as this
    /// command is with [`COMPILE_COMMAND`]; none compiles them in this process.
    pub compiler: Option<PathBuf>,
}

/// The command by which this program compiles one plugin and ends. Nobody types it.
pub const COMPILE_COMMAND: &str = "compile-plugin";

/// Runs the daemon until it is told to stop.
///
/// # Errors
/// When it cannot start, or a loop can go on no longer.
pub async fn run(settings: RunSettings) -> anyhow::Result<()> {
    let RunSettings {
        config_path,
        mut stop,
        bound,
        sink,
        rescan,
        log,
        supervisor,
        compiler,
    } = settings;
    let loaded = crate::app::load_config(&config_path)?;
    for warning in &loaded.warnings {
        tracing::warn!(event = "config_warning", "{}", warning.summary());
    }
    let config = loaded.config;
    let token = api_token(&config)?;
    let listener = fillsync_api::bind(&config.daemon.listen.to_string(), token.as_ref()).await?;
    let address = listener.local_addr()?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let mut surroundings = Surroundings::new(Arc::clone(&clock))?;
    if let Some(sink) = sink {
        surroundings.sink = sink;
    }
    let compiler = compiler.map(|program| compiler_process(program, &config));
    let mut app = App::open(&config, Arc::clone(&clock), surroundings, compiler)?;
    let watching = watch_settings(&config_path, &config);
    let scanned = fillsync_reload::scan(&watching)?;
    for change in &scanned {
        match change {
            Change::Plugin {
                name, path, bytes, ..
            } => app.plugin_file(name, &file_name(path), bytes.clone()).await,
            Change::Word { of, bytes, .. } => app.plugin_word(of, bytes.clone()).await,
            _ => {}
        }
    }
    app.apply(&config).await?;
    let (watcher, changes) = fillsync_reload::watch_after(watching, &scanned)?;
    let (end_api, api_ended) = oneshot::channel::<()>();
    let api = tokio::spawn(fillsync_api::serve(
        listener,
        ApiState {
            ledger: app.ledger().clone(),
            token,
            live: Arc::new(Daemon {
                plugins: Arc::clone(app.plugins()),
                wake: Arc::clone(app.wake()),
                ledger: app.ledger().clone(),
                policy: app.policy(),
                clock,
            }),
        },
        async {
            let _ = api_ended.await;
        },
    ));
    tracing::info!(event = "started", %address, config = %config_path.display(), "fillsync runs");
    if let Some(bound) = bound {
        let _ = bound.send(address);
    }
    let mut following = Following {
        watchdog: Watchdog::new(),
        app,
        config_path,
        log,
        supervisor,
        address,
    };
    following.supervisor.ready(&following.status());
    let outcome = following.follow(&watcher, changes, rescan, &mut stop).await;
    tracing::info!(event = "stopping", "finishing what is under way");
    following.supervisor.stopping();
    let Following { app, watchdog, .. } = following;
    drop(watchdog);
    let ledger = app.ledger().clone();
    app.drain().await;
    let _ = end_api.send(());
    let _ = tokio::time::timeout(API_DRAIN, api).await;
    // Whoever starts the next daemon on this file must find it free.
    let _ = tokio::time::timeout(CLOSE_MAX, ledger.close()).await;
    outcome
}

/// The daemon while it runs, with everything that it follows.
struct Following {
    app: App,
    config_path: PathBuf,
    log: Option<LogSwitch>,
    supervisor: Supervisor,
    watchdog: Watchdog,
    address: SocketAddr,
}

impl Following {
    async fn follow(
        &mut self,
        watcher: &Watcher,
        mut changes: mpsc::Receiver<Change>,
        mut rescan: Option<mpsc::Receiver<()>>,
        stop: &mut watch::Receiver<bool>,
    ) -> anyhow::Result<()> {
        let mut fatal = self.app.fatal();
        let every = self.supervisor.every();
        let mut ticks = tokio::time::interval(every.unwrap_or(Duration::MAX));
        let mut looks = tokio::time::interval(OUTBOX_EVERY);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let next = tokio::select! {
                biased;
                () = told(stop, |stop| *stop) => Next::Stop,
                () = told(&mut fatal, Option::is_some) => Next::Fatal,
                change = changes.recv() => change.map_or(Next::Blind, Next::Change),
                Some(()) = hint(&mut rescan) => Next::Rescan,
                _ = ticks.tick(), if every.is_some() => Next::Tick,
                _ = looks.tick() => Next::Look,
            };
            match next {
                Next::Stop => return Ok(()),
                Next::Fatal => {
                    let why = fatal.borrow().clone().unwrap_or_default();
                    return Err(anyhow!("{why}"));
                }
                Next::Blind => return Err(anyhow!("the file watcher ended; restart fillsync")),
                Next::Change(Change::Rescanned) => self.supervisor.ready(&self.status()),
                Next::Change(change) => self.take(change).await,
                Next::Rescan => {
                    self.supervisor.reloading();
                    watcher.rescan();
                    // Secrets are in no watched file.
                    let config = self.app.config().clone();
                    self.apply(&config).await;
                }
                Next::Look => self.look_at_outbox(),
                Next::Tick => match self.watchdog.look(self.app.wake(), self.app.ledger()) {
                    Ok(()) => self.supervisor.alive(&self.status()),
                    Err(why) => {
                        tracing::error!(event = "loop_stuck", why, "the watchdog is not answered");
                        self.supervisor.stuck(&why);
                    }
                },
            }
        }
    }

    /// Keeps in memory since when messages wait, because health must answer while the ledger is busy.
    fn look_at_outbox(&self) {
        let (ledger, wake) = (self.app.ledger().clone(), Arc::clone(self.app.wake()));
        tokio::spawn(async move {
            // A ledger that cannot be read is told by who needs it.
            if let Ok(pending) = ledger.read(|reader| reader.outbox_channels_pending()).await {
                let waiting = pending.into_iter();
                wake.wait(waiting.map(|of| (of.channel, of.oldest_at)).collect());
            }
        });
    }

    /// The daemon in one line, as the service manager shows it.
    fn status(&self) -> String {
        let config = self.app.config();
        let complaints = crate::live::complaints(
            self.app.ledger(),
            self.app.wake(),
            self.app.plugins(),
            SystemClock.now(),
        );
        let how = if complaints.is_empty() {
            "all is well".to_owned()
        } else {
            complaints.join("; ")
        };
        format!(
            "http://{}, {} accounts, {} channels: {how}",
            self.address,
            config.accounts.len(),
            config.channels.len()
        )
    }

    async fn take(&mut self, change: Change) {
        match change {
            Change::Config { bytes, .. } => self.reload(&bytes).await,
            Change::Plugin {
                name, path, bytes, ..
            } => {
                let file = file_name(&path);
                self.app.plugin_file(&name, &file, bytes).await;
            }
            Change::PluginGone { name } => self.app.plugin_gone(&name).await,
            Change::Word { of, bytes, .. } => self.app.plugin_word(&of, bytes).await,
            Change::Unreadable {
                path,
                reason,
                remedy,
            } => {
                tracing::error!(event = "file_unreadable", file = %file_name(&path), reason, remedy, "what was in use stays");
            }
            Change::Rescanned => {}
        }
    }

    /// Takes up a changed configuration, or says why not.
    async fn reload(&mut self, bytes: &[u8]) {
        let folder = self.config_path.parent().unwrap_or(Path::new(""));
        let known = crate::app::known_plugins();
        let file = self.config_path.display().to_string();
        let loaded = match fillsync_config::parse_bytes(bytes, &file, folder, &known) {
            Ok(loaded) => loaded,
            Err(problems) => {
                // Warnings stand for themselves; what keeps the file from being taken are the errors.
                let errors: Vec<String> = problems
                    .iter()
                    .filter(|problem| problem.severity == fillsync_config::Severity::Error)
                    .map(fillsync_config::Problem::summary)
                    .collect();
                for error in &errors {
                    tracing::error!(event = "config_rejected", "{error}");
                }
                self.app.voice().config_rejected(&errors.join("; ")).await;
                return;
            }
        };
        self.apply(&loaded.config).await;
    }

    /// Puts a configuration in force, or says why not.
    async fn apply(&mut self, config: &Config) {
        match self.app.apply(config).await {
            Ok(changes) if changes.is_empty() => {}
            Ok(changes) => {
                let level = config.daemon.log_level;
                if let Some(Err(error)) = self.log.as_ref().map(|log| log.set(level.as_str())) {
                    tracing::error!(event = "log_level_stays", %error, "the log goes on as it was");
                }
                tracing::info!(
                    event = "config_reloaded",
                    changes = changes.join("; "),
                    "in force"
                );
                self.app.voice().config_reloaded(&changes).await;
            }
            Err(error) => {
                let why = format!("{error:#}");
                tracing::error!(
                    event = "config_rejected",
                    error = why,
                    "what was in force stays"
                );
                self.app.voice().config_rejected(&why).await;
            }
        }
    }
}

/// What a running daemon reacts to.
enum Next {
    Stop,
    Fatal,
    Blind,
    Change(Change),
    Rescan,
    Tick,
    Look,
}

/// Returns when a value is as wished, or can no longer change.
async fn told<T>(value: &mut watch::Receiver<T>, is_wished: impl FnMut(&T) -> bool) {
    let _ = value.wait_for(is_wished).await;
}

async fn hint(rescan: &mut Option<mpsc::Receiver<()>>) -> Option<()> {
    match rescan {
        Some(rescan) => rescan.recv().await,
        None => std::future::pending().await,
    }
}

fn watch_settings(config_path: &Path, config: &Config) -> WatchSettings {
    // A folder that is not there has no plugins; it is watched from the next start on.
    let folder = config
        .daemon
        .plugin_dir
        .is_dir()
        .then(|| config.daemon.plugin_dir.clone());
    if folder.is_none() {
        tracing::warn!(event = "plugin_dir_missing", plugin_dir = %config.daemon.plugin_dir.display(),
            "there is no such folder; only the plugins of the binary are used until the next start");
    }
    let mut watching = WatchSettings::new(config_path, folder);
    watching.lock_file = Some(config.daemon.plugin_lock.clone());
    watching
}

/// How a configuration bounds the program that compiles.
#[must_use]
pub fn compiler_process(program: PathBuf, config: &Config) -> CompilerProcess {
    CompilerProcess {
        program,
        arguments: vec![COMPILE_COMMAND.into()],
        bounds: CompileBounds {
            memory_bytes: config.daemon.compile_memory.0,
            time: config.daemon.compile_time,
        },
    }
}

fn file_name(path: &Path) -> String {
    path.file_name()
        .map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

/// The token of the HTTP side.
///
/// # Errors
/// When its variable or file cannot be read.
pub fn api_token(config: &Config) -> anyhow::Result<Option<SecretString>> {
    config
        .daemon
        .api_token
        .as_ref()
        .map(|source| {
            source
                .resolve("daemon.api_token")
                .map(|resolved| resolved.secret)
                .context("the token of the HTTP side")
        })
        .transpose()
}
