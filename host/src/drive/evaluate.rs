//! One look at one group and symbol: facts in, decisions and alerts out.
//!
//! Reads what the ledger has, lets the core join, match, compare and cut, asks the strategy where a
//! moment is due, and returns the rows to commit. It writes nothing, so a look can be repeated: what
//! was decided from the same facts is found by its fingerprint, and alerts that exist are left out.

use crate::policy::{GroupPolicy, Policy};
use fillsync_core::alert::{Alert, AlertBody, CorrectionAlert, Count, Severity};
use fillsync_core::cut::{self, Cut, Difference};
use fillsync_core::execution::ExecutionClass;
use fillsync_core::group::{BookFacts, FillFact, GroupFacts, GroupRules, Knowledge, OrderFact};
use fillsync_core::id::{AccountName, Market, PluginName, Symbol};
use fillsync_core::join::{GroupCycle, join};
use fillsync_core::moment::{self, Answer, Frame, Moment, Readiness, Verdict};
use fillsync_core::order::{OrderKind, PositionSide};
use fillsync_core::time::{HostTime, VenueTime};
use fillsync_core::truth::Truth;
use fillsync_core::view::{Role, Shown, View};
use fillsync_ledger::{
    AlertRow, CountRow, DecisionOutcome, DecisionRow, Decisions, DivergenceRow, GroupCycleRow,
    LatestDecision, LedgerError, Reader, StoredDivergence, StoredGroupCycle,
};
use fillsync_plugin_host::{Registry, Unanswered};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Orders that ended so long before a cycle opened are no part of its plan.
const PLAN_SPAN: Duration = Duration::from_secs(24 * 3600);

/// What a look needs to know.
pub struct Look<'a> {
    /// The group.
    pub group: &'a GroupPolicy,
    /// All routes.
    pub policy: &'a Policy,
    /// The symbol, in the group's spelling.
    pub symbol: &'a Symbol,
    /// The members' markets of this symbol.
    pub markets: &'a [Market],
    /// The earliest venue time at which a fact changed since the last look; none when none did.
    pub changed_from: Option<VenueTime>,
    /// The plugins.
    pub plugins: &'a Registry,
    /// Now.
    pub now: HostTime,
}

/// What a look found.
#[derive(Debug, Default)]
pub struct Seen {
    /// Rows to commit.
    pub rows: Rows,
    /// Alerts that are too old to be sent one by one.
    pub old: Vec<Alert>,
    /// When to look again at the latest, if nothing else happens.
    pub look_again_at: Option<HostTime>,
    /// Whether something is open that the passing of coverage may settle.
    pub is_waiting: bool,
    /// Decisions, for the log.
    pub told: Vec<Told>,
    /// Plugin failures, for the log and the operator.
    pub failures: Vec<Unanswered>,
}

/// The rows of [`Decisions`] for one symbol.
#[derive(Debug, Default)]
pub struct Rows {
    /// Group cycles.
    pub cycles: Vec<GroupCycleRow>,
    /// Decisions.
    pub decisions: Vec<DecisionRow>,
    /// Counts.
    pub counts: Vec<CountRow>,
    /// Divergences.
    pub divergences: Vec<DivergenceRow>,
    /// Alerts.
    pub alerts: Vec<AlertRow>,
}

impl Rows {
    /// Adds them to what will be committed.
    pub fn into_decisions(self, decisions: &mut Decisions) {
        decisions.cycles.extend(self.cycles);
        decisions.decisions.extend(self.decisions);
        decisions.counts.extend(self.counts);
        decisions.divergences.extend(self.divergences);
        decisions.alerts.extend(self.alerts);
    }
}

