//! Laws 4, 8 and 15 against components that mean ill: whatever they do costs their own answer only.
//!
//! `tests/hostile-plugins/README.md` lists them all, with what each does and what must happen; a test
//! below keeps that list true. The daemon meets the worst of them in `tests/promises/hostile.rs`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    unreachable_pub
)]

mod bombs;
mod case;
#[path = "../common/mod.rs"]
mod common;
mod interface;

use case::Case;
use common::{alert, engine, first_party_bytes, hostile, renamed, target, trouble};
use fillsync_core::message::Rendered;
use fillsync_core::view::{NOTE_CHARACTERS_MAX, View};
use fillsync_plugin_host::{
    CallError, LOG_BYTES_MAX, LOG_LINE_BYTES_MAX, LOG_LINES_MAX, Limits, Rejection, Stage,
};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

fn trouble_view() -> View {
    case::trouble()
}

fn cases() -> Vec<Case> {
    let mut cases = interface::cases();
    cases.extend(bombs::cases());
    cases
}

#[test]
fn law_08_lies_at_the_binary_interface_cost_their_own_answer_only() {
    interface::cases().iter().for_each(Case::check);
}

#[test]
fn law_08_bombs_are_found_before_they_go_off() {
    bombs::cases().iter().for_each(Case::check);
}

