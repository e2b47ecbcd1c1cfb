//! Tables as both formats write them: named columns of four kinds, and cells.

/// What a column holds. Any cell may be empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Text; amounts are decimal text, every digit as the ledger has it.
    Text,
    /// A whole number.
    Whole,
    /// A moment in microseconds since 1970, UTC.
    Moment,
    /// True or false.
    Flag,
}

/// A column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
}

impl Column {
    pub(super) const fn text(name: &'static str) -> Self {
        Self {
            name,
            kind: Kind::Text,
        }
    }

    pub(super) const fn whole(name: &'static str) -> Self {
        Self {
            name,
            kind: Kind::Whole,
        }
    }

    pub(super) const fn moment(name: &'static str) -> Self {
        Self {
            name,
            kind: Kind::Moment,
        }
    }

    pub(super) const fn flag(name: &'static str) -> Self {
        Self {
            name,
            kind: Kind::Flag,
        }
    }
}

/// A cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cell {
    Empty,
    Text(String),
    Whole(i64),
    Moment(i64),
    Flag(bool),
}

impl Cell {
    pub(super) fn text(value: impl ToString) -> Self {
        Self::Text(value.to_string())
    }

    pub(super) fn maybe(value: Option<impl ToString>) -> Self {
        value.map_or(Self::Empty, Self::text)
    }

    /// A count; what no column can hold is kept as the largest that it can.
    pub(super) fn whole(value: impl TryInto<i64>) -> Self {
        Self::Whole(value.try_into().unwrap_or(i64::MAX))
    }

    pub(super) fn flag(value: Option<bool>) -> Self {
        value.map_or(Self::Empty, Self::Flag)
    }
}
