//! `fill-progress`: progress alerts as the first bot's regular alert wrote them, with the filled part.
//!
//! A bar of ten blocks stands under the percentage. Other kinds read as in `limit-fill`. The bar is
//! drawn from the decimal's text: no floats here either.

use fillsync_plugin::alert::{Body, Event};
use fillsync_plugin::formatter::{FormatterError, Rendered, Target};
use fillsync_plugin::{Card, Formatter, NoSettings, Remarks};
use fillsync_words::{Words, count_phrase, detail, headline, words};

struct FillProgress;

impl Formatter for FillProgress {
    type Settings = NoSettings;

    fn card() -> Card {
        Card {
            name: "fill-progress",
            version: env!("CARGO_PKG_VERSION"),
            summary: "How much of the plan is filled, in percent and as a bar.",
            ..Card::default()
        }
    }

    fn configure(_settings: NoSettings, _remarks: &mut Remarks) -> Self {
        Self
    }

    fn format(&self, event: &Event, _target: &Target) -> Result<Rendered, FormatterError> {
        let Body::Progress(progress) = &event.body else {
            return Ok(words(event).rendered());
        };
        let mut message = Words::titled("📊 POSITION FILLED FURTHER");
        message.line(format!("📈 {}", headline(event, Some(progress.side))));
        message.line(format!(
            "{} {}% filled (was {}%)",
            bar(&progress.filled_percent),
            progress.filled_percent,
            progress.previous_percent
        ));
        message.line(format!(
            "{} of {}",
            progress.filled_quantity, progress.planned_quantity
        ));
        message.line(format!("✅ {}", count_phrase(&progress.count)));
        message.maybe(detail(&progress.count, &[], None).map(|line| own_part(&line)));
        if !progress.count.synchronised {
            let note = progress
                .count
                .note
                .as_deref()
                .unwrap_or("the strategy gave no answer");
            message.line(format!("   not synchronised: {note}"));
        }
        Ok(message.rendered())
    }
}

/// A progress alert knows nothing of coverage, so that half of the line is left out.
fn own_part(line: &str) -> String {
    line.split(';').next().unwrap_or_default().to_owned()
}

/// Ten blocks, one for each full ten percent.
fn bar(percent: &str) -> String {
    let whole: usize = percent
        .split('.')
        .next()
        .and_then(|whole| whole.parse().ok())
        .unwrap_or_default();
    let full = (whole / 10).min(10);
    format!("{}{}", "▓".repeat(full), "░".repeat(10 - full))
}

fillsync_plugin::export_formatter!(FillProgress);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_has_ten_blocks() {
        assert_eq!(bar("0.00"), "░░░░░░░░░░");
        assert_eq!(bar("66.67"), "▓▓▓▓▓▓░░░░");
        assert_eq!(bar("100.00"), "▓▓▓▓▓▓▓▓▓▓");
        assert_eq!(bar("133.40"), "▓▓▓▓▓▓▓▓▓▓");
    }
}
