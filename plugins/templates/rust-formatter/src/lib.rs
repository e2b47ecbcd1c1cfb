//! `my-plugin`: a fill in two lines.
//!
//! A pure function of the alert and the target: the same alert must have the same message. What it
//! does not speak for is left to the host's plain text, so no alert is lost.

use fillsync_plugin::alert::{Body, Event};
use fillsync_plugin::formatter::{FormatterError, Rendered, RichMessage, Span, Target};
use fillsync_plugin::{Card, Formatter, Remarks};
use serde::Deserialize;

/// What the operator may set, as `SCHEMA` describes it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Settings {
    prefix: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            prefix: "🔔".to_owned(),
        }
    }
}

const SCHEMA: &str = r#"{
  "type": "object",
  "additionalProperties": false,
  "properties": {
    "prefix": {
      "description": "What every message begins with.",
      "type": "string",
      "default": "🔔"
    }
  }
}"#;

struct Plugin {
    settings: Settings,
}

impl Formatter for Plugin {
    type Settings = Settings;

    fn card() -> Card {
        Card {
            name: "my-plugin",
            version: env!("CARGO_PKG_VERSION"),
            summary: "A fill in two lines.",
            settings_schema: SCHEMA,
            ..Card::default()
        }
    }

    fn configure(settings: Settings, remarks: &mut Remarks) -> Self {
        if settings.prefix.chars().count() > 20 {
            remarks.error(
                "/prefix",
                "it has more than 20 characters; a prefix is a word or a sign",
            );
        }
        Self { settings }
    }

    fn format(&self, event: &Event, _target: &Target) -> Result<Rendered, FormatterError> {
        let Body::Fill(fill) = &event.body else {
            return Err(FormatterError::Unsupported(
                "it speaks for fills only".to_owned(),
            ));
        };
        let symbol = event.symbol.as_deref().unwrap_or("?");
        let account = event.account.as_ref().map_or("?", |account| &account.name);
        let title = vec![
            Span::Text(format!("{} ", self.settings.prefix)),
            Span::Bold(format!("{symbol} L{} filled", fill.slot)),
            Span::Text(format!(" ({account})")),
        ];
        let mut counts = format!("{} of {} orders filled", fill.count.shown, fill.count.total);
        let mut lines = Vec::new();
        // A count that is not the account's own is marked, and the account's own stands beside it.
        if fill.count.shown == fill.count.detected {
            lines.push(vec![Span::Text(counts)]);
        } else {
            counts.push_str(" [Synchronized count]");
            lines.push(vec![Span::Text(counts)]);
            lines.push(vec![Span::Text(format!(
                "this account: {}",
                fill.count.detected
            ))]);
        }
        Ok(Rendered::Rich(RichMessage { title, lines }))
    }
}

fillsync_plugin::export_formatter!(Plugin);

#[cfg(test)]
mod tests {
    use super::*;
    use fillsync_plugin::testing::{
        configured_formatter, fill, message, refused_formatter, system,
    };

    #[test]
    fn a_synchronised_count_is_marked_and_the_own_one_stands_below() {
        let plugin: Plugin = configured_formatter("{}");
        let text = message(&plugin, &fill("mirror", 1, 2)).expect("a message");
        assert_eq!(
            text,
            "🔔 GTCUSDT L2 filled (mirror)\n2 of 3 orders filled [Synchronized count]\nthis account: 1"
        );
    }

    #[test]
    fn everything_else_is_left_to_the_host() {
        let plugin: Plugin = configured_formatter("{}");
        let error = message(&plugin, &system("coverage-gap")).expect_err("no message");
        assert!(matches!(error, FormatterError::Unsupported(_)));
    }

    #[test]
    fn a_long_prefix_is_refused_by_name() {
        let json = format!(r#"{{"prefix": "{}"}}"#, "x".repeat(21));
        let remarks = refused_formatter::<Plugin>(&json);
        assert_eq!(remarks[0].path, "/prefix");
    }
}
