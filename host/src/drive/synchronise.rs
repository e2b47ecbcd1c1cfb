//! The synchroniser: looks at every group whose facts changed, and commits what it finds.
//!
//! It runs on a thread of its own, with its own reader, because a look is a chain of small reads and
//! plugin calls that must not wait for a runtime. All symbols of a group go into one commit with the
//! marks that they answer, so a crash leaves a mark or its decision, never neither. Old events of one
//! look become one digest (law 12).

use crate::drive::digest;
use crate::drive::evaluate::{self, Look, Readings, Seen, Told};
use crate::drive::wake::Wake;
use crate::policy::{GroupPolicy, Policy};
use crate::telemetry::Voice;
use fillsync_core::alert::{Alert, Severity};
use fillsync_core::id::{AccountName, GroupName, Market, Symbol};
use fillsync_core::port::Clock;
use fillsync_core::time::{HostTime, VenueTime};
use fillsync_core::view::Role;
use fillsync_ledger::{AlertRow, Decisions, Ledger, LedgerError, Mark, Reader};
use fillsync_plugin_host::{Registry, Turn};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Without any hint, a look is taken so often.
const IDLE: Duration = Duration::from_secs(5);
/// After a round in which the ledger took or gave nothing.
const AFTER_FAILURE: Duration = Duration::from_millis(500);

/// The synchroniser.
pub struct Synchroniser {
    /// The ledger.
    pub ledger: Ledger,
    /// The plugins.
    pub plugins: Arc<Registry>,
    /// What the configuration asks for.
    pub policy: watch::Receiver<Arc<Policy>>,
    /// The host's clock.
    pub clock: Arc<dyn Clock>,
    /// The hints.
    pub wake: Arc<Wake>,
    /// How events are told.
    pub voice: Arc<Voice>,
}

/// What must be looked at, and what was said already.
#[derive(Default)]
struct Agenda {
    /// Where something is open, and when to look again at the latest.
    waiting: BTreeMap<(GroupName, Symbol), Option<HostTime>>,
    /// Moments of which it was said that they wait.
    deferred: BTreeSet<(GroupName, Symbol, u64, VenueTime)>,
    /// The policy that was looked at last.
    policy: Option<Arc<Policy>>,
    /// When orders were read, over the last looks.
    readings: Readings,
}

impl Agenda {
    /// What is open of a group.
    fn symbols_of(&self, group: &GroupName) -> BTreeMap<Symbol, Option<VenueTime>> {
        self.waiting
            .keys()
            .filter(|(of, _)| of == group)
            .map(|(_, symbol)| (symbol.clone(), None))
            .collect()
    }
}

impl Synchroniser {
    /// Works until told to stop. To be run on a thread of its own inside a runtime's handle.
    ///
    /// # Errors
    /// When the ledger takes no more: the daemon must be restarted.
    pub fn run(mut self, mut stop: watch::Receiver<bool>) -> Result<(), LedgerError> {
        let runtime = tokio::runtime::Handle::current();
        let reader = Reader::open(self.ledger.path())?;
        let mut agenda = Agenda::default();
        loop {
            if *stop.borrow() {
                return Ok(());
            }
            self.wake.beat();
            let outcome = runtime.block_on(self.round(&reader, &mut agenda));
            let rest = match outcome {
                Ok(()) => Duration::from_millis(1),
                // What was looked at was not committed: everything that is open is looked at again.
                Err(error) if error.is_passing() => {
                    self.voice.ledger_waits(&error);
                    agenda.policy = None;
                    AFTER_FAILURE
                }
                Err(LedgerError::Rejected { what }) => {
                    runtime.block_on(self.voice.request_refused("decisions", &what));
                    agenda.policy = None;
                    AFTER_FAILURE
                }
                Err(error) => return Err(error),
            };
            let now = self.clock.now();
            let wait = agenda
                .waiting
                .values()
                .flatten()
                .map(|at| at.since(now))
                .min()
                .unwrap_or(IDLE)
                .clamp(rest, IDLE);
            runtime.block_on(async {
                tokio::select! {
                    biased;
                    _ = stop.wait_for(|stop| *stop) => {}
                    () = self.wake.facts.notified() => {}
                    _ = self.policy.changed() => {}
                    () = tokio::time::sleep(wait) => {}
                }
            });
        }
    }

