//! What the synchroniser hands to the ledger: decisions with everything that follows from them.
//!
//! [`Decisions`] is written in one transaction, and may be written again after a crash: every row
//! has a key of its own, and what exists is left as it is.

use fillsync_core::alert::Alert;
use fillsync_core::cycle::Book;
use fillsync_core::id::{AccountName, ChannelName, GroupName, Market, Symbol};
use fillsync_core::order::PositionSide;
use fillsync_core::time::{HostTime, VenueTime};
use fillsync_core::truth::Truth;
use fillsync_core::view::Shown;

/// Everything that one look at a group decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decisions {
    /// The group.
    pub group: GroupName,
    /// Its cycles that are new or changed.
    pub cycles: Vec<GroupCycleRow>,
    /// Decisions; append only.
    pub decisions: Vec<DecisionRow>,
    /// The plugins that made them.
    pub plugins: Vec<PluginUsedRow>,
    /// The newest counts.
    pub counts: Vec<CountRow>,
    /// Divergences that opened, changed or were resolved.
    pub divergences: Vec<DivergenceRow>,
    /// Alerts that follow.
    pub alerts: Vec<AlertRow>,
    /// The newest mark that was looked at.
    pub marks_to: i64,
    /// The markets whose marks up to `marks_to` are done with.
    pub markets: Vec<Market>,
    /// Now.
    pub at: HostTime,
}

impl Decisions {
    /// Nothing decided yet.
    #[must_use]
    pub const fn new(group: GroupName, at: HostTime) -> Self {
        Self {
            group,
            cycles: Vec::new(),
            decisions: Vec::new(),
            plugins: Vec::new(),
            counts: Vec::new(),
            divergences: Vec::new(),
            alerts: Vec::new(),
            marks_to: 0,
            markets: Vec::new(),
            at,
        }
    }
}

/// A cycle of a group: its members' cycles, joined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupCycleRow {
    /// The symbol, in the group's spelling.
    pub symbol: Symbol,
    /// The direction of the position.
    pub side: PositionSide,
    /// Its number within group, symbol and side.
    pub ordinal: u64,
    /// When the first member opened.
    pub opened_at: VenueTime,
    /// When the last member closed.
    pub closed_at: Option<VenueTime>,
    /// Whether nothing more can change in it.
    pub settled: bool,
    /// The members' cycles: book and ordinal.
    pub members: Vec<(Book, u32)>,
}

/// How an answer came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DecisionOutcome {
    /// The plugin answered.
    Answered,
    /// The plugin failed; own counts are shown.
    Fallback,
    /// The group has no strategy; own counts are shown.
    None,
}

impl DecisionOutcome {
    /// The name in the database and the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Fallback => "fallback",
            Self::None => "none",
        }
    }

    /// From [`DecisionOutcome::as_str`].
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "answered" => Some(Self::Answered),
            "fallback" => Some(Self::Fallback),
            "none" => Some(Self::None),
            _ => None,
        }
    }
}

/// One decision about one moment of a group cycle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecisionRow {
    /// The symbol, in the group's spelling.
    pub symbol: Symbol,
    /// The direction of the position.
    pub side: PositionSide,
    /// The group cycle.
    pub cycle: u64,
    /// The moment that it is about, in venue time.
    pub moment: VenueTime,
    /// 0 for the first decision about this moment.
    pub revision: u32,
    /// Hash of the facts that it was made from.
    pub facts_hash: String,
    /// Hash of the view that the plugin saw.
    pub view_hash: String,
    /// The view, as JSON, so that the decision can be made again.
    pub view_json: String,
    /// The strategy's name ("none" without one).
    pub plugin: String,
    /// SHA-256 of the plugin's file.
    pub plugin_sha256: Option<String>,
    /// SHA-256 of its settings.
    pub settings_sha256: Option<String>,
    /// How the answer came about.
    pub outcome: DecisionOutcome,
    /// Why the plugin failed.
    pub error: Option<String>,
    /// What is shown for each account.
    pub answer: Vec<Shown>,
    /// Fuel that the call burnt.
    pub fuel: Option<u64>,
    /// Microseconds that the call took.
    pub took_us: Option<u64>,
    /// When it was made.
    pub decided_at: HostTime,
}

