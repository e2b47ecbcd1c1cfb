//! `/performance` and `fillsync performance`: what closed cycles earned, after fees.
//!
//! Longs and shorts, by average cost, in fill order, summed by the core. Amounts are exact JSON
//! numbers. What cannot be said is left out and counted: cycles of unknown start, inverse contracts.
//! Fees in another coin than the quote are listed beside the result and never mixed into it, and
//! `coverage` says whether the facts behind the sums are proven complete.

use crate::table::{Column, Look, facts, render};
use crate::{Answer, ExactNumber, time_text};
use fillsync_core::amount::Money;
use fillsync_core::cut::quote_of;
use fillsync_core::cycle::BookRule;
use fillsync_core::performance::{self as core, BySymbol};
use fillsync_core::time::HostTime;
use fillsync_ledger::{ClosedCycle, CycleFilter, LedgerError, Reader};
use rust_decimal::Decimal;
use serde::Serialize;
use std::collections::BTreeMap;

/// What closed cycles earned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PerformanceAnswer {
    /// When the answer was made.
    pub timestamp: String,
    /// `No closed trades yet`, where there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<&'static str>,
    /// 0 beside the message, where the seed's clients look for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_trades: Option<u64>,
    /// Over everything. Amounts in different quote currencies are added as they are; `by_currency`
    /// keeps them apart.
    pub overall: Overall,
    /// By the venue's symbol.
    pub by_symbol: BTreeMap<String, Share>,
    /// By account.
    pub by_account: BTreeMap<String, Share>,
    /// By quote currency; `?` where the symbol does not tell.
    pub by_currency: BTreeMap<String, Share>,
    /// By direction: `long` and `short`.
    pub by_side: BTreeMap<String, Share>,
    /// Fees that the results contain, by currency; positive is paid.
    pub fees: BTreeMap<String, ExactNumber>,
    /// Fees in other coins, which no result contains.
    pub fees_apart: BTreeMap<String, ExactNumber>,
    /// Closed cycles whose result cannot be said.
    pub incomplete_cycles: u64,
    /// Whether the facts are complete.
    pub coverage: PerformanceCoverage,
}

/// The sums over all trades, under the seed's names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
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
}

/// The sums of one part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Share {
    /// Trades.
    pub trades: u64,
    /// Their sum.
    pub pnl: ExactNumber,
    /// Those that earned.
    pub wins: u64,
    /// Those that lost.
    pub losses: u64,
}

/// Whether the facts behind the sums are complete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PerformanceCoverage {
    /// True when every account that is asked about has proven coverage and no gap in it.
    pub complete: bool,
    /// Gaps that are not resolved.
    pub gaps: u64,
    /// Accounts of which nothing is proven, or not all.
    pub incomplete_accounts: Vec<String>,
}

impl From<&BySymbol> for Share {
    fn from(sums: &BySymbol) -> Self {
        Self {
            trades: sums.trades,
            pnl: ExactNumber(sums.pnl),
            wins: sums.wins,
            losses: sums.losses,
        }
    }
}

impl From<&core::Overall> for Overall {
    fn from(sums: &core::Overall) -> Self {
        Self {
            total_trades: sums.total_trades,
            winning_trades: sums.winning_trades,
            losing_trades: sums.losing_trades,
            win_rate_pct: ExactNumber(sums.win_rate_pct),
            total_pnl: ExactNumber(sums.total_pnl),
            gross_profit: ExactNumber(sums.gross_profit),
            gross_loss: ExactNumber(sums.gross_loss),
            profit_factor: sums.profit_factor.map(ExactNumber),
            avg_win: ExactNumber(sums.avg_win),
            avg_loss: ExactNumber(sums.avg_loss),
        }
    }
}

/// What the closed cycles that pass a filter earned.
///
/// # Errors
/// When the ledger cannot be read.
pub fn performance(
    reader: &Reader,
    filter: &CycleFilter,
    now: HostTime,
) -> Result<PerformanceAnswer, LedgerError> {
    let cycles = reader.closed_cycles(filter)?;
    let mut sums = Sums::default();
    for cycle in &cycles {
        sums.add(cycle);
    }
    let total = core::sum(cycles.iter().map(|cycle| core::ClosedCycle {
        symbol: cycle.book.market.symbol.clone(),
        net: net_of(cycle),
    }));
    let none = total.overall.total_trades == 0;
    Ok(PerformanceAnswer {
        timestamp: time_text::host(now),
        message: none.then_some("No closed trades yet"),
        total_trades: none.then_some(0),
        overall: Overall::from(&total.overall),
        by_symbol: total
            .by_symbol
            .iter()
            .map(|(name, sums)| (name.clone(), Share::from(sums)))
            .collect(),
        by_account: shares(&sums.by_account),
        by_currency: shares(&sums.by_currency),
        by_side: shares(&sums.by_side),
        fees: exact(sums.fees),
        fees_apart: exact(sums.fees_apart),
        incomplete_cycles: total.incomplete_cycles,
        coverage: coverage(reader, filter)?,
    })
}

#[derive(Default)]
struct Sums {
    by_account: BTreeMap<String, BySymbol>,
    by_currency: BTreeMap<String, BySymbol>,
    by_side: BTreeMap<String, BySymbol>,
    fees: BTreeMap<String, Decimal>,
    fees_apart: BTreeMap<String, Decimal>,
}

