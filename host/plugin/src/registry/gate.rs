//! The way in: an offer goes through every stage, and comes out active, held, refused or unchanged.
//!
//! read → hash → format → imports → world → trust → compile → instantiate → describe → settings →
//! self-test → replay → policy → swap. Each stage is timed, and whatever comes out says at which stage
//! and why. Nothing before the last stage touches what is active (law 15). Deliberately absent: the
//! reading of files and rows, and telling anybody.

use super::Registry;
use super::slot::{Active, Candidate, Held, Rejected, Slot};
use super::status::{DatedRejection, Source, Used};
use crate::call::Remark;
use crate::error::{PluginKind, Rejection, Stage};
use crate::file::{self, Checked};
use crate::limits::Limits;
use crate::loaded::{Loaded, sha256};
use crate::replay::{self, Comparison, Recorded};
use crate::settings::comparable;
use crate::stopwatch::Stopwatch;
use crate::trust::{Claim, Distrust, Trust};
use fillsync_core::id::PluginName;
use fillsync_core::time::HostTime;
use serde::Serialize;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

/// What happens to a candidate that stands, where something is active already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SwapPolicy {
    /// It takes its place.
    #[default]
    Auto,
    /// It does if it answers every recorded input the same; else it waits for the operator.
    AutoIfSame,
    /// It waits for the operator.
    Manual,
}

impl SwapPolicy {
    /// The name in the configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::AutoIfSame => "auto-if-same",
            Self::Manual => "manual",
        }
    }
}

/// A candidate, and how it is to be judged.
#[derive(Debug, Clone)]
pub struct Offer<'a> {
    /// The name whose place it would take.
    pub name: &'a PluginName,
    /// Where it came from.
    pub source: Source,
    /// The whole file.
    pub bytes: &'a [u8],
    /// Its settings; empty means `{}`.
    pub settings_json: &'a str,
    /// What a call may use.
    pub limits: &'a Limits,
    /// What the operator demands of the file.
    pub trust: Trust,
    /// What happens when it stands.
    pub policy: SwapPolicy,
    /// Real questions to compare it by with what is active.
    pub recorded: Recorded,
    /// How long it can be rolled back at least; none for never.
    pub probation: Option<Duration>,
    /// When the operator promoted exactly this content.
    pub promoted_at: Option<HostTime>,
    /// It was rolled back before, in another run.
    pub barred: Option<Barred>,
    /// What was in use before this start is not here any more, so there is nothing to compare with.
    pub predecessor: Option<String>,
    /// Now.
    pub now: HostTime,
}

/// A content that was rolled back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Barred {
    /// When.
    pub at: HostTime,
    /// Why.
    pub cause: String,
}

impl<'a> Offer<'a> {
    /// A candidate of which nothing is demanded but that it stands.
    #[must_use]
    pub fn plain(
        name: &'a PluginName,
        source: Source,
        bytes: &'a [u8],
        settings_json: &'a str,
        limits: &'a Limits,
        now: HostTime,
    ) -> Self {
        Self {
            name,
            source,
            bytes,
            settings_json,
            limits,
            trust: Trust::default(),
            policy: SwapPolicy::Auto,
            recorded: Recorded::default(),
            probation: None,
            promoted_at: None,
            barred: None,
            predecessor: None,
            now,
        }
    }
}

/// What became of an offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The candidate is active now.
    Swapped(Swap),
    /// It is what is active already: the same bytes, settings and limits.
    Unchanged,
    /// It was not taken; what was active still is.
    Rejected {
        /// Why.
        rejection: Rejection,
        /// Of the file's bytes, in hex.
        sha256: String,
        /// The same candidate was rejected before: nothing new to report.
        again: bool,
    },
    /// It waits for the operator; what was active still is.
    Held {
        /// Why, and what lets it in.
        why: Rejection,
        /// Of the file's bytes, in hex.
        sha256: String,
        /// The same candidate was held before: nothing new to report.
        again: bool,
    },
}

/// A swap, for the log and the database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Swap {
    /// What is active now.
    pub used: Used,
    /// The question it answers.
    pub kind: PluginKind,
    /// What was active before, by its SHA-256; none at the first load.
    pub previous_sha256: Option<String>,
    /// What it remarked on its settings.
    pub remarks: Vec<Remark>,
    /// The operator promoted it.
    pub promoted: bool,
}

/// The whole way of an offer, for its row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passage {
    /// How it ended.
    pub outcome: Outcome,
    /// The last stage that it entered.
    pub stage: Stage,
    /// How long each stage took, in their order.
    pub took: Vec<(Stage, Duration)>,
    /// How it answered recorded inputs, where it was asked.
    pub comparison: Option<Comparison>,
    /// Of its settings, in hex, where they were read.
    pub settings_sha256: Option<String>,
}

/// What is known of an offer on its way.
struct Way {
    candidate: Candidate,
    stopwatch: Stopwatch,
    comparison: Option<Comparison>,
    settings_sha256: Option<String>,
}

/// Where an offer leaves the way.
enum Exit {
    Hold(Rejection),
    Refuse(Rejection),
}

