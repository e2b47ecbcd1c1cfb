//! Query strings, kept as they came over the wire.
//!
//! Promise: the raw string is never re-encoded, because a venue signs the bytes that it received; decoding happens
//! per value, on demand. Deliberately absent: nested parameters and lists, which no served endpoint has.

use std::str::FromStr;

/// The query of one request: the raw string and its decoded parameters in wire order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Query {
    raw: String,
    parameters: Vec<(String, String)>,
}

impl Query {
    pub(crate) fn parse(raw: &str) -> Self {
        let parameters = raw
            .split('&')
            .filter(|part| !part.is_empty())
            .map(|part| {
                let (name, value) = part.split_once('=').unwrap_or((part, ""));
                (percent_decode(name), percent_decode(value))
            })
            .collect();
        Self {
            raw: raw.to_owned(),
            parameters,
        }
    }

    /// The string exactly as received, without the question mark.
    pub(crate) fn raw(&self) -> &str {
        &self.raw
    }

    /// The decoded value; a parameter that is present but empty counts as absent, as at both venues.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.parameters
            .iter()
            .find(|(candidate, value)| candidate == name && !value.is_empty())
            .map(|(_, value)| value.as_str())
    }

    /// The value as a number; `Err` carries the text that is none.
    pub(crate) fn number<T: FromStr>(&self, name: &str) -> Result<Option<T>, String> {
        self.get(name)
            .map(|text| text.parse::<T>().map_err(|_| text.to_owned()))
            .transpose()
    }

    /// The same query without one parameter.
    pub(crate) fn without(&self, name: &str) -> Self {
        let raw = self
            .raw
            .split('&')
            .filter(|part| {
                part.split_once('=')
                    .map_or(*part, |(candidate, _)| candidate)
                    != name
            })
            .collect::<Vec<_>>()
            .join("&");
        Self::parse(&raw)
    }
}

/// Decodes `%XX` and `+`; malformed escapes stay as they are.
pub(crate) fn percent_decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let escaped = (byte == b'%')
            .then(|| {
                text.get(at + 1..at + 3)
                    .and_then(|digits| u8::from_str_radix(digits, 16).ok())
            })
            .flatten();
        match (byte, escaped) {
            (_, Some(value)) => {
                decoded.push(value);
                at += 3;
                continue;
            }
            (b'+', None) => decoded.push(b' '),
            (other, None) => decoded.push(other),
        }
        at += 1;
    }
    String::from_utf8_lossy(&decoded).into_owned()
}
