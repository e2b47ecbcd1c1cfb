//! What Alpaca says, read: recorded and documented rows, and refusals by status.
//!
//! The fixtures' origins are in the README beside them. Here stands what all subjects share. Whole
//! traversals against the fake venue are in `tests/alpaca.rs` of this package.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::wire::{read_fill, read_order};
use crate::{AccountSettings, Address, Limits, open};
use fillsync_core::amount::Quantity;
use fillsync_core::execution::{Execution, Source, VenueKind};
use fillsync_core::id::{AccountName, Category};
use fillsync_core::order::Order;
use fillsync_core::port::{Clock, Venue};
use fillsync_core::time::HostTime;
use secrecy::SecretString;
use serde_json::value::RawValue;
use std::sync::Arc;

macro_rules! fixture {
    ($name:literal) => {
        include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../tests/fixtures/alpaca/",
            $name
        ))
    };
}

const SECRET: &str = "alpaca-secret-of-a-test";

struct FixedClock;

impl Clock for FixedClock {
    fn now(&self) -> HostTime {
        HostTime::from_ms(1_590_191_000_000)
    }
}

mod fills;
mod orders;
mod refusals;

fn account() -> AccountName {
    AccountName::new("bot").unwrap()
}

fn fills() -> Category {
    Category::new("fills").unwrap()
}

fn venue_at(base_url: &str) -> Arc<dyn Venue> {
    let address = Address::new(VenueKind::Alpaca, Limits::of(VenueKind::Alpaca)).unwrap();
    let settings = AccountSettings::new(
        account(),
        VenueKind::Alpaca,
        base_url,
        SecretString::from("ALPACAKEY"),
        SecretString::from(SECRET),
        vec![],
    );
    open(settings, &address, Arc::new(FixedClock)).unwrap()
}

fn list(body: &str) -> Vec<&RawValue> {
    serde_json::from_str(body).unwrap()
}

fn one(body: &str) -> &RawValue {
    serde_json::from_str(body).unwrap()
}

fn fill(raw: &RawValue) -> Execution {
    read_fill(raw, &account(), &fills(), Source::Poll).unwrap()
}

fn order(body: &str) -> Order {
    read_order(one(body), &account(), &fills())
        .unwrap()
        .unwrap()
}

fn quantity(text: &str) -> Quantity {
    Quantity::parse(text).unwrap()
}
