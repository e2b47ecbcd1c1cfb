//! Instruments: which market a row is of, and ids that are unique only within one.

use crate::desk::{Desk, HOUR_MS, HostClock, MINUTE_MS, Stand};
use fillsync_core::cycle::CycleStart;
use fillsync_core::order::PositionSide;
use fillsync_core::port::Clock as _;
use fillsync_fake::{Category, FakeAlpaca, FakeBybit, Fill, NewOrder, Side};
use serde_json::json;

/// Fills an order of 1 in one execution with this id.
fn fill_as<V: Stand>(
    desk: &Desk<V>,
    account: &str,
    symbol: &str,
    category: Category,
    side: Side,
    id: &str,
    before_ms: i64,
) {
    let at = desk.now_ms() - before_ms;
    let order = NewOrder::limit(symbol, side, "1", "64000")
        .category(category)
        .at_ms(at);
    let order = desk.fake.book().place_order(account, order).unwrap();
    let fill = Fill::new("1", "64000")
        .id(id)
        .at_ms(at + 1)
        .fee("0.1", "USDT");
    desk.fake.book().fill(&order, fill).unwrap();
}

#[test]
fn case_17_one_trade_id_in_many_places_is_many_fills_on_bybit() {
    // Trade ids are unique within a symbol, a category, an account, a side of a trade, depending on
    // whom one asks; readers that kept them in one set dropped true fills as repeats (bbgo, ccxt
    // 26092, Nautilus). The key here is account, category, symbol and id.
    let desk = Desk::<FakeBybit>::with(&["main", "mirror"], &["linear", "spot"]);
    let mut ago = 60_000;
    for account in ["main", "mirror"] {
        for symbol in ["BTCUSDT", "GTCUSDT"] {
            for category in [Category::Linear, Category::Spot] {
                fill_as(&desk, account, symbol, category, Side::Buy, "twin", ago);
                ago -= 1_000;
            }
        }
        desk.round(account, HOUR_MS);
        desk.round(account, HOUR_MS);
    }
    for account in ["main", "mirror"] {
        assert_eq!(desk.ids(account), vec!["twin"; 4], "{account}");
    }
    let conflicts = desk.sql("SELECT count(*) FROM conflict");
    assert_eq!(conflicts, ["0"]);
}

#[test]
fn case_17_one_trade_id_in_many_places_is_many_fills_on_alpaca() {
    // The same at Alpaca, between accounts and symbols.
    let desk = Desk::<FakeAlpaca>::with(&["main", "mirror"], &[]);
    for (number, (account, symbol)) in [
        ("main", "AAPL"),
        ("main", "MSFT"),
        ("mirror", "AAPL"),
        ("mirror", "MSFT"),
    ]
    .into_iter()
    .enumerate()
    {
        let ago = 60_000 - i64::try_from(number).unwrap() * 1_000;
        fill_as(
            &desk,
            account,
            symbol,
            Category::Linear,
            Side::Buy,
            "twin",
            ago,
        );
    }
    for account in ["main", "mirror"] {
        desk.round(account, HOUR_MS);
        desk.round(account, HOUR_MS);
        assert_eq!(desk.ids(account), ["twin", "twin"], "{account}");
    }
}

#[test]
fn case_31_one_name_is_two_markets_on_bybit() {
    // BTCUSDT is a pair of the spot market and a perpetual contract. Kept under the name alone, a
    // coin that was bought and a contract that was sold short become a trade that ended, with a
    // profit that nobody made. A market is account, category and symbol.
    let desk = Desk::<FakeBybit>::with(&["main"], &["linear", "spot"]);
    fill_as(
        &desk,
        "main",
        "BTCUSDT",
        Category::Spot,
        Side::Buy,
        "one",
        60_000,
    );
    fill_as(
        &desk,
        "main",
        "BTCUSDT",
        Category::Linear,
        Side::Sell,
        "two",
        30_000,
    );
    desk.round("main", HOUR_MS);
    desk.read_positions("main").unwrap();
    let books = desk.books("main", "BTCUSDT");
    let mut open: Vec<_> = books
        .iter()
        .flat_map(|book| {
            book.cycles
                .iter()
                .map(|cycle| (book.book.market.category.to_string(), cycle))
        })
        .map(|(category, cycle)| {
            (
                category,
                cycle.side,
                cycle.is_open(),
                cycle.quantity.to_string(),
            )
        })
        .collect();
    open.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(
        open,
        [
            (
                "linear".to_owned(),
                PositionSide::Short,
                true,
                "1".to_owned()
            ),
            ("spot".to_owned(), PositionSide::Long, true, "1".to_owned()),
        ]
    );
}

#[test]
fn case_31_two_names_are_one_market_on_alpaca() {
    // Alpaca writes BTC/USD in orders and fills and BTCUSD in positions. Taken as two markets, a
    // position that was open before the data begin belongs to nobody, and beside the fills stands a
    // second market that never trades.
    let desk = Desk::<FakeAlpaca>::new();
    fill_as(
        &desk,
        "main",
        "BTC/USD",
        Category::Linear,
        Side::Buy,
        "before",
        10 * MINUTE_MS,
    );
    fill_as(
        &desk,
        "main",
        "BTC/USD",
        Category::Linear,
        Side::Buy,
        "after",
        MINUTE_MS,
    );
    desk.round("main", 5 * MINUTE_MS);
    desk.read_positions("main").unwrap();
    assert_eq!(desk.ids("main"), ["after"]);
    let markets = desk.sql("SELECT symbol FROM market ORDER BY symbol");
    assert_eq!(markets, ["BTC/USD"]);
    let cycle = desk.books("main", "BTC/USD").remove(0).cycles.remove(0);
    assert_eq!(cycle.start, CycleStart::Unknown);
    assert_eq!(cycle.quantity.to_string(), "2");
}

