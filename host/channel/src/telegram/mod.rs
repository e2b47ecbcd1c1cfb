//! Telegram, through the Bot API: `sendMessage` and `editMessageText` with HTML.
//!
//! Promises: what formatters write is escaped here; a message is at most 4096 UTF-16 units after its
//! markup is read, cut at a line; a wait that Telegram asks for is passed on as it is; a bad token, a
//! chat that is gone or forbidden is a dead letter whose remedy names the setting. The token is part
//! of every address, so no error carries an address, and what Telegram says is redacted.
//! Deliberately absent: reading updates, and any retry but one: a group that became a supergroup has a
//! new id, under which the same message is sent again at once.

mod client;
mod config;
mod wire;

#[cfg(test)]
mod tests;

pub use client::Telegram;
pub use config::{BASE_URL, ChatId, KIND, PACE_GROUP, PACE_USER, Settings};
