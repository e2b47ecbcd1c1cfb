//! Law 15 and the circuit breaker: swaps, rejections and setting aside, as the registry reports them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod common;

use common::{desk, engine, first_party_bytes, hostile, name, view};
use fillsync_core::time::HostTime;
use fillsync_core::view::{Role, View};
use fillsync_plugin_host::{
    Ability, CallError, FAILURES_MAX, Limits, Outcome, PluginKind, Registry, Source, Stage, Turn,
};
use std::sync::atomic::{AtomicBool, Ordering};

fn at(seconds: i64) -> HostTime {
    HostTime::from_ms(seconds * 1000)
}

fn offer(registry: &Registry, slot: &str, bytes: &[u8], settings: &str, now: HostTime) -> Outcome {
    registry.offer(
        &name(slot),
        Source::File("s.wasm".to_owned()),
        bytes,
        settings,
        &Limits::default(),
        now,
    )
}

fn trouble_view() -> View {
    view(
        "trouble",
        &[("main", Role::Main, 2), ("mirror", Role::Mirror, 1)],
    )
}

#[test]
fn law_15_a_bad_candidate_leaves_the_good_one_and_is_reported_once() {
    let registry = Registry::new(engine().clone());
    let good = first_party_bytes("max-count");
    let Outcome::Swapped(swap) = offer(&registry, "s", good, "", at(1)) else {
        panic!("not taken")
    };
    assert_eq!((swap.used.generation, swap.previous_sha256), (1, None));
    assert_eq!(
        offer(&registry, "s", good, " { } ", at(2)),
        Outcome::Unchanged
    );

    let Outcome::Rejected {
        rejection,
        again: false,
        ..
    } = offer(&registry, "s", b"half", "", at(3))
    else {
        panic!("taken, or reported before")
    };
    assert_eq!(rejection.stage, Stage::Format);
    assert!(matches!(
        offer(&registry, "s", b"half", "", at(4)),
        Outcome::Rejected { again: true, .. }
    ));
    let answered = registry.decide(&name("s"), &desk(2, 1), at(5)).unwrap();
    assert_eq!(answered.used.sha256, swap.used.sha256);

    let status = registry.status().pop().unwrap();
    assert_eq!(
        (status.state, status.calls, status.failures),
        ("active", 1, 0)
    );
    assert_eq!(status.last_rejection.unwrap().at, at(3));
    let json = serde_json::to_value(registry.status()).unwrap();
    assert_eq!(json[0]["active"]["sha256"], swap.used.sha256.as_str());

    // Back to what is active: the rejected file is history.
    assert_eq!(offer(&registry, "s", good, "", at(6)), Outcome::Unchanged);
    assert_eq!(registry.status().pop().unwrap().last_rejection, None);
}

#[test]
fn settings_alone_are_a_swap_and_the_kind_of_a_name_stays() {
    let registry = Registry::new(engine().clone());
    let bytes = first_party_bytes("mirror-follows-main");
    offer(&registry, "s", bytes, "", at(1));
    let Outcome::Swapped(swap) = offer(&registry, "s", bytes, r#"{"prefer":"main"}"#, at(2)) else {
        panic!("not taken")
    };
    assert_eq!(swap.used.generation, 2);
    let shown = registry
        .decide(&name("s"), &desk(1, 2), at(3))
        .unwrap()
        .answer;
    assert_eq!(
        shown.iter().map(|row| row.count).collect::<Vec<_>>(),
        [1, 1]
    );
    let formatter = offer(&registry, "s", first_party_bytes("plain"), "", at(4));
    assert!(
        matches!(formatter, Outcome::Rejected { rejection, .. } if rejection.stage == Stage::World)
    );
    assert_eq!(
        *registry
            .decide(&name("s"), &desk(1, 2), at(5))
            .unwrap()
            .used,
        swap.used
    );
}