/// Something for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// A moment was decided.
    Decided {
        /// The cycle's number.
        cycle: u64,
        /// What is shown.
        verdicts: Vec<(AccountName, Role, u32, u32)>,
    },
    /// A moment waits.
    Deferred {
        /// The cycle's number.
        cycle: u64,
        /// The moment.
        at: VenueTime,
        /// Until when at the latest.
        until: HostTime,
        /// Whose facts are missing.
        missing: Vec<AccountName>,
    },
    /// Accounts differ.
    Diverged {
        /// The slot.
        slot: u32,
        /// The account.
        account: AccountName,
        /// What is true of it.
        truth: Truth,
    },
    /// They agree again.
    Resolved {
        /// The slot.
        slot: u32,
        /// The account.
        account: AccountName,
    },
}

struct Stored {
    cycles: Vec<StoredGroupCycle>,
    divergences: Vec<StoredDivergence>,
    facts: GroupFacts,
}

/// Looks at one symbol of one group.
///
/// # Errors
/// When the ledger cannot be read.
pub fn look(look: &Look<'_>, reader: &Reader) -> Result<Seen, LedgerError> {
    let stored = read(look, reader)?;
    let mut seen = Seen::default();
    for side in [PositionSide::Long, PositionSide::Short] {
        let joined = join(&look.group.rules, &stored.facts, side);
        if joined.is_empty() {
            continue;
        }
        let numbers = number(look, reader, &stored, side, &joined)?;
        for (cycle, ordinal) in joined.iter().zip(numbers) {
            let frame = Frame {
                rules: &look.group.rules,
                facts: &stored.facts,
                cycle,
                symbol: look.symbol,
                number: ordinal,
            };
            CycleLook {
                look,
                reader,
                stored: &stored,
                frame,
                cuts: Vec::new(),
            }
            .run(&mut seen)?;
        }
    }
    Ok(seen)
}

fn read(look: &Look<'_>, reader: &Reader) -> Result<Stored, LedgerError> {
    let rules = &look.group.rules;
    let horizon = look.changed_from.unwrap_or(VenueTime::from_us(i64::MAX));
    let live = reader.group_cycles_since(&rules.name, look.symbol, horizon)?;
    let reopened = |cycle: &GroupCycleRow| {
        !cycle.settled || cycle.closed_at.is_none_or(|closed| closed >= horizon)
    };
    let since = live
        .iter()
        .filter(|stored| reopened(&stored.cycle))
        .map(|stored| stored.cycle.opened_at)
        .min()
        .unwrap_or(horizon)
        .min(horizon)
        .minus(PLAN_SPAN);
    let settled: BTreeSet<_> = reader
        .group_cycles_since(&rules.name, look.symbol, since)?
        .iter()
        .filter(|stored| !reopened(&stored.cycle))
        .flat_map(|stored| stored.cycle.members.iter().cloned())
        .collect();
    let books = reader
        .books(look.markets, since)?
        .into_iter()
        .map(book_facts)
        .collect();
    let mut knowledge = BTreeMap::new();
    for member in &rules.members {
        let coverage = reader.coverage(&member.account)?;
        let mut known = Knowledge {
            orders_checked: reader.orders_checked(&member.account)?,
            ..Knowledge::default()
        };
        for (category, windows) in coverage {
            if let Some(newest) = windows.newest() {
                known.coverage.insert(category, newest);
            }
        }
        knowledge.insert(member.account.clone(), known);
    }
    let divergences = reader
        .divergences(true)?
        .into_iter()
        .filter(|stored| stored.group == rules.name && &stored.divergence.symbol == look.symbol)
        .collect();
    Ok(Stored {
        cycles: live
            .into_iter()
            .filter(|stored| reopened(&stored.cycle))
            .collect(),
        divergences,
        facts: GroupFacts {
            books,
            knowledge,
            settled,
        },
    })
}