impl Sums {
    fn add(&mut self, closed: &ClosedCycle) {
        let Some(net) = net_of(closed) else { return };
        let market = &closed.book.market;
        let quote = quote_of(&market.symbol);
        let currency = quote.unwrap_or("?");
        add(&mut self.by_account, market.account.as_str(), net);
        add(&mut self.by_currency, currency, net);
        add(&mut self.by_side, closed.cycle.side.as_str(), net);
        for (coin, fee) in &closed.cycle.fees {
            // The same rule as the core's net: a fee in a coin other than the quote stands apart.
            let apart = !coin.is_empty() && quote.is_some_and(|quote| quote != coin);
            let sums = if apart {
                &mut self.fees_apart
            } else {
                &mut self.fees
            };
            let coin = if coin.is_empty() { currency } else { coin };
            *sums.entry(coin.to_owned()).or_default() += fee.decimal();
        }
    }
}

fn add(sums: &mut BTreeMap<String, BySymbol>, name: &str, net: Money) {
    let row = sums.entry(name.to_owned()).or_default();
    row.trades += 1;
    row.pnl += net.decimal();
    row.wins += u64::from(net.is_positive());
    row.losses += u64::from(net.is_negative());
}

fn net_of(closed: &ClosedCycle) -> Option<Money> {
    let market = &closed.book.market;
    let rule = BookRule::of(&market.category, &market.symbol);
    closed.cycle.net(rule, quote_of(&market.symbol))
}

fn shares(sums: &BTreeMap<String, BySymbol>) -> BTreeMap<String, Share> {
    sums.iter()
        .map(|(name, sums)| (name.clone(), Share::from(sums)))
        .collect()
}

fn exact(sums: BTreeMap<String, Decimal>) -> BTreeMap<String, ExactNumber> {
    sums.into_iter()
        .map(|(coin, sum)| (coin, ExactNumber(sum)))
        .collect()
}

fn coverage(reader: &Reader, filter: &CycleFilter) -> Result<PerformanceCoverage, LedgerError> {
    let gaps = reader.gaps(filter.account.as_ref())?;
    let (mut asked, mut incomplete) = (0u64, Vec::new());
    for tally in reader.status()?.accounts {
        if filter
            .account
            .as_ref()
            .is_some_and(|account| *account != tally.account)
        {
            continue;
        }
        asked += 1;
        let proven = reader.coverage(&tally.account)?;
        let whole = !proven.is_empty()
            && proven
                .values()
                .all(|coverage| coverage.windows().len() == 1)
            && gaps.iter().all(|gap| gap.account != tally.account);
        if !whole {
            incomplete.push(tally.account.to_string());
        }
    }
    Ok(PerformanceCoverage {
        // Of no account nothing is proven.
        complete: asked > 0 && incomplete.is_empty(),
        gaps: u64::try_from(gaps.len()).unwrap_or(u64::MAX),
        incomplete_accounts: incomplete,
    })
}

impl PerformanceAnswer {
    /// The sums as lines of a name and a value.
    fn sums(&self) -> Vec<(&'static str, String)> {
        let overall = &self.overall;
        let mut pairs = vec![
            ("closed trades", overall.total_trades.to_string()),
            (
                "won / lost",
                format!("{} / {}", overall.winning_trades, overall.losing_trades),
            ),
            ("win rate", format!("{} %", overall.win_rate_pct)),
            ("profit and loss", overall.total_pnl.to_string()),
            ("gross profit", overall.gross_profit.to_string()),
            ("gross loss", overall.gross_loss.to_string()),
            (
                "profit factor",
                overall
                    .profit_factor
                    .map_or_else(|| "-".to_owned(), |factor| factor.to_string()),
            ),
            ("average win", overall.avg_win.to_string()),
            ("average loss", overall.avg_loss.to_string()),
        ];
        if self.incomplete_cycles > 0 {
            pairs.push((
                "not summed",
                format!(
                    "{} closed cycles whose result cannot be said",
                    self.incomplete_cycles
                ),
            ));
        }
        if !self.fees_apart.is_empty() {
            let list: Vec<_> = self
                .fees_apart
                .iter()
                .map(|(coin, fee)| format!("{fee} {coin}"))
                .collect();
            pairs.push(("fees apart", list.join(", ")));
        }
        if !self.coverage.complete {
            let accounts = self.coverage.incomplete_accounts.join(", ");
            pairs.push((
                "coverage",
                match accounts.as_str() {
                    "" => "nothing is proven yet".to_owned(),
                    accounts => format!("not complete for {accounts}"),
                },
            ));
        }
        pairs
    }
}

impl Answer for PerformanceAnswer {
    fn table(&self, look: Look) -> String {
        let mut text = self
            .message
            .map_or_else(String::new, |message| format!("{message}.\n"));
        text.push_str(&facts(&self.sums()));
        let columns = [
            Column::Left("PART"),
            Column::Left("NAME"),
            Column::Right("TRADES"),
            Column::Right("WON"),
            Column::Right("LOST"),
            Column::Right("PROFIT AND LOSS"),
        ];
        let parts = [
            ("symbol", &self.by_symbol),
            ("account", &self.by_account),
            ("currency", &self.by_currency),
            ("side", &self.by_side),
        ];
        let rows: Vec<_> = parts
            .into_iter()
            .flat_map(|(part, shares)| {
                shares.iter().map(move |(name, share)| {
                    vec![
                        part.to_owned(),
                        name.clone(),
                        share.trades.to_string(),
                        share.wins.to_string(),
                        share.losses.to_string(),
                        share.pnl.to_string(),
                    ]
                })
            })
            .collect();
        if !rows.is_empty() {
            text.push('\n');
            text.push_str(&render(look, &columns, rows, ""));
        }
        text
    }
}
