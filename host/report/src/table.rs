//! Tables for people: aligned columns, with lines on a terminal and without them anywhere else.
//!
//! Nothing in a cell can steer a terminal: control characters of stored text become spaces.

use comfy_table::{Cell, CellAlignment, Table, presets};

/// Where a table is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Look {
    /// In a file or a pipe: columns apart by spaces, no lines, one row per line.
    #[default]
    Plain,
    /// On a terminal: with lines around the columns.
    Terminal,
}

/// How a column stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    /// Text.
    Left(&'static str),
    /// Numbers.
    Right(&'static str),
}

impl Column {
    const fn title(self) -> &'static str {
        match self {
            Self::Left(title) | Self::Right(title) => title,
        }
    }

    fn cell(self, text: &str) -> Cell {
        let cell = Cell::new(clean(text));
        match self {
            Self::Left(_) => cell,
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
        Look::Terminal => presets::UTF8_FULL_CONDENSED,
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
    for line in table.lines() {
        text.push_str(match look {
            Look::Plain => line.strip_prefix(' ').unwrap_or(&line).trim_end(),
            Look::Terminal => &line,
        });
        text.push('\n');
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
