//! One account's ledger against its venue: what orders filled, and what is open.
//!
//! The venue is asked first and the ledger read afterwards, so that a fill between the two cannot look
//! like one that the ledger lost; what still differs while a daemon is at work is looked at again before
//! it is said. What the venue no longer keeps cannot be compared, and is counted as such. Nothing is
//! written.

use super::patience::Patience;
use crate::app::SystemClock;
use fillsync_core::amount::Quantity;
use fillsync_core::id::{AccountName, Category, OrderId, Symbol};
use fillsync_core::order::{Lane, Order};
use fillsync_core::port::{Clock as _, Venue, VenueError};
use fillsync_core::time::VenueTime;
use fillsync_ledger::{FILLS_READ_MAX, FillFilter, LedgerError, Reader};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Orders that changed so lately are compared; older ones where all are asked for.
const RECENT: Duration = Duration::from_hours(7 * 24);
/// The most orders of one category that are asked about, unless all are.
const ORDERS_MAX: usize = 200;
/// How often what differs is looked at while the ledger moves.
const LOOKS_MAX: u32 = 4;
/// From one such look to the next.
const LOOK_AGAIN_AFTER: Duration = Duration::from_secs(2);
/// Data that reach so close to now are being kept up by a daemon.
const FRESH: Duration = Duration::from_secs(60);
/// Somebody waits for the answer.
const PATIENCE: Patience = Patience {
    tries_max: 3,
    wait_max: Duration::from_secs(30),
};

/// What was compared of one category of one account.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct Compared {
    pub(super) account: String,
    pub(super) category: String,
    /// Orders that were compared.
    pub(super) orders: usize,
    /// Orders that the venue no longer has.
    pub(super) orders_gone: usize,
    /// Orders that were not asked about.
    pub(super) orders_left_out: usize,
    /// Orders that agree only because a sum stands in for missing rows.
    pub(super) orders_stood_in: usize,
    /// Positions that were compared; none where the venue has no such thing.
    pub(super) positions: Option<usize>,
    /// Up to when the ledger is proven complete, in venue time.
    pub(super) complete_to: Option<String>,
    pub(super) differences: Vec<Difference>,
    /// Why not everything was compared.
    pub(super) error: Option<String>,
}

/// Something that the ledger and the venue do not agree about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Difference {
    pub(super) symbol: String,
    /// `order ID` or `position`.
    pub(super) what: String,
    /// What the ledger sums.
    pub(super) ledger: String,
    /// What the venue says.
    pub(super) venue: String,
    /// What to do.
    pub(super) remedy: String,
}

type Key = (Symbol, OrderId);

/// What the rows of an order sum to.
#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    /// Rows that stand: fills, and what the venue closed by itself under the order's id.
    real: Quantity,
    /// Rows that stand in for missing ones.
    stood_in: Quantity,
    /// Rows that the venue took back, and took off its own sum or not.
    busted: Quantity,
}

impl Sum {
    fn agrees_with(self, filled: Quantity) -> bool {
        let shown = self.real + self.stood_in;
        shown == filled || shown + self.busted == filled
    }
}

type Open = BTreeMap<(Symbol, Lane), Quantity>;

struct Comparison<'a> {
    reader: &'a Reader,
    venue: &'a dyn Venue,
    category: &'a Category,
    compared: Compared,
}

/// Compares one category of one account. What the venue refuses is part of the answer.
pub(super) async fn compare(
    reader: &Reader,
    venue: &dyn Venue,
    category: &Category,
    all: bool,
) -> Result<Compared, LedgerError> {
    let mut comparison = Comparison {
        reader,
        venue,
        category,
        compared: Compared {
            account: venue.account().to_string(),
            category: category.to_string(),
            ..Compared::default()
        },
    };
    comparison.orders(all).await?;
    comparison.positions().await?;
    comparison.compared.complete_to = comparison.complete_to()?.map(|to| to.to_string());
    Ok(comparison.compared)
}

