//! Plays a script on a fake venue.
//!
//! Promise: steps before the start are history and are laid down at once, with their times; later ones happen when
//! their time comes. The first step that cannot happen ends the play and says its number.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::build::{new_fill, new_order, new_row};
use super::faults;
use super::schema::{Action, Script, Timed};
use super::words::{Amend, CorrectStep, FaultStep, MixStep, Replace, SelfMatch, SetStep, Undo};
use crate::alpaca::FakeAlpaca;
use crate::book::{Book, BookError, Change, Correction, Fill};
use crate::bybit::FakeBybit;
use crate::clock::FakeClock;
use crate::fault::Faults;
use crate::mix::Mix;
use crate::stream::{StreamFaults, Streams};

/// Why a script stopped.
#[derive(Debug, thiserror::Error)]
pub enum ScriptError {
    /// The book refused the event.
    #[error("step {step}: {source}")]
    Refused {
        /// The step, from 1.
        step: usize,
        /// The book's reason.
        source: BookError,
    },
    /// A key of the step's own is missing.
    #[error("step {step}: this fault needs `{key}`")]
    Lacks {
        /// The step, from 1.
        step: usize,
        /// The missing key.
        key: &'static str,
    },
    /// There is no such fault.
    #[error("step {step}: `{what}` is no fault; the module `script` lists them")]
    UnknownFault {
        /// The step, from 1.
        step: usize,
        /// What was given.
        what: String,
    },
    /// A name was given twice.
    #[error("step {step}: the name `{name}` is taken; give each `as` its own")]
    NameTaken {
        /// The step, from 1.
        step: usize,
        /// The name.
        name: String,
    },
    /// This venue has no such thing.
    #[error("step {step}: only Bybit wipes its recent closed orders; leave the step out")]
    NotHere {
        /// The step, from 1.
        step: usize,
    },
}

/// The venue on which a script is played.
#[derive(Clone, Copy)]
pub enum Stage<'a> {
    /// A fake Bybit.
    Bybit(&'a FakeBybit),
    /// A fake Alpaca.
    Alpaca(&'a FakeAlpaca),
}

/// How time passes between the steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// As it does: a step waits for its time.
    Waiting,
    /// The venue's clock is moved to each step's time, and nobody waits.
    MovingTheClock,
}

/// What a script left behind: the venue's ids of everything that was named with `as`.
#[derive(Clone, Debug, Default)]
pub struct Played {
    /// By name.
    pub ids: BTreeMap<String, String>,
}

impl Stage<'_> {
    fn book(&self) -> &Book {
        match self {
            Self::Bybit(venue) => venue.book(),
            Self::Alpaca(venue) => venue.book(),
        }
    }

    fn clock(&self) -> &FakeClock {
        match self {
            Self::Bybit(venue) => venue.clock(),
            Self::Alpaca(venue) => venue.clock(),
        }
    }

    fn faults(&self) -> &Faults {
        match self {
            Self::Bybit(venue) => venue.faults(),
            Self::Alpaca(venue) => venue.faults(),
        }
    }

    fn stream_faults(&self) -> &StreamFaults {
        match self {
            Self::Bybit(venue) => venue.stream_faults(),
            Self::Alpaca(venue) => venue.stream_faults(),
        }
    }

    fn streams(&self) -> &Streams {
        match self {
            Self::Bybit(venue) => venue.streams(),
            Self::Alpaca(venue) => venue.streams(),
        }
    }

    /// Mixes faults of this venue's kinds into its requests and streams.
    pub fn mix(&self, seed: u64) {
        self.mix_as(MixStep {
            seed,
            per_hundred: None,
            total_max: None,
        });
    }

    fn mix_as(&self, step: MixStep) {
        let (mut requests, mut frames) = match self {
            Self::Bybit(_) => (Mix::bybit(step.seed), Mix::frames(step.seed)),
            Self::Alpaca(_) => (Mix::alpaca(step.seed), Mix::frames(step.seed)),
        };
        if let Some(per_hundred) = step.per_hundred {
            requests = requests.per_hundred(per_hundred);
            frames = frames.per_hundred(per_hundred);
        }
        if let Some(count) = step.total_max {
            requests = requests.total_max(count);
            frames = frames.total_max(count);
        }
        self.faults().mix(requests);
        self.stream_faults().mix(frames);
    }
}

