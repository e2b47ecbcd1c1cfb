//! Quiet hours: a time of day, a time zone, and the question whether it is quiet now.
//!
//! A zone is a fixed offset or a name of the time zone database: that of this machine, or the one that
//! the binary carries where it has none. Pure but for that database: the same moment gives the same
//! answer. What is done with messages that come in quiet hours is not decided here.

use crate::read::{Read, Value, nearest, quoted};
use crate::schema::Quiet;
use crate::value::ValueError;
use fillsync_core::alert::Severity;
use fillsync_core::time::HostTime;
use jiff::civil::Time;
use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, ToSpan as _};

/// A time of day, to the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimeOfDay(Time);

impl TimeOfDay {
    /// Reads `HH:MM`, or `HH:MM:SS`.
    ///
    /// # Errors
    /// When it has another form.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        let wrong = || ValueError {
            wanted: "a time of day has hours and minutes, from 00:00 to 23:59".to_owned(),
            remedy: "write for instance \"22:00\"".to_owned(),
        };
        let parts: Vec<i8> = text
            .split(':')
            .map(|part| match part.as_bytes() {
                [a, b] if a.is_ascii_digit() && b.is_ascii_digit() => part.parse().ok(),
                _ => None,
            })
            .collect::<Option<_>>()
            .ok_or_else(wrong)?;
        let time = match parts.as_slice() {
            [hour, minute] => Time::new(*hour, *minute, 0, 0),
            [hour, minute, second] => Time::new(*hour, *minute, *second, 0),
            _ => return Err(wrong()),
        };
        time.map(Self).map_err(|_| wrong())
    }
}

/// Where a time of day holds.
#[derive(Debug, Clone)]
pub struct Zone {
    name: String,
    zone: TimeZone,
}

impl PartialEq for Zone {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Zone {}

impl Zone {
    /// Reads `UTC`, a fixed offset (`+02:00`), or a name of the time zone database (`Europe/Berlin`).
    ///
    /// # Errors
    /// When it is none of them.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        let zone = if text.starts_with(['+', '-']) {
            fixed(text).map(TimeZone::fixed)
        } else {
            TimeZone::get(text).ok()
        };
        if let Some(zone) = zone {
            return Ok(Self {
                name: text.to_owned(),
                zone,
            });
        }
        let names: Vec<String> = jiff::tz::db()
            .available()
            .map(|name| name.as_str().to_owned())
            .collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        Err(ValueError {
            wanted: format!("{} is no time zone", quoted(text)),
            remedy: nearest(text, &names).map_or_else(
                || "write for instance \"Europe/Berlin\", \"UTC\" or \"+02:00\"".to_owned(),
                |near| format!("did you mean `{near}`?"),
            ),
        })
    }
}

/// An offset from UTC, as `+02:00` or `-05:30`.
fn fixed(text: &str) -> Option<Offset> {
    let (sign, rest) = match text.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = rest.split_once(':')?;
    let number = |part: &str| match part.as_bytes() {
        [a, b] if a.is_ascii_digit() && b.is_ascii_digit() => part.parse::<i32>().ok(),
        _ => None,
    };
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    if hours > 14 || minutes > 59 {
        return None;
    }
    Offset::from_seconds(sign * (hours * 3_600 + minutes * 60)).ok()
}

/// The least severe alert that is sent in quiet hours; none where nothing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreaksThrough(pub Option<Severity>);

impl Read for BreaksThrough {
    fn read(value: &Value<'_>) -> Option<Self> {
        value.choice(&[
            ("critical", Self(Some(Severity::Critical))),
            ("warning", Self(Some(Severity::Warning))),
            ("none", Self(None)),
        ])
    }
}

impl Quiet {
    /// When the quiet hours end in which a moment lies; none where it lies in none.
    #[must_use]
    pub fn until(&self, now: HostTime) -> Option<HostTime> {
        let (from, to) = (self.from.0, self.to.0);
        let at = Timestamp::from_microsecond(now.us()).ok()?;
        let local = at.to_zoned(self.zone.zone.clone());
        let (today, time) = (local.date(), local.time());
        let last_day = if from < to {
            (from <= time && time < to).then_some(today)
        } else if time < to {
            Some(today)
        } else if from <= time {
            today.checked_add(1.day()).ok()
        } else {
            None
        }?;
        // A time that the clock leaves out in spring is the one an hour later; one that comes twice in
        // autumn is the first.
        let end = last_day
            .to_datetime(to)
            .to_zoned(self.zone.zone.clone())
            .ok()?;
        Some(HostTime::from_us(end.timestamp().as_microsecond()))
    }

