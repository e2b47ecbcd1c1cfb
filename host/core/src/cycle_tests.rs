//! Tests of the cycle fold.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;
use crate::execution::{ExecutionClass, Fee, Source};
use crate::id::{AccountName, ExecutionId, OrderId};
use crate::order::{OrderKind, OrderStatus};
use proptest::prelude::*;

fn row(at_ms: i64, id: &str, side: Side, quantity: &str, price: &str) -> Execution {
    Execution {
        market: Market {
            account: AccountName::new("main").unwrap(),
            category: Category::new("linear").unwrap(),
            symbol: Symbol::new("GTCUSDT").unwrap(),
        },
        execution_id: ExecutionId::new(id).unwrap(),
        class: ExecutionClass::OrderFill,
        order_id: Some(OrderId::new(format!("o-{id}")).unwrap()),
        client_order_id: None,
        side,
        quantity: Quantity::parse(quantity).unwrap(),
        price: Price::parse(price).unwrap(),
        fee: None,
        is_maker: None,
        leaves_quantity: None,
        closed_quantity: None,
        order_kind: OrderKind::Limit,
        stop: StopKind::None,
        venue_sequence: None,
        executed_at: VenueTime::from_ms(at_ms),
        source: Source::Poll,
        relation: crate::execution::Relation::Own,
        raw: String::new(),
    }
}

fn fold() -> BookFold {
    BookFold::after(
        BookRule {
            shorts: true,
            dust_permille: 0,
            linear: true,
        },
        Lane::OneWay,
        None,
    )
}

fn reduce_only(execution: &Execution) -> Order {
    Order {
        market: execution.market.clone(),
        order_id: execution.order_id.clone().unwrap(),
        client_order_id: None,
        side: execution.side,
        lane: Lane::OneWay,
        kind: OrderKind::Limit,
        stop: StopKind::None,
        reduce_only: true,
        quantity: Some(execution.quantity),
        price: Some(execution.price),
        filled_quantity: execution.quantity,
        average_price: None,
        status: OrderStatus::Filled,
        created_at: execution.executed_at,
        updated_at: execution.executed_at,
        replaces: None,
        raw: String::new(),
    }
}

#[test]
fn a_long_and_a_short_earn_what_they_should() {
    let mut fold = fold();
    fold.apply(&row(1, "a", Side::Buy, "10", "100"), None);
    fold.apply(&row(2, "b", Side::Buy, "10", "110"), None);
    let exit = fold.apply(&row(3, "c", Side::Sell, "20", "120"), None);
    assert_eq!(
        exit.exit.unwrap().realised,
        Some(Money::parse("300").unwrap())
    );
    fold.apply(&row(4, "d", Side::Sell, "5", "120"), None);
    let exit = fold.apply(&row(5, "e", Side::Buy, "5", "100"), None);
    assert_eq!(
        exit.exit.unwrap().realised,
        Some(Money::parse("100").unwrap())
    );
    let cycles = fold.take_changed();
    assert_eq!(
        cycles
            .iter()
            .map(|cycle| (cycle.ordinal, cycle.side, cycle.is_open()))
            .collect::<Vec<_>>(),
        [
            (1, PositionSide::Long, false),
            (2, PositionSide::Short, false)
        ]
    );
}

#[test]
fn a_flip_is_one_row_and_two_cycles() {
    let mut fold = fold();
    fold.apply(&row(1, "a", Side::Buy, "10", "100"), None);
    let flip = fold.apply(&row(2, "b", Side::Sell, "25", "90"), None);
    assert_eq!(flip.exit.unwrap().ordinal, 1);
    assert_eq!(flip.exit.unwrap().quantity, Quantity::parse("10").unwrap());
    assert_eq!(flip.entry.unwrap().ordinal, 2);
    assert_eq!(flip.entry.unwrap().quantity, Quantity::parse("15").unwrap());
    assert_eq!(fold.last().unwrap().side, PositionSide::Short);
}

#[test]
fn a_sale_that_only_closes_never_opens_a_short() {
    let mut fold = fold();
    let sale = row(1, "a", Side::Sell, "10", "100");
    let allocation = fold.apply(&sale, Some(&reduce_only(&sale)));
    assert!(allocation.entry.is_none());
    assert_eq!(allocation.exit.unwrap().realised, None);
    let cycle = fold.last().unwrap();
    assert_eq!(
        (cycle.side, cycle.start),
        (PositionSide::Long, CycleStart::Unknown)
    );
    assert!(!cycle.is_open());
}

#[test]
fn what_the_venue_says_it_closed_beyond_what_is_known_was_open_before() {
    let mut fold = fold();
    fold.apply(&row(1, "a", Side::Buy, "10", "100"), None);
    let mut sale = row(2, "b", Side::Sell, "30", "100");
    sale.closed_quantity = Some(Quantity::parse("30").unwrap());
    let allocation = fold.apply(&sale, None);
    assert!(allocation.entry.is_none(), "no short was opened");
    assert_eq!(fold.last().unwrap().start, CycleStart::Unknown);
    assert_eq!(
        fold.last().unwrap().net(
            BookRule {
                shorts: true,
                dust_permille: 0,
                linear: true
            },
            None
        ),
        None
    );
}

