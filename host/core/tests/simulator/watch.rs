//! What the daemon sees of a history: late, in pieces, and not of all accounts at once.
//!
//! Each account has a frontier of proven executions that moves in random steps and stands still in
//! outages; rows are seen up to it, and sometimes a little further; its orders are read at moments of
//! their own, behind the executions or ahead of them. At each step the facts are built as the ledger
//! builds them, with the core's own fold.

use crate::history::{DEADLINE_MS, History, SETTLE_MS, TrueAccount, TrueOrder};
use crate::random::Random;
use fillsync_core::amount::{Price, Quantity};
use fillsync_core::coverage::Window;
use fillsync_core::cycle::{Book, BookFold, BookRule};
use fillsync_core::execution::{Execution, ExecutionClass, Source};
use fillsync_core::group::{BookFacts, FillFact, GroupFacts, Knowledge, OrderFact};
use fillsync_core::id::{Category, ClientOrderId, ExecutionId, Market, Symbol};
use fillsync_core::order::{Lane, Order, OrderKind, OrderStatus, StopKind};
use fillsync_core::time::{HostTime, VenueTime};
use rust_decimal::Decimal;
use std::collections::BTreeMap;

/// How far one account was looked at.
#[derive(Debug, Clone)]
pub(crate) struct Sight {
    /// Executions before it are proven; zero before the first look.
    pub(crate) proven_ms: i64,
    /// Executions before it are seen.
    pub(crate) seen_ms: i64,
    /// When its orders were read.
    pub(crate) orders_ms: i64,
    /// When they were read before.
    pub(crate) listed_ms: Vec<i64>,
    /// As of when each order is known.
    pub(crate) orders: BTreeMap<usize, i64>,
    outage_until_ms: i64,
    /// Steps of `seen_ms`, with when each was made.
    steps: Vec<(i64, i64)>,
}

/// One way of watching a history.
pub(crate) struct Watch<'a> {
    history: &'a History,
    random: Random,
    pub(crate) now_ms: i64,
    pub(crate) sights: Vec<Sight>,
    pub(crate) facts: GroupFacts,
    /// Coverage claims what was not read: a fault that the checks must find.
    is_faulty: bool,
}

impl<'a> Watch<'a> {
    pub(crate) fn new(history: &'a History, schedule: u64, is_faulty: bool) -> Self {
        let sight = Sight {
            proven_ms: 0,
            seen_ms: 0,
            orders_ms: 0,
            listed_ms: Vec::new(),
            orders: BTreeMap::new(),
            outage_until_ms: 0,
            steps: Vec::new(),
        };
        Self {
            history,
            random: Random::new(history.seed.rotate_left(17) ^ schedule),
            now_ms: 0,
            sights: vec![sight; history.accounts.len()],
            facts: GroupFacts::default(),
            is_faulty,
        }
    }

    /// Goes on to the next instant of host time; false when all is known.
    pub(crate) fn step(&mut self) -> bool {
        if self.now_ms > self.history.end_ms {
            return false;
        }
        self.now_ms += match self.random.between(0, 9) {
            0..4 => self.random.between(500, 8_000),
            4..8 => self.random.between(8_000, 50_000),
            _ => self.random.between(50_000, 120_000),
        };
        let is_last = self.now_ms > self.history.end_ms;
        for (index, account) in self.history.accounts.iter().enumerate() {
            let sight = &mut self.sights[index];
            let moved = if is_last {
                sight.know_all(account, self.now_ms, self.history.end_ms + 60_000);
                true
            } else {
                sight.look(account, self.now_ms, &mut self.random)
            };
            if !moved {
                continue;
            }
            let name = account.name.clone();
            let knowledge = knowledge(account, sight, self.is_faulty.then_some(self.now_ms));
            self.facts.knowledge.insert(name.clone(), knowledge);
            self.facts
                .books
                .retain(|book| book.book.market.account != name);
            self.facts.books.push(book(self.history, account, sight));
        }
        if is_last {
            // Nothing waits any more.
            self.now_ms += 2 * DEADLINE_MS;
        }
        true
    }
}

