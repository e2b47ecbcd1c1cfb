//! A script as a whole: accounts, and steps in the order of their times.
//!
//! Promise: an unknown word is refused with its line, never passed over, and a step that does nothing or two things is
//! refused with its number before anything happens.

use serde::Deserialize;

use super::words::{
    Amend, CorrectStep, FaultStep, FillStep, MixStep, OrderStep, Place, Reject, Replace, RowStep,
    SelfMatch, SetStep, StreamFaultStep, TakeBack, Undo,
};

/// Longest script in bytes.
const SCRIPT_BYTES_MAX: usize = 4 << 20;
/// Most steps of a script.
const STEPS_MAX: usize = 100_000;

/// Why a text is no script.
#[derive(Debug, thiserror::Error)]
pub enum ScriptMistake {
    /// It is too long.
    #[error("the script has {0} bytes, more than {SCRIPT_BYTES_MAX}; split it")]
    TooLong(usize),
    /// It has too many steps.
    #[error("the script has {0} steps, more than {STEPS_MAX}; split it")]
    TooManySteps(usize),
    /// It is no TOML, or has words that no script has.
    #[error("the script cannot be read: {0}")]
    Unreadable(#[from] toml::de::Error),
    /// A time is none.
    #[error(
        "step {step}: `{text}` is no time; write a number with ms, s, m, h or d, as in `2s` or `-3d`"
    )]
    NoTime {
        /// The step, from 1.
        step: usize,
        /// What was given.
        text: String,
    },
    /// A step does nothing, or more than one thing.
    #[error("step {step} does {count} things; give each step `at` and exactly one thing to do")]
    NotOneThing {
        /// The step, from 1.
        step: usize,
        /// How many things it does.
        count: usize,
    },
}

/// A script, read and checked.
#[derive(Clone, Debug)]
pub struct Script {
    /// The accounts that the venue needs.
    pub accounts: Vec<ScriptAccount>,
    /// By time; those of one time in the order of the text.
    pub(super) steps: Vec<Timed>,
}

/// An account of a script.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScriptAccount {
    /// The name in the book.
    pub name: String,
    /// The API key.
    pub key: String,
    /// The secret.
    pub secret: String,
    /// Bybit's user id; default: 1,000 and the account's place in the script.
    #[serde(default)]
    pub uid: Option<u64>,
}

/// One step with its time.
#[derive(Clone, Debug)]
pub(super) struct Timed {
    /// From 1, as the text counts.
    pub(super) number: usize,
    /// Milliseconds after the start; negative: before.
    pub(super) at_ms: i64,
    pub(super) action: Action,
}

#[derive(Clone, Debug)]
pub(super) enum Action {
    Place(Place),
    Fill(FillStep),
    Cancel(OrderStep),
    Expire(OrderStep),
    Trigger(OrderStep),
    Reject(Reject),
    Amend(Amend),
    Replace(Replace),
    Row(RowStep),
    SelfMatch(SelfMatch),
    TakeBack(TakeBack),
    Correct(CorrectStep),
    Fault(FaultStep),
    StreamFault(StreamFaultStep),
    Mix(MixStep),
    Set(SetStep),
    Undo(Undo),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default)]
    account: Vec<ScriptAccount>,
    #[serde(default)]
    step: Vec<Step>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    at: String,
    place: Option<Place>,
    fill: Option<FillStep>,
    cancel: Option<OrderStep>,
    expire: Option<OrderStep>,
    trigger: Option<OrderStep>,
    reject: Option<Reject>,
    amend: Option<Amend>,
    replace: Option<Replace>,
    row: Option<RowStep>,
    self_match: Option<SelfMatch>,
    take_back: Option<TakeBack>,
    correct: Option<CorrectStep>,
    fault: Option<FaultStep>,
    stream_fault: Option<StreamFaultStep>,
    mix: Option<MixStep>,
    set: Option<SetStep>,
    undo: Option<Undo>,
}

impl Script {
    /// Reads and checks a script.
    ///
    /// # Errors
    /// [`ScriptMistake`] with the line or the number of the step.
    pub fn read(text: &str) -> Result<Self, ScriptMistake> {
        if text.len() > SCRIPT_BYTES_MAX {
            return Err(ScriptMistake::TooLong(text.len()));
        }
        let document: Document = toml::from_str(text)?;
        if document.step.len() > STEPS_MAX {
            return Err(ScriptMistake::TooManySteps(document.step.len()));
        }
        let mut steps = Vec::with_capacity(document.step.len());
        for (place, step) in document.step.into_iter().enumerate() {
            steps.push(timed(place + 1, step)?);
        }
        steps.sort_by_key(|step| step.at_ms);
        Ok(Self {
            accounts: document.account,
            steps,
        })
    }

    /// How many steps there are.
    #[must_use]
    pub fn steps(&self) -> usize {
        self.steps.len()
    }
}

fn timed(number: usize, step: Step) -> Result<Timed, ScriptMistake> {
    let at_ms = milliseconds(&step.at).ok_or_else(|| ScriptMistake::NoTime {
        step: number,
        text: step.at.clone(),
    })?;
    let late = [
        step.place.as_ref().and_then(|place| place.late.as_deref()),
        step.fill.as_ref().and_then(|fill| fill.late.as_deref()),
        step.row.as_ref().and_then(|row| row.late.as_deref()),
    ];
    for text in late.into_iter().flatten() {
        milliseconds(text).ok_or_else(|| ScriptMistake::NoTime {
            step: number,
            text: text.to_owned(),
        })?;
    }
    let actions: [Option<Action>; 17] = [
        step.place.map(Action::Place),
        step.fill.map(Action::Fill),
        step.cancel.map(Action::Cancel),
        step.expire.map(Action::Expire),
        step.trigger.map(Action::Trigger),
        step.reject.map(Action::Reject),
        step.amend.map(Action::Amend),
        step.replace.map(Action::Replace),
        step.row.map(Action::Row),
        step.self_match.map(Action::SelfMatch),
        step.take_back.map(Action::TakeBack),
        step.correct.map(Action::Correct),
        step.fault.map(Action::Fault),
        step.stream_fault.map(Action::StreamFault),
        step.mix.map(Action::Mix),
        step.set.map(Action::Set),
        step.undo.map(Action::Undo),
    ];
    let mut actions: Vec<Action> = actions.into_iter().flatten().collect();
    let count = actions.len();
    match (actions.pop(), count) {
        (Some(action), 1) => Ok(Timed {
            number,
            at_ms,
            action,
        }),
        _ => Err(ScriptMistake::NotOneThing {
            step: number,
            count,
        }),
    }
}

/// Milliseconds of `250ms`, `2s`, `-3d`.
pub(super) fn milliseconds(text: &str) -> Option<i64> {
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let unit = text.strip_prefix(digits)?;
    let each_ms = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    digits.parse::<i64>().ok()?.checked_mul(each_ms)
}
