//! One name's place: what is active there, what waits, what was refused, and what could come back.
//!
//! After a swap the version before stays in memory for a probation. When the new one fails at what the
//! old one answers, the old one takes its place again by itself; an input at which both fail says
//! nothing against the new one. Plain values: the lock around them is the registry's.

use super::gate::{Offer, Swap, rolled_back_before};
use super::status::{
    ActiveStatus, Dated, DatedRejection, HeldStatus, PluginStatus, ProbationStatus, Source, Used,
};
use crate::breaker::Breaker;
use crate::error::{CallError, PluginKind, Rejection};
use crate::limits::Limits;
use crate::loaded::Loaded;
use crate::replay::Comparison;
use fillsync_core::id::PluginName;
use fillsync_core::time::HostTime;
use serde::Serialize;
use std::sync::Arc;
use std::time::Duration;

/// Answered calls that a probation takes at least, however long that is.
pub const PROBATION_CALLS: u32 = 50;
/// Faults in a probation that roll a swap back ...
pub const PROBATION_FAULTS: u32 = 2;
/// ... where they are at least so many percent of the calls.
pub const PROBATION_FAULT_PERCENT: u32 = 10;

#[derive(Debug, Default)]
pub(super) struct Slot {
    pub(super) active: Option<Active>,
    pub(super) generation: u64,
    pub(super) breaker: Breaker,
    /// What it will be asked for, once that is known.
    pub(super) expected: Option<PluginKind>,
    /// When it last came back from having been set aside.
    pub(super) back_at: Option<HostTime>,
    pub(super) calls: u64,
    pub(super) failures: u64,
    pub(super) last_error: Option<Dated>,
    pub(super) rejected: Option<Rejected>,
    pub(super) held: Option<Held>,
    pub(super) probation: Option<Probation>,
}

#[derive(Debug, Clone)]
pub(super) struct Active {
    pub(super) loaded: Arc<Loaded>,
    pub(super) used: Arc<Used>,
    pub(super) source: Source,
    pub(super) at: HostTime,
}

#[derive(Debug)]
pub(super) struct Rejected {
    pub(super) candidate: Candidate,
    pub(super) report: DatedRejection,
}

#[derive(Debug)]
pub(super) struct Held {
    pub(super) candidate: Candidate,
    pub(super) report: HeldStatus,
}

/// What makes two offers the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) sha256: String,
    /// As they are compared.
    pub(super) settings: String,
    pub(super) limits: Limits,
}

/// The time after a swap in which it can be undone.
#[derive(Debug)]
pub(super) struct Probation {
    /// The last version that passed its own.
    pub(super) previous: Active,
    began: HostTime,
    least: Duration,
    calls: u32,
    faults: u32,
}

/// A swap that was undone, for the log and the database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RolledBack {
    /// What failed.
    pub from: Used,
    /// What answers again.
    pub to: Used,
    /// Calls since the swap.
    pub calls: u32,
    /// Those at which it failed and the version before answers.
    pub faults: u32,
    /// The latest fault.
    pub error: String,
}

impl RolledBack {
    /// In words.
    #[must_use]
    pub fn cause(&self) -> String {
        format!(
            "it failed at {} of its first {} calls, all of which the version before answers; the latest: {}",
            self.faults, self.calls, self.error
        )
    }
}

impl Held {
    pub(super) fn new(
        offer: &Offer<'_>,
        candidate: Candidate,
        why: Rejection,
        comparison: Option<Comparison>,
    ) -> Self {
        let report = HeldStatus {
            at: offer.now,
            sha256: candidate.sha256.clone(),
            source: offer.source.clone(),
            policy: offer.policy,
            why,
            comparison,
        };
        Self { candidate, report }
    }
}

impl Probation {
    fn is_over(&self, now: HostTime) -> bool {
        self.calls >= PROBATION_CALLS && now.since(self.began) >= self.least
    }

    fn has_failed(&self) -> bool {
        self.faults >= PROBATION_FAULTS
            && self.faults.saturating_mul(100) >= self.calls.saturating_mul(PROBATION_FAULT_PERCENT)
    }
}

