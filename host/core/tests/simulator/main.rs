//! A simulator of groups: thousands of made-up histories, each watched late and in pieces.
//!
//! The promise: whatever arrives when, nothing false is claimed. A history is what really happened at
//! the venue; two schedules watch it, each with its own delays and outages; at every instant of each
//! the claims of the core are held against the history, and at the end both must have said the same.
//! A failure prints its seed: set `FILLSYNC_SIMULATOR_SEED` to it to run it alone, and
//! `FILLSYNC_SIMULATOR_HISTORIES` to a number to run more histories, from that seed on where both are set.
//! What an ordinary and an extended run are, and what they found, stands in `tests/README.md`.
//!
//! Not simulated: rows that are later than the settle and come after what closed their position: without
//! the entry, that is another trade, and the venue's rows alone cannot tell.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    missing_docs
)]

mod check;
mod claims;
mod counts;
mod facts;
mod history;
mod known;
mod make;
mod random;
mod settled;
mod tally;
mod watch;

use check::Outcome;
use fillsync_core::group::{CONFIDENCE_MIN, GroupRules, MemberRules, PLACED_WITHIN};
use fillsync_core::id::{GroupName, Symbol};
use history::{DEADLINE_MS, History, SETTLE_MS};
use std::collections::BTreeMap;
use std::time::Duration;
use tally::Tally;
use watch::Fault;

const HISTORIES: u64 = 2_000;
/// Histories among which some have such an order.
const ENDED_UNREAD: u64 = 1_000;
const FAILURES_TOLD_MAX: usize = 20;
const WORKERS: u64 = 2;

fn rules(history: &History) -> GroupRules {
    let milliseconds = |ms: i64| Duration::from_millis(u64::try_from(ms).unwrap());
    GroupRules {
        name: GroupName::new("desk").unwrap(),
        members: history
            .accounts
            .iter()
            .map(|account| MemberRules {
                account: account.name.clone(),
                role: account.role,
                ratio: rust_decimal::Decimal::new(account.ratio, 2),
                symbols: symbols(account.symbol),
            })
            .collect(),
        counts_when: history.counts_when,
        settle: milliseconds(SETTLE_MS),
        deadline: milliseconds(DEADLINE_MS),
        alert_max_age: Duration::from_secs(600),
        slot_token: history
            .has_tokens
            .then(|| regex::Regex::new("-(?<slot>L[0-9])-").unwrap()),
        confidence_min: CONFIDENCE_MIN,
        price_tolerance_bps: history.price_tolerance_bps,
        placed_within: history.placed_within_ms.map_or(PLACED_WITHIN, milliseconds),
    }
}

/// How a member's symbol is mapped to the group's.
fn symbols(own: &str) -> BTreeMap<Symbol, Symbol> {
    let symbol = |text: &str| Symbol::new(text).unwrap();
    let is_other = own != history::SYMBOL;
    let map = is_other.then(|| (symbol(own), symbol(history::SYMBOL)));
    map.into_iter().collect()
}

/// Watches one history twice.
fn run(seed: u64, fault: Option<Fault>) -> Result<(u64, Tally), String> {
    let history = History::new(seed);
    let rules = rules(&history);
    let schedule = |number: u64| -> Result<Outcome, String> {
        check::watch(&history, &rules, number, fault)
            .map_err(|why| format!("seed {seed} {}, schedule {number}: {why}", history.kind()))
    };
    let (one, two) = (schedule(1)?, schedule(2)?);
    let know_the_same = !one.has_gone && !two.has_gone;
    if know_the_same && one.decisions != two.decisions {
        let (one, two) = (one.decisions, two.decisions);
        return Err(format!("seed {seed}: decisions {one:?} and {two:?}"));
    }
    if know_the_same && one.alerts != two.alerts {
        let (one, two) = (one.alerts, two.alerts);
        return Err(format!("seed {seed}: alerts {one:?} and {two:?}"));
    }
    let mut tally = one.tally;
    tally.join(&two.tally);
    Ok((one.trace ^ two.trace.rotate_left(1), tally))
}

