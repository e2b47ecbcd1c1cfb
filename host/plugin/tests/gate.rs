//! The gate in front of a plugin that works: compared, held, promoted, rolled back, and barred after it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod common;

use common::{alert, count, desk, engine, fill, first_party_bytes, hostile, name, target, view};
use fillsync_core::time::HostTime;
use fillsync_core::view::{Role, View};
use fillsync_plugin_host::{
    Approval, Barred, Demand, Limits, Offer, Outcome, PROBATION_CALLS, PROBATION_FAULTS, Passage,
    Recorded, Registry, Source, Stage, SwapPolicy, Trust,
};
use std::time::Duration;

fn at(seconds: i64) -> HostTime {
    HostTime::from_ms(seconds * 1000)
}

/// Offers a content, with what a test wants to be different.
fn offer(
    registry: &Registry,
    bytes: &[u8],
    settings: &str,
    now: HostTime,
    change: impl FnOnce(&mut Offer<'_>),
) -> Passage {
    let (slot, limits) = (name("s"), Limits::default());
    let source = Source::File("s.wasm".to_owned());
    let mut offer = Offer::plain(&slot, source, bytes, settings, &limits, now);
    change(&mut offer);
    registry.consider(&offer)
}

fn views() -> Recorded {
    Recorded {
        views: vec![desk(2, 1), desk(1, 2), desk(2, 2)],
        alerts: Vec::new(),
    }
}

fn with(bytes: &str) -> Registry {
    let registry = Registry::new(engine().clone());
    let first = offer(&registry, first_party_bytes(bytes), "", at(1), |offer| {
        // A first load has nothing to be compared with and waits for nobody.
        offer.policy = SwapPolicy::Manual;
    });
    assert!(matches!(first.outcome, Outcome::Swapped(_)), "{first:?}");
    registry
}

fn trouble_view() -> View {
    view(
        "trouble",
        &[("main", Role::Main, 2), ("mirror", Role::Mirror, 1)],
    )
}

#[test]
fn a_candidate_that_answers_differently_waits_where_it_must_and_says_what_differs() {
    for (policy, candidate, is_held) in [
        (SwapPolicy::Auto, "main-master", false),
        (SwapPolicy::AutoIfSame, "main-master", true),
        (SwapPolicy::Manual, "main-master", true),
    ] {
        let registry = with("max-count");
        let passage = offer(
            &registry,
            first_party_bytes(candidate),
            "",
            at(2),
            |offer| {
                offer.policy = policy;
                offer.recorded = views();
            },
        );
        let comparison = passage.comparison.clone().unwrap();
        assert_eq!(comparison.asked, 3, "{comparison:?}");
        assert!(
            comparison.different >= 1 && comparison.faults == 0,
            "{comparison:?}"
        );
        let lines = comparison.lines.join("\n");
        assert!(
            lines.contains("main: was 2")
                && lines.contains("would be 1")
                && lines.contains("(desk GTCUSDT Sell cycle 12, as of "),
            "{lines}"
        );
        assert_eq!(
            matches!(passage.outcome, Outcome::Held { again: false, .. }),
            is_held,
            "{policy:?}: {passage:?}"
        );
        let status = registry.status().pop().unwrap();
        assert_eq!(status.held.is_some(), is_held);
        assert_eq!(
            status.active.unwrap().generation,
            if is_held { 1 } else { 2 }
        );
    }
}

#[test]
fn nothing_recorded_proves_nothing() {
    let registry = with("max-count");
    let passage = offer(&registry, first_party_bytes("quorum"), "", at(2), |offer| {
        offer.policy = SwapPolicy::AutoIfSame;
    });
    let Outcome::Held { why, .. } = passage.outcome else {
        panic!("{passage:?}")
    };
    assert!(why.cause.contains("nothing recorded"), "{why}");
}

#[test]
fn a_held_candidate_is_reported_once_and_let_in_by_a_promotion() {
    let registry = with("max-count");
    let hold = |promoted_at| {
        offer(
            &registry,
            first_party_bytes("main-master"),
            "",
            at(2),
            |offer| {
                offer.policy = SwapPolicy::Manual;
                offer.recorded = views();
                offer.promoted_at = promoted_at;
            },
        )
        .outcome
    };
    assert!(matches!(hold(None), Outcome::Held { again: false, .. }));
    assert!(matches!(hold(None), Outcome::Held { again: true, .. }));
    let Outcome::Swapped(swap) = hold(Some(at(3))) else {
        panic!("not taken")
    };
    assert!(swap.promoted);
    assert_eq!(hold(None), Outcome::Unchanged);
    assert_eq!(registry.status().pop().unwrap().held, None);
}

#[test]
fn a_candidate_that_fails_at_real_inputs_is_refused_unless_it_is_promoted() {
    let registry = Registry::new(engine().clone());
    let settings = r#"{"deed":"behave"}"#;
    offer(&registry, &hostile().0, settings, at(1), |_| {});
    let panics = r#"{"deed":"panic","group":"trouble"}"#;
    let recorded = || Recorded {
        views: vec![desk(1, 1), trouble_view()],
        alerts: Vec::new(),
    };
    let refused = offer(&registry, &hostile().0, panics, at(2), |offer| {
        offer.recorded = recorded();
    });
    let Outcome::Rejected { rejection, .. } = &refused.outcome else {
        panic!("{refused:?}")
    };
    assert_eq!(rejection.stage, Stage::Replay);
    let comparison = refused.comparison.unwrap();
    assert_eq!((comparison.same, comparison.faults), (1, 1));
    assert!(
        comparison.lines[0].contains("told to panic"),
        "{comparison:?}"
    );
    // An old promotion does not count against a newer refusal; a newer one does.
    for (promoted_at, is_taken) in [(at(2), false), (at(3), true)] {
        let passage = offer(&registry, &hostile().0, panics, at(4), |offer| {
            offer.recorded = recorded();
            offer.promoted_at = Some(promoted_at);
        });
        assert_eq!(
            matches!(passage.outcome, Outcome::Swapped(_)),
            is_taken,
            "{passage:?}"
        );
    }
}

#[test]
fn a_formatters_words_are_compared_line_by_line() {
    let registry = Registry::new(engine().clone());
    offer(&registry, first_party_bytes("plain"), "", at(1), |_| {});
    let passage = offer(
        &registry,
        first_party_bytes("limit-fill"),
        "",
        at(2),
        |offer| {
            offer.policy = SwapPolicy::AutoIfSame;
            offer.recorded.alerts = vec![(alert("desk", fill(count(1, 2))), target())];
        },
    );
    assert!(
        matches!(passage.outcome, Outcome::Held { .. }),
        "{passage:?}"
    );
    let lines = passage.comparison.unwrap().lines;
    assert!(
        lines[0].starts_with("desk/GTCUSDT/short/12/L2/mirror/fill for ops"),
        "{lines:?}"
    );
    assert!(lines.iter().any(|line| line.starts_with("- ")), "{lines:?}");
    assert!(lines.iter().any(|line| line.starts_with("+ ")), "{lines:?}");
}

/// The hostile strategy that behaves, and after it the one that panics over the group "trouble".
fn on_probation() -> (Registry, Passage) {
    let registry = Registry::new(engine().clone());
    let behaves = r#"{"deed":"behave","group":"trouble"}"#;
    let panics = r#"{"deed":"panic","group":"trouble"}"#;
    let probation = |offer: &mut Offer<'_>| offer.probation = Some(Duration::from_secs(600));
    offer(&registry, &hostile().0, behaves, at(1), probation);
    assert_eq!(
        registry.status().pop().unwrap().probation,
        None,
        "the first has nothing before it"
    );
    let passage = offer(&registry, &hostile().0, panics, at(2), probation);
    (registry, passage)
}

#[test]
fn a_swap_that_fails_at_what_answered_before_is_undone_and_not_taken_again() {
    let (registry, passage) = on_probation();
    assert!(matches!(passage.outcome, Outcome::Swapped(_)));
    let slot = name("s");
    registry.decide(&slot, &desk(1, 1), at(3)).unwrap();
    for fault in 1..=PROBATION_FAULTS {
        let unanswered = registry.decide(&slot, &trouble_view(), at(4)).unwrap_err();
        let rolled_back = unanswered.rolled_back;
        assert_eq!(rolled_back.is_some(), fault == PROBATION_FAULTS);
        if let Some(rolled_back) = rolled_back {
            assert_eq!((rolled_back.calls, rolled_back.faults), (3, 2));
            assert_eq!(
                (rolled_back.from.generation, rolled_back.to.generation),
                (2, 3)
            );
            assert!(rolled_back.cause().contains("told to panic"));
        }
    }
    registry.decide(&slot, &trouble_view(), at(5)).unwrap();
    // The same candidate is known, however its settings are spelled, until it is promoted after that.
    let again = |promoted_at: Option<HostTime>| {
        offer(
            &registry,
            &hostile().0,
            r#" { "group": "trouble", "deed": "panic" } "#,
            at(6),
            |offer| {
                offer.promoted_at = promoted_at;
            },
        )
        .outcome
    };
    assert!(
        matches!(again(None), Outcome::Rejected { rejection, again: true, .. } if rejection.stage == Stage::Probation)
    );
    assert!(matches!(again(Some(at(3))), Outcome::Rejected { .. }));
    assert!(matches!(again(Some(at(7))), Outcome::Swapped(_)));
}

#[test]
fn an_input_at_which_both_fail_undoes_nothing() {
    let registry = Registry::new(engine().clone());
    let probation = |offer: &mut Offer<'_>| offer.probation = Some(Duration::from_secs(600));
    for deed in ["fail", "panic"] {
        let settings = format!(r#"{{"deed":"{deed}","group":"trouble"}}"#);
        offer(&registry, &hostile().0, &settings, at(1), probation);
    }
    for _ in 0..2 {
        let unanswered = registry
            .decide(&name("s"), &trouble_view(), at(2))
            .unwrap_err();
        assert_eq!(unanswered.rolled_back, None);
    }
    let probation = registry.status().pop().unwrap().probation.unwrap();
    assert_eq!((probation.calls, probation.faults), (2, 0));
}

#[test]
fn a_probation_ends_after_enough_calls_and_enough_time_and_not_before() {
    let (registry, _) = on_probation();
    let slot = name("s");
    for _ in 0..PROBATION_CALLS {
        registry.decide(&slot, &desk(1, 1), at(3)).unwrap();
    }
    let lasts = || registry.status().pop().unwrap().probation.is_some();
    assert!(lasts(), "too early");
    registry.decide(&slot, &desk(1, 1), at(602)).unwrap();
    assert!(!lasts(), "it passed");
    for _ in 0..PROBATION_FAULTS {
        let unanswered = registry
            .decide(&slot, &trouble_view(), at(603))
            .unwrap_err();
        assert_eq!(unanswered.rolled_back, None);
    }
}

#[test]
fn a_second_swap_goes_back_to_what_passed_and_not_to_what_was_on_probation_itself() {
    let (registry, _) = on_probation();
    let passed = registry.status().pop().unwrap().probation.unwrap();
    offer(
        &registry,
        &hostile().0,
        r#"{"deed":"too-many","group":"trouble"}"#,
        at(3),
        |offer| offer.probation = Some(Duration::from_secs(600)),
    );
    let status = registry.status().pop().unwrap();
    assert_eq!(
        status.probation.unwrap().previous_sha256,
        passed.previous_sha256
    );
    for _ in 0..PROBATION_FAULTS {
        let _ = registry.decide(&name("s"), &trouble_view(), at(4));
    }
    // What answers is the one that behaves.
    registry.decide(&name("s"), &trouble_view(), at(5)).unwrap();
}

#[test]
fn what_is_not_let_in_is_neither_compiled_nor_run() {
    let registry = Registry::new(engine().clone());
    let bytes = first_party_bytes("max-count");
    let trust = |approvals: Vec<Approval>| Trust {
        pin: None,
        demand: Demand::Approval { approvals },
    };
    let held = offer(&registry, bytes, "", at(1), |offer| {
        offer.trust = trust(vec![])
    });
    assert!(matches!(held.outcome, Outcome::Held { again: false, .. }));
    assert_eq!(held.stage, Stage::Trust);
    assert!(
        held.took.iter().all(|(stage, _)| *stage <= Stage::Trust),
        "{held:?}"
    );
    let again = offer(&registry, bytes, "", at(2), |offer| {
        offer.trust = trust(vec![])
    });
    assert!(matches!(again.outcome, Outcome::Held { again: true, .. }));
    assert_eq!(registry.status().pop().unwrap().state, "held");
    let sha256 = registry.status().pop().unwrap().held.unwrap().sha256;
    let imports = fillsync_plugin_host::imports(bytes).unwrap();
    let approved = offer(&registry, bytes, "", at(3), |offer| {
        offer.trust = trust(vec![Approval { sha256, imports }]);
    });
    assert!(
        matches!(approved.outcome, Outcome::Swapped(_)),
        "{approved:?}"
    );
}

#[test]
fn what_was_rolled_back_before_a_restart_is_not_taken_after_it() {
    let registry = with("max-count");
    let candidate = |promoted_at| {
        offer(&registry, first_party_bytes("quorum"), "", at(9), |offer| {
            offer.barred = Some(Barred {
                at: at(5),
                cause: "it trapped".to_owned(),
            });
            offer.promoted_at = promoted_at;
        })
        .outcome
    };
    let Outcome::Rejected { rejection, .. } = candidate(None) else {
        panic!("taken")
    };
    assert!(
        rejection.cause.contains("rolled back: it trapped"),
        "{rejection}"
    );
    assert!(matches!(candidate(Some(at(10))), Outcome::Swapped(_)));
}

#[test]
fn a_predecessor_that_is_not_kept_makes_only_the_careful_wait() {
    for (policy, is_held) in [
        (SwapPolicy::Auto, false),
        (SwapPolicy::AutoIfSame, true),
        (SwapPolicy::Manual, true),
    ] {
        let registry = Registry::new(engine().clone());
        let bytes = first_party_bytes("max-count");
        let passage = offer(&registry, bytes, "", at(1), |offer| {
            offer.policy = policy;
            offer.predecessor = Some("ab".repeat(32));
        });
        assert_eq!(
            matches!(passage.outcome, Outcome::Held { .. }),
            is_held,
            "{passage:?}"
        );
    }
}
