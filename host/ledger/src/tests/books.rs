//! Cycles: what late rows, orders and positions do to books that are already folded.

use super::{Bench, account, at, fill, market, order, page, positions, quantity, rows, runtime};
use crate::facts::PageRecord;
use fillsync_core::cycle::CycleStart;
use fillsync_core::execution::Side;
use fillsync_core::order::{Lane, PositionSide};

fn books(bench: &Bench) -> Vec<fillsync_core::group::BookFacts> {
    bench
        .reader()
        .books(&[market("main", "GTCUSDT")], at(-1_000))
        .unwrap()
}

fn sound(bench: &Bench) {
    assert_eq!(
        bench.reader().self_check().unwrap().findings,
        Vec::<String>::new()
    );
}

#[test]
fn a_late_row_changes_only_what_comes_after_it() {
    let bench = Bench::new();
    runtime().block_on(async {
        let mut executions = Vec::new();
        for cycle in 0..100i64 {
            executions.push(fill(&format!("b{cycle}"), "o1", Side::Buy, "2", cycle * 10));
            executions.push(fill(
                &format!("s{cycle}"),
                "o2",
                Side::Sell,
                "2",
                cycle * 10 + 5,
            ));
        }
        bench.ledger.record(rows(executions)).await.unwrap();
        // One more sale in cycle 50 opens a short, which the next purchase flips: all after is another story.
        let late = bench
            .ledger
            .record(rows(vec![fill("late", "o2", Side::Sell, "1", 497)]))
            .await
            .unwrap();
        let allocation = late.new.first().unwrap().allocation;
        assert_eq!(
            allocation.entry.map(|part| (part.ordinal, part.quantity)),
            Some((51, quantity("1")))
        );
    });
    sound(&bench);
    let cycles = &books(&bench).first().unwrap().cycles.clone();
    assert_eq!(
        cycles.get(49).map(|cycle| (cycle.side, cycle.is_open())),
        Some((PositionSide::Long, false))
    );
    assert_eq!(
        cycles.get(50).map(|cycle| cycle.side),
        Some(PositionSide::Short)
    );
}

#[test]
fn an_order_that_comes_after_its_fills_moves_them_to_its_own_position() {
    let bench = Bench::new();
    runtime().block_on(async {
        bench
            .ledger
            .record(rows(vec![
                fill("e1", "long", Side::Buy, "1", 1),
                fill("e2", "short", Side::Sell, "1", 2),
                fill("e3", "long", Side::Buy, "1", 3),
            ]))
            .await
            .unwrap();
        assert_eq!(books(&bench).len(), 1);
        let mut record = page();
        record.orders = vec![
            order("long", Side::Buy, Lane::Long, 0),
            order("short", Side::Sell, Lane::Short, 0),
        ];
        let recorded = bench.ledger.record(record).await.unwrap();
        assert_eq!(recorded.changed_markets.len(), 1);
    });
    sound(&bench);
    let books = books(&bench);
    let shape: Vec<_> = books
        .iter()
        .map(|facts| {
            (
                facts.book.lane,
                facts.cycles.len(),
                facts.fills.len(),
                facts.orders.len(),
            )
        })
        .collect();
    assert_eq!(shape, [(Lane::Long, 1, 2, 1), (Lane::Short, 1, 1, 1)]);
}

#[test]
fn a_position_that_rows_do_not_explain_was_open_before_them() {
    let bench = Bench::new();
    runtime().block_on(async {
        let mut first = rows(vec![
            fill("e1", "o1", Side::Buy, "1", 10),
            fill("e2", "o2", Side::Sell, "2", 20),
        ]);
        first.positions = positions(
            30,
            &[
                ("GTCUSDT", Lane::OneWay, "4"),
                ("ARBUSDT", Lane::OneWay, "-7"),
            ],
        );
        bench.ledger.record(first).await.unwrap();
    });
    sound(&bench);
    let cycles = books(&bench).first().unwrap().cycles.clone();
    let cycle = cycles.first().unwrap();
    assert_eq!(
        (cycle.start, cycle.quantity, cycles.len()),
        (CycleStart::Unknown, quantity("4"), 1)
    );
    // A position without a single row is known as well.
    let untouched = bench
        .reader()
        .books(&[market("main", "ARBUSDT")], at(0))
        .unwrap();
    let cycle = untouched.first().unwrap().cycles.first().unwrap().clone();
    assert_eq!(
        (cycle.side, cycle.start, cycle.quantity),
        (PositionSide::Short, CycleStart::Unknown, quantity("7"))
    );
    assert_eq!(
        bench.reader().markets_of(&account("main")).unwrap().len(),
        2
    );
}

