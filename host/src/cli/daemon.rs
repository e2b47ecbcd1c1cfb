//! `run`: the daemon, and the signals that it follows.
//!
//! The log begins here, because only the daemon has one: every other command answers on standard output
//! and complains on standard error.

use crate::app;
use crate::run::{self, RunSettings};
use crate::supervisor::Supervisor;
use crate::telemetry::{self, LogFormat};
use std::path::PathBuf;
use tokio::sync::{mpsc, watch};

/// `fillsync run`.
pub(super) async fn run(config_path: PathBuf) -> anyhow::Result<()> {
    let loaded = app::load_config(&config_path)?;
    let format = match loaded.config.daemon.log_format {
        fillsync_config::LogFormat::Text => LogFormat::Text,
        fillsync_config::LogFormat::Json => LogFormat::Json,
    };
    let log = telemetry::start(
        format,
        &telemetry::filter(loaded.config.daemon.log_level.as_str()),
    )?;
    let (rescan, rescans) = mpsc::channel(1);
    run::run(RunSettings {
        config_path,
        stop: signals(rescan)?,
        bound: None,
        sink: None,
        rescan: Some(rescans),
        log: Some(log),
        supervisor: Supervisor::from_environment()?,
        compiler: fillsync_plugin_host::running_program(),
    })
    .await
}

/// Becomes true at SIGINT or SIGTERM; a second one ends the process at once. SIGHUP asks for a look
/// at all files.
///
/// # Errors
/// When signals cannot be taken.
pub fn signals(rescan: mpsc::Sender<()>) -> anyhow::Result<watch::Receiver<bool>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    let (stop, stopped) = watch::channel(false);
    tokio::spawn(async move {
        loop {
            tokio::select! {
                biased;
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                _ = hang_up.recv() => {
                    // A full channel means that a look is coming anyway.
                    let _ = rescan.try_send(());
                    continue;
                }
            }
            if *stop.borrow() {
                std::process::exit(1);
            }
            let _ = stop.send(true);
        }
    });
    Ok(stopped)
}
