//! What each venue says of an account's key: what it may do, from where, until when, and the clock.
//!
//! fillsync reads. A key that can do more is a risk without a use, so every power is warned of by its
//! name. What a venue does not say is shown as unknown, never as good.

use super::accounts::Venues;
use super::check::{Findings, Grade};
use crate::app::SystemClock;
use fillsync_config::Account;
use fillsync_core::execution::VenueKind;
use fillsync_core::id::Category;
use fillsync_core::port::{Clock as _, KeyReport, Venue};
use fillsync_core::time::VenueTime;
use fillsync_report::{Column, Look, render};
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// A key that stops working sooner than this is worth a warning.
const EXPIRY_WARNING: Duration = Duration::from_hours(14 * 24);
/// A clock that is off by more than this is worth a warning.
const CLOCK_WARNING_MS: i64 = 500;
/// Bybit takes a request whose time is at most so much behind its own clock (`recv_window`)…
const BEHIND_MAX_MS: i64 = 5_000;
/// …and at most so much ahead of it.
const AHEAD_MAX_MS: i64 = 1_000;
/// Addresses that are named.
const ADDRESSES_NAMED_MAX: usize = 4;

/// What is known of one account.
#[derive(Debug, Clone, Serialize)]
pub(super) struct AccountReport {
    account: String,
    venue: VenueKind,
    categories: Vec<String>,
    /// Whether the venue's stream is listened to.
    stream: bool,
    /// What the venue says; none where it was not asked, or did not answer.
    key: Option<Key>,
}

/// What a venue says of a key. None where it does not say.
#[derive(Debug, Clone, Serialize)]
struct Key {
    uid: Option<String>,
    account_mode: Option<String>,
    read_only: Option<bool>,
    can_trade: Option<bool>,
    can_withdraw: Option<bool>,
    /// What it can do beyond reading, in the venue's words.
    powers: Vec<String>,
    /// Where it can be used from; an empty list is everywhere.
    addresses: Option<Vec<String>>,
    expires_at: Option<String>,
    /// The venue's clock minus this machine's.
    clock_offset_ms: i64,
}

impl From<&KeyReport> for Key {
    fn from(report: &KeyReport) -> Self {
        Self {
            uid: report.uid.clone(),
            account_mode: report.account_mode.clone(),
            read_only: report.read_only,
            can_trade: report.can_trade,
            can_withdraw: report.can_withdraw,
            powers: report.powers.clone(),
            addresses: report.addresses.clone(),
            expires_at: report.expires_at.map(|at| at.to_string()),
            clock_offset_ms: report.clock_offset_ms,
        }
    }
}

/// Asks the venue of one account.
pub(super) async fn ask(
    account: &Account,
    offline: bool,
    venues: &mut Venues,
    findings: &mut Findings,
) -> AccountReport {
    let about = format!("account {}", account.name);
    let report = unasked(account);
    // Both are tried, so that both are named when both are missing.
    let unread: Vec<String> = [
        ("api_key", &account.api_key),
        ("api_secret", &account.api_secret),
    ]
    .into_iter()
    .filter_map(|(key, source)| source.resolve(&format!("{about}: {key}")).err())
    .map(|error| error.to_string())
    .collect();
    if !unread.is_empty() {
        for text in unread {
            findings.add(Grade::Error, &about, text);
        }
        return report;
    }
    let opened = venues.open(account);
    for warning in venues.warnings.drain(..) {
        findings.add(Grade::Warning, &about, warning);
    }
    let venue = match opened {
        Ok(venue) => venue,
        Err(error) => {
            findings.add(Grade::Error, about, format!("{error:#}"));
            return report;
        }
    };
    if offline {
        let text = "its secrets can be read; the venue was not asked";
        findings.add(Grade::Ok, about, text);
        return report;
    }
    of(account, venue.as_ref(), findings).await
}

