//! Reads the chain of one thing from the ledger, at one moment.

use super::name::cycle_id;
use super::{
    ALERTS_MAX, AccountAnswer, CountName, CycleAnswer, DecisionAnswer, ExplainError, Explanation,
    FACTS_MAX, Fact, LegAnswer, SlotAnswer,
};
use crate::{RawJson, alerts, time_text};
use fillsync_core::alert::AlertBody;
use fillsync_core::cycle::Book;
use fillsync_core::execution::Side;
use fillsync_core::id::{AccountName, OrderId};
use fillsync_core::time::{HostTime, VenueTime};
use fillsync_core::truth::Truth;
use fillsync_core::view::{self, CountsWhen, View, ViewMember};
use fillsync_ledger::{
    AlertFilter, CycleName, DecisionOutcome, GroupCycleRow, LedgerError, PluginUsedRow, Reader,
    StoredAlert, StoredDecision, StoredFill,
};
use std::collections::BTreeMap;

type Explained = Result<Explanation, ExplainError>;

/// Why a count is what it is.
///
/// # Errors
/// When nothing has this name, or the ledger cannot be read.
pub fn explain_count(reader: &Reader, name: &CountName, now: HostTime) -> Explained {
    one_moment(reader, |reader| {
        let (decision, account) = match name {
            CountName::Decision(id) => (reader.decision(*id)?, None),
            CountName::Cycle(cycle, account) => {
                (reader.decision_about(cycle, None)?, account.as_ref())
            }
        };
        let Some(decision) = decision else {
            return nothing(format!("decision of {name:?}"), name);
        };
        let is_member = |account: &&AccountName| {
            let answer = &decision.decision.answer;
            answer.iter().any(|row| row.account == **account)
        };
        if let Some(account) = account.filter(|account| !is_member(account)) {
            return nothing(format!("count of {account} in it"), name);
        }
        let cycle = name_of(&decision);
        let id = match account {
            Some(account) => format!("{}/{account}", id_of(&cycle)),
            None => id_of(&cycle),
        };
        let mut explanation = Explanation::empty("count", id, now);
        explanation.of_cycle(reader, &cycle, Some(decision))?;
        if let Some(account) = account {
            let own = format!("{account} ");
            explanation
                .because
                .retain(|because| because.starts_with(&own));
        }
        Ok(explanation)
    })
}

fn nothing<T>(what: String, name: &CountName) -> Result<T, ExplainError> {
    let what = match name {
        CountName::Decision(id) => format!("decision {id}"),
        CountName::Cycle(cycle, _) if what.starts_with("decision") => {
            format!("decision about {}", id_of(cycle))
        }
        CountName::Cycle(..) => what,
    };
    Err(ExplainError::Nothing {
        what,
        remedy: "`fillsync counts` prints the names of counts",
    })
}

/// Why an alert said what it said, and where it went. The name is its identity, as `fillsync alerts`
/// prints it, with or without its revision, or the number of its row.
///
/// # Errors
/// When nothing has this name, or the ledger cannot be read.
pub fn explain_alert(reader: &Reader, name: &str, now: HostTime) -> Explained {
    one_moment(reader, |reader| {
        let (identity, revision) = split_revision(name);
        let row = identity.parse::<i64>().ok();
        let filter = match row {
            Some(row) => AlertFilter {
                before_id: Some(row.saturating_add(1)),
                ..AlertFilter::default()
            },
            None => AlertFilter {
                identity: Some(identity.to_owned()),
                ..AlertFilter::default()
            },
        };
        let limit = if row.is_some() { 1 } else { ALERTS_MAX };
        let mut found = reader.alerts(&filter, limit)?;
        found.retain(|alert| row.is_none_or(|row| alert.id == row));
        found.retain(|alert| revision.is_none_or(|revision| alert.alert.revision == revision));
        // The newest first, as the ledger gives them.
        let Some(alert) = found.first() else {
            return Err(ExplainError::Nothing {
                what: format!("alert {name:?}"),
                remedy: "`fillsync alerts` prints the identities of alerts",
            });
        };
        let alert = alert.alert.clone();
        let id = format!("{} r{}", alert.identity, alert.revision);
        let mut explanation = Explanation::empty("alert", id, now);
        let cycle = match (&alert.group, &alert.symbol, alert.position, alert.cycle) {
            (Some(group), Some(symbol), Some(side), Some(ordinal)) => Some(CycleName {
                group: group.clone(),
                symbol: symbol.clone(),
                side,
                ordinal,
            }),
            _ => None,
        };
        if let Some(cycle) = &cycle {
            let decision = reader.decision_about(cycle, Some(alert.at))?;
            explanation.of_cycle(reader, cycle, decision)?;
        }
        if let AlertBody::System(system) = &alert.body {
            explanation.because.push(system.text.clone());
        }
        found.reverse();
        explanation.alerts = found.iter().map(alerts::answer).collect();
        Ok(explanation)
    })
}

