//! The components that ship, asked through the engine: the seed's vectors, determinism, exact text.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod common;

use common::{alert, desk, divergence, fill, load, progress, target, view};
use fillsync_core::message::Rendered;
use fillsync_core::view::{Role, View};
use fillsync_plugin_host::{Limits, PluginKind, first_party};

fn counts(strategy: &str, settings: &str, view: &View) -> Vec<u32> {
    let (shown, _) = load(strategy, settings).decide(view).unwrap();
    shown.iter().map(|row| row.count).collect()
}

fn text(formatter: &str, body: fillsync_core::alert::AlertBody) -> String {
    let (rendered, _) = load(formatter, "")
        .format(&alert("desk", body), &target())
        .unwrap();
    match rendered {
        Rendered::Rich(message) => message.to_string(),
        Rendered::Raw { json, .. } => json,
    }
}

#[test]
fn every_one_of_them_stands_every_stage_and_says_its_own_name() {
    for plugin in first_party() {
        let loaded = load(plugin.name, "");
        assert_eq!(loaded.card().name.as_str(), plugin.name);
        assert_eq!(loaded.card().kind, plugin.kind);
        assert_eq!(loaded.sha256().len(), 64);
    }
    assert!(
        first_party()
            .iter()
            .any(|plugin| plugin.kind == PluginKind::Formatter)
    );
}

#[test]
fn the_seeds_vectors_hold_through_the_components() {
    assert_eq!(counts("max-count", "", &desk(2, 1)), [2, 2]);
    assert_eq!(counts("max-count", "", &desk(1, 2)), [2, 2]);
    assert_eq!(counts("main-master", "", &desk(1, 2)), [1, 1]);
    assert_eq!(counts("max-count", "", &desk(3, 3)), [3, 3]);
    assert_eq!(counts("mirror-follows-main", "", &desk(2, 1)), [2, 2]);
    assert_eq!(counts("mirror-follows-main", "", &desk(1, 2)), [1, 2]);
    assert_eq!(
        counts("mirror-follows-main", r#"{"prefer":"main"}"#, &desk(1, 2)),
        [1, 1]
    );
    assert_eq!(counts("union-by-slot", "", &desk(2, 1)), [2, 2]);
    assert_eq!(counts("quorum", "", &desk(2, 1)), [1, 1]);
    assert_eq!(counts("quorum", r#"{"k":1}"#, &desk(2, 1)), [2, 2]);
}

#[test]
fn observers_move_no_count() {
    let view = view(
        "desk",
        &[("main", Role::Main, 1), ("watcher", Role::Observer, 3)],
    );
    for strategy in [
        "max-count",
        "main-master",
        "mirror-follows-main",
        "union-by-slot",
        "quorum",
    ] {
        assert_eq!(counts(strategy, "", &view), [1, 3], "{strategy}");
    }
}

/// Law 4: the same view, plugin and settings give the same decision and the same fuel.
#[test]
fn law_4_the_same_question_has_the_same_answer_and_the_same_cost() {
    let plugin = load("max-count", "");
    let again = load("max-count", "");
    let (first, cost) = plugin.decide(&desk(2, 1)).unwrap();
    for _ in 0..50 {
        let (shown, report) = plugin.decide(&desk(2, 1)).unwrap();
        assert_eq!((&shown, report.fuel), (&first, cost.fuel));
        let (shown, report) = again.decide(&desk(2, 1)).unwrap();
        assert_eq!((&shown, report.fuel), (&first, cost.fuel));
    }
    assert!(
        cost.fuel > 0 && cost.fuel < Limits::default().fuel / 100,
        "{}",
        cost.fuel
    );
    assert!(
        cost.memory_bytes < Limits::default().memory_bytes / 8,
        "{}",
        cost.memory_bytes
    );
}

#[test]
fn the_layouts_of_the_default_formatter() {
    insta::assert_snapshot!(text("limit-fill", fill(common::count(1, 2))), @r"
    📊 LIMIT ORDER FILLED
    📈 GTCUSDT Sell (MIRROR)
    ✅ 2 of 3 orders filled [Synchronized count]
       this account: 1 seen (L1); venue data complete to 12:00:03Z
    ");
    insta::assert_snapshot!(text("limit-fill", divergence()), @r"
    ⚠️ ACCOUNTS DIVERGED  GTCUSDT Sell  cycle 12
    L2 @0.2215: MAIN filled 12:00:01Z · MIRROR still open 0/150 (checked 12:00:31Z)
    ");
    insta::assert_snapshot!(text("limit-fill", progress()), @r"
    🎯 LIMIT ORDERS PROGRESS
    📈 GTCUSDT Sell (MIRROR)
    📊 66.67% of the plan filled (was 33.33%): 300 of 450
    ✅ 2 of 3 orders filled [Synchronized count]
       this account: 1 seen
    ");
}

#[test]
fn the_layouts_of_the_others() {
    insta::assert_snapshot!(text("fill-progress", progress()), @r"
    📊 POSITION FILLED FURTHER
    📈 GTCUSDT Sell (MIRROR)
    ▓▓▓▓▓▓░░░░ 66.67% filled (was 33.33%)
    300 of 450
    ✅ 2 of 3 orders filled [Synchronized count]
       this account: 1 seen
    ");
    insta::assert_snapshot!(text("plain", fill(common::count(2, 2))), @r"
    LIMIT ORDER FILLED
    GTCUSDT Sell (MIRROR)
    2 of 3 orders filled
    ");
    insta::assert_snapshot!(text("plain", divergence()), @r"
    ACCOUNTS DIVERGED  GTCUSDT Sell  cycle 12
    L2 @0.2215: MAIN filled 12:00:01Z | MIRROR still open 0/150 (checked 12:00:31Z)
    ");
}

#[test]
fn a_strategy_does_not_format_and_a_formatter_does_not_decide() {
    let error = load("max-count", "")
        .format(&alert("desk", progress()), &target())
        .unwrap_err();
    assert_eq!(error.class(), "kind");
    assert_eq!(
        load("plain", "").decide(&desk(1, 1)).unwrap_err().class(),
        "kind"
    );
}
