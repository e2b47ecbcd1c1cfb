//! The fakes, asked over real sockets by a small hand-made client that shares no code with the adapters.
//!
//! Promise: what the documentation says of each service is asserted here once, so that an adapter's test may trust it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod alpaca;
mod bybit;
mod bybit_access;
mod bybit_orders;
mod client;
mod faults;
mod messenger;
mod mixed;
mod scripts;
mod socket;
mod stream_faults;
mod streams;
