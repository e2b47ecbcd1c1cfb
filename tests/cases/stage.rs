//! The daemon's stage with an Alpaca venue in the place of the Bybit one.
//!
//! The rig's configuration keeps its two accounts, its group and its webhook; only the venue behind the
//! accounts is another. Alpaca's own limit (200 a minute for each key) is the adapter's here as well,
//! so a story must be told in few rounds.

use crate::rig::{MAIN_KEY, MAIN_SECRET, MIRROR_KEY, MIRROR_SECRET, Rig};
use fillsync_fake::{AlpacaAccount, AlpacaOptions, FakeAlpaca, Rate};

/// A rig whose accounts are at Alpaca.
pub struct AlpacaStage {
    pub rig: Rig,
    pub alpaca: FakeAlpaca,
}

impl AlpacaStage {
    pub fn new() -> Self {
        let rig = Rig::new();
        let alpaca = rig
            .runtime
            .block_on(FakeAlpaca::start(AlpacaOptions::new([
                AlpacaAccount::new("main", MAIN_KEY, MAIN_SECRET),
                AlpacaAccount::new("mirror", MIRROR_KEY, MIRROR_SECRET),
            ])))
            .unwrap();
        alpaca.rules(|rules| rules.per_key = Rate::new(100_000, 1_000));
        rig.edit("venue = \"bybit\"", "venue = \"alpaca\"");
        rig.edit(&rig.bybit.base_url(), &alpaca.base_url());
        rig.edit("poll_every = \"100ms\"", "poll_every = \"500ms\"");
        Self { rig, alpaca }
    }
}