/// Asks an open venue of one account what its key may do.
pub(super) async fn of(
    account: &Account,
    venue: &dyn Venue,
    findings: &mut Findings,
) -> AccountReport {
    let about = format!("account {}", account.name);
    let mut report = unasked(account);
    match venue.key().await {
        Err(error) => findings.add(Grade::Error, about, error.to_string()),
        Ok(key) => {
            judge(&about, account.venue, &key, findings);
            report.key = Some(Key::from(&key));
        }
    }
    report
}

fn unasked(account: &Account) -> AccountReport {
    AccountReport {
        account: account.name.to_string(),
        venue: account.venue,
        categories: account.categories.iter().map(Category::to_string).collect(),
        stream: account.stream,
        key: None,
    }
}

/// Two names for one account would store, count and tell everything twice.
pub(super) fn same_account_twice(reports: &[AccountReport], findings: &mut Findings) {
    let mut names: BTreeMap<(VenueKind, &str), Vec<&str>> = BTreeMap::new();
    for report in reports {
        if let Some(uid) = report.key.as_ref().and_then(|key| key.uid.as_deref()) {
            let same = names.entry((report.venue, uid)).or_default();
            same.push(&report.account);
        }
    }
    for ((venue, uid), same) in names {
        if let [_, _, ..] = same.as_slice() {
            findings.add(
                Grade::Warning,
                format!("accounts {}", same.join(", ")),
                format!("they are one account at {venue} (uid {uid}), so each fill would be counted for each of them; give each a key of its own account"),
            );
        }
    }
}

fn judge(about: &str, venue: VenueKind, report: &KeyReport, findings: &mut Findings) {
    let who = match (&report.uid, &report.account_mode) {
        (Some(uid), Some(mode)) => format!(" (uid {uid}, {mode})"),
        (Some(uid), None) => format!(" (uid {uid})"),
        (None, Some(mode)) => format!(" ({mode})"),
        (None, None) => String::new(),
    };
    findings.add(Grade::Ok, about, format!("the venue knows the key{who}"));
    powers(about, venue, report, findings);
    clock(about, report.clock_offset_ms, findings);
    expiry(about, report.expires_at, findings);
    match report.addresses.as_deref() {
        Some([]) if report.read_only == Some(true) => {
            let text = "the key can be used from every network address, to read";
            findings.add(Grade::Ok, about, text);
        }
        Some([]) => findings.add(
            Grade::Warning,
            about,
            "the key can be used from every network address; bind it to this machine's at the venue",
        ),
        Some(addresses) => findings.add(
            Grade::Ok,
            about,
            format!("the key can be used from {} only", named(addresses)),
        ),
        None => {}
    }
}

/// Every power is named; what fillsync needs is to read.
fn powers(about: &str, venue: VenueKind, report: &KeyReport, findings: &mut Findings) {
    let words = report.powers.join(", ");
    if report.can_withdraw == Some(true) {
        findings.add(
            Grade::Warning,
            about,
            format!("the key can WITHDRAW money ({words}); make a read-only key for fillsync and take this one out of its reach"),
        );
    } else if venue == VenueKind::Alpaca {
        // There is no other kind of key there, so this is no mistake that can be mended.
        findings.add(
            Grade::Warning,
            about,
            format!("the key can trade ({words}); Alpaca has no read-only keys, so let nobody else read it"),
        );
    } else if report.can_trade == Some(true) {
        findings.add(
            Grade::Warning,
            about,
            format!("the key can TRADE ({words}); fillsync needs to read only, so a read-only key is safer"),
        );
    } else if report.read_only == Some(false) || !report.powers.is_empty() {
        findings.add(
            Grade::Warning,
            about,
            format!("the key can do more than read ({words}); fillsync needs no more than that, so a read-only key is safer"),
        );
    } else if report.read_only == Some(true) {
        findings.add(Grade::Ok, about, "the key can read and nothing else");
    }
}

