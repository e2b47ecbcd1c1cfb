//! What the tests of the loops work on: a venue that answers what it is told to, and a real ledger.
//!
//! Deliberately absent: pages, limits and time, which the fake venues over HTTP have.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use crate::drive::poll::{PollSettings, Poller};
use crate::drive::traverse::Traverser;
use crate::drive::turn::Turns;
use crate::drive::wake::Wake;
use crate::policy::{Policy, Route};
use crate::telemetry::Voice;
use async_trait::async_trait;
use fillsync_core::alert::{AlertKind, Severity};
use fillsync_core::amount::{Price, Quantity};
use fillsync_core::coverage::Window;
use fillsync_core::execution::{Execution, ExecutionClass, Relation, Side, Source, VenueKind};
use fillsync_core::id::{
    AccountName, Category, ChannelName, ExecutionId, Market, OrderId, PluginName, Symbol,
};
use fillsync_core::order::{Lane, Order, OrderKind, OrderStatus, StopKind};
use fillsync_core::port::{Clock, Cursor, KeyReport, Page, Positions, Stream, Venue, VenueError};
use fillsync_core::time::{HostTime, VenueTime};
use fillsync_ledger::{Ledger, Reader};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::watch;

pub(crate) fn at(second: i64) -> VenueTime {
    VenueTime::from_ms(1_700_000_000_000 + second * 1_000)
}

pub(crate) fn account() -> AccountName {
    AccountName::new("main").unwrap()
}

pub(crate) fn category(name: &str) -> Category {
    Category::new(name).unwrap()
}

fn market(of: &str) -> Market {
    Market {
        account: account(),
        category: category(of),
        symbol: Symbol::new("GTCUSDT").unwrap(),
    }
}

/// A fill of a category; one of another category than was asked for is what the ledger refuses.
pub(crate) fn fill(of: &str, id: &str, order_id: &str, second: i64) -> Execution {
    Execution {
        market: market(of),
        execution_id: ExecutionId::new(id).unwrap(),
        class: ExecutionClass::OrderFill,
        order_id: Some(OrderId::new(order_id).unwrap()),
        client_order_id: None,
        side: Side::Buy,
        quantity: Quantity::parse("1").unwrap(),
        price: Price::parse("0.2").unwrap(),
        fee: None,
        is_maker: Some(true),
        leaves_quantity: None,
        closed_quantity: None,
        order_kind: OrderKind::Limit,
        stop: StopKind::None,
        venue_sequence: None,
        executed_at: at(second),
        source: Source::Poll,
        relation: Relation::Own,
        raw: format!("{{\"execId\":\"{id}\"}}"),
    }
}

/// An open limit order.
pub(crate) fn order(of: &str, id: &str, created: i64) -> Order {
    Order {
        market: market(of),
        order_id: OrderId::new(id).unwrap(),
        client_order_id: None,
        side: Side::Buy,
        lane: Lane::OneWay,
        kind: OrderKind::Limit,
        stop: StopKind::None,
        reduce_only: false,
        quantity: Some(Quantity::parse("3").unwrap()),
        price: Some(Price::parse("0.2").unwrap()),
        filled_quantity: Quantity::ZERO,
        average_price: None,
        status: OrderStatus::Open,
        created_at: at(created),
        updated_at: at(created),
        replaces: None,
        raw: format!("{{\"orderId\":\"{id}\"}}"),
    }
}

/// What the venue of these tests answers.
#[derive(Default)]
pub(crate) struct Answers {
    /// By the category that is asked for.
    pub(crate) executions: BTreeMap<Category, Vec<Execution>>,
    pub(crate) open: Vec<Order>,
    /// Orders that it refuses to give.
    pub(crate) refused: BTreeSet<OrderId>,
    /// Orders that it was asked for, by id.
    pub(crate) asked: Vec<OrderId>,
    pub(crate) now: i64,
}

pub(crate) struct ToldVenue {
    account: AccountName,
    categories: Vec<Category>,
    reach: Duration,
    pub(crate) answers: Mutex<Answers>,
}

fn page<T>(rows: Vec<T>) -> Page<T> {
    Page {
        rows,
        unreadable: Vec::new(),
        next: None,
        venue_time: None,
    }
}

