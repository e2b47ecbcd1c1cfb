//! Notices about fillsync itself: each is told once for each time that it began, however long it lasts.

use crate::rig::{Daemon, Message, Rig, SYMBOL, eventually, so};
use fillsync_fake::{FOREVER, Fault, Match};

/// The system alerts of one topic.
fn notices(rig: &Rig, topic: &str) -> Vec<Message> {
    let mut notices = rig.of_kind("system");
    notices.retain(|message| message.body["alert"]["body"]["topic"] == topic);
    notices
}

fn wait_for_notices(rig: &Rig, topic: &str, count: usize) -> Vec<Message> {
    eventually(&format!("{count} notices {topic}"), || {
        let found = notices(rig, topic);
        so(found.len() >= count, rig.of_kind("system")).map(|()| found)
    })
}

/// Waits until an account has failed so many times in a row since a place in the log.
fn wait_for_failures(daemon: &Daemon, before: usize, count: u64) {
    eventually("it fails again and again", || {
        let failures = daemon.events("poll_failed").split_off(before);
        let most = failures.iter().map(|line| line["failures"].as_u64()).max();
        so(most.flatten() >= Some(count), most)
    });
}

#[test]
fn an_account_that_stays_away_is_told_once_for_each_time_that_it_went() {
    let rig = Rig::new();
    let daemon = rig.start_ready();
    for time in 1..=2 {
        let before = daemon.events("poll_failed").len();
        // Each failure ends after a second, so that the waits between them do not grow.
        let busy = Fault::TooManyRequests {
            retry_after_s: 1,
            with_headers: true,
        };
        let of_main = Match::path("/v5/execution/list").account("main");
        rig.bybit.faults().add(of_main, busy, FOREVER);
        wait_for_notices(&rig, "account-unreachable", time);
        wait_for_failures(&daemon, before, 7);
        assert_eq!(
            notices(&rig, "account-unreachable").len(),
            time,
            "{:#?}",
            rig.of_kind("system")
        );
        rig.bybit.faults().clear();
        let back = wait_for_notices(&rig, "account-reachable", time);
        assert_eq!(back.len(), time, "{back:#?}");
    }
    let told = notices(&rig, "account-unreachable");
    assert_eq!(told.len(), 2, "{told:#?}");
    assert_ne!(told[0].identity, told[1].identity);
}

#[test]
fn a_receiver_that_refuses_is_told_once_for_each_time_that_it_began() {
    let rig = Rig::new();
    rig.with_telegram();
    let daemon = rig.start_ready();
    let blocked = || Fault::refuse(403, "Forbidden: bot was kicked from the group chat");
    let dead = |wanted: u64| {
        eventually(&format!("{wanted} dead letters"), || {
            let status = daemon.json("/status");
            so(status["outbox"]["dead"] == wanted, status)
        });
    };
    let mut symbols = ["AUSDT", "BUSDT", "CUSDT", "DUSDT", "EUSDT"].into_iter();
    let mut fill = || {
        let symbol = symbols.next().unwrap();
        rig.fill(&rig.place_in(symbol, "main", 1));
        rig.fill(&rig.place_in(symbol, "mirror", 1));
    };
    rig.telegram.faults().add(Match::any(), blocked(), FOREVER);
    fill();
    dead(2);
    fill();
    dead(4);
    wait_for_notices(&rig, "dead-letter", 1);
    // It takes messages again, and refuses them once more: that is another time.
    rig.telegram.faults().clear();
    fill();
    eventually("two messages are taken", || {
        let received = rig.telegram.received();
        so(received.len() == 2, received)
    });
    assert_eq!(
        notices(&rig, "dead-letter").len(),
        1,
        "{:#?}",
        notices(&rig, "dead-letter")
    );
    rig.telegram.faults().add(Match::any(), blocked(), FOREVER);
    fill();
    dead(6);
    let told = wait_for_notices(&rig, "dead-letter", 2);
    assert_eq!(told.len(), 2, "{told:#?}");
}

#[test]
fn a_plugin_file_that_is_not_taken_is_told_once_for_each_content() {
    let rig = Rig::new();
    rig.put_plugin("max-count.wasm", b"this is no component");
    let mut daemon = rig.start_ready();
    wait_for_notices(&rig, "plugin-rejected", 1);
    let rejected = |daemon: &Daemon, count: usize| {
        eventually("the candidate is rejected", || {
            let events = daemon.events("plugin_rejected");
            so(events.len() >= count, events)
        });
    };
    rig.put_plugin("max-count.wasm", b"nor is this");
    rejected(&daemon, 2);
    wait_for_notices(&rig, "plugin-rejected", 2);
    // What was told is not told again when it comes back.
    rig.put_plugin("max-count.wasm", b"this is no component");
    rejected(&daemon, 3);
    rig.put_plugin("max-count.wasm", b"a third");
    rejected(&daemon, 4);
    wait_for_notices(&rig, "plugin-rejected", 3);
    let told = notices(&rig, "plugin-rejected");
    assert_eq!(told.len(), 3, "{told:#?}");
    // A restart with the same file has nothing new to say either.
    assert!(daemon.stop().success());
    let _daemon = rig.start_ready();
    rig.fill(&rig.place_in(SYMBOL, "main", 1));
    rig.wait_for("fill", 1);
    assert_eq!(notices(&rig, "plugin-rejected").len(), 3);
}
