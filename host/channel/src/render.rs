//! Messages as text: plain, as the HTML that Telegram reads, and cut to a length.
//!
//! Promises: nothing that a venue or a plugin wrote becomes markup or moves a terminal's cursor
//! ([`rows`] takes out control characters, [`html`] escapes); a cut message is never longer than its
//! limit, ends at a line with the number of lines that are missing, and is cut before it is rendered,
//! so that no tag, no escape and no character is ever split.
//! Deliberately absent: any receiver's own limits, which are given as [`Limits`] and stand in the one
//! table of `fillsync_core::limits`.

use fillsync_core::limits::MessageLimits;
use fillsync_core::message::{Line, RichMessage, Span};

/// The longest address that a link may have, in bytes. A longer one is shown as its text only.
pub const LINK_BYTES_MAX: usize = 2_048;

/// How long a message may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// UTF-16 units of what is read, line feeds included.
    pub units_max: usize,
    /// Bytes of what is sent, markup included.
    pub bytes_max: usize,
}

impl Limits {
    /// Those of a kind of channel, of the house's one table.
    #[must_use]
    pub fn of(limits: &MessageLimits) -> Self {
        let size = |max: u32| usize::try_from(max).unwrap_or(usize::MAX);
        Self {
            units_max: size(limits.units_max),
            bytes_max: size(limits.bytes_max),
        }
    }
}

/// How long something is, in both ways of counting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Size {
    /// UTF-16 units of what is read.
    pub units: usize,
    /// Bytes of what is sent.
    pub bytes: usize,
}

impl Size {
    /// A line feed.
    const LINE_FEED: Self = Self { units: 1, bytes: 1 };

    fn plus(self, other: Self) -> Self {
        Self {
            units: self.units.saturating_add(other.units),
            bytes: self.bytes.saturating_add(other.bytes),
        }
    }

    fn fits(self, limits: Limits) -> bool {
        self.units <= limits.units_max && self.bytes <= limits.bytes_max
    }
}

/// The title and the lines, cleaned: no control characters, no line feeds within a line, no empty
/// spans, and no link that is not http or https. A line feed within a span begins a new line.
#[must_use]
pub fn rows(message: &RichMessage) -> Vec<Line> {
    let title = (!message.title.is_empty()).then_some(&message.title);
    let mut rows = Vec::new();
    for line in title.into_iter().chain(&message.lines) {
        let mut row = Line::new();
        for span in line {
            for (index, part) in span.as_plain().split('\n').enumerate() {
                if index > 0 {
                    rows.push(std::mem::take(&mut row));
                }
                let part: String = part.trim_end_matches('\r').chars().map(clean).collect();
                if !part.is_empty() {
                    row.push(with_text(span, part));
                }
            }
        }
        rows.push(row);
    }
    rows
}

/// As plain text: lines joined by line feeds, none at the end. A link is its text.
#[must_use]
pub fn plain(rows: &[Line]) -> String {
    join(rows, |text, span| text.push_str(span.as_plain()))
}

/// As the HTML that Telegram reads: `b`, `code` and `a`, and the four named entities.
#[must_use]
pub fn html(rows: &[Line]) -> String {
    join(rows, push_html)
}

/// The size of a span as plain text.
#[must_use]
pub fn plain_size(span: &Span) -> Size {
    Size {
        units: units(span.as_plain()),
        bytes: span.as_plain().len(),
    }
}

/// The size of a span as HTML.
#[must_use]
pub fn html_size(span: &Span) -> Size {
    let mut text = String::new();
    push_html(&mut text, span);
    Size {
        units: units(span.as_plain()),
        bytes: text.len(),
    }
}

/// As many whole lines as fit, and a last line that says how many more there are. A first line that is
/// too long by itself is cut within a span and ends with "…".
#[must_use]
pub fn cut(rows: Vec<Line>, limits: Limits, size: impl Fn(&Span) -> Size) -> Vec<Line> {
    let row_size = |row: &Line| row.iter().map(&size).fold(Size::default(), Size::plus);
    // `ends[n]` is the size of the first n + 1 rows.
    let ends: Vec<Size> = rows
        .iter()
        .scan(None, |end: &mut Option<Size>, row| {
            let before = end.map_or(Size::default(), |end| end.plus(Size::LINE_FEED));
            *end = Some(before.plus(row_size(row)));
            *end
        })
        .collect();
    if ends.last().is_none_or(|end| end.fits(limits)) {
        return rows;
    }
    let kept = (1..rows.len()).rev().find(|&kept| {
        ends.get(kept - 1).is_some_and(|end| {
            let note = row_size(&note(rows.len() - kept));
            end.plus(Size::LINE_FEED).plus(note).fits(limits)
        })
    });
    if let Some(kept) = kept {
        let note = note(rows.len() - kept);
        return rows.into_iter().take(kept).chain([note]).collect();
    }
    let below = rows.len().saturating_sub(1);
    let tail = (below > 0).then(|| note(below));
    let tail_size = tail
        .as_ref()
        .map_or(Size::default(), |tail| Size::LINE_FEED.plus(row_size(tail)));
    let first = rows.into_iter().next().unwrap_or_default();
    if !tail_size.plus(size(&ellipsis())).fits(limits) {
        return vec![shortened(&first, limits, size)];
    }
    let room = Limits {
        units_max: limits.units_max.saturating_sub(tail_size.units),
        bytes_max: limits.bytes_max.saturating_sub(tail_size.bytes),
    };
    let first = if row_size(&first).fits(room) {
        first
    } else {
        shortened(&first, room, size)
    };
    std::iter::once(first).chain(tail).collect()
}

