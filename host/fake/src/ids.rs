//! Ids that look like the venues' and repeat from run to run.
//!
//! Promise: the same seed, account and count give the same id, so a failing test shows the same ids again. Two fakes
//! with different seeds never share one. Deliberately absent: randomness and global counters.

use sha2::{Digest, Sha256};

/// Spot ids at Bybit are decimal strings beyond 32 bits; this is where ours begin.
const DECIMAL_BASE: u64 = 1_549_452_573_000_000_000;

/// Makes ids from a seed.
#[derive(Debug)]
pub(crate) struct IdSource {
    seed: String,
    count: u64,
}

impl IdSource {
    pub(crate) fn new(seed: &str) -> Self {
        Self {
            seed: seed.to_owned(),
            count: 0,
        }
    }

    /// A uuid-shaped id.
    pub(crate) fn uuid(&mut self, kind: &str, account: &str) -> String {
        self.count += 1;
        uuid_of(&format!("{}/{kind}/{account}/{}", self.seed, self.count))
    }

    /// A decimal id, as Bybit gives in the spot category.
    pub(crate) fn decimal(&mut self, kind: &str, account: &str) -> String {
        self.count += 1;
        let tail = digest_u64(&format!("{}/{kind}/{account}/{}", self.seed, self.count));
        (DECIMAL_BASE + tail % 999_999_999_999).to_string()
    }
}

/// The uuid (version 4 in form) that belongs to a text.
pub(crate) fn uuid_of(text: &str) -> String {
    let hex = hex::encode(Sha256::digest(text.as_bytes()));
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    format!(
        "{}-{}-4{}-a{}-{}",
        part(0, 8),
        part(8, 12),
        part(12, 15),
        part(15, 18),
        part(18, 30)
    )
}

/// Eight bytes of the text's digest.
pub(crate) fn digest_u64(text: &str) -> u64 {
    Sha256::digest(text.as_bytes())
        .iter()
        .take(8)
        .fold(0, |value, byte| (value << 8) | u64::from(*byte))
}
