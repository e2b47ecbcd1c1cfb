//! The three loops: poll, synchronise, deliver; and the streams that make polling faster.
//!
//! Each reads durable rows, calls the core and writes durable rows, at its own pace; what wakes it is
//! only a hint that there may be something to read. So a crash at any point loses nothing, and a loop
//! that is late finds the same as one that was on time. Nothing is decided here: decisions are the
//! core's, and answers are the plugins'.

pub mod ahead;
#[cfg(test)]
mod bench;
pub mod closed;
pub mod deliver;
pub mod digest;
pub mod evaluate;
pub mod found;
pub mod look_ups;
pub mod poll;
pub mod refused;
pub mod stream;
pub mod synchronise;
pub mod traverse;
pub mod turn;
pub mod wake;
