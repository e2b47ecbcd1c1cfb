//! A fake Bybit V5 with any number of accounts.
//!
//! Promise: it verifies what the real one verifies (signature over the raw query, time on both sides, limits, windows,
//! required parameters) and answers in the recorded shapes: strings where strings, empty strings where empty, unknown
//! keys, a cursor on the last page. Served: `/v5/market/time`, `/v5/execution/list`, `/v5/order/realtime`,
//! `/v5/order/history`, `/v5/position/list`, `/v5/user/query-api`, `/v5/account/info`, and the private WebSocket
//! `/v5/private`. Deliberately absent: order entry, RSA keys.

mod dialect;
mod errors;
mod executions;
mod keys;
mod orders;
mod positions;
mod stream;

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

pub use self::dialect::sign;
pub use self::errors::BYBIT_ERRORS;
pub use self::stream::sign_stream;

use self::dialect::{BybitDialect, Limits};
use crate::book::{Book, Habit, LateRows};
use crate::clock::FakeClock;
use crate::fault::Faults;
use crate::rate::Rate;
use crate::requests::Requests;
use crate::server::Server;
use crate::stream::{StreamFaults, Streams};

/// One account: a key pair and the user it belongs to.
#[derive(Clone, Debug)]
pub struct BybitAccount {
    /// The name in the book.
    pub name: String,
    /// The API key.
    pub key: String,
    /// The secret.
    pub secret: String,
    /// The user id, to which the limits belong.
    pub uid: u64,
    /// `readOnly` of query-api; default true.
    pub is_read_only: bool,
    /// Whether the key has wallet permissions; default false.
    pub may_withdraw: bool,
    /// Days until the key expires, as query-api says; default 88.
    pub deadline_days: i64,
    /// Addresses the key is bound to; empty: unbound. A list without `127.0.0.1` answers 10010.
    pub ips: Vec<String>,
}

impl BybitAccount {
    /// A read-only key without binding.
    #[must_use]
    pub fn new(name: &str, key: &str, secret: &str, uid: u64) -> Self {
        Self {
            name: name.to_owned(),
            key: key.to_owned(),
            secret: secret.to_owned(),
            uid,
            is_read_only: true,
            may_withdraw: false,
            deadline_days: 88,
            ips: Vec::new(),
        }
    }
}

/// When a page carries a cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CursorAtEnd {
    /// On every page with rows, as recorded: only the empty page has none.
    Always,
    /// On pages with as many rows as the limit.
    FullPage,
    /// Only where more rows follow.
    Never,
}

/// What a cursor remembers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paging {
    /// The last row: a fill between two pages changes nothing.
    Keyset,
    /// A count of rows: a fill between two pages repeats rows on the next.
    Offset,
}

/// Which time of an order the window of `order/history` looks at; the documentation leaves it open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HistoryWindow {
    /// `createdTime`: an old order that fills now lies outside a recent window. The harder reading, and the default.
    Created,
    /// `updatedTime`.
    Updated,
}

/// The habits of this Bybit that a test may change at any time.
#[derive(Clone, Debug)]
pub struct BybitRules {
    /// Per user and endpoint; default 50 per second.
    pub per_uid: Rate,
    /// Per user for `user/query-api`; default 10 per second.
    pub per_uid_query_api: Rate,
    /// Per address over everything; default 600 per 5 s.
    pub per_ip: Rate,
    /// How long a breach of `per_ip` answers HTTP 403; default 10 minutes.
    pub ip_ban_ms: u64,
    /// Whether 10006 carries the reset header; default true.
    pub reset_header_when_limited: bool,
    /// Default [`CursorAtEnd::Always`].
    pub cursor_at_end: CursorAtEnd,
    /// Default [`Paging::Keyset`].
    pub paging: Paging,
    /// Default [`HistoryWindow::Created`].
    pub history_window: HistoryWindow,
    /// Closed orders that `order/realtime` still shows per account and category; default 500.
    pub recent_closed_max: usize,
    /// Executions on one page at most, whatever limit is asked for: a short page is not the last. Default: no bound.
    pub rows_per_page_max: usize,
    /// How long after its end an order appears in `order/history`, which is written asynchronously; default 0.
    pub history_delay_ms: i64,
    /// Executions that appear late in the list, by chance but the same in every run; default none.
    pub late_rows: Option<LateRows>,
    /// Writes values that no documentation knows where a row says how its order came about; default false.
    pub unknown_values: bool,
    /// New streams per address; default 500 per 5 minutes. A breach answers HTTP 403.
    pub streams_per_ip: Rate,
    /// A stream whose client says nothing for so long is closed; default 10 minutes.
    pub stream_idle_ms: u64,
    /// The `order` stream tells of a filled order twice, the second time as a cancel that came too late: the
    /// documented race. Default false.
    pub filled_twice: bool,
    /// Adds keys that no documentation knows to every row; default true.
    pub unknown_keys: bool,
}

impl Default for BybitRules {
    fn default() -> Self {
        Self {
            per_uid: Rate::new(50, 1_000),
            per_uid_query_api: Rate::new(10, 1_000),
            per_ip: Rate::new(600, 5_000),
            ip_ban_ms: 600_000,
            reset_header_when_limited: true,
            cursor_at_end: CursorAtEnd::Always,
            paging: Paging::Keyset,
            history_window: HistoryWindow::Created,
            recent_closed_max: 500,
            rows_per_page_max: usize::MAX,
            history_delay_ms: 0,
            late_rows: None,
            unknown_values: false,
            streams_per_ip: Rate::new(500, 300_000),
            stream_idle_ms: 600_000,
            filled_twice: false,
            unknown_keys: true,
        }
    }
}

