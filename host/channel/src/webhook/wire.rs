//! The form of what is posted: body, headers and signature. Receivers hold on to it.

use super::config::KIND;
use crate::payload::{Identified, Payload, not_json, payload};
use crate::render::{self, Limits};
use fillsync_core::limits::WEBHOOK;
use fillsync_core::port::{ChannelError, Outgoing};
use hmac::{Hmac, KeyInit, Mac};
use serde::Serialize;
use serde_json::value::RawValue;
use sha2::Sha256;

/// The alert's identity with its revision, in visible ASCII.
pub(super) const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// Seconds since 1970 at which it was signed.
pub(super) const TIMESTAMP: &str = "x-fillsync-timestamp";
/// The signature in lower-case hex.
pub(super) const SIGNATURE: &str = "x-fillsync-signature";

/// What is posted for a rich message.
#[derive(Debug, Serialize)]
struct Body<'a> {
    /// The same happening has the same identity, for ever.
    identity: &'a str,
    /// 0 at first; a higher one replaces a lower one.
    revision: u32,
    /// "fill", "divergence", …
    kind: &'static str,
    /// Title and lines as plain text.
    text: &'a str,
    /// The first line.
    title: &'a str,
    /// The lines below, as plain text.
    lines: &'a [String],
    /// The whole alert as data.
    alert: &'a RawValue,
}

/// The body: the message with its alert, or the formatter's raw payload as it is.
pub(super) fn body(outgoing: &Outgoing, identified: &Identified) -> Result<Vec<u8>, ChannelError> {
    let message = match payload(outgoing, KIND)? {
        Payload::Raw(json) => return Ok(json.get().as_bytes().to_vec()),
        Payload::Rich(message) => message,
    };
    let limits = Limits::of(&WEBHOOK);
    let rows = render::cut(render::rows(message), limits, render::plain_size);
    let mut lines: Vec<String> = rows
        .iter()
        .map(|row| render::plain(std::slice::from_ref(row)))
        .collect();
    let text = lines.join("\n");
    let title = if message.title.is_empty() || lines.is_empty() {
        String::new()
    } else {
        lines.remove(0)
    };
    let alert: &RawValue =
        serde_json::from_str(&outgoing.alert_json).map_err(|error| not_json(&error))?;
    serde_json::to_vec(&Body {
        identity: &identified.identity,
        revision: identified.revision,
        kind: outgoing.kind.as_str(),
        text: &text,
        title: &title,
        lines: &lines,
        alert,
    })
    .map_err(|error| not_json(&error))
}

/// Lower-case hex of HMAC-SHA256 over the timestamp, a full stop and the body.
pub(super) fn signature(secret: &str, timestamp: &str, body: &[u8]) -> Option<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).ok()?;
    mac.update(timestamp.as_bytes());
    mac.update(b".");
    mac.update(body);
    Some(hex::encode(mac.finalize().into_bytes()))
}

/// A key as a header may carry it: anything but visible ASCII is percent-encoded, and the per cent
/// sign with it, so that two keys never become one.
pub(super) fn header_key(key: &str) -> String {
    let mut header = String::with_capacity(key.len());
    for byte in key.bytes() {
        match byte {
            b'%' | 0..=0x20 | 0x7f.. => header.push_str(&format!("%{byte:02X}")),
            visible => header.push(char::from(visible)),
        }
    }
    header
}