impl Sight {
    fn look(&mut self, account: &TrueAccount, now_ms: i64, random: &mut Random) -> bool {
        if now_ms < self.outage_until_ms {
            return false;
        }
        match random.between(0, 99) {
            0..4 => {
                self.outage_until_ms = now_ms + random.between(5_000, 150_000);
                return false;
            }
            4..20 => return false,
            _ => {}
        }
        if random.percent(85) {
            self.proven_ms = self.proven_ms.max(now_ms - random.between(50, 3_000));
            self.seen_ms = self.seen_ms.max(self.proven_ms);
        }
        if random.percent(20) {
            self.seen_ms = self.seen_ms.max(now_ms - random.between(10, 2_000));
        }
        self.steps.push((self.seen_ms, now_ms));
        if random.percent(70) {
            self.read_orders(account, now_ms, random);
        }
        true
    }

    /// The list of open orders, and a question for each that is no longer in it.
    fn read_orders(&mut self, account: &TrueAccount, now_ms: i64, random: &mut Random) {
        let before_ms = self.orders_ms;
        self.listed_ms.push(before_ms);
        self.orders_ms = self.orders_ms.max(now_ms - random.between(20, 1_500));
        for (index, order) in account.orders.iter().enumerate() {
            if order.created_ms > self.orders_ms {
                continue;
            }
            // An order that came and filled between two lists is asked for because of its fills.
            let unlisted = order.created_ms > before_ms
                && !self.orders.contains_key(&index)
                && order.over_ms().is_some_and(|over| over <= self.orders_ms)
                && !order.fills.is_empty();
            if unlisted && random.percent(40) {
                continue;
            }
            let asked_ms = random.between(self.orders_ms, now_ms);
            let is_over = order.over_ms().is_some_and(|over| over <= self.orders_ms);
            let as_of_ms = if is_over { asked_ms } else { self.orders_ms };
            self.orders.insert(index, as_of_ms);
        }
    }

    fn know_all(&mut self, account: &TrueAccount, now_ms: i64, until_ms: i64) {
        self.proven_ms = until_ms;
        self.seen_ms = until_ms;
        self.orders_ms = until_ms - 2 * SETTLE_MS;
        self.orders = (0..account.orders.len()).map(|at| (at, until_ms)).collect();
        self.steps.push((until_ms, now_ms));
    }

    fn first_seen(&self, at_ms: i64) -> HostTime {
        let step = self.steps.iter().find(|(seen_ms, _)| at_ms < *seen_ms);
        HostTime::from_ms(step.map_or(0, |(_, now_ms)| *now_ms))
    }
}

fn knowledge(account: &TrueAccount, sight: &Sight, claimed_ms: Option<i64>) -> Knowledge {
    let category = Category::new("linear").unwrap();
    let mut knowledge = Knowledge::default();
    let proven_ms = claimed_ms.unwrap_or(sight.proven_ms);
    if proven_ms > account.data_begin_ms {
        let window = Window::new(
            VenueTime::from_ms(account.data_begin_ms),
            VenueTime::from_ms(proven_ms),
        );
        knowledge.coverage.insert(category.clone(), window);
    }
    if sight.orders_ms > 0 {
        let at = VenueTime::from_ms(sight.orders_ms);
        knowledge.orders_checked.insert(category.clone(), at);
        let before = sight.listed_ms.iter().map(|ms| VenueTime::from_ms(*ms));
        knowledge
            .orders_checked_before
            .insert(category, before.collect());
    }
    knowledge
}