    async fn round(&mut self, reader: &Reader, agenda: &mut Agenda) -> Result<(), LedgerError> {
        let policy = Arc::clone(&self.policy.borrow_and_update());
        let is_new_policy = agenda
            .policy
            .as_ref()
            .is_none_or(|before| !Arc::ptr_eq(before, &policy));
        if is_new_policy {
            agenda.waiting.clear();
            for group in &policy.groups {
                let open = match reader.group_cycles(&group.rules.name, None, true) {
                    Err(LedgerError::Rejected { what }) => {
                        let about = format!("group {}", group.rules.name);
                        self.voice.request_refused(&about, &what).await;
                        continue;
                    }
                    open => open?,
                };
                for stored in open {
                    agenda
                        .waiting
                        .insert((group.rules.name.clone(), stored.cycle.symbol), None);
                }
            }
            agenda.policy = Some(Arc::clone(&policy));
        }
        // Asked once, so that a group that gets ready meanwhile loses no mark.
        let ready: BTreeSet<GroupName> = policy
            .groups
            .iter()
            .filter(|group| self.is_ready(group))
            .map(|group| group.rules.name.clone())
            .collect();
        let (marks, marks_to) = reader.marks()?;
        let mut done_with: Vec<Market> = Vec::new();
        let mut changed: BTreeMap<GroupName, BTreeMap<Symbol, VenueTime>> = BTreeMap::new();
        for mark in &marks {
            let is_ready = spread(mark, &policy, &ready, &mut changed);
            if is_ready {
                done_with.push(mark.market.clone());
            }
        }
        let mut is_committed = false;
        let mut refused: BTreeSet<(GroupName, Symbol)> = BTreeSet::new();
        for group in &policy.groups {
            if !ready.contains(&group.rules.name) {
                continue;
            }
            let own = changed.remove(&group.rules.name).unwrap_or_default();
            let owns_marks = done_with.iter().all(|market| {
                policy
                    .groups
                    .iter()
                    .filter(|other| other.rules.member(&market.account).is_some())
                    .all(|other| other.rules.name == group.rules.name)
            });
            let finish = (owns_marks && !own.is_empty()).then_some((&done_with, marks_to));
            let looked = self
                .group(reader, &policy, group, own.clone(), finish, agenda)
                .await;
            match looked {
                Ok(is_written) => is_committed |= is_written && finish.is_some(),
                Err(LedgerError::Rejected { .. }) => {
                    let symbols = self.apart(reader, &policy, group, own, agenda).await?;
                    let name = &group.rules.name;
                    refused.extend(symbols.into_iter().map(|symbol| (name.clone(), symbol)));
                }
                Err(error) => return Err(error),
            }
        }
        // What could not be decided keeps its marks; the marks of everything else are answered.
        done_with.retain(|market| {
            policy.groups_of(&market.account).all(|group| {
                let symbol = group.rules.symbol_of(market);
                symbol.is_none_or(|symbol| !refused.contains(&(group.rules.name.clone(), symbol)))
            })
        });
        if !done_with.is_empty()
            && !is_committed
            && let Some(group) = policy.groups.first()
        {
            let mut decisions = Decisions::new(group.rules.name.clone(), self.clock.now());
            decisions.markets = done_with;
            decisions.marks_to = marks_to;
            self.ledger.commit(decisions).await?;
        }
        Ok(())
    }

    fn is_ready(&self, group: &GroupPolicy) -> bool {
        let now = self.clock.now();
        group
            .rules
            .members
            .iter()
            .filter(|member| member.role != Role::Observer)
            .all(|member| {
                self.wake
                    .is_ready(&member.account, group.rules.deadline, now)
            })
    }

