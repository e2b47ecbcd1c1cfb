//! `limit-fill`: the default formatter, in the layout that users of the first bot know.
//!
//! It speaks for every kind of alert, so that a channel needs no second formatter.

use fillsync_plugin::alert::Event;
use fillsync_plugin::formatter::{FormatterError, Rendered, Target};
use fillsync_plugin::{Card, Formatter, NoSettings, Remarks};
use fillsync_words::words;

struct LimitFill;

impl Formatter for LimitFill {
    type Settings = NoSettings;

    fn card() -> Card {
        Card {
            name: "limit-fill",
            version: env!("CARGO_PKG_VERSION"),
            summary: "Counts of filled limit orders, with the account's own beside a synchronised one.",
            ..Card::default()
        }
    }

    fn configure(_settings: NoSettings, _remarks: &mut Remarks) -> Self {
        Self
    }

    fn format(&self, event: &Event, _target: &Target) -> Result<Rendered, FormatterError> {
        Ok(words(event).rendered())
    }
}

fillsync_plugin::export_formatter!(LimitFill);
