//! The metrics as Prometheus reads them: the format, the naming rules that `promtool check metrics` has, and
//! the bounds of labels; and the dashboard file, which can show only what there is.

use super::client::{Daemon, Server};
use super::sample;
use crate::Limits;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

const DASHBOARD: &str = include_str!("../../../../config/grafana.json");

/// Every label that a metric may have. Their values are names of the configuration or words of a fixed
/// list; a label for an order, a symbol or a fill would grow without end.
const LABELS: [&str; 6] = [
    "account", "category", "channel", "plugin", "reason", "state",
];
/// The label of the one metric that tells what runs.
const VERSION: &str = "version";

/// Units that are no base units, and words that say the type again.
const NOT_IN_A_NAME: [&str; 16] = [
    "ms",
    "millis",
    "milliseconds",
    "us",
    "microseconds",
    "minutes",
    "hours",
    "days",
    "kb",
    "kib",
    "mb",
    "megabytes",
    "percent",
    "gauge",
    "counter",
    "histogram",
];

/// One metric family of the page.
#[derive(Debug, Default)]
struct Family {
    help: String,
    kind: String,
    samples: Vec<(BTreeMap<String, String>, f64)>,
}

/// Reads the text format as strictly as it is written: HELP, TYPE, samples, one family after the other.
fn families(page: &str) -> BTreeMap<String, Family> {
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    let mut current = String::new();
    assert!(page.ends_with('\n'), "the last line must end");
    for line in page.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').expect("a help text");
            assert!(!families.contains_key(name), "{name} comes twice");
            name.clone_into(&mut current);
            families.entry(name.to_owned()).or_default().help = help.to_owned();
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').expect("a type");
            assert_eq!(name, current, "TYPE follows HELP");
            families.get_mut(name).unwrap().kind = kind.to_owned();
        } else {
            let (series, value) = line.rsplit_once(' ').expect("a value");
            let (name, labels) = match series.split_once('{') {
                Some((name, labels)) => (name, labels.strip_suffix('}').expect("a brace")),
                None => (series, ""),
            };
            assert_eq!(name, current, "a sample stands under its family");
            let sample = (labels_of(labels), value.parse().expect("a number"));
            families.get_mut(name).unwrap().samples.push(sample);
        }
    }
    families
}

/// `a="1",b="2"`, with the three escapes that there are.
fn labels_of(text: &str) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (name, after) = rest.split_once("=\"").expect("a label's value");
        let mut value = String::new();
        let mut characters = after.char_indices();
        let end = loop {
            match characters.next().expect("a closing quote") {
                (at, '"') => break at,
                (_, '\\') => match characters.next().expect("an escape").1 {
                    'n' => value.push('\n'),
                    escaped @ ('"' | '\\') => value.push(escaped),
                    other => panic!("there is no escape \\{other}"),
                },
                (_, other) => value.push(other),
            }
        };
        assert!(labels.insert(name.to_owned(), value).is_none(), "{text}");
        rest = after[end + 1..].trim_start_matches(',');
    }
    labels
}

async fn page() -> BTreeMap<String, Family> {
    families(&Server::start().await.get("/metrics").await.body)
}

#[tokio::test]
async fn every_metric_follows_the_naming_rules() {
    for (name, family) in page().await {
        assert!(name.starts_with("fillsync_"), "{name}");
        let well_spelt = |c: char| c.is_ascii_lowercase() || c == '_';
        assert!(
            name.chars().all(well_spelt) && !name.contains("__"),
            "{name}"
        );
        assert!(family.help.ends_with('.'), "{name}: {}", family.help);
        match family.kind.as_str() {
            "counter" => assert!(name.ends_with("_total"), "{name} is a counter"),
            "gauge" => assert!(!name.ends_with("_total"), "{name} is no counter"),
            other => panic!("{name}: {other}"),
        }
        let words: Vec<&str> = name.split('_').collect();
        for word in NOT_IN_A_NAME {
            assert!(!words.contains(&word), "{name}: {word}");
        }
        // A number with a unit says it, last.
        for unit in ["seconds", "bytes"] {
            let at = words.iter().position(|word| *word == unit);
            assert!(
                at.is_none_or(|at| at + 1 == words.len()),
                "{name}: {unit} is last"
            );
        }
        let is_span = ["age", "lag", "time", "delay"]
            .iter()
            .any(|word| words.contains(word));
        assert!(!is_span || name.ends_with("_seconds"), "{name} has no unit");
    }
}

