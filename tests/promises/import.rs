//! Import: the records of another program become facts of an account, once, and nobody is alarmed.

use crate::rig::{PRICES, Rig, SYMBOL, eventually, so};
use fillsync_core::time::VenueTime;
use fillsync_fake::{Fill, NewOrder, Side};
use rusqlite::Connection;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::Output;

const HEADER: &str = "timestamp,symbol,side,quantity,price,order_id,exec_id,order_type";

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn json_of(output: &Output) -> Value {
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn csv(rig: &Rig, rows: &[String]) -> String {
    let path = rig.folder.path().join("old.csv");
    std::fs::write(&path, format!("{HEADER}\n{}\n", rows.join("\n"))).unwrap();
    path.display().to_string()
}

/// A database as the second seed's bot makes it.
fn seed(rig: &Rig, rows: &str) -> String {
    let path: PathBuf = rig.folder.path().join("bot.db");
    let connection = Connection::open(&path).unwrap();
    connection
        .execute_batch(&format!(
            "CREATE TABLE fills (exec_id VARCHAR NOT NULL PRIMARY KEY, symbol VARCHAR NOT NULL, side VARCHAR NOT NULL,
                 qty FLOAT NOT NULL, price FLOAT NOT NULL, order_id INTEGER NOT NULL, ts DATETIME);
             INSERT INTO fills VALUES {rows};"
        ))
        .unwrap();
    path.display().to_string()
}

fn at(ms: i64) -> String {
    VenueTime::from_ms(ms).to_string()
}

/// A row of a limit order.
fn row(ms: i64, symbol: &str, side: &str, price: &str, order: &str, execution: &str) -> String {
    format!(
        "{},{symbol},{side},150,{price},{order},{execution},limit",
        at(ms)
    )
}

#[test]
fn imported_rows_cause_no_alert_however_young_and_what_comes_after_them_does() {
    // The fills are the venue's own, exported by another program: the venue shows them as well. Without
    // the import the daemon would tell of every one of them.
    let rig = Rig::new();
    let now = rig.now_ms();
    let (entry, exit) = (rig.place_in("ARBUSDT", "main", 1), rig.place("main", 1));
    let traded = rig.fill_at(&entry, Some(now - 30_000));
    let first = rig.fill_at(&exit, Some(now - 20_000));
    let mut rows = vec![
        row(now - 30_000, "ARBUSDT", "SELL", PRICES[0], &entry, &traded),
        row(now - 20_000, SYMBOL, "SELL", PRICES[0], &exit, &first),
    ];
    // Older than anything that is polled: a trade of last month, from flat to flat.
    let month = 30 * 24 * 3_600_000;
    rows.push(row(now - month, "OPUSDT", "BUY", "1.5", "old-1", "old-e1"));
    rows.push(row(
        now - month + 60_000,
        "OPUSDT",
        "SELL",
        "1.75",
        "old-2",
        "old-e2",
    ));
    let file = csv(&rig, &rows);
    let answer = json_of(&rig.run(&["import", &file, "--account", "main", "--json"]));
    assert_eq!(answer["new"], 4, "{answer:#}");
    assert_eq!(
        answer["after"],
        json!({"trades": 1, "pnl": 37.5, "incomplete_cycles": 0})
    );

    // The mirror's orders of the same plan still work: it differs, in truth.
    for slot in [1, 2] {
        rig.place("mirror", slot);
    }
    rig.place_in("ARBUSDT", "mirror", 1);
    let daemon = rig.start_ready();
    daemon.wait_for_counts(SYMBOL, [(1, 1), (0, 1)]);
    // A real fill after it is told, with a count that knows the imported one.
    let second = rig.place("main", 2);
    rig.fill(&second);
    let told = rig.wait_for("fill", 1);
    assert_eq!(told[0].body["alert"]["body"]["slot"], 2, "{told:#?}");
    assert_eq!(
        told[0].body["alert"]["body"]["count"]["detected"], 2,
        "{told:#?}"
    );
    // The mirror's second order, which does not fill, is told when the deadline is past; by then all is decided.
    rig.wait_for("divergence", 1);
    eventually("everything is decided and sent", || {
        let status = daemon.json("/status");
        so(
            status["markets_undecided"] == 0 && status["outbox"]["pending"] == 0,
            status,
        )
    });
    let identities: Vec<String> = rig
        .messages()
        .into_iter()
        .map(|message| {
            format!(
                "{} slot {}",
                message.kind, message.body["alert"]["body"]["slot"]
            )
        })
        .collect();
    assert!(
        identities.iter().all(|told| told == "fill slot 2"
            || told == "divergence slot 2"
            || told.starts_with("progress")),
        "{identities:#?}"
    );
    assert!(rig.reader().self_check().unwrap().findings.is_empty());
    // And the venue's own sighting of the same rows doubled nothing.
    assert_eq!(daemon.json("/status")["conflicts"].as_u64().unwrap_or(0), 0);
}

