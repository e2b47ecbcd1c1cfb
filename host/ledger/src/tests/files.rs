//! Opening: what is refused, with which sentence, and that it is left as it is.

use super::{Bench, fill, rows, runtime};
use crate::{Ledger, LedgerError, Reader};
use fillsync_core::execution::Side;
use std::path::Path;

#[test]
fn sqlite_is_new_enough_not_to_corrupt_a_wal() {
    assert!(
        rusqlite::version_number() >= 3_051_003,
        "{}",
        rusqlite::version()
    );
}

#[test]
fn the_settings_that_are_promised_are_set() {
    let bench = Bench::new();
    let settings = runtime()
        .block_on(bench.ledger.writer().submit(|desk| {
            [
                "journal_mode",
                "synchronous",
                "foreign_keys",
                "trusted_schema",
                "cell_size_check",
                "mmap_size",
            ]
            .into_iter()
            .map(|name| {
                let value = desk
                    .connection
                    .query_row(&format!("PRAGMA {name}"), [], |row| {
                        row.get::<_, rusqlite::types::Value>(0)
                    })?;
                Ok(format!("{name}={value:?}"))
            })
            .collect::<Result<Vec<_>, LedgerError>>()
        }))
        .unwrap();
    assert_eq!(
        settings,
        [
            "journal_mode=Text(\"wal\")",
            "synchronous=Integer(2)",
            "foreign_keys=Integer(1)",
            "trusted_schema=Integer(0)",
            "cell_size_check=Integer(1)",
            "mmap_size=Integer(0)"
        ]
    );
}

#[test]
fn a_second_daemon_is_refused_while_readers_are_not() {
    let bench = Bench::new();
    let Err(error) = Ledger::open(bench.path()) else {
        panic!("two daemons on one ledger")
    };
    assert!(matches!(error, LedgerError::Locked { .. }));
    assert!(error.to_string().contains("stop that one"));
    assert_eq!(bench.reader().status().unwrap().schema, crate::open::SCHEMA);
    let Bench { folder, ledger } = bench;
    runtime().block_on(ledger.close());
    drop(Ledger::open(folder.path().join("fillsync.db")).unwrap());
}

fn refused(path: &Path) -> LedgerError {
    let before = std::fs::read(path).unwrap();
    let error = Ledger::open(path).expect_err("it was opened");
    assert_eq!(std::fs::read(path).unwrap(), before, "the file was changed");
    assert!(Reader::open(path).is_err());
    error
}

#[test]
fn files_that_are_no_ledger_of_ours_are_left_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let garbage = folder.path().join("garbage.db");
    std::fs::write(
        &garbage,
        "not a database, but long enough to be looked at\n".repeat(40),
    )
    .unwrap();
    let error = refused(&garbage);
    assert!(matches!(error, LedgerError::Damaged { .. }), "{error}");
    assert!(error.to_string().contains("restore a backup"));

    let foreign = folder.path().join("foreign.db");
    rusqlite::Connection::open(&foreign)
        .unwrap()
        .execute_batch("CREATE TABLE bookmarks (url TEXT)")
        .unwrap();
    assert!(matches!(refused(&foreign), LedgerError::Foreign { .. }));

    let newer = folder.path().join("newer.db");
    rusqlite::Connection::open(&newer)
        .unwrap()
        .execute_batch(
            "PRAGMA application_id = 0x66696c73; PRAGMA user_version = 99; CREATE TABLE future (x)",
        )
        .unwrap();
    let error = refused(&newer);
    assert_eq!(
        error,
        LedgerError::Newer {
            path: newer.display().to_string(),
            found: 99,
            known: crate::open::SCHEMA
        }
    );
    assert!(error.to_string().contains("install the newer fillsync"));

    let nowhere = folder.path().join("no/such/folder/fillsync.db");
    assert!(matches!(
        Ledger::open(&nowhere),
        Err(LedgerError::Unusable { .. })
    ));
    assert!(matches!(
        Reader::open(folder.path().join("none.db")),
        Err(LedgerError::Missing { .. })
    ));
}

#[test]
fn facts_cannot_be_rewritten_even_by_hand() {
    let bench = Bench::new();
    runtime()
        .block_on(
            bench
                .ledger
                .record(rows(vec![fill("e1", "o1", Side::Buy, "1", 1)])),
        )
        .unwrap();
    let by_hand = rusqlite::Connection::open(bench.path()).unwrap();
    assert!(
        by_hand
            .execute("UPDATE execution SET quantity = '9'", [])
            .is_err()
    );
    assert!(by_hand.execute("DELETE FROM execution", []).is_err());
    let line: String = by_hand
        .query_row(
            "SELECT timestamp || ' ' || symbol || ' ' || exec_id FROM fills",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(line, "2023-11-14T22:13:21.000000Z GTCUSDT e1");
}

#[test]
fn a_self_check_finds_what_was_changed_by_hand() {
    let bench = Bench::new();
    runtime()
        .block_on(bench.ledger.record(rows(vec![
            fill("e1", "o1", Side::Buy, "2", 1),
            fill("e2", "o1", Side::Sell, "1", 2),
        ])))
        .unwrap();
    assert_eq!(bench.reader().self_check().unwrap().findings.len(), 0);
    let by_hand = rusqlite::Connection::open(bench.path()).unwrap();
    by_hand.execute_batch("UPDATE cycle SET realised = '77'; UPDATE execution SET entry_cycle = 5 WHERE execution_id = 'e1'; UPDATE tally SET value = 9 WHERE name = 'fills'").unwrap();
    let findings = bench.reader().self_check().unwrap().findings;
    assert_eq!(findings.len(), 3, "{findings:?}");
}

#[test]
fn a_backup_is_a_whole_ledger() {
    let bench = Bench::new();
    runtime().block_on(async {
        bench
            .ledger
            .record(rows(vec![fill("e1", "o1", Side::Buy, "1", 1)]))
            .await
            .unwrap();
        let copy = bench.folder.path().join("backup.db");
        bench.ledger.backup_into(copy.clone()).await.unwrap();
        assert_eq!(super::dump(&copy), bench.dump());
        assert!(bench.ledger.backup_into(copy.clone()).await.is_err());
        drop(Ledger::open(copy).unwrap());
    });
}
