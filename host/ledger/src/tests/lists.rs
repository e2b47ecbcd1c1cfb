//! Pages: each costs what it shows, nothing is left out between two of them, and nothing comes twice.

use super::{Bench, SEEN, account, at, fill, market, page, rows, runtime};
use crate::{
    CountFilter, CountRow, CycleFilter, Decisions, DivergenceFilter, DivergenceRow, EventFilter,
    EventRow, ExecutionWalk, FillFilter, GroupCycleRow, PageRecord,
};
use fillsync_core::execution::{Execution, Side};
use fillsync_core::id::{GroupName, Symbol};
use fillsync_core::order::PositionSide;
use fillsync_core::truth::Truth;

fn desk() -> GroupName {
    GroupName::new("desk").unwrap()
}

fn symbol(name: &str) -> Symbol {
    Symbol::new(name).unwrap()
}

/// A hundred fills of three accounts and five symbols, several of them in each second.
fn hundred() -> Vec<PageRecord> {
    ["main", "mirror", "bot"]
        .into_iter()
        .map(|who| {
            let executions = (0..34).map(|number| {
                let name = format!("{who}-{number}");
                let mut one = fill(&name, &name, Side::Buy, "1", i64::from(number) / 3);
                one.market = market(who, &format!("S{}USDT", number % 5));
                one
            });
            PageRecord {
                account: account(who),
                executions: executions.collect::<Vec<Execution>>(),
                ..page()
            }
        })
        .collect()
}

#[test]
fn every_way_to_narrow_fills_gives_what_filtering_all_of_them_would() {
    let bench = Bench::new();
    for record in hundred() {
        runtime().block_on(bench.ledger.record(record)).unwrap();
    }
    let reader = bench.reader();
    let all = reader
        .fills(&FillFilter {
            limit: 200,
            ..FillFilter::default()
        })
        .unwrap();
    assert_eq!(all.len(), 102);
    for (who, among, what) in [
        (Some("main"), None, None),
        (None, None, Some("S3USDT")),
        (Some("bot"), None, Some("S0USDT")),
        (None, Some(vec!["main", "bot"]), None),
        (None, Some(vec![]), None),
        (Some("main"), Some(vec!["bot"]), None),
        (Some("nobody"), None, None),
    ] {
        let filter = FillFilter {
            account: who.map(account),
            among: among
                .clone()
                .map(|names| names.into_iter().map(account).collect()),
            symbol: what.map(symbol),
            from: Some(at(1)),
            to: Some(at(9)),
            limit: 7,
            ..FillFilter::default()
        };
        let wanted: Vec<i64> = all
            .iter()
            .filter(|one| {
                let market = &one.execution.market;
                who.is_none_or(|who| market.account.as_str() == who)
                    && among
                        .as_ref()
                        .is_none_or(|names| names.contains(&market.account.as_str()))
                    && what.is_none_or(|what| market.symbol.as_str() == what)
                    && (at(1)..at(9)).contains(&one.execution.executed_at)
            })
            .map(|one| one.id)
            .collect();
        let (mut got, mut before_id) = (Vec::new(), None);
        loop {
            let page = reader
                .fills(&FillFilter {
                    before_id,
                    ..filter.clone()
                })
                .unwrap();
            let Some(last) = page.last() else { break };
            before_id = Some(last.id);
            got.extend(page.iter().map(|one| one.id));
        }
        assert_eq!(got, wanted, "{who:?} {among:?} {what:?}");
    }
    // And as they came: every row once, whatever the step.
    let newest = reader.newest_rows().unwrap().execution;
    let (mut after, mut came) = (0, Vec::new());
    while let Some(last) = {
        let step = reader.fills_as_they_came(after, newest, 10).unwrap();
        came.extend(step.iter().map(|one| one.id));
        step.last().map(|one| one.id)
    } {
        after = last;
    }
    let mut ids: Vec<i64> = all.iter().map(|one| one.id).collect();
    ids.sort_unstable();
    assert_eq!(came, ids);
}

