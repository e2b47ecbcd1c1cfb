//! Faults as data: what a fake does wrong, when, and how often.
//!
//! Promise: a fault is chosen by the request alone (path, account, page, query) and consumed in the order in which the
//! faults were added, so a test that lays down faults gets the same failures in every run; a mixture by a seed comes
//! after those that were planned. Deliberately absent: randomness.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::mix::Mix;

/// A fault that stays until it is cleared.
pub const FOREVER: u32 = u32::MAX;

/// What happens instead of, or to, the true answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// This status, headers and body; the request is not carried out.
    Status {
        /// HTTP status.
        status: u16,
        /// Extra headers.
        headers: Vec<(String, String)>,
        /// The body, sent as it is.
        body: String,
    },
    /// A refusal in the service's own form. Bybit: HTTP 200 with this `retCode`; Alpaca: `{code, message}` with HTTP
    /// status `code / 100000`; Telegram: `{ok: false, error_code, description}` with that HTTP status; webhook: that
    /// HTTP status.
    Refuse {
        /// The service's code.
        code: i64,
        /// The service's message.
        message: String,
    },
    /// "Too many requests" in the service's own form, with or without the headers that tell when to come back.
    TooManyRequests {
        /// Seconds until the next try may succeed.
        retry_after_s: u64,
        /// Whether the limit headers are sent. Telegram's `parameters.retry_after` follows this as well.
        with_headers: bool,
    },
    /// The request waits this long before it is carried out.
    Delay {
        /// Milliseconds.
        ms: u64,
    },
    /// The request is carried out at once; its answer waits this long.
    DelayAnswer {
        /// Milliseconds.
        ms: u64,
    },
    /// The true answer's headers with the full length, then only this many bytes of body, then a closed connection.
    CutBody {
        /// Bytes of the body that still arrive.
        keep_bytes: usize,
    },
    /// The true answer, its body in pieces of this size with a pause before each.
    SlowBody {
        /// Bytes of a piece.
        piece_bytes: usize,
        /// Milliseconds between two pieces.
        every_ms: u64,
    },
    /// The true answer; then, before the client can ask on, this order is filled: rows move between two pages.
    FillAfter {
        /// The order's id.
        order: String,
        /// Quantity as text.
        qty: String,
        /// Price as text.
        price: String,
    },
    /// An HTML page with status 200, as a proxy or a maintenance page answers.
    Html,
    /// The same page again: Bybit answers with the cursor it was given, Alpaca ignores the page token.
    RepeatPage,
    /// The connection closes without an answer; the request is not carried out.
    DropConnection,
    /// The request is carried out, then the connection closes without an answer.
    LoseAnswer,
}

impl Fault {
    /// A plain status with a text body.
    #[must_use]
    pub fn status(status: u16, body: &str) -> Self {
        Self::Status {
            status,
            headers: Vec::new(),
            body: body.to_owned(),
        }
    }

    /// A refusal in the service's own form.
    #[must_use]
    pub fn refuse(code: i64, message: &str) -> Self {
        Self::Refuse {
            code,
            message: message.to_owned(),
        }
    }

    /// A redirect to another place.
    #[must_use]
    pub fn redirect(status: u16, location: &str) -> Self {
        Self::Status {
            status,
            headers: vec![("location".to_owned(), location.to_owned())],
            body: String::new(),
        }
    }

    /// The name that the request log shows.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Status { .. } => "status",
            Self::Refuse { .. } => "refuse",
            Self::TooManyRequests { .. } => "too_many_requests",
            Self::Delay { .. } => "delay",
            Self::DelayAnswer { .. } => "delay_answer",
            Self::CutBody { .. } => "cut_body",
            Self::SlowBody { .. } => "slow_body",
            Self::FillAfter { .. } => "fill_after",
            Self::Html => "html",
            Self::RepeatPage => "repeat_page",
            Self::DropConnection => "drop_connection",
            Self::LoseAnswer => "lose_answer",
        }
    }
}

/// Which requests a fault touches; the default touches every one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Match {
    path_prefix: Option<String>,
    account: Option<String>,
    page: Option<u32>,
    query_contains: Option<String>,
    skip: u32,
}

impl Match {
    /// Every request.
    #[must_use]
    pub fn any() -> Self {
        Self::default()
    }

    /// Requests whose path begins with this. For Telegram the masked form counts: `/bot***/sendMessage`.
    #[must_use]
    pub fn path(prefix: &str) -> Self {
        Self {
            path_prefix: Some(prefix.to_owned()),
            ..Self::default()
        }
    }

    /// Only requests with this account's key.
    #[must_use]
    pub fn account(mut self, name: &str) -> Self {
        self.account = Some(name.to_owned());
        self
    }

    /// Only the n-th page of a traversal (from 1): a request with neither cursor nor page token is page 1, and each
    /// request with one is the next page of the same account and path.
    #[must_use]
    pub fn page(mut self, page: u32) -> Self {
        self.page = Some(page);
        self
    }