/// The start of a row, cut within a span, with "…" at its end; nothing where not even that fits.
fn shortened(row: &Line, limits: Limits, size: impl Fn(&Span) -> Size) -> Line {
    let ellipsis = ellipsis();
    let mut used = size(&ellipsis);
    if !used.fits(limits) {
        return Line::new();
    }
    let mut cut = Line::new();
    for span in row {
        let after = used.plus(size(span));
        if after.fits(limits) {
            used = after;
            cut.push(span.clone());
            continue;
        }
        let text = span.as_plain();
        let ends: Vec<usize> = text.char_indices().map(|(start, _)| start).collect();
        // Size grows with the text, so the ends that fit come first.
        let fitting = ends.partition_point(|&end| {
            text.get(..end).is_some_and(|part| {
                used.plus(size(&with_text(span, part.to_owned())))
                    .fits(limits)
            })
        });
        let end = fitting.checked_sub(1).and_then(|last| ends.get(last));
        if let Some(part) = end
            .and_then(|&end| text.get(..end))
            .filter(|part| !part.is_empty())
        {
            cut.push(with_text(span, part.to_owned()));
        }
        break;
    }
    cut.push(ellipsis);
    cut
}

fn ellipsis() -> Span {
    Span::text("…")
}

fn note(lines: usize) -> Line {
    let noun = if lines == 1 { "line" } else { "lines" };
    vec![Span::text(format!("… {lines} more {noun}"))]
}

/// UTF-16 units, in which Telegram counts.
fn units(text: &str) -> usize {
    text.chars().map(char::len_utf16).sum()
}

fn join(rows: &[Line], push: impl Fn(&mut String, &Span)) -> String {
    let mut text = String::new();
    for (index, row) in rows.iter().enumerate() {
        if index > 0 {
            text.push('\n');
        }
        for span in row {
            push(&mut text, span);
        }
    }
    text
}

fn push_html(html: &mut String, span: &Span) {
    let (open, close) = match span {
        Span::Text(_) => ("", ""),
        Span::Bold(_) => ("<b>", "</b>"),
        Span::Code(_) => ("<code>", "</code>"),
        Span::Link { url, .. } => {
            html.push_str("<a href=\"");
            push_escaped(html, url);
            ("\">", "</a>")
        }
    };
    html.push_str(open);
    push_escaped(html, span.as_plain());
    html.push_str(close);
}

/// Escapes what HTML reads as markup; the quotation mark as well, which ends an attribute.
fn push_escaped(html: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            other => html.push(other),
        }
    }
}

/// The same kind of span with another text.
fn with_text(span: &Span, text: String) -> Span {
    match span {
        Span::Text(_) => Span::Text(text),
        Span::Bold(_) => Span::Bold(text),
        Span::Code(_) => Span::Code(text),
        Span::Link { url, .. } if is_link(url) => Span::Link {
            text,
            url: url.clone(),
        },
        Span::Link { .. } => Span::Text(text),
    }
}

/// Only http and https lead out of a message: no `tg:`, no `javascript:`.
fn is_link(url: &str) -> bool {
    let scheme_end = url
        .find("://")
        .map(|end| url.get(..end).unwrap_or_default());
    scheme_end.is_some_and(|scheme| {
        scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https")
    }) && url.len() <= LINK_BYTES_MAX
        && !url
            .chars()
            .any(|character| character.is_whitespace() || character.is_control())
}

/// Control characters could move a terminal's cursor, and the marks that turn the direction of text
/// around could make a number read backwards; each becomes a space.
fn clean(character: char) -> char {
    match character {
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}' => ' ',
        control if control.is_control() => ' ',
        other => other,
    }
}

#[cfg(test)]
#[path = "render_tests.rs"]
mod tests;
