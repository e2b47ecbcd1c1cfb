//! Alerts, cut from decisions and facts.
//!
//! Each alert's identity is made of things that a venue said once and for ever (an order id, an
//! execution id), never of a counter or a time of ours; so evaluating the same facts again gives the
//! same alerts, and the ledger records each of them once (law 11). Whether and where an alert is sent
//! is not decided here.

use crate::alert::{
    Alert, AlertAccount, AlertBody, ClosedAlert, Count, DivergenceAlert, DivergenceLeg, ExitAlert,
    ExitReason, FillAlert, ProgressAlert, Severity,
};
use crate::amount::{Money, Price, Quantity};
use crate::cycle::{Book, BookRule, Cycle, CycleStart};
use crate::execution::ExecutionClass;
use crate::group::{BookFacts, FillFact, GroupRules, OrderFact};
use crate::id::{AccountName, Currency, Symbol};
use crate::join::{GroupCycle, MemberCycle};
use crate::judge::{first_counted, is_sure_of, judge};
use crate::leg::{Leg, LegState, Sum};
use crate::moment::{Frame, Moment, Verdict, counted_at, counted_by, worst_truth};
use crate::order::StopKind;
use crate::slot::Slot;
use crate::time::{HostTime, VenueTime};
use crate::truth::{Doubt, Judgement, Truth};
use crate::view::{CountsWhen, Role, View};
use rust_decimal::{Decimal, RoundingStrategy};
use std::collections::BTreeMap;

/// An alert, with the moment from which its age is counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    /// The alert.
    pub alert: Alert,
    /// When its facts were first seen here.
    pub seen_at: HostTime,
}

impl<'a> Frame<'a> {
    fn alert(
        &self,
        member: Option<&MemberCycle>,
        identity: String,
        at: VenueTime,
        body: AlertBody,
    ) -> Alert {
        let severity = match &body {
            AlertBody::Divergence(_) => Severity::Critical,
            AlertBody::Correction(_) => Severity::Warning,
            AlertBody::Exit(exit)
                if matches!(
                    exit.reason,
                    ExitReason::Liquidation | ExitReason::AutoDeleverage
                ) =>
            {
                Severity::Critical
            }
            _ => Severity::Info,
        };
        Alert {
            identity,
            revision: 0,
            severity,
            group: Some(self.rules.name.clone()),
            symbol: Some(self.symbol.clone()),
            position: Some(self.cycle.side),
            cycle: Some(self.number),
            account: member.map(|member| named(self.cycle, member)),
            at,
            body,
        }
    }

    fn book(&self, member: &'a MemberCycle) -> Option<(&'a BookFacts, &'a Cycle)> {
        let (book, cycle) = member.cycle.as_ref()?;
        let facts = self.facts.books.iter().find(|facts| &facts.book == book)?;
        Some((facts, cycle))
    }
}

/// An account that is alone in its group has no role worth naming.
fn named(cycle: &GroupCycle, member: &MemberCycle) -> AlertAccount {
    AlertAccount {
        name: member.account.clone(),
        role: (cycle.members.len() > 1).then_some(member.role),
    }
}

fn place(book: &Book) -> String {
    format!("{}/{}", book.market, book.lane.as_str())
}

/// The counts of one member as of a view.
#[must_use]
pub fn count_of(view: &View, verdict: &Verdict) -> Count {
    Count {
        detected: verdict.detected,
        shown: verdict.shown,
        total: u32::try_from(view.slots.len()).unwrap_or(u32::MAX),
        at_least: view
            .members
            .iter()
            .any(|member| member.account == verdict.account && member.at_least),
        synchronised: verdict.synchronised,
        note: verdict.note.clone(),
    }
}

/// The beginning of the identity of every `fill` alert of a book.
#[must_use]
pub fn fill_identity_prefix(rules: &GroupRules, book: &Book) -> String {
    format!("fill/{}/{}/", rules.name, place(book))
}