#[test]
fn walks_give_every_row_once_in_order() {
    let bench = Bench::new();
    for record in hundred() {
        runtime().block_on(bench.ledger.record(record)).unwrap();
    }
    let closing = (0..40).map(|number| {
        let side = if number % 2 == 0 {
            Side::Buy
        } else {
            Side::Sell
        };
        let mut one = fill(
            &format!("c-{number}"),
            "c",
            side,
            "1",
            100 + i64::from(number) / 4,
        );
        one.market = market("main", &format!("C{}USDT", number % 8 / 2));
        one
    });
    runtime()
        .block_on(bench.ledger.record(rows(closing.collect())))
        .unwrap();
    let reader = bench.reader();
    let (mut walk, mut seen) = (
        ExecutionWalk {
            limit: 9,
            ..ExecutionWalk::default()
        },
        Vec::new(),
    );
    loop {
        let step = reader.walk_executions(&walk).unwrap();
        let Some(last) = step.last() else { break };
        walk.after = Some((last.execution.executed_at, last.id));
        seen.extend(step.iter().map(|one| (one.execution.executed_at, one.id)));
    }
    assert_eq!(seen.len(), 142);
    assert!(seen.is_sorted(), "{seen:?}");
    let whole: Vec<_> = reader.closed_cycles(&CycleFilter::default()).unwrap();
    let (mut after, mut count) = (None, 0);
    loop {
        let step = reader
            .walk_closed_cycles(&CycleFilter::default(), after.as_ref(), 3)
            .unwrap();
        let Some((place, ..)) = step.last() else {
            break;
        };
        after = Some(place.clone());
        count += step.len();
    }
    assert_eq!((count, whole.len()), (20, 20));
}

fn count(name: &str, cycle: u64, who: &str, second: i64) -> CountRow {
    CountRow {
        symbol: symbol(name),
        side: PositionSide::Short,
        cycle,
        account: account(who),
        detected: 1,
        shown: 1,
        synchronised: true,
        note: None,
        at_least: false,
        total: 1,
        truth: Truth::Aligned,
        moment: at(second),
        last_fill_sync: SEEN,
    }
}

#[test]
fn counts_come_by_cycle_and_cycles_that_share_a_moment_stay_on_one_page() {
    let bench = Bench::new();
    let mut decisions = Decisions::new(desk(), SEEN);
    for (name, cycle, second) in [
        ("A", 1, 10),
        ("B", 1, 20),
        ("C", 1, 20),
        ("D", 1, 20),
        ("A", 2, 30),
    ] {
        decisions.counts.push(count(name, cycle, "main", second));
        // The members' newest moments differ; a cycle stands where the later one puts it.
        decisions
            .counts
            .push(count(name, cycle, "mirror", second - 5));
    }
    runtime().block_on(bench.ledger.commit(decisions)).unwrap();
    let reader = bench.reader();
    let pages = |filter: CountFilter| {
        let (mut pages, mut before) = (Vec::new(), None);
        loop {
            let (cycles, more) = reader
                .counts_page(&CountFilter {
                    before,
                    ..filter.clone()
                })
                .unwrap();
            pages.push(
                cycles
                    .iter()
                    .map(|rows| {
                        assert!(rows.len() <= 2);
                        format!("{}{}", rows[0].count.symbol, rows[0].count.cycle)
                    })
                    .collect::<Vec<_>>()
                    .join(" "),
            );
            if !more {
                return pages;
            }
            before = cycles
                .last()
                .and_then(|rows| rows.iter().map(|row| row.count.moment).max());
        }
    };
    let two = CountFilter {
        limit: 2,
        ..CountFilter::default()
    };
    assert_eq!(pages(two.clone()), ["A2 B1 C1 D1", "A1"]);
    let of = |name: &str| CountFilter {
        symbol: Some(symbol(name)),
        limit: 1,
        ..CountFilter::default()
    };
    assert_eq!(pages(of("A")), ["A2", "A1"]);
    let late = CountFilter {
        from: Some(at(20)),
        to: Some(at(30)),
        ..two.clone()
    };
    assert_eq!(pages(late), ["B1 C1 D1"]);
    let nobody = CountFilter {
        account: Some(account("nobody")),
        ..two.clone()
    };
    assert_eq!(pages(nobody), [""]);
    let mirror = CountFilter {
        account: Some(account("mirror")),
        limit: 9,
        ..two
    };
    assert_eq!(pages(mirror), ["A2 B1 C1 D1 A1"]);
}

fn cycle(name: &str, ordinal: u64, opened: i64, closed: Option<i64>) -> GroupCycleRow {
    GroupCycleRow {
        symbol: symbol(name),
        side: PositionSide::Short,
        ordinal,
        opened_at: at(opened),
        closed_at: closed.map(at),
        settled: closed.is_some(),
        members: Vec::new(),
    }
}

fn divergence(name: &str, ordinal: u64, confirmed: bool) -> DivergenceRow {
    DivergenceRow {
        symbol: symbol(name),
        side: PositionSide::Short,
        cycle: ordinal,
        slot_key: "L1".to_owned(),
        account: account("mirror"),
        truth: Truth::Lagging,
        first_at: at(1),
        confirmed_at: confirmed.then(|| at(2)),
        resolved_at: None,
        alert_identity: None,
    }
}

