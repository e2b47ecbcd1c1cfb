//! The writer: one thread, one connection, group commit.
//!
//! It takes what waits (at most [`BATCH_MAX`] requests of [`BATCH_ROWS_MAX`] rows), runs each in a
//! savepoint of one transaction, commits with `synchronous=FULL`, and only then answers all of them. A
//! request that fails takes nothing of the others with it; one that is alone needs no savepoint, which
//! would copy every page that it changes. After an I/O error nothing more is written: whether the disk
//! holds what it should is then unknown, and the next start finds out.

use crate::error::LedgerError;
use crate::lock::LedgerLock;
use crate::open;
use crate::write::markets::MarketCache;
use rusqlite::Connection;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use tokio::sync::{mpsc, oneshot, watch};

/// The most requests that wait; who comes later waits to be let in.
pub(crate) const QUEUE_MAX: usize = 256;

/// The most requests of one transaction.
pub(crate) const BATCH_MAX: usize = 64;

/// The most rows of one transaction of several requests; a request of more has one of its own. What
/// a savepoint keeps to take back grows with the rows, and is walked for every statement.
pub(crate) const BATCH_ROWS_MAX: usize = 256;

/// What a request works with.
pub(crate) struct Desk {
    pub(crate) connection: Connection,
    /// Whether the transaction holds one request only, so that it can be taken back whole.
    is_alone: bool,
    pub(crate) markets: MarketCache,
    pub(crate) path: PathBuf,
    /// How a transaction is made durable; tests plant errors here.
    pub(crate) commit: fn(&Connection) -> rusqlite::Result<()>,
}

impl Desk {
    pub(crate) fn new(connection: Connection, path: &Path) -> Self {
        Self {
            connection,
            is_alone: false,
            markets: MarketCache::default(),
            path: path.to_owned(),
            commit: |connection| connection.execute_batch("COMMIT"),
        }
    }
}

type Answer = Box<dyn FnOnce(Result<(), LedgerError>) + Send>;
type Work = Box<dyn FnOnce(Result<&mut Desk, LedgerError>) -> Answer + Send>;

/// A request with its weight in rows.
struct Job {
    work: Work,
    rows: usize,
}

/// The queue to the writer's thread.
#[derive(Debug, Clone)]
pub(crate) struct Writer {
    queue: mpsc::Sender<Job>,
    poison: Arc<OnceLock<String>>,
    ended: watch::Receiver<()>,
}

impl Writer {
    /// Starts the thread, which holds the lock until it ends.
    pub(crate) fn start(desk: Desk, lock: LedgerLock) -> Result<Self, LedgerError> {
        let (queue, jobs) = mpsc::channel(QUEUE_MAX);
        let poison = Arc::new(OnceLock::new());
        let latch = Arc::clone(&poison);
        let path = desk.path.display().to_string();
        let (ending, ended) = watch::channel(());
        std::thread::Builder::new()
            .name("ledger-writer".to_owned())
            .spawn(move || {
                run(desk, jobs, &latch);
                drop(lock);
                drop(ending);
            })
            .map_err(|error| LedgerError::Unusable {
                path,
                what: error.to_string(),
            })?;
        Ok(Self {
            queue,
            poison,
            ended,
        })
    }

    pub(crate) fn poisoned(&self) -> Option<String> {
        self.poison.get().cloned()
    }

    /// Lets go of the queue and waits until the thread has ended, and with it the lock. Other clones
    /// keep the thread alive.
    pub(crate) async fn close(self) {
        let Self {
            queue, mut ended, ..
        } = self;
        drop(queue);
        // The sender says nothing; that it is gone is the news.
        while ended.changed().await.is_ok() {}
    }

