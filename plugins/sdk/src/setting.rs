//! Settings: JSON as text in, a typed value and remarks out.
//!
//! The host has checked the text against the plugin's own schema before, so what fails here is a
//! schema that says less than the type; the remark then names it. Text that is no JSON is refused,
//! never replaced by defaults.

use serde::de::DeserializeOwned;

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

/// Reads settings; nothing but spaces means the defaults. What cannot be read becomes an error remark.
pub fn parse_settings<S: DeserializeOwned + Default>(json: &str, remarks: &mut Remarks) -> S {
    if json.trim().is_empty() {
        return S::default();
    }
    match serde_json::from_str(json) {
        Ok(settings) => settings,
        Err(error) => {
            remarks.error("", error.to_string());
            S::default()
        }
    }
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
}
