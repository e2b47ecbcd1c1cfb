//! Corrections and busts (law 5): what stands, what moves the books, and that the order of arrival
//! never shows. A venue tells them late, twice, or before the row that they are about.

use super::{Bench, fill, market, order, page, quantity, rows, runtime};
use crate::facts::{Recorded, RevisedKind, RowState};
use fillsync_core::amount::Quantity;
use fillsync_core::execution::{Execution, Relation, Side};
use fillsync_core::id::ExecutionId;
use fillsync_core::order::Lane;

fn id(text: &str) -> ExecutionId {
    ExecutionId::new(text).unwrap()
}

fn corrects(name: &str, other: &str, amount: &str, second: i64) -> Execution {
    Execution {
        relation: Relation::Corrects(id(other)),
        ..fill(name, "o1", Side::Buy, amount, second)
    }
}

fn busts(name: &str, other: &str, second: i64) -> Execution {
    Execution {
        relation: Relation::Busts(id(other)),
        ..fill(name, "o1", Side::Buy, "1", second)
    }
}

/// What stands, and how much is held.
fn held(bench: &Bench) -> (Vec<String>, Quantity) {
    let reader = bench.reader();
    assert_eq!(reader.self_check().unwrap().findings, Vec::<String>::new());
    let fills = reader
        .fills(&crate::FillFilter {
            limit: 100,
            ..crate::FillFilter::default()
        })
        .unwrap();
    let mut names: Vec<_> = fills
        .iter()
        .map(|fill| fill.execution.execution_id.to_string())
        .collect();
    names.sort();
    let books = reader
        .books(&[market("main", "GTCUSDT")], super::at(-1_000))
        .unwrap();
    let followed: usize = books.iter().map(|book| book.fills.len()).sum();
    assert_eq!(
        followed,
        names.len(),
        "the groups read other fills than people"
    );
    let counted = reader.status().unwrap().accounts.first().unwrap().fills;
    assert_eq!(counted, names.len() as u64, "the count is of other fills");
    let quantity = books
        .iter()
        .flat_map(|book| &book.cycles)
        .map(|cycle| cycle.quantity)
        .sum();
    (names, quantity)
}

/// Records every row on a page of its own, in every order that is asked for; what stands must be the
/// same each time, and told once of each pair of rows.
fn in_any_order(
    told: &[Execution],
    stands: &[&str],
    amount: &str,
    revised: &[(&str, RevisedKind)],
) {
    let mut dumps = Vec::new();
    for turn in 0..told.len() * 2 {
        let bench = Bench::new();
        let mut told = told.to_vec();
        let count = told.len();
        told.rotate_left(turn % count);
        if turn >= count {
            told.reverse();
        }
        let mut seen = Vec::new();
        runtime().block_on(async {
            for row in told.iter().chain(&told) {
                let recorded = bench.ledger.record(rows(vec![row.clone()])).await.unwrap();
                seen.extend(
                    recorded
                        .revised
                        .into_iter()
                        .map(|one| (one.execution.execution_id.to_string(), one.kind)),
                );
            }
        });
        seen.sort_by(|one, other| one.0.cmp(&other.0));
        let revised: Vec<_> = revised
            .iter()
            .map(|(name, kind)| ((*name).to_owned(), *kind))
            .collect();
        if turn == 0 {
            assert_eq!(seen, revised);
        }
        assert_eq!(seen.len(), revised.len(), "turn {turn}: {seen:?}");
        assert_eq!(
            held(&bench),
            (
                stands.iter().map(|name| (*name).to_owned()).collect(),
                quantity(amount)
            ),
            "turn {turn}"
        );
        dumps.push(bench.dump());
    }
    dumps.dedup();
    assert_eq!(dumps.len(), 1);
}

#[test]
fn a_corrected_row_gives_its_place_to_the_correction() {
    in_any_order(
        &[
            fill("e1", "o1", Side::Buy, "2", 10),
            fill("e2", "o1", Side::Buy, "1", 20),
            corrects("c1", "e1", "5", 10),
        ],
        &["c1", "e2"],
        "6",
        &[("e1", RevisedKind::Corrected)],
    );
}

#[test]
fn of_a_chain_of_corrections_the_last_stands() {
    in_any_order(
        &[
            fill("e1", "o1", Side::Buy, "2", 10),
            corrects("c1", "e1", "5", 10),
            corrects("c2", "c1", "7", 10),
        ],
        &["c2"],
        "7",
        &[
            ("c1", RevisedKind::Corrected),
            ("e1", RevisedKind::Corrected),
        ],
    );
}

#[test]
fn of_two_corrections_of_one_row_the_later_stands() {
    in_any_order(
        &[
            fill("e1", "o1", Side::Buy, "2", 10),
            corrects("c1", "e1", "5", 10),
            corrects("c2", "e1", "7", 11),
        ],
        &["c2"],
        "7",
        &[
            ("c1", RevisedKind::Corrected),
            ("e1", RevisedKind::Corrected),
        ],
    );
}

#[test]
fn a_busted_row_moves_nothing_and_neither_does_the_bust() {
    in_any_order(
        &[
            fill("e1", "o1", Side::Buy, "2", 10),
            fill("e2", "o1", Side::Buy, "1", 20),
            busts("b1", "e2", 30),
        ],
        &["e1"],
        "2",
        &[("e2", RevisedKind::Busted)],
    );
}

