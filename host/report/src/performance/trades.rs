//! Closed and open cycles as they are summed, kept up from question to question.
//!
//! Promise: an answer from here is the answer that a fresh start would give. The ledger numbers every
//! change of a cycle by triggers, so what is read after the first time is exactly what changed, a
//! late row in an old cycle and a cycle that is no more among it; from the place of the oldest
//! change on, sums are made again. Sums stand at every [`STEP`] trades for the filters that were asked
//! last, so a question costs what changed, not what is stored. Beyond [`TRADES_KEPT_MAX`] nothing is
//! kept and every question starts afresh.

use super::PerformanceFilter;
use super::sums::Sums;
use fillsync_core::amount::Money;
use fillsync_core::cycle::{BookRule, CycleStart};
use fillsync_core::id::Market;
use fillsync_core::order::{Lane, PositionSide};
use fillsync_core::performance::{DOLLARS, Lots, Realised, after_fees, currency_of};
use fillsync_core::time::VenueTime;
use fillsync_ledger::{CycleKey, CycleSums, LedgerError, Reader};
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// Trades between two places where sums are kept.
const STEP: usize = 4_096;

/// Filters whose sums are kept: the ones that were asked last.
const FILTERS_KEPT_MAX: usize = 4;

/// The most closed cycles that are kept in memory, some hundred bytes each.
pub const TRADES_KEPT_MAX: usize = 2_000_000;

/// The class of currencies that are added up as one.
pub(crate) const DOLLAR_CLASS: &str = "dollars";

/// One position of one market, with the names under which it is summed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(super) market: Market,
    pub(super) lane: Lane,
    pub(super) rule: BookRule,
    pub(super) account: Arc<str>,
    pub(super) symbol: Arc<str>,
    pub(crate) currency: Arc<str>,
    /// The currency, or [`DOLLAR_CLASS`].
    pub(crate) class: Arc<str>,
}

impl Line {
    pub(super) fn new(market: Market, lane: Lane) -> Self {
        let rule = BookRule::of(&market.category, &market.symbol);
        let currency: Arc<str> = currency_of(rule, &market.symbol).into();
        let class = class_of(&currency).into();
        Self {
            rule,
            account: market.account.as_str().into(),
            symbol: market.symbol.as_str().into(),
            currency,
            class,
            market,
            lane,
        }
    }
}

/// What a currency is added up with.
pub(super) fn class_of(currency: &str) -> &str {
    if DOLLARS.contains(&currency) {
        DOLLAR_CLASS
    } else {
        currency
    }
}

/// A closed cycle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Trade {
    pub(super) closed_at: VenueTime,
    pub(super) line: Arc<Line>,
    key: CycleKey,
    pub(super) side: PositionSide,
    /// After fees; none where it cannot be said.
    pub(super) net: Option<Money>,
    pub(super) fees: Box<[(String, Money)]>,
}

impl Trade {
    /// The order of close; among equals the order of names, which does not depend on what came first.
    fn order(&self, other: &Self) -> Ordering {
        self.closed_at
            .cmp(&other.closed_at)
            .then_with(|| self.line.market.cmp(&other.line.market))
            .then_with(|| self.line.lane.cmp(&other.line.lane))
            .then_with(|| self.key.ordinal.cmp(&other.key.ordinal))
    }
}

/// An open cycle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OpenCycle {
    pub(super) line: Arc<Line>,
    pub(super) sums: CycleSums,
    /// Before fees; none where it cannot be said.
    pub(super) realised: Option<Realised>,
}

#[derive(Debug)]
struct Kept {
    filter: PerformanceFilter,
    /// Sums over so many of the first trades, fewer first.
    points: Vec<(usize, Sums)>,
}

/// All cycles, as far as the ledger was read.
#[derive(Debug, Default)]
pub struct Trades {
    read_to: i64,
    lines: BTreeMap<(i64, Lane), Arc<Line>>,
    closed: Vec<Trade>,
    /// The newest closed cycle of each position: a change at or before it is one of an old trade.
    newest: BTreeMap<(i64, Lane), u32>,
    open: BTreeMap<CycleKey, OpenCycle>,
    kept: VecDeque<Kept>,
}

