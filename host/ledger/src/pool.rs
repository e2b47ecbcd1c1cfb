//! Readers on threads of their own, so that no runtime thread ever waits for the disk.
//!
//! Each question is answered inside one read transaction: whatever it asks, it sees one moment.

use crate::error::LedgerError;
use crate::reader::Reader;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{mpsc, oneshot};

/// Reader threads.
const READERS: usize = 2;

/// The most questions that wait; who comes later waits to be let in.
const QUESTIONS_MAX: usize = 256;

type Question = Box<dyn FnOnce(&Reader) + Send>;

#[derive(Debug)]
pub(crate) struct ReaderPool {
    queue: mpsc::Sender<Question>,
}

impl ReaderPool {
    pub(crate) fn start(path: &Path) -> Result<Self, LedgerError> {
        let (queue, questions) = mpsc::channel::<Question>(QUESTIONS_MAX);
        let questions = Arc::new(Mutex::new(questions));
        for index in 0..READERS {
            let reader = Reader::open(path)?;
            let questions = Arc::clone(&questions);
            std::thread::Builder::new()
                .name(format!("ledger-reader-{index}"))
                .spawn(move || {
                    loop {
                        // The lock is held only while waiting: the next reader then waits in its turn.
                        let next = questions
                            .lock()
                            .unwrap_or_else(PoisonError::into_inner)
                            .blocking_recv();
                        let Some(question) = next else { break };
                        question(&reader);
                    }
                })
                .map_err(|error| LedgerError::Unusable {
                    path: path.display().to_string(),
                    what: error.to_string(),
                })?;
        }
        Ok(Self { queue })
    }

    /// Asks within one read transaction.
    pub(crate) async fn ask<T, F>(&self, question: F) -> Result<T, LedgerError>
    where
        T: Send + 'static,
        F: FnOnce(&Reader) -> Result<T, LedgerError> + Send + 'static,
    {
        self.ask_raw(move |reader| reader.at_one_moment(question))
            .await
    }

    /// Asks outside any transaction.
    pub(crate) async fn ask_raw<T, F>(&self, question: F) -> Result<T, LedgerError>
    where
        T: Send + 'static,
        F: FnOnce(&Reader) -> Result<T, LedgerError> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let boxed: Question = Box::new(move |reader| {
            let _ = reply.send(question(reader));
        });
        self.queue
            .send(boxed)
            .await
            .map_err(|_| LedgerError::Closed)?;
        answer.await.map_err(|_| LedgerError::Closed)?
    }
}
