//! A webhook: an alert as JSON, posted to an address of the operator's.
//!
//! Promises: the same alert always carries the same `Idempotency-Key`, so a receiver can drop repeats;
//! with a secret, the body and its time are signed; a redirect is never followed, because it could
//! lead to an internal address. The address may itself be a secret, so errors name its host only.
//! Deliberately absent: any other method or content type, and client certificates.
//!
//! How a receiver checks the signature: `HMAC-SHA256(secret, timestamp + "." + body)` in lower-case
//! hex equals `X-Fillsync-Signature`, and `X-Fillsync-Timestamp` (seconds since 1970) is not old.

mod client;
mod config;
mod wire;

#[cfg(test)]
mod tests;

pub use client::Webhook;
pub use config::{KIND, Settings};
