//! The room of wasmtime: loads, checks, limits and calls strategies and formatters.
//!
//! A component's bytes become a [`Loaded`] by [`PluginEngine::load`], through every stage of
//! checking; a [`Registry`] holds the active one of each name, swaps it in one exchange and sets it
//! aside when it keeps failing. Each question gets a fresh instance with fuel, time, memory, output
//! and log bounded, and no capability but a log line (laws 4, 8 and 15); what a component imports from
//! WASI is answered without authority. Deliberately absent: files, watching, clocks and logging, which
//! belong to the daemon.

// The tests that are shared with those outside of the package name it from there.
#[cfg(test)]
extern crate self as fillsync_plugin_host;

mod breaker;
mod cache;
mod call;
mod contract;
mod embedded;
mod engine;
mod error;
mod file;
pub mod kit;
mod limits;
mod loaded;
mod registry;
mod schema;
mod self_test;
mod store;
mod wasi;

pub use breaker::{ASIDE, FAILURES_MAX, Turn};
pub use call::{CallReport, Remark, Target};
pub use embedded::{FirstParty, first_party};
pub use engine::{PluginEngine, TICK};
pub use error::{CallError, EngineError, PluginKind, Rejection, Stage};
pub use file::componentise;
pub use limits::{
    CEILING, LOG_BYTES_MAX, LOG_LINE_BYTES_MAX, LOG_LINES_MAX, Limits, MESSAGE_CHARACTERS_MAX,
    MESSAGE_LINES_MAX, STACK_BYTES,
};
pub use loaded::{Card, Loaded};
pub use registry::{
    Ability, ActiveStatus, Answered, Dated, DatedRejection, Outcome, PluginStatus, Registry,
    Source, Swap, Unanswered, Used,
};
pub use store::{LogLevel, LogLine};
