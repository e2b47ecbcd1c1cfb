//! Backfill: what is not proven is read, once; a kill costs the window under way and nothing else.

use crate::rig::{Daemon, PRICES, Rig, SYMBOL, eventually, so};
use fillsync_core::time::VenueTime;
use fillsync_fake::{FOREVER, Fault, Fill, Match, NewOrder, Side};
use serde_json::Value;
use std::process::Output;

const EXECUTIONS: &str = "/v5/execution/list";
const DAY_MS: i64 = 24 * 3_600_000;
/// Days of history; each is a window of its own.
const DAYS: i64 = 12;

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn json_of(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", text(&output.stderr)))
}

fn at(ms: i64) -> String {
    VenueTime::from_ms(ms).to_string()
}

/// Three sold and bought back on each of the last days.
fn history(rig: &Rig, account: &str) {
    let (book, now) = (rig.bybit.book(), rig.now_ms());
    for day in (1..=DAYS).rev() {
        let noon = now - day * DAY_MS + DAY_MS / 2;
        for (offset, side, price) in [(0, Side::Sell, PRICES[0]), (60_000, Side::Buy, "0.2100")] {
            let order = NewOrder::limit(SYMBOL, side, "150", price).at_ms(noon + offset);
            let order = book.place_order(account, order).unwrap();
            book.fill(&order, Fill::new("150", price).at_ms(noon + offset).maker())
                .unwrap();
        }
    }
}

/// Windows that a run has told of.
fn windows_told(run: &Daemon) -> usize {
    run.log()
        .lines()
        .filter(|line| line.ends_with(": 2 new"))
        .count()
}

/// Requests for executions.
fn asked(rig: &Rig) -> u64 {
    rig.bybit.requests().count(EXECUTIONS)
}

#[test]
fn a_kill_half_way_costs_the_window_under_way_and_the_second_run_asks_only_for_the_rest() {
    let rig = Rig::new();
    history(&rig, "main");
    let from = at(rig.now_ms() - DAYS * DAY_MS);
    let arguments = ["backfill", "--account", "main", "--from", &from, "--json"];
    // A window takes two requests: a page with its rows, and the empty one that ends it. In the midst of
    // the sixth window the venue falls silent, until the command is killed.
    rig.bybit.faults().add(
        Match::path(EXECUTIONS).after(11),
        Fault::DelayAnswer { ms: 600_000 },
        FOREVER,
    );
    let mut first = Daemon::start(&mut rig.command(&arguments));
    eventually("half of it is read", || {
        so(windows_told(&first) == 5, first.log())
    });
    first.kill();
    assert_eq!(rig.ledger_ids("main").len(), 10);
    rig.bybit.faults().clear();
    rig.bybit.requests().clear();

    let output = rig.run(&arguments);
    let answer = json_of(&output);
    assert_eq!(output.status.code(), Some(0), "{answer:#}");
    assert_eq!(answer["complete"], true, "{answer:#}");
    assert_eq!(rig.ledger_ids("main"), rig.venue_ids("main"));
    // Five days were proven by the first run. What is left has at most two pages each: one with rows, and
    // the empty one that ends it.
    let windows = answer["categories"][0]["windows"].as_u64().unwrap();
    assert!((7..=8).contains(&windows), "{answer:#}");
    assert!(
        asked(&rig) <= windows * 2,
        "{} for {windows} windows",
        asked(&rig)
    );
    // And now there is nothing left to ask for, but the moments since.
    rig.bybit.requests().clear();
    let to = at(rig.now_ms() - DAY_MS / 4);
    let again = rig.run(&[
        "backfill",
        "--account",
        "main",
        "--from",
        &from,
        "--to",
        &to,
        "--json",
    ]);
    assert_eq!(again.status.code(), Some(0), "{}", text(&again.stderr));
    assert_eq!(asked(&rig), 0);
    assert_eq!(json_of(&again)["categories"][0]["new"], 0);
    assert!(rig.reader().self_check().unwrap().findings.is_empty());
}

