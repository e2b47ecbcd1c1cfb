//! What trading earned: realised profit and loss, two ways, and the figures over closed trades.
//!
//! A trade is a closed cycle whose start is known. Its result is what came in less what went out,
//! in the currency that the market settles in, less the fees in that same currency; over a whole
//! cycle average cost and FIFO agree to the digit, so a trade has one result. They differ for each
//! exit, and so for what an open cycle has realised so far: [`Lots`] tells both. What cannot be said
//! (an unknown start) is left out and counted, never guessed; unrealised results need prices and are
//! not told at all. There are no floats, and every rounding is named.

mod figures;
mod lots;

pub use figures::{Drawdown, Figures};
pub use lots::{ExitResult, Lots, Realised, Valuation};

use crate::amount::Money;
use crate::cut::quote_of;
use crate::cycle::BookRule;
use crate::id::Symbol;
use std::collections::BTreeMap;

/// The name of a currency that the symbol does not tell.
pub const CURRENCY_UNKNOWN: &str = "?";

/// Currencies that are added up as one in totals, as dollars; the unknown one is taken for one of
/// them. Coins are never added to them.
pub const DOLLARS: [&str; 4] = ["USD", "USDT", "USDC", CURRENCY_UNKNOWN];

/// The currency in which a market's results are: the quote, or the coin of an inverse contract
/// (`BTC` of `BTCUSD` and of `BTCUSDZ26`).
#[must_use]
pub fn currency_of(rule: BookRule, symbol: &Symbol) -> &str {
    match Valuation::of(rule) {
        Valuation::Linear => quote_of(symbol),
        Valuation::Inverse => symbol
            .as_str()
            .split_once("USD")
            .map(|(coin, _)| coin)
            .filter(|coin| !coin.is_empty()),
    }
    .unwrap_or(CURRENCY_UNKNOWN)
}

/// Whether a fee is part of a result in `currency`: it is in that currency, or in one that the venue
/// did not name, or the result's own currency is not known.
#[must_use]
pub fn fee_belongs(fee_currency: &str, currency: &str) -> bool {
    fee_currency.is_empty() || currency == CURRENCY_UNKNOWN || fee_currency == currency
}

/// A result less the fees that belong to it.
#[must_use]
pub fn after_fees(result: Money, fees: &BTreeMap<String, Money>, currency: &str) -> Money {
    fees.iter()
        .filter(|(fee_currency, _)| fee_belongs(fee_currency, currency))
        .fold(result, |net, (_, fee)| net - *fee)
}

#[cfg(test)]
mod tests;
