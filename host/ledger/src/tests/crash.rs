//! A request that is cut off anywhere leaves nothing; an I/O error stops all writing.

use super::{Bench, account, at, fill, linear, order, page, positions, proven, rows, runtime};
use crate::facts::PageRecord;
use crate::{AlertRow, Ledger, LedgerError};
use fillsync_core::execution::Side;
use fillsync_core::order::Lane;
use fillsync_core::port::UnreadableRow;
use rusqlite::ffi;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Everything that a page can have, on top of rows that make it refold.
fn full_page() -> PageRecord {
    PageRecord {
        executions: vec![
            fill("late", "o1", Side::Sell, "1", 2),
            fill("e2", "o2", Side::Buy, "1", 50),
            fill("e3", "unknown", Side::Sell, "3", 51),
        ],
        orders: vec![
            order("o1", Side::Sell, Lane::Short, 0),
            order("o2", Side::Buy, Lane::OneWay, 0),
        ],
        unreadable: vec![UnreadableRow {
            raw: "{}".to_owned(),
            reason: "execId".to_owned(),
        }],
        proven: proven(0, 60),
        orders_checked: Some(at(60)),
        positions: positions(90, &[("GTCUSDT", Lane::OneWay, "4")]),
        ..page()
    }
}

/// The writer stops once when this many steps of SQLite have passed; 0 is never.
async fn cut_off_when_zero(ledger: &Ledger) -> Arc<AtomicU64> {
    let left = Arc::new(AtomicU64::new(0));
    let handler = {
        let left = Arc::clone(&left);
        move || left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)) == Ok(1)
    };
    ledger
        .writer()
        .submit(move |desk| Ok(desk.connection.progress_handler(1, Some(handler))?))
        .await
        .unwrap();
    left
}

fn first_page() -> PageRecord {
    rows(
        (0..8)
            .map(|n| fill(&format!("b{n}"), "o1", Side::Buy, "1", n * 3))
            .collect(),
    )
}

/// What both pages make when nothing happens.
async fn whole() -> String {
    let bench = Bench::new();
    bench.ledger.record(first_page()).await.unwrap();
    bench.ledger.record(full_page()).await.unwrap();
    bench.dump()
}

#[test]
fn a_page_that_is_cut_off_at_any_step_leaves_nothing_and_can_come_again() {
    let bench = Bench::new();
    runtime().block_on(async {
        let ledger = &bench.ledger;
        ledger.record(first_page()).await.unwrap();
        let before = bench.dump();
        let whole = whole().await;
        let left = cut_off_when_zero(ledger).await;
        let mut cut = 0u32;
        for step in 0..10_000u64 {
            let steps = 1 + step * 13;
            left.store(steps, Relaxed);
            let outcome = ledger.record(full_page()).await;
            left.store(0, Relaxed);
            if outcome.is_ok() {
                break;
            }
            cut += 1;
            let found = bench.dump();
            // Cut off behind the commit itself, all of it is there although the answer is an error.
            assert!(
                found == before || found == whole,
                "cut off after {steps} steps, a part was left"
            );
            if found == whole {
                break;
            }
        }
        assert!(cut > 100, "only {cut} places were tried");
        assert_eq!(
            bench.reader().self_check().unwrap().findings,
            Vec::<String>::new()
        );
        assert_ne!(bench.dump(), before);
        let again = ledger.record(full_page()).await.unwrap();
        assert_eq!((again.new.len(), again.known, again.quarantined), (0, 3, 0));
    });
}

#[test]
fn after_an_io_error_at_commit_nothing_is_written_until_it_is_opened_anew() {
    let bench = Bench::new();
    let path = bench.path();
    let Bench { folder, ledger } = bench;
    runtime().block_on(async {
        ledger
            .record(rows(vec![fill("e1", "o1", Side::Buy, "1", 1)]))
            .await
            .unwrap();
        ledger
            .writer()
            .submit(|desk| {
                desk.commit = |_| {
                    Err(rusqlite::Error::SqliteFailure(
                        ffi::Error::new(ffi::SQLITE_IOERR_FSYNC),
                        Some("fsync".to_owned()),
                    ))
                };
                Ok(())
            })
            .await
            .unwrap_err();
        for _ in 0..2 {
            let refused = ledger
                .record(rows(vec![fill("e2", "o1", Side::Buy, "1", 2)]))
                .await;
            assert!(matches!(refused, Err(LedgerError::Poisoned { .. })));
        }
        assert!(ledger.poisoned().is_some());
        // Reading goes on.
        assert_eq!(
            ledger
                .read(|reader| reader.status())
                .await
                .unwrap()
                .accounts
                .len(),
            1
        );
        ledger.close().await;
        assert!(folder.path().join("fillsync.db.check").exists());
        let ledger = Ledger::open(&path).unwrap();
        assert!(!folder.path().join("fillsync.db.check").exists());
        let recorded = ledger
            .record(rows(vec![fill("e2", "o1", Side::Buy, "1", 2)]))
            .await
            .unwrap();
        assert_eq!(recorded.new.len(), 1);
    });
}

#[test]
fn a_full_disk_is_no_poison_and_the_same_page_goes_in_when_there_is_room() {
    let bench = Bench::new();
    runtime().block_on(async {
        let ledger = &bench.ledger;
        let limit = |pages: i64| {
            ledger.writer().submit(move |desk| {
                Ok(desk.connection.query_row(
                    &format!("PRAGMA max_page_count = {pages}"),
                    [],
                    |_| Ok(()),
                )?)
            })
        };
        limit(1).await.unwrap();
        let mut big = rows(
            (0..500)
                .map(|n| fill(&format!("e{n}"), "o1", Side::Buy, "1", n))
                .collect(),
        );
        big.proven = proven(0, 500);
        assert_eq!(ledger.record(big.clone()).await, Err(LedgerError::Full));
        assert!(LedgerError::Full.is_passing() && ledger.poisoned().is_none());
        assert!(
            bench
                .reader()
                .coverage(&account("main"))
                .unwrap()
                .is_empty()
        );
        limit(1_000_000).await.unwrap();
        let recorded = ledger.record(big).await.unwrap();
        assert_eq!(
            (recorded.new.len(), recorded.coverage_to),
            (500, Some(at(500)))
        );
    });
}

#[test]
fn what_was_answered_is_there_after_the_process_is_gone() {
    // The files as another process would find them at the moment of the answer, without any closing.
    let bench = Bench::new();
    runtime().block_on(async {
        let alert: Vec<AlertRow> = Vec::new();
        bench.ledger.raise(alert, super::SEEN).await.unwrap();
        for n in 0..5 {
            bench
                .ledger
                .record(PageRecord {
                    executions: vec![fill(&format!("e{n}"), "o1", Side::Buy, "1", n)],
                    proven: proven(0, n + 1),
                    ..page()
                })
                .await
                .unwrap();
            let copy = tempfile::tempdir().unwrap();
            for name in ["fillsync.db", "fillsync.db-wal"] {
                std::fs::copy(bench.folder.path().join(name), copy.path().join(name)).unwrap();
            }
            let found = Ledger::open(copy.path().join("fillsync.db")).unwrap();
            let coverage = found
                .read(|reader| reader.coverage(&account("main")))
                .await
                .unwrap();
            assert_eq!(coverage.get(&linear()).unwrap().to(), Some(at(n + 1)));
            assert_eq!(super::dump(found.path()), bench.dump());
        }
    });
}
