//! Foreign files: what is read of them, and everything that is said of what cannot be.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::{ImportError, ImportFormat, ImportSettings, Staged, WrongLine};
use fillsync_core::amount::Quantity;
use fillsync_core::execution::{Execution, Relation, Source};
use fillsync_core::id::{AccountName, Category};
use fillsync_core::time::HostTime;
use rusqlite::Connection;
use std::path::PathBuf;
use tempfile::TempDir;

const HEADER: &str = "timestamp,symbol,side,quantity,price,order_id,exec_id\n";

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn csv(&self, text: &str) -> PathBuf {
        let path = self.0.path().join("fills.csv");
        std::fs::write(&path, text).unwrap();
        path
    }

    /// A database as the second seed's bot makes it, with some rows.
    fn seed(&self, rows: &str) -> PathBuf {
        let path = self.0.path().join("bot.db");
        let connection = Connection::open(&path).unwrap();
        connection
            .execute_batch(&format!(
                "CREATE TABLE fills (exec_id VARCHAR NOT NULL PRIMARY KEY, symbol VARCHAR NOT NULL, side VARCHAR NOT NULL,
                     qty FLOAT NOT NULL, price FLOAT NOT NULL, order_id INTEGER NOT NULL, ts DATETIME);
                 {rows}"
            ))
            .unwrap();
        path
    }
}

fn settings(categories: &[&str]) -> ImportSettings {
    ImportSettings {
        account: AccountName::new("bot").unwrap(),
        categories: categories
            .iter()
            .map(|category| Category::new(category).unwrap())
            .collect(),
        now: HostTime::parse("2026-01-01T00:00:00Z").unwrap(),
    }
}

fn all(mut staged: Staged) -> Vec<Execution> {
    let mut rows = Vec::new();
    loop {
        let batch = staged.next_batch().unwrap();
        if batch.is_empty() {
            return rows;
        }
        assert!(batch.iter().all(|row| row.market == batch[0].market));
        rows.extend(batch);
    }
}

fn csv(text: &str) -> Result<Staged, ImportError> {
    let folder = Folder::new();
    Staged::read(&folder.csv(text), ImportFormat::Csv, &settings(&["fills"]))
}

