//! What changes while it runs: each loop is handed over without a message twice, out of order or lost,
//! and a configuration whose strategy cannot work is refused.

use crate::plugins::component;
use crate::rig::{Daemon, MIRROR_SECRET, Rig, SYMBOL, eventually, so};
use fillsync_fake::{Fault, Match};
use std::collections::BTreeSet;

/// Waits until one more configuration is in force than were before.
fn wait_for_reload(daemon: &Daemon, before: usize) {
    eventually("the configuration is in force", || {
        let reloads = daemon.events("config_reloaded").len();
        so(reloads > before, daemon.events("config_rejected"))
    });
}

/// Three fills of main, each a moment of its own.
fn three_moments(rig: &Rig, daemon: &Daemon) -> Vec<String> {
    (1..=3)
        .map(|slot| {
            let order = rig.place("main", slot);
            rig.fill(&order);
            eventually("it is decided", || {
                let counts = daemon.counts(SYMBOL);
                let is_decided = counts
                    .as_ref()
                    .is_some_and(|counts| counts[0].0 == slot as u64);
                so(is_decided, counts)
            });
            order
        })
        .collect()
}

/// Every fill alert once, in the order of the fills.
fn assert_once_and_in_order(rig: &Rig, orders: &[String]) {
    let told = rig.wait_for("fill", orders.len());
    let told: Vec<&str> = told
        .iter()
        .filter_map(|message| message.identity.rsplit('/').next())
        .collect();
    assert_eq!(told, orders, "{:#?}", rig.messages());
    let keys: Vec<String> = rig
        .messages()
        .into_iter()
        .map(|message| message.key)
        .collect();
    let different: BTreeSet<&String> = keys.iter().collect();
    assert_eq!(different.len(), keys.len(), "{keys:#?}");
}

#[test]
fn a_channel_that_changes_with_a_message_under_way_repeats_nothing() {
    let rig = Rig::new();
    let daemon = rig.start_ready();
    // The receiver takes the first message, and is slow to say so.
    let slow = Fault::DelayAnswer { ms: 3_000 };
    rig.hook.faults().add(Match::any(), slow, 1);
    let orders = three_moments(&rig, &daemon);
    rig.wait_for("fill", 1);
    rig.edit(
        "formatter = \"limit-fill\"",
        "formatter = \"fill-progress\"",
    );
    wait_for_reload(&daemon, 0);
    assert_once_and_in_order(&rig, &orders);
}

#[test]
fn a_channel_that_leaves_and_comes_back_with_a_message_under_way_repeats_nothing() {
    let rig = Rig::new();
    rig.with_telegram();
    let daemon = rig.start_ready();
    let slow = Fault::DelayAnswer { ms: 6_000 };
    rig.hook.faults().add(Match::any(), slow, 1);
    let orders = three_moments(&rig, &daemon);
    rig.wait_for("fill", 1);
    // Two configurations later the channel is what it was.
    let with = rig.config();
    let from = with.find("[[channel]]").unwrap();
    let to = from + 1 + with[from + 1..].find("[[channel]]").unwrap();
    rig.edit(&with[from..to], "");
    wait_for_reload(&daemon, 0);
    rig.append(&with[from..to]);
    wait_for_reload(&daemon, 1);
    assert_once_and_in_order(&rig, &orders);
}

#[test]
fn an_account_that_changes_again_and_again_is_polled_once_and_loses_nothing() {
    let rig = Rig::new();
    let daemon = rig.start_ready();
    let mut every = "100ms".to_owned();
    for turn in 0..6 {
        let next = format!("{}ms", 110 + turn);
        let order = rig.place("main", 1 + turn % 3);
        rig.edit(
            &format!("poll_every = \"{every}\""),
            &format!("poll_every = \"{next}\""),
        );
        rig.fill(&order);
        wait_for_reload(&daemon, turn);
        every = next;
        rig.wait_for_all_fills();
        // Both accounts are there, and are well: no old poller took the new one's life away.
        eventually("both accounts are polled", || {
            let (status, body) = daemon.ask("/health");
            let all = ["main", "mirror"].iter().all(|name| body.contains(name));
            so(status == 200 && all, body)
        });
    }
    assert_eq!(rig.ledger_ids("main").len(), 6);
}

