//! The promises of the configuration, by name.
//!
//! The example cannot rot, every problem comes at once and in its place, no problem shows a secret,
//! no text makes the reader panic, and a difference is exact.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod difference;
mod example;
mod hostile;
mod problems;
mod secrecy;

use crate::{Loaded, Problem, parse};
use std::path::Path;

/// The plugins that are built in.
const KNOWN: [&str; 6] = [
    "max-count",
    "main-master",
    "mirror-follows-main",
    "limit-fill",
    "fill-progress",
    "plain",
];

fn read(text: &str) -> Result<Loaded, Vec<Problem>> {
    parse(text, "fillsync.toml", Path::new("/etc/fillsync"), &KNOWN)
}

/// What the user sees, be it refused or used.
fn printed(text: &str) -> String {
    match read(text) {
        Ok(loaded) => crate::report(&loaded.warnings),
        Err(problems) => crate::report(&problems),
    }
}
