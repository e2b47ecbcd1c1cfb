//! A formatter that misbehaves as its settings say, when the alert's group is "trouble".
#![allow(clippy::panic, reason = "misbehaving is what it is for")]

use fillsync_plugin::alert::Event;
use fillsync_plugin::formatter::{
    FormatterError, Link, RawMessage, Rendered, RichMessage, Span, Target,
};
use fillsync_plugin::{Card, Formatter, Remarks};
use serde::Deserialize;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Deed {
    #[default]
    Behave,
    Empty,
    ManyLines,
    LongLine,
    BadLink,
    RawElsewhere,
    RawNonsense,
    RawRight,
    Unsupported,
    Panic,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Settings {
    deed: Deed,
}

struct Hostile(Deed);

impl Formatter for Hostile {
    type Settings = Settings;

    fn card() -> Card {
        Card {
            name: "hostile-formatter",
            version: env!("CARGO_PKG_VERSION"),
            summary: "Misbehaves.",
            settings_schema: r#"{"type":"object","properties":{"deed":{"type":"string"}}}"#,
            ..Card::default()
        }
    }

    fn configure(settings: Settings, _remarks: &mut Remarks) -> Self {
        Self(settings.deed)
    }

    fn format(&self, event: &Event, target: &Target) -> Result<Rendered, FormatterError> {
        let rich = |lines: Vec<Vec<Span>>| {
            Ok(Rendered::Rich(RichMessage {
                title: Vec::new(),
                lines,
            }))
        };
        let text = |text: &str| vec![Span::Text(text.to_owned())];
        if event.group.as_deref() != Some("trouble") {
            return rich(vec![text(&format!(
                "{} for {}",
                event.identity, target.channel
            ))]);
        }
        let raw = |kind: &str, json: &str| {
            Ok(Rendered::Raw(RawMessage {
                channel_kind: kind.to_owned(),
                json: json.to_owned(),
            }))
        };
        match self.0 {
            Deed::Behave => rich(vec![text("fine")]),
            Deed::Empty => rich(vec![text(" "), Vec::new()]),
            Deed::ManyLines => rich(vec![text("line"); 5_000]),
            Deed::LongLine => rich(vec![text(&"x".repeat(100_000))]),
            Deed::BadLink => rich(vec![vec![Span::Link(Link {
                text: "click".to_owned(),
                url: "javascript:alert(1)".to_owned(),
            })]]),
            Deed::RawElsewhere => raw("slack", "{}"),
            Deed::RawNonsense => raw(&target.kind, "{"),
            Deed::RawRight => raw(&target.kind, r#"{"text":"fine"}"#),
            Deed::Unsupported => Err(FormatterError::Unsupported("not this kind".to_owned())),
            Deed::Panic => panic!("I was told to panic"),
        }
    }
}

fillsync_plugin::export_formatter!(Hostile);
