//! Questions for plugins: views and alerts that tests ask about.
#![allow(
    dead_code,
    clippy::unwrap_used,
    missing_docs,
    unreachable_pub,
    reason = "each test uses a part of it"
)]

use fillsync_core::alert::{
    Alert, AlertAccount, AlertBody, Count, DivergenceAlert, DivergenceLeg, FillAlert,
    ProgressAlert, Severity,
};
use fillsync_core::amount::{Price, Quantity};
use fillsync_core::execution::Side;
use fillsync_core::id::{AccountName, ChannelName, GroupName, Symbol};
use fillsync_core::leg::LegState;
use fillsync_core::limits::TELEGRAM;
use fillsync_core::order::PositionSide;
use fillsync_core::slot::SlotMatch;
use fillsync_core::time::VenueTime;
use fillsync_core::truth::Truth;
use fillsync_core::view::{CountsWhen, Role, View, ViewLeg, ViewMember, ViewSlot};
use fillsync_plugin_host::Target;

/// Some noon.
pub const NOON_US: i64 = 1_763_726_400_000_000;

/// A view of a plan of three orders, with members of these roles and counts.
pub fn view(group: &str, members: &[(&str, Role, u32)]) -> View {
    View {
        group: GroupName::new(group).unwrap(),
        symbol: Symbol::new("GTCUSDT").unwrap(),
        side: PositionSide::Short,
        cycle: 12,
        as_of: VenueTime::from_us(NOON_US),
        counts_when: CountsWhen::Filled,
        slots: (1..=3)
            .map(|ordinal| ViewSlot {
                ordinal,
                reference_price: Some(Price::parse("0.2215").unwrap()),
                matched_by: SlotMatch::Token,
                confidence: 100,
            })
            .collect(),
        members: members
            .iter()
            .map(|(account, role, detected)| member(account, *role, *detected))
            .collect(),
    }
}

/// Main and mirror with these counts.
pub fn desk(main: u32, mirror: u32) -> View {
    view(
        "desk",
        &[("main", Role::Main, main), ("mirror", Role::Mirror, mirror)],
    )
}

fn member(account: &str, role: Role, detected: u32) -> ViewMember {
    ViewMember {
        account: AccountName::new(account).unwrap(),
        role,
        detected,
        known: true,
        at_least: false,
        coverage_to: Some(VenueTime::from_us(NOON_US + 3_000_000)),
        shown_before: None,
        legs: (1..=3)
            .map(|slot| ViewLeg {
                slot,
                state: if slot <= detected {
                    LegState::Filled
                } else {
                    LegState::Open
                },
                filled_quantity: Quantity::parse(if slot <= detected { "150" } else { "0" })
                    .unwrap(),
                quantity: Quantity::parse("150").unwrap(),
                counted: slot <= detected,
                truth: if slot <= detected {
                    Truth::Aligned
                } else {
                    Truth::Unfilled
                },
            })
            .collect(),
    }
}

pub fn target() -> Target {
    Target {
        channel: ChannelName::new("ops").unwrap(),
        kind: "telegram".to_owned(),
        limits: TELEGRAM,
        edits: false,
    }
}

pub fn alert(group: &str, body: AlertBody) -> Alert {
    Alert {
        identity: "desk/GTCUSDT/short/12/L2/mirror/fill".to_owned(),
        revision: 0,
        severity: Severity::Info,
        group: Some(GroupName::new(group).unwrap()),
        symbol: Some(Symbol::new("GTCUSDT").unwrap()),
        position: Some(PositionSide::Short),
        cycle: Some(12),
        account: Some(account("mirror", Role::Mirror)),
        at: VenueTime::from_us(NOON_US),
        body,
    }
}

pub fn count(detected: u32, shown: u32) -> Count {
    Count {
        detected,
        shown,
        total: 3,
        at_least: false,
        synchronised: true,
        note: None,
    }
}

pub fn fill(count: Count) -> AlertBody {
    AlertBody::Fill(FillAlert {
        slot: 2,
        side: Side::Sell,
        price: Price::parse("0.2215").unwrap(),
        quantity: Quantity::parse("150").unwrap(),
        own_slots: (1..=count.detected).collect(),
        count,
        truth: Truth::Aligned,
        waiting_for: Vec::new(),
        coverage_to: Some(VenueTime::from_us(NOON_US + 3_000_000)),
    })
}

pub fn progress() -> AlertBody {
    AlertBody::Progress(ProgressAlert {
        filled_percent: "66.67".to_owned(),
        previous_percent: "33.33".to_owned(),
        filled_quantity: Quantity::parse("300").unwrap(),
        planned_quantity: Quantity::parse("450").unwrap(),
        side: Side::Sell,
        count: count(1, 2),
    })
}

pub fn divergence() -> AlertBody {
    let leg = |name, role, truth, filled: &str, filled_at, checked_at| DivergenceLeg {
        account: account(name, role),
        truth,
        filled_quantity: Quantity::parse(filled).unwrap(),
        quantity: Quantity::parse("150").unwrap(),
        filled_at,
        checked_at,
    };
    let at = |seconds: i64| Some(VenueTime::from_us(NOON_US + seconds * 1_000_000));
    AlertBody::Divergence(DivergenceAlert {
        slot: 2,
        reference_price: Some(Price::parse("0.2215").unwrap()),
        side: Side::Sell,
        legs: vec![
            leg("main", Role::Main, Truth::Aligned, "150", at(1), None),
            leg("mirror", Role::Mirror, Truth::Lagging, "0", None, at(31)),
        ],
        count: count(1, 1),
        since: VenueTime::from_us(NOON_US),
    })
}

fn account(name: &str, role: Role) -> AlertAccount {
    AlertAccount {
        name: AccountName::new(name).unwrap(),
        role: Some(role),
    }
}
