//! The messages, kind by kind. The layouts of `fill` and `divergence` are the ones that users of the
//! first bot know; the others follow them.

use crate::Words;
use crate::phrase::{
    account, clock, count_phrase, detail, group_truth, headline, note, own_fact, side,
    truth_phrase, waiting,
};
use fillsync_plugin::alert::{
    Closed, Correction, Digest, Divergence, DivergenceLeg, Event, Exit, ExitReason, Fill, Progress,
    Severity, System,
};
use fillsync_plugin::types::Truth;

pub(crate) fn fill(event: &Event, fill: &Fill) -> Words {
    let mut words = Words::titled("📊 LIMIT ORDER FILLED");
    words.line(format!("📈 {}", headline(event, Some(fill.side))));
    words.line(format!("✅ {}", count_phrase(&fill.count)));
    words.maybe(detail(&fill.count, &fill.own_slots, fill.coverage_to_us));
    words.maybe(note(&fill.count).filter(|_| !fill.count.synchronised));
    words.maybe(waiting(&fill.waiting_for));
    words.maybe(group_truth(fill.truth));
    words
}

pub(crate) fn progress(event: &Event, progress: &Progress) -> Words {
    let mut words = Words::titled("🎯 LIMIT ORDERS PROGRESS");
    words.line(format!("📈 {}", headline(event, Some(progress.side))));
    words.line(format!(
        "📊 {}% of the plan filled (was {}%): {} of {}",
        progress.filled_percent,
        progress.previous_percent,
        progress.filled_quantity,
        progress.planned_quantity
    ));
    words.line(format!("✅ {}", count_phrase(&progress.count)));
    words.maybe(own_beside(&progress.count));
    words.maybe(note(&progress.count).filter(|_| !progress.count.synchronised));
    words
}

/// The own count beside a marked one, where the alert has no slots and no coverage to tell.
fn own_beside(count: &fillsync_plugin::alert::Count) -> Option<String> {
    let is_plain = count.shown == count.detected && !count.at_least;
    (!is_plain).then(|| format!("   this account: {}", own_fact(count, &[])))
}

pub(crate) fn exit(event: &Event, exit: &Exit) -> Words {
    let (mark, what) = match exit.reason {
        ExitReason::TakeProfit => ("🎯", "TAKE PROFIT FILLED"),
        ExitReason::StopLoss => ("🛑", "STOP LOSS FILLED"),
        ExitReason::TrailingStop => ("🛑", "TRAILING STOP FILLED"),
        ExitReason::Liquidation => ("🚨", "POSITION LIQUIDATED"),
        ExitReason::AutoDeleverage => ("🚨", "POSITION AUTO-DELEVERAGED"),
        ExitReason::Settlement => ("📕", "POSITION SETTLED"),
        ExitReason::Close => ("📕", "POSITION REDUCED"),
    };
    let mut words = Words::titled(format!("{mark} {what}"));
    words.line(format!("📉 {}", headline(event, Some(exit.side))));
    words.line(format!("{} @{}", exit.quantity, exit.price));
    words.maybe(
        exit.realised
            .as_ref()
            .map(|money| format!("💰 {} before fees", signed(money))),
    );
    words
}

pub(crate) fn closed(event: &Event, closed: &Closed) -> Words {
    let mut words = Words::titled("🏁 POSITION CLOSED");
    words.line(format!("📉 {}{}", headline(event, None), cycle(event)));
    words.line(match &closed.net {
        Some(net) => format!("💰 {} after fees", signed(net)),
        None => "💰 profit or loss not known: the position was open before the data begin, \
                 or fees are in another currency"
            .to_owned(),
    });
    let prices = match (&closed.entry_price, &closed.exit_price) {
        (Some(entry), Some(exit)) => format!(", entry @{entry}, exit @{exit}"),
        (Some(entry), None) => format!(", entry @{entry}"),
        (None, Some(exit)) => format!(", exit @{exit}"),
        (None, None) => String::new(),
    };
    words.line(format!("up to {}{prices}", closed.quantity));
    let fees: Vec<String> = closed
        .fees
        .iter()
        .map(|(currency, amount)| format!("{amount} {currency}"))
        .collect();
    words.maybe((!fees.is_empty()).then(|| format!("fees {}", fees.join(", "))));
    words.line(format!("✅ {}", count_phrase(&closed.count)));
    words.maybe(own_beside(&closed.count));
    words.maybe(note(&closed.count).filter(|_| !closed.count.synchronised));
    words.line(format!("opened {}", clock(closed.opened_us)));
    words
}

/// "+1.25" or "-1.25".
fn signed(money: &str) -> String {
    if money.starts_with('-') || money == "0" {
        money.to_owned()
    } else {
        format!("+{money}")
    }
}

