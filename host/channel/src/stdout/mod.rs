//! Standard output: alerts as plain text, for a terminal or a service's log.
//!
//! Promises: a message is written whole, in one piece, followed by one blank line, and is flushed; a
//! reader that has gone is a dead letter and not an endless retry. Writing happens on a thread that
//! may block, so a terminal that is held up stops no account.
//! Deliberately absent: editing (what is printed stays printed) and colours.

mod client;
mod config;
mod wire;

#[cfg(test)]
mod tests;

pub use client::Stdout;
pub use config::{KIND, Sink};
