//! The figures of `tests/BENCHMARKS.md`: what a call, a page, a message, a swap, a start and a row cost.
//!
//! `cargo bench -p fillsync-tests -- a b c` measures the figures with these letters (all without one);
//! `--write` puts the tables into the file, `--quick` does few rounds to see that it works. Peers run
//! in the same round as what they are compared with, and their results are checked to be the same.
//! Deliberately absent: any assertion about time. A figure is read by people; a busy machine is no bug.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    missing_docs,
    unreachable_pub
)]

mod accounts;
mod daemon;
mod growth;
mod http;
mod ingest;
mod languages;
mod latency;
mod measure;
mod memory;
mod report;
mod rows;
mod start;
mod strategy;
mod swap;
#[path = "../../rig/toolchains.rs"]
mod toolchains;
mod venue;

use measure::Rounds;
use report::{Figure, Section};
use std::path::Path;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/BENCHMARKS.md");

type Measure = fn(&Rounds) -> Section;

const FIGURES: [(char, Measure); 9] = [
    ('a', strategy::measure),
    ('b', ingest::measure),
    ('c', latency::measure),
    ('d', swap::measure),
    ('e', start::measure),
    ('f', memory::measure),
    ('g', growth::measure),
    ('h', accounts::measure),
    ('i', languages::measure),
];

fn main() {
    let mut wanted = Vec::new();
    let mut write = false;
    let mut rounds = Rounds { quick: false };
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            "--write" => write = true,
            "--quick" => rounds.quick = true,
            // Cargo adds it to every bench.
            "--bench" => {}
            letters
                if letters
                    .chars()
                    .all(|letter| FIGURES.iter().any(|(known, _)| *known == letter)) =>
            {
                wanted.extend(letters.chars());
            }
            other => {
                eprintln!("figures: {other:?} is none of the letters a to i, --write, --quick");
                std::process::exit(2);
            }
        }
    }
    rustls::crypto::ring::default_provider()
        .install_default()
        .expect("nobody else installs a provider here");
    for (letter, measure) in FIGURES {
        if !wanted.is_empty() && !wanted.contains(&letter) {
            continue;
        }
        let figure = Figure::of(letter, || measure(&rounds));
        println!("{}", figure.markdown());
        if write {
            report::write(&figure, Path::new(FILE));
        }
    }
}
