//! The pure domain of fillsync.
//!
//! What is here decides: how executions become cycles, how orders become legs and slots, what is
//! true, what is to be shown and what is to be said. It does no I/O and has no clock, no randomness
//! and no floats, so the same facts give the same answer on any machine; `Cargo.toml` proves the
//! first and `clippy.toml` the rest. The engines (SQLite, wasmtime, HTTP) live behind the traits of
//! [`port`], in packages that depend on this one and never the other way round.

pub mod alert;
pub mod amount;
pub mod backoff;
mod chain;
pub mod coverage;
pub mod cut;
pub mod cycle;
pub mod execution;
pub mod group;
pub mod id;
pub mod join;
pub mod judge;
pub mod leg;
pub mod limits;
pub mod message;
pub mod moment;
pub mod order;
pub mod performance;
pub mod plain;
pub mod port;
mod rank;
pub mod raw;
pub mod slot;
pub mod time;
pub mod truth;
pub mod view;
