//! What records changed, and how it is told: the same for pages of polling and messages of a stream.
//!
//! Everything in here comes back from the ledger, so a row that both ways brought is told once, by
//! the one that brought it first.

use crate::drive::refused::Refused;
use crate::drive::wake::Wake;
use crate::telemetry::{self, Voice};
use fillsync_core::execution::{ExecutionClass, ExecutionKey};
use fillsync_core::id::{AccountName, Category, Market, OrderId, Symbol};
use fillsync_core::time::{HostTime, VenueTime};
use fillsync_ledger::{Ledger, NewExecution, Recorded, Revised};
use std::collections::BTreeSet;

/// New fills of one round whose other side is looked for; a catch-up has thousands of old ones.
const SELF_MATCHES_ASKED_MAX: usize = 200;

/// What records changed.
#[derive(Debug, Default)]
pub struct Found {
    /// New executions.
    pub new: Vec<NewExecution>,
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
        self.unknown_classes.extend(recorded.new_unknown_classes);
        self.orders_wanted = recorded.orders_wanted;
        self.conflicts.extend(
            recorded
                .conflicts
                .iter()
                .map(|key| format!("{}/{}/{}", key.account, key.symbol, key.execution_id)),
        );
        self.new.extend(recorded.new);
        self.revised.extend(recorded.revised);
        self.coverage_to = self.coverage_to.max(recorded.coverage_to);
    }

    /// Tells the log and the operator, and wakes the synchroniser where something changed.
    pub async fn tell(
        &self,
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
        for new in &self.new {
            if new.execution.class == ExecutionClass::OrderFill {
                voice.fill_received(now, new);
            }
        }
        for revised in &self.revised {
            voice.fill_revised(revised).await;
        }
        if self.known > 0 {
            telemetry::fills_already_processed(account, category, self.known);
        }
        for class in &self.unknown_classes {
            voice.unknown_class(account, class).await;
        }
        for (order, what) in &self.unread_orders {
            voice.order_unreadable(account, order, what).await;
        }
        for refused in &self.refused {
            voice.row_refused(account, category, refused).await;
        }
        for key in &self.conflicts {
            voice.conflict(account, key).await;
        }
        if self.quarantined > 0 {
            voice.quarantined(account, self.quarantined).await;
        }
        self.tell_self_matches(account, voice, ledger).await;
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
