//! `discord-embed`: an alert as one embed of Discord: its colour says how much it matters, what differs
//! stands side by side, and the time is shown in each reader's own time zone.
//!
//! On a channel of another kind it gives the rich message of `limit-fill`, so that one formatter can be
//! named for channels of several kinds. It calls nobody, and what others wrote is no markup.

use fillsync_plugin::alert::{Body, Event, Severity};
use fillsync_plugin::formatter::{FormatterError, RawMessage, Rendered, Target};
use fillsync_plugin::{Card, Formatter, NoSettings, Remarks};
use fillsync_words::{date_time, fitting, leg_parts, limit, parts, place, revision_note, words};
use serde_json::{Value, json};

const GREEN: u32 = 0x2e_b6_7d;
const BLUE: u32 = 0x36_8b_d6;
const YELLOW: u32 = 0xec_b2_2e;
const RED: u32 = 0xe0_1e_5a;
const GREY: u32 = 0x8a_8f_98;

/// What title, footer and fields may take of the sum, so that the rest is the description's.
const AROUND_UNITS_MAX: usize = 1_900;
/// What name and value of one field may take: five of them and more fit beside the description.
const FIELD_NAME_UNITS_MAX: usize = 64;
const FIELD_VALUE_UNITS_MAX: usize = 100;
/// Fields that are shown: what an account's leg takes, so often.
const FIELDS_MAX: usize = 8;

struct DiscordEmbed;

impl Formatter for DiscordEmbed {
    type Settings = NoSettings;

    fn card() -> Card {
        Card {
            name: "discord-embed",
            version: env!("CARGO_PKG_VERSION"),
            summary: "An embed for Discord; the words of limit-fill on other channels.",
            ..Card::default()
        }
    }

    fn configure(_settings: NoSettings, _remarks: &mut Remarks) -> Self {
        Self
    }

    fn format(&self, event: &Event, target: &Target) -> Result<Rendered, FormatterError> {
        let said = words(event);
        if target.kind != "discord" {
            return Ok(said.rendered());
        }
        let of = |part: &str, otherwise: usize| limit(target, part).unwrap_or(otherwise);
        let (title, mut lines) = said.plain_parts();
        let legs = match &event.body {
            Body::Divergence(divergence) | Body::Resolved(divergence) => {
                lines.drain(..1.min(lines.len()));
                leg_parts(divergence)
            }
            _ => Vec::new(),
        };
        lines.splice(0..0, revision_note(event, target));
        let sum = of("embeds-total", 6_000).saturating_sub(AROUND_UNITS_MAX);
        let description =
            parts(&lines, of("embed-description", 4_096).min(sum), 1, escape).concat();
        let mut embed = json!({
            "title": fitting(&title, of("embed-title", 256), escape),
            "color": colour(event),
            "fields": fields(&legs, of("embed-fields", 25).min(FIELDS_MAX)),
            "timestamp": date_time(event.at_us),
        });
        // An empty description or footer is refused, so they are there only where they say something.
        if !description.trim().is_empty() {
            embed["description"] = Value::String(description);
        }
        let place = place(event).join(" · ");
        if !place.is_empty() {
            let text = fitting(&place, of("embed-footer", 2_048).min(200), str::to_owned);
            embed["footer"] = json!({ "text": text });
        }
        let payload = json!({ "embeds": [embed], "allowed_mentions": { "parse": [] } });
        Ok(Rendered::Raw(RawMessage {
            channel_kind: "discord".to_owned(),
            json: payload.to_string(),
        }))
    }
}

fn fields(legs: &[(String, String)], fields_max: usize) -> Vec<Value> {
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
            json!({
                "name": fitting(account, FIELD_NAME_UNITS_MAX, escape),
                "value": fitting(state, FIELD_VALUE_UNITS_MAX, escape),
                "inline": true,
            })
        })
        .collect();
    if !whole {
        let more = format!("{} accounts", legs.len() - shown);
        fields.push(json!({ "name": "… more", "value": more, "inline": true }));
    }
    fields
}

const fn colour(event: &Event) -> u32 {
    match (&event.body, event.severity) {
        (_, Severity::Critical) => RED,
        (Body::Divergence(_), _) | (_, Severity::Warning) => YELLOW,
        (Body::Fill(_) | Body::Progress(_) | Body::Resolved(_), Severity::Info) => GREEN,
        (Body::Exit(_) | Body::Closed(_), Severity::Info) => BLUE,
        (Body::Correction(_), Severity::Info) => YELLOW,
        (Body::Digest(_) | Body::System(_), Severity::Info) => GREY,
    }
}

/// A backslash before everything that Discord could read as markup, a mention or a list.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if matches!(
            character,
            '\\' | '*' | '_' | '~' | '`' | '|' | '<' | '>' | '[' | ']' | '#'
        ) {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

fillsync_plugin::export_formatter!(DiscordEmbed);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_wrote_is_no_markup() {
        assert_eq!(escape("a_b <@1> [x](y)"), "a\\_b \\<@1\\> \\[x\\](y)");
    }

    #[test]
    fn title_footer_and_fields_stay_within_their_share_of_the_sum() {
        let fields = FIELDS_MAX * (FIELD_NAME_UNITS_MAX + FIELD_VALUE_UNITS_MAX);
        assert!(256 + 200 + fields <= AROUND_UNITS_MAX);
    }
}
