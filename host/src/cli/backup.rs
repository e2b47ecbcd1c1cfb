//! `backup` and `restore`: a copy of the ledger while the daemon runs, and the way back.
//!
//! How a copy is made and proven stands in the ledger's `copy`; here is what a person is told. The
//! configuration, the secrets and the plugins are files of the operator's own and are not in a copy.

use super::answers::Answers;
use crate::app::SystemClock;
use fillsync_core::port::Clock as _;
use fillsync_ledger::{CopyFacts, LedgerError, copy};
use fillsync_report::{Answer, Look};
use serde::Serialize;
use std::path::Path;

/// What stands in a copy.
#[derive(Debug, Serialize)]
struct Facts {
    path: String,
    bytes: u64,
    schema: i64,
    executions: u64,
    fills: u64,
}

impl From<CopyFacts> for Facts {
    fn from(facts: CopyFacts) -> Self {
        Self {
            path: facts.path.display().to_string(),
            bytes: facts.bytes,
            schema: facts.schema,
            executions: facts.executions,
            fills: facts.fills,
        }
    }
}

impl Facts {
    fn line(&self) -> String {
        format!(
            "{}: {} fills, {} rows, {} bytes, schema {}; every page was checked",
            self.path, self.fills, self.executions, self.bytes, self.schema
        )
    }
}

#[derive(Debug, Serialize)]
struct BackedUp {
    backup: Facts,
}

impl Answer for BackedUp {
    fn table(&self, _: Look) -> String {
        format!("{}\n", self.backup.line())
    }
}

#[derive(Debug, Serialize)]
struct Restored {
    ledger: Facts,
    kept: Option<String>,
}

impl Answer for Restored {
    fn table(&self, _: Look) -> String {
        let mut text = format!("{}\n", self.ledger.line());
        if let Some(kept) = &self.kept {
            text.push_str(&format!("what was there before is kept as {kept}\n"));
        }
        text.push_str(
            "start the daemon: it fetches what happened since from the venues, and tells old fills in one digest\n",
        );
        text
    }
}

/// `fillsync backup --to FILE`.
pub(super) fn back_up(answers: &Answers<'_>, to: &Path) -> anyhow::Result<()> {
    let backup = copy::back_up(&answers.database()?, to)?.into();
    answers.print(&BackedUp { backup })
}

/// `fillsync restore --from FILE`.
pub(super) fn restore(answers: &Answers<'_>, from: &Path, is_forced: bool) -> anyhow::Result<()> {
    let database = answers.database()?;
    // A second has one name: two restores within it are one too many.
    let stamp: String = SystemClock
        .now()
        .to_string()
        .chars()
        .take(19)
        .filter(char::is_ascii_alphanumeric)
        .collect();
    let keep_as = is_forced.then(|| format!("before-{stamp}"));
    let restored = copy::restore(from, &database, keep_as.as_deref()).map_err(|error| match error {
        LedgerError::Locked { path } => anyhow::anyhow!(
            "the ledger {path} is in use: a daemon or another command works on it; stop it, then restore"
        ),
        error => error.into(),
    })?;
    answers.print(&Restored {
        ledger: restored.now.into(),
        kept: restored.kept.map(|kept| kept.display().to_string()),
    })
}