/// Plays a script to its end. The accounts have to be there already.
///
/// # Errors
/// [`ScriptError`] of the first step that cannot happen; what happened before stays.
pub async fn run_script(
    stage: Stage<'_>,
    script: &Script,
    pace: Pace,
) -> Result<Played, ScriptError> {
    play(stage, script, pace, || ()).await
}

/// As [`run_script`], with a call when all of the history is laid down.
pub(crate) async fn play(
    stage: Stage<'_>,
    script: &Script,
    pace: Pace,
    at_start: impl FnOnce(),
) -> Result<Played, ScriptError> {
    let start = Instant::now();
    let mut play = Play {
        stage,
        start_ms: stage.clock().now_ms(),
        played: Played::default(),
    };
    let (history, rest) = script
        .steps
        .split_at(script.steps.partition_point(|step| step.at_ms < 0));
    for step in history {
        play.act(step)?;
    }
    at_start();
    for step in rest {
        if step.at_ms > 0 {
            match pace {
                Pace::Waiting => {
                    let after = Duration::from_millis(step.at_ms.unsigned_abs());
                    sleep_until(start + after).await;
                }
                Pace::MovingTheClock => {
                    let behind_ms = play.start_ms + step.at_ms - stage.clock().now_ms();
                    if behind_ms > 0 {
                        stage.clock().advance_ms(behind_ms);
                    }
                }
            }
        }
        play.act(step)?;
    }
    Ok(play.played)
}

struct Play<'a> {
    stage: Stage<'a>,
    start_ms: i64,
    played: Played,
}

