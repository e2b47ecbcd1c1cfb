//! A recorded question without what its owner would not show: names become numbers, amounts become
//! shares of the largest one, words are withheld.
//!
//! What a plugin decides by is kept: who is main, which leg stands how, what is equal to, less or
//! more than what. A key that is not known here is withheld, so that a fact that is added to the
//! contract later does not leave with the next recording. Deliberately absent: times and symbols are
//! kept, and whoever has the venue's public trades may guess from them.

use super::case::{Case, CaseError, Question};
use super::view::typed;
use fillsync_core::view::View;
use rust_decimal::{Decimal, RoundingStrategy};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Keys whose texts say nothing of their owner.
const HARMLESS: [&str; 14] = [
    "counts_when",
    "filled_percent",
    "kind",
    "matched_by",
    "position",
    "previous_percent",
    "reason",
    "role",
    "severity",
    "side",
    "state",
    "symbol",
    "topic",
    "truth",
];
const QUANTITIES: [&str; 3] = ["filled_quantity", "planned_quantity", "quantity"];
const PRICES: [&str; 4] = ["entry_price", "exit_price", "price", "reference_price"];
const MONEY: [&str; 2] = ["net", "realised"];
/// Digits after the point of a share.
const PLACES: u32 = 12;

/// One set of pseudonyms, for all questions of one recording.
#[derive(Debug, Default)]
pub struct Redaction {
    accounts: BTreeSet<String>,
    groups: BTreeSet<String>,
}

impl Redaction {
    /// Learns the names of a question. All must be learnt before the first is redacted: pseudonyms
    /// are given in the order of the names, because members stand in that order.
    pub fn learn(&mut self, question: &Question) {
        let value = as_value(question);
        self.learn_from(&value);
    }

    fn learn_from(&mut self, value: &Value) {
        walk(value, &mut |key, value| match (key, value) {
            ("account" | "name", Value::String(name)) => {
                self.accounts.insert(name.clone());
            }
            ("waiting_for", Value::Array(names)) => {
                let names = names.iter().filter_map(Value::as_str);
                self.accounts.extend(names.map(ToOwned::to_owned));
            }
            ("group", Value::String(name)) => {
                self.groups.insert(name.clone());
            }
            _ => {}
        });
    }

    /// The question as it may be shown.
    ///
    /// # Errors
    /// When what is left of it is no question, which would be a mistake here.
    pub fn redact(&self, case: &Case) -> Result<Case, CaseError> {
        let mut value = as_value(&case.question);
        let scales = Scales::of(&value);
        let is_correction = value.pointer("/body/kind") == Some(&json!("correction"));
        self.withhold(&mut value, &scales, is_correction);
        let question = match &case.question {
            Question::View(_) => Question::View(Box::new(typed::<View>(value, "/view")?)),
            Question::Alert(_, target) => {
                Question::Alert(Box::new(typed(value, "/alert")?), target.clone())
            }
        };
        Ok(Case {
            about: case.about.clone(),
            settings: case.settings.clone(),
            question,
        })
    }

    /// The pseudonym of an account: as many digits as keep the order of the names.
    #[must_use]
    pub fn account(&self, name: &str) -> String {
        pseudonym("account", &self.accounts, name)
    }

    fn withhold(&self, value: &mut Value, scales: &Scales, is_correction: bool) {
        match value {
            Value::Object(map) => self.withhold_table(map, scales, is_correction),
            Value::Array(items) => {
                for item in items {
                    self.withhold(item, scales, is_correction);
                }
            }
            _ => {}
        }
    }

    fn withhold_table(&self, map: &mut Map<String, Value>, scales: &Scales, is_correction: bool) {
        for (key, value) in map.iter_mut() {
            match (key.as_str(), &mut *value) {
                ("account" | "name", Value::String(name)) => *name = self.account(name),
                ("waiting_for", Value::Array(names)) => {
                    for name in names {
                        if let Value::String(name) = name {
                            *name = self.account(name);
                        }
                    }
                }
                ("group", Value::String(name)) => *name = pseudonym("group", &self.groups, name),
                ("note" | "remedy", note) => *note = Value::Null,
                ("lines", Value::Array(lines)) => {
                    for line in lines {
                        *line = json!("withheld");
                    }
                }
                ("fees", Value::Array(fees)) => {
                    for fee in fees {
                        if let Some(Value::String(amount)) = fee.get_mut(1) {
                            scales.money.scale(amount);
                        }
                    }
                }
                ("reason", Value::String(reason)) if is_correction => {
                    *reason = "withheld".to_owned()
                }
                (key, Value::String(text)) if QUANTITIES.contains(&key) => {
                    scales.quantities.scale(text)
                }
                (key, Value::String(text)) if PRICES.contains(&key) => scales.prices.scale(text),
                (key, Value::String(text)) if MONEY.contains(&key) => scales.money.scale(text),
                (key, Value::String(text)) if !HARMLESS.contains(&key) => {
                    "withheld".clone_into(text)
                }
                (_, inner) => self.withhold(inner, scales, is_correction),
            }
        }
    }
}

fn pseudonym(word: &str, names: &BTreeSet<String>, name: &str) -> String {
    let place = names
        .iter()
        .position(|known| known == name)
        .unwrap_or(names.len())
        + 1;
    let width = names.len().to_string().len();
    format!("{word}-{place:0width$}")
}

