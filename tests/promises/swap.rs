//! A strategy is exchanged again and again while fills come in: none is lost, none is counted twice, and
//! each decision was made by one version, which its row names.
//!
//! What "by one version" means is tried, not believed: every decision is made again from its stored view
//! by the plugin whose hash its row has, and must come out the same, byte for byte. Two versions that
//! answer differently take turns, so a mixture of them, or the name of one at the answer of the other,
//! does not.

use crate::plugins::component;
use crate::rig::{PRICES, Rig, eventually, eventually_within, so};
use fillsync_core::moment::{Answer, verdicts};
use fillsync_core::view::{Shown, View};
use fillsync_fake::{Fill, NewOrder, Side};
use fillsync_plugin_host::{Limits, Loaded, PluginEngine};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

const SWAPS: usize = 4;
/// In each turn so many symbols while the swap is under way, and so many when it is done.
const SYMBOLS_MEANWHILE: usize = 12;
const SYMBOLS_AFTER: usize = 2;
/// Fills of each symbol: one of main, two of the mirror.
const FILLS_OF_SYMBOL: usize = 3;
/// From fill to fill: a turn's fills last as long as a swap takes at least.
const PACE: Duration = Duration::from_millis(12);
/// So many decisions take their time on a busy machine.
const BUSY: Duration = Duration::from_secs(120);

#[test]
fn law_15_swaps_under_a_stream_of_fills_lose_none_and_mix_nothing() {
    let rig = Rig::new();
    let versions = [component("max-count"), component("main-master")];
    rig.put_plugin("house.wasm", versions[0]);
    rig.edit("strategy = \"max-count\"", "strategy = \"house\"");
    rig.append("[plugin.house]\n");
    let daemon = rig.start_ready();
    for turn in 0..SWAPS {
        let before = daemon.events("plugin_swapped").len();
        rig.put_plugin("house.wasm", versions[(turn + 1) % 2]);
        for symbol in 0..SYMBOLS_MEANWHILE {
            fills_of(&rig, &format!("S{turn}N{symbol}USDT"));
        }
        eventually("the swap", || {
            so(daemon.events("plugin_swapped").len() > before, daemon.log())
        });
        for symbol in 0..SYMBOLS_AFTER {
            fills_of(&rig, &format!("S{turn}M{symbol}USDT"));
        }
    }
    rig.wait_for_all_fills();
    let expected = rig.venue_ids("main").len() + rig.venue_ids("mirror").len();
    let symbols = SWAPS * (SYMBOLS_MEANWHILE + SYMBOLS_AFTER);
    assert_eq!(expected, symbols * FILLS_OF_SYMBOL);
    eventually_within(BUSY, "every fill is decided", || {
        let told = rig.ledger_alerts("fill");
        so(told == expected, (told, expected))
    });
    assert_eq!(
        decided_again(&rig, &versions),
        [0, 0],
        "by neither version alone"
    );
}

/// Main fills once and the mirror twice, so that the versions differ: one shows 2 for both, the other 1.
fn fills_of(rig: &Rig, symbol: &str) {
    let book = rig.bybit.book();
    let plan: [(&str, &[usize]); 2] = [("main", &[0]), ("mirror", &[0, 1])];
    for (account, slots) in plan {
        for price in PRICES {
            let order = NewOrder::limit(symbol, Side::Sell, "150", price);
            let id = book.place_order(account, order).unwrap();
            if slots.iter().any(|slot| PRICES[*slot] == price) {
                book.fill(&id, Fill::new("150", price).maker()).unwrap();
                std::thread::sleep(PACE);
            }
        }
    }
}

/// Makes every decision again with the version that its row names, and gives how many came out
/// otherwise, and how many name none of them.
fn decided_again(rig: &Rig, versions: &[&[u8]]) -> [usize; 2] {
    let engine = PluginEngine::new().unwrap();
    let versions: BTreeMap<String, Arc<Loaded>> = versions
        .iter()
        .map(|bytes| {
            let loaded = engine.load(bytes, "{}", &Limits::default()).unwrap();
            (loaded.sha256().to_owned(), loaded)
        })
        .collect();
    let ledger = rusqlite::Connection::open(rig.database()).unwrap();
    let mut rows = ledger
        .prepare("SELECT plugin_sha256, view_json, answer_json FROM decision")
        .unwrap();
    let rows = rows
        .query_map([], |row| {
            Ok((
                row.get::<_, String>(0)?,
                row.get::<_, String>(1)?,
                row.get::<_, String>(2)?,
            ))
        })
        .unwrap();
    let (mut otherwise, mut strangers, mut by) = (0, 0, BTreeMap::<String, usize>::new());
    for row in rows {
        let (sha256, view, answer) = row.unwrap();
        let Some(version) = versions.get(&sha256) else {
            strangers += 1;
            continue;
        };
        *by.entry(sha256).or_default() += 1;
        let view: View = serde_json::from_str(&view).unwrap();
        let (shown, _) = version.decide(&view).unwrap();
        let again = [false, true].map(|changed| {
            let shown: Vec<Shown> = verdicts(&view, &Answer::Shown(shown.clone()), changed)
                .into_iter()
                .map(|verdict| Shown {
                    account: verdict.account,
                    count: verdict.shown,
                    note: verdict.note,
                })
                .collect();
            serde_json::to_string(&shown).unwrap()
        });
        if !again.contains(&answer) {
            otherwise += 1;
        }
    }
    assert_eq!(by.len(), versions.len(), "both decided: {by:?}");
    [otherwise, strangers]
}
