//! `fillsync explain`: why a count, an alert or a fill is what it is, from the venue's own rows up.
//!
//! The chain is read backwards: the decision with the view that it was made from, the executions and
//! orders that the view was made from, the alerts that were cut from it and where they went. Everything
//! is as it is stored; that the decision comes out the same again is for the caller to try, because it
//! takes the plugin, and is added as [`Again`]. Nothing is computed here but sentences.

mod assemble;
mod name;
mod table;

pub use assemble::{explain_alert, explain_count, explain_fill};
pub(crate) use name::cycle_id;
pub use name::{CountName, NameError};

use crate::RawJson;
use crate::alerts::AlertAnswer;
use fillsync_core::moment::Verdict;
use fillsync_core::view::View;
use fillsync_ledger::{LedgerError, PluginUsedRow, StoredDecision};
use serde::Serialize;

/// Executions that one explanation lists; all of them are counted.
pub const FACTS_MAX: u32 = 500;

/// Alerts that one explanation lists.
pub const ALERTS_MAX: u32 = 200;

/// Why there is no explanation.
#[derive(Debug, thiserror::Error)]
pub enum ExplainError {
    /// The name is none.
    #[error(transparent)]
    Name(#[from] NameError),
    /// Nothing has this name.
    #[error("there is no {what}; {remedy}")]
    Nothing {
        /// What was looked for.
        what: String,
        /// Where names come from.
        remedy: &'static str,
    },
    /// Several things have this name.
    #[error("{what}: {names}; name one of them")]
    Several {
        /// What was looked for.
        what: String,
        /// Their full names.
        names: String,
    },
    /// The ledger cannot be read.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// The chain from the venue's rows to what was said.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explanation {
    /// When the answer was made.
    pub timestamp: String,
    /// What is explained: `count`, `alert` or `fill`.
    pub kind: &'static str,
    /// Its name.
    pub id: String,
    /// The answer in sentences, one for each account.
    pub because: Vec<String>,
    /// The group cycle; none for what belongs to none.
    pub cycle: Option<CycleAnswer>,
    /// The executions and orders that the decision rests on, the oldest first.
    pub facts: Vec<Fact>,
    /// Executions of the cycle that are not listed, or came after the decision's moment.
    pub facts_left_out: usize,
    /// The decision.
    pub decision: Option<DecisionAnswer>,
    /// The alerts of the cycle, or the revisions of the one alert, the oldest first.
    pub alerts: Vec<AlertAnswer>,
    /// Whether the decision comes out the same again; none where it was not tried.
    pub again: Option<Again>,
    /// The decision as it is stored, for whoever makes it again.
    #[serde(skip)]
    pub stored: Option<Box<StoredDecision>>,
    /// The plugin that made it, as it was set.
    #[serde(skip)]
    pub used: Option<PluginUsedRow>,
}

/// A group cycle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CycleAnswer {
    /// `GROUP/SYMBOL/SIDE/NUMBER`.
    pub id: String,
    /// When the first member opened.
    pub opened_at: String,
    /// When the last member closed.
    pub closed_at: Option<String>,
    /// Whether nothing more can change in it.
    pub settled: bool,
}

/// One execution, with the order that it filled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fact {
    /// When it happened, in venue time.
    pub executed_at: String,
    /// When it came to this machine.
    pub seen_at: String,
    /// The account.
    pub account: String,
    /// The slot that its order is, as the alert of its fill says.
    pub slot: Option<u32>,
    /// The venue's id of the execution.
    pub execution_id: String,
    /// The venue's id of the order.
    pub order_id: Option<String>,
    /// The id that the trader's bot gave the order.
    pub client_order_id: Option<String>,
    /// Where the order stands, as the ledger last heard: "filled".
    pub order_state: Option<String>,
    /// `buy` or `sell`.
    pub side: &'static str,
    /// How much, exact.
    pub quantity: String,
    /// At which price, exact.
    pub price: String,
    /// Whether it enlarged the position (`entry`), reduced it (`exit`) or turned it (`flip`).
    pub effect: &'static str,
}

