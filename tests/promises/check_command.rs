//! `check`: what could go wrong with the keys and clocks is said before the daemon runs, by name.

use crate::rig::{MAIN_KEY, MAIN_SECRET, MIRROR_KEY, MIRROR_SECRET, Rig};
use fillsync_fake::{AlpacaAccount, AlpacaOptions, BybitAccount, FakeAlpaca};
use serde_json::{Value, json};
use std::process::Output;

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn json_of(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", text(&output.stderr)))
}

/// What is said about an account, with its grade.
fn said(answer: &Value, about: &str) -> Vec<(String, String)> {
    let findings = answer["findings"].as_array().unwrap();
    findings
        .iter()
        .filter(|finding| finding["about"] == about)
        .map(|finding| {
            let text = |key: &str| finding[key].as_str().unwrap().to_owned();
            (text("grade"), text("text"))
        })
        .collect()
}

/// Whether something of a grade is said that has these words.
fn has(said: &[(String, String)], grade: &str, words: &[&str]) -> bool {
    said.iter()
        .any(|(of, text)| of == grade && words.iter().all(|word| text.contains(word)))
}

#[test]
fn a_key_that_reads_and_nothing_else_is_good() {
    let rig = Rig::new();
    let answer = json_of(&rig.run(&["check", "--json"]));
    let main = said(&answer, "account main");
    assert!(main.iter().all(|(grade, _)| grade == "ok"), "{main:#?}");
    assert!(has(&main, "ok", &["read and nothing else"]), "{main:#?}");
    assert!(has(&main, "ok", &["uid 1001"]), "{main:#?}");
    let report = &answer["accounts"][0];
    assert_eq!(report["categories"], json!(["linear"]), "{report:#}");
    assert_eq!(report["key"]["can_trade"], false, "{report:#}");
    assert_eq!(report["key"]["can_withdraw"], false, "{report:#}");
    assert_eq!(report["key"]["addresses"], json!([]), "{report:#}");
    assert!(report["key"]["expires_at"].is_string(), "{report:#}");
    assert!(
        report["key"]["clock_offset_ms"].as_i64().unwrap().abs() < 500,
        "{report:#}"
    );
}