impl Slot {
    /// Makes a candidate the active one.
    pub(super) fn swap(&mut self, offer: &Offer<'_>, loaded: Arc<Loaded>) -> Swap {
        let now = offer.now;
        let used = self.next_use(offer.name, &loaded);
        let before = self.active.take();
        let swap = Swap {
            used: Used::clone(&used),
            kind: loaded.card().kind,
            previous_sha256: before.as_ref().map(|active| active.used.sha256.clone()),
            remarks: loaded.remarks().to_vec(),
            promoted: offer.promoted_at.is_some(),
        };
        // Whoever is in its own probation is not what to go back to.
        let proven = match self.probation.take() {
            Some(probation) if !probation.is_over(now) => Some(probation.previous),
            _ => before,
        };
        self.probation = proven
            .filter(|proven| !proven.loaded.is_same_as(&loaded))
            .zip(offer.probation)
            .map(|(previous, least)| Probation {
                previous,
                began: now,
                least,
                calls: 0,
                faults: 0,
            });
        self.active = Some(Active {
            loaded,
            used,
            source: offer.source.clone(),
            at: now,
        });
        self.breaker = Breaker::default();
        self.rejected = None;
        self.held = None;
        swap
    }

    fn next_use(&mut self, name: &PluginName, loaded: &Loaded) -> Arc<Used> {
        self.generation += 1;
        Arc::new(Used {
            name: name.clone(),
            version: loaded.card().version.clone(),
            sha256: loaded.sha256().to_owned(),
            settings_sha256: loaded.settings_sha256().to_owned(),
            own_name: loaded.card().name.clone(),
            settings_json: loaded.settings().to_owned(),
            generation: self.generation,
        })
    }

    /// Counts a call of the active one in its probation. A fault is given with its error.
    pub(super) fn on_probation(
        &mut self,
        name: &PluginName,
        fault: Option<&CallError>,
        now: HostTime,
    ) -> Option<RolledBack> {
        let probation = self.probation.as_mut()?;
        probation.calls = probation.calls.saturating_add(1);
        if let Some(error) = fault {
            probation.faults = probation.faults.saturating_add(1);
            if probation.has_failed() {
                let probation = self.probation.take()?;
                return self.roll_back(name, probation, error, now);
            }
        }
        if probation.is_over(now) {
            self.probation = None;
        }
        None
    }

    fn roll_back(
        &mut self,
        name: &PluginName,
        probation: Probation,
        error: &CallError,
        now: HostTime,
    ) -> Option<RolledBack> {
        let failed = self.active.take()?;
        let Active { loaded, source, .. } = probation.previous;
        let used = self.next_use(name, &loaded);
        let rolled_back = RolledBack {
            from: Used::clone(&failed.used),
            to: Used::clone(&used),
            calls: probation.calls,
            faults: probation.faults,
            error: error.to_string(),
        };
        self.active = Some(Active {
            loaded,
            used,
            source,
            at: now,
        });
        self.breaker = Breaker::default();
        self.back_at = None;
        let candidate = Candidate {
            sha256: failed.used.sha256.clone(),
            settings: failed.loaded.settings().to_owned(),
            limits: failed.loaded.limits().clone(),
        };
        let report = DatedRejection {
            at: now,
            sha256: failed.used.sha256.clone(),
            source: failed.source,
            rejection: rolled_back_before(name, &rolled_back.cause()),
        };
        self.rejected = Some(Rejected { candidate, report });
        Some(rolled_back)
    }

    pub(super) fn status(&self, name: &PluginName) -> PluginStatus {
        let state = match (&self.active, self.breaker.until(), &self.held) {
            (None, _, Some(_)) => "held",
            (None, _, None) => "rejected",
            (Some(_), Some(_), _) => "set-aside",
            (Some(_), None, _) => "active",
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
            held: self.held.as_ref().map(|held| held.report.clone()),
            probation: self.probation.as_ref().map(|probation| ProbationStatus {
                previous_sha256: probation.previous.used.sha256.clone(),
                until: probation.began.plus(probation.least),
                calls: probation.calls,
                faults: probation.faults,
            }),
        }
    }
}

impl Active {
    /// Whether a candidate is this very one.
    pub(super) fn is(&self, candidate: &Candidate) -> bool {
        self.loaded.sha256() == candidate.sha256
            && self.loaded.settings() == candidate.settings
            && *self.loaded.limits() == candidate.limits
    }

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
            imports: self.loaded.imports().to_vec(),
            reach: self.loaded.reach(),
        }
    }
}
