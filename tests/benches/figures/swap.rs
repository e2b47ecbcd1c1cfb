//! Figure d: a changed strategy takes over.
//!
//! Offered to the registry: with code that was never compiled here, and with code that the cache has.
//! End to end: the file is renamed into the folder of a running daemon, until the daemon names the new
//! version as the active one; then a fill must be decided by it. The debounce and the second look at
//! the file, which are waits on purpose, are named beside the figure and not part of it. And under load:
//! versions take turns while a thousand fills come in each second; none may be lost, and no decision may
//! be a mixture of two versions.

use crate::daemon::{Running, Site};
use crate::http::{Client, eventually, eventually_within};
use crate::measure::{Rounds, Samples, folder, time};
use crate::report::Section;
use crate::venue::Venue;
use fillsync_core::id::PluginName;
use fillsync_core::moment::{Answer, verdicts};
use fillsync_core::time::HostTime;
use fillsync_core::view::{Shown, View};
use fillsync_fake::{Fill, NewOrder, Side};
use fillsync_plugin_host::{Limits, Outcome, PluginEngine, Registry, Source, first_party};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

pub fn measure(rounds: &Rounds) -> Section {
    let mut section = Section::new("a changed strategy takes over");
    offered(rounds, &mut section);
    end_to_end(rounds, &mut section);
    under_load(rounds, &mut section);
    section
}

fn offered(rounds: &Rounds, section: &mut Section) {
    let cache = folder();
    let registry = Registry::new(PluginEngine::with_cache(&cache.path().join("cache")).unwrap());
    let name = PluginName::new("max-count").unwrap();
    let offer = |bytes: &[u8]| {
        let outcome = registry.offer(
            &name,
            Source::File("max-count.wasm".to_owned()),
            bytes,
            "{}",
            &Limits::default(),
            HostTime::EPOCH,
        );
        assert!(matches!(outcome, Outcome::Swapped(_)), "{outcome:?}");
    };
    let (mut cold, mut warm) = (Samples::default(), Samples::default());
    let mut before = changed(0);
    offer(&before);
    for round in 1..=rounds.of(40) {
        let next = changed(round);
        cold.add_ms(time(|| offer(&next)).1);
        // Back to what ran before, which the cache has.
        warm.add_ms(time(|| offer(&before)).1);
        offer(&next);
        before = next;
    }
    section.line("offered, never compiled before", "ms", cold, "60 ms");
    section.line("offered, in the compile cache", "ms", warm, "");
}

fn end_to_end(rounds: &Rounds, section: &mut Section) {
    let venue = Venue::start(&["main", "mirror"]);
    let site = Site::new(
        venue.address(),
        &["main", "mirror"],
        "200ms",
        0,
        "[[group]]\nname = \"desk\"\nstrategy = \"max-count\"\nsettle = \"0s\"\n\
         members = [{ account = \"main\", role = \"main\" }, { account = \"mirror\", role = \"mirror\" }]\n",
    );
    let daemon = Running::start(&site).ready();
    let waits = fillsync_reload::WatchSettings::new(site.path("fillsync.toml"), None);
    let on_purpose = waits.debounce + waits.settle_check;
    let mut client = Client::connect(daemon.address).unwrap();
    let (mut whole, mut beyond) = (Samples::default(), Samples::default());
    for round in 0..rounds.of(30) {
        let bytes = changed(1_000 + round);
        let digest = sha256(&bytes);
        let beside = site.path("next.tmp");
        std::fs::write(&beside, &bytes).unwrap();
        let started = Instant::now();
        std::fs::rename(&beside, site.path("plugins").join("max-count.wasm")).unwrap();
        let swapped = eventually("the swap", || {
            let answer = client.get("/plugins", &[])?;
            let is_active = is_active(&answer.body, &digest);
            if !is_active {
                std::thread::sleep(Duration::from_millis(1));
            }
            is_active.then(Instant::now)
        });
        whole.add_ms(swapped - started);
        beyond.add_ms((swapped - started).saturating_sub(on_purpose));
        decided(&venue, &site, round, &digest);
    }
    daemon.end();
    section.line(
        format!("file renamed, until active, less {on_purpose:?} of waiting on purpose"),
        "ms",
        beyond,
        "60 ms",
    );
    section.line("file renamed, until active, all of it", "ms", whole, "");
    section.remark(format!(
        "The waits on purpose: debounce {:?}, and a second look after {:?}. After every swap a fill was made and decided by the new version.",
        waits.debounce, waits.settle_check
    ));
}

