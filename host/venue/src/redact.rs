//! What a venue says, made fit for a log, an error or an alert.
//!
//! Venues echo what they were sent: Bybit's answer to a wrong signature quotes the string that was
//! signed, which begins with time stamp and API key. Everything that came from outside passes here
//! before it enters an error (law 16): our keys by their text, long runs by their look, and bounded.

use secrecy::{ExposeSecret, SecretString};

/// The longest text of a venue that is quoted, in characters.
const QUOTED_CHARACTERS_MAX: usize = 240;
/// A run of letters and digits this long is a signature or a secret: ids of orders have dashes, and
/// the shortest secret of the venues spoken here has 36.
const RUN_CHARACTERS_MIN: usize = 36;
const MARK: &str = "[redacted]";

/// Knows what must never be quoted for one account.
#[derive(Debug, Clone)]
pub(crate) struct Redactor {
    secrets: Vec<SecretString>,
}

impl Redactor {
    /// Hides these texts. Empty ones are none.
    pub(crate) fn new(secrets: impl IntoIterator<Item = SecretString>) -> Self {
        Self {
            secrets: secrets
                .into_iter()
                .filter(|secret| !secret.expose_secret().is_empty())
                .collect(),
        }
    }

    /// The text without secrets, on one line, cut.
    pub(crate) fn clean(&self, text: &str) -> String {
        let mut clean = text.to_owned();
        for secret in &self.secrets {
            clean = clean.replace(secret.expose_secret(), MARK);
        }
        let clean = without_origin(&clean);
        let clean = without_runs(&clean);
        let mut line: String = clean
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .take(QUOTED_CHARACTERS_MAX)
            .collect();
        if clean.chars().nth(QUOTED_CHARACTERS_MAX).is_some() {
            line.push('…');
        }
        line
    }

    /// The start of a body that is not what was expected.
    pub(crate) fn body(&self, body: &[u8]) -> String {
        let start = body
            .get(..body.len().min(4 * QUOTED_CHARACTERS_MAX))
            .unwrap_or(body);
        self.clean(&String::from_utf8_lossy(start))
    }
}

/// Bybit's `origin_string[…]` goes as a whole: a key that was mistyped is not in our list.
fn without_origin(text: &str) -> String {
    const OPEN: &str = "origin_string[";
    let Some((before, rest)) = text.split_once(OPEN) else {
        return text.to_owned();
    };
    let after = rest.rsplit_once(']').map_or("", |(_, after)| after);
    format!("{before}{OPEN}{MARK}]{after}")
}

fn without_runs(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut run = String::new();
    for c in text.chars().chain(std::iter::once('\n')) {
        if c.is_ascii_alphanumeric() {
            run.push(c);
            continue;
        }
        clean.push_str(if run.len() >= RUN_CHARACTERS_MIN {
            MARK
        } else {
            &run
        });
        run.clear();
        clean.push(c);
    }
    clean.pop();
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redactor() -> Redactor {
        Redactor::new([
            SecretString::from("TESTKEY0123456789"),
            SecretString::from("short-secret"),
            SecretString::from(""),
        ])
    }

    #[test]
    fn an_echoed_signing_string_goes_as_a_whole() {
        // Bybit quotes the signed string, and it may hold a key that is not the configured one.
        let text = redactor().clean(
            "error sign! origin_string[1682321990138OTHERKEY5000category=linear&cursor=a[b]]",
        );
        assert_eq!(text, "error sign! origin_string[[redacted]]");
    }

    #[test]
    fn our_own_keys_and_long_runs_are_hidden() {
        let signature = "573ef8ffce0b2b27dfcc19abbeb6cc0d90ff51a8ad3293b35d83f68609776d13";
        let text = redactor().clean(&format!(
            "key TESTKEY0123456789, short-secret; sign={signature}"
        ));
        assert_eq!(text, "key [redacted], [redacted]; sign=[redacted]");
    }

    #[test]
    fn ordinary_text_stays_and_is_bounded() {
        let text = "order not found for 001c0b29-5bc9-45c4-bd32-5ba323c997b3";
        assert_eq!(redactor().clean(text), text);
        assert_eq!(redactor().clean("a\r\nb"), "a  b");
        let long = "word ".repeat(200);
        assert_eq!(
            redactor().clean(&long).chars().count(),
            QUOTED_CHARACTERS_MAX + 1
        );
    }
}
