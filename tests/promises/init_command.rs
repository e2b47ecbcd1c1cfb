//! `init`: from answers to a configuration that `check` accepts, with secrets where nobody else reads them.

use crate::rig::{BOT_TOKEN, MAIN_KEY, MAIN_SECRET, MIRROR_KEY, MIRROR_SECRET, Rig};
use fillsync_fake::BybitAccount;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Output, Stdio};

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Where a new configuration goes: a folder that has none yet.
fn place(rig: &Rig) -> std::path::PathBuf {
    let folder = rig.folder.path().join("new");
    std::fs::create_dir_all(&folder).unwrap();
    folder.join("fillsync.toml")
}

/// Runs `init` with answers, one a line.
fn init(rig: &Rig, arguments: &[&str], answers: &[&str]) -> Output {
    let mut command = rig.command(&["init"]);
    command
        .arg("--config")
        .arg(place(rig))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A command that fails early reads no further.
    let _ = child
        .stdin
        .take()
        .unwrap()
        .write_all(format!("{}\n", answers.join("\n")).as_bytes());
    child.wait_with_output().unwrap()
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// `check` of what was written.
fn check(rig: &Rig, variables: &[(&str, &str)]) -> Output {
    let mut command = rig.command(&["check"]);
    command.arg("--config").arg(place(rig));
    command.envs(variables.iter().copied());
    command.output().unwrap()
}

fn holds_no_secret(text: &str) {
    for secret in [MAIN_KEY, MAIN_SECRET, MIRROR_KEY, MIRROR_SECRET, BOT_TOKEN] {
        assert!(!text.contains(secret), "{text}");
    }
}

#[test]
fn answers_line_by_line_become_a_configuration_that_check_accepts() {
    let rig = Rig::new();
    let (venue, bot) = (rig.bybit.base_url(), rig.telegram.base_url());
    let answers = [
        "file",
        "",
        "",
        "",
        &venue,
        MAIN_KEY,
        MAIN_SECRET,
        "yes",
        "",
        "",
        "bybit",
        &venue,
        MIRROR_KEY,
        MIRROR_SECRET,
        "no",
        "main-master",
        "telegram",
        BOT_TOKEN,
        "-1001234",
    ];
    let output = init(&rig, &["--channel-url", &bot], &answers);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("read and nothing else"), "{said}");
    let config = std::fs::read_to_string(place(&rig)).unwrap();
    for part in [
        "name = \"mirror\"",
        "strategy = \"main-master\"",
        "file = \"secrets/main_key\"",
        "chat_id = \"-1001234\"",
    ] {
        assert!(config.contains(part), "no {part}: {config}");
    }
    holds_no_secret(&config);
    holds_no_secret(&text(&output.stdout));
    holds_no_secret(&said);
    let secrets = place(&rig).parent().unwrap().join("secrets");
    assert_eq!(mode(&secrets), 0o700);
    for (name, secret) in [
        ("main_key", MAIN_KEY),
        ("main_secret", MAIN_SECRET),
        ("mirror_key", MIRROR_KEY),
        ("mirror_secret", MIRROR_SECRET),
        ("telegram_token", BOT_TOKEN),
    ] {
        let path = secrets.join(name);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), secret);
        assert_eq!(mode(&path), 0o600, "{name}");
    }
    let checked = check(&rig, &[]);
    assert_eq!(
        checked.status.code(),
        Some(0),
        "{}{}",
        text(&checked.stdout),
        text(&checked.stderr)
    );
    assert!(rig.telegram.received().is_empty(), "nothing was sent");
    // A second time it writes over nothing.
    let again = init(&rig, &[], &["file"]);
    assert_eq!(again.status.code(), Some(1));
    assert!(text(&again.stderr).contains("writes over nothing"));
    assert_eq!(std::fs::read_to_string(place(&rig)).unwrap(), config);
}

