//! `my-plugin`: every account shows the largest count of its group, or main's.
//!
//! A pure function of the view: the same view must have the same answer, byte for byte.

use fillsync_plugin::strategy::{Decision, Member, Shown, StrategyError, View};
use fillsync_plugin::types::Role;
use fillsync_plugin::{Card, Remarks, Strategy, counts, own_count};
use serde::Deserialize;

/// Whom to follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Follow {
    #[default]
    Largest,
    Main,
}

/// What the operator may set, as `SCHEMA` describes it.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Settings {
    follow: Follow,
}

const SCHEMA: &str = r#"{
  "type": "object",
  "additionalProperties": false,
  "properties": {
    "follow": {
      "description": "Whose count everybody shows: the largest of the group, or main's.",
      "enum": ["largest", "main"],
      "default": "largest"
    }
  }
}"#;

struct Plugin {
    settings: Settings,
}

impl Strategy for Plugin {
    type Settings = Settings;

    fn card() -> Card {
        Card {
            name: "my-plugin",
            version: env!("CARGO_PKG_VERSION"),
            summary: "Every account shows the largest count of its group, or main's.",
            settings_schema: SCHEMA,
            ..Card::default()
        }
    }

    fn configure(settings: Settings, _remarks: &mut Remarks) -> Self {
        Self { settings }
    }

    fn decide(&self, view: &View) -> Result<Decision, StrategyError> {
        let Some(leader) = self.leader(view) else {
            return Err(StrategyError::Undecided(
                "the group has no main account to follow".to_owned(),
            ));
        };
        let shown = view
            .members
            .iter()
            .map(|member| {
                if !counts(member) || member.detected == leader.detected {
                    return own_count(member, None);
                }
                Shown {
                    account: member.account.clone(),
                    count: leader.detected,
                    note: Some(format!("{} has {}", leader.account, leader.detected)),
                }
            })
            .collect();
        Ok(Decision { shown })
    }
}

impl Plugin {
    /// The member whose count is shown; of equals the first, so that the note is always the same.
    fn leader<'a>(&self, view: &'a View) -> Option<&'a Member> {
        let mut members = view.members.iter().filter(|member| counts(member));
        match self.settings.follow {
            Follow::Main => members.find(|member| member.role == Role::Main),
            Follow::Largest => members.reduce(|best, member| {
                if member.detected > best.detected {
                    member
                } else {
                    best
                }
            }),
        }
    }
}

fillsync_plugin::export_strategy!(Plugin);

#[cfg(test)]
mod tests {
    use super::*;
    use fillsync_plugin::testing::{check_counts, configured, main, mirror, observer, refused};

    #[test]
    fn everybody_shows_the_largest_count() {
        let plugin: Plugin = configured("{}");
        check_counts(&plugin, &[main(2), mirror(1)], &[2, 2]);
        check_counts(&plugin, &[main(1), mirror(2), observer(3)], &[2, 2, 3]);
    }

    #[test]
    fn main_is_followed_where_it_is_set() {
        let plugin: Plugin = configured(r#"{"follow": "main"}"#);
        check_counts(&plugin, &[main(1), mirror(2)], &[1, 1]);
    }

    #[test]
    fn settings_that_mean_nothing_are_refused_by_name() {
        let remarks = refused::<Plugin>(r#"{"follow": "nobody"}"#);
        assert_eq!(remarks[0].path, "/follow");
    }
}
