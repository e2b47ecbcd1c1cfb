//! A fake Alpaca Trading API with any number of accounts.
//!
//! Promise: activity ids begin with New York local time, `after` of activities is inclusive and exact to the
//! microsecond while that of orders is exclusive, crypto is spelled `BTC/USD` in orders and `BTCUSD` in positions, and
//! errors have the recorded bodies. Served: `/v2/account`, `/v2/account/activities[/TYPE]`, `/v2/orders`,
//! `/v2/orders/{id}`, `/v2/orders:by_client_order_id`, `/v2/positions[/SYMBOL]`, `/v2/clock`, and the WebSocket
//! `/stream`. Deliberately absent: order entry and the event feeds (SSE).

mod activities;
mod dialect;
mod orders;
mod positions;
mod stream;
mod time;

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use self::dialect::AlpacaDialect;
use crate::book::{Book, Habit, LateRows};
use crate::clock::FakeClock;
use crate::fault::Faults;
use crate::rate::{Rate, RollingWindow};
use crate::requests::Requests;
use crate::server::Server;
use crate::stream::{StreamFaults, Streams};

/// One account: a name in the book and its key pair.
#[derive(Clone, Debug)]
pub struct AlpacaAccount {
    /// The name in the book.
    pub name: String,
    /// `APCA-API-KEY-ID`.
    pub key: String,
    /// `APCA-API-SECRET-KEY`.
    pub secret: String,
}

impl AlpacaAccount {
    /// An account.
    #[must_use]
    pub fn new(name: &str, key: &str, secret: &str) -> Self {
        Self {
            name: name.to_owned(),
            key: key.to_owned(),
            secret: secret.to_owned(),
        }
    }
}

/// What becomes of a second stream of one key, of which Alpaca serves one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecondStream {
    /// The first one is closed.
    EndsFirst,
    /// The second one is refused after it authenticated.
    IsRefused,
    /// Both are served.
    IsServed,
}

/// The habits of this Alpaca that a test may change at any time.
#[derive(Clone, Debug)]
pub struct AlpacaRules {
    /// Per key; default 200 per minute.
    pub per_key: Rate,
    /// Whether answers carry the `X-RateLimit-*` headers; default true.
    pub rate_headers: bool,
    /// Whether activity ids show a 12-hour clock, as in 2020; default false.
    pub twelve_hour_ids: bool,
    /// Whether activities carry `order_status`, absent before 2021; default true.
    pub order_status_in_activities: bool,
    /// Activities on one page at most, whatever size is asked for: a short page is not the last. Default: no bound.
    pub rows_per_page_max: usize,
    /// Whether sells have negative quantities in activities, as some recordings do; default false.
    pub negative_sells: bool,
    /// Activities that appear late in the list, by chance but the same in every run; default none.
    pub late_rows: Option<LateRows>,
    /// Default [`SecondStream::EndsFirst`].
    pub second_stream: SecondStream,
    /// Whether the stream's JSON comes in binary frames, as on paper; default true.
    pub binary_frames: bool,
    /// Whether the stream spells crypto without its slash, as in an older sample; default false.
    pub stream_without_slash: bool,
    /// Adds keys that no documentation knows to every row; default true.
    pub unknown_keys: bool,
}

impl Default for AlpacaRules {
    fn default() -> Self {
        Self {
            per_key: Rate::new(200, 60_000),
            rate_headers: true,
            twelve_hour_ids: false,
            order_status_in_activities: true,
            rows_per_page_max: usize::MAX,
            negative_sells: false,
            late_rows: None,
            second_stream: SecondStream::EndsFirst,
            binary_frames: true,
            stream_without_slash: false,
            unknown_keys: true,
        }
    }
}

/// How to start a [`FakeAlpaca`].
#[derive(Clone, Debug)]
pub struct AlpacaOptions {
    /// The accounts.
    pub accounts: Vec<AlpacaAccount>,
    /// The clock; default the system's.
    pub clock: FakeClock,
    /// The habits.
    pub rules: AlpacaRules,
    /// The port on 127.0.0.1; default 0, any free one.
    pub port: u16,
    /// Ids are derived from it; default `alpaca`.
    pub seed: String,
}

impl AlpacaOptions {
    /// Default habits, the system's clock and any free port.
    #[must_use]
    pub fn new(accounts: impl IntoIterator<Item = AlpacaAccount>) -> Self {
        Self {
            accounts: accounts.into_iter().collect(),
            clock: FakeClock::system(),
            rules: AlpacaRules::default(),
            port: 0,
            seed: "alpaca".to_owned(),
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
    pub fn rules(mut self, rules: AlpacaRules) -> Self {
        self.rules = rules;
        self
    }
}

/// What the handle and the dialect share.
pub(crate) struct Shared {
    pub(crate) book: Book,
    pub(crate) clock: FakeClock,
    pub(crate) faults: Faults,
    pub(crate) rules: Mutex<AlpacaRules>,
    /// By key id.
    pub(crate) accounts: Mutex<BTreeMap<String, AlpacaAccount>>,
    pub(crate) windows: Mutex<HashMap<String, RollingWindow>>,
}

impl Shared {
    pub(crate) fn rules(&self) -> AlpacaRules {
        self.rules
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// A running fake Alpaca; dropping it closes the port and every connection.
pub struct FakeAlpaca {
    server: Server,
    shared: Arc<Shared>,
}

impl FakeAlpaca {
    /// Binds loopback and serves until dropped.
    ///
    /// # Errors
    /// The port cannot be bound.
    pub async fn start(options: AlpacaOptions) -> io::Result<Self> {
        let faults = Faults::default();
        let shared = Arc::new(Shared {
            book: Book::new(options.clock.clone(), Habit::Alpaca, &options.seed),
            clock: options.clock,
            faults: faults.clone(),
            rules: Mutex::new(options.rules),
            accounts: Mutex::default(),
            windows: Mutex::default(),
        });
        let dialect = Arc::new(AlpacaDialect::new(Arc::clone(&shared)));
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

    /// `ws://127.0.0.1:PORT/stream`.
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
    pub fn rules(&self, change: impl FnOnce(&mut AlpacaRules)) {
        change(
            &mut self
                .shared
                .rules
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        );
    }

    /// Adds an account, or gives the name another key: the facts of the name stay.
    pub fn add_account(&self, account: AlpacaAccount) {
        self.shared.book.add_account(&account.name);
        let mut accounts = self
            .shared
            .accounts
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        accounts.retain(|_, known| known.name != account.name);
        accounts.insert(account.key.clone(), account);
    }

    /// Revokes the account's key: it answers 401 from now on. Its facts stay in the book.
    pub fn remove_account(&self, name: &str) {
        let mut accounts = self
            .shared
            .accounts
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        accounts.retain(|_, known| known.name != name);
    }

    /// The ids under which the account's fills are listed (`<New York time>::<execution id>`), in time order.
    #[must_use]
    pub fn activity_ids(&self, account: &str) -> Vec<String> {
        let twelve_hours = self.shared.rules().twelve_hour_ids;
        let executions = self.shared.book.executions(account);
        executions
            .iter()
            .map(|row| activities::activity_id(row, twelve_hours))
            .collect()
    }
}
