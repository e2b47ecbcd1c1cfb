//! Orders that filled more than rows show: what stands in for the rest, and how it gives way. Seen on
//! venues whose order states run ahead of their executions, and on old orders whose rows are gone.

use super::{Bench, SEEN, account, at, fill, linear, market, order, page, quantity, rows, runtime};
use crate::facts::{Inferred, NewExecution, Recorded, RevisedKind, RowState};
use crate::{FillFilter, OrderAhead, StoredFill};
use fillsync_core::amount::{Money, Price, Quantity};
use fillsync_core::execution::{Execution, ExecutionClass, Relation, Side, Source};
use fillsync_core::id::{ExecutionId, OrderId, Symbol};
use fillsync_core::order::{Lane, Order, OrderStatus};
use proptest::prelude::*;

fn filled(amount: &str, average: Option<&str>, second: i64) -> Order {
    Order {
        filled_quantity: quantity(amount),
        average_price: average.map(|text| Price::parse(text).unwrap()),
        status: OrderStatus::Open,
        updated_at: at(second),
        raw: format!("{amount}-{second}"),
        ..order("o1", Side::Buy, Lane::OneWay, 0)
    }
}

fn real(name: &str, amount: &str, price: &str, second: i64) -> Execution {
    Execution {
        price: Price::parse(price).unwrap(),
        fee: None,
        ..fill(name, "o1", Side::Buy, amount, second)
    }
}

fn record(bench: &Bench, orders: Vec<Order>, executions: Vec<Execution>) -> Recorded {
    let mut record = rows(executions);
    record.orders = orders;
    runtime().block_on(bench.ledger.record(record)).unwrap()
}

fn infer(bench: &Bench) -> Inferred {
    runtime()
        .block_on(bench.ledger.infer(
            account("main"),
            linear(),
            Symbol::new("GTCUSDT").unwrap(),
            OrderId::new("o1").unwrap(),
            SEEN,
        ))
        .unwrap()
}

fn stood_in(bench: &Bench) -> NewExecution {
    match infer(bench) {
        Inferred::StoodIn(new) => *new,
        other => panic!("{other:?}"),
    }
}

fn ahead(bench: &Bench) -> Vec<OrderAhead> {
    bench
        .reader()
        .orders_ahead(&account("main"), &linear())
        .unwrap()
}

fn fills(bench: &Bench) -> Vec<StoredFill> {
    let mut fills = bench
        .reader()
        .fills(&FillFilter {
            limit: 1_000,
            ..FillFilter::default()
        })
        .unwrap();
    fills.reverse();
    fills
}

fn names(bench: &Bench) -> Vec<String> {
    fills(bench)
        .iter()
        .map(|fill| fill.execution.execution_id.to_string())
        .collect()
}

/// How much stands, and for how much money; the books must say the same.
fn sum(bench: &Bench) -> (Quantity, Money) {
    let reader = bench.reader();
    assert_eq!(reader.self_check().unwrap().findings, Vec::<String>::new());
    let fills = fills(bench);
    let amount: Quantity = fills.iter().map(|fill| fill.execution.quantity).sum();
    let value = fills
        .iter()
        .map(|fill| fill.execution.price.times(fill.execution.quantity).unwrap())
        .sum();
    let held = reader.position_now(&account("main"), &linear()).unwrap();
    assert_eq!(
        held.iter().map(|one| one.quantity).sum::<Quantity>(),
        amount
    );
    (amount, value)
}

fn money(text: &str) -> Money {
    Money::parse(text).unwrap()
}

