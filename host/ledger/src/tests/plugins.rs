//! What is remembered of plugins, and what they were really asked.

use super::{Bench, SEEN, runtime};
use crate::PluginEventRow;
use fillsync_core::id::{ChannelName, GroupName};
use rusqlite::params;

fn write(bench: &Bench, plugin: &str, outcome: &str, old: Option<&str>, new: Option<&str>) {
    let row = PluginEventRow {
        old_sha256: old.map(ToOwned::to_owned),
        new_sha256: new.map(ToOwned::to_owned),
        cause: Some(format!("of {outcome}")),
        ..PluginEventRow::new(SEEN, plugin, "swap", outcome)
    };
    runtime()
        .block_on(bench.ledger.log_plugin_event(row))
        .unwrap();
}

#[test]
fn what_is_in_use_and_what_was_rolled_back_outlives_what_happens_to_others() {
    let bench = Bench::new();
    write(&bench, "house", "loaded", None, Some("a"));
    write(&bench, "house", "swapped", Some("a"), Some("b"));
    write(&bench, "house", "rolled-back", Some("b"), Some("a"));
    write(&bench, "house", "held", Some("a"), Some("c"));
    write(&bench, "house", "rejected", Some("a"), Some("d"));
    for _ in 0..crate::PLUGIN_EVENTS_MAX + 5 {
        write(&bench, "other", "rejected", None, Some("x"));
    }
    let reader = bench.reader();
    let memory = reader.plugin_memory("house").unwrap();
    assert_eq!(memory.in_use.as_deref(), Some("a"));
    let barred: Vec<&str> = memory
        .barred
        .iter()
        .map(|one| one.sha256.as_str())
        .collect();
    assert_eq!(barred, ["b"]);
    assert_eq!(memory.barred[0].cause, "of rolled-back");
    assert_eq!(reader.plugin_memory("other").unwrap().in_use, None);
    let all = reader.plugin_events(u32::MAX).unwrap();
    assert_eq!(all.len() as i64, crate::PLUGIN_EVENTS_MAX + 1);
    let of_house = reader.plugin_history("house", 9).unwrap();
    assert_eq!(of_house.len(), 1);
    assert_eq!(of_house[0].event.outcome, "rolled-back");
}

#[test]
fn a_row_keeps_its_stages_and_its_comparison() {
    let bench = Bench::new();
    let row = PluginEventRow {
        stages: vec![("hash".to_owned(), 7), ("compile".to_owned(), 12_000)],
        settings_sha256: Some("ef".to_owned()),
        comparison_json: Some("{\"asked\":3}".to_owned()),
        ..PluginEventRow::new(SEEN, "house", "policy", "held")
    };
    runtime()
        .block_on(bench.ledger.log_plugin_event(row.clone()))
        .unwrap();
    assert_eq!(bench.reader().plugin_events(1).unwrap()[0].event, row);
}

#[test]
fn an_older_ledger_has_its_outcomes_renamed() {
    let connection = rusqlite::Connection::open_in_memory().unwrap();
    connection
        .execute_batch(include_str!("../../schema/0001_ledger.sql"))
        .unwrap();
    connection
        .execute_batch(
            "INSERT INTO plugin_event (at, plugin, stage, outcome) VALUES (1, 'house', 'swap', 'plugin_swapped')",
        )
        .unwrap();
    connection
        .execute_batch(include_str!("../../schema/0007_plugin_outcomes.sql"))
        .unwrap();
    let outcome: String = connection
        .query_row("SELECT outcome FROM plugin_event", [], |row| row.get(0))
        .unwrap();
    assert_eq!(outcome, "swapped");
}

#[test]
fn recorded_inputs_are_the_newest_of_their_groups_each_once() {
    let bench = Bench::new();
    let connection = rusqlite::Connection::open(bench.path()).unwrap();
    let view = |group: &str, cycle: u64| {
        format!(
            "{{\"group\":\"{group}\",\"symbol\":\"X\",\"side\":\"short\",\"cycle\":{cycle},\"as_of\":0,\
             \"counts_when\":\"filled\",\"slots\":[],\"members\":[]}}"
        )
    };
    let decide = |group: &str, cycle: u64, revision: i64, view_json: &str| {
        connection
            .execute(
                "INSERT INTO decision (group_name, symbol, side, cycle, moment, revision, facts_hash, view_hash, view_json,
                     plugin, outcome, answer_json, decided_at)
                 VALUES (?1, 'X', 'short', ?2, 0, ?3, 'f', ?4, ?5, 'p', 'none', '[]', 0)",
                params![group, cycle as i64, revision, format!("{group}{cycle}"), view_json],
            )
            .unwrap();
    };
    for cycle in 1..=3 {
        decide("desk", cycle, 0, &view("desk", cycle));
        decide("other", cycle, 0, &view("other", cycle));
    }
    decide("desk", 3, 1, &view("desk", 3));
    decide("desk", 4, 0, "{\"no\":\"view\"}");
    let groups = [GroupName::new("desk").unwrap()];
    let recorded = bench.reader().recorded_views(&groups, 3).unwrap();
    let cycles: Vec<u64> = recorded.views.iter().map(|view| view.cycle).collect();
    assert_eq!((cycles, recorded.unreadable), (vec![3, 2], 1));
    assert!(
        bench
            .reader()
            .recorded_views(&[], 3)
            .unwrap()
            .views
            .is_empty()
    );
    let channels = [ChannelName::new("ops").unwrap()];
    let none = bench.reader().recorded_alerts(&channels, 3).unwrap();
    assert!(none.alerts.is_empty());
}
