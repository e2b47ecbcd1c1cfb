//! Laws 1 and 2: the same rows in any order, split into any pages, repeated, make the same ledger,
//! and each is in it once. Orders and positions are shuffled among them.

use super::{Bench, account, at, fill, linear, market, order, page, positions, proven, runtime};
use crate::facts::PageRecord;
use fillsync_core::execution::{Execution, ExecutionClass, Relation, Side, Source, VenueKind};
use fillsync_core::id::{ExecutionId, Symbol};
use fillsync_core::order::{Lane, Order, OrderStatus, StopKind};
use fillsync_core::port::Positions;
use proptest::prelude::*;

/// One thing that a venue can tell.
#[derive(Debug, Clone)]
enum Told {
    Row(Execution),
    Order(Order),
    Positions(Positions),
    Proven(i64, i64),
}

fn row() -> impl Strategy<Value = Told> {
    (0u32..40, 0u8..6).prop_map(|(id, order_id)| {
        // An id always has the same content: that is what makes it the same row.
        let mix = id.wrapping_mul(2_654_435_761) ^ (u32::from(order_id) << 3);
        let side = if mix & 1 == 0 { Side::Buy } else { Side::Sell };
        let mut execution = fill(
            &format!("e{id}-{order_id}"),
            &format!("o{order_id}"),
            side,
            &(1 + (mix >> 4) % 3).to_string(),
            i64::from((mix >> 8) % 25),
        );
        if (mix >> 13) % 11 == 0 {
            execution.class = ExecutionClass::Cash;
        }
        if (mix >> 17) % 7 == 0 {
            execution.market.symbol = Symbol::new("ARBUSDT").unwrap();
        }
        if (mix >> 21) % 5 == 0 {
            execution.closed_quantity = Some(execution.quantity);
        }
        Told::Row(execution)
    })
}

/// Rows that speak of each other: chains, rivals, busts of corrections, circles. Each `web` is another
/// such tangle; what a row says follows from its name.
fn related(web: u32) -> impl Strategy<Value = Told> {
    (0u32..24).prop_map(move |number| {
        let mix = (web * 24 + number)
            .wrapping_mul(2_654_435_761)
            .rotate_left(7);
        let name = |number: u32| ExecutionId::new(format!("c{web}-{number}")).unwrap();
        let mut execution = fill(
            &format!("c{web}-{number}"),
            &format!("o{}", number % 6),
            if mix & 1 == 0 { Side::Buy } else { Side::Sell },
            &(1 + (mix >> 4) % 3).to_string(),
            i64::from((mix >> 8) % 25),
        );
        let other = name((mix >> 13) % 24);
        execution.relation = match number {
            0..8 => Relation::Own,
            _ if (mix >> 21).is_multiple_of(4) => Relation::Busts(other),
            _ if (mix >> 23).is_multiple_of(3) => Relation::Corrects(name((mix >> 13) % 8)),
            _ => Relation::Corrects(other),
        };
        Told::Row(execution)
    })
}

/// A row that stands for all of an order, as somebody else's records have them.
fn imported() -> impl Strategy<Value = Told> {
    (0u32..6, 1u32..3).prop_map(|(order, points)| {
        let to = (points * 4).to_string();
        let side = if order % 2 == 0 {
            Side::Buy
        } else {
            Side::Sell
        };
        let mut execution = fill(
            &format!("i{order}-{to}"),
            &format!("o{order}"),
            side,
            &to,
            i64::from(order + points),
        );
        execution.source = Source::Import;
        execution.relation = Relation::StandsIn {
            from: super::quantity("0"),
            to: super::quantity(&to),
        };
        Told::Row(execution)
    })
}

fn order_state() -> impl Strategy<Value = Told> {
    (0u8..6, 0u8..4, 0i64..30).prop_map(|(id, state, second)| {
        let lane = match id {
            0 | 1 => Lane::OneWay,
            2 | 3 => Lane::Long,
            _ => Lane::Short,
        };
        let mut order = order(
            &format!("o{id}"),
            if id % 2 == 0 { Side::Buy } else { Side::Sell },
            lane,
            0,
        );
        order.updated_at = at(second);
        order.reduce_only = id == 1;
        order.stop = if id == 5 && state > 0 {
            StopKind::StopLoss
        } else {
            StopKind::None
        };
        order.filled_quantity = super::quantity(&state.to_string());
        order.status = if state == 3 {
            OrderStatus::Cancelled
        } else {
            OrderStatus::Open
        };
        order.raw = format!("{id}-{state}-{second}");
        Told::Order(order)
    })
}

