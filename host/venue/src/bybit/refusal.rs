//! What Bybit's refusals ask of the caller: one table, by `retCode` alone.
//!
//! Business errors come as HTTP 200 with a code; texts are localised and echo keys, so no decision reads
//! them. A code that is not in the table is treated as passing and named, because giving up on an account
//! for something unknown would lose more than a repeated read.

use crate::http::Answer;
use fillsync_core::port::VenueError;
use fillsync_core::time::VenueTime;
use std::time::Duration;

/// How long a ban of the address lasts at least.
pub(super) const ADDRESS_BAN: Duration = Duration::from_secs(600);
/// The wait after a rate limit whose answer has no reset time; the window is one rolling second.
const RATE_WAIT: Duration = Duration::from_millis(1_500);
/// The longest wait that a reset time may ask for: the windows are seconds, so more is a wrong clock.
const RATE_WAIT_MAX: Duration = Duration::from_secs(60);

/// What a code asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    /// It is no error.
    Fine,
    /// Measure the clock and ask once more.
    Clock,
    /// Wait for this key's limit.
    RateWait,
    /// Every account of this address stays away.
    AddressBan,
    /// Ask again later.
    Retry,
    /// The key is of no use until the operator has done this.
    Refused(&'static str),
    /// The call is wrong and stays undone.
    Rejected,
}

/// The table: code, what it means, what to do.
pub(super) const TABLE: &[(i64, &str, Action)] = &[
    (0, "success", Action::Fine),
    (-1, "request expired", Action::Clock),
    (429, "trading service overloaded", Action::Retry),
    (10_000, "server time-out", Action::Retry),
    (10_001, "parameter error", Action::Rejected),
    (10_002, "time stamp outside of the window", Action::Clock),
    (
        10_003,
        "API key invalid",
        Action::Refused(
            "check api_key, and that base_url is of the environment where it was made (live, testnet or demo)",
        ),
    ),
    (
        10_004,
        "signature wrong",
        Action::Refused("check api_secret"),
    ),
    (
        10_005,
        "permission denied",
        Action::Refused("give the key read permission for orders and positions"),
    ),
    (10_006, "too many requests of this key", Action::RateWait),
    (
        10_007,
        "user authentication failed",
        Action::Refused("make a new key"),
    ),
    (
        10_008,
        "account banned, or not in the mode that this call needs",
        Action::Refused("look at the account at Bybit"),
    ),
    (
        10_009,
        "region or address restricted",
        Action::Refused(
            "run from an address that Bybit serves, or set base_url to the account's region",
        ),
    ),
    (
        10_010,
        "address not in the key's list",
        Action::Refused("add this machine's address to the key at Bybit"),
    ),
    (10_014, "duplicate request", Action::Retry),
    (10_016, "server error", Action::Retry),
    (10_017, "no such route", Action::Rejected),
    (
        10_018,
        "too many requests of this address",
        Action::AddressBan,
    ),
    (
        10_024,
        "compliance rules apply",
        Action::Refused("look at the account at Bybit"),
    ),
    (
        10_027,
        "account banned",
        Action::Refused("look at the account at Bybit"),
    ),
    (
        10_028,
        "only for unified accounts",
        Action::Refused("upgrade the account to a unified trading account"),
    ),
    (10_029, "symbol not allowed for this key", Action::Rejected),
    (33_004, "API key expired", Action::Refused("make a new key")),
    (-2_015, "API key expired", Action::Refused("make a new key")),
    (110_001, "no such order", Action::Rejected),
    (
        181_017,
        "order status must be a final one",
        Action::Rejected,
    ),
];

/// What a code means and asks for; an unknown one is passing.
pub(super) fn lookup(code: i64) -> (&'static str, Action) {
    TABLE.iter().find(|(known, _, _)| *known == code).map_or(
        ("not a code that is known", Action::Retry),
        |(_, means, action)| (means, *action),
    )
}

/// The error for an action; `what` is redacted already. None for [`Action::Fine`].
pub(super) fn error(
    action: Action,
    what: String,
    answer: &Answer,
    now: Option<VenueTime>,
) -> Option<VenueError> {
    Some(match action {
        Action::Fine => return None,
        Action::Clock => VenueError::Retry {
            what: format!(
                "{what}; the clock was measured again, check this machine's network delay"
            ),
        },
        Action::RateWait => VenueError::Wait {
            after: reset_in(answer, now),
            whole_address: false,
            what,
        },
        Action::AddressBan => VenueError::Wait {
            after: ADDRESS_BAN,
            whole_address: true,
            what,
        },
        Action::Retry => VenueError::Retry { what },
        Action::Refused(remedy) => VenueError::Refused {
            what,
            remedy: remedy.to_owned(),
        },
        Action::Rejected => VenueError::Rejected { what },
    })
}

/// Until `X-Bapi-Limit-Reset-Timestamp`; Bybit has been seen to leave it out.
fn reset_in(answer: &Answer, now: Option<VenueTime>) -> Duration {
    let reset = answer
        .header("x-bapi-limit-reset-timestamp")
        .and_then(|text| text.trim().parse().ok())
        .map(VenueTime::from_ms);
    match (reset, now) {
        (Some(reset), Some(now)) if reset > now => reset.since(now).min(RATE_WAIT_MAX),
        _ => RATE_WAIT,
    }
}