/// "IDENTITY r2" and "IDENTITY#2" name a revision.
fn split_revision(name: &str) -> (&str, Option<u32>) {
    for mark in [" r", "#"] {
        if let Some((identity, revision)) = name.rsplit_once(mark)
            && !identity.is_empty()
            && let Ok(revision) = revision.parse()
        {
            return (identity, Some(revision));
        }
    }
    (name.trim_start_matches('#'), None)
}

/// What came of a fill. The name is the venue's id of the execution, as `fillsync fills` prints it,
/// with or without its account before it, or the number of its row.
///
/// # Errors
/// When nothing has this name or several have, or the ledger cannot be read.
pub fn explain_fill(reader: &Reader, name: &str, now: HostTime) -> Explained {
    one_moment(reader, |reader| {
        let found = reader.fills_named(name)?;
        let full = |fill: &StoredFill| {
            let execution = &fill.execution;
            format!("{}/{}", execution.market.account, execution.execution_id)
        };
        let fill = match found.as_slice() {
            [] => {
                return Err(ExplainError::Nothing {
                    what: format!("execution {name:?}"),
                    remedy: "`fillsync fills` prints the venue's ids of fills",
                });
            }
            [fill] => fill,
            several => {
                let names: Vec<String> = several.iter().map(full).collect();
                return Err(ExplainError::Several {
                    what: format!("{} executions are called {name:?}", several.len()),
                    names: names.join(", "),
                });
            }
        };
        let mut explanation = Explanation::empty("fill", full(fill), now);
        let book = Book {
            market: fill.execution.market.clone(),
            lane: fill.lane,
        };
        let entry = fill.allocation.entry.map(|part| part.ordinal);
        let ordinal = entry.or(fill.allocation.exit.map(|part| part.ordinal));
        let cycles = match ordinal {
            Some(ordinal) => reader.cycles_of(&book, ordinal)?,
            None => Vec::new(),
        };
        match cycles.first() {
            Some(cycle) => {
                let decision = reader.decision_about(cycle, Some(fill.execution.executed_at))?;
                explanation.of_cycle(reader, cycle, decision)?;
                let order = fill.execution.order_id.as_ref().map(OrderId::as_str);
                let of_fill = |identity: &str| {
                    let last = identity.rsplit('/').next();
                    last == order || last == Some(fill.execution.execution_id.as_str())
                };
                explanation.alerts.retain(|alert| of_fill(&alert.identity));
                for other in cycles.iter().skip(1) {
                    let of_other = format!("it is part of {} as well", id_of(other));
                    explanation.because.push(of_other);
                }
            }
            None => {
                explanation.facts = vec![fact(reader, fill, None)?];
                let why = "it belongs to no cycle of a group: it moved no position, or its account is in no group";
                explanation.because.push(why.to_owned());
            }
        }
        Ok(explanation)
    })
}

fn one_moment(reader: &Reader, read: impl FnOnce(&Reader) -> Explained) -> Explained {
    reader.at_one_moment(|reader| Ok(read(reader)))?
}

impl Explanation {
    fn empty(kind: &'static str, id: String, now: HostTime) -> Self {
        Self {
            timestamp: time_text::host(now),
            kind,
            id,
            because: Vec::new(),
            cycle: None,
            facts: Vec::new(),
            facts_left_out: 0,
            decision: None,
            alerts: Vec::new(),
            again: None,
            stored: None,
            used: None,
        }
    }