fn book_facts(book: fillsync_ledger::BookFacts) -> BookFacts {
    BookFacts {
        book: book.book,
        cycles: book.cycles,
        orders: book
            .orders
            .into_iter()
            .map(|known| OrderFact {
                order: known.order,
                gone: known.gone,
                checked_at: Some(known.checked_at),
            })
            .collect(),
        fills: book
            .fills
            .into_iter()
            .map(|fill| FillFact {
                realised: fill.allocation.exit.and_then(|exit| exit.realised),
                is_limit: match (&fill.order_kind, &fill.class) {
                    (OrderKind::Limit, _) => Some(true),
                    (OrderKind::Market, _) => Some(false),
                    (_, ExecutionClass::OrderFill) => None,
                    _ => Some(false),
                },
                order_id: fill.order_id,
                client_order_id: fill.client_order_id,
                execution_id: fill.execution_id,
                class: fill.class,
                side: fill.side,
                quantity: fill.quantity,
                price: fill.price,
                leaves_quantity: fill.leaves_quantity,
                stop: fill.stop,
                executed_at: fill.executed_at,
                sequence: fill.sequence,
                allocation: fill.allocation,
                seen_at: fill.seen_at,
            })
            .collect(),
    }
}

/// Each joined cycle's number: that of the stored cycle with which it shares a part, else a new one.
fn number(
    look: &Look<'_>,
    reader: &Reader,
    stored: &Stored,
    side: PositionSide,
    joined: &[GroupCycle],
) -> Result<Vec<u64>, LedgerError> {
    let mut next = reader
        .last_group_ordinal(&look.group.rules.name, look.symbol, side)?
        .saturating_add(1);
    let mut free: Vec<&StoredGroupCycle> = stored
        .cycles
        .iter()
        .filter(|stored| stored.cycle.side == side)
        .collect();
    Ok(joined
        .iter()
        .map(|cycle| {
            let parts: BTreeSet<_> = cycle.parts().collect();
            let shared = |stored: &StoredGroupCycle| {
                stored
                    .cycle
                    .members
                    .iter()
                    .filter(|(book, ordinal)| parts.contains(&(book, *ordinal)))
                    .count()
            };
            let best = free
                .iter()
                .enumerate()
                .map(|(index, stored)| (shared(stored), std::cmp::Reverse(index)))
                .filter(|(shared, _)| *shared > 0)
                .max();
            match best {
                Some((_, std::cmp::Reverse(index))) => free.remove(index).cycle.ordinal,
                None => {
                    let ordinal = next;
                    next = next.saturating_add(1);
                    ordinal
                }
            }
        })
        .collect())
}

struct CycleLook<'a> {
    look: &'a Look<'a>,
    reader: &'a Reader,
    stored: &'a Stored,
    frame: Frame<'a>,
    cuts: Vec<Cut>,
}

