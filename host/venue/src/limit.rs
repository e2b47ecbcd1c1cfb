//! How fast one machine may ask: a bucket per key, a bucket per network address, and their bans.
//!
//! Venues count twice. Bybit allows 50 requests a second per key and endpoint, and 600 in 5 seconds
//! from one address over all keys; breaking the second bans every account of the machine for at least
//! ten minutes. So all accounts of a venue share one [`Address`], which also holds the HTTP clients and
//! remembers a ban. Waiting for a bucket happens here; waiting for a ban is the caller's.

use crate::OpenError;
use crate::http::Clients;
use fillsync_core::execution::VenueKind;
use fillsync_core::port::VenueError;
use governor::clock::Clock as _;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// At most `count` requests in any span of `period`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// How many; 0 counts as 1.
    pub count: u32,
    /// In which span.
    pub period: Duration,
}

impl Pace {
    /// A bucket holds a fifth of the count and fills with the rest over the period, so that no span of
    /// a period, wherever it begins, has more than the count.
    fn bucket(self) -> DefaultDirectRateLimiter {
        let burst = NonZeroU32::new(self.count / 5).unwrap_or(NonZeroU32::MIN);
        let steady = self.count.saturating_sub(burst.get()).max(1);
        let each = (self.period / steady).max(Duration::from_nanos(1));
        // `with_period` refuses only zero, which `each` is not.
        let quota = Quota::with_period(each).unwrap_or(Quota::per_second(NonZeroU32::MIN));
        RateLimiter::direct(quota.allow_burst(burst))
    }
}

/// The bounds of one venue's HTTP. The defaults are four fifths of what the venues publish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The pace of one key.
    pub per_key: Pace,
    /// The pace of all keys together; none where the venue does not count addresses.
    pub per_address: Option<Pace>,
    /// How fast streams may be opened, all keys together; none where the venue does not count them.
    pub streams_per_address: Option<Pace>,
    /// How often a stream is asked for a sign of life.
    pub stream_ping_every: Duration,
    /// The longest wait for that sign, after which the stream is over.
    pub stream_silence_max: Duration,
    /// The longest message of a stream.
    pub stream_message_bytes_max: usize,
    /// The longest wait for a connection.
    pub connect_timeout: Duration,
    /// The longest wait for an answer's head.
    pub head_timeout: Duration,
    /// The longest wait for all of an answer's body.
    pub body_timeout: Duration,
    /// The longest body that is read, after decompression.
    pub body_bytes_max: usize,
}

impl Limits {
    /// Bybit: 50/s per key and endpoint (kept for all endpoints together), 600 per 5 s per address, 500
    /// streams opened per 5 min and address, a ping every 20 s. Alpaca: 200/min per key.
    #[must_use]
    pub const fn of(venue: VenueKind) -> Self {
        let (per_key, per_address, streams_per_address) = match venue {
            VenueKind::Bybit => (
                Pace {
                    count: 40,
                    period: Duration::from_secs(1),
                },
                Some(Pace {
                    count: 480,
                    period: Duration::from_secs(5),
                }),
                Some(Pace {
                    count: 400,
                    period: Duration::from_secs(300),
                }),
            ),
            VenueKind::Alpaca => (
                Pace {
                    count: 160,
                    period: Duration::from_secs(60),
                },
                None,
                None,
            ),
        };
        Self {
            per_key,
            per_address,
            streams_per_address,
            stream_ping_every: Duration::from_secs(20),
            stream_silence_max: Duration::from_secs(15),
            stream_message_bytes_max: 1024 * 1024,
            connect_timeout: Duration::from_secs(5),
            head_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(20),
            body_bytes_max: 8 * 1024 * 1024,
        }
    }
}

/// A pause and its reason.
#[derive(Debug, Default)]
struct Pause(Mutex<Option<(Instant, String)>>);

impl Pause {
    fn until(&self, until: Instant, what: &str) {
        let mut pause = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if pause.as_ref().is_none_or(|(known, _)| *known < until) {
            *pause = Some((until, what.to_owned()));
        }
    }

    fn rest(&self) -> Option<(Duration, String)> {
        let mut pause = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (until, what) = pause.as_ref()?;
        let rest = until.saturating_duration_since(Instant::now());
        if rest.is_zero() {
            *pause = None;
            return None;
        }
        Some((rest, what.clone()))
    }
}

/// A bucket of many keys, with a line before it: without one the quickest would be served again and again.
#[derive(Debug)]
struct Turns {
    bucket: DefaultDirectRateLimiter,
    line: tokio::sync::Mutex<()>,
}

impl Turns {
    fn of(pace: Pace) -> Self {
        Self {
            bucket: pace.bucket(),
            line: tokio::sync::Mutex::default(),
        }
    }

    /// Waits for one's turn, in the order of coming.
    async fn next(&self) {
        let _first = self.line.lock().await;
        ready(&self.bucket).await;
    }
}

/// This machine's address as one venue counts it: shared by all accounts of that venue.
#[derive(Debug, Clone)]
pub struct Address {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    venue: VenueKind,
    limits: Limits,
    clients: Clients,
    requests: Option<Turns>,
    streams: Option<Turns>,
    ban: Pause,
}

