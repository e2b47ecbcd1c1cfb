//! The room of wasmtime: loads, checks, limits and calls strategies and formatters.
//!
//! A component's bytes become a [`Loaded`] by [`PluginEngine::load`], through every stage of
//! checking; a [`Registry`] holds the active one of each name, judges what is offered in its place,
//! swaps it in one exchange, rolls the swap back, and sets a plugin aside when it keeps failing. Each
//! question gets a fresh instance with fuel, time, memory, output and log bounded, and no capability
//! but a log line (laws 4, 8 and 15); what a component imports from WASI is answered without authority.
//! Deliberately absent: files, watching, clocks and logging, which belong to the daemon.

// The tests that are shared with those outside of the package name it from there.
#[cfg(test)]
extern crate self as fillsync_plugin_host;

mod bounds;
mod breaker;
mod cache;
mod call;
mod card;
mod compile;
mod contract;
mod embedded;
mod engine;
mod error;
mod file;
pub mod kit;
mod limits;
mod loaded;
mod reach;
mod registry;
mod replay;
mod schema;
mod seal;
mod self_test;
mod settings;
mod stopwatch;
mod store;
mod trust;
mod wasi;

pub use breaker::{ASIDE, FAILURES_MAX, Turn};
pub use call::{CallReport, Remark, Target};
pub use card::Card;
pub use compile::{CompileBounds, CompilerProcess, compile_in_child, running_program};
pub use embedded::{FirstParty, first_party};
pub use engine::{PluginEngine, TICK};
pub use error::{CallError, EngineError, PluginKind, Rejection, Stage};
pub use file::componentise;
pub use limits::{
    CEILING, LOG_BYTES_MAX, LOG_LINE_BYTES_MAX, LOG_LINES_MAX, Limits, MESSAGE_CHARACTERS_MAX,
    MESSAGE_LINES_MAX, STACK_BYTES,
};
pub use loaded::Loaded;
pub use reach::{Reach, imports};
pub use registry::{
    Ability, ActiveStatus, Answered, Barred, Dated, DatedRejection, HeldStatus, Offer, Outcome,
    PROBATION_CALLS, PROBATION_FAULT_PERCENT, PROBATION_FAULTS, Passage, PluginStatus,
    ProbationStatus, Registry, RolledBack, Source, Swap, SwapPolicy, Unanswered, Used,
};
pub use replay::{Comparison, DIFFERENCE_LINES_MAX, FUEL_GROWTH_MAX, REPLAY_TIME_MAX, Recorded};
pub use store::{LogLevel, LogLine};
pub use trust::{Approval, Demand, SIGNATURE_BYTES_MAX, Trust};
