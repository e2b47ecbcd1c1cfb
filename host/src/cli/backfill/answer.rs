//! How a backfill went, as JSON and as a table: what was read, and what is still not proven.

use fillsync_report::{Answer, Column, Look, render};
use serde::Serialize;

/// How it went.
#[derive(Debug, Serialize)]
pub(super) struct BackfillAnswer {
    /// Whether all of the span is proven now.
    pub(super) complete: bool,
    /// Whether it was interrupted; the same command goes on.
    pub(super) interrupted: bool,
    pub(super) categories: Vec<Outcome>,
}

/// How one category of one account went.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Outcome {
    pub(super) account: String,
    pub(super) category: String,
    /// The span that was asked for.
    pub(super) from: String,
    pub(super) to: String,
    /// The venue serves nothing before this; none where all of the span is within its reach.
    pub(super) out_of_reach_before: Option<String>,
    /// Windows that were read to their end.
    pub(super) windows: u64,
    pub(super) pages: u64,
    /// Executions that the ledger did not have.
    pub(super) new: u64,
    /// Executions that it had.
    pub(super) known: u64,
    /// What is still not proven, without what is out of reach.
    pub(super) missing: Vec<Missing>,
    /// Why it ended early, where it did.
    pub(super) error: Option<String>,
}

/// A window that is not proven.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Missing {
    pub(super) from: String,
    pub(super) to: String,
}

impl Outcome {
    pub(super) fn is_complete(&self) -> bool {
        self.missing.is_empty() && self.out_of_reach_before.is_none() && self.error.is_none()
    }
}

impl Answer for BackfillAnswer {
    fn table(&self, look: Look) -> String {
        let columns = [
            Column::Left("ACCOUNT"),
            Column::Left("CATEGORY"),
            Column::Left("FROM"),
            Column::Left("TO"),
            Column::Right("WINDOWS"),
            Column::Right("NEW"),
            Column::Right("KNOWN"),
            Column::Left("PROVEN"),
        ];
        let rows = self.categories.iter().map(|outcome| {
            vec![
                outcome.account.clone(),
                outcome.category.clone(),
                outcome.from.clone(),
                outcome.to.clone(),
                outcome.windows.to_string(),
                outcome.new.to_string(),
                outcome.known.to_string(),
                if outcome.is_complete() {
                    "all"
                } else {
                    "not all"
                }
                .to_owned(),
            ]
        });
        let mut text = render(look, &columns, rows, "Nothing to fill.");
        for outcome in &self.categories {
            let about = format!("{} {}", outcome.account, outcome.category);
            if let Some(before) = &outcome.out_of_reach_before {
                text.push_str(&format!(
                    "{about}: the venue serves nothing before {before}; what happened earlier can only be imported\n"
                ));
            }
            for missing in &outcome.missing {
                text.push_str(&format!(
                    "{about}: not proven from {} to {}\n",
                    missing.from, missing.to
                ));
            }
            if let Some(error) = &outcome.error {
                text.push_str(&format!("{about}: {error}\n"));
            }
        }
        text
    }
}
