//! A letter as it came, and as it is read: headers unfolded and decoded, the plain text decoded.
//!
//! Written from RFC 5322, 2045 and 2047, not from any library that writes letters.

/// A letter that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// The sender of the envelope.
    pub from: String,
    /// The receivers of the envelope.
    pub to: Vec<String>,
    /// Headers and body, as they came.
    pub raw: String,
    /// Whether it came over an encrypted connection.
    pub is_encrypted: bool,
    /// Who had logged in.
    pub user: Option<String>,
    /// Time of arrival, Unix milliseconds.
    pub at_ms: i64,
}

impl Letter {
    /// A header's value, unfolded and decoded; the first of its name, in whatever case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<String> {
        header(&self.raw, name)
    }

    /// The plain text as it is read.
    #[must_use]
    pub fn text(&self) -> String {
        self.part("text/plain")
    }

    /// The HTML as it is read.
    #[must_use]
    pub fn html(&self) -> String {
        self.part("text/html")
    }

    /// The decoded content of the first part of a type; of the letter itself where it has no parts.
    fn part(&self, content_type: &str) -> String {
        let whole = header(&self.raw, "content-type").unwrap_or_default();
        let boundary = whole.split_once("boundary=").map(|(_, rest)| {
            rest.split(';')
                .next()
                .unwrap_or_default()
                .trim_matches('"')
                .to_owned()
        });
        let Some(boundary) = boundary else {
            return if whole.starts_with(content_type) {
                content(&self.raw)
            } else {
                String::new()
            };
        };
        self.raw
            .split(&format!("--{boundary}"))
            .skip(1)
            .map(|part| part.trim_start_matches("\r\n"))
            .find(|part| {
                header(part, "content-type").is_some_and(|kind| kind.starts_with(content_type))
            })
            .map(content)
            .unwrap_or_default()
    }
}

fn header(raw: &str, name: &str) -> Option<String> {
    let head = raw.split("\r\n\r\n").next().unwrap_or_default();
    let unfolded = head.replace("\r\n ", " ").replace("\r\n\t", " ");
    unfolded.split("\r\n").find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name)
            .then(|| decode_words(value.trim()))
    })
}

fn content(part: &str) -> String {
    let (_, body) = part.split_once("\r\n\r\n").unwrap_or(("", part));
    let encoding = header(part, "content-transfer-encoding").unwrap_or_default();
    let bytes = match encoding.to_ascii_lowercase().as_str() {
        "base64" => decode_base64(body),
        "quoted-printable" => decode_quoted(&body.replace("=\r\n", "")),
        _ => body.as_bytes().to_vec(),
    };
    String::from_utf8_lossy(&bytes)
        .replace("\r\n", "\n")
        .trim_end()
        .to_owned()
}

/// RFC 2047: `=?utf-8?b?…?=` and `=?utf-8?q?…?=`; white space between two such words is none.
fn decode_words(text: &str) -> String {
    let mut decoded = String::new();
    let mut rest = text;
    let mut after_word = false;
    while let Some((before, word)) = rest.split_once("=?") {
        let mut parts = word.splitn(3, '?');
        let (_, way, tail) = (parts.next(), parts.next(), parts.next().unwrap_or_default());
        let Some((code, after)) = tail.split_once("?=") else {
            break;
        };
        if !(after_word && before.trim().is_empty()) {
            decoded.push_str(before);
        }
        let bytes = match way {
            Some("b" | "B") => decode_base64(code),
            _ => decode_quoted(&code.replace('_', " ")),
        };
        decoded.push_str(&String::from_utf8_lossy(&bytes));
        (rest, after_word) = (after, true);
    }
    decoded.push_str(rest);
    decoded
}

pub(super) fn decode_base64(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let (mut bits, mut count) = (0_u32, 0_u32);
    for byte in text.bytes() {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => continue,
        };
        bits = (bits << 6) | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from((bits >> count) & 0xff).unwrap_or_default());
        }
    }
    bytes
}

fn decode_quoted(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let code = after
            .get(..2)
            .and_then(|code| std::str::from_utf8(code).ok());
        match (
            byte,
            code.and_then(|code| u8::from_str_radix(code, 16).ok()),
        ) {
            (b'=', Some(decoded)) => {
                bytes.push(decoded);
                rest = after.get(2..).unwrap_or_default();
            }
            _ => {
                bytes.push(byte);
                rest = after;
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_and_parts_are_decoded() {
        let raw = "Subject: =?utf-8?b?8J+TiiBM?= =?utf-8?q?IMIT=21?=\r\nX-Long: one\r\n two\r\n\
            Content-Type: multipart/alternative; boundary=\"b\"\r\n\r\n--b\r\nContent-Type: text/plain\r\n\
            Content-Transfer-Encoding: quoted-printable\r\n\r\n=E2=9C=85 a long =\r\nline\r\n--b\r\n\
            Content-Type: text/html\r\nContent-Transfer-Encoding: base64\r\n\r\nPGI+\r\n--b--\r\n";
        let letter = Letter {
            from: String::new(),
            to: Vec::new(),
            raw: raw.to_owned(),
            is_encrypted: false,
            user: None,
            at_ms: 0,
        };
        assert_eq!(letter.header("subject").as_deref(), Some("📊 LIMIT!"));
        assert_eq!(letter.header("x-long").as_deref(), Some("one two"));
        assert_eq!(letter.text(), "✅ a long line");
        assert_eq!(letter.html(), "<b>");
    }
}
