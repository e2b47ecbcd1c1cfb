//! `/performance` and `fillsync performance`: what closed cycles earned, after fees.
//!
//! Longs and shorts, in fill order, summed by the core. Amounts are exact JSON numbers. A closed
//! trade has one result, because average cost and FIFO agree over a whole cycle; what open cycles
//! realised so far is told both ways. Unrealised results are not told: there are no prices here. What
//! cannot be said is left out and counted. Totals add dollars up as one and never add a coin to them.
//! `coverage` says, for each account, category and symbol, what is not proven of the asked range.

mod answer;
mod closed;
mod coverage;
mod sums;
mod table;
mod trades;

pub use answer::{DrawdownAnswer, OpenAnswer, Overall, PerformanceAnswer, RealisedShare, Share};
pub use closed::{ClosedTrade, closed_trades};
pub use coverage::{IncompletePart, PerformanceCoverage};
pub use trades::{TRADES_KEPT_MAX, Trades};

use crate::{ExactNumber, time_text};
use fillsync_core::amount::Money;
use fillsync_core::id::{AccountName, GroupName, Symbol};
use fillsync_core::order::PositionSide;
use fillsync_core::performance::{Figures, after_fees};
use fillsync_core::time::{HostTime, VenueTime};
use fillsync_ledger::{CycleFilter, LedgerError, Reader};
use std::collections::BTreeMap;
use sums::{Part, Sums};
pub(crate) use trades::DOLLAR_CLASS;
use trades::{Line, OpenCycle, Trade};

/// Which cycles to sum; every field but `members` narrows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PerformanceFilter {
    /// Of this account.
    pub account: Option<AccountName>,
    /// Of the members of this group. A group that `members` does not have has none.
    pub group: Option<GroupName>,
    /// Of this symbol, as the venue spells it.
    pub symbol: Option<Symbol>,
    /// Of this direction.
    pub side: Option<PositionSide>,
    /// With results in this currency.
    pub currency: Option<String>,
    /// Closed at or after this.
    pub from: Option<VenueTime>,
    /// Closed before this. With it, open cycles are not told.
    pub to: Option<VenueTime>,
    /// The groups and their members, as the configuration has them: the ledger does not know them.
    pub members: BTreeMap<GroupName, Vec<AccountName>>,
}

impl From<&CycleFilter> for PerformanceFilter {
    fn from(filter: &CycleFilter) -> Self {
        Self {
            account: filter.account.clone(),
            symbol: filter.symbol.clone(),
            from: filter.from,
            to: filter.to,
            ..Self::default()
        }
    }
}

impl From<&Self> for PerformanceFilter {
    fn from(filter: &Self) -> Self {
        filter.clone()
    }
}

impl PerformanceFilter {
    /// The accounts that pass; none where all do.
    pub(crate) fn accounts(&self) -> Option<Vec<AccountName>> {
        let account = self.account.iter().cloned();
        match &self.group {
            None if self.account.is_none() => None,
            None => Some(account.collect()),
            Some(group) => {
                let members = self.members.get(group).into_iter().flatten().cloned();
                Some(
                    members
                        .filter(|account| self.takes_account(account))
                        .collect(),
                )
            }
        }
    }

    fn takes(&self, trade: &Trade) -> bool {
        self.from.is_none_or(|from| trade.closed_at >= from)
            && self.to.is_none_or(|to| trade.closed_at < to)
            && self.takes_side(trade.side)
            && self.takes_line(&trade.line)
    }

    fn takes_side(&self, side: PositionSide) -> bool {
        self.side.is_none_or(|wanted| wanted == side)
    }

    fn takes_line(&self, line: &Line) -> bool {
        self.takes_account(&line.market.account)
            && self
                .symbol
                .as_ref()
                .is_none_or(|symbol| *symbol == line.market.symbol)
            && self
                .currency
                .as_ref()
                .is_none_or(|currency| **currency == *line.currency)
    }

