//! Raw payloads: what a formatter made for one kind of channel, held against that receiver's rules.
//!
//! Promises: what passes is within the receiver's own limits, so that it is not refused for its
//! length; and it can do nothing but say something: it calls nobody (`@everyone`, `<!channel>`), goes
//! nowhere else (`channel`, `chat_id`), speaks in nobody's name (`username`), and makes no reader's
//! machine fetch an address (images). Only keys that are known here pass, so that a receiver's next
//! ability is refused until somebody has thought about it. Deliberately absent: repairs. A payload
//! that does not pass is not sent; the host's own words are.

use crate::limits::{DISCORD, MessageLimits, NTFY, RAW_BYTES_MAX, SLACK, TELEGRAM};
use serde_json::{Map, Value};

/// Why a payload may not be sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("its payload for {kind}: {} {what}", if path.is_empty() { "as a whole" } else { path })]
pub struct RawFault {
    /// The kind of channel.
    pub kind: String,
    /// JSON Pointer to the part; "" is the whole.
    pub path: String,
    /// What is wrong with it, and what would be right.
    pub what: String,
}

/// What is wrong, and where below the part that was looked at.
type Checked = Result<(), (String, String)>;
type Object = Map<String, Value>;

/// Holds a payload against the rules of its kind of channel, and gives back what may be sent: where
/// there are rules, each key once, because a receiver may read another of two than was looked at.
///
/// # Errors
/// Names the part by its JSON Pointer, what is wrong with it and what would be right.
pub fn checked(kind: &str, json: &str) -> Result<String, RawFault> {
    let fault = |path: String, what: String| RawFault {
        kind: kind.chars().take(32).collect(),
        path,
        what,
    };
    if json.len() > RAW_BYTES_MAX {
        let what = format!("has {} bytes; at most {RAW_BYTES_MAX}", json.len());
        return Err(fault(String::new(), what));
    }
    let value: Value = serde_json::from_str(json)
        .map_err(|error| fault(String::new(), format!("is not JSON: {error}")))?;
    let checked = match kind {
        "slack" => object(&value).and_then(slack),
        "discord" => object(&value).and_then(discord),
        "telegram" => object(&value).and_then(telegram),
        "ntfy" => object(&value).and_then(ntfy),
        "webhook" | "stdout" => return Ok(json.to_owned()),
        "email" => Err(here(
            "cannot be sent: a letter is made of a rich message, so return that",
        )),
        _ => Err(here("is for a kind of channel that there is not")),
    };
    checked
        .map(|()| value.to_string())
        .map_err(|(path, what)| fault(path, what))
}

fn here(what: impl Into<String>) -> (String, String) {
    (String::new(), what.into())
}

/// Puts a key or an index before the path of a fault.
fn at(key: impl std::fmt::Display, checked: Checked) -> Checked {
    checked.map_err(|(path, what)| (format!("/{key}{path}"), what))
}

fn object(value: &Value) -> Result<&Object, (String, String)> {
    value
        .as_object()
        .ok_or_else(|| here("is not a JSON object"))
}

/// Every key must be among the known ones; `why` says what the others could do.
fn only(object: &Object, known: &[&str], why: &str) -> Checked {
    match object.keys().find(|key| !known.contains(&key.as_str())) {
        None => Ok(()),
        Some(key) => {
            let key: String = key.chars().take(64).collect();
            let known = known.join(", ");
            at(
                key,
                Err(here(format!("is not allowed{why}; allowed are {known}"))),
            )
        }
    }
}

/// A text of at most so many UTF-16 units; absent is fine.
fn text<'a>(object: &'a Object, key: &str, max: usize) -> Result<&'a str, (String, String)> {
    let Some(value) = object.get(key) else {
        return Ok("");
    };
    let fault = |what: String| Err((format!("/{key}"), what));
    let Some(text) = value.as_str() else {
        return fault("is not a text".to_owned());
    };
    let units = units(text);
    if units > max {
        return fault(format!("has {units} characters; at most {max}"));
    }
    Ok(text)
}

fn needed<'a>(object: &'a Object, key: &str, max: usize) -> Result<&'a str, (String, String)> {
    match text(object, key, max)? {
        blank if blank.trim().is_empty() => Err((
            format!("/{key}"),
            "is needed and must not be empty".to_owned(),
        )),
        text => Ok(text),
    }
}

/// UTF-16 units.
fn units(text: &str) -> usize {
    text.chars().map(char::len_utf16).sum()
}

fn list<'a>(object: &'a Object, key: &str, max: usize) -> Result<&'a [Value], (String, String)> {
    let fault = |what: String| Err((format!("/{key}"), what));
    match object.get(key) {
        None => Ok(&[]),
        Some(Value::Array(items)) if items.len() <= max => Ok(items),
        Some(Value::Array(items)) => fault(format!("has {} items; at most {max}", items.len())),
        Some(_) => fault("is not a list".to_owned()),
    }
}

