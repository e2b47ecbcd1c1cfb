//! Cycles that are over and answered, and are not looked at again, as the daemon leaves them alone.
//!
//! A cycle is settled when it is closed, every moment of it is decided, and no question of a member that
//! moves counts is open. What changes within the deadline after its end opens it again: a late row, or
//! a cycle that may still join it. At the end everything is looked at once more.

use fillsync_core::cut::Difference;
use fillsync_core::cycle::Book;
use fillsync_core::group::{BookFacts, GroupRules};
use fillsync_core::join::GroupCycle;
use fillsync_core::time::VenueTime;
use fillsync_core::truth::Truth;
use fillsync_core::view::Role;
use std::collections::{BTreeMap, BTreeSet};

type Parts = BTreeSet<(Book, u32)>;

/// The settled cycles, with when each was over.
#[derive(Debug, Default)]
pub(crate) struct Settled(Vec<(VenueTime, Parts)>);

impl Settled {
    /// Settles a cycle, if it is at rest.
    pub(crate) fn note(
        &mut self,
        rules: &GroupRules,
        cycle: &GroupCycle,
        all_decided: bool,
        differences: &[Difference],
    ) {
        let moves_counts = |difference: &&Difference| {
            let member = rules.member(&difference.account).unwrap();
            member.role != Role::Observer
        };
        let is_open = |difference: &Difference| {
            let unconfirmed = difference.truth.is_diverged() && !difference.is_confirmed;
            difference.truth == Truth::Pending || (unconfirmed && difference.truth != Truth::Extra)
        };
        let mut asked = differences.iter().filter(moves_counts);
        let is_at_rest = all_decided && !asked.any(is_open);
        if let Some(closed) = cycle.closed_at.filter(|_| is_at_rest) {
            let parts = cycle.parts().map(|(book, part)| (book.clone(), part));
            self.0.push((closed, parts.collect()));
        }
    }

    /// Opens what a change since a moment may belong to, and answers what stays settled.
    pub(crate) fn after(&mut self, rules: &GroupRules, changed: Option<VenueTime>) -> Parts {
        if let Some(from) = changed {
            let horizon = from.minus(rules.deadline);
            self.0.retain(|(closed, _)| *closed < horizon);
        }
        self.0.iter().flat_map(|(_, parts)| parts.clone()).collect()
    }
}

/// The earliest moment at which two states of an account's books differ, as the ledger marks it.
pub(crate) fn changed_from(before: &[&BookFacts], after: &[BookFacts]) -> Option<VenueTime> {
    let rows = |books: &[&BookFacts]| -> BTreeSet<_> {
        let fills = books.iter().flat_map(|book| &book.fills);
        fills
            .map(|fill| (fill.executed_at, fill.execution_id.clone()))
            .collect()
    };
    let orders = |books: &[&BookFacts]| -> BTreeMap<_, _> {
        let orders = books.iter().flat_map(|book| &book.orders);
        orders
            .map(|fact| (fact.order.order_id.clone(), (fact.order.clone(), fact.gone)))
            .collect()
    };
    let after: Vec<&BookFacts> = after.iter().collect();
    let (rows_before, rows_after) = (rows(before), rows(&after));
    let of_rows = rows_before.symmetric_difference(&rows_after);
    let (known, seen) = (orders(before), orders(&after));
    let of_orders = seen.iter().filter_map(|(id, order)| match known.get(id) {
        None => Some(order.0.created_at),
        Some(was) if was != order => Some(order.0.updated_at.min(was.0.updated_at)),
        Some(_) => None,
    });
    of_rows.map(|(at, _)| *at).chain(of_orders).min()
}
