//! One look at one group and symbol: facts in, decisions and alerts out.
//!
//! Reads what the ledger has, lets the core join, match, compare and cut, asks the strategy where a
//! moment is due, and returns the rows to commit. It writes nothing, so a look can be repeated: what
//! was decided from the same facts is found by its fingerprint, and alerts that exist are left out.

mod cycle;
mod divergence;
mod readings;
mod route;
mod strategy;
mod withdrawn;

use self::cycle::CycleLook;
pub use self::readings::Readings;
use self::withdrawn::Doubt;
use crate::policy::{GroupPolicy, Policy};
use fillsync_core::alert::Alert;
use fillsync_core::coverage::Window;
use fillsync_core::group::{GroupFacts, Knowledge};
use fillsync_core::id::{AccountName, Category, Market, Symbol};
use fillsync_core::join::{GroupCycle, join};
use fillsync_core::moment::Frame;
use fillsync_core::order::PositionSide;
use fillsync_core::time::{HostTime, VenueTime};
use fillsync_core::truth::Truth;
use fillsync_core::view::Role;
use fillsync_ledger::{
    AlertRow, CountRow, DecisionRow, Decisions, DivergenceRow, GroupCycleRow, LedgerError,
    PluginUsedRow, Reader, StoredDivergence, StoredGroupCycle,
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
    /// When orders were read before, as far as earlier looks saw it.
    pub readings: &'a Readings,
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
    /// Accounts of which something cannot be said before their ended orders were read.
    pub closed_wanted: BTreeSet<AccountName>,
    /// Decisions, for the log.
    pub told: Vec<Told>,
    /// Plugin failures, for the log and the operator.
    pub failures: Vec<Unanswered>,
    /// The identities of the fills that stand.
    pub standing: BTreeSet<String>,
    /// Cycles in which something that was decided is no longer so.
    pub doubts: Vec<Doubt>,
}

/// The rows of [`Decisions`] for one symbol.
#[derive(Debug, Default)]
pub struct Rows {
    /// Group cycles.
    pub cycles: Vec<GroupCycleRow>,
    /// Decisions.
    pub decisions: Vec<DecisionRow>,
    /// The plugins that made them.
    pub plugins: Vec<PluginUsedRow>,
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
        decisions.plugins.extend(self.plugins);
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
        let (numbers, unmatched) = number(look, reader, &stored, side, &joined)?;
        if look.changed_from.is_some() {
            for gone in unmatched {
                let divergences: Vec<&DivergenceRow> = stored
                    .divergences
                    .iter()
                    .map(|stored| &stored.divergence)
                    .collect();
                withdrawn::vanish(look, reader, gone, &divergences, &mut seen)?;
            }
        }
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
    withdrawn::withdraw(look, reader, &mut seen)?;
    Ok(seen)
}

fn read(look: &Look<'_>, reader: &Reader) -> Result<Stored, LedgerError> {
    let rules = &look.group.rules;
    // A cycle may join one that was over for no longer than the deadline: that one is looked at again.
    let horizon = look
        .changed_from
        .map_or(VenueTime::from_us(i64::MAX), |from| {
            from.minus(rules.deadline)
        });
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
    let books = reader.books(look.markets, since)?;
    let mut knowledge = BTreeMap::new();
    for member in &rules.members {
        let polled = look.group.categories.get(&member.account);
        knowledge.insert(
            member.account.clone(),
            known(look, reader, &member.account, polled)?,
        );
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

/// How far an account's facts reach, over exactly what is polled of it: a category that was never read
/// leaves nothing proven, and one that is no longer polled proves nothing.
fn known(
    look: &Look<'_>,
    reader: &Reader,
    account: &AccountName,
    polled: Option<&BTreeSet<Category>>,
) -> Result<Knowledge, LedgerError> {
    let Some(polled) = polled else {
        return Ok(Knowledge::default());
    };
    let mut coverage: BTreeMap<Category, Window> = BTreeMap::new();
    for (category, windows) in reader.coverage(account)? {
        if let Some(newest) = windows.newest().filter(|_| polled.contains(&category)) {
            coverage.insert(category, newest);
        }
    }
    let mut orders_checked = reader.orders_checked(account)?;
    orders_checked.retain(|category, _| polled.contains(category));
    if coverage.len() < polled.len() {
        coverage.clear();
    }
    if orders_checked.len() < polled.len() {
        orders_checked.clear();
    }
    let orders_checked_before = look.readings.before(account, &orders_checked);
    Ok(Knowledge {
        coverage,
        orders_checked,
        orders_checked_before,
        closed_checked: reader.closed_checked(account)?,
    })
}

/// Each joined cycle's number: that of the stored cycle with which it shares a part, else a new one.
/// Besides, the stored cycles that share nothing with any: their facts are gone, or joined others.
fn number<'a>(
    look: &Look<'_>,
    reader: &Reader,
    stored: &'a Stored,
    side: PositionSide,
    joined: &[GroupCycle],
) -> Result<(Vec<u64>, Vec<&'a GroupCycleRow>), LedgerError> {
    let mut next = reader
        .last_group_ordinal(&look.group.rules.name, look.symbol, side)?
        .saturating_add(1);
    let mut free: Vec<&'a StoredGroupCycle> = stored
        .cycles
        .iter()
        .filter(|stored| stored.cycle.side == side)
        .collect();
    let numbers = joined
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
        .collect();
    let unmatched = free.into_iter().map(|stored| &stored.cycle).collect();
    Ok((numbers, unmatched))
}

/// Looks again at a moment at the latest.
fn again(seen: &mut Seen, at: HostTime) {
    seen.look_again_at = Some(seen.look_again_at.map_or(at, |have| have.min(at)));
}