fn each(key: &str, items: &[Value], check: impl Fn(&Object) -> Checked) -> Checked {
    for (index, item) in items.iter().enumerate() {
        at(key, at(index, object(item).and_then(&check)))?;
    }
    Ok(())
}

fn must_be(object: &Object, key: &str, wanted: &Value) -> Checked {
    match object.get(key) {
        None => Ok(()),
        Some(value) if value == wanted => Ok(()),
        Some(_) => at(key, Err(here(format!("may only be {wanted}")))),
    }
}

/// An address that a reader may choose to follow.
fn address(object: &Object, key: &str) -> Checked {
    let address = text(object, key, 2_048)?;
    if object.contains_key(key)
        && !address.starts_with("https://")
        && !address.starts_with("http://")
    {
        return at(key, Err(here("is neither http nor https")));
    }
    Ok(())
}

const ELSEWHERE: &str = " (it could call people, speak in another name, go elsewhere, or fetch \
     something)";

/// `text` for the notification, and blocks that only say something.
fn slack(payload: &Object) -> Checked {
    only(
        payload,
        &["text", "blocks", "mrkdwn", "unfurl_links", "unfurl_media"],
        ELSEWHERE,
    )?;
    at(
        "text",
        slack_words(needed(payload, "text", SLACK.raw_max("text"))?),
    )?;
    must_be(payload, "unfurl_links", &Value::Bool(false))?;
    must_be(payload, "unfurl_media", &Value::Bool(false))?;
    let blocks = list(payload, "blocks", SLACK.raw_max("blocks"))?;
    each("blocks", blocks, slack_block)
}

fn slack_block(block: &Object) -> Checked {
    let kind = text(block, "type", 32)?;
    let of_text = |max: usize| match block.get("text") {
        None => Err(("/text".to_owned(), "is needed".to_owned())),
        Some(value) => at("text", object(value).and_then(|text| slack_text(text, max))),
    };
    match kind {
        "divider" => only(block, &["type", "block_id"], ""),
        "header" => {
            only(block, &["type", "block_id", "text"], "")?;
            of_text(SLACK.raw_max("header-text"))
        }
        "section" => {
            only(
                block,
                &["type", "block_id", "text", "fields", "expand"],
                ELSEWHERE,
            )?;
            let fields = list(block, "fields", SLACK.raw_max("section-fields"))?;
            if fields.is_empty() || block.contains_key("text") {
                of_text(SLACK.raw_max("block-text"))?;
            }
            each("fields", fields, |field| {
                slack_text(field, SLACK.raw_max("section-field"))
            })
        }
        "context" => {
            only(block, &["type", "block_id", "elements"], ELSEWHERE)?;
            let elements = list(block, "elements", SLACK.raw_max("context-elements"))?;
            each("elements", elements, |element| {
                slack_text(element, SLACK.raw_max("block-text"))
            })
        }
        _ => at(
            "type",
            Err(here(
                "is none of header, section, context, divider, which only say something",
            )),
        ),
    }
}

fn slack_text(object: &Object, max: usize) -> Checked {
    only(object, &["type", "text", "emoji", "verbatim"], ELSEWHERE)?;
    match object.get("type").and_then(Value::as_str) {
        Some("plain_text" | "mrkdwn") => {}
        _ => return at("type", Err(here("is neither plain_text nor mrkdwn"))),
    }
    at("text", slack_words(needed(object, "text", max)?))
}

/// No mention: a formatter that shows what others wrote must write `<` as `&lt;`. A date is fine.
fn slack_words(text: &str) -> Checked {
    let calls = text.match_indices('<').any(|(start, _)| {
        let rest = text.get(start + 1..).unwrap_or_default();
        rest.starts_with('@') || rest.starts_with('!') && !rest.starts_with("!date^")
    });
    if calls {
        return Err(here(
            "calls people (<@…>, <!…>), which alerts never do; write < as &lt;",
        ));
    }
    Ok(())
}

/// `content` and embeds without pictures. Nobody is called, whatever the text says.
fn discord(payload: &Object) -> Checked {
    only(
        payload,
        &["content", "embeds", "allowed_mentions", "flags"],
        ELSEWHERE,
    )?;
    let nobody = serde_json::json!({ "parse": [] });
    if payload.get("allowed_mentions") != Some(&nobody) {
        let what = format!("must be {nobody}, so that no text can call people");
        return at("allowed_mentions", Err(here(what)));
    }
    // Without previews, without a sound, or both.
    match payload.get("flags").map(Value::as_u64) {
        None | Some(Some(0 | 4 | 4096 | 4100)) => {}
        Some(_) => {
            return at(
                "flags",
                Err(here("may only be 4 (no previews), 4096 (silent) or both")),
            );
        }
    }
    let content = text(payload, "content", DISCORD.raw_max("content"))?;
    let embeds = list(payload, "embeds", DISCORD.raw_max("embeds"))?;
    if content.trim().is_empty() && embeds.is_empty() {
        return Err(here("says nothing: it has neither content nor embeds"));
    }
    each("embeds", embeds, discord_embed)?;
    let total: usize = embeds
        .iter()
        .filter_map(Value::as_object)
        .map(embed_units)
        .sum();
    let max = DISCORD.raw_max("embeds-total");
    if total > max {
        let what = format!("have {total} characters in all; at most {max}");
        return at("embeds", Err(here(what)));
    }
    Ok(())
}

