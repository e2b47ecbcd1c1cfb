//! A worked example for each number, and the laws that hold for all of them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;
use crate::amount::{Price, Quantity};
use crate::cycle::{BookFold, Cycle};
use crate::execution::{Execution, ExecutionClass, Fee, Relation, Side, Source};
use crate::id::{AccountName, Category, Currency, ExecutionId, Market};
use crate::order::{Lane, OrderKind, PositionSide, StopKind};
use crate::time::VenueTime;
use proptest::prelude::*;

fn money(text: &str) -> Money {
    Money::parse(text).unwrap()
}

fn row(
    category: &str,
    symbol: &str,
    at: i64,
    side: Side,
    quantity: &str,
    price: &str,
) -> Execution {
    Execution {
        market: Market {
            account: AccountName::new("main").unwrap(),
            category: Category::new(category).unwrap(),
            symbol: Symbol::new(symbol).unwrap(),
        },
        execution_id: ExecutionId::new(format!("e-{at:06}")).unwrap(),
        class: ExecutionClass::OrderFill,
        order_id: None,
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
        executed_at: VenueTime::from_ms(at),
        source: Source::Poll,
        relation: Relation::Own,
        raw: String::new(),
    }
}

/// Follows rows through the fold, and each of its cycles through lots: the cycles with what their
/// exits realised.
fn followed(rows: &[Execution]) -> Vec<(Cycle, Vec<ExitResult>, Realised)> {
    let market = &rows.first().unwrap().market;
    let rule = BookRule::of(&market.category, &market.symbol);
    let mut fold = BookFold::after(rule, Lane::OneWay, None);
    let steps: Vec<_> = rows
        .iter()
        .map(|row| (row, fold.apply(row, None)))
        .collect();
    fold.take_changed()
        .into_iter()
        .map(|cycle| {
            let mut lots = Lots::new(rule, cycle.side, cycle.ordinal);
            let exits = steps
                .iter()
                .filter_map(|(row, did)| lots.follow(row, did).unwrap())
                .collect();
            (cycle, exits, lots.realised())
        })
        .collect()
}

fn only(rows: &[Execution]) -> (Cycle, Vec<ExitResult>, Realised) {
    let mut cycles = followed(rows);
    assert_eq!(cycles.len(), 1);
    cycles.remove(0)
}

/// Bought 10 at 100 and 10 at 110: cost 2,100, 105 each on average.
/// - 5 sold at 120 (600): average cost releases 525, earns 75; the oldest 5 cost 500, earn 100.
/// - 10 sold at 115 (1,150): average 1,050, earns 100; the oldest are 5 at 100 and 5 at 110: 1,050, earns 100.
/// - So far: average 175, FIFO 200. The 5 that are left cost 525 and 550.
/// - 5 sold at 90 (450): average −75, FIFO −100. Both come to 100 = 600 + 1,150 + 450 − 2,100.
#[test]
fn average_cost_and_fifo_differ_by_exit_and_agree_in_the_end() {
    let linear = |at, side, quantity, price| row("linear", "GTCUSDT", at, side, quantity, price);
    let rows = [
        linear(1, Side::Buy, "10", "100"),
        linear(2, Side::Buy, "10", "110"),
        linear(3, Side::Sell, "5", "120"),
        linear(4, Side::Sell, "10", "115"),
        linear(5, Side::Sell, "5", "90"),
    ];
    let (open, _, so_far) = only(rows.get(..4).unwrap());
    assert!(open.is_open());
    assert_eq!(
        (so_far.average_cost, so_far.fifo),
        (money("175"), money("200"))
    );
    let (closed, exits, total) = only(&rows);
    assert!(!closed.is_open());
    let told: Vec<_> = exits
        .iter()
        .map(|exit| {
            let realised = exit.realised;
            (realised.average_cost.to_string(), realised.fifo.to_string())
        })
        .collect();
    let expected = [("75", "100"), ("100", "100"), ("-75", "-100")];
    assert_eq!(
        told,
        expected.map(|(average, fifo)| (average.to_owned(), fifo.to_owned()))
    );
    assert_eq!(
        (total.average_cost, total.fifo),
        (money("100"), money("100"))
    );
    assert_eq!(closed.realised, money("100"));
}

