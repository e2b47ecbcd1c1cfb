//! The plugins in use, by name: offer a candidate, ask the active one, read how they are.
//!
//! Keeps law 15: a candidate takes the place of the active one in one exchange, calls under way end
//! on the one they began with, and a rejected candidate changes nothing but the report. Keeps law 8:
//! a plugin that fails again and again is set aside for a while. Deliberately absent: files, watching,
//! logging and clocks; what happened is returned as data.

use crate::breaker::{Breaker, Gate, Turn};
use crate::call::{CallReport, Remark, Target};
use crate::engine::PluginEngine;
use crate::error::{CallError, PluginKind, Rejection, Stage};
use crate::limits::Limits;
use crate::loaded::{Loaded, sha256};
use fillsync_core::alert::Alert;
use fillsync_core::id::PluginName;
use fillsync_core::message::Rendered;
use fillsync_core::time::HostTime;
use fillsync_core::view::{Shown, View};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Where a plugin's bytes came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// It ships inside the binary.
    Embedded,
    /// A file, by the name that the operator knows it by.
    File(String),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Embedded => f.write_str("embedded"),
            Self::File(name) => write!(f, "file {name}"),
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
}

/// Which plugin answered, for the decision's row.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Used {
    /// The name in the configuration.
    pub name: PluginName,
    /// Its version.
    pub version: String,
    /// SHA-256 of its file, in hex.
    pub sha256: String,
    /// SHA-256 of its settings, in hex.
    pub settings_sha256: String,
    /// The name on its card.
    #[serde(skip)]
    pub own_name: PluginName,
    /// Its settings, as the JSON that was hashed.
    #[serde(skip)]
    pub settings_json: String,
    /// Counts the swaps of this name, from 1.
    pub generation: u64,
}

/// An answer, what it cost and who gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered<T> {
    /// The answer, checked.
    pub answer: T,
    /// What it cost.
    pub report: CallReport,
    /// Who gave it.
    pub used: Arc<Used>,
    /// Whether the plugin is back from having been set aside.
    pub turn: Turn,
}

/// A call without an answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("plugin {name}: {error}")]
pub struct Unanswered {
    /// The name that was asked for.
    pub name: PluginName,
    /// Who was asked; none when no plugin of that name is loaded.
    pub used: Option<Arc<Used>>,
    /// What happened.
    pub error: CallError,
    /// Whether this failure set the plugin aside.
    pub turn: Turn,
}

/// Whether a plugin can be asked now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ability {
    /// Nothing of this name is loaded.
    Absent,
    /// It is set aside.
    Aside {
        /// When it is tried again.
        until: HostTime,
    },
    /// It can be asked.
    Able {
        /// Since it was loaded, or since it was last set aside: what failed before may be asked again.
        since: HostTime,
    },
}

/// How one plugin is, for `/plugins`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PluginStatus {
    /// The name in the configuration.
    pub name: PluginName,
    /// Its own name, version and the rest; none while nothing of this name is active.
    pub active: Option<ActiveStatus>,
    /// "active", "set-aside" or "rejected" (nothing of this name was ever taken).
    pub state: &'static str,
    /// When it is tried again, while set aside.
    pub aside_until: Option<HostTime>,
    /// Calls since the daemon started.
    pub calls: u64,
    /// Those that failed by its fault.
    pub failures: u64,
    /// Failures in a row, up to now.
    pub failures_in_a_row: u32,
    /// The latest failure.
    pub last_error: Option<Dated>,
    /// The latest candidate that was not taken, unless one was taken since.
    pub last_rejection: Option<DatedRejection>,
}

/// What is active.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ActiveStatus {
    /// The plugin's own name.
    pub own_name: PluginName,
    /// Its kind.
    pub kind: PluginKind,
    /// Its version.
    pub version: String,
    /// One sentence.
    pub summary: String,
    /// Of its file.
    pub sha256: String,
    /// Of its settings.
    pub settings_sha256: String,
    /// Where it came from.
    pub source: Source,
    /// Counts the swaps, from 1.
    pub generation: u64,
    /// When.
    pub loaded_at: HostTime,
    /// What it remarked on its settings.
    pub remarks: Vec<Remark>,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Dated {
    /// When.
    pub at: HostTime,
    /// What.
    pub text: String,
}

