//! What comes in the place of a plugin that works: compared, held, promoted, rolled back, and let in by
//! approval or signature only where the operator says so. Whatever is decided about a file, every alert
//! goes out meanwhile.

use crate::plugins::{component, hostile};
use crate::rig::signer::Signer;
use crate::rig::{Daemon, Rig, SYMBOL, eventually, so};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// The same component with another content: a section that nobody reads.
fn relabelled(component: &[u8], label: &str) -> Vec<u8> {
    let name = b"label";
    let mut section = vec![u8::try_from(name.len()).unwrap()];
    section.extend_from_slice(name);
    section.extend_from_slice(label.as_bytes());
    let mut bytes = component.to_vec();
    bytes.push(0);
    bytes.push(u8::try_from(section.len()).unwrap());
    bytes.extend_from_slice(&section);
    bytes
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// A desk whose strategy is the file `house.wasm`.
fn house(section: &str) -> Rig {
    let rig = Rig::new();
    rig.put_plugin("house.wasm", component("max-count"));
    rig.edit("strategy = \"max-count\"", "strategy = \"house\"");
    rig.append(&format!("[plugin.house]\n{section}\n"));
    rig
}

/// Main fills one order and the mirror two, of which the strategies of the binary say different things.
fn one_and_two(rig: &Rig, daemon: &Daemon) {
    let (main, mirror) = (
        rig.place("main", 1),
        [1, 2].map(|slot| rig.place("mirror", slot)),
    );
    let now = rig.now_ms();
    for order in [&main, &mirror[0], &mirror[1]] {
        rig.fill_at(order, Some(now));
    }
    daemon.wait_for_counts(SYMBOL, [(1, 2), (2, 2)]);
    rig.wait_for("fill", 3);
}

/// What `/plugins` says of a name.
fn status(daemon: &Daemon, name: &str) -> Value {
    let answer = daemon.json("/plugins");
    let plugins = answer["plugins"].as_array().unwrap();
    let of_name = plugins.iter().find(|plugin| plugin["name"] == name);
    of_name.cloned().unwrap_or_default()
}

fn wait_for_active(daemon: &Daemon, name: &str, bytes: &[u8]) {
    eventually(&format!("{name} is in use with that content"), || {
        let status = status(daemon, name);
        so(status["active"]["sha256"] == sha256(bytes), status)
    });
}

fn wait_for_held(daemon: &Daemon, name: &str, bytes: &[u8]) -> Value {
    eventually(&format!("{name} has that content waiting"), || {
        let status = status(daemon, name);
        if status["held"]["sha256"] == sha256(bytes) {
            Ok(status)
        } else {
            Err(format!("{status:#}"))
        }
    })
}

/// The rows of a name, the newest first: outcome and stage.
fn outcomes(rig: &Rig, name: &str) -> Vec<(String, String)> {
    rig.reader()
        .plugin_history(name, 100)
        .unwrap()
        .into_iter()
        .map(|row| (row.event.outcome, row.event.stage))
        .collect()
}

fn say(rig: &Rig, arguments: &[&str]) -> String {
    let output = rig.run(arguments);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {text}{errors}");
    text
}

fn fail(rig: &Rig, arguments: &[&str]) -> String {
    let output = rig.run(arguments);
    assert!(!output.status.success(), "{arguments:?}");
    String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout)
}

