//! One field of a venue's row, kept as its exact JSON text until somebody asks for it.
//!
//! Venues write one thing in several ways: `"12"`, `12`, `""`, `null`, or not at all. A [`Field`] takes
//! them all without failing, reads numbers from their digits (never through a float), and names itself
//! and its value when it cannot be read. It borrows from the body, so a page of rows is read without
//! copying its text.

use crate::scan::{self, NoObject};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt::Display;

/// The longest value that a reason quotes, in characters.
const QUOTED_CHARACTERS_MAX: usize = 80;

/// Why a row cannot be read: which field, and what stood there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RowError {
    /// A field that must be there is missing, null or empty.
    #[error("{field} is missing or empty")]
    Missing {
        /// The venue's name of the field.
        field: &'static str,
    },
    /// A field that is there cannot be read.
    #[error("{field} is {value:?}: {problem}")]
    Unreadable {
        /// The venue's name of the field.
        field: &'static str,
        /// What stood there, cut.
        value: String,
        /// Why it cannot be read.
        problem: String,
    },
    /// The row is no JSON object, or says a field twice.
    #[error("the row is not an object of fields: {0}")]
    Shape(String),
}

/// One field, as its exact JSON text.
#[derive(Debug, Clone, Copy, Default)]
pub struct Field<'a>(Option<&'a str>);

impl<'de: 'a, 'a> Deserialize<'de> for Field<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Option::<&'a RawValue>::deserialize(deserializer)?;
        Ok(Self(raw.map(RawValue::get)))
    }
}

impl<'a> Field<'a> {
    /// The text of a string, or the digits of a number; none when absent, null or empty.
    #[must_use]
    pub fn text(self) -> Option<Cow<'a, str>> {
        let json = self.0?;
        let text = match json
            .strip_prefix('"')
            .and_then(|rest| rest.strip_suffix('"'))
        {
            None => Cow::Borrowed(json),
            Some(inner) if !inner.contains('\\') => Cow::Borrowed(inner),
            // The body was valid JSON when it was cut into fields, so this string is as well.
            Some(_) => Cow::Owned(serde_json::from_str(json).ok()?),
        };
        (!text.is_empty() && text != "null").then_some(text)
    }

    /// The value of a `true` or `false`, however quoted; none for anything else.
    #[must_use]
    pub fn flag(self) -> Option<bool> {
        match self.text()?.as_ref() {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        }
    }

    /// Reads the field where it is there.
    ///
    /// # Errors
    /// When it is there and `parse` refuses it.
    pub fn read<T, E: Display>(
        self,
        field: &'static str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<Option<T>, RowError> {
        let Some(text) = self.text() else {
            return Ok(None);
        };
        parse(&text)
            .map(Some)
            .map_err(|problem| RowError::unreadable(field, &text, &problem.to_string()))
    }

    /// Reads a field that must be there.
    ///
    /// # Errors
    /// When it is missing or empty, or `parse` refuses it.
    pub fn need<T, E: Display>(
        self,
        field: &'static str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<T, RowError> {
        self.read(field, parse)?.ok_or(RowError::Missing { field })
    }
}

impl RowError {
    /// A field whose value is quoted, cut to a bound.
    #[must_use]
    pub fn unreadable(field: &'static str, value: &str, problem: &str) -> Self {
        Self::Unreadable {
            field,
            value: value.chars().take(QUOTED_CHARACTERS_MAX).collect(),
            problem: problem.to_owned(),
        }
    }
}

/// Reads one row's fields out of its JSON text.
///
/// # Errors
/// When the row is no object, or says one field twice.
pub fn fields<'a, T: Deserialize<'a>>(row: &'a RawValue) -> Result<T, RowError> {
    serde_json::from_str(row.get()).map_err(|error| RowError::Shape(error.to_string()))
}

impl From<NoObject> for RowError {
    fn from(_: NoObject) -> Self {
        Self::Shape("it does not begin and end as one".to_owned())
    }
}

/// Reads one row's fields out of its JSON text: `place` says where the value of a key belongs, if
/// anywhere. Faster than [`fields`], for the rows that come by the thousand.
///
/// # Errors
/// When the row is no object, or says one field twice.
pub(crate) fn each_field<'a, T: Default>(
    row: &'a RawValue,
    place: impl for<'r> Fn(&'r mut T, &str) -> Option<&'r mut Field<'a>>,
) -> Result<T, RowError> {
    let mut read = T::default();
    scan::entries(row.get(), |key, value| {
        match place(&mut read, key) {
            Some(Field(Some(_))) => {
                return Err(RowError::Shape(format!("duplicate field `{key}`")));
            }
            Some(field) => *field = Field(Some(value)),
            None => {}
        }
        Ok(())
    })?;
    Ok(read)
}

/// A whole number, for times and sequences.
///
/// # Errors
/// When the text is no whole number of 64 bits.
pub fn whole(text: &str) -> Result<i64, std::num::ParseIntError> {
    text.parse()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use fillsync_core::amount::Quantity;

    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Row<'a> {
        #[serde(borrow)]
        value: Field<'a>,
    }

    fn text(json: &str) -> Option<String> {
        let row: Row<'_> = serde_json::from_str(json).unwrap();
        row.value.text().map(Cow::into_owned)
    }

    #[test]
    fn every_spelling_of_a_value_is_taken() {
        assert_eq!(text(r#"{"value":"12"}"#).as_deref(), Some("12"));
        assert_eq!(text(r#"{"value":12}"#).as_deref(), Some("12"));
        assert_eq!(text(r#"{"value":true}"#).as_deref(), Some("true"));
        assert_eq!(text(r#"{"value":"a\"\u0041"}"#).as_deref(), Some("a\"A"));
        for nothing in [r#"{"value":""}"#, r#"{"value":null}"#, "{}"] {
            assert_eq!(text(nothing), None, "{nothing}");
        }
    }

    #[test]
    fn a_number_never_passes_through_a_float() {
        let row: Row<'_> =
            serde_json::from_str(r#"{"value":0.1000000000000000055511151}"#).unwrap();
        let quantity = row.value.need("value", Quantity::parse).unwrap();
        assert_eq!(quantity.to_string(), "0.1000000000000000055511151");
    }

    #[test]
    fn what_cannot_be_read_names_itself() {
        let row: Row<'_> = serde_json::from_str(r#"{"value":"twelve"}"#).unwrap();
        let error = row.value.need("execQty", Quantity::parse).unwrap_err();
        assert!(
            error.to_string().starts_with("execQty is \"twelve\": "),
            "{error}"
        );
        let row: Row<'_> = serde_json::from_str("{}").unwrap();
        assert_eq!(
            row.value.need("execQty", Quantity::parse),
            Err(RowError::Missing { field: "execQty" })
        );
    }
}