    fn takes_account(&self, account: &AccountName) -> bool {
        self.account.as_ref().is_none_or(|wanted| wanted == account)
            && self.group.as_ref().is_none_or(|group| {
                self.members
                    .get(group)
                    .is_some_and(|members| members.contains(account))
            })
    }
}

/// What the cycles that pass a filter earned, read afresh.
///
/// # Errors
/// When the ledger cannot be read.
pub fn performance(
    reader: &Reader,
    filter: impl Into<PerformanceFilter>,
    now: HostTime,
) -> Result<PerformanceAnswer, LedgerError> {
    Trades::default().performance(reader, &filter.into(), now)
}

impl Trades {
    /// What the cycles that pass a filter earned, from what is kept and what changed since. The reader
    /// must look at a moment that is not older than that of the call before: whoever shares this
    /// takes it before the reader's transaction reads.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn performance(
        &mut self,
        reader: &Reader,
        filter: &PerformanceFilter,
        now: HostTime,
    ) -> Result<PerformanceAnswer, LedgerError> {
        self.catch_up(reader)?;
        let sums = self.sums(filter);
        let open = if filter.to.is_some() {
            Vec::new()
        } else {
            self.open(filter)
        };
        let coverage = coverage::coverage(reader, filter, &sums, &open, now)?;
        let lines: Vec<&Line> = self.lines(filter).collect();
        Ok(answer(&sums, &open, &lines, coverage, filter, now))
    }
}

fn answer(
    sums: &Sums,
    open: &[&OpenCycle],
    lines: &[&Line],
    coverage: PerformanceCoverage,
    filter: &PerformanceFilter,
    now: HostTime,
) -> PerformanceAnswer {
    let class = chosen_class(sums);
    let overall = overall(sums, &class);
    let none = sums.currencies.is_empty();
    let part = |part: Part, holds: &dyn Fn(&str, &Line) -> bool| {
        sums.parts(part)
            .filter(|(_, of, _)| *of == class)
            .map(|(name, _, figures)| {
                let proven =
                    coverage.proven(lines.iter().copied().filter(|line| holds(name, line)));
                (name.to_owned(), Share::new(figures, proven))
            })
            .collect::<BTreeMap<_, _>>()
    };
    let by_account = part(Part::Account, &|name, line| *line.account == *name);
    let by_side = part(Part::Side, &|_, _| true);
    let by_group = part(Part::Group, &|name, line| {
        filter.members.iter().any(|(group, members)| {
            group.as_str() == name && members.contains(&line.market.account)
        })
    });
    let by_currency = sums
        .currencies
        .iter()
        .map(|(name, figures)| {
            let of = lines.iter().copied().filter(|line| line.currency == *name);
            (name.to_string(), Share::new(figures, coverage.proven(of)))
        })
        .collect();
    PerformanceAnswer {
        timestamp: time_text::host(now),
        message: none.then_some("No closed trades yet"),
        total_trades: none.then_some(0),
        by_symbol: by_symbol(sums, &class, lines, &coverage),
        overall,
        by_account,
        by_group,
        by_side,
        by_currency,
        realised: realised(sums, open),
        open: open
            .iter()
            .filter(|cycle| cycle.sums.exits > 0)
            .map(|cycle| open_answer(cycle))
            .collect(),
        fees: exact(&sums.fees),
        fees_apart: exact(&sums.fees_apart),
        incomplete_cycles: sums.unsaid.values().sum(),
        coverage,
    }
}

/// The class of currencies that the totals are in: dollars, else the only coin; of several coins none.
fn chosen_class(sums: &Sums) -> String {
    let classes: Vec<&str> = sums.classes().map(|(class, _)| class).collect();
    match classes.as_slice() {
        [only] => (*only).to_owned(),
        _ => DOLLAR_CLASS.to_owned(),
    }
}

