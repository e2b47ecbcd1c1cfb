//! `/metrics`: the daemon in numbers, in Prometheus' text format.
//!
//! Numbers of the ledger come from its maintained tallies, so a scrape never scans. Names follow
//! Prometheus' conventions: units last, `_total` for what only grows. Labels are names of the configuration and
//! words of a fixed list, so their number is bounded by what an operator wrote.

use crate::guard::Refused;
use crate::live::{Live, PluginTally, readiness};
use fillsync_core::id::AccountName;
use fillsync_core::time::HostTime;
use fillsync_ledger::{LedgerError, LedgerStatus, Proof, Reader};
use fillsync_report::StreamState;
use std::collections::BTreeMap;
use std::fmt::{Display, Write as _};
use std::sync::atomic::Ordering;

/// What the ledger contributes.
pub(crate) struct Facts {
    status: LedgerStatus,
    proofs: Vec<Proof>,
    stand_ins: BTreeMap<AccountName, u64>,
}

impl Facts {
    /// Reads them at one moment.
    pub(crate) fn read(reader: &Reader) -> Result<Self, LedgerError> {
        Ok(Self {
            status: reader.status()?,
            proofs: reader.proofs(None)?,
            stand_ins: reader.stand_ins()?,
        })
    }
}

#[derive(Default)]
struct Page(String);

impl Page {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(
            self.0,
            "# HELP fillsync_{name} {help}\n# TYPE fillsync_{name} {kind}"
        );
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        let labels: Vec<_> = labels
            .iter()
            .map(|(label, value)| format!("{label}=\"{}\"", escaped(value)))
            .collect();
        let labels = if labels.is_empty() {
            String::new()
        } else {
            format!("{{{}}}", labels.join(","))
        };
        let _ = writeln!(self.0, "fillsync_{name}{labels} {value}");
    }

    fn single(&mut self, name: &str, kind: &str, help: &str, value: impl Display) {
        self.family(name, kind, help);
        self.sample(name, &[], value);
    }
}

/// The whole page.
pub(crate) fn text(facts: &Facts, live: &dyn Live, refused: &Refused, listeners: usize) -> String {
    let now = live.now();
    let mut page = Page::default();
    page.family("build_info", "gauge", "1, with the version that runs.");
    page.sample("build_info", &[("version", env!("CARGO_PKG_VERSION"))], 1);
    page.single(
        "healthy",
        "gauge",
        "1 while the daemon does its work; /health says why not.",
        u8::from(live.health(now).ok),
    );
    page.single(
        "ready",
        "gauge",
        "1 when every account has caught up; 0 without any account.",
        u8::from(readiness(live, now).is_ok()),
    );
    accounts(&mut page, facts, now);
    freshness(&mut page, live, now);
    ledger(&mut page, &facts.status, now);
    plugins(&mut page, live);
    page.single(
        "http_listeners",
        "gauge",
        "Listeners to /events/stream.",
        listeners,
    );
    page.family(
        "http_refused_total",
        "counter",
        "Requests and connections that met a bound of the server.",
    );
    for (reason, count) in [
        ("connections", &refused.connections),
        ("token", &refused.unauthorised),
        ("late", &refused.late),
        ("listeners", &refused.listeners),
        ("forged", &refused.forged),
    ] {
        page.sample(
            "http_refused_total",
            &[("reason", reason)],
            count.load(Ordering::Relaxed),
        );
    }
    page.0
}

fn accounts(page: &mut Page, facts: &Facts, now: HostTime) {
    let tallies = &facts.status.accounts;
    page.family("fills_total", "counter", "Fills stored.");
    for tally in tallies {
        page.sample(
            "fills_total",
            &[("account", tally.account.as_str())],
            tally.fills,
        );
    }
    page.family("executions_total", "counter", "Rows of every class stored.");
    for tally in tallies {
        page.sample(
            "executions_total",
            &[("account", tally.account.as_str())],
            tally.executions,
        );
    }
    page.family(
        "known_gaps",
        "gauge",
        "Windows whose executions are not proven complete.",
    );
    for tally in tallies {
        page.sample(
            "known_gaps",
            &[("account", tally.account.as_str())],
            tally.gaps,
        );
    }
    page.family(
        "unreadable_rows_total",
        "counter",
        "Rows of a venue that could not be read.",
    );
    for tally in tallies {
        page.sample(
            "unreadable_rows_total",
            &[("account", tally.account.as_str())],
            tally.quarantined,
        );
    }
    page.family(
        "coverage_lag_seconds",
        "gauge",
        "Now minus the moment up to which executions are proven complete.",
    );
    for proof in &facts.proofs {
        if let Some(complete) = proof.complete {
            page.sample(
                "coverage_lag_seconds",
                &place(proof),
                seconds(now.us().saturating_sub(complete.to.us())),
            );
        }
    }
    gaps(page, facts);
}

