//! Rows that appear late by chance.
//!
//! Promise: whether and how late depends on the row's id alone, so every run and every request agrees; a stream tells
//! the row at once all the same. A row that the driver hid for longer stays hidden for longer.

use super::execution::Execution;
use crate::ids::digest_u64;

/// How many rows appear late in a list, and how late.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LateRows {
    /// Of a hundred rows.
    pub per_hundred: u8,
    /// At most so many milliseconds.
    pub late_ms_max: u32,
}

impl LateRows {
    /// When a list shows the row, Unix milliseconds.
    pub(crate) fn shown_at_ms(rule: Option<Self>, row: &Execution) -> i64 {
        let Some(rule) = rule else {
            return row.visible_at_ms;
        };
        let digest = digest_u64(&format!("late/{}/{}", row.account, row.id));
        if digest % 100 >= u64::from(rule.per_hundred) {
            return row.visible_at_ms;
        }
        let late_ms = (digest >> 32) % (u64::from(rule.late_ms_max) + 1);
        row.visible_at_ms
            .max((row.at_us / 1000).saturating_add_unsigned(late_ms))
    }
}
