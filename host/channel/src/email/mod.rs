//! E-mail, over SMTP.
//!
//! Promises: the connection is encrypted and the server's name is proven before a password or an alert
//! is sent (`tls = "none"` only to this machine); an alert always has the same Message-ID, so that a
//! repeat can be dropped; what belongs to an alert (a correction, the end of a divergence) is an answer
//! to it, so that mail programs show them together; a refusal for now (4xx) is tried again, one for
//! good (5xx) is a dead letter. The password stands in no error.
//! Deliberately absent: a queue of its own, several servers, signatures, and edits: what was delivered
//! stays delivered.

mod client;
mod config;
mod wire;

#[cfg(test)]
mod tests;

pub use client::Email;
pub use config::{KIND, Login, Settings, Tls};
