//! `/groups`: every group with its members side by side, slot by slot.
//!
//! A leg's state is what the account's own facts say, `shown` is the strategy's, `truth` is computed
//! from facts and proof: three values that stand in three fields and are never merged. Cycles in which
//! accounts differ come first, then open ones, then the newest of those that are over.

use crate::divergences::{Divergence, divergence};
use crate::table::{Column, Look, or_dash, render};
use crate::{Answer, time_text};
use fillsync_core::id::{AccountName, GroupName, Symbol};
use fillsync_core::leg::LegState;
use fillsync_core::slot::SlotMatch;
use fillsync_core::time::HostTime;
use fillsync_core::truth::Truth;
use fillsync_core::view::{Role, View, ViewMember, ViewSlot};
use fillsync_ledger::{BoardCycle, CountRow, DecisionOutcome, LedgerError, Reader};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;

/// Cycles of each group where nobody asks for more or fewer.
pub const CYCLES_DEFAULT: u32 = 12;

/// The most cycles of each group.
pub const CYCLES_MAX: u32 = 100;

/// A group as the configuration has it: the ledger does not know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupPlan {
    /// Its name.
    pub name: GroupName,
    /// Its strategy; none shows own counts.
    pub strategy: Option<String>,
    /// Its members with their roles.
    pub members: Vec<(AccountName, Role)>,
    /// How far every account's proof must reach past a fill, in milliseconds.
    pub settle_ms: u64,
    /// After that an alert goes out with what is known, in milliseconds.
    pub deadline_ms: u64,
}

/// Which groups to read; every field narrows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GroupFilter {
    /// This group.
    pub group: Option<GroupName>,
    /// Cycles of this symbol, in the group's spelling.
    pub symbol: Option<Symbol>,
    /// At most so many cycles of each group.
    pub limit: u32,
}

/// Every group of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Groups {
    /// When the answer was made.
    #[schemars(extend("format" = "date-time"))]
    pub timestamp: String,
    /// Groups in it.
    pub count: usize,
    /// The groups.
    pub groups: Vec<GroupAnswer>,
}

/// One group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct GroupAnswer {
    /// Its name.
    pub group: String,
    /// Its strategy; null shows own counts.
    pub strategy: Option<String>,
    /// How far every account's proof must reach past a fill, in milliseconds.
    pub settle_ms: u64,
    /// After that an alert goes out with what is known, in milliseconds.
    pub deadline_ms: u64,
    /// Its members: main first.
    pub members: Vec<GroupMember>,
    /// Its cycles: those in which accounts differ, then open ones, then the newest.
    pub cycles: Vec<CycleBoard>,
}

/// An account of a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct GroupMember {
    /// The account.
    pub account: String,
    /// `main`, `mirror` or `observer`.
    #[schemars(schema_with = "role_words")]
    pub role: &'static str,
}

/// One group cycle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct CycleBoard {
    /// The symbol, in the group's spelling.
    pub symbol: String,
    /// The direction of the position: `long` or `short`.
    #[schemars(schema_with = "crate::words::side")]
    pub side: &'static str,
    /// The cycle's number within group, symbol and side.
    pub cycle: u64,
    /// When the first member's position began.
    #[schemars(extend("format" = "date-time"))]
    pub opened_at: String,
    /// When the last member was flat again; none while it is open.
    #[schemars(extend("format" = "date-time"))]
    pub closed_at: Option<String>,
    /// The worst of its members' truths.
    #[schemars(schema_with = "crate::words::truth")]
    pub truth: &'static str,
    /// The venue time that the newest decision is about; none before the first.
    #[schemars(extend("format" = "date-time"))]
    pub moment: Option<String>,
    /// When that decision was made.
    #[schemars(extend("format" = "date-time"))]
    pub decided_at: Option<String>,
    /// The strategy that was asked.
    pub plugin: Option<String>,
    /// Why the strategy gave no answer, so that own counts are shown.
    pub fallback: Option<String>,
    /// Its members: main first.
    pub accounts: Vec<CycleAccount>,
    /// Its slots, by number.
    pub slots: Vec<SlotAnswer>,
    /// Divergences that are not resolved.
    pub divergences: Vec<Divergence>,
}

