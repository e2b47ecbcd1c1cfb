//! A signer that makes what `minisign -S` makes: keys, and signatures beside a file.
//!
//! The command itself need not be there, and a crate that signs would bring a second digest into the
//! build of everything. What is made here is read by the crate that the daemon verifies with.

use ring::signature::{Ed25519KeyPair, KeyPair as _};

/// The number of this signer's key, in key and signature.
const KEY_ID: [u8; 8] = *b"fillsync";

/// A pair of keys that was made for one test.
pub struct Signer {
    pair: Ed25519KeyPair,
}

impl Signer {
    /// The signer of a seed: other seeds are other signers.
    pub fn new(seed: u8) -> Self {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap();
        Self { pair }
    }

    /// The public key, as the second line of a `.pub` file.
    pub fn key(&self) -> String {
        base64(&[b"Ed".as_slice(), &KEY_ID, self.pair.public_key().as_ref()].concat())
    }

    /// The signature's file about a content under a file's name.
    pub fn sign(&self, bytes: &[u8], file: &str) -> Vec<u8> {
        let hash = blake2b_simd::blake2b(bytes);
        let signature = self.pair.sign(hash.as_bytes());
        let comment = format!("timestamp:1763726400\tfile:{file}\thashed");
        let whole = self
            .pair
            .sign(&[signature.as_ref(), comment.as_bytes()].concat());
        format!(
            "untrusted comment: signature of a test\n{}\ntrusted comment: {comment}\n{}\n",
            base64(&[b"ED".as_slice(), &KEY_ID, signature.as_ref()].concat()),
            base64(whole.as_ref())
        )
        .into_bytes()
    }
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    bytes
        .chunks(3)
        .flat_map(|part| {
            let three = [0, 1, 2].map(|at| u32::from(part.get(at).copied().unwrap_or_default()));
            let bits = three[0] << 16 | three[1] << 8 | three[2];
            (0..4).map(move |digit| {
                if digit > part.len() {
                    '='
                } else {
                    char::from(DIGITS[(bits >> (18 - 6 * digit) & 63) as usize])
                }
            })
        })
        .collect()
}
