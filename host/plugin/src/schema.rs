//! What of JSON Schema a plugin's settings may be described by: all that is checked in bounded time.
//!
//! A schema is the author's text and is checked on the daemon's own time, where no fuel and no epoch
//! stops it. References can double a schema with every line, backtracking patterns a text with every
//! letter; neither is needed to describe settings. Deliberately absent: fetching anything.

use jsonschema::{PatternOptions, Validator};
use serde_json::Value;

/// Keywords that can make a small schema large.
const UNBOUNDED: [&str; 5] = [
    "$ref",
    "$dynamicRef",
    "$recursiveRef",
    "unevaluatedItems",
    "unevaluatedProperties",
];
/// Keywords whose values are no schemas, whatever they look like.
const DATA: [&str; 4] = ["const", "default", "enum", "examples"];
/// Keywords whose values are schemas by names of the author's own.
const NAMED: [&str; 5] = [
    "properties",
    "patternProperties",
    "dependentSchemas",
    "$defs",
    "definitions",
];
/// What one compiled pattern may have.
const PATTERN_BYTES_MAX: usize = 256 * 1024;

/// What checks settings against a schema.
///
/// # Errors
/// It is no JSON Schema, or has a keyword that is not checked in bounded time.
pub(crate) fn validator(schema: &Value) -> Result<Validator, String> {
    if let Some(keyword) = unbounded(schema) {
        return Err(format!(
            "it has {keyword}, which can take without end to check; write the part out instead"
        ));
    }
    jsonschema::options()
        .offline()
        .with_pattern_options(PatternOptions::regex().size_limit(PATTERN_BYTES_MAX))
        .build(schema)
        .map_err(|error| error.to_string())
}

/// The first keyword in a schema that is not allowed. The reader of JSON bounds how deep this goes.
fn unbounded(schema: &Value) -> Option<&'static str> {
    match schema {
        Value::Object(keywords) => keywords.iter().find_map(|(keyword, value)| {
            if let Some(found) = UNBOUNDED.iter().find(|unbounded| *unbounded == keyword) {
                return Some(*found);
            }
            match value {
                _ if DATA.contains(&keyword.as_str()) => None,
                Value::Object(named) if NAMED.contains(&keyword.as_str()) => {
                    named.values().find_map(unbounded)
                }
                value => unbounded(value),
            }
        }),
        Value::Array(schemas) => schemas.iter().find_map(unbounded),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_cannot_be_bounded_is_named_and_a_name_is_no_keyword() {
        for (schema, found) in [
            (json!({"$ref": "#"}), Some("$ref")),
            (
                json!({"anyOf": [{"items": {"$dynamicRef": "#a"}}]}),
                Some("$dynamicRef"),
            ),
            (json!({"properties": {"a": {"$ref": "#"}}}), Some("$ref")),
            (json!({"properties": {"$ref": {"type": "string"}}}), None),
            (json!({"default": {"$ref": "#"}, "enum": ["$ref"]}), None),
        ] {
            assert_eq!(unbounded(&schema), found, "{schema}");
            assert_eq!(validator(&schema).is_err(), found.is_some(), "{schema}");
        }
    }

    #[test]
    fn a_pattern_takes_time_by_its_texts_length_only() {
        let schema = json!({"pattern": "^(([a-z])+.)+[A-Z]([a-z])+$"});
        let checks = validator(&schema);
        let text = json!("a".repeat(100_000));
        assert!(checks.is_ok_and(|checks| !checks.is_valid(&text)));
        assert!(validator(&json!({"pattern": "((((a{100}){100}){100}){100})"})).is_err());
        assert!(validator(&json!({"pattern": "^a$(?=b)"})).is_err());
    }
}
