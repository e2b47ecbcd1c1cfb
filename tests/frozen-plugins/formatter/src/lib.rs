//! A formatter that repeats everything it was told, and answers in every way that the contract has.
//!
//! Built once on the day that a version of the contract is frozen, and kept as bytes, as the strategy
//! beside it is.

use fillsync_plugin::alert::Event;
use fillsync_plugin::formatter::{
    FormatterError, Link, RawMessage, Rendered, RichMessage, Span, Target,
};
use fillsync_plugin::{Card, Formatter, Remarks};
use serde::Deserialize;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Answer {
    #[default]
    Rich,
    Raw,
    Unsupported,
    InvalidAlert,
    Internal,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Settings {
    answer: Answer,
}

struct Witness(Answer);

impl Formatter for Witness {
    type Settings = Settings;

    fn card() -> Card {
        Card {
            name: "witness-formatter",
            version: "1.0.0",
            summary: "Repeats everything it was told.",
            settings_schema: r#"{"type":"object","properties":{"answer":{"enum":["rich","raw","unsupported","invalid-alert","internal"]}},"additionalProperties":false}"#,
            attributes: &[("contract", "fillsync:plugin@1.0.0")],
        }
    }

    fn configure(settings: Settings, _remarks: &mut Remarks) -> Self {
        Self(settings.answer)
    }

    fn format(&self, event: &Event, target: &Target) -> Result<Rendered, FormatterError> {
        match self.0 {
            Answer::Rich => Ok(Rendered::Rich(RichMessage {
                title: vec![Span::Bold("witness".to_owned())],
                lines: vec![
                    vec![
                        Span::Text("text".to_owned()),
                        Span::Bold("bold".to_owned()),
                        Span::Code("code".to_owned()),
                        Span::Link(Link {
                            text: "link".to_owned(),
                            url: "https://example.com/".to_owned(),
                        }),
                    ],
                    vec![Span::Text(format!("{event:?}"))],
                    vec![Span::Text(format!("{target:?}"))],
                ],
            })),
            Answer::Raw => Ok(Rendered::Raw(RawMessage {
                channel_kind: target.kind.clone(),
                json: r#"{"text":"raw"}"#.to_owned(),
            })),
            Answer::Unsupported => Err(FormatterError::Unsupported("as asked".to_owned())),
            Answer::InvalidAlert => Err(FormatterError::InvalidAlert("as asked".to_owned())),
            Answer::Internal => Err(FormatterError::Internal("as asked".to_owned())),
        }
    }
}

fillsync_plugin::export_formatter!(Witness);
