//! The shapes of `/performance`: the seed's names first, and what a trader asks beyond them.
//!
//! Amounts are exact JSON numbers; only quotients are rounded, as the core says. Nothing is summed here.

use super::{PerformanceCoverage, number};
use crate::{ExactNumber, time_text};
use fillsync_core::performance::{Drawdown, Figures};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// What closed cycles earned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PerformanceAnswer {
    /// When the answer was made.
    #[schemars(extend("format" = "date-time"))]
    pub timestamp: String,
    /// `No closed trades yet`, where there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<&'static str>,
    /// 0 beside the message, where the seed's clients look for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_trades: Option<u64>,
    /// Over everything in the currencies that it names: all dollars as they are (USD, USDT, USDC and
    /// what is not known), else the only coin there is. `by_currency` has every one.
    pub overall: Overall,
    /// By the venue's symbol; `SYMBOL (COIN)` where one name has results in two kinds of currency.
    pub by_symbol: BTreeMap<String, Share>,
    /// By account; like the next two in the currencies of `overall`.
    pub by_account: BTreeMap<String, Share>,
    /// By group. An account that is a member of two groups is in both.
    pub by_group: BTreeMap<String, Share>,
    /// By direction: `long` and `short`.
    pub by_side: BTreeMap<String, Share>,
    /// By the currency of the result: the quote, the coin of an inverse contract; `?` where the
    /// symbol does not tell.
    pub by_currency: BTreeMap<String, Share>,
    /// By currency, closed and so far, by average cost and FIFO.
    pub realised: BTreeMap<String, RealisedShare>,
    /// Open cycles that have exits; none where the question has an end.
    pub open: Vec<OpenAnswer>,
    /// Fees that the results contain, by currency; positive is paid.
    pub fees: BTreeMap<String, ExactNumber>,
    /// Fees in other coins, which no result contains.
    pub fees_apart: BTreeMap<String, ExactNumber>,
    /// Closed cycles whose result cannot be said: their position was open before the data begin.
    pub incomplete_cycles: u64,
    /// Whether the facts are complete.
    pub coverage: PerformanceCoverage,
}

/// The sums over all trades, under the seed's names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Overall {
    /// Closed cycles with a known result.
    pub total_trades: u64,
    /// Those that earned.
    pub winning_trades: u64,
    /// Those that lost.
    pub losing_trades: u64,
    /// Winning trades in percent of all, two places.
    pub win_rate_pct: ExactNumber,
    /// The sum.
    pub total_pnl: ExactNumber,
    /// The sum of the winning ones.
    pub gross_profit: ExactNumber,
    /// The sum of the losing ones, without its sign.
    pub gross_loss: ExactNumber,
    /// Gross profit over gross loss, two places; null without a loss.
    pub profit_factor: Option<ExactNumber>,
    /// The average winning trade, eight places.
    pub avg_win: ExactNumber,
    /// The average losing trade, without its sign, eight places.
    pub avg_loss: ExactNumber,
    /// The best trade; null without a winning one.
    pub largest_win: Option<ExactNumber>,
    /// The worst trade, without its sign; null without a losing one.
    pub largest_loss: Option<ExactNumber>,
    /// The deepest fall of the sum in order of close; null where it never fell.
    pub max_drawdown: Option<DrawdownAnswer>,
    /// The currencies that are added up here.
    pub currencies: Vec<String>,
    /// Trades in other currencies, which are not in here.
    pub trades_in_other_currencies: u64,
}

/// The sums of one part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Share {
    /// Trades.
    pub trades: u64,
    /// Their sum.
    pub pnl: ExactNumber,
    /// Those that earned.
    pub wins: u64,
    /// Those that lost.
    pub losses: u64,
    /// Winning trades in percent of all, two places.
    pub win_rate_pct: ExactNumber,
    /// The sum of the winning ones.
    pub gross_profit: ExactNumber,
    /// The sum of the losing ones, without its sign.
    pub gross_loss: ExactNumber,
    /// Gross profit over gross loss, two places; null without a loss.
    pub profit_factor: Option<ExactNumber>,
    /// The average winning trade, eight places.
    pub avg_win: ExactNumber,
    /// The average losing trade, without its sign, eight places.
    pub avg_loss: ExactNumber,
    /// The best trade; null without a winning one.
    pub largest_win: Option<ExactNumber>,
    /// The worst trade, without its sign; null without a losing one.
    pub largest_loss: Option<ExactNumber>,
    /// The deepest fall of the sum in order of close; null where it never fell.
    pub max_drawdown: Option<DrawdownAnswer>,
    /// Whether all that it sums over is proven and said; `coverage` tells what is not.
    pub complete: bool,
}

/// A fall of the sum of closed trades.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DrawdownAnswer {
    /// How deep.
    pub amount: ExactNumber,
    /// When the highest point before was reached; null where that is the beginning.
    #[schemars(extend("format" = "date-time"))]
    pub from: Option<String>,
    /// When the deepest point was reached.
    #[schemars(extend("format" = "date-time"))]
    pub to: String,
}

/// What was realised in one currency, after the fees in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct RealisedShare {
    /// By closed trades; the same both ways.
    pub closed: ExactNumber,
    /// By the exits of open cycles, by average cost.
    pub open_average_cost: ExactNumber,
    /// By the exits of open cycles, first in, first out.
    pub open_fifo: ExactNumber,
    /// All of it by average cost.
    pub average_cost: ExactNumber,
    /// All of it, first in, first out.
    pub fifo: ExactNumber,
}

/// An open cycle that has exits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct OpenAnswer {
    /// The account.
    pub account: String,
    /// The venue's space.
    pub category: String,
    /// The venue's symbol.
    pub symbol: String,
    /// `long` or `short`.
    #[schemars(schema_with = "crate::words::side")]
    pub side: &'static str,
    /// When it began.
    #[schemars(extend("format" = "date-time"))]
    pub opened_at: String,
    /// What is held.
    pub quantity: String,
    /// The currency of the results.
    pub currency: String,
    /// Realised so far by average cost, before fees; null where the start is not known.
    pub average_cost: Option<ExactNumber>,
    /// Realised so far first in, first out, before fees; null where the start is not known.
    pub fifo: Option<ExactNumber>,
    /// Fees so far, of entries and exits, by currency.
    pub fees: BTreeMap<String, ExactNumber>,
}

impl Share {
    pub(super) fn new(figures: &Figures, complete: bool) -> Self {
        Self {
            trades: figures.trades,
            pnl: number(figures.total()),
            wins: figures.wins,
            losses: figures.losses,
            win_rate_pct: ExactNumber(figures.win_rate_pct()),
            gross_profit: number(figures.gross_profit),
            gross_loss: number(figures.gross_loss),
            profit_factor: figures.profit_factor().map(ExactNumber),
            avg_win: ExactNumber(figures.average_win()),
            avg_loss: ExactNumber(figures.average_loss()),
            largest_win: figures.largest_win.map(number),
            largest_loss: figures.largest_loss.map(number),
            max_drawdown: figures.drawdown.as_ref().map(DrawdownAnswer::from),
            complete,
        }
    }
}

impl From<&Drawdown> for DrawdownAnswer {
    fn from(drawdown: &Drawdown) -> Self {
        Self {
            amount: number(drawdown.amount),
            from: time_text::venue_option(drawdown.from),
            to: time_text::venue(drawdown.to),
        }
    }
}