/// The identity of the `fill` alert of an account's leg in a slot; none without such a leg.
#[must_use]
pub fn fill_identity(frame: Frame<'_>, account: &AccountName, slot: u32) -> Option<String> {
    let member = frame.cycle.member(account)?;
    let slot = frame.cycle.slots.iter().find(|have| have.ordinal == slot)?;
    let leg = frame.cycle.leg(slot, member)?;
    let (book, _) = member.cycle.as_ref()?;
    let order = counted_by(leg, frame.rules.counts_when)?;
    Some(format!(
        "{}{order}",
        fill_identity_prefix(frame.rules, book)
    ))
}

/// The `fill` alerts of a moment: one for each leg that came to count there.
#[must_use]
pub fn fills(frame: Frame<'_>, moment: &Moment, view: &View, verdicts: &[Verdict]) -> Vec<Cut> {
    let waiting_for: Vec<AccountName> = view
        .members
        .iter()
        .filter(|member| !member.known && member.role != Role::Observer)
        .map(|member| member.account.clone())
        .collect();
    moment
        .counted
        .iter()
        .filter_map(|(account, ordinal)| {
            let member = frame.cycle.member(account)?;
            let slot = frame
                .cycle
                .slots
                .iter()
                .find(|slot| slot.ordinal == *ordinal)?;
            let leg = frame.cycle.leg(slot, member)?;
            // An observer founds no slot: what it filled is told where it is surely the plan's.
            if member.role == Role::Observer && !is_sure_of(frame, slot, member) {
                return None;
            }
            let verdict = verdicts
                .iter()
                .find(|verdict| &verdict.account == account)?;
            let own = view.members.iter().find(|have| &have.account == account)?;
            // The order that first filled names the alert. Rows of one before it may still come, and
            // the same leg would be told twice.
            let may_have_begun = frame.rules.counts_when == CountsWhen::Touched
                && !own.known
                && leg.sum == Sum::Unread;
            if may_have_begun {
                return None;
            }
            let body = AlertBody::Fill(FillAlert {
                slot: *ordinal,
                side: leg.side,
                price: leg.average_price().or(leg.price).unwrap_or(Price::ZERO),
                quantity: leg.filled_by(moment.at),
                count: count_of(view, verdict),
                own_slots: own
                    .legs
                    .iter()
                    .filter(|leg| leg.counted)
                    .map(|leg| leg.slot)
                    .collect(),
                truth: worst_truth(view),
                waiting_for: waiting_for.clone(),
                coverage_to: own.coverage_to,
            });
            let identity = fill_identity(frame, account, *ordinal)?;
            Some(Cut {
                alert: frame.alert(Some(member), identity, moment.at, body),
                seen_at: moment.seen_at,
            })
        })
        .collect()
}

/// The newest `progress` alert of each member whose plan grew.
#[must_use]
pub fn progress(frame: Frame<'_>, view: &View, verdicts: &[Verdict]) -> Vec<Cut> {
    frame
        .cycle
        .members
        .iter()
        .filter_map(|member| {
            let (book, _) = member.cycle.as_ref()?;
            let verdict = verdicts
                .iter()
                .find(|verdict| verdict.account == member.account)?;
            let planned: Quantity = member.legs.iter().map(|leg| leg.quantity).sum();
            let newest = member
                .legs
                .iter()
                .flat_map(|leg| &leg.fills)
                .max_by_key(|fill| (fill.at, fill.seen_at))?;
            let filled: Quantity = member.legs.iter().map(Leg::filled).sum();
            let before: Quantity = member
                .legs
                .iter()
                .flat_map(|leg| &leg.fills)
                .filter(|fill| fill.at < newest.at)
                .map(|fill| fill.quantity)
                .sum();
            let body = AlertBody::Progress(ProgressAlert {
                filled_percent: percent(filled, planned)?,
                previous_percent: percent(before, planned)?,
                filled_quantity: filled,
                planned_quantity: planned,
                side: frame.cycle.side.entry_side(),
                count: count_of(view, verdict),
            });
            let cycle_start = member
                .legs
                .iter()
                .flat_map(|leg| &leg.fills)
                .map(|fill| fill.at)
                .min()?;
            let identity = format!(
                "progress/{}/{}/{}/{filled}",
                frame.rules.name,
                place(book),
                cycle_start.us()
            );
            Some(Cut {
                alert: frame.alert(Some(member), identity, newest.at, body),
                seen_at: newest.seen_at,
            })
        })
        .collect()
}

