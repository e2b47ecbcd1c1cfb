//! `explain count|alert|fill`: the chain of facts behind what was said, and the decision made again.
//!
//! The plugin is looked for by its hash where the daemon takes plugins from: inside the binary and in
//! the plugin folder. A plugin has no clock, no randomness, no network and no files (law 4), so the same
//! view must give the same answer, byte for byte; where it does not, the ledger was changed or the
//! fault is ours. Nothing is written, and a daemon may run meanwhile.

use super::CalledWrongly;
use super::answers::Answers;
use super::progress::spinner;
use crate::app::SystemClock;
use anyhow::anyhow;
use fillsync_config::Config;
use fillsync_core::id::PluginName;
use fillsync_core::moment::{self, Answer};
use fillsync_core::port::Clock as _;
use fillsync_core::view::View;
use fillsync_ledger::{DecisionOutcome, Reader, StoredDecision};
use fillsync_plugin_host::{CEILING, Limits, Loaded, PluginEngine, first_party};
use fillsync_report::{Again, CountName, ExplainError, Explanation};
use sha2::{Digest as _, Sha256};
use std::path::Path;
use std::sync::Arc;

/// In the error of a plugin that was left alone for a while.
const NOT_ASKED: &str = "it is set aside after";

/// What is to be explained.
#[derive(Debug, Clone, clap::Subcommand)]
pub(super) enum Wish {
    /// Why a count is what it is: of a cycle (desk/GTCUSDT/short/12), of one account in it
    /// (desk/GTCUSDT/short/12/main), or of a decision (its number). `fillsync counts` prints the names.
    Count {
        /// Its name.
        id: String,
    },
    /// Why an alert said what it said, and where it went: its identity, with "#2" behind it for one
    /// revision, or its number. `fillsync alerts` prints the identities.
    Alert {
        /// Its identity.
        id: String,
    },
    /// What came of a fill: the venue's id of the execution, with "ACCOUNT/" before it where two
    /// accounts have the same. `fillsync fills` prints them.
    Fill {
        /// Its id.
        id: String,
    },
}

/// `fillsync explain`.
pub(super) fn explain(answers: &Answers<'_>, wish: &Wish) -> anyhow::Result<()> {
    let config = answers.load()?;
    let reader = Reader::open(&config.daemon.database)?;
    let now = SystemClock.now();
    let explained = match wish {
        Wish::Count { id } => CountName::parse(id)
            .map_err(ExplainError::from)
            .and_then(|name| fillsync_report::explain_count(&reader, &name, now)),
        Wish::Alert { id } => fillsync_report::explain_alert(&reader, id, now),
        Wish::Fill { id } => fillsync_report::explain_fill(&reader, id, now),
    };
    let mut explanation = explained.map_err(|error| match error {
        ExplainError::Name(_) | ExplainError::Several { .. } => {
            anyhow::Error::new(CalledWrongly(error.to_string()))
        }
        ExplainError::Nothing { .. } | ExplainError::Ledger(_) => error.into(),
    })?;
    let bar = spinner("making the decision again");
    explanation.again = again(&config, &explanation)?;
    bar.finish_and_clear();
    answers.print(&explanation)?;
    let intact = explanation
        .decision
        .as_ref()
        .is_none_or(|decision| decision.view_is_intact);
    match &explanation.again {
        Some(Again::Differs { .. }) => Err(anyhow!(
            "the decision does not come out the same again; see above"
        )),
        _ if !intact => Err(anyhow!("the stored view was changed; see above")),
        _ => Ok(()),
    }
}

fn again(config: &Config, explanation: &Explanation) -> anyhow::Result<Option<Again>> {
    let Some(stored) = &explanation.stored else {
        return Ok(None);
    };
    let Some(view) = explanation.view() else {
        let why = "the stored view cannot be read: the ledger was changed".to_owned();
        return Ok(Some(Again::NotTried { why }));
    };
    let decision = &stored.decision;
    if decision.outcome == DecisionOutcome::None {
        return Ok(Some(judge(
            explanation,
            stored,
            &view,
            &Answer::None,
            "no strategy",
            None,
        )));
    }
    let (Some(sha256), Some(used)) = (&decision.plugin_sha256, &explanation.used) else {
        let why = match &decision.plugin_sha256 {
            None => format!("no plugin {} was loaded when it was made", decision.plugin),
            Some(_) => "the plugin's settings of that time were not kept".to_owned(),
        };
        return Ok(Some(Again::NotTried { why }));
    };
    if decision
        .error
        .as_ref()
        .is_some_and(|error| error.contains(NOT_ASKED))
    {
        let why = "the plugin was not asked then: it was set aside".to_owned();
        return Ok(Some(Again::NotTried { why }));
    }
    let Some((bytes, place)) = find(&config.daemon.plugin_dir, sha256) else {
        let why = format!(
            "the plugin {} {} is gone: nothing in this binary and no file in {} has SHA-256 {sha256}; put its file there (under any name) and ask again",
            used.own_name,
            used.version,
            config.daemon.plugin_dir.display()
        );
        return Ok(Some(Again::NotTried { why }));
    };
    let loaded = match load(config, &decision.plugin, &bytes, &used.settings_json) {
        Ok(loaded) => loaded,
        Err(why) => {
            let why = format!("the plugin ({place}) does not load in this fillsync: {why}");
            return Ok(Some(Again::NotTried { why }));
        }
    };
    let (answer, fuel) = match loaded.decide(&view) {
        Ok((shown, report)) => (Answer::Shown(shown), Some(report.fuel)),
        Err(error) => {
            let name = &decision.plugin;
            let why = format!("strategy {name} gave no answer ({error})");
            let note = why.chars().take(fillsync_core::view::NOTE_CHARACTERS_MAX);
            (Answer::Failed(note.collect()), None)
        }
    };
    Ok(Some(judge(
        explanation,
        stored,
        &view,
        &answer,
        &place,
        fuel,
    )))
}

