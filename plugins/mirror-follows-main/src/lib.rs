//! `mirror-follows-main`: main shows its own count, a mirror shows main's where that is higher.
//!
//! With `prefer = "main"` a mirror always shows main's, and its own, with a note, while main's is
//! not known. Facts only ever add up, so a main that is seen late can still raise a mirror's count.

use fillsync_plugin::strategy::{Decision, Member, Shown, StrategyError, View};
use fillsync_plugin::types::Role;
use fillsync_plugin::{Card, Remarks, Strategy, counts, own_count};
use serde::Deserialize;

/// Whose count a mirror shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Prefer {
    /// The higher of main's and its own.
    #[default]
    Higher,
    /// Always main's.
    Main,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Settings {
    prefer: Prefer,
}

struct MirrorFollowsMain {
    prefer: Prefer,
}

impl Strategy for MirrorFollowsMain {
    type Settings = Settings;

    fn card() -> Card {
        Card {
            name: "mirror-follows-main",
            version: env!("CARGO_PKG_VERSION"),
            summary: "A mirror shows main's count where that is higher; main shows its own.",
            settings_schema: r#"{
  "type": "object",
  "additionalProperties": false,
  "properties": {
    "prefer": {
      "description": "\"higher\": a mirror shows the higher of main's count and its own; \"main\": always main's.",
      "enum": ["higher", "main"],
      "default": "higher"
    }
  }
}"#,
            ..Card::default()
        }
    }

    fn configure(settings: Settings, _remarks: &mut Remarks) -> Self {
        Self {
            prefer: settings.prefer,
        }
    }

    fn decide(&self, view: &View) -> Result<Decision, StrategyError> {
        let main = view.members.iter().find(|member| member.role == Role::Main);
        let shown = view
            .members
            .iter()
            .map(|member| self.row(member, main))
            .collect();
        Ok(Decision { shown })
    }
}

impl MirrorFollowsMain {
    fn row(&self, member: &Member, main: Option<&Member>) -> Shown {
        if member.role == Role::Main || !counts(member) {
            return own_count(member, None);
        }
        let Some(main) = main else {
            return own_count(member, Some("the group has no main account"));
        };
        let follows = match self.prefer {
            Prefer::Higher => main.detected > member.detected,
            Prefer::Main if !main.known => {
                return own_count(member, Some("main's count is not known yet"));
            }
            Prefer::Main => main.detected != member.detected,
        };
        if !follows {
            return own_count(member, None);
        }
        Shown {
            account: member.account.clone(),
            count: main.detected,
            note: Some(format!("{} has {}", main.account, main.detected)),
        }
    }
}

fillsync_plugin::export_strategy!(MirrorFollowsMain);

#[cfg(test)]
mod tests {
    use super::*;
    use fillsync_plugin::parse_settings;
    use fillsync_plugin::testing::{check_counts, main, mirror, observer, unknown};

    fn with(json: &str) -> MirrorFollowsMain {
        let mut remarks = Remarks::default();
        let plugin = MirrorFollowsMain::configure(parse_settings(json, &mut remarks), &mut remarks);
        assert!(remarks.all().is_empty(), "{remarks:?}");
        plugin
    }

    #[test]
    fn the_seeds_vectors() {
        check_counts(&with("{}"), &[main(2), mirror(1)], &[2, 2]);
        check_counts(&with("{}"), &[main(3), mirror(3)], &[3, 3]);
        check_counts(&with("{}"), &[main(1), mirror(2)], &[1, 2]);
    }

    #[test]
    fn prefer_main_lowers_a_mirror_but_only_to_a_known_main() {
        let always = with(r#"{"prefer":"main"}"#);
        check_counts(&always, &[main(1), mirror(2)], &[1, 1]);
        check_counts(&always, &[unknown(main(1)), mirror(2)], &[1, 2]);
    }

    #[test]
    fn observers_and_groups_without_main() {
        check_counts(&with("{}"), &[main(2), observer(1)], &[2, 1]);
        check_counts(&with("{}"), &[mirror(1), mirror(2)], &[1, 2]);
    }
}
