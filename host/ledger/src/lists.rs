//! What lists are asked by, and the rows that only lists need.
//!
//! Every filter field narrows, every list has a limit, and the place where a page ends is a row or a
//! moment that the next question names: a page costs what it shows, whatever the ledger holds.

use crate::decisions::{CountRow, DecisionOutcome};
use crate::read::performance::CycleKey;
use crate::rows::StoredDivergence;
use fillsync_core::alert::AlertKind;
use fillsync_core::cycle::Allocation;
use fillsync_core::execution::Execution;
use fillsync_core::id::{AccountName, ChannelName, GroupName, Symbol};
use fillsync_core::order::{Lane, PositionSide};
use fillsync_core::time::{HostTime, VenueTime};
use fillsync_core::view::View;

/// Which counts to read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CountFilter {
    /// Of this group.
    pub group: Option<GroupName>,
    /// Of cycles in which this account is; the other accounts of such a cycle are there as well.
    pub account: Option<AccountName>,
    /// Of this symbol, in the group's spelling.
    pub symbol: Option<Symbol>,
    /// Decided about a moment at or after this.
    pub from: Option<VenueTime>,
    /// Decided about a moment before this.
    pub to: Option<VenueTime>,
    /// Of cycles whose newest moment is before this: where the page before ended.
    pub before: Option<VenueTime>,
    /// At most so many cycles, and those beyond it that share the last one's moment.
    pub limit: u32,
}

/// Which divergences to read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DivergenceFilter {
    /// Of this group.
    pub group: Option<GroupName>,
    /// Of this account.
    pub account: Option<AccountName>,
    /// Of this symbol, in the group's spelling.
    pub symbol: Option<Symbol>,
    /// Only those that are not resolved.
    pub open_only: bool,
    /// That began at or after this.
    pub from: Option<VenueTime>,
    /// That began before this.
    pub to: Option<VenueTime>,
    /// After this row in the list, that is: not newer.
    pub before_id: Option<i64>,
    /// At most so many.
    pub limit: u32,
}

/// Which open orders to read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OrderFilter {
    /// Of this account.
    pub account: Option<AccountName>,
    /// Of one of these accounts; of all where there is no such list.
    pub among: Option<Vec<AccountName>>,
    /// Of this symbol, as the venue spells it.
    pub symbol: Option<Symbol>,
    /// That the venue took at or after this.
    pub from: Option<VenueTime>,
    /// That the venue took before this.
    pub to: Option<VenueTime>,
    /// After this row in the list, that is: not newer.
    pub before_id: Option<i64>,
    /// At most so many.
    pub limit: u32,
}

/// Which events to read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EventFilter {
    /// With this name.
    pub name: Option<String>,
    /// Of this account.
    pub account: Option<AccountName>,
    /// Of this group.
    pub group: Option<GroupName>,
    /// At or after this, by the host's clock.
    pub from: Option<HostTime>,
    /// Before this, by the host's clock.
    pub to: Option<HostTime>,
    /// After this row; without it, the newest.
    pub after: Option<i64>,
    /// At most so many.
    pub limit: u32,
}

/// Which messages to read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OutboxFilter {
    /// In this state: `pending`, `sent`, `dead`, `superseded` or `digested`.
    pub state: Option<String>,
    /// For this channel.
    pub channel: Option<ChannelName>,
    /// Older than this row.
    pub before_id: Option<i64>,
    /// At most so many.
    pub limit: u32,
}

/// A message of the outbox, whatever became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxLine {
    /// The row.
    pub id: i64,
    /// The channel.
    pub channel: ChannelName,
    /// `pending`, `sent`, `dead`, `superseded` or `digested`.
    pub state: String,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was queued.
    pub created_at: HostTime,
    /// Not before this.
    pub next_at: HostTime,
    /// When it was sent, given up or superseded.
    pub finished_at: Option<HostTime>,
    /// Why it was not taken.
    pub last_error: Option<String>,
    /// The alert's row.
    pub alert: i64,
    /// The alert's identity.
    pub identity: String,
    /// The alert's revision.
    pub revision: u32,
    /// The alert's kind.
    pub kind: AlertKind,
    /// The alert's group.
    pub group: Option<GroupName>,
    /// The alert's symbol.
    pub symbol: Option<Symbol>,
    /// The alert's account.
    pub account: Option<AccountName>,
}

/// A group cycle with all that is known of it now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoardCycle {
    /// The group.
    pub group: GroupName,
    /// The symbol, in the group's spelling.
    pub symbol: Symbol,
    /// The direction of the position.
    pub side: PositionSide,
    /// The number within group, symbol and side.
    pub ordinal: u64,
    /// When the first member's position began.
    pub opened_at: VenueTime,
    /// When the last member was flat again.
    pub closed_at: Option<VenueTime>,
    /// The decision about the newest moment.
    pub decision: Option<BoardDecision>,
    /// The newest counts.
    pub counts: Vec<CountRow>,
    /// Divergences that are not resolved, with their rows.
    pub divergences: Vec<(i64, StoredDivergence)>,
}

/// A decision with the view that it was made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoardDecision {
    /// The moment, in venue time.
    pub moment: VenueTime,
    /// What was known.
    pub view: View,
    /// The strategy.
    pub plugin: String,
    /// How the answer came about.
    pub outcome: DecisionOutcome,
    /// Why the strategy gave no answer.
    pub error: Option<String>,
    /// When it was made.
    pub decided_at: HostTime,
}

/// Fills of one market in one hour of venue time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FillHour {
    /// The beginning of the hour.
    pub hour: VenueTime,
    /// How many.
    pub fills: u64,
}

/// Which executions go into a file, from where on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ExecutionWalk {
    /// Of this account.
    pub account: Option<AccountName>,
    /// Of this symbol, as the venue spells it.
    pub symbol: Option<Symbol>,
    /// At or after this.
    pub from: Option<VenueTime>,
    /// Before this.
    pub to: Option<VenueTime>,
    /// Only fills that stand, or every row of every class and state.
    pub fills_only: bool,
    /// After this time and row, where the step before ended.
    pub after: Option<(VenueTime, i64)>,
    /// At most so many.
    pub limit: u32,
}

/// An execution as it goes into a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WalkedExecution {
    /// The row.
    pub id: i64,
    /// The execution, with its raw row.
    pub execution: Execution,
    /// Which position it moved.
    pub lane: Lane,
    /// What it did to its book.
    pub allocation: Allocation,
    /// `live`, `superseded` or `busted`.
    pub state: String,
    /// When it came to us.
    pub seen_at: HostTime,
}

/// Where a walk over closed cycles goes on: after this moment and cycle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CyclePlace {
    /// When it closed.
    pub closed_at: VenueTime,
    /// Which it is.
    pub key: CycleKey,
}

/// The newest rows of what is told as it comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NewestRows {
    /// The newest event; 0 before the first.
    pub event: i64,
    /// The newest execution; 0 before the first.
    pub execution: i64,
}
