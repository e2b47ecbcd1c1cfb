//! Authors: from nothing to a running daemon with what the two READMEs say, in three languages, and
//! every mistake is answered with what to do.
//!
//! The commands are the README's own: a line that is changed there is run here as it stands. What is
//! installed (Python and npm packages, versions pinned by the templates) goes under the target folder.

use crate::rig::{Rig, SYMBOL, eventually_within, so};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;
use tempfile::TempDir;

/// Twice what compiling the largest component took on two busy cores.
const COMPILED_WITHIN: Duration = Duration::from_secs(180);

const README: &str = include_str!("../../plugins/README.md");

/// A folder to work in, with `fillsync` on the path and everything that is installed kept for the next run.
struct Desk {
    folder: TempDir,
}

impl Desk {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let bin = folder.path().join("bin");
        fs::create_dir(&bin).unwrap();
        std::os::unix::fs::symlink(
            env!("CARGO_BIN_EXE_fillsync-under-test"),
            bin.join("fillsync"),
        )
        .unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A command as an author's shell runs it: nothing of this test's cargo is left in its environment.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("CARGO") && text != "CARGO_HOME" || text.starts_with("RUSTFLAGS") {
                command.env_remove(&name);
            }
        }
        let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join("authors");
        let path = std::env::var("PATH").unwrap();
        command
            .current_dir(self.folder.path())
            .env("PATH", format!("{}:{path}", self.path("bin").display()))
            .env("CARGO_TARGET_DIR", kept.join("rust"))
            .env("XDG_CACHE_HOME", kept.join("cache"))
            .env("npm_config_cache", kept.join("npm"))
            .env("PIP_CACHE_DIR", kept.join("pip"));
        command
    }

    /// `fillsync …` in the desk's folder.
    fn fillsync(&self, arguments: &[&str]) -> Output {
        self.command("fillsync").args(arguments).output().unwrap()
    }

    /// A shell script that stops at the first line that fails.
    fn shell(&self, script: &str, plugin_dir: &Path) {
        let output = self
            .command("sh")
            .arg("-euxc")
            .arg(script)
            .env("PLUGIN_DIR", plugin_dir)
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{script}\n{}{}\npython3 with venv, node with npm, and their package indexes are needed: `make tools`",
            text(&output.stdout),
            text(&output.stderr)
        );
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn json(output: &Output) -> Value {
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}{}",
        text(&output.stdout),
        text(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The commands of a walkthrough, as the README shows them.
fn walkthrough(language: &str) -> &'static str {
    let mark = format!("<!-- walkthrough {language}:");
    let block = README
        .split(&mark)
        .nth(1)
        .unwrap()
        .split("```")
        .nth(1)
        .unwrap();
    block.strip_prefix("sh\n").unwrap()
}

/// Walks through, and sees a daemon decide with what came of it: it follows main, as its settings say.
fn walk(language: &str) {
    let desk = Desk::new();
    let rig = Rig::new();
    let daemon = rig.start_ready();
    desk.shell(walkthrough(language), &rig.plugin_file(""));
    rig.append("[plugin.my-strategy]\nsettings = { follow = \"main\" }\nlimits = { memory = \"128MiB\", time = \"5s\", fuel = 2000000000 }\n");
    rig.edit("strategy = \"max-count\"", "strategy = \"my-strategy\"");
    // A component with an interpreter in it takes the compiler's child some ten to forty seconds.
    eventually_within(COMPILED_WITHIN, "the new strategy is in use", || {
        let used = daemon.json("/plugins");
        let in_use = used["plugins"].as_array().is_some_and(|plugins| {
            plugins
                .iter()
                .any(|plugin| plugin["name"] == "my-strategy" && plugin["active"].is_object())
        });
        so(in_use, (used, daemon.log()))
    });
    rig.fill(&rig.place("main", 1));
    for leg in [1, 2] {
        rig.fill(&rig.place("mirror", leg));
    }
    daemon.wait_for_counts(SYMBOL, [(1, 1), (2, 1)]);
}

