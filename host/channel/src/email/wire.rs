//! The form of a letter: subject, text and HTML, and the headers by which letters belong together.

use super::config::{Checked, KIND};
use crate::payload::{Payload, identified, payload};
use crate::render::{self, Limits};
use fillsync_core::limits::EMAIL;
use fillsync_core::message::Line;
use fillsync_core::port::{ChannelError, Outgoing};
use fillsync_core::time::HostTime;
use lettre::Message;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{MultiPart, SinglePart};
use sha2::{Digest as _, Sha256};
use std::time::{Duration, UNIX_EPOCH};

/// The longest subject, in characters: mail programs show some seventy.
const SUBJECT_CHARACTERS_MAX: usize = 200;

/// The letter for an alert.
pub(super) fn letter(
    settings: &Checked,
    outgoing: &Outgoing,
    now: HostTime,
) -> Result<Message, ChannelError> {
    let dead = |what: String| ChannelError::Dead {
        what,
        remedy: "correct the formatter, or choose another in the setting formatter".to_owned(),
    };
    let Payload::Rich(message) = payload(outgoing, KIND)? else {
        return Err(dead("a letter is made of a rich message".to_owned()));
    };
    let rows = render::rows(message);
    let subject = subject(&rows);
    if subject.trim().is_empty() {
        return Err(dead("the formatter made an empty message".to_owned()));
    }
    let limits = Limits::of(&EMAIL);
    let plain = render::plain(&render::cut(rows.clone(), limits, render::plain_size));
    let identified = identified(outgoing)?;
    let id = |key: &str| message_id(key, settings.from.email.domain());
    let own = id(&outgoing.idempotency_key);
    let first = id(&format!("{}#0", root(&identified.identity)));
    let ms = u64::try_from(now.ms()).unwrap_or_default();
    let mut builder = Message::builder()
        .from(settings.from.clone())
        .subject(subject)
        .date(UNIX_EPOCH + Duration::from_millis(ms))
        // Nobody's holiday notice answers a machine (RFC 3834).
        .raw_header(HeaderValue::new(
            HeaderName::new_from_ascii_str("Auto-Submitted"),
            "auto-generated".to_owned(),
        ))
        .raw_header(HeaderValue::new(
            HeaderName::new_from_ascii_str("X-Fillsync-Kind"),
            format!("{}; severity={}", outgoing.kind, outgoing.severity),
        ));
    for receiver in &settings.to {
        builder = builder.to(receiver.clone());
    }
    if own != first {
        builder = builder.in_reply_to(first.clone()).references(first);
    }
    builder = builder.message_id(Some(own));
    let built = if outgoing.as_plain {
        builder.singlepart(SinglePart::plain(plain))
    } else {
        let html = render::html(&render::cut(rows, limits, render::html_size));
        let html = format!(
            "<html><body><p>{}</p></body></html>\n",
            html.replace('\n', "<br>\n")
        );
        builder.multipart(MultiPart::alternative_plain_html(plain, html))
    };
    built.map_err(|error| dead(format!("the letter cannot be made ({error})")))
}

/// The first line.
fn subject(rows: &[Line]) -> String {
    let first = rows
        .iter()
        .map(|row| render::plain(std::slice::from_ref(row)))
        .find(|line| !line.trim().is_empty())
        .unwrap_or_default();
    first.trim().chars().take(SUBJECT_CHARACTERS_MAX).collect()
}

/// The same key has the same id, for ever. What the key says is nobody's business on the way.
fn message_id(key: &str, domain: &str) -> String {
    let digest = hex::encode(Sha256::digest(key.as_bytes()));
    let short = digest.get(..40).unwrap_or(&digest);
    format!("<{short}@{domain}>")
}

/// The identity of the alert that a later one belongs to: a correction to what it corrects, the end of
/// a divergence to the divergence of that slot.
fn root(identity: &str) -> String {
    if let Some(corrected) = identity.strip_prefix("correction/") {
        let corrected = corrected.rsplit_once('/').map_or(corrected, |(of, _)| of);
        return corrected.to_owned();
    }
    // divergence/GROUP/SLOT/ACCOUNT=TRUTH+… and resolved/GROUP/SLOT/ACCOUNT.
    for prefix in ["divergence/", "resolved/"] {
        if let Some(rest) = identity.strip_prefix(prefix) {
            let slot = rest.rsplit_once('/').map_or(rest, |(slot, _)| slot);
            return format!("divergence/{slot}");
        }
    }
    identity.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_belongs_together_has_one_root() {
        assert_eq!(root("fill/desk/x/7"), "fill/desk/x/7");
        assert_eq!(root("correction/fill/desk/x/7/3"), "fill/desk/x/7");
        let slot = root("divergence/desk/slot-2/mirror=lagging");
        assert_eq!(slot, root("resolved/desk/slot-2/mirror"));
        assert_ne!(slot, root("resolved/desk/slot-3/mirror"));
    }
}