#[test]
fn a_file_that_answers_differently_is_held_with_its_difference_until_it_is_promoted() {
    let rig = house("swap = \"auto-if-same\"");
    let daemon = rig.start_ready();
    one_and_two(&rig, &daemon);

    // Other bytes with the same answers take over by themselves.
    let same = relabelled(component("max-count"), "the same");
    rig.put_plugin("house.wasm", &same);
    wait_for_active(&daemon, "house", &same);

    // Other answers wait, and say what would change.
    let other = component("main-master");
    rig.put_plugin("house.wasm", other);
    let waiting = wait_for_held(&daemon, "house", other);
    let lines = waiting["held"]["comparison"]["lines"].to_string();
    let says = |part: &str| lines.contains(part);
    assert!(
        says("mirror: was 2, would be 1") && says("(desk GTCUSDT Sell cycle"),
        "{waiting:#}"
    );
    assert_eq!(waiting["held"]["why"]["stage"], "policy");
    assert_eq!(waiting["active"]["sha256"], sha256(&same));
    assert_eq!(waiting["active"]["reach"]["proven"], true);
    daemon.wait_for_event("plugin_held");
    daemon.wait_for_counts(SYMBOL, [(1, 2), (2, 2)]);
    let told = rig.wait_for("system", 1);
    assert!(
        told.iter()
            .any(|told| told.text.contains("plugin house has a new file that waits")),
        "{told:#?}"
    );
    let history = say(&rig, &["plugin", "history", "house"]);
    assert!(history.contains("mirror: was 2"), "{history}");
    let list = say(&rig, &["plugin", "list"]);
    assert!(list.contains("in use is another content"), "{list}");
    assert!(list.contains("proven from its imports."), "{list}");

    // A hash that is not that of the file promotes nothing; the right one does.
    let wrong = fail(
        &rig,
        &["plugin", "promote", "house", "--sha256", &sha256(&same)],
    );
    assert!(wrong.contains("its content is"), "{wrong}");
    say(
        &rig,
        &[
            "plugin",
            "promote",
            "house",
            "--sha256",
            &sha256(other)[..12],
        ],
    );
    daemon.wait_for_event("plugin_promoted");
    wait_for_active(&daemon, "house", other);
    rig.fill(&rig.place("mirror", 3));
    daemon.wait_for_counts(SYMBOL, [(1, 1), (3, 1)]);
    assert_eq!(status(&daemon, "house")["held"], Value::Null);
    let outcomes = outcomes(&rig, "house");
    let words: Vec<&str> = outcomes
        .iter()
        .map(|(outcome, _)| outcome.as_str())
        .collect();
    assert_eq!(
        words,
        ["promoted", "held", "swapped", "loaded"],
        "{outcomes:?}"
    );
}

#[test]
fn a_manual_plugin_waits_over_a_restart_and_without_its_file() {
    let rig = house("swap = \"manual\"");
    let first = component("max-count").to_vec();
    let second = relabelled(&first, "second");
    let mut daemon = rig.start_ready();
    one_and_two(&rig, &daemon);
    rig.put_plugin("house.wasm", &second);
    wait_for_held(&daemon, "house", &second);
    assert!(daemon.stop().success());

    // A start begins with what was in use, and holds what the folder has.
    let mut daemon = rig.start_ready();
    let waiting = wait_for_held(&daemon, "house", &second);
    assert_eq!(waiting["active"]["sha256"], sha256(&first), "{waiting:#}");
    assert!(daemon.stop().success());

    // Promoted while nothing runs; then the file goes, and what was in use goes on.
    say(&rig, &["plugin", "promote", "house"]);
    let mut daemon = rig.start_ready();
    wait_for_active(&daemon, "house", &second);
    std::fs::remove_file(rig.plugin_file("house.wasm")).unwrap();
    daemon.wait_for_event("plugin_file_gone");
    assert!(daemon.stop().success());
    let daemon = rig.start_ready();
    wait_for_active(&daemon, "house", &second);
    assert_eq!(status(&daemon, "house")["active"]["source"], "kept");
    daemon.wait_for_event("plugin_file_gone");
    let pin = say(&rig, &["plugin", "pin", "house"]);
    assert!(pin.contains(&sha256(&second)), "{pin}");
    rig.fill(&rig.place("main", 2));
    daemon.wait_for_counts(SYMBOL, [(2, 2), (2, 2)]);
}