/// Requests are signed with the venue's own time, as far as it is known, so an offset is no failure.
fn clock(about: &str, offset_ms: i64, findings: &mut Findings) {
    // Positive: the venue is ahead, so this machine is behind.
    let (grade, side) = match offset_ms {
        offset if offset.abs() <= CLOCK_WARNING_MS => (Grade::Ok, None),
        offset if offset > BEHIND_MAX_MS => (Grade::Warning, Some("behind")),
        offset if offset < -AHEAD_MAX_MS => (Grade::Warning, Some("ahead of")),
        _ => (Grade::Warning, None),
    };
    let text = match (grade, side) {
        (Grade::Ok, _) => format!("the clocks agree ({offset_ms} ms)"),
        (_, None) => format!(
            "this machine's clock differs from the venue's by {offset_ms} ms, which the venue would still take; fillsync corrects for it, but set the clock"
        ),
        (_, Some(side)) => format!(
            "this machine's clock is {} ms {side} the venue's, outside of what a venue takes ({BEHIND_MAX_MS} ms behind, {AHEAD_MAX_MS} ms ahead): fillsync corrects for it, other programs here cannot trade; set the clock",
            offset_ms.abs()
        ),
    };
    findings.add(grade, about, text);
}

fn expiry(about: &str, expires_at: Option<VenueTime>, findings: &mut Findings) {
    let Some(expires_at) = expires_at else {
        return;
    };
    let now = VenueTime::from_us(SystemClock.now().us());
    let left = expires_at.since(now);
    let days = left.as_secs() / 86_400;
    if left.is_zero() {
        findings.add(
            Grade::Error,
            about,
            format!("the key stopped working at {expires_at}; make a new one"),
        );
    } else if left < EXPIRY_WARNING {
        findings.add(
            Grade::Warning,
            about,
            format!(
                "the key stops working at {expires_at}, in {days} days; make a new one in time"
            ),
        );
    } else {
        let text = format!("the key works until {expires_at} ({days} days)");
        findings.add(Grade::Ok, about, text);
    }
}

fn named(addresses: &[String]) -> String {
    let mut text = addresses
        .iter()
        .take(ADDRESSES_NAMED_MAX)
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(", ");
    if addresses.len() > ADDRESSES_NAMED_MAX {
        text.push_str(&format!(
            " and {} more",
            addresses.len() - ADDRESSES_NAMED_MAX
        ));
    }
    text
}

/// One line for each account.
pub(super) fn table(reports: &[AccountReport], look: Look) -> String {
    if reports.is_empty() {
        return String::new();
    }
    let columns = [
        Column::Left("ACCOUNT"),
        Column::Left("VENUE"),
        Column::Left("CATEGORIES"),
        Column::Left("STREAM"),
        Column::Left("TRADES"),
        Column::Left("WITHDRAWS"),
        Column::Left("FROM"),
        Column::Left("UNTIL"),
        Column::Right("CLOCK"),
    ];
    let known = |flag: Option<bool>| match flag {
        Some(true) => "yes",
        Some(false) => "no",
        None => "?",
    };
    let rows = reports.iter().map(|report| {
        let key = report.key.as_ref();
        let addresses = key.and_then(|key| key.addresses.as_deref());
        vec![
            report.account.clone(),
            report.venue.to_string(),
            report.categories.join(","),
            if report.stream { "yes" } else { "no" }.to_owned(),
            known(key.and_then(|key| key.can_trade)).to_owned(),
            known(key.and_then(|key| key.can_withdraw)).to_owned(),
            match addresses {
                Some([]) => "everywhere".to_owned(),
                Some(addresses) => named(addresses),
                None => "?".to_owned(),
            },
            key.and_then(|key| key.expires_at.as_ref())
                .and_then(|at| at.get(..10))
                .unwrap_or("?")
                .to_owned(),
            key.map_or_else(
                || "?".to_owned(),
                |key| format!("{} ms", key.clock_offset_ms),
            ),
        ]
    });
    let mut text = render(look, &columns, rows, "");
    text.push('\n');
    text
}
