//! What records changed, and how it is told: the same for pages of polling and messages of a stream.
//!
//! Everything in here comes back from the ledger, so a row that both ways brought is told once, by
//! the one that brought it first. A catch-up of years is told window by window, and what one window has
//! beyond a bound is counted instead of told: the ledger has it, and memory is not asked for it.

use crate::drive::refused::Refused;
use crate::drive::wake::Wake;
use crate::telemetry::{self, Voice};
use fillsync_core::execution::{ExecutionClass, ExecutionKey};
use fillsync_core::id::{AccountName, Category, Market, OrderId, Symbol};
use fillsync_core::time::{HostTime, VenueTime};
use fillsync_ledger::{Ledger, NewExecution, Recorded, Revised};
use std::collections::BTreeSet;

/// The most new rows, revised rows, conflicts or class words that wait to be told one by one.
const TOLD_MAX: usize = 10_000;
/// So many fills are told before their events are written.
const EVENTS_TOGETHER: usize = 500;
/// New fills of one round whose other side is looked for; a catch-up has thousands of old ones.
const SELF_MATCHES_ASKED_MAX: usize = 200;

/// What records changed.
#[derive(Debug, Default)]
pub struct Found {
    /// New executions that are not told yet; at most as many as one window tells.
    pub new: Vec<NewExecution>,
    /// How many executions were new, told or not.
    pub new_rows: u64,
    /// What came beyond that: it is in the ledger, and is not told one by one.
    pub untold: u64,
    /// Executions that were known.
    pub known: u64,
    /// Markets in which something changed.
    pub markets: BTreeSet<Market>,
    /// Orders that executions name and the ledger does not have.
    pub orders_wanted: Vec<(Symbol, OrderId)>,
    /// Orders that the venue refuses to give, and why: the account is well but for these.
    pub unread_orders: Vec<(OrderId, String)>,
    /// Rows that the ledger refused and that were not known to be so.
    pub refused: Vec<Refused>,
    /// Class words never seen before.
    pub unknown_classes: Vec<String>,
    /// Rows that could not be read.
    pub quarantined: u64,
    /// Keys that came again with other content.
    pub conflicts: Vec<String>,
    /// Rows that no longer stand.
    pub revised: Vec<Revised>,
    /// The end of what is proven of the category, as far as the records said.
    pub coverage_to: Option<VenueTime>,
    /// Pages fetched.
    pub pages: u32,
}

impl Found {
    /// Adds what one record changed.
    pub fn add(&mut self, recorded: Recorded) {
        self.known += u64::from(recorded.known);
        self.quarantined += u64::from(recorded.quarantined);
        self.markets.extend(recorded.changed_markets);
        self.orders_wanted = recorded.orders_wanted;
        let conflicts = recorded
            .conflicts
            .iter()
            .map(|key| format!("{}/{}/{}", key.account, key.symbol, key.execution_id));
        self.new_rows = self
            .new_rows
            .saturating_add(u64::try_from(recorded.new.len()).unwrap_or(u64::MAX));
        let untold = [
            extend(&mut self.unknown_classes, recorded.new_unknown_classes),
            extend(&mut self.conflicts, conflicts),
            extend(&mut self.new, recorded.new),
            extend(&mut self.revised, recorded.revised),
        ];
        for more in untold {
            self.untold = self.untold.saturating_add(more);
        }
        self.coverage_to = self.coverage_to.max(recorded.coverage_to);
    }

