//! The Alpaca Trading API v2.
//!
//! Executions are the `FILL` rows of the account's activities, oldest first. The id of such a row is a
//! local time and a uuid; only the uuid half identifies the execution, because the time is New York's and
//! repeats an hour each autumn. Orders that took another's place name it, positions of crypto spell their
//! symbol without the slash that fills have. The stream `trade_updates` tells the same executions sooner.
//! Deliberately absent: fees (Alpaca posts them later, in sums), the event feed over HTTP and the broker API.

mod client;
mod config;
mod key;
mod pages;
mod refusal;
mod session;
mod stream;
#[cfg(test)]
mod tests;
mod update;
pub mod wire;

pub use client::Alpaca;
