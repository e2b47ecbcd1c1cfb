//! What one page does, and that it does all of it or nothing (law 9).

use super::{
    Bench, SEEN, account, at, fill, gap, linear, market, order, page, proven, rows, runtime, window,
};
use crate::LedgerError;
use crate::facts::PageRecord;
use fillsync_core::coverage::Coverage;
use fillsync_core::execution::{Execution, ExecutionClass, Side, Source, VenueKind};
use fillsync_core::id::{OrderId, Symbol};
use fillsync_core::order::{Lane, OrderStatus};
use fillsync_core::port::UnreadableRow;
use fillsync_core::time::VenueTime;

#[test]
fn law_9_coverage_commits_with_its_rows_or_not_at_all() {
    let bench = Bench::new();
    runtime().block_on(async {
        let mut stranger = fill("e2", "o1", Side::Buy, "1", 2);
        stranger.market = market("mirror", "GTCUSDT");
        let bad = PageRecord {
            executions: vec![fill("e1", "o1", Side::Buy, "1", 1), stranger],
            proven: proven(0, 10),
            ..page()
        };
        assert!(matches!(
            bench.ledger.record(bad).await,
            Err(LedgerError::Rejected { .. })
        ));
        assert!(
            bench
                .reader()
                .coverage(&account("main"))
                .unwrap()
                .is_empty()
        );
        let good = PageRecord {
            executions: vec![fill("e1", "o1", Side::Buy, "1", 1)],
            proven: proven(0, 10),
            ..page()
        };
        let recorded = bench.ledger.record(good).await.unwrap();
        assert_eq!(recorded.new.len(), 1);
        assert_eq!(recorded.coverage_to, Some(at(10)));
    });
}

#[test]
fn a_request_that_fails_takes_nothing_of_its_neighbours_with_it() {
    let bench = Bench::new();
    runtime().block_on(async {
        let mut stranger = fill("e2", "o1", Side::Buy, "1", 2);
        stranger.market = market("mirror", "GTCUSDT");
        let (first, bad, last) = tokio::join!(
            bench
                .ledger
                .record(rows(vec![fill("e1", "o1", Side::Buy, "1", 1)])),
            bench.ledger.record(rows(vec![stranger])),
            bench
                .ledger
                .record(rows(vec![fill("e3", "o1", Side::Buy, "1", 3)])),
        );
        assert!(first.is_ok() && last.is_ok());
        assert!(matches!(bad, Err(LedgerError::Rejected { .. })));
    });
    assert_eq!(
        bench
            .reader()
            .status()
            .unwrap()
            .accounts
            .first()
            .unwrap()
            .fills,
        2
    );
}

#[test]
fn a_gap_is_known_until_coverage_contains_all_of_it() {
    let bench = Bench::new();
    runtime().block_on(async {
        let ledger = &bench.ledger;
        ledger
            .record(PageRecord {
                proven: proven(0, 10),
                ..page()
            })
            .await
            .unwrap();
        ledger
            .record(PageRecord {
                gap: gap(10, 20),
                ..page()
            })
            .await
            .unwrap();
        ledger
            .record(PageRecord {
                gap: gap(10, 20),
                ..page()
            })
            .await
            .unwrap();
        ledger
            .record(PageRecord {
                proven: proven(20, 30),
                ..page()
            })
            .await
            .unwrap();
        ledger
            .record(PageRecord {
                proven: proven(10, 15),
                ..page()
            })
            .await
            .unwrap();
        let known = bench.reader().gaps(None).unwrap();
        assert_eq!(known.len(), 1);
        assert_eq!(
            known
                .first()
                .map(|gap| (gap.window, gap.retries, gap.unfillable)),
            Some((window(10, 20), 1, false))
        );
        ledger
            .gap_unfillable(account("main"), linear(), window(10, 20))
            .await
            .unwrap();
        assert!(
            bench
                .reader()
                .gaps(None)
                .unwrap()
                .first()
                .unwrap()
                .unfillable
        );
        let coverage = bench.reader().coverage(&account("main")).unwrap();
        assert_eq!(
            coverage.get(&linear()),
            Some(&Coverage::from_windows([window(0, 15), window(20, 30)]))
        );
        ledger
            .record(PageRecord {
                proven: proven(14, 21),
                ..page()
            })
            .await
            .unwrap();
        assert!(
            bench
                .reader()
                .gaps(Some(&account("main")))
                .unwrap()
                .is_empty()
        );
        // What is proven already is no gap, whatever a late failure says.
        ledger
            .record(PageRecord {
                gap: gap(3, 9),
                ..page()
            })
            .await
            .unwrap();
        assert!(bench.reader().gaps(None).unwrap().is_empty());
    });
}

