//! Routing: an alert goes to the channels that wish for its group, account, symbol, kind and severity.

use crate::rig::{Daemon, Rig, SYMBOL, eventually, so};
use std::collections::{BTreeMap, BTreeSet};

/// Which channels each alert was queued for, by kind, account and symbol.
fn routes(daemon: &Daemon) -> BTreeMap<(String, String, String), BTreeSet<String>> {
    let answer = daemon.json("/alerts?limit=200");
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let alerts = answer["alerts"].as_array().unwrap().clone();
    let mut routes: BTreeMap<_, BTreeSet<String>> = BTreeMap::new();
    for alert in alerts {
        let key = (
            text(&alert["kind"]),
            text(&alert["account"]),
            text(&alert["symbol"]),
        );
        let channels = alert["deliveries"].as_array().unwrap().clone();
        routes
            .entry(key)
            .or_default()
            .extend(channels.iter().map(|delivery| text(&delivery["channel"])));
    }
    routes
}

fn channel(rig: &Rig, name: &str, wishes: &str) {
    rig.append(&format!(
        "[[channel]]\nname = \"{name}\"\nkind = \"webhook\"\nurl = \"{}/{name}\"\nformatter = \"plain\"\n{wishes}\n\n",
        rig.hook.base_url()
    ));
}

#[test]
fn each_wish_narrows_and_a_difference_reaches_all_whom_it_concerns() {
    let rig = Rig::new();
    channel(&rig, "of-main", "accounts = [\"main\"]");
    channel(&rig, "of-arb", "symbols = [\"ARBUSDT\"]");
    channel(&rig, "of-desk", "groups = [\"desk\"]");
    channel(&rig, "severe", "severity = \"critical\"");
    channel(&rig, "of-fills", "alerts = [\"fill\"]");
    channel(
        &rig,
        "of-mirror-in-arb",
        "accounts = [\"mirror\"]\nsymbols = [\"ARBUSDT\"]",
    );
    let daemon = rig.start_ready();
    rig.fill(&rig.place("main", 1));
    rig.fill(&rig.place("mirror", 1));
    rig.fill(&rig.place_in("ARBUSDT", "mirror", 1));
    rig.fill(&rig.place_in("ARBUSDT", "main", 1));
    // Main's second fill has no counterpart: the accounts differ, and then agree again.
    let open = rig.place("mirror", 2);
    rig.fill(&rig.place("main", 2));
    let divergence = (
        "divergence".to_owned(),
        "mirror".to_owned(),
        SYMBOL.to_owned(),
    );
    eventually("the accounts differ", || {
        let routes = routes(&daemon);
        so(routes.contains_key(&divergence), routes)
    });
    rig.fill(&open);
    let resolved = (
        "resolved".to_owned(),
        "mirror".to_owned(),
        SYMBOL.to_owned(),
    );
    let routes = eventually("they agree again, and all is told", || {
        let (routes, status) = (routes(&daemon), daemon.json("/status"));
        let is_told = routes.contains_key(&resolved) && status["outbox"]["pending"] == 0;
        if is_told {
            Ok(routes)
        } else {
            Err(format!("{routes:#?} {status:#}"))
        }
    });
    let of = |kind: &str, account: &str, symbol: &str| -> Vec<&str> {
        let key = (kind.to_owned(), account.to_owned(), symbol.to_owned());
        routes[&key].iter().map(String::as_str).collect()
    };
    assert_eq!(
        of("fill", "main", SYMBOL),
        ["automation", "of-desk", "of-fills", "of-main"]
    );
    assert_eq!(
        of("fill", "mirror", SYMBOL),
        ["automation", "of-desk", "of-fills"]
    );
    assert_eq!(
        of("fill", "mirror", "ARBUSDT"),
        [
            "automation",
            "of-arb",
            "of-desk",
            "of-fills",
            "of-mirror-in-arb"
        ]
    );
    assert_eq!(
        of("fill", "main", "ARBUSDT"),
        ["automation", "of-arb", "of-desk", "of-fills", "of-main"]
    );
    // It is about main as well as about the mirror; and who is told that it began is told that it ended.
    let concerned = ["automation", "of-desk", "of-main", "severe"];
    assert_eq!(of("divergence", "mirror", SYMBOL), concerned);
    assert_eq!(of("resolved", "mirror", SYMBOL), concerned);
    // What the ledger says was sent is what arrived.
    let arrived: BTreeSet<String> = rig
        .hook
        .received()
        .into_iter()
        .map(|request| request.path)
        .collect();
    assert_eq!(arrived.len(), 7, "{arrived:?}");
}

#[test]
fn law_12_wishes_that_change_hold_for_what_happens_from_then_on() {
    let rig = Rig::new();
    channel(&rig, "picky", "symbols = [\"ARBUSDT\"]");
    let daemon = rig.start_ready();
    rig.fill(&rig.place("main", 1));
    rig.wait_for("fill", 1);
    rig.edit("symbols = [\"ARBUSDT\"]", "symbols = [\"GTCUSDT\"]");
    daemon.wait_for_event("config_reloaded");
    let second = rig.place("main", 2);
    rig.fill(&second);
    let to_picky = || -> Vec<String> {
        let requests = rig.hook.received();
        let of_picky = requests.iter().filter(|request| request.path == "/picky");
        // That the mirror lacks them is told as well, in its time.
        of_picky
            .map(|request| {
                request.json().unwrap()["identity"]
                    .as_str()
                    .unwrap()
                    .to_owned()
            })
            .filter(|identity| identity.starts_with("fill/"))
            .collect()
    };
    let told = eventually("the new wish is met", || {
        let told = to_picky();
        if told.is_empty() {
            Err("nothing yet".to_owned())
        } else {
            Ok(told)
        }
    });
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].ends_with(&second), "{told:?}");
}
