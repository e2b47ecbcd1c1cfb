//! Canned questions that every candidate answers before it is used.
//!
//! A plugin that traps on an empty group, answers for a stranger or gives two answers to one
//! question is found here, on the old version's time, not on the first fill. A strategy may say that
//! it is undecided and a formatter that it does not speak for an alert: those are answers.

use crate::call::Target;
use crate::error::{CallError, PluginKind, Rejection, Stage};
use crate::kit::remedy;
use crate::loaded::Loaded;
use fillsync_core::alert::{
    Alert, AlertAccount, AlertBody, ClosedAlert, CorrectionAlert, Count, DigestAlert,
    DivergenceAlert, DivergenceLeg, ExitAlert, ExitReason, FillAlert, ProgressAlert, Severity,
    SystemAlert,
};
use fillsync_core::amount::{Money, Price, Quantity};
use fillsync_core::execution::Side;
use fillsync_core::id::{AccountName, ChannelName, Currency, GroupName, Symbol};
use fillsync_core::leg::LegState;
use fillsync_core::limits::STDOUT;
use fillsync_core::order::PositionSide;
use fillsync_core::slot::SlotMatch;
use fillsync_core::time::VenueTime;
use fillsync_core::truth::Truth;
use fillsync_core::view::{CountsWhen, Role, View, ViewLeg, ViewMember, ViewSlot};
use std::error::Error;

/// Members of the largest canned group.
const MEMBERS_MANY: u32 = 20;

/// How many questions a strategy and a formatter are asked.
pub(crate) const VIEWS: usize = 7;
pub(crate) const ALERTS: usize = 9;

type Made<T> = Result<T, Box<dyn Error>>;

pub(crate) fn run(loaded: &Loaded) -> Result<(), Rejection> {
    let made = |error: Box<dyn Error>| {
        Rejection::new(Stage::SelfTest, format!("the canned questions: {error}"))
    };
    match loaded.card().kind {
        PluginKind::Strategy => {
            for (name, view) in views().map_err(made)? {
                let ask = || loaded.decide(&view).map(|(shown, _)| shown);
                compare(name, ask(), ask())?;
            }
        }
        PluginKind::Formatter => {
            let target = target().map_err(made)?;
            for alert in alerts().map_err(made)? {
                let ask = || loaded.format(&alert, &target).map(|(rendered, _)| rendered);
                compare(alert.kind().as_str(), ask(), ask())?;
            }
        }
    }
    Ok(())
}

fn compare<T: PartialEq>(
    question: &str,
    first: Result<T, CallError>,
    second: Result<T, CallError>,
) -> Result<(), Rejection> {
    for answer in [&first, &second] {
        match answer {
            Ok(_) | Err(CallError::Undecided { .. } | CallError::Unsupported { .. }) => {}
            Err(error) => {
                return Err(Rejection::new(
                    Stage::SelfTest,
                    format!("asked about {question}, {error}"),
                )
                .hint(remedy(error)));
            }
        }
    }
    if first != second {
        return Err(Rejection::new(
            Stage::SelfTest,
            format!("asked about {question} twice, it gave two answers"),
        )
        .hint("a plugin must give the same answer to the same question"));
    }
    Ok(())
}

pub(crate) fn views() -> Made<Vec<(&'static str, View)>> {
    let group = |members: u32, slots: u32, at: i64| view(members, slots, at);
    let mut strange = group(3, 2, 0)?;
    for (member, (detected, known)) in
        strange
            .members
            .iter_mut()
            .zip([(2, false), (0, true), (1, true)])
    {
        member.detected = detected;
        member.known = known;
        member.at_least = !known;
        member.coverage_to = None;
        member.shown_before = Some(2);
        member.legs.clear();
    }
    Ok(vec![
        ("an empty group", group(0, 0, 0)?),
        ("a group without a plan", group(2, 0, 0)?),
        ("a group of one", group(1, 3, 1_763_726_400_000_000)?),
        ("a group of two", group(2, 3, 1_763_726_400_000_000)?),
        (
            "a group of many",
            group(MEMBERS_MANY, 50, 1_763_726_400_000_000)?,
        ),
        ("a group at the end of time", group(2, 1, i64::MAX)?),
        ("a group of which little is known", strange),
    ])
}

fn view(members: u32, slots: u32, at: i64) -> Made<View> {
    let member = |index: u32| -> Made<ViewMember> {
        let detected = index % (slots + 1);
        Ok(ViewMember {
            account: AccountName::new(if index == 0 {
                "main".to_owned()
            } else {
                format!("mirror-{index}")
            })?,
            role: match index {
                0 => Role::Main,
                3 => Role::Observer,
                _ => Role::Mirror,
            },
            detected,
            known: true,
            at_least: false,
            coverage_to: Some(VenueTime::from_us(at)),
            shown_before: None,
            legs: (1..=slots)
                .map(|slot| leg(slot, slot <= detected))
                .collect::<Made<_>>()?,
        })
    };
    Ok(View {
        group: GroupName::new("desk")?,
        symbol: Symbol::new("GTCUSDT")?,
        side: PositionSide::Short,
        cycle: 12,
        as_of: VenueTime::from_us(at),
        counts_when: CountsWhen::Filled,
        slots: (1..=slots)
            .map(|ordinal| {
                Ok(ViewSlot {
                    ordinal,
                    reference_price: Some(Price::parse("0.2215")?),
                    matched_by: SlotMatch::Token,
                    confidence: 100,
                })
            })
            .collect::<Made<_>>()?,
        members: (0..members).map(member).collect::<Made<_>>()?,
    })
}

