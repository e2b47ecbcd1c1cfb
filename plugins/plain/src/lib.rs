//! `plain`: the same facts as `limit-fill`, without signs that a log or a terminal cannot show.
//!
//! One line for the title, the others below it; letters, digits and punctuation only, so that it
//! reads the same in a mail, a log file and a screen reader.

use fillsync_plugin::alert::Event;
use fillsync_plugin::formatter::{FormatterError, Rendered, Span, Target};
use fillsync_plugin::{Card, Formatter, NoSettings, Remarks};
use fillsync_words::{Words, words};

struct Plain;

impl Formatter for Plain {
    type Settings = NoSettings;

    fn card() -> Card {
        Card {
            name: "plain",
            version: env!("CARGO_PKG_VERSION"),
            summary: "Plain text without pictures.",
            ..Card::default()
        }
    }

    fn configure(_settings: NoSettings, _remarks: &mut Remarks) -> Self {
        Self
    }

    fn format(&self, event: &Event, _target: &Target) -> Result<Rendered, FormatterError> {
        let said = words(event).plain();
        let mut lines = said.lines().map(without_pictures);
        let mut message = Words {
            title: vec![Span::Text(lines.next().unwrap_or_default())],
            lines: Vec::new(),
        };
        for line in lines {
            message.line(line);
        }
        Ok(message.rendered())
    }
}

/// Drops pictures with the space behind them, and keeps letters of every script.
fn without_pictures(line: &str) -> String {
    let kept: String = line
        .replace('→', "->")
        .replace('·', "|")
        .chars()
        .filter(|c| !is_picture(*c))
        .collect();
    if line.starts_with(is_picture) {
        kept.trim_start().to_owned()
    } else {
        kept
    }
}

/// The blocks of symbols and pictures that the words use.
const fn is_picture(c: char) -> bool {
    matches!(c, '\u{2100}'..='\u{2BFF}' | '\u{FE0F}' | '\u{1F000}'..='\u{1FAFF}')
}

fillsync_plugin::export_formatter!(Plain);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_go_and_words_stay() {
        assert_eq!(
            without_pictures("📈 GTCUSDT Sell (MIRROR)"),
            "GTCUSDT Sell (MIRROR)"
        );
        assert_eq!(
            without_pictures("⚠️ ACCOUNTS DIVERGED  GTCUSDT"),
            "ACCOUNTS DIVERGED  GTCUSDT"
        );
        assert_eq!(
            without_pictures("   this account: 1 seen"),
            "   this account: 1 seen"
        );
        assert_eq!(
            without_pictures("MAIN filled · größer → neu"),
            "MAIN filled | größer -> neu"
        );
    }
}