#[test]
fn a_swap_that_fails_at_what_answered_before_is_rolled_back_and_no_alert_is_lost() {
    let rig = house("replay = 0\nsettings = { deed = \"behave\", group = \"trouble\" }");
    rig.put_plugin("house.wasm", &hostile().0);
    rig.edit("name = \"desk\"", "name = \"trouble\"");
    let mut daemon = rig.start_ready();
    rig.fill(&rig.place("main", 1));
    daemon.wait_for_counts(SYMBOL, [(1, 1), (0, 0)]);

    // The same file with settings under which it panics at every real question, and at no canned one.
    let swaps = daemon.events("plugin_swapped").len();
    rig.edit("deed = \"behave\"", "deed = \"panic\"");
    eventually("it is in use", || {
        so(daemon.events("plugin_swapped").len() > swaps, daemon.log())
    });
    for (account, slot) in [("main", 2), ("mirror", 1), ("mirror", 2), ("main", 3)] {
        rig.fill(&rig.place(account, slot));
    }
    let rolled_back = daemon.wait_for_event("plugin_rolled_back");
    assert!(
        rolled_back["cause"]
            .as_str()
            .unwrap()
            .contains("I was told to panic"),
        "{rolled_back}"
    );
    rig.wait_for_all_fills();
    let alerts = rig.wait_for("fill", 5);
    assert_eq!(alerts.len(), 5, "{alerts:#?}");
    daemon.wait_for_counts(SYMBOL, [(3, 3), (2, 2)]);
    assert!(
        daemon
            .events("plugin_failed")
            .iter()
            .all(|event| event["until"].is_null()),
        "set aside"
    );
    let told = eventually("the operator is told", || {
        let told = rig.of_kind("system");
        let text = told
            .iter()
            .find(|told| told.text.contains("was rolled back"));
        text.map(|told| told.text.clone())
            .ok_or(format!("{told:#?}"))
    });
    assert!(told.contains("plugin promote house"), "{told}");
    let status = status(&daemon, "house");
    assert_eq!(
        status["last_rejection"]["rejection"]["stage"], "probation",
        "{status:#}"
    );
    assert_eq!(
        outcomes(&rig, "house")[0],
        ("rolled-back".to_owned(), "probation".to_owned())
    );
    assert_eq!(daemon.ask("/health").0, 200);
    assert!(daemon.is_running());
}

#[test]
fn a_rolled_back_formatter_costs_its_own_words_only() {
    let rig = Rig::new();
    rig.put_plugin("words.wasm", &hostile().1);
    rig.edit("name = \"desk\"", "name = \"trouble\"");
    rig.edit("formatter = \"limit-fill\"", "formatter = \"words\"");
    rig.append("[plugin.words]\nreplay = 0\nsettings = { deed = \"behave\" }\n");
    let daemon = rig.start_ready();
    let swaps = daemon.events("plugin_swapped").len();
    rig.edit("deed = \"behave\"", "deed = \"panic\"");
    eventually("it is in use", || {
        so(daemon.events("plugin_swapped").len() > swaps, daemon.log())
    });
    for slot in [1, 2, 3] {
        rig.fill(&rig.place("main", slot));
    }
    daemon.wait_for_event("plugin_rolled_back");
    rig.wait_for("fill", 3);
}

#[test]
fn locked_plugins_are_let_in_by_an_approval_of_their_content() {
    let rig = house("");
    let bytes = relabelled(component("max-count"), "not of the binary");
    rig.put_plugin("house.wasm", &bytes);
    rig.edit("[daemon]\n", "[daemon]\nplugin_trust = \"lock\"\n");
    let mut daemon = rig.start_ready();
    let held = daemon.wait_for_event("plugin_held");
    assert!(
        held["hint"]
            .as_str()
            .unwrap()
            .contains("fillsync plugin approve house"),
        "{held}"
    );
    // Nothing of it runs, and alerts go out with own counts.
    rig.fill(&rig.place("main", 1));
    rig.wait_for("fill", 1);
    assert_eq!(status(&daemon, "house")["active"], Value::Null);
    let list = fail(&rig, &["plugin", "list"]);
    assert!(list.contains("nobody approved it"), "{list}");

    let approved = say(&rig, &["plugin", "approve", "house"]);
    assert!(
        approved.contains(
            "This plugin can reach no network, file, clock or randomness: proven from its imports."
        ),
        "{approved}"
    );
    daemon.wait_for_event("plugin_loaded");
    wait_for_active(&daemon, "house", &bytes);

    // Another content waits, whatever its name; what was approved goes on, and starts again.
    let changed = relabelled(component("main-master"), "changed");
    rig.put_plugin("house.wasm", &changed);
    let waiting = wait_for_held(&daemon, "house", &changed);
    assert_eq!(waiting["held"]["why"]["stage"], "trust", "{waiting:#}");
    assert_eq!(waiting["active"]["sha256"], sha256(&bytes));
    assert!(daemon.stop().success());
    let daemon = rig.start_ready();
    let waiting = wait_for_held(&daemon, "house", &changed);
    assert_eq!(waiting["active"]["sha256"], sha256(&bytes), "{waiting:#}");
    say(&rig, &["plugin", "approve", "house"]);
    wait_for_active(&daemon, "house", &changed);
    // The formatter of the binary needed nobody's word.
    assert!(status(&daemon, "limit-fill")["active"].is_object());
}

