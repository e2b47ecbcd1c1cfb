//! The replay gate: a candidate answers what was really asked before, beside what is active now.
//!
//! Both are asked the same recorded questions, here and now, so that only the plugins can differ. The
//! result is a text that an operator reads before the candidate speaks for real: for a strategy whose
//! count would change, for a formatter which lines. Nothing that is asked here is counted, shown or
//! sent. Deliberately absent: where the questions come from, and what is done about a difference.

use crate::call::{CallReport, Target};
use crate::error::{CallError, PluginKind, one_line};
use crate::loaded::Loaded;
use fillsync_core::alert::Alert;
use fillsync_core::message::Rendered;
use fillsync_core::view::{Shown, View};
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};

/// How long a replay may take; what was not asked by then is counted.
pub const REPLAY_TIME_MAX: Duration = Duration::from_secs(20);
/// The lines of a difference that are kept.
pub const DIFFERENCE_LINES_MAX: usize = 60;
/// The candidate is not asked on when it failed so often.
const FAULTS_MAX: usize = 5;
/// More fuel than this many times what the active one used is a difference.
pub const FUEL_GROWTH_MAX: u64 = 4;

/// Real questions of the past, the newest first.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Recorded {
    /// What strategies were asked.
    pub views: Vec<View>,
    /// What formatters were asked.
    pub alerts: Vec<(Alert, Target)>,
}

/// How a candidate's answers to recorded questions differ from those of what is active.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Comparison {
    /// Questions that both were asked.
    pub asked: usize,
    /// Recorded questions for which there was no time, or no need any more.
    pub not_asked: usize,
    /// Those with the same answer, byte for byte.
    pub same: usize,
    /// Those with another answer.
    pub different: usize,
    /// Those that the active one answers and the candidate fails at.
    pub faults: usize,
    /// Fuel of the active one, over all that both answered.
    pub fuel_before: u64,
    /// Fuel of the candidate, over the same.
    pub fuel_after: u64,
    /// What differs, for people.
    pub lines: Vec<String>,
    /// Lines beyond [`DIFFERENCE_LINES_MAX`].
    pub lines_left_out: usize,
}

impl Comparison {
    /// Whether something was asked and nothing differs.
    #[must_use]
    pub const fn is_same(&self) -> bool {
        self.asked > 0
            && self.different == 0
            && self.faults == 0
            && self.not_asked == 0
            && !self.fuel_grew()
    }

    /// Whether the candidate needs much more than the active one.
    #[must_use]
    pub const fn fuel_grew(&self) -> bool {
        self.fuel_after > self.fuel_before.saturating_mul(FUEL_GROWTH_MAX)
    }

    /// One line: how many of how many.
    #[must_use]
    pub fn summary(&self) -> String {
        if self.asked == 0 {
            return "nothing recorded to compare with".to_owned();
        }
        let mut text = format!(
            "{} of {} recorded inputs answered the same",
            self.same, self.asked
        );
        if self.different > 0 {
            text.push_str(&format!(", {} differently", self.different));
        }
        if self.faults > 0 {
            text.push_str(&format!(", {} not at all", self.faults));
        }
        if self.not_asked > 0 {
            text.push_str(&format!("; {} not asked", self.not_asked));
        }
        if self.fuel_grew() {
            text.push_str(&format!(
                "; it needs {} times the fuel",
                self.fuel_after
                    .checked_div(self.fuel_before)
                    .unwrap_or(self.fuel_after)
            ));
        }
        text
    }

    fn say(&mut self, line: &str) {
        if self.lines.len() < DIFFERENCE_LINES_MAX {
            self.lines.push(one_line(line));
        } else {
            self.lines_left_out += 1;
        }
    }
}

/// Asks both.
pub(crate) fn compare(candidate: &Loaded, active: &Loaded, recorded: &Recorded) -> Comparison {
    let mut replay = Replay {
        comparison: Comparison::default(),
        until: Instant::now() + REPLAY_TIME_MAX,
    };
    match candidate.card().kind {
        PluginKind::Strategy => {
            for view in &recorded.views {
                replay.ask(
                    &place_of_view(view),
                    candidate.decide(view),
                    || active.decide(view),
                    |before, after, place| counts_apart(before, after, place),
                );
            }
        }
        PluginKind::Formatter => {
            for (alert, target) in &recorded.alerts {
                replay.ask(
                    &place_of_alert(alert, target),
                    candidate.format(alert, target),
                    || active.format(alert, target),
                    lines_apart,
                );
            }
        }
    }
    replay.comparison
}

struct Replay {
    comparison: Comparison,
    until: Instant,
}

type Answer<T> = Result<(T, CallReport), CallError>;

impl Replay {
    fn ask<T: PartialEq>(
        &mut self,
        place: &str,
        candidate: Answer<T>,
        active: impl FnOnce() -> Answer<T>,
        apart: impl FnOnce(&T, &T, &str) -> Vec<String>,
    ) {
        let seen = &mut self.comparison;
        if seen.faults >= FAULTS_MAX || Instant::now() > self.until {
            seen.not_asked += 1;
            return;
        }
        seen.asked += 1;
        match (active(), candidate) {
            (Ok((before, cost_before)), Ok((after, cost_after))) => {
                seen.fuel_before = seen.fuel_before.saturating_add(cost_before.fuel);
                seen.fuel_after = seen.fuel_after.saturating_add(cost_after.fuel);
                if before == after {
                    seen.same += 1;
                    return;
                }
                seen.different += 1;
                for line in apart(&before, &after, place) {
                    seen.say(&line);
                }
            }
            (Err(before), Err(after)) if before == after => seen.same += 1,
            (Ok(_), Err(error)) if error.is_plugins_fault() => {
                seen.faults += 1;
                seen.say(&format!("{error} ({place}); what is active answers"));
            }
            (before, after) => {
                seen.different += 1;
                seen.say(&format!(
                    "was: {}, would be: {} ({place})",
                    in_short(&before),
                    in_short(&after)
                ));
            }
        }
    }
}

