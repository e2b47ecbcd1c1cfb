//! Delivery: an alert is recorded once, sent at least once, and not repeated without need.

use crate::rig::{Rig, SYMBOL, eventually, so};
use fillsync_fake::{Fault, Match};
use std::collections::BTreeMap;

#[test]
fn law_11_a_restart_repeats_nothing() {
    let rig = Rig::new();
    rig.with_telegram();
    let mut daemon = rig.start_ready();
    for account in ["main", "mirror"] {
        for slot in 1..=2 {
            rig.fill(&rig.place(account, slot));
        }
    }
    daemon.wait_for_counts(SYMBOL, [(2, 2), (2, 2)]);
    rig.wait_for("fill", 4);
    eventually("Telegram has all of it", || {
        let received = rig.telegram.received();
        so(received.len() == 4, received)
    });
    assert!(daemon.stop().success());
    for _ in 0..3 {
        let mut daemon = rig.start_ready();
        daemon.wait_for_counts(SYMBOL, [(2, 2), (2, 2)]);
        assert!(daemon.stop().success());
    }
    // Once more to the end, with something new to wait for.
    let _daemon = rig.start_ready();
    rig.fill(&rig.place("main", 3));
    rig.wait_for("fill", 5);
    eventually("Telegram has the new one", || {
        let received = rig.telegram.received();
        so(received.len() == 5, received)
    });
    let mut keys: BTreeMap<String, u32> = BTreeMap::new();
    for message in rig.messages() {
        *keys.entry(message.key).or_default() += 1;
    }
    assert!(keys.values().all(|times| *times == 1), "{keys:#?}");
    assert_eq!(rig.telegram.received().len(), 5);
    assert!(
        rig.telegram
            .received()
            .iter()
            .all(|message| message.edits.is_empty())
    );
}

#[test]
fn law_11_an_answer_that_never_came_is_the_only_reason_to_repeat() {
    let rig = Rig::new();
    let _daemon = rig.start_ready();
    rig.hook.faults().next(1, Fault::LoseAnswer);
    rig.fill(&rig.place("main", 1));
    let twice = rig.wait_for("fill", 2);
    // The receiver can drop it: the same key, the same words.
    assert_eq!(twice[0].key, twice[1].key);
    assert_eq!(twice[0].identity, twice[1].identity);
    assert_eq!(twice[0].text, twice[1].text);
}

#[test]
fn a_receiver_that_is_down_or_slow_gets_all_in_order_when_it_is_back() {
    let rig = Rig::new();
    let daemon = rig.start_ready();
    let hook = rig.hook.faults();
    hook.unplug();
    let mut orders = Vec::new();
    for slot in 1..=3 {
        let order = rig.place("main", slot);
        rig.fill(&order);
        orders.push(order);
        // Each is a moment of its own.
        eventually("it is decided", || {
            let counts = daemon.counts(SYMBOL);
            so(
                counts
                    .as_ref()
                    .is_some_and(|counts| counts[0].0 == slot as u64),
                counts,
            )
        });
    }
    daemon.wait_for_event("alert_waits");
    hook.add(
        Match::any(),
        Fault::TooManyRequests {
            retry_after_s: 1,
            with_headers: true,
        },
        1,
    );
    hook.add(Match::any(), Fault::status(503, "busy"), 1);
    hook.plug_in();
    let told = rig.wait_for("fill", 3);
    let identities: Vec<bool> = told
        .iter()
        .zip(&orders)
        .map(|(message, order)| message.identity.ends_with(order.as_str()))
        .collect();
    assert_eq!(identities, [true, true, true], "{told:#?}");
}

#[test]
fn a_receiver_that_refuses_for_good_makes_a_dead_letter_that_the_others_tell() {
    let rig = Rig::new();
    rig.with_telegram();
    rig.telegram.block_chat("-1001234");
    let daemon = rig.start_ready();
    rig.fill(&rig.place("main", 1));
    rig.wait_for("fill", 1);
    let told = rig.wait_for("system", 1).remove(0);
    assert!(told.text.contains("dead-letter"), "{}", told.text);
    assert!(told.text.contains("ops"), "{}", told.text);
    eventually("it is counted", || {
        let status = daemon.json("/status");
        so(status["outbox"]["dead"] == 1, status)
    });
}

#[test]
fn a_later_truth_edits_what_telegram_was_told_and_corrects_what_cannot_edit() {
    // The mirror's fill becomes visible only after the deadline: main's alert was sent without it.
    let rig = Rig::new();
    rig.edit("deadline = \"2s\"", "deadline = \"1s\"");
    rig.with_telegram();
    let daemon = rig.start_ready();
    let main = rig.place("main", 1);
    let mirror = [rig.place("mirror", 1), rig.place("mirror", 2)];
    let now = rig.now_ms();
    let late = fillsync_fake::Fill::new("150", "0.2215")
        .maker()
        .at_ms(now)
        .visible_at_ms(now + 3_000);
    rig.bybit.book().fill(&mirror[0], late).unwrap();
    let late = fillsync_fake::Fill::new("150", "0.2230")
        .maker()
        .at_ms(now)
        .visible_at_ms(now + 3_000);
    rig.bybit.book().fill(&mirror[1], late).unwrap();
    rig.fill(&main);
    let first = rig.wait_for("fill", 1).remove(0);
    assert!(first.text.contains("✅ 1 of "), "{}", first.text);
    daemon.wait_for_counts(SYMBOL, [(1, 2), (2, 2)]);
    let correction = rig.wait_for("correction", 1).remove(0);
    assert!(
        correction
            .text
            .contains("2 of 2 orders filled [Synchronized count] (was 1)"),
        "{}",
        correction.text
    );
    eventually("the message on Telegram says it as well", || {
        let received = rig.telegram.received();
        let edited = received.iter().any(|message| {
            message.text.contains("(MAIN)")
                && message
                    .edits
                    .iter()
                    .any(|edit| edit.text.contains("2 of 2"))
                || message.text.contains("2 of 2")
                    && message.text.contains("(MAIN)")
                    && !message.edits.is_empty()
        });
        so(edited, received)
    });
}

#[test]
fn law_11_a_message_whose_record_must_wait_is_not_sent_again() {
    // The receiver took it, and then the disk is busy for longer than the ledger's own patience.
    let rig = Rig::new();
    let daemon = rig.start_ready();
    let slow = Fault::DelayAnswer { ms: 1_500 };
    rig.hook.faults().add(Match::any(), slow, 1);
    rig.fill(&rig.place("main", 1));
    rig.wait_for("fill", 1);
    let other = rusqlite::Connection::open(rig.database()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let began = std::time::Instant::now();
    eventually("the ledger's patience passes twice", || {
        let passed = began.elapsed();
        so(passed > std::time::Duration::from_secs(13), passed)
    });
    assert!(!daemon.events("ledger_waits").is_empty());
    other.execute_batch("ROLLBACK").unwrap();
    rig.fill(&rig.place("main", 2));
    let told = rig.wait_for("fill", 2);
    assert_eq!(told.len(), 2, "{told:#?}");
    assert_ne!(told[0].key, told[1].key);
    // The second was taken before its record was written, and the log line follows that.
    eventually("both are recorded, once each", || {
        let sent = daemon.events("alert_sent").into_iter();
        let fills = sent.filter(|line| line["kind"] == "fill").count();
        so(fills == 2, fills)
    });
}
