//! The figures over closed trades, added one by one in the order in which they closed.
//!
//! Sums are exact. Only quotients are rounded, half away from zero: percentages and the profit factor
//! to two places, averages to eight. The order matters for nothing but the drawdown.

use crate::amount::Money;
use crate::time::VenueTime;
use rust_decimal::{Decimal, RoundingStrategy};

/// Places of averages.
const AVERAGE_PLACES: u32 = 8;

/// Places of percentages and of the profit factor.
const RATIO_PLACES: u32 = 2;

/// The deepest fall of the sum of closed trades below its highest point before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drawdown {
    /// How deep; more than nothing.
    pub amount: Money,
    /// When the highest point was reached; none where it is the beginning, before any trade.
    pub from: Option<VenueTime>,
    /// When the trade closed that reached the deepest point; of equally deep falls the first.
    pub to: VenueTime,
}

/// The figures of one set of trades in one currency.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Figures {
    /// Closed trades.
    pub trades: u64,
    /// Those that earned.
    pub wins: u64,
    /// Those that lost.
    pub losses: u64,
    /// The sum of those that earned.
    pub gross_profit: Money,
    /// The sum of those that lost, without its sign.
    pub gross_loss: Money,
    /// The best trade; none without one that earned.
    pub largest_win: Option<Money>,
    /// The worst trade without its sign; none without one that lost.
    pub largest_loss: Option<Money>,
    /// The deepest fall; none where the sum never fell.
    pub drawdown: Option<Drawdown>,
    peak: Money,
    peak_at: Option<VenueTime>,
}

impl Figures {
    /// Adds a trade. Trades must come in the order in which they closed.
    pub fn add(&mut self, net: Money, closed_at: VenueTime) {
        self.trades = self.trades.saturating_add(1);
        if net.is_positive() {
            self.wins = self.wins.saturating_add(1);
            self.gross_profit += net;
            self.largest_win = self.largest_win.max(Some(net));
        } else if net.is_negative() {
            let loss = -net;
            self.losses = self.losses.saturating_add(1);
            self.gross_loss += loss;
            self.largest_loss = self.largest_loss.max(Some(loss));
        }
        self.follow(closed_at);
    }

    fn follow(&mut self, closed_at: VenueTime) {
        let sum = self.total();
        if sum > self.peak {
            self.peak = sum;
            self.peak_at = Some(closed_at);
        }
        let fall = self.peak - sum;
        let deepest = self.drawdown.map_or(Money::ZERO, |known| known.amount);
        if fall > deepest {
            self.drawdown = Some(Drawdown {
                amount: fall,
                from: self.peak_at,
                to: closed_at,
            });
        }
    }

    /// The sum of all trades.
    #[must_use]
    pub fn total(&self) -> Money {
        self.gross_profit - self.gross_loss
    }

    /// Trades that earned in percent of all, two places; 0 without trades.
    #[must_use]
    pub fn win_rate_pct(&self) -> Decimal {
        let won = Decimal::from(self.wins) * Decimal::ONE_HUNDRED;
        rounded(won.checked_div(Decimal::from(self.trades)), RATIO_PLACES).unwrap_or_default()
    }

    /// Gross profit over gross loss, two places; none without a loss.
    #[must_use]
    pub fn profit_factor(&self) -> Option<Decimal> {
        let factor = self
            .gross_profit
            .decimal()
            .checked_div(self.gross_loss.decimal());
        rounded(factor, RATIO_PLACES)
    }

    /// The average trade that earned, eight places; 0 without one.
    #[must_use]
    pub fn average_win(&self) -> Decimal {
        average(self.gross_profit, self.wins)
    }

    /// The average trade that lost, without its sign, eight places; 0 without one.
    #[must_use]
    pub fn average_loss(&self) -> Decimal {
        average(self.gross_loss, self.losses)
    }
}

fn average(sum: Money, count: u64) -> Decimal {
    rounded(
        sum.decimal().checked_div(Decimal::from(count)),
        AVERAGE_PLACES,
    )
    .unwrap_or_default()
}

fn rounded(value: Option<Decimal>, places: u32) -> Option<Decimal> {
    value.map(|value| {
        value
            .round_dp_with_strategy(places, RoundingStrategy::MidpointAwayFromZero)
            .normalize()
    })
}
