//! The commands that read the ledger and print what it answers.
//!
//! They work whether the daemon runs or not, and change nothing. What is answered stands in
//! `fillsync-report`, which the HTTP server uses as well, so the two cannot disagree.

use super::{CalledWrongly, Which, say};
use crate::app::{self, SystemClock};
use fillsync_config::Config;
use fillsync_core::id::GroupName;
use fillsync_core::port::Clock as _;
use fillsync_ledger::{AlertFilter, FillFilter, Reader};
use fillsync_report::{Answer, CountFilter, DivergenceFilter, Look, PerformanceFilter};
use std::path::{Path, PathBuf};

/// Where to look, and how to print it.
pub(super) struct Answers<'a> {
    /// The configuration's file.
    pub(super) config: &'a Path,
    /// Whether machines read it.
    pub(super) json: bool,
    /// How tables look.
    pub(super) look: Look,
}

impl Answers<'_> {
    pub(super) fn load(&self) -> anyhow::Result<Config> {
        Ok(app::load_config(self.config)?.config)
    }

    pub(super) fn database(&self) -> anyhow::Result<PathBuf> {
        Ok(self.load()?.daemon.database)
    }

    pub(super) fn reader(&self) -> anyhow::Result<Reader> {
        Ok(Reader::open(self.database()?)?)
    }

    /// Prints an answer.
    pub(super) fn print(&self, answer: &impl Answer) -> anyhow::Result<()> {
        say(&self.written(answer)?)
    }

    /// An answer as it is printed, without its last line end.
    fn written(&self, answer: &impl Answer) -> anyhow::Result<String> {
        Ok(if self.json {
            answer.json()?
        } else {
            answer.table(self.look).trim_end().to_owned()
        })
    }

    pub(super) fn fills(
        &self,
        which: Which,
        limit: u32,
        before: Option<i64>,
    ) -> anyhow::Result<()> {
        let filter = FillFilter {
            account: which.account,
            among: None,
            symbol: which.symbol,
            from: which.since,
            to: which.until,
            before_id: before,
            limit: fillsync_report::rows_wanted(Some(limit.into())),
        };
        let now = SystemClock.now();
        self.print(&fillsync_report::fills(&self.reader()?, &filter, now)?)
    }

    /// Counts, as they are printed.
    pub(super) fn counts(&self, group: Option<&GroupName>, limit: u32) -> anyhow::Result<String> {
        let filter = CountFilter {
            group: group.cloned(),
            limit,
            ..CountFilter::default()
        };
        let now = SystemClock.now();
        self.written(&fillsync_report::counts(&self.reader()?, &filter, now)?)
    }

    pub(super) fn performance(&self, which: Which, group: Option<GroupName>) -> anyhow::Result<()> {
        let config = self.load()?;
        if let Some(group) = &group {
            is_known(&config, group)?;
        }
        let members = config.groups.values().map(|group| {
            let accounts = group.members.iter().map(|member| member.account.clone());
            (group.name.clone(), accounts.collect())
        });
        let filter = PerformanceFilter {
            account: which.account,
            group,
            symbol: which.symbol,
            from: which.since,
            to: which.until,
            members: members.collect(),
            ..PerformanceFilter::default()
        };
        let reader = Reader::open(&config.daemon.database)?;
        let now = SystemClock.now();
        self.print(&fillsync_report::performance(&reader, &filter, now)?)
    }

    /// The ledger at a glance, as it is printed.
    pub(super) fn status(&self) -> anyhow::Result<String> {
        let (path, reader) = (self.database()?, self.reader()?);
        self.written(&fillsync_report::status(
            &reader,
            &path,
            None,
            SystemClock.now(),
        )?)
    }

    pub(super) fn divergences(&self, all: bool) -> anyhow::Result<()> {
        let filter = DivergenceFilter {
            open_only: !all,
            limit: fillsync_report::ROWS_MAX,
            ..DivergenceFilter::default()
        };
        let now = SystemClock.now();
        self.print(&fillsync_report::divergences(
            &self.reader()?,
            &filter,
            now,
        )?)
    }

    pub(super) fn alerts(&self, limit: u32, before: Option<i64>) -> anyhow::Result<()> {
        let filter = AlertFilter {
            before_id: before,
            ..AlertFilter::default()
        };
        let now = SystemClock.now();
        self.print(&fillsync_report::alerts(
            &self.reader()?,
            &filter,
            limit,
            now,
        )?)
    }
}

/// A group that the configuration does not have is a wrong call; the ones that it has are named.
pub(super) fn is_known(config: &Config, group: &GroupName) -> Result<(), CalledWrongly> {
    if config.groups.contains_key(group) {
        return Ok(());
    }
    let known: Vec<&str> = config.groups.keys().map(GroupName::as_str).collect();
    Err(CalledWrongly(format!(
        "the configuration has no group {group}; it has {}",
        if known.is_empty() {
            "none".to_owned()
        } else {
            known.join(", ")
        }
    )))
}
