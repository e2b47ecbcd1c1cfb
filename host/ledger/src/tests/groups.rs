//! Decisions with everything that follows from them, and the bounded logs.

use super::{Bench, SEEN, account, at, fill, market, rows, runtime};
use crate::{
    AlertFilter, CountRow, CycleName, DecisionOutcome, DecisionRow, Decisions, DivergenceRow,
    EventRow, GroupCycleRow, PluginEventRow, PluginUsedRow,
};
use fillsync_core::cycle::Book;
use fillsync_core::execution::Side;
use fillsync_core::id::{GroupName, Symbol};
use fillsync_core::order::{Lane, PositionSide};
use fillsync_core::truth::Truth;
use fillsync_core::view::Shown;

fn desk() -> GroupName {
    GroupName::new("desk").unwrap()
}

fn gtc() -> Symbol {
    Symbol::new("GTCUSDT").unwrap()
}

fn decision(second: i64, revision: u32, shown: u32) -> DecisionRow {
    DecisionRow {
        symbol: gtc(),
        side: PositionSide::Short,
        cycle: 12,
        moment: at(second),
        revision,
        facts_hash: format!("facts-{revision}"),
        view_hash: "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a".to_owned(),
        view_json: "{}".to_owned(),
        plugin: "max-count".to_owned(),
        plugin_sha256: Some("ab".to_owned()),
        settings_sha256: None,
        outcome: DecisionOutcome::Answered,
        error: None,
        answer: vec![Shown {
            account: account("main"),
            count: shown,
            note: None,
        }],
        fuel: Some(9),
        took_us: Some(30),
        decided_at: SEEN,
    }
}

fn all() -> Decisions {
    let mut all = Decisions::new(desk(), SEEN);
    all.cycles = vec![GroupCycleRow {
        symbol: gtc(),
        side: PositionSide::Short,
        ordinal: 12,
        opened_at: at(1),
        closed_at: None,
        settled: false,
        members: vec![(
            Book {
                market: market("main", "GTCUSDT"),
                lane: Lane::OneWay,
            },
            1,
        )],
    }];
    all.decisions = vec![decision(1, 0, 1), decision(2, 0, 2), decision(2, 1, 3)];
    all.counts = vec![CountRow {
        symbol: gtc(),
        side: PositionSide::Short,
        cycle: 12,
        account: account("main"),
        detected: 1,
        shown: 2,
        synchronised: true,
        note: None,
        at_least: false,
        total: 3,
        truth: Truth::Lagging,
        moment: at(2),
        last_fill_sync: SEEN,
    }];
    all.divergences = vec![divergence(None)];
    all
}

fn divergence(resolved: Option<i64>) -> DivergenceRow {
    DivergenceRow {
        symbol: gtc(),
        side: PositionSide::Short,
        cycle: 12,
        slot_key: "L2".to_owned(),
        account: account("main"),
        truth: if resolved.is_some() {
            Truth::Resolved
        } else {
            Truth::Lagging
        },
        first_at: at(2),
        confirmed_at: Some(at(5)),
        resolved_at: resolved.map(at),
        alert_identity: Some("divergence/desk".to_owned()),
    }
}

#[test]
fn a_commit_may_come_again_after_a_crash_and_changes_nothing() {
    let bench = Bench::new();
    runtime().block_on(async {
        bench
            .ledger
            .record(rows(vec![fill("e1", "o1", Side::Sell, "1", 1)]))
            .await
            .unwrap();
        bench.ledger.commit(all()).await.unwrap();
        let mut changed = all();
        for decision in &mut changed.decisions {
            decision.facts_hash = "another".to_owned();
        }
        bench.ledger.commit(changed).await.unwrap();
    });
    let reader = bench.reader();
    let latest = reader
        .latest_decisions(&desk(), &gtc(), PositionSide::Short, 12)
        .unwrap();
    let shape: Vec<_> = latest
        .iter()
        .map(|one| {
            (
                one.moment,
                one.revision,
                one.facts_hash.as_str(),
                one.shown.first().unwrap().count,
            )
        })
        .collect();
    assert_eq!(shape, [(at(1), 0, "facts-0", 1), (at(2), 1, "facts-1", 3)]);
    let cycles = reader.group_cycles(&desk(), Some(&gtc()), true).unwrap();
    assert_eq!(
        cycles.into_iter().map(|one| one.cycle).collect::<Vec<_>>(),
        all().cycles
    );
    let counts = reader.counts(Some(&desk())).unwrap();
    assert_eq!(
        counts.into_iter().map(|one| one.count).collect::<Vec<_>>(),
        all().counts
    );
    assert_eq!(
        (
            reader.status().unwrap().decisions,
            reader.status().unwrap().divergences_open
        ),
        (3, 1)
    );
}

