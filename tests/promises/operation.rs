//! How the daemon is run: what the service manager hears, and what the log says at which level.

use crate::plugins::{component, hostile};
use crate::rig::{Daemon, Rig, SYMBOL, eventually, so};
use serde_json::Value;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::time::Duration;

/// The socket of a service manager, as `Type=notify` makes it.
struct Manager {
    socket: UnixDatagram,
    path: PathBuf,
}

impl Manager {
    fn new(rig: &Rig) -> Self {
        let path = rig.folder.path().join("notify.sock");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(crate::rig::PATIENCE)).unwrap();
        Self { socket, path }
    }

    /// Starts the daemon as a unit with a watchdog.
    fn start(&self, rig: &Rig, watchdog: Duration) -> Daemon {
        let mut command = rig.command(&["run"]);
        command
            .env("NOTIFY_SOCKET", &self.path)
            .env("WATCHDOG_USEC", watchdog.as_micros().to_string());
        Daemon::start(&mut command)
    }

    /// The next state that is told.
    fn next(&self) -> String {
        let mut bytes = [0; 4096];
        let length = self.socket.recv(&mut bytes).unwrap();
        String::from_utf8(bytes[..length].to_vec()).unwrap()
    }

    /// The next state that begins so; all before it are given as well.
    fn until(&self, begin: &str) -> (Vec<String>, String) {
        let mut before = Vec::new();
        loop {
            let state = self.next();
            if state.starts_with(begin) {
                return (before, state);
            }
            before.push(state);
            assert!(before.len() < 200, "no {begin}: {before:#?}");
        }
    }
}

#[test]
fn the_service_manager_hears_that_it_is_ready_lives_reads_its_files_again_and_ends() {
    let rig = Rig::new();
    let manager = Manager::new(&rig);
    let mut daemon = manager.start(&rig, Duration::from_millis(400));
    let (before, ready) = manager.until("READY=1");
    assert!(before.is_empty(), "before it was ready: {before:#?}");
    // What it says is so: it answers.
    assert!(daemon.ask("/status").0 == 200);
    assert!(ready.contains("2 accounts, 1 channels"), "{ready}");
    for _ in 0..3 {
        manager.until("WATCHDOG=1\nSTATUS=");
    }
    // A change that no event announces is in force before the reload is said to be over.
    rig.edit("deadline = \"2s\"", "deadline = \"3s\"");
    daemon.signal("HUP");
    let (_, reloading) = manager.until("RELOADING=1");
    assert!(reloading.contains("\nMONOTONIC_USEC="), "{reloading}");
    let (between, _) = manager.until("READY=1");
    assert!(!between.iter().any(|state| state.starts_with("READY")));
    assert_eq!(
        daemon.events("config_reloaded").len(),
        1,
        "{}",
        daemon.log()
    );
    // A bad file does not keep the reload from ending: what was in force stays.
    rig.edit("deadline = \"3s\"", "deadline = \"soon\"");
    daemon.signal("HUP");
    manager.until("RELOADING=1");
    manager.until("READY=1");
    daemon.wait_for_event("config_rejected");
    assert!(daemon.stop().success());
    manager.until("STOPPING=1");
}

#[test]
fn a_daemon_that_stands_still_is_not_said_to_live() {
    let rig = Rig::new();
    let manager = Manager::new(&rig);
    let daemon = manager.start(&rig, Duration::from_millis(400));
    manager.until("WATCHDOG=1");
    daemon.signal("STOP");
    // What was sent before it stopped is read; then there is silence.
    let silence = Duration::from_secs(2);
    manager.socket.set_read_timeout(Some(silence)).unwrap();
    let mut bytes = [0; 4096];
    let mut heard = 0;
    while manager.socket.recv(&mut bytes).is_ok() {
        heard += 1;
        assert!(
            heard < 20,
            "a process that is stopped cannot say that it lives"
        );
    }
    daemon.signal("CONT");
    manager
        .socket
        .set_read_timeout(Some(crate::rig::PATIENCE))
        .unwrap();
    manager.until("WATCHDOG=1");
}

#[test]
fn a_notify_socket_that_is_not_there_is_said_with_what_to_do() {
    let rig = Rig::new();
    let output = rig
        .command(&["run"])
        .env("NOTIFY_SOCKET", "/nowhere/notify.sock")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("/nowhere/notify.sock") && said.contains("unset it"),
        "{said}"
    );
}

#[test]
fn the_level_of_the_log_changes_while_it_runs() {
    let rig = Rig::new();
    let daemon = rig.start_ready();
    rig.fill(&rig.place("main", 1));
    daemon.wait_for_event("fill_received");
    assert!(daemon.events("fill_already_processed").is_empty());
    rig.edit("log_level = \"info\"", "log_level = \"debug\"");
    let reloaded = daemon.wait_for_event("config_reloaded").to_string();
    assert!(reloaded.contains("daemon changed: log_level"), "{reloaded}");
    assert!(!reloaded.contains("at the next start"), "{reloaded}");
    daemon.wait_for_event("fill_already_processed");
    rig.edit("log_level = \"debug\"", "log_level = \"error\"");
    // What is no longer logged is still kept for /events.
    eventually("the second change is in force", || {
        let events = daemon.json("/events?limit=500");
        let reloads = events["events"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|event| event["event"] == "config_reloaded")
            .count();
        so(reloads == 2, events)
    });
    let told = rig.of_kind("fill").len();
    rig.fill(&rig.place("main", 2));
    rig.wait_for("fill", told + 1);
    rig.wait_for_all_fills();
    assert_eq!(daemon.events("fill_received").len(), 1, "{}", daemon.log());
}