    /// Tells the log and the operator, and wakes the synchroniser where something changed. What was told
    /// is forgotten; how many rows and pages the round had stays.
    pub async fn tell(
        &mut self,
        account: &AccountName,
        category: &Category,
        now: HostTime,
        voice: &Voice,
        wake: &Wake,
        ledger: &Ledger,
    ) {
        // First, because a decision need not wait for what is written about it.
        if !self.markets.is_empty() {
            wake.facts.notify_one();
        }
        self.markets.clear();
        self.tell_self_matches(account, voice, ledger).await;
        for (index, new) in std::mem::take(&mut self.new).into_iter().enumerate() {
            if new.execution.class == ExecutionClass::OrderFill {
                voice.fill_received(now, &new);
            }
            if index % EVENTS_TOGETHER == EVENTS_TOGETHER - 1 {
                voice.flush().await;
            }
        }
        for revised in std::mem::take(&mut self.revised) {
            voice.fill_revised(&revised).await;
        }
        let known = std::mem::take(&mut self.known);
        if known > 0 {
            telemetry::fills_already_processed(account, category, known);
        }
        for class in std::mem::take(&mut self.unknown_classes) {
            voice.unknown_class(account, &class).await;
        }
        for (order, what) in std::mem::take(&mut self.unread_orders) {
            voice.order_unreadable(account, &order, &what).await;
        }
        for refused in std::mem::take(&mut self.refused) {
            voice.row_refused(account, category, &refused).await;
        }
        for key in std::mem::take(&mut self.conflicts) {
            voice.conflict(account, &key).await;
        }
        let quarantined = std::mem::take(&mut self.quarantined);
        if quarantined > 0 {
            voice.quarantined(account, quarantined).await;
        }
        let untold = std::mem::take(&mut self.untold);
        if untold > 0 {
            voice.not_told(account, category, untold);
        }
        voice.flush().await;
    }

    /// Tells of fills whose other side is another account of the same owner. It is asked of the ledger,
    /// because the other side may have come long before; whichever comes second finds the first.
    async fn tell_self_matches(&self, account: &AccountName, voice: &Voice, ledger: &Ledger) {
        let keys: Vec<ExecutionKey> = self
            .new
            .iter()
            .filter(|new| new.execution.class == ExecutionClass::OrderFill)
            .take(SELF_MATCHES_ASKED_MAX)
            .map(|new| new.execution.key())
            .collect();
        if keys.is_empty() {
            return;
        }
        match ledger.read(move |reader| reader.counterparts(&keys)).await {
            Ok(matches) => {
                for (key, other) in matches {
                    voice.self_match(&key, &other).await;
                }
            }
            // Nothing depends on it, and `/fills` says it each time it is asked.
            Err(error) => tracing::warn!(event = "self_match_unknown", %account, %error),
        }
    }
}

/// Adds what there is room for; the answer is how many did not find any.
fn extend<T>(have: &mut Vec<T>, more: impl IntoIterator<Item = T>) -> u64 {
    let mut more = more.into_iter();
    have.extend(more.by_ref().take(TOLD_MAX.saturating_sub(have.len())));
    u64::try_from(more.count()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use crate::drive::bench::{Bench, account, category, fill};
    use fillsync_core::cycle::Allocation;
    use fillsync_ledger::RowState;

    fn recorded(rows: usize) -> Recorded {
        let new = NewExecution {
            execution: fill("linear", "e1", "o1", 20),
            order_was_tracked: true,
            allocation: Allocation::default(),
            state: RowState::Live,
            was_stood_in_for: false,
        };
        Recorded {
            new: vec![new; rows],
            known: 3,
            ..Recorded::default()
        }
    }

    /// What waits to be told is bounded, what was told is forgotten, and what was not is said.
    #[tokio::test]
    async fn a_long_catch_up_holds_no_more_than_its_bound() {
        let bench = Bench::new(&["linear"]);
        let mut found = Found::default();
        for _ in 0..3 {
            found.add(recorded(TOLD_MAX / 2));
        }
        assert_eq!(found.new.len(), TOLD_MAX);
        found
            .tell(
                &account(),
                &category("linear"),
                bench.clock.now(),
                &bench.voice,
                &bench.wake,
                &bench.ledger,
            )
            .await;
        assert!(found.new.is_empty() && found.new.capacity() == 0);
        assert_eq!(found.new_rows, u64::try_from(TOLD_MAX / 2 * 3).unwrap());
        assert_eq!((found.known, found.untold), (0, 0));
        let dropped = bench
            .reader()
            .events(100_000, None)
            .unwrap()
            .into_iter()
            .filter(|event| event.event.name == "fills_not_told")
            .count();
        assert_eq!(dropped, 1);
    }
}
