//! `fillsync demo`: the story of main and mirror, told on this machine alone.
//!
//! Fake venues on loopback speak the venues' own dialects; the daemon that is started against them is
//! the one that `fillsync run` starts, with a configuration that is written out for the reader to see.
//! Every act makes fills at the venues and then waits for what the daemon says of them; nothing is
//! printed that the daemon did not say, apart from the narration.

mod stage;
mod story;

use crate::cli::say;
use stage::Stage;
use std::path::PathBuf;

/// How the demo is played.
pub struct DemoSettings {
    /// End when the story is told.
    pub exit: bool,
    /// Where its files go; a new temporary folder otherwise.
    pub dir: Option<PathBuf>,
}

/// Plays the story.
///
/// # Errors
/// When an act does not come out as it must.
pub async fn play(settings: DemoSettings) -> anyhow::Result<()> {
    let mut stage = Stage::set(settings.dir).await?;
    let told = story::tell(&mut stage).await;
    if let Err(error) = told {
        stage.strike().await;
        return Err(error);
    }
    if !settings.exit {
        say("\nStays up for a look around; Ctrl-C ends it.")?;
        stage.wait_for_interrupt().await;
    }
    stage.strike().await;
    say("\nThe demo is over.")
}