/// So many fills come in each second while versions take turns.
const FILLS_EACH_SECOND: u32 = 1_000;
/// So many fills for each symbol: main one, the mirror two, so that the two versions differ.
const FILLS_OF_SYMBOL: usize = 3;

/// Two versions that answer differently take turns under a stream of fills. Then every fill must be in
/// the ledger once, and every decision must come out the same again when the version that its row names
/// is asked with its stored view: one that was lost, or made by a mixture, is counted.
fn under_load(rounds: &Rounds, section: &mut Section) {
    let venue = Venue::start(&["main", "mirror"]);
    let site = Site::new(
        venue.address(),
        &["main", "mirror"],
        "100ms",
        0,
        "[[group]]\nname = \"desk\"\nstrategy = \"house\"\nsettle = \"0s\"\n\
         members = [{ account = \"main\", role = \"main\" }, { account = \"mirror\", role = \"mirror\" }]\n\
         [plugin.house]\n",
    );
    let versions = ["max-count", "main-master"].map(shipped);
    let put = |version: &[u8]| {
        let beside = site.path("next.tmp");
        std::fs::write(&beside, version).unwrap();
        std::fs::rename(&beside, site.path("plugins").join("house.wasm")).unwrap();
    };
    put(versions[0]);
    let daemon = Running::start(&site).ready();
    let swaps = rounds.of(20);
    let until = AtomicBool::new(true);
    let mut each_swap = Samples::default();
    let started = Instant::now();
    let made = std::thread::scope(|scope| {
        let fills = scope.spawn(|| stream(&venue, &until));
        let mut client = Client::connect(daemon.address).unwrap();
        for turn in 0..swaps {
            let next = versions[(turn + 1) % 2];
            let digest = sha256(next);
            let renamed = Instant::now();
            put(next);
            let active = eventually_within(
                Duration::from_secs(30),
                Duration::from_millis(5),
                "the swap",
                || {
                    let answer = client.get("/plugins", &[])?;
                    is_active(&answer.body, &digest).then(Instant::now)
                },
            );
            each_swap.add_ms(active - renamed);
        }
        until.store(false, Ordering::Release);
        fills.join().unwrap()
    });
    let took = started.elapsed();
    let ledger = rusqlite::Connection::open(site.ledger()).unwrap();
    let count = |sql: &str| -> usize {
        let count: i64 = ledger.query_row(sql, [], |row| row.get(0)).unwrap();
        usize::try_from(count).unwrap()
    };
    let patience = Duration::from_secs(120);
    eventually_within(
        patience,
        Duration::from_millis(50),
        "every fill decided",
        || {
            let decided = count("SELECT count(DISTINCT identity) FROM alert WHERE kind = 'fill'");
            (decided == made).then_some(())
        },
    );
    let stored = count("SELECT count(*) FROM fills");
    let once = count("SELECT count(*) FROM (SELECT DISTINCT account, exec_id FROM fills)");
    daemon.end();
    let (decisions, otherwise) = decided_again(&ledger, &versions);
    assert_eq!((stored, once, otherwise), (made, made, 0));
    section.line(
        format!("file renamed, until active, under {FILLS_EACH_SECOND} fills a second"),
        "ms",
        each_swap,
        "",
    );
    section.remark(format!(
        "Under load: {swaps} swaps between two strategies that answer differently, while {made} fills came in over {:.1} s ({:.0} a second): {} lost, {} doubled. All {decisions} decisions were made again by the version that each names: {otherwise} came out otherwise.",
        took.as_secs_f64(),
        made as f64 / took.as_secs_f64(),
        made - once,
        stored - once,
    ));
}

