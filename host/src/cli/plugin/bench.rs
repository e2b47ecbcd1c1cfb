//! `plugin bench`: what one question costs, and how much of each limit that is.

use super::run::size;
use super::workbench::{Terms, Workbench, case, component};
use crate::cli::answers::Answers;
use anyhow::anyhow;
use clap::Args;
use fillsync_plugin_host::kit::{CALLS_DEFAULT, Figures, bench as measure, canned, remedy};
use fillsync_report::{Answer, Look};
use serde::Serialize;
use std::path::PathBuf;
use std::time::Duration;

#[derive(Debug, Args)]
pub(in crate::cli) struct Wish {
    /// The component, or the name of a plugin.
    file: PathBuf,
    /// The case with the question; "-" is standard input. Without it, a mirror that is one order behind.
    #[arg(long, value_name = "CASE")]
    input: Option<PathBuf>,
    /// How often it is asked.
    #[arg(long, default_value_t = CALLS_DEFAULT, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    calls: u32,
    #[command(flatten)]
    terms: Terms,
}

#[derive(Serialize)]
struct Measured {
    plugin: String,
    calls: u32,
    fuel: u64,
    memory_bytes: usize,
    p50_us: u64,
    p99_us: u64,
    slowest_us: u64,
    log_bytes: usize,
    /// Percent of each limit, with one place.
    share_percent: std::collections::BTreeMap<&'static str, String>,
}

impl Answer for Measured {
    fn table(&self, _look: Look) -> String {
        let share = |limit: &str| self.share_percent.get(limit).cloned().unwrap_or_default();
        format!(
            "{}: {} calls, each in a fresh instance\n\
             fuel       {:<12} {} % of its limit; the same on every machine\n\
             memory     {:<12} {} % of its limit\n\
             time p50   {:<12}\n\
             time p99   {:<12}\n\
             slowest    {:<12} {} % of its limit\n\
             log        {} bytes\n",
            self.plugin,
            self.calls,
            self.fuel,
            share("fuel"),
            size(self.memory_bytes),
            share("memory"),
            format!("{} µs", self.p50_us),
            format!("{} µs", self.p99_us),
            format!("{} µs", self.slowest_us),
            share("time"),
            self.log_bytes,
        )
    }
}

pub(super) fn bench(answers: &Answers<'_>, wish: &Wish) -> anyhow::Result<()> {
    let bytes = component(answers, &wish.file)?;
    let given = wish.input.as_deref().map(case).transpose()?;
    let workbench = Workbench::new(answers, &wish.terms)?;
    let settings = given.as_ref().and_then(|case| case.settings.as_ref());
    let loaded = workbench.load(&bytes, settings)?;
    let case = match given {
        Some(case) => case,
        None => canned(loaded.card().kind)?,
    };
    let figures = measure(&loaded, &case.question, wish.calls)
        .map_err(|error| anyhow!("{error}; what to do: {}", remedy(&error)))?;
    let plugin = format!("{} {}", loaded.card().name, loaded.card().version);
    answers.print(&measured(plugin, figures))
}

fn measured(plugin: String, figures: Figures) -> Measured {
    let us = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    Measured {
        plugin,
        calls: figures.calls,
        fuel: figures.fuel,
        memory_bytes: figures.memory_bytes,
        p50_us: us(figures.p50),
        p99_us: us(figures.p99),
        slowest_us: us(figures.slowest),
        log_bytes: figures.log_bytes,
        share_percent: figures
            .shares
            .iter()
            .map(|share| {
                let (whole, tenth) = (share.thousandths / 10, share.thousandths % 10);
                (share.limit, format!("{whole}.{tenth}"))
            })
            .collect(),
    }
}