fn unknown_instrument<V: Stand>(symbols: [&str; 3]) {
    let desk = Desk::<V>::new();
    let prices = ["0.00000000012345", "999999999.99", "7"];
    for (symbol, price) in symbols.into_iter().zip(prices) {
        let at = desk.now_ms() - MINUTE_MS;
        let order = NewOrder::limit(symbol, Side::Buy, "12345.678901", price).at_ms(at);
        let order = desk.fake.book().place_order("main", order).unwrap();
        let fill = Fill::new("12345.678901", price).at_ms(at + 1);
        desk.fake.book().fill(&order, fill).unwrap();
    }
    desk.round("main", HOUR_MS);
    assert_eq!(desk.ids("main"), desk.venue_ids("main"));
    for (symbol, price) in symbols.into_iter().zip(prices) {
        let rows = desk.sql(&format!(
            "SELECT quantity, price FROM fills WHERE symbol = '{symbol}'"
        ));
        assert_eq!(rows, [format!("12345.678901|{price}")], "{symbol}");
        assert_eq!(desk.books("main", symbol)[0].cycles.len(), 1, "{symbol}");
    }
    assert_eq!(desk.sql("SELECT count(*) FROM quarantine"), ["0"]);
}

#[test]
fn case_26_a_fill_of_an_instrument_nobody_knows_is_kept_on_bybit() {
    // A fill of a symbol that was listed this morning was dropped, because its instrument was not in
    // the cache that says how many places it has (Nautilus 4772). No list of instruments is needed
    // to store a fill: its places stand in its own text.
    unknown_instrument::<FakeBybit>(["NEVERHEARDOFUSDT", "1000000MOGUSDT", "10000QUBIC"]);
}

#[test]
fn case_26_a_fill_of_an_instrument_nobody_knows_is_kept_on_alpaca() {
    // The same at Alpaca: a new share, a share class with a point, a new coin.
    unknown_instrument::<FakeAlpaca>(["NEWCO", "BRK.B", "NEVER/USD"]);
}

fn self_match<V: Stand>(ids: [&str; 2]) {
    let desk = Desk::<V>::with(&["main", "mirror"], &[]);
    let (book, at) = (desk.fake.book(), desk.now_ms() - MINUTE_MS);
    let sides = [("main", Side::Sell, ids[0]), ("mirror", Side::Buy, ids[1])];
    for (account, side, id) in sides {
        let order = NewOrder::limit(V::SYMBOL, side, "150", "0.2215")
            .extra(
                "position_intent",
                json!(format!(
                    "{}_to_open",
                    if side == Side::Buy { "buy" } else { "sell" }
                )),
            )
            .at_ms(at);
        let order = book.place_order(account, order).unwrap();
        let mut fill = Fill::new("150", "0.2215").id(id).at_ms(at);
        fill.is_maker = account == "main";
        book.fill(&order, fill).unwrap();
    }
    // Another trade of both at one moment, but on one side: no match.
    for (account, id) in [("main", "x-1"), ("mirror", "x-2")] {
        let order = NewOrder::limit(V::SYMBOL, Side::Buy, "7", "0.2215").at_ms(at + 1_000);
        let order = book.place_order(account, order).unwrap();
        let fill = Fill::new("7", "0.2215").id(id).at_ms(at + 1_000);
        book.fill(&order, fill).unwrap();
    }
    for account in ["main", "mirror"] {
        desk.round(account, HOUR_MS);
        assert_eq!(desk.ids(account).len(), 2, "{account}");
    }
    let side = |account: &str| {
        let cycle = desk.books(account, V::SYMBOL).remove(0).cycles.remove(0);
        (cycle.side, cycle.quantity.to_string())
    };
    assert_eq!(side("main"), (PositionSide::Short, "143".to_owned()));
    assert_eq!(side("mirror"), (PositionSide::Long, "157".to_owned()));
    // Both sides are marked, each with the other account.
    let filter = fillsync_ledger::FillFilter {
        limit: 10,
        ..Default::default()
    };
    let answer = fillsync_report::fills(&desk.reader(), &filter, HostClock.now()).unwrap();
    let mut marked: Vec<_> = answer
        .fills
        .iter()
        .map(|fill| (fill.exec_id.clone(), fill.self_match.clone()))
        .collect();
    marked.sort();
    let mut wanted = vec![
        (ids[0].to_owned(), Some("mirror".to_owned())),
        (ids[1].to_owned(), Some("main".to_owned())),
        ("x-1".to_owned(), None),
        ("x-2".to_owned(), None),
    ];
    wanted.sort();
    assert_eq!(marked, wanted);
}

#[test]
fn case_37_two_accounts_of_one_owner_can_trade_with_each_other_on_bybit() {
    // Main sells and mirror buys: one trade, and both sides are the owner's. Kept under the trade's
    // id alone, the second side is dropped as a repeat (bbgo 84 and 132), and one account's position
    // is wrong. Both are kept, and the match is marked, because nobody earned anything by it.
    self_match::<FakeBybit>(["one-trade", "one-trade"]);
}

#[test]
fn case_37_two_accounts_of_one_owner_can_trade_with_each_other_on_alpaca() {
    // At Alpaca the two sides have ids of their own.
    self_match::<FakeAlpaca>(["sold", "bought"]);
}