#[test]
fn options_and_variables_leave_nothing_to_ask() {
    let rig = Rig::new();
    let variables = [
        ("FILLSYNC_MAIN_KEY", MAIN_KEY),
        ("FILLSYNC_MAIN_SECRET", MAIN_SECRET),
        ("FILLSYNC_SECOND_KEY", MIRROR_KEY),
        ("FILLSYNC_SECOND_SECRET", MIRROR_SECRET),
    ];
    let output = rig
        .command(&["init", "--json", "--secrets", "env", "--venue", "bybit"])
        .args(["--account", "main:main", "--account", "second:mirror"])
        .args([
            "--base-url",
            &rig.bybit.base_url(),
            "--strategy",
            "max-count",
        ])
        .args(["--channel", "stdout", "--config"])
        .arg(place(&rig))
        .envs(variables)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answer["secrets"], serde_json::json!([]));
    assert_eq!(
        answer["variables"].as_array().unwrap().len(),
        4,
        "{answer:#}"
    );
    for (name, _) in variables {
        assert!(answer["variables"].to_string().contains(name), "{answer:#}");
    }
    assert!(!place(&rig).parent().unwrap().join("secrets").exists());
    let checked = check(&rig, &variables);
    assert_eq!(checked.status.code(), Some(0), "{}", text(&checked.stdout));
}

#[test]
fn a_wrong_key_writes_nothing_and_a_key_that_trades_or_a_clock_that_is_off_is_warned_of() {
    let rig = Rig::new();
    let venue = rig.bybit.base_url();
    let with = |key: &str, secret: &str| {
        let answers = ["file", "", "", "", &venue, key, secret, "no", "stdout"];
        init(&rig, &[], &answers)
    };
    for (key, secret) in [("no-such-key", MAIN_SECRET), (MAIN_KEY, "no-such-secret")] {
        let output = with(key, secret);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(
            said.contains("error    account main") && said.contains("nothing was written"),
            "{said}"
        );
        assert!(!place(&rig).exists());
        assert!(!place(&rig).parent().unwrap().join("secrets").exists());
    }
    let mut main = BybitAccount::new("main", MAIN_KEY, MAIN_SECRET, 1001);
    main.is_read_only = false;
    rig.bybit.remove_account("main");
    rig.bybit.add_account(main);
    rig.bybit.faults().set_clock_skew_ms(20_000);
    let output = with(MAIN_KEY, MAIN_SECRET);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(
        said.contains("TRADE") && said.contains("set the clock"),
        "{said}"
    );
    assert!(place(&rig).exists());
}

#[test]
fn what_cannot_be_is_refused_before_anything_is_written() {
    let rig = Rig::new();
    let venue = rig.bybit.base_url();
    let base = [
        "--offline",
        "--secrets",
        "file",
        "--venue",
        "bybit",
        "--base-url",
        &venue,
    ];
    for (arguments, answers, words) in [
        (
            &["--account", "../main:main"][..],
            &[MAIN_KEY, MAIN_SECRET, "stdout"][..],
            "cannot be an account's name",
        ),
        (
            &["--account", "main:boss"],
            &[MAIN_KEY, MAIN_SECRET, "stdout"],
            "is no role",
        ),
        (
            &["--account", "main:main", "--account", "main:mirror"],
            &[MAIN_KEY, MAIN_SECRET, MAIN_KEY, MAIN_SECRET],
            "two accounts named main",
        ),
        (
            &["--account", "main:main"],
            &[MAIN_KEY, MAIN_SECRET, "pigeon"],
            "pigeon",
        ),
        (&["--account", "main:main"], &["", ""], "has no answer"),
        (
            &["--account", "main:main", "--channel", "telegram"],
            &[MAIN_KEY, MAIN_SECRET, "token"],
            "has no answer",
        ),
    ] {
        let all: Vec<&str> = base.iter().chain(arguments).copied().collect();
        let output = init(&rig, &all, answers);
        let said = text(&output.stderr);
        assert_ne!(output.status.code(), Some(0), "{arguments:?}: {said}");
        assert!(said.contains(words), "{arguments:?}: {said}");
        assert!(!place(&rig).exists(), "{arguments:?}");
    }
    // A file of a secret that is there already is left as it is, and what was written is taken back.
    let secrets = place(&rig).parent().unwrap().join("secrets");
    std::fs::create_dir(&secrets).unwrap();
    std::fs::write(secrets.join("main_secret"), "somebody else's").unwrap();
    let arguments: Vec<&str> = base
        .iter()
        .chain(&["--account", "main:main"])
        .copied()
        .collect();
    let output = init(&rig, &arguments, &[MAIN_KEY, MAIN_SECRET, "stdout"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("main_secret cannot be written"));
    assert!(!place(&rig).exists() && !secrets.join("main_key").exists());
    assert_eq!(
        std::fs::read_to_string(secrets.join("main_secret")).unwrap(),
        "somebody else's"
    );
}
