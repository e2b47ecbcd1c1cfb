//! A plugin with its settings, checked and ready to be asked; and the way there.
//!
//! `load` is the only way to one, for an embedded component and for a file alike. It runs every
//! stage on the bytes in memory and ends in an immutable value or a [`Rejection`], so that a swap is
//! the exchange of one pointer (law 15).

use crate::call::{self, CallReport, RawInfo, Remark, Target};
use crate::contract::{Formatter, Prepared, Strategy, Version, v1};
use crate::engine::PluginEngine;
use crate::error::{CallError, PluginKind, Rejection, Stage, one_line};
use crate::file;
use crate::kit::remedy;
use crate::limits::Limits;
use crate::schema;
use crate::self_test;
use crate::wasi;
use fillsync_core::alert::Alert;
use fillsync_core::id::PluginName;
use fillsync_core::message::Rendered;
use fillsync_core::view::{Shown, View};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::sync::Arc;
use wasmtime::component::Component;

/// The longest texts of a card, in characters.
const SUMMARY_CHARACTERS_MAX: usize = 200;
const SCHEMA_BYTES_MAX: usize = 64 * 1024;
const ATTRIBUTES_MAX: usize = 32;

/// What a settings schema looks like.
const SCHEMA: &str = r#"describe a table of settings, as in {"type": "object", "additionalProperties": false, "properties": {"prefer": {"enum": ["higher", "main"], "default": "higher"}}}"#;

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

/// A plugin with its settings, ready to be asked from any thread.
pub struct Loaded {
    engine: PluginEngine,
    prepared: Prepared,
    card: Card,
    imports: Vec<String>,
    limits: Limits,
    settings: String,
    sha256: String,
    settings_sha256: String,
    remarks: Vec<Remark>,
}

impl std::fmt::Debug for Loaded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Loaded")
            .field("card", &self.card)
            .field("sha256", &self.sha256)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

impl PluginEngine {
    /// Takes a component with its settings through every stage. Empty settings mean `{}`.
    ///
    /// Compiling takes milliseconds for Rust and seconds for Python and JavaScript: call it off the
    /// runtime's threads.
    ///
    /// # Errors
    /// The stage that stopped it, why, and what can be done.
    pub fn load(
        &self,
        bytes: &[u8],
        settings_json: &str,
        limits: &Limits,
    ) -> Result<Arc<Loaded>, Rejection> {
        let checked = file::check(bytes, limits)?;
        let settings = canonical_settings(settings_json)?;
        let prepared = self.prepare(&checked.component, checked.kind, checked.version)?;
        let card = self.describe(&prepared, checked.kind, limits)?;
        check_schema(&card.settings_schema, &settings)?;
        let settings = settings.to_string();
        let remarks = self.configure(&prepared, limits, &settings)?;
        let loaded = Loaded {
            engine: self.clone(),
            prepared,
            card,
            imports: checked.imports,
            limits: limits.clone(),
            sha256: sha256(bytes),
            settings_sha256: sha256(settings.as_bytes()),
            settings,
            remarks,
        };
        self_test::run(&loaded)?;
        Ok(Arc::new(loaded))
    }

    fn prepare(
        &self,
        component: &[u8],
        kind: PluginKind,
        version: Version,
    ) -> Result<Prepared, Rejection> {
        let compiled: Component = file::guarded(|| {
            self.compile(component)
                .map_err(|error| format!("{error:#}"))
        })
        .map_err(|cause| {
            Rejection::new(Stage::Compile, format!("it cannot be compiled: {cause}"))
        })?;
        let link = |error: wasmtime::Error| {
            Rejection::new(
                Stage::World,
                format!("it does not fit its world: {error:#}"),
            )
            .hint("build it against wit/v1 of this fillsync")
        };
        let linker = match kind {
            PluginKind::Strategy => self.strategy_linker(),
            PluginKind::Formatter => self.formatter_linker(),
        };
        let linker = wasi::linker_for(self.wasmtime(), &compiled, linker).map_err(link)?;
        let pre = linker.instantiate_pre(&compiled).map_err(link)?;
        match (kind, version) {
            (PluginKind::Strategy, Version::V1) => v1::StrategyPluginPre::new(pre)
                .map(|pre| Prepared::Strategy(Strategy::V1(pre)))
                .map_err(link),
            (PluginKind::Formatter, Version::V1) => v1::FormatterPluginPre::new(pre)
                .map(|pre| Prepared::Formatter(Formatter::V1(pre)))
                .map_err(link),
            #[cfg(test)]
            (PluginKind::Strategy, Version::Next) => {
                crate::contract::next::StrategyPluginPre::new(pre)
                    .map(|pre| Prepared::Strategy(Strategy::Next(pre)))
                    .map_err(link)
            }
            #[cfg(test)]
            (PluginKind::Formatter, Version::Next) => Err(Rejection::new(
                Stage::World,
                "there is no formatter of this version",
            )),
        }
    }

