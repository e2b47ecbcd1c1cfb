//! `/timeline`: fills and realised results over time, in equal steps, for plots.
//!
//! Fills come from hourly counts that the ledger keeps, results from the closed trades that
//! [`Trades`] keeps, so that a year costs no scan. Amounts are exact; only what is drawn from them is
//! not. Results are of one class of currencies, like the totals of `/performance`.

use crate::performance::{DOLLAR_CLASS, PerformanceFilter, Trades};
use crate::table::{Column, Look, render};
use crate::{Answer, ExactNumber, time_text};
use fillsync_core::amount::Money;
use fillsync_core::time::{HostTime, VenueTime};
use fillsync_ledger::{LedgerError, Reader};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// The most steps of one answer.
pub const STEPS_MAX: i64 = 400;

/// How long the timeline is where nobody says, in microseconds: a day.
pub const SPAN_DEFAULT_US: i64 = 24 * HOUR_US;

const HOUR_US: i64 = 3_600_000_000;

/// The lengths of a step, in hours.
const STEP_HOURS: [i64; 8] = [1, 2, 6, 12, 24, 168, 720, 8_760];

/// What to draw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimelineFilter {
    /// Whose trades and fills; its `from` and `to` are not looked at.
    pub what: PerformanceFilter,
    /// From the hour of this.
    pub from: VenueTime,
    /// To the end of the hour of this.
    pub to: VenueTime,
}

/// Fills and results over time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Timeline {
    /// When the answer was made.
    #[schemars(extend("format" = "date-time"))]
    pub timestamp: String,
    /// The beginning of the first step, in venue time.
    #[schemars(extend("format" = "date-time"))]
    pub from: String,
    /// The end of the last step, in venue time.
    #[schemars(extend("format" = "date-time"))]
    pub to: String,
    /// How long a step is.
    pub step_s: i64,
    /// Fills in all.
    pub fills: u64,
    /// Closed trades in all, of the currencies below.
    pub trades: u64,
    /// Their result after fees.
    pub pnl: ExactNumber,
    /// The currencies that are added up: all dollars as they are, else the only coin there is.
    pub currencies: Vec<String>,
    /// Every step, the oldest first, also those in which nothing happened.
    pub steps: Vec<Step>,
}

/// One step of time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Step {
    /// Its beginning.
    #[schemars(extend("format" = "date-time"))]
    pub from: String,
    /// Fills in it.
    pub fills: u64,
    /// Trades that closed in it.
    pub trades: u64,
    /// What they earned after fees.
    pub pnl: ExactNumber,
    /// The sum of all steps up to its end.
    pub pnl_total: ExactNumber,
}

#[derive(Default)]
struct Sum {
    fills: u64,
    trades: u64,
    pnl: Money,
}

impl Trades {
    /// Fills and results over time. The reader must look at a moment that is not older than that of
    /// the call before, as for [`Trades::performance`].
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn timeline(
        &mut self,
        reader: &Reader,
        filter: &TimelineFilter,
        now: HostTime,
    ) -> Result<Timeline, LedgerError> {
        self.catch_up(reader)?;
        let (from, step_us, steps) = steps(filter.from.us(), filter.to.us());
        let to = from.saturating_add(step_us.saturating_mul(steps));
        let place = |at: VenueTime| (at.us().saturating_sub(from)).div_euclid(step_us);
        let mut sums: BTreeMap<i64, Sum> = BTreeMap::new();
        let hours = reader.fill_hours(
            VenueTime::from_us(from),
            VenueTime::from_us(to),
            filter.what.accounts().as_deref(),
            filter.what.symbol.as_ref(),
        )?;
        for hour in hours {
            sums.entry(place(hour.hour)).or_default().fills += hour.fills;
        }
        let range = PerformanceFilter {
            from: Some(VenueTime::from_us(from)),
            to: Some(VenueTime::from_us(to)),
            ..filter.what.clone()
        };
        let classes: BTreeSet<&str> = self
            .results(&range)
            .map(|(line, ..)| &*line.class)
            .collect();
        let class = match classes.len() {
            1 => classes.first().copied().unwrap_or(DOLLAR_CLASS),
            _ => DOLLAR_CLASS,
        };
        let mut currencies = BTreeSet::new();
        for (line, at, net) in self.results(&range) {
            if *line.class == *class {
                let sum = sums.entry(place(at)).or_default();
                sum.trades += 1;
                sum.pnl += net;
                currencies.insert(line.currency.to_string());
            }
        }
        Ok(answer(now, (from, step_us, steps), &sums, currencies))
    }
}

