//! The small pieces that lines are made of: names, counts, times, truths.

use fillsync_plugin::alert::{Account, Count, Event, OrderSide};
use fillsync_plugin::types::{PositionSide, Role, Truth};

/// "12:00:03Z" of microseconds since 1970; the day is left out, fractions are cut.
#[must_use]
pub fn clock(us: i64) -> String {
    let seconds = us.div_euclid(1_000_000).rem_euclid(86_400);
    format!(
        "{:02}:{:02}:{:02}Z",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    )
}

/// "2025-11-21T12:00:03Z" of microseconds since 1970, for receivers that show it in their own zone.
#[must_use]
pub fn date_time(us: i64) -> String {
    // Days to a date: the era is 400 years, the year begins in March.
    let days = us.div_euclid(86_400_000_000) + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 {
        march_month + 3
    } else {
        march_month - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}T{}", clock(us))
}

/// Where an alert belongs: its group, symbol and cycle, those that it has.
#[must_use]
pub fn place(event: &Event) -> Vec<String> {
    let group = event.group.clone();
    let symbol = event.symbol.clone();
    let cycle = event.cycle.map(|cycle| format!("cycle {cycle}"));
    [group, symbol, cycle].into_iter().flatten().collect()
}

/// "MAIN" or "MIRROR" for an account of that name, else its role with its name: "MIRROR mirror-2".
#[must_use]
pub(crate) fn account(account: &Account) -> String {
    let role = match account.role {
        Some(Role::Main) => "MAIN",
        Some(Role::Mirror) => "MIRROR",
        Some(Role::Observer) => "OBSERVER",
        None => return account.name.clone(),
    };
    if account.name.eq_ignore_ascii_case(role) {
        role.to_owned()
    } else {
        format!("{role} {}", account.name)
    }
}

pub(crate) const fn side(side: OrderSide) -> &'static str {
    match side {
        OrderSide::Buy => "Buy",
        OrderSide::Sell => "Sell",
    }
}

pub(crate) const fn position(side: PositionSide) -> &'static str {
    match side {
        PositionSide::Long => "long",
        PositionSide::Short => "short",
    }
}

/// "GTCUSDT Sell (MIRROR)": symbol, side and account, those that the alert has.
#[must_use]
pub fn headline(event: &Event, order_side: Option<OrderSide>) -> String {
    let mut words: Vec<String> = Vec::new();
    words.extend(event.symbol.clone());
    match (order_side, event.position) {
        (Some(order_side), _) => words.push(side(order_side).to_owned()),
        (None, Some(direction)) => words.push(position(direction).to_owned()),
        (None, None) => {}
    }
    if let Some(of) = &event.account {
        words.push(format!("({})", account(of)));
    }
    words.join(" ")
}

/// "2 of 3 orders filled [Synchronized count]": the mark stands there exactly when the shown count
/// is not the account's own.
#[must_use]
pub fn count_phrase(count: &Count) -> String {
    let at_least = if count.at_least && count.shown == count.detected {
        "at least "
    } else {
        ""
    };
    let orders = if count.total == 1 { "order" } else { "orders" };
    let mark = if count.shown == count.detected {
        ""
    } else {
        " [Synchronized count]"
    };
    format!(
        "{at_least}{} of {} {orders} filled{mark}",
        count.shown, count.total
    )
}

/// "1 seen (L1)", "at least 1 seen", "none seen": the account's own fact.
#[must_use]
pub(crate) fn own_fact(count: &Count, slots: &[u32]) -> String {
    let at_least = if count.at_least { "at least " } else { "" };
    let seen = match count.detected {
        0 if !count.at_least => "none".to_owned(),
        detected => detected.to_string(),
    };
    if slots.is_empty() {
        return format!("{at_least}{seen} seen");
    }
    let slots: Vec<String> = slots.iter().map(|slot| format!("L{slot}")).collect();
    format!("{at_least}{seen} seen ({})", slots.join(", "))
}

/// "   this account: 1 seen (L1); venue data complete to 12:00:03Z": beside a marked count, a lower
/// bound, or data that are not known to be complete.
#[must_use]
pub fn detail(count: &Count, own_slots: &[u32], coverage_to_us: Option<i64>) -> Option<String> {
    if count.shown == count.detected && !count.at_least {
        return None;
    }
    let complete = match coverage_to_us {
        Some(us) => format!("venue data complete to {}", clock(us)),
        None => "venue data not known to be complete".to_owned(),
    };
    Some(format!(
        "   this account: {}; {complete}",
        own_fact(count, own_slots)
    ))
}

/// Why the count is not synchronised, or what the strategy remarks.
#[must_use]
pub(crate) fn note(count: &Count) -> Option<String> {
    let note = count
        .note
        .as_deref()
        .map(str::trim)
        .filter(|note| !note.is_empty());
    match (count.synchronised, note) {
        (false, Some(note)) => Some(format!("   not synchronised: {note}")),
        (false, None) => Some("   not synchronised: the strategy gave no answer".to_owned()),
        (true, note) => note.map(|note| format!("   {note}")),
    }
}

/// "   not yet known: main": members whose facts do not yet reach past the fill.
#[must_use]
pub(crate) fn waiting(members: &[String]) -> Option<String> {
    (!members.is_empty()).then(|| format!("   not yet known: {}", members.join(", ")))
}

/// A truth in words, said of one account at one slot.
#[must_use]
pub const fn truth_phrase(truth: Truth) -> &'static str {
    match truth {
        Truth::Unfilled => "not filled",
        Truth::Aligned => "filled",
        Truth::Pending => "not seen yet",
        Truth::Lagging => "still open",
        Truth::Partial => "partly filled",
        Truth::Cancelled => "cancelled",
        Truth::Rejected => "rejected",
        Truth::Missing => "has no such order",
        Truth::Extra => "filled what main did not",
        Truth::Unknown => "not known",
        Truth::Resolved => "filled now",
    }
}

/// The line for a group that differs in truth: a synchronised count must not hide it (law 6).
///
/// Agreement is the ordinary case and gets no line; who is not seen yet stands among those waited for.
#[must_use]
pub(crate) fn group_truth(truth: Truth) -> Option<String> {
    let words = match truth {
        Truth::Aligned | Truth::Unfilled | Truth::Resolved | Truth::Pending => return None,
        Truth::Unknown => "accounts cannot be compared",
        Truth::Lagging => "an account's order is still open",
        Truth::Partial => "an account's order is only partly filled",
        Truth::Cancelled => "an account's order was cancelled",
        Truth::Rejected => "an account's order was rejected",
        Truth::Missing => "an account has no such order",
        Truth::Extra => "an account filled what main did not",
    };
    Some(format!("   {words}"))
}
