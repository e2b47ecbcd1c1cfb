//! Promise: an exported file holds what the ledger holds, every value of it, in both formats.
//!
//! The files are read with pyarrow, DuckDB and Python's own CSV reader, the ledger with Python's own
//! SQLite: none of them is ours, so a mistake of ours cannot agree with itself.

use crate::rig::{Rig, SYMBOL, eventually, so};
use crate::tools::{python, run};
use serde_json::Value;
use std::process::Command;

const WHATS: [&str; 5] = ["fills", "executions", "alerts", "counts", "performance"];

/// Two accounts that trade, differ and close, with prices of many places.
fn traded() -> Rig {
    let rig = Rig::new();
    let daemon = rig.start_ready();
    for slot in 1..=2 {
        for account in ["main", "mirror"] {
            rig.fill(&rig.place(account, slot));
        }
    }
    daemon.wait_for_counts(SYMBOL, [(2, 2), (2, 2)]);
    rig.flatten("main");
    rig.flatten("mirror");
    rig.place_in("ARBUSDT", "mirror", 1);
    rig.fill(&rig.place_in("ARBUSDT", "main", 1));
    rig.wait_for("closed", 2);
    rig.wait_for_all_fills();
    eventually("the difference is decided upon", || {
        let open = daemon.json("/divergences?open=true");
        so(open["open"] == 1, open)
    });
    drop(daemon);
    rig
}

#[test]
fn files_hold_every_value_of_the_ledger() {
    let rig = traded();
    for what in WHATS {
        for format in ["csv", "parquet"] {
            let out = format!("{what}.{format}");
            let done = rig.run(&["export", what, "--out", &out, "--json"]);
            assert!(done.status.success(), "{what}: {done:?}");
            let told: Value = serde_json::from_slice(&done.stdout).unwrap();
            assert!(told["rows"].as_u64() > Some(0), "{what}: {told}");
        }
    }
    let compared = run(
        Command::new(python("files"))
            .arg(format!("{}/files/compare.py", env!("CARGO_MANIFEST_DIR")))
            .arg(rig.database())
            .arg(rig.folder.path()),
        "a file does not hold what the ledger holds",
    );
    let compared: Value = serde_json::from_slice(&compared).unwrap();
    for what in WHATS {
        assert!(compared[what].as_u64() > Some(0), "{compared}");
    }
    // What is summed is what `performance` says.
    let answer = rig.run(&["performance", "--json"]);
    let answer = String::from_utf8(answer.stdout).unwrap();
    let total = format!("\"total_pnl\":{},", compared["total_pnl"].as_str().unwrap());
    assert!(answer.contains(&total), "{total}: {answer}");
}

#[test]
fn a_span_an_account_and_a_name_narrow_and_no_file_is_lost() {
    let rig = traded();
    let rows = |arguments: &[&str]| {
        let mut all = vec!["--json", "export"];
        all.extend(arguments);
        let done = rig.run(&all);
        assert!(done.status.success(), "{arguments:?}: {done:?}");
        let told: Value = serde_json::from_slice(&done.stdout).unwrap();
        told["rows"].as_u64().unwrap()
    };
    let all = rows(&["fills", "--out", "all.csv"]);
    let main = rows(&["fills", "--out", "main.csv", "--account", "main"]);
    let mirror = rows(&["fills", "--out", "mirror.csv", "--account", "mirror"]);
    assert!(
        main > mirror && main + mirror == all,
        "{main} + {mirror} = {all}"
    );
    assert_eq!(
        rows(&[
            "fills",
            "--out",
            "late.csv",
            "--since",
            "2100-01-01T00:00:00Z"
        ]),
        0
    );
    // A file with no row is a file with its header.
    let late = std::fs::read_to_string(rig.folder.path().join("late.csv")).unwrap();
    assert!(
        late.starts_with("id,executed_at,account,") && late.lines().count() == 1,
        "{late}"
    );
    let before = std::fs::read(rig.folder.path().join("all.csv")).unwrap();
    let again = rig.run(&["export", "fills", "--out", "all.csv"]);
    assert_eq!(again.status.code(), Some(1), "{again:?}");
    assert!(
        String::from_utf8_lossy(&again.stderr).contains("--replace"),
        "{again:?}"
    );
    assert_eq!(
        std::fs::read(rig.folder.path().join("all.csv")).unwrap(),
        before
    );
    assert_eq!(
        rows(&[
            "fills",
            "--out",
            "all.csv",
            "--replace",
            "--account",
            "main"
        ]),
        main
    );
    for wrong in [
        vec!["export", "fills", "--out", "fills"],
        vec!["export", "fills", "--out", "a.csv", "--group", "desk"],
        vec!["export", "counts", "--out", "a.csv", "--group", "nosuch"],
        vec!["export", "everything", "--out", "a.csv"],
    ] {
        let done = rig.run(&wrong);
        assert_eq!(done.status.code(), Some(2), "{wrong:?}: {done:?}");
    }
    let nowhere = rig.run(&["export", "fills", "--out", "no/such/folder/a.csv"]);
    assert_eq!(nowhere.status.code(), Some(1), "{nowhere:?}");
    let left: Vec<_> = std::fs::read_dir(rig.folder.path())
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().into_string().ok())
        .filter(|name| name.ends_with(".part"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}
