//! Figure h: one process with 1, 100 and 1,000 accounts at one address.
//!
//! The fake holds the venue's published limits (50 requests a second for a key, 600 in 5 s for the
//! address) and bans like the venue, so a daemon that asked too fast would have no figures. How old the
//! data are is what the daemon itself says: now less the end of what is proven. Streams are off, so that
//! only polling is measured.

use crate::daemon::{Process, Site, free_port};
use crate::http::{Client, eventually_within};
use crate::measure::{Rounds, Samples, read};
use crate::report::Section;
use crate::venue::Venue;
use fillsync_fake::{LoggedRequest, Rate};
use std::net::SocketAddr;
use std::time::Duration;

/// The first rounds of a thousand accounts are five thousand requests at a hundred a second.
const PATIENCE: Duration = Duration::from_secs(300);
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// The span over which an address is counted, in milliseconds.
const SPAN_MS: i64 = 5_000;

pub fn measure(rounds: &Rounds) -> Section {
    let mut section = Section::new("many accounts on one address");
    let counts: &[usize] = if rounds.quick {
        &[1, 20]
    } else {
        &[1, 100, 1_000]
    };
    let mut first = None;
    for &count in counts {
        let resident = one(&mut section, count, if rounds.quick { 3 } else { 45 });
        match first {
            None => first = Some(resident),
            Some(alone) if count > 1 => section.remark(format!(
                "With {count} accounts each one more than the first costs {:.0} kB.",
                (resident - alone) * 1e3 / (count - 1) as f64
            )),
            Some(_) => {}
        }
    }
    section
}

/// Measures so many accounts, and gives the resident megabytes.
fn one(section: &mut Section, count: usize, seconds: u64) -> f64 {
    let names: Vec<String> = (1..=count).map(|number| format!("a{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let venue = Venue::start(&names);
    venue.fake.rules(|rules| {
        rules.per_uid = Rate::new(50, 1_000);
        rules.per_ip = Rate::new(600, 5_000);
    });
    let port = free_port();
    let site = Site::new(venue.address(), &names, "2s", port, "");
    let (process, _) = Process::start(&site.path("fillsync.toml"));
    let to = SocketAddr::from(([127, 0, 0, 1], port));
    eventually_within(PATIENCE, LOOK_EVERY, "readiness", || {
        let answer = Client::connect(to).ok()?.get("/ready", &[])?;
        (answer.status() == 200).then_some(())
    });
    venue.fake.requests().clear();
    let mut ages = Samples::default();
    for _ in 0..seconds {
        std::thread::sleep(Duration::from_secs(1));
        for age in ages_ms(to) {
            ages.add(age / 1e3);
        }
    }
    let asked = venue.fake.requests().all();
    let refused = asked.iter().filter(|one| one.status != Some(200)).count();
    let status = read(&format!("/proc/{}/status", process.id()));
    let mb = |key: &str| -> f64 {
        let kib: f64 = status
            .lines()
            .find_map(|line| {
                line.strip_prefix(key)?
                    .split_whitespace()
                    .next()?
                    .parse()
                    .ok()
            })
            .unwrap_or(f64::NAN);
        kib * 1024.0 / 1e6
    };
    let mut line = |what: &str, unit, value: f64, aim| {
        let mut samples = Samples::default();
        samples.add(value);
        section.line(format!("{count} accounts: {what}"), unit, samples, aim);
    };
    let resident = mb("VmRSS:");
    line("resident memory", "MB", resident, "");
    line("of it anonymous", "MB", mb("RssAnon:"), "");
    line(
        "requests in the busiest 5 s",
        "requests",
        busiest(&asked) as f64,
        "600",
    );
    line("requests refused", "requests", refused as f64, "0");
    section.line(
        format!("{count} accounts: age of their data"),
        "s",
        ages,
        "",
    );
    process.end();
    resident
}

/// How far each account's proven data lie behind now, as `/accounts` says.
fn ages_ms(to: SocketAddr) -> Vec<f64> {
    let answer = Client::connect(to)
        .ok()
        .and_then(|mut client| client.get("/accounts", &[]));
    let Some(answer) = answer else {
        return Vec::new();
    };
    let body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let accounts = body["accounts"].as_array().cloned().unwrap_or_default();
    accounts
        .iter()
        .filter_map(|account| account["categories"][0]["lag_ms"].as_f64())
        .collect()
}

/// The most requests in any span of [`SPAN_MS`].
fn busiest(asked: &[LoggedRequest]) -> usize {
    let times: Vec<i64> = asked.iter().map(|one| one.at_ms).collect();
    (0..times.len())
        .map(|first| {
            let end = times[first] + SPAN_MS;
            times[first..].partition_point(|at| *at < end)
        })
        .max()
        .unwrap_or(0)
}
