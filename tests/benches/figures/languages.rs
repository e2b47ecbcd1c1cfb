//! Figure i: the same kind of strategy from the tools of three languages.
//!
//! A load takes a file through every stage, the canned questions included, with an engine of its own as
//! at a start: first with an empty cache, which compiles, then with the code in the cache. A call is one
//! question about two accounts, with an instance of its own. The Python component imports WASI as its
//! toolchain does by default; the others import none.

use crate::measure::{Rounds, Samples, folder, time};
use crate::report::Section;
use crate::strategy::view;
use crate::toolchains::{Wasi, javascript, python, rust};
use fillsync_plugin_host::{Limits, Loaded, PluginEngine};
use std::path::Path;
use std::sync::Arc;

pub fn measure(rounds: &Rounds) -> Section {
    let mut section = Section::new("strategies of three languages");
    let world = "strategy-plugin";
    for (language, bytes, aim) in [
        ("Rust", rust("fillsync-max-count", "wasm32-wasip2"), "10 ms"),
        (
            "Python",
            python("typical_count", world, Wasi::Default),
            "500 ms",
        ),
        (
            "JavaScript",
            javascript("typical-count", world, Wasi::Without),
            "500 ms",
        ),
    ] {
        let cache = folder();
        let cache = cache.path().join("cache");
        let (mut cold, mut warm, mut call) =
            (Samples::default(), Samples::default(), Samples::default());
        let (_, took) = time(|| load(&bytes, &cache));
        cold.add_ms(took);
        for _ in 0..rounds.of(20) {
            warm.add_ms(time(|| load(&bytes, &cache)).1);
        }
        let plugin = load(&bytes, &cache);
        let view = view(2);
        for _ in 0..rounds.of(200) {
            let (answer, took) = time(|| plugin.decide(&view));
            answer.unwrap();
            call.add_us(took);
        }
        let report = plugin.decide(&view).unwrap().1;
        section.line(
            format!("{language}: load, nothing compiled yet"),
            "ms",
            cold,
            "",
        );
        section.line(format!("{language}: load from the cache"), "ms", warm, aim);
        section.line(format!("{language}: one call, 2 accounts"), "µs", call, "");
        section.remark(format!(
            "{language}: a file of {} KiB, {} imports of WASI; a call takes {} units of fuel ({:.1} % of the \
             default limit) and {} KiB of memory ({:.0} %).",
            bytes.len() / 1024,
            plugin.imports().iter().filter(|import| import.starts_with("wasi:")).count(),
            report.fuel,
            100.0 * report.fuel as f64 / Limits::default().fuel as f64,
            report.memory_bytes / 1024,
            100.0 * report.memory_bytes as f64 / Limits::default().memory_bytes as f64,
        ));
    }
    section
}

/// Loads with an engine of its own, as a start does.
fn load(bytes: &[u8], cache: &Path) -> Arc<Loaded> {
    let engine = PluginEngine::with_cache(cache).unwrap();
    engine.load(bytes, "", &Limits::default()).unwrap()
}
