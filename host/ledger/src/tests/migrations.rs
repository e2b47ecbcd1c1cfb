//! Bringing a ledger of an older schema up: nothing of it is lost, and it is as one that was always new.

use super::{Bench, account, at, fill, linear, order, rows, runtime};
use crate::{Ledger, LedgerError, Reader};
use fillsync_core::execution::Side;
use fillsync_core::order::{Lane, OrderStatus};
use std::path::Path;

/// Makes a ledger as the first schema left it: the tables that it had, without what came later. What it
/// lacked is taken from a new ledger's rows by the columns of its own.
fn as_first_schema(new: &Path, old: &Path) {
    let connection = rusqlite::Connection::open(old).unwrap();
    connection
        .execute_batch(&format!(
            "{}
             PRAGMA application_id = 0x66696c73;
             PRAGMA user_version = 1;
             ATTACH '{}' AS new;",
            include_str!("../../schema/0001_ledger.sql"),
            new.display()
        ))
        .unwrap();
    let mut statement = connection
        .prepare(
            "SELECT name FROM main.sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'",
        )
        .unwrap();
    let tables: Vec<String> = statement
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    for table in tables {
        let columns: Vec<String> = connection
            .prepare(&format!("SELECT name FROM pragma_table_info('{table}')"))
            .unwrap()
            .query_map([], |row| row.get(0))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        let columns = columns.join(", ");
        connection
            .execute_batch(&format!(
                "INSERT INTO main.{table} ({columns}) SELECT {columns} FROM new.{table}"
            ))
            .unwrap();
    }
}

fn history() -> crate::PageRecord {
    let mut record = rows(vec![
        fill("e1", "o1", Side::Buy, "2", 10),
        fill("e2", "o2", Side::Sell, "2", 20),
        fill("e3", "o1", Side::Buy, "1", 30),
    ]);
    record.orders = ["o1", "o2", "o3"]
        .into_iter()
        .map(|name| {
            let mut known = order(name, Side::Buy, Lane::OneWay, 0);
            known.filled_quantity = super::quantity("3");
            known.status = OrderStatus::Filled;
            known
        })
        .collect();
    record.proven = super::proven(0, 40);
    record.gap = super::gap(50, 60);
    record
}

#[test]
fn a_ledger_of_the_first_schema_is_brought_up_with_its_data() {
    let bench = Bench::new();
    runtime().block_on(bench.ledger.record(history())).unwrap();
    let expected = bench.dump();
    let path = bench.path();
    let old = bench.folder.path().join("old.db");
    runtime().block_on(bench.ledger.close());
    as_first_schema(&path, &old);

    // Who only reads does not change it, and says who will.
    let error = Reader::open(&old).unwrap_err();
    assert!(
        matches!(
            error,
            LedgerError::Older {
                found: 1,
                known: crate::open::SCHEMA,
                ..
            }
        ),
        "{error}"
    );
    assert!(error.to_string().contains("start `fillsync run` once"));

    let ledger = Ledger::open(&old).unwrap();
    let reader = Reader::open(&old).unwrap();
    assert_eq!(reader.status().unwrap().schema, crate::open::SCHEMA);
    assert_eq!(reader.self_check().unwrap().findings, Vec::<String>::new());
    assert_eq!(super::dump(&old), expected);
    // Every cycle that was there is told to whoever sums them.
    let told = reader.cycle_changes(0).unwrap().changes;
    assert_eq!(told.len(), 2);
    assert!(told.iter().all(|change| change.now.is_some()));
    // Orders that were ahead of their rows all along are known to be.
    let ahead: Vec<_> = reader
        .orders_ahead(&account("main"), &linear())
        .unwrap()
        .into_iter()
        .map(|one| (one.order_id.to_string(), one.shown_quantity))
        .collect();
    assert_eq!(
        ahead,
        [
            ("o2".to_owned(), super::quantity("2")),
            ("o3".to_owned(), super::quantity("0"))
        ]
    );
    // And it goes on like any other.
    let known = runtime().block_on(ledger.record(history())).unwrap();
    assert_eq!((known.new.len(), known.known), (0, 3));
    let people: i64 = rusqlite::Connection::open(&old)
        .unwrap()
        .query_row("SELECT count(*) FROM fills", [], |row| row.get(0))
        .unwrap();
    assert_eq!(people, 3);
    assert_eq!(reader.gaps(None).unwrap().len(), 1);
    assert_eq!(
        reader
            .proofs(None)
            .unwrap()
            .first()
            .unwrap()
            .complete
            .unwrap()
            .to,
        at(40)
    );
}