/// The table of hostile plugins names what the tests have, and the tests have what it names.
#[test]
fn the_table_of_hostile_plugins_is_true() {
    let table = include_str!("../../../../tests/hostile-plugins/README.md");
    let listed: BTreeSet<&str> = table
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`'))
        .map(|(name, _)| name)
        .collect();
    assert!(listed.len() >= 30, "{} are listed", listed.len());
    for case in cases() {
        assert!(listed.contains(case.name), "{} is not listed", case.name);
    }
    let tests = [
        include_str!("main.rs"),
        include_str!("interface.rs"),
        include_str!("bombs.rs"),
        include_str!("../wasi.rs"),
        include_str!("../../../../tests/promises/hostile.rs"),
    ];
    for name in listed {
        let quoted = format!("\"{name}\"");
        assert!(
            tests.iter().any(|test| test.contains(&quoted)),
            "no test has {quoted}"
        );
    }
}

/// Asks for trouble, and then for an ordinary answer, which must still come.
fn error_of(deed: &str) -> CallError {
    let plugin = trouble(deed);
    let error = plugin.decide(&trouble_view()).unwrap_err();
    let (shown, _) = plugin
        .decide(&common::desk(2, 1))
        .expect("the next call has an instance of its own");
    assert_eq!(shown.len(), 2);
    error
}

fn rejection(bytes: &[u8], settings: &str) -> Rejection {
    engine()
        .load(bytes, settings, &Limits::default())
        .unwrap_err()
}

#[test]
fn law_8_a_loop_ends_by_fuel_and_without_fuel_by_time() {
    assert!(matches!(error_of("loop"), CallError::OutOfFuel { .. }));
    let settings = r#"{"deed":"loop","group":"trouble"}"#;
    let limits = Limits {
        fuel: 20_000_000_000,
        time: Duration::from_millis(500),
        ..Limits::default()
    };
    let plugin = engine().load(&hostile().0, settings, &limits).unwrap();
    let started = Instant::now();
    assert_eq!(
        plugin.decide(&trouble_view()).unwrap_err(),
        CallError::TimedOut {
            limit: Duration::from_millis(500)
        }
    );
    assert!(
        started.elapsed() < Duration::from_secs(5),
        "{:?}",
        started.elapsed()
    );
}

#[test]
fn law_8_recursion_and_panics_are_traps_with_last_words() {
    let CallError::Trapped { cause } = error_of("recurse") else {
        panic!("no trap")
    };
    assert!(cause.contains("stack"), "{cause}");
    let CallError::Trapped { cause } = error_of("panic") else {
        panic!("no trap")
    };
    assert!(
        cause.contains("I was told to panic over GTCUSDT"),
        "{cause}"
    );
}

#[test]
fn law_8_memory_is_bounded_and_the_wish_is_named() {
    let limits = Limits {
        memory_bytes: 32 << 20,
        ..Limits::default()
    };
    let settings = r#"{"deed":"allocate","group":"trouble"}"#;
    let plugin = engine().load(&hostile().0, settings, &limits).unwrap();
    let error = plugin.decide(&trouble_view()).unwrap_err();
    let CallError::Memory { asked, limit } = error else {
        panic!("{error}")
    };
    assert!(
        limit == 32 << 20 && asked > limit && asked < limit + (4 << 20),
        "{asked}"
    );
    assert!(
        error.to_string().starts_with("it asked for 3")
            && error.to_string().ends_with("its limit is 32 MiB"),
        "{error}"
    );
}

#[test]
fn law_8_a_flood_is_cut() {
    assert!(matches!(
        error_of("flood-answer"),
        CallError::OutputTooLarge { .. }
    ));
    let (_, report) = trouble("flood-log").decide(&trouble_view()).unwrap();
    assert!(report.log.len() <= LOG_LINES_MAX);
    assert!(
        report
            .log
            .iter()
            .all(|line| line.message.len() <= LOG_LINE_BYTES_MAX)
    );
    assert!(
        report
            .log
            .iter()
            .map(|line| line.message.len())
            .sum::<usize>()
            <= LOG_BYTES_MAX
    );
    assert_eq!(report.log.len() + report.log_dropped as usize, 10_000);
    let (shown, _) = trouble("long-note").decide(&trouble_view()).unwrap();
    for row in shown {
        let note = row.note.unwrap();
        assert!(
            note.chars().count() <= NOTE_CHARACTERS_MAX && !note.contains('\n'),
            "{note}"
        );
    }
}

#[test]
fn law_8_nonsense_is_no_answer() {
    for deed in ["too-many", "stranger", "twice", "leave-out"] {
        let error = error_of(deed);
        assert!(matches!(error, CallError::Answer(_)), "{deed}: {error}");
        assert!(error.is_plugins_fault());
    }
    assert!(
        matches!(error_of("undecided"), CallError::Undecided { reason } if reason == "who knows")
    );
    assert!(matches!(error_of("fail"), CallError::Failed { reason } if reason == "it broke"));
}

#[test]
fn law_8_messages_that_cannot_be_sent() {
    let ask = |deed: &str| {
        let settings = format!(r#"{{"deed":"{deed}"}}"#);
        let plugin = engine()
            .load(&hostile().1, &settings, &Limits::default())
            .unwrap();
        plugin
            .format(&alert("trouble", common::progress()), &target())
            .map(|(rendered, _)| rendered)
    };
    for deed in ["empty", "bad-link", "raw-elsewhere", "raw-nonsense"] {
        let error = ask(deed).unwrap_err();
        assert!(
            matches!(error, CallError::Message { .. }),
            "{deed}: {error}"
        );
    }
    for deed in ["many-lines", "long-line"] {
        let error = ask(deed).unwrap_err();
        assert!(
            matches!(error, CallError::OutputTooLarge { .. }),
            "{deed}: {error}"
        );
    }
    assert!(matches!(
        ask("unsupported"),
        Err(CallError::Unsupported { .. })
    ));
    assert!(matches!(ask("panic"), Err(CallError::Trapped { .. })));
    assert!(
        matches!(ask("raw-right"), Ok(Rendered::Raw { channel_kind, .. }) if channel_kind == "telegram")
    );
}

#[test]
fn law_15_a_candidate_that_misbehaves_is_not_taken() {
    for deed in [
        "loop", "recurse", "allocate", "panic", "too-many", "stranger", "fail",
    ] {
        let rejection = rejection(&hostile().0, &format!(r#"{{"deed":"{deed}"}}"#));
        assert_eq!(rejection.stage, Stage::SelfTest, "{deed}: {rejection}");
    }
    let looping = rejection(&hostile().0, r#"{"deed":"loop-in-configure"}"#);
    assert_eq!(looping.stage, Stage::Configure, "{looping}");
    let refused = rejection(&hostile().0, r#"{"deed":"refuse"}"#);
    assert_eq!(
        (refused.stage, refused.cause.as_str()),
        (Stage::Configure, "it refuses /deed: not this one")
    );
    let warned = engine()
        .load(&hostile().0, r#"{"deed":"warn"}"#, &Limits::default())
        .unwrap();
    assert_eq!(warned.remarks().len(), 1);
}

#[test]
fn settings_are_checked_against_the_plugins_own_schema() {
    let wrong = rejection(
        first_party_bytes("mirror-follows-main"),
        r#"{"prefer":"lower"}"#,
    );
    assert_eq!(wrong.stage, Stage::Schema);
    assert!(wrong.cause.contains("/prefer"), "{wrong}");
    let unknown = rejection(first_party_bytes("max-count"), r#"{"speed":1}"#);
    assert!(
        unknown.stage == Stage::Schema && unknown.cause.contains("speed"),
        "{unknown}"
    );
    assert_eq!(
        rejection(first_party_bytes("max-count"), "{").stage,
        Stage::Schema
    );
}

#[test]
fn foreign_imports_and_versions_are_named() {
    let component = first_party_bytes("max-count");
    for (foreign, fix) in [
        ("wasi:keyvalue/store@0.2.0", "wasm32-unknown-unknown"),
        ("wasi:cli/a-terminal@0.3.0", "--stub-wasi"),
        ("somebody:else/thing@1.0.0", "fillsync:plugin/log"),
    ] {
        let own = "fillsync:plugin/log@1.0.0";
        let rejection = rejection(&renamed(component, own, foreign), "");
        assert_eq!(rejection.stage, Stage::Imports, "{rejection}");
        assert!(rejection.cause.contains(foreign), "{rejection}");
        assert!(rejection.hint.unwrap().contains(fix), "{foreign}");
    }
    let other = rejection(
        &renamed(
            component,
            "fillsync:plugin/log@1.0.0",
            "fillsync:plugin/net@1.0.0",
        ),
        "",
    );
    assert_eq!(other.stage, Stage::Imports, "{other}");
    let later = rejection(
        &renamed(
            component,
            "fillsync:plugin/strategy@1.0.0",
            "fillsync:plugin/strategy@2.0.0",
        ),
        "",
    );
    assert_eq!(later.stage, Stage::World, "{later}");
    assert!(later.cause.contains("@2.0.0"), "{later}");
}

#[test]
fn what_is_no_component_is_told_so() {
    for (bytes, words) in [
        (&b""[..], "empty"),
        (b"use the .wasm file", "text"),
        (b"\x7fELF\x02\x01\x01\0", "not for WebAssembly"),
        (b"\0asm\x01", "cut off"),
        (b"\0asm\x01\0\0\0", "core module"),
        (b"\0asm\x0d\0\x01\0", "exports nothing"),
    ] {
        let rejection = rejection(bytes, "");
        assert!(
            rejection.cause.contains(words) && rejection.hint.is_some(),
            "{words}: {rejection}"
        );
    }
    let large = Limits {
        file_bytes: 1000,
        ..Limits::default()
    };
    let rejection = engine()
        .load(first_party_bytes("plain"), "", &large)
        .unwrap_err();
    assert_eq!(rejection.stage, Stage::Size);
}

/// What `cargo build --target wasm32-unknown-unknown` leaves is a plugin as it is.
#[test]
fn a_core_module_that_describes_its_world_loads_as_it_is() {
    let (strategy, _) = common::hostile_modules();
    let loaded = engine().load(&strategy, "", &Limits::default()).unwrap();
    assert_eq!(loaded.card().name.as_str(), "hostile");
}

#[test]
fn law_15_a_file_cut_off_anywhere_is_rejected() {
    let name = "cut-off-anywhere";
    for component in [first_party_bytes("max-count"), &common::hostile_modules().1] {
        for end in (1..component.len()).step_by(1024) {
            let rejection = rejection(&component[..end], "");
            assert!(
                rejection.stage <= Stage::World,
                "{name}, {end}: {rejection}"
            );
        }
    }
}

/// A flipped bit may leave a plugin that works; it must not stop the host, and it must give one answer.
#[test]
fn law_8_a_flipped_bit_anywhere_stops_nothing() {
    let name = "flipped-bits";
    let limits = Limits {
        fuel: 5_000_000,
        ..Limits::default()
    };
    let component = first_party_bytes("main-master");
    let (mut rejected, mut taken) = (0, 0);
    for (seed, step) in [(0, 1511), (5, 3001), (3, 5003)] {
        for at in (seed..component.len()).step_by(step) {
            let mut bytes = component.to_vec();
            bytes[at] ^= 1 << ((at + seed) % 8);
            match engine().load(&bytes, "", &limits) {
                Ok(loaded) => {
                    taken += 1;
                    let ask = || loaded.decide(&trouble_view()).map(|(shown, _)| shown);
                    assert_eq!(ask(), ask(), "{name}, bit at {at}");
                }
                Err(_) => rejected += 1,
            }
        }
    }
    assert!(
        rejected > 20 && rejected + taken > 90,
        "{name}: {rejected} rejected, {taken} taken"
    );
}
