//! One account's stream: an accelerator, never a proof.
//!
//! What it tells is recorded at once, under the same unique key as what polling reads, and the polling
//! of the account and of those that follow the same plan is asked not to wait for its time: their
//! coverage is what lets the alert out. Venues drop single messages silently, so no coverage comes
//! from here, and after every opening the stream counts as live only when a round of polling that
//! began later has reached the present. Deliberately absent: replay, order entry, market data.

use crate::drive::found::Found;
use crate::drive::refused;
use crate::drive::wake::{StreamState, Wake};
use crate::policy::Policy;
use crate::telemetry::{self, Voice};
use fillsync_core::backoff::Backoff;
use fillsync_core::id::AccountName;
use fillsync_core::port::{Clock, Stream, StreamRows, Venue, VenueError};
use fillsync_core::time::HostTime;
use fillsync_ledger::{Ledger, LedgerError, PageRecord};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// After a stream broke or could not be opened.
const BACKOFF: Backoff = Backoff {
    base: Duration::from_secs(1),
    ceiling: Duration::from_secs(120),
};
/// After a refusal: the operator may mend it at the venue.
const REFUSED_WAIT: Duration = Duration::from_secs(600);
/// A stream that was open for so long has worked: the next failure is a first one.
const WORKED: Duration = Duration::from_secs(60);
/// Messages that are recorded together at most, so that a burst costs one commit and not hundreds.
const MESSAGES_TOGETHER_MAX: usize = 256;

/// One account's stream.
pub struct Listener {
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
    /// The groups, for who follows the same plan.
    pub policy: watch::Receiver<Arc<Policy>>,
}

/// How an open stream ended.
enum Ended {
    Broken(VenueError),
    Ledger(LedgerError),
}

impl Listener {
    /// Listens until told to stop.
    ///
    /// # Errors
    /// When the ledger takes no more: the daemon must be restarted.
    pub async fn run(self, mut stop: watch::Receiver<bool>) -> Result<(), LedgerError> {
        let outcome = tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => Ok(()),
            error = self.listen() => Err(error),
        };
        self.wake.stream(self.venue.account(), None);
        outcome
    }

    /// Opens the stream again and again; comes back only when the ledger takes no more.
    async fn listen(&self) -> LedgerError {
        let account = self.venue.account();
        let mut failures = 0u32;
        let mut why = None;
        loop {
            let since = self.clock.now();
            self.enter(StreamState::Connecting {
                since,
                why: why.take(),
            });
            let error = match self.venue.stream().await {
                Ok(mut stream) => {
                    let opened = self.clock.now();
                    telemetry::stream_opened(account);
                    self.enter(StreamState::CatchingUp { since: opened });
                    self.wake.nudge(account);
                    let ended = self.hear(stream.as_mut()).await;
                    // What it told last may not have been all: polling looks at once.
                    self.wake.nudge(account);
                    if self.clock.now().since(opened) >= WORKED {
                        failures = 0;
                    }
                    match ended {
                        Ended::Ledger(error) => return error,
                        Ended::Broken(error) => error,
                    }
                }
                Err(error) => error,
            };
            failures = failures.saturating_add(1);
            let wait = self.failed(&error, since, failures).await;
            why = Some(error.to_string());
            tokio::time::sleep(wait).await;
        }
    }

    fn enter(&self, state: StreamState) {
        self.wake.stream(self.venue.account(), Some(state));
    }

    async fn failed(&self, error: &VenueError, since: HostTime, failures: u32) -> Duration {
        let account = self.venue.account();
        let why = error.to_string();
        telemetry::stream_broken(account, failures, &why);
        match error {
            VenueError::Refused { what, remedy } => {
                self.enter(StreamState::Refused { since, why });
                self.voice.stream_refused(account, what, remedy).await;
                REFUSED_WAIT
            }
            VenueError::Rejected { .. } => {
                self.enter(StreamState::Refused { since, why });
                REFUSED_WAIT
            }
            VenueError::Wait { after, .. } => {
                self.enter(StreamState::Connecting {
                    since,
                    why: Some(why),
                });
                *after
            }
            VenueError::Retry { .. } => {
                self.enter(StreamState::Connecting {
                    since,
                    why: Some(why),
                });
                BACKOFF.after(failures, telemetry::spread(account.as_str()))
            }
        }
    }

    async fn hear(&self, stream: &mut dyn Stream) -> Ended {
        loop {
            let mut heard = match stream.next().await {
                Ok(rows) => vec![rows],
                Err(error) => return Ended::Broken(error),
            };
            let mut broken = None;
            while heard.len() < MESSAGES_TOGETHER_MAX {
                tokio::select! {
                    biased;
                    more = stream.next() => match more {
                        Ok(rows) => heard.push(rows),
                        Err(error) => {
                            broken = Some(error);
                            break;
                        }
                    },
                    () = std::future::ready(()) => break,
                }
            }
            for rows in together(heard) {
                if let Err(error) = self.take_up(rows).await {
                    match &error {
                        // Polling asks for the same facts; a stream proves nothing.
                        LedgerError::Rejected { what } => {
                            let about = format!("stream of {}", self.venue.account());
                            self.voice.request_refused(&about, what).await;
                            continue;
                        }
                        error if error.is_passing() => self.voice.ledger_waits(error),
                        _ => return Ended::Ledger(error),
                    }
                    // What was not recorded is read by polling; the stream has a gap now.
                    let what = "what it told could not be recorded".to_owned();
                    return Ended::Broken(VenueError::Retry { what });
                }
            }
            if let Some(error) = broken {
                return Ended::Broken(error);
            }
        }
    }

    async fn take_up(&self, rows: StreamRows) -> Result<(), LedgerError> {
        let account = self.venue.account();
        let now = self.clock.now();
        let mut record = PageRecord::new(
            account.clone(),
            self.venue.kind(),
            rows.category.clone(),
            now,
        );
        let happened = !rows.executions.is_empty() || !rows.orders.is_empty();
        record.executions = rows.executions;
        record.orders = rows.orders;
        record.unreadable = rows.unreadable;
        let mut found = Found::default();
        refused::record(&self.ledger, record, &mut found).await?;
        if happened {
            for account in self.companions() {
                self.wake.nudge(&account);
            }
        }
        found
            .tell(
                account,
                &rows.category,
                now,
                &self.voice,
                &self.wake,
                &self.ledger,
            )
            .await;
        Ok(())
    }

    /// The account and those that follow the same plan: an alert waits for the coverage of all.
    fn companions(&self) -> BTreeSet<AccountName> {
        let account = self.venue.account();
        let policy = Arc::clone(&self.policy.borrow());
        policy
            .groups_of(account)
            .flat_map(|group| group.rules.members.iter())
            .map(|member| member.account.clone())
            .chain([account.clone()])
            .collect()
    }
}

/// Messages of one category as one, in the order in which they came.
fn together(heard: Vec<StreamRows>) -> Vec<StreamRows> {
    let mut all: Vec<StreamRows> = Vec::new();
    for rows in heard {
        match all.iter_mut().find(|one| one.category == rows.category) {
            Some(one) => {
                one.executions.extend(rows.executions);
                one.orders.extend(rows.orders);
                one.unreadable.extend(rows.unreadable);
            }
            None => all.push(rows),
        }
    }
    all
}
