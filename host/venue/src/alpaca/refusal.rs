//! What Alpaca's answers ask of the caller, by HTTP status.
//!
//! Error bodies are `{code, message}`, but either key may be missing and the proxy in front answers in
//! HTML: the status alone decides, the body only explains. A rate limit names its end in up to two
//! headers, or in none.

use crate::http::Answer;
use fillsync_core::port::VenueError;
use fillsync_core::time::VenueTime;
use serde::Deserialize;
use std::borrow::Cow;
use std::time::Duration;

/// The wait after a rate limit that names no end: the window is a minute, and a key that asks three
/// times in it has 197 requests left.
const RATE_WAIT: Duration = Duration::from_secs(10);
/// The longest wait that a header may ask for.
const RATE_WAIT_MAX: Duration = Duration::from_secs(600);

/// The body of an error.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ErrorBody<'a> {
    code: Option<i64>,
    #[serde(borrow)]
    message: Option<Cow<'a, str>>,
}

/// What the venue said, not redacted yet: its message, or the start of whatever came.
pub(super) fn message(answer: &Answer) -> String {
    let body: Option<ErrorBody<'_>> = serde_json::from_slice(&answer.body).ok();
    match body {
        Some(ErrorBody {
            code: Some(code),
            message: Some(message),
        }) => format!("{message} (code {code})"),
        Some(ErrorBody {
            code: None,
            message: Some(message),
        }) => message.into_owned(),
        Some(ErrorBody {
            code: Some(code),
            message: None,
        }) => format!("code {code}"),
        _ => String::from_utf8_lossy(&answer.body)
            .chars()
            .take(1_000)
            .collect(),
    }
}

/// The error for an answer that is not a success; none for one that is. `what` is redacted already.
pub(super) fn error(answer: &Answer, what: String) -> Option<VenueError> {
    Some(match answer.status {
        200..=299 => return None,
        300..=399 => VenueError::Retry {
            what: format!("{what}; a redirect is not followed, check base_url"),
        },
        401 => VenueError::Refused {
            what,
            remedy: "check api_key and api_secret, and that base_url is of the same environment (live or paper)"
                .to_owned(),
        },
        403 => VenueError::Refused {
            what,
            remedy: "look at the account and its keys at Alpaca".to_owned(),
        },
        429 => VenueError::Wait { after: wait(answer), whole_address: false, what },
        408 | 425 | 500.. => VenueError::Retry { what },
        _ => VenueError::Rejected { what },
    })
}

/// `Retry-After` in seconds, else until `X-RateLimit-Reset` in unix seconds by the answer's own `Date`.
fn wait(answer: &Answer) -> Duration {
    let reset = || {
        let seconds: i64 = answer.header("x-ratelimit-reset")?.trim().parse().ok()?;
        let reset = VenueTime::from_ms(seconds.checked_mul(1_000)?);
        // Both are whole seconds: one more is needed to be past the end.
        Some(reset.since(date(answer)?) + Duration::from_secs(1))
    };
    answer
        .retry_after()
        .or_else(reset)
        .map_or(RATE_WAIT, |wait| {
            wait.clamp(Duration::from_secs(1), RATE_WAIT_MAX)
        })
}

/// The `Date` header: the venue's clock, cut to seconds.
pub(super) fn date(answer: &Answer) -> Option<VenueTime> {
    let date = jiff::fmt::rfc2822::parse(answer.header("date")?).ok()?;
    Some(VenueTime::from_us(date.timestamp().as_microsecond()))
}
