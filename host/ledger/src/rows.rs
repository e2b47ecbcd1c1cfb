//! What readers get: rows of the ledger in the core's own types.
//!
//! Nothing here is computed beyond what stands in the tables. Lists are bounded by the caller's
//! limit or by a named maximum.

use crate::decisions::{DecisionOutcome, DecisionRow, EventRow, GroupCycleRow, PluginEventRow};
use fillsync_core::alert::Alert;
use fillsync_core::amount::{Price, Quantity};
use fillsync_core::coverage::Window;
use fillsync_core::cycle::{Allocation, Book, Cycle};
use fillsync_core::execution::Execution;
use fillsync_core::id::{AccountName, Category, ChannelName, GroupName, Market, OrderId, Symbol};
use fillsync_core::order::{Lane, OrderStatus, PositionSide};
use fillsync_core::time::{HostTime, VenueTime};
use fillsync_core::view::{Shown, View};

/// A market in which something changed that was not decided upon yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// Rises with every change.
    pub seq: i64,
    /// The market.
    pub market: Market,
    /// The earliest venue time that changed.
    pub from: VenueTime,
}

/// A window whose executions are not known to be complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownGap {
    /// The account.
    pub account: AccountName,
    /// The category.
    pub category: Category,
    /// The window.
    pub window: Window,
    /// Why it could not be fetched.
    pub reason: String,
    /// How often it was tried again.
    pub retries: u32,
    /// When it was first recorded.
    pub first_seen: HostTime,
    /// When it was last tried.
    pub last_tried: HostTime,
    /// Whether the venue can no longer serve it.
    pub unfillable: bool,
}

/// How far one account's executions are proven in one category.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// The account.
    pub account: AccountName,
    /// The category.
    pub category: Category,
    /// The newest proven window: complete from its start to its end, in venue time. None where nothing
    /// is proven yet.
    pub complete: Option<Window>,
    /// When the open orders were last listed to the end, in venue time.
    pub orders_checked: Option<VenueTime>,
    /// Traversals that reached their end.
    pub traversals: u64,
    /// When the last of them was recorded, by the host's clock.
    pub last_seen: Option<HostTime>,
    /// Gaps that may still be filled.
    pub gaps_open: u64,
    /// Gaps that the venue can no longer fill.
    pub gaps_unfillable: u64,
    /// Gaps that were filled later.
    pub gaps_resolved: u64,
}

/// An order that filled more than rows and stand-ins show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderAhead {
    /// Its market.
    pub market: Market,
    /// The order.
    pub order_id: OrderId,
    /// What it filled, as the venue sums it.
    pub filled_quantity: Quantity,
    /// What is shown of it.
    pub shown_quantity: Quantity,
    /// At which price on average, as the venue sums it.
    pub average_price: Option<Price>,
    /// When the venue took it: what it filled before coverage begins cannot have rows here.
    pub created_at: VenueTime,
    /// Since when it is so, at the latest: when the order last changed, in venue time.
    pub updated_at: VenueTime,
    /// When it was last seen at the venue, in venue time.
    pub checked_at: VenueTime,
}

/// An order beside the sum of its rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderSum {
    /// Its market.
    pub market: Market,
    /// The order.
    pub order_id: OrderId,
    /// Where it stands.
    pub status: OrderStatus,
    /// What it filled, as the venue sums it.
    pub filled_quantity: Quantity,
    /// The sum of its real rows that stand.
    pub live_quantity: Quantity,
    /// The sum of the rows that stand in for missing ones.
    pub stood_in_quantity: Quantity,
    /// The sum of its rows that the venue took back; a venue may or may not take them off its own sum.
    pub busted_quantity: Quantity,
    /// When it last changed, in venue time.
    pub updated_at: VenueTime,
    /// When it was last seen at the venue, in venue time.
    pub checked_at: VenueTime,
    /// Whether the venue no longer has it.
    pub gone: bool,
}

/// Which group cycle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredGroupCycle {
    /// The group.
    pub group: GroupName,
    /// The cycle with its members.
    pub cycle: GroupCycleRow,
}

