//! Amounts: exact to the last digit, in the venue's own units, each part counted once.

use crate::arrival::Dice;
use crate::desk::{Desk, HOUR_MS, HostClock, MINUTE_MS, Stand};
use fillsync_core::port::Clock as _;
use fillsync_fake::{Category, FakeAlpaca, FakeBybit, Fill, NewOrder, Side};
use rust_decimal::Decimal;
use std::collections::BTreeMap;

fn increments<V: Stand>() {
    let desk = Desk::<V>::new();
    let (book, start) = (desk.fake.book(), desk.now_ms() - HOUR_MS / 2);
    let mut dice = Dice::new(5);
    for number in 0..12 {
        let parts = 1 + dice.roll(6);
        let sizes: Vec<usize> = (0..parts).map(|_| 1 + dice.roll(90)).collect();
        let all: usize = sizes.iter().sum();
        let at = start + number * 10_000;
        let order = NewOrder::limit(V::SYMBOL, Side::Buy, &all.to_string(), "12.5").at_ms(at);
        let order = book.place_order("main", order).unwrap();
        for (part, size) in sizes.iter().enumerate() {
            let at = at + 100 + i64::try_from(part).unwrap() * 7;
            let fill = Fill::new(&size.to_string(), "12.5").maker().at_ms(at);
            book.fill(&order, fill).unwrap();
        }
    }
    desk.round("main", HOUR_MS);
    let mut sums: BTreeMap<String, Decimal> = BTreeMap::new();
    for fill in desk.fills("main") {
        let order = fill.execution.order_id.unwrap().to_string();
        *sums.entry(order).or_default() += fill.execution.quantity.decimal();
    }
    assert_eq!(sums.len(), 12);
    for order in book.orders("main") {
        assert_eq!(sums[&order.id], order.filled_qty, "order {}", order.id);
        let known = &desk.orders("main")[&order.id];
        assert_eq!(known.filled, order.filled_qty.to_string());
    }
    let held: Decimal = sums.values().sum();
    let cycles = &desk.books("main", V::SYMBOL)[0].cycles;
    assert_eq!(cycles.last().unwrap().quantity.decimal(), held);
}

#[test]
fn case_05_increments_of_an_order_are_not_its_running_sum_on_bybit() {
    // An order that fills as 10, 20, 30 has sums of 10, 30, 60. A reader that takes the running sum
    // for the part counts 100 (Lean's 4014). At Bybit a row has the part and, beside it, the order's
    // quantity and what is left. The sum of the parts must be what the venue says of the order.
    increments::<FakeBybit>();
}

#[test]
fn case_05_increments_of_an_order_are_not_its_running_sum_on_alpaca() {
    // Alpaca's rows have both, `qty` and `cum_qty`, and its clients mixed them up (alpaca-csharp's
    // 544).
    increments::<FakeAlpaca>();
}

/// A text of so many digits after the point.
fn amount(dice: &mut Dice, places: usize) -> String {
    let mut text = format!("{}.", dice.roll(9_000));
    for place in 0..places {
        // The last digit is not zero, so that none is lost by writing it shorter.
        let digit = if place + 1 == places {
            1 + dice.roll(9)
        } else {
            dice.roll(10)
        };
        text.push_str(&digit.to_string());
    }
    text
}

fn precision<V: Stand>(symbols: &[&str]) {
    let desk = Desk::<V>::new();
    let (book, start) = (desk.fake.book(), desk.now_ms() - HOUR_MS / 2);
    let mut dice = Dice::new(27);
    let mut wanted: BTreeMap<String, (String, String, String)> = BTreeMap::new();
    for number in 0..60i64 {
        let symbol = symbols[dice.roll(symbols.len())];
        let places = 1 + dice.roll(12);
        let (quantity, price) = (amount(&mut dice, places), amount(&mut dice, 13 - places));
        let fee = format!("-{}", amount(&mut dice, 18));
        let at = start + number * 1_000;
        let order = NewOrder::limit(symbol, Side::Buy, &quantity, &price).at_ms(at);
        let order = book.place_order("main", order).unwrap();
        let fill = Fill::new(&quantity, &price).fee(&fee, "USDT").at_ms(at + 1);
        let id = book.fill(&order, fill).unwrap();
        wanted.insert(id, (quantity, price, fee));
    }
    desk.round("main", HOUR_MS);
    let fills = desk.fills("main");
    assert_eq!(fills.len(), 60);
    let (mut held, mut cost) = (Decimal::ZERO, Decimal::ZERO);
    for fill in &fills {
        let row = &fill.execution;
        let (quantity, price, fee) = &wanted[row.execution_id.as_str()];
        assert_eq!(row.quantity.to_string(), *quantity);
        assert_eq!(row.price.to_string(), *price);
        // Alpaca's rows tell no fee.
        if let Some(told) = &row.fee {
            assert_eq!(told.amount.to_string(), *fee);
        }
        held += row.quantity.decimal();
        cost += row.quantity.decimal() * row.price.decimal();
    }
    // What is summed up of them is exact as well.
    let cycles: Vec<_> = symbols
        .iter()
        .flat_map(|symbol| desk.books("main", symbol))
        .flat_map(|book| book.cycles)
        .collect();
    let entered: Decimal = cycles
        .iter()
        .map(|cycle| cycle.entry_quantity.decimal())
        .sum();
    let value: Decimal = cycles.iter().map(|cycle| cycle.entry_value.decimal()).sum();
    assert_eq!(entered, held);
    assert_eq!(value, cost);
}