/// A configuration with this strategy is refused, and the one that runs goes on.
fn strategy_is_refused(rig: &Rig, strategy: &str) {
    let daemon = rig.start_ready();
    let main = rig.place("main", 1);
    let mirror = [1, 2, 3].map(|slot| rig.place("mirror", slot));
    for order in [&main, &mirror[0], &mirror[1]] {
        rig.fill(order);
    }
    daemon.wait_for_counts(SYMBOL, [(1, 2), (2, 2)]);
    rig.edit(
        "strategy = \"max-count\"",
        &format!("strategy = \"{strategy}\""),
    );
    let rejected = eventually("the configuration is refused", || {
        let events = daemon.events("config_rejected");
        so(!events.is_empty(), daemon.events("config_reloaded")).map(|()| events)
    });
    assert!(rejected[0].to_string().contains(strategy), "{rejected:#?}");
    assert!(daemon.events("config_reloaded").is_empty());
    // The old strategy answers the next fill.
    rig.fill(&mirror[2]);
    daemon.wait_for_counts(SYMBOL, [(1, 3), (3, 3)]);
    let told = rig.wait_for("fill", 4).pop().unwrap();
    assert!(!told.text.contains("not synchronised"), "{}", told.text);
    rig.wait_for("system", 1);
}

#[test]
fn a_strategy_that_cannot_be_loaded_is_refused_and_the_old_one_stays() {
    let rig = Rig::new();
    rig.put_plugin("house.wasm", b"this is no component");
    rig.append("[plugin.house]\n");
    strategy_is_refused(&rig, "house");
}

#[test]
fn a_strategy_that_does_not_stand_its_test_is_refused_and_the_old_one_stays() {
    let rig = Rig::new();
    rig.put_plugin("house.wasm", &crate::plugins::hostile().0);
    rig.append("[plugin.house]\nsettings = { deed = \"panic\" }\n");
    strategy_is_refused(&rig, "house");
}

#[test]
fn a_formatter_in_a_strategys_place_is_refused_and_the_old_one_stays() {
    let rig = Rig::new();
    rig.put_plugin("house.wasm", component("plain"));
    rig.append("[plugin.house]\n");
    strategy_is_refused(&rig, "house");
}

#[test]
fn a_formatter_that_runs_is_refused_as_a_strategy_as_well() {
    let rig = Rig::new();
    strategy_is_refused(&rig, "limit-fill");
}

#[test]
fn what_did_not_work_before_keeps_no_other_change_from_being_taken() {
    let rig = Rig::new();
    rig.put_plugin("max-count.wasm", b"this is no component");
    let daemon = rig.start_ready();
    rig.edit("settle = \"300ms\"", "settle = \"200ms\"");
    wait_for_reload(&daemon, 0);
}

#[test]
fn a_formatter_in_a_strategys_place_at_the_start_gives_way_to_a_strategy() {
    let rig = Rig::new();
    rig.put_plugin("house.wasm", component("plain"));
    rig.edit("strategy = \"max-count\"", "strategy = \"house\"");
    rig.append("[plugin.house]\n");
    let daemon = rig.start_ready();
    let told = rig.wait_for("system", 1).remove(0);
    assert!(told.text.contains("asks for a strategy"), "{}", told.text);
    rig.put_plugin("house.wasm", component("max-count"));
    daemon.wait_for_event("plugin_loaded");
    let mirror = [1, 2].map(|slot| rig.place("mirror", slot));
    let main = rig.place("main", 1);
    for order in [&mirror[0], &mirror[1], &main] {
        rig.fill(order);
    }
    daemon.wait_for_counts(SYMBOL, [(1, 2), (2, 2)]);
}

#[test]
fn a_secret_whose_file_has_new_content_is_taken_up_without_a_change_to_the_configuration() {
    let rig = Rig::new();
    let path = rig.folder.path().join("mirror.secret");
    std::fs::write(&path, "canary-of-yesterday").unwrap();
    rig.edit(
        "api_secret = { env = \"RIG_MIRROR_SECRET\" }",
        &format!("api_secret = {{ file = \"{}\" }}", path.display()),
    );
    let daemon = rig.start();
    rig.wait_for("system", 1);
    let fill = rig.fill(&rig.place("mirror", 1));
    // Only then the operator puts the right one there, and asks for a look at everything.
    std::fs::write(&path, MIRROR_SECRET).unwrap();
    daemon.signal("HUP");
    let reloaded = daemon.wait_for_event("config_reloaded").to_string();
    assert!(reloaded.contains("account mirror"), "{reloaded}");
    assert!(!reloaded.contains("account main"), "{reloaded}");
    eventually("the mirror's fill is there", || {
        let have = rig.ledger_ids("mirror");
        so(have == [fill.clone()], have)
    });
    // The same content is no news, and a file that is gone takes nothing away.
    daemon.signal("HUP");
    std::fs::remove_file(&path).unwrap();
    daemon.signal("HUP");
    daemon.wait_for_event("secret_unreadable");
    let fill = rig.fill(&rig.place("mirror", 2));
    eventually("the mirror is polled still", || {
        let have = rig.ledger_ids("mirror");
        so(have.contains(&fill), have)
    });
    assert_eq!(daemon.events("config_reloaded").len(), 1);
    let log = daemon.log();
    assert!(!log.contains(MIRROR_SECRET) && !log.contains("canary-of-yesterday"));
}
