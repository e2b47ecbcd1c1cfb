//! Times as answers write them: RFC 3339 in UTC with six fraction digits.

use fillsync_core::time::{HostTime, VenueTime};
use serde_json::Value;

/// Names under which an alert keeps moments of venue time as microseconds.
const MOMENTS_OF_ALERTS: [&str; 8] = [
    "at",
    "checked_at",
    "coverage_to",
    "filled_at",
    "from",
    "opened",
    "since",
    "to",
];

pub(crate) fn venue(time: VenueTime) -> String {
    time.to_string()
}

pub(crate) fn venue_option(time: Option<VenueTime>) -> Option<String> {
    time.map(venue)
}

pub(crate) fn host(time: HostTime) -> String {
    time.to_string()
}

/// A moment for a table, to the second, as in `2027-01-15T08:00:00Z`; what is less than a second is cut.
pub(crate) fn second(us: i64) -> String {
    let whole = us.saturating_sub(us.rem_euclid(1_000_000));
    VenueTime::from_us(whole)
        .to_string()
        .replace(".000000Z", "Z")
}

/// The same for a beginning, which a cut second would make earlier than it is.
pub(crate) fn second_from(us: i64) -> String {
    second(us.saturating_add(999_999))
}

/// A span for a table: `850ms`, `12s`, `7m`, `30h`, `4d`.
pub(crate) fn span(ms: u64) -> String {
    match ms {
        0..1_000 => format!("{ms}ms"),
        1_000..120_000 => format!("{}s", ms / 1_000),
        120_000..7_200_000 => format!("{}m", ms / 60_000),
        7_200_000..172_800_000 => format!("{}h", ms / 3_600_000),
        _ => format!("{}d", ms / 86_400_000),
    }
}

/// A span between two moments in whole milliseconds; nothing where the later one is not later.
pub(crate) fn span_ms(from: i64, to: i64) -> u64 {
    u64::try_from(to.saturating_sub(from) / 1_000).unwrap_or(0)
}

/// Rewrites the moments inside an alert's body, which are numbers there, as text. Amounts are
/// strings and counts have other names, so a number under one of these names is a moment.
pub(crate) fn readable_moments(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields.iter_mut() {
                match field.as_i64() {
                    Some(us) if MOMENTS_OF_ALERTS.contains(&name.as_str()) => {
                        *field = Value::String(venue(VenueTime::from_us(us)));
                    }
                    _ => readable_moments(field),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(readable_moments),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