    fn describe(
        &self,
        prepared: &Prepared,
        kind: PluginKind,
        limits: &Limits,
    ) -> Result<Card, Rejection> {
        let ask = || call::describe(self, prepared, limits).map_err(|error| at_first_call(&error));
        let card = read_card(ask()?, kind)?;
        if card != read_card(ask()?, kind)? {
            let cause = "its card differs from one call to the next";
            return Err(Rejection::new(Stage::Describe, cause)
                .hint("a plugin must give the same answer to the same question"));
        }
        Ok(card)
    }

    fn configure(
        &self,
        prepared: &Prepared,
        limits: &Limits,
        settings: &str,
    ) -> Result<Vec<Remark>, Rejection> {
        let remarks = call::configure(self, prepared, limits, settings).map_err(|error| {
            Rejection::new(
                Stage::Configure,
                format!("while it took its settings {error}"),
            )
            .hint(remedy(&error))
        })?;
        match remarks.iter().find(|remark| remark.is_error) {
            Some(remark) => {
                let place = if remark.path.is_empty() {
                    "its settings"
                } else {
                    &remark.path
                };
                Err(Rejection::new(
                    Stage::Configure,
                    format!("it refuses {place}: {}", remark.message),
                )
                .hint("give it other settings; the words are its author's"))
            }
            None => Ok(remarks),
        }
    }
}

/// An error at the very first call is an instance that cannot be made, or a card that cannot be read.
fn at_first_call(error: &CallError) -> Rejection {
    let stage = match error {
        CallError::Trapped { cause } if cause.contains("type mismatch") => {
            return Rejection::new(Stage::World, format!("it does not fit its world: {cause}"))
                .hint("build it against wit/v1 of this fillsync");
        }
        CallError::Memory { .. } | CallError::Host { .. } => Stage::Instantiate,
        _ => Stage::Describe,
    };
    Rejection::new(stage, format!("asked for its card, {error}")).hint(remedy(error))
}

fn read_card(info: RawInfo, kind: PluginKind) -> Result<Card, Rejection> {
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

/// Settings with their keys in order, so that equal settings have one text and one hash.
fn canonical_settings(json: &str) -> Result<Value, Rejection> {
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

fn check_schema(schema: &Value, settings: &Value) -> Result<(), Rejection> {
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

pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

impl Loaded {
    /// Its card.
    #[must_use]
    pub const fn card(&self) -> &Card {
        &self.card
    }

    /// What it imports, as the component names it.
    #[must_use]
    pub fn imports(&self) -> &[String] {
        &self.imports
    }

    /// SHA-256 of the file's bytes, in hex.
    #[must_use]
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// SHA-256 of its settings, in hex: JSON with the keys in order and no spaces.
    #[must_use]
    pub fn settings_sha256(&self) -> &str {
        &self.settings_sha256
    }

    /// Its settings: JSON with the keys in order and no spaces.
    #[must_use]
    pub fn settings(&self) -> &str {
        &self.settings
    }

    /// Whether these are its settings, however they are spelled.
    pub(crate) fn has_settings(&self, json: &str) -> bool {
        canonical_settings(json)
            .map(|settings| settings.to_string())
            .is_ok_and(|text| text == self.settings)
    }

    /// Its limits.
    #[must_use]
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// What it remarked on its settings; all of them are warnings.
    #[must_use]
    pub fn remarks(&self) -> &[Remark] {
        &self.remarks
    }

    /// Asks a strategy. The answer is checked: one row for each member, in the view's order.
    ///
    /// # Errors
    /// No answer that can be used, or this is a formatter.
    pub fn decide(&self, view: &View) -> Result<(Vec<Shown>, CallReport), CallError> {
        let (answer, report) = self.try_decide(view);
        answer.map(|shown| (shown, report))
    }

    /// As [`Self::decide`], with what the call used and wrote even where it gave no answer.
    pub fn try_decide(&self, view: &View) -> (Result<Vec<Shown>, CallError>, CallReport) {
        match &self.prepared {
            Prepared::Strategy(pre) => {
                call::decide(&self.engine, pre, &self.limits, &self.settings, view)
            }
            Prepared::Formatter(_) => (
                Err(self.wrong_kind(PluginKind::Strategy)),
                CallReport::default(),
            ),
        }
    }

    /// Asks a formatter. The message is checked: not empty, within bounds, fit for the target.
    ///
    /// # Errors
    /// No message that can be sent, or this is a strategy.
    pub fn format(
        &self,
        alert: &Alert,
        target: &Target,
    ) -> Result<(Rendered, CallReport), CallError> {
        let (answer, report) = self.try_format(alert, target);
        answer.map(|rendered| (rendered, report))
    }

    /// As [`Self::format`], with what the call used and wrote even where it gave no message.
    pub fn try_format(
        &self,
        alert: &Alert,
        target: &Target,
    ) -> (Result<Rendered, CallError>, CallReport) {
        match &self.prepared {
            Prepared::Formatter(pre) => call::format(
                &self.engine,
                pre,
                &self.limits,
                &self.settings,
                alert,
                target,
            ),
            Prepared::Strategy(_) => (
                Err(self.wrong_kind(PluginKind::Formatter)),
                CallReport::default(),
            ),
        }
    }

    const fn wrong_kind(&self, wanted: PluginKind) -> CallError {
        CallError::Kind {
            is: self.card.kind,
            wanted,
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
