//! Figure a: one question to a strategy, from a fresh instance with every limit armed.
//!
//! The peer is the same rule as a Rust function over the same view: what a strategy would cost if it
//! were compiled in. Answers of both are compared for every size before anything is timed.

use crate::measure::{Rounds, Samples, time};
use crate::report::Section;
use fillsync_core::amount::{Price, Quantity};
use fillsync_core::id::{AccountName, GroupName, Symbol};
use fillsync_core::leg::LegState;
use fillsync_core::order::PositionSide;
use fillsync_core::slot::SlotMatch;
use fillsync_core::time::VenueTime;
use fillsync_core::truth::Truth;
use fillsync_core::view::{CountsWhen, Role, Shown, View, ViewLeg, ViewMember, ViewSlot};
use fillsync_plugin_host::{Limits, PluginEngine, first_party};
use std::hint::black_box;

const SLOTS: u32 = 3;

pub fn measure(rounds: &Rounds) -> Section {
    let mut section = Section::new("a strategy's answer");
    let bytes = first_party()
        .iter()
        .find(|plugin| plugin.name == "max-count")
        .expect("max-count ships in the binary")
        .bytes;
    let engine = PluginEngine::new().unwrap();
    let plugin = engine.load(bytes, "", &Limits::default()).unwrap();
    for accounts in [2u32, 10, 100] {
        let view = view(accounts);
        let native = max_count(&view);
        let (shown, _) = plugin.decide(&view).unwrap();
        assert_eq!(shown, native, "both give the same answer");
        for _ in 0..200 {
            black_box(plugin.decide(black_box(&view)).unwrap());
        }
        let (mut fresh, mut peer) = (Samples::default(), Samples::default());
        for _ in 0..rounds.of(5_000) {
            fresh.add_us(time(|| black_box(plugin.decide(black_box(&view)))).1);
            peer.add_us(time(|| black_box(max_count(black_box(&view)))).1);
        }
        let aim = if accounts == 2 { "30 µs" } else { "" };
        section.line(
            format!("max-count, {accounts} accounts, fresh instance"),
            "µs",
            fresh,
            aim,
        );
        section.line(
            format!("the same in Rust, {accounts} accounts"),
            "µs",
            peer,
            "",
        );
    }
    section
}

/// The rule of `max-count`, word for word.
pub fn max_count(view: &View) -> Vec<Shown> {
    let counts = |member: &&ViewMember| member.role != Role::Observer;
    let leader = view
        .members
        .iter()
        .filter(counts)
        .max_by(|a, b| (a.detected, &b.account).cmp(&(b.detected, &a.account)));
    view.members
        .iter()
        .map(|member| match leader {
            Some(leader) if counts(&member) && leader.detected > member.detected => Shown {
                account: member.account.clone(),
                count: leader.detected,
                note: Some(format!("{} has {}", leader.account, leader.detected)),
            },
            _ => Shown {
                account: member.account.clone(),
                count: member.detected,
                note: None,
            },
        })
        .collect()
}

pub fn view(accounts: u32) -> View {
    let noon = VenueTime::from_us(1_763_726_400_000_000);
    let leg = |slot, is_filled: bool| ViewLeg {
        slot,
        state: if is_filled {
            LegState::Filled
        } else {
            LegState::Open
        },
        filled_quantity: Quantity::parse(if is_filled { "150" } else { "0" }).unwrap(),
        quantity: Quantity::parse("150").unwrap(),
        counted: is_filled,
        truth: if is_filled {
            Truth::Aligned
        } else {
            Truth::Unfilled
        },
    };
    View {
        group: GroupName::new("desk").unwrap(),
        symbol: Symbol::new("GTCUSDT").unwrap(),
        side: PositionSide::Short,
        cycle: 12,
        as_of: noon,
        counts_when: CountsWhen::Filled,
        slots: (1..=SLOTS)
            .map(|ordinal| ViewSlot {
                ordinal,
                reference_price: Some(Price::parse("0.2215").unwrap()),
                matched_by: SlotMatch::Token,
                confidence: 100,
            })
            .collect(),
        members: (0..accounts)
            .map(|index| ViewMember {
                account: AccountName::new(format!("account-{index:03}")).unwrap(),
                role: if index == 0 { Role::Main } else { Role::Mirror },
                detected: index % SLOTS,
                known: true,
                at_least: false,
                coverage_to: Some(noon),
                shown_before: None,
                legs: (1..=SLOTS)
                    .map(|slot| leg(slot, slot <= index % SLOTS))
                    .collect(),
            })
            .collect(),
    }
}
