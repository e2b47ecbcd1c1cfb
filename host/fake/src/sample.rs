//! A sample history for both venues, long enough that every traversal has pages.
//!
//! Promise: the same book and time give the same history. It holds what readers trip over: partial fills, several in
//! one instant, funding between fills, hedge legs, a cancelled order with a fill, replaced chains, crypto, open orders.

use crate::book::{
    Book, BookError, Change, ExecutionKind, Fill, NewOrder, NewRow, OrderKind, Side,
};

/// How far the sample reaches back: more than two of Bybit's windows.
pub const SAMPLE_REACH_MS: i64 = 20 * 24 * 3_600_000;
/// Orders of each sample that fill completely.
pub const SAMPLE_ORDERS: i64 = 150;

/// Lays a Bybit history down that ends at `now_ms`: [`SAMPLE_ORDERS`] filled orders with two executions each, and some
/// others.
///
/// # Errors
/// The account is not in the book, or the history was laid down before.
pub fn bybit_history(book: &Book, account: &str, now_ms: i64) -> Result<(), BookError> {
    let since_ms = now_ms - SAMPLE_REACH_MS + 60_000;
    let step_ms = (SAMPLE_REACH_MS - 3_600_000) / SAMPLE_ORDERS;
    for number in 0..SAMPLE_ORDERS {
        let at_ms = since_ms + number * step_ms;
        let side = if number % 2 == 0 {
            Side::Buy
        } else {
            Side::Sell
        };
        let symbol = if number % 3 == 0 {
            "ARBUSDT"
        } else {
            "GTCUSDT"
        };
        let order = book.place_order(
            account,
            NewOrder::limit(symbol, side, "150", "0.2215")
                .client_order_id(&format!("sample-{number}"))
                .at_ms(at_ms),
        )?;
        // Both partial fills share one millisecond, so their order in a page is scrambled.
        book.fill(
            &order,
            Fill::new("50", "0.2215").maker().at_ms(at_ms + 1_000),
        )?;
        book.fill(&order, Fill::new("100", "0.2214").at_ms(at_ms + 1_000))?;
        if number % 25 == 0 {
            book.add_row(
                account,
                NewRow::funding(symbol, side, "150", "0.22", "0.0033").at_ms(at_ms + 2_000),
            )?;
        }
    }
    let recent_ms = now_ms - 1_800_000;
    let hedge = NewOrder::market("BTCUSDT", Side::Sell, "0.010")
        .position_idx(2)
        .at_ms(recent_ms);
    let hedge = book.place_order(account, hedge)?;
    book.fill(&hedge, Fill::new("0.010", "64123.50").at_ms(recent_ms))?;
    let adl = NewRow::new(
        ExecutionKind::Adl,
        "BTCUSDT",
        Side::Buy,
        "0.004",
        "64000.00",
    );
    book.add_row(account, adl.position_idx(2).at_ms(recent_ms + 5_000))?;
    let partial = NewOrder::limit("GTCUSDT", Side::Buy, "90", "0.2100").at_ms(recent_ms);
    let partial = book.place_order(account, partial)?;
    book.fill(
        &partial,
        Fill::new("30", "0.2100").maker().at_ms(recent_ms + 6_000),
    )?;
    book.cancel(&partial, Some(recent_ms + 7_000))?;
    for number in 0..60 {
        let price = format!("0.1{number:02}");
        let open = NewOrder::limit("GTCUSDT", Side::Buy, "10", &price).at_ms(recent_ms + number);
        book.place_order(account, open)?;
    }
    let stop = NewOrder::market("BTCUSDT", Side::Buy, "0.006")
        .kind(OrderKind::StopLoss)
        .trigger_price("70000");
    book.place_order(account, stop.reduce_only().position_idx(2).at_ms(recent_ms))?;
    Ok(())
}

/// Lays an Alpaca history down that ends at `now_ms`: [`SAMPLE_ORDERS`] filled orders with two executions each, and
/// some others.
///
/// # Errors
/// The account is not in the book, or the history was laid down before.
pub fn alpaca_history(book: &Book, account: &str, now_ms: i64) -> Result<(), BookError> {
    let since_ms = now_ms - SAMPLE_REACH_MS + 60_000;
    let step_ms = (SAMPLE_REACH_MS - 3_600_000) / SAMPLE_ORDERS;
    for number in 0..SAMPLE_ORDERS {
        let at_ms = since_ms + number * step_ms;
        let (symbol, qty, price) = if number % 3 == 0 {
            ("BTC/USD", "0.003", "64123.5")
        } else {
            ("AAPL", "3", "190.12")
        };
        let side = if number % 4 == 3 {
            Side::Sell
        } else {
            Side::Buy
        };
        let order =
            NewOrder::limit(symbol, side, qty, price).client_order_id(&format!("sample-{number}"));
        let order = book.place_order(account, order.at_ms(at_ms).plus_us(937))?;
        let (first, rest) = if number % 3 == 0 {
            ("0.001", "0.002")
        } else {
            ("1", "2")
        };
        book.fill(
            &order,
            Fill::new(first, price).at_ms(at_ms + 1_000).plus_us(361),
        )?;
        book.fill(
            &order,
            Fill::new(rest, price).at_ms(at_ms + 1_000).plus_us(361),
        )?;
    }
    let recent_ms = now_ms - 1_800_000;
    let chain = NewOrder::limit("MSFT", Side::Buy, "10", "410.00").at_ms(recent_ms);
    let chain = book.place_order(account, chain)?;
    book.fill(&chain, Fill::new("4", "410.00").at_ms(recent_ms + 1_000))?;
    let successor = book.replace(&chain, Change::price("411.00").at_ms(recent_ms + 2_000))?;
    book.fill(
        &successor,
        Fill::new("6", "411.00").at_ms(recent_ms + 3_000),
    )?;
    let short = book.place_order(
        account,
        NewOrder::market("FB", Side::Sell, "100").at_ms(recent_ms + 4_000),
    )?;
    book.fill(&short, Fill::new("100", "198.4").at_ms(recent_ms + 4_500))?;
    for number in 0..3 {
        let open =
            NewOrder::limit("AAPL", Side::Buy, "1", "150").at_ms(recent_ms + 10_000 + number);
        book.place_order(account, open)?;
    }
    Ok(())
}
