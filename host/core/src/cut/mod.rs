//! Alerts, cut from decisions and facts.
//!
//! Each alert's identity is made of things that a venue said once and for ever (an order id, an
//! execution id), never of a counter or a time of ours; so evaluating the same facts again gives the
//! same alerts, and the ledger records each of them once (law 11). Whether and where an alert is sent
//! is not decided here. What is cut when a position is reduced or over stands in `ends.rs`, where
//! members differ in `difference.rs`.

mod difference;
mod ends;

pub use self::difference::{Difference, differences, divergence, resolved};
pub use self::ends::{closed, exits, quote_of};

use crate::alert::{
    Alert, AlertAccount, AlertBody, Count, ExitReason, FillAlert, ProgressAlert, Severity,
};
use crate::amount::{Price, Quantity};
use crate::cycle::{Book, Cycle};
use crate::group::{BookFacts, GroupRules};
use crate::id::AccountName;
use crate::join::{GroupCycle, MemberCycle};
use crate::judge::is_sure_of;
use crate::leg::{Leg, Sum};
use crate::moment::{Frame, Moment, Verdict, counted_by, worst_truth};
use crate::time::{HostTime, VenueTime};
use crate::view::{CountsWhen, Role, View};
use rust_decimal::{Decimal, RoundingStrategy};

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