#[test]
fn a_migration_that_fails_leaves_the_old_ledger_as_it_was() {
    let bench = Bench::new();
    runtime().block_on(bench.ledger.record(history())).unwrap();
    let path = bench.path();
    let old = bench.folder.path().join("old.db");
    runtime().block_on(bench.ledger.close());
    as_first_schema(&path, &old);
    // Somebody's own table stands where one of ours is to be.
    rusqlite::Connection::open(&old)
        .unwrap()
        .execute_batch("CREATE TABLE order_ahead (mine TEXT)")
        .unwrap();
    assert!(Ledger::open(&old).is_err());
    let connection = rusqlite::Connection::open(&old).unwrap();
    let number = |sql: &str| -> i64 { connection.query_row(sql, [], |row| row.get(0)).unwrap() };
    assert_eq!(number("PRAGMA user_version"), 1);
    assert_eq!(
        number("SELECT count(*) FROM pragma_table_info('execution') WHERE name = 'relation'"),
        0
    );
    assert_eq!(number("SELECT count(*) FROM fills"), 3);
}

/// A ledger as the third schema left it, with messages in every state that it knew.
#[test]
fn messages_of_the_third_schema_keep_their_state_and_their_place() {
    let bench = Bench::new();
    let (path, old) = (bench.path(), bench.folder.path().join("old.db"));
    runtime().block_on(bench.ledger.close());
    as_first_schema(&path, &old);
    let states = ["pending", "sent", "dead", "superseded"];
    let connection = rusqlite::Connection::open(&old).unwrap();
    for (number, state) in (1..).zip(states) {
        connection
            .execute_batch(&format!(
                "INSERT INTO alert (id, identity, revision, kind, severity, at, json, state, created_at)
                     VALUES ({number}, 'a{number}', 0, 'system', 'info', 1, '{{}}', 'queued', 5);
                 INSERT INTO outbox (id, alert, identity, revision, channel, state, attempts, next_at, message_id,
                         last_error, created_at, finished_at)
                     VALUES ({number}, {number}, 'a{number}', 0, 'ops', '{state}', 2, 9, 'm{number}', 'why', 5,
                         nullif(6, 6 * ('{state}' = 'pending')));
                 INSERT INTO tally (name, scope, value) VALUES ('alerts', '', 1)
                     ON CONFLICT (name, scope) DO UPDATE SET value = value + 1;"
            ))
            .unwrap();
    }
    connection
        .execute_batch(
            "INSERT INTO tally (name, scope, value) VALUES ('messages_sent', '', 1), ('messages_dead', '', 1)",
        )
        .unwrap();
    drop(connection);
    drop(Ledger::open(&old).unwrap());
    let reader = Reader::open(&old).unwrap();
    assert_eq!(reader.self_check().unwrap().findings, Vec::<String>::new());
    let connection = rusqlite::Connection::open(&old).unwrap();
    let kept: Vec<(String, i64, String, i64, Option<i64>)> = connection
        .prepare("SELECT state, attempts, message_id, queued_at, digest FROM outbox ORDER BY id")
        .unwrap()
        .query_map([], |row| {
            Ok((
                row.get(0)?,
                row.get(1)?,
                row.get(2)?,
                row.get(3)?,
                row.get(4)?,
            ))
        })
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let wanted: Vec<_> = (1..)
        .zip(states)
        .map(|(number, state)| (state.to_owned(), 2, format!("m{number}"), 5, None))
        .collect();
    assert_eq!(kept, wanted);
    // What was sent stays sent, also after the table was made anew.
    assert!(
        connection
            .execute(
                "UPDATE outbox SET state = 'pending' WHERE state = 'sent'",
                []
            )
            .is_err()
    );
}
