//! `check`: everything that can be known before running, without side effects.
//!
//! The configuration and the secrets are read, the plugins are loaded with their settings, each venue is
//! asked what its key may do and how its clock stands (`keys.rs`), and each receiver of alerts that can be
//! asked whether it would take them (`channels.rs`). Nothing is written and no message is sent. Every finding is printed; the command fails if one of them would keep the daemon from
//! working.

use super::accounts::Venues;
use super::answers::Answers;
use super::channels;
use super::keys::{self, AccountReport};
use super::plugin_store::{self, Candidate};
use super::progress::spinner;
use crate::app;
use crate::shelf;
use anyhow::anyhow;
use fillsync_config::{Config, PluginLock, Problem};
use fillsync_core::id::PluginName;
use fillsync_core::time::HostTime;
use fillsync_plugin_host::{Offer, Outcome, PluginEngine, Registry, Rejection};
use fillsync_report::{Answer, Look, painted};
use serde::Serialize;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Grade {
    Ok,
    Warning,
    Error,
}

#[derive(Debug, Clone, Serialize)]
struct Finding {
    grade: Grade,
    about: String,
    text: String,
    /// Where in the configuration, for what stands there.
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<Place>,
}

/// A place in the configuration, for editors and continuous integration.
#[derive(Debug, Clone, Serialize)]
struct Place {
    file: String,
    line: Option<usize>,
    column: Option<usize>,
    key: String,
    message: String,
    help: Option<String>,
}

impl From<&Problem> for Place {
    fn from(problem: &Problem) -> Self {
        Self {
            file: problem.file.clone(),
            line: problem.place.as_ref().map(|place| place.line),
            column: problem.place.as_ref().map(|place| place.column),
            key: problem.key.clone(),
            message: problem.message.clone(),
            help: problem.help.clone(),
        }
    }
}

/// Everything that was found, and what the venues say of each account.
#[derive(Default, Serialize)]
pub(super) struct Findings {
    findings: Vec<Finding>,
    accounts: Vec<AccountReport>,
}

impl Findings {
    pub(super) fn add(&mut self, grade: Grade, about: impl Into<String>, text: impl Into<String>) {
        self.findings.push(Finding {
            grade,
            about: about.into(),
            text: text.into(),
            place: None,
        });
    }

    /// What is wrong with the configuration, or suspicious in it.
    fn add_problem(&mut self, problem: &Problem) {
        self.findings.push(Finding {
            grade: match problem.severity {
                fillsync_config::Severity::Error => Grade::Error,
                fillsync_config::Severity::Warning => Grade::Warning,
            },
            about: "configuration".to_owned(),
            text: problem.summary(),
            place: Some(problem.into()),
        });
    }

    /// What the venues said of each account.
    pub(super) fn accounts(&self) -> Vec<AccountReport> {
        self.accounts.clone()
    }

    /// Takes over what else was found.
    pub(super) fn append(&mut self, other: Self) {
        self.findings.extend(other.findings);
        self.accounts.extend(other.accounts);
    }

    /// Takes over what was found of one account.
    pub(super) fn add_account(&mut self, found: Self, report: AccountReport) {
        self.append(found);
        self.accounts.push(report);
    }

    /// # Errors
    /// When something was found that keeps the daemon from working.
    pub(super) fn verdict(&self) -> anyhow::Result<()> {
        let is_error = |finding: &&Finding| finding.grade == Grade::Error;
        match self.findings.iter().filter(is_error).count() {
            0 => Ok(()),
            1 => Err(anyhow!("1 error; see above")),
            errors => Err(anyhow!("{errors} errors; see above")),
        }
    }
}

impl Answer for Findings {
    fn table(&self, look: Look) -> String {
        let mut text = keys::table(&self.accounts, look);
        for finding in &self.findings {
            let mark = match finding.grade {
                Grade::Ok => "ok     ",
                Grade::Warning => "warning",
                Grade::Error => "error  ",
            };
            let mark = painted(look, mark);
            text.push_str(&format!("{mark}  {}: {}\n", finding.about, finding.text));
        }
        text
    }
}

/// `fillsync check`.
pub(super) async fn check(answers: &Answers<'_>, offline: bool) -> anyhow::Result<()> {
    let mut findings = Findings::default();
    let loaded = match fillsync_config::load(answers.config, &app::known_plugins()) {
        Ok(loaded) => loaded,
        // People get the report with its excerpts, machines the places.
        Err(problems) if answers.json => {
            problems
                .iter()
                .for_each(|problem| findings.add_problem(problem));
            answers.print(&findings)?;
            return findings.verdict();
        }
        Err(problems) => return Err(anyhow!(fillsync_config::report(&problems))),
    };
    findings.add(
        Grade::Ok,
        "configuration",
        format!("{} is good", answers.config.display()),
    );
    for warning in &loaded.warnings {
        findings.add_problem(warning);
    }
    let config = loaded.config;
    if let Err(error) = crate::run::api_token(&config) {
        findings.add(Grade::Error, "daemon.api_token", format!("{error:#}"));
    }
    let bar = spinner("loading plugins");
    load_plugins(&config, &mut findings)?;
    let mut venues = Venues::default();
    for account in config.accounts.values() {
        bar.set_message(format!("asking {} about {}", account.venue, account.name));
        let report = keys::ask(account, offline, &mut venues, &mut findings).await;
        findings.accounts.push(report);
    }
    keys::same_account_twice(&findings.accounts(), &mut findings);
    for channel in config.channels.values() {
        bar.set_message(format!("asking about channel {}", channel.name));
        channels::ask(channel, offline, &mut findings).await;
    }
    bar.finish_and_clear();
    answers.print(&findings)?;
    findings.verdict()
}