impl Trades {
    /// Reads what changed since the last time. After an error the next call starts afresh.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn catch_up(&mut self, reader: &Reader) -> Result<(), LedgerError> {
        if self.closed.len() > TRADES_KEPT_MAX {
            *self = Self::default();
        }
        let caught_up = self.take_changes(reader);
        if caught_up.is_err() {
            *self = Self::default();
        }
        caught_up
    }

    fn take_changes(&mut self, reader: &Reader) -> Result<(), LedgerError> {
        let found = reader.cycle_changes(self.read_to)?;
        let mut old: BTreeSet<CycleKey> = BTreeSet::new();
        let mut fresh = Vec::new();
        for change in found.changes {
            let key = change.key;
            let book = (key.market, key.lane);
            self.open.remove(&key);
            let known = self.newest.get(&book);
            let is_old = known.is_some_and(|newest| key.ordinal <= *newest);
            let line = found.markets.get(&key.market).map(|market| {
                let line = self.lines.entry(book);
                Arc::clone(line.or_insert_with(|| Arc::new(Line::new(market.clone(), key.lane))))
            });
            // Without its sums it is no more; a market is always there, the ledger holds on to it.
            if let (Some(sums), Some(line)) = (change.now, line) {
                if let Some(closed_at) = sums.closed_at {
                    let trade = trade(reader, key, line, sums, closed_at)?;
                    // A cycle is stored again whenever the next one begins, most often as it was.
                    if is_old && self.has(&trade) {
                        continue;
                    }
                    fresh.push(trade);
                } else {
                    let realised = realised(reader, key, &line, &sums)?;
                    let cycle = OpenCycle {
                        line,
                        sums,
                        realised,
                    };
                    self.open.insert(key, cycle);
                }
            }
            if is_old {
                old.insert(key);
            }
        }
        self.replace(&old, fresh);
        self.read_to = found.newest;
        Ok(())
    }

    /// Whether a trade is known just as it is.
    fn has(&self, trade: &Trade) -> bool {
        let place = self
            .closed
            .binary_search_by(|known| known.order(trade))
            .ok()
            .and_then(|place| self.closed.get(place));
        place == Some(trade)
    }

    /// Takes the old trades out, puts the fresh ones in, and forgets the sums from there on.
    fn replace(&mut self, old: &BTreeSet<CycleKey>, mut fresh: Vec<Trade>) {
        let mut intact = self.closed.len();
        if !old.is_empty() {
            let first = self
                .closed
                .iter()
                .position(|trade| old.contains(&trade.key));
            intact = first.unwrap_or(intact);
            self.closed.retain(|trade| !old.contains(&trade.key));
        }
        fresh.sort_by(Trade::order);
        if let Some(first) = fresh.first() {
            let place = self
                .closed
                .partition_point(|trade| trade.order(first) == Ordering::Less);
            intact = intact.min(place);
        }
        for trade in &fresh {
            let newest = self
                .newest
                .entry((trade.key.market, trade.key.lane))
                .or_default();
            *newest = (*newest).max(trade.key.ordinal);
        }
        let tail_begins = intact.min(self.closed.len());
        self.closed.extend(fresh);
        if let Some(tail) = self.closed.get_mut(tail_begins..) {
            tail.sort_by(Trade::order);
        }
        for kept in &mut self.kept {
            kept.points.retain(|(trades, _)| *trades <= intact);
        }
    }

    /// The sums over the trades that pass a filter.
    pub(super) fn sums(&mut self, filter: &PerformanceFilter) -> Sums {
        let known = self.kept.iter().position(|kept| kept.filter == *filter);
        let mut kept = known
            .and_then(|place| self.kept.remove(place))
            .unwrap_or_else(|| Kept {
                filter: filter.clone(),
                points: Vec::new(),
            });
        let (mut at, mut sums) = kept.points.last().cloned().unwrap_or_default();
        // The newest point is wherever the last answer ended; only those at whole steps stay.
        kept.points.retain(|(trades, _)| trades % STEP == 0);
        for trade in self.closed.iter().skip(at) {
            if at % STEP == 0 && kept.points.last().is_none_or(|(trades, _)| *trades < at) {
                kept.points.push((at, sums.clone()));
            }
            if filter.takes(trade) {
                sums.add(trade, filter);
            }
            at += 1;
        }
        if kept.points.last().is_none_or(|(trades, _)| *trades < at) {
            kept.points.push((at, sums.clone()));
        }
        self.kept.push_front(kept);
        self.kept.truncate(FILTERS_KEPT_MAX);
        sums
    }

    /// The results of closed trades that pass a filter, in the order of their close; those that cannot
    /// be said are left out.
    pub(crate) fn results<'a>(
        &'a self,
        filter: &'a PerformanceFilter,
    ) -> impl Iterator<Item = (&'a Line, VenueTime, Money)> {
        let from = filter.from.map_or(0, |from| {
            self.closed.partition_point(|trade| trade.closed_at < from)
        });
        let to = filter.to.map_or(self.closed.len(), |to| {
            self.closed.partition_point(|trade| trade.closed_at < to)
        });
        let range = self.closed.get(from..to.max(from)).unwrap_or_default();
        let trades = range.iter().filter(|trade| filter.takes(trade));
        trades.filter_map(|trade| Some((&*trade.line, trade.closed_at, trade.net?)))
    }

    /// The open cycles that pass a filter, in the order of their names.
    pub(super) fn open(&self, filter: &PerformanceFilter) -> Vec<&OpenCycle> {
        let mut open: Vec<_> = self
            .open
            .values()
            .filter(|cycle| filter.takes_line(&cycle.line) && filter.takes_side(cycle.sums.side))
            .collect();
        open.sort_by(|one, other| {
            let name = |cycle: &OpenCycle| (cycle.line.market.clone(), cycle.line.lane);
            name(one).cmp(&name(other))
        });
        open
    }

    /// The positions that pass a filter.
    pub(super) fn lines(&self, filter: &PerformanceFilter) -> impl Iterator<Item = &Line> {
        self.lines
            .values()
            .map(AsRef::as_ref)
            .filter(|line| filter.takes_line(line))
    }
}

