//! One venue, read as the daemon reads it: the real adapter, traverser and ledger, over HTTP.
//!
//! A desk has a fake venue with accounts, a ledger in a folder of its own, and a round that reads a
//! window, the open orders and the orders of untracked fills. What is true of both venues is tested by
//! the same words with another [`Stand`]. Deliberately absent: polling, decisions and alerts, which
//! only the daemon as a whole has.

use fillsync::drive::found::Found;
use fillsync::drive::look_ups::LookUps;
use fillsync::drive::traverse::{TraverseError, Traverser};
use fillsync_core::coverage::{Coverage, Window};
use fillsync_core::execution::{Side, VenueKind};
use fillsync_core::group::BookFacts;
use fillsync_core::id::{AccountName, Category, Market, OrderId, Symbol};
use fillsync_core::leg::{Leg, PlanSpan, legs_of};
use fillsync_core::order::{Order, OrderStatus};
use fillsync_core::port::{Clock, Venue};
use fillsync_core::time::{HostTime, VenueTime};
use fillsync_fake::{
    AlpacaAccount, AlpacaOptions, Book, BybitAccount, BybitOptions, FakeAlpaca, FakeBybit,
    FakeClock, Faults, Rate, Requests,
};
use fillsync_ledger::{FILLS_READ_MAX, FillFilter, KnownGap, Ledger, Reader, StoredFill};
use fillsync_venue::{AccountSettings, Address, Limits, Pace};
use secrecy::SecretString;
use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tempfile::TempDir;
use tokio::runtime::Runtime;

pub const MINUTE_MS: i64 = 60_000;
pub const HOUR_MS: i64 = 60 * MINUTE_MS;
pub const DAY_MS: i64 = 24 * HOUR_MS;

/// What the two fakes have in common.
pub trait Stand: Sized + Send + Sync + 'static {
    /// Whose dialect it speaks.
    const KIND: VenueKind;
    /// A symbol of it.
    const SYMBOL: &'static str;
    /// The path under which fills are asked for.
    const FILLS: &'static str;
    /// The path under which open orders are asked for.
    const ORDERS: &'static str;

    /// Starts it with these accounts, without limits.
    fn open(accounts: &[&str]) -> impl Future<Output = Self>;
    fn base_url(&self) -> String;
    fn book(&self) -> &Book;
    fn clock(&self) -> &FakeClock;
    fn faults(&self) -> &Faults;
    fn requests(&self) -> &Requests;
}

impl Stand for FakeBybit {
    const KIND: VenueKind = VenueKind::Bybit;
    const SYMBOL: &'static str = "GTCUSDT";
    const FILLS: &'static str = "/v5/execution/list";
    const ORDERS: &'static str = "/v5/order/realtime";

    async fn open(accounts: &[&str]) -> Self {
        let accounts = accounts.iter().zip(1_001..).map(|(name, uid)| {
            BybitAccount::new(name, &format!("key-{name}"), &format!("secret-{name}"), uid)
        });
        let fake = Self::start(BybitOptions::new(accounts)).await.unwrap();
        fake.rules(|rules| {
            rules.per_uid = Rate::new(1_000_000, 1_000);
            rules.per_ip = Rate::new(1_000_000, 1_000);
        });
        fake
    }

    fn base_url(&self) -> String {
        self.base_url()
    }

    fn book(&self) -> &Book {
        self.book()
    }

    fn clock(&self) -> &FakeClock {
        self.clock()
    }

    fn faults(&self) -> &Faults {
        self.faults()
    }

    fn requests(&self) -> &Requests {
        self.requests()
    }
}

impl Stand for FakeAlpaca {
    const KIND: VenueKind = VenueKind::Alpaca;
    const SYMBOL: &'static str = "AAPL";
    const FILLS: &'static str = "/v2/account/activities/FILL";
    const ORDERS: &'static str = "/v2/orders";

    async fn open(accounts: &[&str]) -> Self {
        let accounts = accounts.iter().map(|name| {
            AlpacaAccount::new(name, &format!("key-{name}"), &format!("secret-{name}"))
        });
        let fake = Self::start(AlpacaOptions::new(accounts)).await.unwrap();
        fake.rules(|rules| rules.per_key = Rate::new(1_000_000, 1_000));
        fake
    }

    fn base_url(&self) -> String {
        self.base_url()
    }

    fn book(&self) -> &Book {
        self.book()
    }

    fn clock(&self) -> &FakeClock {
        self.clock()
    }

    fn faults(&self) -> &Faults {
        self.faults()
    }

    fn requests(&self) -> &Requests {
        self.requests()
    }
}

/// The host's own clock.
pub struct HostClock;

impl Clock for HostClock {
    fn now(&self) -> HostTime {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        HostTime::from_us(i64::try_from(since.as_micros()).unwrap())
    }
}

