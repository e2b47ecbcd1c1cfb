//! A plugin's own card: what it says of itself, checked before anybody believes it.

use crate::call::RawInfo;
use crate::error::{PluginKind, Rejection, Stage, one_line};
use fillsync_core::id::PluginName;
use serde_json::Value;

/// The longest texts of a card, in characters.
const SUMMARY_CHARACTERS_MAX: usize = 200;
const SCHEMA_BYTES_MAX: usize = 64 * 1024;
const ATTRIBUTES_MAX: usize = 32;

/// What a settings schema looks like.
pub(crate) const SCHEMA: &str = r#"describe a table of settings, as in {"type": "object", "additionalProperties": false, "properties": {"prefer": {"enum": ["higher", "main"], "default": "higher"}}}"#;

/// A plugin's own card, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Card {
    /// Its own name.
    pub name: PluginName,
    /// Its version.
    pub version: String,
    /// The question it answers.
    pub kind: PluginKind,
    /// One sentence.
    pub summary: String,
    /// The JSON Schema of its settings.
    pub settings_schema: Value,
    /// Author, homepage and the like.
    pub attributes: Vec<(String, String)>,
}

pub(crate) fn read_card(info: RawInfo, kind: PluginKind) -> Result<Card, Rejection> {
    let reject = |cause: String| Rejection::new(Stage::Describe, cause);
    let says = if info.is_strategy {
        PluginKind::Strategy
    } else {
        PluginKind::Formatter
    };
    if says != kind {
        return Err(reject(format!(
            "it says it is a {says}, and its world is that of a {kind}"
        )));
    }
    let name = info.name;
    let is_name = !name.is_empty()
        && name.len() <= 64
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    let name = PluginName::new(&name)
        .ok()
        .filter(|_| is_name)
        .ok_or_else(|| {
            reject(format!(
                "its name {:?} is not made of 1 to 64 lower-case letters, digits and \"-\"",
                one_line(&name)
            ))
        })?;
    if !is_version(&info.version) {
        let version = one_line(&info.version);
        return Err(reject(format!(
            "its version {version:?} is not semantic versioning, as in \"1.2.0\""
        )));
    }
    if info.settings_schema.len() > SCHEMA_BYTES_MAX || info.attributes.len() > ATTRIBUTES_MAX {
        return Err(reject(format!(
            "its card is too large: at most {SCHEMA_BYTES_MAX} bytes of schema and {ATTRIBUTES_MAX} attributes"
        )));
    }
    let settings_schema: Value = serde_json::from_str(&info.settings_schema).map_err(|error| {
        reject(format!("its settings schema is not JSON: {error}")).hint(SCHEMA)
    })?;
    if !settings_schema.is_object() {
        return Err(reject("its settings schema is not a JSON object".to_owned()).hint(SCHEMA));
    }
    let cut = |text: &str| {
        one_line(text)
            .chars()
            .take(SUMMARY_CHARACTERS_MAX)
            .collect::<String>()
    };
    Ok(Card {
        name,
        version: info.version,
        kind,
        summary: cut(&info.summary),
        settings_schema,
        attributes: info
            .attributes
            .iter()
            .map(|(key, value)| (cut(key), cut(value)))
            .collect(),
    })
}

/// "1.2.0", "1.2.0-beta.1", "1.2.0+build".
fn is_version(text: &str) -> bool {
    let core = text.split(['-', '+']).next().unwrap_or_default();
    let numbers: Vec<&str> = core.split('.').collect();
    text.len() <= 64
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+'))
        && numbers.len() == 3
        && numbers
            .iter()
            .all(|number| number.len() <= 9 && number.parse::<u32>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions() {
        for good in ["1.0.0", "0.12.3-beta.1", "1.2.3+build.5"] {
            assert!(is_version(good), "{good}");
        }
        for bad in ["", "1", "1.0", "v1.0.0", "1.0.x", "1.0.0 ", "latest"] {
            assert!(!is_version(bad), "{bad}");
        }
    }
}
