//! A case: one question to a plugin, as a file that a person can write.
//!
//! JSON with a `view` (for a strategy) or an `alert` (for a formatter), the settings it is asked
//! under, and a sentence of what it is about. What is left out has a default. The expected answer
//! stands in a file of its own beside it, so that a blessing never touches what a person wrote.

use super::answer::Said;
use super::fill_in::moments_as_text;
use super::view::table;
use super::{alert, view};
use crate::call::{CallReport, Target};
use crate::error::{CallError, PluginKind};
use crate::loaded::Loaded;
use fillsync_core::alert::Alert;
use fillsync_core::moment::{Answer, verdicts};
use fillsync_core::view::View;
use serde_json::{Map, Value, json};

/// The largest file that is read as a case.
pub const CASE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// A case that cannot be asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{what}", if place.is_empty() { String::new() } else { format!("{place}: ") })]
pub struct CaseError {
    /// JSON Pointer to what is wrong; "" is the whole.
    pub place: String,
    /// What is wrong, and what would be right.
    pub what: String,
}

impl CaseError {
    pub(super) fn at(place: &str, what: impl Into<String>) -> Self {
        Self {
            place: place.to_owned(),
            what: what.into(),
        }
    }
}

/// What a plugin is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// A strategy: what shall be shown?
    View(Box<View>),
    /// A formatter: how does it look, there?
    Alert(Box<Alert>, Target),
}

impl Question {
    /// Who can answer it.
    #[must_use]
    pub const fn kind(&self) -> PluginKind {
        match self {
            Self::View(_) => PluginKind::Strategy,
            Self::Alert(..) => PluginKind::Formatter,
        }
    }
}

/// One question with its settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// A sentence for the reader.
    pub about: Option<String>,
    /// The settings under which it is asked, where the case has its own.
    pub settings: Option<Value>,
    /// The question.
    pub question: Question,
}

/// Reads a case.
///
/// # Errors
/// Where it is no JSON, has a key that there is not, or a value that cannot be.
pub fn read_case(text: &str) -> Result<Case, CaseError> {
    if text.len() > CASE_BYTES_MAX {
        let what = format!(
            "it has {} bytes; a case has at most {CASE_BYTES_MAX}",
            text.len()
        );
        return Err(CaseError::at("", what));
    }
    let written: Value = serde_json::from_str(text)
        .map_err(|error| CaseError::at("", format!("it is not JSON: {error}")))?;
    let mut written = table(written, "")?;
    let about = match written.remove("about") {
        None => None,
        Some(Value::String(about)) => Some(about),
        Some(_) => return Err(CaseError::at("/about", "it is a sentence for the reader")),
    };
    let settings = match written.remove("settings") {
        None => None,
        Some(settings) => Some(Value::Object(table(settings, "/settings")?)),
    };
    let question = question(&mut written)?;
    if let Some(key) = written.keys().next() {
        return Err(CaseError::at(
            &format!("/{key}"),
            "there is no such key; there are: about, settings, view (for a strategy), alert and target (for a formatter)",
        ));
    }
    Ok(Case {
        about,
        settings,
        question,
    })
}

fn question(written: &mut Map<String, Value>) -> Result<Question, CaseError> {
    match (written.remove("view"), written.remove("alert")) {
        (Some(written), None) => Ok(Question::View(Box::new(view::read(written, "/view")?))),
        (None, Some(what)) => {
            let target = alert::read_target(written.remove("target"), "/target")?;
            Ok(Question::Alert(
                Box::new(alert::read(what, "/alert")?),
                target,
            ))
        }
        (Some(_), Some(_)) => Err(CaseError::at(
            "",
            "it has a view and an alert; a case asks one question",
        )),
        (None, None) => Err(CaseError::at(
            "",
            r#"it asks nothing; it needs a "view" (for a strategy) or an "alert" (for a formatter)"#,
        )),
    }
}

/// A case as text, everything spelled out, ending with a line end.
///
/// # Errors
/// When it cannot be written as JSON.
pub fn write_case(case: &Case) -> Result<String, CaseError> {
    let mut written = Map::new();
    if let Some(about) = &case.about {
        written.insert("about".to_owned(), json!(about));
    }
    if let Some(settings) = &case.settings {
        written.insert("settings".to_owned(), settings.clone());
    }
    match &case.question {
        Question::View(view) => {
            written.insert("view".to_owned(), json!(view));
        }
        Question::Alert(alert, target) => {
            written.insert("alert".to_owned(), json!(alert));
            written.insert("target".to_owned(), alert::target_as_value(target));
        }
    }
    let mut written = Value::Object(written);
    moments_as_text(&mut written);
    serde_json::to_string_pretty(&written)
        .map(|text| text + "\n")
        .map_err(|error| CaseError::at("", error.to_string()))
}

/// The question that is asked where nobody gives one: a mirror that is one order behind.
///
/// # Errors
/// Never with the defaults as they are; the canned question is read like any other.
pub fn canned(kind: PluginKind) -> Result<Case, CaseError> {
    read_case(match kind {
        PluginKind::Strategy => {
            r#"{"view": {"members": [{"account": "main", "filled": [1, 2]}, {"account": "mirror", "filled": [1]}]}}"#
        }
        PluginKind::Formatter => r#"{"alert": {"body": {"kind": "fill"}}}"#,
    })
}

/// What came of a question.
#[derive(Debug)]
pub struct Asked {
    /// What would be shown or sent, or why nothing.
    pub said: Result<Said, CallError>,
    /// What the call used and wrote.
    pub report: CallReport,
}

/// Asks a plugin one question, as the daemon would.
#[must_use]
pub fn ask(loaded: &Loaded, question: &Question) -> Asked {
    match question {
        Question::View(view) => {
            let (answer, report) = loaded.try_decide(view);
            let said =
                answer.map(|shown| Said::Shown(verdicts(view, &Answer::Shown(shown), false)));
            Asked {
                said: Said::of(said),
                report,
            }
        }
        Question::Alert(alert, target) => {
            let (answer, report) = loaded.try_format(alert, target);
            Asked {
                said: Said::of(answer.map(Said::Message)),
                report,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_is_written_out_is_read_again() {
        for kind in [PluginKind::Strategy, PluginKind::Formatter] {
            let mut case = canned(kind).unwrap();
            case.about = Some("A sentence.".to_owned());
            case.settings = Some(json!({"k": 2}));
            let text = write_case(&case).unwrap();
            assert!(
                text.contains("2025-11-21T12:00:0"),
                "moments are readable: {text}"
            );
            assert_eq!(read_case(&text).unwrap(), case);
        }
    }

    #[test]
    fn a_case_that_asks_nothing_or_too_much_is_refused() {
        for (text, expected) in [
            ("", "it is not JSON"),
            ("[]", "[] stands where a table belongs"),
            ("{}", "it asks nothing"),
            (r#"{"view": {"members": []}, "alert": {}}"#, "one question"),
            (
                r#"{"view": {"members": []}, "expect": {}}"#,
                "/expect: there is no such key",
            ),
            (
                r#"{"view": {"members": []}, "settings": 1}"#,
                "/settings: 1 stands where",
            ),
        ] {
            let error = read_case(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
