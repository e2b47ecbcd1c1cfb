//! What Bybit says, read: recorded and documented rows, refusals by code, signatures by known vectors.
//!
//! The fixtures' origins are in the README beside them. Here stands what all subjects share: an account,
//! and a venue that answers with bytes which a test wrote. Whole traversals against the fake venue are in
//! `tests/bybit.rs` of this package.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::envelope::{Envelope, List};
use super::wire::{read_execution, read_order};
use crate::responder::{Responder, json};
use crate::{AccountSettings, Address, Limits, open};
use fillsync_core::coverage::Window;
use fillsync_core::execution::{Execution, Source, VenueKind};
use fillsync_core::id::{AccountName, Category};
use fillsync_core::order::Order;
use fillsync_core::port::{Clock, Cursor, Venue, VenueError};
use fillsync_core::time::{HostTime, VenueTime};
use secrecy::SecretString;
use serde_json::value::RawValue;
use std::sync::Arc;

macro_rules! fixture {
    ($name:literal) => {
        include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../tests/fixtures/bybit/",
            $name
        ))
    };
}

const KEY: &str = "TESTKEY0123456789";
const SECRET: &str = "testsecret-abcdefghijklmnopqrstuvwxyz";

struct FixedClock;

impl Clock for FixedClock {
    fn now(&self) -> HostTime {
        HostTime::from_ms(1_688_639_403_000)
    }
}

mod closed;
mod key;
mod options;
mod orders;
mod refusals;
mod requests;
mod rows;

fn account() -> AccountName {
    AccountName::new("main").unwrap()
}

fn category(name: &str) -> Category {
    Category::new(name).unwrap()
}

fn settings(base_url: &str, categories: &[&str]) -> AccountSettings {
    AccountSettings::new(
        account(),
        VenueKind::Bybit,
        base_url,
        SecretString::from(KEY),
        SecretString::from(SECRET),
        categories.iter().map(|name| category(name)).collect(),
    )
}

fn venue_at(base_url: &str, limits: Limits) -> Arc<dyn Venue> {
    let address = Address::new(VenueKind::Bybit, limits).unwrap();
    open(
        settings(base_url, &["linear"]),
        &address,
        Arc::new(FixedClock),
    )
    .unwrap()
}

fn rows(body: &str) -> Vec<&RawValue> {
    match serde_json::from_str::<Envelope<'_>>(body) {
        Ok(envelope) => envelope.result.list.unwrap(),
        Err(_) => serde_json::from_str::<List<'_>>(body)
            .unwrap()
            .list
            .unwrap(),
    }
}

fn first_execution(body: &str, name: &str) -> Execution {
    read_execution(rows(body)[0], &account(), &category(name), Source::Poll).unwrap()
}

fn first_order(body: &str, name: &str) -> Order {
    read_order(rows(body)[0], &account(), &category(name)).unwrap()
}

fn execution(row: &str, name: &str) -> Result<Execution, crate::field::RowError> {
    let raw: &RawValue = serde_json::from_str(row).unwrap();
    read_execution(raw, &account(), &category(name), Source::Poll)
}

/// Asks for one page of a venue that first tells its time and then answers with these.
async fn asked(
    answers: Vec<Option<Vec<u8>>>,
    limits: Limits,
) -> (Result<usize, VenueError>, Vec<String>) {
    let mut all = vec![json("200 OK", "", fixture!("documented_market_time.json"))];
    all.extend(answers);
    let responder = Responder::start(all).await;
    let venue = venue_at(&responder.url, limits);
    let window = Window::new(
        VenueTime::from_ms(1_688_639_000_000),
        VenueTime::from_ms(1_688_639_403_000),
    );
    let cursor = Cursor("|132766%3A2%2C132766%3A2".to_owned());
    let page = venue
        .executions(&category("linear"), window, Some(&cursor))
        .await;
    (page.map(|page| page.rows.len()), responder.heads())
}

async fn refused(status: &str, headers: &str, body: &str) -> VenueError {
    asked(
        vec![json(status, headers, body)],
        Limits::of(VenueKind::Bybit),
    )
    .await
    .0
    .unwrap_err()
}