/// Every event that the design names, with fields that a machine may rely on.
const EVENTS: [(&str, &[&str]); 16] = [
    (
        "fill_received",
        &["account", "symbol", "side", "quantity", "price", "exec_id"],
    ),
    (
        "untracked_fill_detected",
        &["account", "symbol", "order_id"],
    ),
    ("fill_already_processed", &["account", "category", "count"]),
    ("fills_synchronized", &["group", "symbol", "cycle"]),
    (
        "mirror_uses_synchronized_count",
        &["group", "symbol", "account"],
    ),
    (
        "divergence_detected",
        &["group", "symbol", "slot", "account", "truth"],
    ),
    (
        "divergence_resolved",
        &["group", "symbol", "slot", "account"],
    ),
    ("alert_sent", &["channel", "kind", "identity"]),
    (
        "alert_deferred",
        &["group", "symbol", "cycle", "at", "until"],
    ),
    ("plugin_loaded", &["plugin", "sha256"]),
    ("plugin_swapped", &["plugin", "sha256"]),
    (
        "plugin_rejected",
        &["plugin", "sha256", "stage", "cause", "hint"],
    ),
    ("plugin_failed", &["plugin", "error"]),
    ("config_reloaded", &["changes"]),
    ("config_rejected", &[]),
    ("coverage_gap", &["account", "category", "gap"]),
];

/// One run that meets everything that has a name.
#[test]
fn every_event_of_the_design_is_a_line_of_json_with_its_fields() {
    let rig = Rig::new();
    rig.edit("log_level = \"info\"", "log_level = \"debug\"");
    // The formatter misbehaves for the group of this name.
    rig.edit("name = \"desk\"", "name = \"trouble\"");
    rig.edit(
        "formatter = \"limit-fill\"",
        "formatter = \"hostile-formatter\"",
    );
    rig.put_plugin("hostile-formatter.wasm", &hostile().1);
    rig.put_plugin("house.wasm", component("max-count"));
    rig.edit("strategy = \"max-count\"", "strategy = \"house\"");
    rig.append("[plugin.house]\n[plugin.hostile-formatter]\nsettings = { deed = \"panic\" }\n");
    let mut daemon = rig.start_ready();
    let mut lines = Vec::new();
    // Main fills two, the mirror one: counts are synchronised, and at the deadline they differ in truth.
    let main = [1, 2].map(|slot| rig.place("main", slot));
    let mirror = [1, 2].map(|slot| rig.place("mirror", slot));
    eventually("the open orders are known", || {
        let answer = daemon.json("/orders");
        so(answer["count"] == 4, answer)
    });
    for order in [&main[0], &main[1], &mirror[0]] {
        rig.fill(order);
    }
    daemon.wait_for_event("mirror_uses_synchronized_count");
    daemon.wait_for_event("divergence_detected");
    rig.fill(&mirror[1]);
    daemon.wait_for_event("divergence_resolved");
    // Plugins and configurations, good and bad.
    rig.put_plugin("house.wasm", component("main-master"));
    daemon.wait_for_event("plugin_swapped");
    rig.put_plugin("house.wasm", b"this is no component");
    daemon.wait_for_event("plugin_rejected");
    rig.edit("settle = \"300ms\"", "settle = \"200ms\"");
    daemon.wait_for_event("config_reloaded");
    rig.edit("settle = \"200ms\"", "settle = \"soon\"");
    daemon.wait_for_event("config_rejected");
    rig.edit("settle = \"soon\"", "settle = \"200ms\"");
    for event in ["fill_already_processed", "alert_sent", "plugin_failed"] {
        daemon.wait_for_event(event);
    }
    rig.flatten("main");
    rig.flatten("mirror");
    rig.wait_for_all_fills();
    assert!(daemon.stop().success());
    lines.push(daemon.log());
    // While it was away an order filled that it never saw.
    rig.fill(&rig.place("main", 1));
    let mut daemon = rig.start_ready();
    daemon.wait_for_event("untracked_fill_detected");
    assert!(daemon.stop().success());
    lines.push(daemon.log());
    // And then it was away for longer than the venue remembers.
    rig.bybit.clock().advance_ms(800 * 24 * 3_600_000);
    let daemon = rig.start();
    daemon.wait_for_event("coverage_gap");
    lines.push(daemon.log());

    let lines: Vec<Value> = lines
        .iter()
        .flat_map(|log| log.lines())
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    for (event, fields) in EVENTS {
        let of: Vec<&Value> = lines.iter().filter(|line| line["event"] == event).collect();
        assert!(!of.is_empty(), "no {event}");
        for line in of {
            for field in ["timestamp", "level"].iter().chain(fields) {
                assert!(!line[*field].is_null(), "{event} has no {field}: {line:#}");
            }
        }
    }
    let mut says = lines
        .iter()
        .filter(|line| line["event"] == "fills_synchronized");
    let said = says.next().unwrap().to_string();
    assert!(
        said.contains("🔄 Synchronized limit fills: main=2, mirror=2"),
        "{said}"
    );
    assert!(lines.iter().any(|line| {
        line["event"] == "mirror_uses_synchronized_count"
            && line
                .to_string()
                .contains("🪞 Mirror account using synchronized count: 2")
    }));
    assert!(!SYMBOL.is_empty());
}
