//! What one request does to one market, gathered while it is being written.
//!
//! Rows, orders, relations and stand-ins all note here from when the books must be followed again,
//! what nobody may be told of twice, and how the tallies change; [`super::executions::settle`] then
//! does it once. Nothing here is stored.

use super::states::StoredAs;
use crate::facts::{NewExecution, Revised, RevisedKind, RowState};
use fillsync_core::execution::{ExecutionClass, ExecutionKey};
use fillsync_core::id::{ExecutionId, OrderId};
use fillsync_core::time::VenueTime;
use std::collections::{BTreeSet, HashMap, HashSet};

/// What a request did to one market.
#[derive(Debug, Default)]
pub(crate) struct MarketChanges {
    pub(crate) new: Vec<NewExecution>,
    pub(crate) known: u32,
    pub(crate) conflicts: Vec<ExecutionKey>,
    pub(crate) revised: Vec<Revised>,
    /// From where the books must be followed again: set by late rows and by orders.
    pub(crate) refold_from: Option<VenueTime>,
    /// The earliest moment at which anything changed.
    pub(crate) changed_from: Option<VenueTime>,
    /// Whether the positions of the category have changed.
    pub(crate) anchors_changed: bool,
    /// Orders that this record brought for the first time.
    pub(crate) orders_new: HashSet<OrderId>,
    /// Rows that speak about others, or of which others speak.
    pub(crate) touched: BTreeSet<ExecutionId>,
    /// Orders whose stand-ins must be looked at again.
    pub(crate) to_give_way: BTreeSet<OrderId>,
    /// Orders whose sum must be compared with their rows again.
    pub(crate) to_weigh: BTreeSet<OrderId>,
    /// Orders that got rows, where some order of the market is known to miss rows.
    pub(crate) traded: BTreeSet<OrderId>,
    /// Rows whose state changed in this request, with the state they have now.
    pub(crate) states: HashMap<ExecutionId, RowState>,
    pub(crate) tallied: Tallied,
}

/// How the tallies of live rows change.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Tallied {
    pub(crate) executions: i64,
    pub(crate) fills: i64,
    /// The newest fill that came to stand.
    pub(crate) newest_fill: Option<VenueTime>,
    /// Whether a fill no longer stands, so that the newest one must be looked for.
    pub(crate) fell: bool,
}

impl Tallied {
    /// A row came to stand.
    pub(crate) fn stands(&mut self, class: &ExecutionClass, executed_at: VenueTime) {
        self.executions = self.executions.saturating_add(1);
        if *class == ExecutionClass::OrderFill {
            self.fills = self.fills.saturating_add(1);
            self.newest_fill = self.newest_fill.max(Some(executed_at));
        }
    }

    /// A row no longer stands.
    pub(crate) fn falls(&mut self, class: &ExecutionClass) {
        self.executions = self.executions.saturating_sub(1);
        if *class == ExecutionClass::OrderFill {
            self.fills = self.fills.saturating_sub(1);
            self.fell = true;
        }
    }

    /// What another market changed, too.
    pub(crate) fn join(&mut self, other: Self) {
        self.executions = self.executions.saturating_add(other.executions);
        self.fills = self.fills.saturating_add(other.fills);
        self.newest_fill = self.newest_fill.max(other.newest_fill);
        self.fell |= other.fell;
    }
}

impl MarketChanges {
    /// Something changed at a moment.
    pub(crate) fn note(&mut self, at: VenueTime) {
        self.changed_from = Some(self.changed_from.map_or(at, |time| time.min(at)));
    }

    /// The books are to be followed again from a moment.
    pub(crate) fn note_late(&mut self, at: VenueTime) {
        self.refold_from = Some(self.refold_from.map_or(at, |time| time.min(at)));
    }

    /// A row that stood does not any more.
    pub(crate) fn revise(&mut self, row: &StoredAs, by: &ExecutionId, kind: RevisedKind) {
        self.revised.push(Revised {
            execution: row.execution.clone(),
            by: by.clone(),
            kind,
        });
    }
}
