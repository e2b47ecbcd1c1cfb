//! How many fills per second go into the ledger, durably: the second argument is the rows of a page.
//!
//! `cargo run --release -p fillsync-ledger --example pace -- 100000 50`
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

use fillsync_core::amount::{Money, Price, Quantity};
use fillsync_core::coverage::Window;
use fillsync_core::execution::{Execution, ExecutionClass, Fee, Side, Source, VenueKind};
use fillsync_core::id::{AccountName, Category, Currency, ExecutionId, Market, OrderId, Symbol};
use fillsync_core::order::{OrderKind, StopKind};
use fillsync_core::time::{HostTime, VenueTime};
use fillsync_ledger::{Ledger, PageRecord, Proven};

fn row(account: &AccountName, category: &Category, n: u64) -> Execution {
    let symbol = ["GTCUSDT", "ARBUSDT", "BTCUSDT", "ETHUSDT"][usize::try_from(n % 4).unwrap()];
    Execution {
        market: Market {
            account: account.clone(),
            category: category.clone(),
            symbol: Symbol::new(symbol).unwrap(),
        },
        execution_id: ExecutionId::new(format!(
            "{:016x}-{n}",
            n.wrapping_mul(0x9e37_79b9_7f4a_7c15)
        ))
        .unwrap(),
        class: ExecutionClass::OrderFill,
        order_id: Some(
            OrderId::new(format!(
                "{:016x}",
                (n / 20).wrapping_mul(0x9e37_79b9_7f4a_7c15)
            ))
            .unwrap(),
        ),
        client_order_id: None,
        side: if (n / 4).is_multiple_of(2) {
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
        venue_sequence: Some(i64::try_from(n).unwrap()),
        executed_at: VenueTime::from_ms(1_700_000_000_000 + i64::try_from(n).unwrap()),
        source: Source::Poll,
        relation: fillsync_core::execution::Relation::Own,
        raw: "x".repeat(400),
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut arguments = std::env::args()
        .skip(1)
        .map(|text| text.parse::<u64>().unwrap());
    let fills = arguments.next().unwrap_or(100_000);
    let page = arguments.next().unwrap_or(50);
    let folder = tempfile::tempdir_in(".").unwrap();
    let ledger = Ledger::open(folder.path().join("pace.db")).unwrap();
    let account = AccountName::new("main").unwrap();
    let category = Category::new("linear").unwrap();
    let pages: Vec<PageRecord> = (0..fills / page)
        .map(|index| {
            let mut record = PageRecord::new(
                account.clone(),
                VenueKind::Bybit,
                category.clone(),
                HostTime::EPOCH,
            );
            record.executions = (index * page..(index + 1) * page)
                .map(|n| row(&account, &category, n))
                .collect();
            let to = record.executions.last().unwrap().executed_at;
            record.proven = Some(Proven {
                window: Window::new(VenueTime::from_ms(1_699_999_999_999), to),
                pages: 1,
                rows: 50,
            });
            record
        })
        .collect();
    let started = std::time::Instant::now();
    let in_flight = arguments.next().unwrap_or(1);
    for chunk in pages.chunks(usize::try_from(in_flight).unwrap()) {
        let waiting: Vec<_> = chunk
            .iter()
            .cloned()
            .map(|page| {
                let ledger = ledger.clone();
                tokio::spawn(async move { ledger.record(page).await })
            })
            .collect();
        for answer in waiting {
            answer.await.unwrap().unwrap();
        }
    }
    let took = started.elapsed();
    println!(
        "{fills} fills in pages of {page}, {in_flight} in flight: {:.0} fills/s",
        (fills as f64) / took.as_secs_f64()
    );
}