/// Fills at an even pace until told to stop; gives how many there were.
fn stream(venue: &Venue, until: &AtomicBool) -> usize {
    let book = venue.fake.book();
    let began = Instant::now();
    let mut made = 0;
    let mut symbol = 0;
    while until.load(Ordering::Acquire) {
        let name = format!("S{symbol}USDT");
        for (account, orders) in [("main", 1), ("mirror", FILLS_OF_SYMBOL - 1)] {
            for order in 0..orders {
                let price = format!("0.{}", 2_215 + 15 * order);
                let id = book
                    .place_order(account, NewOrder::limit(&name, Side::Buy, "10", &price))
                    .unwrap();
                book.fill(&id, Fill::new("10", &price).maker()).unwrap();
                made += 1;
                let due = began
                    + Duration::from_secs(1) * u32::try_from(made).unwrap() / FILLS_EACH_SECOND;
                std::thread::sleep(due.saturating_duration_since(Instant::now()));
            }
        }
        symbol += 1;
    }
    made
}

/// Makes every decision again with the version that its row names: how many there are, and how many
/// came out otherwise.
fn decided_again(ledger: &rusqlite::Connection, versions: &[&[u8]]) -> (usize, usize) {
    let engine = PluginEngine::new().unwrap();
    let versions: Vec<_> = versions
        .iter()
        .map(|bytes| engine.load(bytes, "{}", &Limits::default()).unwrap())
        .collect();
    let mut statement = ledger
        .prepare("SELECT plugin_sha256, view_json, answer_json FROM decision")
        .unwrap();
    let mut rows = statement.query([]).unwrap();
    let (mut decisions, mut otherwise) = (0, 0);
    while let Some(row) = rows.next().unwrap() {
        let [sha256, view, answer] = [0, 1, 2].map(|column| row.get::<_, String>(column).unwrap());
        decisions += 1;
        let view: View = serde_json::from_str(&view).unwrap();
        let again = versions
            .iter()
            .find(|version| version.sha256() == sha256)
            .map(|version| version.decide(&view).unwrap().0);
        // What the host itself adds where a strategy changed within a trade is tried both ways.
        let is_same = again.is_some_and(|shown| {
            [false, true].into_iter().any(|changed| {
                let shown: Vec<Shown> = verdicts(&view, &Answer::Shown(shown.clone()), changed)
                    .into_iter()
                    .map(|verdict| Shown {
                        account: verdict.account,
                        count: verdict.shown,
                        note: verdict.note,
                    })
                    .collect();
                serde_json::to_string(&shown).unwrap() == answer
            })
        });
        if !is_same {
            otherwise += 1;
        }
    }
    (decisions, otherwise)
}

fn shipped(name: &str) -> &'static [u8] {
    first_party()
        .iter()
        .find(|plugin| plugin.name == name)
        .expect("it ships in the binary")
        .bytes
}

fn is_active(body: &[u8], digest: &str) -> bool {
    let answer: serde_json::Value = serde_json::from_slice(body).unwrap();
    answer["plugins"]
        .as_array()
        .into_iter()
        .flatten()
        .any(|plugin| plugin["active"]["sha256"] == digest)
}

/// One fill, and the decision about it by the plugin with this digest.
fn decided(venue: &Venue, site: &Site, round: usize, digest: &str) {
    let book = venue.fake.book();
    let price = format!("0.{}", 2_000 + round);
    let id = book
        .place_order("main", NewOrder::limit("GTCUSDT", Side::Buy, "10", &price))
        .unwrap();
    book.fill(&id, Fill::new("10", &price).maker()).unwrap();
    let ledger = rusqlite::Connection::open(site.ledger()).unwrap();
    eventually("a decision by the new version", || {
        let by: Option<String> = ledger
            .query_row(
                "SELECT plugin_sha256 FROM decision ORDER BY id DESC LIMIT 1",
                [],
                |row| row.get(0),
            )
            .ok()?;
        (by.as_deref() == Some(digest)).then_some(())
    });
}

/// `max-count` with a custom section: the same code under another hash.
fn changed(number: usize) -> Vec<u8> {
    let mut bytes = shipped("max-count").to_vec();
    let payload = format!("\u{4}note{number:08}");
    bytes.push(0);
    bytes.push(u8::try_from(payload.len()).unwrap());
    bytes.extend_from_slice(payload.as_bytes());
    bytes
}

fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    sha2::Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