#[test]
fn law_8_a_plugin_that_keeps_failing_is_set_aside_and_tried_again() {
    let registry = Registry::new(engine().clone());
    offer(
        &registry,
        "s",
        &hostile().0,
        r#"{"deed":"panic","group":"trouble"}"#,
        at(0),
    );
    let slot = name("s");
    for failure in 1..=FAILURES_MAX {
        let unanswered = registry.decide(&slot, &trouble_view(), at(1)).unwrap_err();
        assert_eq!(unanswered.error.class(), "trapped");
        let expected = if failure == FAILURES_MAX {
            Turn::SetAside { until: at(31) }
        } else {
            Turn::None
        };
        assert_eq!(unanswered.turn, expected);
    }
    let ability = |now| registry.ability(&slot, at(now));
    assert_eq!(ability(30), Ability::Aside { until: at(31) });
    assert_eq!(ability(31), Ability::Able { since: at(31) });
    let aside = registry.decide(&slot, &desk(1, 1), at(30)).unwrap_err();
    assert_eq!(
        aside.error,
        CallError::SetAside {
            failures: FAILURES_MAX,
            until: at(31)
        }
    );
    assert_eq!(registry.status().pop().unwrap().state, "set-aside");
    let trial = registry.decide(&slot, &trouble_view(), at(31)).unwrap_err();
    assert_eq!(trial.turn, Turn::SetAside { until: at(151) });
    let back = registry.decide(&slot, &desk(1, 1), at(151)).unwrap();
    assert_eq!(back.turn, Turn::Back);
    assert_eq!(ability(200), Ability::Able { since: at(151) });
    let status = registry.status().pop().unwrap();
    assert_eq!(
        (status.state, status.failures, status.failures_in_a_row),
        ("active", 4, 0)
    );
    assert!(status.last_error.unwrap().text.contains("told to panic"));
}

#[test]
fn being_undecided_is_an_answer_and_sets_nobody_aside() {
    let registry = Registry::new(engine().clone());
    offer(
        &registry,
        "s",
        &hostile().0,
        r#"{"deed":"undecided","group":"trouble"}"#,
        at(0),
    );
    for _ in 0..10 {
        let unanswered = registry
            .decide(&name("s"), &trouble_view(), at(1))
            .unwrap_err();
        assert_eq!(
            (unanswered.error.class(), unanswered.turn),
            ("undecided", Turn::None)
        );
    }
    assert_eq!(registry.status().pop().unwrap().failures, 0);
}

#[test]
fn a_name_that_nobody_loaded_is_absent() {
    let registry = Registry::new(engine().clone());
    let unanswered = registry
        .decide(&name("gone"), &desk(1, 1), at(0))
        .unwrap_err();
    assert_eq!(
        unanswered.to_string(),
        "plugin gone: no plugin of the name gone is loaded"
    );
    assert_eq!(registry.ability(&name("gone"), at(0)), Ability::Absent);
    // What it will be asked for keeps a plugin of the other kind from being taken.
    registry.expect(&name("gone"), PluginKind::Strategy);
    let formatter = offer(&registry, "gone", first_party_bytes("plain"), "", at(1));
    assert!(matches!(formatter, Outcome::Rejected { .. }));
    offer(&registry, "gone", first_party_bytes("max-count"), "", at(1));
    assert_eq!(
        registry.ability(&name("gone"), at(2)),
        Ability::Able { since: at(1) }
    );
    registry.retain(|_| false);
    assert!(registry.status().is_empty());
}

/// Law 15: calls under way end on the version they began with, and every answer is of one version.
#[test]
fn law_15_swaps_under_load_lose_no_answer() {
    let registry = Registry::new(engine().clone());
    let slot = name("s");
    let (max, main) = (
        first_party_bytes("max-count"),
        first_party_bytes("main-master"),
    );
    offer(&registry, "s", max, "", at(0));
    let done = AtomicBool::new(false);
    let answers = std::thread::scope(|scope| {
        let callers: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    let mut answers = 0_u32;
                    while !done.load(Ordering::Acquire) || answers == 0 {
                        let answered = registry.decide(&slot, &desk(1, 2), at(1)).unwrap();
                        let counts: Vec<u32> =
                            answered.answer.iter().map(|row| row.count).collect();
                        let odd = answered.used.generation % 2 == 1;
                        assert_eq!(counts, if odd { [2, 2] } else { [1, 1] });
                        answers += 1;
                    }
                    answers
                })
            })
            .collect();
        for swap in 0..6 {
            let bytes = if swap % 2 == 0 { main } else { max };
            assert!(matches!(
                offer(&registry, "s", bytes, "", at(2)),
                Outcome::Swapped(_)
            ));
        }
        done.store(true, Ordering::Release);
        callers
            .into_iter()
            .map(|caller| caller.join().unwrap())
            .sum::<u32>()
    });
    assert_eq!(u64::from(answers), registry.status().pop().unwrap().calls);
}
