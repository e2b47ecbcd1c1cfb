//! Telegram's HTML, checked as Telegram checks it.
//!
//! Promise: what Telegram refuses is refused here with the same words (unknown tags, unclosed tags, crossed tags), and
//! what it accepts yields the same plain text and entities with offsets in UTF-16 units. As there, an unknown `&name;`
//! is kept as text and is no error. Deliberately absent: MarkdownV2.

use serde_json::{Value, json};

/// A text after its markup was read.
#[derive(Clone, Debug, PartialEq)]
pub struct PlainText {
    /// The text without tags, entities decoded.
    pub text: String,
    /// Telegram's `MessageEntity` objects, by offset.
    pub entities: Vec<Value>,
}

/// Why markup was refused, in Telegram's words without the prefix `Bad Request: can't parse entities: `.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct MarkupError(pub String);

struct OpenTag {
    name: String,
    offset: usize,
    argument: String,
}

struct Reader<'a> {
    source: &'a str,
    at: usize,
    text: String,
    text_units: usize,
    open: Vec<OpenTag>,
    entities: Vec<(usize, usize, Value)>,
}

/// Reads Telegram's HTML.
///
/// # Errors
/// Tags Telegram does not know, tags that are not closed, or closed in the wrong order.
pub fn parse_html(source: &str) -> Result<PlainText, MarkupError> {
    let mut reader = Reader {
        source,
        at: 0,
        text: String::new(),
        text_units: 0,
        open: Vec::new(),
        entities: Vec::new(),
    };
    while let Some(character) = reader.peek() {
        match character {
            '&' => match entity(reader.rest()) {
                Some((decoded, length)) => {
                    reader.push(decoded);
                    reader.at += length;
                }
                None => reader.take(),
            },
            '<' if reader.rest().starts_with("</") => reader.end_tag()?,
            '<' => reader.start_tag()?,
            _ => reader.take(),
        }
    }
    if let Some(tag) = reader.open.last() {
        return Err(MarkupError(format!(
            "Can't find end tag corresponding to start tag \"{}\"",
            tag.name
        )));
    }
    reader
        .entities
        .sort_by_key(|(offset, length, _)| (*offset, std::cmp::Reverse(*length)));
    Ok(PlainText {
        text: reader.text,
        entities: reader
            .entities
            .into_iter()
            .map(|(.., entity)| entity)
            .collect(),
    })
}