    /// Only requests whose raw query contains this text, for instance `category=linear`.
    #[must_use]
    pub fn query(mut self, text: &str) -> Self {
        self.query_contains = Some(text.to_owned());
        self
    }

    /// Lets the first `count` matching requests pass.
    #[must_use]
    pub fn after(mut self, count: u32) -> Self {
        self.skip = count;
        self
    }

    fn covers(&self, request: &RequestTraits<'_>) -> bool {
        self.path_prefix
            .as_deref()
            .is_none_or(|prefix| request.path.starts_with(prefix))
            && self
                .account
                .as_deref()
                .is_none_or(|account| request.account == Some(account))
            && self.page.is_none_or(|page| request.page == page)
            && self
                .query_contains
                .as_deref()
                .is_none_or(|text| request.query.contains(text))
    }
}

/// What a fault may look at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RequestTraits<'a> {
    pub(crate) path: &'a str,
    pub(crate) query: &'a str,
    pub(crate) account: Option<&'a str>,
    pub(crate) page: u32,
}

/// The faults of one fake, settable while it runs; clones share them.
#[derive(Clone, Debug)]
pub struct Faults {
    planned: Arc<Mutex<Vec<Planned>>>,
    mix: Arc<Mutex<Option<Mix<Fault>>>>,
    unplugged: watch::Sender<bool>,
    clock_skew_ms: Arc<AtomicI64>,
}

#[derive(Debug)]
struct Planned {
    matches: Match,
    fault: Fault,
    times: u32,
}

impl Default for Faults {
    fn default() -> Self {
        Self {
            planned: Arc::default(),
            mix: Arc::default(),
            unplugged: watch::Sender::new(false),
            clock_skew_ms: Arc::default(),
        }
    }
}

impl Faults {
    /// Plans a fault for the next `times` requests that match ([`FOREVER`]: until [`Faults::clear`]). Of several that
    /// match, the one added first is used up first; one request meets one fault.
    pub fn add(&self, matches: Match, fault: Fault, times: u32) {
        if times > 0 {
            self.lock().push(Planned {
                matches,
                fault,
                times,
            });
        }
    }

    /// Plans a fault for the next `times` requests of any kind.
    pub fn next(&self, times: u32, fault: Fault) {
        self.add(Match::any(), fault, times);
    }

    /// Mixes faults into the requests that meet no planned one. A mixture that was there before is replaced.
    pub fn mix(&self, mix: Mix<Fault>) {
        *self.mix.lock().unwrap_or_else(PoisonError::into_inner) = Some(mix);
    }

    /// Takes every planned fault and the mixture back. Leaves the plug and the clock skew as they are.
    pub fn clear(&self) {
        self.lock().clear();
        *self.mix.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// How many planned faults are not used up.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.lock().len()
    }

    /// Pulls the plug: every connection, open or new, closes before an answer until [`Faults::plug_in`]. The port
    /// stays reserved, so a client sees a closed connection instead of a refused one.
    pub fn unplug(&self) {
        self.unplugged.send_replace(true);
    }

    /// Ends [`Faults::unplug`].
    pub fn plug_in(&self) {
        self.unplugged.send_replace(false);
    }

    /// Whether the plug is pulled.
    #[must_use]
    pub fn is_unplugged(&self) -> bool {
        *self.unplugged.borrow()
    }

    /// The plug, for those who have to notice when it is pulled.
    pub(crate) fn plug(&self) -> watch::Receiver<bool> {
        self.unplugged.subscribe()
    }

    /// Makes the server's clock differ from the book's: time checks, server time and `time` fields move by this.
    pub fn set_clock_skew_ms(&self, skew_ms: i64) {
        self.clock_skew_ms.store(skew_ms, Ordering::SeqCst);
    }

    /// The skew in force, in milliseconds.
    #[must_use]
    pub fn clock_skew_ms(&self) -> i64 {
        self.clock_skew_ms.load(Ordering::SeqCst)
    }

    /// The fault for this request, used up by being taken.
    pub(crate) fn take(&self, request: &RequestTraits<'_>) -> Option<Fault> {
        let mut planned = self.lock();
        let mut chosen = None;
        for (index, candidate) in planned.iter_mut().enumerate() {
            if !candidate.matches.covers(request) {
                continue;
            }
            if candidate.matches.skip > 0 {
                candidate.matches.skip -= 1;
                continue;
            }
            if candidate.times != FOREVER {
                candidate.times -= 1;
            }
            chosen = Some((index, candidate.fault.clone(), candidate.times == 0));
            break;
        }
        let Some((index, fault, used_up)) = chosen else {
            drop(planned);
            let place = format!("{} {}", request.account.unwrap_or_default(), request.path);
            let mut mix = self.mix.lock().unwrap_or_else(PoisonError::into_inner);
            return mix.as_mut()?.draw(&place);
        };
        if used_up {
            planned.remove(index);
        }
        Some(fault)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Planned>> {
        self.planned.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