#[test]
fn a_key_that_could_trade_or_withdraw_or_is_about_to_end_is_warned_of_by_name() {
    let rig = Rig::new();
    let mut main = BybitAccount::new("main", MAIN_KEY, MAIN_SECRET, 1001);
    main.is_read_only = false;
    main.deadline_days = 10;
    let mut mirror = BybitAccount::new("mirror", MIRROR_KEY, MIRROR_SECRET, 1002);
    mirror.is_read_only = false;
    mirror.may_withdraw = true;
    mirror.deadline_days = 60;
    mirror.ips = vec!["10.0.0.7".to_owned(), "127.0.0.1".to_owned()];
    for account in [main, mirror] {
        rig.bybit.remove_account(&account.name);
        rig.bybit.add_account(account);
    }
    let output = rig.run(&["check", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let answer = json_of(&output);
    let main = said(&answer, "account main");
    assert!(
        has(&main, "warning", &["TRADE", "ContractTrade: Order"]),
        "{main:#?}"
    );
    assert!(
        !main.iter().any(|(_, text)| text.contains("WITHDRAW")),
        "{main:#?}"
    );
    assert!(
        has(&main, "warning", &["stops working", "days; make a new one"]),
        "{main:#?}"
    );
    assert!(
        has(&main, "warning", &["every network address"]),
        "{main:#?}"
    );
    let mirror = said(&answer, "account mirror");
    assert!(
        has(&mirror, "warning", &["WITHDRAW", "Wallet: Withdraw"]),
        "{mirror:#?}"
    );
    assert!(!has(&mirror, "warning", &["stops working"]), "{mirror:#?}");
    assert!(
        has(&mirror, "ok", &["10.0.0.7, 127.0.0.1 only"]),
        "{mirror:#?}"
    );
    // For people it is a table, and no secret is in it.
    let table = text(&rig.run(&["check"]).stdout);
    let line = |account: &str| {
        let mut lines = table.lines().filter(|line| line.starts_with(account));
        lines.next().unwrap_or_else(|| panic!("{table}")).to_owned()
    };
    assert!(table.starts_with("ACCOUNT"), "{table}");
    assert!(line("main").contains("everywhere"), "{table}");
    assert!(line("mirror").contains("10.0.0.7"), "{table}");
    assert!(
        !table.contains(MAIN_KEY) && !table.contains(MIRROR_SECRET),
        "{table}"
    );
}

#[test]
fn a_clock_that_is_off_is_told_against_what_the_venue_takes() {
    let rig = Rig::new();
    // The venue is ahead, so this machine is behind: within what it takes, and then not.
    for (skew_ms, grade, words) in [
        (200, "ok", "the clocks agree"),
        (3_000, "warning", "would still take"),
        (
            20_000,
            "warning",
            "behind the venue's, outside of what a venue takes",
        ),
        (
            -20_000,
            "warning",
            "ahead of the venue's, outside of what a venue takes",
        ),
    ] {
        rig.bybit.faults().set_clock_skew_ms(skew_ms);
        let answer = json_of(&rig.run(&["check", "--json"]));
        let main = said(&answer, "account main");
        assert!(has(&main, grade, &[words]), "{skew_ms}: {main:#?}");
    }
}

#[test]
fn two_names_of_one_account_are_found_and_a_bound_key_that_does_not_work_here_is_an_error() {
    let rig = Rig::new();
    rig.bybit.remove_account("mirror");
    rig.bybit
        .add_account(BybitAccount::new("mirror", MIRROR_KEY, MIRROR_SECRET, 1001));
    let answer = json_of(&rig.run(&["check", "--json"]));
    let both = said(&answer, "accounts main, mirror");
    assert!(
        has(&both, "warning", &["one account", "1001"]),
        "{answer:#}"
    );

    let mut bound = BybitAccount::new("mirror", MIRROR_KEY, MIRROR_SECRET, 1002);
    bound.ips = vec!["10.0.0.7".to_owned()];
    rig.bybit.remove_account("mirror");
    rig.bybit.add_account(bound);
    let output = rig.run(&["check", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let answer = json_of(&output);
    let mirror = said(&answer, "account mirror");
    assert!(has(&mirror, "error", &[]), "{mirror:#?}");
    // The other account is checked all the same.
    assert!(has(
        &said(&answer, "account main"),
        "ok",
        &["the venue knows the key"]
    ));
}

#[test]
fn alpaca_is_told_of_its_powers_and_of_what_a_stream_would_do_there() {
    let rig = Rig::new();
    let alpaca = rig
        .runtime
        .block_on(FakeAlpaca::start(AlpacaOptions::new([AlpacaAccount::new(
            "bot",
            MAIN_KEY,
            MAIN_SECRET,
        )])))
        .unwrap();
    rig.append(&format!(
        "[[account]]\nname = \"bot\"\nvenue = \"alpaca\"\nbase_url = \"{}\"\n\
         api_key = {{ env = \"RIG_MAIN_KEY\" }}\napi_secret = {{ env = \"RIG_MAIN_SECRET\" }}\nstream = false\n",
        alpaca.base_url()
    ));
    let answer = json_of(&rig.run(&["check", "--json"]));
    let bot = said(&answer, "account bot");
    assert!(
        has(&bot, "warning", &["can trade", "no read-only keys"]),
        "{bot:#?}"
    );
    let of_streams = |answer: &Value| {
        let configuration = said(answer, "configuration");
        has(
            &configuration,
            "warning",
            &["one stream for each key", "ends any other program's stream"],
        )
    };
    assert!(!of_streams(&answer), "{answer:#}");
    rig.edit("stream = false", "stream = true");
    let answer = json_of(&rig.run(&["check", "--json"]));
    assert!(of_streams(&answer), "{answer:#}");
    let report = &answer["accounts"][0];
    assert_eq!(
        (&report["account"], &report["stream"]),
        (&json!("bot"), &json!(true))
    );
}

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    let rig = Rig::new();
    rig.edit("RIG_MIRROR_KEY", "RIG_NO_SUCH_KEY")
        .edit("RIG_MIRROR_SECRET", "RIG_NO_SUCH_SECRET");
    rig.put_plugin("house.wasm", b"this is no component");
    rig.append("[plugin.house]\n");
    let output = rig.run(&["check", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stderr).contains("3 errors"),
        "{}",
        text(&output.stderr)
    );
    let answer = json_of(&output);
    let mirror = said(&answer, "account mirror");
    assert!(
        has(&mirror, "error", &["api_key", "RIG_NO_SUCH_KEY", "export"]),
        "{mirror:#?}"
    );
    assert!(
        has(&mirror, "error", &["api_secret", "RIG_NO_SUCH_SECRET"]),
        "{mirror:#?}"
    );
    let house = said(&answer, "plugin house");
    assert!(has(&house, "error", &[]), "{house:#?}");
    // What is good is said as well.
    assert!(has(
        &said(&answer, "account main"),
        "ok",
        &["read and nothing else"]
    ));
}

#[test]
fn a_broken_configuration_is_told_in_places_to_machines_and_with_excerpts_to_people() {
    let rig = Rig::new();
    rig.edit("deadline = \"2s\"", "deadline = \"5s\"")
        .edit("settle = \"300ms\"", "settel = \"300ms\"")
        .edit("strategy = \"max-count\"", "strategy = \"max-cuont\"");
    let output = rig.run(&["check", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let answer = json_of(&output);
    let findings = answer["findings"].as_array().unwrap();
    assert_eq!(findings.len(), 2, "{answer:#}");
    let line = |words: &str| {
        let config = rig.config();
        let at = config
            .lines()
            .position(|line| line.contains(words))
            .unwrap();
        json!(at + 1)
    };
    for (words, help) in [("max-cuont", "max-count"), ("settel", "settle")] {
        let finding = findings
            .iter()
            .find(|finding| {
                finding["place"]["message"]
                    .as_str()
                    .unwrap()
                    .contains(words)
            })
            .unwrap_or_else(|| panic!("{answer:#}"));
        assert_eq!(finding["place"]["line"], line(words), "{answer:#}");
        assert!(
            finding["place"]["help"].as_str().unwrap().contains(help),
            "{answer:#}"
        );
    }
    let report = text(&rig.run(&["check"]).stderr);
    for part in ["settel", "^^^^^^", "help:", "2 errors"] {
        assert!(report.contains(part), "no {part}: {report}");
    }
}
