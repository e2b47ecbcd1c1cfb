//! What the daemon sees of a history: late, in pieces, and not of all accounts at once.
//!
//! Each account has a frontier of proven executions that moves in random steps and stands still in
//! outages; rows are seen up to it, and sometimes a little further; its orders are read at moments of
//! their own, behind the executions or ahead of them. At each step the facts are built as the ledger
//! builds them, with the core's own fold.

use crate::facts::books;
use crate::history::{DEADLINE_MS, History, SETTLE_MS, TrueAccount};
use crate::random::Random;
use crate::settled::changed_from;
use fillsync_core::coverage::Window;
use fillsync_core::group::{BookFacts, GroupFacts, Knowledge};
use fillsync_core::id::Category;
use fillsync_core::time::{HostTime, VenueTime};
use std::collections::{BTreeMap, BTreeSet};

/// Knowledge that claims what was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Executions are said to be proven up to now.
    Coverage,
    /// Ended orders are said to be read whenever the open ones were.
    Closed,
}

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
    /// The newest reading of the open orders after which the ended ones were read as well.
    pub(crate) closed_ms: i64,
    /// As of when each order is known: by its place in the history and its step.
    pub(crate) orders: BTreeMap<(usize, usize), i64>,
    /// When each order was last in a list of open ones, or asked for because it was there no more. One
    /// that came in another way is not said to have been looked at since it changed.
    pub(crate) checked: BTreeMap<(usize, usize), i64>,
    /// Orders that the venue no longer keeps.
    pub(crate) gone: BTreeSet<(usize, usize)>,
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
    /// The earliest moment of venue time at which the last step changed a fact; none where none did.
    pub(crate) changed_from: Option<VenueTime>,
    /// A fault that the checks must find.
    fault: Option<Fault>,
}

