//! What an author leaves out of a question is filled in; what cannot be meant is named.
//!
//! A question is laid over a complete default of the same shape. A key that the default does not
//! have is a slip of the pen and is refused with its place and the keys that there are, so that a
//! case never tests less than its author believes.

use super::case::CaseError;
use fillsync_core::time::VenueTime;
use serde_json::Value;

/// Keys whose values are moments: written as RFC 3339, kept as microseconds.
const MOMENTS: [&str; 9] = [
    "as_of",
    "at",
    "checked_at",
    "coverage_to",
    "filled_at",
    "from",
    "opened",
    "since",
    "to",
];

/// Lays what the author wrote over the default.
///
/// Tables are merged key by key; a list of tables takes the default's first table as the default of
/// each of its own; everything else is replaced.
pub(super) fn lay_over(default: &mut Value, written: Value, at: &str) -> Result<(), CaseError> {
    match (default, written) {
        (Value::Object(default), Value::Object(written)) => {
            for (key, value) in written {
                let at = format!("{at}/{key}");
                match default.get_mut(&key) {
                    Some(slot) => lay_over(slot, moment(&key, value, &at)?, &at)?,
                    None => {
                        let known: Vec<&str> = default.keys().map(String::as_str).collect();
                        return Err(CaseError::at(
                            &at,
                            format!("there is no such key; there are: {}", known.join(", ")),
                        ));
                    }
                }
            }
            Ok(())
        }
        (slot @ Value::Array(_), Value::Array(written)) => {
            let model = slot.get(0).filter(|first| first.is_object()).cloned();
            let mut items = Vec::with_capacity(written.len());
            for (index, value) in written.into_iter().enumerate() {
                items.push(match &model {
                    Some(model) => {
                        let mut item = model.clone();
                        lay_over(&mut item, value, &format!("{at}/{index}"))?;
                        item
                    }
                    None => value,
                });
            }
            *slot = Value::Array(items);
            Ok(())
        }
        (slot, written) => {
            if !slot.is_null() && !written.is_null() && kind(slot) != kind(&written) {
                return Err(CaseError::at(
                    at,
                    format!(
                        "{} stands where {} belongs, as in {slot}",
                        kind(&written),
                        kind(slot)
                    ),
                ));
            }
            *slot = written;
            Ok(())
        }
    }
}

/// A moment as text becomes a number; everything else stays.
fn moment(key: &str, value: Value, at: &str) -> Result<Value, CaseError> {
    match value {
        Value::String(text) if MOMENTS.contains(&key) => VenueTime::parse(&text)
            .map(|time| Value::from(time.us()))
            .map_err(|error| CaseError::at(at, error.to_string())),
        other => Ok(other),
    }
}

/// Moments as people read them, for a question that is written out.
pub(super) fn moments_as_text(value: &mut Value) {
    match value {
        Value::Object(map) => {
            for (key, value) in map.iter_mut() {
                match value.as_i64() {
                    Some(us) if MOMENTS.contains(&key.as_str()) => {
                        *value = Value::String(VenueTime::from_us(us).to_string());
                    }
                    _ => moments_as_text(value),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(moments_as_text),
        _ => {}
    }
}

const fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a table",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    fn laid(written: Value) -> Result<Value, CaseError> {
        let mut default = json!({"at": 0, "count": {"shown": 2}, "legs": [{"slot": 1, "truth": "aligned"}], "note": null});
        lay_over(&mut default, written, "").map(|()| default)
    }

    #[test]
    fn what_is_left_out_keeps_its_default() {
        let whole = laid(json!({"at": "1970-01-01T00:00:01Z", "legs": [{"truth": "pending"}, {}]}))
            .unwrap();
        assert_eq!(whole["at"], 1_000_000);
        assert_eq!(whole["count"]["shown"], 2);
        assert_eq!(
            whole["legs"],
            json!([{"slot": 1, "truth": "pending"}, {"slot": 1, "truth": "aligned"}])
        );
    }

    #[test]
    fn slips_are_named_with_their_place() {
        for (written, place, what) in [
            (
                json!({"cuont": {}}),
                "/cuont",
                "there are: at, count, legs, note",
            ),
            (
                json!({"count": {"shown": "2"}}),
                "/count/shown",
                "a text stands where a number belongs",
            ),
            (
                json!({"legs": [{"slto": 1}]}),
                "/legs/0/slto",
                "there are: slot, truth",
            ),
            (json!({"at": "noon"}), "/at", "noon"),
        ] {
            let error = laid(written).unwrap_err();
            assert_eq!(error.place, place);
            assert!(error.what.contains(what), "{error}");
        }
    }
}
