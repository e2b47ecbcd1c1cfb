//! The questions of [`crate::Reader`], one file for each kind.

mod board;
pub(crate) mod books;
pub(crate) mod check;
mod consistency;
pub(crate) mod counterpart;
pub(crate) mod explain;
mod export;
pub(crate) mod facts;
pub(crate) mod fills;
pub(crate) mod groups;
mod lists;
pub(crate) mod look;
pub(crate) mod orders;
pub(crate) mod outbox;
pub(crate) mod performance;
pub(crate) mod plugins;
pub(crate) mod recorded;
pub(crate) mod status;
