//! Fills that were told and are no longer so: the venue took them back (a bust), or corrected them away.
//!
//! This is the only way, besides a change of strategy, by which a shown count falls (law 5), and it is
//! said: every alert of a fill that no leg stands for any more gets a correction, once. A cycle of
//! which nothing is left keeps its number, so that none is used twice, and its counts say 0.

use super::{Look, Seen};
use fillsync_core::alert::{Alert, AlertBody, CorrectionAlert, Count, Severity};
use fillsync_core::cut;
use fillsync_core::cycle::Book;
use fillsync_core::id::AccountName;
use fillsync_core::order::PositionSide;
use fillsync_core::time::VenueTime;
use fillsync_core::truth::Truth;
use fillsync_ledger::{AlertRow, CountRow, DivergenceRow, GroupCycleRow, LedgerError, Reader};
use std::collections::BTreeMap;

/// What the correction says.
const REASON: &str = "the venue took the fill back";

/// A group cycle in which something that was decided is no longer so.
#[derive(Debug)]
pub struct Doubt {
    /// Its direction.
    pub side: PositionSide,
    /// Its number.
    pub number: u64,
    /// Its books.
    pub books: Vec<Book>,
    /// When it opened, as far as was known when alerts of it were cut.
    pub since: VenueTime,
    /// What is so now; an account that is not in here has nothing left.
    pub counts: BTreeMap<AccountName, Count>,
}

/// Corrects the alerts of fills for which no leg stands any more.
///
/// # Errors
/// When the ledger cannot be read.
pub(super) fn withdraw(
    look: &Look<'_>,
    reader: &Reader,
    seen: &mut Seen,
) -> Result<(), LedgerError> {
    for doubt in std::mem::take(&mut seen.doubts) {
        for book in &doubt.books {
            let prefix = cut::fill_identity_prefix(&look.group.rules, book);
            for told in reader.alerts_under(&prefix, doubt.since)? {
                if told.cycle != Some(doubt.number)
                    || told.position != Some(doubt.side)
                    || seen.standing.contains(&told.identity)
                {
                    continue;
                }
                let Some(correction) = correction(&told, &doubt) else {
                    continue;
                };
                let identities = [correction.identity.clone()];
                if !reader.latest_alerts(&identities)?.is_empty() {
                    continue;
                }
                let channels = look.policy.channels_for(&correction);
                seen.rows.alerts.push(AlertRow {
                    alert: correction,
                    channels,
                    suppressed: false,
                });
            }
        }
    }
    Ok(())
}

fn correction(told: &Alert, doubt: &Doubt) -> Option<Alert> {
    let AlertBody::Fill(fill) = &told.body else {
        return None;
    };
    let left = told
        .account
        .as_ref()
        .and_then(|account| doubt.counts.get(&account.name))
        .cloned();
    Some(Alert {
        identity: format!("correction/{}/taken-back", told.identity),
        revision: 0,
        severity: Severity::Warning,
        body: AlertBody::Correction(CorrectionAlert {
            slot: fill.slot,
            side: fill.side,
            previous: fill.count.shown,
            count: left.unwrap_or_else(|| Count {
                detected: 0,
                shown: 0,
                note: None,
                ..fill.count.clone()
            }),
            reason: REASON.to_owned(),
        }),
        ..told.clone()
    })
}

/// A stored cycle of which no facts are left.
///
/// # Errors
/// When the ledger cannot be read.
pub(super) fn vanish(
    look: &Look<'_>,
    reader: &Reader,
    stored: &GroupCycleRow,
    divergences: &[&DivergenceRow],
    seen: &mut Seen,
) -> Result<(), LedgerError> {
    let (side, number) = (stored.side, stored.ordinal);
    seen.doubts.push(Doubt {
        side,
        number,
        books: stored
            .members
            .iter()
            .map(|(book, _)| book.clone())
            .collect(),
        since: stored.opened_at,
        counts: BTreeMap::new(),
    });
    let counts = reader.cycle_counts(&look.group.rules.name, look.symbol, side, number)?;
    for have in counts {
        let gone = CountRow {
            detected: 0,
            shown: 0,
            note: Some(REASON.to_owned()),
            truth: Truth::Unfilled,
            last_fill_sync: look.now,
            ..have.clone()
        };
        if (have.detected, have.shown) != (0, 0) {
            seen.rows.counts.push(gone);
        }
    }
    for row in divergences {
        if row.side == side && row.cycle == number {
            let mut row = (*row).clone();
            row.resolved_at = Some(stored.opened_at);
            seen.rows.divergences.push(row);
        }
    }
    let closed_at = Some(stored.closed_at.unwrap_or(stored.opened_at));
    if !stored.settled || stored.closed_at != closed_at {
        seen.rows.cycles.push(GroupCycleRow {
            closed_at,
            settled: true,
            ..stored.clone()
        });
    }
    Ok(())
}