#[test]
fn case_27_amounts_are_exact_to_the_last_digit_on_bybit() {
    // Six decimal places were enough for one bot's author and lost the rest of every SHIB fill
    // (hummingbot); the seed rounds to cents, so that its fills of SHIB cost 0.00. Amounts are
    // read from the venue's own text and never become a float.
    precision::<FakeBybit>(&["SHIB1000USDT", "PEPEUSDT", "BTCUSDT"]);
}

#[test]
fn case_27_amounts_are_exact_to_the_last_digit_on_alpaca() {
    // Fractions of shares and of coins have nine places and more there.
    precision::<FakeAlpaca>(&["SHIB/USD", "AAPL", "BTC/USD"]);
}

#[test]
fn case_38_inverse_contracts_stay_in_their_own_units_on_bybit() {
    // Ten thousand inverse contracts are ten thousand dollars, not ten thousand bitcoin: ccxt's
    // users met both readings of one field. The venue's own quantity is kept, with its category, and
    // its profit is told in the coin: never as quantity times price, which multiplies dollars with
    // dollars.
    let desk = Desk::<FakeBybit>::with(&["main"], &["inverse", "linear"]);
    let (book, now) = (desk.fake.book(), desk.now_ms());
    for (side, price, at) in [(Side::Buy, "50000", 60), (Side::Sell, "60000", 30)] {
        for (category, symbol, quantity) in [
            (Category::Inverse, "BTCUSD", "10000"),
            (Category::Linear, "BTCUSDT", "0.2"),
        ] {
            let at = now - at * 1_000;
            let order = NewOrder::limit(symbol, side, quantity, price)
                .category(category)
                .at_ms(at);
            let order = book.place_order("main", order).unwrap();
            let fill = Fill::new(quantity, price).fee("0.5", "USDT").at_ms(at + 1);
            book.fill(&order, fill).unwrap();
        }
    }
    desk.round("main", 2 * MINUTE_MS);
    let rows = desk
        .sql("SELECT category, symbol, quantity, price FROM fills ORDER BY category, executed_at");
    assert_eq!(
        rows,
        [
            "inverse|BTCUSD|10000|50000",
            "inverse|BTCUSD|10000|60000",
            "linear|BTCUSDT|0.2|50000",
            "linear|BTCUSDT|0.2|60000",
        ]
    );
    // Both positions are flat again; only the linear one has a profit in dollars.
    let realised =
        desk.sql("SELECT category, closed IS NOT NULL, quantity FROM cycles ORDER BY category");
    assert_eq!(realised, ["inverse|1|0", "linear|1|0"]);
    let told = desk.sql("SELECT category, ifnull(realised, 'none') FROM fills WHERE side = 'sell' ORDER BY category");
    assert_eq!(told, ["inverse|none", "linear|2000"]);
    // Performance tells the coin's profit in the coin, 10000 / 50000 - 10000 / 60000, beside the dollars
    // and never added to them.
    let answer = fillsync_report::performance::performance(
        &desk.reader(),
        &fillsync_ledger::CycleFilter::default(),
        HostClock.now(),
    );
    let answer = serde_json::to_value(answer.unwrap()).unwrap();
    assert_eq!(answer["overall"]["total_trades"], 1, "{answer:#}");
    let pnl = |currency: &str| answer["by_currency"][currency]["pnl"].to_string();
    assert_eq!(pnl("USDT"), "1999", "{answer:#}");
    assert!(pnl("BTC").starts_with("0.0333333333"), "{answer:#}");
}