/// 10,000 contracts bought at 50,000 are 0.2 BTC, 10,000 more at 40,000 are 0.25 BTC.
/// - 10,000 sold at 60,000 are 0.1666666666666667 BTC (16 places). On average 0.225 BTC are released:
///   0.0583333333333333 earned. The oldest are 0.2: 0.0333333333333333 earned.
/// - 10,000 sold at 80,000 are 0.125 BTC: average 0.225 − 0.125 = 0.1, FIFO 0.25 − 0.125 = 0.125.
/// - Both come to 0.45 − 0.2916666666666667 = 0.1583333333333333 BTC.
#[test]
fn an_inverse_contract_earns_coins() {
    let inverse = |at, side, price| row("inverse", "BTCUSD", at, side, "10000", price);
    let rows = [
        inverse(1, Side::Buy, "50000"),
        inverse(2, Side::Buy, "40000"),
        inverse(3, Side::Sell, "60000"),
        inverse(4, Side::Sell, "80000"),
    ];
    let (_, exits, total) = only(&rows);
    let first = exits.first().unwrap().realised;
    assert_eq!(first.average_cost, money("0.0583333333333333"));
    assert_eq!(first.fifo, money("0.0333333333333333"));
    assert_eq!(total.average_cost, money("0.1583333333333333"));
    assert_eq!(total.fifo, total.average_cost);
    // The short on the other side of the same trades loses the same.
    let mirrored: Vec<_> = rows
        .iter()
        .map(|row| Execution {
            side: row.side.opposite(),
            ..row.clone()
        })
        .collect();
    assert_eq!(only(&mirrored).2.fifo, -total.fifo);
}

#[test]
fn results_are_in_the_currency_that_the_market_settles_in() {
    let currency = |category: &str, symbol: &str| {
        let (category, symbol) = (
            Category::new(category).unwrap(),
            Symbol::new(symbol).unwrap(),
        );
        currency_of(BookRule::of(&category, &symbol), &symbol).to_owned()
    };
    assert_eq!(currency("linear", "BTCUSDT"), "USDT");
    assert_eq!(currency("inverse", "BTCUSD"), "BTC");
    assert_eq!(currency("inverse", "BTCUSDZ26"), "BTC");
    assert_eq!(currency("fills", "ETH/BTC"), "BTC");
    assert_eq!(currency("fills", "AAPL"), CURRENCY_UNKNOWN);
    let fees = [("BTC", "1"), ("USDT", "2"), ("", "4")]
        .map(|(name, fee)| (name.to_owned(), money(fee)))
        .into();
    assert_eq!(after_fees(money("10"), &fees, "USDT"), money("4"));
    assert_eq!(after_fees(money("10"), &fees, "BTC"), money("5"));
}

/// A fee in kind: of 1,000 bought for 1,000 dollars 995 stay, of which 500 are sold at 2. The oldest
/// 500 of 995 cost 502.51…: both ways release the same, because there is one lot.
#[test]
fn a_fee_in_kind_leaves_a_smaller_lot() {
    let mut bought = row("fills", "SHIB/USD", 1, Side::Buy, "1000", "1");
    bought.fee = Some(Fee {
        amount: money("5"),
        currency: Some(Currency::new("SHIB").unwrap()),
    });
    let sold = row("fills", "SHIB/USD", 2, Side::Sell, "500", "2");
    let (cycle, _, realised) = only(&[bought, sold]);
    assert_eq!(cycle.quantity, Quantity::parse("495").unwrap());
    assert_eq!(realised.fifo, realised.average_cost);
    assert_eq!(realised.average_cost, cycle.realised);
}

/// +10 (10), −4 (6), −8 (−2), +20 (18), −12 (6): the sum falls by 12 from 10 to −2 first, and by
/// 12 again from 18 to 6; the first of equally deep falls is told. Profit 30, loss 24, factor 1.25.
#[test]
fn figures_follow_the_order_of_close() {
    let mut figures = Figures::default();
    for (second, net) in (1i64..).zip(["10", "-4", "-8", "20", "-12"]) {
        figures.add(money(net), VenueTime::from_ms(second));
    }
    assert_eq!((figures.trades, figures.wins, figures.losses), (5, 2, 3));
    assert_eq!(figures.total(), money("6"));
    assert_eq!(figures.win_rate_pct().to_string(), "40");
    assert_eq!(figures.profit_factor().unwrap().to_string(), "1.25");
    assert_eq!(figures.average_win().to_string(), "15");
    assert_eq!(figures.average_loss().to_string(), "8");
    assert_eq!(figures.largest_win, Some(money("20")));
    assert_eq!(figures.largest_loss, Some(money("12")));
    let drawdown = figures.drawdown.unwrap();
    assert_eq!(drawdown.amount, money("12"));
    assert_eq!(
        (drawdown.from, drawdown.to),
        (Some(VenueTime::from_ms(1)), VenueTime::from_ms(3))
    );
}

