//! `fake-venue`: one fake venue on this machine, for people who test their own bots.
//!
//! It says where it is and which keys it takes, plays its script, and serves until Ctrl-C. It binds
//! loopback only, and its keys are worth nothing anywhere else. Deliberately absent: a configuration and
//! a ledger; nothing of the operator's is read.

use super::say;
use anyhow::Context as _;
use clap::{Args, ValueEnum};
use fillsync_fake::{Alone, Ready, Service, alone};
use std::path::PathBuf;
use tokio::sync::mpsc;

/// The largest script, in bytes.
const SCRIPT_BYTES_MAX: u64 = 1 << 20;

/// Which venue is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum FakeVenue {
    /// Bybit, V5 API with its private stream.
    Bybit,
    /// Alpaca, Trading API v2 with `trade_updates`.
    Alpaca,
}

/// What to start.
#[derive(Debug, Args)]
pub(super) struct Wish {
    /// Which venue.
    #[arg(long)]
    venue: FakeVenue,
    /// The port on 127.0.0.1; any free one by default.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// What happens there, as TOML: accounts, orders, fills, faults, each with its time. Without it, one
    /// account with a history of 20 days.
    #[arg(long)]
    script: Option<PathBuf>,
    /// Mix faults into requests and streams, as real venues have them; the same number, the same faults.
    #[arg(long)]
    seed: Option<u64>,
}

/// `fillsync fake-venue`.
pub(super) async fn run(wish: Wish, json: bool) -> anyhow::Result<()> {
    let script = wish.script.as_deref().map(read).transpose()?;
    let settings = Alone {
        service: match wish.venue {
            FakeVenue::Bybit => Service::Bybit,
            FakeVenue::Alpaca => Service::Alpaca,
        },
        port: wish.port,
        script,
        seed: wish.seed,
    };
    // Held, so that a hang-up is no end.
    let (rescan, _rescans) = mpsc::channel(1);
    let mut stop = super::daemon::signals(rescan)?;
    let mut said = Ok(());
    alone(settings, |ready| said = announce(ready, json), async move {
        // A closed channel cannot be: the sender lives as long as the process.
        let _ = stop.wait_for(|stop| *stop).await;
    })
    .await?;
    said
}

fn read(path: &std::path::Path) -> anyhow::Result<String> {
    let size = std::fs::metadata(path)
        .with_context(|| format!("the script {} cannot be read", path.display()))?
        .len();
    anyhow::ensure!(
        size <= SCRIPT_BYTES_MAX,
        "the script {} has {size} bytes; at most {SCRIPT_BYTES_MAX} are read",
        path.display()
    );
    std::fs::read_to_string(path)
        .with_context(|| format!("the script {} cannot be read", path.display()))
}

fn announce(ready: &Ready, json: bool) -> anyhow::Result<()> {
    if json {
        let keys: Vec<_> = ready
            .keys
            .iter()
            .map(|key| serde_json::json!({ "account": key.account, "key": key.key, "secret": key.secret }))
            .collect();
        return say(&serde_json::json!({
            "base_url": ready.base_url, "stream_url": ready.stream_url, "keys": keys,
        })
        .to_string());
    }
    say(&format!("base_url    {}", ready.base_url))?;
    say(&format!("stream      {}", ready.stream_url))?;
    for key in &ready.keys {
        say(&format!(
            "account {:<12} key {}  secret {}",
            key.account, key.key, key.secret
        ))?;
    }
    say("It serves until Ctrl-C.")
}