/// Where an order stands in the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    pub status: OrderStatus,
    /// What the venue says that it filled.
    pub filled: String,
    /// The venue no longer keeps it, and it was not seen to end.
    pub gone: bool,
}

/// A venue, its accounts as adapters, and a ledger.
pub struct Desk<V> {
    pub fake: V,
    pub runtime: Runtime,
    pub ledger: Ledger,
    venues: BTreeMap<String, Arc<dyn Venue>>,
    folder: TempDir,
}

impl<V: Stand> Desk<V> {
    /// One account named `main`.
    pub fn new() -> Self {
        Self::with(&["main"], &[])
    }

    /// These accounts, and at Bybit these categories (none: linear).
    pub fn with(accounts: &[&str], categories: &[&str]) -> Self {
        let wide = Pace {
            count: 1_000_000,
            period: Duration::from_secs(1),
        };
        let mut limits = Limits::of(V::KIND);
        limits.per_key = wide;
        limits.per_address = Some(wide);
        Self::with_limits(accounts, categories, limits)
    }

    /// The same, asking no faster than this.
    pub fn with_limits(accounts: &[&str], categories: &[&str], limits: Limits) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let fake = runtime.block_on(V::open(accounts));
        let folder = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(folder.path().join("fillsync.db")).unwrap();
        let address = Address::new(V::KIND, limits).unwrap();
        let categories: Vec<Category> = match (V::KIND, categories) {
            (VenueKind::Alpaca, _) => Vec::new(),
            (VenueKind::Bybit, []) => vec![Category::new("linear").unwrap()],
            (VenueKind::Bybit, names) => names
                .iter()
                .map(|name| Category::new(*name).unwrap())
                .collect(),
        };
        let venues = accounts
            .iter()
            .map(|name| {
                let settings = AccountSettings::new(
                    AccountName::new(*name).unwrap(),
                    V::KIND,
                    fake.base_url(),
                    SecretString::from(format!("key-{name}")),
                    SecretString::from(format!("secret-{name}")),
                    categories.clone(),
                );
                let venue = fillsync_venue::open(settings, &address, Arc::new(HostClock)).unwrap();
                ((*name).to_owned(), venue)
            })
            .collect();
        Self {
            fake,
            runtime,
            ledger,
            venues,
            folder,
        }
    }

    /// The account's adapter.
    pub fn venue(&self, account: &str) -> &Arc<dyn Venue> {
        &self.venues[account]
    }

    /// The venue's now, Unix milliseconds.
    pub fn now_ms(&self) -> i64 {
        self.fake.clock().now_ms()
    }

    /// From so long ago up to the adapter's idea of the venue's present.
    pub fn last(&self, account: &str, span_ms: i64) -> Window {
        let now = self.runtime.block_on(self.venue(account).now()).unwrap();
        let span = Duration::from_millis(u64::try_from(span_ms).unwrap());
        Window::new(now.minus(span), now)
    }

    /// Reads every execution of a window, in the windows of a traversal, as a round does.
    pub fn read(&self, account: &str, window: Window) -> Result<Found, TraverseError> {
        let venue = self.venue(account);
        let mut found = Found::default();
        self.runtime.block_on(async {
            let traverser = Traverser {
                venue: venue.as_ref(),
                ledger: &self.ledger,
                clock: &HostClock,
            };
            for category in venue.categories() {
                for part in window.split(traverser.window_max()) {
                    traverser.executions(category, part, &mut found).await?;
                }
            }
            Ok::<_, TraverseError>(())
        })?;
        Ok(found)
    }

    /// Reads the open orders, those that left them, and the orders of untracked fills.
    pub fn read_orders(&self, account: &str) -> Result<Found, TraverseError> {
        let venue = self.venue(account);
        let mut found = Found::default();
        self.runtime.block_on(async {
            let traverser = Traverser {
                venue: venue.as_ref(),
                ledger: &self.ledger,
                clock: &HostClock,
            };
            for category in venue.categories() {
                let mut turns = LookUps::default();
                traverser.orders(category, &mut found, &mut turns).await?;
                traverser
                    .wanted_orders(category, &mut found, &mut turns)
                    .await?;
            }
            Ok::<_, TraverseError>(())
        })?;
        Ok(found)
    }

    /// Reads the positions.
    pub fn read_positions(&self, account: &str) -> Result<Found, TraverseError> {
        let venue = self.venue(account);
        let mut found = Found::default();
        self.runtime.block_on(async {
            let traverser = Traverser {
                venue: venue.as_ref(),
                ledger: &self.ledger,
                clock: &HostClock,
            };
            for category in venue.categories() {
                traverser.positions(category, &mut found).await?;
            }
            Ok::<_, TraverseError>(())
        })?;
        Ok(found)
    }

    /// A whole round over the last while: executions, then orders.
    pub fn round(&self, account: &str, span_ms: i64) {
        self.read(account, self.last(account, span_ms)).unwrap();
        self.read_orders(account).unwrap();
    }

    /// The ledger's reader.
    pub fn reader(&self) -> Reader {
        self.runtime.block_on(self.ledger.flush()).unwrap();
        Reader::open(self.folder.path().join("fillsync.db")).unwrap()
    }

    /// The account's fills.
    pub fn fills(&self, account: &str) -> Vec<StoredFill> {
        let filter = FillFilter {
            account: Some(name(account)),
            limit: FILLS_READ_MAX,
            ..FillFilter::default()
        };
        self.reader().fills(&filter).unwrap()
    }

    /// The ids of the account's fills in the ledger, sorted, each as often as it is there.
    pub fn ids(&self, account: &str) -> Vec<String> {
        let mut ids: Vec<String> = self
            .fills(account)
            .iter()
            .map(|fill| fill.execution.execution_id.to_string())
            .collect();
        ids.sort();
        ids
    }

    /// The ids of the account's fills at the venue, sorted.
    pub fn venue_ids(&self, account: &str) -> Vec<String> {
        let mut ids = self.fake.book().trade_ids(account);
        ids.sort();
        ids
    }

    /// Asks the ledger in SQL, one text for each row with `|` between the columns.
    pub fn sql(&self, question: &str) -> Vec<String> {
        self.runtime.block_on(self.ledger.flush()).unwrap();
        sql(&self.folder.path().join("fillsync.db"), question)
    }

    /// The account's books of one symbol, over all categories.
    pub fn books(&self, account: &str, symbol: &str) -> Vec<BookFacts> {
        let reader = self.reader();
        let markets: Vec<Market> = reader
            .markets_of(&name(account))
            .unwrap()
            .into_iter()
            .filter(|market| market.symbol.as_str() == symbol)
            .collect();
        reader.books(&markets, VenueTime::EPOCH).unwrap()
    }

    /// The legs of the only book's newest cycle, entered on this side.
    pub fn legs(&self, account: &str, symbol: &str, entry_side: Side) -> Vec<Leg> {
        let mut books = self.books(account, symbol);
        assert_eq!(books.len(), 1, "{books:#?}");
        let book = books.remove(0);
        let span = PlanSpan {
            after: None,
            until: None,
        };
        legs_of(&book, book.cycles.last(), entry_side, span).of_plan
    }

    /// Where the account's orders stand in the ledger, open or not, by id.
    pub fn orders(&self, account: &str) -> BTreeMap<String, Standing> {
        let rows = self.sql(&format!(
            "SELECT orders.order_id, status, ifnull(status_raw, ''), filled_quantity, order_gone.at IS NOT NULL
             FROM orders JOIN market ON market.id = orders.market_id
             LEFT JOIN order_gone ON order_gone.market_id = market.id AND order_gone.order_id = orders.order_id
             WHERE account = '{account}'"
        ));
        rows.iter()
            .map(|row| {
                let columns: Vec<&str> = row.split('|').collect();
                let standing = Standing {
                    status: OrderStatus::from_name(columns[1], columns[2]),
                    filled: columns[3].to_owned(),
                    gone: columns[4] == "1",
                };
                (columns[0].to_owned(), standing)
            })
            .collect()
    }

    /// What is proven of the account's only category.
    pub fn coverage(&self, account: &str) -> Coverage {
        let mut coverage = self.reader().coverage(&name(account)).unwrap();
        coverage.pop_first().map(|(_, one)| one).unwrap_or_default()
    }

    /// What is known to be missing.
    pub fn gaps(&self, account: &str) -> Vec<KnownGap> {
        self.reader().gaps(Some(&name(account))).unwrap()
    }

    /// The venue's order as its adapter reads it.
    pub fn ask_order(&self, account: &str, symbol: &str, id: &str) -> Option<Order> {
        let venue = self.venue(account);
        let (symbol, id) = (Symbol::new(symbol).unwrap(), OrderId::new(id).unwrap());
        self.runtime
            .block_on(venue.order(&venue.categories()[0], &symbol, &id))
            .unwrap()
    }
}

/// Asks a database in SQL, one text for each row with `|` between the columns.
pub fn sql(path: &std::path::Path, question: &str) -> Vec<String> {
    let connection = rusqlite::Connection::open(path).unwrap();
    let mut statement = connection.prepare(question).unwrap();
    let columns = statement.column_count();
    statement
        .query_map([], |row| {
            let values: Result<Vec<String>, rusqlite::Error> = (0..columns)
                .map(|index| {
                    use rusqlite::types::Value;
                    Ok(match row.get::<_, Value>(index)? {
                        Value::Null => "-".to_owned(),
                        Value::Integer(number) => number.to_string(),
                        Value::Real(number) => number.to_string(),
                        Value::Text(text) => text,
                        Value::Blob(_) => "blob".to_owned(),
                    })
                })
                .collect();
            Ok(values?.join("|"))
        })
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap()
}

/// A name.
pub fn name(account: &str) -> AccountName {
    AccountName::new(account).unwrap()
}
