//! The ledger as the daemon holds it: one writer thread, a few reader threads, one lock.
//!
//! Every write is one request to the writer and comes back when it is on the disk. Every read is a
//! closure over a [`Reader`], which sees one moment of the ledger. Cloning a [`Ledger`] is cheap;
//! the threads end when the last clone is gone and the queue is empty.

use crate::decisions::{AlertRow, Committed, Decisions, EventRow, PluginEventRow};
use crate::error::LedgerError;
use crate::facts::{Inferred, PageRecord, Recorded};
use crate::lock::LedgerLock;
use crate::open;
use crate::pool::ReaderPool;
use crate::reader::Reader;
use crate::rows::Again;
use crate::write;
use crate::writer::{Desk, Writer};
use fillsync_core::alert::Alert;
use fillsync_core::coverage::Window;
use fillsync_core::id::{AccountName, Category, ChannelName, OrderId, Symbol};
use fillsync_core::time::{HostTime, VenueTime};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The one ledger of a daemon.
#[derive(Debug, Clone)]
pub struct Ledger {
    writer: Writer,
    readers: Arc<ReaderPool>,
    path: Arc<PathBuf>,
}

impl Ledger {
    /// Opens the ledger for writing; makes it where there is none, and brings an older schema up.
    ///
    /// # Errors
    /// [`LedgerError::Locked`], [`LedgerError::Newer`], [`LedgerError::Foreign`],
    /// [`LedgerError::Damaged`] and [`LedgerError::Unusable`]; in each of these cases the file is
    /// left as it is.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, LedgerError> {
        let path = path.as_ref();
        let lock = LedgerLock::take(path)?;
        let connection = open::writer(path)?;
        let writer = Writer::start(Desk::new(connection, path), lock)?;
        let readers = Arc::new(ReaderPool::start(path)?);
        Ok(Self {
            writer,
            readers,
            path: Arc::new(path.to_owned()),
        })
    }

    /// The database file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Why the ledger takes no more writes, if it does not.
    #[must_use]
    pub fn poisoned(&self) -> Option<String> {
        self.writer.poisoned()
    }

    /// Writes one page with everything that it proves, in one transaction.
    ///
    /// # Errors
    /// When nothing of it was written; the variant says what to do.
    pub async fn record(&self, record: PageRecord) -> Result<Recorded, LedgerError> {
        let rows = record.executions.len().saturating_add(record.orders.len());
        self.writer
            .submit_rows(rows.max(1), move |desk| write::record(desk, &record))
            .await
    }

    /// Notes that the venue was asked for an order and no longer has it.
    ///
    /// # Errors
    /// When it was not written; the variant says what to do.
    pub async fn order_gone(
        &self,
        account: AccountName,
        category: Category,
        symbol: Symbol,
        order_id: OrderId,
        at: VenueTime,
    ) -> Result<(), LedgerError> {
        self.writer
            .submit(move |desk| {
                write::order_gone(desk, &account, &category, &symbol, &order_id, at)
            })
            .await
    }

    /// Lets a row stand in for what a stored order filled beyond what its rows show: at the order's own
    /// time, at the price that brings its average out. It gives way to real rows as they come. Asking
    /// once more changes nothing.
    ///
    /// # Errors
    /// When it was not written; the variant says what to do.
    pub async fn infer(
        &self,
        account: AccountName,
        category: Category,
        symbol: Symbol,
        order_id: OrderId,
        at: HostTime,
    ) -> Result<Inferred, LedgerError> {
        self.writer
            .submit(move |desk| write::infer(desk, &account, &category, &symbol, &order_id, at))
            .await
    }

    /// Notes that the venue can no longer serve a gap: it is not to be tried again. True where
    /// that was not known yet: it is said once.
    ///
    /// # Errors
    /// When it was not written; the variant says what to do.
    pub async fn gap_unfillable(
        &self,
        account: AccountName,
        category: Category,
        window: Window,
    ) -> Result<bool, LedgerError> {
        self.writer
            .submit(move |desk| write::gap_unfillable(desk, &account, &category, window))
            .await
    }

    /// Writes decisions with everything that follows from them, in one transaction. Writing the
    /// same once more changes nothing.
    ///
    /// # Errors
    /// When nothing of it was written; the variant says what to do.
    pub async fn commit(&self, decisions: Decisions) -> Result<Committed, LedgerError> {
        self.writer
            .submit(move |desk| write::commit(desk, &decisions))
            .await
    }

    /// Writes alerts that come from no decision. Writing the same once more changes nothing.
    ///
    /// # Errors
    /// When nothing of it was written; the variant says what to do.
    pub async fn raise(
        &self,
        alerts: Vec<AlertRow>,
        at: HostTime,
    ) -> Result<Committed, LedgerError> {
        self.writer
            .submit(move |desk| write::raise(desk, &alerts, at))
            .await
    }

    /// Writes named events; the oldest give way beyond [`crate::EVENTS_MAX`].
    ///
    /// # Errors
    /// When nothing of it was written; the variant says what to do.
    pub async fn log_events(&self, events: Vec<EventRow>) -> Result<(), LedgerError> {
        self.writer
            .submit(move |desk| write::log_events(desk, &events))
            .await
    }

    /// Writes what happened to a plugin; the oldest give way beyond [`crate::PLUGIN_EVENTS_MAX`].
    ///
    /// # Errors
    /// When it was not written; the variant says what to do.
    pub async fn log_plugin_event(&self, event: PluginEventRow) -> Result<(), LedgerError> {
        self.writer
            .submit(move |desk| write::log_plugin_event(desk, &event))
            .await
    }

    /// Records that a message was taken. True when the row waited, false when that was known.
    ///
    /// # Errors
    /// When it was not written; the variant says what to do.
    pub async fn outbox_sent(
        &self,
        id: i64,
        message_id: Option<String>,
        text: String,
        at: HostTime,
    ) -> Result<bool, LedgerError> {
        self.writer
            .submit(move |desk| write::outbox_sent(desk, id, message_id.as_deref(), &text, at))
            .await
    }

    /// Puts a message off. False when it no longer waits.
    ///
    /// # Errors
    /// When it was not written; the variant says what to do.
    pub async fn outbox_retry(
        &self,
        id: i64,
        next_at: HostTime,
        error: String,
    ) -> Result<bool, LedgerError> {
        self.writer
            .submit(move |desk| write::outbox_retry(desk, id, next_at, &error))
            .await
    }

    /// Gives a message up: a dead letter, which stays visible. False when it no longer waits.
    ///
    /// # Errors
    /// When it was not written; the variant says what to do.
    pub async fn outbox_dead(
        &self,
        id: i64,
        error: String,
        at: HostTime,
    ) -> Result<bool, LedgerError> {
        self.writer
            .submit(move |desk| write::outbox_dead(desk, id, &error, at))
            .await
    }

    /// Records that these messages of a channel, the first of them first, are told in one. The digest
    /// takes the first one's place and number, and waits to be recorded as sent like any other.
    ///
    /// # Errors
    /// When it was not written; the variant says what to do.
    pub async fn outbox_digest(
        &self,
        ids: Vec<i64>,
        digest: Alert,
        at: HostTime,
    ) -> Result<(), LedgerError> {
        self.writer
            .submit(move |desk| write::outbox_digest(desk, &ids, &digest, at))
            .await
    }

    /// Puts an alert's dead letters back in line: those of one channel, or of all. `alert` is its number
    /// in `/alerts`.
    ///
    /// # Errors
    /// [`LedgerError::Rejected`] when there is no such message; else as for every write.
    pub async fn outbox_again(
        &self,
        alert: i64,
        channel: Option<ChannelName>,
        at: HostTime,
    ) -> Result<Vec<Again>, LedgerError> {
        self.writer
            .submit(move |desk| write::outbox_again(&desk.connection, alert, channel.as_ref(), at))
            .await
    }

    /// Reads at one moment of the ledger, on a reader's thread.
    ///
    /// # Errors
    /// What the closure gives, or [`LedgerError::Closed`].
    pub async fn read<T, F>(&self, question: F) -> Result<T, LedgerError>
    where
        T: Send + 'static,
        F: FnOnce(&Reader) -> Result<T, LedgerError> + Send + 'static,
    {
        self.readers.ask(question).await
    }

    /// Writes a whole copy of the ledger to a new file.
    ///
    /// # Errors
    /// When the file exists or cannot be written.
    pub async fn backup_into(&self, path: PathBuf) -> Result<(), LedgerError> {
        self.readers
            .ask_raw(move |reader| reader.backup_into(&path))
            .await
    }

    /// Waits until everything that was asked for before is on the disk.
    ///
    /// # Errors
    /// When the ledger is closed or poisoned.
    pub async fn flush(&self) -> Result<(), LedgerError> {
        self.writer.submit(|_| Ok(())).await
    }

    /// Waits until everything is on the disk and the file is free for another daemon. Other clones of
    /// this ledger must be gone, or it waits for them.
    pub async fn close(self) {
        let Self {
            writer, readers, ..
        } = self;
        drop(readers);
        writer.close().await;
    }

    #[cfg(test)]
    pub(crate) const fn writer(&self) -> &Writer {
        &self.writer
    }
}

/// As [`Ledger::outbox_again`], beside a daemon that may run: it sees the messages at its next look.
///
/// # Errors
/// As [`Reader::open`], and when the ledger stays busy.
pub fn send_again(
    path: impl AsRef<Path>,
    alert: i64,
    channel: Option<&ChannelName>,
    at: HostTime,
) -> Result<Vec<Again>, LedgerError> {
    let mut connection = open::beside_writer(path.as_ref())?;
    let transaction =
        connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let done = write::outbox_again(&transaction, alert, channel, at)?;
    transaction.commit()?;
    Ok(done)
}
