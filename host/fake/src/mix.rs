//! Faults mixed by a seed: a plan without end whose every draw depends on the seed and the place alone.
//!
//! Promise: the same seed gives the n-th request of an account and path the same fault in every run, whatever other
//! requests come between. The mixture is bounded three ways (how often, how many in a row, how many altogether), so a
//! client that tries again always gets through. Deliberately absent: faults after which a client has to stop (a wrong
//! key, a ban of the address); a script plans those by name.

use std::collections::BTreeMap;

use crate::fault::Fault;
use crate::ids::digest_u64;
use crate::stream::StreamFault;

/// Places that a mixture keeps count of; more share one count.
const PLACES_MAX: usize = 10_000;
const OUT_OF: u64 = 100;

/// A mixture of faults. `F` is [`Fault`] for requests, [`StreamFault`] for frames of news.
#[derive(Clone, Debug)]
pub struct Mix<F> {
    seed: u64,
    kinds: Vec<F>,
    per_hundred: u8,
    in_a_row_max: u32,
    total_max: u32,
    total: u32,
    places: BTreeMap<String, Place>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Place {
    asked: u64,
    in_a_row: u32,
}

impl<F: Clone> Mix<F> {
    /// A mixture of these kinds, each as likely as the others: 20 of 100, two in a row at most, 500 altogether.
    #[must_use]
    pub fn new(seed: u64, kinds: Vec<F>) -> Self {
        Self {
            seed,
            kinds,
            per_hundred: 20,
            in_a_row_max: 2,
            total_max: 500,
            total: 0,
            places: BTreeMap::new(),
        }
    }

    /// How many of a hundred meet a fault (at most 90).
    #[must_use]
    pub fn per_hundred(mut self, per_hundred: u8) -> Self {
        self.per_hundred = per_hundred.min(90);
        self
    }

    /// How many faults one account and path meets in a row.
    #[must_use]
    pub fn in_a_row_max(mut self, count: u32) -> Self {
        self.in_a_row_max = count;
        self
    }

    /// How many faults there are altogether; after these the mixture is used up.
    #[must_use]
    pub fn total_max(mut self, count: u32) -> Self {
        self.total_max = count;
        self
    }

    /// The fault of the next one at this place.
    pub(crate) fn draw(&mut self, place: &str) -> Option<F> {
        if self.total >= self.total_max || self.kinds.is_empty() {
            return None;
        }
        let is_known = self.places.contains_key(place) || self.places.len() < PLACES_MAX;
        let name = if is_known { place } else { "elsewhere" };
        let counts = self.places.entry(name.to_owned()).or_default();
        counts.asked += 1;
        let digest = digest_u64(&format!("{}/{name}/{}", self.seed, counts.asked));
        if counts.in_a_row >= self.in_a_row_max || digest % OUT_OF >= u64::from(self.per_hundred) {
            counts.in_a_row = 0;
            return None;
        }
        counts.in_a_row += 1;
        self.total += 1;
        let choices = self.kinds.len() as u64;
        let choice = usize::try_from((digest >> 32) % choices).unwrap_or_default();
        self.kinds.get(choice).cloned()
    }
}

impl Mix<Fault> {
    /// What a Bybit client has to live through: overload, limits, clocks, proxies, broken connections and pages.
    #[must_use]
    pub fn bybit(seed: u64) -> Self {
        let mut kinds = common();
        kinds.extend([
            Fault::refuse(10000, "Server Timeout"),
            Fault::refuse(10016, "Server error."),
            Fault::refuse(
                429,
                "The trading service is experiencing a high server load.",
            ),
            Fault::refuse(10002, "The request time exceeds the time window range."),
            Fault::TooManyRequests {
                retry_after_s: 0,
                with_headers: true,
            },
        ]);
        Self::new(seed, kinds)
    }

    /// What an Alpaca client has to live through.
    #[must_use]
    pub fn alpaca(seed: u64) -> Self {
        let mut kinds = common();
        kinds.extend([
            Fault::refuse(50_010_000, "internal server error occurred"),
            Fault::status(429, "{\"message\":\"too many requests.\"}"),
            Fault::TooManyRequests {
                retry_after_s: 1,
                with_headers: true,
            },
        ]);
        Self::new(seed, kinds)
    }
}

impl Mix<StreamFault> {
    /// What a stream's client has to live through. Answers to its own messages are left alone.
    #[must_use]
    pub fn frames(seed: u64) -> Self {
        let kinds = vec![
            StreamFault::Drop,
            StreamFault::Duplicate,
            StreamFault::Delay { ms: 30 },
            StreamFault::Late { ms: 60 },
            StreamFault::Cut,
        ];
        Self::new(seed, kinds)
    }
}

fn common() -> Vec<Fault> {
    vec![
        Fault::status(502, "<html><body>502 Bad Gateway</body></html>"),
        Fault::Html,
        Fault::Delay { ms: 40 },
        Fault::DelayAnswer { ms: 40 },
        Fault::CutBody { keep_bytes: 60 },
        Fault::SlowBody {
            piece_bytes: 256,
            every_ms: 5,
        },
        Fault::RepeatPage,
        Fault::DropConnection,
        Fault::LoseAnswer,
    ]
}