/// Runs many histories: what was claimed in all, and what was false.
fn run_all(from: u64, histories: u64, fault: Option<Fault>) -> (Tally, Vec<String>) {
    let work = |worker: u64| {
        let mut tally = Tally::default();
        let mut failures = Vec::new();
        for seed in (from..from + histories).filter(|seed| seed % WORKERS == worker) {
            match run(seed, fault) {
                Ok((_, said)) => tally.join(&said),
                Err(why) => failures.push(why),
            }
        }
        (tally, failures)
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..WORKERS)
            .map(|worker| scope.spawn(move || work(worker)))
            .collect();
        let mut tally = Tally::default();
        let mut failures = Vec::new();
        for worker in workers {
            let (said, failed) = worker.join().unwrap();
            tally.join(&said);
            failures.extend(failed);
        }
        (tally, failures)
    })
}

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

#[test]
fn nothing_false_is_claimed_of_any_history() {
    let asked = setting("FILLSYNC_SIMULATOR_HISTORIES");
    let (from, histories) = match setting("FILLSYNC_SIMULATOR_SEED") {
        Some(seed) => (seed, asked.unwrap_or(1)),
        None => (0, asked.unwrap_or(HISTORIES)),
    };
    let (tally, failures) = run_all(from, histories, None);
    println!("{tally}");
    let told: Vec<_> = failures.iter().take(FAILURES_TOLD_MAX).cloned().collect();
    let told = told.join("\n");
    assert!(
        failures.is_empty(),
        "{} of {histories} histories:\n{told}",
        failures.len()
    );
    if histories >= HISTORIES {
        // Everything that can be claimed was claimed, and often.
        for what in [
            "proven",
            "deadline",
            "aligned",
            "pending",
            "unknown",
            "extra",
            "lagging",
            "partial",
            "cancelled",
            "rejected",
            "missing",
        ] {
            let times = tally.said.get(what).copied().unwrap_or(0);
            assert!(times > 100, "{what} was claimed {times} times: {tally:?}");
        }
        for (what, least) in [
            ("aligned", 92),
            ("cancelled", 92),
            ("lagging", 85),
            ("missing", 92),
            ("partial", 92),
            ("rejected", 89),
        ] {
            let percent = tally.percent(("plain by price", what));
            assert!(
                percent >= least,
                "of what is {what} {percent}% is said: {tally}"
            );
        }
    }
}

#[test]
fn a_seed_says_the_same_every_time() {
    for seed in 0..40 {
        let trace = |seed| run(seed, None).map(|(trace, _)| trace);
        assert_eq!(trace(seed), trace(seed), "seed {seed}");
    }
    let traces: std::collections::BTreeSet<_> = (0..40)
        .map(|seed| run(seed, None).map(|(trace, _)| trace))
        .collect();
    assert!(traces.len() > 30, "the histories differ: {}", traces.len());
}

/// Coverage that claims what was not read is the fault that the whole design stands on; the
/// simulator must find it, or it can find nothing.
#[test]
fn coverage_that_lies_is_caught() {
    let (_, failures) = run_all(0, 100, Some(Fault::Coverage));
    assert!(failures.len() > 20, "{} of 100 were caught", failures.len());
}

/// An order that came and filled between two looks, with rows later than the settle allows for, is
/// told from one that never was by the reading of ended orders alone.
#[test]
fn ended_orders_that_were_not_read_are_missed() {
    let (_, failures) = run_all(0, ENDED_UNREAD, Some(Fault::Closed));
    let false_claims = failures
        .iter()
        .filter(|why| why.contains("is called missing") || why.contains("is called extra"));
    let caught = false_claims.count();
    assert!(caught > 2, "{caught} of {ENDED_UNREAD} were caught");
}
