//! Crashes: the process is killed again and again, and nothing is lost, doubled or told twice without
//! need.
//!
//! The venue goes on filling orders of both accounts all the while. What is compared at the end is
//! what the venue has with what the ledger has, and what the receiver got with how often it was
//! killed. The sleeps here are the story's own time (when an order fills, when a kill comes); none waits
//! for something to happen.

use crate::rig::{Daemon, PATIENCE, Rig, SYMBOL, eventually, eventually_within, so};
use fillsync_fake::{Fill, NewOrder, Side};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const KILLS: u32 = 200;
/// A kill comes so long after the start: within opening, reading, deciding or sending.
const KILL_AFTER_MS: std::ops::RangeInclusive<u64> = 2..=300;

/// A small generator with a fixed seed, so that a failure can be looked for again.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, range: std::ops::RangeInclusive<u64>) -> u64 {
        // xorshift64*
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let span = range.end() - range.start() + 1;
        range.start() + self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) % span
    }
}

/// Trades on both accounts until it is told to stop: the plan's orders, each in one or two fills, and
/// now and then a flat position, so that cycles end.
fn trade(rig: &Rig, stop: &AtomicBool) {
    let book = rig.bybit.book();
    let mut dice = Dice(0x5eed_0001);
    let mut round = 0u32;
    while !stop.load(Ordering::Relaxed) {
        for account in ["main", "mirror"] {
            for slot in 1..=2 {
                let price = crate::rig::PRICES[slot - 1];
                let order = NewOrder::limit(SYMBOL, Side::Sell, "150", price);
                let order = book.place_order(account, order).unwrap();
                let parts: &[&str] = if dice.roll(0..=1) == 0 {
                    &["150"]
                } else {
                    &["50", "100"]
                };
                for part in parts {
                    book.fill(&order, Fill::new(part, price).maker()).unwrap();
                    std::thread::sleep(Duration::from_millis(dice.roll(1..=60)));
                }
            }
        }
        round += 1;
        if round.is_multiple_of(3) {
            end_cycles(rig);
        }
    }
    end_cycles(rig);
}

fn end_cycles(rig: &Rig) {
    for account in ["main", "mirror"] {
        let size = rig.bybit.book().position_size(account, SYMBOL, 0);
        if !size.is_zero() {
            rig.flatten(account);
        }
    }
}

#[test]
fn law_11_two_hundred_kills_lose_nothing_double_nothing_and_repeat_at_most_one_alert_each() {
    let rig = Arc::new(Rig::new());
    let stop = Arc::new(AtomicBool::new(false));
    let trader = {
        let (rig, stop) = (Arc::clone(&rig), Arc::clone(&stop));
        std::thread::spawn(move || trade(&rig, &stop))
    };
    let mut dice = Dice(0x5eed_0002);
    let began = Instant::now();
    let mut in_flight = 0;
    for kill in 0..KILLS {
        let mut daemon = rig.spawn();
        // Every other kill waits until it works, however slow the machine is.
        if kill % 2 == 0 {
            daemon.address();
        }
        std::thread::sleep(Duration::from_millis(dice.roll(KILL_AFTER_MS)));
        assert!(
            daemon.is_running(),
            "it ended by itself before kill {kill}:\n{}",
            daemon.log()
        );
        in_flight += u32::from(!daemon.events("started").is_empty());
        daemon.kill();
    }
    stop.store(true, Ordering::Relaxed);
    trader.join().unwrap();
    let mut daemon = rig.start_ready();
    rig.wait_for_all_fills();
    // A fill may wait for its moment, with nothing marked and nothing to send.
    eventually_within(PATIENCE * 8, "every order that filled is told", || {
        let (told, filled) = (told(&rig), filled(&rig));
        so(told == filled, (told, filled))
    });
    let alerts = drained(&daemon);
    assert!(daemon.stop().success());
    eprintln!(
        "{} fills, {alerts} alerts, {in_flight} kills met the work, {:?}",
        rig.venue_ids("main").len() + rig.venue_ids("mirror").len(),
        began.elapsed()
    );

    for account in ["main", "mirror"] {
        assert_eq!(rig.ledger_ids(account), rig.venue_ids(account));
    }
    let check = rig.reader().self_check().unwrap();
    assert!(check.findings.is_empty(), "{:#?}", check.findings);
    every_alert_was_delivered(&rig);
}

/// Waits until nothing is left to decide or to send, and gives how many alerts there are.
fn drained(daemon: &Daemon) -> u64 {
    eventually_within(PATIENCE * 8, "everything is decided and sent", || {
        let status = daemon.json("/status");
        so(
            status["markets_undecided"] == 0 && status["outbox"]["pending"] == 0,
            &status,
        )?;
        Ok(status["alerts"].as_u64().unwrap())
    })
}

fn every_alert_was_delivered(rig: &Rig) {
    let mut times: BTreeMap<String, u32> = BTreeMap::new();
    for message in rig.messages() {
        *times.entry(message.key).or_default() += 1;
    }
    let repeated: u32 = times.values().map(|times| times - 1).sum();
    assert!(
        repeated <= KILLS,
        "{repeated} repetitions of {KILLS} kills: {times:#?}"
    );
    // Each alert of the ledger reached the receiver, and nothing else did.
    let filter = fillsync_ledger::AlertFilter::default();
    let mut recorded = 0;
    for stored in rig.reader().alerts(&filter, 100_000).unwrap() {
        let key = format!("{}#{}", stored.alert.identity, stored.alert.revision);
        let is_routed = !stored.deliveries.is_empty();
        assert_eq!(
            times.contains_key(&key),
            is_routed,
            "{key}: {:#?}",
            stored.deliveries
        );
        recorded += usize::from(is_routed);
    }
    assert_eq!(recorded, times.len());
    // One fill alert for each order that filled, whenever it was seen.
    assert_eq!(told(rig), filled(rig));
}

/// Fills of which the receiver was told.
fn told(rig: &Rig) -> usize {
    let messages = rig.messages();
    let keys = messages.iter().map(|message| message.key.as_str());
    let fills: BTreeSet<&str> = keys.filter(|key| key.starts_with("fill/")).collect();
    fills.len()
}

/// Limit orders of the plan: all of them fill.
fn filled(rig: &Rig) -> usize {
    let orders = ["main", "mirror"]
        .into_iter()
        .flat_map(|account| rig.bybit.book().orders(account));
    orders.filter(|order| order.price.is_some()).count()
}

#[test]
fn a_termination_finishes_what_is_under_way_and_ends_well() {
    let rig = Rig::new();
    let mut daemon = rig.start_ready();
    // The receiver takes its time; the message that is under way is recorded all the same.
    rig.hook
        .faults()
        .next(1, fillsync_fake::Fault::DelayAnswer { ms: 800 });
    rig.fill(&rig.place("main", 1));
    rig.wait_for("fill", 1);
    let status = daemon.stop();
    assert_eq!(status.code(), Some(0), "{}", daemon.log());
    let mut daemon = rig.start_ready();
    rig.fill(&rig.place("main", 2));
    rig.wait_for("fill", 2);
    drained(&daemon);
    assert_eq!(rig.of_kind("fill").len(), 2, "{:#?}", rig.messages());
    assert!(daemon.stop().success());
}

#[test]
fn a_second_daemon_on_the_same_ledger_is_refused() {
    let rig = Rig::new();
    let _first = rig.start_ready();
    let mut second = rig.spawn();
    assert_eq!(second.wait().code(), Some(1));
    eventually("it says why", || {
        let log = second.log();
        so(log.contains("fillsync.db"), log)
    });
}
