//! Reading the ledger: the daemon's readers and the command line use the same.
//!
//! A reader has a connection of its own that cannot write. It needs no lock and never makes the
//! writer wait. Several questions that must agree with each other belong into one
//! [`Reader::at_one_moment`].

use crate::decisions::PluginUsedRow;
use crate::error::LedgerError;
use crate::open;
use crate::read;
use crate::rows::{
    AlertFilter, ClosedCycle, CycleFilter, CycleName, FillFilter, KnownGap, LatestDecision,
    LedgerStatus, Mark, OutboxRow, PendingChannel, PluginMemory, RecordedInputs, SelfCheck,
    StoredAlert, StoredCount, StoredDecision, StoredDivergence, StoredEvent, StoredFill,
    StoredGroupCycle, StoredPluginEvent,
};
use fillsync_core::alert::Severity;
use fillsync_core::coverage::Coverage;
use fillsync_core::cycle::Book;
use fillsync_core::execution::ExecutionKey;
use fillsync_core::group::{BookFacts, OrderFact};
use fillsync_core::id::{AccountName, Category, ChannelName, GroupName, Market, OrderId, Symbol};
use fillsync_core::order::{Order, PositionSide};
use fillsync_core::time::{HostTime, VenueTime};
use rusqlite::Connection;
use std::collections::BTreeMap;
use std::path::Path;

/// A connection that only reads.
#[derive(Debug)]
pub struct Reader {
    connection: Connection,
}

type Read<T> = Result<T, LedgerError>;

impl Reader {
    /// Opens an existing ledger for reading; a daemon may be writing to it.
    ///
    /// # Errors
    /// [`LedgerError::Missing`], [`LedgerError::Older`], and those of opening a file that is no ledger of this version.
    pub fn open(path: impl AsRef<Path>) -> Read<Self> {
        Ok(Self {
            connection: open::reader(path.as_ref())?,
        })
    }

    pub(crate) const fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Asks several questions of one moment.
    ///
    /// # Errors
    /// What the questions give.
    pub fn at_one_moment<T>(&self, questions: impl FnOnce(&Self) -> Read<T>) -> Read<T> {
        let transaction = self.connection.unchecked_transaction()?;
        let answer = questions(self);
        transaction.finish()?;
        answer
    }