fn wrong(outcome: Result<Staged, ImportError>) -> Vec<WrongLine> {
    match outcome {
        Err(ImportError::Wrong { lines, more: 0, .. }) => lines,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_row_of_the_seed_is_the_sum_of_an_order_with_the_digits_that_the_bot_had() {
    let folder = Folder::new();
    let path = folder.seed(
        "INSERT INTO fills VALUES
           ('b0a1-2c', 'SHIB/USD', 'BUY', 81234567.125, 0.00001234, 'b0a1-2c', '2025-11-02 14:30:05.123456'),
           ('77', 'BTC/USD', 'SELL', 0.1, 64123.5, 77, '2025-11-02 14:30:06'),
           ('0001f.01', 'AAPL', 'BOT', 3, 231.4, 12, '2025-11-01 10:00:00.000001');",
    );
    assert_eq!(ImportFormat::of(&path).unwrap(), ImportFormat::Seed);
    let staged = Staged::read(&path, ImportFormat::Seed, &settings(&["fills"])).unwrap();
    assert_eq!((staged.rows(), staged.repeated()), (3, 0));
    let spans = staged.spans().unwrap();
    assert_eq!(
        (spans[2].symbol.as_str(), spans[2].rows, spans[2].sums),
        ("SHIB/USD", 1, 1)
    );
    let rows = all(staged);
    let [apple, bitcoin, shib] = rows.as_slice() else {
        panic!("{rows:?}")
    };
    assert_eq!(shib.quantity.to_string(), "81234567.125");
    assert_eq!(shib.price.to_string(), "0.00001234");
    assert_eq!(shib.executed_at.to_string(), "2025-11-02T14:30:05.123456Z");
    assert_eq!(
        shib.execution_id.as_str(),
        "inferred:b0a1-2c:0-81234567.125"
    );
    let to = Quantity::parse("81234567.125").unwrap();
    let from = Quantity::ZERO;
    assert_eq!(shib.relation, Relation::StandsIn { from, to });
    assert_eq!(shib.source, Source::Import);
    assert!(shib.raw.contains("0.00001234"), "{}", shib.raw);
    // 0.1 is no binary number; its shortest decimal is what the bot was given.
    assert_eq!(bitcoin.quantity.to_string(), "0.1");
    assert_eq!(bitcoin.execution_id.as_str(), "inferred:77:0-0.1");
    // An id of its own makes it a fact of its own.
    assert_eq!(apple.execution_id.as_str(), "0001f.01");
    assert_eq!(apple.relation, Relation::Own);
}

#[test]
fn a_csv_of_our_own_fills_comes_back_as_it_was() {
    let staged = csv(
        "\u{feff}Timestamp,Account,symbol,side,quantity,price,Order ID,execId,fee,fee_currency,order_type,is_maker,id,effect\n\
         2025-11-02T14:30:05.123456Z,bot,GTCUSDT,SELL,150,0.2215,o-1,e-1,0.01,USDT,limit,true,7,entry\n\
         2025-11-02T16:30:05+02:00,bot,GTCUSDT,buy,150,0.21,o-2,e-2,,,,,8,exit\n",
    )
    .unwrap();
    assert_eq!(staged.ignored_columns(), ["id", "effect"]);
    let rows = all(staged);
    // The oldest first, whatever the file's order: the second is 123456 µs earlier.
    assert_eq!(rows[0].execution_id.as_str(), "e-2");
    assert_eq!(
        rows[0].executed_at.to_string(),
        "2025-11-02T14:30:05.000000Z"
    );
    let fee = rows[1].fee.as_ref().unwrap();
    assert_eq!(
        (
            fee.amount.to_string(),
            fee.currency.as_ref().unwrap().as_str()
        ),
        ("0.01".to_owned(), "USDT")
    );
    assert_eq!(rows[1].is_maker, Some(true));
    assert_eq!(rows[1].relation, Relation::Own);
}

#[test]
fn every_wrong_line_is_told_at_once_with_its_number() {
    let lines = wrong(csv(&format!(
        "{HEADER}\
         2025-11-02T14:30:05Z,A,BUY,1,2,o-1,e-1\n\
         2025-11-02 14:30:05,A,BUY,1,2,o-2,e-2\n\
         2025-11-02T14:30:05Z,A,HOLD,-1,zero,o-3,e-3\n\
         2025-11-02T14:30:05Z,,BUY,1,2,,\n\
         2025-11-02T14:30:05Z,A,BUY,1,2\n\
         2031-11-02T14:30:05Z,A,BUY,1,2,o-6,e-6\n\
         2025-11-02T14:30:05Z,A,BUY,1,0,o-7,e-7\n\
         2025-11-02T14:30:05Z,A,BUY,2,2,o-1,e-1\n"
    )));
    let told: Vec<String> = lines
        .iter()
        .map(|wrong| format!("{}: {}", wrong.line, wrong.what))
        .collect();
    let expected = [
        (3, vec!["timestamp", "RFC 3339"]),
        (4, vec!["HOLD", "\"-1\"", "zero"]),
        (5, vec!["symbol is empty", "neither order_id nor exec_id"]),
        (6, vec!["5 fields"]),
        (7, vec!["2031"]),
        (8, vec!["price", "\"0\""]),
        (9, vec!["e-1", "line 2"]),
    ];
    assert_eq!(told.len(), expected.len(), "{told:#?}");
    for ((line, words), told) in expected.iter().zip(&told) {
        assert!(told.starts_with(&format!("{line}: ")), "{told}");
        for word in words {
            assert!(told.contains(word), "{word:?} is not in {told}");
        }
    }
}

#[test]
fn the_same_row_twice_is_one_and_two_sums_of_an_order_contradict_each_other() {
    let row = "2025-11-02T14:30:05Z,A,BUY,1,2,o-1,\n";
    let staged = csv(&format!("{HEADER}{row}{row}")).unwrap();
    assert_eq!((staged.rows(), staged.repeated()), (1, 1));
    let lines = wrong(csv(&format!(
        "{HEADER}{row}2025-11-02T14:30:06Z,A,BUY,3,2,o-1,o-1\n"
    )));
    assert_eq!(lines[0].line, 3);
    assert!(
        lines[0].what.contains("o-1") && lines[0].what.contains("line 2"),
        "{lines:?}"
    );
}

#[test]
fn a_category_is_never_guessed() {
    let folder = Folder::new();
    let row = "2025-11-02T14:30:05Z,BTCUSDT,BUY,1,2,o-1,e-1";
    let two = settings(&["linear", "spot"]);
    let path = folder.csv(&format!("{HEADER}{row}\n"));
    let lines = wrong(Staged::read(&path, ImportFormat::Csv, &two));
    assert!(lines[0].what.contains("linear, spot"), "{lines:?}");
    let header = HEADER.trim_end();
    let path = folder.csv(&format!("{header},category\n{row},spot\n{row},option\n"));
    let lines = wrong(Staged::read(&path, ImportFormat::Csv, &two));
    assert!(
        lines.len() == 1 && lines[0].what.contains("\"option\""),
        "{lines:?}"
    );
    // The same ids in two categories are two rows.
    let path = folder.csv(&format!("{header},category\n{row},spot\n{row},linear\n"));
    let rows = all(Staged::read(&path, ImportFormat::Csv, &two).unwrap());
    let categories: Vec<&str> = rows
        .iter()
        .map(|row| row.market.category.as_str())
        .collect();
    assert_eq!(categories, ["linear", "spot"]);
}

#[test]
fn a_file_that_is_something_else_says_what_is_missing() {
    let shape = |outcome: Result<Staged, ImportError>| match outcome {
        Err(error @ (ImportError::Shape { .. } | ImportError::Unreadable { .. })) => {
            error.to_string()
        }
        other => panic!("{other:?}"),
    };
    assert!(
        shape(csv("when,what\n1,2\n"))
            .contains("timestamp, symbol, side, quantity, price, order_id or exec_id")
    );
    assert!(shape(csv("ts,symbol,side,qty,quantity,price,order_id\n")).contains("quantity"));
    let folder = Folder::new();
    let path = folder.0.path().join("other.db");
    Connection::open(&path)
        .unwrap()
        .execute_batch("CREATE TABLE a (b)")
        .unwrap();
    let settings = settings(&["fills"]);
    assert!(shape(Staged::read(&path, ImportFormat::Seed, &settings)).contains("no table `fills`"));
    std::fs::write(&path, "no database at all, but long enough to be looked at").unwrap();
    assert!(shape(Staged::read(&path, ImportFormat::Seed, &settings)).contains("other.db"));
    let none = folder.0.path().join("none.db");
    assert!(shape(Staged::read(&none, ImportFormat::Seed, &settings)).contains("none.db"));
    assert!(matches!(
        ImportFormat::of(&none),
        Err(ImportError::Unreadable { .. })
    ));
}

#[test]
fn a_long_file_comes_in_batches_the_oldest_first() {
    let mut text = HEADER.to_owned();
    let count = super::BATCH_ROWS_MAX * 2 + 10;
    // The newest first, as our own `/fills` lists them, and three rows of each moment.
    for number in (0..count).rev() {
        let (minute, second) = (number / 3 / 60, number / 3 % 60);
        text.push_str(&format!(
            "2025-11-02T{:02}:{:02}:{second:02}Z,S{},BUY,1,2,o-{number},e-{number}\n",
            minute / 60,
            minute % 60,
            number % 2,
        ));
    }
    let rows = all(csv(&text).unwrap());
    assert_eq!(rows.len(), count);
    for pair in rows.windows(2) {
        let place = |row: &Execution| (row.market.symbol.clone(), row.executed_at);
        assert!(place(&pair[0]) <= place(&pair[1]));
    }
}