/// Whether the answer, taken through the host's own rules as it was then, is the stored one.
fn judge(
    explanation: &Explanation,
    stored: &StoredDecision,
    view: &View,
    answer: &Answer,
    place: &str,
    fuel: Option<u64>,
) -> Again {
    // Whether the strategy had changed just before is not kept; a note in the answer says so where it
    // mattered, so both are tried.
    let verdicts = [false, true].map(|changed| moment::verdicts(view, answer, changed));
    let plugin_from = place.to_owned();
    let [plain, changed] = verdicts.map(|verdicts| explanation.compare(&verdicts));
    let Err((was, now)) = plain else {
        return Again::Same { plugin_from, fuel };
    };
    if changed.is_ok() {
        return Again::Same { plugin_from, fuel };
    }
    let hint = match (stored.decision.outcome, answer) {
        (DecisionOutcome::Fallback, Answer::Shown(_)) => {
            "it failed then and answers now, as a plugin may that ran out of time on a busy machine"
        }
        (DecisionOutcome::Answered, Answer::Failed(_)) => {
            "it answered then and fails now; look at its limits in the configuration"
        }
        (DecisionOutcome::Fallback, Answer::Failed(_)) => {
            "it failed then and fails now, with another error"
        }
        _ => {
            "the ledger's row was changed, or this fillsync decides otherwise; `fillsync verify` looks at the rest"
        }
    };
    Again::Differs {
        plugin_from,
        stored: was,
        now,
        hint: hint.to_owned(),
    }
}

/// The bytes with this hash, and where they are.
fn find(folder: &Path, sha256: &str) -> Option<(Vec<u8>, String)> {
    let is_it = |bytes: &[u8]| hex::encode(Sha256::digest(bytes)) == sha256;
    if let Some(plugin) = first_party().iter().find(|plugin| is_it(plugin.bytes)) {
        return Some((plugin.bytes.to_vec(), "embedded".to_owned()));
    }
    let entries = std::fs::read_dir(folder).ok()?;
    let mut files: Vec<_> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.is_file())
        .collect();
    files.sort();
    files.into_iter().find_map(|path| {
        let size = std::fs::metadata(&path).ok()?.len();
        if size > u64::try_from(CEILING.file_bytes).unwrap_or(u64::MAX) {
            return None;
        }
        let bytes = std::fs::read(&path).ok()?;
        is_it(&bytes).then(|| (bytes, path.display().to_string()))
    })
}

/// The plugin with the settings of then and the limits of now.
fn load(
    config: &Config,
    name: &str,
    bytes: &[u8],
    settings_json: &str,
) -> Result<Arc<Loaded>, String> {
    let limits = PluginName::new(name).map_or_else(
        |_| Limits::default(),
        |name| crate::shelf::wishes(config, &name).1,
    );
    let engine = PluginEngine::new().map_err(|error| error.to_string())?;
    engine
        .load(bytes, settings_json, &limits)
        .map_err(|rejection| rejection.to_string())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_plugin_is_found_by_its_hash_and_by_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("renamed.bin");
        std::fs::write(&file, b"a plugin").unwrap();
        std::fs::create_dir(folder.path().join("a folder.wasm")).unwrap();
        let hash = hex::encode(Sha256::digest(b"a plugin"));
        let (bytes, place) = find(folder.path(), &hash).unwrap();
        assert_eq!(bytes, b"a plugin");
        assert!(place.ends_with("renamed.bin"), "{place}");
        assert!(find(folder.path(), &hash.replace('a', "b")).is_none());
        let embedded = first_party().first().unwrap();
        let hash = hex::encode(Sha256::digest(embedded.bytes));
        assert_eq!(find(folder.path(), &hash).unwrap().1, "embedded");
        assert!(find(Path::new("/nowhere/at/all"), "00").is_none());
    }
}
