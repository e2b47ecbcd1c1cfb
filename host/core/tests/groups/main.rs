//! Groups, as data: what accounts did, and what must be detected, shown and true.
//!
//! The seed's story is the first test of `counts`: main says 1, mirror says 2, for one plan.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod counts;
mod desk;
mod proof;
mod slots;
mod truth;
