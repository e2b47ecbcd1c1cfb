//! `plugin record`: real questions from the ledger, as cases for `plugin test`.
//!
//! A view comes with the answer that was shown at the time where the strategy gave one and the host
//! took it as it was, so that a new version can be compared with what people saw. Alerts come
//! without, because what was sent is in a channel's own markup. With `--redact` names are numbers,
//! amounts are shares, and words are withheld.

use crate::cli::CalledWrongly;
use crate::cli::answers::{Answers, is_known};
use anyhow::Context as _;
use clap::{Args, ValueEnum};
use fillsync_core::id::{GroupName, PluginName};
use fillsync_core::moment::Verdict;
use fillsync_core::view::View;
use fillsync_ledger::{AlertFilter, DecisionOutcome, RecordedDecision};
use fillsync_plugin_host::PluginKind;
use fillsync_plugin_host::kit::{Case, Question, Redaction, Said, canned, read_case, write_case};
use fillsync_report::{Answer, Look};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// The most cases of one recording.
const RECORDED_MAX: u32 = 10_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Kind {
    /// Views, which strategies are asked about.
    Strategy,
    /// Alerts, which formatters are asked about.
    Formatter,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Wish {
    /// The folder to write to; it is made when it is not there.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Questions for strategies or for formatters.
    #[arg(long, default_value = "strategy")]
    kind: Kind,
    /// What this strategy was asked.
    #[arg(long, value_name = "NAME")]
    plugin: Option<PluginName>,
    /// About this group.
    #[arg(long)]
    group: Option<GroupName>,
    /// At most so many, the newest.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=i64::from(RECORDED_MAX)))]
    limit: u32,
    /// Without account names, amounts and words; relations between amounts stay.
    #[arg(long)]
    redact: bool,
}

#[derive(Serialize)]
struct Recorded {
    folder: String,
    cases: usize,
    with_answers: usize,
    redacted: bool,
}

impl Answer for Recorded {
    fn table(&self, _look: Look) -> String {
        let redacted = if self.redacted { ", redacted" } else { "" };
        format!(
            "{} cases in {}{redacted}; {} with the answer of the time\nNext: fillsync plugin test FILE --cases {}\n",
            self.cases, self.folder, self.with_answers, self.folder
        )
    }
}

/// A question, the name of its file, and the answer of the time.
struct Found {
    name: String,
    case: Case,
    answer: Option<Said>,
}

pub(super) fn record(answers: &Answers<'_>, wish: &Wish) -> anyhow::Result<()> {
    if let Some(group) = &wish.group {
        is_known(&answers.load()?, group)?;
    }
    if wish.kind == Kind::Formatter && wish.plugin.is_some() {
        let text = "--plugin names a strategy; an alert is recorded before any formatter sees it, so leave it out";
        return Err(CalledWrongly(text.to_owned()).into());
    }
    let mut found = match wish.kind {
        Kind::Strategy => decisions(answers, wish)?,
        Kind::Formatter => alerts(answers, wish)?,
    };
    if found.is_empty() {
        let text = "the ledger has no such question yet; decisions and alerts come with fills";
        return Err(CalledWrongly(text.to_owned()).into());
    }
    if wish.redact {
        redact(&mut found)?;
    }
    std::fs::create_dir_all(&wish.out)
        .with_context(|| format!("{} cannot be made", wish.out.display()))?;
    for one in &found {
        write(&wish.out, one)?;
    }
    answers.print(&Recorded {
        folder: wish.out.display().to_string(),
        cases: found.len(),
        with_answers: found.iter().filter(|one| one.answer.is_some()).count(),
        redacted: wish.redact,
    })
}

fn decisions(answers: &Answers<'_>, wish: &Wish) -> anyhow::Result<Vec<Found>> {
    let rows = answers.reader()?.recorded_decisions(
        wish.plugin.as_ref().map(PluginName::as_str),
        wish.group.as_ref(),
        wish.limit,
    )?;
    rows.into_iter().map(decision).collect()
}

fn decision(row: RecordedDecision) -> anyhow::Result<Found> {
    let text = format!(r#"{{"view": {}}}"#, row.view_json);
    let mut case = read_case(&text).with_context(|| format!("the view of decision {}", row.id))?;
    case.about = Some(format!("Decision {}, made by {}.", row.id, row.plugin));
    let answer = match &case.question {
        Question::View(view) => answer_of(view, &row),
        Question::Alert(..) => None,
    };
    Ok(Found {
        name: format!("decision-{:06}", row.id),
        case,
        answer,
    })
}

/// What was shown, where it is what a strategy's answer to this view would show again: a count below
/// the one before it was allowed by a change of the strategy, which a case knows nothing of.
fn answer_of(view: &View, row: &RecordedDecision) -> Option<Said> {
    if row.outcome != DecisionOutcome::Answered {
        return None;
    }
    let mut verdicts = Vec::with_capacity(view.members.len());
    for member in &view.members {
        let shown = row
            .answer
            .iter()
            .find(|shown| shown.account == member.account)?;
        if member
            .shown_before
            .is_some_and(|before| before > shown.count)
        {
            return None;
        }
        verdicts.push(Verdict {
            account: member.account.clone(),
            detected: member.detected,
            shown: shown.count,
            synchronised: true,
            note: shown.note.clone(),
        });
    }
    Some(Said::Shown(verdicts))
}

fn alerts(answers: &Answers<'_>, wish: &Wish) -> anyhow::Result<Vec<Found>> {
    let filter = AlertFilter {
        group: wish.group.clone(),
        ..AlertFilter::default()
    };
    let Question::Alert(_, target) = canned(PluginKind::Formatter)?.question else {
        return Ok(Vec::new());
    };
    let rows = answers.reader()?.alerts(&filter, wish.limit)?;
    Ok(rows
        .into_iter()
        .map(|row| Found {
            name: format!("alert-{:06}", row.id),
            case: Case {
                about: Some(format!("Alert {}: {}.", row.id, row.alert.kind())),
                settings: None,
                question: Question::Alert(Box::new(row.alert), target.clone()),
            },
            answer: None,
        })
        .collect())
}

/// Names, amounts and words give way; what is known of counts stays.
fn redact(found: &mut [Found]) -> anyhow::Result<()> {
    let mut redaction = Redaction::default();
    for one in &*found {
        redaction.learn(&one.case.question);
    }
    for one in found {
        one.case = redaction.redact(&one.case)?;
        let Some(Said::Shown(verdicts)) = &mut one.answer else {
            continue;
        };
        for verdict in verdicts {
            let name = redaction.account(verdict.account.as_str());
            verdict.account = fillsync_core::id::AccountName::new(name)?;
            // A note names accounts; without one the count alone is compared.
            verdict.note = None;
        }
    }
    Ok(())
}

fn write(folder: &Path, found: &Found) -> anyhow::Result<()> {
    let file = folder.join(format!("{}.json", found.name));
    let put = |file: &Path, text: &str| {
        std::fs::write(file, text).with_context(|| format!("{} cannot be written", file.display()))
    };
    put(&file, &write_case(&found.case)?)?;
    match &found.answer {
        Some(said) => put(&file.with_extension("expected.txt"), &said.text()),
        None => Ok(()),
    }
}
