//! The entries of one JSON object, each with the exact text of its value.
//!
//! A page's rows are the hot path of every catch-up: a row has some thirty entries, and to read each
//! through a general reader costs more than the ledger needs to store it. The text was already read as
//! JSON when the page was cut into rows, so this only looks for where values end; a text that is no
//! such object after all is refused. Deliberately absent: numbers, which stay text.

use std::borrow::Cow;

/// The text is not an object of entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NoObject;

/// Gives every entry of an object to `found`, in their order: the key, and the value as it stands.
pub(crate) fn entries<'a, E: From<NoObject>>(
    text: &'a str,
    mut found: impl FnMut(&str, &'a str) -> Result<(), E>,
) -> Result<(), E> {
    let bytes = text.as_bytes();
    let mut at = past(bytes, spaces(bytes, 0), b'{').ok_or(NoObject)?;
    if bytes.get(spaces(bytes, at)) == Some(&b'}') {
        return Ok(());
    }
    loop {
        let begin = spaces(bytes, at);
        let end = string(bytes, begin).ok_or(NoObject)?;
        let key = key(text.get(begin..end).ok_or(NoObject)?)?;
        let begin = past(bytes, spaces(bytes, end), b':').ok_or(NoObject)?;
        let begin = spaces(bytes, begin);
        let end = value(bytes, begin).ok_or(NoObject)?;
        found(&key, text.get(begin..end).ok_or(NoObject)?)?;
        at = spaces(bytes, end);
        match bytes.get(at) {
            Some(b',') => at += 1,
            Some(b'}') => return Ok(()),
            _ => return Err(NoObject.into()),
        }
    }
}

/// A key without its quotes; one with escapes is read properly.
fn key(quoted: &str) -> Result<Cow<'_, str>, NoObject> {
    if quoted.contains('\\') {
        return serde_json::from_str(quoted)
            .map(Cow::Owned)
            .map_err(|_| NoObject);
    }
    let bare = quoted
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    bare.map(Cow::Borrowed).ok_or(NoObject)
}

fn spaces(bytes: &[u8], from: usize) -> usize {
    let rest = bytes.get(from..).unwrap_or_default();
    from + rest
        .iter()
        .take_while(|byte| byte.is_ascii_whitespace())
        .count()
}

fn past(bytes: &[u8], at: usize, wanted: u8) -> Option<usize> {
    (*bytes.get(at)? == wanted).then_some(at + 1)
}

/// Where the string that begins here ends.
fn string(bytes: &[u8], begin: usize) -> Option<usize> {
    let mut at = past(bytes, begin, b'"')?;
    loop {
        at += bytes
            .get(at..)?
            .iter()
            .position(|byte| matches!(byte, b'"' | b'\\'))?;
        match bytes.get(at)? {
            b'"' => return Some(at + 1),
            // What is escaped is never the end.
            _ => at += 2,
        }
    }
}

/// Where the value that begins here ends.
fn value(bytes: &[u8], begin: usize) -> Option<usize> {
    match bytes.get(begin)? {
        b'"' => string(bytes, begin),
        b'{' | b'[' => nested(bytes, begin),
        _ => {
            let rest = bytes.get(begin..)?;
            let length = rest.iter().position(|byte| {
                matches!(byte, b',' | b'}' | b']') || byte.is_ascii_whitespace()
            })?;
            (length > 0).then_some(begin + length)
        }
    }
}

fn nested(bytes: &[u8], begin: usize) -> Option<usize> {
    let (mut at, mut depth) = (begin, 0usize);
    loop {
        match bytes.get(at)? {
            b'"' => {
                at = string(bytes, at)?;
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        at += 1;
        if depth == 0 {
            return Some(at);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    fn all(text: &str) -> Result<Vec<(String, String)>, NoObject> {
        let mut found = Vec::new();
        entries(text, |key, value| {
            found.push((key.to_owned(), value.to_owned()));
            Ok::<(), NoObject>(())
        })?;
        Ok(found)
    }

    #[test]
    fn values_stand_as_they_stood() {
        let text = r#" { "a" : "x\"}" ,"b":1.50,"c\u0064":[{"e":"]"},null] , "f":null, "g":{} } "#;
        let found = all(text).unwrap();
        let expected = [
            ("a", r#""x\"}""#),
            ("b", "1.50"),
            ("cd", r#"[{"e":"]"},null]"#),
            ("f", "null"),
            ("g", "{}"),
        ];
        assert_eq!(
            found,
            expected.map(|(key, value)| (key.to_owned(), value.to_owned()))
        );
        assert_eq!(all("{}"), Ok(Vec::new()));
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for text in [
            "",
            "[]",
            "12",
            "\"a\"",
            "{",
            r#"{"a""#,
            r#"{"a":}"#,
            r#"{"a":1"#,
            r#"{"a":"x}"#,
            r#"{"a":[}"#,
        ] {
            assert_eq!(all(text), Err(NoObject), "{text}");
        }
    }

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::btree_map(any::<String>(), inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        /// Whatever an object holds, the entries are those that a general reader finds.
        #[test]
        fn the_entries_are_those_of_the_object(
            object in proptest::collection::btree_map(any::<String>(), json(), 0..6),
            is_pretty in any::<bool>(),
        ) {
            let object = Value::Object(object.into_iter().collect());
            let text = if is_pretty {
                serde_json::to_string_pretty(&object).unwrap()
            } else {
                object.to_string()
            };
            let found: serde_json::Map<String, Value> = all(&text)
                .unwrap()
                .into_iter()
                .map(|(key, value)| (key, serde_json::from_str(&value).unwrap()))
                .collect();
            prop_assert_eq!(Value::Object(found), object);
        }

        /// No text makes it panic or go on for ever.
        #[test]
        fn any_text_ends(text in ".{0,64}") {
            let _ = all(&text);
        }
    }
}
