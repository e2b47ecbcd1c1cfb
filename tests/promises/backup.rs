//! Copies: made while the daemon writes, whole or not there, and the way back loses nothing.

use crate::rig::{Rig, SYMBOL, eventually, so};
use fillsync_ledger::copy;
use std::process::Output;

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn refused(output: &Output, words: &[&str]) {
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    for word in words {
        assert!(said.contains(word), "no {word}: {said}");
    }
}

#[test]
fn a_copy_made_while_the_daemon_writes_is_whole_and_brings_everything_back_after_a_kill() {
    let rig = Rig::new();
    let mut daemon = rig.start_ready();
    rig.fill(&rig.place("main", 1));
    rig.fill(&rig.place("mirror", 1));
    rig.wait_for("fill", 2);
    // Fills go on coming while it is copied.
    let copies: Vec<_> = (0..3)
        .map(|turn| {
            rig.fill(&rig.place("main", 1 + turn % 3));
            let file = rig.folder.path().join(format!("copy-{turn}.db"));
            let output = rig.run(&["backup", "--json", "--to", file.to_str().unwrap()]);
            assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
            let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
            let facts = copy::prove(&file).unwrap();
            assert_eq!(answer["backup"]["fills"], facts.fills);
            assert!(facts.fills >= 2, "{facts:?}");
            file
        })
        .collect();
    rig.wait_for_all_fills();
    let before = rig.ledger_ids("main");
    daemon.kill();
    // The disk is lost; meanwhile the venue goes on.
    for end in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{end}", rig.database().display()));
    }
    rig.fill(&rig.place("mirror", 2));
    let first = copies[0].to_str().unwrap();
    let output = rig.run(&["restore", "--from", first]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(
        rig.ledger_ids("main").len() < before.len(),
        "it is an old copy"
    );
    let daemon = rig.start_ready();
    rig.wait_for_all_fills();
    assert_eq!(rig.ledger_ids("main"), before);
    daemon.wait_for_counts(
        SYMBOL,
        [
            (before.len() as u64, before.len() as u64),
            (2, before.len() as u64),
        ],
    );
    assert!(rig.reader().self_check().unwrap().findings.is_empty());
}

#[test]
fn nothing_that_is_there_is_written_over_and_what_is_replaced_is_kept() {
    let rig = Rig::new();
    let mut daemon = rig.start_ready();
    rig.fill(&rig.place("main", 1));
    rig.wait_for_all_fills();
    let file = rig.folder.path().join("copy.db");
    let name = file.to_str().unwrap();
    assert_eq!(rig.run(&["backup", "--to", name]).status.code(), Some(0));
    let size = std::fs::metadata(&file).unwrap().len();
    refused(
        &rig.run(&["backup", "--to", name]),
        &["copy.db exists", "name a file"],
    );
    assert_eq!(std::fs::metadata(&file).unwrap().len(), size);
    // A daemon that runs has the ledger, whatever is said.
    refused(
        &rig.run(&["restore", "--force", "--from", name]),
        &["is in use", "stop it"],
    );
    rig.fill(&rig.place("main", 2));
    eventually("both fills are there", || {
        let have = rig.ledger_ids("main");
        so(have.len() == 2, have)
    });
    // Killed, so that its last commits stand in the write-ahead log only.
    daemon.kill();
    refused(
        &rig.run(&["restore", "--from", name]),
        &["there is a ledger", "--force"],
    );
    assert_eq!(rig.ledger_ids("main").len(), 2);
    let output = rig.run(&["restore", "--force", "--json", "--from", name]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(rig.ledger_ids("main").len(), 1);
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let kept = std::path::PathBuf::from(answer["kept"].as_str().unwrap());
    assert_eq!(
        copy::prove(&kept).unwrap().fills,
        2,
        "what was replaced is whole"
    );
    for file in [&file, &rig.database()] {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(file).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", file.display());
    }
}

#[test]
fn a_copy_that_is_not_whole_is_refused_and_everything_stays_as_it_was() {
    let rig = Rig::new();
    let mut daemon = rig.start_ready();
    rig.fill(&rig.place("main", 1));
    rig.wait_for_all_fills();
    assert!(daemon.stop().success());
    let file = rig.folder.path().join("copy.db");
    let name = file.to_str().unwrap();
    // One that was broken off before it had its name is in nobody's way.
    std::fs::write(rig.folder.path().join("copy.db.unfinished"), "half a copy").unwrap();
    assert_eq!(rig.run(&["backup", "--to", name]).status.code(), Some(0));
    assert!(!rig.folder.path().join("copy.db.unfinished").exists());
    let whole = std::fs::read(&file).unwrap();
    let ledger = std::fs::read(rig.database()).unwrap();
    // A whole page, because nobody misses what stood in the unused part of one.
    let mut bent = whole.clone();
    let page = 4096;
    let middle = bent.len() / 2 / page * page;
    bent[middle..middle + page].fill(0xff);
    for (what, bytes) in [
        (
            "text",
            b"no database at all, but long enough to be read as one".to_vec(),
        ),
        ("nothing", Vec::new()),
        ("half", whole[..whole.len() / 2].to_vec()),
        ("bent", bent),
    ] {
        std::fs::write(&file, bytes).unwrap();
        let output = rig.run(&["restore", "--force", "--from", name]);
        assert_eq!(
            output.status.code(),
            Some(1),
            "{what}: {}",
            text(&output.stdout)
        );
        assert!(text(&output.stderr).contains("copy.db"), "{what}");
        assert_eq!(std::fs::read(rig.database()).unwrap(), ledger, "{what}");
    }
    refused(
        &rig.run(&["restore", "--from", "nowhere.db"]),
        &["nowhere.db"],
    );
    // Called without a file it was called wrongly.
    assert_eq!(rig.run(&["backup"]).status.code(), Some(2));
    assert_eq!(rig.run(&["restore"]).status.code(), Some(2));
}
