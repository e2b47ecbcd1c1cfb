//! One account's polling: executions first, then orders, again and again.
//!
//! A round reads from the end of what is proven (less an overlap, for rows that appear late) to the
//! venue's present, fills known gaps, reads the open orders, and asks for the orders of fills that
//! nobody tracked. A round that fails keeps what it got, says so once, and the next one begins where
//! the proof ends: a failure can delay a fill but not lose it. Every so often a deeper rescan looks
//! for rows that appeared later than the overlap. A nudge, when a stream told of something, lets the
//! next round begin before its time; where many accounts share an address, rounds wait for their turn.

use crate::drive::ahead::Ahead;
use crate::drive::closed::{self, ClosedRead};
use crate::drive::found::Found;
use crate::drive::look_ups::LookUps;
use crate::drive::traverse::{TraverseError, Traverser};
use crate::drive::turn::{Turn, Turns};
use crate::drive::wake::{Life, Wake};
use crate::telemetry::{self, Voice};
use fillsync_core::backoff::Backoff;
use fillsync_core::coverage::{Coverage, Window};
use fillsync_core::id::Category;
use fillsync_core::port::{Clock, Venue, VenueError};
use fillsync_core::time::{HostTime, VenueTime};
use fillsync_ledger::{KnownGap, Ledger, LedgerError};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// How one account is polled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PollSettings {
    /// From one round to the next.
    pub poll_every: Duration,
    /// How far the first round looks back.
    pub lookback: Duration,
    /// How far each round looks behind what is proven.
    pub overlap: Duration,
    /// How often a rescan looks further back.
    pub rescan_every: Duration,
    /// How far a rescan looks back.
    pub rescan_span: Duration,
    /// How long an order's fills are waited for before its sum stands in for them.
    pub infer_after: Duration,
}

/// After a failure.
const BACKOFF: Backoff = Backoff {
    base: Duration::from_millis(500),
    ceiling: Duration::from_secs(60),
};
/// After a refusal: the operator may mend the key at the venue.
const REFUSED_WAIT: Duration = Duration::from_secs(300);
/// Failures in a row after which the operator is told.
const FAILURES_SILENT_MAX: u32 = 3;
/// From one try at a gap to the next: most are filled at the second try, and one that fails for hours
/// should not take the place of what is new.
const GAP_BACKOFF: Backoff = Backoff {
    base: Duration::from_secs(1),
    ceiling: Duration::from_secs(600),
};
/// Known gaps that one round tries to fill.
const GAPS_PER_ROUND_MAX: usize = 2;

/// From a reading of ended orders that could not be finished to the next: there are more of them than
/// are read at once, and that does not change soon.
const CLOSED_AGAIN_AFTER: Duration = Duration::from_secs(300);

/// One account's polling.
pub struct Poller {
    /// The venue.
    pub venue: Arc<dyn Venue>,
    /// The ledger.
    pub ledger: Ledger,
    /// The host's clock.
    pub clock: Arc<dyn Clock>,
    /// The hints.
    pub wake: Arc<Wake>,
    /// How events and system alerts are told.
    pub voice: Arc<Voice>,
    /// The line in which the accounts of one address wait.
    pub turns: Arc<Turns>,
    /// Which of the account's lives this is.
    pub life: Life,
    /// How it is polled.
    pub settings: PollSettings,
}

/// An account that was not read for so long has much to read.
const LONG_ROUND: Duration = Duration::from_secs(600);
/// The shortest time from the begin of one round to the next, when it is nudged after a calm time ...
const HASTE_MIN: Duration = Duration::from_millis(20);
/// ... and when it is nudged again and again: a plan that fills in a hundred parts needs no hundred rounds.
const HASTE_MAX: Duration = Duration::from_millis(800);

/// The pace of rounds that are nudged.
#[derive(Debug, Default)]
struct Haste {
    /// The last nudge, and how long the round that it caused had to wait after the one before.
    last: Option<(Instant, Duration)>,
}

