//! Promise: a stream makes polling faster, and nothing depends on it.
//!
//! The accounts are polled every ten minutes here, so what is told within the test's patience was told
//! because of the stream; the stream itself proves nothing, so every alert waits for the round of
//! polling that it causes. What a stream drops, doubles or never tells is found by polling.

use crate::rig::{Daemon, Rig, SYMBOL, eventually, so};
use crate::stage::AlpacaStage;
use fillsync_core::execution::Source;
use fillsync_fake::{Fill, NewOrder, Side, StreamFault, StreamMatch};
use fillsync_ledger::FillFilter;

/// Rarely enough that nothing in a test waits for it.
const RARELY: &str = "poll_every = \"10m\"";

fn with_streams() -> Rig {
    let rig = Rig::new();
    rig.edit("stream = false", "stream = true");
    rig.edit("poll_every = \"100ms\"", RARELY);
    rig.edit("settle = \"300ms\"", "settle = \"0s\"");
    rig
}

/// The state of each account's stream, as `/accounts` says it.
fn states(daemon: &Daemon) -> Vec<String> {
    let answer = daemon.json("/accounts");
    let accounts = answer["accounts"].as_array().cloned().unwrap_or_default();
    accounts
        .iter()
        .map(|account| account["stream"]["state"].as_str().unwrap_or("").to_owned())
        .collect()
}

fn start_live(rig: &Rig) -> Daemon {
    let daemon = rig.start_ready();
    eventually("every stream is live", || {
        let states = states(&daemon);
        so(
            states.len() == 2 && states.iter().all(|state| state == "live"),
            &states,
        )
    });
    daemon
}

#[test]
fn a_fill_is_told_because_of_the_stream_and_stored_once() {
    let rig = with_streams();
    let daemon = start_live(&rig);
    let orders = [rig.place("main", 1), rig.place("mirror", 1)];
    for order in &orders {
        rig.fill(order);
    }
    let alerts = rig.wait_for("fill", 2);
    assert!(
        alerts.iter().all(|alert| alert.text.contains("1 of 1")),
        "{alerts:#?}"
    );
    rig.wait_for_all_fills();
    daemon.wait_for_counts(SYMBOL, [(1, 1), (1, 1)]);
    assert_eq!(rig.of_kind("fill").len(), 2, "{:#?}", rig.messages());
    let fills = rig
        .reader()
        .fills(&FillFilter {
            limit: 10,
            ..FillFilter::default()
        })
        .unwrap();
    assert!(
        fills
            .iter()
            .all(|fill| fill.execution.source == Source::Stream),
        "{fills:#?}"
    );
}

#[test]
fn a_frame_that_the_stream_drops_silently_is_found_by_polling() {
    let rig = with_streams();
    rig.edit(RARELY, "poll_every = \"300ms\"");
    let _daemon = start_live(&rig);
    let lost = StreamFault::Drop;
    rig.bybit
        .stream_faults()
        .add(StreamMatch::kind("execution"), lost.clone(), 1);
    rig.bybit
        .stream_faults()
        .add(StreamMatch::kind("order"), lost, 4);
    let order = rig.place("main", 1);
    rig.fill(&order);
    rig.wait_for("fill", 1);
    rig.wait_for_all_fills();
}

#[test]
fn what_happens_while_a_stream_is_away_is_caught_up_before_it_counts_as_live() {
    let rig = with_streams();
    let daemon = start_live(&rig);
    // The stream breaks, and the first try to open it again fails as well.
    rig.bybit.stream_faults().add(
        StreamMatch::kind("auth").account("main"),
        StreamFault::Cut,
        1,
    );
    let order = rig.place("main", 1);
    rig.bybit.streams().cut("main");
    rig.fill(&order);
    rig.wait_for("fill", 1);
    rig.wait_for_all_fills();
    daemon.wait_for_event("stream_broken");
    eventually("the stream is live again", || {
        let states = states(&daemon);
        so(states.iter().all(|state| state == "live"), &states)
    });
    assert!(rig.bybit.streams().opened() >= 3);
}

#[test]
fn frames_that_come_twice_or_late_change_nothing() {
    let rig = with_streams();
    let daemon = start_live(&rig);
    let faults = rig.bybit.stream_faults();
    faults.add(
        StreamMatch::kind("execution"),
        StreamFault::Late { ms: 300 },
        1,
    );
    faults.add(StreamMatch::kind("execution"), StreamFault::Duplicate, 8);
    faults.add(StreamMatch::kind("order"), StreamFault::Duplicate, 8);
    for slot in 1..=2 {
        let order = rig.place("main", slot);
        rig.fill(&order);
        let order = rig.place("mirror", slot);
        rig.fill(&order);
    }
    rig.wait_for("fill", 4);
    daemon.wait_for_counts(SYMBOL, [(2, 2), (2, 2)]);
    rig.wait_for_all_fills();
    assert_eq!(rig.of_kind("fill").len(), 4, "{:#?}", rig.messages());
    assert!(
        rig.of_kind("divergence").is_empty(),
        "{:#?}",
        rig.messages()
    );
}

fn alpaca() -> AlpacaStage {
    let stage = AlpacaStage::new();
    stage.rig.edit("poll_every = \"500ms\"", RARELY);
    stage.rig.edit("settle = \"300ms\"", "settle = \"0s\"");
    stage
}

fn buy(stage: &AlpacaStage, account: &str) -> String {
    let book = stage.alpaca.book();
    let order = book
        .place_order(account, NewOrder::limit("AAPL", Side::Buy, "10", "187.50"))
        .unwrap();
    book.fill(&order, Fill::new("10", "187.50").maker())
        .unwrap()
}

#[test]
fn alpacas_stream_stays_closed_unless_it_is_asked_for() {
    let stage = alpaca();
    stage.rig.edit("stream = false\n", "");
    let daemon = stage.rig.start_ready();
    assert_eq!(stage.alpaca.streams().opened(), 0);
    let answer = daemon.json("/accounts");
    assert_eq!(states(&daemon), ["off", "off"], "{answer:#}");
    let check = stage.rig.run(&["check"]);
    let said = String::from_utf8_lossy(&check.stdout).into_owned();
    assert!(!said.contains("one stream for each key"), "{said}");
    stage.rig.edit(RARELY, &format!("{RARELY}\nstream = true"));
    let check = stage.rig.run(&["check"]);
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&check.stdout),
        String::from_utf8_lossy(&check.stderr)
    );
    assert!(said.contains("one stream for each key"), "{said}");
}

#[test]
fn alpacas_binary_frames_tell_a_fill_and_the_id_of_a_new_order_is_none() {
    let stage = alpaca();
    stage.rig.edit("stream = false", "stream = true");
    let daemon = start_live(&stage.rig);
    for account in ["main", "mirror"] {
        buy(&stage, account);
    }
    stage.rig.wait_for("fill", 2);
    daemon.wait_for_counts("AAPL", [(1, 1), (1, 1)]);
    for account in ["main", "mirror"] {
        let mut real = stage.alpaca.book().trade_ids(account);
        real.sort();
        assert_eq!(stage.rig.ledger_ids(account), real, "{account}");
    }
    assert!(daemon.events("fill_conflict").is_empty());
}