/// The newest decision about one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LatestDecision {
    /// The moment, in venue time.
    pub moment: VenueTime,
    /// The newest revision.
    pub revision: u32,
    /// Hash of the facts that it was made from.
    pub facts_hash: String,
    /// Hash of the view.
    pub view_hash: String,
    /// The strategy.
    pub plugin: String,
    /// SHA-256 of the plugin's file.
    pub plugin_sha256: Option<String>,
    /// SHA-256 of its settings.
    pub settings_sha256: Option<String>,
    /// How the answer came about.
    pub outcome: DecisionOutcome,
    /// What was shown for each account.
    pub shown: Vec<Shown>,
    /// When it was made.
    pub decided_at: HostTime,
}

/// The name of a group cycle.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct CycleName {
    /// The group.
    pub group: GroupName,
    /// The symbol, in the group's spelling.
    pub symbol: Symbol,
    /// The direction of the position.
    pub side: PositionSide,
    /// Its number within group, symbol and side.
    pub ordinal: u64,
}

/// A decision with everything that it was made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredDecision {
    /// The row.
    pub id: i64,
    /// The group.
    pub group: GroupName,
    /// The decision.
    pub decision: DecisionRow,
}

/// A count with its group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredCount {
    /// The group.
    pub group: GroupName,
    /// The count.
    pub count: crate::decisions::CountRow,
}

/// A divergence with its group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredDivergence {
    /// The group.
    pub group: GroupName,
    /// The divergence.
    pub divergence: crate::decisions::DivergenceRow,
}

/// Which alerts to read; every field narrows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AlertFilter {
    /// Of this group.
    pub group: Option<GroupName>,
    /// Of this account.
    pub account: Option<AccountName>,
    /// Of this symbol.
    pub symbol: Option<Symbol>,
    /// Of this kind, by name.
    pub kind: Option<String>,
    /// With this identity.
    pub identity: Option<String>,
    /// About something at or after this.
    pub from: Option<VenueTime>,
    /// About something before this.
    pub to: Option<VenueTime>,
    /// Older than this row.
    pub before_id: Option<i64>,
    /// About this cycle of the group and symbol: its side and number.
    pub cycle: Option<(PositionSide, u64)>,
}

/// An alert as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAlert {
    /// The row.
    pub id: i64,
    /// The alert.
    pub alert: Alert,
    /// Whether it was recorded without being sent.
    pub suppressed: bool,
    /// When it was recorded.
    pub created_at: HostTime,
    /// Where it went.
    pub deliveries: Vec<Delivery>,
}

/// How an alert fared in one channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The channel.
    pub channel: ChannelName,
    /// `pending`, `sent`, `dead`, `superseded` or `digested`.
    pub state: String,
    /// How often it was tried.
    pub attempts: u32,
    /// The text that was sent.
    pub sent_text: Option<String>,
    /// Why it was not taken.
    pub last_error: Option<String>,
    /// When it was sent, given up, superseded or told in a digest.
    pub finished_at: Option<HostTime>,
}

/// What became of a message that was to be sent again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Again {
    /// The channel.
    pub channel: ChannelName,
    /// What became of it.
    pub outcome: AgainOutcome,
}

/// See [`Again`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AgainOutcome {
    /// It waits to be sent.
    Queued,
    /// A newer revision of the alert was queued for that channel, so this one would be old.
    Overtaken,
    /// It is no dead letter, but in this state.
    NotDead(String),
}

/// A message that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxRow {
    /// The row.
    pub id: i64,
    /// The channel.
    pub channel: ChannelName,
    /// The alert, in the revision to be sent.
    pub alert: Alert,
    /// How often it was tried.
    pub attempts: u32,
    /// Not before this.
    pub next_at: HostTime,
    /// Since when it stands in line.
    pub queued_at: HostTime,
    /// The receiver's id of the message in which an older revision was sent: edit that one.
    pub message_id: Option<String>,
}

/// A channel with waiting messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingChannel {
    /// The channel.
    pub channel: ChannelName,
    /// How many wait.
    pub pending: u64,
    /// When the first of them may be tried.
    pub next_at: HostTime,
    /// When the first of them was put there.
    pub oldest_at: HostTime,
}