/// A share in percent with two places, cut, so that 100 is never said before it is so.
fn percent(part: Quantity, whole: Quantity) -> Option<String> {
    let share = (part.decimal() * Decimal::ONE_HUNDRED).checked_div(whole.decimal())?;
    Some(
        share
            .round_dp_with_strategy(2, RoundingStrategy::ToZero)
            .normalize()
            .to_string(),
    )
}

/// The `exit` alerts of a group cycle: one for each order, or act of the venue, that reduced a
/// member's position and is done.
#[must_use]
pub fn exits(frame: Frame<'_>) -> Vec<Cut> {
    frame
        .cycle
        .members
        .iter()
        .filter_map(|member| Some((member, frame.book(member)?)))
        .flat_map(|(member, (facts, cycle))| exits_of(frame, member, facts, cycle))
        .collect()
}

fn exits_of(frame: Frame<'_>, member: &MemberCycle, facts: &BookFacts, cycle: &Cycle) -> Vec<Cut> {
    let mut by_act: BTreeMap<String, Vec<&FillFact>> = BTreeMap::new();
    for fill in &facts.fills {
        if fill
            .allocation
            .exit
            .is_some_and(|exit| exit.ordinal == cycle.ordinal)
        {
            let act = fill
                .order_id
                .as_ref()
                .map_or_else(|| fill.execution_id.to_string(), ToString::to_string);
            by_act.entry(act).or_default().push(fill);
        }
    }
    by_act
        .into_iter()
        .filter_map(|(act, fills)| {
            let last = fills.iter().max_by(|a, b| a.sequence.cmp(&b.sequence))?;
            let order = facts
                .orders
                .iter()
                .find(|fact| Some(&fact.order.order_id) == last.order_id.as_ref());
            let done = last.order_id.is_none()
                || last.leaves_quantity.is_some_and(Quantity::is_zero)
                || order.is_some_and(|fact| !fact.order.status.is_open())
                || !cycle.is_open();
            if !done {
                return None;
            }
            let exits = || {
                fills
                    .iter()
                    .filter_map(|fill| Some((fill, fill.allocation.exit?)))
            };
            let quantity: Quantity = exits().map(|(_, exit)| exit.quantity).sum();
            let mut value = Money::ZERO;
            for (fill, exit) in exits() {
                value += fill.price.times(exit.quantity)?;
            }
            let realised = exits()
                .map(|(_, exit)| exit.realised)
                .try_fold(Money::ZERO, |sum, part| Some(sum + part?))
                .filter(|_| cycle.start == CycleStart::Flat);
            let body = AlertBody::Exit(ExitAlert {
                reason: reason_of(last, order),
                side: last.side,
                price: value.per(quantity)?,
                quantity,
                realised,
            });
            let identity = format!("exit/{}/{}/{act}", frame.rules.name, place(&facts.book));
            Some(Cut {
                alert: frame.alert(Some(member), identity, last.executed_at, body),
                seen_at: last.seen_at,
            })
        })
        .collect()
}

fn reason_of(fill: &FillFact, order: Option<&OrderFact>) -> ExitReason {
    match fill.class {
        ExecutionClass::Liquidation => return ExitReason::Liquidation,
        ExecutionClass::AutoDeleverage => return ExitReason::AutoDeleverage,
        ExecutionClass::Settlement => return ExitReason::Settlement,
        _ => {}
    }
    let stop = match fill.stop {
        StopKind::None => order.map_or(StopKind::None, |fact| fact.order.stop),
        stop => stop,
    };
    match stop {
        StopKind::TakeProfit => ExitReason::TakeProfit,
        StopKind::StopLoss => ExitReason::StopLoss,
        StopKind::TrailingStop => ExitReason::TrailingStop,
        StopKind::None | StopKind::Other => ExitReason::Close,
    }
}

