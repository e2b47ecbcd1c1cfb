//! `main-master`: everybody shows main's count.
//!
//! Where main is unknown (its facts do not reach the moment of the view, or the group has no main),
//! each shows its own, with a note: an old count of main's is never passed off as main's count now.
//! Observers are shown their own.

use fillsync_plugin::strategy::{Decision, Member, Shown, StrategyError, View};
use fillsync_plugin::types::Role;
use fillsync_plugin::{Card, NoSettings, Remarks, Strategy, counts, own_count};

struct MainMaster;

impl Strategy for MainMaster {
    type Settings = NoSettings;

    fn card() -> Card {
        Card {
            name: "main-master",
            version: env!("CARGO_PKG_VERSION"),
            summary: "Every account shows the main account's count.",
            ..Card::default()
        }
    }

    fn configure(_settings: NoSettings, _remarks: &mut Remarks) -> Self {
        Self
    }

    fn decide(&self, view: &View) -> Result<Decision, StrategyError> {
        let main = view.members.iter().find(|member| member.role == Role::Main);
        let shown = view
            .members
            .iter()
            .map(|member| row(member, main))
            .collect();
        Ok(Decision { shown })
    }
}

fn row(member: &Member, main: Option<&Member>) -> Shown {
    if member.role == Role::Main || !counts(member) {
        return own_count(member, None);
    }
    match main {
        None => own_count(member, Some("the group has no main account")),
        Some(main) if !main.known => own_count(member, Some("main's count is not known yet")),
        Some(main) => Shown {
            account: member.account.clone(),
            count: main.detected,
            note: (main.detected != member.detected)
                .then(|| format!("{} has {}", main.account, main.detected)),
        },
    }
}

fillsync_plugin::export_strategy!(MainMaster);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use fillsync_plugin::testing::{check_counts, main, mirror, observer, unknown, view};

    #[test]
    fn the_seeds_vectors() {
        check_counts(&MainMaster, &[main(1), mirror(2)], &[1, 1]);
        check_counts(&MainMaster, &[main(2), mirror(1)], &[2, 2]);
        check_counts(&MainMaster, &[main(3), mirror(3)], &[3, 3]);
    }

    #[test]
    fn an_unknown_main_moves_nobody_and_is_named_in_the_note() {
        check_counts(&MainMaster, &[unknown(main(2)), mirror(1)], &[2, 1]);
        let decision = MainMaster
            .decide(&view(&[unknown(main(2)), mirror(1)]))
            .unwrap();
        assert_eq!(
            decision.shown[1].note.as_deref(),
            Some("main's count is not known yet")
        );
        check_counts(&MainMaster, &[mirror(1), mirror(2)], &[1, 2]);
    }

    #[test]
    fn observers_show_their_own() {
        check_counts(&MainMaster, &[main(1), observer(3)], &[1, 3]);
    }
}