fn overall(sums: &Sums, class: &str) -> Overall {
    let nothing = Figures::default();
    let figures = sums
        .classes()
        .find(|(name, _)| *name == class)
        .map_or(&nothing, |(_, figures)| figures);
    let others = sums.classes().filter(|(name, _)| *name != class);
    Overall {
        total_trades: figures.trades,
        winning_trades: figures.wins,
        losing_trades: figures.losses,
        win_rate_pct: ExactNumber(figures.win_rate_pct()),
        total_pnl: number(figures.total()),
        gross_profit: number(figures.gross_profit),
        gross_loss: number(figures.gross_loss),
        profit_factor: figures.profit_factor().map(ExactNumber),
        avg_win: ExactNumber(figures.average_win()),
        avg_loss: ExactNumber(figures.average_loss()),
        largest_win: figures.largest_win.map(number),
        largest_loss: figures.largest_loss.map(number),
        max_drawdown: figures.drawdown.as_ref().map(DrawdownAnswer::from),
        currencies: sums
            .currencies
            .keys()
            .filter(|name| trades::class_of(name) == class)
            .map(ToString::to_string)
            .collect(),
        trades_in_other_currencies: others.map(|(_, figures)| figures.trades).sum(),
    }
}

fn by_symbol(
    sums: &Sums,
    chosen: &str,
    lines: &[&Line],
    coverage: &PerformanceCoverage,
) -> BTreeMap<String, Share> {
    let mut shares = BTreeMap::new();
    for (symbol, class, figures) in sums.parts(Part::Symbol) {
        let of = |line: &&Line| *line.symbol == *symbol && *line.class == *class;
        let proven = coverage.proven(lines.iter().copied().filter(of));
        let twice = sums
            .parts(Part::Symbol)
            .any(|(name, of, _)| name == symbol && of != class);
        let name = if twice && class != chosen {
            format!("{symbol} ({class})")
        } else {
            symbol.to_owned()
        };
        shares.insert(name, Share::new(figures, proven));
    }
    shares
}

fn realised(sums: &Sums, open: &[&OpenCycle]) -> BTreeMap<String, RealisedShare> {
    let mut shares: BTreeMap<String, RealisedShare> = sums
        .currencies
        .iter()
        .map(|(name, figures)| {
            let closed = number(figures.total());
            let share = RealisedShare {
                closed,
                average_cost: closed,
                fifo: closed,
                ..RealisedShare::default()
            };
            (name.to_string(), share)
        })
        .collect();
    for cycle in open {
        // An entry's fee counts with the first exit: without an exit nothing is realised.
        let Some(so_far) = cycle.realised.filter(|_| cycle.sums.exits > 0) else {
            continue;
        };
        let currency = &cycle.line.currency;
        let net = |result: Money| after_fees(result, &cycle.sums.fees, currency).decimal();
        let share = shares.entry(currency.to_string()).or_default();
        share.open_average_cost.0 += net(so_far.average_cost);
        share.average_cost.0 += net(so_far.average_cost);
        share.open_fifo.0 += net(so_far.fifo);
        share.fifo.0 += net(so_far.fifo);
    }
    shares
}

fn open_answer(cycle: &OpenCycle) -> OpenAnswer {
    let market = &cycle.line.market;
    OpenAnswer {
        account: market.account.to_string(),
        category: market.category.to_string(),
        symbol: market.symbol.to_string(),
        side: cycle.sums.side.as_str(),
        opened_at: time_text::venue(cycle.sums.opened_at),
        quantity: cycle.sums.quantity.to_string(),
        currency: cycle.line.currency.to_string(),
        average_cost: cycle.realised.map(|so_far| number(so_far.average_cost)),
        fifo: cycle.realised.map(|so_far| number(so_far.fifo)),
        fees: exact(&cycle.sums.fees),
    }
}

fn number(money: Money) -> ExactNumber {
    ExactNumber(money.decimal())
}

fn exact(sums: &BTreeMap<String, Money>) -> BTreeMap<String, ExactNumber> {
    sums.iter()
        .map(|(coin, sum)| (coin.clone(), number(*sum)))
        .collect()
}