#[test]
fn a_dry_run_shows_what_the_import_does_and_changes_nothing() {
    let rig = Rig::new();
    let file = seed(
        &rig,
        "('o-1', 'OPUSDT', 'BUY', 0.3, 1.5, 'o-1', '2025-11-02 14:30:05.123456'),
         ('o-2', 'OPUSDT', 'SELL', 0.3, 1.75, 'o-2', '2025-11-02 15:30:05'),
         ('o-3', 'SHIBUSDT', 'BUY', 81234567.125, 0.00001234, 'o-3', '2025-11-03 15:30:05')",
    );
    let dry: &[&str] = &["import", &file, "--account", "main", "--dry-run", "--json"];
    let wet: &[&str] = &["import", &file, "--account", "main", "--json"];
    let shown = json_of(&rig.run(dry));
    assert!(!rig.database().exists());
    let mut done = json_of(&rig.run(wet));
    assert_eq!(shown["dry_run"], true);
    assert_eq!(
        (&shown["new"], &shown["known"], &shown["sums"]),
        (&json!(3), &json!(0), &json!(3))
    );
    assert_eq!(shown["before"]["trades"], 0);
    assert_eq!(shown["after"]["trades"], 1);
    assert_eq!(shown["after"]["pnl"], 0.075);
    assert_eq!(
        shown["by_symbol"][1],
        json!({"category": "linear", "symbol": "SHIBUSDT", "from": "2025-11-03T15:30:05.000000Z",
            "to": "2025-11-03T15:30:05.000000Z", "rows": 1, "new": 1, "known": 0, "conflicts": 0})
    );
    done["dry_run"] = true.into();
    assert_eq!(shown, done);
    // The digits are those that the bot had, and the second time nothing is new.
    let fills = json_of(&rig.run(&["fills", "--json"]));
    assert_eq!(fills["fills"][0]["quantity"], "81234567.125", "{fills:#}");
    assert_eq!(fills["fills"][0]["price"], "0.00001234", "{fills:#}");
    for _ in 0..2 {
        let again = json_of(&rig.run(wet));
        assert_eq!(
            (&again["new"], &again["known"]),
            (&json!(0), &json!(3)),
            "{again:#}"
        );
        assert_eq!(again["before"], again["after"]);
    }
    let left: Vec<_> = std::fs::read_dir(rig.folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.contains("dry-run"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_file_with_wrong_lines_imports_nothing_and_names_them_all() {
    let rig = Rig::new();
    let now = rig.now_ms();
    let rows = [
        row(now - 5_000, SYMBOL, "SELL", "0.2", "o-1", "e-1"),
        row(now - 4_000, SYMBOL, "HODL", "0.2", "o-2", "e-2"),
        row(now - 3_000, SYMBOL, "SELL", "0.2", "o-3", "e-3"),
        row(now - 2_000, SYMBOL, "BUY", "-0.2", "o-4", "e-4"),
    ];
    let file = csv(&rig, &rows);
    for arguments in [
        &["import", &file, "--account", "main"][..],
        &["import", &file, "--account", "main", "--dry-run"],
    ] {
        let output = rig.run(arguments);
        assert_eq!(output.status.code(), Some(1));
        let said = text(&output.stderr);
        for word in ["old.csv", "2 lines", "line 3", "HODL", "line 5", "-0.2"] {
            assert!(said.contains(word), "no {word}: {said}");
        }
        assert!(output.stdout.is_empty());
    }
    assert!(!rig.database().exists());
    // Called wrongly: what the configuration does not have.
    for arguments in [
        &["import", &file, "--account", "nobody"][..],
        &["import", &file, "--account", "main", "--category", "spot"],
        &["import", &file],
    ] {
        let output = rig.run(arguments);
        assert_eq!(
            output.status.code(),
            Some(2),
            "{arguments:?}: {}",
            text(&output.stderr)
        );
    }
    assert!(
        text(&rig.run(&["import", &file, "--account", "nobody"]).stderr).contains("main, mirror")
    );
}

#[test]
fn while_the_daemon_runs_an_import_is_refused_and_a_dry_run_is_not() {
    let rig = Rig::new();
    let _daemon = rig.start_ready();
    let now = rig.now_ms();
    let file = csv(
        &rig,
        &[row(now - 5_000, SYMBOL, "SELL", "0.2", "o-1", "e-1")],
    );
    let refused = rig.run(&["import", &file, "--account", "main"]);
    assert_eq!(refused.status.code(), Some(1));
    let said = text(&refused.stderr);
    for word in ["fillsync.db", "in use", "stop it", "--dry-run"] {
        assert!(said.contains(word), "no {word}: {said}");
    }
    let answer = json_of(&rig.run(&["import", &file, "--account", "main", "--dry-run", "--json"]));
    assert_eq!(answer["new"], 1);
    assert!(rig.ledger_ids("main").is_empty());
}

#[test]
fn the_venues_own_rows_take_the_place_of_an_imported_sum_and_nothing_doubles() {
    let rig = Rig::new();
    let (book, now) = (rig.bybit.book(), rig.now_ms());
    let ten_minutes = 600_000;
    let order = NewOrder::limit(SYMBOL, Side::Sell, "150", PRICES[0]).at_ms(now - ten_minutes);
    let order = book.place_order("main", order).unwrap();
    for (quantity, at_ms) in [("50", now - 500_000), ("100", now - 400_000)] {
        let fill = Fill::new(quantity, PRICES[0]).at_ms(at_ms).maker();
        book.fill(&order, fill).unwrap();
    }
    // What the bot wrote of it: one row for the order, some time later.
    let ts = at(now - 350_000).replace('T', " ").replace('Z', "");
    let file = seed(
        &rig,
        &format!(
            "('{order}', '{SYMBOL}', 'SELL', 150.0, {}, '{order}', '{ts}')",
            PRICES[0]
        ),
    );
    let wet: &[&str] = &["import", &file, "--account", "main", "--json"];
    assert_eq!(json_of(&rig.run(wet))["new"], 1);
    let inferred = rig.ledger_ids("main");
    assert_eq!(inferred, [format!("inferred:{order}:0-150")]);
    let mut daemon = rig.start_ready();
    rig.wait_for_all_fills();
    daemon.wait_for_counts(SYMBOL, [(1, 1), (0, 1)]);
    assert!(daemon.stop().success());
    assert_eq!(rig.ledger_ids("main").len(), 2);
    let verified = rig.run(&["verify", "--json"]);
    assert_eq!(
        verified.status.code(),
        Some(0),
        "{}",
        text(&verified.stdout)
    );
    // Importing it once more brings back nothing that gave way.
    assert_eq!(json_of(&rig.run(wet))["new"], 0);
    assert_eq!(rig.ledger_ids("main"), rig.venue_ids("main"));
}