impl Address {
    /// Makes the HTTP clients and the shared bucket of one venue.
    ///
    /// # Errors
    /// When the HTTP client cannot be built (no certificate store).
    pub fn new(venue: VenueKind, limits: Limits) -> Result<Self, OpenError> {
        Ok(Self {
            inner: Arc::new(Inner {
                venue,
                limits,
                clients: Clients::new(&limits)?,
                requests: limits.per_address.map(Turns::of),
                streams: limits.streams_per_address.map(Turns::of),
                ban: Pause::default(),
            }),
        })
    }

    /// The venue whose limits it keeps.
    #[must_use]
    pub fn venue(&self) -> VenueKind {
        self.inner.venue
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.inner.limits
    }

    pub(crate) fn clients(&self) -> &Clients {
        &self.inner.clients
    }
}

/// The way of one key to its venue.
#[derive(Debug)]
pub(crate) struct Gate {
    address: Address,
    key: DefaultDirectRateLimiter,
    pause: Pause,
}

impl Gate {
    pub(crate) fn new(address: &Address) -> Self {
        Self {
            address: address.clone(),
            key: address.limits().per_key.bucket(),
            pause: Pause::default(),
        }
    }

    /// Waits until the buckets allow one more request.
    ///
    /// # Errors
    /// [`VenueError::Wait`] when the address or the key was told to stay away and that is not over:
    /// nothing is sent then.
    pub(crate) async fn pass(&self) -> Result<(), VenueError> {
        self.open()?;
        ready(&self.key).await;
        if let Some(turns) = &self.address.inner.requests {
            turns.next().await;
        }
        // Another account may have met a ban while this one stood in line.
        self.open()
    }

    /// Waits until one more stream may be opened, which also counts as a request.
    ///
    /// # Errors
    /// As [`Gate::pass`].
    pub(crate) async fn pass_stream(&self) -> Result<(), VenueError> {
        if let Some(turns) = &self.address.inner.streams {
            self.open()?;
            turns.next().await;
        }
        self.pass().await
    }

    fn open(&self) -> Result<(), VenueError> {
        for (pause, whole_address) in [(&self.address.inner.ban, true), (&self.pause, false)] {
            if let Some((after, what)) = pause.rest() {
                return Err(VenueError::Wait {
                    after,
                    whole_address,
                    what,
                });
            }
        }
        Ok(())
    }

    /// Remembers a [`VenueError::Wait`] for everybody whom it concerns.
    pub(crate) fn remember(&self, error: &VenueError) {
        if let VenueError::Wait {
            after,
            whole_address,
            what,
        } = error
        {
            let until = Instant::now() + *after;
            let pause = if *whole_address {
                &self.address.inner.ban
            } else {
                &self.pause
            };
            pause.until(until, what);
        }
    }
}

async fn ready(bucket: &DefaultDirectRateLimiter) {
    while let Err(not_until) = bucket.check() {
        tokio::time::sleep(not_until.wait_time_from(bucket.clock().now())).await;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn wait(whole_address: bool) -> VenueError {
        VenueError::Wait {
            after: Duration::from_secs(600),
            whole_address,
            what: "too fast".to_owned(),
        }
    }

    #[tokio::test]
    async fn a_ban_of_the_address_holds_every_key_and_a_pause_only_its_own() {
        let address = Address::new(VenueKind::Bybit, Limits::of(VenueKind::Bybit)).unwrap();
        let (first, second) = (Gate::new(&address), Gate::new(&address));
        first.remember(&wait(false));
        assert!(matches!(
            first.pass().await,
            Err(VenueError::Wait {
                whole_address: false,
                ..
            })
        ));
        assert_eq!(second.pass().await, Ok(()));
        first.remember(&wait(true));
        assert!(matches!(
            second.pass().await,
            Err(VenueError::Wait {
                whole_address: true,
                ..
            })
        ));
    }

    #[tokio::test]
    async fn a_shorter_wait_does_not_end_a_longer_one() {
        let address = Address::new(VenueKind::Bybit, Limits::of(VenueKind::Bybit)).unwrap();
        let gate = Gate::new(&address);
        gate.remember(&wait(true));
        gate.remember(&VenueError::Wait {
            after: Duration::from_millis(1),
            whole_address: true,
            what: "shorter".to_owned(),
        });
        let Err(VenueError::Wait { after, .. }) = gate.pass().await else {
            unreachable!("the ban was forgotten")
        };
        assert!(after > Duration::from_secs(590), "{after:?}");
    }

    #[test]
    fn no_span_of_a_period_has_more_than_the_count() {
        // The bucket is full at the start and refills while it is emptied: both count.
        for pace in [
            Limits::of(VenueKind::Bybit).per_key,
            Limits::of(VenueKind::Bybit).per_address.unwrap(),
            Limits::of(VenueKind::Alpaca).per_key,
        ] {
            let burst = pace.count / 5;
            let bucket = pace.bucket();
            let at_once = (0..pace.count)
                .take_while(|_| bucket.check().is_ok())
                .count();
            let at_once = u32::try_from(at_once).unwrap();
            assert!(
                (burst..=burst + 1).contains(&at_once),
                "{at_once} of {pace:?}"
            );
            let each = pace.period / (pace.count - burst);
            assert!(
                burst + u32::try_from(pace.period.as_nanos() / each.as_nanos()).unwrap()
                    <= pace.count + 1
            );
        }
    }
}