impl From<Rejection> for Exit {
    fn from(rejection: Rejection) -> Self {
        Self::Refuse(rejection)
    }
}

impl Registry {
    /// Takes a candidate of which nothing is demanded through every stage and, if it stands, makes it
    /// the active one.
    ///
    /// Slow for large components: call it off the runtime's threads.
    pub fn offer(
        &self,
        name: &PluginName,
        source: Source,
        bytes: &[u8],
        settings_json: &str,
        limits: &Limits,
        now: HostTime,
    ) -> Outcome {
        let offer = Offer::plain(name, source, bytes, settings_json, limits, now);
        self.consider(&offer).outcome
    }

    /// Takes a candidate through every stage and, if it stands and nothing holds it, makes it the
    /// active one.
    ///
    /// Slow for large components: call it off the runtime's threads.
    pub fn consider(&self, offer: &Offer<'_>) -> Passage {
        let _one_at_a_time = self.offering.lock().unwrap_or_else(PoisonError::into_inner);
        let mut stopwatch = Stopwatch::start();
        let candidate = Candidate {
            sha256: sha256(offer.bytes),
            settings: comparable(offer.settings_json),
            limits: offer.limits.clone(),
        };
        stopwatch.lap(Stage::Hash);
        let mut way = Way {
            candidate,
            stopwatch,
            comparison: None,
            settings_sha256: None,
        };
        let (outcome, stage) = match self.known(offer, &way.candidate) {
            Some(known) => known,
            None => match self.enter_by(offer, &mut way) {
                Ok(swap) => (Outcome::Swapped(swap), Stage::Swap),
                Err(Exit::Refuse(rejection)) => self.refuse(offer, &way, rejection),
                Err(Exit::Hold(why)) => self.hold(offer, &way, why),
            },
        };
        Passage {
            outcome,
            stage,
            took: way.stopwatch.laps(),
            comparison: way.comparison,
            settings_sha256: way.settings_sha256,
        }
    }

    /// What needs no new judgement: what is active, and what was judged before and nobody promoted
    /// since. Trust is judged anew each time, because its grounds are other files.
    fn known(&self, offer: &Offer<'_>, candidate: &Candidate) -> Option<(Outcome, Stage)> {
        let mut slots = self.slots();
        let slot = slots.get_mut(offer.name)?;
        if let Some(rejected) = &slot.rejected
            && rejected.candidate == *candidate
            && rejected.report.rejection.stage != Stage::Trust
            && offer.promoted_at.is_none_or(|at| at <= rejected.report.at)
        {
            let rejection = rejected.report.rejection.clone();
            let stage = rejection.stage;
            let outcome = Outcome::Rejected {
                rejection,
                sha256: candidate.sha256.clone(),
                again: true,
            };
            return Some((outcome, stage));
        }
        if let Some(held) = &slot.held
            && held.candidate == *candidate
            && held.report.why.stage != Stage::Trust
            && held.report.policy == offer.policy
            && offer.promoted_at.is_none()
        {
            let outcome = Outcome::Held {
                why: held.report.why.clone(),
                sha256: candidate.sha256.clone(),
                again: true,
            };
            return Some((outcome, held.report.why.stage));
        }
        if !slot.active.as_ref()?.is(candidate) {
            return None;
        }
        // The operator went back to what is active, so what was offered meanwhile is history.
        slot.rejected = None;
        slot.held = None;
        Some((Outcome::Unchanged, Stage::Hash))
    }

    fn enter_by(&self, offer: &Offer<'_>, way: &mut Way) -> Result<Swap, Exit> {
        let checked = file::check(offer.bytes, offer.limits, &mut way.stopwatch)?;
        let sha256 = way.candidate.sha256.clone();
        let claim = Claim {
            name: offer.name,
            bytes: offer.bytes,
            sha256: &sha256,
            imports: &checked.imports,
        };
        let trusted = offer.trust.judge(&claim);
        way.stopwatch.lap(Stage::Trust);
        trusted.map_err(|distrust| match distrust {
            Distrust::Hold(why) => Exit::Hold(why),
            Distrust::Refuse(why) => Exit::Refuse(why),
        })?;
        if let Some(barred) = &offer.barred
            && offer.promoted_at.is_none_or(|at| at <= barred.at)
        {
            return Err(Exit::Refuse(rolled_back_before(offer.name, &barred.cause)));
        }
        let loaded = self.make(offer, way, checked)?;
        way.settings_sha256 = Some(loaded.settings_sha256().to_owned());
        let active = {
            let mut slots = self.slots();
            let slot = slots.entry(offer.name.clone()).or_default();
            same_kind(slot, &loaded)?;
            slot.active.clone()
        };
        // No lock is held while both are asked: calls go on with what is active.
        self.pass_gate(offer, way, &loaded, active.as_ref())?;
        let mut slots = self.slots();
        let slot = slots.entry(offer.name.clone()).or_default();
        let swap = slot.swap(offer, loaded);
        way.stopwatch.lap(Stage::Swap);
        Ok(swap)
    }