    fn of_cycle(
        &mut self,
        reader: &Reader,
        cycle: &CycleName,
        decision: Option<StoredDecision>,
    ) -> Result<(), LedgerError> {
        let filter = AlertFilter {
            group: Some(cycle.group.clone()),
            symbol: Some(cycle.symbol.clone()),
            cycle: Some((cycle.side, cycle.ordinal)),
            ..AlertFilter::default()
        };
        let mut told = reader.alerts(&filter, ALERTS_MAX)?;
        told.reverse();
        let row = reader
            .group_cycles(&cycle.group, Some(&cycle.symbol), false)?
            .into_iter()
            .map(|stored| stored.cycle)
            .find(|row| row.side == cycle.side && row.ordinal == cycle.ordinal);
        let until = decision
            .as_ref()
            .map_or(VenueTime::from_us(i64::MAX), |decision| {
                decision.decision.moment
            });
        if let Some(row) = row {
            self.cycle = Some(CycleAnswer {
                id: id_of(cycle),
                opened_at: time_text::venue(row.opened_at),
                closed_at: time_text::venue_option(row.closed_at),
                settled: row.settled,
            });
            self.facts_of(reader, &row, &slots_of_orders(&told), until)?;
        }
        self.alerts = told.iter().map(alerts::answer).collect();
        let Some(decision) = decision else {
            self.because.push(
                "nothing was decided about it: no limit order of the plan has filled".to_owned(),
            );
            return Ok(());
        };
        self.used = match (
            &decision.decision.plugin_sha256,
            &decision.decision.settings_sha256,
        ) {
            (Some(plugin), Some(settings)) => reader.plugin_used(plugin, settings)?,
            _ => None,
        };
        let view: Option<View> = serde_json::from_str(&decision.decision.view_json).ok();
        let answer = decision_answer(&decision, view.as_ref(), self.used.as_ref());
        self.because.extend(sentences(&answer));
        self.decision = Some(answer);
        self.stored = Some(Box::new(decision));
        Ok(())
    }

    fn facts_of(
        &mut self,
        reader: &Reader,
        cycle: &GroupCycleRow,
        slots: &BTreeMap<String, u32>,
        until: VenueTime,
    ) -> Result<(), LedgerError> {
        let mut fills = Vec::new();
        for (book, ordinal) in &cycle.members {
            fills.extend(reader.fills_of_cycle(book, *ordinal, FACTS_MAX)?);
        }
        fills.sort_by(|a, b| {
            let key = |fill: &StoredFill| (fill.execution.executed_at, fill.id);
            key(a).cmp(&key(b))
        });
        let all = fills.len();
        fills.retain(|fill| fill.execution.executed_at <= until);
        fills.truncate(usize::try_from(FACTS_MAX).unwrap_or(usize::MAX));
        self.facts_left_out = all.saturating_sub(fills.len());
        for fill in &fills {
            let order = fill.execution.order_id.as_ref();
            let slot = order.and_then(|order| slots.get(order.as_str()).copied());
            self.facts.push(fact(reader, fill, slot)?);
        }
        Ok(())
    }
}

/// Which slot each order is, as the alerts of its fill say.
fn slots_of_orders(told: &[StoredAlert]) -> BTreeMap<String, u32> {
    told.iter()
        .filter_map(|stored| match &stored.alert.body {
            AlertBody::Fill(fill) => {
                let order = stored.alert.identity.rsplit('/').next()?;
                Some((order.to_owned(), fill.slot))
            }
            _ => None,
        })
        .collect()
}

fn fact(reader: &Reader, fill: &StoredFill, slot: Option<u32>) -> Result<Fact, LedgerError> {
    let execution = &fill.execution;
    let order = match &execution.order_id {
        Some(order) => reader.order_known(&execution.market, order)?,
        None => None,
    };
    Ok(Fact {
        executed_at: time_text::venue(execution.executed_at),
        seen_at: time_text::host(fill.seen_at),
        account: execution.market.account.to_string(),
        slot,
        execution_id: execution.execution_id.to_string(),
        order_id: execution.order_id.as_ref().map(ToString::to_string),
        client_order_id: execution.client_order_id.as_ref().map(ToString::to_string),
        order_state: order.map(|known| match known.gone {
            true => format!("{}, gone", known.order.status.as_str()),
            false => known.order.status.as_str().to_owned(),
        }),
        side: match execution.side {
            Side::Buy => "buy",
            Side::Sell => "sell",
        },
        quantity: execution.quantity.to_string(),
        price: execution.price.to_string(),
        effect: match (&fill.allocation.entry, &fill.allocation.exit) {
            (Some(_), Some(_)) => "flip",
            (Some(_), None) => "entry",
            (None, Some(_)) => "exit",
            (None, None) => "none",
        },
    })
}

fn name_of(decision: &StoredDecision) -> CycleName {
    CycleName {
        group: decision.group.clone(),
        symbol: decision.decision.symbol.clone(),
        side: decision.decision.side,
        ordinal: decision.decision.cycle,
    }
}

fn id_of(cycle: &CycleName) -> String {
    cycle_id(&cycle.group, &cycle.symbol, cycle.side, cycle.ordinal)
}

