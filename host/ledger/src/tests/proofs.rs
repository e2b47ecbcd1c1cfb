//! What the ledger can say of itself: how far an account is proven, what is missing and whether that
//! was told, what the books hold, and that the self-check finds what a hand has spoiled.

use super::{
    Bench, SEEN, account, at, fill, gap, linear, market, order, page, proven, quantity, rows,
    runtime, window,
};
use crate::{LedgerError, PageRecord};
use fillsync_core::execution::{Execution, Relation, Side};
use fillsync_core::id::{ExecutionId, OrderId, Symbol};
use fillsync_core::order::{Lane, Order};

fn record(bench: &Bench, record: PageRecord) -> crate::Recorded {
    runtime().block_on(bench.ledger.record(record)).unwrap()
}

fn lose(bench: &Bench, from: i64, to: i64) -> Result<bool, LedgerError> {
    runtime().block_on(
        bench
            .ledger
            .gap_unfillable(account("main"), linear(), window(from, to)),
    )
}

#[test]
fn a_gap_that_the_venue_cannot_fill_is_news_once() {
    let bench = Bench::new();
    let with_gap = || PageRecord {
        gap: gap(10, 20),
        ..page()
    };
    record(&bench, with_gap());
    assert_eq!(lose(&bench, 10, 20), Ok(true));
    assert_eq!(lose(&bench, 10, 20), Ok(false));
    // Neither another try nor another start makes it news again.
    record(&bench, with_gap());
    assert_eq!(lose(&bench, 10, 20), Ok(false));
    assert!(matches!(
        lose(&bench, 11, 20),
        Err(LedgerError::Rejected { .. })
    ));
    let known = bench.reader().gaps(Some(&account("main"))).unwrap();
    let one = known.first().unwrap();
    assert_eq!(
        (one.retries, one.unfillable, one.first_seen, one.last_tried),
        (1, true, SEEN, SEEN)
    );
    assert_eq!(one.reason, "page 2 was cut off");
}

#[test]
fn an_account_is_complete_to_a_venue_time_and_its_gaps_are_counted() {
    let bench = Bench::new();
    assert_eq!(bench.reader().proofs(None).unwrap(), []);
    for (from, to) in [(10, 20), (30, 40), (60, 70)] {
        let mut next = page();
        next.gap = gap(from, to);
        record(&bench, next);
    }
    let proof = |bench: &Bench| {
        let proofs = bench.reader().proofs(Some(&account("main"))).unwrap();
        proofs.first().unwrap().clone()
    };
    assert_eq!((proof(&bench).complete, proof(&bench).gaps_open), (None, 3));
    lose(&bench, 60, 70).unwrap();
    let mut next = page();
    next.proven = proven(25, 50);
    next.orders_checked = Some(at(49));
    record(&bench, next);
    let found = proof(&bench);
    assert_eq!(
        (found.complete, found.orders_checked, found.traversals),
        (Some(window(25, 50)), Some(at(49)), 1)
    );
    assert_eq!(
        (found.gaps_open, found.gaps_unfillable, found.gaps_resolved),
        (1, 1, 1)
    );
    assert_eq!(found.last_seen, Some(SEEN));
    assert_eq!(bench.reader().proofs(Some(&account("mirror"))).unwrap(), []);
}

#[test]
fn a_backfill_that_was_cut_off_walks_only_what_is_missing() {
    let bench = Bench::new();
    for (from, to) in [(0, 10), (10, 20), (30, 40)] {
        let mut next = page();
        next.proven = proven(from, to);
        record(&bench, next);
    }
    let coverage = bench.reader().coverage(&account("main")).unwrap();
    assert_eq!(
        coverage.get(&linear()).unwrap().missing(window(-10, 50)),
        [window(-10, 0), window(20, 30), window(40, 50)]
    );
}

fn gone(bench: &Bench) -> bool {
    let books = bench
        .reader()
        .books(&[market("main", "GTCUSDT")], at(-1_000))
        .unwrap();
    books.first().unwrap().orders.first().unwrap().gone
}