#[test]
fn an_order_is_ahead_until_its_rows_have_come() {
    let bench = Bench::new();
    record(&bench, vec![filled("3", Some("2"), 10)], vec![]);
    let waiting = ahead(&bench);
    let one = waiting.first().unwrap();
    assert_eq!(
        (one.filled_quantity, one.shown_quantity, one.updated_at),
        (quantity("3"), quantity("0"), at(10))
    );
    record(&bench, vec![], vec![real("e1", "1", "2", 5)]);
    assert_eq!(ahead(&bench).first().unwrap().shown_quantity, quantity("1"));
    record(&bench, vec![], vec![real("e2", "2", "2", 9)]);
    assert_eq!(ahead(&bench), []);
    // Nor is one whose rows came first, nor one that only moved money.
    record(
        &bench,
        vec![filled("4", Some("2"), 12)],
        vec![real("e3", "1", "2", 11)],
    );
    assert_eq!(ahead(&bench), []);
    let funding = Execution {
        class: ExecutionClass::Cash,
        ..real("f1", "5", "2", 12)
    };
    record(&bench, vec![filled("6", Some("2"), 13)], vec![funding]);
    assert_eq!(ahead(&bench).first().unwrap().shown_quantity, quantity("4"));
    assert_eq!(infer(&Bench::new()), Inferred::NotStored);
}

#[test]
fn rows_that_a_venue_dates_before_their_order_are_counted() {
    let bench = Bench::new();
    let mut late = filled("3", Some("2"), 5_000);
    late.created_at = at(4_000);
    record(&bench, vec![late], vec![real("e1", "3", "2", 5)]);
    assert_eq!(ahead(&bench), []);
    assert_eq!(infer(&bench), Inferred::Enough);
}

#[test]
fn a_stand_in_brings_the_average_out_and_gives_way_part_by_part() {
    let bench = Bench::new();
    record(
        &bench,
        vec![filled("4", Some("2.5"), 20)],
        vec![real("e1", "1", "1", 5)],
    );
    let new = stood_in(&bench);
    let row = &new.execution;
    assert_eq!(row.execution_id.as_str(), "inferred:o1:1-4");
    assert_eq!(
        (row.quantity, row.price, row.executed_at, row.source),
        (
            quantity("3"),
            Price::parse("3").unwrap(),
            at(20),
            Source::Inferred
        )
    );
    assert!(new.allocation.entry.is_some());
    assert!(row.raw.contains("\"average_price\":\"2.5\""), "{}", row.raw);
    assert_eq!(sum(&bench), (quantity("4"), money("10")));
    assert_eq!((infer(&bench), ahead(&bench)), (Inferred::Enough, vec![]));

    let recorded = record(&bench, vec![], vec![real("e2", "1", "2", 6)]);
    assert_eq!(names(&bench), ["e1", "e2", "inferred:o1:2-4"]);
    assert_eq!(sum(&bench), (quantity("4"), money("10")));
    let gave_way = recorded.revised.first().unwrap();
    assert_eq!(
        (
            gave_way.execution.execution_id.as_str(),
            gave_way.by.as_str(),
            gave_way.kind
        ),
        ("inferred:o1:1-4", "e2", RevisedKind::Replaced)
    );
    assert!(recorded.new.first().unwrap().was_stood_in_for);

    record(&bench, vec![], vec![real("e3", "2", "3.5", 7)]);
    assert_eq!(names(&bench), ["e1", "e2", "e3"]);
    assert_eq!(sum(&bench), (quantity("4"), money("10")));
    // The rows go on; nothing stands in any more.
    let recorded = record(&bench, vec![], vec![real("e4", "1", "3.5", 30)]);
    assert!(!recorded.new.first().unwrap().was_stood_in_for);
    assert_eq!(sum(&bench).0, quantity("5"));
}

#[test]
fn nothing_is_seen_anew_when_a_stand_in_gives_way() {
    // The deadline of an alert counts from the first sight of its fill.
    let bench = Bench::new();
    record(&bench, vec![filled("4", Some("2.5"), 20)], vec![]);
    stood_in(&bench);
    let mut later = rows(vec![real("e1", "1", "1", 5)]);
    later.seen_at = SEEN.plus(std::time::Duration::from_secs(600));
    runtime().block_on(bench.ledger.record(later)).unwrap();
    let rest = fills(&bench).pop().unwrap();
    assert_eq!(
        (rest.execution.execution_id.as_str(), rest.seen_at),
        ("inferred:o1:1-4", SEEN)
    );
}

