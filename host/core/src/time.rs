//! Two clocks that are never mixed: the venue's and the host's.
//!
//! Both count microseconds since 1970-01-01T00:00:00Z. Facts, coverage and cursors live in
//! [`VenueTime`]; deadlines, attempts and "seen at" live in [`HostTime`]. Nothing here reads a clock:
//! a time comes from a venue's answer or from the [`crate::port::Clock`] port.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// A time could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("time {text:?} is not RFC 3339 (as in 2026-11-21T12:00:00.123Z)")]
pub struct TimeError {
    /// What stood there.
    pub text: String,
}

macro_rules! clock_time {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(i64);

        impl $name {
            /// The start of the count, before anything that a venue can report.
            pub const EPOCH: Self = Self(0);

            /// From microseconds since 1970.
            #[must_use]
            pub const fn from_us(us: i64) -> Self {
                Self(us)
            }

            /// From milliseconds since 1970, as Bybit writes times.
            #[must_use]
            pub const fn from_ms(ms: i64) -> Self {
                Self(ms.saturating_mul(1_000))
            }

            /// Microseconds since 1970.
            #[must_use]
            pub const fn us(self) -> i64 {
                self.0
            }

            /// Milliseconds since 1970, cut towards the past.
            #[must_use]
            pub const fn ms(self) -> i64 {
                self.0.div_euclid(1_000)
            }

            /// Later by a span; stays at the end of time when there is no later.
            #[must_use]
            pub fn plus(self, span: Duration) -> Self {
                Self(self.0.saturating_add(span_us(span)))
            }

            /// Earlier by a span; stays at the start of time when there is no earlier.
            #[must_use]
            pub fn minus(self, span: Duration) -> Self {
                Self(self.0.saturating_sub(span_us(span)))
            }

            /// How much later this is than `earlier`; zero when it is not later.
            #[must_use]
            pub fn since(self, earlier: Self) -> Duration {
                Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
            }

            /// Reads RFC 3339 with any number of fraction digits (those below a microsecond are cut).
            ///
            /// # Errors
            /// When the text is not RFC 3339.
            pub fn parse(text: &str) -> Result<Self, TimeError> {
                let time: jiff::Timestamp = text.parse().map_err(|_| TimeError {
                    text: text.to_owned(),
                })?;
                Ok(Self(time.as_microsecond()))
            }

            /// `12:00:03Z`, for messages: the day is left out, fractions are cut.
            #[must_use]
            pub fn clock(self) -> String {
                let text = self.to_string();
                match text.get(11..19) {
                    Some(clock) => format!("{clock}Z"),
                    None => text,
                }
            }
        }

        impl fmt::Display for $name {
            /// RFC 3339 in UTC with exactly six fraction digits, so that texts sort as times do.
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match jiff::Timestamp::from_microsecond(self.0) {
                    Ok(time) => write!(f, "{time:.6}"),
                    Err(_) => write!(f, "{}us", self.0),
                }
            }
        }
    };
}

clock_time!(
    /// A moment in a venue's own clock, in microseconds.
    VenueTime
);
clock_time!(
    /// A moment in this machine's clock, in microseconds.
    HostTime
);

fn span_us(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_print_so_that_they_sort() {
        let time = VenueTime::from_ms(1_700_000_000_123);
        assert_eq!(time.to_string(), "2023-11-14T22:13:20.123000Z");
        assert_eq!(time.clock(), "22:13:20Z");
    }

    #[test]
    fn offsets_and_nanoseconds_are_read() {
        let a = VenueTime::parse("2021-03-16T14:38:01.966123456-04:00");
        let b = VenueTime::parse("2021-03-16T18:38:01.966123Z");
        assert_eq!(a, b);
        assert!(VenueTime::parse("yesterday").is_err());
    }

    #[test]
    fn spans_saturate() {
        assert_eq!(
            VenueTime::from_us(i64::MAX)
                .plus(Duration::from_secs(1))
                .us(),
            i64::MAX
        );
        assert_eq!(
            VenueTime::EPOCH.since(VenueTime::from_us(5)),
            Duration::ZERO
        );
    }
}
