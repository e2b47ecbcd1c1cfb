//! Everything that changes the ledger, one file for each kind of request.
//!
//! Each function runs inside the savepoint of one request and may fail at any statement: then
//! nothing of its request is kept.

mod again;
mod changes;
mod coverage;
mod digest;
mod executions;
mod groups;
mod infer;
mod log;
pub(crate) mod markets;
pub(crate) mod openings;
mod orders;
mod outbox;
mod record;
mod refold;
pub(crate) mod relations;
pub(crate) mod stand_ins;
mod states;
mod tally;
pub(crate) mod weigh;

pub(crate) use again::outbox_again;
pub(crate) use coverage::gap_unfillable;
pub(crate) use digest::outbox_digest;
pub(crate) use groups::{commit, raise};
pub(crate) use infer::infer;
pub(crate) use log::{log_events, log_plugin_event};
pub(crate) use orders::order_gone;
pub(crate) use outbox::{outbox_dead, outbox_retry, outbox_sent};
pub(crate) use record::{orders_wanted, record};
pub(crate) use weigh::weigh_all;