#[test]
fn a_bust_of_a_correction_takes_the_trade_back() {
    in_any_order(
        &[
            fill("e1", "o1", Side::Buy, "2", 10),
            fill("e2", "o1", Side::Buy, "1", 20),
            corrects("c1", "e1", "5", 10),
            busts("b1", "c1", 30),
        ],
        &["e2"],
        "1",
        &[("c1", RevisedKind::Busted), ("e1", RevisedKind::Corrected)],
    );
}

#[test]
fn a_bust_of_the_first_row_of_a_chain_takes_the_trade_back_as_well() {
    in_any_order(
        &[
            fill("e1", "o1", Side::Buy, "2", 10),
            fill("e2", "o1", Side::Buy, "1", 20),
            corrects("c1", "e1", "5", 10),
            busts("b1", "e1", 30),
        ],
        &["e2"],
        "1",
        &[("c1", RevisedKind::Busted), ("e1", RevisedKind::Corrected)],
    );
}

#[test]
fn rows_that_speak_of_themselves_or_in_circles_break_nothing() {
    in_any_order(
        &[
            corrects("c1", "c2", "1", 10),
            corrects("c2", "c1", "1", 11),
            corrects("c3", "c3", "4", 12),
        ],
        &["c3"],
        "4",
        &[
            ("c1", RevisedKind::Corrected),
            ("c2", RevisedKind::Corrected),
        ],
    );
}

fn record(bench: &Bench, executions: Vec<Execution>) -> Recorded {
    runtime()
        .block_on(bench.ledger.record(rows(executions)))
        .unwrap()
}

#[test]
fn a_bust_folds_everything_after_it_again_and_marks_the_market() {
    let bench = Bench::new();
    record(
        &bench,
        vec![
            fill("b1", "o1", Side::Buy, "2", 1),
            fill("s1", "o2", Side::Sell, "2", 2),
            fill("b2", "o1", Side::Buy, "2", 3),
            fill("s2", "o2", Side::Sell, "2", 4),
        ],
    );
    let seq = bench.reader().marks().unwrap().1;
    let recorded = record(&bench, vec![busts("bust", "s1", 90)]);
    assert_eq!(recorded.changed_markets, [market("main", "GTCUSDT")]);
    let new = recorded.new.first().unwrap();
    assert_eq!(
        (new.state, new.allocation),
        (RowState::Busted, Default::default())
    );
    let (marks, newest) = bench.reader().marks().unwrap();
    assert!(newest > seq);
    assert!(marks.first().unwrap().from <= super::at(2));
    // Without the first sale there is one cycle, still open.
    let books = bench
        .reader()
        .books(&[market("main", "GTCUSDT")], super::at(-1_000))
        .unwrap();
    let cycles = &books.first().unwrap().cycles;
    assert_eq!(
        cycles
            .iter()
            .map(|cycle| (cycle.ordinal, cycle.quantity))
            .collect::<Vec<_>>(),
        [(1, quantity("2"))]
    );
    assert_eq!(held(&bench).1, quantity("2"));
}

#[test]
fn the_newest_fill_of_an_account_is_one_that_stands() {
    let bench = Bench::new();
    record(
        &bench,
        vec![
            fill("e1", "o1", Side::Buy, "2", 10),
            fill("e2", "o1", Side::Buy, "2", 50),
        ],
    );
    let newest = |bench: &Bench| {
        let status = bench.reader().status().unwrap();
        status.accounts.first().unwrap().last_fill_at
    };
    assert_eq!(newest(&bench), Some(super::at(50)));
    record(&bench, vec![busts("b1", "e2", 60)]);
    assert_eq!(newest(&bench), Some(super::at(10)));
    record(&bench, vec![busts("b2", "e1", 61)]);
    assert_eq!(newest(&bench), None);
}

#[test]
fn a_row_that_is_told_to_be_a_correction_only_later_becomes_one() {
    // REST has no word for it, the stream has; both report the same row.
    let bench = Bench::new();
    record(
        &bench,
        vec![
            fill("e1", "o1", Side::Buy, "2", 10),
            fill("c1", "o1", Side::Buy, "5", 10),
        ],
    );
    assert_eq!(held(&bench).1, quantity("7"));
    let recorded = record(&bench, vec![corrects("c1", "e1", "5", 10)]);
    assert_eq!((recorded.known, recorded.conflicts.len()), (1, 0));
    assert_eq!(recorded.revised.len(), 1);
    assert_eq!(held(&bench).1, quantity("5"));
    // And what it once said it does not take back.
    let other = record(&bench, vec![corrects("c1", "e9", "5", 10)]);
    assert_eq!(other.conflicts.len(), 1);
    assert_eq!(held(&bench).1, quantity("5"));
}

#[test]
fn a_correction_in_another_position_follows_its_own_order() {
    let bench = Bench::new();
    let mut orders = page();
    orders.orders = vec![order("o1", Side::Buy, Lane::Long, 0)];
    record(&bench, vec![fill("e1", "o1", Side::Buy, "2", 10)]);
    record(&bench, vec![corrects("c1", "e1", "5", 10)]);
    runtime().block_on(bench.ledger.record(orders)).unwrap();
    assert_eq!(held(&bench), (vec!["c1".to_owned()], quantity("5")));
    let books = bench
        .reader()
        .books(&[market("main", "GTCUSDT")], super::at(-1_000))
        .unwrap();
    assert_eq!(books.first().unwrap().book.lane, Lane::Long);
}