fn in_short<T>(answer: &Answer<T>) -> String {
    match answer {
        Ok(_) => "an answer".to_owned(),
        Err(error) => error.to_string(),
    }
}

fn place_of_view(view: &View) -> String {
    format!(
        "{} {} {} cycle {}, as of {}",
        view.group,
        view.symbol,
        view.side.entry_side().title(),
        view.cycle,
        view.as_of
    )
}

fn place_of_alert(alert: &Alert, target: &Target) -> String {
    format!(
        "{} for {} ({})",
        alert.identity, target.channel, target.kind
    )
}

/// "mirror: was 2, would be 1 (desk GTCUSDT Sell cycle 12, as of …)".
fn counts_apart(before: &[Shown], after: &[Shown], place: &str) -> Vec<String> {
    let note = |shown: &Shown| {
        shown
            .note
            .as_ref()
            .map_or_else(String::new, |note| format!(" ({note:?})"))
    };
    before
        .iter()
        .zip(after)
        .filter(|(was, would)| was != would)
        .map(|(was, would)| {
            // A note alone is told as well; where only the count differs it is left away.
            let notes_differ = was.note != would.note;
            let note = |shown: &Shown| {
                if notes_differ {
                    note(shown)
                } else {
                    String::new()
                }
            };
            format!(
                "{}: was {}{}, would be {}{} ({place})",
                was.account,
                was.count,
                note(was),
                would.count,
                note(would)
            )
        })
        .collect()
}

/// The lines that differ, between what both have at the beginning and at the end.
fn lines_apart(before: &Rendered, after: &Rendered, place: &str) -> Vec<String> {
    let (was, would) = (text_of(before), text_of(after));
    if was == would {
        return vec![format!("{place}: the same words with other markup")];
    }
    let (was, would): (Vec<&str>, Vec<&str>) = (was.lines().collect(), would.lines().collect());
    let head = was.iter().zip(&would).take_while(|(a, b)| a == b).count();
    let most = was.len().min(would.len()) - head;
    let tail = was
        .iter()
        .rev()
        .zip(would.iter().rev())
        .take(most)
        .take_while(|(a, b)| a == b)
        .count();
    let middle = |lines: &[&str]| {
        lines
            .iter()
            .skip(head)
            .take(lines.len() - head - tail)
            .map(|line| (*line).to_owned())
            .collect::<Vec<String>>()
    };
    std::iter::once(format!("{place}:"))
        .chain(middle(&was).into_iter().map(|line| format!("- {line}")))
        .chain(middle(&would).into_iter().map(|line| format!("+ {line}")))
        .collect()
}

fn text_of(rendered: &Rendered) -> String {
    match rendered {
        Rendered::Rich(message) => message.to_string(),
        Rendered::Raw { channel_kind, json } => format!("{channel_kind}: {json}"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use fillsync_core::id::AccountName;
    use fillsync_core::message::{RichMessage, Span};

    fn shown(account: &str, count: u32, note: Option<&str>) -> Shown {
        Shown {
            account: AccountName::new(account).unwrap(),
            count,
            note: note.map(ToOwned::to_owned),
        }
    }

    #[test]
    fn counts_that_change_are_told_by_account() {
        let before = vec![
            shown("main", 2, None),
            shown("mirror", 2, Some("main has 2")),
        ];
        let after = vec![
            shown("main", 2, None),
            shown("mirror", 1, Some("main has 2")),
        ];
        assert_eq!(
            counts_apart(&before, &after, "desk"),
            ["mirror: was 2, would be 1 (desk)"]
        );
        let silent = vec![shown("main", 2, None), shown("mirror", 2, None)];
        assert_eq!(
            counts_apart(&before, &silent, "desk"),
            ["mirror: was 2 (\"main has 2\"), would be 2 (desk)"]
        );
    }

    #[test]
    fn lines_that_change_are_told_between_those_that_do_not() {
        let message = |lines: &[&str]| {
            Rendered::Rich(RichMessage {
                title: vec![Span::text("filled")],
                lines: lines.iter().map(|line| vec![Span::text(*line)]).collect(),
            })
        };
        let before = message(&["2 of 3", "data complete"]);
        let after = message(&["2/3", "really", "data complete"]);
        assert_eq!(
            lines_apart(&before, &after, "L1"),
            ["L1:", "- 2 of 3", "+ 2/3", "+ really"]
        );
        let longer = message(&["2 of 3", "data complete", "data complete"]);
        assert_eq!(
            lines_apart(&before, &longer, "L1"),
            ["L1:", "+ data complete"]
        );
        let bold = Rendered::Rich(RichMessage {
            title: vec![Span::bold("filled")],
            lines: vec![
                vec![Span::text("2 of 3")],
                vec![Span::text("data complete")],
            ],
        });
        assert_eq!(
            lines_apart(&before, &bold, "L1"),
            ["L1: the same words with other markup"]
        );
    }
}
