//! What callers ask: query parameters as the types of the core, each refused in words of its own.
//!
//! Parameters become bound values of prepared statements or typed filters; no text of a caller is
//! ever part of a statement. An unknown parameter is refused instead of ignored, because a filter
//! that is silently left out answers another question.

use crate::answer::Refusal;
use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use fillsync_core::alert::AlertKind;
use fillsync_core::id::IdError;
use fillsync_core::order::PositionSide;
use fillsync_core::time::VenueTime;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::str::FromStr;

/// The longest unknown name for which a right one is looked for, in bytes.
const PARAMETER_BYTES_MAX: usize = 32;

/// The parameters of one endpoint.
pub(crate) trait Question: DeserializeOwned {
    /// Their names, for the remedy.
    const PARAMETERS: &'static [&'static str];
}

/// A question that was understood.
pub(crate) struct Asked<Q>(pub(crate) Q);

impl<Q: Question, S: Send + Sync> FromRequestParts<S> for Asked<Q> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        let path = parts.uri.path();
        if let Some(stranger) = unknown_parameter::<Q>(parts.uri.query().unwrap_or_default()) {
            let error = format!("{path} knows no parameter {stranger:?}");
            return Err(Refusal::wrong(error, remedy::<Q>(path, Some(stranger))));
        }
        Query::<Q>::try_from_uri(&parts.uri)
            .map(|Query(question)| Self(question))
            .map_err(|rejection| {
                let text = rejection.body_text();
                let error = text
                    .strip_prefix("Failed to deserialize query string: ")
                    .unwrap_or(&text);
                Refusal::wrong(error, remedy::<Q>(path, None))
            })
    }
}

/// The first name of a query that is no parameter.
fn unknown_parameter<Q: Question>(query: &str) -> Option<&str> {
    query
        .split('&')
        .filter_map(|pair| pair.split('=').next())
        .find(|name| !name.is_empty() && !Q::PARAMETERS.contains(name))
}

fn remedy<Q: Question>(path: &str, stranger: Option<&str>) -> String {
    if Q::PARAMETERS.is_empty() {
        return format!("{path} takes no parameters");
    }
    let all = format!("the parameters of {path} are {}", Q::PARAMETERS.join(", "));
    // A long name is no slip of the pen, and comparing takes time in its length.
    match stranger
        .filter(|name| name.len() <= PARAMETER_BYTES_MAX)
        .and_then(nearest::<Q>)
    {
        Some(near) => format!("did you mean {near}? {all}"),
        None => all,
    }
}

fn nearest<Q: Question>(name: &str) -> Option<&'static str> {
    Q::PARAMETERS
        .iter()
        .map(|parameter| (strsim::damerau_levenshtein(name, parameter), *parameter))
        .filter(|(distance, _)| *distance <= 2)
        .min()
        .map(|(_, parameter)| parameter)
}

macro_rules! question {
    ($(#[$doc:meta])* $name:ident { $($field:ident: $kind:ty),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Default, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub(crate) struct $name {
            $(#[serde(default)] pub(crate) $field: Option<$kind>,)*
        }

        impl Question for $name {
            const PARAMETERS: &'static [&'static str] = &[$(stringify!($field)),*];
        }
    };
}

question!(
    /// `/fills`
    FillQuestion { account: String, symbol: String, since: String, until: String, before: i64, limit: u64 }
);
question!(
    /// `/performance`
    PerformanceQuestion { account: String, group: String, symbol: String, side: String, currency: String, since: String, until: String }
);
question!(
    /// `/counts`
    CountQuestion { group: String, symbol: String, limit: u64 }
);
question!(
    /// `/divergences`
    DivergenceQuestion { group: String, account: String, symbol: String, open: bool, limit: u64 }
);
question!(
    /// `/alerts`
    AlertQuestion { group: String, account: String, symbol: String, kind: String, identity: String, before: i64, limit: u64 }
);
question!(
    /// `/orders`
    OrderQuestion { account: String, limit: u64 }
);
question!(
    /// `/events`
    EventQuestion { after: i64, limit: u64 }
);
question!(
    /// `/plugins`
    PluginQuestion { limit: u64 }
);
question!(
    /// Everything that takes no parameters.
    NoQuestion {}
);

/// A name or id of the core.
pub(crate) fn name<T: FromStr<Err = IdError>>(
    parameter: &str,
    text: Option<&str>,
) -> Result<Option<T>, Refusal> {
    text.map(|text| {
        text.parse().map_err(|error| {
            Refusal::wrong(
                format!("{parameter}: {error}"),
                format!("give a plain name as {parameter}"),
            )
        })
    })
    .transpose()
}

/// A moment of venue time.
pub(crate) fn moment(parameter: &str, text: Option<&str>) -> Result<Option<VenueTime>, Refusal> {
    text.map(|text| {
        VenueTime::parse(text).map_err(|error| {
            Refusal::wrong(
                format!("{parameter}: {error}"),
                format!("write {parameter} in UTC, as in {parameter}=2026-11-21T12:00:00Z"),
            )
        })
    })
    .transpose()
}

/// A position's direction, by its name.
pub(crate) fn side(text: Option<&str>) -> Result<Option<PositionSide>, Refusal> {
    text.map(|text| {
        PositionSide::from_name(text).ok_or_else(|| {
            Refusal::wrong(
                format!("side: {text:?} is no direction of a position"),
                "give side=long or side=short",
            )
        })
    })
    .transpose()
}

/// A kind of alert, by its name.
pub(crate) fn alert_kind(text: Option<String>) -> Result<Option<String>, Refusal> {
    let known: Vec<_> = AlertKind::ALL.iter().map(|kind| kind.as_str()).collect();
    match text {
        Some(text) if !known.contains(&text.as_str()) => Err(Refusal::wrong(
            format!("kind: {text:?} is no kind of alert"),
            format!("the kinds are {}", known.join(", ")),
        )),
        kind => Ok(kind),
    }
}
