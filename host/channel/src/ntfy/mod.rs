//! ntfy, the public server or one of your own: messages as JSON, with title, tags and a priority.
//!
//! Promises: an alert's severity is its priority, so that a phone rings for what must be seen now; a
//! message is at most 4,096 bytes, because a longer one would become a file; token and password go
//! out as a header and stand in no error, nor does the topic, which on an open server is a password.
//! Deliberately absent: edits, actions, attachments and delays.

mod client;
mod config;
mod wire;

#[cfg(test)]
mod tests;

pub use client::Ntfy;
pub use config::{BASE_URL, KIND, Login, Settings};