fn told(web: u32) -> impl Strategy<Value = Told> {
    prop_oneof![
        6 => related(web),
        1 => imported(),
        12 => row(),
        4 => order_state(),
        1 => (0i64..40, 0usize..3).prop_map(|(second, held)| {
            let symbols: Vec<_> = [("GTCUSDT", Lane::OneWay, "3"), ("ARBUSDT", Lane::Short, "-2")].into_iter().take(held).collect();
            Told::Positions(positions(second * 5, &symbols).unwrap())
        }),
        2 => (0i64..40, 1i64..9).prop_map(|(from, span)| Told::Proven(from, from + span)),
    ]
}

/// The positions of one moment are one fact, whoever tells it: the first of each moment counts.
fn one_answer_for_each_moment(mut told: Vec<Told>) -> Vec<Told> {
    let mut moments = std::collections::BTreeSet::new();
    told.retain(|one| match one {
        Told::Positions(positions) => moments.insert(positions.at),
        _ => true,
    });
    told
}

fn pages(told: &[Told], size: usize) -> Vec<PageRecord> {
    let mut pages = Vec::new();
    for chunk in told.chunks(size.max(1)) {
        let mut next = page();
        for one in chunk {
            match one {
                Told::Row(row) => next.executions.push(row.clone()),
                Told::Order(order) => next.orders.push(order.clone()),
                Told::Positions(held) => {
                    if next.positions.is_some() {
                        pages.push(std::mem::replace(&mut next, page()));
                    }
                    next.positions = Some(held.clone());
                }
                Told::Proven(from, to) => {
                    if next.proven.is_some() {
                        pages.push(std::mem::replace(&mut next, page()));
                    }
                    next.proven = proven(*from, *to);
                }
            }
        }
        pages.push(next);
    }
    pages
}

fn ledger_of(told: &[Told], size: usize) -> (String, Vec<String>, u64) {
    let bench = Bench::new();
    let new = runtime().block_on(async {
        let mut new = 0u64;
        for page in pages(told, size) {
            new += bench.ledger.record(page).await.unwrap().new.len() as u64;
        }
        new
    });
    (
        bench.dump(),
        bench.reader().self_check().unwrap().findings,
        new,
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn law_1_any_order_any_pages_any_repetition_make_the_same_ledger(
        told in (0u32..40)
            .prop_flat_map(|web| prop::collection::vec(told(web), 1..45))
            .prop_map(one_answer_for_each_moment),
        order in prop::collection::vec(any::<u64>(), 90),
        size in 1usize..20,
        other_size in 1usize..20,
    ) {
        let (straight, findings, new) = ledger_of(&told, size);
        prop_assert_eq!(findings, Vec::<String>::new());
        // The same things twice over, in another order, on other pages.
        let mut twice: Vec<_> = told.iter().chain(&told).cloned().zip(&order).collect();
        twice.sort_by_key(|(_, place)| **place);
        let twice: Vec<_> = twice.into_iter().map(|(one, _)| one).collect();
        let (shuffled, findings, new_shuffled) = ledger_of(&twice, other_size);
        prop_assert_eq!(findings, Vec::<String>::new());
        prop_assert_eq!(new, new_shuffled);
        prop_assert_eq!(straight, shuffled);
    }

    #[test]
    fn law_2_an_execution_is_stored_once_per_account_category_symbol_and_id(
        ids in prop::collection::vec((0u8..3, 0u8..2, 0u8..4), 1..40),
        size in 1usize..10,
    ) {
        let bench = Bench::new();
        let distinct: std::collections::BTreeSet<_> = ids.iter().copied().collect();
        let reported = runtime().block_on(async {
            let mut reported = 0;
            for chunk in ids.chunks(size) {
                for who in 0..3u8 {
                    let name = format!("account-{who}");
                    let mut record = PageRecord::new(account(&name), VenueKind::Bybit, linear(), super::SEEN);
                    for (_, symbol, id) in chunk.iter().filter(|row| row.0 == who) {
                        let mut row = fill(&format!("e{id}"), "o1", Side::Buy, "1", i64::from(*id));
                        row.market = market(&name, if *symbol == 0 { "GTCUSDT" } else { "ARBUSDT" });
                        record.executions.push(row);
                    }
                    reported += bench.ledger.record(record).await.unwrap().new.len();
                }
            }
            reported
        });
        prop_assert_eq!(reported, distinct.len());
        let stored: i64 = rusqlite::Connection::open(bench.path()).unwrap()
            .query_row("SELECT count(*) FROM fills", [], |row| row.get(0)).unwrap();
        prop_assert_eq!(usize::try_from(stored).unwrap(), distinct.len());
    }
}
