//! `verify`: the ledger against itself, and against the venues.
//!
//! The first is arithmetic: everything that can be computed again is. The second asks what the venues
//! say of the same orders and positions (`compare.rs`). It reports and repairs nothing, so it can be run
//! at any time, beside a running daemon as well.

use super::accounts::{self, Venues};
use super::answers::Answers;
use super::compare::{self, Compared};
use super::progress::spinner;
use anyhow::anyhow;
use fillsync_core::id::AccountName;
use fillsync_ledger::Reader;
use fillsync_report::{Answer, Column, Look, render};
use serde::Serialize;

/// What is to be compared.
pub(super) struct Wish {
    pub(super) account: Option<AccountName>,
    pub(super) all: bool,
    pub(super) offline: bool,
}

/// What was compared, and what differs.
#[derive(Debug, Serialize)]
struct VerifyAnswer {
    /// Executions of which cycles were computed again.
    executions: u64,
    /// Cycles that were.
    cycles: u64,
    /// What the ledger says against itself.
    findings: Vec<String>,
    /// What the venues were asked, by account and category; none where nobody was asked.
    venues: Option<Vec<Compared>>,
}

/// `fillsync verify`.
pub(super) async fn verify(answers: &Answers<'_>, wish: &Wish) -> anyhow::Result<()> {
    let config = answers.load()?;
    let chosen = accounts::chosen(&config, wish.account.as_ref())?;
    let reader = Reader::open(&config.daemon.database)?;
    let bar = spinner("recomputing every cycle from its executions");
    let check = reader.self_check()?;
    let mut venues = None;
    if !wish.offline {
        let mut open = Venues::default();
        let mut compared = Vec::new();
        for account in chosen {
            bar.set_message(format!("asking {} about {}", account.venue, account.name));
            let venue = open.open(account)?;
            for category in venue.categories() {
                compared.push(compare::compare(&reader, venue.as_ref(), category, wish.all).await?);
            }
        }
        for warning in &open.warnings {
            super::warn(warning);
        }
        venues = Some(compared);
    }
    bar.finish_and_clear();
    let answer = VerifyAnswer {
        executions: check.executions,
        cycles: check.cycles,
        findings: check.findings,
        venues,
    };
    answers.print(&answer)?;
    answer.verdict()
}

impl VerifyAnswer {
    fn compared(&self) -> impl Iterator<Item = &Compared> {
        self.venues.iter().flatten()
    }

    fn verdict(&self) -> anyhow::Result<()> {
        if !self.findings.is_empty() {
            return Err(anyhow!(
                "{} findings in the ledger itself; restore a backup, or move the ledger away and let the lookback fetch again",
                self.findings.len()
            ));
        }
        let differences: usize = self.compared().map(|one| one.differences.len()).sum();
        let failures: Vec<&str> = self
            .compared()
            .filter_map(|one| one.error.as_deref())
            .collect();
        match (differences, failures.as_slice()) {
            (0, []) => Ok(()),
            (0, [why, ..]) => Err(anyhow!("not everything could be asked: {why}")),
            (1, _) => Err(anyhow!("1 difference from the venue; see above")),
            (differences, _) => Err(anyhow!(
                "{differences} differences from the venues; see above"
            )),
        }
    }
}

impl Answer for VerifyAnswer {
    fn table(&self, look: Look) -> String {
        let mut text = format!(
            "{} executions, {} cycles recomputed: {}\n",
            self.executions,
            self.cycles,
            match self.findings.len() {
                0 => "as stored".to_owned(),
                1 => "1 finding".to_owned(),
                findings => format!("{findings} findings"),
            }
        );
        for finding in &self.findings {
            text.push_str(&format!("  {finding}\n"));
        }
        if let Some(venues) = &self.venues {
            text.push_str(&venues_table(venues, look));
        }
        text
    }
}

fn venues_table(venues: &[Compared], look: Look) -> String {
    let columns = [
        Column::Left("ACCOUNT"),
        Column::Left("CATEGORY"),
        Column::Right("ORDERS"),
        Column::Right("NOT ASKED"),
        Column::Right("POSITIONS"),
        Column::Left("DATA COMPLETE TO"),
        Column::Right("DIFFERENCES"),
    ];
    let rows = venues.iter().map(|one| {
        let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        vec![
            one.account.clone(),
            one.category.clone(),
            one.orders.to_string(),
            one.orders_left_out.to_string(),
            or_dash(one.positions.map(|positions| positions.to_string())),
            or_dash(one.complete_to.clone()),
            if one.error.is_some() {
                "?".to_owned()
            } else {
                one.differences.len().to_string()
            },
        ]
    });
    let mut text = render(look, &columns, rows, "There is no account.");
    for one in venues {
        let about = format!("{} {}", one.account, one.category);
        if let Some(error) = &one.error {
            text.push_str(&format!("{about}: {error}\n"));
        }
        if one.orders_gone > 0 {
            text.push_str(&format!(
                "{about}: {} orders cannot be compared, because the venue no longer has them\n",
                one.orders_gone
            ));
        }
        if one.orders_stood_in > 0 {
            text.push_str(&format!(
                "{about}: of {} orders the venue's sum stands in for rows that it has not listed\n",
                one.orders_stood_in
            ));
        }
        if one.orders_left_out > 0 {
            text.push_str(&format!(
                "{about}: {} older orders were not asked about; --all asks about them\n",
                one.orders_left_out
            ));
        }
        for difference in &one.differences {
            text.push_str(&format!(
                "{about} {} {}: ledger {}, venue {}; {}\n",
                difference.symbol,
                difference.what,
                difference.ledger,
                difference.venue,
                difference.remedy
            ));
        }
    }
    text
}