#[test]
fn the_same_key_with_other_content_is_told_once_and_the_first_sighting_stays() {
    let bench = Bench::new();
    runtime().block_on(async {
        let first = fill("e1", "o1", Side::Buy, "1", 1);
        bench
            .ledger
            .record(rows(vec![first.clone()]))
            .await
            .unwrap();
        let mut other = fill("e1", "o1", Side::Buy, "5", 9);
        other.raw = "{\"other\":1}".to_owned();
        let before = bench.dump();
        for told in [1, 0] {
            let recorded = bench
                .ledger
                .record(rows(vec![other.clone()]))
                .await
                .unwrap();
            assert_eq!(recorded.conflicts.len(), told);
            assert!(recorded.new.is_empty() && recorded.known == 0);
        }
        assert_eq!(bench.dump(), before);
        // The fold went on as if the other content had never been.
        let recorded = bench
            .ledger
            .record(rows(vec![fill("e2", "o1", Side::Sell, "1", 10)]))
            .await
            .unwrap();
        assert_eq!(
            recorded
                .new
                .first()
                .unwrap()
                .allocation
                .exit
                .unwrap()
                .ordinal,
            1
        );
        assert_eq!(
            bench.reader().self_check().unwrap().findings,
            Vec::<String>::new()
        );
    });
}

#[test]
fn an_outage_is_one_gap_that_grows_and_not_one_for_each_try() {
    let bench = Bench::new();
    runtime().block_on(async {
        for to in [20, 25, 40] {
            let record = PageRecord {
                gap: gap(10, to),
                ..page()
            };
            bench.ledger.record(record).await.unwrap();
        }
        let gaps = bench.reader().gaps(None).unwrap();
        let told: Vec<_> = gaps.iter().map(|gap| (gap.window, gap.retries)).collect();
        assert_eq!(told, [(window(10, 40), 2)]);
        let record = PageRecord {
            proven: proven(5, 40),
            ..page()
        };
        bench.ledger.record(record).await.unwrap();
        assert!(bench.reader().gaps(None).unwrap().is_empty());
    });
}

#[test]
fn a_stream_and_a_list_may_tell_one_instant_with_different_precision() {
    let bench = Bench::new();
    runtime().block_on(async {
        let listed = fill("e1", "o1", Side::Buy, "1", 1);
        let streamed = |later_us: i64| Execution {
            source: Source::Stream,
            executed_at: VenueTime::from_us(listed.executed_at.us() + later_us),
            ..listed.clone()
        };
        let record = |row| bench.ledger.record(rows(vec![row]));
        record(streamed(999)).await.unwrap();
        let recorded = record(listed.clone()).await.unwrap();
        assert_eq!((recorded.known, recorded.conflicts.len()), (1, 0));
        let apart = record(streamed(-1)).await.unwrap();
        assert_eq!((apart.known, apart.conflicts.len()), (0, 1));
    });
}

