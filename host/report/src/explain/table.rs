//! An explanation as people read it: the answer first, then what it rests on, then the proof.

use super::{Again, DecisionAnswer, Explanation};
use crate::table::{Column, Look, facts, or_dash, render};
use crate::{Answer, RawJson};
use std::fmt::Write as _;

/// Executions that a table lists; JSON has all of them.
const FACTS_SHOWN_MAX: usize = 20;

impl Answer for Explanation {
    fn table(&self, look: Look) -> String {
        let mut text = format!("{} {}\n", self.kind, self.id);
        for because in &self.because {
            let _ = writeln!(text, "  {}", one_line(because));
        }
        if let Some(decision) = &self.decision {
            text.push_str("\nWhat was known of each account\n");
            text.push_str(&accounts(decision, look));
            text.push_str("\nSlots and legs\n");
            text.push_str(&slots(decision, look));
        }
        if !self.facts.is_empty() {
            text.push_str("\nWhat the venues said\n");
            text.push_str(&self.executions(look));
        }
        if !self.alerts.is_empty() {
            text.push_str("\nWhat was told\n");
            text.push_str(&self.told(look));
        }
        if self.decision.is_some() || self.again.is_some() {
            text.push_str("\nThe decision\n");
            text.push_str(&self.proof());
        }
        text
    }
}

impl Explanation {
    fn executions(&self, look: Look) -> String {
        let columns = [
            Column::Left("TIME"),
            Column::Left("ACCOUNT"),
            Column::Left("SLOT"),
            Column::Left("SIDE"),
            Column::Right("QUANTITY"),
            Column::Right("PRICE"),
            Column::Left("EFFECT"),
            Column::Left("EXECUTION"),
            Column::Left("ORDER"),
            Column::Left("ORDER NOW"),
        ];
        let rows = self.facts.iter().take(FACTS_SHOWN_MAX).map(|fact| {
            vec![
                fact.executed_at.clone(),
                fact.account.clone(),
                fact.slot
                    .map_or_else(|| "-".to_owned(), |slot| format!("L{slot}")),
                fact.side.to_owned(),
                fact.quantity.clone(),
                fact.price.clone(),
                fact.effect.to_owned(),
                fact.execution_id.clone(),
                or_dash(fact.order_id.as_deref()),
                or_dash(fact.order_state.as_deref()),
            ]
        });
        let mut text = render(look, &columns, rows, "");
        let not_shown = self.facts.len().saturating_sub(FACTS_SHOWN_MAX);
        if not_shown > 0 {
            let _ = writeln!(text, "… {not_shown} more; --json has them");
        }
        if self.facts_left_out > 0 {
            let _ = writeln!(
                text,
                "{} later executions of the cycle are not in this decision",
                self.facts_left_out
            );
        }
        text
    }

    fn told(&self, look: Look) -> String {
        let columns = [
            Column::Left("TIME"),
            Column::Left("KIND"),
            Column::Left("ACCOUNT"),
            Column::Left("DELIVERY"),
            Column::Left("IDENTITY"),
        ];
        let rows = self.alerts.iter().map(|alert| {
            let fared: Vec<String> = alert
                .deliveries
                .iter()
                .map(|delivery| match &delivery.finished_at {
                    Some(at) => format!("{} {} {at}", delivery.channel, delivery.state),
                    None => format!("{} {}", delivery.channel, delivery.state),
                })
                .collect();
            vec![
                alert.timestamp.clone(),
                alert.kind.to_owned(),
                or_dash(alert.account.as_deref()),
                if fared.is_empty() {
                    alert.state.to_owned()
                } else {
                    fared.join(", ")
                },
                format!("{} r{}", alert.identity, alert.revision),
            ]
        });
        render(look, &columns, rows, "")
    }

