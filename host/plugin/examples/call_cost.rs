//! Prints what loading and calling the plugins that ship costs on this machine:
//! `cargo run --release -p fillsync-plugin-host --example call_cost`.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

#[path = "../tests/common/mod.rs"]
mod common;

use fillsync_plugin_host::{Limits, PluginEngine, PluginKind, first_party};
use std::time::{Duration, Instant};

fn median(mut samples: Vec<Duration>) -> Duration {
    samples.sort();
    samples.get(samples.len() / 2).copied().unwrap_or_default()
}

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("compiled");
    for state in ["cold", "warm"] {
        let started = Instant::now();
        let engine = PluginEngine::with_cache(&folder).unwrap();
        println!("engine, cache {state}: {:?}", started.elapsed());
        let mut all = Vec::new();
        for plugin in first_party() {
            let started = Instant::now();
            all.push(engine.load(plugin.bytes, "", &Limits::default()).unwrap());
            println!(
                "  load {} ({} bytes): {:?}",
                plugin.name,
                plugin.bytes.len(),
                started.elapsed()
            );
        }
        println!(
            "engine and all plugins, cache {state}: {:?}",
            started.elapsed()
        );
        for plugin in all {
            let mut report = None;
            let samples: Vec<Duration> = (0..3000)
                .map(|_| {
                    let started = Instant::now();
                    report = Some(match plugin.card().kind {
                        PluginKind::Strategy => plugin.decide(&common::desk(2, 1)).unwrap().1,
                        PluginKind::Formatter => {
                            let alert = common::alert("desk", common::fill(common::count(1, 2)));
                            plugin.format(&alert, &common::target()).unwrap().1
                        }
                    });
                    started.elapsed()
                })
                .collect();
            let report = report.unwrap_or_default();
            println!(
                "  call {}: p50 {:?}, fuel {}, memory {} KiB",
                plugin.card().name,
                median(samples),
                report.fuel,
                report.memory_bytes / 1024
            );
        }
    }
}
