//! `check` and `plugin list`: everything that can be known before running, without side effects.
//!
//! The configuration and the secrets are read, the plugins are loaded with their settings, and each
//! venue is asked what its key may do and how its clock stands. Nothing is written and no message is
//! sent. Every finding is printed; the command fails if one of them would keep the daemon from
//! working.

use super::progress::spinner;
use super::say;
use crate::app::{self, SystemClock};
use anyhow::anyhow;
use fillsync_config::{Account, Config};
use fillsync_core::id::PluginName;
use fillsync_core::port::{Clock as _, KeyReport, Venue};
use fillsync_core::time::{HostTime, VenueTime};
use fillsync_plugin_host::{Outcome, PluginEngine, Registry, Source, first_party};
use fillsync_venue::{AccountSettings, Address};
use serde::Serialize;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// A key that stops working sooner than this is worth a warning.
const EXPIRY_WARNING: Duration = Duration::from_secs(14 * 24 * 3600);
/// A clock that is off by more than this breaks signed requests (Bybit: 1 s ahead is refused).
const CLOCK_WARNING_MS: i64 = 500;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Grade {
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

#[derive(Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, grade: Grade, about: impl Into<String>, text: impl Into<String>) {
        self.0.push(Finding {
            grade,
            about: about.into(),
            text: text.into(),
        });
    }

    fn print(&self, json: bool) -> anyhow::Result<()> {
        if json {
            say(&serde_json::json!({ "findings": self.0 }).to_string())?;
        } else {
            for finding in &self.0 {
                let mark = match finding.grade {
                    Grade::Ok => "ok     ",
                    Grade::Warning => "warning",
                    Grade::Error => "error  ",
                };
                say(&format!("{mark}  {}: {}", finding.about, finding.text))?;
            }
        }
        let errors = self
            .0
            .iter()
            .filter(|finding| finding.grade == Grade::Error)
            .count();
        match errors {
            0 => Ok(()),
            1 => Err(anyhow!("1 error; see above")),
            errors => Err(anyhow!("{errors} errors; see above")),
        }
    }
}

/// `fillsync check`.
pub(super) async fn check(config_path: &Path, offline: bool, json: bool) -> anyhow::Result<()> {
    let loaded = app::load_config(config_path)?;
    let mut findings = Findings::default();
    findings.add(
        Grade::Ok,
        "configuration",
        format!("{} is good", config_path.display()),
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
    for account in config.accounts.values() {
        bar.set_message(format!("asking {} about {}", account.venue, account.name));
        check_account(account, offline, &mut findings).await;
    }
    bar.finish_and_clear();
    findings.print(json)
}

/// `fillsync plugin list`.
pub(super) fn plugins(config_path: &Path, json: bool) -> anyhow::Result<()> {
    let config = app::load_config(config_path)?.config;
    let mut findings = Findings::default();
    load_plugins(&config, &mut findings)?;
    findings.print(json)
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

async fn check_account(account: &Account, offline: bool, findings: &mut Findings) {
    let about = format!("account {}", account.name);
    let venue = match open(account, &about, findings) {
        Ok(venue) => venue,
        Err(error) => return findings.add(Grade::Error, about, format!("{error:#}")),
    };
    if offline {
        return findings.add(
            Grade::Ok,
            about,
            "its secrets can be read; the venue was not asked",
        );
    }
    match venue.key().await {
        Err(error) => findings.add(Grade::Error, about, error.to_string()),
        Ok(report) => judge(&about, &report, findings),
    }
}

fn open(account: &Account, about: &str, findings: &mut Findings) -> anyhow::Result<Arc<dyn Venue>> {
    let key = account.api_key.resolve(&format!("{about}: api_key"))?;
    let code = account
        .api_secret
        .resolve(&format!("{about}: api_secret"))?;
    for warning in [&key.warning, &code.warning].into_iter().flatten() {
        findings.add(Grade::Warning, about, warning.clone());
    }
    let settings = AccountSettings::new(
        account.name.clone(),
        account.venue,
        account.base_url.as_str(),
        key.secret,
        code.secret,
        account.categories.clone(),
    );
    let address = Address::new(account.venue, fillsync_venue::Limits::of(account.venue))?;
    Ok(fillsync_venue::open(
        settings,
        &address,
        Arc::new(SystemClock),
    )?)
}

fn judge(about: &str, report: &KeyReport, findings: &mut Findings) {
    findings.add(Grade::Ok, about, "the venue knows the key");
    if report.read_only == Some(false) || !report.powers.is_empty() {
        findings.add(
            Grade::Warning,
            about,
            format!(
                "the key can do more than read ({}); fillsync needs no more than that, so a read-only key is safer",
                report.powers.join(", ")
            ),
        );
    }
    if report.clock_offset_ms.abs() > CLOCK_WARNING_MS {
        findings.add(
            Grade::Warning,
            about,
            format!("this machine's clock is {} ms off the venue's; fillsync corrects for it, but set the clock", report.clock_offset_ms),
        );
    }
    if let Some(expires) = report.expires_at {
        let now = VenueTime::from_us(SystemClock.now().us());
        if expires.since(now) < EXPIRY_WARNING {
            findings.add(
                Grade::Warning,
                about,
                format!("the key stops working at {expires}; make a new one in time"),
            );
        }
    }
}