/// A plugin as it was set when it decided: what a decision's hashes stand for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginUsedRow {
    /// SHA-256 of the plugin's file.
    pub plugin_sha256: String,
    /// SHA-256 of its settings.
    pub settings_sha256: String,
    /// The name on its card.
    pub own_name: String,
    /// The version on its card.
    pub version: String,
    /// Its settings, as the JSON that was hashed.
    pub settings_json: String,
}

/// The newest count of one account in one group cycle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CountRow {
    /// The symbol, in the group's spelling.
    pub symbol: Symbol,
    /// The direction of the position.
    pub side: PositionSide,
    /// The group cycle.
    pub cycle: u64,
    /// The account.
    pub account: AccountName,
    /// What its own facts say.
    pub detected: u32,
    /// What is shown: the column `limit_orders_filled`.
    pub shown: u32,
    /// False where the strategy failed and its own count is shown.
    pub synchronised: bool,
    /// Why the shown count is what it is.
    pub note: Option<String>,
    /// Whether `detected` is a lower bound.
    pub at_least: bool,
    /// Orders of the plan.
    pub total: u32,
    /// The worst truth of its slots.
    pub truth: Truth,
    /// The moment of the decision that it comes from.
    pub moment: VenueTime,
    /// When it was last synchronised: the column `last_fill_sync_timestamp`.
    pub last_fill_sync: HostTime,
}

/// An account that differs in truth at a slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DivergenceRow {
    /// The symbol, in the group's spelling.
    pub symbol: Symbol,
    /// The direction of the position.
    pub side: PositionSide,
    /// The group cycle.
    pub cycle: u64,
    /// The slot, by a key that stays the same while slots are renumbered.
    pub slot_key: String,
    /// The account.
    pub account: AccountName,
    /// What is true of it.
    pub truth: Truth,
    /// When the slot was first filled by anybody, in venue time.
    pub first_at: VenueTime,
    /// When it was proven that this account really differs, in venue time.
    pub confirmed_at: Option<VenueTime>,
    /// When it agreed again, or its cycle ended, in venue time.
    pub resolved_at: Option<VenueTime>,
    /// The alert that told of it.
    pub alert_identity: Option<String>,
}

/// An alert and where it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertRow {
    /// The alert.
    pub alert: Alert,
    /// The channels that take it.
    pub channels: Vec<ChannelName>,
    /// Recorded, but not sent: an old event that a digest tells of (law 12).
    pub suppressed: bool,
}

/// What is new of what was committed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Committed {
    /// Identity and revision of the alerts that did not exist before.
    pub new_alerts: Vec<(String, u32)>,
}

/// A named event of the log, kept for `/events`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRow {
    /// When.
    pub at: HostTime,
    /// Its name ("fill_received").
    pub name: String,
    /// The account.
    pub account: Option<AccountName>,
    /// The group.
    pub group: Option<GroupName>,
    /// Its fields, as a JSON object.
    pub json: String,
}

/// What happened to a plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginEventRow {
    /// When.
    pub at: HostTime,
    /// The plugin's name.
    pub plugin: String,
    /// The stage it reached ("compile", "swap").
    pub stage: String,
    /// How it ended: "loaded", "swapped", "promoted", "held", "rejected", "rolled-back", "file-gone",
    /// "set-aside". The first three and "rolled-back" say what is in use from then on.
    pub outcome: String,
    /// SHA-256 of what ran before.
    pub old_sha256: Option<String>,
    /// SHA-256 of what was offered, or what answers again.
    pub new_sha256: Option<String>,
    /// SHA-256 of the settings that it was offered with.
    pub settings_sha256: Option<String>,
    /// Why.
    pub cause: Option<String>,
    /// What to do about it.
    pub hint: Option<String>,
    /// How long each stage took, in microseconds, in their order.
    pub stages: Vec<(String, u64)>,
    /// How its answers to recorded inputs differ from those of what was active, as JSON.
    pub comparison_json: Option<String>,
}

impl PluginEventRow {
    /// A row that says no more than that.
    #[must_use]
    pub fn new(at: HostTime, plugin: &str, stage: &str, outcome: &str) -> Self {
        Self {
            at,
            plugin: plugin.to_owned(),
            stage: stage.to_owned(),
            outcome: outcome.to_owned(),
            old_sha256: None,
            new_sha256: None,
            settings_sha256: None,
            cause: None,
            hint: None,
            stages: Vec::new(),
            comparison_json: None,
        }
    }
}
