//! The form of a message on standard output: its lines, then one blank line.

use super::config::KIND;
use crate::payload::{Payload, payload};
use crate::render::{self, Limits};
use fillsync_core::limits::STDOUT;
use fillsync_core::port::{ChannelError, Outgoing};

/// The bytes of a message, the blank line included.
pub(super) fn message(outgoing: &Outgoing) -> Result<Vec<u8>, ChannelError> {
    let mut text = match payload(outgoing, KIND)? {
        Payload::Rich(message) => {
            let limits = Limits::of(&STDOUT);
            render::plain(&render::cut(
                render::rows(message),
                limits,
                render::plain_size,
            ))
        }
        // Checked to be JSON, in which control characters are escaped: it cannot move a cursor.
        Payload::Raw(json) => json.get().trim().to_owned(),
    };
    text.push_str("\n\n");
    Ok(text.into_bytes())
}