impl Reader<'_> {
    fn rest(&self) -> &str {
        self.source.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn push(&mut self, character: char) {
        self.text.push(character);
        self.text_units += character.len_utf16();
    }

    fn take(&mut self) {
        if let Some(character) = self.peek() {
            self.push(character);
            self.at += character.len_utf8();
        }
    }

    fn start_tag(&mut self) -> Result<(), MarkupError> {
        let begin = self.at;
        let Some(end) = self.rest().find('>') else {
            return Err(MarkupError(format!(
                "Unclosed start tag at byte offset {begin}"
            )));
        };
        let inner = self.rest().get(1..end).unwrap_or_default().to_owned();
        let (name, attributes) = inner
            .split_once(char::is_whitespace)
            .unwrap_or((&inner, ""));
        let name = name.to_ascii_lowercase();
        let argument = match name.as_str() {
            "b" | "strong" | "i" | "em" | "u" | "ins" | "s" | "strike" | "del" | "tg-spoiler"
            | "pre" => String::new(),
            "blockquote" => if attributes.contains("expandable") {
                "expandable"
            } else {
                ""
            }
            .to_owned(),
            "a" => attribute(attributes, "href").unwrap_or_default(),
            "code" => attribute(attributes, "class").unwrap_or_default(),
            "tg-emoji" => attribute(attributes, "emoji-id").unwrap_or_default(),
            "span" if attribute(attributes, "class").as_deref() == Some("tg-spoiler") => {
                String::new()
            }
            "span" => {
                return Err(MarkupError(format!(
                    "Tag \"span\" must have class \"tg-spoiler\" at byte offset {begin}"
                )));
            }
            unknown => {
                return Err(MarkupError(format!(
                    "Unsupported start tag \"{unknown}\" at byte offset {begin}"
                )));
            }
        };
        self.open.push(OpenTag {
            name,
            offset: self.text_units,
            argument,
        });
        self.at += end + 1;
        Ok(())
    }

    fn end_tag(&mut self) -> Result<(), MarkupError> {
        let begin = self.at;
        let Some(end) = self.rest().find('>') else {
            return Err(MarkupError(format!(
                "Unclosed end tag at byte offset {begin}"
            )));
        };
        let name = self
            .rest()
            .get(2..end)
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase();
        let Some(tag) = self.open.pop() else {
            return Err(MarkupError(format!(
                "Unexpected end tag at byte offset {begin}"
            )));
        };
        if !name.is_empty() && name != tag.name {
            return Err(MarkupError(format!(
                "Unmatched end tag at byte offset {begin}, expected \"</{}>\", found \"</{name}>\"",
                tag.name
            )));
        }
        self.at += end + 1;
        let length = self.text_units - tag.offset;
        if length > 0 {
            self.close(&tag, length);
        }
        Ok(())
    }

    fn close(&mut self, tag: &OpenTag, length: usize) {
        let mut entity = json!({ "offset": tag.offset, "length": length });
        let kind = match tag.name.as_str() {
            "b" | "strong" => "bold",
            "i" | "em" => "italic",
            "u" | "ins" => "underline",
            "s" | "strike" | "del" => "strikethrough",
            "span" | "tg-spoiler" => "spoiler",
            "blockquote" if tag.argument.is_empty() => "blockquote",
            "blockquote" => "expandable_blockquote",
            "tg-emoji" => "custom_emoji",
            "pre" => "pre",
            "code" => "code",
            // A link without a target is its own text, as in Telegram.
            _ if tag.argument.is_empty() => return,
            _ => "text_link",
        };
        let extra = match kind {
            "text_link" => Some(("url", tag.argument.clone())),
            "custom_emoji" => Some(("custom_emoji_id", tag.argument.clone())),
            _ => None,
        };
        if let Value::Object(fields) = &mut entity {
            fields.insert("type".to_owned(), kind.into());
            if let Some((key, value)) = extra {
                fields.insert(key.to_owned(), value.into());
            }
        }
        self.entities.push((tag.offset, length, entity));
    }
}

/// The decoded character of `&…;` at the start of a text, with the bytes it takes.
fn entity(text: &str) -> Option<(char, usize)> {
    let named = [
        ("&lt;", '<'),
        ("&gt;", '>'),
        ("&amp;", '&'),
        ("&quot;", '"'),
    ];
    if let Some((name, character)) = named.iter().find(|(name, _)| text.starts_with(name)) {
        return Some((*character, name.len()));
    }
    let digits = text.strip_prefix("&#")?;
    let end = digits.find(';')?;
    let number = digits.get(..end)?;
    let code = match number.strip_prefix(['x', 'X']) {
        Some(hexadecimal) => u32::from_str_radix(hexadecimal, 16).ok()?,
        None => number.parse().ok()?,
    };
    Some((char::from_u32(code).filter(|_| code != 0)?, end + 3))
}

/// The value of an attribute, quoted or not, entities decoded.
fn attribute(attributes: &str, name: &str) -> Option<String> {
    let mut rest = attributes.trim_start();
    while let Some((key, after)) = rest.split_once('=') {
        let after = after.trim_start();
        let (value, next) = match after.chars().next() {
            Some(quote @ ('"' | '\'')) => after.get(1..)?.split_once(quote)?,
            _ => after.split_once(char::is_whitespace).unwrap_or((after, "")),
        };
        if key.trim().eq_ignore_ascii_case(name) {
            return Some(decode_entities(value));
        }
        rest = next.trim_start();
    }
    None
}

fn decode_entities(text: &str) -> String {
    let mut decoded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        let (decoded_character, length) = entity(rest)
            .filter(|_| character == '&')
            .unwrap_or((character, character.len_utf8()));
        decoded.push(decoded_character);
        rest = rest.get(length..).unwrap_or_default();
    }
    decoded
}
