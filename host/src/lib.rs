//! fillsync: the daemon and its command line.
//!
//! This package wires the rooms together and holds the three loops; what is decided is decided in
//! `fillsync-core`. `ARCHITECTURE.md` beside this folder is the map.

pub mod app;
pub mod cli;
pub mod demo;
pub mod drive;
pub mod live;
pub mod policy;
pub mod run;
pub mod shelf;
pub mod supervisor;
pub mod telemetry;
mod watchdog;
