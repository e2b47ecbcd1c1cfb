//! Plugins: what they may cost when they misbehave, and how they are exchanged.

use crate::rig::{Daemon, Rig, SYMBOL, eventually, so};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The hostile guests, as cargo leaves them: the strategy and the formatter.
pub fn hostile() -> &'static (Vec<u8>, Vec<u8>) {
    static HOSTILE: OnceLock<(Vec<u8>, Vec<u8>)> = OnceLock::new();
    HOSTILE.get_or_init(|| {
        let target_dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("guests");
        let mut cargo = Command::new(env!("CARGO"));
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("CARGO") && text != "CARGO_HOME" || text.starts_with("RUSTFLAGS") {
                cargo.env_remove(&name);
            }
        }
        let status = cargo
            .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../plugins"))
            .args(["build", "--quiet", "--locked", "--release"])
            .args(["--target", "wasm32-unknown-unknown"])
            .args([
                "-p",
                "fillsync-hostile-strategy",
                "-p",
                "fillsync-hostile-formatter",
            ])
            .arg("--target-dir")
            .arg(&target_dir)
            .status()
            .unwrap();
        assert!(status.success(), "the hostile guests do not build");
        let read = |name: &str| {
            let file = format!("wasm32-unknown-unknown/release/fillsync_hostile_{name}.wasm");
            std::fs::read(target_dir.join(file)).unwrap()
        };
        (read("strategy"), read("formatter"))
    })
}

pub fn component(name: &str) -> &'static [u8] {
    fillsync_plugin_host::first_party()
        .iter()
        .find(|plugin| plugin.name == name)
        .unwrap()
        .bytes
}

impl Rig {
    pub fn plugin_file(&self, name: &str) -> PathBuf {
        self.folder.path().join("plugins").join(name)
    }

    /// Puts a file into the plugin folder, as `mv` does.
    pub fn put_plugin(&self, name: &str, bytes: &[u8]) {
        let draft = self.plugin_file(&format!("{name}.draft"));
        std::fs::write(&draft, bytes).unwrap();
        std::fs::rename(&draft, self.plugin_file(name)).unwrap();
    }
}

/// Fills main twice and the mirror once, and gives the texts of their fill alerts.
fn three_fills(rig: &Rig, symbol: &str) -> Vec<String> {
    let main = [
        rig.place_in(symbol, "main", 1),
        rig.place_in(symbol, "main", 2),
    ];
    let mirror = [
        rig.place_in(symbol, "mirror", 1),
        rig.place_in(symbol, "mirror", 2),
    ];
    // At one instant, so that all three are cut from one decision.
    let now = rig.now_ms();
    for order in [&main[0], &main[1], &mirror[0]] {
        rig.fill_at(order, Some(now));
    }
    eventually(&format!("three alerts of {symbol}"), || {
        let mut texts: Vec<String> = rig
            .of_kind("fill")
            .into_iter()
            .filter(|message| message.text.contains(symbol))
            .map(|message| message.text)
            .collect();
        texts.sort();
        if texts.len() == 3 {
            Ok(texts)
        } else {
            Err(format!("{:#?}", rig.messages()))
        }
    })
}

/// Own counts without a mark, each said to be not synchronised.
fn assert_own_counts(texts: &[String]) {
    for text in texts {
        let own = if text.contains("(MAIN)") {
            "2 of 2"
        } else {
            "1 of 2"
        };
        assert!(text.contains(own), "{text}");
        assert!(!text.contains("[Synchronized count]"), "{text}");
        assert!(text.contains("not synchronised"), "{text}");
    }
}

