//! Whose round is next, where many accounts share one network address.
//!
//! A venue counts the requests of all accounts of an address together, so with hundreds of accounts
//! the rounds stand in line. The one that has waited longest for a whole round goes first: an account
//! that lags catches up before one that was just read is read again. Long rounds (a first start, the
//! end of an outage) take at most half of the turns, so that they cannot keep the present from being
//! read. The pace of single requests is the adapter's.

use fillsync_core::time::HostTime;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

/// Rounds that may be under way at once at one address. With three requests a round and half a second
/// for each, this is about what Bybit's 600 requests per 5 s allow.
pub const ROUNDS_AT_ONCE_MAX: usize = 48;

/// The line at one address.
#[derive(Debug)]
pub struct Turns {
    line: Mutex<Line>,
}

#[derive(Debug)]
struct Line {
    at_once_max: usize,
    running: usize,
    running_long: usize,
    tickets: u64,
    waiting: BTreeMap<Place, oneshot::Sender<()>>,
}

/// Who waited longest for a whole round is first; of two, who came first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    read_at: HostTime,
    ticket: u64,
    is_long: bool,
}

impl Line {
    fn has_room(&self, is_long: bool) -> bool {
        self.running < self.at_once_max
            && (!is_long || self.running_long < (self.at_once_max / 2).max(1))
    }

    fn enter(&mut self, is_long: bool) {
        self.running += 1;
        self.running_long += usize::from(is_long);
    }

    fn leave(&mut self, is_long: bool) {
        self.running -= 1;
        self.running_long -= usize::from(is_long);
    }

    /// Lets in whoever has room, the first of the line first.
    fn call(&mut self) {
        while let Some(place) = self
            .waiting
            .keys()
            .find(|place| self.has_room(place.is_long))
            .copied()
        {
            let Some(waiter) = self.waiting.remove(&place) else {
                return;
            };
            // Who no longer waits needs no turn.
            if waiter.send(()).is_ok() {
                self.enter(place.is_long);
            }
        }
    }
}

/// A turn; it ends when this is dropped.
#[derive(Debug)]
pub struct Turn {
    turns: Arc<Turns>,
    is_long: bool,
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut line = self.turns.line();
        line.leave(self.is_long);
        line.call();
    }
}

/// A place in the line; whoever gives it up after being called gives the turn back.
struct Waiting {
    turns: Arc<Turns>,
    place: Place,
    called: oneshot::Receiver<()>,
    is_served: bool,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if self.is_served {
            return;
        }
        let mut line = self.turns.line();
        if line.waiting.remove(&self.place).is_none() && self.called.try_recv().is_ok() {
            line.leave(self.place.is_long);
            line.call();
        }
    }
}

impl Turns {
    /// A line with so many turns at once.
    #[must_use]
    pub fn new(at_once_max: usize) -> Arc<Self> {
        Arc::new(Self {
            line: Mutex::new(Line {
                at_once_max: at_once_max.max(1),
                running: 0,
                running_long: 0,
                tickets: 0,
                waiting: BTreeMap::new(),
            }),
        })
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a turn. `read_at` is when the account's last whole round ended, or when it was first
    /// asked for; `is_long` says that much is to be read. Dropping the future gives the place up.
    pub async fn take(self: &Arc<Self>, read_at: HostTime, is_long: bool) -> Turn {
        let (call, called) = oneshot::channel();
        let mut waiting = {
            let mut line = self.line();
            line.tickets += 1;
            let place = Place {
                read_at,
                ticket: line.tickets,
                is_long,
            };
            line.waiting.insert(place, call);
            line.call();
            Waiting {
                turns: Arc::clone(self),
                place,
                called,
                is_served: false,
            }
        };
        // The sender is dropped only after it was used, so this cannot fail.
        let _ = (&mut waiting.called).await;
        waiting.is_served = true;
        Turn {
            turns: Arc::clone(self),
            is_long,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::task::Poll;

    fn at(s: i64) -> HostTime {
        HostTime::from_us(s * 1_000_000)
    }

    async fn is_waiting<F: Future + Unpin>(future: &mut F) -> bool {
        std::future::poll_fn(|context| {
            Poll::Ready(std::pin::Pin::new(&mut *future).poll(context).is_pending())
        })
        .await
    }

    #[tokio::test]
    async fn the_account_that_lags_most_is_next() {
        let turns = Turns::new(1);
        let first = turns.take(at(1), false).await;
        let mut fresh = Box::pin(turns.take(at(90), false));
        let mut lagging = Box::pin(turns.take(at(10), false));
        assert!(is_waiting(&mut fresh).await && is_waiting(&mut lagging).await);
        drop(first);
        let turn = lagging.await;
        assert!(is_waiting(&mut fresh).await, "two turns where there is one");
        drop(turn);
        fresh.await;
    }

    #[tokio::test]
    async fn long_rounds_leave_half_of_the_turns_to_the_present() {
        let turns = Turns::new(2);
        let _catching_up = turns.take(at(0), true).await;
        let mut also = Box::pin(turns.take(at(0), true));
        assert!(is_waiting(&mut also).await);
        let _present = turns.take(at(100), false).await;
        assert!(is_waiting(&mut also).await);
    }

    #[tokio::test]
    async fn who_gives_up_costs_nobody_a_turn() {
        let turns = Turns::new(1);
        let first = turns.take(at(1), false).await;
        let mut gone = Box::pin(turns.take(at(2), false));
        let mut called = Box::pin(turns.take(at(3), false));
        let mut last = Box::pin(turns.take(at(4), false));
        for future in [&mut gone, &mut called, &mut last] {
            assert!(is_waiting(future).await);
        }
        drop(gone);
        drop(first);
        // It has been called, and never looks.
        drop(called);
        last.await;
        assert_eq!(turns.line().running, 0);
        assert!(turns.line().waiting.is_empty());
    }
}