/// The three values of one account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct CycleAccount {
    /// The account.
    pub account: String,
    /// `main`, `mirror` or `observer`.
    #[schemars(schema_with = "role_words")]
    pub role: &'static str,
    /// What its own facts say.
    pub detected: u32,
    /// What is shown; none before the first decision.
    pub shown: Option<u32>,
    /// What is true: the worst of its slots.
    #[schemars(schema_with = "crate::words::truth")]
    pub truth: &'static str,
    /// Whether `detected` is a lower bound.
    pub at_least: bool,
    /// False where the strategy failed and its own count is shown.
    pub synchronised: bool,
    /// Why the shown count is what it is.
    pub note: Option<String>,
    /// Whether its facts are proven past the moment of the decision.
    pub known: bool,
    /// Venue time up to which its executions were proven then.
    #[schemars(extend("format" = "date-time"))]
    pub coverage_to: Option<String>,
}

/// One order of the plan, seen across the group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SlotAnswer {
    /// 1 for "L1".
    pub slot: u32,
    /// The price at which the plan wanted it, exact.
    pub price: Option<String>,
    /// How its legs were recognised: `token`, `rank` or `manual`.
    #[schemars(schema_with = "match_words")]
    pub matched_by: &'static str,
    /// How sure that is, in percent.
    pub confidence: u8,
    /// Each account's order at it; an account without one is left out.
    pub legs: Vec<LegAnswer>,
}

/// One account's order at one slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LegAnswer {
    /// The account.
    pub account: String,
    /// Where it stands, as the account's own facts say.
    #[schemars(schema_with = "leg_words")]
    pub state: &'static str,
    /// Filled so far, exact.
    pub filled_quantity: String,
    /// Wanted in all, exact.
    pub quantity: String,
    /// Whether it is part of the account's detected count.
    pub counted: bool,
    /// What is true of it.
    #[schemars(schema_with = "crate::words::truth")]
    pub truth: &'static str,
}

fn role_words(_: &mut SchemaGenerator) -> Schema {
    let words = [Role::Main, Role::Mirror, Role::Observer].map(Role::as_str);
    json_schema!({ "type": "string", "enum": words })
}

fn match_words(_: &mut SchemaGenerator) -> Schema {
    let words = [SlotMatch::Token, SlotMatch::Rank, SlotMatch::Manual].map(SlotMatch::as_str);
    json_schema!({ "type": "string", "enum": words })
}

fn leg_words(_: &mut SchemaGenerator) -> Schema {
    let words = [
        LegState::Planned,
        LegState::Open,
        LegState::Partial,
        LegState::Filled,
        LegState::PartialFinal,
        LegState::Cancelled,
        LegState::Rejected,
        LegState::Missing,
        LegState::Unknown,
    ]
    .map(LegState::as_str);
    json_schema!({ "type": "string", "enum": words })
}

/// The groups that pass a filter. A limit beyond [`CYCLES_MAX`] becomes [`CYCLES_MAX`].
///
/// # Errors
/// When the ledger cannot be read.
pub fn groups(
    reader: &Reader,
    plans: &[GroupPlan],
    filter: &GroupFilter,
    now: HostTime,
) -> Result<Groups, LedgerError> {
    let limit = filter.limit.clamp(1, CYCLES_MAX);
    let mut groups = Vec::new();
    for plan in plans {
        if filter
            .group
            .as_ref()
            .is_some_and(|group| *group != plan.name)
        {
            continue;
        }
        let cycles = reader.board(&plan.name, filter.symbol.as_ref(), limit)?;
        let mut members = plan.members.clone();
        members.sort_by_key(|(account, role)| (*role, account.clone()));
        groups.push(GroupAnswer {
            group: plan.name.to_string(),
            strategy: plan.strategy.clone(),
            settle_ms: plan.settle_ms,
            deadline_ms: plan.deadline_ms,
            cycles: cycles
                .into_iter()
                .map(|cycle| board(cycle, &members))
                .collect(),
            members: members
                .into_iter()
                .map(|(account, role)| GroupMember {
                    account: account.to_string(),
                    role: role.as_str(),
                })
                .collect(),
        });
    }
    Ok(Groups {
        timestamp: time_text::host(now),
        count: groups.len(),
        groups,
    })
}