#[test]
fn an_order_that_was_called_gone_and_is_seen_again_is_back() {
    // Bybit clears its lists of closed orders when it restarts, and an order that is asked for in that
    // moment is not there. It used to stay gone for ever, so that its leg was called missing.
    let seen_again: [fn(&mut Order); 2] = [
        |_| {},
        |order| {
            order.filled_quantity = quantity("1");
            order.updated_at = at(30);
        },
    ];
    for change in seen_again {
        let bench = Bench::new();
        let mut known = page();
        known.orders = vec![order("o1", Side::Buy, Lane::OneWay, 0)];
        known.orders_checked = Some(at(5));
        record(&bench, known.clone());
        runtime()
            .block_on(bench.ledger.order_gone(
                account("main"),
                linear(),
                Symbol::new("GTCUSDT").unwrap(),
                OrderId::new("o1").unwrap(),
                at(10),
            ))
            .unwrap();
        assert!(gone(&bench));
        let open = |bench: &Bench| {
            let reader = bench.reader();
            reader.open_orders(&account("main"), &linear()).unwrap()
        };
        assert_eq!(open(&bench).len(), 0);
        let marked = bench.reader().marks().unwrap().1;
        known.orders.iter_mut().for_each(change);
        known.orders_checked = Some(at(40));
        let recorded = record(&bench, known);
        assert!(!gone(&bench));
        assert_eq!(open(&bench).len(), 1);
        assert_eq!(recorded.changed_markets, [market("main", "GTCUSDT")]);
        assert!(bench.reader().marks().unwrap().1 > marked);
    }
}

#[test]
fn how_far_ended_orders_were_read_is_kept_beside_the_open_ones_and_never_goes_back() {
    let bench = Bench::new();
    let read = |bench: &Bench| {
        let reader = bench.reader();
        let of = |all: std::collections::BTreeMap<_, _>| all.get(&linear()).copied();
        (
            of(reader.orders_checked(&account("main")).unwrap()),
            of(reader.closed_checked(&account("main")).unwrap()),
        )
    };
    let mut open = page();
    open.orders_checked = Some(at(5));
    record(&bench, open);
    assert_eq!(read(&bench), (Some(at(5)), None));
    for (checked, known) in [(4, 4), (9, 9), (7, 9)] {
        let mut ended = page();
        ended.closed_checked = Some(at(checked));
        record(&bench, ended);
        assert_eq!(read(&bench), (Some(at(5)), Some(at(known))), "{checked}");
    }
    assert!(
        bench
            .reader()
            .closed_checked(&account("mirror"))
            .unwrap()
            .is_empty()
    );
}

#[test]
fn the_books_say_what_is_held_now() {
    let bench = Bench::new();
    let mut next = rows(vec![
        fill("e1", "long", Side::Buy, "3", 10),
        fill("e2", "short", Side::Sell, "2", 20),
        fill("e3", "long", Side::Sell, "1", 30),
    ]);
    next.orders = vec![
        order("long", Side::Buy, Lane::Long, 0),
        order("short", Side::Sell, Lane::Short, 0),
    ];
    record(&bench, next);
    let held: Vec<_> = bench
        .reader()
        .position_now(&account("main"), &linear())
        .unwrap()
        .into_iter()
        .map(|one| (one.symbol.to_string(), one.lane, one.quantity))
        .collect();
    let gtc = || "GTCUSDT".to_owned();
    assert_eq!(
        held,
        [
            (gtc(), Lane::Long, quantity("2")),
            (gtc(), Lane::Short, quantity("-2"))
        ]
    );
}

