//! Samples, their percentiles, and the state of the machine around them.
//!
//! A quantile is the smallest sample that is at least as large as that part of all (nearest rank), so
//! every number in the tables is one that was measured.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How much is measured.
pub struct Rounds {
    /// Few rounds, only to see that it works.
    pub quick: bool,
}

impl Rounds {
    /// The number of rounds: `full`, or a tenth of it and at least two.
    pub fn of(&self, full: usize) -> usize {
        if self.quick { (full / 10).max(2) } else { full }
    }
}

/// What was measured of one thing.
#[derive(Default)]
pub struct Samples(Vec<f64>);

impl Samples {
    pub fn add(&mut self, value: f64) {
        self.0.push(value);
    }

    pub fn add_us(&mut self, took: Duration) {
        self.add(took.as_secs_f64() * 1e6);
    }

    pub fn add_ms(&mut self, took: Duration) {
        self.add(took.as_secs_f64() * 1e3);
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn quantile(&self, part: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let rank = (part * sorted.len() as f64).ceil() as usize;
        sorted
            .get(rank.saturating_sub(1))
            .copied()
            .unwrap_or(f64::NAN)
    }

    pub fn p50(&self) -> f64 {
        self.quantile(0.5)
    }
}

/// Times one thing.
pub fn time<T>(act: impl FnOnce() -> T) -> (T, Duration) {
    let started = Instant::now();
    let answer = act();
    (answer, started.elapsed())
}

/// A folder on the disk that holds the target folder: not in memory, where syncing would cost nothing.
pub fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

/// What one write of a page and its `fdatasync` take here and now, p50 of fifty, in milliseconds.
pub fn fdatasync_ms() -> f64 {
    let folder = folder();
    let mut file = std::fs::File::create(folder.path().join("probe")).unwrap();
    let mut samples = Samples::default();
    for _ in 0..50 {
        file.write_all(&[7; 4096]).unwrap();
        samples.add_ms(time(|| file.sync_data().unwrap()).1);
    }
    samples.p50()
}

/// The load average of the last minute.
pub fn load() -> String {
    read("/proc/loadavg")
        .split(' ')
        .next()
        .unwrap_or("unknown")
        .to_owned()
}

/// Processor, cores, memory and kernel in one line.
pub fn machine() -> String {
    let field = |file: &str, key: &str| {
        read(file)
            .lines()
            .find(|line| line.starts_with(key))
            .and_then(|line| line.split_once(':'))
            .map_or_else(
                || "unknown".to_owned(),
                |(_, value)| value.trim().to_owned(),
            )
    };
    let memory_kib: u64 = field("/proc/meminfo", "MemTotal")
        .trim_end_matches(" kB")
        .parse()
        .unwrap_or(0);
    format!(
        "{}, {} cores, {:.0} GiB, Linux {}",
        field("/proc/cpuinfo", "model name"),
        std::thread::available_parallelism().map_or(0, usize::from),
        memory_kib as f64 / 1024.0 / 1024.0,
        read("/proc/sys/kernel/osrelease").trim()
    )
}

/// The bytes of a file, or of a ledger with its log.
pub fn bytes_of(ledger: &Path) -> u64 {
    ["", "-wal"]
        .iter()
        .map(|suffix| {
            let mut name = ledger.as_os_str().to_owned();
            name.push(suffix);
            std::fs::metadata(PathBuf::from(name)).map_or(0, |metadata| metadata.len())
        })
        .sum()
}

pub fn read(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}
