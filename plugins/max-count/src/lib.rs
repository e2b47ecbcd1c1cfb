//! `max-count`: everybody shows the largest count that any member has detected.
//!
//! Keeps the promise of the seed's first strategy: who is seen later does not look behind. Observers
//! are shown their own count and move nobody's. Deliberately absent: any look at truth; a leg that
//! really did not fill is the divergence alert's matter.

use fillsync_plugin::strategy::{Decision, Member, Shown, StrategyError, View};
use fillsync_plugin::{Card, NoSettings, Remarks, Strategy, counts, own_count};

struct MaxCount;

impl Strategy for MaxCount {
    type Settings = NoSettings;

    fn card() -> Card {
        Card {
            name: "max-count",
            version: env!("CARGO_PKG_VERSION"),
            summary: "Every account shows the largest count detected in its group.",
            ..Card::default()
        }
    }

    fn configure(_settings: NoSettings, _remarks: &mut Remarks) -> Self {
        Self
    }

    fn decide(&self, view: &View) -> Result<Decision, StrategyError> {
        let leader = leader(view);
        let shown = view
            .members
            .iter()
            .map(|member| match leader {
                Some(leader) if counts(member) && leader.detected > member.detected => Shown {
                    account: member.account.clone(),
                    count: leader.detected,
                    note: Some(format!("{} has {}", leader.account, leader.detected)),
                },
                _ => own_count(member, None),
            })
            .collect();
        Ok(Decision { shown })
    }
}

/// The member with the largest count; of equals the first by name, so that the note does not depend on
/// the order in which the members stand.
fn leader(view: &View) -> Option<&Member> {
    view.members
        .iter()
        .filter(|member| counts(member))
        .max_by(|a, b| (a.detected, &b.account).cmp(&(b.detected, &a.account)))
}

fillsync_plugin::export_strategy!(MaxCount);

#[cfg(test)]
mod tests {
    use super::*;
    use fillsync_plugin::testing::{check_counts, main, mirror, observer};

    #[test]
    fn the_seeds_vectors() {
        check_counts(&MaxCount, &[main(2), mirror(1)], &[2, 2]);
        check_counts(&MaxCount, &[main(1), mirror(2)], &[2, 2]);
        check_counts(&MaxCount, &[main(3), mirror(3)], &[3, 3]);
    }

    #[test]
    fn observers_move_no_count_and_show_their_own() {
        check_counts(&MaxCount, &[main(1), observer(3)], &[1, 3]);
        check_counts(&MaxCount, &[main(2), observer(0)], &[2, 0]);
    }

    #[test]
    fn nobody_is_nobody() {
        check_counts(&MaxCount, &[], &[]);
    }
}
