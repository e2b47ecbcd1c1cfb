//! `backfill`: everything that is not proven in a span is asked for, window by window.
//!
//! Coverage is the progress: what is proven is not asked for again, so a backfill that was interrupted,
//! by Ctrl-C or by a power cut, goes on where the proof ends when the same command runs again. A window
//! that fails is a known gap, and the next one is tried all the same. What is older than the venue's
//! reach is said, never recorded as proven. Old fills cause no alerts of their own: the daemon tells them
//! in one digest (law 12).

use super::CalledWrongly;
use super::accounts::{self, Venues};
use super::answers::Answers;
use super::patience::Patience;
use super::progress::Progress;
use crate::app::SystemClock;
use crate::drive::found::Found;
use crate::drive::look_ups::LookUps;
use crate::drive::traverse::{TraverseError, Traverser};
use anyhow::anyhow;
use fillsync_core::coverage::Window;
use fillsync_core::id::{AccountName, Category};
use fillsync_core::port::{Clock as _, Venue, VenueError};
use fillsync_core::time::VenueTime;
use fillsync_ledger::{Ledger, LedgerError};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};

mod answer;

use answer::{BackfillAnswer, Missing, Outcome};

/// What to say when the ledger is in use.
const IN_USE: &str = "stop it, run this again, and start it afterwards; a running daemon fills \
                      known gaps by itself, and reads as far back as `lookback` at its first start";

/// How one window is tried before it is left as a gap; a ban of an address (10 minutes) is waited for.
const PATIENCE: Patience = Patience {
    tries_max: 5,
    wait_max: Duration::from_secs(3_600),
};

/// The most rounds in which orders are asked for whose fills were found; 40 orders each.
const ORDER_ROUNDS_MAX: u32 = 250;

/// What is to be filled.
pub(super) struct Wish {
    pub(super) account: Option<AccountName>,
    pub(super) from: VenueTime,
    pub(super) to: Option<VenueTime>,
}

/// One category's work, cut into windows.
struct Work {
    venue: Arc<dyn Venue>,
    category: Category,
    span: Window,
    reach: VenueTime,
    windows: Vec<Window>,
    outcome: Outcome,
}

/// `fillsync backfill`.
pub(super) async fn backfill(answers: &Answers<'_>, wish: &Wish) -> anyhow::Result<()> {
    let config = answers.load()?;
    let chosen = accounts::chosen(&config, wish.account.as_ref())?;
    if wish.to.is_some_and(|to| to <= wish.from) {
        return Err(CalledWrongly(format!(
            "--to is not after --from ({}); say an earlier --from",
            wish.from
        ))
        .into());
    }
    let ledger = accounts::ledger(&config.daemon.database, IN_USE)?;
    let (rescan, _rescans) = mpsc::channel(1);
    let stop = super::signals(rescan)?;
    let mut venues = Venues::default();
    let mut works = Vec::new();
    for account in chosen {
        let venue = venues.open(account)?;
        for category in venue.categories() {
            works.push(plan(&ledger, &venue, category, wish).await?);
        }
    }
    for warning in &venues.warnings {
        super::warn(warning);
    }
    let whole = works
        .iter()
        .flat_map(|work| &work.windows)
        .map(|window| seconds(*window))
        .sum();
    let progress = Progress::new(whole);
    let mut outcomes = Vec::new();
    let mut interrupted = false;
    for mut work in works {
        interrupted |= *stop.borrow();
        if !interrupted {
            interrupted = work.carry_out(&ledger, &progress, stop.clone()).await?;
        }
        work.outcome.missing = work.missing(&ledger).await?;
        outcomes.push(work.outcome);
    }
    progress.finish();
    ledger.close().await;
    let answer = BackfillAnswer {
        complete: outcomes.iter().all(Outcome::is_complete),
        interrupted,
        categories: outcomes,
    };
    answers.print(&answer)?;
    if answer.complete {
        return Ok(());
    }
    Err(anyhow!(if interrupted {
        "interrupted; run the same command again, and it goes on from here"
    } else {
        "not all of the span is proven; see above"
    }))
}

/// What of the span is not proven, as windows to be read.
async fn plan(
    ledger: &Ledger,
    venue: &Arc<dyn Venue>,
    category: &Category,
    wish: &Wish,
) -> anyhow::Result<Work> {
    let account = venue.account();
    // One account that cannot be asked does not keep the others from being filled.
    let (now, error) = match PATIENCE.ask(|| venue.now()).await {
        Ok(now) => (now, None),
        Err(error) => (VenueTime::from_us(SystemClock.now().us()), Some(error)),
    };
    let span = Window::new(wish.from, wish.to.map_or(now, |to| to.min(now)));
    if span.is_empty() {
        return Err(CalledWrongly(format!(
            "--from {} is not before now at the venue ({now}); say an earlier one",
            wish.from
        ))
        .into());
    }
    let reach = now.minus(venue.reach());
    let traverser = traverser(venue.as_ref(), ledger);
    let windows = missing(ledger, account, category, span, reach)
        .await?
        .into_iter()
        .filter(|_| error.is_none())
        .flat_map(|window| window.split(traverser.window_max()))
        .collect();
    Ok(Work {
        category: category.clone(),
        span,
        reach,
        windows,
        outcome: Outcome {
            account: account.to_string(),
            category: category.to_string(),
            from: span.from.to_string(),
            to: span.to.to_string(),
            out_of_reach_before: unserved(ledger, account, category, span, reach).await?,
            windows: 0,
            pages: 0,
            new: 0,
            known: 0,
            missing: Vec::new(),
            error: error.map(|error| error.to_string()),
        },
        venue: Arc::clone(venue),
    })
}