/// A ledger with something of everything.
fn whole() -> Bench {
    let bench = Bench::new();
    let mut next = rows(vec![
        fill("e1", "o1", Side::Buy, "2", 10),
        Execution {
            relation: Relation::Corrects(ExecutionId::new("e1").unwrap()),
            ..fill("c1", "o1", Side::Buy, "1", 10)
        },
        fill("e2", "o2", Side::Buy, "1", 12),
    ]);
    next.orders = vec![Order {
        filled_quantity: quantity("5"),
        average_price: Some(fillsync_core::amount::Price::parse("2").unwrap()),
        ..order("o1", Side::Buy, Lane::OneWay, 0)
    }];
    next.proven = proven(0, 20);
    record(&bench, next);
    runtime()
        .block_on(bench.ledger.infer(
            account("main"),
            linear(),
            Symbol::new("GTCUSDT").unwrap(),
            OrderId::new("o1").unwrap(),
            SEEN,
        ))
        .unwrap();
    let mut next = page();
    next.gap = gap(30, 40);
    record(&bench, next);
    bench
}

#[test]
fn the_self_check_finds_what_a_hand_has_spoiled() {
    for (spoil, finding) in [
        (
            "UPDATE execution SET state = 'live' WHERE execution_id = 'e1'",
            "execution e1 is live, but the rows about it make it superseded",
        ),
        (
            "UPDATE execution SET state = 'busted' WHERE execution_id = 'e2'",
            "execution e2 is busted, and no row says why",
        ),
        (
            "UPDATE execution SET state = 'superseded' WHERE relation = 'stands-in'",
            "order o1 shows 1 by rows and 0 by stand-ins, but 5 in all",
        ),
        (
            "INSERT INTO order_ahead SELECT id, 'o1', '0' FROM market",
            "order o1 is noted wrongly",
        ),
        (
            "UPDATE orders SET filled_quantity = '9'",
            "order o1 is noted wrongly",
        ),
        (
            "INSERT INTO coverage SELECT account, category, from_at + 1, to_at FROM coverage",
            "main linear: two proven windows overlap or touch",
        ),
        (
            "UPDATE coverage SET to_at = to_at + 1000000000",
            "is not resolved, but proven",
        ),
        (
            "UPDATE tally SET value = value + 1 WHERE name = 'fills'",
            "account main: 4 fills are counted, 3 are stored",
        ),
        (
            "UPDATE tally SET value = value + 1 WHERE name = 'last_fill_at'",
            "last_fill_at are counted",
        ),
        (
            "INSERT INTO decision (group_name, symbol, side, cycle, moment, revision, facts_hash, view_hash, view_json,
                 plugin, outcome, answer_json, decided_at)
             VALUES ('desk', 'GTCUSDT', 'long', 1, 1, 0, '', 'ab', '{}', 'max-count', 'none', '[]', 1)",
            "lacks the hash of what it was made from",
        ),
        (
            "INSERT INTO decision (group_name, symbol, side, cycle, moment, revision, facts_hash, view_hash, view_json,
                 plugin, outcome, answer_json, decided_at)
             VALUES ('desk', 'GTCUSDT', 'long', 1, 1, 0, 'ab', 'ab', '{}', 'max-count', 'none', '[]', 1)",
            "its view is not the one that its hash names",
        ),
        (
            "INSERT INTO alert (identity, revision, kind, severity, at, json, state, created_at)
                 VALUES ('a', 0, 'fill', 'info', 1, '{}', 'queued', 1)",
            "alert a revision 0 was queued for no channel",
        ),
        (
            "INSERT INTO alert (identity, revision, kind, severity, at, json, state, created_at)
                 VALUES ('a', 0, 'fill', 'info', 1, '{}', 'queued', 1);
             INSERT INTO outbox (alert, identity, revision, channel, state, next_at, created_at, queued_at)
                 SELECT id, 'b', 0, 'ops', 'sent', 1, 1, 1 FROM alert",
            "is not of the alert that it refers to",
        ),
    ] {
        let bench = whole();
        let reader = bench.reader();
        assert_eq!(reader.self_check().unwrap().findings, Vec::<String>::new());
        rusqlite::Connection::open(bench.path())
            .unwrap()
            .execute_batch(spoil)
            .unwrap();
        let findings = reader.self_check().unwrap().findings;
        assert!(
            findings.iter().any(|found| found.contains(finding)),
            "{spoil}: {findings:?}"
        );
    }
}
