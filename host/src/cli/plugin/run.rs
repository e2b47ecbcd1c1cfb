//! `plugin run`: one question, the answer, and what the call used and wrote.

use super::workbench::{Terms, Workbench, case, component};
use crate::cli::answers::Answers;
use anyhow::anyhow;
use clap::Args;
use fillsync_plugin_host::LogLine;
use fillsync_plugin_host::kit::{ask, canned, remedy};
use fillsync_report::{Answer, Look};
use serde::Serialize;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(in crate::cli) struct Wish {
    /// The component, or the name of a plugin.
    file: PathBuf,
    /// The case with the question; "-" is standard input. Without it, a mirror that is one order behind.
    #[arg(long, value_name = "CASE")]
    input: Option<PathBuf>,
    #[command(flatten)]
    terms: Terms,
}

#[derive(Serialize)]
struct Ran {
    answer: Option<String>,
    error: Option<String>,
    what_to_do: Option<String>,
    fuel: u64,
    fuel_limit: u64,
    memory_bytes: usize,
    memory_limit_bytes: usize,
    took_us: u64,
    log: Vec<LogLine>,
    log_dropped: u32,
}

impl Answer for Ran {
    fn table(&self, _look: Look) -> String {
        let mut text = self.answer.clone().unwrap_or_default();
        text.push('\n');
        for line in &self.log {
            let level = format!("{:?}", line.level).to_lowercase();
            text.push_str(&format!("log {level:<5}  {}\n", line.message));
        }
        if self.log_dropped > 0 {
            text.push_str(&format!(
                "log        {} more lines were dropped\n",
                self.log_dropped
            ));
        }
        text.push_str(&format!(
            "fuel       {} of {}\n",
            self.fuel, self.fuel_limit
        ));
        text.push_str(&format!(
            "memory     {} of {}\n",
            size(self.memory_bytes),
            size(self.memory_limit_bytes)
        ));
        text.push_str(&format!("time       {} µs\n", self.took_us));
        text
    }
}

/// "64KiB", as the configuration writes sizes.
pub(super) fn size(bytes: usize) -> String {
    fillsync_config::print_size(bytes as u64)
}

pub(super) fn run(answers: &Answers<'_>, wish: &Wish) -> anyhow::Result<()> {
    let bytes = component(answers, &wish.file)?;
    let given = wish.input.as_deref().map(case).transpose()?;
    let workbench = Workbench::new(answers, &wish.terms)?;
    let settings = given.as_ref().and_then(|case| case.settings.as_ref());
    let loaded = workbench.load(&bytes, settings)?;
    let case = match given {
        Some(case) => case,
        None => canned(loaded.card().kind)?,
    };
    let asked = ask(&loaded, &case.question);
    let error = asked.said.as_ref().err();
    let ran = Ran {
        answer: asked.said.as_ref().ok().map(|said| said.text()),
        error: error.map(ToString::to_string),
        what_to_do: error.map(remedy),
        fuel: asked.report.fuel,
        fuel_limit: workbench.limits.fuel,
        memory_bytes: asked.report.memory_bytes,
        memory_limit_bytes: workbench.limits.memory_bytes,
        took_us: u64::try_from(asked.report.took.as_micros()).unwrap_or(u64::MAX),
        log: asked.report.log,
        log_dropped: asked.report.log_dropped,
    };
    answers.print(&ran)?;
    match asked.said {
        Ok(_) => Ok(()),
        Err(error) => Err(anyhow!("{error}; what to do: {}", remedy(&error))),
    }
}
