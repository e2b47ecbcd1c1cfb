//! Plugins of two versions in one host.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "../../tests/common/mod.rs"]
mod common;

use crate::limits::Limits;
use crate::loaded::Loaded;
use common::{desk, engine};
use std::sync::Arc;

fn counts(strategy: &Arc<Loaded>) -> Vec<u32> {
    let (shown, _) = strategy.decide(&desk(2, 1)).unwrap();
    shown.iter().map(|row| row.count).collect()
}

/// One engine, one view: a strategy kept from the first day of version 1, one built today, and one
/// of the later version.
#[test]
fn plugins_of_an_older_version_go_on_beside_those_of_a_later_one() {
    let next = common::guest_module("fillsync-next-strategy");
    let next = engine().load(&next, "", &Limits::default()).unwrap();
    assert_eq!(next.card().name.as_str(), "next-strategy");
    let kept = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/fixtures/frozen/v1/strategy.wasm"
    );
    let kept = std::fs::read(kept).unwrap();
    let kept = engine().load(&kept, "", &Limits::default()).unwrap();
    let today = common::load("max-count", "");
    assert_eq!(counts(&next), [2, 2]);
    assert_eq!(counts(&kept), [2, 1]);
    assert_eq!(counts(&today), [2, 2]);
    assert_eq!(counts(&next), [2, 2]);
}