fn cycle(event: &Event) -> String {
    event
        .cycle
        .map(|cycle| format!("  cycle {cycle}"))
        .unwrap_or_default()
}

fn plan(event: &Event, divergence: &Divergence) -> String {
    let symbol = event.symbol.as_deref().unwrap_or_default();
    format!("{symbol} {}{}", side(divergence.side), cycle(event))
}

fn slot(divergence: &Divergence) -> String {
    match &divergence.reference_price {
        Some(price) => format!("L{} @{price}", divergence.slot),
        None => format!("L{}", divergence.slot),
    }
}

pub(crate) fn divergence(event: &Event, divergence: &Divergence) -> Words {
    let mut words = Words::titled(format!("⚠️ ACCOUNTS DIVERGED  {}", plan(event, divergence)));
    let legs: Vec<String> = divergence.legs.iter().map(leg).collect();
    words.line(format!("{}: {}", slot(divergence), legs.join(" · ")));
    if divergence.count.shown != divergence.count.detected {
        words.line(format!("✅ {}", count_phrase(&divergence.count)));
        words.maybe(own_beside(&divergence.count));
    }
    words.maybe(note(&divergence.count).filter(|_| !divergence.count.synchronised));
    words
}

/// The accounts of a divergence and what is true of each: "MAIN", "filled 12:00:01Z".
#[must_use]
pub fn leg_parts(divergence: &Divergence) -> Vec<(String, String)> {
    let parts = divergence.legs.iter();
    parts
        .map(|leg| (account(&leg.account), state(leg)))
        .collect()
}

/// "MAIN filled 12:00:01Z" or "MIRROR still open 0/150 (checked 12:00:31Z)".
fn leg(leg: &DivergenceLeg) -> String {
    format!("{} {}", account(&leg.account), state(leg))
}

fn state(leg: &DivergenceLeg) -> String {
    let mut text = truth_phrase(leg.truth).to_owned();
    let shows_quantity = match leg.truth {
        Truth::Lagging | Truth::Partial | Truth::Cancelled | Truth::Rejected => true,
        Truth::Extra | Truth::Unfilled | Truth::Aligned | Truth::Pending => false,
        Truth::Missing | Truth::Unknown | Truth::Resolved => false,
    };
    if shows_quantity {
        text.push_str(&format!(" {}/{}", leg.filled_quantity, leg.quantity));
    }
    match (leg.truth, leg.filled_us, leg.checked_us) {
        (Truth::Aligned | Truth::Extra | Truth::Resolved, Some(filled), _) => {
            text.push_str(&format!(" {}", clock(filled)));
        }
        (_, _, Some(checked)) => text.push_str(&format!(" (checked {})", clock(checked))),
        _ => {}
    }
    text
}

pub(crate) fn resolved(event: &Event, divergence: &Divergence) -> Words {
    let mut words = Words::titled(format!(
        "✅ ACCOUNTS AGREE AGAIN  {}",
        plan(event, divergence)
    ));
    let legs: Vec<String> = divergence.legs.iter().map(leg).collect();
    words.line(format!("{}: {}", slot(divergence), legs.join(" · ")));
    words.line(format!("differed since {}", clock(divergence.since_us)));
    words
}

pub(crate) fn correction(event: &Event, correction: &Correction) -> Words {
    let mut words = Words::titled("✏️ COUNT CORRECTED");
    words.line(format!("📈 {}", headline(event, Some(correction.side))));
    words.line(format!("L{}: {}", correction.slot, correction.reason));
    words.line(format!(
        "✅ {} (was {})",
        count_phrase(&correction.count),
        correction.previous
    ));
    words.maybe(own_beside(&correction.count));
    words.maybe(note(&correction.count).filter(|_| !correction.count.synchronised));
    words
}

pub(crate) fn digest(digest: &Digest) -> Words {
    let events = if digest.events == 1 {
        "event"
    } else {
        "events"
    };
    let mut words = Words::titled(format!(
        "🗂 {} EARLIER {}  {} to {}",
        digest.events,
        events.to_uppercase(),
        clock(digest.from_us),
        clock(digest.to_us)
    ));
    for line in &digest.lines {
        words.line(line.clone());
    }
    words
}

pub(crate) fn system(event: &Event, system: &System) -> Words {
    let mark = match event.severity {
        Severity::Info => "ℹ️",
        Severity::Warning => "⚠️",
        Severity::Critical => "🚨",
    };
    let mut words = Words::titled(format!("{mark} FILLSYNC  {}", system.topic));
    words.line(system.text.clone());
    words.maybe(system.remedy.as_ref().map(|remedy| format!("→ {remedy}")));
    words
}
