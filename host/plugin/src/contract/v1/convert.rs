//! Between the core's types and the contract's: views and alerts in, messages out.
//!
//! Nothing is decided here. Every variant is spelled out, so that a new one in the core or in the
//! contract does not compile until somebody has said what it means.

use super::bindings::formatter::exports::fillsync::plugin::formatter as ask;
use super::bindings::formatter::fillsync::plugin::{alert as wit, message};
use super::bindings::strategy::exports::fillsync::plugin::strategy;
use super::bindings::strategy::fillsync::plugin::types;
use crate::call::Target;
use fillsync_core::alert::{
    Alert, AlertAccount, AlertBody, Count, DivergenceAlert, DivergenceLeg, ExitReason, Severity,
};
use fillsync_core::execution::Side;
use fillsync_core::leg::LegState;
use fillsync_core::message::{Line, Rendered, RichMessage, Span};
use fillsync_core::order::PositionSide;
use fillsync_core::slot::SlotMatch;
use fillsync_core::truth::Truth;
use fillsync_core::view::{CountsWhen, Role, View, ViewLeg, ViewMember, ViewSlot};

pub(crate) fn view(view: &View) -> strategy::View {
    strategy::View {
        group: view.group.to_string(),
        symbol: view.symbol.to_string(),
        side: position_side(view.side),
        cycle: view.cycle,
        as_of_us: view.as_of.us(),
        counts_when: match view.counts_when {
            CountsWhen::Filled => types::CountsWhen::Filled,
            CountsWhen::Touched => types::CountsWhen::Touched,
        },
        slots: view.slots.iter().map(slot).collect(),
        members: view.members.iter().map(member).collect(),
        attributes: Vec::new(),
    }
}

fn slot(slot: &ViewSlot) -> strategy::Slot {
    strategy::Slot {
        ordinal: slot.ordinal,
        reference_price: slot.reference_price.map(|price| price.to_string()),
        matched_by: match slot.matched_by {
            SlotMatch::Token => types::SlotMatch::Token,
            SlotMatch::Rank => types::SlotMatch::Rank,
            SlotMatch::Manual => types::SlotMatch::Manual,
        },
        confidence: slot.confidence,
        attributes: Vec::new(),
    }
}

fn member(member: &ViewMember) -> strategy::Member {
    strategy::Member {
        account: member.account.to_string(),
        role: role(member.role),
        detected: member.detected,
        known: member.known,
        at_least: member.at_least,
        coverage_to_us: member.coverage_to.map(|time| time.us()),
        shown_before: member.shown_before,
        legs: member.legs.iter().map(leg).collect(),
        attributes: Vec::new(),
    }
}

fn leg(leg: &ViewLeg) -> strategy::Leg {
    strategy::Leg {
        slot: leg.slot,
        state: match leg.state {
            LegState::Planned => types::LegState::Planned,
            LegState::Open => types::LegState::Open,
            LegState::Partial => types::LegState::Partial,
            LegState::Filled => types::LegState::Filled,
            LegState::PartialFinal => types::LegState::PartialFinal,
            LegState::Cancelled => types::LegState::Cancelled,
            LegState::Rejected => types::LegState::Rejected,
            LegState::Missing => types::LegState::Missing,
            LegState::Unknown => types::LegState::Unknown,
        },
        filled_quantity: leg.filled_quantity.to_string(),
        quantity: leg.quantity.to_string(),
        counted: leg.counted,
        truth: truth(leg.truth),
        attributes: Vec::new(),
    }
}

const fn position_side(side: PositionSide) -> types::PositionSide {
    match side {
        PositionSide::Long => types::PositionSide::Long,
        PositionSide::Short => types::PositionSide::Short,
    }
}

const fn role(role: Role) -> types::Role {
    match role {
        Role::Main => types::Role::Main,
        Role::Mirror => types::Role::Mirror,
        Role::Observer => types::Role::Observer,
    }
}

const fn truth(truth: Truth) -> types::Truth {
    match truth {
        Truth::Unfilled => types::Truth::Unfilled,
        Truth::Aligned => types::Truth::Aligned,
        Truth::Pending => types::Truth::Pending,
        Truth::Lagging => types::Truth::Lagging,
        Truth::Partial => types::Truth::Partial,
        Truth::Cancelled => types::Truth::Cancelled,
        Truth::Rejected => types::Truth::Rejected,
        Truth::Missing => types::Truth::Missing,
        Truth::Extra => types::Truth::Extra,
        Truth::Unknown => types::Truth::Unknown,
        Truth::Resolved => types::Truth::Resolved,
    }
}

const fn order_side(side: Side) -> wit::OrderSide {
    match side {
        Side::Buy => wit::OrderSide::Buy,
        Side::Sell => wit::OrderSide::Sell,
    }
}

const fn exit_reason(reason: ExitReason) -> wit::ExitReason {
    match reason {
        ExitReason::TakeProfit => wit::ExitReason::TakeProfit,
        ExitReason::StopLoss => wit::ExitReason::StopLoss,
        ExitReason::TrailingStop => wit::ExitReason::TrailingStop,
        ExitReason::Liquidation => wit::ExitReason::Liquidation,
        ExitReason::AutoDeleverage => wit::ExitReason::AutoDeleverage,
        ExitReason::Settlement => wit::ExitReason::Settlement,
        ExitReason::Close => wit::ExitReason::Close,
    }
}

pub(crate) fn target(target: &Target) -> ask::Target {
    ask::Target {
        channel: target.channel.to_string(),
        kind: target.kind.clone(),
        limits: ask::MessageLimits {
            units_max: target.limits.units_max,
            bytes_max: target.limits.bytes_max,
            raw: target
                .limits
                .raw
                .iter()
                .map(|(part, max)| ((*part).to_owned(), *max))
                .collect(),
        },
        edits: target.edits,
        attributes: Vec::new(),
    }
}

