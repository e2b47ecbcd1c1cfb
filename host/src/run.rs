//! `fillsync run`: read, bind, start, follow changes, drain.
//!
//! The stop signal and the listener's address are arguments, so that tests and the demo run the very
//! daemon that operators run. A configuration that changes while it runs is taken up whole or not at
//! all; what was in force stays in force, and the log says which line is wrong.

use crate::app::{App, SystemClock};
use crate::live::Daemon;
use anyhow::{Context as _, anyhow};
use fillsync_api::ApiState;
use fillsync_channel::Surroundings;
use fillsync_config::Config;
use fillsync_core::port::Clock;
use fillsync_reload::{Change, WatchSettings, Watcher};
use secrecy::SecretString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};

/// How long answers under way may take at the end.
const API_DRAIN: Duration = Duration::from_secs(4);
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
}

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
    let mut app = App::open(&config, Arc::clone(&clock), surroundings)?;
    let watching = watch_settings(&config_path, &config);
    let scanned = fillsync_reload::scan(&watching)?;
    for change in &scanned {
        if let Change::Plugin {
            name, path, bytes, ..
        } = change
        {
            app.plugin_file(name, &file_name(path), bytes.clone()).await;
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
    let outcome = follow(&mut app, &config_path, &watcher, changes, rescan, &mut stop).await;
    tracing::info!(event = "stopping", "finishing what is under way");
    let ledger = app.ledger().clone();
    app.drain().await;
    let _ = end_api.send(());
    let _ = tokio::time::timeout(API_DRAIN, api).await;
    // Whoever starts the next daemon on this file must find it free.
    let _ = tokio::time::timeout(CLOSE_MAX, ledger.close()).await;
    outcome
}

async fn follow(
    app: &mut App,
    config_path: &Path,
    watcher: &Watcher,
    mut changes: mpsc::Receiver<Change>,
    mut rescan: Option<mpsc::Receiver<()>>,
    stop: &mut watch::Receiver<bool>,
) -> anyhow::Result<()> {
    let mut fatal = app.fatal();
    loop {
        let next = tokio::select! {
            biased;
            () = told(stop, |stop| *stop) => Next::Stop,
            () = told(&mut fatal, Option::is_some) => Next::Fatal,
            change = changes.recv() => change.map_or(Next::Blind, Next::Change),
            Some(()) = hint(&mut rescan) => Next::Rescan,
        };
        match next {
            Next::Stop => return Ok(()),
            Next::Fatal => {
                let why = fatal.borrow().clone().unwrap_or_default();
                return Err(anyhow!("{why}"));
            }
            Next::Blind => return Err(anyhow!("the file watcher ended; restart fillsync")),
            Next::Change(change) => take(app, config_path, change).await,
            Next::Rescan => {
                watcher.rescan();
                // Secrets are in no watched file.
                let config = app.config().clone();
                apply(app, &config).await;
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

async fn take(app: &mut App, config_path: &Path, change: Change) {
    match change {
        Change::Config { bytes, .. } => reload(app, config_path, &bytes).await,
        Change::Plugin {
            name, path, bytes, ..
        } => app.plugin_file(&name, &file_name(&path), bytes).await,
        Change::PluginGone { name } => app.plugin_gone(&name),
        Change::Unreadable {
            path,
            reason,
            remedy,
        } => {
            tracing::error!(event = "file_unreadable", file = %file_name(&path), reason, remedy, "what was in use stays");
        }
    }
}

/// Takes up a changed configuration, or says why not.
async fn reload(app: &mut App, config_path: &Path, bytes: &[u8]) {
    let folder = config_path.parent().unwrap_or(Path::new(""));
    let known = crate::app::known_plugins();
    let file = config_path.display().to_string();
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
            app.voice().config_rejected(&errors.join("; ")).await;
            return;
        }
    };
    apply(app, &loaded.config).await;
}

/// Puts a configuration in force, or says why not.
async fn apply(app: &mut App, config: &Config) {
    match app.apply(config).await {
        Ok(changes) if changes.is_empty() => {}
        Ok(changes) => {
            tracing::info!(
                event = "config_reloaded",
                changes = changes.join("; "),
                "in force"
            );
            app.voice().config_reloaded(&changes).await;
        }
        Err(error) => {
            let why = format!("{error:#}");
            tracing::error!(
                event = "config_rejected",
                error = why,
                "what was in force stays"
            );
            app.voice().config_rejected(&why).await;
        }
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
    WatchSettings::new(config_path, folder)
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