fn leg(slot: u32, filled: bool) -> Made<ViewLeg> {
    Ok(ViewLeg {
        slot,
        state: if filled {
            LegState::Filled
        } else {
            LegState::Open
        },
        filled_quantity: Quantity::parse(if filled { "150" } else { "0" })?,
        quantity: Quantity::parse("150")?,
        counted: filled,
        truth: if filled {
            Truth::Aligned
        } else {
            Truth::Lagging
        },
    })
}

/// A kind of channel that takes anything: what a receiver's own rules say of a payload may change, and
/// must not keep out a plugin that was taken before.
pub(crate) fn target() -> Made<Target> {
    Ok(Target {
        channel: ChannelName::new("ops")?,
        kind: "stdout".to_owned(),
        limits: STDOUT,
        edits: false,
    })
}

/// One alert of every kind.
pub(crate) fn alerts() -> Made<Vec<Alert>> {
    bodies()?
        .into_iter()
        .enumerate()
        .map(|(index, body)| {
            Ok(Alert {
                identity: format!("canned/{index}"),
                revision: 0,
                severity: Severity::Info,
                group: Some(GroupName::new("desk")?),
                symbol: Some(Symbol::new("GTCUSDT")?),
                position: Some(PositionSide::Short),
                cycle: Some(12),
                account: Some(account("mirror", Role::Mirror)?),
                at: noon(),
                body,
            })
        })
        .collect()
}

fn bodies() -> Made<Vec<AlertBody>> {
    let price = Price::parse("0.2215")?;
    let quantity = Quantity::parse("150")?;
    let money = Money::parse("-1.25")?;
    Ok(vec![
        AlertBody::Fill(FillAlert {
            slot: 2,
            side: Side::Sell,
            price,
            quantity,
            count: count(),
            own_slots: vec![1],
            truth: Truth::Pending,
            waiting_for: vec![AccountName::new("main")?],
            coverage_to: Some(noon()),
        }),
        AlertBody::Progress(ProgressAlert {
            filled_percent: "66.67".to_owned(),
            previous_percent: "33.33".to_owned(),
            filled_quantity: quantity,
            planned_quantity: quantity + quantity,
            side: Side::Sell,
            count: count(),
        }),
        AlertBody::Exit(ExitAlert {
            reason: ExitReason::TakeProfit,
            side: Side::Buy,
            price,
            quantity,
            realised: Some(money),
        }),
        AlertBody::Closed(ClosedAlert {
            net: Some(money),
            fees: vec![(Currency::new("USDT")?, Money::parse("0.02")?)],
            entry_price: Some(price),
            exit_price: None,
            quantity,
            opened: noon(),
            count: count(),
        }),
        AlertBody::Divergence(divergence()?),
        AlertBody::Resolved(divergence()?),
        AlertBody::Correction(CorrectionAlert {
            slot: 2,
            side: Side::Sell,
            previous: 2,
            count: count(),
            reason: "the venue took a fill back".to_owned(),
        }),
        AlertBody::Digest(DigestAlert {
            lines: vec!["main GTCUSDT Sell: 3 fills, 1 cycle closed".to_owned()],
            events: 4,
            from: VenueTime::EPOCH,
            to: noon(),
        }),
        AlertBody::System(SystemAlert {
            topic: "account-unreachable".to_owned(),
            text: "the account main has not answered for 60 s".to_owned(),
            remedy: None,
        }),
    ])
}

fn divergence() -> Made<DivergenceAlert> {
    let leg = |name: &str, role: Role, truth: Truth, filled: &str| -> Made<DivergenceLeg> {
        Ok(DivergenceLeg {
            account: account(name, role)?,
            truth,
            filled_quantity: Quantity::parse(filled)?,
            quantity: Quantity::parse("150")?,
            filled_at: (truth == Truth::Aligned).then(noon),
            checked_at: Some(noon()),
        })
    };
    Ok(DivergenceAlert {
        slot: 2,
        reference_price: Some(Price::parse("0.2215")?),
        side: Side::Sell,
        legs: vec![
            leg("main", Role::Main, Truth::Aligned, "150")?,
            leg("mirror", Role::Mirror, Truth::Lagging, "0")?,
        ],
        count: count(),
        since: noon(),
    })
}

fn count() -> Count {
    Count {
        detected: 1,
        shown: 2,
        total: 3,
        at_least: false,
        synchronised: true,
        note: None,
    }
}

fn account(name: &str, role: Role) -> Made<AlertAccount> {
    Ok(AlertAccount {
        name: AccountName::new(name)?,
        role: Some(role),
    })
}

/// 2025-11-21T12:00:00Z.
fn noon() -> VenueTime {
    VenueTime::from_us(1_763_726_400_000_000)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn as_many_questions_as_are_told() {
        assert_eq!(views().unwrap().len(), VIEWS);
        assert_eq!(alerts().unwrap().len(), ALERTS);
    }
}