fn book(history: &History, account: &TrueAccount, sight: &Sight) -> BookFacts {
    let market = Market {
        account: account.name.clone(),
        category: Category::new("linear").unwrap(),
        symbol: Symbol::new("GTCUSDT").unwrap(),
    };
    let orders: BTreeMap<usize, Order> = sight
        .orders
        .iter()
        .map(|(index, as_of_ms)| {
            let order = &account.orders[*index];
            (*index, seen_order(history, &market, order, *as_of_ms))
        })
        .collect();
    let rule = BookRule::of(&market.category, &market.symbol);
    let begin = VenueTime::from_ms(account.data_begin_ms);
    let opening = Quantity::from_decimal(Decimal::from(account.opening));
    let mut fold = BookFold::opening(rule, Lane::OneWay, opening, begin);
    let fills = rows(account, &market, sight)
        .into_iter()
        .map(|(index, row)| FillFact {
            order_id: row.order_id.clone(),
            client_order_id: None,
            execution_id: row.execution_id.clone(),
            class: row.class.clone(),
            side: row.side,
            quantity: row.quantity,
            price: row.price,
            leaves_quantity: row.leaves_quantity,
            order_kind: row.order_kind.clone(),
            stop: row.stop,
            executed_at: row.executed_at,
            sequence: row.sequence(),
            allocation: fold.apply(&row, orders.get(&index)),
            source: row.source,
            seen_at: sight.first_seen(row.executed_at.ms()),
        })
        .collect();
    let checked_at = VenueTime::from_ms(sight.orders_ms);
    BookFacts {
        book: Book {
            market,
            lane: Lane::OneWay,
        },
        cycles: fold.take_changed(),
        orders: orders
            .into_values()
            .map(|order| OrderFact {
                order,
                gone: false,
                checked_at,
            })
            .collect(),
        fills,
    }
}

/// The rows seen so far, in the order in which they happened.
fn rows(account: &TrueAccount, market: &Market, sight: &Sight) -> Vec<(usize, Execution)> {
    let mut at: Vec<(i64, usize, usize)> = Vec::new();
    for (order, facts) in account.orders.iter().enumerate() {
        let fills = facts.fills.iter().enumerate();
        at.extend(fills.map(|(index, fill)| (fill.at_ms, order, index)));
    }
    at.sort_unstable();
    at.into_iter()
        .enumerate()
        .filter(|(_, (ms, _, _))| *ms >= account.data_begin_ms && *ms < sight.seen_ms)
        .map(|(sequence, (_, order, index))| {
            (order, row(&account.orders[order], index, market, sequence))
        })
        .collect()
}

fn row(order: &TrueOrder, index: usize, market: &Market, sequence: usize) -> Execution {
    let fill = &order.fills[index];
    let filled: i64 = order.fills[..=index].iter().map(|fill| fill.quantity).sum();
    Execution {
        market: market.clone(),
        execution_id: ExecutionId::new(format!("{}-{index}", order.id)).unwrap(),
        class: ExecutionClass::OrderFill,
        order_id: Some(order.id.clone()),
        client_order_id: None,
        side: order.side,
        quantity: Quantity::from_decimal(Decimal::from(fill.quantity)),
        price: price(order),
        fee: None,
        is_maker: Some(true),
        leaves_quantity: order
            .says_leaves
            .then(|| Quantity::from_decimal(Decimal::from(order.quantity - filled))),
        closed_quantity: None,
        order_kind: kind(order),
        stop: StopKind::None,
        venue_sequence: Some(i64::try_from(sequence).unwrap()),
        executed_at: VenueTime::from_ms(fill.at_ms),
        source: Source::Poll,
        relation: fillsync_core::execution::Relation::Own,
        raw: String::new(),
    }
}

fn seen_order(history: &History, market: &Market, order: &TrueOrder, as_of_ms: i64) -> Order {
    let (status, updated_ms): (OrderStatus, i64) = order.state_at(as_of_ms);
    let token = |rung: usize| ClientOrderId::new(format!("plan-L{rung}-x")).unwrap();
    Order {
        market: market.clone(),
        order_id: order.id.clone(),
        client_order_id: order.rung.filter(|_| history.has_tokens).map(token),
        side: order.side,
        lane: Lane::OneWay,
        kind: kind(order),
        stop: StopKind::None,
        reduce_only: order.rung.is_none() && order.entered_before(i64::MAX) == 0,
        quantity: Some(Quantity::from_decimal(Decimal::from(order.quantity))),
        price: order.is_limit.then(|| price(order)),
        filled_quantity: Quantity::from_decimal(Decimal::from(order.filled_before(as_of_ms + 1))),
        average_price: None,
        status,
        created_at: VenueTime::from_ms(order.created_ms),
        updated_at: VenueTime::from_ms(updated_ms),
        replaces: None,
        raw: String::new(),
    }
}

const fn kind(order: &TrueOrder) -> OrderKind {
    if order.is_limit {
        OrderKind::Limit
    } else {
        OrderKind::Market
    }
}

fn price(order: &TrueOrder) -> Price {
    Price::from_decimal(Decimal::new(order.price, 4))
}
