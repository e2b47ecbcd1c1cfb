//! The questions of [`crate::Reader`], one file for each kind.

pub(crate) mod books;
pub(crate) mod check;
mod consistency;
pub(crate) mod counterpart;
pub(crate) mod explain;
pub(crate) mod facts;
pub(crate) mod fills;
pub(crate) mod groups;
pub(crate) mod look;
pub(crate) mod orders;
pub(crate) mod outbox;
pub(crate) mod performance;
pub(crate) mod recorded;
pub(crate) mod status;
