//! Hostile plugins and the daemon: it never ends, nobody else waits for long, every alert still goes
//! out, and its memory comes back.
//!
//! `tests/hostile-plugins/README.md` lists all hostile plugins. What each one costs its own caller is
//! tested beside the engine (`host/plugin/tests/hostile`); here are those that are about files, about
//! swaps, and about everybody else.

use crate::plugins::{component, hostile};
use crate::rig::{Daemon, Rig, SYMBOL, eventually, eventually_within, so};
use fillsync_fake::{BybitAccount, Fill, NewOrder, Side};
use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// What memory may be more after an attack than before it: what allocators keep for the next time.
const RESIDENT_TOLERANCE_KB: u64 = 32 * 1024;

/// A rig whose strategy is a file of its own, `house.wasm`.
fn house() -> Rig {
    let rig = Rig::new();
    rig.put_plugin("house.wasm", component("max-count"));
    rig.edit("strategy = \"max-count\"", "strategy = \"house\"");
    rig.append("[plugin.house]\n");
    rig
}

/// Puts something into the plugin folder in the place of a file, in one step.
fn put(rig: &Rig, name: &str, make: impl FnOnce(&Path)) {
    let draft = rig.plugin_file(&format!("{name}.draft"));
    make(&draft);
    fs::rename(&draft, rig.plugin_file(name)).unwrap();
}

fn fifo(path: &Path) {
    let made = Command::new("mkfifo").arg(path).status().unwrap();
    assert!(made.success());
}

/// Memory that is resident now, in KiB.
fn resident_kb(daemon: &Daemon) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", daemon.id())).unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
fn law_15_what_is_no_plugin_file_is_told_and_changes_nothing() {
    let rig = house();
    // Some are there from the start, under names that nobody uses.
    fifo(&rig.plugin_file("other.wasm"));
    fs::create_dir(rig.plugin_file("folder.wasm")).unwrap();
    let mut daemon = rig.start_ready();
    let orders = [1, 2, 3].map(|slot| rig.place("main", slot));
    rig.place("mirror", 1);
    rig.fill(&orders[0]);
    daemon.wait_for_counts(SYMBOL, [(1, 1), (0, 1)]);
    let told = || daemon.events("file_unreadable").len();
    for name in [
        "symlink-to-nowhere",
        "symlink-to-itself",
        "symlink-to-a-device-without-end",
        "fifo",
        "file-of-a-terabyte",
    ] {
        let before = told();
        put(&rig, "house.wasm", |draft| match name {
            "symlink-to-nowhere" => symlink("/nowhere/plugin.wasm", draft).unwrap(),
            "symlink-to-itself" => symlink("house.wasm", draft).unwrap(),
            "symlink-to-a-device-without-end" => symlink("/dev/zero", draft).unwrap(),
            "fifo" => fifo(draft),
            _ => File::create(draft).unwrap().set_len(1 << 40).unwrap(),
        });
        eventually(&format!("{name} is told"), || {
            so(told() > before, (name, daemon.log()))
        });
    }
    // A "socket" keeps its name, so it is made where it shall be.
    let before = told();
    fs::remove_file(rig.plugin_file("house.wasm")).unwrap();
    let _listener = UnixListener::bind(rig.plugin_file("house.wasm")).unwrap();
    eventually("a socket is told", || so(told() > before, daemon.log()));
    // A "folder-named-like-a-plugin", in the place of the file.
    fs::remove_file(rig.plugin_file("house.wasm")).unwrap();
    fs::create_dir(rig.plugin_file("house.wasm")).unwrap();
    rig.fill(&orders[1]);
    daemon.wait_for_counts(SYMBOL, [(2, 2), (0, 2)]);
    // And a link to a good file is as good as the file.
    fs::remove_dir(rig.plugin_file("house.wasm")).unwrap();
    fs::write(
        rig.folder.path().join("elsewhere"),
        component("main-master"),
    )
    .unwrap();
    put(&rig, "house.wasm", |draft| {
        symlink(rig.folder.path().join("elsewhere"), draft).unwrap();
    });
    daemon.wait_for_event("plugin_swapped");
    rig.fill(&orders[2]);
    daemon.wait_for_counts(SYMBOL, [(3, 3), (0, 3)]);
    rig.wait_for("fill", 3);
    assert!(daemon.is_running());
}