    fn proof(&self) -> String {
        let mut pairs = Vec::new();
        if let Some(decision) = &self.decision {
            let revision = if decision.revision > 0 {
                format!(", revision {}", decision.revision)
            } else {
                String::new()
            };
            pairs.push((
                "decision",
                format!(
                    "{} about {}, made {}{revision}: {}",
                    decision.id, decision.moment, decision.decided_at, decision.outcome
                ),
            ));
            pairs.push(("plugin", plugin(decision)));
            if let Some(hash) = &decision.settings_sha256 {
                let settings = decision
                    .settings
                    .as_ref()
                    .map_or("not kept", |RawJson(json)| json);
                pairs.push(("settings", format!("{settings}  sha256 {hash}")));
            }
            let intact = if decision.view_is_intact {
                ""
            } else {
                "  THE STORED VIEW DOES NOT HAVE THIS HASH: the ledger was changed"
            };
            pairs.push(("view", format!("sha256 {}{intact}", decision.view_sha256)));
            if let Some(fuel) = decision.fuel {
                let took = decision
                    .took_us
                    .map_or_else(String::new, |us| format!(", {us} µs"));
                pairs.push(("cost", format!("{fuel} fuel{took}")));
            }
        }
        match &self.again {
            None => {}
            Some(Again::Same { plugin_from, .. }) => pairs.push((
                "again",
                format!("decided once more with the same plugin ({plugin_from}): the same answer, byte for byte"),
            )),
            Some(Again::Differs { plugin_from, stored, now, hint }) => {
                pairs.push(("again", format!("decided once more ({plugin_from}): THE ANSWER DIFFERS; {hint}")));
                pairs.push(("  stored", stored.0.clone()));
                pairs.push(("  now", now.0.clone()));
            }
            Some(Again::NotTried { why }) => pairs.push(("again", format!("not tried: {why}"))),
        }
        facts(&pairs)
    }
}

fn plugin(decision: &DecisionAnswer) -> String {
    let version = decision
        .plugin_version
        .as_ref()
        .map_or_else(String::new, |version| format!(" {version}"));
    let hash = decision
        .plugin_sha256
        .as_ref()
        .map_or_else(String::new, |hash| format!("  sha256 {hash}"));
    format!("{}{version}{hash}", decision.plugin)
}

fn accounts(decision: &DecisionAnswer, look: Look) -> String {
    let columns = [
        Column::Left("ACCOUNT"),
        Column::Left("ROLE"),
        Column::Right("DETECTED"),
        Column::Right("SHOWN"),
        Column::Left("TRUTH"),
        Column::Left("COMPLETE TO"),
        Column::Right("SHOWN BEFORE"),
    ];
    let rows = decision.accounts.iter().map(|account| {
        let detected = if account.at_least {
            format!("≥{}", account.detected)
        } else {
            account.detected.to_string()
        };
        vec![
            account.account.clone(),
            account.role.to_owned(),
            detected,
            account.shown.to_string(),
            account.truth.to_owned(),
            match (&account.coverage_to, account.known) {
                (Some(to), true) => to.clone(),
                (Some(to), false) => format!("{to} (before the moment)"),
                (None, _) => "not known".to_owned(),
            },
            account
                .shown_before
                .map_or_else(|| "-".to_owned(), |count| count.to_string()),
        ]
    });
    render(look, &columns, rows, "The view cannot be read.")
}

fn slots(decision: &DecisionAnswer, look: Look) -> String {
    let columns = [
        Column::Left("SLOT"),
        Column::Right("PRICE"),
        Column::Left("MATCHED BY"),
        Column::Left("ACCOUNT"),
        Column::Left("STATE"),
        Column::Right("FILLED"),
        Column::Left("COUNTS"),
        Column::Left("TRUTH"),
    ];
    let rows = decision.slots.iter().flat_map(|slot| {
        slot.legs.iter().enumerate().map(move |(index, leg)| {
            let first = index == 0;
            let of_slot = |text: String| if first { text } else { String::new() };
            vec![
                of_slot(format!("L{}", slot.slot)),
                of_slot(or_dash(slot.reference_price.as_deref())),
                of_slot(format!("{} {}%", slot.matched_by, slot.confidence)),
                leg.account.clone(),
                leg.state.to_owned(),
                format!("{}/{}", leg.filled_quantity, leg.quantity),
                if leg.counted { "yes" } else { "no" }.to_owned(),
                leg.truth.to_owned(),
            ]
        })
    });
    render(look, &columns, rows, "The plan has no orders.")
}

fn one_line(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}