    /// Markets that wait for a decision, and the newest mark.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn marks(&self) -> Read<(Vec<Mark>, i64)> {
        read::facts::marks(&self.connection)
    }

    /// What is proven of an account, by category.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn coverage(&self, account: &AccountName) -> Read<BTreeMap<Category, Coverage>> {
        read::facts::coverage(&self.connection, account)
    }

    /// When an account's open orders were last listed to the end, by category, in venue time.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn orders_checked(&self, account: &AccountName) -> Read<BTreeMap<Category, VenueTime>> {
        read::facts::orders_checked(&self.connection, account)
    }

    /// Up to when all orders of an account are known, those that came and ended between two readings of
    /// the open ones among them, by category, in venue time.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn closed_checked(&self, account: &AccountName) -> Read<BTreeMap<Category, VenueTime>> {
        read::facts::closed_checked(&self.connection, account)
    }

    /// Gaps that are not resolved, of one account or of all; the unfillable ones among them.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn gaps(&self, account: Option<&AccountName>) -> Read<Vec<KnownGap>> {
        read::facts::gaps(&self.connection, account)
    }

    /// Orders that are open as far as the ledger knows and that the venue still has.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn open_orders(&self, account: &AccountName, category: &Category) -> Read<Vec<Order>> {
        read::facts::open_orders(&self.connection, account, category)
    }

    /// Every stored order of an account that is open, for `/orders`.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn orders(&self, account: Option<&AccountName>, limit: u32) -> Read<Vec<OrderFact>> {
        read::facts::orders(&self.connection, account, limit)
    }

    /// Orders that have executions but are not stored, the newest first.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn orders_wanted(
        &self,
        account: &AccountName,
        category: &Category,
        limit: u32,
    ) -> Read<Vec<(Symbol, OrderId)>> {
        read::facts::orders_wanted(&self.connection, account, category, limit)
    }

    /// The books of some markets, with what happened since a moment.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn books(&self, markets: &[Market], since: VenueTime) -> Read<Vec<BookFacts>> {
        read::books::books(&self.connection, markets, since)
    }

    /// The markets of an account that have executions, orders or a position.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn markets_of(&self, account: &AccountName) -> Read<Vec<Market>> {
        read::facts::markets_of(&self.connection, account)
    }

    /// The cycles of a group with their members, the oldest first.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn group_cycles(
        &self,
        group: &GroupName,
        symbol: Option<&Symbol>,
        unsettled_only: bool,
    ) -> Read<Vec<StoredGroupCycle>> {
        read::groups::group_cycles(&self.connection, group, symbol, unsettled_only)
    }

    /// For each moment of a group cycle the newest decision, in the order of moments.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn latest_decisions(
        &self,
        group: &GroupName,
        symbol: &Symbol,
        side: PositionSide,
        cycle: u64,
    ) -> Read<Vec<LatestDecision>> {
        read::groups::latest_decisions(&self.connection, group, symbol, side, cycle)
    }

    /// A decision by its row.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn decision(&self, id: i64) -> Read<Option<StoredDecision>> {
        read::explain::decision(&self.connection, id)
    }

    /// The newest decision of a cycle; with a moment, the one of the first moment that has seen it,
    /// else the last before.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn decision_about(
        &self,
        cycle: &CycleName,
        at: Option<VenueTime>,
    ) -> Read<Option<StoredDecision>> {
        read::explain::decision_about(&self.connection, cycle, at)
    }

    /// What the hashes of a decision stand for.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn plugin_used(
        &self,
        plugin_sha256: &str,
        settings_sha256: &str,
    ) -> Read<Option<PluginUsedRow>> {
        read::explain::plugin_used(&self.connection, plugin_sha256, settings_sha256)
    }

    /// The group cycles of which a member's cycle is a part.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn cycles_of(&self, book: &Book, ordinal: u32) -> Read<Vec<CycleName>> {
        read::explain::cycles_of(&self.connection, book, ordinal)
    }

    /// Executions of this name: the venue's id, the id with its account before it, or a row's number.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn fills_named(&self, name: &str) -> Read<Vec<StoredFill>> {
        read::explain::fills_named(&self.connection, name)
    }

    /// The executions of a member's cycle, the oldest first.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn fills_of_cycle(&self, book: &Book, ordinal: u32, limit: u32) -> Read<Vec<StoredFill>> {
        read::explain::fills_of_cycle(&self.connection, book, ordinal, limit)
    }

    /// An order, as far as the ledger knows it.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn order_known(&self, market: &Market, order: &OrderId) -> Read<Option<OrderFact>> {
        read::explain::order_known(&self.connection, market, order)
    }

    /// The newest counts, of one group or of all, the newest cycle first.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn counts(&self, group: Option<&GroupName>) -> Read<Vec<StoredCount>> {
        read::groups::counts(&self.connection, group)
    }

    /// Divergences, the newest first.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn divergences(&self, open_only: bool) -> Read<Vec<StoredDivergence>> {
        read::groups::divergences(&self.connection, open_only)
    }

    /// Alerts with their deliveries, the newest first.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn alerts(&self, filter: &AlertFilter, limit: u32) -> Read<Vec<StoredAlert>> {
        read::outbox::alerts(&self.connection, filter, limit)
    }

    /// What a channel may be sent now, in order: it ends before the first message that must still
    /// wait, because nothing overtakes.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn outbox_due(&self, channel: &ChannelName, now: HostTime) -> Read<Vec<OutboxRow>> {
        read::outbox::due(&self.connection, channel, now)
    }

    /// What a channel may be sent although the rest is held back: what is at least so severe, and edits of
    /// what was sent. Nothing while any of its messages must still wait.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn outbox_due_in_quiet(
        &self,
        channel: &ChannelName,
        now: HostTime,
        least: Option<Severity>,
    ) -> Read<Vec<OutboxRow>> {
        read::outbox::due_in_quiet(&self.connection, channel, now, least)
    }

    /// All that waits for a channel, in order, whether it may be tried yet or not; at most
    /// [`crate::DIGEST_MESSAGES_MAX`].
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn outbox_waiting(&self, channel: &ChannelName) -> Read<Vec<OutboxRow>> {
        read::outbox::waiting(&self.connection, channel, crate::DIGEST_MESSAGES_MAX)
    }

    /// Channels with waiting messages, and when the first of each may be tried.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn outbox_channels_pending(&self) -> Read<Vec<PendingChannel>> {
        read::outbox::channels_pending(&self.connection)
    }

    /// The receiver's id of the newest message that was sent for an alert.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn outbox_message_id(&self, identity: &str, channel: &ChannelName) -> Read<Option<String>> {
        read::outbox::message_id(&self.connection, identity, channel)
    }

    /// Fills, the newest first.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn fills(&self, filter: &FillFilter) -> Read<Vec<StoredFill>> {
        read::fills::fills(&self.connection, filter)
    }

    /// Fills in the order in which they came to this machine: after a row, up to another one.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn fills_as_they_came(&self, after: i64, up_to: i64, limit: u32) -> Read<Vec<StoredFill>> {
        read::fills::fills_as_they_came(&self.connection, after, up_to, limit)
    }

    /// The account on the other side of each of some fills, where it is another one of the ledger: the
    /// owner traded with himself. Fills without one are left out.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn counterparts(&self, keys: &[ExecutionKey]) -> Read<BTreeMap<ExecutionKey, AccountName>> {
        read::counterpart::counterparts(&self.connection, keys)
    }

    /// Closed cycles, in the order in which they closed.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn closed_cycles(&self, filter: &CycleFilter) -> Read<Vec<ClosedCycle>> {
        read::fills::closed_cycles(&self.connection, filter)
    }

    /// The ledger at a glance, without scanning.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn status(&self) -> Read<LedgerStatus> {
        read::status::status(&self.connection)
    }

    /// Events after a row (or the newest, where none is named), the oldest first.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn events(&self, limit: u32, after: Option<i64>) -> Read<Vec<StoredEvent>> {
        read::status::events(&self.connection, limit, after)
    }

    /// What happened to plugins, the newest first.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn plugin_events(&self, limit: u32) -> Read<Vec<StoredPluginEvent>> {
        read::plugins::events(&self.connection, None, limit)
    }

    /// What happened to one plugin, the newest first.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn plugin_history(&self, plugin: &str, limit: u32) -> Read<Vec<StoredPluginEvent>> {
        read::plugins::events(&self.connection, Some(plugin), limit)
    }

    /// What is remembered of a plugin over a restart.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn plugin_memory(&self, plugin: &str) -> Read<PluginMemory> {
        read::plugins::memory(&self.connection, plugin)
    }

    /// What was decided about groups of late: the newest views, each once.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn recorded_views(&self, groups: &[GroupName], limit: u32) -> Read<RecordedInputs> {
        read::plugins::recorded_views(&self.connection, groups, limit)
    }

    /// What was told to channels of late: the newest alerts.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn recorded_alerts(&self, channels: &[ChannelName], limit: u32) -> Read<RecordedInputs> {
        read::plugins::recorded_alerts(&self.connection, channels, limit)
    }

    /// Computes everything again that can be, and compares it with what is stored.
    ///
    /// # Errors
    /// When the ledger cannot be read at all.
    pub fn self_check(&self) -> Read<SelfCheck> {
        read::check::self_check(&self.connection)
    }

    /// Writes a whole copy of the ledger to a new file.
    ///
    /// # Errors
    /// When the file exists or cannot be written.
    pub fn backup_into(&self, path: &Path) -> Read<()> {
        open::backup_into(&self.connection, path)
    }
}