#[test]
fn law_15_a_file_that_grows_for_five_seconds_is_taken_when_it_is_whole_and_not_before() {
    let rig = house();
    let daemon = rig.start_ready();
    let orders = [1, 2].map(|slot| rig.place("main", slot));
    rig.place("mirror", 1);
    // "file-that-grows": written in place, in pieces, for longer than any pause that is waited for.
    let whole = component("main-master");
    let mut file = File::create(rig.plugin_file("house.wasm")).unwrap();
    let pieces = 50;
    for (number, piece) in whole.chunks(whole.len().div_ceil(pieces)).enumerate() {
        file.write_all(piece).unwrap();
        if number == pieces / 2 {
            rig.fill(&orders[0]);
        }
        std::thread::sleep(Duration::from_millis(100));
        assert!(daemon.events("plugin_swapped").is_empty(), "piece {number}");
    }
    drop(file);
    daemon.wait_for_event("plugin_swapped");
    assert!(
        daemon.events("plugin_rejected").is_empty(),
        "half a file was offered: {}",
        daemon.log()
    );
    rig.fill(&orders[1]);
    daemon.wait_for_counts(SYMBOL, [(2, 2), (0, 2)]);
    rig.wait_for("fill", 2);
}

#[test]
fn law_15_a_thousand_swaps_in_a_row_lose_nothing_and_the_last_one_stands() {
    // "thousand-swaps": two versions and a broken one, as fast as files can be renamed.
    let rig = house();
    let mut daemon = rig.start_ready();
    let versions: [&[u8]; 3] = [component("max-count"), b"broken", component("main-master")];
    let main = [1, 2, 3].map(|slot| rig.place("main", slot));
    let mirror = [1, 2, 3].map(|slot| rig.place("mirror", slot));
    let orders = [&mirror[0], &main[0], &mirror[1], &main[1], &mirror[2]];
    let before = resident_kb(&daemon);
    for swap in 0..1000 {
        rig.put_plugin("house.wasm", versions[swap % 3]);
        if swap % 200 == 100 {
            rig.fill(orders[swap / 200]);
        }
    }
    rig.put_plugin("house.wasm", component("main-master"));
    // What main-master alone says: main's count for both.
    daemon.wait_for_counts(SYMBOL, [(2, 2), (3, 2)]);
    rig.wait_for("fill", 5);
    rig.wait_for_all_fills();
    assert!(daemon.is_running());
    let after = eventually("memory comes back", || {
        let now = resident_kb(&daemon);
        so(now <= before + RESIDENT_TOLERANCE_KB, (before, now)).map(|()| now)
    });
    println!("resident before {before} KiB, after {after} KiB");
}

/// Adds a group of its own with its own main and mirror, and the strategy that ships.
fn add_calm_group(rig: &Rig) {
    let private = |name: &str, text: &str| {
        let path = rig.folder.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    };
    private("calm-secret", "a-calm-secret");
    let mut lines = String::new();
    for (name, user) in [("calm-main", 2001), ("calm-mirror", 2002)] {
        let key = format!("key-of-{name}");
        private(&key, &key);
        rig.bybit
            .add_account(BybitAccount::new(name, &key, "a-calm-secret", user));
        lines.push_str(&format!(
            "[[account]]\nname = \"{name}\"\nvenue = \"bybit\"\nbase_url = \"{}\"\nstream = false\n\
             api_key = {{ file = \"{key}\" }}\napi_secret = {{ file = \"calm-secret\" }}\n\
             poll_every = \"100ms\"\nlookback = \"1h\"\n",
            rig.bybit.base_url()
        ));
    }
    lines.push_str(
        "[[group]]\nname = \"calm\"\nstrategy = \"max-count\"\nsettle = \"300ms\"\ndeadline = \"2s\"\n\
         members = [{ account = \"calm-main\", role = \"main\" }, { account = \"calm-mirror\", role = \"mirror\" }]\n",
    );
    rig.append(&lines);
}