impl Haste {
    /// Waits until a nudged round may begin, when the one before began at `began`.
    async fn wait(&mut self, began: Instant) {
        let spacing = match self.last {
            Some((at, spacing)) if at.elapsed() < HASTE_MAX.saturating_mul(2) => {
                spacing.saturating_mul(2).min(HASTE_MAX)
            }
            _ => HASTE_MIN,
        };
        self.last = Some((Instant::now(), spacing));
        tokio::time::sleep(spacing.saturating_sub(began.elapsed())).await;
    }
}

/// What a poller remembers from round to round; nothing of it is needed after a restart.
#[derive(Default)]
struct Memory {
    /// When each category was last rescanned.
    rescanned: BTreeMap<Category, Instant>,
    /// Categories whose positions were read since the start: what was open before the data begin.
    anchored: BTreeSet<Category>,
    /// Whose turn it is of the orders that are no longer open ...
    vanished: LookUps,
    /// ... and of those that fills name and the ledger does not have.
    wanted: LookUps,
    /// Orders that filled more than rows show.
    ahead: Ahead,
    /// Before then, ended orders are not read again.
    closed_again: Option<Instant>,
}

enum RoundError {
    Venue(VenueError),
    Ledger(LedgerError),
}

impl From<TraverseError> for RoundError {
    fn from(error: TraverseError) -> Self {
        match error {
            TraverseError::Venue(error) => Self::Venue(error),
            TraverseError::Ledger(error) => Self::Ledger(error),
            TraverseError::Endless(what) => Self::Venue(VenueError::Retry { what }),
        }
    }
}

impl From<VenueError> for RoundError {
    fn from(error: VenueError) -> Self {
        Self::Venue(error)
    }
}

impl From<LedgerError> for RoundError {
    fn from(error: LedgerError) -> Self {
        Self::Ledger(error)
    }
}

