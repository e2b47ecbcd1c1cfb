//! What authors get wrong, and that each of it is answered with what to do.
//!
//! Two tables: what keeps a file from being loaded, and what spoils an answer. A row that only says
//! what happened and not what to change fails here.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod common;

use common::{engine, first_party_bytes, hostile, hostile_modules, renamed};
use fillsync_plugin_host::kit::{self, Question, StageOutcome, read_case};
use fillsync_plugin_host::{Limits, Stage};
use std::time::Duration;

/// A mistake in a file: its bytes and settings, the stage, words of the cause, words of the fix.
type Mistake = (
    &'static str,
    Vec<u8>,
    &'static str,
    Stage,
    &'static str,
    &'static str,
);

fn mistakes() -> Vec<Mistake> {
    let good = first_party_bytes("quorum");
    let (strategy, _) = hostile();
    let with = |deed: &str| format!(r#"{{"deed":"{deed}"}}"#).leak() as &'static str;
    let native = std::fs::read(std::env::current_exe().unwrap()).unwrap()[..4096].to_vec();
    let mut older = good.to_vec();
    older[4] = 0x0c;
    let rename = |from: &str, to: &str| renamed(good, from, to);
    vec![
        (
            "forgot the target",
            native,
            "{}",
            Stage::Format,
            "built for this machine",
            "fillsync plugin build",
        ),
        (
            "named the source",
            b"fn main() {}".to_vec(),
            "{}",
            Stage::Format,
            "is text",
            "the .wasm file",
        ),
        (
            "an empty file",
            Vec::new(),
            "{}",
            Stage::Format,
            "empty",
            "rename it",
        ),
        (
            "a core module",
            b"\0asm\x01\0\0\0".to_vec(),
            "{}",
            Stage::Format,
            "core module",
            "fillsync plugin build",
        ),
        (
            "old tools",
            older,
            "{}",
            Stage::Format,
            "another version",
            "current tools",
        ),
        (
            "cut off",
            good[..good.len() / 2].to_vec(),
            "{}",
            Stage::Format,
            "damaged",
            "copy it again",
        ),
        (
            "another world",
            rename(
                "fillsync:plugin/strategy@1.0.0",
                "fillsync:plugin/answerer@1.0.0",
            ),
            "{}",
            Stage::World,
            "neither",
            "strategy-plugin or formatter-plugin",
        ),
        (
            "a later contract",
            rename(
                "fillsync:plugin/strategy@1.0.0",
                "fillsync:plugin/strategy@2.0.0",
            ),
            "{}",
            Stage::World,
            "1.x",
            "wit/v1",
        ),
        (
            "another import",
            rename("fillsync:plugin/log@1.0.0", "fillsync:plugin/lag@1.0.0"),
            "{}",
            Stage::Imports,
            "fillsync:plugin/lag",
            "may import fillsync:plugin/log",
        ),
        (
            "a schema that is not JSON",
            renamed(
                strategy,
                r#"{"type":"object","properties":{"deed""#,
                r#"<"type":"object","properties":{"deed""#,
            ),
            "{}",
            Stage::Describe,
            "not JSON",
            r#""properties""#,
        ),
        (
            "settings that are not JSON",
            good.to_vec(),
            "k=1",
            Stage::Schema,
            "not JSON",
            r#"{"key": "value"}"#,
        ),
        (
            "a setting that is not there",
            good.to_vec(),
            r#"{"kk":1}"#,
            Stage::Schema,
            "settings/kk",
            "it has: k",
        ),
        (
            "a setting out of range",
            good.to_vec(),
            r#"{"k":0}"#,
            Stage::Schema,
            "settings/k",
            "plugin inspect",
        ),
        (
            "settings that it refuses",
            strategy.clone(),
            with("refuse"),
            Stage::Configure,
            "/deed: not this one",
            "settings",
        ),
        (
            "a panic",
            strategy.clone(),
            with("panic"),
            Stage::SelfTest,
            "I was told to panic over GTCUSDT",
            "undecided",
        ),
        (
            "recursion",
            strategy.clone(),
            with("recurse"),
            Stage::SelfTest,
            "stack",
            "recursion without an end",
        ),
        (
            "a loop",
            strategy.clone(),
            with("loop"),
            Stage::SelfTest,
            "fuel",
            "fillsync plugin bench",
        ),
        (
            "a loop in configure",
            strategy.clone(),
            with("loop-in-configure"),
            Stage::Configure,
            "fuel",
            "fillsync plugin bench",
        ),
        (
            "too much memory",
            strategy.clone(),
            with("allocate"),
            Stage::SelfTest,
            "its limit is 64 MiB",
            "limits = { memory",
        ),
        (
            "an answer too large",
            strategy.clone(),
            with("flood-answer"),
            Stage::SelfTest,
            "too large",
            "one sentence",
        ),
        (
            "an unknown account",
            strategy.clone(),
            with("stranger"),
            Stage::SelfTest,
            "nobody",
            "view.members",
        ),
        (
            "an account twice",
            strategy.clone(),
            with("twice"),
            Stage::SelfTest,
            "twice",
            "once for each member",
        ),
        (
            "an account left out",
            strategy.clone(),
            with("leave-out"),
            Stage::SelfTest,
            "no answer for",
            "observers",
        ),
        (
            "a count above the slots",
            strategy.clone(),
            with("too-many"),
            Stage::SelfTest,
            "1000000",
            "view.slots",
        ),
        (
            "a failure of its own",
            strategy.clone(),
            with("fail"),
            Stage::SelfTest,
            "it broke",
            "internal",
        ),
    ]
}

#[test]
fn every_mistake_names_its_fix() {
    for (mistake, bytes, settings, stage, cause, fix) in mistakes() {
        let passage = kit::check(engine(), &bytes, settings, &Limits::default());
        let rejection = passage.loaded.expect_err(mistake);
        assert_eq!(rejection.stage, stage, "{mistake}: {rejection}");
        assert!(rejection.cause.contains(cause), "{mistake}: {rejection}");
        let hint = rejection
            .hint
            .unwrap_or_else(|| panic!("{mistake}: no hint for {}", rejection.cause));
        assert!(hint.contains(fix), "{mistake}: {hint}");
        let failed: Vec<Stage> = passage
            .stages
            .iter()
            .filter(|report| report.outcome == StageOutcome::Failed)
            .map(|report| report.stage)
            .collect();
        assert_eq!(failed, [stage], "{mistake}: exactly one stage fails");
    }
}

#[test]
fn what_is_too_slow_for_the_clock_is_told_with_the_key() {
    let limits = Limits {
        fuel: 20_000_000_000,
        time: Duration::from_millis(50),
        ..Limits::default()
    };
    let rejection = kit::check(engine(), &hostile().0, r#"{"deed":"loop"}"#, &limits)
        .loaded
        .unwrap_err();
    assert!(rejection.cause.contains("50 ms"), "{rejection}");
    assert!(rejection.hint.unwrap().contains("limits = { time"));
}

#[test]
fn a_good_file_passes_every_stage_and_says_what_it_is() {
    let passage = kit::check(
        engine(),
        first_party_bytes("quorum"),
        r#"{"k":2}"#,
        &Limits::default(),
    );
    assert!(passage.loaded.is_ok());
    assert!(
        passage
            .stages
            .iter()
            .all(|report| report.outcome == StageOutcome::Passed)
    );
    let found = |stage: Stage| {
        passage
            .stages
            .iter()
            .find(|report| report.stage == stage)
            .unwrap()
            .found
            .clone()
    };
    assert_eq!(
        found(Stage::World),
        "strategy-plugin of fillsync:plugin@1.0.0"
    );
    assert!(found(Stage::Describe).starts_with("quorum 1.0.0: Every account"));
    assert_eq!(found(Stage::Schema), r#"{"k":2}"#);
}

#[test]
fn what_reaches_nothing_is_proven_and_what_imports_more_is_not() {
    let good = first_party_bytes("quorum");
    assert!(kit::inspect(good).unwrap().is_proven);
    let more = renamed(
        good,
        "fillsync:plugin/log@1.0.0",
        "wasi:clocks/any-clock@0.2",
    );
    let more = kit::inspect(&more).unwrap();
    assert!(
        !more.is_proven
            && more
                .imports
                .iter()
                .any(|import| import.starts_with("wasi:"))
    );
    let (module, _) = hostile_modules();
    let module = kit::inspect(&module).unwrap();
    assert!(!module.is_component && module.is_proven, "{module:?}");
}

#[test]
fn the_order_of_a_hash_map_is_the_same_at_every_call() {
    let plugin = engine()
        .load(&hostile().0, r#"{"deed":"hash-order"}"#, &Limits::default())
        .expect("it gives the same answer twice");
    let case = read_case(
        r#"{"view": {"members": [{"account": "a"}, {"account": "b"}, {"account": "c"}, {"account": "d"}, {"account": "e"}]}}"#,
    )
    .unwrap();
    let first = kit::ask(&plugin, &case.question).said.unwrap();
    for _ in 0..50 {
        assert_eq!(kit::ask(&plugin, &case.question).said.unwrap(), first);
    }
}

#[test]
fn a_failed_call_tells_what_it_used_and_wrote() {
    let plugin = common::trouble("panic");
    let text = r#"{"view": {"group": "trouble", "members": [{"account": "main"}]}}"#;
    let asked = kit::ask(&plugin, &read_case(text).unwrap().question);
    let error = asked.said.unwrap_err();
    assert!(
        kit::remedy(&error).contains("last words"),
        "{}",
        kit::remedy(&error)
    );
    assert!(asked.report.fuel > 0 && asked.report.memory_bytes > 0);
    assert!(
        asked
            .report
            .log
            .iter()
            .any(|line| line.message.contains("told to panic")),
        "{:?}",
        asked.report.log
    );
}

#[test]
fn figures_are_of_the_question_and_shares_of_the_limits() {
    let plugin = common::load("quorum", "{}");
    let case = kit::canned(plugin.card().kind).unwrap();
    let figures = kit::bench(&plugin, &case.question, 25).unwrap();
    assert_eq!(figures.calls, 25);
    assert!(figures.p50 <= figures.p99 && figures.p99 <= figures.slowest);
    let again = kit::bench(&plugin, &case.question, 3).unwrap();
    assert_eq!(
        (figures.fuel, figures.memory_bytes),
        (again.fuel, again.memory_bytes)
    );
    let fuel = figures
        .shares
        .iter()
        .find(|share| share.limit == "fuel")
        .unwrap();
    assert_eq!(
        u64::from(fuel.thousandths),
        (figures.fuel * 1_000).div_ceil(plugin.limits().fuel)
    );
}

#[test]
fn redaction_changes_no_strategys_answer() {
    let views = [
        r#"{"view": {"group": "secret", "members": [{"account": "zoe", "role": "main", "filled": [1]}, {"account": "adam", "filled": [1, 2], "known": false}, {"account": "max", "role": "observer", "filled": [1, 2, 3]}]}}"#,
        r#"{"view": {"members": [{"account": "x", "role": "main", "legs": [{"slot": 1, "state": "filled", "quantity": "3"}, {"slot": 2, "state": "partial", "quantity": "3", "filled_quantity": "1"}]}, {"account": "b", "shown_before": 1, "filled": [2]}]}}"#,
    ];
    for text in views {
        let case = read_case(text).unwrap();
        let mut redaction = kit::Redaction::default();
        redaction.learn(&case.question);
        let redacted = redaction.redact(&case).unwrap();
        for name in [
            "max-count",
            "main-master",
            "mirror-follows-main",
            "union-by-slot",
            "quorum",
        ] {
            let plugin = common::load(name, "{}");
            let counts = |question: &Question| match kit::ask(&plugin, question).said.unwrap() {
                kit::Said::Shown(rows) => rows.into_iter().map(|row| row.shown).collect::<Vec<_>>(),
                other => panic!("{name}: {other:?}"),
            };
            assert_eq!(counts(&case.question), counts(&redacted.question), "{name}");
        }
    }
}
