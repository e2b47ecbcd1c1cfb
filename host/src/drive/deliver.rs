//! One channel's deliveries: the outbox's head, formatted, sent, recorded; then the next.
//!
//! Nothing overtakes within a channel, and no channel waits for another. A message is recorded as
//! sent after the receiver took it, so a crash in between repeats it once, with the same key for the
//! receiver to drop it by (law 11). When a formatter fails the host's plain words go out instead
//! (law 8). A receiver that says "wait" is waited for exactly so long; one that says "never" makes a
//! dead letter, which is told to the other channels.

use crate::drive::digest::{Gathered, Patience, gather};
use crate::drive::wake::Wake;
use crate::telemetry::Voice;
use fillsync_core::alert::Alert;
use fillsync_core::backoff::Backoff;
use fillsync_core::id::PluginName;
use fillsync_core::message::Rendered;
use fillsync_core::plain;
use fillsync_core::port::{Channel, ChannelError, Clock, Outgoing, Receipt};
use fillsync_core::time::HostTime;
use fillsync_ledger::{Ledger, LedgerError, OutboxRow};
use fillsync_plugin_host::{Registry, Target, Turn};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// Without any hint, the outbox is looked at so often.
const IDLE: Duration = Duration::from_secs(5);
/// After a passing fault.
const BACKOFF: Backoff = Backoff {
    base: Duration::from_millis(500),
    ceiling: Duration::from_secs(120),
};
/// After so many attempts a message is a dead letter: more than a day at the ceiling.
const ATTEMPTS_MAX: u32 = 1_000;
/// The waits for a ledger that takes no record grow for so many tries: to some eight seconds.
const RECORD_BACKOFF_TRIES_MAX: u32 = 5;
/// The longest wait that a receiver may ask for.
const WAIT_MAX: Duration = Duration::from_secs(6 * 3600);

/// One channel's deliveries.
pub struct Deliverer {
    /// The channel.
    pub channel: Arc<dyn Channel>,
    /// Its formatter.
    pub formatter: PluginName,
    /// The ledger.
    pub ledger: Ledger,
    /// The plugins.
    pub plugins: Arc<Registry>,
    /// The host's clock.
    pub clock: Arc<dyn Clock>,
    /// The hints.
    pub wake: Arc<Wake>,
    /// How events are told.
    pub voice: Arc<Voice>,
    /// When messages are held back, and told as one.
    pub patience: Patience,
    /// Since when the receiver refuses messages.
    pub refusing_since: Mutex<Option<HostTime>>,
    /// Since when it cannot be reached.
    pub failing_since: Mutex<Option<HostTime>>,
}

/// What is sent next: a message, or several as one.
struct Due {
    row: OutboxRow,
    /// The messages that are told in this one; none where it is a message of its own.
    told: Vec<i64>,
}

impl Deliverer {
    /// Delivers until told to stop; a message under way is finished first.
    ///
    /// # Errors
    /// When the ledger takes no more: the daemon must be restarted.
    pub async fn run(self, mut stop: watch::Receiver<bool>) -> Result<(), LedgerError> {
        let mut last_sent: Option<Instant> = None;
        let mut aside: BTreeSet<i64> = BTreeSet::new();
        let mut quiet_until: Option<HostTime> = None;
        loop {
            if *stop.borrow() {
                return Ok(());
            }
            // Asked for before the look, so that a hint during it is not lost.
            let hinted = self.wake.alerts.notified();
            tokio::pin!(hinted);
            hinted.as_mut().enable();
            self.mind_the_quiet(&mut quiet_until);
            let head = match self.head(&aside, quiet_until).await {
                Ok(head) => head,
                Err(error) if error.is_passing() => None,
                Err(LedgerError::Rejected { what }) => {
                    self.refused("its messages", &what).await;
                    None
                }
                Err(error) => return Err(error),
            };
            let Some(due) = head else {
                let wait = self.next_look(quiet_until).await;
                tokio::select! {
                    biased;
                    _ = stop.wait_for(|stop| *stop) => return Ok(()),
                    () = hinted => {}
                    () = tokio::time::sleep(wait) => {}
                }
                continue;
            };
            if let Some(last) = last_sent {
                let rest = self.channel.pace().saturating_sub(last.elapsed());
                tokio::select! {
                    biased;
                    _ = stop.wait_for(|stop| *stop) => return Ok(()),
                    () = tokio::time::sleep(rest) => {}
                }
            }
            match self.deliver(&due).await {
                // Sent or not, it cannot be recorded: sent again and again it would be a flood, so it
                // waits for the next start.
                Err(LedgerError::Rejected { what }) => {
                    aside.insert(due.row.id);
                    self.refused(&format!("message {}", due.row.id), &what)
                        .await;
                }
                done => done?,
            }
            last_sent = Some(Instant::now());
        }
    }