#[test]
fn without_an_average_the_limit_price_stands_and_without_both_nothing_does() {
    let bench = Bench::new();
    record(&bench, vec![filled("2", None, 20)], vec![]);
    assert_eq!(
        stood_in(&bench).execution.price,
        Price::parse("0.2215").unwrap()
    );
    let bench = Bench::new();
    let market_order = Order {
        price: None,
        ..filled("2", None, 20)
    };
    record(&bench, vec![market_order], vec![]);
    assert_eq!(infer(&bench), Inferred::NoPrice);
    assert_eq!(names(&bench), Vec::<String>::new());
    assert_eq!(ahead(&bench).len(), 1);
    // The average that comes later, in a state that is the same otherwise, is taken.
    let priced = Order {
        price: None,
        ..filled("2", Some("7"), 20)
    };
    record(&bench, vec![priced], vec![]);
    assert_eq!(stood_in(&bench).execution.price, Price::parse("7").unwrap());
}

#[test]
fn an_order_that_fills_on_without_rows_gets_a_second_stand_in() {
    let bench = Bench::new();
    record(&bench, vec![filled("2", Some("1"), 20)], vec![]);
    stood_in(&bench);
    record(&bench, vec![filled("6", Some("3"), 40)], vec![]);
    assert_eq!(ahead(&bench).first().unwrap().shown_quantity, quantity("2"));
    assert_eq!(stood_in(&bench).execution.price, Price::parse("4").unwrap());
    assert_eq!(names(&bench), ["inferred:o1:0-2", "inferred:o1:2-6"]);
    assert_eq!(sum(&bench), (quantity("6"), money("18")));
    record(&bench, vec![], vec![real("e1", "3", "2", 5)]);
    assert_eq!(names(&bench), ["e1", "inferred:o1:3-6"]);
    assert_eq!(sum(&bench), (quantity("6"), money("18")));
}

#[test]
fn what_was_taken_back_is_not_inferred_again() {
    for bust_first in [true, false] {
        let bench = Bench::new();
        let bust = Execution {
            relation: Relation::Busts(ExecutionId::new("e1").unwrap()),
            ..real("b1", "1", "2", 30)
        };
        record(&bench, vec![filled("3", Some("2"), 20)], vec![]);
        stood_in(&bench);
        let mut told = [real("e1", "1", "2", 5), bust];
        if bust_first {
            told.reverse();
        }
        for row in told {
            record(&bench, vec![], vec![row]);
        }
        assert_eq!(names(&bench), ["inferred:o1:1-3"]);
        assert_eq!((ahead(&bench), infer(&bench)), (vec![], Inferred::Enough));
        let mut sums = Vec::new();
        bench
            .reader()
            .order_sums(&account("main"), |sum| {
                sums.push((
                    sum.filled_quantity,
                    sum.live_quantity,
                    sum.stood_in_quantity,
                    sum.busted_quantity,
                ));
                Ok(())
            })
            .unwrap();
        let (three, none) = (quantity("3"), Quantity::ZERO);
        assert_eq!(sums, [(three, none, quantity("2"), quantity("1"))]);
    }
}

#[test]
fn an_imported_row_of_a_whole_order_gives_way_and_stays_an_import() {
    let imported = Execution {
        source: Source::Import,
        relation: Relation::StandsIn {
            from: Quantity::ZERO,
            to: quantity("3"),
        },
        ..real("import-7", "3", "2", 9)
    };
    let bench = Bench::new();
    record(&bench, vec![], vec![imported.clone()]);
    record(&bench, vec![], vec![real("e1", "1", "2", 5)]);
    let left: Vec<_> = fills(&bench)
        .iter()
        .map(|fill| (fill.execution.quantity, fill.execution.source))
        .collect();
    assert_eq!(
        left,
        [
            (quantity("1"), Source::Poll),
            (quantity("2"), Source::Import)
        ]
    );
    // Where the real rows are there already, it never stands.
    let bench = Bench::new();
    record(&bench, vec![], vec![real("e1", "3", "2", 5)]);
    let recorded = record(&bench, vec![], vec![imported]);
    assert_eq!(recorded.new.first().unwrap().state, RowState::Superseded);
    assert_eq!(names(&bench), ["e1"]);
}

