//! Figure f: what the release binary holds in memory while it polls one account.
//!
//! Read from `/proc` after a minute of polling every 200 ms, with a strategy and a formatter loaded and
//! a fill now and then, so that every loop has run.

use crate::daemon::{Process, Site, free_port, healthy};
use crate::measure::{Rounds, Samples, read};
use crate::report::Section;
use crate::venue::Venue;
use fillsync_fake::{Fill, NewOrder, Side};
use std::time::Duration;

pub fn measure(rounds: &Rounds) -> Section {
    let mut section = Section::new("memory with one account");
    let seconds = if rounds.quick { 5 } else { 60 };
    let venue = Venue::start(&["main"]);
    let port = free_port();
    let site = Site::new(
        venue.address(),
        &["main"],
        "200ms",
        port,
        "[[group]]\nname = \"desk\"\nstrategy = \"max-count\"\nmembers = [{ account = \"main\", role = \"main\" }]\n\
         [[channel]]\nname = \"out\"\nkind = \"stdout\"\n",
    );
    // The first start compiles the plugins; what is measured is every later one.
    let (first, _) = Process::start(&site.path("fillsync.toml"));
    healthy(port);
    first.end();
    let (process, _) = Process::start(&site.path("fillsync.toml"));
    healthy(port);
    let book = venue.fake.book();
    for second in 0..seconds {
        let price = format!("0.{}", 2_000 + second);
        let order = NewOrder::limit("GTCUSDT", Side::Buy, "10", &price);
        let id = book.place_order("main", order).unwrap();
        if second % 5 == 0 {
            book.fill(&id, Fill::new("10", &price).maker()).unwrap();
        }
        std::thread::sleep(Duration::from_secs(1));
    }
    let status = read(&format!("/proc/{}/status", process.id()));
    let number = |key: &str| -> f64 {
        status
            .lines()
            .find_map(|line| line.strip_prefix(key))
            .and_then(|value| value.split_whitespace().next()?.parse().ok())
            .unwrap_or(f64::NAN)
    };
    for (what, key, aim) in [
        ("resident", "VmRSS:", "20 MB"),
        ("of it anonymous", "RssAnon:", ""),
        ("of it the binary and libraries", "RssFile:", ""),
        ("reserved addresses", "VmSize:", ""),
    ] {
        let mut samples = Samples::default();
        samples.add(number(key) * 1024.0 / 1e6);
        section.line(what, "MB", samples, aim);
    }
    let mut threads = Samples::default();
    threads.add(number("Threads:"));
    section.line("threads", "threads", threads, "");
    let files = std::fs::read_dir(format!("/proc/{}/fd", process.id())).unwrap();
    let mut open = Samples::default();
    open.add(files.count() as f64);
    section.line("open files", "files", open, "");
    process.end();
    section
}
