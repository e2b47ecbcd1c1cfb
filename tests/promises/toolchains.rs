//! Any toolchain: components as the ordinary tools of three languages leave them, in the engine and in
//! the daemon.
//!
//! The same strategy is written in Python and in JavaScript, and so is the same formatter; each pair
//! has one component that imports WASI as its toolchain does by default, and one that imports none.
//! All four must give the same answers, which no difference of clock or randomness could survive.

use crate::questions::{alert, count, desk, divergence, fill, target, view};
use crate::rig::toolchains::{Wasi, javascript, python, rust};
use crate::rig::{Rig, SYMBOL, eventually, so};
use fillsync_core::message::Rendered;
use fillsync_core::view::{Role, View};
use fillsync_plugin_host::{CallError, Limits, Loaded, PluginEngine, first_party};
use std::path::Path;
use std::sync::{Arc, OnceLock};

const STRATEGY: &str = "strategy-plugin";
const FORMATTER: &str = "formatter-plugin";

fn strategies() -> [Vec<u8>; 2] {
    [
        python("typical_count", STRATEGY, Wasi::Default),
        javascript("typical-count", STRATEGY, Wasi::Without),
    ]
}

fn formatters() -> [Vec<u8>; 2] {
    [
        python("one_line", FORMATTER, Wasi::Without),
        javascript("one-line", FORMATTER, Wasi::Default),
    ]
}

/// Loads with the compiled code that all daemons of these tests share.
fn load(component: &[u8], settings: &str) -> Arc<Loaded> {
    static ENGINE: OnceLock<PluginEngine> = OnceLock::new();
    let engine = ENGINE.get_or_init(|| {
        let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled");
        PluginEngine::with_cache(&cache).unwrap()
    });
    let loaded = engine.load(component, settings, &Limits::default());
    loaded.unwrap_or_else(|rejection| panic!("{rejection}"))
}

/// How many interfaces of WASI it imports.
fn wasi(plugin: &Loaded) -> usize {
    let imports = plugin.imports().iter();
    imports.filter(|import| import.starts_with("wasi:")).count()
}

fn views() -> Vec<View> {
    let odd = [
        ("main", Role::Main, 3),
        ("mirror-1", Role::Mirror, 1),
        ("mirror-2", Role::Mirror, 2),
        ("watcher", Role::Observer, 0),
    ];
    vec![desk(2, 1), desk(0, 3), desk(3, 3), view("desk", &odd)]
}

