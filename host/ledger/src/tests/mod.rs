//! The promises of the ledger, one file for each.
//!
//! Every test works on a real file in a folder of its own, through the public handle.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod alerts;
mod books;
mod counterpart;
mod crash;
mod files;
mod groups;
mod laws;
mod lists;
mod migrations;
mod pages;
mod plugins;
mod proofs;
mod relations;
mod stand_ins;

use crate::facts::PageRecord;
use crate::{Gap, Ledger, Proven, Reader};
use fillsync_core::amount::{Money, Price, Quantity};
use fillsync_core::coverage::Window;
use fillsync_core::execution::{Execution, ExecutionClass, Fee, Side, Source, VenueKind};
use fillsync_core::id::{AccountName, Category, Currency, ExecutionId, Market, OrderId, Symbol};
use fillsync_core::order::{Lane, Order, OrderKind, OrderStatus, StopKind};
use fillsync_core::port::{Position, Positions};
use fillsync_core::time::{HostTime, VenueTime};
use std::path::PathBuf;

pub(crate) const SEEN: HostTime = HostTime::from_us(1_800_000_000_000_000);

/// A ledger in a folder that goes with it.
pub(crate) struct Bench {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) ledger: Ledger,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(folder.path().join("fillsync.db")).unwrap();
        Self { folder, ledger }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("fillsync.db")
    }

    pub(crate) fn reader(&self) -> Reader {
        Reader::open(self.path()).unwrap()
    }

    /// Everything that rows and orders make, as text; not when it was seen, and not the stand-ins that
    /// gave way, which say in which steps real rows came.
    pub(crate) fn dump(&self) -> String {
        dump(&self.path())
    }
}

pub(crate) fn dump(path: &std::path::Path) -> String {
    let connection = rusqlite::Connection::open(path).unwrap();
    let mut text = String::new();
    for sql in [
        "SELECT account, category, symbol, execution_id, class, order_id, side, quantity, price, fee, executed_at, lane,
             entry_cycle, entry_quantity, exit_cycle, exit_quantity, realised, raw, state, relation, relates_to,
             stands_from, stands_to, (SELECT other.execution_id FROM execution AS other WHERE other.id = execution.revision_of)
         FROM execution JOIN market ON market.id = market_id
         WHERE relation <> 'stands-in' OR state = 'live' ORDER BY account, category, symbol, execution_id",
        "SELECT account, category, symbol, order_id, side, lane, status, filled_quantity, updated_at, raw
         FROM orders JOIN market ON market.id = market_id ORDER BY account, category, symbol, order_id",
        "SELECT account, category, symbol, cycle.* FROM cycle JOIN market ON market.id = market_id
         ORDER BY account, category, symbol, lane, ordinal",
        "SELECT account, category, symbol, opening.lane, quantity, at FROM opening JOIN market ON market.id = market_id
         ORDER BY account, category, symbol, lane",
        "SELECT account, category, symbol, order_id, first_at FROM order_wanted JOIN market ON market.id = market_id
         ORDER BY account, category, symbol, order_id",
        "SELECT account, category, symbol, order_id, shown FROM order_ahead JOIN market ON market.id = market_id
         ORDER BY account, category, symbol, order_id",
        "SELECT * FROM coverage ORDER BY account, category, from_at",
        "SELECT hour, account, category, symbol, fills FROM fill_hour JOIN market ON market.id = fill_hour.market_id
         ORDER BY hour, account, category, symbol",
        "SELECT name, scope, value FROM tally WHERE name IN ('executions', 'fills', 'last_fill_at') ORDER BY name, scope",
    ] {
        let mut statement = connection.prepare(sql).unwrap();
        let market_id = statement.column_names().position(|name| name == "market_id");
        let columns = statement.column_count();
        let mut rows = statement.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            for column in (0..columns).filter(|column| Some(*column) != market_id) {
                text.push_str(&format!("{:?} ", row.get_ref(column).unwrap()));
            }
            text.push('\n');
        }
        text.push_str("--\n");
    }
    text
}

pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
}

pub(crate) fn account(name: &str) -> AccountName {
    AccountName::new(name).unwrap()
}

pub(crate) fn linear() -> Category {
    Category::new("linear").unwrap()
}

pub(crate) fn market(name: &str, symbol: &str) -> Market {
    Market {
        account: account(name),
        category: linear(),
        symbol: Symbol::new(symbol).unwrap(),
    }
}

pub(crate) fn at(second: i64) -> VenueTime {
    VenueTime::from_ms(1_700_000_000_000 + second * 1_000)
}

pub(crate) fn window(from: i64, to: i64) -> Window {
    Window::new(at(from), at(to))
}

pub(crate) fn quantity(text: &str) -> Quantity {
    Quantity::parse(text).unwrap()
}

/// A fill of an order in `main`'s GTCUSDT.
pub(crate) fn fill(id: &str, order_id: &str, side: Side, amount: &str, second: i64) -> Execution {
    Execution {
        market: market("main", "GTCUSDT"),
        execution_id: ExecutionId::new(id).unwrap(),
        class: ExecutionClass::OrderFill,
        order_id: Some(OrderId::new(order_id).unwrap()),
        client_order_id: None,
        side,
        quantity: quantity(amount),
        price: Price::parse("0.2215").unwrap(),
        fee: Some(Fee {
            amount: Money::parse("0.001").unwrap(),
            currency: Some(Currency::new("USDT").unwrap()),
        }),
        is_maker: Some(true),
        leaves_quantity: None,
        closed_quantity: None,
        order_kind: OrderKind::Limit,
        stop: StopKind::None,
        venue_sequence: None,
        executed_at: at(second),
        source: Source::Poll,
        relation: fillsync_core::execution::Relation::Own,
        raw: format!("{{\"execId\":\"{id}\"}}"),
    }
}

/// A limit order in `main`'s GTCUSDT.
pub(crate) fn order(id: &str, side: Side, lane: Lane, created: i64) -> Order {
    Order {
        market: market("main", "GTCUSDT"),
        order_id: OrderId::new(id).unwrap(),
        client_order_id: None,
        side,
        lane,
        kind: OrderKind::Limit,
        stop: StopKind::None,
        reduce_only: false,
        quantity: Some(quantity("150")),
        price: Some(Price::parse("0.2215").unwrap()),
        filled_quantity: Quantity::ZERO,
        average_price: None,
        status: OrderStatus::Open,
        created_at: at(created),
        updated_at: at(created),
        replaces: None,
        raw: format!("{{\"orderId\":\"{id}\"}}"),
    }
}

pub(crate) fn page() -> PageRecord {
    PageRecord::new(account("main"), VenueKind::Bybit, linear(), SEEN)
}

pub(crate) fn rows(executions: Vec<Execution>) -> PageRecord {
    PageRecord {
        executions,
        ..page()
    }
}

pub(crate) fn proven(from: i64, to: i64) -> Option<Proven> {
    Some(Proven {
        window: window(from, to),
        pages: 1,
        rows: 1,
    })
}

pub(crate) fn gap(from: i64, to: i64) -> Option<Gap> {
    Some(Gap {
        window: window(from, to),
        reason: "page 2 was cut off".to_owned(),
    })
}

pub(crate) fn positions(second: i64, held: &[(&str, Lane, &str)]) -> Option<Positions> {
    Some(Positions {
        at: at(second),
        positions: held
            .iter()
            .map(|(symbol, lane, amount)| Position {
                symbol: Symbol::new(symbol).unwrap(),
                lane: *lane,
                quantity: quantity(amount),
            })
            .collect(),
    })
}
