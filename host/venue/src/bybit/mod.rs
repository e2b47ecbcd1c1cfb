//! Bybit V5.
//!
//! Executions come from `execution/list`, unfiltered: it mixes fills with funding, liquidations and
//! settlements, and a filter for trades would hide the latter. Orders come from `order/realtime` (open,
//! or lately ended) and `order/history` (one order, by id, or what the other list no longer has), positions from `position/list`. Only `retCode` decides what an
//! answer means; texts are localised. The private stream tells the same rows sooner. Deliberately absent:
//! `execution.fast` (no fee, no client order id), and RSA keys.

mod client;
mod closed;
mod config;
pub mod envelope;
mod key;
mod options;
mod pages;
mod refusal;
mod session;
mod stream;
mod symbol;
#[cfg(test)]
mod tests;
pub mod wire;

pub use client::Bybit;
pub use config::LINEAR_SETTLE_COINS;
