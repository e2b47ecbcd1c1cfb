//! What the writer remembers of markets between requests, so that a page costs few reads.
//!
//! The memory is bounded, is never newer than the transaction, and is dropped whole whenever a
//! request or a commit fails. Everything in it can be read again from the tables.

use crate::codec::{self, all, count, id, one, run};
use crate::error::LedgerError;
use fillsync_core::cycle::{BookRule, Cycle};
use fillsync_core::execution::{Sequence, VenueKind};
use fillsync_core::id::{AccountName, Category, Market, OrderId};
use fillsync_core::order::{Lane, Order};
use fillsync_core::time::VenueTime;
use rusqlite::{Connection, params};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

/// Markets that are remembered; beyond, all are forgotten.
const MARKETS_MAX: usize = 2_048;

/// Orders that are remembered in one market; beyond, all of that market are forgotten.
const ORDERS_MAX: usize = 512;

/// Every position that a market can have.
pub(crate) const LANES: [Lane; 3] = [Lane::OneWay, Lane::Long, Lane::Short];

/// What the writer remembers.
#[derive(Debug, Default)]
pub(crate) struct MarketCache {
    markets: HashMap<Market, MarketState>,
    accounts: HashSet<AccountName>,
    anchors: HashMap<(AccountName, Category), Arc<Vec<VenueTime>>>,
}

/// What the writer remembers of one market.
#[derive(Debug, Clone)]
pub(crate) struct MarketState {
    pub(crate) id: i64,
    pub(crate) market: Market,
    pub(crate) rule: BookRule,
    /// The newest row of any class.
    pub(crate) newest: Option<Sequence>,
    /// The newest cycle of each book.
    pub(crate) books: BTreeMap<Lane, Cycle>,
    /// Whether any row speaks about another one.
    pub(crate) has_relations: bool,
    /// Whether any row stands in for others.
    pub(crate) has_stand_ins: bool,
    /// Whether any order filled more than its rows show.
    pub(crate) has_ahead: bool,
    orders: HashMap<OrderId, Option<Arc<Order>>>,
}

impl MarketCache {
    /// Drops everything.
    pub(crate) fn forget(&mut self) {
        *self = Self::default();
    }

    /// Makes sure that an account has its row.
    pub(crate) fn account(
        &mut self,
        connection: &Connection,
        account: &AccountName,
        venue: VenueKind,
    ) -> Result<(), LedgerError> {
        if self.accounts.contains(account) {
            return Ok(());
        }
        run(
            connection,
            "INSERT INTO account (name, venue) VALUES (?1, ?2)
             ON CONFLICT (name) DO UPDATE SET venue = excluded.venue WHERE venue <> excluded.venue",
            params![account.as_str(), venue.as_str()],
        )?;
        self.accounts.insert(account.clone());
        Ok(())
    }

    /// Takes a market out to work on it; [`MarketCache::put`] brings it back.
    pub(crate) fn take(
        &mut self,
        connection: &Connection,
        market: &Market,
    ) -> Result<MarketState, LedgerError> {
        match self.markets.remove(market) {
            Some(state) => Ok(state),
            None => MarketState::load(connection, market),
        }
    }

    /// Keeps what a request learned.
    pub(crate) fn put(&mut self, state: MarketState) {
        if self.markets.len() >= MARKETS_MAX {
            self.markets.clear();
        }
        self.markets.insert(state.market.clone(), state);
    }

    /// The moments at which the positions of a category were asked for, the earliest first.
    pub(crate) fn anchors(
        &mut self,
        connection: &Connection,
        account: &AccountName,
        category: &Category,
    ) -> Result<Arc<Vec<VenueTime>>, LedgerError> {
        let key = (account.clone(), category.clone());
        if let Some(anchors) = self.anchors.get(&key) {
            return Ok(Arc::clone(anchors));
        }
        let anchors = Arc::new(all(
            connection,
            "SELECT at FROM anchor WHERE account = ?1 AND category = ?2 ORDER BY at",
            params![account.as_str(), category.as_str()],
            |row| codec::venue_time(row, "at"),
        )?);
        self.anchors.insert(key, Arc::clone(&anchors));
        Ok(anchors)
    }

    /// The anchors of a category have changed.
    pub(crate) fn forget_anchors(&mut self, account: &AccountName, category: &Category) {
        self.anchors.remove(&(account.clone(), category.clone()));
    }
}

