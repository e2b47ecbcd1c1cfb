//! What a reload changes is exact: applied to the old configuration it gives the new one.

use super::read;
use crate::{Change, Config, EXAMPLE, Step, apply, difference, running};
use proptest::prelude::*;

fn config(text: &str) -> Config {
    read(text)
        .map_err(|problems| crate::report(&problems))
        .unwrap()
        .config
}

#[test]
fn one_edit_is_one_change() {
    let old = config(EXAMPLE);
    let new = config(&EXAMPLE.replacen(
        "strategy      = \"max-count\"",
        "strategy = \"main-master\"",
        1,
    ));
    let changes = difference(&old, &new);
    let lines: Vec<String> = changes.iter().map(ToString::to_string).collect();
    assert_eq!(lines, ["group desk changed: strategy"]);
    assert!(
        matches!(&changes[0], Change::Group(_, Step::Changed { keys, .. }) if keys == &["strategy"])
    );
    assert!(difference(&old, &old).is_empty());
}

#[test]
fn what_needs_a_restart_says_so_and_waits() {
    let old = config(EXAMPLE);
    let text = EXAMPLE
        .replace("127.0.0.1:8080", "127.0.0.1:9090")
        .replacen("alert_max_age = \"10m\"", "alert_max_age = \"20m\"", 1);
    let new = config(&text);
    let changes = difference(&old, &new);
    assert_eq!(changes[0].restart_keys(), ["listen"]);
    assert!(changes[0].to_string().contains("at the next start: listen"));
    let running = running(&old, &new);
    assert_eq!(running.daemon.listen, old.daemon.listen);
    assert_eq!(running.daemon.alert_max_age, new.daemon.alert_max_age);
    assert_eq!(running.groups, new.groups);
}

#[test]
fn another_key_is_another_account() {
    let old = config(EXAMPLE);
    let new = config(&EXAMPLE.replace("BYBIT_MIRROR_KEY", "OTHER_KEY"));
    assert!(
        difference(&old, &new)
            .iter()
            .any(Change::is_another_account)
    );
    let new = config(&EXAMPLE.replace("poll_every   = \"2s\"", "poll_every = \"3s\""));
    assert!(
        !difference(&old, &new)
            .iter()
            .any(Change::is_another_account)
    );
}

/// A configuration of any of the example's parts, with some values changed.
fn any_config() -> impl Strategy<Value = Config> {
    let part = || prop::collection::vec(any::<bool>(), 4);
    let value = prop::sample::select(vec!["1s", "2s", "5s", "90s"]);
    (
        part(),
        part(),
        part(),
        any::<bool>(),
        value.clone(),
        value,
        any::<bool>(),
    )
        .prop_map(
            |(accounts, groups, channels, plugins, poll_every, settle, listen)| {
                let mut config = config(EXAMPLE);
                let mut keep = accounts.into_iter();
                config.accounts.retain(|_, _| keep.next().unwrap_or(true));
                let mut keep = groups.into_iter();
                config.groups.retain(|_, _| keep.next().unwrap_or(true));
                let mut keep = channels.into_iter();
                config.channels.retain(|_, _| keep.next().unwrap_or(true));
                config.plugins.retain(|_, _| plugins);
                for account in config.accounts.values_mut().take(1) {
                    account.poll_every = crate::parse_span(poll_every).unwrap();
                }
                for group in config.groups.values_mut().take(1) {
                    group.settle = crate::parse_span(settle).unwrap();
                }
                if listen {
                    config.daemon.listen = "127.0.0.1:1".parse().unwrap();
                }
                config
            },
        )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_difference_applied_to_the_old_gives_the_new(old in any_config(), new in any_config()) {
        let changes = difference(&old, &new);
        prop_assert_eq!(apply(&changes, &old), new.clone());
        prop_assert_eq!(changes.is_empty(), old == new);
    }
}
