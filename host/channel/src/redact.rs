//! What a receiver says, without what may be secret in it.
//!
//! Promise (law 16): a secret that a receiver, a proxy or a library echoes stands in no text that went
//! through [`redacted`]: not whole, and not as the part of an address in which keys stand. Redact
//! first and shorten afterwards: the other way round, half a secret could stand at the cut.

use reqwest::Url;
use secrecy::{ExposeSecret as _, SecretString};

/// A part of an address that is shorter than this is no key, and may be shown.
const KEY_BYTES_MIN: usize = 8;

/// What stands in the place of a secret.
const HIDDEN: &str = "[hidden]";

/// The text without these secrets, and without the address from its path on, as a whole and in each
/// part that is long enough to be a key.
pub(crate) fn redacted<'a>(
    text: &str,
    address: Option<&Url>,
    secrets: impl IntoIterator<Item = &'a SecretString>,
) -> String {
    let path = address.map_or("", Url::path);
    let query = address.and_then(Url::query).unwrap_or_default();
    let parts = path.split('/').chain(query.split(['&', '=']));
    let long = parts.filter(|part| part.len() >= KEY_BYTES_MIN);
    let secrets = secrets.into_iter().map(|secret| secret.expose_secret());
    let mut hidden: Vec<&str> = secrets
        .chain([path, query])
        .chain(long)
        .filter(|part| part.len() > 1)
        .collect();
    // The longest first: a part that stands in another must not break it up before it is found.
    hidden.sort_by_key(|part| std::cmp::Reverse(part.len()));
    hidden
        .into_iter()
        .fold(text.to_owned(), |text, part| text.replace(part, HIDDEN))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn neither_a_secret_nor_a_key_in_an_address_is_left() {
        let url =
            Url::parse("https://example.com/api/webhooks/123456789/AbCdEfGhIj?key=0123456789")
                .unwrap();
        let secret = SecretString::from("AbCdEfGhIj-longer");
        let text =
            "no AbCdEfGhIj-longer at /api/webhooks/123456789/AbCdEfGhIj, AbCdEfGhIj, 0123456789";
        assert_eq!(
            redacted(text, Some(&url), [&secret]),
            "no [hidden] at [hidden], [hidden], [hidden]"
        );
        assert_eq!(redacted("/ is a path", None, []), "/ is a path");
    }
}
