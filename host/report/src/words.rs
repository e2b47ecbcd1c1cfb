//! The words that answers are made of, as the schema of an answer lists them.
//!
//! They are taken from the core's own names, so that a new one there is in the schema as well.

use fillsync_core::alert::AlertKind;
use fillsync_core::order::PositionSide;
use fillsync_core::truth::Truth;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

const SIDES: [&str; 2] = [PositionSide::Long.as_str(), PositionSide::Short.as_str()];

const TRUTHS: [&str; 11] = [
    Truth::Unfilled.as_str(),
    Truth::Aligned.as_str(),
    Truth::Resolved.as_str(),
    Truth::Pending.as_str(),
    Truth::Unknown.as_str(),
    Truth::Extra.as_str(),
    Truth::Lagging.as_str(),
    Truth::Partial.as_str(),
    Truth::Cancelled.as_str(),
    Truth::Rejected.as_str(),
    Truth::Missing.as_str(),
];

fn one_of(words: &[&str]) -> Schema {
    json_schema!({ "type": "string", "enum": words })
}

fn one_of_or_null(words: &[&str]) -> Schema {
    let words: Vec<_> = words.iter().copied().map(Some).chain([None]).collect();
    json_schema!({ "type": ["string", "null"], "enum": words })
}

pub(crate) fn side(_: &mut SchemaGenerator) -> Schema {
    one_of(&SIDES)
}

pub(crate) fn side_or_none(_: &mut SchemaGenerator) -> Schema {
    one_of_or_null(&SIDES)
}

pub(crate) fn trade_side(_: &mut SchemaGenerator) -> Schema {
    one_of(&["BUY", "SELL"])
}

pub(crate) fn effect(_: &mut SchemaGenerator) -> Schema {
    one_of_or_null(&["entry", "exit", "flip"])
}

pub(crate) fn truth(_: &mut SchemaGenerator) -> Schema {
    one_of(&TRUTHS)
}

pub(crate) fn alert_kind(_: &mut SchemaGenerator) -> Schema {
    one_of(&AlertKind::ALL.map(AlertKind::as_str))
}

pub(crate) fn severity(_: &mut SchemaGenerator) -> Schema {
    one_of(&["info", "warning", "critical"])
}

pub(crate) fn alert_state(_: &mut SchemaGenerator) -> Schema {
    one_of(&["queued", "suppressed"])
}

pub(crate) fn divergence_state(_: &mut SchemaGenerator) -> Schema {
    one_of(&["suspected", "confirmed", "resolved"])
}

/// The states of a message.
pub const MESSAGE_STATES: [&str; 5] = ["pending", "sent", "dead", "superseded", "digested"];

pub(crate) fn message_state(_: &mut SchemaGenerator) -> Schema {
    one_of(&MESSAGE_STATES)
}

impl JsonSchema for crate::ExactNumber {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ExactNumber".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "number" })
    }
}

impl JsonSchema for crate::RawJson {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "RawJson".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({})
    }
}
