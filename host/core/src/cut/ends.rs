//! What is told when a member's position is reduced, and when it is over.
//!
//! An exit is told once for each order, or act of the venue, when it is done. What it earned is said
//! only where the whole position is known.

use super::{Cut, count_of, place};
use crate::alert::{AlertBody, ClosedAlert, ExitAlert, ExitReason};
use crate::amount::{Money, Quantity};
use crate::cycle::{BookRule, Cycle, CycleStart};
use crate::execution::ExecutionClass;
use crate::group::{BookFacts, FillFact, OrderFact};
use crate::id::{Currency, Symbol};
use crate::join::MemberCycle;
use crate::moment::{Frame, Verdict};
use crate::order::StopKind;
use crate::view::View;
use std::collections::BTreeMap;

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