/// A candidate that was not taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DatedRejection {
    /// When it was offered first.
    pub at: HostTime,
    /// Of its file.
    pub sha256: String,
    /// Where it came from.
    pub source: Source,
    /// Why.
    pub rejection: Rejection,
}

/// The plugins in use.
#[derive(Debug)]
pub struct Registry {
    engine: PluginEngine,
    slots: Mutex<BTreeMap<PluginName, Slot>>,
    /// Offers are taken one after the other, without holding up calls.
    offering: Mutex<()>,
}

#[derive(Debug, Default)]
struct Slot {
    active: Option<Active>,
    generation: u64,
    breaker: Breaker,
    /// What it will be asked for, once that is known.
    expected: Option<PluginKind>,
    /// When it last came back from having been set aside.
    back_at: Option<HostTime>,
    calls: u64,
    failures: u64,
    last_error: Option<Dated>,
    rejected: Option<Rejected>,
}

#[derive(Debug, Clone)]
struct Active {
    loaded: Arc<Loaded>,
    used: Arc<Used>,
    source: Source,
    at: HostTime,
}

#[derive(Debug)]
struct Rejected {
    candidate: Candidate,
    report: DatedRejection,
}

/// What makes two offers the same.
#[derive(Debug, PartialEq, Eq)]
struct Candidate {
    sha256: String,
    settings_json: String,
    limits: Limits,
}

impl Registry {
    /// Without any plugin yet.
    #[must_use]
    pub fn new(engine: PluginEngine) -> Self {
        Self {
            engine,
            slots: Mutex::default(),
            offering: Mutex::new(()),
        }
    }

