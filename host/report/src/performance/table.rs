//! Performance as people read it: the sums, the parts, what open cycles realised, what is missing.
//!
//! Lines stay within 100 columns for amounts of common length. Nothing is computed here.

use super::{PerformanceAnswer, Share};
use crate::Answer;
use crate::table::{Column, Look, facts, or_dash, render};

/// Reasons that the table lists; the JSON has more.
const REASONS_SHOWN_MAX: usize = 10;

fn dash<T: ToString>(value: Option<&T>) -> String {
    or_dash(value.map(ToString::to_string).as_deref())
}

impl PerformanceAnswer {
    /// The sums as lines of a name and a value.
    fn sums(&self) -> Vec<(&'static str, String)> {
        let overall = &self.overall;
        let mut pairs = vec![
            ("closed trades", overall.total_trades.to_string()),
            (
                "won / lost",
                format!("{} / {}", overall.winning_trades, overall.losing_trades),
            ),
            ("win rate", format!("{} %", overall.win_rate_pct)),
            (
                "profit and loss",
                match overall.currencies.as_slice() {
                    [] => overall.total_pnl.to_string(),
                    names => format!("{} {}", overall.total_pnl, names.join(" + ")),
                },
            ),
            ("gross profit", overall.gross_profit.to_string()),
            ("gross loss", overall.gross_loss.to_string()),
            ("profit factor", dash(overall.profit_factor.as_ref())),
            ("average win", overall.avg_win.to_string()),
            ("average loss", overall.avg_loss.to_string()),
            ("largest win", dash(overall.largest_win.as_ref())),
            ("largest loss", dash(overall.largest_loss.as_ref())),
        ];
        let drawdown = overall.max_drawdown.as_ref().map(|fall| {
            let from = fall.from.as_deref().unwrap_or("the beginning");
            format!("{} ({from} to {})", fall.amount, fall.to)
        });
        pairs.push(("max drawdown", or_dash(drawdown.as_deref())));
        self.add_fees(&mut pairs);
        self.add_reservations(&mut pairs);
        pairs
    }

    fn add_fees(&self, pairs: &mut Vec<(&'static str, String)>) {
        for (name, fees) in [("fees", &self.fees), ("fees apart", &self.fees_apart)] {
            if !fees.is_empty() {
                let list: Vec<_> = fees
                    .iter()
                    .map(|(coin, fee)| format!("{fee} {coin}"))
                    .collect();
                pairs.push((name, list.join(", ")));
            }
        }
    }

    fn add_reservations(&self, pairs: &mut Vec<(&'static str, String)>) {
        if self.overall.trades_in_other_currencies > 0 {
            pairs.push((
                "not in here",
                format!(
                    "{} trades in other currencies",
                    self.overall.trades_in_other_currencies
                ),
            ));
        }
        if self.incomplete_cycles > 0 {
            pairs.push((
                "not summed",
                format!(
                    "{} closed cycles whose result cannot be said",
                    self.incomplete_cycles
                ),
            ));
        }
        if !self.coverage.complete {
            let accounts = self.coverage.incomplete_accounts.join(", ");
            pairs.push((
                "coverage",
                match accounts.as_str() {
                    "" => "nothing is proven yet".to_owned(),
                    accounts => format!("not complete for {accounts}"),
                },
            ));
        }
    }

    fn parts(&self, look: Look) -> String {
        let columns = [
            Column::Left("PART"),
            Column::Left("NAME"),
            Column::Right("TRADES"),
            Column::Right("WON"),
            Column::Right("LOST"),
            Column::Right("PROFIT AND LOSS"),
            Column::Right("FACTOR"),
            Column::Right("DRAWDOWN"),
            Column::Left("COMPLETE"),
        ];
        let parts = [
            ("symbol", &self.by_symbol),
            ("account", &self.by_account),
            ("group", &self.by_group),
            ("side", &self.by_side),
            ("currency", &self.by_currency),
        ];
        let rows: Vec<_> = parts
            .into_iter()
            .flat_map(|(part, shares)| {
                shares
                    .iter()
                    .map(move |(name, share)| part_row(part, name, share))
            })
            .collect();
        if rows.is_empty() {
            String::new()
        } else {
            format!("\n{}", render(look, &columns, rows, ""))
        }
    }

    fn open_cycles(&self, look: Look) -> String {
        if self.open.is_empty() {
            return String::new();
        }
        let columns = [
            Column::Left("OPEN IN"),
            Column::Left("SYMBOL"),
            Column::Left("SIDE"),
            Column::Right("HELD"),
            Column::Right("BY AVERAGE COST"),
            Column::Right("FIFO"),
            Column::Left("IN"),
        ];
        let rows = self.open.iter().map(|cycle| {
            vec![
                cycle.account.clone(),
                cycle.symbol.clone(),
                cycle.side.to_owned(),
                cycle.quantity.clone(),
                dash(cycle.average_cost.as_ref()),
                dash(cycle.fifo.as_ref()),
                cycle.currency.clone(),
            ]
        });
        format!(
            "\nRealised so far by open cycles, before fees:\n{}",
            render(look, &columns, rows, "")
        )
    }

    fn reasons(&self) -> String {
        let coverage = &self.coverage;
        let mut text = String::new();
        for part in coverage.incomplete.iter().take(REASONS_SHOWN_MAX) {
            let place: Vec<&str> = [
                Some(part.account.as_str()),
                part.category.as_deref(),
                part.symbol.as_deref(),
            ]
            .into_iter()
            .flatten()
            .collect();
            let reason = part.reason.replace(char::is_control, " ");
            text.push_str(&format!("not complete: {}: {reason}\n", place.join(" ")));
        }
        let more = coverage.incomplete_count.saturating_sub(REASONS_SHOWN_MAX);
        if more > 0 {
            text.push_str(&format!("not complete: {more} reasons more\n"));
        }
        text
    }
}

fn part_row(part: &str, name: &str, share: &Share) -> Vec<String> {
    vec![
        part.to_owned(),
        name.to_owned(),
        share.trades.to_string(),
        share.wins.to_string(),
        share.losses.to_string(),
        share.pnl.to_string(),
        dash(share.profit_factor.as_ref()),
        dash(share.max_drawdown.as_ref().map(|fall| &fall.amount)),
        if share.complete { "yes" } else { "no" }.to_owned(),
    ]
}

impl Answer for PerformanceAnswer {
    fn table(&self, look: Look) -> String {
        let mut text = self
            .message
            .map_or_else(String::new, |message| format!("{message}.\n"));
        text.push_str(&facts(&self.sums()));
        text.push_str(&self.parts(look));
        text.push_str(&self.open_cycles(look));
        let reasons = self.reasons();
        if !reasons.is_empty() {
            text.push('\n');
            text.push_str(&reasons);
        }
        text
    }
}
