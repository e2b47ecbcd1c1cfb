//! Where the alerts of a look go: what exists is left out, what changed is revised, what is old is
//! left to a digest, and what only an import brought is kept without a word.

use super::Seen;
use super::cycle::CycleLook;
use crate::policy::Policy;
use fillsync_core::alert::{Alert, AlertBody, CorrectionAlert, Severity};
use fillsync_core::cut::Cut;
use fillsync_core::execution::Source;
use fillsync_core::time::{HostTime, VenueTime};
use fillsync_ledger::{AlertRow, LedgerError};
use std::collections::BTreeSet;

impl CycleLook<'_> {
    /// Leaves out what exists, revises what changed, and says where the rest goes.
    pub(super) fn route(mut self, seen: &mut Seen) -> Result<(), LedgerError> {
        let identities: Vec<String> = self
            .cuts
            .iter()
            .map(|cut| cut.alert.identity.clone())
            .collect();
        let known = self.reader.latest_alerts(&identities)?;
        for mut cut in std::mem::take(&mut self.cuts) {
            let is_imported = self.is_imported(&cut.alert);
            match known.get(&cut.alert.identity) {
                Some(_) if is_imported => {}
                None => {
                    let is_old = self.is_old(&cut);
                    let suppressed = is_old || is_imported;
                    if is_old && !is_imported {
                        seen.old.push(cut.alert.clone());
                    }
                    let channels = if suppressed {
                        Vec::new()
                    } else {
                        self.look.policy.channels_for(&cut.alert)
                    };
                    seen.rows.alerts.push(AlertRow {
                        alert: cut.alert,
                        channels,
                        suppressed,
                    });
                }
                Some((before, was_suppressed)) => {
                    let was_left_out = *was_suppressed && before.revision == 0;
                    if was_left_out || !says_something_else(before, &cut.alert) {
                        continue;
                    }
                    cut.alert.revision = before.revision.saturating_add(1);
                    revise(self.look.policy, before, cut.alert, seen);
                }
            }
        }
        Ok(())
    }

    /// Whether an alert is news of an import: of the rows that it rests on, the one that came last was
    /// imported. Those are old facts of somebody else's records, so nobody is told of them, nor of what
    /// they change in what was told. A row that comes after them is told as ever.
    fn is_imported(&self, alert: &Alert) -> bool {
        let rows: Vec<(HostTime, Source)> = match &alert.body {
            AlertBody::Divergence(body) | AlertBody::Resolved(body) => self.rows_of_slot(body.slot),
            _ => self.rows_until(alert.at),
        };
        rows.into_iter()
            .max_by_key(|(seen_at, source)| (*seen_at, *source != Source::Import))
            .is_some_and(|(_, source)| source == Source::Import)
    }

    /// When and how the rows of a slot came.
    fn rows_of_slot(&self, ordinal: u32) -> Vec<(HostTime, Source)> {
        let cycle = self.frame.cycle;
        cycle
            .slots
            .iter()
            .filter(|slot| slot.ordinal == ordinal)
            .flat_map(|slot| {
                cycle
                    .members
                    .iter()
                    .filter_map(move |member| cycle.leg(slot, member))
            })
            .flat_map(|leg| &leg.fills)
            .map(|fill| (fill.seen_at, fill.source))
            .collect()
    }

    /// When and how the rows of the cycle came that happened up to a moment.
    fn rows_until(&self, at: VenueTime) -> Vec<(HostTime, Source)> {
        let parts: BTreeSet<_> = self.frame.cycle.parts().collect();
        let mut rows = Vec::new();
        for facts in &self.frame.facts.books {
            let is_part = |ordinal: u32| parts.contains(&(&facts.book, ordinal));
            let of_cycle = facts.fills.iter().filter(|fill| {
                fill.executed_at <= at
                    && (fill
                        .allocation
                        .entry
                        .is_some_and(|part| is_part(part.ordinal))
                        || fill
                            .allocation
                            .exit
                            .is_some_and(|part| is_part(part.ordinal)))
            });
            rows.extend(of_cycle.map(|fill| (fill.seen_at, fill.source)));
        }
        rows
    }

    /// Whether an alert is told in a digest only (law 12): it was seen long after it happened, or was
    /// seen long ago and nobody asked for it then. What is true *now* is never old, however long ago it
    /// began: that accounts differ in a trade that is open still.
    fn is_old(&self, cut: &Cut) -> bool {
        let rules = &self.look.group.rules;
        let is_of_now = matches!(
            cut.alert.body,
            AlertBody::Divergence(_) | AlertBody::Resolved(_)
        );
        if is_of_now && self.frame.cycle.closed_at.is_none() {
            return false;
        }
        // Both clocks agree to within seconds; the bound is minutes.
        let seen_after = cut.seen_at.since(HostTime::from_us(cut.alert.at.us()));
        let told_after = self.look.now.since(cut.seen_at);
        seen_after > rules.alert_max_age
            || (!is_of_now && told_after > rules.alert_max_age.saturating_add(rules.deadline))
    }
}

/// An alert that was sent says something else now: channels that can edit get the new text, the
/// others a correction if a count changed.
fn revise(policy: &Policy, before: &Alert, alert: Alert, seen: &mut Seen) {
    let edits: BTreeSet<_> = policy
        .routes
        .iter()
        .filter(|route| route.can_edit)
        .map(|route| route.channel.clone())
        .collect();
    let takers = policy.channels_for(&alert);
    if let (AlertBody::Fill(was), AlertBody::Fill(is)) = (&before.body, &alert.body)
        && (was.count.shown != is.count.shown || was.count.detected != is.count.detected)
    {
        let correction = Alert {
            identity: format!("correction/{}/{}", alert.identity, alert.revision),
            revision: 0,
            severity: Severity::Warning,
            body: AlertBody::Correction(CorrectionAlert {
                slot: is.slot,
                side: is.side,
                previous: was.count.shown,
                count: is.count.clone(),
                reason: "facts of that moment arrived later".to_owned(),
            }),
            ..alert.clone()
        };
        let channels = policy
            .channels_for(&correction)
            .into_iter()
            .filter(|channel| !edits.contains(channel))
            .collect();
        seen.rows.alerts.push(AlertRow {
            alert: correction,
            channels,
            suppressed: false,
        });
    }
    seen.rows.alerts.push(AlertRow {
        alert,
        channels: takers
            .into_iter()
            .filter(|channel| edits.contains(channel))
            .collect(),
        suppressed: false,
    });
}

/// Whether a reader of the alert would read something else. That coverage moved on is nothing new.
fn says_something_else(before: &Alert, now: &Alert) -> bool {
    match (&before.body, &now.body) {
        (AlertBody::Fill(before), AlertBody::Fill(now)) => {
            // Coverage moves on, and orders placed later change totals and numbers: neither is news
            // about this fill.
            let mut before = before.clone();
            before.coverage_to = now.coverage_to;
            before.slot = now.slot;
            before.own_slots.clone_from(&now.own_slots);
            before.count.total = now.count.total;
            before != *now
        }
        // What ended once is told once.
        _ => false,
    }
}