    /// Takes a candidate through every stage and, if it stands, makes it the active one.
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
        let _one_at_a_time = self.offering.lock().unwrap_or_else(PoisonError::into_inner);
        let candidate = Candidate {
            sha256: sha256(bytes),
            settings_json: settings_json.to_owned(),
            limits: limits.clone(),
        };
        if let Some(outcome) = self.known(name, &candidate) {
            return outcome;
        }
        // No lock on the slots while it compiles: calls go on with what is active.
        let loaded = self.engine.load(bytes, settings_json, limits);
        let mut slots = self.slots();
        let slot = slots.entry(name.clone()).or_default();
        match loaded.and_then(|loaded| same_kind(slot, loaded)) {
            Ok(loaded) => slot.swap(name, source, loaded, now),
            Err(rejection) => {
                let sha256 = candidate.sha256.clone();
                let report = DatedRejection {
                    at: now,
                    sha256: sha256.clone(),
                    source,
                    rejection: rejection.clone(),
                };
                slot.rejected = Some(Rejected { candidate, report });
                Outcome::Rejected {
                    rejection,
                    sha256,
                    again: false,
                }
            }
        }
    }

    fn known(&self, name: &PluginName, candidate: &Candidate) -> Option<Outcome> {
        let mut slots = self.slots();
        let slot = slots.get_mut(name)?;
        if let Some(rejected) = &slot.rejected
            && rejected.candidate == *candidate
        {
            return Some(Outcome::Rejected {
                rejection: rejected.report.rejection.clone(),
                sha256: candidate.sha256.clone(),
                again: true,
            });
        }
        let loaded = &slot.active.as_ref()?.loaded;
        let is_active = loaded.sha256() == candidate.sha256
            && loaded.has_settings(&candidate.settings_json)
            && *loaded.limits() == candidate.limits;
        // The operator went back to what is active, so the rejected candidate is history.
        is_active.then(|| {
            slot.rejected = None;
            Outcome::Unchanged
        })
    }

    /// The active plugin of a name.
    #[must_use]
    pub fn active(&self, name: &PluginName) -> Option<Arc<Loaded>> {
        self.slots()
            .get(name)?
            .active
            .as_ref()
            .map(|active| Arc::clone(&active.loaded))
    }

    /// Which plugin of a name would answer now.
    #[must_use]
    pub fn used(&self, name: &PluginName) -> Option<Arc<Used>> {
        self.slots()
            .get(name)?
            .active
            .as_ref()
            .map(|active| active.used.clone())
    }

    /// Asks the active strategy of a name.
    ///
    /// # Errors
    /// No answer that can be used: each account's own count is shown then (law 8).
    pub fn decide(
        &self,
        name: &PluginName,
        view: &View,
        now: HostTime,
    ) -> Result<Answered<Vec<Shown>>, Unanswered> {
        self.ask(name, now, |loaded| loaded.decide(view))
    }

    /// Asks the active formatter of a name.
    ///
    /// # Errors
    /// No message that can be sent: the host's own plain text goes out then (law 8).
    pub fn format(
        &self,
        name: &PluginName,
        alert: &Alert,
        target: &Target,
        now: HostTime,
    ) -> Result<Answered<Rendered>, Unanswered> {
        self.ask(name, now, |loaded| loaded.format(alert, target))
    }

    fn ask<T>(
        &self,
        name: &PluginName,
        now: HostTime,
        question: impl FnOnce(&Loaded) -> Result<(T, CallReport), CallError>,
    ) -> Result<Answered<T>, Unanswered> {
        let active = self.enter(name, now)?;
        // No lock is held here: a swap meanwhile does not disturb this call.
        let result = question(&active.loaded);
        let turn = self.leave(name, &active, result.as_ref().err(), now);
        match result {
            Ok((answer, report)) => Ok(Answered {
                answer,
                report,
                used: active.used,
                turn,
            }),
            Err(error) => Err(Unanswered {
                name: name.clone(),
                used: Some(active.used),
                error,
                turn,
            }),
        }
    }

    fn enter(&self, name: &PluginName, now: HostTime) -> Result<Active, Unanswered> {
        let unanswered = |used, error| Unanswered {
            name: name.clone(),
            used,
            error,
            turn: Turn::None,
        };
        let mut slots = self.slots();
        let absent = || {
            unanswered(
                None,
                CallError::Absent {
                    name: name.to_string(),
                },
            )
        };
        let slot = slots.get_mut(name).ok_or_else(absent)?;
        let active = slot.active.clone().ok_or_else(absent)?;
        match slot.breaker.gate(now) {
            Gate::Open => {
                slot.calls = slot.calls.saturating_add(1);
                Ok(active)
            }
            Gate::Aside { failures, until } => Err(unanswered(
                Some(active.used),
                CallError::SetAside { failures, until },
            )),
        }
    }

    fn leave(
        &self,
        name: &PluginName,
        active: &Active,
        error: Option<&CallError>,
        now: HostTime,
    ) -> Turn {
        let mut slots = self.slots();
        let Some(slot) = slots.get_mut(name) else {
            return Turn::None;
        };
        let at_fault = error.filter(|error| error.is_plugins_fault());
        if let Some(error) = at_fault {
            slot.failures = slot.failures.saturating_add(1);
            slot.last_error = Some(Dated {
                at: now,
                text: error.to_string(),
            });
        }
        // A call that ended on an older version says nothing about the one that is active now.
        if slot.generation != active.used.generation {
            return Turn::None;
        }
        let turn = match (error, at_fault) {
            (None, _) => slot.breaker.succeeded(),
            (Some(_), Some(_)) => slot.breaker.failed(now),
            // Undecided and unsupported are answers; what the host failed at is neither.
            (Some(CallError::Undecided { .. } | CallError::Unsupported { .. }), None) => {
                slot.breaker.succeeded()
            }
            (Some(_), None) => {
                slot.breaker.neither();
                Turn::None
            }
        };
        if turn == Turn::Back {
            slot.back_at = Some(now);
        }
        turn
    }

    /// Whether a plugin can be asked now, and since when without a break.
    #[must_use]
    pub fn ability(&self, name: &PluginName, now: HostTime) -> Ability {
        let slots = self.slots();
        let Some((slot, active)) = slots
            .get(name)
            .and_then(|slot| Some((slot, slot.active.as_ref()?)))
        else {
            return Ability::Absent;
        };
        match slot.breaker.until() {
            Some(until) if now < until => Ability::Aside { until },
            Some(until) => Ability::Able { since: until },
            None => Ability::Able {
                since: slot.back_at.map_or(active.at, |back| back.max(active.at)),
            },
        }
    }

    /// Names what a plugin will be asked for: candidates of the other kind are not taken. What is
    /// active stays, whatever its kind.
    pub fn expect(&self, name: &PluginName, kind: PluginKind) {
        self.slots().entry(name.clone()).or_default().expected = Some(kind);
    }

    /// Drops what the configuration no longer names; calls under way still end.
    pub fn retain(&self, keep: impl Fn(&PluginName) -> bool) {
        self.slots().retain(|name, _| keep(name));
    }

    /// How every plugin is, by name.
    #[must_use]
    pub fn status(&self) -> Vec<PluginStatus> {
        self.slots()
            .iter()
            .map(|(name, slot)| slot.status(name))
            .collect()
    }

    fn slots(&self) -> MutexGuard<'_, BTreeMap<PluginName, Slot>> {
        // Nothing under this lock can panic half-way through a change.
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A name keeps its question: a group's strategy cannot turn into a formatter under it.
fn same_kind(slot: &Slot, loaded: Arc<Loaded>) -> Result<Arc<Loaded>, Rejection> {
    let kind = loaded.card().kind;
    let active = slot.active.as_ref().map(|active| active.loaded.card().kind);
    let cause = match (active, slot.expected) {
        (Some(active), _) if active != kind => {
            format!("it is a {kind}, and what is active under this name is a {active}")
        }
        (None, Some(expected)) if expected != kind => {
            format!("it is a {kind}, and the configuration asks for a {expected}")
        }
        _ => return Ok(loaded),
    };
    Err(Rejection::new(Stage::World, cause).hint("give it a name of its own"))
}

