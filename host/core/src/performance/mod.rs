//! What closed cycles earned, as `/performance` tells it.
//!
//! A trade is a closed cycle whose start is known, long or short, with the fees of its own quote
//! currency taken off, by average cost, in fill order. Cycles of unknown start and inverse contracts
//! are counted apart and not summed: a number that cannot be said is left out, not guessed.

use crate::amount::Money;
use crate::id::Symbol;
use rust_decimal::{Decimal, RoundingStrategy};
use serde::Serialize;
use std::collections::BTreeMap;

/// One closed cycle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClosedCycle {
    /// The venue's symbol.
    pub symbol: Symbol,
    /// What it earned after fees; none where it cannot be said.
    pub net: Option<Money>,
}

/// The sums over all trades. Amounts are decimal strings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Overall {
    /// Closed cycles with a known result.
    pub total_trades: u64,
    /// Those that earned.
    pub winning_trades: u64,
    /// Those that lost.
    pub losing_trades: u64,
    /// Winning trades in percent of all, two places.
    pub win_rate_pct: Decimal,
    /// The sum.
    pub total_pnl: Decimal,
    /// The sum of the winning ones.
    pub gross_profit: Decimal,
    /// The sum of the losing ones, without its sign.
    pub gross_loss: Decimal,
    /// Gross profit over gross loss, two places; none without a loss.
    pub profit_factor: Option<Decimal>,
    /// The average winning trade.
    pub avg_win: Decimal,
    /// The average losing trade, without its sign.
    pub avg_loss: Decimal,
}

/// The sums of one symbol.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct BySymbol {
    /// Trades.
    pub trades: u64,
    /// Their sum.
    pub pnl: Decimal,
    /// Those that earned.
    pub wins: u64,
    /// Those that lost.
    pub losses: u64,
}

/// What closed cycles earned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Performance {
    /// Over all symbols.
    pub overall: Overall,
    /// By the venue's symbol.
    pub by_symbol: BTreeMap<String, BySymbol>,
    /// Closed cycles whose result cannot be said.
    pub incomplete_cycles: u64,
}

/// Sums closed cycles.
#[must_use]
pub fn sum(cycles: impl IntoIterator<Item = ClosedCycle>) -> Performance {
    let mut by_symbol: BTreeMap<String, BySymbol> = BTreeMap::new();
    let (mut profit, mut loss) = (Decimal::ZERO, Decimal::ZERO);
    let (mut wins, mut losses, mut trades, mut incomplete) = (0u64, 0u64, 0u64, 0u64);
    for cycle in cycles {
        let Some(net) = cycle.net.map(Money::decimal) else {
            incomplete += 1;
            continue;
        };
        let row = by_symbol.entry(cycle.symbol.to_string()).or_default();
        trades += 1;
        row.trades += 1;
        row.pnl += net;
        if net > Decimal::ZERO {
            wins += 1;
            row.wins += 1;
            profit += net;
        } else if net < Decimal::ZERO {
            losses += 1;
            row.losses += 1;
            loss -= net;
        }
    }
    let average = |sum: Decimal, count: u64| rounded(sum.checked_div(Decimal::from(count)), 8);
    for row in by_symbol.values_mut() {
        row.pnl = row.pnl.normalize();
    }
    Performance {
        overall: Overall {
            total_trades: trades,
            winning_trades: wins,
            losing_trades: losses,
            win_rate_pct: rounded(
                (Decimal::from(wins) * Decimal::ONE_HUNDRED).checked_div(Decimal::from(trades)),
                2,
            ),
            total_pnl: (profit - loss).normalize(),
            gross_profit: profit.normalize(),
            gross_loss: loss.normalize(),
            profit_factor: profit
                .checked_div(loss)
                .map(|factor| rounded(Some(factor), 2)),
            avg_win: average(profit, wins),
            avg_loss: average(loss, losses),
        },
        by_symbol,
        incomplete_cycles: incomplete,
    }
}

fn rounded(value: Option<Decimal>, places: u32) -> Decimal {
    value
        .unwrap_or(Decimal::ZERO)
        .round_dp_with_strategy(places, RoundingStrategy::MidpointAwayFromZero)
        .normalize()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn cycle(symbol: &str, net: Option<&str>) -> ClosedCycle {
        ClosedCycle {
            symbol: Symbol::new(symbol).unwrap(),
            net: net.map(|net| Money::parse(net).unwrap()),
        }
    }

    #[test]
    fn wins_losses_and_the_unknown_are_kept_apart() {
        let performance = sum([
            cycle("A", Some("10")),
            cycle("A", Some("-4")),
            cycle("B", Some("0")),
            cycle("B", None),
        ]);
        let overall = &performance.overall;
        assert_eq!(
            (
                overall.total_trades,
                overall.winning_trades,
                overall.losing_trades
            ),
            (3, 1, 1)
        );
        assert_eq!(overall.total_pnl.to_string(), "6");
        assert_eq!(overall.win_rate_pct.to_string(), "33.33");
        assert_eq!(overall.profit_factor.unwrap().to_string(), "2.5");
        assert_eq!(performance.incomplete_cycles, 1);
        assert_eq!(performance.by_symbol.get("A").unwrap().pnl.to_string(), "6");
    }
}