#[test]
fn signed_plugins_are_let_in_by_a_signature_of_a_key_in_the_configuration() {
    let (signer, stranger) = (Signer::new(1), Signer::new(2));
    let sign = |by: &Signer, bytes: &[u8]| by.sign(bytes, "house.wasm");
    let rig = house("");
    let first = relabelled(component("max-count"), "first");
    rig.put_plugin("house.wasm", &first);
    rig.edit(
        "[daemon]\n",
        &format!(
            "[daemon]\nplugin_trust = \"signed\"\nplugin_keys = [\"{}\"]\n",
            signer.key()
        ),
    );
    let daemon = rig.start_ready();
    let why = |part: &str| {
        eventually(part, || {
            let refused = daemon.events("plugin_rejected");
            let found = refused.iter().any(|event| {
                event["stage"] == "trust" && event["cause"].as_str().unwrap().contains(part)
            });
            so(found, refused)
        });
    };
    why("there is no house.wasm.minisig");
    rig.put_plugin("house.wasm.minisig", &sign(&stranger, &first));
    why("none of the keys");
    assert_eq!(status(&daemon, "house")["active"], Value::Null);
    rig.put_plugin("house.wasm.minisig", &sign(&signer, &first));
    wait_for_active(&daemon, "house", &first);

    // A changed file under the old signature is refused, and let in once it is signed itself.
    let second = relabelled(component("max-count"), "second");
    let before = daemon.events("plugin_rejected").len();
    rig.put_plugin("house.wasm", &second);
    eventually("the changed file is refused", || {
        so(
            daemon.events("plugin_rejected").len() > before,
            daemon.log(),
        )
    });
    wait_for_active(&daemon, "house", &first);
    rig.put_plugin("house.wasm.minisig", &sign(&signer, &second));
    wait_for_active(&daemon, "house", &second);
}

#[test]
fn a_component_that_explodes_in_the_compiler_costs_a_child_only() {
    let rig = house("");
    rig.edit(
        "[daemon]\n",
        "[daemon]\ncompile_time = \"2s\"\ncompile_memory = \"512MiB\"\n",
    );
    let mut daemon = rig.start_ready();
    wait_for_active(&daemon, "house", component("max-count"));
    rig.put_plugin(
        "house.wasm",
        &crate::plugin_compile::bomb(component("max-count")),
    );
    let rejected = daemon.wait_for_event("plugin_rejected");
    assert_eq!(rejected["stage"], "compile", "{rejected}");
    assert!(
        rejected["hint"]
            .as_str()
            .unwrap()
            .contains("daemon.compile_"),
        "{rejected}"
    );
    one_and_two(&rig, &daemon);
    assert!(daemon.is_running());
    let rows = rig.reader().plugin_history("house", 1).unwrap();
    assert_eq!(rows[0].event.stage, "compile");
    let stages: Vec<&str> = rows[0]
        .event
        .stages
        .iter()
        .map(|(stage, _)| stage.as_str())
        .collect();
    assert_eq!(
        stages,
        ["hash", "format", "imports", "world", "trust", "compile"]
    );
}

#[test]
fn a_pin_is_written_into_the_configuration_and_nothing_else_is() {
    let rig = house("swap = \"manual\"   # mine");
    let mut daemon = rig.start_ready();
    wait_for_active(&daemon, "house", component("max-count"));
    assert!(daemon.stop().success());
    say(&rig, &["plugin", "pin", "house", "--write"]);
    let line = format!("sha256 = \"{}\"\n", sha256(component("max-count")));
    let written = std::fs::read_to_string(rig.config_path()).unwrap();
    assert_eq!(written.replace(&line, ""), rig.config());
    let unknown = fail(&rig, &["plugin", "pin", "nobody"]);
    assert!(unknown.contains("it uses house, limit-fill"), "{unknown}");
    // A file with another content is refused by name of the pin.
    rig.put_plugin("house.wasm", component("main-master"));
    let list = fail(&rig, &["plugin", "list"]);
    assert!(list.contains("the configuration pins"), "{list}");
}
