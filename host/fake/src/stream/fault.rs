//! Faults of streams as data: what happens to single frames, and to the connection in their place.
//!
//! Promise: as for requests, a fault is chosen by the frame alone and consumed in the order in which the faults were
//! added. The frame that a fault touches is one that the venue would have sent: a silent loss is only a loss because
//! the book says otherwise. The handshake is a request like any other and meets the faults of requests.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::fault::FOREVER;
use crate::mix::Mix;

/// What happens instead of, or to, one frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StreamFault {
    /// The frame is not sent, and nothing tells.
    Drop,
    /// The frame is sent twice.
    Duplicate,
    /// The frame and everything behind it wait this long.
    Delay {
        /// Milliseconds.
        ms: u64,
    },
    /// The frame waits this long, and what comes behind overtakes it.
    Late {
        /// Milliseconds.
        ms: u64,
    },
    /// This text is sent instead.
    Instead {
        /// The whole message.
        text: String,
    },
    /// The connection breaks in place of the frame, without a close frame.
    Cut,
    /// The connection is closed in place of the frame.
    Close {
        /// The code of the close frame.
        code: u16,
        /// Its reason.
        reason: String,
    },
    /// The frame is not sent, nor anything after it, not even a pong; the connection stays.
    Silence,
}

/// Which frames a fault touches; the default touches every one, the answers to the client's own messages included.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StreamMatch {
    kind: Option<String>,
    account: Option<String>,
    text_contains: Option<String>,
    skip: u32,
}

impl StreamMatch {
    /// Every frame.
    #[must_use]
    pub fn any() -> Self {
        Self::default()
    }

    /// Only frames of this kind. Bybit: `auth`, `subscribe`, `unsubscribe`, `pong`, or a topic (`execution`, `order`,
    /// `position`). Alpaca: `authorization`, `listening`, `error`, or an event (`new`, `fill`, `partial_fill`,
    /// `canceled`, `replaced`, `trade_bust`, …).
    #[must_use]
    pub fn kind(kind: &str) -> Self {
        Self {
            kind: Some(kind.to_owned()),
            ..Self::default()
        }
    }

    /// Only frames on connections of this account.
    #[must_use]
    pub fn account(mut self, name: &str) -> Self {
        self.account = Some(name.to_owned());
        self
    }

    /// Only frames whose text contains this, for instance an execution's id.
    #[must_use]
    pub fn contains(mut self, text: &str) -> Self {
        self.text_contains = Some(text.to_owned());
        self
    }

    /// Lets the first `count` matching frames pass: the n-th frame is `after(n - 1)`.
    #[must_use]
    pub fn after(mut self, count: u32) -> Self {
        self.skip = count;
        self
    }

    fn covers(&self, frame: &FrameTraits<'_>) -> bool {
        self.kind.as_deref().is_none_or(|kind| frame.kind == kind)
            && self
                .account
                .as_deref()
                .is_none_or(|account| frame.account == Some(account))
            && self
                .text_contains
                .as_deref()
                .is_none_or(|text| frame.text.contains(text))
    }
}

/// What a fault may look at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FrameTraits<'a> {
    pub(crate) kind: &'a str,
    pub(crate) account: Option<&'a str>,
    pub(crate) text: &'a str,
    /// Whether it tells what happened, rather than answers the client.
    pub(crate) is_news: bool,
}

/// The faults of one fake's streams, settable while it runs; clones share them.
#[derive(Clone, Debug, Default)]
pub struct StreamFaults {
    planned: Arc<Mutex<Vec<Planned>>>,
    mix: Arc<Mutex<Option<Mix<StreamFault>>>>,
}

#[derive(Debug)]
struct Planned {
    matches: StreamMatch,
    fault: StreamFault,
    times: u32,
}

impl StreamFaults {
    /// Plans a fault for the next `times` frames that match ([`FOREVER`]: until [`StreamFaults::clear`]). Of several
    /// that match, the one added first is used up first; one frame meets one fault.
    pub fn add(&self, matches: StreamMatch, fault: StreamFault, times: u32) {
        if times > 0 {
            self.lock().push(Planned {
                matches,
                fault,
                times,
            });
        }
    }

    /// Mixes faults into the frames of news that meet no planned one. A mixture that was there before is replaced.
    pub fn mix(&self, mix: Mix<StreamFault>) {
        *self.mix.lock().unwrap_or_else(PoisonError::into_inner) = Some(mix);
    }

    /// Takes every planned fault and the mixture back. A connection that fell silent stays so.
    pub fn clear(&self) {
        self.lock().clear();
        *self.mix.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// How many planned faults are not used up.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.lock().len()
    }

    pub(crate) fn take(&self, frame: &FrameTraits<'_>) -> Option<StreamFault> {
        let mut planned = self.lock();
        for index in 0..planned.len() {
            let Some(candidate) = planned.get_mut(index) else {
                break;
            };
            if !candidate.matches.covers(frame) {
                continue;
            }
            if candidate.matches.skip > 0 {
                candidate.matches.skip -= 1;
                continue;
            }
            let fault = candidate.fault.clone();
            if candidate.times != FOREVER {
                candidate.times -= 1;
            }
            if candidate.times == 0 {
                planned.remove(index);
            }
            return Some(fault);
        }
        drop(planned);
        if !frame.is_news {
            return None;
        }
        let place = format!("{} {}", frame.account.unwrap_or_default(), frame.kind);
        let mut mix = self.mix.lock().unwrap_or_else(PoisonError::into_inner);
        mix.as_mut()?.draw(&place)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Planned>> {
        self.planned.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
