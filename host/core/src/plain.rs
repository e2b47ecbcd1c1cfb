//! The words of last resort: an alert as plain lines, when its formatter failed.
//!
//! An alert is never lost because a formatter failed (law 8), so the host can always say the facts by
//! itself. It is deliberately bare; the formatters under `plugins/` are what people look at.

use crate::alert::{Alert, AlertBody, Count, DivergenceAlert};
use crate::message::{RichMessage, Span};

/// The alert as a bare message, with the reason why no formatter made it.
#[must_use]
pub fn message(alert: &Alert, reason: Option<&str>) -> RichMessage {
    let mut head = alert.kind().to_string().to_uppercase();
    for part in [
        alert.symbol.as_ref().map(ToString::to_string),
        alert
            .position
            .map(|side| side.entry_side().title().to_owned()),
        alert
            .account
            .as_ref()
            .map(|account| format!("({})", account.name.to_string().to_uppercase())),
    ]
    .into_iter()
    .flatten()
    {
        head.push(' ');
        head.push_str(&part);
    }
    let mut lines: Vec<String> = match &alert.body {
        AlertBody::Fill(fill) => vec![
            count_line(&fill.count),
            format!("L{}: {} at {}", fill.slot, fill.quantity, fill.price),
        ],
        AlertBody::Progress(progress) => vec![
            format!(
                "{}% of the plan filled ({} of {})",
                progress.filled_percent, progress.filled_quantity, progress.planned_quantity
            ),
            count_line(&progress.count),
        ],
        AlertBody::Exit(exit) => vec![format!(
            "{} {} at {}",
            exit.side.title(),
            exit.quantity,
            exit.price
        )],
        AlertBody::Closed(closed) => vec![match closed.net {
            Some(net) => format!("net {net}"),
            None => "net not known: the position was open before the data begin".to_owned(),
        }],
        AlertBody::Divergence(divergence) | AlertBody::Resolved(divergence) => {
            divergence_lines(divergence)
        }
        AlertBody::Correction(correction) => vec![
            format!("was {}: {}", correction.previous, correction.reason),
            count_line(&correction.count),
        ],
        AlertBody::Digest(digest) => digest.lines.clone(),
        AlertBody::System(system) => {
            let mut lines = vec![system.text.clone()];
            lines.extend(system.remedy.clone());
            lines
        }
    };
    if let Some(reason) = reason {
        lines.push(format!("(plain words: {reason})"));
    }
    RichMessage {
        title: vec![Span::Bold(head)],
        lines: lines
            .into_iter()
            .map(|line| vec![Span::Text(line)])
            .collect(),
    }
}

fn count_line(count: &Count) -> String {
    let least = if count.at_least { "at least " } else { "" };
    let mark = if count.is_marked() {
        " [Synchronized count]"
    } else {
        ""
    };
    let own = if count.is_marked() {
        format!("; this account: {}", count.detected)
    } else {
        String::new()
    };
    let why = if count.synchronised {
        ""
    } else {
        "not synchronised: "
    };
    let note = count
        .note
        .as_ref()
        .map_or_else(String::new, |note| format!("; {why}{note}"));
    format!(
        "{least}{} of {} orders filled{mark}{own}{note}",
        count.shown, count.total
    )
}

fn divergence_lines(divergence: &DivergenceAlert) -> Vec<String> {
    divergence
        .legs
        .iter()
        .map(|leg| {
            format!(
                "L{} {}: {} {} of {}",
                divergence.slot, leg.account.name, leg.truth, leg.filled_quantity, leg.quantity
            )
        })
        .collect()
}
