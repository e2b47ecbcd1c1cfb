//! Counts belong to a trade: they start at nothing, and do not fall while it lasts.

use crate::rig::{PRICES, Rig, SYMBOL, eventually, so};
use fillsync_fake::{Fill, NewOrder, Side};

#[test]
fn law_07_the_next_trade_starts_at_nothing() {
    // The first bot's key had no cycle, so the counts of one trade leaked into the next.
    let rig = Rig::new();
    let daemon = rig.start_ready();
    let main = [rig.place("main", 1), rig.place("main", 2)];
    let mirror = [rig.place("mirror", 1), rig.place("mirror", 2)];
    for order in main.iter().chain(&mirror) {
        rig.fill(order);
    }
    daemon.wait_for_counts(SYMBOL, [(2, 2), (2, 2)]);
    rig.flatten("main");
    rig.flatten("mirror");
    rig.wait_for("closed", 2);
    let first = cycles(&daemon.json("/counts"));

    // The next plan, right away: the mirror is first.
    let next_main = rig.place("main", 1);
    let next_mirror = rig.place("mirror", 1);
    rig.fill(&next_mirror);
    rig.fill(&next_main);
    rig.wait_for("fill", 6);
    daemon.wait_for_counts(SYMBOL, [(1, 1), (1, 1)]);
    let answer = daemon.json("/counts");
    let both = cycles(&answer);
    assert_eq!(both.len(), first.len() + 1, "{answer:#}");
    // The old trade keeps its counts.
    assert_eq!(
        answer["counts"][1]["accounts"][0]["detected"], 2,
        "{answer:#}"
    );
    for message in rig.of_kind("fill").iter().skip(4) {
        assert!(
            message.text.contains("✅ 1 of 1 order filled"),
            "{}",
            message.text
        );
    }
}

fn cycles(answer: &serde_json::Value) -> Vec<u64> {
    let rows = answer["counts"].as_array().unwrap();
    rows.iter()
        .map(|row| row["cycle"].as_u64().unwrap())
        .collect()
}

#[test]
fn law_05_a_shown_count_falls_only_by_the_operators_hand_and_says_so() {
    let rig = Rig::new();
    let daemon = rig.start_ready();
    let main = rig.place("main", 1);
    let mirror = [rig.place("mirror", 1), rig.place("mirror", 2)];
    rig.fill(&mirror[0]);
    rig.fill(&mirror[1]);
    rig.fill(&main);
    daemon.wait_for_counts(SYMBOL, [(1, 2), (2, 2)]);
    // The mirror takes half of it off: no entry, so no count changes.
    let book = rig.bybit.book();
    let half = NewOrder::market(SYMBOL, Side::Buy, "150").reduce_only();
    let half = book.place_order("mirror", half).unwrap();
    book.fill(&half, Fill::new("150", "0.2100")).unwrap();
    rig.wait_for("exit", 1);
    daemon.wait_for_counts(SYMBOL, [(1, 2), (2, 2)]);
    // The operator chooses another strategy: now it falls, and the answer says why.
    rig.edit("strategy = \"max-count\"", "strategy = \"none\"");
    daemon.wait_for_counts(SYMBOL, [(1, 1), (2, 2)]);
    let answer = daemon.json("/counts");
    let note = answer["counts"][0]["accounts"][0]["note"].to_string();
    assert!(
        note.contains("strategy"),
        "the fall is not explained: {answer:#}"
    );
}

#[test]
fn a_position_that_was_open_before_the_data_says_at_least() {
    let rig = Rig::new();
    let old = rig.now_ms() - 3 * 3_600_000;
    for account in ["main", "mirror"] {
        let order = NewOrder::limit(SYMBOL, Side::Sell, "150", PRICES[0]).at_ms(old);
        let order = rig.bybit.book().place_order(account, order).unwrap();
        rig.fill_at(&order, Some(old));
    }
    let daemon = rig.start_ready();
    let main = rig.place("main", 2);
    rig.fill(&main);
    let told = rig.wait_for("fill", 1).remove(0);
    assert!(told.text.contains("at least 1"), "{}", told.text);
    eventually("the counts say that they are a lower bound", || {
        let answer = daemon.json("/counts");
        let main = &answer["counts"][0]["accounts"][0];
        so(
            main["at_least"] == true && main["detected"] == 1,
            answer.clone(),
        )
    });
    assert!(
        rig.of_kind("divergence").is_empty(),
        "{:#?}",
        rig.of_kind("divergence")
    );
}

#[test]
fn a_long_trade_with_a_partial_fill_counts_when_the_order_is_full() {
    let rig = Rig::new();
    let daemon = rig.start_ready();
    let book = rig.bybit.book();
    let order = NewOrder::limit(SYMBOL, Side::Buy, "150", "0.2100");
    let order = book.place_order("main", order).unwrap();
    book.fill(&order, Fill::new("50", "0.2100").maker())
        .unwrap();
    rig.wait_for_all_fills();
    assert!(rig.of_kind("fill").is_empty());
    book.fill(&order, Fill::new("100", "0.2099").maker())
        .unwrap();
    let told = rig.wait_for("fill", 1).remove(0);
    assert!(told.text.contains("GTCUSDT Buy (MAIN)"), "{}", told.text);
    assert_eq!(
        told.body["alert"]["body"]["quantity"], "150",
        "{:#}",
        told.body
    );
    assert_eq!(rig.ledger_ids("main").len(), 2);
    drop(daemon);
}