impl CycleLook<'_> {
    fn rules(&self) -> &GroupRules {
        &self.look.group.rules
    }

    fn run(mut self, seen: &mut Seen) -> Result<(), LedgerError> {
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
        self.count(&differences, last.as_ref(), seen)?;
        self.remember(&moments, &differences, is_deferred, seen);
        self.route(seen)
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
        let newest = moments.last().map(|moment| moment.at);
        for moment in moments {
            let view = self.view(moment.at, &shown);
            let hash = moment::fingerprint(self.frame.cycle, &view);
            let before = decided.get(&moment.at);
            let strategy_now = self.strategy_key();
            let recount = self.frame.cycle.closed_at.is_none()
                && Some(moment.at) == newest
                && before.is_some_and(|before| StrategyKey::of(before) != strategy_now);
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
                None => view,
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
                        return (last, true);
                    }
                    _ => {}
                }
                let strategy_changed = recount
                    || strategy_before
                        .as_ref()
                        .is_some_and(|before| *before != strategy_now);
                let is_same_fact = before.is_some_and(|before| before.facts_hash == hash);
                let verdicts =
                    self.decide(moment, &view, hash, before, strategy_changed, seen);
                // A recount after a change of strategy tells nothing twice: the next alert follows it.
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
        let strategy = self.strategy_key();
        let asked = self.ask(view, seen);
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

    fn ask(&self, view: &View, seen: &mut Seen) -> Asked {
        let Some(name) = self.look.group.strategy.as_ref() else {
            return Asked::default();
        };
        match self.look.plugins.decide(name, view, self.look.now) {
            Ok(answered) => Asked {
                answer: Answer::Shown(answered.answer),
                fuel: Some(answered.report.fuel),
                took_us: u64::try_from(answered.report.took.as_micros()).ok(),
            },
            Err(failure) => {
                let asked = Asked {
                    answer: Answer::Failed(failed_note(name, &failure)),
                    ..Asked::default()
                };
                seen.failures.push(failure);
                asked
            }
        }
    }

    fn diverge(
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
                row.slot_key == difference.slot_key && row.account == difference.account
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

    fn divergence_row(&self, difference: &Difference) -> DivergenceRow {
        let first_at = self
            .frame
            .cycle
            .slots
            .iter()
            .find(|slot| slot.key == difference.slot_key)
            .and_then(|slot| moment::first_counted(self.rules(), self.frame.cycle, slot))
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

    fn count(
        &self,
        differences: &[Difference],
        last: Option<&(View, Vec<Verdict>)>,
        seen: &mut Seen,
    ) -> Result<(), LedgerError> {
        let Some((view, verdicts)) = last else {
            return Ok(());
        };
        let stored = self.reader.cycle_counts(
            &self.rules().name,
            self.look.symbol,
            self.frame.cycle.side,
            self.frame.number,
        )?;
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
        let is_open_question = differences.iter().any(unsettled);
        let is_diverged = differences
            .iter()
            .any(|difference| difference.truth.is_diverged());
        let is_unknown = differences
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

    /// What still differs when a trade is over stays on record, but is no open question any more.
    fn end_divergences(&self, seen: &mut Seen) {
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

    /// Leaves out what exists, revises what changed, and says where the rest goes.
    fn route(self, seen: &mut Seen) -> Result<(), LedgerError> {
        let identities: Vec<String> = self
            .cuts
            .iter()
            .map(|cut| cut.alert.identity.clone())
            .collect();
        let known = self.reader.latest_alerts(&identities)?;
        for mut cut in self.cuts {
            match known.get(&cut.alert.identity) {
                None => {
                    // Both clocks agree to within seconds; the bound is minutes.
                    let age = self.look.now.since(HostTime::from_us(cut.alert.at.us()));
                    let suppressed = age > self.look.group.rules.alert_max_age;
                    if suppressed {
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
                    if *was_suppressed || !says_something_else(before, &cut.alert) {
                        continue;
                    }
                    cut.alert.revision = before.revision.saturating_add(1);
                    revise(self.look.policy, before, cut.alert, seen);
                }
            }
        }
        Ok(())
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

fn again(seen: &mut Seen, at: HostTime) {
    seen.look_again_at = Some(seen.look_again_at.map_or(at, |have| have.min(at)));
}

#[derive(Debug)]
struct Asked {
    answer: Answer,
    fuel: Option<u64>,
    took_us: Option<u64>,
}

impl Default for Asked {
    fn default() -> Self {
        Self {
            answer: Answer::None,
            fuel: None,
            took_us: None,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct StrategyKey {
    name: String,
    sha256: Option<String>,
    settings_sha256: Option<String>,
}

impl StrategyKey {
    fn of(decision: &LatestDecision) -> Self {
        Self {
            name: decision.plugin.clone(),
            sha256: decision.plugin_sha256.clone(),
            settings_sha256: decision.settings_sha256.clone(),
        }
    }
}

fn failed_note(name: &PluginName, failure: &Unanswered) -> String {
    format!("strategy {name} gave no answer ({})", failure.error)
        .chars()
        .take(fillsync_core::view::NOTE_CHARACTERS_MAX)
        .collect()
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
