//! The promises of fillsync, kept by the whole of it.
//!
//! Every test runs the real command as a process of its own, against fake venues and messengers over
//! real HTTP, with a real ledger and the real components. A test whose name begins with `law_` keeps
//! that law; `tests/README.md` lists which tests keep which. There is no sleep to wait for something
//! to happen: `eventually` looks until it is so, or fails with what there is instead.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    unreachable_pub
)]

#[path = "../../host/plugin/tests/common/questions.rs"]
mod questions;
#[path = "../rig/mod.rs"]
mod rig;
#[path = "../cases/stage.rs"]
mod stage;

mod agreement;
mod authors;
mod backfill;
mod backup;
mod channels;
mod check_command;
mod command_line;
mod configuration;
mod counts;
mod crash;
mod dashboard;
mod delivery;
mod deployment;
mod documents;
mod explain;
mod export_command;
mod facts;
mod hostile;
mod http_contract;
mod import;
mod independent_clients;
mod init_command;
mod many_accounts;
mod missing_rows;
mod notices;
mod observers;
mod old_news;
mod operation;
mod plugin_compile;
mod plugin_gate;
mod plugins;
mod proof;
mod recovery;
mod refusals;
mod reload;
mod routing;
mod secrets;
mod streams;
mod swap;
mod toolchains;
mod tools;
mod venue_faults;
mod verify;