fn board(cycle: BoardCycle, members: &[(AccountName, Role)]) -> CycleBoard {
    let view = cycle.decision.as_ref().map(|decision| &decision.view);
    let accounts = accounts_of(&cycle.counts, view, members);
    let truths = cycle.counts.iter().map(|count| count.truth);
    let worst = truths.fold(Truth::Unfilled, Truth::worse);
    CycleBoard {
        symbol: cycle.symbol.to_string(),
        side: cycle.side.as_str(),
        cycle: cycle.ordinal,
        opened_at: time_text::venue(cycle.opened_at),
        closed_at: time_text::venue_option(cycle.closed_at),
        truth: worst.as_str(),
        moment: time_text::venue_option(cycle.decision.as_ref().map(|decision| decision.moment)),
        decided_at: cycle
            .decision
            .as_ref()
            .map(|decision| time_text::host(decision.decided_at)),
        plugin: cycle
            .decision
            .as_ref()
            .map(|decision| decision.plugin.clone()),
        fallback: cycle.decision.as_ref().and_then(|decision| {
            let failed = decision.outcome == DecisionOutcome::Fallback;
            failed.then(|| decision.error.clone().unwrap_or_default())
        }),
        slots: view.map_or_else(Vec::new, |view| {
            view.slots
                .iter()
                .map(|slot| slot_answer(slot, view, &accounts))
                .collect()
        }),
        accounts,
        divergences: cycle
            .divergences
            .iter()
            .map(|(id, row)| divergence(*id, row))
            .collect(),
    }
}

fn accounts_of(
    counts: &[CountRow],
    view: Option<&View>,
    members: &[(AccountName, Role)],
) -> Vec<CycleAccount> {
    let role_of = |account: &AccountName| {
        let in_view = |view: &View| {
            let member = view
                .members
                .iter()
                .find(|member| member.account == *account)?;
            Some(member.role)
        };
        let planned = members.iter().find(|(name, _)| name == account);
        view.and_then(in_view)
            .or_else(|| planned.map(|(_, role)| *role))
            .unwrap_or(Role::Observer)
    };
    let mut accounts: Vec<_> = counts
        .iter()
        .map(|count| {
            let of_view = |member: &&ViewMember| member.account == count.account;
            let member = view.and_then(|view| view.members.iter().find(of_view));
            let role = role_of(&count.account);
            let account = CycleAccount {
                account: count.account.to_string(),
                role: role.as_str(),
                detected: count.detected,
                shown: Some(count.shown),
                truth: count.truth.as_str(),
                at_least: count.at_least,
                synchronised: count.synchronised,
                note: count.note.clone(),
                known: member.is_some_and(|member| member.known),
                coverage_to: time_text::venue_option(member.and_then(|member| member.coverage_to)),
            };
            (role, account)
        })
        .collect();
    accounts.sort_by(|(one, a), (other, b)| one.cmp(other).then_with(|| a.account.cmp(&b.account)));
    accounts.into_iter().map(|(_, account)| account).collect()
}

fn slot_answer(slot: &ViewSlot, view: &View, order: &[CycleAccount]) -> SlotAnswer {
    let place = |account: &AccountName| {
        order
            .iter()
            .position(|one| *one.account == *account.as_str())
    };
    let mut members: Vec<&ViewMember> = view.members.iter().collect();
    members.sort_by_key(|member| place(&member.account).unwrap_or(usize::MAX));
    SlotAnswer {
        slot: slot.ordinal,
        price: slot.reference_price.map(|price| price.to_string()),
        matched_by: slot.matched_by.as_str(),
        confidence: slot.confidence,
        legs: members
            .into_iter()
            .filter_map(|member| {
                let leg = member.legs.iter().find(|leg| leg.slot == slot.ordinal)?;
                Some(LegAnswer {
                    account: member.account.to_string(),
                    state: leg.state.as_str(),
                    filled_quantity: leg.filled_quantity.to_string(),
                    quantity: leg.quantity.to_string(),
                    counted: leg.counted,
                    truth: leg.truth.as_str(),
                })
            })
            .collect(),
    }
}

impl Answer for Groups {
    fn table(&self, look: Look) -> String {
        let columns = [
            Column::Left("GROUP"),
            Column::Left("SYMBOL"),
            Column::Left("SIDE"),
            Column::Right("CYCLE"),
            Column::Left("SLOT"),
            Column::Left("ACCOUNT"),
            Column::Left("STATE"),
            Column::Right("FILLED"),
            Column::Right("OF"),
            Column::Left("TRUTH"),
        ];
        let rows = self.groups.iter().flat_map(|group| {
            group.cycles.iter().flat_map(move |cycle| {
                cycle.slots.iter().flat_map(move |slot| {
                    slot.legs.iter().map(move |leg| {
                        vec![
                            group.group.clone(),
                            cycle.symbol.clone(),
                            cycle.side.to_owned(),
                            cycle.cycle.to_string(),
                            format!("L{} @{}", slot.slot, or_dash(slot.price.as_deref())),
                            leg.account.clone(),
                            leg.state.to_owned(),
                            leg.filled_quantity.clone(),
                            leg.quantity.clone(),
                            leg.truth.to_owned(),
                        ]
                    })
                })
            })
        });
        render(look, &columns, rows, "No cycles yet.")
    }
}
