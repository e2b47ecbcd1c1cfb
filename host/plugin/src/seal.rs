//! The proof that compiled code is ours: an HMAC-SHA256 over what it is the code of, and the code.
//!
//! Compiled code runs with the daemon's own rights and cannot be checked by reading it. So nothing is
//! taken for code but what [`Seal::open`] gave: bytes that somebody with the key closed under the same
//! name. Two keys are in use: the cache's, in a file of its own, and one that is drawn for each child
//! that compiles and dies with it. Deliberately absent: anything that makes code run.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The first bytes of what is sealed; the digit counts this format.
const MAGIC: &[u8; 8] = b"fillsy\x001";
const MAC_BYTES: usize = 32;
/// How long a key is.
pub(crate) const KEY_BYTES: usize = 32;

/// A key that proves compiled code.
pub(crate) struct Seal {
    key: [u8; KEY_BYTES],
}

/// Code whose seal was verified; only [`Seal::open`] makes one.
pub(crate) struct Proven<'a> {
    code: &'a [u8],
}

impl<'a> Proven<'a> {
    pub(crate) const fn code(&self) -> &'a [u8] {
        self.code
    }
}

impl Seal {
    pub(crate) const fn new(key: [u8; KEY_BYTES]) -> Self {
        Self { key }
    }

    /// A key that nobody had before.
    pub(crate) fn drawn() -> Result<Self, getrandom::Error> {
        let mut key = [0; KEY_BYTES];
        getrandom::fill(&mut key)?;
        Ok(Self { key })
    }

    pub(crate) const fn key(&self) -> &[u8; KEY_BYTES] {
        &self.key
    }

    /// What stands before the code so that [`Seal::open`] believes it.
    pub(crate) fn header(&self, name: &str, code: &[u8]) -> [u8; MAGIC.len() + MAC_BYTES] {
        let mac = self.mac(name, code).finalize().into_bytes();
        let mut header = [0; MAGIC.len() + MAC_BYTES];
        let (magic, rest) = header.split_at_mut(MAGIC.len());
        magic.copy_from_slice(MAGIC);
        rest.copy_from_slice(&mac);
        header
    }

    /// The code, if it was sealed with this key under this name and not changed since.
    pub(crate) fn open<'a>(&self, name: &str, sealed: &'a [u8]) -> Option<Proven<'a>> {
        let rest = sealed.strip_prefix(MAGIC)?;
        let (mac, code) = rest.split_at_checked(MAC_BYTES)?;
        self.mac(name, code).verify_slice(mac).ok()?;
        Some(Proven { code })
    }

    fn mac(&self, name: &str, code: &[u8]) -> Hmac<Sha256> {
        #[allow(clippy::expect_used, reason = "HMAC takes keys of any length")]
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.key).expect("HMAC takes keys of any length");
        mac.update(&(name.len() as u64).to_le_bytes());
        mac.update(name.as_bytes());
        mac.update(code);
        mac
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_seal_opens_what_it_closed_and_nothing_else() {
        let (seal, other) = (Seal::drawn().unwrap(), Seal::drawn().unwrap());
        let code = b"some code";
        let sealed = [seal.header("a", code).as_slice(), code].concat();
        assert_eq!(seal.open("a", &sealed).unwrap().code(), code);
        assert!(seal.open("b", &sealed).is_none(), "another name");
        assert!(other.open("a", &sealed).is_none(), "another key");
        for length in 0..sealed.len() {
            assert!(
                seal.open("a", &sealed[..length]).is_none(),
                "cut at {length}"
            );
        }
        for bit in 0..sealed.len() * 8 {
            let mut changed = sealed.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(seal.open("a", &changed).is_none(), "bit {bit}");
        }
        // Name and code cannot be shifted into each other.
        let shifted = [seal.header("ab", b"c").as_slice(), b"bc"].concat();
        assert!(seal.open("a", &shifted).is_none());
    }
}
