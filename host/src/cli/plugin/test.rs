//! `plugin test`: every case of a folder, compared with its expected answer.
//!
//! `NAME.json` is the question and `NAME.expected.txt` the answer. A blessing writes answers only, and
//! only answers: a call that failed is never what anybody expected.

use super::workbench::{Terms, Workbench, case, component};
use crate::cli::CalledWrongly;
use crate::cli::answers::Answers;
use anyhow::{Context as _, bail};
use clap::Args;
use fillsync_plugin_host::Loaded;
use fillsync_plugin_host::kit::{Case, Comparison, DiffLine, ask, compare, remedy};
use fillsync_report::{Answer, Look};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The most cases of one folder.
const CASES_MAX: usize = 10_000;

#[derive(Debug, Args)]
pub(in crate::cli) struct Wish {
    /// The component, or the name of a plugin.
    file: PathBuf,
    /// The folder with the cases.
    #[arg(long, value_name = "DIR")]
    cases: PathBuf,
    /// Write what the plugin answers as what is expected; look at the difference before you keep it.
    #[arg(long)]
    bless: bool,
    #[command(flatten)]
    terms: Terms,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Verdict {
    Passed,
    /// Its answer is another one.
    Differs,
    /// Nothing is expected yet.
    Unanswered,
    /// It gave no answer, or gave two.
    Failed,
    /// Its answer is what is expected from now on.
    Blessed,
}

#[derive(Serialize)]
struct Outcome {
    case: String,
    about: Option<String>,
    verdict: Verdict,
    /// The answer line by line: "  " in both, "- " expected, "+ " said.
    difference: Vec<String>,
    error: Option<String>,
    what_to_do: Option<String>,
}

#[derive(Serialize)]
struct Outcomes {
    cases: Vec<Outcome>,
    passed: usize,
    blessed: usize,
    failed: usize,
}

impl Answer for Outcomes {
    fn table(&self, _look: Look) -> String {
        let mut text = String::new();
        for outcome in &self.cases {
            let word = match outcome.verdict {
                Verdict::Passed => "passed",
                Verdict::Differs => "DIFFERS",
                Verdict::Unanswered => "NEW",
                Verdict::Failed => "FAILED",
                Verdict::Blessed => "blessed",
            };
            let about = outcome.about.as_deref().unwrap_or_default();
            text.push_str(format!("{word:<8} {:<24} {about}", outcome.case).trim_end());
            text.push('\n');
            for line in &outcome.difference {
                text.push_str(&format!("         {line}\n"));
            }
            if let Some(error) = &outcome.error {
                text.push_str(&format!("         {error}\n"));
            }
            if let Some(what_to_do) = &outcome.what_to_do {
                text.push_str(&format!("         what to do: {what_to_do}\n"));
            }
        }
        text.push_str(&format!(
            "{} passed, {} blessed, {} not\n",
            self.passed, self.blessed, self.failed
        ));
        text
    }
}

pub(super) fn test(answers: &Answers<'_>, wish: &Wish) -> anyhow::Result<()> {
    let bytes = component(answers, &wish.file)?;
    let files = case_files(&wish.cases)?;
    let workbench = Workbench::new(answers, &wish.terms)?;
    // One for each kind of settings: a case may have its own.
    let mut loaded: BTreeMap<String, Arc<Loaded>> = BTreeMap::new();
    let mut outcomes = Vec::with_capacity(files.len());
    for file in &files {
        let case = case(file)?;
        let key = case
            .settings
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default();
        let plugin = match loaded.get(&key) {
            Some(plugin) => Arc::clone(plugin),
            None => {
                let plugin = workbench.load(&bytes, case.settings.as_ref())?;
                loaded.insert(key, Arc::clone(&plugin));
                plugin
            }
        };
        outcomes.push(try_case(&plugin, &case, file, wish.bless)?);
    }
    let count = |wanted: Verdict| {
        outcomes
            .iter()
            .filter(|outcome| outcome.verdict == wanted)
            .count()
    };
    let (passed, blessed) = (count(Verdict::Passed), count(Verdict::Blessed));
    let failed = outcomes.len() - passed - blessed;
    answers.print(&Outcomes {
        cases: outcomes,
        passed,
        blessed,
        failed,
    })?;
    match failed {
        0 => Ok(()),
        failed => bail!("{failed} of {} cases did not pass", files.len()),
    }
}

/// The questions of a folder, in the order of their names.
fn case_files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).map_err(|error| {
        CalledWrongly(format!(
            "the folder {} cannot be read: {error}",
            folder.display()
        ))
    })?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry
            .with_context(|| format!("{} cannot be read", folder.display()))?
            .path();
        if path
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            files.push(path);
        }
        if files.len() > CASES_MAX {
            return Err(CalledWrongly(format!(
                "{} has more than {CASES_MAX} cases",
                folder.display()
            ))
            .into());
        }
    }
    if files.is_empty() {
        return Err(CalledWrongly(format!(
            "there is no case in {}: a case is a file NAME.json; `fillsync plugin record` writes real ones",
            folder.display()
        ))
        .into());
    }
    files.sort();
    Ok(files)
}

fn try_case(plugin: &Loaded, case: &Case, file: &Path, bless: bool) -> anyhow::Result<Outcome> {
    let expected_file = file.with_extension("expected.txt");
    let name = file
        .file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let outcome = |verdict, difference, error: Option<String>, what_to_do| Outcome {
        case: name,
        about: case.about.clone(),
        verdict,
        difference,
        error,
        what_to_do,
    };
    let first = ask(plugin, &case.question).said;
    let said = match first {
        Ok(said) => said,
        Err(error) => {
            let what_to_do = Some(remedy(&error));
            return Ok(outcome(
                Verdict::Failed,
                Vec::new(),
                Some(error.to_string()),
                what_to_do,
            ));
        }
    };
    if ask(plugin, &case.question).said.as_ref() != Ok(&said) {
        let error = "asked twice, it gave two answers".to_owned();
        let what_to_do = "answer from the arguments alone, in an order of your own: sort what comes out of a hash map".to_owned();
        return Ok(outcome(
            Verdict::Failed,
            Vec::new(),
            Some(error),
            Some(what_to_do),
        ));
    }
    let expected = match std::fs::read_to_string(&expected_file) {
        Ok(expected) => Some(expected),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => bail!("{} cannot be read: {error}", expected_file.display()),
    };
    let comparison = compare(&said, expected.as_deref().unwrap_or_default());
    if comparison.agrees {
        return Ok(outcome(Verdict::Passed, Vec::new(), None, None));
    }
    let difference = lines(&comparison);
    if bless {
        std::fs::write(&expected_file, said.text())
            .with_context(|| format!("{} cannot be written", expected_file.display()))?;
        return Ok(outcome(Verdict::Blessed, difference, None, None));
    }
    Ok(match expected {
        Some(_) => outcome(
            Verdict::Differs,
            difference,
            None,
            Some("mend the plugin, or write what it says as expected with --bless".to_owned()),
        ),
        None => outcome(
            Verdict::Unanswered,
            difference,
            None,
            Some(format!(
                "look at the answer, then write it to {} with --bless",
                expected_file.display()
            )),
        ),
    })
}

fn lines(comparison: &Comparison) -> Vec<String> {
    comparison
        .lines
        .iter()
        .map(|line| match line {
            DiffLine::Same(text) => format!("  {text}"),
            DiffLine::Expected(text) => format!("- {text}"),
            DiffLine::Said(text) => format!("+ {text}"),
        })
        .collect()
}