/// How to start a [`FakeBybit`].
#[derive(Clone, Debug)]
pub struct BybitOptions {
    /// The accounts.
    pub accounts: Vec<BybitAccount>,
    /// The clock; default the system's.
    pub clock: FakeClock,
    /// The habits.
    pub rules: BybitRules,
    /// The port on 127.0.0.1; default 0, any free one.
    pub port: u16,
    /// Ids are derived from it; default `bybit`. Give two fakes different seeds where their ids must differ.
    pub seed: String,
}

impl BybitOptions {
    /// Default habits, the system's clock and any free port.
    #[must_use]
    pub fn new(accounts: impl IntoIterator<Item = BybitAccount>) -> Self {
        Self {
            accounts: accounts.into_iter().collect(),
            clock: FakeClock::system(),
            rules: BybitRules::default(),
            port: 0,
            seed: "bybit".to_owned(),
        }
    }

    /// Sets the clock.
    #[must_use]
    pub fn clock(mut self, clock: FakeClock) -> Self {
        self.clock = clock;
        self
    }

    /// Sets the port.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Sets the habits.
    #[must_use]
    pub fn rules(mut self, rules: BybitRules) -> Self {
        self.rules = rules;
        self
    }
}

/// What the handle and the dialect share.
pub(crate) struct Shared {
    pub(crate) book: Book,
    pub(crate) clock: FakeClock,
    pub(crate) faults: Faults,
    pub(crate) rules: Mutex<BybitRules>,
    /// By API key.
    pub(crate) accounts: Mutex<BTreeMap<String, BybitAccount>>,
    /// Closed orders up to this time are gone from `order/realtime`, Unix milliseconds.
    pub(crate) wiped_ms: AtomicI64,
    pub(crate) limits: Mutex<Limits>,
}

impl Shared {
    pub(crate) fn rules(&self) -> BybitRules {
        self.rules
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The server's idea of the time, skew included.
    pub(crate) fn server_ms(&self) -> i64 {
        self.clock.now_ms() + self.faults.clock_skew_ms()
    }
}

/// A running fake Bybit; dropping it closes the port and every connection.
pub struct FakeBybit {
    server: Server,
    shared: Arc<Shared>,
}

impl FakeBybit {
    /// Binds loopback and serves until dropped.
    ///
    /// # Errors
    /// The port cannot be bound.
    pub async fn start(options: BybitOptions) -> io::Result<Self> {
        let faults = Faults::default();
        let shared = Arc::new(Shared {
            book: Book::new(options.clock.clone(), Habit::Bybit, &options.seed),
            clock: options.clock,
            faults: faults.clone(),
            rules: Mutex::new(options.rules),
            accounts: Mutex::default(),
            wiped_ms: AtomicI64::new(i64::MIN),
            limits: Mutex::default(),
        });
        let dialect = Arc::new(BybitDialect::new(Arc::clone(&shared)));
        let server = Server::start(dialect, faults, options.port).await?;
        let fake = Self { server, shared };
        for account in options.accounts {
            fake.add_account(account);
        }
        Ok(fake)
    }

    /// `http://127.0.0.1:PORT`, to be used as the account's `base_url`.
    #[must_use]
    pub fn base_url(&self) -> String {
        self.server.base_url()
    }

    /// `ws://127.0.0.1:PORT/v5/private`.
    #[must_use]
    pub fn stream_url(&self) -> String {
        format!("ws://{}{}", self.server.address, stream::PATH)
    }

    /// The stream connections that are open.
    #[must_use]
    pub fn streams(&self) -> &Streams {
        &self.server.streams.streams
    }

    /// What goes wrong on the streams.
    #[must_use]
    pub fn stream_faults(&self) -> &StreamFaults {
        &self.server.streams.faults
    }

    /// What happened at this venue.
    #[must_use]
    pub fn book(&self) -> &Book {
        &self.shared.book
    }

    /// The venue's time.
    #[must_use]
    pub fn clock(&self) -> &FakeClock {
        &self.shared.clock
    }

    /// What goes wrong.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.server.faults
    }

    /// What was asked.
    #[must_use]
    pub fn requests(&self) -> &Requests {
        &self.server.requests
    }

    /// Changes the habits while it runs.
    pub fn rules(&self, change: impl FnOnce(&mut BybitRules)) {
        change(
            &mut self
                .shared
                .rules
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        );
    }

    /// Adds an account, or gives the name another key: the facts of the name stay.
    pub fn add_account(&self, account: BybitAccount) {
        self.shared.book.add_account(&account.name);
        let mut accounts = self
            .shared
            .accounts
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        accounts.retain(|_, known| known.name != account.name);
        accounts.insert(account.key.clone(), account);
    }

    /// Revokes the account's key: it answers 10003 from now on. Its facts stay in the book.
    pub fn remove_account(&self, name: &str) {
        let mut accounts = self
            .shared
            .accounts
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        accounts.retain(|_, known| known.name != name);
    }

    /// Does what a release of Bybit does: `order/realtime` forgets the closed orders. `order/history` keeps them.
    pub fn wipe_recent_closed(&self) {
        self.shared
            .wiped_ms
            .store(self.shared.clock.now_ms(), Ordering::SeqCst);
    }

    /// Ends a ban of this address before its time.
    pub fn lift_ip_ban(&self) {
        *self
            .shared
            .limits
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Limits::default();
    }
}
