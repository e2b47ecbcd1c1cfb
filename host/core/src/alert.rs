//! What happened, as data: the alert that formatters turn into words.
//!
//! The same shapes as the interface `alert` of `wit/v1`. An alert is cut from a stored decision or
//! from a stored fact and has an identity (law 11): the same happening has the same identity for
//! ever, whatever was restarted in between, so it can be recorded once and sent at least once.

use crate::amount::{Money, Price, Quantity};
use crate::execution::Side;
use crate::id::{AccountName, Currency, GroupName, Symbol};
use crate::order::PositionSide;
use crate::time::VenueTime;
use crate::truth::Truth;
use crate::view::Role;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The kinds of alerts, as `alerts = [...]` of a channel names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AlertKind {
    /// An entry limit order filled: one per account and slot.
    Fill,
    /// The filled part of a plan grew.
    Progress,
    /// A position was reduced.
    Exit,
    /// A cycle ended.
    Closed,
    /// Accounts differ in truth.
    Divergence,
    /// They agree again.
    Resolved,
    /// What was sent has changed.
    Correction,
    /// Old events as one.
    Digest,
    /// Something about fillsync itself.
    System,
}

impl AlertKind {
    /// Every kind, in the order of the documentation.
    pub const ALL: [Self; 9] = [
        Self::Fill,
        Self::Progress,
        Self::Exit,
        Self::Closed,
        Self::Divergence,
        Self::Resolved,
        Self::Correction,
        Self::Digest,
        Self::System,
    ];

    /// The name in configuration, API and database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fill => "fill",
            Self::Progress => "progress",
            Self::Exit => "exit",
            Self::Closed => "closed",
            Self::Divergence => "divergence",
            Self::Resolved => "resolved",
            Self::Correction => "correction",
            Self::Digest => "digest",
            Self::System => "system",
        }
    }
}

impl fmt::Display for AlertKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How much an alert matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Good to know.
    Info,
    /// Look at it.
    Warning,
    /// Look at it now.
    Critical,
}

impl Severity {
    /// Every severity, the least first.
    pub const ALL: [Self; 3] = [Self::Info, Self::Warning, Self::Critical];

    /// The name in configuration, API and database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An account, as alerts name it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertAccount {
    /// Its name in the configuration.
    pub name: AccountName,
    /// Its role; none where it is in no group.
    pub role: Option<Role>,
}

/// The three values of a count: the third, truth, stands beside it in the alert's body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// What the account's own facts say, as of the fill.
    pub detected: u32,
    /// What the strategy says to show.
    pub shown: u32,
    /// Orders of the plan.
    pub total: u32,
    /// True where `detected` is a lower bound.
    pub at_least: bool,
    /// False where the strategy failed and the account's own count is shown.
    pub synchronised: bool,
    /// Why `shown` is what it is, from the strategy or the host.
    pub note: Option<String>,
}

impl Count {
    /// Whether `[Synchronized count]` must stand there (law 10).
    #[must_use]
    pub const fn is_marked(&self) -> bool {
        self.shown != self.detected
    }
}

/// An entry limit order filled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FillAlert {
    /// The slot's ordinal ("L2" is 2).
    pub slot: u32,
    /// The order's side.
    pub side: Side,
    /// Average price of the order's fills.
    pub price: Price,
    /// The order's filled quantity.
    pub quantity: Quantity,
    /// The counts.
    pub count: Count,
    /// The slots that this account itself had filled, as of this fill.
    pub own_slots: Vec<u32>,
    /// The worst truth of the group as of the decision.
    pub truth: Truth,
    /// Members whose facts are not yet complete past this fill.
    pub waiting_for: Vec<AccountName>,
    /// Venue time up to which the account's executions are proven complete.
    pub coverage_to: Option<VenueTime>,
}

/// The filled part of a position's plan grew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgressAlert {
    /// Filled so far, in percent of the plan, with two places ("66.67").
    pub filled_percent: String,
    /// What it was before.
    pub previous_percent: String,
    /// Filled quantity of the entry orders.
    pub filled_quantity: Quantity,
    /// Planned quantity of the entry orders.
    pub planned_quantity: Quantity,
    /// The entry orders' side.
    pub side: Side,
    /// The counts.
    pub count: Count,
}

/// Why a position was reduced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExitReason {
    /// A take-profit order.
    TakeProfit,
    /// A stop-loss order.
    StopLoss,
    /// A trailing stop.
    TrailingStop,
    /// The venue liquidated the position.
    Liquidation,
    /// The venue closed it against a bankrupt one.
    AutoDeleverage,
    /// Delivery or settlement.
    Settlement,
    /// Any other order that reduces the position.
    Close,
}

