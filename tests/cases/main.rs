//! What is known to go wrong with fills, case by case.
//!
//! Each test tells in its first comment which bug it stands against and where that bug was seen, and
//! `README.md` says where the case is handled and how the test failed when that was taken out. Cases of
//! reading run the real adapter, traverser and ledger over HTTP (`desk.rs`); cases of alerts, restarts
//! and whole rounds run the command as a process (`rig`). Times are the venue's: nothing sleeps.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    unreachable_pub
)]

mod arrival;
mod desk;
#[path = "../rig/mod.rs"]
mod rig;
mod stage;

mod alerts;
mod classes;
mod corrections;
mod instruments;
mod missing;
mod money;
mod orders;
mod pages;
mod streams;
mod times;
mod venue;