#[test]
fn a_strategy_in_rust_from_nothing_to_a_daemon_that_decides_by_it() {
    walk("rust");
}

#[test]
fn a_strategy_in_python_from_nothing_to_a_daemon_that_decides_by_it() {
    walk("python");
}

#[test]
fn a_strategy_in_javascript_from_nothing_to_a_daemon_that_decides_by_it() {
    walk("js");
}

/// The walkthrough with a formatter, up to the check.
fn formatter(language: &str) {
    let desk = Desk::new();
    let there = desk.path("there");
    fs::create_dir(&there).unwrap();
    let script = walkthrough(language).replacen("plugin new", "plugin new --kind formatter", 1);
    desk.shell(&script, &there);
    let file = there.join("my-strategy.wasm");
    let file = file.to_str().unwrap();
    let inspected = json(&desk.fillsync(&["plugin", "inspect", file, "--json"]));
    assert_eq!(
        inspected["world"],
        "formatter-plugin of fillsync:plugin@1.0.0"
    );
    assert_eq!(inspected["settings"][0]["name"], "prefix");
    assert_eq!(inspected["is_proven"], true);
    let ran = desk.fillsync(&["plugin", "run", file, "--settings", r#"{"prefix":"+"}"#]);
    assert!(
        text(&ran.stdout).starts_with("+ <b>GTCUSDT L2 filled</b>"),
        "{}",
        text(&ran.stdout)
    );
}

#[test]
fn a_formatter_in_rust() {
    formatter("rust");
}

#[test]
fn a_formatter_in_python() {
    formatter("python");
}

#[test]
fn a_formatter_in_javascript() {
    formatter("js");
}

/// A ledger of one run: main's two orders and the mirror's one, with counts that differ on the way.
fn recorded_run() -> Rig {
    let rig = Rig::new();
    let mut daemon = rig.start_ready();
    // One after the other, so that each is a question of its own.
    for (told, (account, slot)) in [("main", 1), ("main", 2), ("mirror", 1)].iter().enumerate() {
        rig.fill(&rig.place(account, *slot));
        rig.wait_for("fill", told + 1);
    }
    assert!(daemon.stop().success());
    rig
}

#[test]
fn what_was_really_asked_becomes_cases_that_the_same_strategy_passes() {
    let rig = recorded_run();
    let recorded = json(&rig.run(&[
        "plugin",
        "record",
        "--out",
        "cases",
        "--plugin",
        "max-count",
        "--json",
    ]));
    let cases = recorded["cases"].as_u64().unwrap();
    assert!(cases >= 2, "{recorded:#}");
    assert_eq!(recorded["with_answers"], cases, "{recorded:#}");
    let tested = json(&rig.run(&["plugin", "test", "max-count", "--cases", "cases", "--json"]));
    assert_eq!(tested["passed"], cases, "{tested:#}");
    // Another strategy is told where people would have seen something else.
    let other = rig.run(&["plugin", "test", "quorum", "--cases", "cases", "--json"]);
    assert_eq!(other.status.code(), Some(1));
    let differs: Value = serde_json::from_slice(&other.stdout).unwrap();
    let shown = differs.to_string();
    assert!(shown.contains("\"verdict\":\"differs\""), "{shown}");
    assert!(shown.contains("- mirror: 2 | main has 2"), "{shown}");
    // A blessing writes its answers as what is expected from now on, and only then it passes.
    let blessed = json(&rig.run(&[
        "plugin", "test", "quorum", "--cases", "cases", "--bless", "--json",
    ]));
    assert_eq!(blessed["failed"], 0);
    assert_eq!(
        json(&rig.run(&["plugin", "test", "quorum", "--cases", "cases", "--json"]))["passed"],
        cases
    );
    assert_eq!(
        rig.run(&["plugin", "test", "max-count", "--cases", "cases"])
            .status
            .code(),
        Some(1)
    );
}

#[test]
fn a_redacted_recording_has_no_name_and_no_amount_and_still_tests() {
    let rig = recorded_run();
    for (kind, plugin) in [("strategy", "max-count"), ("formatter", "limit-fill")] {
        let out = format!("redacted-{kind}");
        let arguments = [
            "plugin", "record", "--out", &out, "--kind", kind, "--redact", "--json",
        ];
        assert_eq!(json(&rig.run(&arguments))["redacted"], true);
        let mut all = String::new();
        for entry in fs::read_dir(rig.folder.path().join(&out)).unwrap() {
            all.push_str(&fs::read_to_string(entry.unwrap().path()).unwrap());
        }
        // Roles are words of the contract; the accounts have the same ones as names.
        let words = all
            .replace("\"role\": \"main\"", "")
            .replace("\"role\": \"mirror\"", "");
        for trace in ["main", "mirror", "desk", "150", "0.2215", "0.223", "0.2245"] {
            assert!(!words.contains(trace), "{trace} is in {words}");
        }
        assert!(all.contains("account-1") && all.contains(SYMBOL), "{all}");
        let bless = kind == "formatter";
        let mut arguments = vec!["plugin", "test", plugin, "--cases", &out, "--json"];
        if bless {
            arguments.push("--bless");
        }
        assert_eq!(json(&rig.run(&arguments))["failed"], 0);
    }
}

#[test]
fn a_wrong_call_of_the_kit_says_what_would_be_right() {
    let rig = Rig::new();
    fs::create_dir(rig.folder.path().join("taken")).unwrap();
    fs::write(rig.folder.path().join("taken/file"), "").unwrap();
    fs::write(
        rig.folder.path().join("bad.json"),
        r#"{"view": {"members": [{"account": "a", "fild": [1]}]}}"#,
    )
    .unwrap();
    for (arguments, status, expected) in [
        (
            &["plugin", "new", "--lang", "rust", "My_Plugin"][..],
            2,
            "lower-case letters",
        ),
        (
            &["plugin", "new", "--lang", "rust", "taken"],
            2,
            "not empty",
        ),
        (&["plugin", "new", "--lang", "cobol", "mine"], 2, "rust"),
        (&["plugin", "build", "taken"], 2, "fillsync plugin new"),
        (
            &["plugin", "check", "taken"],
            2,
            "fillsync plugin build taken",
        ),
        (&["plugin", "check", "nothing.wasm"], 2, "max-count"),
        (
            &["plugin", "test", "max-count", "--cases", "taken"],
            2,
            "fillsync plugin record",
        ),
        (
            &["plugin", "test", "max-count", "--cases", "nowhere"],
            2,
            "nowhere",
        ),
        (
            &["plugin", "run", "max-count", "--input", "bad.json"],
            1,
            "/view/members/0/fild: there is no such key",
        ),
        (
            &["plugin", "run", "max-count", "--settings", "{\"x\":1}"],
            1,
            "settings/x",
        ),
        (
            &[
                "plugin",
                "record",
                "--out",
                "c",
                "--kind",
                "formatter",
                "--plugin",
                "max-count",
            ],
            2,
            "--plugin",
        ),
        (
            &["plugin", "record", "--out", "c", "--group", "nobodys"],
            2,
            "it has desk",
        ),
        (&["plugin", "inspect", "bad.json"], 1, "text"),
    ] {
        let output = rig.run(arguments);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(status), "{arguments:?}: {said}");
        assert!(said.contains(expected), "{arguments:?}: {said}");
    }
}

#[test]
fn a_case_that_the_plugin_cannot_answer_is_never_blessed() {
    let desk = Desk::new();
    let cases = desk.path("cases");
    fs::create_dir(&cases).unwrap();
    // A formatter is asked what only a strategy can answer.
    fs::write(
        cases.join("view.json"),
        r#"{"view": {"members": [{"account": "main"}]}}"#,
    )
    .unwrap();
    let output = desk.fillsync(&[
        "plugin",
        "test",
        "plain",
        "--cases",
        cases.to_str().unwrap(),
        "--bless",
    ]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stdout).contains("it is a formatter, not a strategy"),
        "{}",
        text(&output.stdout)
    );
    assert!(!cases.join("view.expected.txt").exists());
}