fn as_value(question: &Question) -> Value {
    match question {
        Question::View(view) => json!(view),
        Question::Alert(alert, _) => json!(alert),
    }
}

/// The largest quantity, price and sum of money of one question.
struct Scales {
    quantities: Scale,
    prices: Scale,
    money: Scale,
}

impl Scales {
    fn of(value: &Value) -> Self {
        let mut texts: BTreeMap<&str, Vec<Decimal>> = BTreeMap::new();
        walk(value, &mut |key, value| {
            let (kind, amounts) = match (key, value) {
                ("fees", Value::Array(fees)) => (
                    "money",
                    fees.iter().filter_map(|fee| number(fee.get(1)?)).collect(),
                ),
                (key, value) if QUANTITIES.contains(&key) => {
                    ("quantities", number(value).into_iter().collect())
                }
                (key, value) if PRICES.contains(&key) => {
                    ("prices", number(value).into_iter().collect())
                }
                (key, value) if MONEY.contains(&key) => {
                    ("money", number(value).into_iter().collect())
                }
                _ => return,
            };
            let amounts: Vec<Decimal> = amounts;
            texts.entry(kind).or_default().extend(amounts);
        });
        let largest = |kind: &str| {
            let amounts = texts.get(kind).into_iter().flatten();
            Scale(amounts.map(Decimal::abs).max().unwrap_or_default())
        };
        Self {
            quantities: largest("quantities"),
            prices: largest("prices"),
            money: largest("money"),
        }
    }
}

fn number(value: &Value) -> Option<Decimal> {
    Decimal::from_str_exact(value.as_str()?).ok()
}

/// What becomes one hundred.
struct Scale(Decimal);

impl Scale {
    /// The same amount as a share of the largest. Equal amounts stay equal, nothing stays nothing,
    /// and what is smaller does not become larger.
    fn scale(&self, amount: &mut String) {
        let share = Decimal::from_str_exact(amount)
            .ok()
            .and_then(|amount| amount.checked_mul(Decimal::ONE_HUNDRED))
            .and_then(|amount| amount.checked_div(self.0))
            .map(|share| share.round_dp_with_strategy(PLACES, RoundingStrategy::AwayFromZero));
        *amount = share.unwrap_or_default().normalize().to_string();
    }
}

/// Shows every key and value, at any depth.
fn walk(value: &Value, see: &mut impl FnMut(&str, &Value)) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                see(key, value);
                walk(value, see);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| walk(item, see)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::kit::{read_case, write_case};

    fn redacted(text: &str) -> (Case, String) {
        let case = read_case(text).unwrap();
        let mut redaction = Redaction::default();
        redaction.learn(&case.question);
        let redacted = redaction.redact(&case).unwrap();
        let text = write_case(&redacted).unwrap();
        (redacted, text)
    }

    #[test]
    fn names_and_amounts_leave_no_trace_and_relations_stay() {
        let text = r#"{"view": {"group": "secret-desk", "members": [
            {"account": "alice", "role": "main", "legs": [{"slot": 1, "state": "filled", "quantity": "7310", "filled_quantity": "7310"},
                {"slot": 2, "state": "partial", "quantity": "7310", "filled_quantity": "977"}, {"slot": 3, "state": "open", "quantity": "14620"}]},
            {"account": "bob", "filled": []}]}}"#;
        let (case, text) = redacted(text);
        for trace in [
            "secret", "alice", "bob", "7310", "977", "14620", "\"150\"", "0.22",
        ] {
            assert!(!text.contains(trace), "{trace}: {text}");
        }
        let Question::View(view) = case.question else {
            panic!("no view")
        };
        let legs = &view.members[0].legs;
        assert_eq!(view.members[0].account.as_str(), "account-1");
        assert_eq!(legs[0].filled_quantity, legs[0].quantity);
        assert_eq!(legs[0].quantity, legs[1].quantity);
        assert!(
            legs[1].filled_quantity < legs[1].quantity && legs[1].filled_quantity.is_positive()
        );
        assert_eq!(legs[2].quantity.to_string(), "100");
        assert!(legs[2].filled_quantity.is_zero());
        assert!(view.slots[0].reference_price < view.slots[1].reference_price);
    }

    #[test]
    fn every_kind_of_alert_is_redacted() {
        for kind in fillsync_core::alert::AlertKind::ALL {
            let text = json!({"alert": {"body": {"kind": kind}}}).to_string();
            let (case, text) = redacted(&text);
            for trace in [
                "mirror",
                "\"main",
                "desk",
                "150",
                "0.2215",
                "1.25",
                "0.02\"",
                "venue took",
                "3 fills",
                "not answered",
                "canned",
            ] {
                let text = text
                    .replace("\"role\": \"mirror\"", "")
                    .replace("\"role\": \"main\"", "");
                assert!(!text.contains(trace), "{kind}, {trace}: {text}");
            }
            let Question::Alert(alert, _) = case.question else {
                panic!("no alert")
            };
            assert_eq!(alert.kind(), kind);
        }
    }

    #[test]
    fn pseudonyms_keep_the_order_of_names() {
        let mut redaction = Redaction::default();
        let members: Vec<Value> = (0..12)
            .map(|index| json!({"account": format!("m{index:02}")}))
            .collect();
        redaction.learn_from(&json!({ "members": members }));
        assert_eq!(redaction.account("m00"), "account-01");
        assert_eq!(redaction.account("m11"), "account-12");
    }
}
