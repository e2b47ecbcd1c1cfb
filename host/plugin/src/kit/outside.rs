//! What a file shows without being run: its world, imports, exports, hash and size; and its settings
//! in readable form.

use crate::error::{PluginKind, Rejection};
use crate::file;
use crate::loaded::sha256;
use serde::Serialize;
use serde_json::Value;

/// Said exactly when it is so: when a plugin imports nothing but the contract's own interfaces.
pub const PROVEN: &str =
    "This plugin can reach no network, file, clock or randomness: proven from its imports.";

/// Said of a plugin that imports WASI and is loaded all the same.
pub const ANSWERED_INERTLY: &str = "What this plugin imports beyond the contract is answered without authority: no network, no files, a fixed clock, randomness from a fixed seed.";

/// A file, seen from outside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Inspection {
    /// The question that it answers; none where it targets no world of ours.
    pub kind: Option<PluginKind>,
    /// "strategy-plugin of fillsync:plugin@1.0.0".
    pub world: Option<String>,
    /// False where it is a core module that describes its world, which loading makes a component of.
    pub is_component: bool,
    /// Names of what it wants.
    pub imports: Vec<String>,
    /// Names of what it gives.
    pub exports: Vec<String>,
    /// Whether its imports prove that it can reach nothing.
    pub is_proven: bool,
    /// SHA-256 of the file, in hex.
    pub sha256: String,
    /// Its size.
    pub bytes: usize,
}

/// Looks at a file.
///
/// # Errors
/// When it is no component and cannot be made one.
pub fn inspect(bytes: &[u8]) -> Result<Inspection, Rejection> {
    let outside = file::outside(bytes)?;
    let kind = outside.kind();
    let version = outside.contract_version();
    Ok(Inspection {
        kind,
        world: kind.map(|kind| {
            let version = version.map_or_else(String::new, |version| format!("@{version}"));
            format!("{kind}-plugin of fillsync:plugin{version}")
        }),
        is_component: outside.is_component,
        is_proven: outside.reaches_nothing(),
        imports: outside.imports,
        exports: outside.exports,
        sha256: sha256(bytes),
        bytes: bytes.len(),
    })
}

/// One setting, as its schema describes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Setting {
    /// Its key.
    pub name: String,
    /// What it may be: "\"higher\" or \"main\"", "a whole number from 1 to 1000".
    pub takes: String,
    /// What it is where it is left out, as JSON.
    pub default: Option<String>,
    /// Its author's words.
    pub about: String,
    /// Whether it must be there.
    pub is_required: bool,
}

/// The settings that a JSON Schema describes, in its own order of keys.
#[must_use]
pub fn settings_of(schema: &Value) -> Vec<Setting> {
    let required = |name: &str| {
        let list = schema.get("required").and_then(Value::as_array);
        list.is_some_and(|list| list.iter().any(|key| key == name))
    };
    let properties = schema.get("properties").and_then(Value::as_object);
    properties
        .into_iter()
        .flatten()
        .map(|(name, property)| Setting {
            name: name.clone(),
            takes: takes(property),
            default: property.get("default").map(Value::to_string),
            about: text(property, "description").unwrap_or_default(),
            is_required: required(name),
        })
        .collect()
}

fn text(schema: &Value, key: &str) -> Option<String> {
    schema
        .get(key)
        .and_then(Value::as_str)
        .map(ToOwned::to_owned)
}

fn takes(schema: &Value) -> String {
    for key in ["anyOf", "oneOf"] {
        if let Some(choices) = schema.get(key).and_then(Value::as_array) {
            return choices.iter().map(takes).collect::<Vec<_>>().join(" or ");
        }
    }
    if let Some(choices) = schema.get("enum").and_then(Value::as_array) {
        return choices
            .iter()
            .map(Value::to_string)
            .collect::<Vec<_>>()
            .join(" or ");
    }
    if let Some(only) = schema.get("const") {
        return only.to_string();
    }
    let kind = match text(schema, "type").as_deref() {
        Some("integer") => "a whole number".to_owned(),
        Some("number") => "a number".to_owned(),
        Some("string") => "a text".to_owned(),
        Some("boolean") => "true or false".to_owned(),
        Some("array") => match schema.get("items") {
            Some(items) => format!("a list of: {}", takes(items)),
            None => "a list".to_owned(),
        },
        Some("object") => "a table".to_owned(),
        _ => "anything".to_owned(),
    };
    match (schema.get("minimum"), schema.get("maximum")) {
        (Some(least), Some(most)) => format!("{kind} from {least} to {most}"),
        (Some(least), None) => format!("{kind} from {least}"),
        (None, Some(most)) => format!("{kind} up to {most}"),
        (None, None) => kind,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn settings_are_told_in_words() {
        let schema = json!({"properties": {
            "k": {"description": "How many.", "anyOf": [{"type": "integer", "minimum": 1, "maximum": 9}, {"const": "all"}], "default": "all"},
            "names": {"type": "array", "items": {"type": "string"}},
            "prefer": {"enum": ["higher", "main"]}
        }, "required": ["prefer"]});
        let told: Vec<(String, String, bool)> = settings_of(&schema)
            .into_iter()
            .map(|setting| (setting.name, setting.takes, setting.is_required))
            .collect();
        assert_eq!(
            told,
            [
                (
                    "k".to_owned(),
                    "a whole number from 1 to 9 or \"all\"".to_owned(),
                    false
                ),
                ("names".to_owned(), "a list of: a text".to_owned(), false),
                (
                    "prefer".to_owned(),
                    "\"higher\" or \"main\"".to_owned(),
                    true
                ),
            ]
        );
        assert!(settings_of(&json!({})).is_empty());
    }
}
