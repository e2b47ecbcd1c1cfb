//! The command line: its words, its answers and its exit statuses, on a ledger made by a run.

use crate::rig::{Rig, SYMBOL};
use serde_json::Value;
use std::process::Output;

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn json(output: &Output) -> Value {
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn every_answer_of_a_ledger_that_a_run_made() {
    let rig = Rig::new();
    let mut daemon = rig.start_ready();
    for account in ["main", "mirror"] {
        rig.fill(&rig.place(account, 1));
        rig.fill(&rig.place(account, 2));
    }
    rig.wait_for("fill", 4);
    rig.flatten("main");
    rig.flatten("mirror");
    rig.wait_for("closed", 2);
    // The commands answer while it runs, and just so when it does not.
    let while_running = json(&rig.run(&["fills", "--json"]));
    assert!(daemon.stop().success());
    let fills = json(&rig.run(&["fills", "--json"]));
    assert_eq!(fills["fills"], while_running["fills"]);
    assert_eq!(fills["count"], 6);
    let first = &fills["fills"][5];
    for (key, value) in [
        ("symbol", SYMBOL),
        ("side", "SELL"),
        ("quantity", "150"),
        ("price", "0.2215"),
    ] {
        assert_eq!(first[key], value, "{first:#}");
    }
    for key in ["timestamp", "order_id", "exec_id", "account"] {
        assert!(first[key].is_string(), "{first:#}");
    }
    assert_eq!(
        json(&rig.run(&["fills", "--json", "--account", "main", "--limit", "2"]))["count"],
        2
    );

    let counts = json(&rig.run(&["counts", "--json"]));
    assert_eq!(
        counts["counts"][0]["accounts"][0]["limit_orders_filled"], 2,
        "{counts:#}"
    );
    let performance = json(&rig.run(&["performance", "--json"]));
    let overall = &performance["overall"];
    assert_eq!(overall["total_trades"], 2, "{performance:#}");
    assert_eq!(overall["winning_trades"], 2, "{performance:#}");
    assert_eq!(
        performance["by_symbol"][SYMBOL]["trades"], 2,
        "{performance:#}"
    );
    // Of a group the same as of its members; of one that is not there a wrong call.
    let of_group = json(&rig.run(&["performance", "--group", "desk", "--json"]));
    assert_eq!(of_group["overall"], *overall, "{of_group:#}");
    let arguments = [
        "performance",
        "--group",
        "desk",
        "--account",
        "main",
        "--json",
    ];
    assert_eq!(json(&rig.run(&arguments))["overall"]["total_trades"], 1);
    let unknown = rig.run(&["performance", "--group", "nobodys"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(text(&unknown.stderr).contains("it has desk"));
    for key in [
        "losing_trades",
        "win_rate_pct",
        "total_pnl",
        "gross_profit",
        "gross_loss",
        "profit_factor",
        "avg_win",
        "avg_loss",
    ] {
        assert!(overall.get(key).is_some(), "no {key}: {performance:#}");
    }
    assert_eq!(json(&rig.run(&["status", "--json"]))["fills"], 6);
    assert_eq!(
        json(&rig.run(&["alerts", "--json"]))["alerts"][0]["deliveries"][0]["state"],
        "sent"
    );
    assert_eq!(json(&rig.run(&["divergences", "--json"]))["open"], 0);
    assert_eq!(
        json(&rig.run(&["verify", "--json"]))["findings"],
        serde_json::json!([])
    );
    // For people it is a table.
    for (arguments, expected) in [
        (&["fills"][..], "EXECUTION"),
        (&["counts"], "DETECTED"),
        (&["performance"], SYMBOL),
        (&["status"], "database"),
        (&["alerts"], "DELIVERY"),
        (&["divergences"], ""),
        (&["verify"], "recomputed"),
        (&["plugin", "list"], "max-count"),
        (&["check", "--offline"], "configuration"),
        (&["check"], "main"),
    ] {
        let output = rig.run(arguments);
        let said = text(&output.stdout);
        assert_eq!(
            output.status.code(),
            Some(0),
            "{arguments:?}: {said}{}",
            text(&output.stderr)
        );
        assert!(said.contains(expected), "{arguments:?}: {said}");
        assert!(
            !said.contains('\u{1b}'),
            "{arguments:?} paints a pipe: {said}"
        );
    }
}

#[test]
fn an_exit_status_says_whether_it_worked_failed_or_was_called_wrongly() {
    let rig = Rig::new();
    for arguments in [
        &["--help"][..],
        &["--version"],
        &["fills", "--help"],
        &["plugin", "--help"],
        &["backfill", "--help"],
        &["import", "--help"],
        &["verify", "--help"],
    ] {
        let output = rig.run(arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        assert!(
            !output.stdout.is_empty() && output.stderr.is_empty(),
            "{arguments:?}"
        );
    }
    let help = text(&rig.run(&["--help"]).stdout);
    for command in [
        "run",
        "demo",
        "check",
        "status",
        "fills",
        "counts",
        "performance",
        "alerts",
        "backfill",
        "import",
        "verify",
        "plugin",
    ] {
        assert!(
            help.lines()
                .any(|line| line.trim_start().starts_with(command)),
            "no {command}: {help}"
        );
    }
    for arguments in [
        &[][..],
        &["fly"],
        &["fills", "--limit", "many"],
        &["fills", "--since", "yesterday"],
        &["fills", "--account", ""],
    ] {
        let output = rig.run(arguments);
        assert_eq!(
            output.status.code(),
            Some(2),
            "{arguments:?}: {}",
            text(&output.stderr)
        );
        assert!(
            output.stdout.is_empty() && !output.stderr.is_empty(),
            "{arguments:?}"
        );
    }
    // There is no ledger yet; the message names the file and what to do.
    let output = rig.run(&["fills"]);
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    assert!(said.contains("fillsync.db"), "{said}");
    std::fs::remove_file(rig.config_path()).unwrap();
    for arguments in [
        &["fills"][..],
        &["run"],
        &["check"],
        &["verify"],
        &["backfill", "--from", "2026-01-01T00:00:00Z"],
        &["plugin", "list"],
    ] {
        let output = rig.run(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(
            text(&output.stderr).contains("fillsync.toml"),
            "{}",
            text(&output.stderr)
        );
    }
}

#[test]
fn check_asks_the_venues_what_the_keys_may_do() {
    let rig = Rig::new();
    let good = rig.run(&["check", "--json"]);
    let findings = json(&good);
    let about = findings["findings"].as_array().unwrap();
    assert!(
        about
            .iter()
            .any(|finding| finding["about"].as_str().unwrap().contains("mirror")),
        "{findings:#}"
    );
    rig.bybit.remove_account("mirror");
    let bad = rig.run(&["check"]);
    assert_eq!(bad.status.code(), Some(1));
    assert!(
        text(&bad.stdout)
            .lines()
            .any(|line| line.starts_with("error") && line.contains("mirror")),
        "{}",
        text(&bad.stdout)
    );
    // Nothing was written, and no message was sent.
    assert!(!rig.database().exists());
    assert!(rig.messages().is_empty());
}
