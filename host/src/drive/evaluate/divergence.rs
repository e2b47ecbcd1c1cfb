//! Divergences of one group cycle: opened, changed, resolved, and ended with the trade.

use super::cycle::CycleLook;
use super::{Seen, Told};
use fillsync_core::alert::Count;
use fillsync_core::cut::{self, Difference};
use fillsync_core::group::Knowledge;
use fillsync_core::id::AccountName;
use fillsync_core::judge;
use fillsync_core::moment::Verdict;
use fillsync_core::time::VenueTime;
use fillsync_core::truth::Truth;
use fillsync_core::view::View;
use fillsync_ledger::DivergenceRow;
use std::collections::BTreeMap;

impl CycleLook<'_> {
    pub(super) fn diverge(
        &mut self,
        differences: &[Difference],
        last: Option<&(View, Vec<Verdict>)>,
        seen: &mut Seen,
    ) {
        let Some((view, verdicts)) = last else {
            return;
        };
        let counts: BTreeMap<AccountName, Count> = verdicts
            .iter()
            .map(|verdict| (verdict.account.clone(), cut::count_of(view, verdict)))
            .collect();
        let open: Vec<&DivergenceRow> = self
            .stored
            .divergences
            .iter()
            .map(|stored| &stored.divergence)
            .filter(|row| row.side == self.frame.cycle.side && row.cycle == self.frame.number)
            .collect();
        let mut newly: BTreeMap<&str, Vec<&Difference>> = BTreeMap::new();
        for difference in differences {
            let row = open.iter().find(|row| {
                self.is_same_slot(&row.slot_key, difference) && row.account == difference.account
            });
            match row {
                Some(row) if difference.truth == Truth::Aligned => {
                    let mut row = (*row).clone();
                    row.resolved_at = Some(self.coverage_now(&difference.account));
                    seen.rows.divergences.push(row);
                    seen.told.push(Told::Resolved {
                        slot: difference.slot,
                        account: difference.account.clone(),
                    });
                    self.cuts
                        .extend(cut::resolved(self.frame, difference, differences, &counts));
                }
                Some(row) if difference.is_confirmed && row.truth != difference.truth => {
                    let mut row = (*row).clone();
                    row.truth = difference.truth;
                    seen.rows.divergences.push(row);
                    if self.frame.cycle.closed_at.is_none() {
                        newly
                            .entry(&difference.slot_key)
                            .or_default()
                            .push(difference);
                    }
                }
                None if difference.is_confirmed => {
                    newly
                        .entry(&difference.slot_key)
                        .or_default()
                        .push(difference);
                    seen.rows.divergences.push(self.divergence_row(difference));
                    seen.told.push(Told::Diverged {
                        slot: difference.slot,
                        account: difference.account.clone(),
                        truth: difference.truth,
                    });
                }
                _ => {}
            }
        }
        for new in newly.values() {
            let alert = cut::divergence(self.frame, new, differences, &counts);
            self.cuts.extend(alert);
        }
    }

    /// Whether a stored slot is the one of a difference: the order that founds a slot can change, the
    /// orders in it stay.
    fn is_same_slot(&self, stored_key: &str, difference: &Difference) -> bool {
        let cycle = self.frame.cycle;
        let slot = cycle
            .slots
            .iter()
            .find(|slot| slot.key == difference.slot_key);
        slot.is_some_and(|slot| cycle.answers_to(slot, stored_key))
    }

    fn divergence_row(&self, difference: &Difference) -> DivergenceRow {
        let first_at = self
            .frame
            .cycle
            .slots
            .iter()
            .find(|slot| slot.key == difference.slot_key)
            .and_then(|slot| judge::first_counted(self.rules(), self.frame.cycle, slot))
            .map_or(self.frame.cycle.opened_at, |(at, _)| at);
        DivergenceRow {
            symbol: self.look.symbol.clone(),
            side: self.frame.cycle.side,
            cycle: self.frame.number,
            slot_key: difference.slot_key.clone(),
            account: difference.account.clone(),
            truth: difference.truth,
            first_at,
            confirmed_at: Some(self.coverage_now(&difference.account)),
            resolved_at: None,
            alert_identity: None,
        }
    }

    fn coverage_now(&self, account: &AccountName) -> VenueTime {
        self.stored
            .facts
            .knowledge
            .get(account)
            .and_then(Knowledge::coverage_to)
            .unwrap_or(self.frame.cycle.opened_at)
    }

    /// What still differs when a trade is over stays on record, but is no open question any more.
    pub(super) fn end_divergences(&self, seen: &mut Seen) {
        let ended = self.frame.cycle.closed_at;
        let (side, number) = (self.frame.cycle.side, self.frame.number);
        let is_mine = |row: &DivergenceRow| row.side == side && row.cycle == number;
        for row in seen.rows.divergences.iter_mut().filter(|row| is_mine(row)) {
            row.resolved_at = row.resolved_at.or(ended);
        }
        for stored in &self.stored.divergences {
            let row = &stored.divergence;
            let is_written = seen.rows.divergences.iter().any(|have| {
                is_mine(have) && have.slot_key == row.slot_key && have.account == row.account
            });
            if is_mine(row) && !is_written {
                let mut row = row.clone();
                row.resolved_at = ended;
                seen.rows.divergences.push(row);
            }
        }
    }
}
