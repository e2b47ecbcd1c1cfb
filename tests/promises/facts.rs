//! Facts: every row of a venue is stored once, exactly, and nothing of it is guessed.

use crate::rig::{PRICES, Rig, SYMBOL, eventually, so};
use fillsync_core::coverage::Window;
use fillsync_core::id::AccountName;
use fillsync_fake::{ExecutionKind, Fault, Fill, Match, NewOrder, NewRow, Side};
use serde_json::{Value, json};

const EXECUTIONS: &str = "/v5/execution/list";

fn fills_of<'a>(answer: &'a Value, account: &str) -> Vec<&'a Value> {
    let rows = answer["fills"].as_array().unwrap();
    rows.iter()
        .filter(|row| row["account"] == account)
        .collect()
}

#[test]
fn law_02_a_row_is_stored_once_for_each_account_and_symbol() {
    // The same execution id on two accounts and on two symbols is three rows; the same row read a
    // hundred times is one; two partial fills of one order are two.
    let rig = Rig::new();
    let daemon = rig.start_ready();
    let book = rig.bybit.book();
    for (account, symbol) in [("main", SYMBOL), ("main", "ARBUSDT"), ("mirror", SYMBOL)] {
        let order = NewOrder::limit(symbol, Side::Sell, "150", "0.2215");
        let order = book.place_order(account, order).unwrap();
        let id = format!("twin-{}", if account == "main" { symbol } else { SYMBOL });
        book.fill(&order, Fill::new("50", "0.2215").id(&id).maker())
            .unwrap();
        book.fill(&order, Fill::new("100", "0.2216")).unwrap();
    }
    rig.wait_for_all_fills();
    let asked = rig.bybit.requests().count(EXECUTIONS);
    let again = eventually("the same windows are read again and again", || {
        let now = rig.bybit.requests().count(EXECUTIONS);
        if now > asked + 10 {
            Ok(now)
        } else {
            Err(now.to_string())
        }
    });
    assert!(again > asked);
    rig.wait_for_all_fills();
    assert_eq!(rig.ledger_ids("main").len(), 4);
    assert_eq!(rig.ledger_ids("mirror").len(), 2);
    assert!(rig.ledger_ids("main").contains(&"twin-GTCUSDT".to_owned()));
    assert!(
        rig.ledger_ids("mirror")
            .contains(&"twin-GTCUSDT".to_owned())
    );
    assert_eq!(daemon.json("/fills?limit=100")["count"], 6);
    assert_eq!(daemon.json("/status")["executions"], 6);
}

#[test]
fn law_01_the_order_of_pages_and_their_number_change_nothing() {
    // Two ledgers of one history: one from its beginning in one go, the other from the middle of
    // things with failures in between. What they answer is the same.
    let rig = Rig::new();
    let now = rig.now_ms();
    fillsync_fake::sample::bybit_history(rig.bybit.book(), "main", now).unwrap();
    rig.edit("lookback = \"1h\"", "lookback = \"19d\"");
    let first = {
        let daemon = rig.start_ready();
        eventually("the whole history is there", || {
            let have = rig.ledger_ids("main").len();
            so(have > 280, have)
        });
        story(&daemon.json("/fills?limit=1000&account=main"))
    };
    for entry in [
        "fillsync.db",
        "fillsync.db-wal",
        "fillsync.db-shm",
        "fillsync.db.lock",
    ] {
        let _ = std::fs::remove_file(rig.folder.path().join(entry));
    }
    let faults = rig.bybit.faults();
    faults.add(
        Match::path(EXECUTIONS).account("main").page(2),
        Fault::CutBody { keep_bytes: 900 },
        3,
    );
    faults.add(
        Match::path(EXECUTIONS).account("main").after(4),
        Fault::Html,
        2,
    );
    let daemon = rig.start_ready();
    let second = eventually("the same history", || {
        let answer = story(&daemon.json("/fills?limit=1000&account=main"));
        if answer.len() == first.len() {
            Ok(answer)
        } else {
            Err(answer.len().to_string())
        }
    });
    // The lookback moved on between the two starts, so a row at its very edge may be in one only.
    assert_eq!(first, second);
}

/// What the ledger says of each fill, without the order of storing and the times of seeing.
fn story(answer: &Value) -> Vec<Value> {
    let mut rows = answer["fills"].as_array().unwrap().clone();
    for row in &mut rows {
        let row = row.as_object_mut().unwrap();
        row.remove("id");
        row.remove("seen_at");
    }
    rows.sort_by_key(ToString::to_string);
    rows
}

