//! Performance that is kept up says what a fresh start would say, whatever comes and in whatever order.

use super::runtime;
use super::sample::{NOW, account, empty, execution, page};
use crate::{Answer, PerformanceFilter, Trades};
use fillsync_core::execution::{Execution, Side, VenueKind};
use fillsync_core::id::{GroupName, Symbol};
use fillsync_core::order::PositionSide;
use fillsync_ledger::{Ledger, PageRecord};
use proptest::prelude::*;
use std::sync::{Arc, Mutex};

fn filters() -> Vec<PerformanceFilter> {
    let desk = GroupName::new("desk").unwrap();
    let members = [(desk.clone(), vec![account("a"), account("b")])].into();
    let all = PerformanceFilter {
        members,
        ..PerformanceFilter::default()
    };
    vec![
        PerformanceFilter {
            account: Some(account("a")),
            ..all.clone()
        },
        PerformanceFilter {
            group: Some(desk),
            side: Some(PositionSide::Short),
            ..all.clone()
        },
        PerformanceFilter {
            symbol: Some(Symbol::new("XUSDT").unwrap()),
            from: Some(super::sample::at(5)),
            to: Some(super::sample::at(20)),
            ..all.clone()
        },
        PerformanceFilter {
            currency: Some("BTC".to_owned()),
            ..all.clone()
        },
        all,
    ]
}

/// What every filter answers, from what is kept and afresh.
async fn told(ledger: &Ledger, kept: &Arc<Mutex<Trades>>) -> (Vec<String>, Vec<String>) {
    let kept = Arc::clone(kept);
    ledger
        .read(move |reader| {
            let mut kept = kept.lock().unwrap();
            let (mut from_kept, mut afresh) = (Vec::new(), Vec::new());
            for filter in filters() {
                let answer = kept.performance(reader, &filter, NOW)?;
                from_kept.push(answer.json().unwrap());
                afresh.push(crate::performance(reader, &filter, NOW)?.json().unwrap());
            }
            Ok((from_kept, afresh))
        })
        .await
        .unwrap()
}

async fn record(ledger: &Ledger, rows: &[Execution]) {
    for who in ["a", "b", "c"] {
        for category in ["linear", "inverse"] {
            let of: Vec<_> = rows
                .iter()
                .filter(|row| {
                    row.market.account.as_str() == who && row.market.category.as_str() == category
                })
                .cloned()
                .collect();
            let record = PageRecord {
                executions: of,
                ..page(who, VenueKind::Bybit, category)
            };
            ledger.record(record).await.unwrap();
        }
    }
}

fn any_row() -> impl Strategy<Value = (u8, u8, bool, u8, u8, u8)> {
    (0u8..3, 0u8..3, any::<bool>(), 1u8..4, 1u8..9, 0u8..30)
}

fn rows(any: &[(u8, u8, bool, u8, u8, u8)]) -> Vec<Execution> {
    any.iter()
        .enumerate()
        .map(|(id, (who, market, buys, quantity, price, second))| {
            let who = ["a", "b", "c"][usize::from(*who)];
            let (category, symbol) = [
                ("linear", "XUSDT"),
                ("linear", "YUSDC"),
                ("inverse", "BTCUSD"),
            ][usize::from(*market)];
            let side = if *buys { Side::Buy } else { Side::Sell };
            let (quantity, price) = (quantity.to_string(), price.to_string());
            execution((
                who,
                category,
                symbol,
                &format!("e-{id:03}"),
                side,
                &quantity,
                &price,
                "0.01 USDT",
                i64::from(*second),
            ))
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Rows come in pages in no order of time, so that old closed cycles change, split and vanish.
    #[test]
    fn what_is_kept_up_is_what_a_fresh_start_says(any in proptest::collection::vec(any_row(), 1..60), size in 1usize..9) {
        let rows = rows(&any);
        runtime().block_on(async {
            let (_folder, ledger) = empty();
            let kept = Arc::new(Mutex::new(Trades::default()));
            for part in rows.chunks(size) {
                record(&ledger, part).await;
                let (from_kept, afresh) = told(&ledger, &kept).await;
                assert_eq!(from_kept, afresh);
            }
            // The same rows at once, turned round: the same answers but for what depends on nothing.
            let (_folder, other) = empty();
            let mut turned = rows.clone();
            turned.reverse();
            record(&other, &turned).await;
            let fresh = Arc::new(Mutex::new(Trades::default()));
            let (here, _) = told(&ledger, &kept).await;
            let (there, _) = told(&other, &fresh).await;
            assert_eq!(here, there);
        });
    }

    #[test]
    fn parts_add_up_to_the_whole(any in proptest::collection::vec(any_row(), 1..60)) {
        let rows = rows(&any);
        let answer = runtime().block_on(async {
            let (_folder, ledger) = empty();
            record(&ledger, &rows).await;
            let filter = filters().pop().unwrap();
            ledger.read(move |reader| crate::performance(reader, &filter, NOW)).await.unwrap()
        });
        let overall = &answer.overall;
        for part in [&answer.by_account, &answer.by_side] {
            prop_assert_eq!(part.values().map(|share| share.trades).sum::<u64>(), overall.total_trades);
            prop_assert_eq!(part.values().map(|share| share.pnl.0).sum::<rust_decimal::Decimal>(), overall.total_pnl.0);
        }
        let trades = overall.total_trades + overall.trades_in_other_currencies;
        for part in [&answer.by_symbol, &answer.by_currency] {
            prop_assert_eq!(part.values().map(|share| share.trades).sum::<u64>(), trades);
        }
        for (currency, share) in &answer.by_currency {
            prop_assert_eq!(share.pnl, answer.realised.get(currency).unwrap().closed);
        }
    }
}

/// a buys 10 at 100 and 10 at 110, and sells 5 at 120: by average cost 600 − 525 = 75 are realised,
/// first in, first out 600 − 500 = 100. Fees of 3 × 0.01 USDT leave 74.97 and 99.97. The closed short of b earns
/// 2 × (10 − 8) − 0.02 = 3.98 USDT.
#[test]
fn open_cycles_are_told_both_ways() {
    let line = |who, id, side, quantity, price, second| {
        execution((
            who,
            "linear",
            "XUSDT",
            id,
            side,
            quantity,
            price,
            "0.01 USDT",
            second,
        ))
    };
    let rows = [
        line("a", "1", Side::Buy, "10", "100", 1),
        line("a", "2", Side::Buy, "10", "110", 2),
        line("a", "3", Side::Sell, "5", "120", 3),
        line("b", "4", Side::Sell, "2", "10", 4),
        line("b", "5", Side::Buy, "2", "8", 5),
    ];
    let answer = runtime().block_on(async {
        let (_folder, ledger) = empty();
        record(&ledger, &rows).await;
        let filter = filters().pop().unwrap();
        ledger
            .read(move |reader| crate::performance(reader, &filter, NOW))
            .await
            .unwrap()
    });
    let open = answer.open.first().unwrap();
    let told = |number: Option<crate::ExactNumber>| number.unwrap().to_string();
    assert_eq!(
        (told(open.average_cost), told(open.fifo)),
        ("75".to_owned(), "100".to_owned())
    );
    let realised = answer.realised.get("USDT").unwrap();
    assert_eq!(realised.closed.to_string(), "3.98");
    assert_eq!(realised.average_cost.to_string(), "78.95");
    assert_eq!(realised.fifo.to_string(), "103.95");
    insta::assert_snapshot!("performance_of_open_cycles", super::both(&answer));
}
