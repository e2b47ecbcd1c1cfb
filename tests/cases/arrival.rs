//! Independence of arrival: the same rows in another order, in other pages, and more than once.
//!
//! What an adapter read is recorded in fresh ledgers, shuffled by seeds that never change, and what
//! the ledgers then say is compared as text. Times of seeing and row numbers are left out, because
//! they are the only things that arrival may show.

use crate::desk::{Desk, HostClock, Stand, sql};
use fillsync_core::coverage::Window;
use fillsync_core::execution::Execution;
use fillsync_core::order::Order;
use fillsync_core::port::{Clock as _, Cursor};
use fillsync_ledger::{Ledger, PageRecord};

/// The seeds of all shuffles.
pub const SEEDS: [u64; 6] = [1, 7, 42, 1_337, 65_537, 20_261_121];
/// More pages than any test here needs.
const PAGES_MAX: usize = 100;

/// Numbers that look random and are the same in every run (xorshift).
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// From 0 to `sides - 1`.
    pub fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 11).unwrap() % sides
    }

    /// Puts a list in another order.
    pub fn shuffle<T>(&mut self, list: &mut [T]) {
        for place in (1..list.len()).rev() {
            list.swap(place, self.roll(place + 1));
        }
    }
}

/// Something that a page brought.
#[derive(Clone)]
pub enum Row {
    Execution(Box<Execution>),
    Order(Box<Order>),
}

impl<V: Stand> Desk<V> {
    /// Everything that the adapter reads of an account's only category: executions of a window, and
    /// these orders as they now are.
    pub fn rows(&self, account: &str, window: Window, orders: &[(&str, String)]) -> Vec<Row> {
        let venue = self.venue(account);
        let category = &venue.categories()[0];
        let mut rows = Vec::new();
        let mut cursor: Option<Cursor> = None;
        for _ in 0..PAGES_MAX {
            let page = self
                .runtime
                .block_on(venue.executions(category, window, cursor.as_ref()))
                .unwrap();
            assert_eq!(page.unreadable, []);
            rows.extend(
                page.rows
                    .into_iter()
                    .map(|row| Row::Execution(Box::new(row))),
            );
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        assert!(cursor.is_none(), "the pages do not end");
        for (symbol, id) in orders {
            let order = self.ask_order(account, symbol, id).unwrap();
            rows.push(Row::Order(Box::new(order)));
        }
        rows
    }

    /// Records the rows in a fresh ledger, as the seed orders, pages and repeats them, and says
    /// what is then there.
    pub fn told_after(&self, account: &str, rows: &[Row], seed: u64) -> Vec<String> {
        let venue = self.venue(account);
        let mut dice = Dice::new(seed);
        let mut arriving = rows.to_vec();
        for _ in 0..rows.len().min(5) {
            arriving.push(rows[dice.roll(rows.len())].clone());
        }
        dice.shuffle(&mut arriving);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("fillsync.db");
        self.runtime.block_on(async {
            let ledger = Ledger::open(&path).unwrap();
            let mut rest = arriving.as_slice();
            while !rest.is_empty() {
                let (page, others) = rest.split_at((1 + dice.roll(4)).min(rest.len()));
                rest = others;
                let mut record = PageRecord::new(
                    venue.account().clone(),
                    venue.kind(),
                    venue.categories()[0].clone(),
                    HostClock.now(),
                );
                for row in page {
                    match row {
                        Row::Execution(row) => record.executions.push((**row).clone()),
                        Row::Order(order) => record.orders.push((**order).clone()),
                    }
                }
                ledger.record(record).await.unwrap();
            }
            ledger.flush().await.unwrap();
            ledger.close().await;
        });
        TOLD.iter()
            .flat_map(|question| sql(&path, question))
            .collect()
    }

    /// Checks that every seed's arrival leaves the same, and gives it.
    pub fn same_in_any_order(&self, account: &str, rows: &[Row]) -> Vec<String> {
        let first = self.told_after(account, rows, SEEDS[0]);
        for seed in &SEEDS[1..] {
            assert_eq!(first, self.told_after(account, rows, *seed), "seed {seed}");
        }
        first
    }
}

/// What a ledger says, without row numbers and times of seeing.
const TOLD: [&str; 3] = [
    "SELECT 'row', symbol, execution_id, class, quantity, price, lane, entry_cycle, entry_quantity, exit_cycle,
         exit_quantity, realised, state FROM execution JOIN market ON market.id = market_id ORDER BY symbol, execution_id",
    "SELECT 'cycle', symbol, lane, ordinal, side, start, closed, quantity, quantity_max, entry_quantity, exit_quantity,
         realised FROM cycles ORDER BY symbol, lane, ordinal",
    "SELECT 'order', order_id, quantity, price, filled_quantity, status, replaces FROM orders ORDER BY order_id",
];