/// A position was reduced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExitAlert {
    /// Why.
    pub reason: ExitReason,
    /// The order's side.
    pub side: Side,
    /// Average price.
    pub price: Price,
    /// Quantity.
    pub quantity: Quantity,
    /// Realised profit or loss before fees, in the quote currency; none where the entry is not known.
    pub realised: Option<Money>,
}

/// A cycle ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClosedAlert {
    /// Realised profit or loss after fees; none where the cycle's start is not known, or fees are in another currency.
    pub net: Option<Money>,
    /// Fees by currency; positive is paid.
    pub fees: Vec<(Currency, Money)>,
    /// Average entry price.
    pub entry_price: Option<Price>,
    /// Average exit price.
    pub exit_price: Option<Price>,
    /// Largest position of the cycle.
    pub quantity: Quantity,
    /// When it opened.
    pub opened: VenueTime,
    /// Entry orders filled.
    pub count: Count,
}

/// One account's side of a divergence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DivergenceLeg {
    /// The account.
    pub account: AlertAccount,
    /// What is true of it.
    pub truth: Truth,
    /// Filled quantity.
    pub filled_quantity: Quantity,
    /// Wanted quantity.
    pub quantity: Quantity,
    /// When it filled.
    pub filled_at: Option<VenueTime>,
    /// When its order was last looked at.
    pub checked_at: Option<VenueTime>,
}

/// Accounts differ in truth, or agree again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DivergenceAlert {
    /// The slot's ordinal.
    pub slot: u32,
    /// The slot's price.
    pub reference_price: Option<Price>,
    /// The plan's order side.
    pub side: Side,
    /// The legs, the first filled first.
    pub legs: Vec<DivergenceLeg>,
    /// What is shown for the account that differs, and its own count.
    pub count: Count,
    /// When the slot was first filled.
    pub since: VenueTime,
}

/// A count that was sent has changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CorrectionAlert {
    /// The slot's ordinal.
    pub slot: u32,
    /// The order's side.
    pub side: Side,
    /// What was shown.
    pub previous: u32,
    /// What is right.
    pub count: Count,
    /// Why.
    pub reason: String,
}

/// Several old events as one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DigestAlert {
    /// Lines such as "main GTCUSDT Sell: 3 fills, 1 cycle closed".
    pub lines: Vec<String>,
    /// Events in it.
    pub events: u32,
    /// From when.
    pub from: VenueTime,
    /// To when.
    pub to: VenueTime,
}

/// Something about fillsync itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SystemAlert {
    /// A short stable name: "account-unreachable", "key-refused", "plugin-set-aside", "coverage-gap", …
    pub topic: String,
    /// What happened, in a sentence.
    pub text: String,
    /// What to do about it.
    pub remedy: Option<String>,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum AlertBody {
    /// An entry limit order filled.
    Fill(FillAlert),
    /// The filled part of a plan grew.
    Progress(ProgressAlert),
    /// A position was reduced.
    Exit(ExitAlert),
    /// A cycle ended.
    Closed(ClosedAlert),
    /// Accounts differ in truth.
    Divergence(DivergenceAlert),
    /// They agree again.
    Resolved(DivergenceAlert),
    /// What was sent has changed.
    Correction(CorrectionAlert),
    /// Old events as one.
    Digest(DigestAlert),
    /// Something about fillsync itself.
    System(SystemAlert),
}

/// One alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// The same happening has the same identity, for ever; the channel and the revision are not part of it.
    pub identity: String,
    /// 0 when first sent; higher where a later truth edits it.
    pub revision: u32,
    /// How much it matters.
    pub severity: Severity,
    /// The group; none for an alert about no group.
    pub group: Option<GroupName>,
    /// The symbol, in the group's spelling.
    pub symbol: Option<Symbol>,
    /// The position's direction.
    pub position: Option<PositionSide>,
    /// The cycle's number.
    pub cycle: Option<u64>,
    /// The account it is about.
    pub account: Option<AlertAccount>,
    /// When it happened, in venue time.
    pub at: VenueTime,
    /// What happened.
    pub body: AlertBody,
}

impl Alert {
    /// The kind, which the body decides.
    #[must_use]
    pub const fn kind(&self) -> AlertKind {
        match &self.body {
            AlertBody::Fill(_) => AlertKind::Fill,
            AlertBody::Progress(_) => AlertKind::Progress,
            AlertBody::Exit(_) => AlertKind::Exit,
            AlertBody::Closed(_) => AlertKind::Closed,
            AlertBody::Divergence(_) => AlertKind::Divergence,
            AlertBody::Resolved(_) => AlertKind::Resolved,
            AlertBody::Correction(_) => AlertKind::Correction,
            AlertBody::Digest(_) => AlertKind::Digest,
            AlertBody::System(_) => AlertKind::System,
        }
    }
}