fn decision_answer(
    stored: &StoredDecision,
    view: Option<&View>,
    used: Option<&PluginUsedRow>,
) -> DecisionAnswer {
    let decision = &stored.decision;
    let hash = view::hash_of_json(&decision.view_json);
    let members = view.map(|view| view.members.as_slice()).unwrap_or_default();
    let shown = |member: &ViewMember| {
        let answer = &decision.answer;
        answer.iter().find(|row| row.account == member.account)
    };
    DecisionAnswer {
        id: stored.id,
        moment: time_text::venue(decision.moment),
        revision: decision.revision,
        decided_at: time_text::host(decision.decided_at),
        outcome: decision.outcome.as_str(),
        error: decision.error.clone(),
        plugin: decision.plugin.clone(),
        plugin_version: used.map(|used| used.version.clone()),
        plugin_sha256: decision.plugin_sha256.clone(),
        settings_sha256: decision.settings_sha256.clone(),
        settings: used.map(|used| RawJson(used.settings_json.clone())),
        fuel: decision.fuel,
        took_us: decision.took_us,
        counts_when: match view.map(|view| view.counts_when) {
            Some(CountsWhen::Touched) => "touched",
            _ => "filled",
        },
        accounts: members
            .iter()
            .map(|member| AccountAnswer {
                account: member.account.to_string(),
                role: member.role.as_str(),
                detected: member.detected,
                shown: shown(member).map_or(member.detected, |row| row.count),
                truth: member
                    .legs
                    .iter()
                    .map(|leg| leg.truth)
                    .filter(|truth| *truth != Truth::Unfilled)
                    .fold(Truth::Unfilled, Truth::worse)
                    .as_str(),
                at_least: member.at_least,
                known: member.known,
                coverage_to: time_text::venue_option(member.coverage_to),
                shown_before: member.shown_before,
                note: shown(member).and_then(|row| row.note.clone()),
            })
            .collect(),
        slots: view.map(slot_answers).unwrap_or_default(),
        view_sha256: decision.view_hash.clone(),
        view_is_intact: hash == decision.view_hash,
        view: RawJson(decision.view_json.clone()),
    }
}

fn slot_answers(view: &View) -> Vec<SlotAnswer> {
    view.slots
        .iter()
        .map(|slot| SlotAnswer {
            slot: slot.ordinal,
            reference_price: slot.reference_price.map(|price| price.to_string()),
            matched_by: slot.matched_by.as_str(),
            confidence: slot.confidence,
            legs: view
                .members
                .iter()
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
        })
        .collect()
}

/// "main says 2: its own count is 2 (L1, L2), and max-count 1.0.0 answered 2."
fn sentences(decision: &DecisionAnswer) -> Vec<String> {
    let who = match &decision.plugin_version {
        Some(version) => format!("{} {version}", decision.plugin),
        None => decision.plugin.clone(),
    };
    let sentence = |account: &AccountAnswer| {
        let counted: Vec<String> = decision
            .slots
            .iter()
            .filter(|slot| {
                let legs = slot.legs.iter();
                let mut own = legs.filter(|leg| leg.account == account.account);
                own.any(|leg| leg.counted)
            })
            .map(|slot| format!("L{}", slot.slot))
            .collect();
        let own = if counted.is_empty() {
            account.detected.to_string()
        } else {
            format!("{} ({})", account.detected, counted.join(", "))
        };
        let least = if account.at_least { "at least " } else { "" };
        let why = if account.role == "observer" {
            "; it is an observer, whose own count is always shown".to_owned()
        } else if decision.outcome == DecisionOutcome::Answered.as_str() {
            format!("; {who} decided over {} accounts", decision.accounts.len())
        } else if decision.outcome == DecisionOutcome::Fallback.as_str() {
            let error = decision.error.as_deref().unwrap_or("it gave no answer");
            format!("; it is not synchronised: {error}")
        } else {
            "; no strategy is set, so that is shown".to_owned()
        };
        let unknown = match (account.known, &account.coverage_to) {
            (true, _) => String::new(),
            (false, Some(to)) => format!("; its facts were proven only to {to}"),
            (false, None) => "; nothing of it was proven yet".to_owned(),
        };
        let note = account
            .note
            .as_ref()
            .filter(|_| decision.outcome == DecisionOutcome::Answered.as_str());
        let note = note.map_or_else(String::new, |note| format!("; note: {note}"));
        format!(
            "{} says {}: its own count is {least}{own}{why}{unknown}{note}",
            account.account, account.shown
        )
    };
    decision.accounts.iter().map(sentence).collect()
}
