//! `plugin list`: every plugin that the configuration uses, loaded as the daemon would load it.

use crate::cli::answers::Answers;
use crate::cli::check::{Findings, load_plugins};

pub(super) fn list(answers: &Answers<'_>) -> anyhow::Result<()> {
    let config = answers.load()?;
    let mut findings = Findings::default();
    load_plugins(&config, &mut findings)?;
    answers.print(&findings)?;
    findings.verdict()
}
