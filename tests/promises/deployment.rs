//! What is deployed with: the unit and the container file say what the daemon does, and name what there is.

use crate::rig::Rig;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn file(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap()
}

/// The lines of a unit's section: each key with its values.
fn section(unit: &str, wanted: &str) -> BTreeMap<String, Vec<String>> {
    let mut is_in = false;
    let mut keys: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in unit.lines().filter(|line| !line.starts_with('#')) {
        if let Some(name) = line.strip_prefix('[') {
            is_in = name.trim_end_matches(']') == wanted;
        } else if let Some((key, value)) = line.split_once('=').filter(|_| is_in) {
            keys.entry(key.to_owned())
                .or_default()
                .push(value.to_owned());
        }
    }
    keys
}

#[test]
fn the_unit_has_readiness_watchdog_reload_and_takes_every_right_away() {
    let unit = file("config/fillsync.service");
    let service = section(&unit, "Service");
    let is = |key: &str, value: &str| {
        let values = service.get(key).unwrap_or_else(|| panic!("no {key}"));
        assert!(values.iter().any(|of| of == value), "{key} is {values:?}");
    };
    is("Type", "notify");
    is("NotifyAccess", "main");
    is("ExecReload", "/bin/kill -HUP $MAINPID");
    is("Restart", "on-failure");
    // A wrong call ends with 2, and does not get better by itself.
    is("RestartPreventExitStatus", "2");
    is("CapabilityBoundingSet", "");
    for key in [
        "DynamicUser",
        "NoNewPrivileges",
        "ProtectHome",
        "PrivateTmp",
        "PrivateDevices",
        "PrivateUsers",
        "ProtectClock",
        "ProtectControlGroups",
        "ProtectHostname",
        "ProtectKernelLogs",
        "ProtectKernelModules",
        "ProtectKernelTunables",
        "RestrictNamespaces",
        "RestrictRealtime",
        "RestrictSUIDSGID",
        "LockPersonality",
    ] {
        is(key, "yes");
    }
    is("ProtectSystem", "strict");
    is("SystemCallFilter", "@system-service");
    // It says twice in this time that it lives, and what it waits for itself is shorter than that.
    is("WatchdogSec", "120s");
    // The command that it starts is one that the program takes.
    let start = &service["ExecStart"][0];
    let words: Vec<&str> = start.split(' ').collect();
    assert_eq!(words[0], "/usr/local/bin/fillsync");
    let rig = Rig::new();
    let output = rig.command(&words[1..]).args(["--help"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{start}");
}

/// systemd's own opinion, where it is installed (Debian: `apt-get install systemd`); what must be in the
/// unit stands in the test before, which needs nothing.
#[test]
fn systemd_finds_nothing_wrong_with_the_unit_and_little_exposed() {
    if Command::new("systemd-analyze")
        .arg("--version")
        .output()
        .is_err()
    {
        println!("systemd-analyze is not installed; only the unit's own text was looked at");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let unit = folder.path().join("fillsync.service");
    // What it starts is not installed here.
    let text = file("config/fillsync.service").replace("/usr/local/bin/fillsync", "/bin/true");
    std::fs::write(&unit, text).unwrap();
    let verified = Command::new("systemd-analyze")
        .arg("verify")
        .arg(&unit)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&verified.stderr).into_owned();
    assert!(verified.status.success() && said.is_empty(), "{said}");
    let exposure = Command::new("systemd-analyze")
        .args(["security", "--offline=true", "--threshold=20"])
        .arg(&unit)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&exposure.stdout).into_owned();
    assert!(
        exposure.status.success(),
        "more than 2.0 of 10 is exposed:\n{said}"
    );
}

/// The instructions of a container file, with lines that go on made one.
fn instructions(text: &str) -> Vec<(String, Vec<String>)> {
    let joined = text
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'))
        .collect::<Vec<_>>()
        .join("\n")
        .replace("\\\n", " ");
    joined
        .lines()
        .filter(|line| !line.trim().is_empty())
        .map(|line| {
            let mut words = line.split_whitespace().map(str::to_owned);
            (words.next().unwrap(), words.collect())
        })
        .collect()
}

#[test]
fn the_container_file_copies_what_there_is_and_runs_as_nobody() {
    let all = instructions(&file("config/Containerfile"));
    let of = |name: &str| -> Vec<&Vec<String>> {
        let named = all.iter().filter(|(of, _)| of == name);
        named.map(|(_, words)| words).collect()
    };
    let known = [
        "FROM",
        "RUN",
        "WORKDIR",
        "COPY",
        "USER",
        "ENV",
        "VOLUME",
        "EXPOSE",
        "STOPSIGNAL",
        "HEALTHCHECK",
        "ENTRYPOINT",
        "CMD",
    ];
    for (name, _) in &all {
        assert!(
            known.contains(&name.as_str()),
            "{name} is no instruction that is used here"
        );
    }
    // Everything that is copied from the project is there, and everything that the build reads is copied.
    let mut copied = BTreeSet::new();
    for words in of("COPY") {
        let from_stage = words.iter().any(|word| word.starts_with("--from="));
        let paths: Vec<&String> = words
            .iter()
            .filter(|word| !word.starts_with("--"))
            .collect();
        let (_, sources) = paths.split_last().unwrap();
        assert!(!sources.is_empty(), "{words:?}");
        for source in sources.iter().filter(|_| !from_stage) {
            assert!(
                root().join(source).exists(),
                "COPY {source}: there is no such path"
            );
            copied.insert((*source).clone());
        }
    }
    for needed in [
        "Cargo.toml",
        "Cargo.lock",
        "rust-toolchain.toml",
        "host",
        "plugins",
        "wit",
        "config",
        "tests",
    ] {
        assert!(
            copied.contains(needed),
            "{needed} is not copied into the build"
        );
    }
    // Two stages; the compiler is the one that the project is pinned to, and stays behind.
    let stages = of("FROM");
    assert_eq!(stages.len(), 2);
    let toolchain = file("rust-toolchain.toml");
    let channel = toolchain
        .lines()
        .find_map(|line| line.strip_prefix("channel = \""))
        .unwrap()
        .trim_end_matches('"');
    let minor = channel.rsplit_once('.').unwrap().0;
    assert!(
        stages[0][0].contains(&format!("rust:{minor}-")),
        "{stages:?}"
    );
    assert!(!stages[1][0].contains("rust"), "{stages:?}");
    // The last user is an ordinary one, by number, so that a cluster can check it.
    let user = &of("USER").pop().unwrap()[0];
    let uid: u32 = user.split(':').next().unwrap().parse().unwrap();
    assert!(uid >= 1_000, "{user}");
    assert!(of("HEALTHCHECK").len() == 1 && of("HEALTHCHECK")[0].concat().contains("/health"));
    // What is written goes to volumes, so the root can be read-only.
    let volumes = of("VOLUME")[0].concat();
    for folder in ["/var/lib/fillsync", "/var/cache/fillsync"] {
        assert!(volumes.contains(folder), "{volumes}");
    }
    // What it starts is what the program takes.
    let command = of("CMD").pop().unwrap().concat();
    assert_eq!(command, "[\"run\"]");
}