#[test]
fn law_08_a_strategy_that_misbehaves_costs_its_own_answer_only() {
    let rig = Rig::new();
    rig.put_plugin("hostile.wasm", &hostile().0);
    rig.edit("name = \"desk\"", "name = \"trouble\"");
    rig.edit("strategy = \"max-count\"", "strategy = \"hostile\"");
    rig.append("[plugin.hostile]\nsettings = { deed = \"panic\", group = \"trouble\" }\n");
    let daemon = rig.start_ready();
    let mut deed = "panic";
    for (next, symbol) in [
        ("panic", "AUSDT"),
        ("loop", "BUSDT"),
        ("flood-answer", "CUSDT"),
        ("too-many", "DUSDT"),
        ("allocate", "EUSDT"),
    ] {
        if next != deed {
            let reloads = daemon.events("config_reloaded").len();
            rig.edit(&format!("deed = \"{deed}\""), &format!("deed = \"{next}\""));
            eventually("the next deed is in force", || {
                so(
                    daemon.events("config_reloaded").len() > reloads,
                    daemon.log(),
                )
            });
            deed = next;
        }
        assert_own_counts(&three_fills(&rig, symbol));
        daemon.wait_for_counts(symbol, [(2, 2), (1, 1)]);
    }
    assert!(daemon.events("plugin_rejected").is_empty());
    assert!(!daemon.events("plugin_failed").is_empty());
    let plugins = daemon.json("/plugins").to_string();
    assert!(plugins.contains("hostile"), "{plugins}");
    // The operator is told that it was set aside.
    eventually("the failing plugin is told", || {
        let system = rig.of_kind("system");
        so(
            system
                .iter()
                .any(|message| message.text.contains("plugin hostile failed")),
            system,
        )
    });
    // It costs no other work, but somebody should look: health says which plugin, and until when.
    let (status, body) = daemon.ask("/health");
    assert_eq!(status, 503, "{body}");
    assert!(body.contains("plugin hostile is set aside until"), "{body}");
}

#[test]
fn law_08_a_formatter_that_traps_costs_its_own_words_only() {
    let rig = Rig::new();
    rig.put_plugin("hostile-formatter.wasm", &hostile().1);
    rig.edit("name = \"desk\"", "name = \"trouble\"");
    rig.edit(
        "formatter = \"limit-fill\"",
        "formatter = \"hostile-formatter\"",
    );
    rig.append("[plugin.hostile-formatter]\nsettings = { deed = \"panic\" }\n");
    let daemon = rig.start_ready();
    let texts = three_fills(&rig, SYMBOL);
    let marked = texts
        .iter()
        .filter(|text| text.contains("[Synchronized count]"));
    assert_eq!(marked.count(), 1, "{texts:#?}");
    for text in &texts {
        assert!(text.contains("2 of 2 orders filled"), "{text}");
        assert!(
            text.contains("plain words: formatter hostile-formatter"),
            "{text}"
        );
    }
    daemon.wait_for_event("plugin_failed");
}

/// Every decision of the group about a symbol: its moment, its facts and its answer, byte for byte.
fn decisions(rig: &Rig, symbol: &str) -> Vec<(i64, String, String)> {
    use fillsync_core::id::{GroupName, Symbol};
    let (group, symbol) = (
        GroupName::new("desk").unwrap(),
        Symbol::new(symbol).unwrap(),
    );
    let side = fillsync_core::order::PositionSide::Short;
    let rows = rig
        .reader()
        .latest_decisions(&group, &symbol, side, 1)
        .unwrap();
    rows.into_iter()
        .map(|row| {
            (
                row.moment.us(),
                row.facts_hash,
                serde_json::to_string(&row.shown).unwrap(),
            )
        })
        .collect()
}

#[test]
fn law_04_the_same_facts_are_decided_the_same_way_on_another_ledger() {
    let rig = Rig::new();
    let now = rig.now_ms();
    for (account, slot, age) in [
        ("main", 1, 9_000),
        ("mirror", 1, 8_000),
        ("main", 2, 7_500),
        ("mirror", 2, 4_000),
        ("mirror", 3, 3_500),
    ] {
        let order = fillsync_fake::NewOrder::limit(
            SYMBOL,
            fillsync_fake::Side::Sell,
            "150",
            crate::rig::PRICES[slot - 1],
        );
        let order = rig
            .bybit
            .book()
            .place_order(account, order.at_ms(now - 20_000))
            .unwrap();
        rig.fill_at(&order, Some(now - age));
    }
    let decide = || {
        let mut daemon = rig.start_ready();
        daemon.wait_for_counts(SYMBOL, [(2, 3), (3, 3)]);
        assert!(daemon.stop().success());
        decisions(&rig, SYMBOL)
    };
    let first = decide();
    assert_eq!(first.len(), 5, "{first:#?}");
    for entry in ["fillsync.db", "fillsync.db-wal", "fillsync.db-shm"] {
        let _ = std::fs::remove_file(rig.folder.path().join(entry));
    }
    assert_eq!(first, decide());
}