#[test]
fn on_the_board_what_differs_comes_first_then_what_is_open_then_what_is_new() {
    let bench = Bench::new();
    let mut decisions = Decisions::new(desk(), SEEN);
    decisions.cycles = vec![
        cycle("OLD", 1, 1, Some(5)),
        cycle("NEW", 1, 90, Some(95)),
        cycle("OPEN", 1, 50, None),
        cycle("DIFFERS", 1, 10, Some(20)),
        cycle("SUSPECTED", 1, 12, Some(20)),
    ];
    decisions.divergences = vec![
        divergence("DIFFERS", 1, true),
        divergence("SUSPECTED", 1, false),
    ];
    runtime().block_on(bench.ledger.commit(decisions)).unwrap();
    let reader = bench.reader();
    let names = |limit| {
        let board = reader.board(&desk(), None, limit).unwrap();
        let names = board.iter().map(|cycle| cycle.symbol.to_string());
        names.collect::<Vec<_>>()
    };
    assert_eq!(names(9), ["DIFFERS", "OPEN", "NEW", "SUSPECTED", "OLD"]);
    assert_eq!(names(2), ["DIFFERS", "OPEN"]);
    let open = DivergenceFilter {
        open_only: true,
        limit: 1,
        ..DivergenceFilter::default()
    };
    let first = reader.divergences_page(&open).unwrap();
    let second = reader
        .divergences_page(&DivergenceFilter {
            before_id: first.first().map(|(id, _)| *id),
            ..open
        })
        .unwrap();
    assert_eq!((first.len(), second.len()), (1, 1));
    assert_ne!(first, second);
}

#[test]
fn events_are_narrowed_and_their_numbers_outlive_them() {
    let bench = Bench::new();
    let event = |name: &str, who: Option<&str>| EventRow {
        at: SEEN,
        name: name.to_owned(),
        account: who.map(account),
        group: None,
        json: "{}".to_owned(),
    };
    runtime()
        .block_on(bench.ledger.log_events(vec![
            event("one", Some("main")),
            event("two", None),
            event("one", Some("mirror")),
            event("one", Some("main")),
        ]))
        .unwrap();
    let reader = bench.reader();
    let ids = |filter: EventFilter| {
        let events = reader
            .events_page(&EventFilter { limit: 2, ..filter })
            .unwrap();
        events.iter().map(|event| event.id).collect::<Vec<_>>()
    };
    assert_eq!(ids(EventFilter::default()), [3, 4]);
    let of_main = EventFilter {
        name: Some("one".to_owned()),
        account: Some(account("main")),
        ..EventFilter::default()
    };
    assert_eq!(ids(of_main), [1, 4]);
    let after = EventFilter {
        after: Some(1),
        ..EventFilter::default()
    };
    assert_eq!(ids(after), [2, 3]);
    assert_eq!(
        (
            reader.oldest_event().unwrap(),
            reader.newest_rows().unwrap().event
        ),
        (1, 4)
    );
    rusqlite::Connection::open(bench.path())
        .unwrap()
        .execute("DELETE FROM event", [])
        .unwrap();
    assert_eq!(
        (
            reader.oldest_event().unwrap(),
            reader.newest_rows().unwrap().event
        ),
        (0, 4)
    );
}

/// What is counted by the hour is what a count of the rows says, also after rows were taken back and
/// came again.
#[test]
fn fills_by_the_hour_are_those_that_stand() {
    let bench = Bench::new();
    for record in hundred() {
        runtime().block_on(bench.ledger.record(record)).unwrap();
    }
    let connection = rusqlite::Connection::open(bench.path()).unwrap();
    let agree = || {
        let sql = |text: &str| -> Vec<(i64, i64, i64)> {
            let mut statement = connection.prepare(text).unwrap();
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
            rows.unwrap().map(Result::unwrap).collect()
        };
        let kept = sql("SELECT hour, market_id, fills FROM fill_hour ORDER BY 1, 2");
        let counted = sql(
            "SELECT executed_at / 3600000000, market_id, count(*) FROM execution
             WHERE class = 'order-fill' AND state = 'live' GROUP BY 1, 2 ORDER BY 1, 2",
        );
        assert_eq!(kept, counted);
        kept.iter().map(|row| row.2).sum::<i64>()
    };
    assert_eq!(agree(), 102);
    connection
        .execute(
            "UPDATE execution SET state = 'busted' WHERE market_id = 1",
            [],
        )
        .unwrap();
    let without = agree();
    assert!(without < 102);
    connection
        .execute(
            "UPDATE execution SET state = 'superseded' WHERE id % 2 = 0",
            [],
        )
        .unwrap();
    assert!(agree() < without);
    connection
        .execute("UPDATE execution SET state = 'live'", [])
        .unwrap();
    assert_eq!(agree(), 102);
    let hours = bench
        .reader()
        .fill_hours(at(0), at(1), Some(&[account("main")]), None);
    assert_eq!(
        hours.unwrap().iter().map(|hour| hour.fills).sum::<u64>(),
        34
    );
}
