//! Coins of a symbol, as the venues derive them.
//!
//! Promise: the few rules the served endpoints need (`baseCoin`, `settleCoin`, crypto spelling). Deliberately absent:
//! an instrument list.

use crate::book::Category;

/// Quote coins that a Bybit symbol may end with.
const QUOTES: [&str; 4] = ["USDT", "USDC", "PERP", "USD"];

/// The coin before the quote: `BTC` of `BTCUSDT`.
pub(crate) fn base_coin(category: Category, symbol: &str) -> &str {
    if category == Category::Option {
        return symbol.split('-').next().unwrap_or(symbol);
    }
    let symbol = symbol.split('-').next().unwrap_or(symbol);
    QUOTES
        .iter()
        .find_map(|quote| symbol.strip_suffix(quote))
        .unwrap_or(symbol)
}

/// The coin in which profit is settled: `USDT`, `USDC` (for `…PERP` as well), or the base coin of inverse contracts.
pub(crate) fn settle_coin(category: Category, symbol: &str) -> &str {
    let contract = symbol.split('-').next().unwrap_or(symbol);
    match category {
        Category::Inverse => base_coin(category, symbol),
        _ if contract.ends_with("USDC") || contract.ends_with("PERP") => "USDC",
        Category::Option => symbol
            .rsplit('-')
            .next()
            .filter(|tail| *tail == "USDT")
            .unwrap_or("USDC"),
        // Dated USDC futures have no quote in their names: BTC-27DEC24.
        Category::Linear if symbol.contains('-') && !contract.ends_with("USDT") => "USDC",
        _ => "USDT",
    }
}

/// Alpaca's class of a symbol.
pub(crate) fn asset_class(symbol: &str) -> &'static str {
    if symbol.contains('/') {
        "crypto"
    } else {
        "us_equity"
    }
}