/// A decision, with the view that it was made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DecisionAnswer {
    /// The ledger's row.
    pub id: i64,
    /// The venue time that it is about: fills after it are not in the view.
    pub moment: String,
    /// 0 for the first decision about this moment.
    pub revision: u32,
    /// When it was made, by the host's clock.
    pub decided_at: String,
    /// How the answer came about: `answered`, `fallback` (the plugin failed) or `none` (no strategy).
    pub outcome: &'static str,
    /// Why the plugin failed.
    pub error: Option<String>,
    /// The strategy.
    pub plugin: String,
    /// Its version, where it is known.
    pub plugin_version: Option<String>,
    /// SHA-256 of its file.
    pub plugin_sha256: Option<String>,
    /// SHA-256 of its settings.
    pub settings_sha256: Option<String>,
    /// Its settings, where they are known.
    pub settings: Option<RawJson>,
    /// Fuel that the call burnt.
    pub fuel: Option<u64>,
    /// Microseconds that the call took.
    pub took_us: Option<u64>,
    /// When a leg counts: `filled` or `touched`.
    pub counts_when: &'static str,
    /// The members, by name.
    pub accounts: Vec<AccountAnswer>,
    /// The slots, by number.
    pub slots: Vec<SlotAnswer>,
    /// Hash of the view.
    pub view_sha256: String,
    /// Whether the stored view still has this hash.
    pub view_is_intact: bool,
    /// The view as the plugin saw it.
    pub view: RawJson,
}

/// One account in a decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AccountAnswer {
    /// The account.
    pub account: String,
    /// Its role.
    pub role: &'static str,
    /// What its own facts say.
    pub detected: u32,
    /// What is shown.
    pub shown: u32,
    /// The worst truth of its legs, as of the decision.
    pub truth: &'static str,
    /// Whether `detected` is a lower bound.
    pub at_least: bool,
    /// Whether its facts were proven complete past the moment.
    pub known: bool,
    /// Venue time up to which its executions were proven complete.
    pub coverage_to: Option<String>,
    /// What was shown before in this cycle.
    pub shown_before: Option<u32>,
    /// Why the shown count is what it is.
    pub note: Option<String>,
}

/// One slot in a decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SlotAnswer {
    /// 1 for "L1".
    pub slot: u32,
    /// The price at which the plan wanted it.
    pub reference_price: Option<String>,
    /// How its legs were matched: `token`, `rank` or `manual`.
    pub matched_by: &'static str,
    /// How sure the match is, in percent.
    pub confidence: u8,
    /// The legs, by account.
    pub legs: Vec<LegAnswer>,
}

/// One account's order at one slot, in a decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LegAnswer {
    /// The account.
    pub account: String,
    /// As its own facts said.
    pub state: &'static str,
    /// Filled so far.
    pub filled_quantity: String,
    /// Wanted in all.
    pub quantity: String,
    /// Whether it was part of the detected count.
    pub counted: bool,
    /// What was true of it.
    pub truth: &'static str,
}

/// The decision made again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "result")]
pub enum Again {
    /// The same answer, byte for byte.
    Same {
        /// Where the plugin was found.
        plugin_from: String,
        /// Fuel that it burnt this time.
        fuel: Option<u64>,
    },
    /// Another answer: the ledger was changed, or this host is another one.
    Differs {
        /// Where the plugin was found.
        plugin_from: String,
        /// What was stored, as JSON.
        stored: RawJson,
        /// What came out now, as JSON.
        now: RawJson,
        /// What that means.
        hint: String,
    },
    /// It could not be tried.
    NotTried {
        /// Why not, and what to do.
        why: String,
    },
}

impl Explanation {
    /// The view of the decision, where it can still be read.
    #[must_use]
    pub fn view(&self) -> Option<View> {
        serde_json::from_str(&self.stored.as_ref()?.decision.view_json).ok()
    }

    /// Whether what was stored and these verdicts are the same answer, byte for byte; else both.
    ///
    /// # Errors
    /// The two, as JSON: what is stored, and what the verdicts are.
    pub fn compare(&self, verdicts: &[Verdict]) -> Result<(), (RawJson, RawJson)> {
        let json = |answer: &[fillsync_core::view::Shown]| {
            serde_json::to_string(answer).unwrap_or_default()
        };
        let now: Vec<_> = verdicts
            .iter()
            .map(|verdict| fillsync_core::view::Shown {
                account: verdict.account.clone(),
                count: verdict.shown,
                note: verdict.note.clone(),
            })
            .collect();
        let stored = self
            .stored
            .as_ref()
            .map(|stored| json(&stored.decision.answer))
            .unwrap_or_default();
        let now = json(&now);
        if stored == now {
            Ok(())
        } else {
            Err((RawJson(stored), RawJson(now)))
        }
    }
}
