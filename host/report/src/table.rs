//! Tables for people: aligned columns, with lines on a terminal and without them anywhere else, and with
//! colours where somebody wants them.
//!
//! Nothing in a cell can steer a terminal: control characters of stored text become spaces. A colour
//! only repeats what a word says, so nothing is lost without it.

use comfy_table::{Cell, CellAlignment, Table, presets};

/// Where a table is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Look {
    /// In a file or a pipe: columns apart by spaces, no lines, one row per line.
    #[default]
    Plain,
    /// On a terminal: with lines around the columns.
    Terminal,
    /// On a terminal that shows colours: states are green, yellow or red.
    Painted,
}

/// The words of a state, and how they are painted: all is well, not known yet, look at it.
const PAINTS: [(&str, &[&str]); 3] = [
    (
        GREEN,
        &["aligned", "resolved", "active", "live", "sent", "ok"],
    ),
    (
        YELLOW,
        &[
            "pending",
            "unknown",
            "connecting",
            "catching-up",
            "waiting",
            "warning",
            "suppressed",
        ],
    ),
    (
        RED,
        &[
            "diverged",
            "lagging",
            "partial",
            "cancelled",
            "rejected",
            "missing",
            "extra",
            "open",
            "dead",
            "failed",
            "set-aside",
            "error",
        ],
    ),
];
const GREEN: &str = "\u{1b}[32m";
const YELLOW: &str = "\u{1b}[33m";
const RED: &str = "\u{1b}[31m";
const BOLD: &str = "\u{1b}[1m";
const PLAIN: &str = "\u{1b}[0m";

/// A state with the colour that it has; as it is where it is none of the known ones.
#[must_use]
pub fn painted(look: Look, state: &str) -> String {
    let word = state.trim();
    let first = word.split([' ', ':']).next().unwrap_or_default();
    let paint = PAINTS
        .iter()
        .find(|(_, words)| words.contains(&first))
        .filter(|_| look == Look::Painted);
    match paint {
        Some((paint, _)) => state.replacen(word, &format!("{paint}{word}{PLAIN}"), 1),
        None => state.to_owned(),
    }
}

/// How a column stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    /// Text.
    Left(&'static str),
    /// Numbers.
    Right(&'static str),
    /// Words that say how something is: painted where colours are shown.
    State(&'static str),
}

impl Column {
    const fn title(self) -> &'static str {
        match self {
            Self::Left(title) | Self::Right(title) | Self::State(title) => title,
        }
    }

    fn cell(self, text: &str) -> Cell {
        let cell = Cell::new(clean(text));
        match self {
            Self::Left(_) | Self::State(_) => cell,
            Self::Right(_) => cell.set_alignment(CellAlignment::Right),
        }
    }
}

/// A table, ending with a line end; `empty` where there are no rows.
#[must_use]
pub fn render(
    look: Look,
    columns: &[Column],
    rows: impl IntoIterator<Item = Vec<String>>,
    empty: &str,
) -> String {
    let mut table = Table::new();
    table.load_style(match look {
        Look::Plain => presets::NOTHING,
        Look::Terminal | Look::Painted => presets::UTF8_FULL_CONDENSED,
    });
    table.set_header(
        columns
            .iter()
            .map(|column| column.cell(column.title()))
            .collect::<Vec<_>>(),
    );
    let mut some = false;
    for row in rows {
        some = true;
        table.add_row(
            columns
                .iter()
                .zip(&row)
                .map(|(column, text)| column.cell(text))
                .collect::<Vec<_>>(),
        );
    }
    if !some {
        return format!("{empty}\n");
    }
    let mut text = String::new();
    for (at, line) in table.lines().enumerate() {
        match look {
            Look::Plain => text.push_str(line.strip_prefix(' ').unwrap_or(&line).trim_end()),
            Look::Terminal => text.push_str(&line),
            Look::Painted => text.push_str(&painted_line(&line, columns, at)),
        }
        text.push('\n');
    }
    text
}

/// What stands between two cells of one row.
const SEPARATORS: [char; 2] = ['│', '┆'];
/// The line of the titles: the first is the table's edge.
const TITLES_AT: usize = 1;

/// A line of a table on a terminal, with its states painted: after the layout, so that no width changes.
fn painted_line(line: &str, columns: &[Column], at: usize) -> String {
    if !line.starts_with(SEPARATORS) {
        return line.to_owned();
    }
    let mut text = String::new();
    // What stands before the first separator is no cell.
    let mut cells = columns.iter().map(Some);
    for (part_at, part) in line.split_inclusive(SEPARATORS).enumerate() {
        let column = if part_at == 0 {
            None
        } else {
            cells.next().flatten()
        };
        let (cell, separator) = match part.char_indices().last() {
            Some((end, last)) if SEPARATORS.contains(&last) => part.split_at(end),
            _ => (part, ""),
        };
        match column {
            Some(_) if at == TITLES_AT => text.push_str(&format!("{BOLD}{cell}{PLAIN}")),
            Some(Column::State(_)) => text.push_str(&painted(Look::Painted, cell)),
            _ => text.push_str(cell),
        }
        text.push_str(separator);
    }
    text
}

/// `-` for what is not there.
pub(crate) fn or_dash(text: Option<&str>) -> String {
    text.unwrap_or("-").to_owned()
}

/// Lines of a name and a value, for what is no list.
pub(crate) fn facts(pairs: &[(&str, String)]) -> String {
    let width = pairs
        .iter()
        .map(|(name, _)| name.chars().count())
        .max()
        .unwrap_or(0);
    pairs.iter().fold(String::new(), |mut text, (name, value)| {
        text.push_str(&format!("{name:width$}  {}\n", clean(value)));
        text
    })
}

fn clean(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    const COLUMNS: [Column; 2] = [Column::Left("ACCOUNT"), Column::State("TRUTH")];

    fn rows() -> Vec<Vec<String>> {
        // An account that is called like a state is not painted.
        [
            ("main", "aligned"),
            ("extra", "lagging: L2"),
            ("bot", "odd"),
        ]
        .map(|(account, truth)| vec![account.to_owned(), truth.to_owned()])
        .to_vec()
    }

    #[test]
    fn states_are_painted_and_nothing_else_changes() {
        let terminal = render(Look::Terminal, &COLUMNS, rows(), "");
        let painted = render(Look::Painted, &COLUMNS, rows(), "");
        assert!(painted.contains("\u{1b}[32maligned\u{1b}[0m"), "{painted}");
        assert!(
            painted.contains("\u{1b}[31mlagging: L2\u{1b}[0m"),
            "{painted}"
        );
        assert!(painted.contains(" extra "), "{painted}");
        let mut bare = painted;
        for paint in [GREEN, YELLOW, RED, BOLD, PLAIN] {
            bare = bare.replace(paint, "");
        }
        assert_eq!(bare, terminal);
        assert!(!terminal.contains('\u{1b}'));
        assert!(!render(Look::Plain, &COLUMNS, rows(), "").contains('\u{1b}'));
    }
}
