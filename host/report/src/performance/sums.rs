//! The sums over trades, whole and by part.
//!
//! A part has one set of figures for each class of currencies: dollars are added up as one, a coin
//! only with itself. What is told of a total is one class; nothing adds coins to dollars.

use super::PerformanceFilter;
use super::trades::Trade;
use fillsync_core::amount::Money;
use fillsync_core::id::{AccountName, Category, Symbol};
use fillsync_core::performance::{Figures, fee_belongs};
use std::collections::BTreeMap;
use std::sync::Arc;

/// By what trades are parted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    Whole,
    Symbol,
    Account,
    Group,
    Side,
}

/// Sums over trades in the order of their close.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Sums {
    parts: BTreeMap<(Part, Arc<str>, Arc<str>), Figures>,
    pub(super) currencies: BTreeMap<Arc<str>, Figures>,
    pub(super) fees: BTreeMap<String, Money>,
    pub(super) fees_apart: BTreeMap<String, Money>,
    /// Trades whose result cannot be said.
    pub(super) unsaid: BTreeMap<(AccountName, Category, Symbol), u64>,
}

impl Sums {
    pub(super) fn add(&mut self, trade: &Trade, filter: &PerformanceFilter) {
        let line = &trade.line;
        let Some(net) = trade.net else {
            let market = &line.market;
            let place = (
                market.account.clone(),
                market.category.clone(),
                market.symbol.clone(),
            );
            *self.unsaid.entry(place).or_default() += 1;
            return;
        };
        self.part(Part::Whole, "".into(), trade, net);
        self.part(Part::Symbol, Arc::clone(&line.symbol), trade, net);
        self.part(Part::Account, Arc::clone(&line.account), trade, net);
        self.part(Part::Side, trade.side.as_str().into(), trade, net);
        for (group, members) in &filter.members {
            if members.contains(&line.market.account) {
                self.part(Part::Group, group.as_str().into(), trade, net);
            }
        }
        self.currencies
            .entry(Arc::clone(&line.currency))
            .or_default()
            .add(net, trade.closed_at);
        for (coin, fee) in &trade.fees {
            let sums = if fee_belongs(coin, &line.currency) {
                &mut self.fees
            } else {
                &mut self.fees_apart
            };
            let coin = if coin.is_empty() {
                &*line.currency
            } else {
                coin
            };
            match sums.get_mut(coin) {
                Some(sum) => *sum += *fee,
                None => {
                    sums.insert(coin.to_owned(), *fee);
                }
            }
        }
    }

    fn part(&mut self, part: Part, name: Arc<str>, trade: &Trade, net: Money) {
        self.parts
            .entry((part, name, Arc::clone(&trade.line.class)))
            .or_default()
            .add(net, trade.closed_at);
    }

    /// The classes of currencies in which there are trades.
    pub(super) fn classes(&self) -> impl Iterator<Item = (&str, &Figures)> {
        self.parts
            .iter()
            .filter(|((part, ..), _)| *part == Part::Whole)
            .map(|((_, _, class), figures)| (&**class, figures))
    }

    /// The figures of a part by name and class.
    pub(super) fn parts(&self, wanted: Part) -> impl Iterator<Item = (&str, &str, &Figures)> {
        self.parts
            .iter()
            .filter(move |((part, ..), _)| *part == wanted)
            .map(|((_, name, class), figures)| (&**name, &**class, figures))
    }
}