/// From the fill of an order of the calm group to its alert.
fn calm_fill(rig: &Rig, symbol: &str) -> Duration {
    let book = rig.bybit.book();
    let order = NewOrder::limit(symbol, Side::Sell, "150", "0.2215");
    let order = book.place_order("calm-main", order).unwrap();
    let began = Instant::now();
    book.fill(&order, Fill::new("150", "0.2215").maker())
        .unwrap();
    eventually(&format!("the alert of {symbol}"), || {
        let fills = rig.of_kind("fill");
        so(
            fills.iter().any(|message| message.text.contains(symbol)),
            fills.len(),
        )
    });
    began.elapsed()
}

#[test]
fn law_08_other_groups_wait_for_a_hostile_strategy_no_longer_than_its_time() {
    // "loop-beside-others": a strategy with all the fuel there is, stopped by its time alone.
    const TIME: Duration = Duration::from_millis(500);
    let rig = Rig::new();
    rig.put_plugin("hostile.wasm", &hostile().0);
    rig.edit("name = \"desk\"", "name = \"trouble\"");
    rig.edit("strategy = \"max-count\"", "strategy = \"hostile\"");
    rig.append(
        "[plugin.hostile]\nsettings = { deed = \"loop\", group = \"trouble\" }\n\
         limits = { fuel = 20000000000, time = \"500ms\" }\n",
    );
    add_calm_group(&rig);
    let mut daemon = rig.start_ready();
    let calm: Vec<Duration> = (0..5)
        .map(|n| calm_fill(&rig, &format!("CALM{n}USDT")))
        .collect();
    let usual = calm.iter().max().copied().unwrap();
    // Trouble in ten symbols at once, each of them decided by a call that never returns by itself.
    for symbol in 0..10 {
        let order = rig.place_in(&format!("T{symbol}USDT"), "main", 1);
        rig.place_in(&format!("T{symbol}USDT"), "mirror", 1);
        rig.fill(&order);
    }
    let attacked = calm_fill(&rig, "BESIDEUSDT");
    println!("usual {usual:?}, beside the attack {attacked:?}");
    // Three failures in a row set it aside; until then each has its time, and no more.
    assert!(
        attacked <= usual + TIME * 3 + Duration::from_millis(500),
        "usual {usual:?}, beside the attack {attacked:?}"
    );
    // Every alert of the group in trouble goes out as well, with own counts.
    eventually("every alert goes out", || {
        let fills = rig.of_kind("fill");
        let own = fills
            .iter()
            .filter(|message| message.text.contains("not synchronised"));
        so(own.count() == 10, fills)
    });
    daemon.wait_for_event("plugin_failed");
    let plugins = daemon.json("/plugins").to_string();
    assert!(plugins.contains("set-aside"), "{plugins}");
    assert!(daemon.is_running());
}

#[test]
fn law_08_memory_comes_back_after_every_kind_of_bomb() {
    let rig = Rig::new();
    rig.put_plugin("hostile.wasm", &hostile().0);
    rig.edit("name = \"desk\"", "name = \"trouble\"");
    rig.edit("strategy = \"max-count\"", "strategy = \"hostile\"");
    rig.append("[plugin.hostile]\nsettings = { deed = \"panic\", group = \"trouble\" }\n");
    let mut daemon = rig.start_ready();
    let mut deed = "panic";
    let mut before = 0;
    for (round, next) in [
        "allocate",
        "flood-answer",
        "flood-log",
        "recurse",
        "allocate",
    ]
    .into_iter()
    .enumerate()
    {
        let reloads = daemon.events("config_reloaded").len();
        rig.edit(&format!("deed = \"{deed}\""), &format!("deed = \"{next}\""));
        eventually("the next deed is in force", || {
            so(
                daemon.events("config_reloaded").len() > reloads,
                daemon.log(),
            )
        });
        deed = next;
        for number in 0..3 {
            let symbol = format!("M{round}{number}USDT");
            let order = rig.place_in(&symbol, "main", 1);
            rig.fill(&order);
        }
        rig.wait_for("fill", 3 * (round + 1));
        // The first round is the warming up: what is loaded once stays loaded.
        if round == 0 {
            before = resident_kb(&daemon);
        }
    }
    let after = eventually_within(Duration::from_secs(20), "memory comes back", || {
        let now = resident_kb(&daemon);
        so(now <= before + RESIDENT_TOLERANCE_KB, (before, now)).map(|()| now)
    });
    println!("resident before {before} KiB, after {after} KiB");
    assert!(daemon.is_running());
}
