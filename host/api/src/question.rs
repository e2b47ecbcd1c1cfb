//! What callers ask: query parameters as the types of the core, each refused in words of its own.
//!
//! A parameter is written down once, with its schema and its sentence: the same line is what is parsed,
//! what a refusal lists, and what `/openapi.json` says. Parameters become bound values of prepared
//! statements or typed filters; no text of a caller is ever part of a statement. An unknown parameter is
//! refused instead of ignored, because a filter that is silently left out answers another question.

use crate::answer::Refusal;
use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use fillsync_core::alert::AlertKind;
use fillsync_core::id::{ID_BYTES_MAX, IdError};
use fillsync_core::order::PositionSide;
use fillsync_core::time::{HostTime, VenueTime};
use fillsync_report::{MESSAGE_STATES, ROWS_DEFAULT};
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};
use std::str::FromStr;

/// The longest unknown name for which a right one is looked for, in bytes.
const PARAMETER_BYTES_MAX: usize = 32;

/// The longest free text that is looked for, in characters.
const TEXT_CHARACTERS_MAX: usize = 256;

/// One parameter, as it is described.
pub(crate) struct Parameter {
    pub(crate) name: &'static str,
    pub(crate) what: &'static str,
    pub(crate) schema: fn() -> Value,
}

/// The parameters of one endpoint.
pub(crate) trait Question: DeserializeOwned {
    /// All of them.
    const PARAMETERS: &'static [Parameter];
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

fn names<Q: Question>() -> impl Iterator<Item = &'static str> {
    Q::PARAMETERS.iter().map(|parameter| parameter.name)
}

/// The first name of a query that is no parameter.
fn unknown_parameter<Q: Question>(query: &str) -> Option<&str> {
    query
        .split('&')
        .filter_map(|pair| pair.split('=').next())
        .find(|name| !name.is_empty() && !names::<Q>().any(|known| known == *name))
}

fn remedy<Q: Question>(path: &str, stranger: Option<&str>) -> String {
    if Q::PARAMETERS.is_empty() {
        return format!("{path} takes no parameters");
    }
    let all: Vec<_> = names::<Q>().collect();
    let all = format!("the parameters of {path} are {}", all.join(", "));
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
    names::<Q>()
        .map(|parameter| (strsim::damerau_levenshtein(name, parameter), parameter))
        .filter(|(distance, _)| *distance <= 2)
        .min()
        .map(|(_, parameter)| parameter)
}

macro_rules! question {
    ($(#[$doc:meta])* $name:ident { $($field:ident: $kind:ty = $schema:path, $what:literal;)* }) => {
        $(#[$doc])*
        #[derive(Debug, Default, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub(crate) struct $name {
            $(#[serde(default)] pub(crate) $field: Option<$kind>,)*
        }

        impl Question for $name {
            const PARAMETERS: &'static [Parameter] = &[
                $(Parameter { name: stringify!($field), what: $what, schema: $schema }),*
            ];
        }
    };
}

question!(
    /// `/fills`
    FillQuestion {
        account: String = name_schema, "Of this account.";
        group: String = name_schema, "Of the members of this group.";
        symbol: String = name_schema, "Of this symbol, as the venue spells it.";
        since: String = moment_schema, "That happened at or after this moment of venue time.";
        until: String = moment_schema, "That happened before this moment of venue time.";
        before: Place = place_schema, "Older than this: the `next` of the page before.";
        limit: u64 = limit_schema, "At most so many.";
    }
);
question!(
    /// `/performance`
    PerformanceQuestion {
        account: String = name_schema, "Of this account.";
        group: String = name_schema, "Of the members of this group.";
        symbol: String = name_schema, "Of this symbol, as the venue spells it.";
        side: String = side_schema, "Of this direction.";
        currency: String = text_schema, "With results in this currency.";
        since: String = moment_schema, "Closed at or after this moment of venue time.";
        until: String = moment_schema, "Closed before this moment of venue time.";
    }
);
question!(
    /// `/timeline`
    TimelineQuestion {
        account: String = name_schema, "Of this account.";
        group: String = name_schema, "Of the members of this group.";
        symbol: String = name_schema, "Of this symbol, as the venue spells it.";
        since: String = moment_schema, "From the hour of this moment of venue time; a day before the end by default.";
        until: String = moment_schema, "To the hour of this moment of venue time; now by default.";
    }
);
question!(
    /// `/groups`
    GroupQuestion {
        group: String = name_schema, "This group.";
        symbol: String = name_schema, "Cycles of this symbol, in the group's spelling.";
        limit: u64 = cycles_schema, "At most so many cycles of each group.";
    }
);
question!(
    /// `/counts`
    CountQuestion {
        group: String = name_schema, "Of this group.";
        account: String = name_schema, "Of cycles in which this account is.";
        symbol: String = name_schema, "Of this symbol, in the group's spelling.";
        since: String = moment_schema, "Decided about a moment of venue time at or after this.";
        until: String = moment_schema, "Decided about a moment of venue time before this.";
        before: Place = place_schema, "Older than this: the `next` of the page before.";
        limit: u64 = limit_schema, "At most so many cycles, and those that share the last one's moment.";
    }
);
question!(
    /// `/divergences`
    DivergenceQuestion {
        group: String = name_schema, "Of this group.";
        account: String = name_schema, "Of this account.";
        symbol: String = name_schema, "Of this symbol, in the group's spelling.";
        open: bool = bool_schema, "Only those that are not resolved.";
        since: String = moment_schema, "That began at or after this moment of venue time.";
        until: String = moment_schema, "That began before this moment of venue time.";
        before: Place = place_schema, "Older than this: the `next` of the page before.";
        limit: u64 = limit_schema, "At most so many.";
    }
);
question!(
    /// `/alerts`
    AlertQuestion {
        group: String = name_schema, "Of this group.";
        account: String = name_schema, "Of this account.";
        symbol: String = name_schema, "Of this symbol, in the group's spelling.";
        kind: String = kind_schema, "Of this kind.";
        identity: String = text_schema, "With this identity.";
        since: String = moment_schema, "About something at or after this moment of venue time.";
        until: String = moment_schema, "About something before this moment of venue time.";
        before: Place = place_schema, "Older than this: the `next` of the page before.";
        limit: u64 = limit_schema, "At most so many.";
    }
);
question!(
    /// `/orders`
    OrderQuestion {
        account: String = name_schema, "Of this account.";
        group: String = name_schema, "Of the members of this group.";
        symbol: String = name_schema, "Of this symbol, as the venue spells it.";
        since: String = moment_schema, "That the venue took at or after this moment.";
        until: String = moment_schema, "That the venue took before this moment.";
        before: Place = place_schema, "Older than this: the `next` of the page before.";
        limit: u64 = limit_schema, "At most so many.";
    }
);
question!(
    /// `/events`
    EventQuestion {
        event: String = text_schema, "With this name, as in `fill_received`.";
        account: String = name_schema, "Of this account.";
        group: String = name_schema, "Of this group.";
        since: String = moment_schema, "At or after this moment of the host's clock.";
        until: String = moment_schema, "Before this moment of the host's clock.";
        after: Place = place_schema, "Newer than this: the `next` of the page before; without it, the newest.";
        limit: u64 = limit_schema, "At most so many.";
    }
);
question!(
    /// `/outbox`
    OutboxQuestion {
        state: String = state_schema, "In this state.";
        channel: String = name_schema, "For this channel.";
        before: Place = place_schema, "Older than this: the `next` of the page before.";
        limit: u64 = limit_schema, "At most so many.";
    }
);
question!(
    /// `/plugins`
    PluginQuestion {
        limit: u64 = limit_schema, "At most so many of what happened to them.";
    }
);
question!(
    /// Everything that takes no parameters.
    NoQuestion {}
);

/// A row or a moment at which a page ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place(pub(crate) i64);

impl<'de> Deserialize<'de> for Place {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let place = i64::deserialize(deserializer)?;
        if place < 0 {
            return Err(D::Error::custom(format!(
                "{place} is no place: give the `next` of the page before"
            )));
        }
        Ok(Self(place))
    }
}