impl MarketState {
    /// Reads a market; makes its row where there is none.
    pub(crate) fn load(connection: &Connection, market: &Market) -> Result<Self, LedgerError> {
        let id = market_id(connection, market)?;
        let rows = all(
            connection,
            &format!(
                "SELECT {}, '' AS raw FROM execution WHERE market_id = ?1 AND executed_at =
                     (SELECT max(executed_at) FROM execution WHERE market_id = ?1)",
                codec::EXECUTION
            ),
            params![id],
            |row| codec::execution(row, market),
        )?;
        let mut books = BTreeMap::new();
        for lane in LANES {
            let newest = one(
                connection,
                "SELECT * FROM cycle WHERE market_id = ?1 AND lane = ?2 ORDER BY ordinal DESC LIMIT 1",
                params![id, lane.as_str()],
                codec::cycle,
            )?;
            if let Some(cycle) = newest {
                books.insert(lane, cycle);
            }
        }
        let any = |sql: &str| {
            Ok::<_, LedgerError>(one(connection, sql, params![id], |_| Ok(()))?.is_some())
        };
        Ok(Self {
            id,
            market: market.clone(),
            rule: BookRule::of(&market.category, &market.symbol),
            newest: rows
                .iter()
                .map(fillsync_core::execution::Execution::sequence)
                .max(),
            books,
            has_relations: any(
                "SELECT 1 FROM execution INDEXED BY execution_related WHERE market_id = ?1 AND relates_to IS NOT NULL LIMIT 1",
            )?,
            has_stand_ins: any(
                "SELECT 1 FROM execution INDEXED BY execution_standing_in WHERE market_id = ?1 AND stands_to IS NOT NULL LIMIT 1",
            )?,
            has_ahead: any("SELECT 1 FROM order_ahead WHERE market_id = ?1 LIMIT 1")?,
            orders: HashMap::new(),
        })
    }

    /// An order of this market, if it is stored.
    pub(crate) fn order(
        &mut self,
        connection: &Connection,
        order_id: &OrderId,
    ) -> Result<Option<Arc<Order>>, LedgerError> {
        if let Some(order) = self.orders.get(order_id) {
            return Ok(order.clone());
        }
        let order = one(
            connection,
            "SELECT * FROM orders WHERE market_id = ?1 AND order_id = ?2",
            params![self.id, order_id.as_str()],
            |row| codec::order(row, &self.market),
        )?
        .map(Arc::new);
        self.remember(order_id.clone(), order.clone());
        Ok(order)
    }

    /// Notes where a stored row stands in the sequence.
    pub(crate) fn reached(&mut self, sequence: Sequence) {
        if self.newest.as_ref().is_none_or(|newest| sequence > *newest) {
            self.newest = Some(sequence);
        }
    }

    /// Keeps an order as it now stands in the table.
    pub(crate) fn remember(&mut self, order_id: OrderId, order: Option<Arc<Order>>) {
        if self.orders.len() >= ORDERS_MAX {
            self.orders.clear();
        }
        self.orders.insert(order_id, order);
    }
}

/// The row of a market, made where there is none. Its account must have a row.
pub(crate) fn market_id(connection: &Connection, market: &Market) -> Result<i64, LedgerError> {
    let names = params![
        market.account.as_str(),
        market.category.as_str(),
        market.symbol.as_str()
    ];
    let found = find_market(connection, market)?;
    if let Some(id) = found {
        return Ok(id);
    }
    run(
        connection,
        "INSERT INTO market (account, category, symbol) VALUES (?1, ?2, ?3)",
        names,
    )?;
    Ok(connection.last_insert_rowid())
}

/// The row of a market, if it has one.
pub(crate) fn find_market(
    connection: &Connection,
    market: &Market,
) -> Result<Option<i64>, LedgerError> {
    one(
        connection,
        "SELECT id FROM market WHERE account = ?1 AND category = ?2 AND symbol = ?3",
        params![
            market.account.as_str(),
            market.category.as_str(),
            market.symbol.as_str()
        ],
        |row| count(row, "id"),
    )
}

/// Every market of a category.
pub(crate) fn markets_in(
    connection: &Connection,
    account: &AccountName,
    category: &Category,
) -> Result<Vec<Market>, LedgerError> {
    all(
        connection,
        "SELECT symbol FROM market WHERE account = ?1 AND category = ?2 ORDER BY symbol",
        params![account.as_str(), category.as_str()],
        |row| {
            Ok(Market {
                account: account.clone(),
                category: category.clone(),
                symbol: id(row, "symbol")?,
            })
        },
    )
}

/// Notes that something changed in a market from a moment on.
pub(crate) fn mark(
    connection: &Connection,
    market_id: i64,
    from: VenueTime,
) -> Result<(), LedgerError> {
    run(
        connection,
        "INSERT OR REPLACE INTO mark (market_id, from_at)
         VALUES (?1, min(?2, ifnull((SELECT from_at FROM mark WHERE market_id = ?1), ?2)))",
        params![market_id, from.us()],
    )?;
    Ok(())
}
