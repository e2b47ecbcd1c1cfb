//! The ledger: everything that fillsync knows, in one SQLite file.
//!
//! Promises: an execution is stored once per account, category, symbol and execution id (law 2);
//! the same rows in any order, split into any pages, repeated any number of times, make the same
//! ledger (law 1); coverage commits with its rows, or not at all (law 9); an alert is recorded once
//! with the messages it causes (law 11). Every commit is on the disk before it is answered (WAL,
//! `synchronous=FULL`).
//!
//! This is the only room of rusqlite. It decides nothing: cycles come from the core's fold, counts
//! and alerts from the synchroniser. It has no clock; every time comes with the request.

pub mod copy;
pub mod decisions;
pub mod error;
pub mod facts;
pub mod import;
pub mod lists;
pub mod reader;
pub mod rows;

mod codec;
mod fold;
mod ledger;
mod lock;
mod open;
mod pool;
mod read;
mod write;
mod writer;

pub use copy::{CopyFacts, Restored};
pub use decisions::{
    AlertRow, Committed, CountRow, DecisionOutcome, DecisionRow, Decisions, DivergenceRow,
    EventRow, GroupCycleRow, PluginEventRow, PluginUsedRow,
};
pub use error::LedgerError;
pub use facts::{
    Gap, Inferred, NewExecution, PageRecord, Proven, Recorded, Revised, RevisedKind, RowState,
};
pub use ledger::{Ledger, send_again};
pub use lists::{
    BoardCycle, BoardDecision, CountFilter, CyclePlace, DivergenceFilter, EventFilter,
    ExecutionWalk, FillHour, NewestRows, OrderFilter, OutboxFilter, OutboxLine, WalkedExecution,
};
pub use read::performance::{CycleChange, CycleChanges, CycleKey, CycleRow, CycleSums};
pub use read::recorded::RecordedDecision;
pub use reader::Reader;
pub use rows::{
    AccountTally, Again, AgainOutcome, AlertFilter, BarredContent, ClosedCycle, CycleFilter,
    CycleName, Delivery, FillFilter, KnownGap, LatestDecision, LedgerStatus, Mark, OrderAhead,
    OrderSum, OutboxRow, PendingChannel, PluginMemory, Proof, RecordedInputs, SelfCheck,
    StoredAlert, StoredCount, StoredDecision, StoredDivergence, StoredEvent, StoredFill,
    StoredGroupCycle, StoredPluginEvent,
};

/// The most orders that [`Recorded::orders_wanted`] names.
pub const ORDERS_WANTED_MAX: usize = 200;

/// The most orders that [`Reader::orders_ahead`] names.
pub const ORDERS_AHEAD_MAX: usize = 200;

/// The most fills that one read gives.
pub const FILLS_READ_MAX: u32 = 10_000;

/// Events that are kept.
pub const EVENTS_MAX: i64 = 10_000;

/// Plugin events that are kept.
pub const PLUGIN_EVENTS_MAX: i64 = 1_000;

/// Messages that one look at the outbox gives.
pub const OUTBOX_READ_MAX: i64 = 32;

/// Messages that one digest tells at most.
pub const DIGEST_MESSAGES_MAX: i64 = 10_000;

/// Findings that a self-check reports before it stops.
pub const FINDINGS_MAX: usize = 100;

#[cfg(test)]
mod tests;
