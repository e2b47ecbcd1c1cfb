//! The words, line by line, against the layouts that the documentation promises.
use super::words;
use fillsync_plugin::alert::{
    Account, Body, Count, Divergence, DivergenceLeg, Event, Fill, OrderSide, Severity, System,
};
use fillsync_plugin::types::{PositionSide, Role, Truth};

const NOON: i64 = 1_763_726_400_000_000;

fn event(body: Body) -> Event {
    Event {
        identity: "a".to_owned(),
        revision: 0,
        severity: Severity::Info,
        group: Some("desk".to_owned()),
        symbol: Some("GTCUSDT".to_owned()),
        position: Some(PositionSide::Short),
        cycle: Some(12),
        account: Some(Account {
            name: "mirror".to_owned(),
            role: Some(Role::Mirror),
        }),
        at_us: NOON,
        body,
        attributes: Vec::new(),
    }
}

fn count(detected: u32, shown: u32) -> Count {
    Count {
        detected,
        shown,
        total: 3,
        at_least: false,
        synchronised: true,
        note: None,
    }
}

fn fill(count: Count) -> Fill {
    Fill {
        slot: 2,
        side: OrderSide::Sell,
        price: "0.2215".to_owned(),
        quantity: "150".to_owned(),
        own_slots: (1..=count.detected).collect(),
        count,
        truth: Truth::Aligned,
        waiting_for: Vec::new(),
        coverage_to_us: Some(NOON + 3_000_000),
    }
}

fn text(body: Body) -> String {
    words(&event(body)).plain()
}

#[test]
fn the_seeds_enhanced_alert() {
    assert_eq!(
        text(Body::Fill(fill(count(1, 2)))),
        "📊 LIMIT ORDER FILLED\n\
         📈 GTCUSDT Sell (MIRROR)\n\
         ✅ 2 of 3 orders filled [Synchronized count]\n\
         \u{20}  this account: 1 seen (L1); venue data complete to 12:00:03Z"
    );
}

#[test]
fn the_mark_stands_exactly_where_the_counts_differ() {
    for detected in 0..4 {
        for shown in 0..4 {
            for at_least in [false, true] {
                let text = text(Body::Fill(fill(Count {
                    at_least,
                    ..count(detected, shown)
                })));
                assert_eq!(
                    text.contains("[Synchronized count]"),
                    detected != shown,
                    "{text}"
                );
                if detected != shown {
                    assert!(text.contains("this account: "), "{text}");
                }
                assert_eq!(text.contains("at least"), at_least, "{text}");
            }
        }
    }
}

#[test]
fn what_is_not_proven_is_not_called_aligned() {
    for truth in [Truth::Unknown, Truth::Lagging, Truth::Missing, Truth::Extra] {
        let text = text(Body::Fill(Fill {
            truth,
            ..fill(count(2, 2))
        }));
        assert!(!text.to_lowercase().contains("aligned"), "{text}");
        assert!(text.contains("   a"), "a difference is not hidden: {text}");
    }
    let waiting = Fill {
        truth: Truth::Pending,
        waiting_for: vec!["main".to_owned()],
        ..fill(count(2, 2))
    };
    assert!(text(Body::Fill(waiting)).contains("   not yet known: main"));
}

#[test]
fn a_count_that_is_not_synchronised_says_why() {
    let count = Count {
        synchronised: false,
        note: Some("max-count trapped".to_owned()),
        ..count(1, 1)
    };
    assert!(text(Body::Fill(fill(count))).contains("   not synchronised: max-count trapped"));
}

#[test]
fn the_divergence_layout() {
    let leg = |name: &str, role, truth, filled: &str, filled_us, checked_us| DivergenceLeg {
        account: Account {
            name: name.to_owned(),
            role: Some(role),
        },
        truth,
        filled_quantity: filled.to_owned(),
        quantity: "150".to_owned(),
        filled_us,
        checked_us,
        attributes: Vec::new(),
    };
    let divergence = Divergence {
        slot: 2,
        reference_price: Some("0.2215".to_owned()),
        side: OrderSide::Sell,
        legs: vec![
            leg(
                "main",
                Role::Main,
                Truth::Aligned,
                "150",
                Some(NOON + 1_000_000),
                None,
            ),
            leg(
                "mirror",
                Role::Mirror,
                Truth::Lagging,
                "0",
                None,
                Some(NOON + 31_000_000),
            ),
        ],
        count: count(1, 1),
        since_us: NOON,
    };
    assert_eq!(
        text(Body::Divergence(divergence)),
        "⚠️ ACCOUNTS DIVERGED  GTCUSDT Sell  cycle 12\n\
         L2 @0.2215: MAIN filled 12:00:01Z · MIRROR still open 0/150 (checked 12:00:31Z)"
    );
}

#[test]
fn fillsyncs_own_matters_have_a_remedy() {
    let system = System {
        topic: "key-refused".to_owned(),
        text: "the venue refuses the key of main".to_owned(),
        remedy: Some("make a new read-only key".to_owned()),
    };
    assert_eq!(
        text(Body::System(system)),
        "ℹ️ FILLSYNC  key-refused\nthe venue refuses the key of main\n→ make a new read-only key"
    );
}

#[test]
fn a_time_with_its_day() {
    for (us, text) in [
        (0, "1970-01-01T00:00:00Z"),
        (NOON, "2025-11-21T12:00:00Z"),
        (1_709_164_800_000_000, "2024-02-29T00:00:00Z"),
        (-1_000_000, "1969-12-31T23:59:59Z"),
        (4_107_542_399_999_999, "2100-02-28T23:59:59Z"),
        (4_107_542_400_000_000, "2100-03-01T00:00:00Z"),
    ] {
        assert_eq!(super::date_time(us), text);
    }
}