#[test]
fn positions_that_rows_explain_change_nothing() {
    let bench = Bench::new();
    runtime().block_on(async {
        bench
            .ledger
            .record(rows(vec![fill("e1", "o1", Side::Buy, "4", 10)]))
            .await
            .unwrap();
        let before = bench.dump();
        let held = PageRecord {
            positions: positions(30, &[("GTCUSDT", Lane::OneWay, "4")]),
            ..page()
        };
        assert!(
            bench
                .ledger
                .record(held)
                .await
                .unwrap()
                .changed_markets
                .is_empty()
        );
        assert_eq!(bench.dump(), before);
    });
}

#[test]
fn a_moment_with_a_fill_close_to_it_says_nothing() {
    // The venue answered with the position before the fill, and the fill's time is before the answer:
    // taken at its word, a flat account would have been short before. A quiet moment decides.
    let bench = Bench::new();
    runtime().block_on(async {
        let mut first = rows(vec![fill("e1", "o1", Side::Buy, "4", 30)]);
        first.positions = positions(31, &[]);
        bench.ledger.record(first).await.unwrap();
        let second = PageRecord {
            positions: positions(60, &[("GTCUSDT", Lane::OneWay, "4")]),
            ..page()
        };
        bench.ledger.record(second).await.unwrap();
    });
    sound(&bench);
    let cycles = books(&bench).first().unwrap().cycles.clone();
    assert_eq!(
        cycles.iter().map(|cycle| cycle.start).collect::<Vec<_>>(),
        [CycleStart::Flat]
    );
}

#[test]
fn books_give_the_open_cycle_and_what_closed_since_with_their_orders() {
    let bench = Bench::new();
    runtime().block_on(async {
        let mut old = order("old", Side::Buy, Lane::OneWay, 1);
        old.status = fillsync_core::order::OrderStatus::Filled;
        let mut record = rows(vec![
            fill("e1", "old", Side::Buy, "1", 1),
            fill("e2", "old", Side::Sell, "1", 2),
            fill("e3", "late", Side::Buy, "1", 50),
            fill("e4", "late", Side::Sell, "1", 60),
            fill("e5", "now", Side::Buy, "1", 70),
        ]);
        record.orders = vec![old, order("resting", Side::Buy, Lane::OneWay, 5)];
        bench.ledger.record(record).await.unwrap();
    });
    let books = bench
        .reader()
        .books(&[market("main", "GTCUSDT")], at(55))
        .unwrap();
    let facts = books.first().unwrap();
    assert_eq!(
        facts
            .cycles
            .iter()
            .map(|cycle| cycle.ordinal)
            .collect::<Vec<_>>(),
        [2, 3]
    );
    assert_eq!(
        facts
            .fills
            .iter()
            .map(|fill| fill.execution_id.as_str())
            .collect::<Vec<_>>(),
        ["e3", "e4", "e5"]
    );
    assert_eq!(
        facts
            .orders
            .iter()
            .map(|known| known.order.order_id.as_str())
            .collect::<Vec<_>>(),
        ["resting"]
    );
    let closed = bench
        .reader()
        .closed_cycles(&crate::CycleFilter::default())
        .unwrap();
    assert_eq!(
        closed
            .iter()
            .map(|closed| closed.cycle.ordinal)
            .collect::<Vec<_>>(),
        [1, 2]
    );
}
