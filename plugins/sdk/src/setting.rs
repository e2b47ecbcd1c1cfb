//! Settings: JSON as text in, a typed value and remarks out.
//!
//! The host has checked the text against the plugin's own schema before, so what fails here is a
//! schema that says less than the type; the remark then points at the setting. Text that is no JSON
//! is refused, never replaced by defaults.

use serde::de::DeserializeOwned;
use serde_path_to_error::{Path, Segment};

/// Remarks on settings, collected while they are taken.
#[derive(Debug, Default)]
pub struct Remarks(Vec<Remark>);

/// One remark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    /// JSON Pointer to the setting; "" is the whole.
    pub path: String,
    /// Whether it keeps the plugin from being used.
    pub is_error: bool,
    /// What is wrong and what would be right.
    pub message: String,
}

impl Remarks {
    /// The settings cannot be used.
    pub fn error(&mut self, path: &str, message: impl Into<String>) {
        self.push(path, true, message.into());
    }

    /// The settings can be used, but the operator should know something.
    pub fn warning(&mut self, path: &str, message: impl Into<String>) {
        self.push(path, false, message.into());
    }

    /// What was said.
    #[must_use]
    pub fn all(&self) -> &[Remark] {
        &self.0
    }

    fn push(&mut self, path: &str, is_error: bool, message: String) {
        self.0.push(Remark {
            path: path.to_owned(),
            is_error,
            message,
        });
    }
}

/// Reads settings; nothing but spaces means the defaults. What cannot be read becomes an error remark
/// that points at the setting.
pub fn parse_settings<S: DeserializeOwned + Default>(json: &str, remarks: &mut Remarks) -> S {
    if json.trim().is_empty() {
        return S::default();
    }
    let mut reader = serde_json::Deserializer::from_str(json);
    let read: Result<S, _> = serde_path_to_error::deserialize(&mut reader);
    match read {
        Ok(settings) => match reader.end() {
            Ok(()) => settings,
            Err(error) => {
                remarks.error("", error.to_string());
                S::default()
            }
        },
        Err(error) => {
            let path = pointer(error.path());
            remarks.error(&path, error.into_inner().to_string());
            S::default()
        }
    }
}

/// A JSON Pointer (RFC 6901).
fn pointer(path: &Path) -> String {
    path.iter()
        .filter_map(|segment| match segment {
            Segment::Map { key } => Some(format!("/{}", key.replace('~', "~0").replace('/', "~1"))),
            Segment::Seq { index } => Some(format!("/{index}")),
            Segment::Enum { .. } | Segment::Unknown => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NoSettings;

    #[test]
    fn unknown_settings_are_refused_and_missing_ones_default() {
        let mut remarks = Remarks::default();
        assert_eq!(
            parse_settings::<NoSettings>("{}", &mut remarks),
            NoSettings {}
        );
        assert!(remarks.all().is_empty());
        parse_settings::<NoSettings>(r#"{"prefer":"higher"}"#, &mut remarks);
        assert!(
            remarks
                .all()
                .iter()
                .any(|remark| remark.is_error && remark.message.contains("prefer"))
        );
    }

    #[derive(Debug, Default, serde::Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Nested {
        limits: Vec<Limit>,
    }

    #[derive(Debug, Default, serde::Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Limit {
        most: u32,
    }

    #[test]
    fn a_remark_points_at_the_setting() {
        for (json, path) in [
            (
                r#"{"limits": [{"most": 1}, {"most": "many"}]}"#,
                "/limits/1/most",
            ),
            (r#"{"limits": [{"mots": 1}]}"#, "/limits/0/mots"),
            (r#"{"limits": 3}"#, "/limits"),
            ("no JSON", ""),
            ("{} {}", ""),
        ] {
            let mut remarks = Remarks::default();
            let read: Nested = parse_settings(json, &mut remarks);
            assert!(read.limits.iter().all(|limit| limit.most == 0));
            assert_eq!(remarks.all().len(), 1, "{json}");
            assert_eq!(remarks.all()[0].path, path, "{json}: {remarks:?}");
        }
    }
}
