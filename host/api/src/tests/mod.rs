//! The promises of the server, asked over real sockets of a real ledger.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod answers;
mod client;
mod described;
mod exposition;
mod forged;
mod guarded;
mod hostile;
mod listening;
// The report's own story, so that both tell of the same ledger.
#[path = "../../../report/src/tests/sample.rs"]
#[allow(dead_code)]
mod sample;