    /// Whether it is quiet now, which is said once for each time.
    fn mind_the_quiet(&self, until: &mut Option<HostTime>) {
        let now = self.patience.quiet_until(self.clock.now());
        if let Some(end) = now
            && until.is_none()
        {
            let channel = self.channel.name();
            tracing::info!(event = "quiet_hours", %channel, until = %end, "what is not urgent waits until then");
        }
        *until = now;
    }

    /// What is sent next, if anything may be sent now, leaving out what was set aside.
    async fn head(
        &self,
        aside: &BTreeSet<i64>,
        quiet_until: Option<HostTime>,
    ) -> Result<Option<Due>, LedgerError> {
        let (channel, now) = (self.channel.name().clone(), self.clock.now());
        let least = self.patience.breaks_through();
        let due = self
            .ledger
            .read(move |reader| {
                if quiet_until.is_some() {
                    reader.outbox_due_in_quiet(&channel, now, least)
                } else {
                    reader.outbox_due(&channel, now)
                }
            })
            .await?;
        let mut due = due.into_iter().filter(|row| !aside.contains(&row.id));
        let Some(row) = due.next() else {
            return Ok(None);
        };
        if quiet_until.is_none() && self.patience.holds(&row, now).is_some() {
            let gathered = self.gathered(aside, now).await?;
            // Edits before the first one that is held go first: nothing overtakes.
            if let Some(Gathered { row, ids }) = gathered {
                return Ok(Some(Due { row, told: ids }));
            }
        }
        Ok(Some(Due {
            row,
            told: Vec::new(),
        }))
    }

    /// What is held of everything that waits.
    async fn gathered(
        &self,
        aside: &BTreeSet<i64>,
        now: HostTime,
    ) -> Result<Option<Gathered>, LedgerError> {
        let channel = self.channel.name().clone();
        let mut waiting = self
            .ledger
            .read(move |reader| reader.outbox_waiting(&channel))
            .await?;
        waiting.retain(|row| !aside.contains(&row.id));
        Ok(gather(self.channel.name(), waiting, &self.patience, now))
    }

    async fn refused(&self, what: &str, why: &str) {
        let about = format!("channel {}, {what}", self.channel.name());
        self.voice.request_refused(&about, why).await;
    }

    /// When the first waiting message may be tried.
    async fn next_look(&self, quiet_until: Option<HostTime>) -> Duration {
        if let Some(end) = quiet_until {
            return end
                .since(self.clock.now())
                .clamp(Duration::from_millis(5), IDLE);
        }
        let channel = self.channel.name().clone();
        let pending = self
            .ledger
            .read(move |reader| {
                Ok(reader
                    .outbox_channels_pending()?
                    .into_iter()
                    .find(|pending| pending.channel == channel))
            })
            .await;
        match pending {
            Ok(Some(pending)) => pending
                .next_at
                .since(self.clock.now())
                .clamp(Duration::from_millis(5), IDLE),
            _ => IDLE,
        }
    }

