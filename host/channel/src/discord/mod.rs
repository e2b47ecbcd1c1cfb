//! Discord, through a webhook: messages with `wait=true`, edits by the message's id.
//!
//! Promises: no text of ours calls anybody (`allowed_mentions` is empty, whatever a formatter wrote);
//! what a formatter wrote is escaped; the pace is what Discord's own headers say, none of it is written
//! here; a webhook that is gone (404) is never called again. The address is the password, so it is in
//! no error. Without `wait` a message that is not saved would be no error, so it is always asked for.
//! Deliberately absent: bots, files, and speaking in another name.

mod client;
mod config;
mod wire;

#[cfg(test)]
mod tests;

pub use client::Discord;
pub use config::{KIND, Settings};
