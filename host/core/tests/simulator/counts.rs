//! Counts, held against what each account really did.
//!
//! What counts of an account is worked out from the true fills of the true cycle that its part is of,
//! in every history, however close its trades and prices lie: which orders are the same slot does not
//! change how many of them filled.

use crate::check::{Judge, claim};
use fillsync_core::id::AccountName;
use fillsync_core::join::MemberCycle;
use fillsync_core::leg::Leg;
use fillsync_core::moment::{self, Answer, Moment};
use fillsync_core::view::{Role, Shown, View, ViewMember};
use std::collections::{BTreeMap, BTreeSet};

impl Judge<'_> {
    /// Laws 3, 7 and I6: counts are the account's own, of one trade, and final where proven.
    pub(crate) fn counts(
        &self,
        moment: &Moment,
        view: &View,
        (is_proven, is_decided): (bool, bool),
    ) -> Result<(), String> {
        let trades: BTreeSet<usize> = moment
            .counted
            .iter()
            .filter_map(|(account, ordinal)| Some(self.leg_at(account, *ordinal)?.1.trade))
            .collect();
        let is_plain = self.history.is_plain;
        claim(!is_plain || trades.len() == 1, || {
            format!("counts of trades {trades:?} in one moment")
        })?;
        for member in &view.members {
            let part = self.frame.cycle.member(&member.account).unwrap();
            self.own_count(moment, member, part, (is_proven, is_decided))?;
            if !is_plain || !is_proven || self.is_beyond_proof(moment, member) {
                continue;
            }
            // Whose position is nobody's partner is part of no count: only a plain history tells who is.
            let account = self.account(&member.account);
            let truly: u32 = trades
                .iter()
                .map(|trade| self.history.count(account, *trade, moment.at.ms()))
                .sum();
            claim(member.detected == truly, || {
                let detected = member.detected;
                format!("{} has {truly}, proven are {detected}", member.account)
            })?;
        }
        Ok(())
    }

    fn own_count(
        &self,
        moment: &Moment,
        member: &ViewMember,
        part: &MemberCycle,
        (is_proven, is_decided): (bool, bool),
    ) -> Result<(), String> {
        let at_ms = moment.at.ms();
        let account = self.account(&member.account);
        let own = self.true_cycle(part);
        let truly = own.map_or(0, |own| self.history.count_in(account, own, at_ms));
        // Counts of two cycles can look like those of one only while rows between them are not here.
        let counted = member.legs.iter().filter(|leg| leg.counted);
        let cycles: BTreeSet<_> = counted
            .filter_map(|leg| self.counted_in(self.leg_at(&member.account, leg.slot)?))
            .collect();
        let at_most: u32 = cycles
            .iter()
            .map(|cycle| self.history.count_in(account, *cycle, at_ms))
            .sum();
        claim(!is_decided || member.detected <= at_most, || {
            format!(
                "{} has {at_most} in {cycles:?}, not {}",
                member.account, member.detected
            )
        })?;
        if self.is_beyond_proof(moment, member) {
            return Ok(());
        }
        let read_since = |leg: &Leg| leg.status.is_some() && !leg.is_uncertain_by(moment.at);
        let sight = &self.watch.sights[account];
        let all_seen = member.known
            && part.legs.iter().all(read_since)
            && at_ms + crate::history::LATE_MS < sight.proven_ms;
        claim(!(is_proven || all_seen) || member.detected == truly, || {
            let detected = member.detected;
            let orders = &self.history.accounts[account].orders;
            format!(
                "{} has {truly}, seen are {detected}: {orders:?} {}",
                member.account,
                self.told()
            )
        })
    }

    /// Whether nobody can know what a member's count is. An order that came and filled between two looks
    /// and whose rows are later than the settle shows nowhere before the ended orders are read; a count
    /// does not wait for that, and it is told when its rows come. What nobody looked at since it
    /// filled is the same; no order is read again for a count. What was before the data begin says
    /// "at least", and observers are shown where they are surely of the plan only.
    fn is_beyond_proof(&self, moment: &Moment, member: &ViewMember) -> bool {
        let account = self.account(&member.account);
        let sight = &self.watch.sights[account];
        let orders = self.history.accounts[account].orders.iter().enumerate();
        let is_unread = orders.into_iter().any(|(index, order)| {
            let counted_ms = order.counted_ms(self.history.counts_when);
            let Some(counted_ms) = counted_ms.filter(|at| *at <= moment.at.ms()) else {
                return false;
            };
            let step = if order.is_chain() {
                order.step_at(counted_ms)
            } else {
                0
            };
            let read_ms = sight.orders.get(&(index, step));
            order.lacks_rows(sight.seen_ms) && read_ms < Some(&counted_ms)
        });
        is_unread || member.at_least || member.role == Role::Observer
    }

    /// Laws 3, 5 and 10: a strategy changes what is shown and nothing else, and what is shown does not fall.
    pub(crate) fn shown(
        &self,
        view: &View,
        shown_before: &mut BTreeMap<AccountName, u32>,
    ) -> Result<(), String> {
        let most = view
            .members
            .iter()
            .filter(|member| member.role != Role::Observer)
            .map(|member| member.detected)
            .max()
            .unwrap_or(0);
        let rows = view.members.iter().map(|member| Shown {
            account: member.account.clone(),
            count: most,
            note: None,
        });
        let answer = Answer::Shown(rows.collect());
        let own = moment::verdicts(view, &Answer::None, false);
        let shown = moment::verdicts(view, &answer, false);
        for ((member, own), shown) in view.members.iter().zip(own).zip(shown) {
            claim(
                own.detected == member.detected && shown.detected == member.detected,
                || format!("a strategy changed what {} detected", member.account),
            )?;
            let before = shown_before.insert(member.account.clone(), shown.shown);
            claim(before.is_none_or(|before| shown.shown >= before), || {
                format!("{} showed {before:?}, then {}", member.account, shown.shown)
            })?;
            let right = if member.role == Role::Observer {
                member.detected
            } else {
                most
            };
            claim(shown.shown == right, || {
                format!("{} shows {}, not {right}", member.account, shown.shown)
            })?;
        }
        Ok(())
    }
}
