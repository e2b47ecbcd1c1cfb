//! In which currency a fee was taken, where the row itself does not say.
//!
//! Bybit fills `feeCurrency` for derivatives only since 2025-09-25, and not always for spot. Its
//! documentation gives a rule for spot; derivatives without a `feeCurrency` pay in the settlement coin,
//! which the symbol tells in its common forms. Where neither is certain the answer is none.

/// Spot quotes, the longer of two that fit first ("USDT" before "T…" can never arise, "BTC" after "WBTC"
/// does not matter: only the end of the symbol counts).
const SPOT_QUOTES: [&str; 13] = [
    "USDT", "USDC", "USDE", "USD1", "BTC", "ETH", "SOL", "MNT", "DAI", "EUR", "BRL", "TRY", "PLN",
];

/// What a fill tells of its own fee.
#[derive(Debug, Clone, Copy)]
pub(super) struct FeeCase<'a> {
    pub(super) category: &'a str,
    pub(super) symbol: &'a str,
    pub(super) is_buy: bool,
    pub(super) is_maker: Option<bool>,
    /// Whether the fee rate is above zero; none where the row has no rate.
    pub(super) rate_is_positive: Option<bool>,
}

/// The currency, where it is certain.
pub(super) fn fee_currency<'a>(case: &FeeCase<'a>) -> Option<&'a str> {
    match case.category {
        "spot" => spot(case),
        "linear" => linear(case.symbol),
        "inverse" => case
            .symbol
            .strip_suffix("USD")
            .filter(|base| !base.is_empty()),
        _ => None,
    }
}

/// A buyer pays in what he bought and a seller in what he got; with a maker's rebate it is the reverse.
fn spot<'a>(case: &FeeCase<'a>) -> Option<&'a str> {
    let (base, quote) = SPOT_QUOTES.iter().find_map(|quote| {
        let base = case.symbol.strip_suffix(quote)?;
        (!base.is_empty()).then(|| (base, case.symbol.get(base.len()..).unwrap_or_default()))
    })?;
    let reversed = case.is_maker? && !case.rate_is_positive?;
    Some(if case.is_buy != reversed { base } else { quote })
}

/// `BTCUSDT` and `BTCUSDT-26DEC25` settle in USDT, `BTCPERP` and `BTCUSDC` in USDC.
fn linear(symbol: &str) -> Option<&'static str> {
    let contract = symbol
        .split_once('-')
        .map_or(symbol, |(contract, _)| contract);
    if contract.ends_with("USDT") {
        Some("USDT")
    } else if contract.ends_with("PERP") || contract.ends_with("USDC") {
        Some("USDC")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn currency(
        category: &'static str,
        symbol: &'static str,
        is_buy: bool,
        is_maker: bool,
        rate_is_positive: bool,
    ) -> Option<&'static str> {
        fee_currency(&FeeCase {
            category,
            symbol,
            is_buy,
            is_maker: Some(is_maker),
            rate_is_positive: Some(rate_is_positive),
        })
    }

    #[test]
    fn spot_fees_follow_the_documented_rule() {
        assert_eq!(currency("spot", "BTCUSDT", true, false, true), Some("BTC"));
        assert_eq!(
            currency("spot", "BTCUSDT", false, false, true),
            Some("USDT")
        );
        assert_eq!(currency("spot", "BTCUSDT", true, true, true), Some("BTC"));
        assert_eq!(currency("spot", "BTCUSDT", true, true, false), Some("USDT"));
        assert_eq!(currency("spot", "BTCUSDT", false, true, false), Some("BTC"));
        // A taker without fee is still a taker.
        assert_eq!(currency("spot", "ETHBTC", false, false, false), Some("BTC"));
        assert_eq!(currency("spot", "FOOBAR", true, false, true), None);
    }

    #[test]
    fn derivatives_pay_in_the_settlement_coin_where_the_symbol_tells_it() {
        assert_eq!(
            currency("linear", "GTCUSDT", true, true, true),
            Some("USDT")
        );
        assert_eq!(
            currency("linear", "ETHPERP", true, false, true),
            Some("USDC")
        );
        assert_eq!(
            currency("linear", "BTCUSDT-26DEC25", true, false, true),
            Some("USDT")
        );
        assert_eq!(currency("linear", "BTC-26DEC25", true, false, true), None);
        assert_eq!(
            currency("inverse", "BTCUSD", true, false, true),
            Some("BTC")
        );
        assert_eq!(currency("inverse", "BTCUSDZ25", true, false, true), None);
        assert_eq!(
            currency("option", "BTC-26DEC25-80000-C", true, false, true),
            None
        );
    }
}