#[test]
fn a_fall_from_the_start_has_no_peak_and_nothing_has_no_figures() {
    let mut figures = Figures::default();
    assert_eq!(figures.win_rate_pct().to_string(), "0");
    assert_eq!(figures.profit_factor(), None);
    figures.add(money("-3"), VenueTime::from_ms(1));
    figures.add(money("1"), VenueTime::from_ms(2));
    let drawdown = figures.drawdown.unwrap();
    assert_eq!((drawdown.amount, drawdown.from), (money("3"), None));
}

fn any_rows(category: &'static str, symbol: &'static str) -> impl Strategy<Value = Vec<Execution>> {
    proptest::collection::vec((any::<bool>(), 1u32..40, 1u32..900), 1..60).prop_map(move |trades| {
        trades
            .into_iter()
            .zip(1i64..)
            .map(|((buys, quantity, price), at)| {
                let side = if buys { Side::Buy } else { Side::Sell };
                let price = format!("{}.{:02}", price / 10 + 1, price % 10);
                row(category, symbol, at, side, &quantity.to_string(), &price)
            })
            .collect()
    })
}

proptest! {
    #[test]
    fn fifo_is_average_cost_over_whole_cycles(rows in any_rows("linear", "GTCUSDT")) {
        for (cycle, exits, realised) in followed(&rows) {
            prop_assert_eq!(realised.average_cost, cycle.realised);
            let by_exit: Money = exits.iter().map(|exit| exit.realised.fifo).sum();
            prop_assert_eq!(by_exit, realised.fifo);
            if !cycle.is_open() {
                let whole = match cycle.side {
                    PositionSide::Long => cycle.exit_value - cycle.entry_value,
                    PositionSide::Short => cycle.entry_value - cycle.exit_value,
                };
                prop_assert_eq!(realised.fifo, whole);
                prop_assert_eq!(realised.average_cost, whole);
            }
        }
    }

    #[test]
    fn coins_agree_over_whole_cycles_as_well(rows in any_rows("inverse", "BTCUSD")) {
        for (cycle, _, realised) in followed(&rows) {
            if !cycle.is_open() {
                prop_assert_eq!(realised.fifo, realised.average_cost);
            }
        }
    }

    #[test]
    fn parts_add_up_to_the_whole(nets in proptest::collection::vec((0usize..3, -500i64..500), 0..50)) {
        let (mut whole, mut parts) = (Figures::default(), vec![Figures::default(); 3]);
        for ((part, net), at) in nets.iter().zip(0i64..) {
            let net = Money::from_decimal(rust_decimal::Decimal::new(*net, 2));
            whole.add(net, VenueTime::from_ms(at));
            parts.get_mut(*part).unwrap().add(net, VenueTime::from_ms(at));
        }
        prop_assert_eq!(parts.iter().map(Figures::total).sum::<Money>(), whole.total());
        prop_assert_eq!(parts.iter().map(|part| part.trades).sum::<u64>(), whole.trades);
        prop_assert_eq!(parts.iter().map(|part| part.wins).sum::<u64>(), whole.wins);
        // The deepest fall by hand: over every pair of moments, the beginning among them.
        let mut sums = vec![Money::ZERO];
        for (_, net) in &nets {
            let net = Money::from_decimal(rust_decimal::Decimal::new(*net, 2));
            sums.push(*sums.last().unwrap() + net);
        }
        let deepest = (0..sums.len())
            .flat_map(|high| (high..sums.len()).map(move |low| (high, low)))
            .map(|(high, low)| sums[high] - sums[low])
            .max()
            .unwrap();
        let told = whole.drawdown.map_or(Money::ZERO, |drawdown| drawdown.amount);
        prop_assert_eq!(told, deepest);
    }
}
