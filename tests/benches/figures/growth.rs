//! Figure g: what a history of ten thousand, a hundred thousand and a million fills changes.
//!
//! Each size is a ledger of its own, laid down through the ledger's own writer. The operations are
//! those of a running daemon: one new fill, fifty known ones again, a page of `/fills`, the whole of
//! `/performance`, opening the file.

use crate::measure::{Rounds, Samples, bytes_of, folder, time};
use crate::report::Section;
use crate::rows::History;
use fillsync_core::time::HostTime;
use fillsync_ledger::{FillFilter, Ledger, Reader};
use fillsync_report::{PerformanceFilter, Trades};

const OPERATIONS: [(&str, usize); 5] = [
    ("one new fill, committed", 200),
    ("fifty known fills again, committed", 200),
    ("a page of 50 fills", 200),
    ("performance of everything after a new fill", 50),
    ("opening the ledger", 30),
];

pub fn measure(rounds: &Rounds) -> Section {
    let mut section = Section::new("growth");
    let sizes: &[u64] = if rounds.quick {
        &[1_000, 10_000]
    } else {
        &[10_000, 100_000, 1_000_000]
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap();
    let mut base: Vec<f64> = Vec::new();
    let mut ratios = Vec::new();
    for size in sizes {
        let samples = runtime.block_on(one_size(rounds, *size, &mut section));
        let p50s: Vec<f64> = samples.iter().map(Samples::p50).collect();
        if base.is_empty() {
            base.clone_from(&p50s);
        } else {
            let of_base: Vec<String> = OPERATIONS
                .iter()
                .zip(p50s.iter().zip(&base))
                .map(|((what, _), (now, then))| format!("{what} {:.2}", now / then))
                .collect();
            ratios.push(format!(
                "p50 at {size} fills as a multiple of that at {}: {}.",
                sizes[0],
                of_base.join("; ")
            ));
        }
        for ((what, _), samples) in OPERATIONS.iter().zip(samples) {
            section.line(format!("{size} fills: {what}"), "µs", samples, "");
        }
    }
    for ratio in ratios {
        section.remark(ratio);
    }
    section
}

async fn one_size(rounds: &Rounds, size: u64, section: &mut Section) -> Vec<Samples> {
    let folder = folder();
    let path = folder.path().join("ledger.db");
    let history = History::new();
    let mut ledger = Ledger::open(&path).unwrap();
    history.lay_down(&ledger, 0..size).await;
    section.remark(format!(
        "{size} fills: {} bytes of database for each, raw rows of 600 bytes included.",
        bytes_of(&path) / size
    ));
    let mut samples: Vec<Samples> = OPERATIONS.iter().map(|_| Samples::default()).collect();
    let reader = Reader::open(&path).unwrap();
    let mut next = size;
    let mut trades = Trades::default();
    let (first, took) =
        time(|| trades.performance(&reader, &PerformanceFilter::default(), HostTime::EPOCH));
    first.unwrap();
    section.remark(format!(
        "{size} fills: the first question about performance after a start takes {:.0} ms.",
        took.as_secs_f64() * 1e3
    ));
    for (operation, (samples, (_, full))) in samples.iter_mut().zip(OPERATIONS).enumerate() {
        for _ in 0..rounds.of(full) {
            let took = match operation {
                0 => {
                    let record = history.record(next..next + 1);
                    next += 1;
                    let started = std::time::Instant::now();
                    let recorded = ledger.record(record).await.unwrap();
                    assert_eq!(recorded.new.len(), 1);
                    started.elapsed()
                }
                1 => {
                    let record = history.record(next - 50..next);
                    let started = std::time::Instant::now();
                    let recorded = ledger.record(record).await.unwrap();
                    assert_eq!(recorded.known, 50);
                    started.elapsed()
                }
                2 => {
                    let filter = FillFilter {
                        limit: 50,
                        ..FillFilter::default()
                    };
                    let (answer, took) =
                        time(|| fillsync_report::fills(&reader, &filter, HostTime::EPOCH));
                    answer.unwrap();
                    took
                }
                3 => {
                    // As the daemon asks: what is summed is kept, and one fill is new.
                    ledger.record(history.record(next..next + 1)).await.unwrap();
                    next += 1;
                    let filter = PerformanceFilter::default();
                    let (answer, took) =
                        time(|| trades.performance(&reader, &filter, HostTime::EPOCH));
                    answer.unwrap();
                    took
                }
                _ => {
                    ledger.close().await;
                    let (opened, took) = time(|| Ledger::open(&path).unwrap());
                    ledger = opened;
                    took
                }
            };
            samples.add_us(took);
        }
    }
    samples
}