fn answer(
    now: HostTime,
    (from, step_us, steps): (i64, i64, i64),
    sums: &BTreeMap<i64, Sum>,
    currencies: BTreeSet<String>,
) -> Timeline {
    let at = |step: i64| VenueTime::from_us(from.saturating_add(step.saturating_mul(step_us)));
    let nothing = Sum::default();
    let mut total = Money::default();
    let steps_told: Vec<_> = (0..steps)
        .map(|step| {
            let sum = sums.get(&step).unwrap_or(&nothing);
            total += sum.pnl;
            Step {
                from: time_text::venue(at(step)),
                fills: sum.fills,
                trades: sum.trades,
                pnl: ExactNumber(sum.pnl.decimal()),
                pnl_total: ExactNumber(total.decimal()),
            }
        })
        .collect();
    Timeline {
        timestamp: time_text::host(now),
        from: time_text::venue(at(0)),
        to: time_text::venue(at(steps)),
        step_s: step_us / 1_000_000,
        fills: steps_told.iter().map(|step| step.fills).sum(),
        trades: steps_told.iter().map(|step| step.trades).sum(),
        pnl: ExactNumber(total.decimal()),
        currencies: currencies.into_iter().collect(),
        steps: steps_told,
    }
}

/// The beginning, the length and the number of steps: the shortest length that needs no more than
/// [`STEPS_MAX`]; a span beyond all of them is cut at its old end.
fn steps(from: i64, to: i64) -> (i64, i64, i64) {
    let span = to.saturating_sub(from).max(1);
    let hours = STEP_HOURS
        .into_iter()
        .find(|hours| span.div_euclid(hours * HOUR_US) < STEPS_MAX - 1)
        .unwrap_or(8_760);
    let step = hours * HOUR_US;
    let first = from.div_euclid(step);
    let last = to.saturating_sub(1).div_euclid(step).max(first);
    let first = first.max(last.saturating_sub(STEPS_MAX - 1));
    (first.saturating_mul(step), step, last - first + 1)
}

impl Answer for Timeline {
    fn table(&self, look: Look) -> String {
        let columns = [
            Column::Left("FROM"),
            Column::Right("FILLS"),
            Column::Right("TRADES"),
            Column::Right("PNL"),
            Column::Right("SUM"),
        ];
        let rows = self.steps.iter().map(|step| {
            vec![
                step.from.clone(),
                step.fills.to_string(),
                step.trades.to_string(),
                step.pnl.to_string(),
                step.pnl_total.to_string(),
            ]
        });
        render(look, &columns, rows, "Nothing.")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_US: i64 = 24 * HOUR_US;

    #[test]
    fn steps_cover_the_span_and_are_never_too_many() {
        for (from, to, length, count) in [
            (0, DAY_US, HOUR_US, 24),
            (5, DAY_US + 5, HOUR_US, 25),
            (0, 7 * DAY_US, HOUR_US, 168),
            (0, 30 * DAY_US, 2 * HOUR_US, 360),
            (0, 365 * DAY_US, DAY_US, 365),
            (7, 7, HOUR_US, 1),
            (9, 3, HOUR_US, 1),
        ] {
            assert_eq!(steps(from, to), (0, length, count), "{from} to {to}");
        }
        for (from, to) in [
            (i64::MIN, i64::MAX),
            (-1, i64::MAX),
            (0, 900 * 365 * DAY_US),
        ] {
            let (first, length, count) = steps(from, to);
            assert!((1..=STEPS_MAX).contains(&count), "{from} to {to}: {count}");
            let end = i128::from(first) + i128::from(length) * i128::from(count);
            assert!(end >= i128::from(to) - 1, "{from} to {to}");
        }
    }
}