#[tokio::test]
async fn labels_are_few_and_known_and_no_series_comes_twice() {
    for (name, family) in page().await {
        let mut seen = BTreeSet::new();
        for (labels, value) in &family.samples {
            assert!(labels.len() <= 2, "{name}: {labels:?}");
            for label in labels.keys() {
                let is_known = LABELS.contains(&label.as_str())
                    || (label == VERSION && name == "fillsync_build_info");
                assert!(
                    is_known,
                    "{name}: the label {label} may have any number of values"
                );
            }
            assert!(value.is_finite() && *value >= 0.0, "{name}: {value}");
            assert!(seen.insert(labels.clone()), "{name}: {labels:?} twice");
            let names: Vec<_> = family.samples[0].0.keys().collect();
            assert_eq!(labels.keys().collect::<Vec<_>>(), names, "{name}");
        }
    }
}

/// Every query of the dashboard, wherever it stands.
fn queries(value: &serde_json::Value, found: &mut Vec<String>) {
    match value {
        serde_json::Value::Object(fields) => {
            for (key, value) in fields {
                match value.as_str() {
                    Some(text) if key == "expr" || key == "query" => found.push(text.to_owned()),
                    _ => queries(value, found),
                }
            }
        }
        serde_json::Value::Array(items) => items.iter().for_each(|item| queries(item, found)),
        _ => {}
    }
}

/// The metrics of a query.
fn metrics_of(query: &str) -> BTreeSet<String> {
    let words = query.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    words
        .filter(|word| word.starts_with("fillsync_"))
        .map(str::to_owned)
        .collect()
}

#[tokio::test]
async fn the_dashboard_file_shows_every_metric_and_none_that_there_is_not() {
    let dashboard: serde_json::Value = serde_json::from_str(DASHBOARD).unwrap();
    let mut found = Vec::new();
    queries(&dashboard, &mut found);
    let shown: BTreeSet<String> = found.iter().flat_map(|query| metrics_of(query)).collect();
    let page = page().await;
    let there: BTreeSet<String> = page.keys().cloned().collect();
    assert_eq!(shown, there);
    // A legend names labels that the metric has; a counter is shown by its growth.
    let targets: Vec<&serde_json::Value> = dashboard["panels"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|panel| panel["targets"].as_array())
        .flatten()
        .collect();
    assert!(!targets.is_empty());
    for target in targets {
        let query = target["expr"].as_str().unwrap();
        for name in metrics_of(query) {
            let labels: BTreeSet<&String> = page[&name]
                .samples
                .iter()
                .flat_map(|(labels, _)| labels.keys())
                .collect();
            let legend = target["legendFormat"].as_str().unwrap();
            for label in legend
                .split("{{")
                .skip(1)
                .filter_map(|part| part.split("}}").next())
            {
                assert!(
                    labels.contains(&label.to_owned()),
                    "{query}: {name} has no label {label}"
                );
            }
            let is_sum_of_all = name == "fillsync_unreadable_rows_total";
            let grows = query.contains("rate(") || query.contains("increase(");
            assert!(
                page[&name].kind != "counter" || grows || is_sum_of_all,
                "{query}"
            );
        }
    }
}

#[tokio::test]
async fn a_message_that_waits_is_told_with_its_channel_and_for_how_long() {
    let later = Daemon {
        now: sample::NOW.plus(Duration::from_secs(600)),
        ..Daemon::WELL
    };
    let server = Server::with(None, Limits::default(), later).await;
    let page = families(&server.get("/metrics").await.body);
    let (labels, age) = &page["fillsync_outbox_oldest_age_seconds"].samples[0];
    assert_eq!(labels["channel"], "log");
    assert!(*age > 600.0, "{age}");
}
