//! `verify`: the ledger against itself.

use super::answers::Answers;
use super::progress::spinner;
use super::say;
use anyhow::anyhow;

/// `fillsync verify`.
pub(super) fn verify(answers: &Answers<'_>) -> anyhow::Result<()> {
    let bar = spinner("recomputing every cycle from its executions");
    let check = answers.reader()?.self_check()?;
    bar.finish_and_clear();
    if answers.json {
        say(&serde_json::json!({
            "executions": check.executions, "cycles": check.cycles, "findings": check.findings,
        })
        .to_string())?;
    } else {
        say(&format!(
            "{} executions, {} cycles recomputed",
            check.executions, check.cycles
        ))?;
        for finding in &check.findings {
            say(&format!("  {finding}"))?;
        }
    }
    if check.findings.is_empty() {
        return Ok(());
    }
    Err(anyhow!(
        "{} findings; restore a backup, or move the ledger away and let the lookback fetch again",
        check.findings.len()
    ))
}
