//! How the accounts' streams are, as the running daemon tells it to whoever answers.
//!
//! The ledger does not know streams, so the command line, which reads the ledger alone, has none to
//! tell. Reasons must be free of secrets: anybody who may ask reads them.

use crate::time_text;
use fillsync_core::id::AccountName;
use fillsync_core::time::HostTime;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// How an account's stream is. Coverage comes from polling alone: a stream only makes it faster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StreamState {
    /// None is wanted.
    Off,
    /// Being opened.
    Connecting,
    /// Open; what happened before it was open is being read.
    CatchingUp,
    /// Open, and everything before it is read.
    Live,
    /// Not to be had; polling alone goes on.
    Failed,
}

impl StreamState {
    /// Every state.
    pub const ALL: [Self; 5] = [
        Self::Off,
        Self::Connecting,
        Self::CatchingUp,
        Self::Live,
        Self::Failed,
    ];

    /// Its name, as JSON and metrics write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Connecting => "connecting",
            Self::CatchingUp => "catching-up",
            Self::Live => "live",
            Self::Failed => "failed",
        }
    }
}

/// An account's stream, as the running daemon tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamHealth {
    /// How it is.
    pub state: StreamState,
    /// Since when; none where it is off.
    pub since: Option<HostTime>,
    /// Why it is not live, where something failed. No secrets.
    pub reason: Option<String>,
}

/// An account's stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct StreamAnswer {
    /// How it is.
    pub state: StreamState,
    /// Since when.
    #[schemars(extend("format" = "date-time"))]
    pub since: Option<String>,
    /// Why it is not live, where something failed.
    pub reason: Option<String>,
}

impl StreamAnswer {
    pub(crate) const OFF: Self = Self {
        state: StreamState::Off,
        since: None,
        reason: None,
    };
}

impl From<&StreamHealth> for StreamAnswer {
    fn from(health: &StreamHealth) -> Self {
        Self {
            state: health.state,
            since: health.since.map(time_text::host),
            reason: health.reason.clone(),
        }
    }
}

/// The streams of all accounts that have one.
pub type Streams = BTreeMap<AccountName, StreamHealth>;

/// Streams that are off have no line: that is the ordinary case.
pub(crate) fn stream_line(account: &str, stream: &StreamAnswer) -> Option<String> {
    let since = stream.since.as_deref().unwrap_or("-");
    let state = match stream.state {
        StreamState::Off => return None,
        StreamState::Connecting => format!("connecting since {since}"),
        StreamState::CatchingUp => format!("open since {since}, catching up"),
        StreamState::Live => format!("live since {since}"),
        StreamState::Failed => format!("failed since {since}"),
    };
    let reason = stream.reason.as_deref().map_or_else(String::new, |reason| {
        format!(": {}", reason.replace(char::is_control, " "))
    });
    Some(format!("stream: {account}: {state}{reason}\n"))
}
