//! A venue's clock, carried forward by this machine's monotonic clock.
//!
//! One answer of the venue with its time fixes the clock; from then on it runs with the monotonic
//! clock, so a jump of the host's wall clock can neither break signatures nor let coverage be claimed
//! for time that has not come. It is measured anew after [`KEEP`], after the venue refused a time
//! stamp, and when an answer disagrees. What is told as "now" is never ahead of the venue.

use fillsync_core::time::VenueTime;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// How long a measurement is used.
const KEEP: Duration = Duration::from_secs(600);

#[derive(Debug, Clone, Copy)]
struct Anchor {
    venue: VenueTime,
    /// The middle of the round trip in which the venue read its clock.
    middle: Instant,
    /// Half of that round trip: how far the truth may be from the estimate.
    doubt: Duration,
}

impl Anchor {
    fn at(self, moment: Instant) -> VenueTime {
        self.venue
            .plus(moment.saturating_duration_since(self.middle))
            .minus(self.middle.saturating_duration_since(moment))
    }
}

/// The clock of one venue as one account knows it.
#[derive(Debug, Default)]
pub(crate) struct VenueClock {
    anchor: Mutex<Option<Anchor>>,
    /// Held while somebody measures, so that one measurement serves all who wait.
    pub(crate) measuring: tokio::sync::Mutex<()>,
}

impl VenueClock {
    /// The best estimate, for signing; none when it has to be measured.
    pub(crate) fn estimate(&self) -> Option<VenueTime> {
        self.fresh().map(|anchor| anchor.at(Instant::now()))
    }

    /// A time that the venue has certainly reached; none when it has to be measured.
    pub(crate) fn reached(&self) -> Option<VenueTime> {
        self.fresh()
            .map(|anchor| anchor.at(Instant::now()).minus(anchor.doubt))
    }

    fn fresh(&self) -> Option<Anchor> {
        let anchor = *self.anchor.lock().unwrap_or_else(PoisonError::into_inner);
        anchor.filter(|anchor| anchor.middle.elapsed() < KEEP)
    }

    /// Takes a measurement: the venue read its clock somewhere between the two moments.
    pub(crate) fn measured(&self, venue: VenueTime, sent: Instant, received: Instant) {
        let doubt = received.saturating_duration_since(sent) / 2;
        *self.anchor.lock().unwrap_or_else(PoisonError::into_inner) = Some(Anchor {
            venue,
            middle: sent + doubt,
            doubt,
        });
    }

    /// Forgets the measurement.
    pub(crate) fn forget(&self) {
        *self.anchor.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Compares an answer's own time with the estimate and forgets a measurement that is off by more
    /// than `tolerance`.
    pub(crate) fn compare(
        &self,
        venue: VenueTime,
        sent: Instant,
        received: Instant,
        tolerance: Duration,
    ) {
        let Some(anchor) = self.fresh() else { return };
        let earliest = anchor.at(sent).minus(anchor.doubt + tolerance);
        let latest = anchor.at(received).plus(anchor.doubt + tolerance);
        if venue < earliest || venue > latest {
            tracing::info!(
                expected = %anchor.at(received),
                answered = %venue,
                "the venue's clock is not where it was measured; it will be measured again"
            );
            self.forget();
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn what_is_told_as_now_is_never_ahead_of_the_venue() {
        let clock = VenueClock::default();
        assert_eq!(clock.estimate(), None);
        let sent = Instant::now();
        tokio::time::advance(2 * SECOND).await;
        // The venue may have read its clock at the very end of the round trip.
        let venue = VenueTime::from_ms(1_000_000);
        clock.measured(venue, sent, Instant::now());
        assert_eq!(clock.estimate().unwrap(), venue.plus(SECOND));
        assert_eq!(clock.reached().unwrap(), venue);
        tokio::time::advance(KEEP).await;
        assert_eq!(clock.reached(), None, "an old measurement is not used");
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_disagrees_ends_a_measurement() {
        let clock = VenueClock::default();
        let now = Instant::now();
        clock.measured(VenueTime::from_ms(1_000_000), now, now);
        clock.compare(VenueTime::from_ms(1_000_900), now, now, SECOND);
        assert!(clock.estimate().is_some());
        clock.compare(VenueTime::from_ms(1_005_000), now, now, SECOND);
        assert_eq!(clock.estimate(), None);
    }
}