    fn make(
        &self,
        offer: &Offer<'_>,
        way: &mut Way,
        checked: Checked<'_>,
    ) -> Result<Arc<Loaded>, Rejection> {
        let sha256 = way.candidate.sha256.clone();
        self.engine.make(
            checked,
            sha256,
            offer.settings_json,
            offer.limits,
            &mut way.stopwatch,
        )
    }

    /// Replay and policy. Where nothing is active there is nothing to compare with and nothing to lose.
    fn pass_gate(
        &self,
        offer: &Offer<'_>,
        way: &mut Way,
        loaded: &Loaded,
        active: Option<&Active>,
    ) -> Result<(), Exit> {
        let promoted = offer.promoted_at.is_some();
        let promote = format!("`fillsync plugin promote {}`", offer.name);
        let Some(active) = active else {
            return match &offer.predecessor {
                Some(before) if offer.policy != SwapPolicy::Auto && !promoted => {
                    let cause = format!(
                        "it is not what was in use before ({before}), which is not kept any more, so there is nothing to compare it with"
                    );
                    Err(Exit::Hold(Rejection::new(Stage::Policy, cause).hint(
                        format!("put the file back that was in use, or {promote}"),
                    )))
                }
                _ => Ok(()),
            };
        };
        let comparison = replay::compare(loaded, &active.loaded, &offer.recorded);
        way.stopwatch.lap(Stage::Replay);
        let (faults, is_same) = (comparison.faults, comparison.is_same());
        let summary = comparison.summary();
        way.comparison = Some(comparison);
        if faults > 0 && !promoted {
            let cause = format!("it fails at what is active answers: {summary}");
            let hint = format!(
                "`fillsync plugin history {}` shows where; mend it, or {promote} all the same",
                offer.name
            );
            return Err(Exit::Refuse(
                Rejection::new(Stage::Replay, cause).hint(hint),
            ));
        }
        // Settings and limits are the operator's own words in the configuration; only another content
        // must wait for more of them.
        let is_other_content = active.loaded.sha256() != loaded.sha256();
        let held = is_other_content
            && !promoted
            && match offer.policy {
                SwapPolicy::Auto => false,
                SwapPolicy::AutoIfSame => !is_same,
                SwapPolicy::Manual => true,
            };
        way.stopwatch.lap(Stage::Policy);
        if held {
            let cause = format!("swap is {:?}: {summary}", offer.policy.as_str());
            let hint = format!(
                "`fillsync plugin history {}` shows the differences; {promote} lets it in",
                offer.name
            );
            return Err(Exit::Hold(Rejection::new(Stage::Policy, cause).hint(hint)));
        }
        Ok(())
    }

    fn refuse(&self, offer: &Offer<'_>, way: &Way, rejection: Rejection) -> (Outcome, Stage) {
        let mut slots = self.slots();
        let slot = slots.entry(offer.name.clone()).or_default();
        let candidate = way.candidate.clone();
        let again = slot.rejected.as_ref().is_some_and(|before| {
            before.candidate == candidate && before.report.rejection == rejection
        });
        let sha256 = candidate.sha256.clone();
        if !again {
            let report = DatedRejection {
                at: offer.now,
                sha256: sha256.clone(),
                source: offer.source.clone(),
                rejection: rejection.clone(),
            };
            slot.rejected = Some(Rejected { candidate, report });
            slot.held = None;
        }
        let stage = rejection.stage;
        let outcome = Outcome::Rejected {
            rejection,
            sha256,
            again,
        };
        (outcome, stage)
    }

    fn hold(&self, offer: &Offer<'_>, way: &Way, why: Rejection) -> (Outcome, Stage) {
        let mut slots = self.slots();
        let slot = slots.entry(offer.name.clone()).or_default();
        let candidate = way.candidate.clone();
        let again = slot
            .held
            .as_ref()
            .is_some_and(|before| before.candidate == candidate && before.report.why == why);
        let sha256 = candidate.sha256.clone();
        if !again {
            slot.held = Some(Held::new(
                offer,
                candidate,
                why.clone(),
                way.comparison.clone(),
            ));
            slot.rejected = None;
        }
        let stage = why.stage;
        (Outcome::Held { why, sha256, again }, stage)
    }
}

/// Why a content that was rolled back is not taken again.
pub(super) fn rolled_back_before(name: &PluginName, cause: &str) -> Rejection {
    Rejection::new(
        Stage::Probation,
        format!("it was taken before and rolled back: {cause}"),
    )
    .hint(format!(
        "put a mended file in its place, or `fillsync plugin promote {name}` to try it once more"
    ))
}

/// A name keeps its question: a group's strategy cannot turn into a formatter under it.
fn same_kind(slot: &Slot, loaded: &Loaded) -> Result<(), Rejection> {
    let kind = loaded.card().kind;
    let active = slot.active.as_ref().map(|active| active.loaded.card().kind);
    let cause = match (active, slot.expected) {
        (Some(active), _) if active != kind => {
            format!("it is a {kind}, and what is active under this name is a {active}")
        }
        (None, Some(expected)) if expected != kind => {
            format!("it is a {kind}, and the configuration asks for a {expected}")
        }
        _ => return Ok(()),
    };
    Err(Rejection::new(Stage::World, cause).hint("give it a name of its own"))
}
