//! Several alerts told as one: after quiet hours, after an outage of the receiver, and for what is old.
//!
//! Pure: what waits and what time it is decide which messages are held together, so it is decided in the
//! same way after a restart. A message is held when it came in quiet hours, or waited for longer than
//! the channel's bound; one that is held alone is told as it is. Edits of what was sent are never held:
//! they ring nowhere, and what they correct was told.

use fillsync_config::Quiet;
use fillsync_core::alert::{Alert, AlertBody, AlertKind, DigestAlert, Severity};
use fillsync_core::id::ChannelName;
use fillsync_core::time::HostTime;
use fillsync_ledger::OutboxRow;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// The most lines of a digest.
const DIGEST_LINES_MAX: usize = 40;
/// The most notices that a digest repeats in their own words.
const NOTICES_MAX: usize = 10;

/// When a channel's messages are held, and told as one.
#[derive(Debug, Clone)]
pub struct Patience {
    /// Its quiet hours.
    pub quiet: Option<Quiet>,
    /// What waited for longer than this is told in a digest.
    pub backlog_after: Duration,
}

/// Why a message is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Held {
    /// It came in quiet hours.
    Quiet,
    /// It waited for too long.
    Backlog,
}

impl Patience {
    /// When the quiet hours end, if it is quiet now.
    #[must_use]
    pub fn quiet_until(&self, now: HostTime) -> Option<HostTime> {
        self.quiet.as_ref()?.until(now)
    }

    /// The least severe alert that is sent although it is quiet; none where nothing is.
    #[must_use]
    pub fn breaks_through(&self) -> Option<Severity> {
        self.quiet.as_ref()?.breaks_through.0
    }

    /// Whether and why a message is held, once it is not quiet any more.
    #[must_use]
    pub fn holds(&self, row: &OutboxRow, now: HostTime) -> Option<Held> {
        if row.message_id.is_some() {
            return None;
        }
        let came_in_quiet = self.quiet.as_ref().is_some_and(|quiet| {
            !quiet.lets_through(row.alert.severity) && quiet.until(row.queued_at).is_some()
        });
        if came_in_quiet {
            Some(Held::Quiet)
        } else if now.since(row.queued_at) > self.backlog_after {
            Some(Held::Backlog)
        } else {
            None
        }
    }
}

/// Messages that are told as one.
#[derive(Debug, Clone)]
pub struct Gathered {
    /// The digest, under the first message's number.
    pub row: OutboxRow,
    /// The messages in it, the first of them first.
    pub ids: Vec<i64>,
}

/// Gathers what is held of a channel's waiting messages; none where fewer than two are.
#[must_use]
pub fn gather(
    channel: &ChannelName,
    waiting: Vec<OutboxRow>,
    patience: &Patience,
    now: HostTime,
) -> Option<Gathered> {
    let held: Vec<(OutboxRow, Held)> = waiting
        .into_iter()
        .filter_map(|row| patience.holds(&row, now).map(|why| (row, why)))
        .collect();
    let (first, _) = held.first()?;
    if held.len() < 2 {
        return None;
    }
    let mut said = Vec::new();
    let reasons: BTreeSet<Held> = held.iter().map(|(_, why)| *why).collect();
    if reasons.contains(&Held::Quiet) {
        said.push("kept for after the quiet hours".to_owned());
    }
    if reasons.contains(&Held::Backlog) {
        let oldest = held.iter().map(|(row, _)| row.queued_at).min();
        let waited = now.since(oldest.unwrap_or(now));
        said.push(format!(
            "told late: waited for this channel up to {}",
            rough(waited)
        ));
    }
    let alerts: Vec<&Alert> = held.iter().map(|(row, _)| &row.alert).collect();
    // The same first message makes the same identity, so that a receiver can drop a repeat.
    let identity = format!(
        "digest/{channel}/{}#{}",
        first.alert.identity, first.alert.revision
    );
    let alert = digest(identity, &alerts, said)?;
    Some(Gathered {
        ids: held.iter().map(|(row, _)| row.id).collect(),
        row: OutboxRow {
            alert,
            ..first.clone()
        },
    })
}

