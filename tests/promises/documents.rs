//! What shells and `man` know of the command: completions that complete, pages that groff reads.

use crate::rig::{Rig, eventually, so};
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Output, Stdio};

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn said(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    text(&output.stdout)
}

/// What bash offers when a line is completed, by the function that the script defines.
fn completed(script: &str, words: &[&str]) -> Vec<String> {
    let program = format!(
        "{script}\n\
         COMP_WORDS=({})\n\
         COMP_CWORD={}\n\
         COMPREPLY=()\n\
         _fillsync fillsync \"${{COMP_WORDS[$COMP_CWORD]}}\" \"${{COMP_WORDS[$COMP_CWORD-1]}}\"\n\
         printf '%s\\n' \"${{COMPREPLY[@]}}\"\n",
        words
            .iter()
            .map(|word| format!("'{word}'"))
            .collect::<Vec<_>>()
            .join(" "),
        words.len() - 1
    );
    let output = Command::new("bash")
        .args(["--norc", "--noprofile", "-c", &program])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout).lines().map(str::to_owned).collect()
}

#[test]
fn bash_completes_commands_options_and_values() {
    let rig = Rig::new();
    let script = said(&rig.run(&["completions", "bash"]));
    for (words, wanted) in [
        (&["fillsync", "perf"][..], &["performance"][..]),
        (&["fillsync", "counts", "--wa"], &["--watch"]),
        (&["fillsync", "fills", "--acc"], &["--account"]),
        (&["fillsync", "plugin", "li"], &["list"]),
        (&["fillsync", "--color", "al"], &["always"]),
        (&["fillsync", "completions", "fi"], &["fish"]),
    ] {
        let offered = completed(&script, words);
        for word in wanted {
            assert!(
                offered.iter().any(|of| of == word),
                "{words:?}: {offered:?}"
            );
        }
        assert!(offered.len() <= 3, "{words:?}: {offered:?}");
    }
    assert!(completed(&script, &["fillsync", "zz"]).concat().is_empty());
}

#[test]
fn every_shell_that_is_named_gets_a_script() {
    let rig = Rig::new();
    for (shell, part) in [
        ("bash", "complete -F"),
        ("zsh", "#compdef fillsync"),
        ("fish", "complete -c fillsync"),
        ("elvish", "edit:completion"),
        ("powershell", "Register-ArgumentCompleter"),
    ] {
        let script = said(&rig.run(&["completions", shell]));
        assert!(
            script.contains(part) && script.contains("divergences"),
            "{shell}"
        );
    }
    assert_eq!(rig.run(&["completions", "cmd"]).status.code(), Some(2));
}

#[test]
fn every_command_has_a_manual_page_that_groff_reads_without_a_word() {
    let rig = Rig::new();
    let folder = rig.folder.path().join("man");
    std::fs::create_dir(&folder).unwrap();
    said(&rig.run(&["man", "--to", folder.to_str().unwrap()]));
    let mut pages: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    pages.sort();
    let names: Vec<String> = pages
        .iter()
        .map(|page| page.file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    for name in ["fillsync.1", "fillsync-counts.1", "fillsync-plugin-list.1"] {
        assert!(names.iter().any(|of| of == name), "no {name}: {names:?}");
    }
    let has_groff = Command::new("groff").arg("--version").output().is_ok();
    for page in &pages {
        let source = std::fs::read_to_string(page).unwrap();
        for part in [".TH", ".SH NAME", ".SH SYNOPSIS", ".SH \"EXIT STATUS\""] {
            assert!(source.contains(part), "{}: no {part}", page.display());
        }
        if has_groff {
            let output = Command::new("groff")
                .args(["-man", "-ww", "-z", "-Tutf8", "-K", "utf8"])
                .arg(page)
                .output()
                .unwrap();
            let said = text(&output.stderr);
            assert!(
                output.status.success() && said.is_empty(),
                "{}: {said}",
                page.display()
            );
        }
    }
    let one = said(&rig.run(&["man", "plugin", "list"]));
    assert_eq!(
        one,
        std::fs::read_to_string(folder.join("fillsync-plugin-list.1")).unwrap()
    );
    let unknown = rig.run(&["man", "fly"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(text(&unknown.stderr).contains("divergences"));
}

#[test]
fn a_watch_repeats_in_a_pipe_survives_a_ledger_that_is_away_and_ends_when_told() {
    let rig = Rig::new();
    let mut daemon = rig.start_ready();
    rig.fill(&rig.place("main", 1));
    rig.wait_for("fill", 1);
    let mut child = rig
        .command(&["counts", "--watch", "1", "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next =
        || -> serde_json::Value { serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap() };
    let first = next();
    assert_eq!(
        first["counts"][0]["accounts"][0]["detected"], 1,
        "{first:#}"
    );
    rig.fill(&rig.place("main", 2));
    eventually("the second fill is seen by the same watch", || {
        let answer = next();
        so(answer["counts"][0]["accounts"][0]["detected"] == 2, answer)
    });
    // The ledger is away for a moment, as at a restore.
    daemon.kill();
    let (there, away) = (rig.database(), rig.folder.path().join("away.db"));
    std::fs::rename(&there, &away).unwrap();
    let mut complaints = BufReader::new(child.stderr.take().unwrap()).lines();
    let complaint = complaints.next().unwrap().unwrap();
    assert!(
        complaint.contains("warning") && complaint.contains("no ledger"),
        "{complaint}"
    );
    std::fs::rename(&away, &there).unwrap();
    next();
    let status = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(status.success());
    let ended = child.wait().unwrap();
    assert_eq!(ended.code(), Some(0));
}

#[test]
fn what_a_watch_is_called_with_must_be_a_number_of_seconds() {
    let rig = Rig::new();
    for wrong in [
        &["counts", "--watch", "0"][..],
        &["status", "--watch", "soon"],
        &["fills", "--watch"],
    ] {
        assert_eq!(rig.run(wrong).status.code(), Some(2), "{wrong:?}");
    }
    // What fails at first is an error, not something to watch.
    let output = rig.run(&["status", "--watch"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("fillsync.db"));
}

#[test]
fn colours_are_shown_where_they_are_asked_for_only() {
    let rig = Rig::new();
    let daemon = rig.start_ready();
    rig.fill(&rig.place("main", 1));
    rig.wait_for("fill", 1);
    drop(daemon);
    let painted = said(&rig.run(&["counts", "--color", "always"]));
    assert!(painted.contains('\u{1b}'), "{painted}");
    for arguments in [
        &["counts"][..],
        &["counts", "--color", "never"],
        &["counts", "--json", "--color", "always"],
    ] {
        let bare = said(&rig.run(arguments));
        assert!(!bare.contains('\u{1b}'), "{arguments:?}: {bare}");
    }
    let forced = rig
        .command(&["counts"])
        .env("CLICOLOR_FORCE", "1")
        .output()
        .unwrap();
    assert!(said(&forced).contains('\u{1b}'));
    let no = rig
        .command(&["counts"])
        .envs([("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")])
        .output()
        .unwrap();
    assert!(!said(&no).contains('\u{1b}'));
    // Help and complaints follow the same word.
    let help = text(&rig.run(&["--color", "always", "--help"]).stdout);
    assert!(help.contains('\u{1b}'));
    assert_eq!(
        rig.run(&["counts", "--color", "blue"]).status.code(),
        Some(2)
    );
}

#[test]
fn who_reads_only_the_first_line_gets_no_complaint() {
    let rig = Rig::new();
    let mut child = rig
        .command(&["man"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.stderr.is_empty(), "{}", text(&output.stderr));
    assert_eq!(output.status.code(), Some(0));
}
