//! The plugins in use, by name: offer a candidate, ask the active one, read how they are.
//!
//! Keeps law 15: a candidate takes the place of the active one in one exchange, calls under way end
//! on the one they began with, and a rejected candidate changes nothing but the report. Keeps law 8:
//! a plugin that fails again and again is set aside for a while, and one that just came is rolled
//! back. The way in is in `gate`, one name's place in `slot`. Deliberately absent: files, watching,
//! logging and clocks; what happened is returned as data.

mod gate;
mod slot;
mod status;

pub use gate::{Barred, Offer, Outcome, Passage, Swap, SwapPolicy};
pub use slot::{PROBATION_CALLS, PROBATION_FAULT_PERCENT, PROBATION_FAULTS, RolledBack};
pub use status::{
    ActiveStatus, Dated, DatedRejection, HeldStatus, PluginStatus, ProbationStatus, Source, Used,
};

use crate::breaker::{Gate, Turn};
use crate::call::{CallReport, Target};
use crate::engine::PluginEngine;
use crate::error::{CallError, PluginKind};
use crate::loaded::Loaded;
use fillsync_core::alert::Alert;
use fillsync_core::id::PluginName;
use fillsync_core::message::Rendered;
use fillsync_core::time::HostTime;
use fillsync_core::view::{Shown, View};
use slot::{Active, Slot};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

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
    /// This failure undid the swap by which the plugin came: the version before answers again.
    pub rolled_back: Option<Box<RolledBack>>,
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

/// The plugins in use.
#[derive(Debug)]
pub struct Registry {
    engine: PluginEngine,
    slots: Mutex<BTreeMap<PluginName, Slot>>,
    /// Offers are taken one after the other, without holding up calls.
    offering: Mutex<()>,
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
        question: impl Fn(&Loaded) -> Result<(T, CallReport), CallError>,
    ) -> Result<Answered<T>, Unanswered> {
        let (active, previous) = self.enter(name, now)?;
        // No lock is held here: a swap meanwhile does not disturb this call.
        let result = question(&active.loaded);
        let error = result.as_ref().err();
        // In a probation a fault counts where the version before has an answer to the same question.
        let counts = error.is_some_and(CallError::is_plugins_fault)
            && previous.is_some_and(|previous| {
                question(&previous).map_or_else(|error| error.is_answer(), |_| true)
            });
        let (turn, rolled_back) = self.leave(name, &active, error, counts, now);
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
                rolled_back: rolled_back.map(Box::new),
            }),
        }
    }

    /// What to ask, and what was asked before it while it is on probation.
    fn enter(
        &self,
        name: &PluginName,
        now: HostTime,
    ) -> Result<(Active, Option<Arc<Loaded>>), Unanswered> {
        let unanswered = |used, error| Unanswered {
            name: name.clone(),
            used,
            error,
            turn: Turn::None,
            rolled_back: None,
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
                let previous = slot.probation.as_ref();
                let previous = previous.map(|probation| Arc::clone(&probation.previous.loaded));
                Ok((active, previous))
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
        counts: bool,
        now: HostTime,
    ) -> (Turn, Option<RolledBack>) {
        let mut slots = self.slots();
        let Some(slot) = slots.get_mut(name) else {
            return (Turn::None, None);
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
            return (Turn::None, None);
        }
        let fault = at_fault.filter(|_| counts);
        if let Some(rolled_back) = slot.on_probation(name, fault, now) {
            return (Turn::None, Some(rolled_back));
        }
        let turn = match (error, at_fault) {
            (None, _) => slot.breaker.succeeded(),
            (Some(_), Some(_)) => slot.breaker.failed(now),
            // Undecided and unsupported are answers; what the host failed at is neither.
            (Some(error), None) if error.is_answer() => slot.breaker.succeeded(),
            (Some(_), None) => {
                slot.breaker.neither();
                Turn::None
            }
        };
        if turn == Turn::Back {
            slot.back_at = Some(now);
        }
        (turn, None)
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