#[test]
fn law_09_a_page_that_breaks_leaves_a_gap_that_is_filled_later() {
    let rig = Rig::new();
    let now = rig.now_ms();
    let book = rig.bybit.book();
    // Enough for three pages.
    for number in 0..250 {
        let order =
            NewOrder::limit(SYMBOL, Side::Sell, "1", "0.2215").at_ms(now - 600_000 + number);
        let order = book.place_order("main", order).unwrap();
        book.fill(
            &order,
            Fill::new("1", "0.2215").at_ms(now - 500_000 + number * 10),
        )
        .unwrap();
    }
    rig.bybit.faults().add(
        Match::path(EXECUTIONS).account("main").page(2),
        Fault::CutBody { keep_bytes: 1_000 },
        fillsync_fake::FOREVER,
    );
    let daemon = rig.start();
    let main = AccountName::new("main").unwrap();
    let gap = eventually("the broken window is a known gap", || {
        let gaps = rig
            .reader()
            .gaps(Some(&main))
            .map_err(|error| error.to_string())?;
        gaps.into_iter().next().ok_or_else(|| "no gap".to_owned())
    });
    assert!(
        gap.window.to.ms() - gap.window.from.ms() > 1_000_000,
        "{gap:?}"
    );
    // What came is kept, and nothing is claimed.
    let covered = |daemon: &crate::rig::Daemon| {
        let answer = daemon.json("/accounts");
        let rows = answer["accounts"].as_array().unwrap().clone();
        rows.into_iter()
            .find(|row| row["account"] == "main")
            .unwrap()
    };
    let row = covered(&daemon);
    assert_eq!(row["complete"], false, "{row:#}");
    assert_eq!(
        row["categories"][0]["window_count"].as_u64().unwrap_or(0),
        0,
        "{row:#}"
    );
    assert!(rig.ledger_ids("main").len() < 250);
    assert_eq!(daemon.ask("/ready").0, 503);

    rig.bybit.faults().clear();
    rig.wait_for_all_fills();
    eventually("the coverage has no gap", || {
        let row = covered(&daemon);
        so(row["complete"] == true && row["gap_count"] == 0, row)
    });
    let coverage = rig.reader().coverage(&main).unwrap();
    let proven = coverage.values().next().unwrap().newest().unwrap();
    assert!(
        proven.from
            <= gap
                .window
                .from
                .max(Window::new(gap.window.from, gap.window.to).from)
    );
}

#[test]
fn law_12_the_first_start_tells_old_fills_in_one_digest() {
    let rig = Rig::new();
    let now = rig.now_ms();
    for (number, account) in ["main", "mirror", "main", "mirror"].into_iter().enumerate() {
        let at = now - 1_800_000 + number as i64 * 1_000;
        let order = NewOrder::limit(SYMBOL, Side::Sell, "150", PRICES[number / 2]).at_ms(at - 5);
        let order = rig.bybit.book().place_order(account, order).unwrap();
        rig.fill_at(&order, Some(at));
    }
    let daemon = rig.start_ready();
    daemon.wait_for_counts(SYMBOL, [(2, 2), (2, 2)]);
    let digest = rig.wait_for("digest", 1).remove(0);
    assert!(
        digest.text.contains("2 limit orders filled"),
        "{}",
        digest.text
    );
    // A new fill is told by itself, and nothing old before it.
    rig.fill(&rig.place("main", 3));
    let fill = rig.wait_for("fill", 1).remove(0);
    assert!(fill.text.contains("3 of 3"), "{}", fill.text);
    let kinds: Vec<String> = rig
        .messages()
        .into_iter()
        .map(|message| message.kind)
        .collect();
    assert_eq!(
        kinds.iter().filter(|kind| *kind == "digest").count(),
        1,
        "{kinds:?}"
    );
    assert_eq!(
        kinds.iter().filter(|kind| *kind == "fill").count(),
        1,
        "{kinds:?}"
    );
    assert_eq!(
        kinds.first().map(String::as_str),
        Some("digest"),
        "{kinds:?}"
    );
}