impl<'a> Watch<'a> {
    pub(crate) fn new(history: &'a History, schedule: u64, fault: Option<Fault>) -> Self {
        let sight = Sight {
            proven_ms: 0,
            seen_ms: 0,
            orders_ms: 0,
            listed_ms: Vec::new(),
            closed_ms: 0,
            orders: BTreeMap::new(),
            checked: BTreeMap::new(),
            gone: BTreeSet::new(),
            outage_until_ms: 0,
            steps: Vec::new(),
        };
        Self {
            history,
            random: Random::new(history.seed.rotate_left(17) ^ schedule),
            now_ms: 0,
            sights: vec![sight; history.accounts.len()],
            facts: GroupFacts::default(),
            changed_from: None,
            fault,
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
        self.changed_from = None;
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
            let knowledge = knowledge(account, sight, self.fault, self.now_ms);
            self.facts.knowledge.insert(name.clone(), knowledge);
            let now_ms = if is_last { i64::MAX } else { self.now_ms };
            let books = books(self.history, account, sight, now_ms);
            let is_own = |book: &BookFacts| book.book.market.account == name;
            let before = self.facts.books.iter().filter(|book| is_own(book));
            let changed = changed_from(&before.collect::<Vec<_>>(), &books);
            self.changed_from = [self.changed_from, changed].into_iter().flatten().min();
            self.facts.books.retain(|book| !is_own(book));
            self.facts.books.extend(books);
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
        if account.is_hedged {
            self.read_filled(account, now_ms);
        }
        if random.percent(70) {
            self.read_orders(account, now_ms, random);
        }
        true
    }

    /// The list of open orders, and a question for each that is no longer in it.
    fn read_orders(&mut self, account: &TrueAccount, now_ms: i64, random: &mut Random) {
        self.listed_ms.push(self.orders_ms);
        self.orders_ms = self.orders_ms.max(now_ms - random.between(20, 1_500));
        for (key, life) in lives(account) {
            if life.created_ms > self.orders_ms {
                continue;
            }
            let is_over = life.over_ms.is_some_and(|over| over <= self.orders_ms);
            // An order that came and ended between two lists is asked for because of its rows, sooner or
            // later; one that has none is in neither.
            let is_unlisted = !self.orders.contains_key(&key) && is_over;
            let has_rows = life.first_row_ms.is_some_and(|at| at < self.seen_ms);
            if is_unlisted && (!has_rows || (!account.is_hedged && random.percent(40))) {
                continue;
            }
            if is_over && life.is_forgotten && self.orders.contains_key(&key) {
                let was_open = life.over_ms > self.orders.get(&key).copied();
                if was_open {
                    self.gone.insert(key);
                    continue;
                }
            }
            let asked_ms = random.between(self.orders_ms, now_ms);
            let as_of_ms = if is_over { asked_ms } else { self.orders_ms };
            self.orders.insert(key, as_of_ms);
            self.checked.insert(key, self.orders_ms);
        }
        if random.percent(50) {
            self.read_closed(account, now_ms);
        }
    }

    /// The list of orders that ended, after the list of open ones.
    fn read_closed(&mut self, account: &TrueAccount, now_ms: i64) {
        self.closed_ms = self.orders_ms;
        for (key, life) in lives(account) {
            let is_over = life.over_ms.is_some_and(|over| over <= now_ms);
            if life.created_ms <= now_ms && is_over && !self.gone.contains(&key) {
                self.orders.insert(key, now_ms);
            }
        }
    }

    /// Which position a fill of a hedged account moved is known by its order alone: it is asked for.
    fn read_filled(&mut self, account: &TrueAccount, now_ms: i64) {
        for (key, life) in lives(account) {
            let has_rows = life.first_row_ms.is_some_and(|at| at < self.seen_ms);
            if has_rows && !self.gone.contains(&key) {
                self.orders.entry(key).or_insert(now_ms);
            }
        }
    }

    fn know_all(&mut self, account: &TrueAccount, now_ms: i64, until_ms: i64) {
        self.proven_ms = until_ms;
        self.seen_ms = until_ms;
        self.orders_ms = until_ms - 2 * SETTLE_MS;
        self.closed_ms = self.orders_ms;
        for (key, _) in lives(account) {
            if !self.gone.contains(&key) {
                self.orders.insert(key, until_ms);
                self.checked.insert(key, self.orders_ms);
            }
        }
        self.steps.push((until_ms, now_ms));
    }

    pub(crate) fn first_seen(&self, at_ms: i64) -> HostTime {
        let step = self.steps.iter().find(|(seen_ms, _)| at_ms < *seen_ms);
        HostTime::from_ms(step.map_or(0, |(_, now_ms)| *now_ms))
    }
}

/// One order as the venue has it: a whole leg, or a step of a chain.
struct Life {
    created_ms: i64,
    over_ms: Option<i64>,
    /// When the first row of it appears.
    first_row_ms: Option<i64>,
    is_forgotten: bool,
}

fn lives(account: &TrueAccount) -> impl Iterator<Item = ((usize, usize), Life)> {
    account
        .orders
        .iter()
        .enumerate()
        .flat_map(move |(index, order)| {
            let steps = if order.is_chain() {
                order.steps.len()
            } else {
                1
            };
            (0..steps).map(move |step| {
                let next = order.steps.get(step + 1).filter(|_| order.is_chain());
                let over_ms = next.map_or_else(|| order.over_ms(), |next| Some(next.at_ms));
                let is_own = |at_ms: i64| !order.is_chain() || order.step_at(at_ms) == step;
                let life = Life {
                    created_ms: order.steps[step].at_ms,
                    over_ms,
                    first_row_ms: order
                        .fills
                        .iter()
                        .filter(|fill| is_own(fill.at_ms) && fill.at_ms >= account.data_begin_ms)
                        .map(|fill| fill.at_ms + fill.late_ms)
                        .min(),
                    is_forgotten: order.is_forgotten,
                };
                ((index, step), life)
            })
        })
}

fn knowledge(account: &TrueAccount, sight: &Sight, fault: Option<Fault>, now_ms: i64) -> Knowledge {
    let category = Category::new("linear").unwrap();
    let mut knowledge = Knowledge::default();
    let proven_ms = match fault {
        Some(Fault::Coverage) => now_ms,
        _ => sight.proven_ms,
    };
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
            .insert(category.clone(), before.collect());
    }
    let closed_ms = match fault {
        Some(Fault::Closed) => sight.orders_ms,
        _ => sight.closed_ms,
    };
    if closed_ms > 0 {
        let at = VenueTime::from_ms(closed_ms);
        knowledge.closed_checked.insert(category, at);
    }
    knowledge
}