impl Comparison<'_> {
    fn account(&self) -> &AccountName {
        self.venue.account()
    }

    fn complete_to(&self) -> Result<Option<VenueTime>, LedgerError> {
        let coverage = self.reader.coverage(self.account())?;
        Ok(coverage
            .get(self.category)
            .and_then(|coverage| coverage.to()))
    }

    /// Whether a daemon keeps the ledger up: then what differs may be on its way.
    fn is_fresh(&self) -> Result<bool, LedgerError> {
        let now = VenueTime::from_us(SystemClock.now().us());
        Ok(self.complete_to()?.is_some_and(|to| now.since(to) < FRESH))
    }

    fn fail(&mut self, error: &VenueError) {
        self.compared.error.get_or_insert(error.to_string());
    }

    async fn orders(&mut self, all: bool) -> Result<(), LedgerError> {
        let mut wanted = self.known_orders(all)?;
        for look in 1..=LOOKS_MAX {
            let mut said: BTreeMap<Key, Order> = BTreeMap::new();
            for (symbol, order_id) in &wanted {
                let answer = PATIENCE
                    .ask(|| self.venue.order(self.category, symbol, order_id))
                    .await;
                match answer {
                    Ok(Some(order)) => {
                        said.insert((symbol.clone(), order_id.clone()), order);
                    }
                    Ok(None) => self.compared.orders_gone += 1,
                    Err(error @ VenueError::Rejected { .. }) => self.fail(&error),
                    Err(error) => {
                        self.fail(&error);
                        break;
                    }
                }
            }
            let sums = self.order_sums(&said)?;
            if look == 1 {
                self.compared.orders = said.len();
                let stood_in = |sum: &&Sum| !sum.stood_in.is_zero();
                self.compared.orders_stood_in = sums.values().filter(stood_in).count();
            }
            let differing = self.order_differences(&said, &sums)?;
            wanted = differing.iter().map(|(key, _)| key.clone()).collect();
            if wanted.is_empty() || look == LOOKS_MAX || !self.is_fresh()? {
                let found = differing.into_iter().map(|(_, difference)| difference);
                self.compared.differences.extend(found);
                return Ok(());
            }
            tokio::time::sleep(LOOK_AGAIN_AFTER).await;
        }
        Ok(())
    }

    /// The orders to ask about, the newest first: those that are open or changed lately, and those of
    /// which only fills are known. What the venue no longer has is counted, and not asked for again.
    fn known_orders(&mut self, all: bool) -> Result<Vec<Key>, LedgerError> {
        let since = if all {
            VenueTime::EPOCH
        } else {
            VenueTime::from_us(SystemClock.now().us()).minus(RECENT)
        };
        let mut orders: Vec<(bool, VenueTime, Key)> = Vec::new();
        let mut gone = 0;
        self.reader.order_sums(self.account(), |sum| {
            let is_wanted = sum.status.is_open() || sum.updated_at >= since;
            if is_wanted && &sum.market.category == self.category {
                if sum.gone {
                    gone += 1;
                } else {
                    let key = (sum.market.symbol, sum.order_id);
                    orders.push((sum.status.is_open(), sum.updated_at, key));
                }
            }
            Ok(())
        })?;
        self.compared.orders_gone += gone;
        orders.sort_by(|one, other| other.cmp(one));
        let limit = u32::try_from(ORDERS_MAX).unwrap_or(u32::MAX);
        let unstored = self
            .reader
            .orders_wanted(self.account(), self.category, limit)?;
        let mut keys: Vec<Key> = unstored;
        keys.extend(orders.into_iter().map(|(_, _, key)| key));
        if !all {
            self.compared.orders_left_out = keys.len().saturating_sub(ORDERS_MAX);
            keys.truncate(ORDERS_MAX);
        }
        Ok(keys)
    }

    fn order_differences(
        &self,
        said: &BTreeMap<Key, Order>,
        sums: &BTreeMap<Key, Sum>,
    ) -> Result<Vec<(Key, Difference)>, LedgerError> {
        let complete_to = self.complete_to()?;
        Ok(said
            .iter()
            .filter_map(|(key, order)| {
                let sum = sums.get(key).copied().unwrap_or_default();
                let have = sum.real + sum.stood_in;
                if sum.agrees_with(order.filled_quantity) {
                    return None;
                }
                let is_behind = complete_to.is_none_or(|to| to < order.updated_at);
                let difference = Difference {
                    symbol: key.0.to_string(),
                    what: format!("order {}", key.1),
                    ledger: have.to_string(),
                    venue: order.filled_quantity.to_string(),
                    remedy: if is_behind {
                        self.behind(complete_to, order.created_at)
                    } else if have < order.filled_quantity {
                        "the venue listed no such fill where it was asked for all; the daemon's rescans look again, and its support can be asked".to_owned()
                    } else {
                        format!(
                            "look at `fillsync fills --account {} --symbol {}`: a fill was taken back, or is not of this order",
                            self.account(), key.0
                        )
                    },
                };
                Some((key.clone(), difference))
            })
            .collect())
    }

    /// What the rows of some orders sum to: fills, what stands in for them, and what the venue closed by
    /// itself under an order's id.
    fn order_sums(&self, said: &BTreeMap<Key, Order>) -> Result<BTreeMap<Key, Sum>, LedgerError> {
        let mut sums: BTreeMap<Key, Sum> = BTreeMap::new();
        self.reader.order_sums(self.account(), |sum| {
            let key = (sum.market.symbol, sum.order_id);
            if &sum.market.category == self.category && said.contains_key(&key) {
                let sum = Sum {
                    real: sum.live_quantity,
                    stood_in: sum.stood_in_quantity,
                    busted: sum.busted_quantity,
                };
                sums.insert(key, sum);
            }
            Ok(())
        })?;
        let unstored: BTreeMap<&Key, &Order> = said
            .iter()
            .filter(|(key, _)| !sums.contains_key(*key))
            .collect();
        let sums_of_fills = self.sums_of_fills(&unstored)?;
        sums.extend(sums_of_fills);
        Ok(sums)
    }

    /// What the fills of orders sum to that are not stored themselves. No fill is older than its order.
    fn sums_of_fills(
        &self,
        orders: &BTreeMap<&Key, &Order>,
    ) -> Result<BTreeMap<Key, Sum>, LedgerError> {
        let mut sums: BTreeMap<Key, Sum> = BTreeMap::new();
        let Some(oldest) = orders.values().map(|order| order.created_at).min() else {
            return Ok(sums);
        };
        let mut filter = FillFilter {
            account: Some(self.account().clone()),
            from: Some(oldest.minus(Duration::from_secs(60))),
            limit: FILLS_READ_MAX,
            ..FillFilter::default()
        };
        loop {
            let fills = self.reader.fills(&filter)?;
            let Some(last) = fills.last() else {
                return Ok(sums);
            };
            filter.before_id = Some(last.id);
            for fill in fills {
                let execution = fill.execution;
                let Some(order_id) = execution.order_id else {
                    continue;
                };
                let key = (execution.market.symbol, order_id);
                if &execution.market.category == self.category && orders.contains_key(&key) {
                    sums.entry(key).or_default().real += execution.quantity;
                }
            }
        }
    }

    async fn positions(&mut self) -> Result<(), LedgerError> {
        for look in 1..=LOOKS_MAX {
            let said = match PATIENCE.ask(|| self.venue.positions(self.category)).await {
                Ok(Some(positions)) => positions,
                Ok(None) => return Ok(()),
                Err(error) => {
                    self.fail(&error);
                    return Ok(());
                }
            };
            let venue: Open = said
                .positions
                .iter()
                .map(|position| ((position.symbol.clone(), position.lane), position.quantity))
                .collect();
            let ledger = self.open_now()?;
            let differences = self.position_differences(&ledger, &venue, said.at)?;
            let compared: BTreeSet<_> = ledger.keys().chain(venue.keys()).collect();
            self.compared.positions = Some(compared.len());
            if differences.is_empty() || look == LOOKS_MAX || !self.is_fresh()? {
                self.compared.differences.extend(differences);
                return Ok(());
            }
            tokio::time::sleep(LOOK_AGAIN_AFTER).await;
        }
        Ok(())
    }

    /// What the books say is open; short is negative.
    fn open_now(&self) -> Result<Open, LedgerError> {
        let open = self.reader.position_now(self.account(), self.category)?;
        Ok(open
            .into_iter()
            .map(|position| ((position.symbol, position.lane), position.quantity))
            .collect())
    }

    fn position_differences(
        &self,
        ledger: &Open,
        venue: &Open,
        at: VenueTime,
    ) -> Result<Vec<Difference>, LedgerError> {
        let complete_to = self.complete_to()?;
        let places: BTreeSet<_> = ledger.keys().chain(venue.keys()).collect();
        Ok(places
            .into_iter()
            .filter_map(|place| {
                let of = |open: &Open| open.get(place).copied().unwrap_or(Quantity::ZERO);
                let (have, said) = (of(ledger), of(venue));
                if have == said {
                    return None;
                }
                let lane = match place.1 {
                    Lane::OneWay => "position".to_owned(),
                    lane => format!("{} position", lane.as_str()),
                };
                Some(Difference {
                    symbol: place.0.to_string(),
                    what: lane,
                    ledger: have.to_string(),
                    venue: said.to_string(),
                    remedy: if complete_to.is_none_or(|to| to.plus(FRESH) < at) {
                        self.behind(complete_to, at)
                    } else {
                        "rows are missing before the data begin, or the position moved by something that is no execution (a transfer, a split, a fee in the coin itself); run `fillsync backfill` with an earlier --from, and restart the daemon, which reads positions at its start".to_owned()
                    },
                })
            })
            .collect())
    }

    /// What to do when the ledger does not reach as far as what it is compared with.
    fn behind(&self, complete_to: Option<VenueTime>, since: VenueTime) -> String {
        let (known, from) = match complete_to {
            Some(to) => (
                format!("the ledger is complete only to {to}"),
                to.min(since),
            ),
            None => ("nothing is proven of this account yet".to_owned(), since),
        };
        format!(
            "{known}: start the daemon, or run `fillsync backfill --account {} --from {from}`",
            self.account()
        )
    }
}
