//! Slack, in two ways: an incoming webhook, or a bot that calls `chat.postMessage` and `chat.update`.
//!
//! Promises: what a formatter wrote is read as it was meant, because styles travel as `rich_text` and
//! not as marks within the text; the plain text beside it (for notifications) is escaped, so nobody is
//! called; `ok: false` within a 200 is a refusal; a wait that Slack asks for is passed on. Address and
//! token are in no error. Only a bot gets a message's id, so only a bot edits.
//! Deliberately absent: buttons, threads, files, and unfurled links.

mod client;
mod config;
mod wire;

#[cfg(test)]
mod tests;

pub use client::Slack;
pub use config::{BASE_URL, KIND, PACE, Settings, Way};
