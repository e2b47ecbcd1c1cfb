//! What a formatter made, as this kind of channel may use it.
//!
//! Promise: a raw payload reaches only the kind of channel that it was made for, and only when it is
//! JSON of a bounded size; anything else is a dead letter whose remedy names the formatter.

use fillsync_core::message::{Rendered, RichMessage};
use fillsync_core::port::{ChannelError, Outgoing};
use serde_json::value::RawValue;

/// The largest raw payload that is sent on, in bytes.
pub(crate) const RAW_BYTES_MAX: usize = 256 * 1024;

/// A message, or JSON that goes out as it is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Payload<'a> {
    /// For the channel to render.
    Rich(&'a RichMessage),
    /// Checked to be JSON.
    Raw(&'a RawValue),
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
    if json.len() > RAW_BYTES_MAX {
        return Err(dead(
            format!(
                "the formatter's raw payload has {} bytes; at most {RAW_BYTES_MAX} are sent",
                json.len()
            ),
            "make the formatter write less, or choose another in the setting formatter",
        ));
    }
    serde_json::from_str::<&RawValue>(json)
        .map(Payload::Raw)
        .map_err(|error| {
            dead(
                format!("the formatter's raw payload is not JSON ({error})"),
                "correct the formatter, or choose another in the setting formatter",
            )
        })
}