    async fn deliver(&self, due: &Due) -> Result<(), LedgerError> {
        let row = &due.row;
        let rendered = self.format(row).await;
        let mut outgoing = outgoing(&row.alert, rendered);
        let mut outcome = self.send(row, &outgoing).await;
        if let Err(ChannelError::Markup { what }) = &outcome {
            tracing::warn!(event = "markup_refused", channel = %self.channel.name(), error = what, "sent once more as plain text");
            outgoing = as_plain(&row.alert, outgoing);
            outcome = self.send(row, &outgoing).await;
        }
        self.settle(due, &outgoing, &outcome).await
    }

    /// Records what became of a message, until the ledger takes it: what was sent is not sent again
    /// because a disk is full. Told to stop or not, because a successor would send it again as well.
    async fn settle(
        &self,
        due: &Due,
        outgoing: &Outgoing,
        outcome: &Result<Receipt, ChannelError>,
    ) -> Result<(), LedgerError> {
        let mut tries = 0u32;
        loop {
            match self.record(due, outgoing, outcome).await {
                Err(error) if error.is_passing() => {
                    self.voice.ledger_waits(&error);
                    tries = tries.saturating_add(1).min(RECORD_BACKOFF_TRIES_MAX);
                    tokio::time::sleep(BACKOFF.after(tries, due.row.id.unsigned_abs())).await;
                }
                done => return done,
            }
        }
    }

    async fn send(&self, row: &OutboxRow, outgoing: &Outgoing) -> Result<Receipt, ChannelError> {
        match &row.message_id {
            Some(message_id) if self.channel.can_edit() => {
                self.channel.edit(message_id, outgoing).await
            }
            _ => self.channel.send(outgoing).await,
        }
    }

    async fn record(
        &self,
        due: &Due,
        outgoing: &Outgoing,
        outcome: &Result<Receipt, ChannelError>,
    ) -> Result<(), LedgerError> {
        let (now, channel, row) = (self.clock.now(), self.channel.name(), &due.row);
        let is_over = !matches!(
            outcome,
            Err(ChannelError::Wait { .. } | ChannelError::Retry { .. })
        );
        if is_over && !due.told.is_empty() {
            self.ledger
                .outbox_digest(due.told.clone(), row.alert.clone(), now)
                .await?;
        }
        match outcome {
            Ok(receipt) => {
                let text = match &outgoing.rendered {
                    Rendered::Rich(message) => message.to_string(),
                    Rendered::Raw { json, .. } => json.clone(),
                };
                for since in [&self.refusing_since, &self.failing_since] {
                    *since.lock().unwrap_or_else(PoisonError::into_inner) = None;
                }
                let message_id = receipt
                    .message_id
                    .clone()
                    .or_else(|| row.message_id.clone());
                self.ledger
                    .outbox_sent(row.id, message_id, text, now)
                    .await?;
                tracing::info!(event = "alert_sent", %channel, kind = %row.alert.kind(), identity = row.alert.identity,
                    revision = row.alert.revision, attempts = row.attempts + 1, alerts = due.told.len().max(1), "sent");
                if let Some(notice) = &receipt.notice {
                    self.voice.receiver_says(channel, notice).await;
                }
            }
            Err(ChannelError::Wait { after, what }) => {
                self.put_off(row, now.plus((*after).min(WAIT_MAX)), what)
                    .await?;
                tracing::warn!(event = "alert_waits", %channel, error = what, after_ms = after.as_millis(), "the receiver asks to wait");
            }
            Err(ChannelError::Retry { what }) if row.attempts < ATTEMPTS_MAX => {
                let failing = *self
                    .failing_since
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .get_or_insert(now);
                if now.since(failing) > self.patience.backlog_after {
                    // The message that waits is the same after a restart: it is told once for it.
                    let since = row.queued_at.max(failing);
                    self.voice
                        .channel_unreachable(channel, row.queued_at, since, what)
                        .await;
                }
                let after = BACKOFF.after(row.attempts.saturating_add(1), row.id.unsigned_abs());
                self.put_off(row, now.plus(after), what).await?;
                tracing::warn!(event = "alert_waits", %channel, error = what, after_ms = after.as_millis(), attempts = row.attempts + 1, "tried again later");
            }
            Err(ChannelError::Dead { what, remedy }) => self.bury(row, what, remedy, now).await?,
            Err(ChannelError::Markup { what } | ChannelError::Retry { what }) => {
                self.bury(row, what, "look at the receiver, then send it again", now)
                    .await?;
            }
        }
        Ok(())
    }

