//! `slack-blocks`: an alert as blocks of Slack: a header, the lines, what differs side by side, and
//! when it happened in each reader's own time zone.
//!
//! On a channel of another kind it gives the rich message of `limit-fill`, so that one formatter can be
//! named for channels of several kinds. It calls nobody: whatever a venue or a strategy wrote is
//! escaped, and the host refuses a payload with a mention.

use fillsync_plugin::alert::{Body, Event};
use fillsync_plugin::formatter::{FormatterError, RawMessage, Rendered, Target};
use fillsync_plugin::{Card, Formatter, NoSettings, Remarks};
use fillsync_words::{clock, fitting, leg_parts, limit, parts, place, revision_note, words};
use serde_json::{Value, json};

/// Blocks that are kept for header, fields and context.
const BLOCKS_AROUND: usize = 4;

struct SlackBlocks;

impl Formatter for SlackBlocks {
    type Settings = NoSettings;

    fn card() -> Card {
        Card {
            name: "slack-blocks",
            version: env!("CARGO_PKG_VERSION"),
            summary: "Blocks for Slack; the words of limit-fill on other channels.",
            ..Card::default()
        }
    }

    fn configure(_settings: NoSettings, _remarks: &mut Remarks) -> Self {
        Self
    }

    fn format(&self, event: &Event, target: &Target) -> Result<Rendered, FormatterError> {
        let said = words(event);
        if target.kind != "slack" {
            return Ok(said.rendered());
        }
        let of = |part: &str, otherwise: usize| limit(target, part).unwrap_or(otherwise);
        let (title, mut lines) = said.plain_parts();
        let legs = match &event.body {
            Body::Divergence(divergence) | Body::Resolved(divergence) => {
                // The first line is the legs, which stand side by side below.
                lines.drain(..1.min(lines.len()));
                leg_parts(divergence)
            }
            _ => Vec::new(),
        };
        lines.splice(0..0, revision_note(event, target));
        let mut blocks = vec![json!({
            "type": "header",
            "text": { "type": "plain_text", "emoji": true, "text": fitting(&title, of("header-text", 150), unmarked) },
        })];
        let sections = of("blocks", 50).saturating_sub(BLOCKS_AROUND);
        for part in parts(&lines, of("block-text", 3_000), sections, escape) {
            blocks.push(json!({ "type": "section", "text": { "type": "mrkdwn", "text": part } }));
        }
        if !legs.is_empty() {
            blocks.push(fields(
                &legs,
                of("section-fields", 10),
                of("section-field", 2_000),
            ));
        }
        blocks.push(json!({ "type": "context", "elements": [{ "type": "mrkdwn", "text": context(event) }] }));
        let text = parts(
            &[title].into_iter().chain(lines).collect::<Vec<_>>(),
            of("text", 4_000).min(4_000),
            1,
            escape,
        );
        let payload = json!({
            "text": text.concat(),
            "blocks": blocks,
            "unfurl_links": false,
            "unfurl_media": false,
        });
        Ok(Rendered::Raw(RawMessage {
            channel_kind: "slack".to_owned(),
            json: payload.to_string(),
        }))
    }
}

/// One field for each account, the last of them a count where there are more.
fn fields(legs: &[(String, String)], fields_max: usize, units_max: usize) -> Value {
    let whole = legs.len() <= fields_max;
    let shown = if whole {
        legs.len()
    } else {
        fields_max.saturating_sub(1)
    };
    let mut fields: Vec<Value> = legs
        .iter()
        .take(shown)
        .map(|(account, state)| {
            let name = fitting(account, 200, escape);
            let state = fitting(state, units_max.saturating_sub(204), escape);
            json!({ "type": "mrkdwn", "text": format!("*{name}*\n{state}") })
        })
        .collect();
    if !whole {
        let text = format!("… {} more accounts", legs.len() - shown);
        fields.push(json!({ "type": "mrkdwn", "text": text }));
    }
    json!({ "type": "section", "fields": fields })
}

/// "desk · GTCUSDT · cycle 12 · 12:00:00Z", the time as each reader's own clock shows it.
fn context(event: &Event) -> String {
    let seconds = event.at_us.div_euclid(1_000_000).max(0);
    let time = format!(
        "<!date^{seconds}^{{date_num}} {{time_secs}}|{}>",
        clock(event.at_us)
    );
    let mut context: Vec<String> = place(event)
        .iter()
        .map(|word| fitting(word, 200, escape))
        .collect();
    context.push(time);
    context.join(" · ")
}

/// A header has no markup and no escapes: what could be read as a mention elsewhere gets other brackets.
fn unmarked(text: &str) -> String {
    text.replace('<', "‹").replace('>', "›")
}

/// Slack's three characters, and a word joiner behind what would start markup: there is no escape for it.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '*' | '_' | '~' | '`' => {
                escaped.push('\u{2060}');
                escaped.push(character);
                escaped.push('\u{2060}');
            }
            other => escaped.push(other),
        }
    }
    escaped
}

fillsync_plugin::export_formatter!(SlackBlocks);

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_others_wrote_is_neither_markup_nor_a_mention() {
        assert_eq!(escape("<!channel> & co"), "&lt;!channel&gt; &amp; co");
        assert!(!escape("*bold*").contains("*b"));
    }

    #[test]
    fn more_accounts_than_fields_are_counted() {
        let legs: Vec<(String, String)> = (0..12)
            .map(|n| (format!("MIRROR {n}"), "still open".to_owned()))
            .collect();
        let fields = fields(&legs, 10, 2_000);
        let fields = fields["fields"].as_array().unwrap();
        assert_eq!(fields.len(), 10);
        assert_eq!(fields[9]["text"], "… 3 more accounts");
    }
}
