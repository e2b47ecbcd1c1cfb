//! Figure d: a changed strategy takes over.
//!
//! Offered to the registry: with code that was never compiled here, and with code that the cache has.
//! End to end: the file is renamed into the folder of a running daemon, until the daemon names the new
//! version as the active one; then a fill must be decided by it. The debounce and the second look at
//! the file, which are waits on purpose, are named beside the figure and not part of it.

use crate::daemon::{Running, Site};
use crate::http::{Client, eventually};
use crate::measure::{Rounds, Samples, folder, time};
use crate::report::Section;
use crate::venue::Venue;
use fillsync_core::id::PluginName;
use fillsync_core::time::HostTime;
use fillsync_fake::{Fill, NewOrder, Side};
use fillsync_plugin_host::{Limits, Outcome, PluginEngine, Registry, Source, first_party};
use std::time::{Duration, Instant};

pub fn measure(rounds: &Rounds) -> Section {
    let mut section = Section::new("a changed strategy takes over");
    offered(rounds, &mut section);
    end_to_end(rounds, &mut section);
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
    let mut bytes = first_party()
        .iter()
        .find(|plugin| plugin.name == "max-count")
        .expect("max-count ships in the binary")
        .bytes
        .to_vec();
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
