//! Law 4 for components that import WASI: whatever they try, they get the same inert world each time.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod common;

use common::handmade::{GOOD, Handmade};
use common::{desk, first_party_bytes, view, wasip2};
use fillsync_core::view::{Role, View};
use fillsync_plugin_host::{
    CallError, LOG_BYTES_MAX, LOG_LINES_MAX, Limits, Loaded, LogLevel, PluginEngine, Stage,
};
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// Compiled once for all of these tests: what is tested is the answers, not the compiler.
fn engine() -> &'static PluginEngine {
    static ENGINE: OnceLock<PluginEngine> = OnceLock::new();
    let cache = || Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled");
    ENGINE.get_or_init(|| PluginEngine::with_cache(&cache()).unwrap())
}

fn trouble() -> View {
    let members = [
        ("a", Role::Main, 1),
        ("b", Role::Mirror, 1),
        ("c", Role::Mirror, 1),
        ("d", Role::Mirror, 1),
    ];
    view("trouble", &members)
}

/// Time enough for a busy machine; fuel decides.
fn patient() -> Limits {
    Limits {
        time: Duration::from_secs(30),
        ..Limits::default()
    }
}

fn curious(deed: &str, limits: &Limits) -> Arc<Loaded> {
    let settings = format!(r#"{{"deed":"{deed}","group":"trouble"}}"#);
    engine().load(&wasip2().0, &settings, limits).unwrap()
}

/// What the deed found, in words; the same twice.
fn found(deed: &str) -> Vec<String> {
    let plugin = curious(deed, &patient());
    let ask = || {
        let (shown, report) = plugin.decide(&trouble()).unwrap();
        let notes: Vec<String> = shown.into_iter().filter_map(|row| row.note).collect();
        (notes, report.fuel)
    };
    let first = ask();
    assert_eq!(first, ask(), "{deed}");
    first.0
}

/// How the deed ends; the next question is answered as if nothing had been.
fn end_of(deed: &str) -> CallError {
    let plugin = curious(deed, &patient());
    let error = plugin.decide(&trouble()).unwrap_err();
    assert!(error.is_plugins_fault(), "{deed}: {error}");
    assert!(plugin.decide(&desk(2, 1)).is_ok(), "{deed}");
    error
}

#[test]
fn what_cargo_builds_for_wasip2_answers_as_what_ships() {
    let (_, wasip2) = wasip2();
    let plugin = engine().load(wasip2, "", &Limits::default()).unwrap();
    let wasi = |plugin: &Loaded| {
        let imports = plugin.imports().iter();
        imports.filter(|import| import.starts_with("wasi:")).count()
    };
    assert!(wasi(&plugin) > 0, "{:?}", plugin.imports());
    let shipped = engine()
        .load(first_party_bytes("max-count"), "", &Limits::default())
        .unwrap();
    assert_eq!(wasi(&shipped), 0);
    for counts in [(0, 0), (2, 1), (3, 3)] {
        let view = desk(counts.0, counts.1);
        assert_eq!(
            plugin.decide(&view).unwrap().0,
            shipped.decide(&view).unwrap().0
        );
    }
}

#[test]
fn law_04_there_is_nothing_to_see() {
    assert_eq!(
        found("look-around"),
        [
            "variables: 0",
            "arguments: 0",
            "input: (Some(0), \"\")",
            "moment: Some(946684800001)",
        ]
    );
    assert_eq!(
        found("files"),
        [
            "read: Err(NotFound)",
            "write: Err(NotFound)",
            "list: Err(NotFound)",
        ]
    );
    assert_eq!(
        found("network"),
        [
            "connect: Err(PermissionDenied)",
            "listen: Err(PermissionDenied)",
            "send: Err(PermissionDenied)",
            "resolve: Err(PermissionDenied)",
        ]
    );
}

#[test]
fn law_04_waiting_ends_at_once_and_every_number_is_the_same() {
    assert_eq!(found("busy-wait"), ["waited: 60"]);
    assert_eq!(found("sleep"), ["slept: 3600"]);
    let random = found("randomness");
    let other = PluginEngine::new().unwrap();
    let settings = r#"{"deed":"randomness"}"#;
    let plugin = other
        .load(&wasip2().0, settings, &Limits::default())
        .unwrap();
    let (shown, _) = plugin.decide(&trouble()).unwrap();
    assert_eq!(shown[0].note.as_deref(), random.first().map(String::as_str));
    assert!(random[0].len() > 100, "{random:?}");
}

#[test]
fn what_it_prints_is_a_line_of_its_log_within_the_logs_limits() {
    let (_, report) = curious("print", &patient()).decide(&trouble()).unwrap();
    let lines: Vec<(LogLevel, &str)> = report
        .log
        .iter()
        .map(|line| (line.level, line.message.as_str()))
        .collect();
    assert_eq!(
        lines,
        [
            (LogLevel::Info, "to standard output"),
            (LogLevel::Warn, "to standard error"),
            (LogLevel::Info, "without an end"),
        ]
    );
    let (_, report) = curious("print-flood", &patient())
        .decide(&trouble())
        .unwrap();
    assert!(report.log.len() <= LOG_LINES_MAX);
    let bytes: usize = report.log.iter().map(|line| line.message.len()).sum();
    assert!(bytes <= LOG_BYTES_MAX, "{bytes}");
    assert_eq!(report.log.len() + report.log_dropped as usize, 10_000);
}

#[test]
fn law_08_its_end_is_told_in_its_own_last_words() {
    let CallError::Trapped { cause } = end_of("complain") else {
        panic!("no trap")
    };
    assert!(
        cause.ends_with("I cannot go on over the second of two lines, and that is my last word"),
        "{cause}"
    );
    let CallError::Trapped { cause } = end_of("exit") else {
        panic!("no trap")
    };
    assert!(cause.contains("it called exit"), "{cause}");
}

#[test]
fn law_08_whoever_asks_for_too_much_of_wasi_is_stopped() {
    for (deed, words) in [
        ("random-flood", "more than 1048576 random bytes"),
        ("hoard-handles", "more than 1000 handles"),
    ] {
        let error = end_of(deed).to_string();
        assert!(error.contains(words), "{deed}: {error}");
    }
    // By fuel or by the number of its calls.
    for deed in ["print-without-end", "look-at-clock-forever"] {
        let error = end_of(deed);
        assert!(
            matches!(error, CallError::OutOfFuel { .. })
                || error.to_string().contains("1000000 times"),
            "{deed}: {error}"
        );
    }
    let patient = Limits {
        fuel: 20_000_000_000,
        ..patient()
    };
    let error = curious("look-at-clock-forever", &patient)
        .decide(&trouble())
        .unwrap_err();
    assert!(error.to_string().contains("1000000 times"), "{error}");
}

#[test]
fn law_08_the_end_of_time_comes_and_the_call_ends() {
    let plugin = curious("sleep-forever", &patient());
    assert_eq!(plugin.decide(&trouble()).unwrap().0.len(), 4);
}

/// A component that imports something of WASI that no version has, and calls it.
fn unheard_of(result: &str, core: &str, call: &str) -> Vec<u8> {
    let package = format!(
        "package wasi:filesystem@0.2.99 {{ interface types {{ unheard-of: func() -> {result}; }} }}"
    );
    let fields = format!(
        r#"(import "wasi:filesystem/types@0.2.99" "unheard-of" (func $unheard-of (result {core})))"#
    );
    Handmade {
        imports: ["import wasi:filesystem/types@0.2.99;", &package],
        fields: &fields,
        deed: call,
        ..GOOD
    }
    .module()
}

#[test]
fn what_has_no_answer_stops_the_plugin_and_is_named() {
    let call = "(drop (call $unheard-of)) (call $own (local.get $view))";
    let plugin = |result, core| {
        let component = unheard_of(result, core, call);
        engine().load(&component, "", &Limits::default()).unwrap()
    };
    let error = plugin("u64", "i64").decide(&trouble()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "it trapped: it called wasi:filesystem/types unheard-of: a plugin has no files"
    );
    // What its type lets refuse is refused, and the plugin goes on.
    let plugin = plugin("result", "i32");
    assert!(plugin.decide(&trouble()).is_ok());
}

#[test]
fn wasi_of_another_shape_is_not_taken() {
    let package = "package wasi:clocks@0.2.3 { interface wall-clock { now: func() -> u8; } }";
    let component = Handmade {
        imports: ["import wasi:clocks/wall-clock@0.2.3;", package],
        fields: r#"(import "wasi:clocks/wall-clock@0.2.3" "now" (func (result i32)))"#,
        ..GOOD
    };
    let rejection = engine()
        .load(&component.module(), "", &Limits::default())
        .unwrap_err();
    assert_eq!(rejection.stage, Stage::World, "{rejection}");
    assert!(
        rejection.cause.contains("wasi:clocks/wall-clock@0.2.3"),
        "{rejection}"
    );
}