#[test]
fn an_interrupt_ends_it_at_once_and_says_how_to_go_on() {
    let rig = Rig::new();
    history(&rig, "main");
    let from = at(rig.now_ms() - DAYS * DAY_MS);
    rig.bybit.faults().add(
        Match::path(EXECUTIONS).after(5),
        Fault::DelayAnswer { ms: 600_000 },
        FOREVER,
    );
    let mut run =
        Daemon::start(&mut rig.command(&["backfill", "--account", "main", "--from", &from]));
    eventually("it waits for an answer", || {
        so(windows_told(&run) == 2, run.log())
    });
    run.signal("INT");
    assert_eq!(run.wait().code(), Some(1), "{}", run.log());
    eventually("it says how to go on", || {
        let said = run.log();
        so(
            said.contains("run the same command again") && said.contains("not proven from"),
            said,
        )
    });
    rig.bybit.faults().clear();
    let output = rig.run(&["backfill", "--account", "main", "--from", &from]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(rig.ledger_ids("main"), rig.venue_ids("main"));
    // Not on a terminal: a plain line for each window, nothing painted.
    let said = text(&output.stderr);
    assert!(
        said.contains("main linear [") && !said.contains('\u{1b}'),
        "{said}"
    );
}

#[test]
fn old_fills_of_a_backfill_become_one_digest_and_no_alert_each() {
    let rig = Rig::new();
    history(&rig, "main");
    let from = at(rig.now_ms() - DAYS * DAY_MS);
    let output = rig.run(&["backfill", "--from", &from]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(rig.ledger_ids("main").len(), 24);
    let daemon = rig.start_ready();
    rig.wait_for("digest", 1);
    eventually("everything is decided and sent", || {
        let status = daemon.json("/status");
        so(
            status["markets_undecided"] == 0 && status["outbox"]["pending"] == 0,
            status,
        )
    });
    let kinds: Vec<String> = rig
        .messages()
        .into_iter()
        .map(|message| message.kind)
        .collect();
    assert_eq!(kinds, ["digest"], "{:#?}", rig.messages());
}

#[test]
fn what_the_venue_no_longer_serves_is_said_and_never_called_proven() {
    let rig = Rig::new();
    let (from, to) = (
        at(rig.now_ms() - 900 * DAY_MS),
        at(rig.now_ms() - 728 * DAY_MS),
    );
    let output = rig.run(&[
        "backfill",
        "--account",
        "main",
        "--from",
        &from,
        "--to",
        &to,
    ]);
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stdout);
    assert!(
        said.contains("serves nothing before") && said.contains("imported"),
        "{said}"
    );
    assert!(said.contains("not all"), "{said}");
}

#[test]
fn a_window_that_fails_is_named_and_the_others_are_read() {
    let rig = Rig::new();
    history(&rig, "main");
    history(&rig, "mirror");
    let from = at(rig.now_ms() - DAYS * DAY_MS);
    rig.bybit.faults().add(
        Match::path(EXECUTIONS).account("main").after(4),
        Fault::refuse(10_001, "params error"),
        1,
    );
    let output = rig.run(&["backfill", "--from", &from, "--json"]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    let answer = json_of(&output);
    let [main, mirror] = [&answer["categories"][0], &answer["categories"][1]];
    assert_eq!(main["missing"].as_array().unwrap().len(), 1, "{main:#}");
    assert!(
        main["error"].as_str().unwrap().contains("params error"),
        "{main:#}"
    );
    assert_eq!(mirror["missing"], serde_json::json!([]), "{mirror:#}");
    // The gap is on record, and the next run closes it.
    let again = rig.run(&["backfill", "--from", &from, "--json"]);
    assert_eq!(again.status.code(), Some(0), "{}", text(&again.stderr));
    assert_eq!(rig.ledger_ids("main"), rig.venue_ids("main"));
    let main = fillsync_core::id::AccountName::new("main").unwrap();
    assert!(rig.reader().gaps(Some(&main)).unwrap().is_empty());
}

#[test]
fn a_wrong_call_and_a_ledger_in_use_are_told_apart() {
    let rig = Rig::new();
    let now = at(rig.now_ms());
    let (soon, early) = (at(rig.now_ms() + DAY_MS), at(rig.now_ms() - DAY_MS));
    for arguments in [
        &["backfill"][..],
        &["backfill", "--from", "yesterday"],
        &["backfill", "--from", &early, "--account", "nobody"],
        &["backfill", "--from", &now, "--to", &early],
        &["backfill", "--from", &soon],
    ] {
        let output = rig.run(arguments);
        assert_eq!(
            output.status.code(),
            Some(2),
            "{arguments:?}: {}",
            text(&output.stderr)
        );
    }
    let _daemon = rig.start_ready();
    let output = rig.run(&["backfill", "--from", &early]);
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    assert!(
        said.contains("in use") && said.contains("stop it"),
        "{said}"
    );
}