/// Loads every plugin that the configuration uses, as the daemon would.
pub(super) fn load_plugins(config: &Config, findings: &mut Findings) -> anyhow::Result<()> {
    let engine = PluginEngine::open(None, plugin_store::compiler(config))?;
    let registry = Registry::new(engine);
    let lock = PluginLock::read(&config.daemon.plugin_lock);
    if let Err(error) = &lock {
        findings.add(Grade::Error, "daemon.plugin_lock", error.to_string());
    }
    let lock = lock.unwrap_or_default();
    for name in app::plugins_in_use(config) {
        load_plugin(config, &lock, &registry, &name, findings);
    }
    Ok(())
}

/// One plugin: what its file holds, whether that would be let in, and what the daemon uses.
fn load_plugin(
    config: &Config,
    lock: &PluginLock,
    registry: &Registry,
    name: &PluginName,
    findings: &mut Findings,
) {
    let about = format!("plugin {name}");
    // A ledger that only a start can bring up, or nobody can read, keeps no file from being checked.
    let (memory, latest) = plugin_store::remembered(config, name).unwrap_or_else(|error| {
        findings.add(
            Grade::Warning,
            &about,
            format!("what is in use is not known: {error:#}"),
        );
        Default::default()
    });
    let candidate = match plugin_store::candidate(config, name) {
        Ok(candidate) => candidate,
        Err(why) => {
            findings.add(Grade::Error, about, why);
            return;
        }
    };
    let (json, limits) = shelf::wishes(config, name);
    let Candidate {
        source,
        bytes,
        sha256,
        signature,
    } = candidate;
    let mut offer = Offer::plain(
        name,
        source.clone(),
        &bytes,
        &json,
        &limits,
        HostTime::EPOCH,
    );
    offer.trust = shelf::demands(config, lock, name, &bytes, signature);
    match registry.consider(&offer).outcome {
        Outcome::Rejected { rejection, .. } => {
            findings.add(Grade::Error, &about, in_words(&rejection));
        }
        Outcome::Held { why, .. } => {
            // Where something else is in use, it goes on.
            let grade = if memory.in_use.is_some() {
                Grade::Warning
            } else {
                Grade::Error
            };
            findings.add(grade, &about, in_words(&why));
        }
        Outcome::Swapped(swap) => {
            let reach = registry
                .active(name)
                .map(|loaded| loaded.reach().sentence());
            findings.add(
                Grade::Ok,
                &about,
                format!(
                    "{} {} ({source}), sha256 {}. {}",
                    swap.kind,
                    swap.used.version,
                    swap.used.sha256,
                    reach.unwrap_or_default()
                ),
            );
        }
        Outcome::Unchanged => {}
    }
    if let Some(in_use) = memory.in_use.filter(|in_use| *in_use != sha256) {
        let waits = latest
            .map(|latest| latest.event)
            .filter(|event| matches!(event.outcome.as_str(), "held" | "rejected" | "rolled-back"))
            .map_or_else(String::new, |event| {
                format!(
                    "; {} at {}: {}; {}",
                    event.outcome,
                    event.stage,
                    event.cause.unwrap_or_default(),
                    event.hint.unwrap_or_default()
                )
            });
        findings.add(
            Grade::Warning,
            &about,
            format!("in use is another content, sha256 {in_use}{waits}"),
        );
    }
}

/// Loads one plugin for a command that asks it something, if the operator lets its file in.
///
/// # Errors
/// In words.
pub(super) fn load_one(
    registry: &Registry,
    config: &Config,
    name: &PluginName,
) -> Result<(), String> {
    let lock = PluginLock::read(&config.daemon.plugin_lock).map_err(|error| error.to_string())?;
    let candidate = plugin_store::candidate(config, name)?;
    let (json, limits) = shelf::wishes(config, name);
    let Candidate {
        source,
        bytes,
        signature,
        ..
    } = candidate;
    let mut offer = Offer::plain(name, source, &bytes, &json, &limits, HostTime::EPOCH);
    offer.trust = shelf::demands(config, &lock, name, &bytes, signature);
    match registry.consider(&offer).outcome {
        Outcome::Rejected { rejection: why, .. } | Outcome::Held { why, .. } => Err(in_words(&why)),
        Outcome::Swapped(_) | Outcome::Unchanged => Ok(()),
    }
}

fn in_words(rejection: &Rejection) -> String {
    let hint = rejection
        .hint
        .as_ref()
        .map_or_else(String::new, |hint| format!("; {hint}"));
    format!("{}: {}{hint}", rejection.stage, rejection.cause)
}
