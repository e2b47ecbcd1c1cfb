//! JSON that is written as it is: exact numbers, and JSON text that the ledger already holds.
//!
//! A decimal becomes a JSON number digit by digit. serde_json's own numbers are floats unless a
//! feature changes them for the whole program, so the text goes through a raw value instead. Such an
//! answer must be serialised to text; made into a `serde_json::Value` it would lose its digits.

use rust_decimal::Decimal;
use serde::ser::Error as _;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

/// A decimal as an exact JSON number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ExactNumber(pub Decimal);

impl Serialize for ExactNumber {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        raw(self.0.normalize().to_string())
            .map_err(S::Error::custom)?
            .serialize(serializer)
    }
}

impl std::fmt::Display for ExactNumber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&self.0.normalize().to_string())
    }
}

/// A JSON text that stands in the ledger, as the JSON that it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RawJson(pub String);

impl Serialize for RawJson {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match raw(self.0.clone()) {
            Ok(json) => json.serialize(serializer),
            // Whatever it is, it is shown: as the text that it is.
            Err(_) => self.0.serialize(serializer),
        }
    }
}

fn raw(text: String) -> Result<Box<RawValue>, serde_json::Error> {
    RawValue::from_string(text)
}