/// One alert for several, with these lines before what happened.
#[must_use]
pub fn digest(identity: String, alerts: &[&Alert], before: Vec<String>) -> Option<Alert> {
    let from = alerts.iter().map(|alert| alert.at).min()?;
    let to = alerts.iter().map(|alert| alert.at).max()?;
    let severity = alerts.iter().map(|alert| alert.severity).max()?;
    let groups: BTreeSet<_> = alerts.iter().map(|alert| alert.group.as_ref()).collect();
    let group = match groups.len() {
        1 => groups.first().copied().flatten().cloned(),
        _ => None,
    };
    let mut lines = before;
    lines.extend(summed(alerts));
    Some(Alert {
        identity,
        revision: 0,
        severity,
        group,
        symbol: None,
        position: None,
        cycle: None,
        account: None,
        at: to,
        body: AlertBody::Digest(DigestAlert {
            lines,
            events: u32::try_from(alerts.len()).unwrap_or(u32::MAX),
            from,
            to,
        }),
    })
}

/// A line for each account, symbol and side with what happened there; then the notices in their own
/// words, because a number of notices says nothing.
#[must_use]
pub fn summed(alerts: &[&Alert]) -> Vec<String> {
    let mut kinds: BTreeMap<(String, String, &'static str), BTreeMap<AlertKind, u32>> =
        BTreeMap::new();
    let mut notices: Vec<String> = Vec::new();
    for alert in alerts {
        if let AlertBody::System(notice) = &alert.body {
            notices.push(notice.text.clone());
            continue;
        }
        let account = alert
            .account
            .as_ref()
            .map_or_else(|| "group".to_owned(), |account| account.name.to_string());
        let symbol = alert
            .symbol
            .as_ref()
            .map_or_else(String::new, ToString::to_string);
        let side = alert
            .position
            .map_or("", |position| position.entry_side().title());
        *kinds
            .entry((account, symbol, side))
            .or_default()
            .entry(alert.kind())
            .or_default() += 1;
    }
    let mut lines: Vec<String> = kinds
        .iter()
        .map(|((account, symbol, side), kinds)| {
            let kinds: Vec<String> = kinds
                .iter()
                .filter(|(kind, _)| **kind != AlertKind::Progress)
                .map(|(kind, count)| plural(*kind, *count))
                .collect();
            format!("{account} {symbol} {side}: {}", kinds.join(", "))
        })
        .collect();
    shorten(&mut lines, DIGEST_LINES_MAX);
    notices.dedup();
    shorten(&mut notices, NOTICES_MAX);
    lines.extend(notices);
    lines
}

fn shorten(lines: &mut Vec<String>, max: usize) {
    if lines.len() > max {
        let more = lines.len() - max;
        lines.truncate(max);
        lines.push(format!("… and {more} more"));
    }
}

fn plural(kind: AlertKind, count: u32) -> String {
    let (one, many) = match kind {
        AlertKind::Fill => ("limit order filled", "limit orders filled"),
        AlertKind::Exit => ("exit", "exits"),
        AlertKind::Closed => ("cycle closed", "cycles closed"),
        AlertKind::Divergence => ("divergence", "divergences"),
        AlertKind::Resolved => ("divergence resolved", "divergences resolved"),
        AlertKind::Progress => ("step", "steps"),
        AlertKind::Correction => ("correction", "corrections"),
        AlertKind::Digest => ("digest", "digests"),
        AlertKind::System => ("notice", "notices"),
    };
    format!("{count} {}", if count == 1 { one } else { many })
}

/// A span as people say it.
fn rough(span: Duration) -> String {
    let minutes = span.as_secs() / 60;
    match (minutes / 60, minutes % 60) {
        (0, 0) => format!("{} s", span.as_secs()),
        (0, minutes) => format!("{minutes} min"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}

#[cfg(test)]
#[path = "digest_tests.rs"]
mod tests;