impl Poller {
    /// Polls until told to stop.
    ///
    /// # Errors
    /// When the ledger takes no more: the daemon must be restarted.
    pub async fn run(self, mut stop: watch::Receiver<bool>) -> Result<(), LedgerError> {
        let account = self.venue.account().clone();
        let nudges = self.wake.nudges(&account);
        let mut failures = 0u32;
        let mut memory = Memory::default();
        let mut haste = Haste::default();
        loop {
            let turn = tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => break,
                turn = self.turn() => turn,
            };
            let (began, began_at) = (Instant::now(), self.clock.now());
            let round = tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => break,
                round = self.round(&mut memory) => round,
            };
            drop(turn);
            let is_whole = round.is_ok();
            let wait = match round {
                Ok(()) => {
                    if failures > FAILURES_SILENT_MAX {
                        self.voice.account_is_back(&account).await;
                    }
                    failures = 0;
                    self.wake
                        .is_live(&account, self.life, began_at, self.clock.now());
                    self.settings.poll_every.saturating_sub(began.elapsed())
                }
                Err(RoundError::Ledger(LedgerError::Rejected { what })) => {
                    failures = failures.saturating_add(1);
                    self.wake
                        .fails(&account, self.life, self.clock.now(), &what, false);
                    BACKOFF
                        .after(failures, telemetry::spread(account.as_str()))
                        .max(self.settings.poll_every)
                }
                Err(RoundError::Ledger(error)) if !error.is_passing() => return Err(error),
                Err(RoundError::Ledger(error)) => {
                    failures = failures.saturating_add(1);
                    self.voice.ledger_waits(&error);
                    BACKOFF.after(failures, telemetry::spread(account.as_str()))
                }
                Err(RoundError::Venue(error)) => {
                    failures = failures.saturating_add(1);
                    self.failed(&error, failures).await
                }
            };
            let pause = async {
                tokio::select! {
                    biased;
                    () = tokio::time::sleep(wait) => {}
                    // A failure has its own pace; nothing hurries it.
                    () = nudges.notified(), if is_whole => {
                        haste.wait(began).await;
                    }
                }
            };
            tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => break,
                () = pause => {}
            }
        }
        self.wake.ends(&account, self.life);
        Ok(())
    }

    /// Waits until it is this account's turn at its address.
    async fn turn(&self) -> Turn {
        let now = self.clock.now();
        let life = self.wake.lives().remove(self.venue.account());
        let (read_at, is_long) = match life {
            Some(life) => (
                life.live_at.unwrap_or(life.started_at),
                life.live_at.is_none_or(|at| now.since(at) > LONG_ROUND),
            ),
            None => (now, true),
        };
        self.turns.take(read_at, is_long).await
    }

    async fn failed(&self, error: &VenueError, failures: u32) -> Duration {
        let account = self.venue.account();
        let refused = matches!(error, VenueError::Refused { .. });
        self.wake.fails(
            account,
            self.life,
            self.clock.now(),
            &error.to_string(),
            refused,
        );
        let life = self.wake.lives().remove(account);
        let since = life
            .and_then(|life| life.failing)
            .map_or_else(|| self.clock.now(), |(since, _)| since);
        telemetry::poll_failed(account, failures, &error.to_string());
        match error {
            VenueError::Refused { what, remedy } => {
                self.voice.key_refused(account, since, what, remedy).await;
                REFUSED_WAIT
            }
            VenueError::Wait { after, .. } => {
                self.tell_unreachable(failures, since, error).await;
                *after
            }
            VenueError::Retry { .. } | VenueError::Rejected { .. } => {
                self.tell_unreachable(failures, since, error).await;
                BACKOFF
                    .after(failures, telemetry::spread(account.as_str()))
                    .max(self.settings.poll_every)
            }
        }
    }

    /// Tells that the account cannot be reached, when it failed more than a few times; once for each
    /// time that it began to fail.
    async fn tell_unreachable(&self, failures: u32, since: HostTime, error: &VenueError) {
        if failures > FAILURES_SILENT_MAX {
            self.voice
                .account_unreachable(self.venue.account(), since, &error.to_string())
                .await;
        }
    }

    async fn round(&self, memory: &mut Memory) -> Result<(), RoundError> {
        let traverser = Traverser {
            venue: self.venue.as_ref(),
            ledger: &self.ledger,
            clock: self.clock.as_ref(),
        };
        let mut failed = None;
        let is_closed_due = memory.closed_again.is_none_or(|at| at <= Instant::now());
        let wants_closed = is_closed_due && self.wake.take_closed(self.venue.account());
        for category in self.venue.categories() {
            let mut found = Found::default();
            let outcome = self
                .category(&traverser, category, wants_closed, memory, &mut found)
                .await;
            self.tell(category, &mut found).await;
            match outcome {
                // What fails for one category alone does not keep the others from being read.
                Err(RoundError::Venue(
                    error @ (VenueError::Retry { .. } | VenueError::Rejected { .. }),
                )) => failed = failed.or(Some(error.into())),
                // What the ledger refuses of one category keeps no other from being read (law 14).
                Err(RoundError::Ledger(error @ LedgerError::Rejected { .. })) => {
                    let about = format!("{} {category}", self.venue.account());
                    self.voice.request_refused(&about, &error.to_string()).await;
                    failed = failed.or(Some(error.into()));
                }
                outcome => outcome?,
            }
        }
        failed.map_or(Ok(()), Err)
    }

    async fn tell(&self, category: &Category, found: &mut Found) {
        let (account, now) = (self.venue.account(), self.clock.now());
        found
            .tell(
                account,
                category,
                now,
                &self.voice,
                &self.wake,
                &self.ledger,
            )
            .await;
    }

    async fn category(
        &self,
        traverser: &Traverser<'_>,
        category: &Category,
        wants_closed: bool,
        memory: &mut Memory,
        found: &mut Found,
    ) -> Result<(), RoundError> {
        let now = self.venue.now().await?;
        let (coverage, gaps) = self.coverage(category).await?;
        let is_first = coverage.newest().is_none();
        let from = self.start(&coverage, category, now, memory);
        for window in Window::new(from, now).split(traverser.window_max()) {
            traverser.executions(category, window, found).await?;
            if is_first || window.to < now {
                telemetry::caught_up(
                    self.venue.account(),
                    category,
                    window,
                    found.pages,
                    found.new_rows,
                );
            }
            // A catch-up of years is told piece by piece; the newest piece goes with its orders.
            if window.to < now {
                self.tell(category, found).await;
            }
        }
        // Fills of orders that are not known yet are better told with their orders: these follow.
        if found.orders_wanted.is_empty() {
            self.wake.facts.notify_one();
        }
        if !memory.anchored.contains(category) && traverser.positions(category, found).await? {
            memory.anchored.insert(category.clone());
        }
        let orders = traverser
            .orders(category, found, &mut memory.vanished)
            .await;
        traverser
            .wanted_orders(category, found, &mut memory.wanted)
            .await?;
        let listed_at = orders?;
        let closed = match listed_at.filter(|_| wants_closed) {
            Some(at) => {
                let data_begin = coverage.newest().map_or(from, |proven| proven.from);
                closed::read(traverser, category, data_begin, at, found).await
            }
            None => Ok(ClosedRead::Whole),
        };
        if matches!(closed, Ok(ClosedRead::Unfinished)) {
            memory.closed_again = Some(Instant::now() + CLOSED_AGAIN_AFTER);
        }
        let stood_in = memory
            .ahead
            .catch_up(traverser, category, now, self.settings.infer_after, found)
            .await?;
        for new in &stood_in {
            self.voice.fill_inferred(new);
        }
        // Last, because a gap that cannot be filled just now must not keep orders from being read.
        let mut holes = holes(&coverage, &gaps);
        holes.retain(|hole| is_due(*hole, &gaps, self.clock.now()));
        self.fill_gaps(traverser, category, holes, now, found)
            .await?;
        closed?;
        Ok(())
    }

    async fn coverage(
        &self,
        category: &Category,
    ) -> Result<(Coverage, Vec<KnownGap>), LedgerError> {
        let account = self.venue.account().clone();
        let category = category.clone();
        self.ledger
            .read(move |reader| {
                let coverage = reader.coverage(&account)?.remove(&category);
                let mut gaps = reader.gaps(Some(&account))?;
                gaps.retain(|gap| gap.category == category);
                Ok((coverage.unwrap_or_default(), gaps))
            })
            .await
    }

    /// Where a round begins to read.
    fn start(
        &self,
        coverage: &Coverage,
        category: &Category,
        now: VenueTime,
        memory: &mut Memory,
    ) -> VenueTime {
        let reach = now.minus(self.venue.reach());
        let Some(newest) = coverage.newest() else {
            return now.minus(self.settings.lookback).max(reach);
        };
        let last = *memory
            .rescanned
            .entry(category.clone())
            .or_insert_with(Instant::now);
        let behind = if last.elapsed() >= self.settings.rescan_every {
            memory.rescanned.insert(category.clone(), Instant::now());
            self.settings.rescan_span
        } else {
            self.settings.overlap
        };
        newest.to.minus(behind).max(newest.from).max(reach).min(now)
    }

    /// Tries the known gaps, the newest first; one that is older than the venue's reach is said to
    /// be lost, once.
    async fn fill_gaps(
        &self,
        traverser: &Traverser<'_>,
        category: &Category,
        holes: Vec<Window>,
        now: VenueTime,
        found: &mut Found,
    ) -> Result<(), RoundError> {
        let reach = now.minus(self.venue.reach());
        for gap in holes.into_iter().rev().take(GAPS_PER_ROUND_MAX) {
            if gap.to <= reach {
                let reason = "older than what the venue serves".to_owned();
                let account = self.venue.account();
                traverser.gap(category, gap, reason, found).await?;
                // The notice first: a ledger that is busy between the two lets it be raised again by the
                // next round, and its identity keeps it from being told twice.
                self.voice.raise_lost_gap(account, category, gap).await?;
                let is_new = self
                    .ledger
                    .gap_unfillable(account.clone(), category.clone(), gap)
                    .await?;
                if is_new {
                    self.voice.gap_is_lost(account, category, gap);
                }
                continue;
            }
            let gap = Window::new(gap.from.max(reach), gap.to);
            for window in gap.split(traverser.window_max()) {
                traverser.executions(category, window, found).await?;
                self.tell(category, found).await;
            }
        }
        Ok(())
    }
}

