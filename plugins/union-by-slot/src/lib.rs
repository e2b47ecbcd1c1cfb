//! `union-by-slot`: everybody shows the number of slots that somebody in the group has filled.
//!
//! Two accounts that filled different slots once each show 2, where `max-count` shows 1. Observers
//! fill no slot and are shown their own count.

use fillsync_plugin::strategy::{Decision, Shown, StrategyError, View};
use fillsync_plugin::{Card, NoSettings, Remarks, Strategy, counts, own_count};
use std::collections::BTreeSet;

struct UnionBySlot;

impl Strategy for UnionBySlot {
    type Settings = NoSettings;

    fn card() -> Card {
        Card {
            name: "union-by-slot",
            version: env!("CARGO_PKG_VERSION"),
            summary: "Every account shows the number of slots filled anywhere in its group.",
            ..Card::default()
        }
    }

    fn configure(_settings: NoSettings, _remarks: &mut Remarks) -> Self {
        Self
    }

    fn decide(&self, view: &View) -> Result<Decision, StrategyError> {
        let filled: BTreeSet<u32> = view
            .members
            .iter()
            .filter(|member| counts(member))
            .flat_map(|member| {
                member
                    .legs
                    .iter()
                    .filter(|leg| leg.counted)
                    .map(|leg| leg.slot)
            })
            .collect();
        let count = u32::try_from(filled.len()).map_err(|_| {
            StrategyError::InvalidView("more slots than a count can hold".to_owned())
        })?;
        let shown = view
            .members
            .iter()
            .map(|member| {
                if !counts(member) || member.detected == count {
                    return own_count(member, None);
                }
                Shown {
                    account: member.account.clone(),
                    count,
                    note: Some(format!("{count} slots are filled in the group")),
                }
            })
            .collect();
        Ok(Decision { shown })
    }
}

fillsync_plugin::export_strategy!(UnionBySlot);

#[cfg(test)]
mod tests {
    use super::*;
    use fillsync_plugin::testing::{check_counts, main, mirror, observer, with_slots};

    #[test]
    fn different_slots_add_up_and_equal_ones_do_not() {
        check_counts(
            &UnionBySlot,
            &[with_slots(main(1), &[1]), with_slots(mirror(1), &[2])],
            &[2, 2],
        );
        check_counts(
            &UnionBySlot,
            &[with_slots(main(2), &[1, 2]), with_slots(mirror(1), &[1])],
            &[2, 2],
        );
    }

    #[test]
    fn observers_fill_no_slot() {
        check_counts(
            &UnionBySlot,
            &[with_slots(main(1), &[1]), with_slots(observer(1), &[2])],
            &[1, 1],
        );
    }
}
