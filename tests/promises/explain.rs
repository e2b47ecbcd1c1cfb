//! `explain`: why main says 2, from the venue's own rows to what was told, and the decision made again.

use crate::plugins::{component, hostile};
use crate::rig::{Daemon, Rig, SYMBOL, eventually, so};
use serde_json::Value;

/// Main fills twice and the mirror once, and everything of it is told.
fn two_and_one(rig: &Rig, daemon: &Daemon) {
    let orders = [("main", 1), ("main", 2), ("mirror", 1), ("mirror", 2)];
    let orders = orders.map(|(account, slot)| rig.place(account, slot));
    let now = rig.now_ms();
    for order in &orders[..3] {
        rig.fill_at(order, Some(now));
    }
    eventually("three fills are told and recorded as sent", || {
        let sent = daemon.events("alert_sent");
        let fills = sent.iter().filter(|event| event["kind"] == "fill").count();
        so(fills >= 3, daemon.log())
    });
}

/// The command's JSON; it must end well.
#[track_caller]
fn explain(rig: &Rig, kind: &str, id: &str) -> Value {
    let output = rig.run(&["--json", "explain", kind, id]);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[track_caller]
fn text(rig: &Rig, kind: &str, id: &str) -> String {
    let output = rig.run(&["explain", kind, id]);
    String::from_utf8(output.stdout).unwrap()
}

fn name_of_the_count(daemon: &Daemon) -> String {
    let counts = daemon.json(&format!("/counts?symbol={SYMBOL}"));
    counts["counts"][0]["id"].as_str().unwrap().to_owned()
}

#[test]
fn why_main_says_two_is_told_from_the_venues_rows_to_the_alerts_and_proven_again() {
    let rig = Rig::new();
    let daemon = rig.start_ready();
    two_and_one(&rig, &daemon);
    let id = name_of_the_count(&daemon);
    assert_eq!(id, "desk/GTCUSDT/short/1");

    let count = explain(&rig, "count", &id);
    assert_eq!(count["again"]["result"], "same", "{count:#}");
    assert_eq!(count["again"]["plugin_from"], "embedded");
    let mut facts: Vec<String> = count["facts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|fact| fact["execution_id"].as_str().unwrap().to_owned())
        .collect();
    facts.sort();
    let mut venue = [rig.venue_ids("main"), rig.venue_ids("mirror")].concat();
    venue.sort();
    assert_eq!(facts, venue);
    let decision = &count["decision"];
    assert_eq!(decision["outcome"], "answered");
    assert_eq!(decision["plugin"], "max-count");
    assert_eq!(decision["plugin_version"], "1.0.0");
    assert_eq!(decision["settings"], serde_json::json!({}));
    assert_eq!(decision["view_is_intact"], true);
    let of = |account: &str| {
        let accounts = decision["accounts"].as_array().unwrap();
        let found = accounts.iter().find(|one| one["account"] == account);
        found.unwrap().clone()
    };
    assert_eq!(
        (&of("main")["detected"], &of("main")["shown"]),
        (&2.into(), &2.into())
    );
    assert_eq!(
        (&of("mirror")["detected"], &of("mirror")["shown"]),
        (&1.into(), &2.into())
    );
    assert!(of("main")["coverage_to"].is_string());
    let slot = &decision["slots"][0];
    assert_eq!(slot["slot"], 1);
    assert!(slot["matched_by"].is_string() && slot["confidence"].as_u64().unwrap() > 0);

    // On one screen, for people.
    let screen = text(&rig, "count", &format!("{id}/main"));
    assert!(screen.lines().count() <= 40, "{screen}");
    let first = screen.lines().nth(1).unwrap();
    assert!(
        first.contains("main says 2: its own count is 2 (L1, L2)"),
        "{screen}"
    );
    assert!(!screen.contains("mirror says"), "{screen}");
    assert!(
        screen.contains("the same answer, byte for byte"),
        "{screen}"
    );

    // The same chain from its other ends.
    let fill = explain(&rig, "fill", &rig.venue_ids("mirror")[0]);
    assert_eq!(fill["cycle"]["id"], id);
    assert_eq!(fill["again"]["result"], "same");
    let told = fill["alerts"].as_array().unwrap();
    assert_eq!(told.len(), 1, "{fill:#}");
    assert_eq!(told[0]["deliveries"][0]["state"], "sent");
    let identity = told[0]["identity"].as_str().unwrap();
    let alert = explain(&rig, "alert", identity);
    assert_eq!(alert["id"], format!("{identity} r0"));
    assert_eq!(alert["decision"]["id"], decision["id"]);
    assert_eq!(alert["alerts"][0]["deliveries"][0]["channel"], "automation");
    let by_number = explain(&rig, "count", &decision["id"].to_string());
    assert_eq!(by_number["decision"], *decision);
}

#[test]
fn a_name_that_is_none_is_told_where_names_come_from() {
    let rig = Rig::new();
    let mut daemon = rig.start_ready();
    assert!(daemon.stop().success());
    for (kind, id, status, words) in [
        ("count", "main", 2, "`fillsync counts` prints them"),
        (
            "count",
            "desk/GTCUSDT/short/9",
            1,
            "no decision about desk/GTCUSDT/short/9",
        ),
        ("count", "17", 1, "no decision 17"),
        ("alert", "nothing", 1, "`fillsync alerts` prints"),
        ("fill", "nothing", 1, "`fillsync fills` prints"),
    ] {
        let output = rig.run(&["explain", kind, id]);
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(status), "{errors}");
        assert!(errors.contains(words), "{errors}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn a_decision_of_a_plugin_that_is_gone_says_which_file_would_prove_it() {
    let rig = Rig::new();
    // The same rule under another hash: a custom section more.
    let mut bytes = component("max-count").to_vec();
    bytes.extend_from_slice(b"\0\x05\x04note");
    rig.put_plugin("max-count.wasm", &bytes);
    let mut daemon = rig.start_ready();
    two_and_one(&rig, &daemon);
    let id = name_of_the_count(&daemon);
    assert!(daemon.stop().success());
    let here = explain(&rig, "count", &id);
    assert_eq!(here["again"]["result"], "same", "{here:#}");

    std::fs::remove_file(rig.plugin_file("max-count.wasm")).unwrap();
    let gone = explain(&rig, "count", &id);
    assert_eq!(gone["again"]["result"], "not-tried", "{gone:#}");
    let why = gone["again"]["why"].as_str().unwrap();
    let hash = gone["decision"]["plugin_sha256"].as_str().unwrap();
    assert!(
        why.contains("max-count 1.0.0 is gone") && why.contains(hash),
        "{why}"
    );

    rig.put_plugin("found-in-a-drawer.bin", &bytes);
    let back = explain(&rig, "count", &id);
    assert_eq!(back["again"]["result"], "same", "{back:#}");
    assert!(
        back["again"]["plugin_from"]
            .as_str()
            .unwrap()
            .ends_with("found-in-a-drawer.bin")
    );
}

#[test]
fn a_decision_without_an_answer_fails_again_in_the_same_words() {
    let rig = Rig::new();
    rig.put_plugin("hostile.wasm", &hostile().0);
    rig.edit("name = \"desk\"", "name = \"trouble\"");
    rig.edit("strategy = \"max-count\"", "strategy = \"hostile\"");
    rig.append("[plugin.hostile]\nsettings = { deed = \"panic\", group = \"trouble\" }\n");
    let daemon = rig.start_ready();
    two_and_one(&rig, &daemon);
    let count = explain(&rig, "count", "trouble/GTCUSDT/short/1");
    assert_eq!(count["decision"]["outcome"], "fallback", "{count:#}");
    assert_eq!(count["again"]["result"], "same", "{count:#}");
    let because = count["because"].as_array().unwrap();
    for (account, says) in [("main", 2), ("mirror", 1)] {
        let sentence = because
            .iter()
            .filter_map(Value::as_str)
            .find(|because| because.starts_with(account))
            .unwrap();
        assert!(
            sentence.starts_with(&format!("{account} says {says}")),
            "{sentence}"
        );
        assert!(sentence.contains("it is not synchronised"), "{sentence}");
        assert!(
            sentence.contains("its last words: panicked at"),
            "{sentence}"
        );
    }
}

#[test]
fn a_row_that_somebody_changed_does_not_come_out_the_same_again() {
    let rig = Rig::new();
    let mut daemon = rig.start_ready();
    two_and_one(&rig, &daemon);
    let id = name_of_the_count(&daemon);
    assert!(daemon.stop().success());
    let ledger = rusqlite::Connection::open(rig.database()).unwrap();
    let changed = |sql: &str| {
        // The ledger itself forbids it; who opens the file can do anything.
        ledger
            .execute_batch(&format!(
                "DROP TRIGGER IF EXISTS decision_never_changes; {sql}"
            ))
            .unwrap();
        let output = rig.run(&["--json", "explain", "count", &id]);
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{errors}");
        assert!(errors.contains("see above"), "{errors}");
        serde_json::from_slice::<Value>(&output.stdout).unwrap()
    };
    // main shows one more than was decided.
    let answer = changed(
        "UPDATE decision SET answer_json = replace(answer_json, '\"account\":\"main\",\"count\":2', '\"account\":\"main\",\"count\":3')",
    );
    assert_eq!(answer["again"]["result"], "differs", "{answer:#}");
    assert_eq!(answer["again"]["stored"][0]["count"], 3);
    assert_eq!(answer["again"]["now"][0]["count"], 2);
    // The view says that the mirror detected 3; its hash says that it did not.
    let answer = changed(
        "UPDATE decision SET view_json = replace(view_json, '\"detected\":1', '\"detected\":3')",
    );
    assert_eq!(answer["decision"]["view_is_intact"], false, "{answer:#}");
    let screen = text(&rig, "count", &id);
    assert!(
        screen.contains("THE STORED VIEW DOES NOT HAVE THIS HASH"),
        "{screen}"
    );
}
