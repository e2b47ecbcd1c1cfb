//! What a formatter made, as this kind of channel may use it.
//!
//! Promise: a raw payload reaches only the kind of channel that it was made for, and only when it is
//! within that receiver's rules ([`fillsync_core::raw`]); anything else is a dead letter whose remedy names the formatter.

use fillsync_core::message::{Rendered, RichMessage};
use fillsync_core::port::{ChannelError, Outgoing};
use fillsync_core::raw;
use serde::Deserialize;
use serde_json::value::RawValue;

/// A message, or JSON that goes out as it is.
#[derive(Debug, Clone)]
pub(crate) enum Payload<'a> {
    /// For the channel to render.
    Rich(&'a RichMessage),
    /// Held against the receiver's rules.
    Raw(Box<RawValue>),
}

/// The payload for a channel of this kind.
pub(crate) fn payload<'a>(
    outgoing: &'a Outgoing,
    kind: &'static str,
) -> Result<Payload<'a>, ChannelError> {
    let (channel_kind, json) = match &outgoing.rendered {
        Rendered::Rich(message) => return Ok(Payload::Rich(message)),
        Rendered::Raw { channel_kind, json } => (channel_kind, json),
    };
    let dead = |what: String, remedy: &str| ChannelError::Dead {
        what,
        remedy: remedy.to_owned(),
    };
    if channel_kind != kind {
        return Err(dead(
            format!(
                "the formatter made a raw payload for {channel_kind:?}, this channel is {kind:?}"
            ),
            "give this channel a formatter of its own kind in the setting formatter",
        ));
    }
    // The formatter's answer was held against the same rules when it was given; a message that was
    // queued by an older host was not.
    raw::checked(kind, json)
        .map_err(|fault| fault.to_string())
        .and_then(|json| RawValue::from_string(json).map_err(|error| error.to_string()))
        .map(Payload::Raw)
        .map_err(|fault| {
            dead(
                format!("the formatter's message cannot be sent: {fault}"),
                "correct the formatter, or choose another in the setting formatter",
            )
        })
}

/// What a channel must know of the alert that goes out.
#[derive(Debug, Deserialize)]
pub(crate) struct Identified {
    pub(crate) identity: String,
    pub(crate) revision: u32,
}

/// The identity of the alert that goes out.
pub(crate) fn identified(outgoing: &Outgoing) -> Result<Identified, ChannelError> {
    serde_json::from_str(&outgoing.alert_json).map_err(|error| not_json(&error))
}

/// An alert without data is a mistake of this program.
pub(crate) fn not_json(error: &serde_json::Error) -> ChannelError {
    ChannelError::Dead {
        what: format!("the alert has no JSON with an identity and a revision ({error})"),
        remedy: "this is a fault of fillsync: report it with this line".to_owned(),
    }
}
