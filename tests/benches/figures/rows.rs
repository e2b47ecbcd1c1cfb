//! Made-up history, written through the ledger itself.
//!
//! Four symbols in turn, orders of ten fills, a position from flat to flat every twenty fills: so
//! there are cycles and orders in the proportion in which a grid bot makes them.

use fillsync_core::amount::{Money, Price, Quantity};
use fillsync_core::coverage::Window;
use fillsync_core::execution::{Execution, ExecutionClass, Fee, Side, Source, VenueKind};
use fillsync_core::id::{AccountName, Category, Currency, ExecutionId, Market, OrderId, Symbol};
use fillsync_core::order::{OrderKind, StopKind};
use fillsync_core::time::{HostTime, VenueTime};
use fillsync_ledger::{Ledger, PageRecord, Proven};

pub const SYMBOLS: [&str; 4] = ["GTCUSDT", "ARBUSDT", "BTCUSDT", "ETHUSDT"];
/// The time of the first fill.
const BEGIN_MS: i64 = 1_700_000_000_000;
const ROWS_PER_RECORD: u64 = 2_000;

/// One account's made-up rows.
pub struct History {
    account: AccountName,
    category: Category,
    symbols: [Symbol; 4],
}

impl History {
    pub fn new() -> Self {
        Self {
            account: AccountName::new("main").unwrap(),
            category: Category::new("linear").unwrap(),
            symbols: SYMBOLS.map(|symbol| Symbol::new(symbol).unwrap()),
        }
    }

    pub fn row(&self, number: u64) -> Execution {
        let of_symbol = number / 4;
        let scrambled = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let order = (of_symbol / 10) * 4 + number % 4;
        Execution {
            market: Market {
                account: self.account.clone(),
                category: self.category.clone(),
                symbol: self.symbols[(number % 4) as usize].clone(),
            },
            execution_id: ExecutionId::new(format!("{scrambled:016x}-{number}")).unwrap(),
            class: ExecutionClass::OrderFill,
            order_id: Some(
                OrderId::new(format!(
                    "{:016x}-{order}",
                    order.wrapping_mul(0x9e37_79b9_7f4a_7c15)
                ))
                .unwrap(),
            ),
            client_order_id: None,
            side: if (of_symbol / 10).is_multiple_of(2) {
                Side::Buy
            } else {
                Side::Sell
            },
            quantity: Quantity::parse("1.5").unwrap(),
            price: Price::parse("0.2215").unwrap(),
            fee: Some(Fee {
                amount: Money::parse("0.001").unwrap(),
                currency: Some(Currency::new("USDT").unwrap()),
            }),
            is_maker: Some(true),
            leaves_quantity: Some(Quantity::ZERO),
            closed_quantity: None,
            order_kind: OrderKind::Limit,
            stop: StopKind::None,
            venue_sequence: Some(i64::try_from(number).unwrap()),
            executed_at: VenueTime::from_ms(BEGIN_MS + i64::try_from(number).unwrap()),
            source: Source::Poll,
            relation: fillsync_core::execution::Relation::Own,
            raw: "x".repeat(600),
        }
    }

    /// A record of these rows that proves all up to the last of them.
    pub fn record(&self, rows: std::ops::Range<u64>) -> PageRecord {
        let mut record = PageRecord::new(
            self.account.clone(),
            VenueKind::Bybit,
            self.category.clone(),
            HostTime::EPOCH,
        );
        let to = BEGIN_MS + i64::try_from(rows.end).unwrap();
        record.executions = rows.map(|number| self.row(number)).collect();
        record.proven = Some(Proven {
            window: Window::new(VenueTime::from_ms(BEGIN_MS - 1), VenueTime::from_ms(to)),
            pages: 1,
            rows: u32::try_from(record.executions.len()).unwrap(),
        });
        record
    }

    /// Writes rows into a ledger.
    pub async fn lay_down(&self, ledger: &Ledger, rows: std::ops::Range<u64>) {
        let mut next = rows.start;
        while next < rows.end {
            let end = rows.end.min(next + ROWS_PER_RECORD);
            ledger.record(self.record(next..end)).await.unwrap();
            next = end;
        }
    }
}
