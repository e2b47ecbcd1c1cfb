//! Figure e: from exec to the first 200 of `/health`, with a history in the ledger.
//!
//! The release binary as a process of its own, one account, the formatter in the compile cache. The
//! cold starts have an empty cache folder. Every start is ended by a signal, as an operator does it.

use crate::daemon::{Process, Site, free_port, healthy};
use crate::measure::{Rounds, Samples};
use crate::report::Section;
use crate::rows::History;
use crate::venue::Venue;
use fillsync_ledger::Ledger;

pub fn measure(rounds: &Rounds) -> Section {
    let mut section = Section::new("from exec to healthy");
    let fills = if rounds.quick { 10_000 } else { 100_000 };
    let venue = Venue::start(&["main"]);
    let port = free_port();
    let site = Site::new(
        venue.address(),
        &["main"],
        "1s",
        port,
        "[[group]]\nname = \"desk\"\nstrategy = \"max-count\"\nmembers = [{ account = \"main\", role = \"main\" }]\n\
         [[channel]]\nname = \"out\"\nkind = \"stdout\"\nformatter = \"plain\"\n",
    );
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let ledger = Ledger::open(site.ledger()).unwrap();
        History::new().lay_down(&ledger, 0..fills).await;
        ledger.close().await;
    });
    let start = |samples: Option<&mut Samples>| {
        let (process, started) = Process::start(&site.path("fillsync.toml"));
        let took = healthy(port) - started;
        if let Some(samples) = samples {
            samples.add_ms(took);
        }
        process.end();
    };
    let (mut warm, mut cold) = (Samples::default(), Samples::default());
    start(None);
    for _ in 0..rounds.of(30) {
        start(Some(&mut warm));
    }
    for _ in 0..rounds.of(10) {
        std::fs::remove_dir_all(site.path("cache")).unwrap();
        start(Some(&mut cold));
    }
    section.line(
        format!("warm cache, {fills} fills, 2 plugins"),
        "ms",
        warm,
        "30 ms",
    );
    section.line(
        format!("empty cache, {fills} fills, 2 plugins"),
        "ms",
        cold,
        "200 ms",
    );
    section
}