fn place(proof: &Proof) -> [(&'static str, &str); 2] {
    [
        ("account", proof.account.as_str()),
        ("category", proof.category.as_str()),
    ]
}

fn gaps(page: &mut Page, facts: &Facts) {
    page.family(
        "gaps_fillable",
        "gauge",
        "Known gaps that are tried again, by category.",
    );
    for proof in &facts.proofs {
        page.sample("gaps_fillable", &place(proof), proof.gaps_open);
    }
    page.family(
        "gaps_unfillable",
        "gauge",
        "Known gaps that the venue can no longer serve, by category.",
    );
    for proof in &facts.proofs {
        page.sample("gaps_unfillable", &place(proof), proof.gaps_unfillable);
    }
    page.family(
        "stand_in_rows",
        "gauge",
        "Rows made from the sum of an order in place of rows that the venue has not told.",
    );
    for tally in &facts.status.accounts {
        let account = &tally.account;
        let rows = facts.stand_ins.get(account).copied().unwrap_or(0);
        page.sample("stand_in_rows", &[("account", account.as_str())], rows);
    }
}

/// What the running daemon knows of accounts: how fresh they are, and their streams. A stream has one
/// sample for each state, of which one is 1.
fn freshness(page: &mut Page, live: &dyn Live, now: HostTime) {
    let accounts = live.health(now).accounts;
    page.family(
        "data_age_seconds",
        "gauge",
        "Time since the last complete round of an account.",
    );
    for account in &accounts {
        if let Some(age_ms) = account.data_age_ms {
            let us = i64::try_from(age_ms)
                .unwrap_or(i64::MAX)
                .saturating_mul(1_000);
            page.sample(
                "data_age_seconds",
                &[("account", &account.account)],
                seconds(us),
            );
        }
    }
    let streams: BTreeMap<String, StreamState> = live
        .streams()
        .into_iter()
        .map(|(account, health)| (account.to_string(), health.state))
        .collect();
    page.family(
        "stream_state",
        "gauge",
        "1 for the state that an account's stream is in, 0 for the others.",
    );
    for account in &accounts {
        let name = &account.account;
        let state = streams.get(name).copied().unwrap_or(StreamState::Off);
        for other in StreamState::ALL {
            page.sample(
                "stream_state",
                &[("account", name), ("state", other.as_str())],
                u8::from(state == other),
            );
        }
    }
}

fn ledger(page: &mut Page, status: &LedgerStatus, now: HostTime) {
    page.single(
        "decisions_total",
        "counter",
        "Decisions made.",
        status.decisions,
    );
    page.single(
        "divergences_open",
        "gauge",
        "Divergences that are not resolved.",
        status.divergences_open,
    );
    page.single(
        "markets_undecided",
        "gauge",
        "Markets that wait for a decision.",
        status.marks,
    );
    page.single("alerts_total", "counter", "Alerts recorded.", status.alerts);
    page.single(
        "messages_sent_total",
        "counter",
        "Messages sent.",
        status.messages_sent,
    );
    page.single(
        "messages_dead_total",
        "counter",
        "Messages given up.",
        status.messages_dead,
    );
    page.family("outbox_pending", "gauge", "Messages waiting.");
    for channel in &status.pending {
        page.sample(
            "outbox_pending",
            &[("channel", channel.channel.as_str())],
            channel.pending,
        );
    }
    page.family(
        "outbox_oldest_age_seconds",
        "gauge",
        "How long the first of the waiting messages has waited.",
    );
    for channel in &status.pending {
        page.sample(
            "outbox_oldest_age_seconds",
            &[("channel", channel.channel.as_str())],
            seconds(now.us().saturating_sub(channel.oldest_at.us())),
        );
    }
    page.single(
        "database_bytes",
        "gauge",
        "Size of the database.",
        status.bytes,
    );
}

fn plugins(page: &mut Page, live: &dyn Live) {
    let tallies = live.plugin_tallies();
    page.family("plugin_calls_total", "counter", "Calls of a plugin.");
    for tally in &tallies {
        page.sample(
            "plugin_calls_total",
            &[("plugin", &tally.plugin)],
            tally.calls,
        );
    }
    page.family(
        "plugin_failures_total",
        "counter",
        "Calls of a plugin that gave no usable answer.",
    );
    for tally in &tallies {
        page.sample(
            "plugin_failures_total",
            &[("plugin", &tally.plugin)],
            tally.failures,
        );
    }
    plugins_set_aside(page, &tallies);
}

/// Which plugins are set aside, so that something else stands in for them.
fn plugins_set_aside(page: &mut Page, tallies: &[PluginTally]) {
    page.family(
        "plugin_set_aside",
        "gauge",
        "1 while a plugin is set aside and own counts or plain words are in its place.",
    );
    for tally in tallies {
        page.sample(
            "plugin_set_aside",
            &[("plugin", &tally.plugin)],
            u8::from(tally.is_set_aside),
        );
    }
}

/// Microseconds as seconds with three places, without a float. A clock ahead of ours is no lag.
fn seconds(us: i64) -> String {
    let ms = us.max(0) / 1_000;
    format!("{}.{:03}", ms / 1_000, ms % 1_000)
}

fn escaped(label: &str) -> String {
    label
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}
