//! A strategy that writes down everything it was told, and answers in every way that the contract has.
//!
//! Built once on the day that a version of the contract is frozen, and kept as bytes: what it writes
//! about a known view shows that every record, enum and function still means what it meant. Its source
//! is kept to be read; it is never built into anything.

use fillsync_plugin::strategy::{Decision, Shown, StrategyError, View};
use fillsync_plugin::{Card, Level, Remarks, Strategy, log};
use serde::Deserialize;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Answer {
    #[default]
    Detected,
    Undecided,
    InvalidView,
    Internal,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Settings {
    answer: Answer,
    remark: Option<String>,
}

struct Witness(Answer);

impl Strategy for Witness {
    type Settings = Settings;

    fn card() -> Card {
        Card {
            name: "witness-strategy",
            version: "1.0.0",
            summary: "Writes down everything it was told.",
            settings_schema: r#"{"type":"object","properties":{"answer":{"enum":["detected","undecided","invalid-view","internal"]},"remark":{"enum":["warning","error"]}},"additionalProperties":false}"#,
            attributes: &[("contract", "fillsync:plugin@1.0.0")],
        }
    }

    fn configure(settings: Settings, remarks: &mut Remarks) -> Self {
        match settings.remark.as_deref() {
            Some("warning") => remarks.warning("/remark", "a warning was asked for"),
            Some("error") => remarks.error("/remark", "an error was asked for"),
            _ => {}
        }
        Self(settings.answer)
    }

    fn decide(&self, view: &View) -> Result<Decision, StrategyError> {
        log(Level::Debug, "one line of each level");
        log(Level::Warn, "one line of each level");
        log(Level::Error, "one line of each level");
        log(
            Level::Info,
            &format!(
                "view {} {} {:?} cycle {} as of {} counts when {:?} attributes {:?}",
                view.group,
                view.symbol,
                view.side,
                view.cycle,
                view.as_of_us,
                view.counts_when,
                view.attributes
            ),
        );
        for slot in &view.slots {
            log(Level::Info, &format!("{slot:?}"));
        }
        for member in &view.members {
            log(
                Level::Info,
                &format!(
                    "member {} {:?} detected {} known {} at least {} coverage to {:?} shown before {:?} attributes {:?}",
                    member.account,
                    member.role,
                    member.detected,
                    member.known,
                    member.at_least,
                    member.coverage_to_us,
                    member.shown_before,
                    member.attributes
                ),
            );
            for leg in &member.legs {
                log(Level::Info, &format!("{leg:?}"));
            }
        }
        match self.0 {
            Answer::Detected => Ok(Decision {
                shown: view
                    .members
                    .iter()
                    .map(|member| Shown {
                        account: member.account.clone(),
                        count: member.detected,
                        note: (!member.known).then(|| "not known".to_owned()),
                    })
                    .collect(),
            }),
            Answer::Undecided => Err(StrategyError::Undecided("as asked".to_owned())),
            Answer::InvalidView => Err(StrategyError::InvalidView("as asked".to_owned())),
            Answer::Internal => Err(StrategyError::Internal("as asked".to_owned())),
        }
    }
}

fillsync_plugin::export_strategy!(Witness);