    /// Hands a small request in and waits until it is on the disk.
    pub(crate) async fn submit<T, F>(&self, work: F) -> Result<T, LedgerError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Desk) -> Result<T, LedgerError> + Send + 'static,
    {
        self.submit_rows(1, work).await
    }

    /// Hands a request of so many rows in and waits until it is on the disk.
    pub(crate) async fn submit_rows<T, F>(&self, rows: usize, work: F) -> Result<T, LedgerError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Desk) -> Result<T, LedgerError> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let poison = Arc::clone(&self.poison);
        let work: Work = Box::new(move |desk| {
            let outcome = desk.and_then(|desk| in_savepoint(desk, work));
            if let Err(LedgerError::Poisoned { cause }) = &outcome {
                let _ = poison.set(cause.clone());
            }
            Box::new(move |committed| {
                // Nobody may be waiting any more; the request is done all the same.
                let _ = reply.send(outcome.and_then(|value| committed.map(|()| value)));
            })
        });
        self.queue
            .send(Job { work, rows })
            .await
            .map_err(|_| LedgerError::Closed)?;
        answer.await.map_err(|_| LedgerError::Closed)?
    }
}

fn in_savepoint<T>(
    desk: &mut Desk,
    work: impl FnOnce(&mut Desk) -> Result<T, LedgerError>,
) -> Result<T, LedgerError> {
    let is_alone = desk.is_alone;
    if !is_alone {
        desk.connection.execute_batch("SAVEPOINT request")?;
    }
    match work(desk) {
        Ok(value) => {
            if !is_alone {
                desk.connection.execute_batch("RELEASE request")?;
            }
            Ok(value)
        }
        Err(error) => {
            // What the cache learned from this request is not true any more.
            desk.markets.forget();
            if !desk.connection.is_autocommit() {
                desk.connection.execute_batch(if is_alone {
                    "ROLLBACK"
                } else {
                    "ROLLBACK TO request; RELEASE request"
                })?;
            }
            Err(error)
        }
    }
}

fn run(mut desk: Desk, mut jobs: mpsc::Receiver<Job>, poison: &OnceLock<String>) {
    let mut next = None;
    while let Some(first) = next.take().or_else(|| jobs.blocking_recv()) {
        let mut rows = first.rows;
        let mut batch = vec![first];
        while batch.len() < BATCH_MAX {
            let Ok(job) = jobs.try_recv() else { break };
            rows = rows.saturating_add(job.rows);
            if rows > BATCH_ROWS_MAX {
                next = Some(job);
                break;
            }
            batch.push(job);
        }
        run_batch(&mut desk, batch, poison);
    }
}

fn run_batch(desk: &mut Desk, batch: Vec<Job>, poison: &OnceLock<String>) {
    let was_poisoned = poison.get().is_some();
    let mut answers: Vec<Answer> = Vec::with_capacity(batch.len());
    let begun = begin(desk, poison);
    desk.is_alone = batch.len() == 1;
    for job in batch {
        let turn = begun.clone().and_then(|()| still_open(desk, poison));
        answers.push((job.work)(turn.map(|()| &mut *desk)));
    }
    let outcome = begun.and_then(|()| finish(desk, poison));
    if let Err(error) = &outcome {
        desk.markets.forget();
        if !desk.connection.is_autocommit() {
            let _ = desk.connection.execute_batch("ROLLBACK");
        }
        if let (LedgerError::Poisoned { cause }, false) = (error, was_poisoned) {
            let _ = poison.set(cause.clone());
            open::leave_poison_marker(&desk.path);
            tracing::error!(cause, "the ledger takes no more writes");
        }
    }
    for answer in answers {
        answer(outcome.clone());
    }
}

fn begin(desk: &Desk, poison: &OnceLock<String>) -> Result<(), LedgerError> {
    refuse_poisoned(poison)?;
    desk.connection
        .execute_batch("BEGIN IMMEDIATE")
        .map_err(LedgerError::from)
}

fn refuse_poisoned(poison: &OnceLock<String>) -> Result<(), LedgerError> {
    match poison.get() {
        Some(cause) => Err(LedgerError::Poisoned {
            cause: cause.clone(),
        }),
        None => Ok(()),
    }
}

/// After some failures (a full disk) SQLite takes the whole transaction back by itself.
fn still_open(desk: &Desk, poison: &OnceLock<String>) -> Result<(), LedgerError> {
    refuse_poisoned(poison)?;
    if desk.connection.is_autocommit() {
        return Err(LedgerError::Busy {
            what: "the transaction was taken back because another request in it failed".to_owned(),
        });
    }
    Ok(())
}

fn finish(desk: &Desk, poison: &OnceLock<String>) -> Result<(), LedgerError> {
    still_open(desk, poison)?;
    (desk.commit)(&desk.connection).map_err(LedgerError::from)
}