#[async_trait]
impl Venue for ToldVenue {
    fn account(&self) -> &AccountName {
        &self.account
    }
    fn kind(&self) -> VenueKind {
        VenueKind::Bybit
    }
    fn categories(&self) -> &[Category] {
        &self.categories
    }
    fn window_max(&self) -> Duration {
        Duration::from_hours(24)
    }
    fn reach(&self) -> Duration {
        self.reach
    }
    async fn now(&self) -> Result<VenueTime, VenueError> {
        Ok(at(self.answers.lock().unwrap().now))
    }
    async fn executions(
        &self,
        category: &Category,
        window: Window,
        _: Option<&Cursor>,
    ) -> Result<Page<Execution>, VenueError> {
        let answers = self.answers.lock().unwrap();
        let mut rows = answers
            .executions
            .get(category)
            .cloned()
            .unwrap_or_default();
        rows.retain(|row| window.from <= row.executed_at && row.executed_at < window.to);
        Ok(page(rows))
    }
    async fn open_orders(
        &self,
        category: &Category,
        _: Option<&Cursor>,
    ) -> Result<Page<Order>, VenueError> {
        let mut open = self.answers.lock().unwrap().open.clone();
        open.retain(|order| order.market.category == *category);
        Ok(page(open))
    }
    async fn closed_orders(
        &self,
        _: &Category,
        _: VenueTime,
        _: Option<&Cursor>,
    ) -> Result<Page<Order>, VenueError> {
        Ok(page(Vec::new()))
    }
    async fn order(
        &self,
        category: &Category,
        _: &Symbol,
        order_id: &OrderId,
    ) -> Result<Option<Order>, VenueError> {
        let mut answers = self.answers.lock().unwrap();
        answers.asked.push(order_id.clone());
        if answers.refused.contains(order_id) {
            return Err(VenueError::Rejected {
                what: "no such field".to_owned(),
            });
        }
        let mut order = order(category.as_str(), order_id.as_str(), 0);
        order.status = OrderStatus::Filled;
        Ok(Some(order))
    }
    async fn executions_of(
        &self,
        _: &Category,
        _: &Symbol,
        _: &OrderId,
        _: Option<&Cursor>,
    ) -> Result<Page<Execution>, VenueError> {
        Ok(page(Vec::new()))
    }
    async fn stream(&self) -> Result<Box<dyn Stream>, VenueError> {
        Err(VenueError::Rejected {
            what: "no stream here".to_owned(),
        })
    }
    async fn positions(&self, _: &Category) -> Result<Option<Positions>, VenueError> {
        Ok(None)
    }
    async fn key(&self) -> Result<KeyReport, VenueError> {
        Err(VenueError::Rejected {
            what: "no key here".to_owned(),
        })
    }
}

struct Still;

impl Clock for Still {
    fn now(&self) -> HostTime {
        HostTime::from_us(at(1_000).us())
    }
}

/// A venue of one account, a ledger, and what a poller needs besides.
pub(crate) struct Bench {
    _folder: tempfile::TempDir,
    pub(crate) venue: Arc<ToldVenue>,
    pub(crate) ledger: Ledger,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) wake: Arc<Wake>,
    pub(crate) voice: Arc<Voice>,
    _policy: watch::Sender<Arc<Policy>>,
}

impl Bench {
    pub(crate) fn new(categories: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(folder.path().join("fillsync.db")).unwrap();
        let clock: Arc<dyn Clock> = Arc::new(Still);
        let to_all = Route {
            channel: ChannelName::new("ops").unwrap(),
            formatter: PluginName::new("limit-fill").unwrap(),
            kinds: BTreeSet::from([AlertKind::System]),
            groups: None,
            accounts: None,
            symbols: None,
            severity: Severity::Info,
            can_edit: false,
        };
        let (policy, routes) = watch::channel(Arc::new(Policy {
            groups: Vec::new(),
            routes: vec![to_all],
        }));
        let voice = Voice::new(ledger.clone(), Arc::clone(&clock), routes, Arc::new(|| {}));
        let venue = Arc::new(ToldVenue {
            account: account(),
            categories: categories.iter().map(|name| category(name)).collect(),
            reach: Duration::from_hours(24 * 7),
            answers: Mutex::new(Answers {
                now: 100,
                ..Answers::default()
            }),
        });
        Self {
            _folder: folder,
            venue,
            ledger,
            clock,
            wake: Wake::new(),
            voice,
            _policy: policy,
        }
    }

    pub(crate) fn reader(&self) -> Reader {
        Reader::open(self.ledger.path()).unwrap()
    }

    pub(crate) fn traverser(&self) -> Traverser<'_> {
        Traverser {
            venue: self.venue.as_ref(),
            ledger: &self.ledger,
            clock: self.clock.as_ref(),
        }
    }

    pub(crate) fn poller(&self) -> Poller {
        Poller {
            venue: Arc::clone(&self.venue) as Arc<dyn Venue>,
            ledger: self.ledger.clone(),
            clock: Arc::clone(&self.clock),
            wake: Arc::clone(&self.wake),
            voice: Arc::clone(&self.voice),
            turns: Turns::new(1),
            life: self.wake.begins(&account(), self.clock.now()),
            settings: PollSettings {
                poll_every: Duration::from_secs(1),
                lookback: Duration::from_secs(90),
                overlap: Duration::from_secs(5),
                rescan_every: Duration::from_hours(1),
                rescan_span: Duration::from_secs(60),
                infer_after: Duration::from_secs(1),
            },
        }
    }

    /// The texts of the system alerts that wait for the channel.
    pub(crate) fn notices(&self) -> Vec<String> {
        let ops = ChannelName::new("ops").unwrap();
        let due = self
            .reader()
            .outbox_due(&ops, HostTime::from_us(i64::MAX))
            .unwrap();
        due.into_iter().map(|row| row.alert.identity).collect()
    }
}