    /// Looks at the symbols of a group one by one, because what the ledger refuses of one keeps no other
    /// from being decided (law 14). Gives those that could not be.
    async fn apart(
        &self,
        reader: &Reader,
        policy: &Policy,
        group: &GroupPolicy,
        changed: BTreeMap<Symbol, VenueTime>,
        agenda: &mut Agenda,
    ) -> Result<Vec<Symbol>, LedgerError> {
        let name = &group.rules.name;
        let mut refused = Vec::new();
        let mut symbols = agenda.symbols_of(name);
        symbols.extend(
            changed
                .into_iter()
                .map(|(symbol, from)| (symbol, Some(from))),
        );
        for (symbol, from) in symbols {
            let one = BTreeMap::from([(symbol.clone(), from)]);
            match self.look_at(reader, policy, group, one, None, agenda).await {
                Ok(_) => {}
                Err(LedgerError::Rejected { what }) => {
                    let about = format!("group {name}, {symbol}");
                    self.voice.request_refused(&about, &what).await;
                    refused.push(symbol);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(refused)
    }

    /// Looks at one group's symbols. True when something was committed.
    async fn group(
        &self,
        reader: &Reader,
        policy: &Policy,
        group: &GroupPolicy,
        changed: BTreeMap<Symbol, VenueTime>,
        finish: Option<(&Vec<Market>, i64)>,
        agenda: &mut Agenda,
    ) -> Result<bool, LedgerError> {
        let mut symbols = agenda.symbols_of(&group.rules.name);
        symbols.extend(
            changed
                .into_iter()
                .map(|(symbol, from)| (symbol, Some(from))),
        );
        self.look_at(reader, policy, group, symbols, finish, agenda)
            .await
    }

    /// Looks at these symbols and commits what it finds. True when something was committed.
    async fn look_at(
        &self,
        reader: &Reader,
        policy: &Policy,
        group: &GroupPolicy,
        symbols: BTreeMap<Symbol, Option<VenueTime>>,
        finish: Option<(&Vec<Market>, i64)>,
        agenda: &mut Agenda,
    ) -> Result<bool, LedgerError> {
        let name = &group.rules.name;
        if symbols.is_empty() {
            return Ok(false);
        }
        let markets = markets_of(group, reader)?;
        let now = self.clock.now();
        let mut decisions = Decisions::new(name.clone(), now);
        let mut old = Vec::new();
        let mut looks = Vec::new();
        let mut waits = Vec::new();
        for (symbol, changed_from) in symbols {
            let none = Vec::new();
            let seen = reader.at_one_moment(|reader| {
                evaluate::look(
                    &Look {
                        group,
                        policy,
                        symbol: &symbol,
                        markets: markets.get(&symbol).unwrap_or(&none),
                        changed_from,
                        plugins: &self.plugins,
                        readings: &agenda.readings,
                        now,
                    },
                    reader,
                )
            })?;
            let Seen {
                rows,
                old: old_here,
                look_again_at,
                is_waiting,
                closed_wanted,
                told,
                failures,
                standing: _,
                doubts: _,
            } = seen;
            for account in &closed_wanted {
                self.wake.wants_closed(account);
            }
            rows.into_decisions(&mut decisions);
            old.extend(old_here);
            let again = (is_waiting || look_again_at.is_some()).then_some(look_again_at);
            waits.push(((name.clone(), symbol.clone()), again));
            looks.push((symbol, told, failures));
        }
        if let Some(digest) = digest_of(group, &old) {
            let channels = policy.channels_for(&digest);
            decisions.alerts.push(AlertRow {
                alert: digest,
                channels,
                suppressed: false,
            });
        }
        if let Some((markets, marks_to)) = finish {
            decisions.markets.clone_from(markets);
            decisions.marks_to = marks_to;
        }
        let has_alerts = !decisions.alerts.is_empty();
        let is_empty = decisions.cycles.is_empty()
            && decisions.decisions.is_empty()
            && decisions.counts.is_empty()
            && decisions.divergences.is_empty()
            && !has_alerts
            && decisions.markets.is_empty();
        if !is_empty {
            self.ledger.commit(decisions).await?;
            if has_alerts {
                self.wake.alerts.notify_waiters();
                self.wake.alerts.notify_one();
            }
        }
        // Only what was committed is off the agenda.
        for (key, again) in waits {
            match again {
                Some(at) => agenda.waiting.insert(key, at),
                None => agenda.waiting.remove(&key),
            };
        }
        for (symbol, told, failures) in looks {
            for told in told {
                self.tell(group, &symbol, told, agenda);
            }
            for failure in failures {
                if let Some(rolled_back) = &failure.rolled_back {
                    self.voice.plugin_rolled_back(rolled_back).await;
                } else if let Turn::SetAside { until } = failure.turn {
                    self.voice
                        .plugin_set_aside(failure.name.as_str(), until, &failure.error.to_string())
                        .await;
                } else {
                    tracing::warn!(event = "plugin_failed", plugin = %failure.name, error = %failure.error,
                        group = %name, "own counts are shown");
                }
            }
        }
        self.voice.flush().await;
        Ok(!is_empty)
    }

    fn tell(&self, group: &GroupPolicy, symbol: &Symbol, told: Told, agenda: &mut Agenda) {
        let name = &group.rules.name;
        match told {
            Told::Decided { cycle, verdicts } => {
                let counts: Vec<String> = verdicts
                    .iter()
                    .map(|(account, _, _, shown)| format!("{account}={shown}"))
                    .collect();
                let counts = counts.join(", ");
                if verdicts.len() > 1 && group.strategy.is_some() {
                    tracing::info!(event = "fills_synchronized", group = %name, %symbol, cycle,
                        "🔄 Synchronized limit fills: {counts}");
                    self.voice.keep(
                        "fills_synchronized",
                        None,
                        Some(name),
                        &json!({"symbol": symbol, "cycle": cycle, "counts": counts}),
                    );
                }
                for (account, role, detected, shown) in &verdicts {
                    if *role == Role::Mirror && shown != detected {
                        tracing::info!(event = "mirror_uses_synchronized_count", group = %name, %symbol, %account,
                            detected, "🪞 Mirror account using synchronized count: {shown}");
                    }
                }
            }
            Told::Deferred {
                cycle,
                at,
                until,
                missing,
            } => {
                if agenda
                    .deferred
                    .insert((name.clone(), symbol.clone(), cycle, at))
                {
                    let missing: Vec<&str> = missing.iter().map(AccountName::as_str).collect();
                    tracing::info!(event = "alert_deferred", group = %name, %symbol, cycle, %at, until = %until,
                        missing = missing.join(", "), "an alert waits until all members' data reach past the fill");
                }
                while agenda.deferred.len() > 1_000 {
                    agenda.deferred.pop_first();
                }
            }
            Told::Diverged {
                slot,
                account,
                truth,
            } => {
                tracing::warn!(event = "divergence_detected", group = %name, %symbol, slot, %account, %truth, "accounts differ");
                self.voice.keep(
                    "divergence_detected",
                    Some(&account),
                    Some(name),
                    &json!({"symbol": symbol, "slot": slot, "truth": truth}),
                );
            }
            Told::Resolved { slot, account } => {
                tracing::info!(event = "divergence_resolved", group = %name, %symbol, slot, %account, "accounts agree again");
                self.voice.keep(
                    "divergence_resolved",
                    Some(&account),
                    Some(name),
                    &json!({"symbol": symbol, "slot": slot}),
                );
            }
        }
    }
}

/// Notes which groups and symbols a mark concerns. False where one of them is not ready: the
/// mark must stay.
fn spread(
    mark: &Mark,
    policy: &Policy,
    ready: &BTreeSet<GroupName>,
    changed: &mut BTreeMap<GroupName, BTreeMap<Symbol, VenueTime>>,
) -> bool {
    let mut is_ready = true;
    for group in policy.groups_of(&mark.market.account) {
        is_ready &= ready.contains(&group.rules.name);
        if let Some(symbol) = group.rules.symbol_of(&mark.market) {
            let from = changed
                .entry(group.rules.name.clone())
                .or_default()
                .entry(symbol)
                .or_insert(mark.from);
            *from = (*from).min(mark.from);
        }
    }
    is_ready
}

/// The members' markets by the group's own symbols.
fn markets_of(
    group: &GroupPolicy,
    reader: &Reader,
) -> Result<BTreeMap<Symbol, Vec<Market>>, LedgerError> {
    let mut markets: BTreeMap<Symbol, Vec<Market>> = BTreeMap::new();
    for member in &group.rules.members {
        for market in reader.markets_of(&member.account)? {
            if let Some(symbol) = group.rules.symbol_of(&market) {
                markets.entry(symbol).or_default().push(market);
            }
        }
    }
    Ok(markets)
}

/// One alert for all events of a look that are too old to be told one by one.
fn digest_of(group: &GroupPolicy, old: &[Alert]) -> Option<Alert> {
    // The same old events make the same digest, whenever they are found.
    let first = old.iter().map(|alert| &alert.identity).min()?;
    let identity = format!("digest/{}/{}/{first}", group.rules.name, old.len());
    let alerts: Vec<&Alert> = old.iter().collect();
    let digest = digest::digest(identity, &alerts, Vec::new())?;
    Some(Alert {
        severity: Severity::Info,
        group: Some(group.rules.name.clone()),
        ..digest
    })
}