/// Which fills to read; every field narrows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FillFilter {
    /// Of this account.
    pub account: Option<AccountName>,
    /// Of one of these accounts; of all where there is no such list.
    pub among: Option<Vec<AccountName>>,
    /// Of this symbol, as the venue spells it.
    pub symbol: Option<Symbol>,
    /// At or after this.
    pub from: Option<VenueTime>,
    /// Before this.
    pub to: Option<VenueTime>,
    /// After this row in the list, that is: not newer.
    pub before_id: Option<i64>,
    /// At most so many; [`crate::FILLS_READ_MAX`] is the most.
    pub limit: u32,
}

/// A fill as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredFill {
    /// The row.
    pub id: i64,
    /// The execution, with its raw row.
    pub execution: Execution,
    /// Which position it moved.
    pub lane: Lane,
    /// What it did to its book.
    pub allocation: Allocation,
    /// When it came to us.
    pub seen_at: HostTime,
}

/// Which closed cycles to read; every field narrows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CycleFilter {
    /// Of this account.
    pub account: Option<AccountName>,
    /// Of this symbol.
    pub symbol: Option<Symbol>,
    /// Closed at or after this.
    pub from: Option<VenueTime>,
    /// Closed before this.
    pub to: Option<VenueTime>,
}

/// A closed cycle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClosedCycle {
    /// The book.
    pub book: Book,
    /// The cycle.
    pub cycle: Cycle,
}

/// The ledger at a glance, from maintained counts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LedgerStatus {
    /// The schema's number.
    pub schema: i64,
    /// Size of the database in bytes, without what is not yet in it.
    pub bytes: u64,
    /// By account.
    pub accounts: Vec<AccountTally>,
    /// Alerts recorded.
    pub alerts: u64,
    /// Alerts recorded without being sent.
    pub alerts_suppressed: u64,
    /// Messages sent.
    pub messages_sent: u64,
    /// Messages given up.
    pub messages_dead: u64,
    /// Messages waiting, by channel.
    pub pending: Vec<PendingChannel>,
    /// Decisions made.
    pub decisions: u64,
    /// Divergences not resolved.
    pub divergences_open: u64,
    /// Markets waiting for a decision.
    pub marks: u64,
}

/// One account at a glance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountTally {
    /// The account.
    pub account: AccountName,
    /// Its venue's name.
    pub venue: String,
    /// Executions of all classes.
    pub executions: u64,
    /// Fills among them.
    pub fills: u64,
    /// When the newest fill happened.
    pub last_fill_at: Option<VenueTime>,
    /// Rows that could not be read.
    pub quarantined: u64,
    /// Keys that came again with other content.
    pub conflicts: u64,
    /// Gaps that are not resolved.
    pub gaps: u64,
}

/// An event as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEvent {
    /// Rises with every event.
    pub id: i64,
    /// The event.
    pub event: EventRow,
}

/// What happened to a plugin, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredPluginEvent {
    /// Rises with every event.
    pub id: i64,
    /// The event.
    pub event: PluginEventRow,
}

/// What is remembered of a plugin over a restart.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PluginMemory {
    /// SHA-256 of what was in use last.
    pub in_use: Option<String>,
    /// Contents that were rolled back, the newest first.
    pub barred: Vec<BarredContent>,
}

/// A content that was rolled back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BarredContent {
    /// SHA-256 of its file.
    pub sha256: String,
    /// When.
    pub at: HostTime,
    /// Why.
    pub cause: String,
}

/// What plugins were really asked, the newest first.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RecordedInputs {
    /// What strategies were asked.
    pub views: Vec<View>,
    /// What formatters were asked, and for which channel.
    pub alerts: Vec<(Alert, ChannelName)>,
    /// Inputs that this version cannot read any more.
    pub unreadable: usize,
}

/// What a self-check found wrong; empty lists are good news.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SelfCheck {
    /// Executions that were looked at.
    pub executions: u64,
    /// Cycles that were computed again.
    pub cycles: u64,
    /// Sentences, one for each thing that is wrong; at most [`crate::FINDINGS_MAX`].
    pub findings: Vec<String>,
}