#[test]
fn law_04_strategies_of_any_toolchain_give_the_same_answers() {
    for settings in ["", r#"{"between":"higher"}"#] {
        let [python, javascript] = strategies().map(|component| load(&component, settings));
        // What each toolchain does by default, and what it was told to leave out.
        assert!(wasi(&python) > 20, "{:?}", python.imports());
        assert_eq!(wasi(&javascript), 0);
        for view in views() {
            let (shown, report) = python.decide(&view).unwrap();
            let again = python.decide(&view).unwrap();
            assert_eq!((&shown, report.fuel), (&again.0, again.1.fuel));
            assert_eq!(shown, javascript.decide(&view).unwrap().0);
            assert!(
                report.log[0].message.starts_with("GTCUSDT: ["),
                "{report:?}"
            );
        }
    }
    let higher = load(&strategies()[0], r#"{"between":"higher"}"#);
    let shown = higher.decide(&desk(2, 1)).unwrap().0;
    assert_eq!(
        shown.iter().map(|row| row.count).collect::<Vec<_>>(),
        [2, 2]
    );
    let observers = view("desk", &[("watcher", Role::Observer, 1)]);
    for component in strategies() {
        assert!(matches!(
            load(&component, "").decide(&observers),
            Err(CallError::Undecided { reason }) if reason == "the group has observers only"
        ));
    }
}

#[test]
fn law_04_formatters_of_any_toolchain_make_the_same_message() {
    let [python, javascript] = formatters().map(|component| load(&component, ""));
    assert_eq!(wasi(&python), 0);
    assert!(wasi(&javascript) > 10, "{:?}", javascript.imports());
    for counts in [count(2, 2), count(1, 2)] {
        let alert = alert("desk", fill(counts));
        let message = python.format(&alert, &target()).unwrap().0;
        assert_eq!(message, javascript.format(&alert, &target()).unwrap().0);
        assert_eq!(message, javascript.format(&alert, &target()).unwrap().0);
        let Rendered::Rich(message) = message else {
            panic!("{message:?}")
        };
        let title: String = message.title.iter().map(|span| span.as_plain()).collect();
        assert!(
            title.starts_with("GTCUSDT mirror L2 sell 150 @ 0.2215: "),
            "{title}"
        );
    }
    for plugin in [python, javascript] {
        let error = plugin.format(&alert("desk", divergence()), &target());
        assert!(
            matches!(error, Err(CallError::Unsupported { .. })),
            "{error:?}"
        );
    }
}

#[test]
fn what_cargo_leaves_for_either_target_is_a_plugin_as_it_is() {
    let shipped = first_party()
        .iter()
        .find(|plugin| plugin.name == "max-count")
        .unwrap();
    let shipped = load(shipped.bytes, "");
    let plain = load(&rust("fillsync-max-count", "wasm32-unknown-unknown"), "");
    let wasip2 = load(&rust("fillsync-max-count", "wasm32-wasip2"), "");
    assert_eq!(wasi(&plain), 0);
    assert!(wasi(&wasip2) > 0, "{:?}", wasip2.imports());
    for view in views() {
        let shown = shipped.decide(&view).unwrap().0;
        assert_eq!(plain.decide(&view).unwrap().0, shown);
        assert_eq!(wasip2.decide(&view).unwrap().0, shown);
    }
}

#[test]
fn law_15_python_and_javascript_take_over_from_each_other_while_the_daemon_runs() {
    let ([python_strategy, javascript_strategy], [python_formatter, javascript_formatter]) =
        (strategies(), formatters());
    // The daemon finds them compiled: what is tested is the swap, not the compiler.
    for component in strategies().iter().chain(&formatters()) {
        load(component, "");
    }
    let rig = Rig::new();
    rig.put_plugin("typical-count.wasm", &python_strategy);
    rig.put_plugin("one-line.wasm", &javascript_formatter);
    rig.edit("strategy = \"max-count\"", "strategy = \"typical-count\"");
    rig.edit("formatter = \"limit-fill\"", "formatter = \"one-line\"");
    let limits = "limits = { memory = \"128MiB\", time = \"5s\", fuel = 2000000000 }";
    rig.append(&format!(
        "[plugin.typical-count]\n{limits}\n[plugin.one-line]\n{limits}\n"
    ));
    let daemon = rig.start_ready();
    let main = [1, 2, 3].map(|slot| rig.place("main", slot));
    let mirror = [1, 2, 3].map(|slot| rig.place("mirror", slot));
    rig.fill(&main[0]);
    rig.fill(&main[1]);
    rig.fill(&mirror[0]);
    // The lower of two counts in the middle.
    daemon.wait_for_counts(SYMBOL, [(2, 1), (1, 1)]);
    rig.wait_for("fill", 3);

    rig.put_plugin("typical-count.wasm", &javascript_strategy);
    rig.put_plugin("one-line.wasm", &python_formatter);
    rig.fill(&main[2]);
    eventually("both have taken over", || {
        let swapped = daemon.events("plugin_swapped");
        so(swapped.len() >= 2, daemon.log())
    });
    rig.fill(&mirror[1]);
    daemon.wait_for_counts(SYMBOL, [(3, 2), (2, 2)]);
    let messages = rig.wait_for("fill", 5);
    for message in &messages {
        assert!(
            message
                .text
                .starts_with(&format!("{SYMBOL} {} L", message.account)),
            "{}",
            message.text
        );
    }
    assert!(
        messages
            .iter()
            .any(|message| message.text.contains("1 of 3 (own 2)")),
        "{messages:#?}"
    );
    // What they do not speak for is told in plain words; nothing else was ever amiss.
    rig.wait_for("divergence", 1);
    for unspoken in daemon.events("plugin_failed") {
        let error = unspoken["error"].as_str().unwrap();
        assert!(error.contains("does not speak for this alert"), "{error}");
        assert!(unspoken["until"].is_null(), "set aside: {unspoken}");
    }
    rig.wait_for_all_fills();
}