    async fn put_off(
        &self,
        row: &OutboxRow,
        next_at: HostTime,
        what: &str,
    ) -> Result<(), LedgerError> {
        self.ledger
            .outbox_retry(row.id, next_at, what.to_owned())
            .await
            .map(|_| ())
    }

    async fn bury(
        &self,
        row: &OutboxRow,
        what: &str,
        remedy: &str,
        now: HostTime,
    ) -> Result<(), LedgerError> {
        let channel = self.channel.name();
        self.ledger
            .outbox_dead(row.id, what.to_owned(), now)
            .await?;
        tracing::error!(event = "alert_dead", %channel, identity = row.alert.identity, error = what, remedy, "a dead letter");
        let since = *self
            .refusing_since
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get_or_insert(now);
        self.voice.dead_letter(channel, since, what, remedy).await;
        Ok(())
    }

    /// The formatter's message, or the host's plain words with the reason.
    async fn format(&self, row: &OutboxRow) -> Rendered {
        let target = Target {
            channel: self.channel.name().clone(),
            kind: self.channel.kind().to_owned(),
            limits: *self.channel.limits(),
            edits: row.message_id.is_some() && self.channel.can_edit(),
        };
        let (plugins, formatter) = (Arc::clone(&self.plugins), self.formatter.clone());
        let (alert, now) = (row.alert.clone(), self.clock.now());
        let kind = self.channel.kind();
        let formatted =
            tokio::task::spawn_blocking(move || plugins.format(&formatter, &alert, &target, now))
                .await;
        let reason = match formatted {
            Ok(Ok(answered)) => match answered.answer {
                Rendered::Raw { channel_kind, .. } if channel_kind != kind => {
                    format!(
                        "formatter {} made a payload for {channel_kind}",
                        self.formatter
                    )
                }
                rendered => return rendered,
            },
            Ok(Err(failure)) => {
                if let Some(rolled_back) = &failure.rolled_back {
                    self.voice.plugin_rolled_back(rolled_back).await;
                } else if let Turn::SetAside { until } = failure.turn {
                    self.voice
                        .plugin_set_aside(failure.name.as_str(), until, &failure.error.to_string())
                        .await;
                }
                format!("formatter {}: {}", self.formatter, failure.error)
            }
            Err(_) => format!("formatter {} broke off", self.formatter),
        };
        tracing::warn!(event = "plugin_failed", plugin = %self.formatter, error = reason, "plain words are sent");
        Rendered::Rich(plain::message(&row.alert, Some(&reason)))
    }
}

/// What goes out for an alert.
#[must_use]
pub fn outgoing(alert: &Alert, rendered: Rendered) -> Outgoing {
    Outgoing {
        idempotency_key: format!("{}#{}", alert.identity, alert.revision),
        kind: alert.kind(),
        severity: alert.severity,
        rendered,
        alert_json: serde_json::to_string(alert).unwrap_or_default(),
        as_plain: false,
    }
}

/// The same without markup. A payload of a formatter's own has none that could be left out: the host's
/// plain words stand in for it.
#[must_use]
pub fn as_plain(alert: &Alert, refused: Outgoing) -> Outgoing {
    let rendered = match refused.rendered {
        Rendered::Rich(message) => Rendered::Rich(message),
        Rendered::Raw { .. } => Rendered::Rich(plain::message(
            alert,
            Some("the receiver refused what the formatter made"),
        )),
    };
    Outgoing {
        rendered,
        as_plain: true,
        ..refused
    }
}