#[test]
fn a_count_does_not_change_when_real_rows_take_the_place_of_a_stand_in() {
    let bench = Bench::new();
    record(&bench, vec![filled("2", Some("2"), 20)], vec![]);
    stood_in(&bench);
    let legs = |bench: &Bench| {
        let books = bench
            .reader()
            .books(&[market("main", "GTCUSDT")], at(-1_000))
            .unwrap();
        let facts = books.first().unwrap();
        let cycles: Vec<_> = facts
            .cycles
            .iter()
            .map(|cycle| (cycle.ordinal, cycle.entry_quantity, cycle.quantity))
            .collect();
        let entered: Quantity = facts
            .fills
            .iter()
            .filter_map(|fill| fill.allocation.entry.map(|part| part.quantity))
            .sum();
        (cycles, entered)
    };
    let before = legs(&bench);
    record(
        &bench,
        vec![],
        vec![real("e1", "1", "1", 5), real("e2", "1", "3", 6)],
    );
    assert_eq!(legs(&bench), before);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// However the real rows come after a sum was inferred, the sum never falls and never doubles, and
    /// in the end the same stands.
    #[test]
    fn stand_ins_never_double_never_fall_and_never_show_the_order_of_arrival(
        parts in prop::collection::vec((1u32..5, 1u32..9), 1..9),
        missing in 0u32..6,
        shuffle in prop::collection::vec(any::<u64>(), 9),
        (first, size, other_size) in (0usize..4, 1usize..4, 1usize..4),
    ) {
        let told: Vec<_> = parts.iter().zip(0i64..).map(|((amount, price), number)| {
            real(&format!("e{number}"), &amount.to_string(), &price.to_string(), number)
        }).collect();
        let total = parts.iter().map(|(amount, _)| amount).sum::<u32>() + missing;
        // An average with an endless fraction, in thirds: what is left must not depend on rounding.
        let state = filled(&total.to_string(), Some("3.333333333"), 60);
        let mut other: Vec<_> = told.iter().cloned().zip(&shuffle).collect();
        other.sort_by_key(|(_, place)| **place);
        let other: Vec<_> = other.into_iter().map(|(row, _)| row).collect();
        let mut dumps = Vec::new();
        for (told, size) in [(told, size), (other, other_size)] {
            let bench = Bench::new();
            // In both cases the same rows are there when the sum is inferred.
            let known: Vec<_> = told.iter().filter(|row| row.executed_at < at(i64::try_from(first).unwrap())).cloned().collect();
            record(&bench, vec![state.clone()], known);
            let is_ahead = !ahead(&bench).is_empty();
            prop_assert_eq!(matches!(infer(&bench), Inferred::StoodIn(_)), is_ahead);
            for page in told.chunks(size) {
                prop_assert_eq!(sum(&bench).0, quantity(&total.to_string()));
                record(&bench, vec![], page.to_vec());
            }
            prop_assert_eq!(sum(&bench).0, quantity(&total.to_string()));
            prop_assert_eq!(ahead(&bench), vec![]);
            dumps.push(bench.dump());
        }
        prop_assert_eq!(&dumps[0], &dumps[1]);
    }
}

#[test]
fn orders_of_one_page_do_not_disturb_each_other() {
    let bench = Bench::new();
    let mut second = filled("5", Some("2"), 20);
    second.order_id = OrderId::new("o2").unwrap();
    let mut record = page();
    record.orders = vec![filled("3", Some("2"), 10), second];
    runtime().block_on(bench.ledger.record(record)).unwrap();
    let waiting: Vec<_> = ahead(&bench)
        .into_iter()
        .map(|one| (one.order_id.to_string(), one.filled_quantity))
        .collect();
    assert_eq!(
        waiting,
        [
            ("o1".to_owned(), quantity("3")),
            ("o2".to_owned(), quantity("5"))
        ]
    );
}