#[test]
fn what_is_unknown_is_kept_and_told_once() {
    let bench = Bench::new();
    runtime().block_on(async {
        let mut odd = fill("e1", "o1", Side::Buy, "1", 1);
        odd.class = ExecutionClass::Unknown("FutureSpread".to_owned());
        let unreadable = vec![UnreadableRow {
            raw: "{\"execQty\":\"NaN\"}".to_owned(),
            reason: "execQty".to_owned(),
        }];
        let record = PageRecord {
            executions: vec![odd.clone()],
            unreadable,
            ..page()
        };
        let recorded = bench.ledger.record(record.clone()).await.unwrap();
        assert_eq!(recorded.new_unknown_classes, ["FutureSpread"]);
        assert_eq!((recorded.quarantined, recorded.new.len()), (1, 1));
        let mut again = record;
        again.executions.push({
            let mut more = odd;
            more.execution_id = fillsync_core::id::ExecutionId::new("e2").unwrap();
            more
        });
        let recorded = bench.ledger.record(again).await.unwrap();
        assert_eq!(
            (recorded.new_unknown_classes.len(), recorded.quarantined),
            (0, 0)
        );
        // It is no fill, moves no position, and asks for no order.
        assert!(recorded.orders_wanted.is_empty());
        assert!(
            bench
                .reader()
                .fills(&crate::FillFilter {
                    limit: 9,
                    ..Default::default()
                })
                .unwrap()
                .is_empty()
        );
    });
}

#[test]
fn an_order_that_nobody_tracked_is_wanted_until_it_comes_or_is_gone() {
    let bench = Bench::new();
    let (symbol, wanted) = (Symbol::new("GTCUSDT").unwrap(), |id: &str| {
        OrderId::new(id).unwrap()
    });
    runtime().block_on(async {
        let ledger = &bench.ledger;
        let page_of = rows(vec![
            fill("e1", "o1", Side::Buy, "1", 1),
            fill("e2", "o2", Side::Buy, "1", 2),
        ]);
        let recorded = ledger.record(page_of).await.unwrap();
        assert!(recorded.new.iter().all(|new| !new.order_was_tracked));
        assert_eq!(
            recorded.orders_wanted,
            [
                (symbol.clone(), wanted("o2")),
                (symbol.clone(), wanted("o1"))
            ]
        );
        let mut record = page();
        record.orders = vec![order("o1", Side::Buy, Lane::OneWay, 0)];
        assert_eq!(
            ledger.record(record).await.unwrap().orders_wanted,
            [(symbol.clone(), wanted("o2"))]
        );
        ledger
            .order_gone(
                account("main"),
                linear(),
                symbol.clone(),
                wanted("o2"),
                at(9),
            )
            .await
            .unwrap();
        let recorded = ledger
            .record(rows(vec![
                fill("e3", "o1", Side::Buy, "1", 3),
                fill("e4", "o2", Side::Buy, "1", 4),
            ]))
            .await
            .unwrap();
        assert!(recorded.orders_wanted.is_empty());
        assert_eq!(
            recorded
                .new
                .iter()
                .map(|new| new.order_was_tracked)
                .collect::<Vec<_>>(),
            [true, false]
        );
        // An order that comes on the same page as its first fill was not tracked before.
        let mut record = rows(vec![fill("e5", "o5", Side::Buy, "1", 5)]);
        record.orders = vec![order("o5", Side::Buy, Lane::OneWay, 4)];
        assert!(
            !ledger
                .record(record)
                .await
                .unwrap()
                .new
                .first()
                .unwrap()
                .order_was_tracked
        );
    });
}

#[test]
fn an_order_never_goes_backwards() {
    let bench = Bench::new();
    runtime().block_on(async {
        let mut done = order("o1", Side::Buy, Lane::OneWay, 0);
        done.status = OrderStatus::Filled;
        done.filled_quantity = super::quantity("150");
        done.updated_at = at(5);
        let mut lagging = order("o1", Side::Buy, Lane::OneWay, 0);
        lagging.updated_at = at(7);
        for one in [done.clone(), lagging] {
            bench
                .ledger
                .record(PageRecord {
                    orders: vec![one],
                    orders_checked: Some(at(8)),
                    ..page()
                })
                .await
                .unwrap();
        }
        let known = bench
            .reader()
            .books(&[market("main", "GTCUSDT")], at(0))
            .unwrap();
        let stored = known.first().unwrap().orders.first().unwrap().clone();
        assert_eq!(
            (stored.order, stored.checked_at, stored.gone),
            (done, at(8), false)
        );
        assert_eq!(
            bench
                .reader()
                .orders_checked(&account("main"))
                .unwrap()
                .get(&linear()),
            Some(&at(8))
        );
        assert!(
            bench
                .reader()
                .open_orders(&account("main"), &linear())
                .unwrap()
                .is_empty()
        );
    });
}