pub(crate) fn event(alert: &Alert) -> wit::Event {
    wit::Event {
        identity: alert.identity.clone(),
        revision: alert.revision,
        severity: match alert.severity {
            Severity::Info => wit::Severity::Info,
            Severity::Warning => wit::Severity::Warning,
            Severity::Critical => wit::Severity::Critical,
        },
        group: alert.group.as_ref().map(ToString::to_string),
        symbol: alert.symbol.as_ref().map(ToString::to_string),
        position: alert.position.map(position_side),
        cycle: alert.cycle,
        account: alert.account.as_ref().map(account),
        at_us: alert.at.us(),
        body: body(&alert.body),
        attributes: Vec::new(),
    }
}

fn account(account: &AlertAccount) -> wit::Account {
    wit::Account {
        name: account.name.to_string(),
        role: account.role.map(role),
    }
}

fn count(count: &Count) -> wit::Count {
    wit::Count {
        detected: count.detected,
        shown: count.shown,
        total: count.total,
        at_least: count.at_least,
        synchronised: count.synchronised,
        note: count.note.clone(),
    }
}

fn body(body: &AlertBody) -> wit::Body {
    match body {
        AlertBody::Fill(fill) => wit::Body::Fill(wit::Fill {
            slot: fill.slot,
            side: order_side(fill.side),
            price: fill.price.to_string(),
            quantity: fill.quantity.to_string(),
            count: count(&fill.count),
            own_slots: fill.own_slots.clone(),
            truth: truth(fill.truth),
            waiting_for: fill.waiting_for.iter().map(ToString::to_string).collect(),
            coverage_to_us: fill.coverage_to.map(|time| time.us()),
        }),
        AlertBody::Progress(progress) => wit::Body::Progress(wit::Progress {
            filled_percent: progress.filled_percent.clone(),
            previous_percent: progress.previous_percent.clone(),
            filled_quantity: progress.filled_quantity.to_string(),
            planned_quantity: progress.planned_quantity.to_string(),
            side: order_side(progress.side),
            count: count(&progress.count),
        }),
        AlertBody::Exit(exit) => wit::Body::Exit(wit::Exit {
            reason: exit_reason(exit.reason),
            side: order_side(exit.side),
            price: exit.price.to_string(),
            quantity: exit.quantity.to_string(),
            realised: exit.realised.map(|money| money.to_string()),
        }),
        AlertBody::Closed(closed) => wit::Body::Closed(wit::Closed {
            net: closed.net.map(|money| money.to_string()),
            fees: closed
                .fees
                .iter()
                .map(|(currency, money)| (currency.to_string(), money.to_string()))
                .collect(),
            entry_price: closed.entry_price.map(|price| price.to_string()),
            exit_price: closed.exit_price.map(|price| price.to_string()),
            quantity: closed.quantity.to_string(),
            opened_us: closed.opened.us(),
            count: count(&closed.count),
        }),
        AlertBody::Divergence(differs) => wit::Body::Divergence(divergence(differs)),
        AlertBody::Resolved(differed) => wit::Body::Resolved(divergence(differed)),
        AlertBody::Correction(correction) => wit::Body::Correction(wit::Correction {
            slot: correction.slot,
            side: order_side(correction.side),
            previous: correction.previous,
            count: count(&correction.count),
            reason: correction.reason.clone(),
        }),
        AlertBody::Digest(digest) => wit::Body::Digest(wit::Digest {
            lines: digest.lines.clone(),
            events: digest.events,
            from_us: digest.from.us(),
            to_us: digest.to.us(),
        }),
        AlertBody::System(system) => wit::Body::System(wit::System {
            topic: system.topic.clone(),
            text: system.text.clone(),
            remedy: system.remedy.clone(),
        }),
    }
}

fn divergence(differs: &DivergenceAlert) -> wit::Divergence {
    wit::Divergence {
        slot: differs.slot,
        reference_price: differs.reference_price.map(|price| price.to_string()),
        side: order_side(differs.side),
        legs: differs.legs.iter().map(divergence_leg).collect(),
        count: count(&differs.count),
        since_us: differs.since.us(),
    }
}

fn divergence_leg(leg: &DivergenceLeg) -> wit::DivergenceLeg {
    wit::DivergenceLeg {
        account: account(&leg.account),
        truth: truth(leg.truth),
        filled_quantity: leg.filled_quantity.to_string(),
        quantity: leg.quantity.to_string(),
        filled_us: leg.filled_at.map(|time| time.us()),
        checked_us: leg.checked_at.map(|time| time.us()),
        attributes: Vec::new(),
    }
}

pub(crate) fn rendered(rendered: message::Rendered) -> Rendered {
    match rendered {
        message::Rendered::Rich(rich) => Rendered::Rich(RichMessage {
            title: line(rich.title),
            lines: rich.lines.into_iter().map(line).collect(),
        }),
        message::Rendered::Raw(raw) => Rendered::Raw {
            channel_kind: raw.channel_kind,
            json: raw.json,
        },
    }
}

fn line(spans: Vec<message::Span>) -> Line {
    spans
        .into_iter()
        .map(|span| match span {
            message::Span::Text(text) => Span::Text(text),
            message::Span::Bold(text) => Span::Bold(text),
            message::Span::Code(text) => Span::Code(text),
            message::Span::Link(link) => Span::Link {
                text: link.text,
                url: link.url,
            },
        })
        .collect()
}
