//! One channel's deliveries: the outbox's head, formatted, sent, recorded; then the next.
//!
//! Nothing overtakes within a channel, and no channel waits for another. A message is recorded as
//! sent after the receiver took it, so a crash in between repeats it once, with the same key for the
//! receiver to drop it by (law 11). When a formatter fails the host's plain words go out instead
//! (law 8). A receiver that says "wait" is waited for exactly so long; one that says "never" makes a
//! dead letter, which is told to the other channels.

use crate::drive::wake::Wake;
use crate::telemetry::Voice;
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
    /// Since when the receiver refuses messages.
    pub refusing_since: Mutex<Option<HostTime>>,
}

impl Deliverer {
    /// Delivers until told to stop; a message under way is finished first.
    ///
    /// # Errors
    /// When the ledger takes no more: the daemon must be restarted.
    pub async fn run(self, mut stop: watch::Receiver<bool>) -> Result<(), LedgerError> {
        let mut last_sent: Option<Instant> = None;
        let mut aside: BTreeSet<i64> = BTreeSet::new();
        loop {
            if *stop.borrow() {
                return Ok(());
            }
            // Asked for before the look, so that a hint during it is not lost.
            let hinted = self.wake.alerts.notified();
            tokio::pin!(hinted);
            hinted.as_mut().enable();
            let head = match self.head(&aside).await {
                Ok(head) => head,
                Err(error) if error.is_passing() => None,
                Err(LedgerError::Rejected { what }) => {
                    self.refused("its messages", &what).await;
                    None
                }
                Err(error) => return Err(error),
            };
            let Some(row) = head else {
                let wait = self.next_look().await;
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
            match self.deliver(&row).await {
                // Sent or not, it cannot be recorded: sent again and again it would be a flood, so it
                // waits for the next start.
                Err(LedgerError::Rejected { what }) => {
                    aside.insert(row.id);
                    self.refused(&format!("message {}", row.id), &what).await;
                }
                done => done?,
            }
            last_sent = Some(Instant::now());
        }
    }

    /// The first message that may be sent now and was not set aside.
    async fn head(&self, aside: &BTreeSet<i64>) -> Result<Option<OutboxRow>, LedgerError> {
        let (channel, now) = (self.channel.name().clone(), self.clock.now());
        let due = self
            .ledger
            .read(move |reader| reader.outbox_due(&channel, now))
            .await?;
        Ok(due.into_iter().find(|row| !aside.contains(&row.id)))
    }

    async fn refused(&self, what: &str, why: &str) {
        let about = format!("channel {}, {what}", self.channel.name());
        self.voice.request_refused(&about, why).await;
    }

    /// When the first waiting message may be tried.
    async fn next_look(&self) -> Duration {
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

    async fn deliver(&self, row: &OutboxRow) -> Result<(), LedgerError> {
        let rendered = self.format(row).await;
        let mut outgoing = Outgoing {
            idempotency_key: format!("{}#{}", row.alert.identity, row.alert.revision),
            kind: row.alert.kind(),
            rendered,
            alert_json: serde_json::to_string(&row.alert).unwrap_or_default(),
            as_plain: false,
        };
        let mut outcome = self.send(row, &outgoing).await;
        if let Err(ChannelError::Markup { what }) = &outcome {
            tracing::warn!(event = "markup_refused", channel = %self.channel.name(), error = what, "sent once more as plain text");
            outgoing.as_plain = true;
            outcome = self.send(row, &outgoing).await;
        }
        self.settle(row, &outgoing, &outcome).await
    }

    /// Records what became of a message, until the ledger takes it: what was sent is not sent again
    /// because a disk is full. Told to stop or not, because a successor would send it again as well.
    async fn settle(
        &self,
        row: &OutboxRow,
        outgoing: &Outgoing,
        outcome: &Result<Receipt, ChannelError>,
    ) -> Result<(), LedgerError> {
        let mut tries = 0u32;
        loop {
            match self.record(row, outgoing, outcome).await {
                Err(error) if error.is_passing() => {
                    self.voice.ledger_waits(&error);
                    tries = tries.saturating_add(1).min(RECORD_BACKOFF_TRIES_MAX);
                    tokio::time::sleep(BACKOFF.after(tries, row.id.unsigned_abs())).await;
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
        row: &OutboxRow,
        outgoing: &Outgoing,
        outcome: &Result<Receipt, ChannelError>,
    ) -> Result<(), LedgerError> {
        let (now, channel) = (self.clock.now(), self.channel.name());
        match outcome {
            Ok(receipt) => {
                let text = match &outgoing.rendered {
                    Rendered::Rich(message) => message.to_string(),
                    Rendered::Raw { json, .. } => json.clone(),
                };
                *self
                    .refusing_since
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner) = None;
                let message_id = receipt
                    .message_id
                    .clone()
                    .or_else(|| row.message_id.clone());
                self.ledger
                    .outbox_sent(row.id, message_id, text, now)
                    .await?;
                tracing::info!(event = "alert_sent", %channel, kind = %row.alert.kind(), identity = row.alert.identity,
                    revision = row.alert.revision, attempts = row.attempts + 1, "sent");
            }
            Err(ChannelError::Wait { after, what }) => {
                self.put_off(row, now.plus((*after).min(WAIT_MAX)), what)
                    .await?;
                tracing::warn!(event = "alert_waits", %channel, error = what, after_ms = after.as_millis(), "the receiver asks to wait");
            }
            Err(ChannelError::Retry { what }) if row.attempts < ATTEMPTS_MAX => {
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
                if let Turn::SetAside { until } = failure.turn {
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
