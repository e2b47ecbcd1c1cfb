//! `quorum`: everybody shows the number of slots that at least k accounts have filled.
//!
//! With `k = "all"`, the default, a shown count is one that every account has reached: safe to act
//! on. A k that the group cannot reach is undecided, never a count of zero that looks like a fact.
//! Observers have no vote and are shown their own count.

use fillsync_plugin::strategy::{Decision, Shown, StrategyError, View};
use fillsync_plugin::{Card, Remarks, Strategy, counts, own_count};
use serde::Deserialize;
use std::collections::BTreeMap;

/// How many accounts must have filled a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(untagged)]
enum Votes {
    AtLeast(u32),
    Word(All),
    #[serde(skip)]
    #[default]
    All,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum All {
    All,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Settings {
    k: Votes,
}

struct Quorum {
    votes: Votes,
}

impl Strategy for Quorum {
    type Settings = Settings;

    fn card() -> Card {
        Card {
            name: "quorum",
            version: env!("CARGO_PKG_VERSION"),
            summary: "Every account shows the number of slots filled on at least k accounts.",
            settings_schema: r#"{
  "type": "object",
  "additionalProperties": false,
  "properties": {
    "k": {
      "description": "How many accounts must have filled a slot: a number from 1, or \"all\".",
      "anyOf": [{ "type": "integer", "minimum": 1, "maximum": 1000 }, { "const": "all" }],
      "default": "all"
    }
  }
}"#,
            ..Card::default()
        }
    }

    fn configure(settings: Settings, remarks: &mut Remarks) -> Self {
        if settings.k == Votes::AtLeast(0) {
            remarks.error(
                "/k",
                "0 accounts have filled every slot always; use 1 or more, or \"all\"",
            );
        }
        Self { votes: settings.k }
    }

    fn decide(&self, view: &View) -> Result<Decision, StrategyError> {
        let voters = view.members.iter().filter(|member| counts(member)).count();
        let needed = match self.votes {
            Votes::AtLeast(votes) => votes as usize,
            Votes::All | Votes::Word(All::All) => voters,
        };
        if needed > voters && voters > 0 {
            return Err(StrategyError::Undecided(format!(
                "k is {needed}, but the group has {voters} accounts that count; lower k"
            )));
        }
        let count = agreed(view, needed)?;
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
                    note: Some(format!(
                        "{count} slots are filled on {needed} of {voters} accounts"
                    )),
                }
            })
            .collect();
        Ok(Decision { shown })
    }
}

/// The number of slots with at least that many votes.
fn agreed(view: &View, needed: usize) -> Result<u32, StrategyError> {
    let mut votes: BTreeMap<u32, usize> = BTreeMap::new();
    for member in view.members.iter().filter(|member| counts(member)) {
        for leg in member.legs.iter().filter(|leg| leg.counted) {
            *votes.entry(leg.slot).or_default() += 1;
        }
    }
    let agreed = votes.values().filter(|votes| **votes >= needed).count();
    u32::try_from(agreed)
        .map_err(|_| StrategyError::InvalidView("more slots than a count can hold".to_owned()))
}

fillsync_plugin::export_strategy!(Quorum);

#[cfg(test)]
mod tests {
    use super::*;
    use fillsync_plugin::parse_settings;
    use fillsync_plugin::testing::{check_counts, main, mirror, observer, view, with_slots};

    fn with(json: &str) -> Quorum {
        let mut remarks = Remarks::default();
        let plugin = Quorum::configure(parse_settings(json, &mut remarks), &mut remarks);
        assert!(remarks.all().is_empty(), "{remarks:?}");
        plugin
    }

    #[test]
    fn all_is_what_everybody_has_filled() {
        let members = [with_slots(main(2), &[1, 2]), with_slots(mirror(1), &[1])];
        check_counts(&with("{}"), &members, &[1, 1]);
        check_counts(&with(r#"{"k":"all"}"#), &members, &[1, 1]);
        check_counts(&with(r#"{"k":1}"#), &members, &[2, 2]);
        check_counts(&with(r#"{"k":2}"#), &members, &[1, 1]);
    }

    #[test]
    fn a_quorum_out_of_reach_is_undecided() {
        let members = [with_slots(main(1), &[1]), with_slots(observer(1), &[1])];
        let answer = with(r#"{"k":2}"#).decide(&view(&members));
        assert!(
            matches!(answer, Err(StrategyError::Undecided(_))),
            "{answer:?}"
        );
    }

    #[test]
    fn nonsense_is_refused() {
        let mut remarks = Remarks::default();
        Quorum::configure(parse_settings(r#"{"k":0}"#, &mut remarks), &mut remarks);
        parse_settings::<Settings>(r#"{"k":"most"}"#, &mut remarks);
        assert_eq!(
            remarks
                .all()
                .iter()
                .filter(|remark| remark.is_error)
                .count(),
            2
        );
    }
}
