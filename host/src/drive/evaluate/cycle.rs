//! One group cycle: its moments decided in their order, its counts and its end remembered.

use super::strategy::{Asked, StrategyKey, failed_note};
use super::{Doubt, Look, Seen, Stored, Told, again};
use fillsync_core::cut::{self, Cut, Difference};
use fillsync_core::group::GroupRules;
use fillsync_core::id::AccountName;
use fillsync_core::moment::{self, Answer, Frame, Moment, Readiness, Verdict};
use fillsync_core::time::{HostTime, VenueTime};
use fillsync_core::truth::{self, Truth};
use fillsync_core::view::{Role, Shown, View};
use fillsync_ledger::{
    CountRow, DecisionOutcome, DecisionRow, GroupCycleRow, LatestDecision, LedgerError,
    PluginUsedRow, Reader,
};
use fillsync_plugin_host::{Ability, Used};
use std::collections::BTreeMap;

/// A look at one group cycle.
pub(super) struct CycleLook<'a> {
    pub(super) look: &'a Look<'a>,
    pub(super) reader: &'a Reader,
    pub(super) stored: &'a Stored,
    pub(super) frame: Frame<'a>,
    pub(super) cuts: Vec<Cut>,
}

impl CycleLook<'_> {
    pub(super) fn rules(&self) -> &GroupRules {
        &self.look.group.rules
    }

    pub(super) fn run(mut self, seen: &mut Seen) -> Result<(), LedgerError> {
        let moments = moment::moments(self.rules(), self.frame.cycle);
        let decided: BTreeMap<VenueTime, LatestDecision> = self
            .reader
            .latest_decisions(
                &self.rules().name,
                self.look.symbol,
                self.frame.cycle.side,
                self.frame.number,
            )?
            .into_iter()
            .map(|decision| (decision.moment, decision))
            .collect();
        let (last, is_deferred) = self.decide_all(&moments, &decided, seen);
        if let Some((view, verdicts)) = &last {
            self.await_strategy(verdicts, seen);
            self.cuts.extend(cut::progress(self.frame, view, verdicts));
            self.cuts.extend(cut::exits(self.frame));
            if !is_deferred {
                self.cuts.extend(cut::closed(self.frame, view, verdicts));
            }
        } else if !is_deferred {
            // No limit order of the plan has filled: exits and ends are told all the same.
            let (view, verdicts) = self.bare();
            self.cuts.extend(cut::exits(self.frame));
            self.cuts.extend(cut::closed(self.frame, &view, &verdicts));
        }
        let differences = cut::differences(self.frame, self.look.now);
        self.diverge(&differences, last.as_ref(), seen);
        self.count(&moments, &differences, last.as_ref(), seen)?;
        self.stand(&moments, &decided, last.as_ref(), seen);
        self.remember(&moments, &differences, is_deferred, seen);
        self.route(seen)
    }

    /// Says which fills stand, and whether one that was decided no longer does.
    fn stand(
        &self,
        moments: &[Moment],
        decided: &BTreeMap<VenueTime, LatestDecision>,
        last: Option<&(View, Vec<Verdict>)>,
        seen: &mut Seen,
    ) {
        let standing = moments
            .iter()
            .flat_map(|moment| &moment.counted)
            .filter_map(|(account, slot)| cut::fill_identity(self.frame, account, *slot));
        seen.standing.extend(standing);
        let is_lost = |at: &VenueTime| moments.iter().all(|moment| moment.at != *at);
        if !decided.keys().any(is_lost) {
            return;
        }
        let bare;
        let (view, verdicts) = match last {
            Some(last) => last,
            None => {
                bare = self.bare();
                &bare
            }
        };
        let first = decided.keys().next().copied();
        seen.doubts.push(Doubt {
            side: self.frame.cycle.side,
            number: self.frame.number,
            books: self
                .frame
                .cycle
                .parts()
                .map(|(book, _)| book.clone())
                .collect(),
            since: first.map_or(self.frame.cycle.opened_at, |at| {
                at.min(self.frame.cycle.opened_at)
            }),
            counts: verdicts
                .iter()
                .map(|verdict| (verdict.account.clone(), cut::count_of(view, verdict)))
                .collect(),
        });
    }

    /// The view and own counts of a cycle in which nothing was decided.
    fn bare(&self) -> (View, Vec<Verdict>) {
        let at = self
            .frame
            .cycle
            .closed_at
            .unwrap_or(self.frame.cycle.opened_at);
        let view = self.view(at, &BTreeMap::new());
        let verdicts = moment::verdicts(&view, &Answer::None, false);
        (view, verdicts)
    }

    fn view(&self, at: VenueTime, shown: &BTreeMap<AccountName, u32>) -> View {
        moment::view_at(self.frame, at, shown, self.look.now)
    }

    /// Decides every moment that is due, in their order. Returns the newest decided one, and whether
    /// a later one must wait.
    fn decide_all(
        &mut self,
        moments: &[Moment],
        decided: &BTreeMap<VenueTime, LatestDecision>,
        seen: &mut Seen,
    ) -> (Option<(View, Vec<Verdict>)>, bool) {
        let mut shown: BTreeMap<AccountName, u32> = BTreeMap::new();
        let mut strategy_before: Option<StrategyKey> = None;
        let mut last = None;
        let mut decided_before: Option<(VenueTime, &LatestDecision)> = None;
        let newest = moments.last().map(|moment| moment.at);
        for moment in moments {
            let hash = moment::fingerprint(self.frame, moment.at);
            let before = decided.get(&moment.at);
            let strategy_now = self.strategy_key();
            let is_newest = Some(moment.at) == newest;
            let is_other = before.is_some_and(|before| StrategyKey::of(before) != strategy_now);
            let recount = self.frame.cycle.closed_at.is_none()
                && is_newest
                && (is_other || before.is_some_and(|before| self.can_be_asked_again(before)));
            if let Some(before) =
                before.filter(|before| before.facts_hash == hash && !recount && !is_newest)
            {
                // Decided from the same facts: only what it showed is needed for what follows.
                strategy_before = Some(StrategyKey::of(before));
                for row in &before.shown {
                    shown.insert(row.account.clone(), row.count);
                }
                decided_before = Some((moment.at, before));
                continue;
            }
            let view = match before.filter(|_| recount) {
                // What was shown at this very moment counts as shown: if it falls, the note says why.
                Some(before) => {
                    let of_before = before
                        .shown
                        .iter()
                        .map(|shown| (shown.account.clone(), shown.count));
                    self.view(
                        moment.at,
                        &shown.clone().into_iter().chain(of_before).collect(),
                    )
                }
                None => self.view(moment.at, &shown),
            };
            let known = before.filter(|before| before.facts_hash == hash && !recount);
            let verdicts = if let Some(before) = known {
                strategy_before = Some(StrategyKey::of(before));
                from_stored(&view, before)
            } else {
                match moment::readiness(
                    self.rules(),
                    &self.stored.facts,
                    self.frame.cycle,
                    moment,
                    self.look.now,
                ) {
                    Readiness::Waiting { until, missing } if before.is_none() => {
                        self.defer(moment, until, missing, seen);
                        let newest_decided = decided_before.map(|(at, before)| {
                            let view = self.view(at, &shown);
                            let verdicts = from_stored(&view, before);
                            (view, verdicts)
                        });
                        return (newest_decided.or(last), true);
                    }
                    _ => {}
                }
                let strategy_changed = is_other && recount
                    || strategy_before
                        .as_ref()
                        .is_some_and(|before| *before != strategy_now);
                let is_same_fact = before.is_some_and(|before| before.facts_hash == hash);
                let verdicts = self.decide(moment, &view, hash, before, strategy_changed, seen);
                // A recount tells nothing twice: the next alert follows it.
                if !(recount && is_same_fact) {
                    self.cuts
                        .extend(cut::fills(self.frame, moment, &view, &verdicts));
                }
                strategy_before = Some(strategy_now);
                verdicts
            };
            for verdict in &verdicts {
                shown.insert(verdict.account.clone(), verdict.shown);
            }
            decided_before = None;
            last = Some((view, verdicts));
        }
        (last, false)
    }

    fn defer(&self, moment: &Moment, until: HostTime, missing: Vec<AccountName>, seen: &mut Seen) {
        seen.is_waiting = true;
        again(seen, until);
        seen.told.push(Told::Deferred {
            cycle: self.frame.number,
            at: moment.at,
            until,
            missing,
        });
    }

    /// Whether a strategy that gave no answer can be asked again: it was set aside or loaded since.
    /// Otherwise the same question would get the same answer (law 4).
    fn can_be_asked_again(&self, before: &LatestDecision) -> bool {
        before.outcome == DecisionOutcome::Fallback
            && self.ability().is_some_and(
                |ability| matches!(ability, Ability::Able { since } if before.decided_at < since),
            )
    }

    /// A trade that shows own counts for want of an answer is looked at again (law 8 ends with its
    /// cause).
    fn await_strategy(&self, verdicts: &[Verdict], seen: &mut Seen) {
        let is_unanswered = verdicts.iter().any(|verdict| !verdict.synchronised);
        let Some(ability) = self.ability().filter(|_| is_unanswered) else {
            return;
        };
        if self.frame.cycle.closed_at.is_none() {
            seen.is_waiting = true;
            if let Ability::Aside { until } = ability {
                again(seen, until);
            }
        }
    }

    fn ability(&self) -> Option<Ability> {
        let name = self.look.group.strategy.as_ref()?;
        Some(self.look.plugins.ability(name, self.look.now))
    }

    fn strategy_key(&self) -> StrategyKey {
        let used = self
            .look
            .group
            .strategy
            .as_ref()
            .and_then(|name| self.look.plugins.used(name));
        StrategyKey {
            name: self
                .look
                .group
                .strategy
                .as_ref()
                .map_or_else(|| "none".to_owned(), ToString::to_string),
            sha256: used.as_ref().map(|used| used.sha256.clone()),
            settings_sha256: used.map(|used| used.settings_sha256.clone()),
        }
    }

    fn decide(
        &self,
        moment: &Moment,
        view: &View,
        facts_hash: String,
        before: Option<&LatestDecision>,
        strategy_changed: bool,
        seen: &mut Seen,
    ) -> Vec<Verdict> {
        let asked = self.ask(view, seen);
        let mut strategy = self.strategy_key();
        if let Some(by) = &asked.by {
            strategy.sha256 = Some(by.sha256.clone());
            strategy.settings_sha256 = Some(by.settings_sha256.clone());
            self.remember_plugin(by, seen);
        }
        let verdicts = moment::verdicts(view, &asked.answer, strategy_changed);
        seen.rows.decisions.push(DecisionRow {
            symbol: self.look.symbol.clone(),
            side: self.frame.cycle.side,
            cycle: self.frame.number,
            moment: moment.at,
            revision: before.map_or(0, |before| before.revision.saturating_add(1)),
            facts_hash,
            view_hash: view.hash(),
            view_json: serde_json::to_string(view).unwrap_or_default(),
            plugin: strategy.name,
            plugin_sha256: strategy.sha256,
            settings_sha256: strategy.settings_sha256,
            outcome: match &asked.answer {
                Answer::Shown(_) => DecisionOutcome::Answered,
                Answer::Failed(_) => DecisionOutcome::Fallback,
                Answer::None => DecisionOutcome::None,
            },
            error: match &asked.answer {
                Answer::Failed(why) => Some(why.clone()),
                _ => None,
            },
            answer: verdicts
                .iter()
                .map(|verdict| Shown {
                    account: verdict.account.clone(),
                    count: verdict.shown,
                    note: verdict.note.clone(),
                })
                .collect(),
            fuel: asked.fuel,
            took_us: asked.took_us,
            decided_at: self.look.now,
        });
        let roles = |account: &AccountName| {
            self.rules()
                .member(account)
                .map_or(Role::Observer, |member| member.role)
        };
        seen.told.push(Told::Decided {
            cycle: self.frame.number,
            verdicts: verdicts
                .iter()
                .map(|verdict| {
                    (
                        verdict.account.clone(),
                        roles(&verdict.account),
                        verdict.detected,
                        verdict.shown,
                    )
                })
                .collect(),
        });
        verdicts
    }

    /// Keeps what the decision's hashes stand for, so that it can be made again.
    fn remember_plugin(&self, by: &Used, seen: &mut Seen) {
        let plugin = PluginUsedRow {
            plugin_sha256: by.sha256.clone(),
            settings_sha256: by.settings_sha256.clone(),
            own_name: by.own_name.to_string(),
            version: by.version.clone(),
            settings_json: by.settings_json.clone(),
        };
        if !seen.rows.plugins.contains(&plugin) {
            seen.rows.plugins.push(plugin);
        }
    }

    fn ask(&self, view: &View, seen: &mut Seen) -> Asked {
        let Some(name) = self.look.group.strategy.as_ref() else {
            return Asked::default();
        };
        match self.look.plugins.decide(name, view, self.look.now) {
            Ok(answered) => Asked {
                answer: Answer::Shown(answered.answer),
                fuel: Some(answered.report.fuel),
                took_us: u64::try_from(answered.report.took.as_micros()).ok(),
                by: Some(answered.used),
            },
            Err(failure) => {
                let asked = Asked {
                    answer: Answer::Failed(failed_note(name, &failure)),
                    by: failure.used.clone(),
                    ..Asked::default()
                };
                seen.failures.push(failure);
                asked
            }
        }
    }

    fn count(
        &self,
        moments: &[Moment],
        differences: &[Difference],
        last: Option<&(View, Vec<Verdict>)>,
        seen: &mut Seen,
    ) -> Result<(), LedgerError> {
        let stored = self.reader.cycle_counts(
            &self.rules().name,
            self.look.symbol,
            self.frame.cycle.side,
            self.frame.number,
        )?;
        let bare;
        let (view, verdicts) = match last {
            Some(last) => last,
            // Nothing counts, but something did: it was taken back.
            None if moments.is_empty() && !stored.is_empty() => {
                bare = self.bare();
                &bare
            }
            None => return Ok(()),
        };
        for verdict in verdicts {
            let truth = differences
                .iter()
                .filter(|difference| difference.account == verdict.account)
                .map(|difference| difference.truth)
                .fold(Truth::Unfilled, Truth::worse);
            let count = cut::count_of(view, verdict);
            let row = CountRow {
                symbol: self.look.symbol.clone(),
                side: self.frame.cycle.side,
                cycle: self.frame.number,
                account: verdict.account.clone(),
                detected: count.detected,
                shown: count.shown,
                synchronised: count.synchronised,
                note: count.note,
                at_least: count.at_least,
                total: count.total,
                truth,
                moment: view.as_of,
                last_fill_sync: self.look.now,
            };
            let same = stored.iter().any(|have| {
                let mut have = have.clone();
                have.last_fill_sync = row.last_fill_sync;
                have == row
            });
            if !same {
                seen.rows.counts.push(row);
            }
        }
        Ok(())
    }

    fn remember(
        &self,
        moments: &[Moment],
        differences: &[Difference],
        is_deferred: bool,
        seen: &mut Seen,
    ) {
        let unsettled = |difference: &Difference| match difference.truth {
            Truth::Pending => true,
            truth => truth.is_diverged() && truth != Truth::Extra && !difference.is_confirmed,
        };
        // Observers are watched; they hold nothing up.
        let counts = |difference: &&Difference| {
            self.rules()
                .member(&difference.account)
                .is_some_and(|member| member.role != Role::Observer)
        };
        let of_members: Vec<&Difference> = differences.iter().filter(counts).collect();
        let unread = of_members
            .iter()
            .filter(|difference| difference.doubt == Some(truth::Doubt::ClosedUnread));
        seen.closed_wanted
            .extend(unread.map(|difference| difference.account.clone()));
        let is_open_question = of_members.iter().any(|difference| unsettled(difference));
        let is_diverged = of_members
            .iter()
            .any(|difference| difference.truth.is_diverged());
        let is_unknown = of_members
            .iter()
            .any(|difference| difference.truth == Truth::Unknown);
        if is_open_question {
            seen.is_waiting = true;
            for moment in moments {
                let until = moment.seen_at.plus(self.rules().deadline);
                if until > self.look.now {
                    again(seen, until);
                }
            }
        }
        let row = GroupCycleRow {
            symbol: self.look.symbol.clone(),
            side: self.frame.cycle.side,
            ordinal: self.frame.number,
            opened_at: self.frame.cycle.opened_at,
            closed_at: self.frame.cycle.closed_at,
            settled: self.frame.cycle.closed_at.is_some() && !is_deferred && !is_open_question,
            members: self
                .frame
                .cycle
                .parts()
                .map(|(book, ordinal)| (book.clone(), ordinal))
                .collect(),
        };
        if row.settled {
            self.end_divergences(seen);
        } else if is_diverged || is_unknown {
            seen.is_waiting = true;
        }
        let same = self.stored.cycles.iter().any(|have| {
            let mut have = have.cycle.clone();
            have.members.sort();
            let mut row = row.clone();
            row.members.sort();
            have == row
        });
        if !same {
            seen.rows.cycles.push(row);
        }
    }
}

fn from_stored(view: &View, decision: &LatestDecision) -> Vec<Verdict> {
    view.members
        .iter()
        .map(|member| {
            let stored = decision
                .shown
                .iter()
                .find(|shown| shown.account == member.account);
            Verdict {
                account: member.account.clone(),
                detected: member.detected,
                shown: stored.map_or(member.detected, |shown| shown.count),
                synchronised: decision.outcome != DecisionOutcome::Fallback,
                note: stored.and_then(|shown| shown.note.clone()),
            }
        })
        .collect()
}