    /// Whether an alert of this severity is sent although it is quiet.
    #[must_use]
    pub fn lets_through(&self, severity: Severity) -> bool {
        self.breaks_through.0.is_some_and(|least| severity >= least)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn quiet(from: &str, to: &str, zone: &str) -> Quiet {
        Quiet {
            from: TimeOfDay::parse(from).unwrap(),
            to: TimeOfDay::parse(to).unwrap(),
            zone: Zone::parse(zone).unwrap(),
            breaks_through: BreaksThrough(Some(Severity::Critical)),
        }
    }

    fn until(quiet: &Quiet, now: &str) -> Option<String> {
        let end = quiet.until(HostTime::parse(now).unwrap())?;
        Some(end.to_string().replace(".000000", ""))
    }

    #[test]
    fn the_night_ends_on_the_next_day() {
        let night = quiet("22:00", "07:00", "UTC");
        assert_eq!(until(&night, "2026-11-28T21:59:59Z"), None);
        let end = Some("2026-11-29T07:00:00Z".to_owned());
        assert_eq!(until(&night, "2026-11-28T22:00:00Z"), end);
        assert_eq!(until(&night, "2026-11-29T06:59:59Z"), end);
        assert_eq!(until(&night, "2026-11-29T07:00:00Z"), None);
    }

    #[test]
    fn an_hour_of_the_day_ends_on_the_same_day() {
        let noon = quiet("12:00", "13:30:15", "+02:00");
        assert_eq!(until(&noon, "2026-11-28T09:59:59Z"), None);
        assert_eq!(
            until(&noon, "2026-11-28T10:00:00Z").as_deref(),
            Some("2026-11-28T11:30:15Z")
        );
        assert_eq!(until(&noon, "2026-11-28T11:30:15Z"), None);
    }

    #[test]
    fn a_night_on_which_the_clock_is_changed_ends_when_the_wall_clock_says_so() {
        let night = quiet("22:00", "07:00", "Europe/Berlin");
        // Winter: 07:00 is 06:00 UTC; summer: 05:00 UTC. The night of 29 March 2026 is an hour shorter.
        assert_eq!(
            until(&night, "2026-03-28T06:30:00Z"),
            None,
            "07:30 in Berlin"
        );
        assert_eq!(
            until(&night, "2026-03-28T22:00:00Z").as_deref(),
            Some("2026-03-29T05:00:00Z")
        );
        // The night of 25 October 2026 is an hour longer.
        assert_eq!(
            until(&night, "2026-10-24T20:00:00Z").as_deref(),
            Some("2026-10-25T06:00:00Z")
        );
        // 02:30 does not exist on 29 March: the hours end when the clock has jumped over it.
        let short = quiet("01:00", "02:30", "Europe/Berlin");
        assert_eq!(
            until(&short, "2026-03-29T00:30:00Z").as_deref(),
            Some("2026-03-29T01:30:00Z")
        );
    }

    #[test]
    fn only_times_and_zones_that_exist_are_taken() {
        for text in ["24:00", "7:00", "07", "07:60", "07:00:00:00", "+7:00", ""] {
            assert!(TimeOfDay::parse(text).is_err(), "{text:?}");
        }
        for text in ["UTC", "+02:00", "-05:30", "America/New_York"] {
            assert!(Zone::parse(text).is_ok(), "{text:?}");
        }
        for text in ["+2", "+15:00", "+02:60", "Europe/Nowhere", ""] {
            assert!(Zone::parse(text).is_err(), "{text:?}");
        }
        let error = Zone::parse("Europe/Berln").unwrap_err();
        assert_eq!(error.remedy, "did you mean `Europe/Berlin`?");
    }

    #[test]
    fn what_breaks_through_is_as_severe_as_was_asked_for() {
        let mut quiet = quiet("22:00", "07:00", "UTC");
        assert!(quiet.lets_through(Severity::Critical) && !quiet.lets_through(Severity::Warning));
        quiet.breaks_through = BreaksThrough(None);
        assert!(!quiet.lets_through(Severity::Critical));
    }
}