impl Play<'_> {
    fn act(&mut self, step: &Timed) -> Result<(), ScriptError> {
        let number = step.number;
        // An event of the past keeps its time; one whose time has come happens now, or it would lie in the future
        // of a clock that was moved meanwhile.
        let at_ms = (self.start_ms + step.at_ms).min(self.stage.clock().now_ms());
        let refused = |source| ScriptError::Refused {
            step: number,
            source,
        };
        let book = self.stage.book();
        match &step.action {
            Action::Place(place) => {
                let order = new_order(place, at_ms);
                let id = book.place_order(&place.account, order).map_err(refused)?;
                self.name(number, Some(&place.name), id)?;
            }
            Action::Fill(fill) => {
                let order = self.meant(&fill.order);
                let id = book.fill(&order, new_fill(fill, at_ms)).map_err(refused)?;
                self.name(number, fill.name.as_deref(), id)?;
            }
            Action::Cancel(step) => book
                .cancel(&self.meant(&step.order), Some(at_ms))
                .map_err(refused)?,
            Action::Expire(step) => book
                .expire(&self.meant(&step.order), Some(at_ms))
                .map_err(refused)?,
            Action::Trigger(step) => book
                .trigger(&self.meant(&step.order), Some(at_ms))
                .map_err(refused)?,
            Action::Reject(step) => book
                .reject(&self.meant(&step.order), &step.reason, Some(at_ms))
                .map_err(refused)?,
            Action::Amend(step) => self.amend(step, at_ms).map_err(refused)?,
            Action::Replace(step) => {
                let id = self.replace(step, at_ms).map_err(refused)?;
                self.name(number, Some(&step.name), id)?;
            }
            Action::Row(row) => {
                book.add_row(&row.account, new_row(row, at_ms))
                    .map_err(refused)?;
            }
            Action::SelfMatch(step) => self.self_match(step, at_ms).map_err(refused)?,
            Action::TakeBack(step) => {
                let execution = self.meant(&step.execution);
                book.bust(&step.account, &execution, Some(at_ms))
                    .map_err(refused)?;
            }
            Action::Correct(step) => {
                let id = self.correct(step, at_ms).map_err(refused)?;
                self.name(number, step.name.as_deref(), id)?;
            }
            Action::Fault(step) => self.fault(number, step)?,
            Action::StreamFault(step) => {
                let fault = faults::stream_fault(number, step)?;
                let matches = faults::stream_matching(step);
                let times = faults::times(step.times);
                self.stage.stream_faults().add(matches, fault, times);
            }
            Action::Mix(step) => self.stage.mix_as(*step),
            Action::Set(step) => self.set(*step),
            Action::Undo(undo) => self.undo(number, *undo)?,
        }
        Ok(())
    }

    /// The id behind a name, or what was given if it is none.
    fn meant(&self, name: &str) -> String {
        let known = self.played.ids.get(name);
        known.map_or_else(|| name.to_owned(), Clone::clone)
    }

    fn name(&mut self, step: usize, name: Option<&str>, id: String) -> Result<(), ScriptError> {
        let Some(name) = name else {
            return Ok(());
        };
        if self.played.ids.insert(name.to_owned(), id).is_some() {
            return Err(ScriptError::NameTaken {
                step,
                name: name.to_owned(),
            });
        }
        Ok(())
    }

    fn amend(&self, step: &Amend, at_ms: i64) -> Result<(), BookError> {
        let change = Change {
            qty: step.qty.clone(),
            price: step.price.clone(),
            client_order_id: None,
            at_ms: Some(at_ms),
        };
        self.stage.book().amend(&self.meant(&step.order), change)
    }

    fn replace(&self, step: &Replace, at_ms: i64) -> Result<String, BookError> {
        let change = Change {
            qty: step.qty.clone(),
            price: step.price.clone(),
            client_order_id: step.client_order_id.clone(),
            at_ms: Some(at_ms),
        };
        self.stage.book().replace(&self.meant(&step.order), change)
    }

    fn self_match(&self, step: &SelfMatch, at_ms: i64) -> Result<(), BookError> {
        let (buy, sell) = (self.meant(&step.buy), self.meant(&step.sell));
        let fill = Fill::new(&step.qty, &step.price).at_ms(at_ms);
        let matched = self
            .stage
            .book()
            .self_match(&buy, &sell, fill, step.ids.into());
        matched.map(|_| ())
    }

    fn correct(&self, step: &CorrectStep, at_ms: i64) -> Result<String, BookError> {
        let correction = Correction {
            qty: step.qty.clone(),
            price: step.price.clone(),
            at_ms: Some(at_ms),
            ..Correction::default()
        };
        let execution = self.meant(&step.execution);
        self.stage
            .book()
            .correct(&step.account, &execution, correction)
    }

    fn fault(&self, number: usize, step: &FaultStep) -> Result<(), ScriptError> {
        let order = match (step.what.as_str(), &step.order) {
            ("fill_after", None) => {
                return Err(ScriptError::Lacks {
                    step: number,
                    key: "order",
                });
            }
            (_, order) => order.as_deref().map(|order| self.meant(order)),
        };
        let fault = faults::fault(number, step, &order.unwrap_or_default())?;
        let times = faults::times(step.times);
        self.stage
            .faults()
            .add(faults::matching(step), fault, times);
        Ok(())
    }

    fn set(&self, step: SetStep) {
        match step.unplugged {
            Some(true) => self.stage.faults().unplug(),
            Some(false) => self.stage.faults().plug_in(),
            None => {}
        }
        if let Some(skew_ms) = step.clock_skew_ms {
            self.stage.faults().set_clock_skew_ms(skew_ms);
        }
    }

    fn undo(&self, step: usize, undo: Undo) -> Result<(), ScriptError> {
        match (undo, self.stage) {
            (Undo::Faults, stage) => {
                stage.faults().clear();
                stage.stream_faults().clear();
            }
            (Undo::Streams, stage) => stage.streams().cut_all(),
            (Undo::RecentClosed, Stage::Bybit(venue)) => venue.wipe_recent_closed(),
            (Undo::RecentClosed, Stage::Alpaca(_)) => return Err(ScriptError::NotHere { step }),
        }
        Ok(())
    }
}