fn name_schema() -> Value {
    // Without control characters; at most so many bytes, which are as many characters or more.
    json!({ "type": "string", "minLength": 1, "maxLength": ID_BYTES_MAX, "not": { "pattern": "[\\u0000-\\u001f\\u007f-\\u009f]" } })
}

fn text_schema() -> Value {
    json!({ "type": "string", "maxLength": TEXT_CHARACTERS_MAX })
}

fn moment_schema() -> Value {
    json!({ "type": "string", "format": "date-time" })
}

pub(crate) fn place_schema() -> Value {
    json!({ "type": "integer", "format": "int64", "minimum": 0, "maximum": i64::MAX })
}

fn limit_schema() -> Value {
    json!({ "type": "integer", "minimum": 0, "maximum": u64::MAX, "default": ROWS_DEFAULT })
}

fn cycles_schema() -> Value {
    json!({ "type": "integer", "minimum": 0, "maximum": u64::MAX, "default": fillsync_report::groups::CYCLES_DEFAULT })
}

fn bool_schema() -> Value {
    json!({ "type": "boolean", "default": false })
}

fn side_schema() -> Value {
    json!({ "type": "string", "enum": [PositionSide::Long.as_str(), PositionSide::Short.as_str()] })
}

fn kind_schema() -> Value {
    json!({ "type": "string", "enum": AlertKind::ALL.map(AlertKind::as_str) })
}

fn state_schema() -> Value {
    json!({ "type": "string", "enum": MESSAGE_STATES })
}

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

/// Free text.
pub(crate) fn text(parameter: &str, text: Option<String>) -> Result<Option<String>, Refusal> {
    match text {
        Some(long) if long.chars().count() > TEXT_CHARACTERS_MAX => Err(Refusal::wrong(
            format!("{parameter} is longer than {TEXT_CHARACTERS_MAX} characters"),
            format!("nothing here has such a {parameter}; give a shorter one"),
        )),
        text => Ok(text),
    }
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

/// A moment of the host's clock.
pub(crate) fn host_moment(
    parameter: &str,
    text: Option<&str>,
) -> Result<Option<HostTime>, Refusal> {
    Ok(moment(parameter, text)?.map(|moment| HostTime::from_us(moment.us())))
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
    let known = AlertKind::ALL.map(AlertKind::as_str);
    one_of("kind", "kind of alert", text, &known)
}

/// A state of a message, by its name.
pub(crate) fn message_state(text: Option<String>) -> Result<Option<String>, Refusal> {
    one_of("state", "state of a message", text, &MESSAGE_STATES)
}

fn one_of(
    parameter: &str,
    what: &str,
    text: Option<String>,
    known: &[&str],
) -> Result<Option<String>, Refusal> {
    match text {
        Some(text) if !known.contains(&text.as_str()) => Err(Refusal::wrong(
            format!("{parameter}: {text:?} is no {what}"),
            format!("the {parameter}s are {}", known.join(", ")),
        )),
        text => Ok(text),
    }
}