#[test]
fn marks_name_changed_markets_until_they_are_decided_upon() {
    let bench = Bench::new();
    runtime().block_on(async {
        let recorded = bench
            .ledger
            .record(rows(vec![fill("e1", "o1", Side::Buy, "1", 5)]))
            .await
            .unwrap();
        assert_eq!(recorded.changed_markets, [market("main", "GTCUSDT")]);
        let (marks, looked_at) = bench.reader().marks().unwrap();
        assert_eq!(marks.first().map(|mark| mark.from), Some(at(5)));
        // It changes again while the first change is being decided upon: that mark stays.
        bench
            .ledger
            .record(rows(vec![fill("e2", "o1", Side::Buy, "1", 3)]))
            .await
            .unwrap();
        let mut decisions =
            crate::Decisions::new(fillsync_core::id::GroupName::new("desk").unwrap(), SEEN);
        decisions.marks_to = looked_at;
        decisions.markets = vec![market("main", "GTCUSDT")];
        bench.ledger.commit(decisions.clone()).await.unwrap();
        let (marks, newest) = bench.reader().marks().unwrap();
        assert_eq!(
            marks.iter().map(|mark| mark.from).collect::<Vec<_>>(),
            [at(3)]
        );
        decisions.marks_to = newest;
        bench.ledger.commit(decisions).await.unwrap();
        assert!(bench.reader().marks().unwrap().0.is_empty());
        // Nothing new, no mark.
        let recorded = bench
            .ledger
            .record(rows(vec![fill("e2", "o1", Side::Buy, "1", 3)]))
            .await
            .unwrap();
        assert_eq!((recorded.known, recorded.changed_markets.len()), (1, 0));
        assert!(bench.reader().marks().unwrap().0.is_empty());
    });
}

#[test]
fn fills_are_read_newest_first_in_pages_and_never_mixed_between_accounts() {
    let bench = Bench::new();
    runtime().block_on(async {
        let mut executions: Vec<_> = (0..5)
            .map(|second| fill(&format!("e{second}"), "o1", Side::Buy, "0.0100", second))
            .collect();
        executions.reverse();
        bench.ledger.record(rows(executions)).await.unwrap();
        let mut other = fill("e0", "o1", Side::Buy, "1", 2);
        other.market = market("mirror", "GTCUSDT");
        let mut record = PageRecord::new(account("mirror"), VenueKind::Bybit, linear(), SEEN);
        record.executions = vec![other];
        bench.ledger.record(record).await.unwrap();
    });
    let reader = bench.reader();
    let filter = crate::FillFilter {
        account: Some(account("main")),
        limit: 3,
        ..Default::default()
    };
    let first = reader.fills(&filter).unwrap();
    let names = |fills: &[crate::StoredFill]| {
        fills
            .iter()
            .map(|fill| fill.execution.execution_id.to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&first), ["e4", "e3", "e2"]);
    assert_eq!(
        first.first().unwrap().execution.quantity.to_string(),
        "0.01"
    );
    assert_eq!(first.first().unwrap().execution.raw, "{\"execId\":\"e4\"}");
    let rest = reader
        .fills(&crate::FillFilter {
            before_id: first.last().map(|fill| fill.id),
            ..filter.clone()
        })
        .unwrap();
    assert_eq!(names(&rest), ["e1", "e0"]);
    let between = crate::FillFilter {
        from: Some(at(1)),
        to: Some(at(3)),
        limit: 9,
        ..filter
    };
    assert_eq!(names(&reader.fills(&between).unwrap()), ["e2", "e1"]);
}