/// The `closed` alerts of a group cycle: one for each member whose position is flat again.
#[must_use]
pub fn closed(frame: Frame<'_>, view: &View, verdicts: &[Verdict]) -> Vec<Cut> {
    frame
        .cycle
        .members
        .iter()
        .filter_map(|member| {
            let (facts, cycle) = frame.book(member)?;
            let closed_at = cycle.closed_at?;
            let first = cycle.first.as_ref()?;
            let market = &facts.book.market;
            let rule = BookRule::of(&market.category, &market.symbol);
            let verdict = verdicts
                .iter()
                .find(|verdict| verdict.account == member.account)?;
            let body = AlertBody::Closed(ClosedAlert {
                net: cycle.net(rule, quote_of(&market.symbol)),
                fees: cycle
                    .fees
                    .iter()
                    .filter_map(|(currency, fee)| {
                        Some((
                            Currency::new(if currency.is_empty() { "?" } else { currency }).ok()?,
                            *fee,
                        ))
                    })
                    .collect(),
                entry_price: cycle.entry_price(),
                exit_price: cycle.exit_price(),
                quantity: cycle.quantity_max,
                opened: cycle.opened_at,
                count: count_of(view, verdict),
            });
            let seen_at = facts
                .fills
                .iter()
                .filter(|fill| fill.executed_at <= closed_at)
                .map(|fill| fill.seen_at)
                .max()?;
            let identity = format!(
                "closed/{}/{}/{}",
                frame.rules.name,
                place(&facts.book),
                first.execution_id
            );
            Some(Cut {
                alert: frame.alert(Some(member), identity, closed_at, body),
                seen_at,
            })
        })
        .collect()
}

/// The quote currency of a symbol, where its spelling tells: `BTC/USD`, `BTCUSDT`.
#[must_use]
pub fn quote_of(symbol: &Symbol) -> Option<&str> {
    if let Some((_, quote)) = symbol.as_str().split_once('/') {
        return Some(quote);
    }
    ["USDT", "USDC", "USD"]
        .into_iter()
        .find(|quote| symbol.as_str().ends_with(quote))
}

/// One member that differs, or agrees again, at one slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The slot's name for ever.
    pub slot_key: String,
    /// Its number.
    pub slot: u32,
    /// The member.
    pub account: AccountName,
    /// What is true of it.
    pub truth: Truth,
    /// Why nothing more can be said.
    pub doubt: Option<Doubt>,
    /// Whether it is time to say so: an order that still works gets until the deadline.
    pub is_confirmed: bool,
}

/// What is true of every member at every slot that somebody filled.
#[must_use]
pub fn differences(frame: Frame<'_>, now: HostTime) -> Vec<Difference> {
    let mut differences = Vec::new();
    for slot in &frame.cycle.slots {
        let Some((_, seen_at)) = first_counted(frame.rules, frame.cycle, slot) else {
            continue;
        };
        let past_deadline = now >= seen_at.plus(frame.rules.deadline);
        for member in &frame.cycle.members {
            let Judgement { truth, doubt } = judge(frame, slot, member, now);
            let works = frame.cycle.leg(slot, member).is_some_and(|leg| {
                matches!(
                    leg.state(),
                    LegState::Open | LegState::Partial | LegState::Planned
                )
            });
            differences.push(Difference {
                slot_key: slot.key.clone(),
                slot: slot.ordinal,
                account: member.account.clone(),
                truth,
                doubt,
                is_confirmed: truth.is_diverged()
                    && truth != Truth::Extra
                    && member.role != Role::Observer
                    && (past_deadline || !works),
            });
        }
    }
    differences
}