#[test]
fn law_13_prices_of_many_places_are_exact_to_the_end() {
    let rig = Rig::new();
    let daemon = rig.start_ready();
    let book = rig.bybit.book();
    let exact = [
        ("SHIB1000USDT", "1000000", "0.000012345678"),
        ("PEPEUSDT", "123456789.123456789", "0.0000000001"),
        ("BTCUSDT", "0.001", "64123.5"),
    ];
    for (symbol, quantity, price) in exact {
        let order = NewOrder::limit(symbol, Side::Buy, quantity, price);
        let order = book.place_order("main", order).unwrap();
        book.fill(
            &order,
            Fill::new(quantity, price).fee("0.000000000000000001", "USDT"),
        )
        .unwrap();
    }
    rig.wait_for_all_fills();
    let answer = daemon.json("/fills");
    for (symbol, quantity, price) in exact {
        let row = fills_of(&answer, "main")
            .into_iter()
            .find(|row| row["symbol"] == symbol);
        let row = row.unwrap();
        // Amounts are texts: no reader can round them by reading.
        assert_eq!(row["quantity"], quantity, "{row:#}");
        assert_eq!(row["price"], price, "{row:#}");
        assert_eq!(row["fee"], "0.000000000000000001", "{row:#}");
    }
    let told = rig.wait_for("fill", 3);
    let shib = told
        .iter()
        .find(|message| message.text.contains("SHIB"))
        .unwrap();
    assert_eq!(
        shib.body["alert"]["body"]["price"], "0.000012345678",
        "{:#}",
        shib.body
    );
}

#[test]
fn law_14_what_is_unknown_is_kept_raw_told_once_and_stops_nothing() {
    let rig = Rig::new();
    let daemon = rig.start_ready();
    let book = rig.bybit.book();
    for number in 0..2 {
        let kind = ExecutionKind::Other("MoonPhase".to_owned());
        let row = NewRow::new(kind, SYMBOL, Side::Buy, "7", "0.2000")
            .id(&format!("moon-{number}"))
            .extra("lunarAge", json!("29.53"));
        book.add_row("main", row).unwrap();
    }
    let odd = Fill::new("150", "0.2215")
        .maker()
        .extra("quantumFlux", json!({"deep": [1, 2]}));
    let order = NewOrder::limit("NEVERHEARDOFUSDT", Side::Sell, "150", "0.2215");
    let order = book.place_order("main", order).unwrap();
    book.fill(&order, odd).unwrap();
    // The rest goes on: the fill beside it is told.
    rig.wait_for("fill", 1);
    let told = rig.wait_for("system", 1);
    assert_eq!(told.len(), 1, "{told:#?}");
    assert!(told[0].text.contains("MoonPhase"), "{}", told[0].text);
    eventually("all rows are stored", || {
        let status = daemon.json("/status");
        so(status["executions"] == 3 && status["fills"] == 1, status)
    });
    // Nothing that is unknown moves a count or a position.
    let answer = daemon.json("/counts");
    assert_eq!(answer["count"], 1, "{answer:#}");
    // The raw row is there, with the key that nobody knows.
    let filter = fillsync_ledger::FillFilter {
        limit: 10,
        ..Default::default()
    };
    let fills = rig.reader().fills(&filter).unwrap();
    assert!(
        fills[0].execution.raw.contains("quantumFlux"),
        "{}",
        fills[0].execution.raw
    );
    // Once more of the same kind is nothing new.
    let row = NewRow::new(
        ExecutionKind::Other("MoonPhase".to_owned()),
        SYMBOL,
        Side::Buy,
        "7",
        "0.2",
    );
    book.add_row("mirror", row.id("moon-9")).unwrap();
    eventually("that one is stored as well", || {
        let status = daemon.json("/status");
        so(status["executions"] == 4, status)
    });
    assert_eq!(
        rig.of_kind("system").len(),
        1,
        "{:#?}",
        rig.of_kind("system")
    );
    assert!(rig.reader().self_check().unwrap().findings.is_empty());
}

#[test]
fn a_fill_during_downtime_is_found_after_the_restart() {
    // The first bot tracked orders in memory: an order that filled while it was down, or that it no
    // longer tracked, filled unseen.
    let rig = Rig::new();
    let mut daemon = rig.start_ready();
    let known = rig.place("main", 1);
    eventually("the open order is known", || {
        let answer = daemon.json("/orders");
        so(answer["count"] == 1, answer)
    });
    assert!(daemon.stop().success());
    rig.fill(&known);
    let unknown = rig.place("main", 2);
    rig.fill(&unknown);
    let daemon = rig.start_ready();
    rig.wait_for_all_fills();
    let told = rig.wait_for("fill", 2);
    assert!(
        told.iter().all(|message| message.account == "main"),
        "{told:#?}"
    );
    let untracked = eventually("the untracked fill is named", || {
        let events = daemon.events("untracked_fill_detected");
        if events.is_empty() {
            Err(daemon.log())
        } else {
            Ok(events)
        }
    });
    assert_eq!(untracked.len(), 1, "{untracked:#?}");
    assert_eq!(untracked[0]["order_id"], unknown.as_str());
}
