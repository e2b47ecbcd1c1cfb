//! `plugin check`: a file's way through every stage of loading, as the daemon would take it.

use super::workbench::{Terms, Workbench, component};
use crate::cli::answers::Answers;
use crate::cli::progress::spinner;
use anyhow::bail;
use clap::Args;
use fillsync_plugin_host::kit::{
    ANSWERED_INERTLY, PROVEN, StageOutcome, StageReport, check as take_through, inspect,
};
use fillsync_report::{Answer, Look};
use serde::Serialize;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(in crate::cli) struct Wish {
    /// The component, or the name of a plugin.
    file: PathBuf,
    #[command(flatten)]
    terms: Terms,
}

#[derive(Serialize)]
struct Checked {
    file: String,
    sha256: Option<String>,
    stages: Vec<StageReport>,
    loads: bool,
    /// Whether its imports prove that it can reach nothing.
    proven: bool,
    reach: Option<&'static str>,
}

impl Answer for Checked {
    fn table(&self, _look: Look) -> String {
        let mut text = String::new();
        for report in &self.stages {
            let outcome = match report.outcome {
                StageOutcome::Passed => "passed",
                StageOutcome::Failed => "FAILED",
                StageOutcome::NotReached => "not reached",
            };
            let line = format!("{outcome:<12} {:<12} {}", report.stage, report.found);
            text.push_str(line.trim_end());
            text.push('\n');
            if let Some(hint) = &report.hint {
                text.push_str(&format!("{:<12} {:<12} {hint}\n", "", "what to do"));
            }
        }
        if let Some(reach) = self.reach {
            text.push_str(&format!("\n{reach}\n"));
        }
        text
    }
}

pub(super) fn check(answers: &Answers<'_>, wish: &Wish) -> anyhow::Result<()> {
    let bytes = component(answers, &wish.file)?;
    let workbench = Workbench::new(answers, &wish.terms)?;
    let bar = spinner("loading");
    let passage = take_through(
        &workbench.engine,
        &bytes,
        &workbench.settings,
        &workbench.limits,
    );
    bar.finish_and_clear();
    let outside = inspect(&bytes).ok();
    let loads = passage.loaded.is_ok();
    let proven = outside.as_ref().is_some_and(|outside| outside.is_proven);
    answers.print(&Checked {
        file: wish.file.display().to_string(),
        sha256: outside.map(|outside| outside.sha256),
        stages: passage.stages,
        loads,
        proven,
        reach: match (loads, proven) {
            (true, true) => Some(PROVEN),
            (true, false) => Some(ANSWERED_INERTLY),
            (false, _) => None,
        },
    })?;
    match passage.loaded {
        Ok(_) => Ok(()),
        Err(rejection) => bail!(
            "the daemon would not take it: it is stopped at {}",
            rejection.stage
        ),
    }
}
