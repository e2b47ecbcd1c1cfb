//! What one question costs, measured under the daemon's own limits, and what share of each it is.
//!
//! Fuel and memory are the same for the same question on every machine; time is this machine's. Each
//! call has a fresh instance, as in the daemon, so nothing is warm but the machine code.

use super::case::{Question, ask};
use crate::error::CallError;
use crate::loaded::Loaded;
use serde::Serialize;
use std::time::Duration;

/// How often a question is asked where nobody says.
pub const CALLS_DEFAULT: u32 = 200;

/// What a question costs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Figures {
    /// How often it was asked.
    pub calls: u32,
    /// Fuel of one call; the same at each.
    pub fuel: u64,
    /// The most memory that a call had, in bytes.
    pub memory_bytes: usize,
    /// Half of the calls took at most so long.
    pub p50: Duration,
    /// All but one of a hundred took at most so long.
    pub p99: Duration,
    /// The slowest.
    pub slowest: Duration,
    /// What the plugin wrote to its log in one call, in bytes.
    pub log_bytes: usize,
    /// Each limit and its share.
    pub shares: Vec<Share>,
}

/// How much of a limit is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Share {
    /// Which limit: "fuel", "memory" or "time".
    pub limit: &'static str,
    /// In thousandths.
    pub thousandths: u32,
}

/// Asks a question again and again.
///
/// # Errors
/// When a call gives no answer.
pub fn bench(loaded: &Loaded, question: &Question, calls: u32) -> Result<Figures, CallError> {
    let calls = calls.max(1);
    let mut times = Vec::with_capacity(calls as usize);
    let (mut fuel, mut memory_bytes, mut log_bytes) = (0, 0, 0);
    for _ in 0..calls {
        let asked = ask(loaded, question);
        asked.said?;
        fuel = fuel.max(asked.report.fuel);
        memory_bytes = memory_bytes.max(asked.report.memory_bytes);
        log_bytes = asked.report.log.iter().map(|line| line.message.len()).sum();
        times.push(asked.report.took);
    }
    times.sort_unstable();
    // The smallest time that at least so many of a hundred calls stayed within.
    let within = |percent: usize| {
        let rank = (times.len() * percent).div_ceil(100).max(1);
        times.get(rank - 1).copied().unwrap_or_default()
    };
    let limits = loaded.limits();
    let slowest = within(100);
    let shares = vec![
        share("fuel", fuel.into(), limits.fuel.into()),
        share("memory", memory_bytes as u128, limits.memory_bytes as u128),
        share("time", slowest.as_nanos(), limits.time.as_nanos()),
    ];
    Ok(Figures {
        calls,
        fuel,
        memory_bytes,
        p50: within(50),
        p99: within(99),
        slowest,
        log_bytes,
        shares,
    })
}

fn share(limit: &'static str, used: u128, of: u128) -> Share {
    let thousandths = (used * 1_000).div_ceil(of.max(1));
    Share {
        limit,
        thousandths: u32::try_from(thousandths).unwrap_or(u32::MAX),
    }
}