#[test]
fn a_decision_is_never_rewritten() {
    let bench = Bench::new();
    runtime()
        .block_on(bench.ledger.commit(Decisions {
            cycles: Vec::new(),
            ..all()
        }))
        .unwrap();
    let by_hand = rusqlite::Connection::open(bench.path()).unwrap();
    assert!(
        by_hand
            .execute("UPDATE decision SET answer_json = '[]'", [])
            .is_err()
    );
    assert!(by_hand.execute("DELETE FROM decision", []).is_err());
    // The seed's two columns live on under their own names.
    let seed: (i64, i64) = by_hand
        .query_row(
            "SELECT limit_orders_filled, last_fill_sync_timestamp FROM count_state",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .unwrap();
    assert_eq!(seed, (2, SEEN.us()));
}

#[test]
fn a_divergence_is_one_row_from_its_start_to_its_end() {
    let bench = Bench::new();
    let only = |divergences: Vec<DivergenceRow>| Decisions {
        divergences,
        ..Decisions::new(desk(), SEEN)
    };
    runtime().block_on(async {
        for rows in [
            vec![divergence(None)],
            vec![divergence(None)],
            vec![divergence(Some(9))],
            vec![divergence(Some(9))],
        ] {
            bench.ledger.commit(only(rows)).await.unwrap();
        }
        assert!(bench.reader().divergences(true).unwrap().is_empty());
        let mut second = divergence(None);
        second.first_at = at(20);
        bench.ledger.commit(only(vec![second])).await.unwrap();
    });
    let every: Vec<_> = bench
        .reader()
        .divergences(false)
        .unwrap()
        .into_iter()
        .map(|one| one.divergence)
        .collect();
    assert_eq!(
        every
            .iter()
            .map(|one| (one.first_at, one.resolved_at))
            .collect::<Vec<_>>(),
        [(at(20), None), (at(2), Some(at(9)))]
    );
}

#[test]
fn a_group_cycle_that_settles_is_no_longer_looked_at() {
    let bench = Bench::new();
    runtime().block_on(async {
        bench
            .ledger
            .record(rows(vec![fill("e1", "o1", Side::Sell, "1", 1)]))
            .await
            .unwrap();
        let mut decisions = all();
        bench.ledger.commit(decisions.clone()).await.unwrap();
        for cycle in &mut decisions.cycles {
            cycle.closed_at = Some(at(50));
            cycle.settled = true;
        }
        bench.ledger.commit(decisions).await.unwrap();
    });
    assert!(
        bench
            .reader()
            .group_cycles(&desk(), None, true)
            .unwrap()
            .is_empty()
    );
    let cycles = bench.reader().group_cycles(&desk(), None, false).unwrap();
    assert_eq!(
        cycles
            .first()
            .map(|one| (one.cycle.settled, one.cycle.members.len())),
        Some((true, 1))
    );
}

#[test]
fn events_are_bounded_and_read_in_order() {
    let bench = Bench::new();
    let event = |name: String| EventRow {
        at: SEEN,
        name,
        account: None,
        group: Some(desk()),
        json: "{}".to_owned(),
    };
    runtime().block_on(async {
        for part in 0..11 {
            let events = (0..1_000)
                .map(|n| event(format!("{}", part * 1_000 + n)))
                .collect();
            bench.ledger.log_events(events).await.unwrap();
        }
        for n in 0..3 {
            let plugin_event = PluginEventRow {
                new_sha256: Some("ab".to_owned()),
                ..PluginEventRow::new(SEEN, "max-count", "swap", &n.to_string())
            };
            bench.ledger.log_plugin_event(plugin_event).await.unwrap();
        }
    });
    let reader = bench.reader();
    let kept: i64 = rusqlite::Connection::open(bench.path())
        .unwrap()
        .query_row("SELECT count(*) FROM event", [], |row| row.get(0))
        .unwrap();
    assert_eq!(kept, crate::EVENTS_MAX);
    let newest = reader.events(2, None).unwrap();
    assert_eq!(
        newest
            .iter()
            .map(|one| one.event.name.as_str())
            .collect::<Vec<_>>(),
        ["10998", "10999"]
    );
    let after = reader.events(9, newest.first().map(|one| one.id)).unwrap();
    assert_eq!(
        after
            .iter()
            .map(|one| one.event.name.as_str())
            .collect::<Vec<_>>(),
        ["10999"]
    );
    let plugins = reader.plugin_events(2).unwrap();
    assert_eq!(
        plugins
            .iter()
            .map(|one| one.event.outcome.as_str())
            .collect::<Vec<_>>(),
        ["2", "1"]
    );
}

/// What `explain` asks: the decision that has seen a moment, what its hashes stand for, and the rows
/// that it rests on, each by its name.
#[test]
fn a_decision_is_found_with_what_it_rests_on() {
    let bench = Bench::new();
    let used = PluginUsedRow {
        plugin_sha256: "ab".to_owned(),
        settings_sha256: "cd".to_owned(),
        own_name: "max-count".to_owned(),
        version: "1.0.0".to_owned(),
        settings_json: "{}".to_owned(),
    };
    runtime().block_on(async {
        bench
            .ledger
            .record(rows(vec![fill("e1", "o1", Side::Sell, "1", 1)]))
            .await
            .unwrap();
        let mut decisions = all();
        decisions.plugins = vec![used.clone(), used.clone()];
        bench.ledger.commit(decisions).await.unwrap();
    });
    let reader = bench.reader();
    let cycle = CycleName {
        group: desk(),
        symbol: gtc(),
        side: PositionSide::Short,
        ordinal: 12,
    };
    let about = |second: Option<i64>| {
        let found = reader.decision_about(&cycle, second.map(at)).unwrap();
        found.map(|found| (found.decision.moment, found.decision.revision))
    };
    assert_eq!(about(None), Some((at(2), 1)));
    assert_eq!(about(Some(0)), Some((at(1), 0)));
    assert_eq!(about(Some(1)), Some((at(1), 0)));
    assert_eq!(about(Some(2)), Some((at(2), 1)));
    assert_eq!(about(Some(9)), Some((at(2), 1)));
    let newest = reader.decision_about(&cycle, None).unwrap().unwrap();
    assert_eq!(reader.decision(newest.id).unwrap(), Some(newest.clone()));
    assert_eq!(newest.decision, decision(2, 1, 3));
    assert_eq!(reader.decision(newest.id + 1).unwrap(), None);
    assert_eq!(reader.plugin_used("ab", "cd").unwrap(), Some(used));
    assert_eq!(reader.plugin_used("ab", "ce").unwrap(), None);

    let book = Book {
        market: market("main", "GTCUSDT"),
        lane: Lane::OneWay,
    };
    assert_eq!(reader.cycles_of(&book, 1).unwrap(), [cycle]);
    assert_eq!(reader.cycles_of(&book, 2).unwrap(), []);
    let names = |name: &str| reader.fills_named(name).unwrap().len();
    assert_eq!([names("e1"), names("main/e1"), names("e2")], [1, 1, 0]);
    assert_eq!(reader.fills_of_cycle(&book, 1, 10).unwrap().len(), 1);
    let other = AlertFilter {
        cycle: Some((PositionSide::Short, 12)),
        ..AlertFilter::default()
    };
    assert!(reader.alerts(&other, 10).unwrap().is_empty());
}
