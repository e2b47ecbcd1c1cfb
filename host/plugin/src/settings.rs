//! A plugin's settings: one text for equal settings, checked against the plugin's own schema.

use crate::card::SCHEMA;
use crate::error::{Rejection, Stage, one_line};
use crate::file;
use crate::schema;
use serde_json::Value;

/// Settings as they are compared: equal ones have one text. What is no JSON stays as it is.
pub(crate) fn comparable(json: &str) -> String {
    canonical_settings(json).map_or_else(|_| json.to_owned(), |settings| settings.to_string())
}

/// Settings with their keys in order, so that equal settings have one text and one hash.
pub(crate) fn canonical_settings(json: &str) -> Result<Value, Rejection> {
    if json.trim().is_empty() {
        return Ok(Value::Object(serde_json::Map::new()));
    }
    let value: Value = serde_json::from_str(json).map_err(|error| {
        Rejection::new(Stage::Schema, format!("its settings are not JSON: {error}"))
            .hint(r#"settings are a table, as in {"key": "value"}"#)
    })?;
    if value.is_object() {
        Ok(sorted(value))
    } else {
        Err(Rejection::new(
            Stage::Schema,
            "its settings are not a table of keys and values",
        )
        .hint(r#"settings are a table, as in {"key": "value"}"#))
    }
}

fn sorted(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<(String, Value)> = map
                .into_iter()
                .map(|(key, value)| (key, sorted(value)))
                .collect();
            entries.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(entries.into_iter().collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
        other => other,
    }
}

pub(crate) fn check_schema(schema: &Value, settings: &Value) -> Result<(), Rejection> {
    check_keys(schema, settings)?;
    // A schema is the author's text: a reader that trips over it must not take the host along.
    let broken = file::guarded(|| {
        let validator = schema::validator(schema).map_err(|error| format!("!{error}"))?;
        Ok(validator
            .iter_errors(settings)
            .take(3)
            .map(|error| {
                let path = error.instance_path().to_string();
                let place = if path.is_empty() {
                    "settings".to_owned()
                } else {
                    format!("settings{path}")
                };
                format!("{place}: {error}")
            })
            .collect::<Vec<String>>())
    });
    match broken {
        Ok(errors) if errors.is_empty() => Ok(()),
        Ok(errors) => Err(Rejection::new(Stage::Schema, errors.join("; "))
            .hint("`fillsync plugin inspect` shows the schema of its settings")),
        Err(cause) => {
            let cause = cause.trim_start_matches('!');
            Err(Rejection::new(
                Stage::Describe,
                format!("its settings schema cannot be used: {cause}"),
            )
            .hint(SCHEMA))
        }
    }
}

/// Unknown keys, in words that name them; a validator only says that there is one.
fn check_keys(schema: &Value, settings: &Value) -> Result<(), Rejection> {
    if schema.get("additionalProperties") != Some(&Value::Bool(false))
        || schema.get("patternProperties").is_some()
    {
        return Ok(());
    }
    let known: Vec<&str> = schema
        .get("properties")
        .and_then(Value::as_object)
        .map(|properties| properties.keys().map(String::as_str).collect())
        .unwrap_or_default();
    let keys = settings
        .as_object()
        .into_iter()
        .flat_map(|settings| settings.keys());
    match keys.map(String::as_str).find(|key| !known.contains(key)) {
        None => Ok(()),
        Some(key) => {
            let hint = if known.is_empty() {
                "it has no settings".to_owned()
            } else {
                format!("it has: {}", known.join(", "))
            };
            let cause = format!("settings/{}: there is no such setting", one_line(key));
            Err(Rejection::new(Stage::Schema, cause).hint(hint))
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn equal_settings_have_one_text() {
        let a = canonical_settings(r#"{ "b": {"y": 1, "x": [2, 1]}, "a": true }"#)
            .unwrap()
            .to_string();
        assert_eq!(a, r#"{"a":true,"b":{"x":[2,1],"y":1}}"#);
        assert_eq!(canonical_settings("").unwrap().to_string(), "{}");
        assert!(canonical_settings("[]").is_err());
    }
}