#[test]
fn an_opening_position_is_a_cycle_of_unknown_start() {
    let rule = BookRule {
        shorts: true,
        dust_permille: 0,
        linear: true,
    };
    let mut fold = BookFold::opening(
        rule,
        Lane::OneWay,
        Quantity::parse("-7").unwrap(),
        VenueTime::from_ms(0),
    );
    fold.apply(&row(1, "a", Side::Sell, "3", "10"), None);
    fold.apply(&row(2, "b", Side::Buy, "10", "9"), None);
    let cycle = fold.last().unwrap();
    assert_eq!(
        (cycle.ordinal, cycle.side, cycle.start),
        (1, PositionSide::Short, CycleStart::Unknown)
    );
    assert!(!cycle.is_open());
}

#[test]
fn dust_of_fees_in_kind_still_means_flat() {
    let rule = BookRule {
        shorts: false,
        dust_permille: 5,
        linear: true,
    };
    let mut fold = BookFold::after(rule, Lane::OneWay, None);
    let mut buy = row(1, "a", Side::Buy, "1", "100");
    buy.market.symbol = Symbol::new("BTCUSDT").unwrap();
    buy.fee = Some(Fee {
        amount: Money::parse("0.001").unwrap(),
        currency: Some(Currency::new("BTC").unwrap()),
    });
    fold.apply(&buy, None);
    assert_eq!(fold.last().unwrap().quantity.to_string(), "0.999");
    let mut sell = row(2, "b", Side::Sell, "0.998", "100");
    sell.market.symbol = buy.market.symbol.clone();
    fold.apply(&sell, None);
    assert!(!fold.last().unwrap().is_open(), "0.001 of 0.999 is dust");
}

#[test]
fn funding_moves_no_position() {
    let mut fold = fold();
    let mut funding = row(1, "a", Side::Buy, "500", "1");
    funding.class = ExecutionClass::Cash;
    assert_eq!(fold.apply(&funding, None), Allocation::default());
    assert!(fold.last().is_none());
}

proptest! {
    /// Going on from a stored cycle gives what one fold over everything gives, wherever it is cut.
    #[test]
    fn a_fold_can_be_cut_anywhere(
        rows in proptest::collection::vec((any::<bool>(), 1u32..40, 1u32..50), 1..60),
        cut in 0usize..60,
    ) {
        let rows: Vec<Execution> = rows.iter().enumerate().map(|(index, (buy, quantity, price))| {
            let side = if *buy { Side::Buy } else { Side::Sell };
            row(index as i64, &format!("{index:04}"), side, &quantity.to_string(), &price.to_string())
        }).collect();
        let mut whole = fold();
        let expected: Vec<Allocation> = rows.iter().map(|row| whole.apply(row, None)).collect();
        let cut = cut.min(rows.len());
        let mut first = fold();
        let mut got: Vec<Allocation> = rows[..cut].iter().map(|row| first.apply(row, None)).collect();
        let rule = BookRule { shorts: true, dust_permille: 0, linear: true };
        let mut second = BookFold::after(rule, Lane::OneWay, first.last().cloned());
        got.extend(rows[cut..].iter().map(|row| second.apply(row, None)));
        prop_assert_eq!(got, expected);
        prop_assert_eq!(second.last().or(first.last()), whole.last());
    }

    /// The position is the sum of what was bought and sold, and what a closed cycle realised is what
    /// it brought less what it cost.
    #[test]
    fn nothing_is_lost_in_a_fold(rows in proptest::collection::vec((any::<bool>(), 1u32..40, 1u32..50), 1..60)) {
        let mut book = fold();
        let mut net = 0i64;
        for (index, (buy, quantity, price)) in rows.iter().enumerate() {
            let side = if *buy { Side::Buy } else { Side::Sell };
            net += if *buy { i64::from(*quantity) } else { -i64::from(*quantity) };
            book.apply(&row(index as i64, &format!("{index:04}"), side, &quantity.to_string(), &price.to_string()), None);
        }
        let last = book.last().unwrap().clone();
        let signed = match last.side { PositionSide::Long => last.quantity, PositionSide::Short => -last.quantity };
        prop_assert_eq!(signed.to_string(), net.to_string());
        for cycle in book.take_changed().iter().filter(|cycle| !cycle.is_open()) {
            let gained = match cycle.side {
                PositionSide::Long => cycle.exit_value - cycle.entry_value,
                PositionSide::Short => cycle.entry_value - cycle.exit_value,
            };
            let error = (gained - cycle.realised).decimal().abs();
            prop_assert!(error < Decimal::new(1, 18), "{} {}", gained, cycle.realised);
        }
    }
}
