//! What happened at the venue: accounts, orders, executions and positions, driven by tests and the demo.
//!
//! Promise: the book is the truth against which a ledger is compared. An event is refused rather than bent when it
//! cannot have happened (more filled than ordered, a fill of a closed order, an event in the future). Deliberately
//! absent: matching; the driver says what was executed.

mod events;
mod execution;
mod fee;
mod late;
mod news;
mod order;
mod position;
mod trades;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rust_decimal::Decimal;
use tokio::sync::broadcast;

pub use self::execution::{
    Correction, Execution, ExecutionKind, Fill, NewRow, OrderAtFill, Revision, SelfMatchIds,
};
pub use self::late::LateRows;
pub use self::order::{Category, Change, NewOrder, Order, OrderKind, OrderStatus, Side};
pub use self::position::Position;

pub(crate) use self::execution::RowKey;
pub(crate) use self::news::{News, NewsKind};
pub(crate) use self::position::PositionKey;

use crate::clock::FakeClock;
use crate::ids::IdSource;

/// Why an event was refused.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum BookError {
    /// The account was never added.
    #[error("the book has no account `{0}`; add it to the fake first")]
    UnknownAccount(String),
    /// No account has such an order.
    #[error("the book has no order `{0}`")]
    UnknownOrder(String),
    /// The id is taken.
    #[error("the order id `{0}` is taken; give each order its own")]
    DuplicateOrder(String),
    /// The order can no longer change.
    #[error("order `{id}` is {status:?} and can no longer change")]
    OrderClosed {
        /// The order.
        id: String,
        /// Where it stands.
        status: OrderStatus,
    },
    /// No account has such an execution, or it was taken back or corrected before.
    #[error("the book has no execution `{0}` that stands")]
    UnknownExecution(String),
    /// Both orders of a self-match are on one side, or of different symbols.
    #[error(
        "orders `{buy}` and `{sell}` cannot trade with each other; give a buy and a sell of one symbol"
    )]
    NoMatch {
        /// The order given as the buy.
        buy: String,
        /// The order given as the sell.
        sell: String,
    },
    /// The text is no number, or not a positive one where one is needed.
    #[error("`{text}` is no valid {field}")]
    BadNumber {
        /// Which value.
        field: &'static str,
        /// What was given.
        text: String,
    },
    /// The fill is larger than what is left.
    #[error("order `{id}` has {leaves} left, {qty} cannot fill")]
    Overfill {
        /// The order.
        id: String,
        /// What is left.
        leaves: Decimal,
        /// What was given.
        qty: Decimal,
    },
    /// The event lies after the fake's now.
    #[error(
        "{at_ms} lies in the future of the fake's clock, which says {now_ms}; advance the clock first"
    )]
    InFuture {
        /// The event's time, Unix milliseconds.
        at_ms: i64,
        /// The clock's time, Unix milliseconds.
        now_ms: i64,
    },
}

/// Which venue's habits the book follows: ids, default fees and default client ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Habit {
    Bybit,
    Alpaca,
}

/// The shared book of one fake; clones are the same book.
#[derive(Clone, Debug)]
pub struct Book {
    clock: FakeClock,
    habit: Habit,
    state: Arc<Mutex<State>>,
    news: broadcast::Sender<Arc<News>>,
}

#[derive(Debug)]
pub(crate) struct State {
    ids: IdSource,
    sequence: u64,
    pub(crate) accounts: BTreeMap<String, AccountBook>,
    /// Which account and position in its list an order id belongs to.
    owners: HashMap<String, (String, usize)>,
    /// Last executed price per symbol, the fake's only market data.
    pub(crate) last_prices: HashMap<String, Decimal>,
}

/// One account's facts.
#[derive(Debug, Default)]
pub(crate) struct AccountBook {
    pub(crate) orders: Vec<Order>,
    pub(crate) executions: BTreeMap<RowKey, Execution>,
    pub(crate) keys_by_sequence: HashMap<u64, RowKey>,
    pub(crate) positions: BTreeMap<PositionKey, Position>,
}

impl Book {
    pub(crate) fn new(clock: FakeClock, habit: Habit, seed: &str) -> Self {
        let state = State {
            ids: IdSource::new(seed),
            sequence: FIRST_SEQUENCE,
            accounts: BTreeMap::new(),
            owners: HashMap::new(),
            last_prices: HashMap::new(),
        };
        Self {
            clock,
            habit,
            state: Arc::new(Mutex::new(state)),
            news: broadcast::Sender::new(NEWS_KEPT_MAX),
        }
    }

    /// What happens from now on, for a stream.
    pub(crate) fn listen(&self) -> broadcast::Receiver<Arc<News>> {
        self.news.subscribe()
    }

    /// Adds an account without facts; one that is known keeps its facts.
    pub fn add_account(&self, name: &str) {
        self.lock().accounts.entry(name.to_owned()).or_default();
    }

    /// Every row of an account in time order, hidden ones included; empty for an unknown account.
    #[must_use]
    pub fn executions(&self, account: &str) -> Vec<Execution> {
        self.lock()
            .accounts
            .get(account)
            .map(|book| book.executions.values().cloned().collect())
            .unwrap_or_default()
    }

    /// The ids of an account's trades that stand (fills of orders only; none that was taken back or corrected, no row
    /// that takes one back), in time order.
    #[must_use]
    pub fn trade_ids(&self, account: &str) -> Vec<String> {
        self.lock()
            .accounts
            .get(account)
            .map_or_else(Vec::new, |book| {
                let trades = book
                    .executions
                    .values()
                    .filter(|row| row.kind == ExecutionKind::Trade && row.stands());
                trades.map(|row| row.id.clone()).collect()
            })
    }

    /// The ids of all rows of an account, in time order.
    #[must_use]
    pub fn execution_ids(&self, account: &str) -> Vec<String> {
        self.executions(account)
            .into_iter()
            .map(|row| row.id)
            .collect()
    }

    /// Every order of an account in the order of placing.
    #[must_use]
    pub fn orders(&self, account: &str) -> Vec<Order> {
        self.lock()
            .accounts
            .get(account)
            .map(|book| book.orders.clone())
            .unwrap_or_default()
    }

    /// One order.
    #[must_use]
    pub fn order(&self, id: &str) -> Option<Order> {
        let state = self.lock();
        let (account, number) = state.owners.get(id)?;
        state.accounts.get(account)?.orders.get(*number).cloned()
    }

    /// The positions of an account that are not flat.
    #[must_use]
    pub fn positions(&self, account: &str) -> Vec<Position> {
        let state = self.lock();
        let Some(book) = state.accounts.get(account) else {
            return Vec::new();
        };
        book.positions
            .values()
            .filter(|position| !position.size.is_zero())
            .cloned()
            .collect()
    }

    /// The signed size of a position, zero where there is none; `position_idx` 0 except for hedge mode.
    #[must_use]
    pub fn position_size(&self, account: &str, symbol: &str, position_idx: u8) -> Decimal {
        self.positions(account)
            .iter()
            .filter(|position| position.symbol == symbol && position.position_idx == position_idx)
            .map(|position| position.size)
            .sum()
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Events kept for a stream that is slow to take them; one that falls further behind is cut.
const NEWS_KEPT_MAX: usize = 8_192;

/// Sequences are as large as the recorded ones, beyond what a 32-bit number holds.
const FIRST_SEQUENCE: u64 = 140_612_148_849_382;
