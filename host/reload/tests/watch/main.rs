//! The watcher against real files: each test is one way in which people and programs replace files.
//!
//! The promise: reported once, whole, last content last; nothing blocks and nothing is repeated.
//! "Nothing more is reported" is proven without waiting for time to pass: a second file, made
//! afterwards, must be the next thing that comes.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod folder;
mod scene;
mod start_and_end;
mod writing;