fn wait_for_rejection(daemon: &Daemon, before: usize) {
    eventually("the candidate is rejected", || {
        so(
            daemon.events("plugin_rejected").len() > before,
            daemon.log(),
        )
    });
}

#[test]
fn law_15_a_bad_plugin_file_leaves_the_good_one_and_a_swap_loses_nothing() {
    let rig = Rig::new();
    rig.put_plugin("house.wasm", component("max-count"));
    rig.edit("strategy = \"max-count\"", "strategy = \"house\"");
    rig.append("[plugin.house]\n");
    let daemon = rig.start_ready();
    let main = rig.place("main", 1);
    let mirror = [1, 2, 3].map(|slot| rig.place("mirror", slot));
    rig.fill(&main);
    rig.fill(&mirror[0]);
    rig.fill(&mirror[1]);
    daemon.wait_for_counts(SYMBOL, [(1, 2), (2, 2)]);

    // No component at all, half a component, and one that is a formatter.
    let half = &component("max-count")[..2_000];
    for garbage in [b"this is no component".as_slice(), half, component("plain")] {
        let before = daemon.events("plugin_rejected").len();
        rig.put_plugin("house.wasm", garbage);
        wait_for_rejection(&daemon, before);
    }
    // What is named like a component but is a folder stops nothing either.
    std::fs::create_dir(rig.plugin_file("folder.wasm")).unwrap();
    rig.fill(&mirror[2]);
    rig.wait_for("fill", 4);
    daemon.wait_for_counts(SYMBOL, [(1, 3), (3, 3)]);

    // A good one takes over, with fills coming in meanwhile.
    let next = rig.place("main", 2);
    rig.put_plugin("house.wasm", component("main-master"));
    rig.fill(&next);
    daemon.wait_for_event("plugin_swapped");
    daemon.wait_for_counts(SYMBOL, [(2, 2), (3, 2)]);
    rig.wait_for_all_fills();
    rig.wait_for("fill", 5);
    // Gone is not changed: what runs stays.
    std::fs::remove_file(rig.plugin_file("house.wasm")).unwrap();
    daemon.wait_for_event("plugin_file_gone");
    rig.fill(&rig.place("main", 3));
    daemon.wait_for_counts(SYMBOL, [(3, 3), (3, 3)]);
    rig.wait_for("fill", 6);
}

#[test]
fn law_15_a_configuration_that_is_refused_applies_no_half() {
    // The first plugin's new settings are good, the second's are not: neither takes effect.
    let rig = Rig::new();
    rig.put_plugin("all-agree.wasm", component("quorum"));
    rig.edit("strategy = \"max-count\"", "strategy = \"all-agree\"");
    rig.append("[plugin.all-agree]\nsettings = { k = 1 }\n[plugin.limit-fill]\nsettings = { }\n");
    let daemon = rig.start_ready();
    let main = rig.place("main", 1);
    rig.place("mirror", 1);
    rig.fill(&main);
    daemon.wait_for_counts(SYMBOL, [(1, 1), (0, 1)]);
    let half = rig
        .config()
        .replace("settings = { k = 1 }", "settings = { k = 2 }")
        .replace("settings = { }", "settings = { nonsense = 1 }");
    std::fs::write(rig.config_path(), half).unwrap();
    daemon.wait_for_event("config_rejected");
    rig.fill(&rig.place("main", 2));
    rig.wait_for("fill", 2);
    daemon.wait_for_counts(SYMBOL, [(2, 2), (0, 2)]);
}

#[test]
fn a_plugin_that_cannot_be_loaded_at_the_start_is_told_to_the_operator() {
    let rig = Rig::new();
    rig.put_plugin("max-count.wasm", b"this is no component");
    let daemon = rig.start_ready();
    let told = rig.wait_for("system", 1).remove(0);
    assert!(
        told.text.contains("plugin max-count was not taken"),
        "{}",
        told.text
    );
    // Own counts are shown meanwhile, and the alerts go out.
    assert_own_counts(&three_fills(&rig, SYMBOL));
    rig.put_plugin("max-count.wasm", component("max-count"));
    daemon.wait_for_event("plugin_loaded");
    daemon.wait_for_counts(SYMBOL, [(2, 2), (1, 2)]);
}