impl Slot {
    fn swap(
        &mut self,
        name: &PluginName,
        source: Source,
        loaded: Arc<Loaded>,
        now: HostTime,
    ) -> Outcome {
        self.generation += 1;
        let used = Arc::new(Used {
            name: name.clone(),
            version: loaded.card().version.clone(),
            sha256: loaded.sha256().to_owned(),
            settings_sha256: loaded.settings_sha256().to_owned(),
            own_name: loaded.card().name.clone(),
            settings_json: loaded.settings().to_owned(),
            generation: self.generation,
        });
        let swap = Swap {
            used: Used::clone(&used),
            kind: loaded.card().kind,
            previous_sha256: self
                .active
                .as_ref()
                .map(|active| active.used.sha256.clone()),
            remarks: loaded.remarks().to_vec(),
        };
        self.active = Some(Active {
            loaded,
            used,
            source,
            at: now,
        });
        self.breaker = Breaker::default();
        self.rejected = None;
        Outcome::Swapped(swap)
    }

    fn status(&self, name: &PluginName) -> PluginStatus {
        let state = match (&self.active, self.breaker.until()) {
            (None, _) => "rejected",
            (Some(_), Some(_)) => "set-aside",
            (Some(_), None) => "active",
        };
        PluginStatus {
            name: name.clone(),
            active: self.active.as_ref().map(Active::status),
            state,
            aside_until: self.breaker.until(),
            calls: self.calls,
            failures: self.failures,
            failures_in_a_row: self.breaker.failures(),
            last_error: self.last_error.clone(),
            last_rejection: self
                .rejected
                .as_ref()
                .map(|rejected| rejected.report.clone()),
        }
    }
}

impl Active {
    fn status(&self) -> ActiveStatus {
        let card = self.loaded.card();
        ActiveStatus {
            own_name: card.name.clone(),
            kind: card.kind,
            version: card.version.clone(),
            summary: card.summary.clone(),
            sha256: self.used.sha256.clone(),
            settings_sha256: self.used.settings_sha256.clone(),
            source: self.source.clone(),
            generation: self.used.generation,
            loaded_at: self.at,
            remarks: self.loaded.remarks().to_vec(),
        }
    }
}
