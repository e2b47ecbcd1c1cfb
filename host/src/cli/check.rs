//! `check` and `plugin list`: everything that can be known before running, without side effects.
//!
//! The configuration and the secrets are read, the plugins are loaded with their settings, and each
//! venue is asked what its key may do and how its clock stands (`keys.rs`). Nothing is written and no message is
//! sent. Every finding is printed; the command fails if one of them would keep the daemon from
//! working.

use super::accounts::Venues;
use super::answers::Answers;
use super::keys::{self, AccountReport};
use super::progress::spinner;
use crate::app;
use anyhow::anyhow;
use fillsync_config::Config;
use fillsync_core::id::PluginName;
use fillsync_core::time::HostTime;
use fillsync_plugin_host::{Outcome, PluginEngine, Registry, Source, first_party};
use fillsync_report::{Answer, Look};
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
        });
    }

    fn verdict(&self) -> anyhow::Result<()> {
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
            text.push_str(&format!("{mark}  {}: {}\n", finding.about, finding.text));
        }
        text
    }
}

/// `fillsync check`.
pub(super) async fn check(answers: &Answers<'_>, offline: bool) -> anyhow::Result<()> {
    let loaded = app::load_config(answers.config)?;
    let mut findings = Findings::default();
    findings.add(
        Grade::Ok,
        "configuration",
        format!("{} is good", answers.config.display()),
    );
    for warning in &loaded.warnings {
        findings.add(Grade::Warning, "configuration", warning.summary());
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
    keys::same_account_twice(&findings.accounts.clone(), &mut findings);
    bar.finish_and_clear();
    answers.print(&findings)?;
    findings.verdict()
}

/// `fillsync plugin list`.
pub(super) fn plugins(answers: &Answers<'_>) -> anyhow::Result<()> {
    let config = answers.load()?;
    let mut findings = Findings::default();
    load_plugins(&config, &mut findings)?;
    answers.print(&findings)?;
    findings.verdict()
}

fn load_plugins(config: &Config, findings: &mut Findings) -> anyhow::Result<()> {
    let registry = Registry::new(PluginEngine::new()?);
    for name in app::plugins_in_use(config) {
        let about = format!("plugin {name}");
        match candidate(config, &name) {
            Err(why) => findings.add(Grade::Error, about, why),
            Ok((source, bytes)) => {
                let (json, limits) = crate::shelf::wishes(config, &name);
                let from = source.to_string();
                let outcome =
                    registry.offer(&name, source, &bytes, &json, &limits, HostTime::EPOCH);
                match outcome {
                    Outcome::Rejected { rejection, .. } => {
                        let hint = rejection.hint.map_or_else(String::new, |hint| format!("; {hint}"));
                        findings.add(Grade::Error, about, format!("{}: {}{hint}", rejection.stage, rejection.cause));
                    }
                    Outcome::Swapped(swap) => findings.add(
                        Grade::Ok,
                        about,
                        format!(
                            "{} {} ({from}), sha256 {}; it can reach no network, file, clock or randomness: proven from its imports",
                            swap.kind, swap.used.version, swap.used.sha256
                        ),
                    ),
                    Outcome::Unchanged => {}
                }
            }
        }
    }
    Ok(())
}

fn candidate(config: &Config, name: &PluginName) -> Result<(Source, Vec<u8>), String> {
    let file = config
        .plugins
        .get(name)
        .and_then(|plugin| plugin.file.clone())
        .unwrap_or_else(|| format!("{name}.wasm"));
    let path = config.daemon.plugin_dir.join(&file);
    if path.is_file() {
        let bytes = std::fs::read(&path)
            .map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
        return Ok((Source::File(file), bytes));
    }
    first_party()
        .iter()
        .find(|plugin| plugin.name == name.as_str())
        .map(|plugin| (Source::Embedded, plugin.bytes.to_vec()))
        .ok_or_else(|| {
            format!(
                "there is no file {}; put the component there",
                path.display()
            )
        })
}