fn discord_embed(embed: &Object) -> Checked {
    only(
        embed,
        &[
            "title",
            "type",
            "description",
            "url",
            "timestamp",
            "color",
            "footer",
            "author",
            "fields",
        ],
        ELSEWHERE,
    )?;
    let max = |part: &str| DISCORD.raw_max(part);
    must_be(embed, "type", &Value::String("rich".to_owned()))?;
    text(embed, "title", max("embed-title"))?;
    text(embed, "description", max("embed-description"))?;
    text(embed, "timestamp", 64)?;
    address(embed, "url")?;
    if let Some(colour) = embed.get("color")
        && colour.as_u64().is_none_or(|colour| colour > 0x00ff_ffff)
    {
        return at("color", Err(here("is not a number from 0 to 16777215")));
    }
    if let Some(footer) = embed.get("footer") {
        at(
            "footer",
            object(footer).and_then(|footer| {
                only(footer, &["text"], ELSEWHERE)?;
                needed(footer, "text", max("embed-footer")).map(drop)
            }),
        )?;
    }
    if let Some(author) = embed.get("author") {
        at(
            "author",
            object(author).and_then(|author| {
                only(author, &["name", "url"], ELSEWHERE)?;
                address(author, "url")?;
                needed(author, "name", max("embed-author")).map(drop)
            }),
        )?;
    }
    let fields = list(embed, "fields", max("embed-fields"))?;
    each("fields", fields, |field| {
        only(field, &["name", "value", "inline"], "")?;
        needed(field, "name", max("embed-field-name"))?;
        needed(field, "value", max("embed-field-value")).map(drop)
    })
}

/// What Discord sums over all embeds of a message.
fn embed_units(embed: &Object) -> usize {
    let own = |object: &Object, keys: &[&str]| -> usize {
        keys.iter()
            .filter_map(|key| object.get(*key)?.as_str())
            .map(units)
            .sum()
    };
    let below = |key: &str, inner: &str| {
        embed
            .get(key)
            .and_then(Value::as_object)
            .map_or(0, |object| own(object, &[inner]))
    };
    let fields: usize = embed
        .get("fields")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_object)
        .map(|field| own(field, &["name", "value"]))
        .sum();
    own(embed, &["title", "description"])
        + below("footer", "text")
        + below("author", "name")
        + fields
}

/// The fields of `sendMessage` that only say something; the channel adds where it goes.
fn telegram(payload: &Object) -> Checked {
    only(
        payload,
        &[
            "text",
            "parse_mode",
            "entities",
            "link_preview_options",
            "disable_notification",
        ],
        ELSEWHERE,
    )?;
    // With markup in it the text is longer than what is read, and only the receiver can tell.
    let bytes = usize::try_from(TELEGRAM.bytes_max).unwrap_or(usize::MAX);
    let plain = TELEGRAM.raw_max("text");
    let max = if payload.contains_key("parse_mode") {
        bytes
    } else {
        plain
    };
    let words = needed(payload, "text", max)?;
    if words.len() > bytes {
        let what = format!("has {} bytes; at most {bytes}", words.len());
        return at("text", Err(here(what)));
    }
    let calls = list(payload, "entities", 100)?
        .iter()
        .any(|entity| entity.get("type").and_then(Value::as_str) == Some("text_mention"));
    if calls || words.contains("tg://user") {
        return Err(here(
            "calls people (text_mention, tg://user), which alerts never do",
        ));
    }
    Ok(())
}

/// A message of ntfy's own JSON; the channel adds the topic.
fn ntfy(payload: &Object) -> Checked {
    only(
        payload,
        &["message", "title", "tags", "priority", "markdown", "click"],
        ELSEWHERE,
    )?;
    let max = NTFY.raw_max("message-bytes");
    let words = needed(payload, "message", max)?;
    if words.len() > max {
        let what = format!("has {} bytes; at most {max}", words.len());
        return at("message", Err(here(what)));
    }
    text(payload, "title", NTFY.raw_max("title"))?;
    address(payload, "click")?;
    for (index, tag) in list(payload, "tags", NTFY.raw_max("tags"))?
        .iter()
        .enumerate()
    {
        if tag.as_str().is_none_or(|tag| tag.len() > 64) {
            return at("tags", at(index, Err(here("is not a short text"))));
        }
    }
    match payload.get("priority").map(Value::as_u64) {
        None | Some(Some(1..=5)) => Ok(()),
        Some(_) => at("priority", Err(here("is not a number from 1 to 5"))),
    }
}

/// Whether this kind of channel takes raw payloads at all.
#[must_use]
pub fn is_taken_by(kind: &str) -> bool {
    MessageLimits::of(kind).is_some() && kind != "email"
}

#[cfg(test)]
#[path = "raw_tests.rs"]
mod tests;
