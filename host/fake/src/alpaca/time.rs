//! Alpaca's two ways of writing time: RFC 3339 in fields, New York local digits in activity ids.
//!
//! Promise: the digits follow New York's clock changes, so ids of one autumn hour repeat their digits and are not in
//! order of time, as at the venue. The rule in force since 2007 is built in; no time zone database is needed.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// New York's rule since 2007, as POSIX writes it.
const NEW_YORK: &str = "EST5EDT,M3.2.0,M11.1.0";

fn new_york() -> TimeZone {
    TimeZone::posix(NEW_YORK).unwrap_or(TimeZone::UTC)
}

/// `2026-11-20T14:30:00.123456Z`; trailing zeros of the fraction are left out, as the venue does.
pub(crate) fn rfc3339(at_us: i64) -> String {
    Timestamp::from_microsecond(at_us)
        .map(|time| time.to_string())
        .unwrap_or_default()
}

/// Unix microseconds of an RFC 3339 time or a plain date (UTC midnight); finer digits are cut off.
pub(crate) fn parse(text: &str) -> Option<i64> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Some(time.as_microsecond());
    }
    let date = text.parse::<jiff::civil::Date>().ok()?;
    Some(
        date.to_zoned(TimeZone::UTC)
            .ok()?
            .timestamp()
            .as_microsecond(),
    )
}

/// The date in New York, `2026-11-20`.
pub(crate) fn new_york_date(at_us: i64) -> String {
    local(at_us)
        .map(|time| time.date().to_string())
        .unwrap_or_default()
}

/// The 17 digits before an activity id's `::`.
pub(crate) fn new_york_digits(at_us: i64, twelve_hours: bool) -> String {
    let Some(time) = local(at_us) else {
        return String::new();
    };
    let hour = match (twelve_hours, time.hour()) {
        (false, hour) => hour,
        (true, hour) => (hour + 11) % 12 + 1,
    };
    format!(
        "{:04}{:02}{:02}{:02}{:02}{:02}{:03}",
        time.year(),
        time.month(),
        time.day(),
        hour,
        time.minute(),
        time.second(),
        time.millisecond(),
    )
}

fn local(at_us: i64) -> Option<jiff::Zoned> {
    Timestamp::from_microsecond(at_us)
        .ok()
        .map(|time| time.to_zoned(new_york()))
}