/// The `divergence` alert of a slot, for the members that are newly known to differ there.
#[must_use]
pub fn divergence(
    frame: Frame<'_>,
    newly: &[&Difference],
    all: &[Difference],
    counts: &BTreeMap<AccountName, Count>,
) -> Option<Cut> {
    let first = newly.first()?;
    let (slot, since, seen_at, body) = divergence_body(frame, first, all, counts)?;
    let mut who: Vec<String> = newly
        .iter()
        .map(|difference| format!("{}={}", difference.account, difference.truth))
        .collect();
    who.sort();
    let identity = format!(
        "divergence/{}/{}/{}",
        frame.rules.name,
        slot.key,
        who.join("+")
    );
    let member = frame.cycle.member(&first.account);
    Some(Cut {
        alert: frame.alert(member, identity, since, AlertBody::Divergence(body)),
        seen_at,
    })
}

/// The `resolved` alert of a slot and a member that was said to differ there, and agrees now.
#[must_use]
pub fn resolved(
    frame: Frame<'_>,
    difference: &Difference,
    all: &[Difference],
    counts: &BTreeMap<AccountName, Count>,
) -> Option<Cut> {
    let (slot, since, seen_at, body) = divergence_body(frame, difference, all, counts)?;
    let identity = format!(
        "resolved/{}/{}/{}",
        frame.rules.name, slot.key, difference.account
    );
    let member = frame.cycle.member(&difference.account)?;
    let at = frame
        .cycle
        .leg(slot, member)
        .and_then(|leg| counted_at(leg, frame.rules.counts_when))
        .unwrap_or(since);
    Some(Cut {
        alert: frame.alert(Some(member), identity, at, AlertBody::Resolved(body)),
        seen_at,
    })
}

fn divergence_body<'a>(
    frame: Frame<'a>,
    about: &Difference,
    all: &[Difference],
    counts: &BTreeMap<AccountName, Count>,
) -> Option<(&'a Slot, VenueTime, HostTime, DivergenceAlert)> {
    let slot = frame
        .cycle
        .slots
        .iter()
        .find(|slot| slot.key == about.slot_key)?;
    let (since, seen_at) = first_counted(frame.rules, frame.cycle, slot)?;
    let plan = frame
        .cycle
        .members
        .iter()
        .filter_map(|member| Some((member.ratio, frame.cycle.leg(slot, member)?.quantity)))
        .next();
    let mut legs: Vec<DivergenceLeg> = all
        .iter()
        .filter(|difference| difference.slot_key == about.slot_key)
        .filter_map(|difference| {
            let member = frame.cycle.member(&difference.account)?;
            let leg = frame.cycle.leg(slot, member);
            let expected = || {
                let (ratio, quantity) = plan?;
                let one = quantity.decimal().checked_div(ratio)?;
                Some(Quantity::from_decimal(one * member.ratio))
            };
            Some(DivergenceLeg {
                account: named(frame.cycle, member),
                truth: difference.truth,
                filled_quantity: leg.map_or(Quantity::ZERO, Leg::filled),
                quantity: leg
                    .map_or_else(|| expected().unwrap_or(Quantity::ZERO), |leg| leg.quantity),
                filled_at: leg.and_then(|leg| counted_at(leg, frame.rules.counts_when)),
                checked_at: frame
                    .facts
                    .knowledge
                    .get(&difference.account)
                    .and_then(crate::group::Knowledge::orders_checked_at),
            })
        })
        .collect();
    legs.sort_by_key(|leg| {
        (
            leg.filled_at.is_none(),
            leg.filled_at,
            leg.account.role,
            leg.account.name.clone(),
        )
    });
    let count = counts.get(&about.account)?.clone();
    let body = DivergenceAlert {
        slot: slot.ordinal,
        reference_price: slot.reference_price,
        side: frame.cycle.side.entry_side(),
        legs,
        count,
        since,
    };
    Some((slot, since, seen_at, body))
}