/// What is not proven between the earliest window that was ever asked for and the newest proven one,
/// without what is known to be lost. A first round that failed leaves a gap before all coverage: by
/// the time it works, the lookback has moved on.
fn holes(coverage: &Coverage, gaps: &[KnownGap]) -> Vec<Window> {
    let Some(newest) = coverage.newest() else {
        return Vec::new();
    };
    let (lost, open): (Vec<&KnownGap>, Vec<&KnownGap>) =
        gaps.iter().partition(|gap| gap.unfillable);
    let earliest = coverage
        .windows()
        .iter()
        .chain(open.iter().map(|gap| &gap.window))
        .map(|window| window.from)
        .min()
        .unwrap_or(newest.from);
    let is_lost = |hole: &Window| {
        lost.iter()
            .any(|gap| gap.window.from <= hole.from && hole.to <= gap.window.to)
    };
    let mut holes = coverage.missing(Window::new(earliest.min(newest.to), newest.to));
    holes.retain(|hole| !is_lost(hole));
    holes
}

/// Whether a hole may be tried again: not before the tries at the gaps in it say so.
fn is_due(hole: Window, gaps: &[KnownGap], now: HostTime) -> bool {
    gaps.iter()
        .filter(|gap| gap.window.from < hole.to && hole.from < gap.window.to)
        .all(|gap| {
            let wait = match gap.retries {
                0 => Duration::ZERO,
                retries => GAP_BACKOFF.after(retries, 0),
            };
            gap.last_tried.plus(wait) <= now
        })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use crate::drive::bench::{Bench, account, at, category};
    use fillsync_core::execution::VenueKind;
    use fillsync_ledger::{Gap, PageRecord, Proven};

    /// A gap gets older than what the venue serves: it is told once, however many rounds and starts follow.
    #[tokio::test]
    async fn a_gap_that_is_lost_is_told_once() {
        let bench = Bench::new(&["linear"]);
        let mut page = PageRecord::new(
            account(),
            VenueKind::Bybit,
            category("linear"),
            bench.clock.now(),
        );
        page.gap = Some(Gap {
            window: Window::new(at(0), at(10)),
            reason: "page 2 was cut off".to_owned(),
        });
        page.proven = Some(Proven {
            window: Window::new(at(10), at(20)),
            pages: 1,
            rows: 0,
        });
        bench.ledger.record(page).await.unwrap();
        bench.venue.answers.lock().unwrap().now = 8 * 24 * 3600;
        for _ in 0..3 {
            let round = bench.poller().round(&mut Memory::default()).await;
            assert!(round.is_ok());
        }
        let first = format!("system/coverage-gap/main/linear/{}", at(0).us());
        let told = |notices: Vec<String>| notices.iter().filter(|one| **one == first).count();
        assert_eq!(told(bench.notices()), 1, "{:?}", bench.notices());
        let gaps = bench.reader().gaps(Some(&account())).unwrap();
        assert!(gaps.iter().any(|gap| gap.unfillable), "{gaps:?}");
    }
}