pub(super) fn trade(
    reader: &Reader,
    key: CycleKey,
    line: Arc<Line>,
    sums: CycleSums,
    closed_at: VenueTime,
) -> Result<Trade, LedgerError> {
    let result = realised(reader, key, &line, &sums)?;
    Ok(Trade {
        closed_at,
        net: result.map(|result| after_fees(result.average_cost, &sums.fees, &line.currency)),
        line,
        key,
        side: sums.side,
        fees: sums.fees.into_iter().collect(),
    })
}

/// What a cycle realised before fees; none where it cannot be said. Rows are read only where the
/// cycle's own sums do not tell: exits of an open cycle, and anything of an inverse contract.
fn realised(
    reader: &Reader,
    key: CycleKey,
    line: &Line,
    sums: &CycleSums,
) -> Result<Option<Realised>, LedgerError> {
    if sums.start == CycleStart::Unknown {
        return Ok(None);
    }
    if sums.exits == 0 {
        return Ok(Some(Realised::default()));
    }
    if sums.closed_at.is_some() && line.rule.linear {
        // Over a whole cycle both ways agree.
        return Ok(Some(Realised {
            average_cost: sums.realised,
            fifo: sums.realised,
        }));
    }
    let mut lots = Lots::new(line.rule, sums.side, key.ordinal);
    for row in reader.cycle_rows(key, &line.market, sums.opened_at, sums.closed_at)? {
        if lots.follow(&row.execution, &row.allocation).is_none() {
            return Ok(None);
        }
    }
    Ok(Some(lots.realised()))
}