fn traverser<'a>(venue: &'a dyn Venue, ledger: &'a Ledger) -> Traverser<'a> {
    Traverser {
        venue,
        ledger,
        clock: &SystemClock,
    }
}

/// What of a span is not proven and not out of the venue's reach.
async fn missing(
    ledger: &Ledger,
    account: &AccountName,
    category: &Category,
    span: Window,
    reach: VenueTime,
) -> Result<Vec<Window>, LedgerError> {
    let (account, category) = (account.clone(), category.clone());
    let coverage = ledger
        .read(move |reader| reader.coverage(&account))
        .await?
        .remove(&category)
        .unwrap_or_default();
    Ok(coverage.missing(Window::new(span.from.max(reach), span.to)))
}

/// Where the venue's reach ends, if something of the span that is not proven lies before that.
async fn unserved(
    ledger: &Ledger,
    account: &AccountName,
    category: &Category,
    span: Window,
    reach: VenueTime,
) -> Result<Option<String>, LedgerError> {
    if span.from >= reach {
        return Ok(None);
    }
    let before = Window::new(span.from, reach.min(span.to));
    let lost = missing(ledger, account, category, before, VenueTime::EPOCH).await?;
    Ok((!lost.is_empty()).then(|| reach.to_string()))
}

impl Work {
    /// Reads every window, the oldest first. True when it was interrupted.
    async fn carry_out(
        &mut self,
        ledger: &Ledger,
        progress: &Progress,
        mut stop: watch::Receiver<bool>,
    ) -> Result<bool, LedgerError> {
        let windows = std::mem::take(&mut self.windows);
        let about = format!("{} {}", self.outcome.account, self.category);
        for window in windows {
            let step = tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => return Ok(true),
                step = self.read(ledger, window, progress) => step,
            };
            match step {
                Ok(new) => progress.tell(&format!("{about} {window}: {new} new")),
                Err(TraverseError::Ledger(error)) => return Err(error),
                Err(error) => {
                    progress.tell(&format!("{about} {window}: {error}"));
                    self.outcome.error.get_or_insert(error.to_string());
                    // Without a key nothing of this account can be read.
                    if matches!(error, TraverseError::Venue(VenueError::Refused { .. })) {
                        return Ok(false);
                    }
                }
            }
            progress.advance(seconds(window), &about);
        }
        tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => return Ok(true),
            outcome = self.orders(ledger) => match outcome {
                Ok(()) => {}
                Err(TraverseError::Ledger(error)) => return Err(error),
                // The fills are there; the daemon asks for their orders again.
                Err(error) => progress.tell(&format!("{about}: orders of these fills: {error}")),
            }
        }
        Ok(false)
    }

    /// Reads one window, again where the venue says so. Gives how many executions are new.
    async fn read(
        &mut self,
        ledger: &Ledger,
        window: Window,
        progress: &Progress,
    ) -> Result<u64, TraverseError> {
        let mut tries = 0;
        loop {
            let mut found = Found::default();
            let outcome = traverser(self.venue.as_ref(), ledger)
                .executions(&self.category, window, &mut found)
                .await;
            let new = found.new_rows;
            self.outcome.pages += u64::from(found.pages);
            self.outcome.new += new;
            self.outcome.known += found.known;
            match outcome {
                Ok(()) => {
                    self.outcome.windows += 1;
                    return Ok(new);
                }
                Err(error) => {
                    tries += 1;
                    let TraverseError::Venue(venue_error) = &error else {
                        return Err(error);
                    };
                    let Some(pause) = PATIENCE.pause(venue_error, tries) else {
                        return Err(error);
                    };
                    let (account, category) = (&self.outcome.account, &self.outcome.category);
                    progress.tell(&format!(
                        "{account} {category} {window}: {error}; once more in {} s",
                        pause.as_secs_f32()
                    ));
                    tokio::time::sleep(pause).await;
                }
            }
        }
    }

    /// Asks for the orders whose fills were found, so that they become legs with a price and a plan.
    async fn orders(&self, ledger: &Ledger) -> Result<(), TraverseError> {
        if self.outcome.new == 0 {
            return Ok(());
        }
        let traverser = traverser(self.venue.as_ref(), ledger);
        let mut before = None;
        let mut turns = LookUps::default();
        for _ in 0..ORDER_ROUNDS_MAX {
            let (account, category) = (self.venue.account().clone(), self.category.clone());
            let limit = u32::try_from(fillsync_ledger::ORDERS_WANTED_MAX).unwrap_or(u32::MAX);
            let wanted = ledger
                .read(move |reader| reader.orders_wanted(&account, &category, limit))
                .await?;
            // The same list again: what is left cannot be had.
            if wanted.is_empty() || before.as_ref() == Some(&wanted) {
                return Ok(());
            }
            let mut found = Found {
                orders_wanted: wanted.clone(),
                ..Found::default()
            };
            traverser
                .wanted_orders(&self.category, &mut found, &mut turns)
                .await?;
            before = Some(wanted);
        }
        Ok(())
    }

    async fn missing(&self, ledger: &Ledger) -> Result<Vec<Missing>, LedgerError> {
        let account = self.venue.account();
        let windows = missing(ledger, account, &self.category, self.span, self.reach).await?;
        Ok(windows
            .into_iter()
            .map(|window| Missing {
                from: window.from.to_string(),
                to: window.to.to_string(),
            })
            .collect())
    }
}

fn seconds(window: Window) -> u64 {
    window.to.since(window.from).as_secs().max(1)
}
