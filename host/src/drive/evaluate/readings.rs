//! When each account's orders were read, over the last looks.
//!
//! That an account has no order can be said only of a reading that coverage has passed by the settle,
//! and coverage is always a little behind the newest reading. So the readings of the last minutes are
//! kept here, in memory: after a start the first of them come within a few polls, and until then
//! nothing is called missing. Nothing is stored, and nothing else is decided by it.

use fillsync_core::id::{AccountName, Category};
use fillsync_core::time::VenueTime;
use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};

/// So many readings are kept of each account and category.
const READINGS_MAX: usize = 64;

/// The readings that were seen so far.
#[derive(Debug, Default)]
pub struct Readings(RefCell<BTreeMap<AccountName, BTreeMap<Category, VecDeque<VenueTime>>>>);

impl Readings {
    /// Notes the newest readings of an account, and answers all that are kept, these among them.
    pub(super) fn before(
        &self,
        account: &AccountName,
        newest: &BTreeMap<Category, VenueTime>,
    ) -> BTreeMap<Category, Vec<VenueTime>> {
        let mut kept = self.0.borrow_mut();
        let of_account = kept.entry(account.clone()).or_default();
        of_account.retain(|category, _| newest.contains_key(category));
        for (category, at) in newest {
            let readings = of_account.entry(category.clone()).or_default();
            if readings.back() != Some(at) {
                readings.push_back(*at);
            }
            if readings.len() > READINGS_MAX {
                readings.pop_front();
            }
        }
        of_account
            .iter()
            .map(|(category, readings)| (category.clone(), readings.iter().copied().collect()))
            .collect()
    }
}
