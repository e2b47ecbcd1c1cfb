//! `/events/stream`: fills and named events as they come, as server-sent events.
//!
//! Promises: a listener that comes back with the `Last-Event-ID` of the last message it got is told
//! everything after it once, as long as the ledger keeps it; what gave way meanwhile is said to be lost.
//! An id is two rows of the ledger, `EVENT-EXECUTION`, so it outlives the connection and the daemon.
//! There are at most [`Limits::listeners_max`] listeners, and a slow one holds nobody up: what it is told
//! is read when it takes it. The ledger is asked for news only while somebody listens.

use crate::answer::Refusal;
use crate::endpoints::Server;
use crate::limits::Limits;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use fillsync_ledger::{EventFilter, Ledger, LedgerError, NewestRows};
use fillsync_report as report;
use futures_util::stream;
use serde::Serialize;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::Instant;

/// From one look for news to the next.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// A listener hears at least this often, so that a dead connection is noticed at both ends.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// Events that one read takes.
const EVENTS_AT_ONCE: u32 = 500;

/// How long a listener waits before it comes back, as it is asked to, in milliseconds.
const RETRY_MS: u32 = 1_000;

/// Everybody who listens.
pub(crate) struct Listeners {
    places: Arc<Semaphore>,
    news: watch::Sender<NewestRows>,
    came: Notify,
    closed: watch::Receiver<bool>,
}

impl Listeners {
    pub(crate) fn new(limits: Limits, closed: watch::Receiver<bool>) -> Arc<Self> {
        Arc::new(Self {
            places: Arc::new(Semaphore::new(limits.listeners_max)),
            news: watch::Sender::new(NewestRows::default()),
            came: Notify::new(),
            closed,
        })
    }

    /// How many listen.
    pub(crate) fn count(&self) -> usize {
        self.news.receiver_count()
    }

    /// Looks for news while somebody listens, until the server stops.
    pub(crate) async fn look(&self, ledger: Ledger) {
        let mut closed = self.closed.clone();
        loop {
            tokio::select! {
                biased;
                _ = closed.wait_for(|closed| *closed) => return,
                () = self.came.notified(), if self.count() == 0 => {}
                () = tokio::time::sleep(LOOK_EVERY), if self.count() > 0 => {}
            }
            match ledger.read(|reader| reader.newest_rows()).await {
                Ok(newest) => {
                    self.news.send_if_modified(|news| {
                        let is_news = *news != newest;
                        *news = newest;
                        is_news
                    });
                }
                Err(LedgerError::Closed) => return,
                Err(error) => tracing::debug!(%error, "news could not be looked for"),
            }
        }
    }
}

/// A place in what is told: everything up to these rows was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Told {
    event: i64,
    execution: i64,
}

impl Told {
    /// From a `Last-Event-ID`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (event, execution) = text.split_once('-')?;
        let number = |text: &str| {
            let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            is_plain.then(|| text.parse::<i64>().ok()).flatten()
        };
        Some(Self {
            event: number(event)?,
            execution: number(execution)?,
        })
    }
}

impl From<NewestRows> for Told {
    fn from(rows: NewestRows) -> Self {
        Self {
            event: rows.event,
            execution: rows.execution,
        }
    }
}

impl std::fmt::Display for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.event, self.execution)
    }
}

struct Listener {
    ledger: Ledger,
    told: Told,
    /// Said first, before anything is read.
    greeting: Option<String>,
    news: watch::Receiver<NewestRows>,
    closed: watch::Receiver<bool>,
    until: Instant,
    _place: OwnedSemaphorePermit,
}

/// Starts telling.
pub(crate) async fn listen(server: Server, headers: HeaderMap) -> Result<Response, Refusal> {
    let asked = match headers.get("last-event-id") {
        None => None,
        Some(value) => Some(value.to_str().ok().and_then(Told::parse).ok_or_else(|| {
            Refusal::wrong(
                "Last-Event-ID is none of this stream's",
                "send the id of the last message as it was, or leave the header out to begin now",
            )
        })?),
    };
    let listeners = &server.listeners;
    let place = Arc::clone(&listeners.places)
        .try_acquire_owned()
        .map_err(|_| {
            server
                .refused
                .listeners
                .fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            Refusal::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "as many listen as may",
                "close another stream, or ask /events from time to time",
            )
        })?;
    let ledger = server.state.ledger.clone();
    let (newest, oldest_event) = ledger
        .read(|reader| Ok((reader.newest_rows()?, reader.oldest_event()?)))
        .await?;
    let (told, lost) = begin(asked, newest, oldest_event);
    let listener = Listener {
        ledger,
        told,
        greeting: Some(greeting(told, lost)),
        news: listeners.news.subscribe(),
        closed: listeners.closed.clone(),
        until: Instant::now() + server.limits.listener_life,
        _place: place,
    };
    listeners.came.notify_one();
    let messages = stream::unfold(listener, |mut listener| async move {
        let text = next(&mut listener).await?;
        Some((Ok::<_, Infallible>(Bytes::from(text)), listener))
    });
    let mut response = Response::new(Body::from_stream(messages));
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/event-stream"),
    );
    Ok(response)
}

/// Where telling begins, and whether something between there and what was told is lost.
fn begin(asked: Option<Told>, newest: NewestRows, oldest_event: i64) -> (Told, bool) {
    let Some(asked) = asked else {
        return (newest.into(), false);
    };
    if asked.event > newest.event || asked.execution > newest.execution {
        // An id of another ledger, or of this one before it was put back.
        return (newest.into(), true);
    }
    let first_kept = if oldest_event == 0 {
        newest.event.saturating_add(1)
    } else {
        oldest_event
    };
    let before_kept = first_kept.saturating_sub(1);
    if asked.event < before_kept {
        let told = Told {
            event: before_kept,
            ..asked
        };
        return (told, true);
    }
    (asked, false)
}

#[derive(Serialize)]
struct Greeting {
    lost: bool,
}

fn greeting(told: Told, lost: bool) -> String {
    let hello = message(told, "start", &Greeting { lost });
    format!("retry: {RETRY_MS}\n{hello}")
}

/// What to say next; none at the end.
async fn next(listener: &mut Listener) -> Option<String> {
    if let Some(greeting) = listener.greeting.take() {
        return Some(greeting);
    }
    loop {
        let newest = *listener.news.borrow_and_update();
        if newest.event > listener.told.event || newest.execution > listener.told.execution {
            let text = read(listener, newest).await?;
            if !text.is_empty() {
                return Some(text);
            }
            continue;
        }
        tokio::select! {
            biased;
            _ = listener.closed.wait_for(|closed| *closed) => return None,
            () = tokio::time::sleep_until(listener.until) => return None,
            news = listener.news.changed() => news.ok()?,
            () = tokio::time::sleep(HEARTBEAT) => return Some(": still here\n\n".to_owned()),
        }
    }
}

/// What came up to `newest`, as far as one read takes it; none when the ledger does not answer, after
/// which the listener comes back.
async fn read(listener: &mut Listener, newest: NewestRows) -> Option<String> {
    let told = listener.told;
    let now = fillsync_core::time::HostTime::EPOCH;
    let read = listener.ledger.read(move |reader| {
        let (fills, reached) =
            report::fills_as_they_came(reader, told.execution, newest.execution)?;
        let filter = EventFilter {
            after: Some(told.event),
            limit: EVENTS_AT_ONCE,
            ..EventFilter::default()
        };
        Ok((fills, reached, report::events(reader, &filter, now)?))
    });
    let (fills, reached, events) = match read.await {
        Ok(found) => found,
        Err(error) => {
            tracing::debug!(%error, "a listener could not be told, and comes back");
            return None;
        }
    };
    let mut text = String::new();
    for fill in &fills {
        listener.told.execution = fill.id;
        text.push_str(&message(listener.told, "fill", fill));
    }
    listener.told.execution = reached.max(told.execution);
    for event in &events.events {
        listener.told.event = event.id;
        text.push_str(&message(listener.told, "event", event));
    }
    // Rows that gave way before they could be told leave the newest number as the place.
    if events.events.is_empty() {
        listener.told.event = newest.event.max(told.event);
    }
    Some(text)
}

fn message(told: Told, name: &str, data: &impl Serialize) -> String {
    // A line of JSON has no line ends in it, so it is one line of data.
    let data = serde_json::to_string(data).unwrap_or_else(|_| "null".to_owned());
    format!("id: {told}\nevent: {name}\ndata: {data}\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_two_rows() {
        let told = Told {
            event: 12,
            execution: 7,
        };
        assert_eq!(Told::parse(&told.to_string()), Some(told));
        for wrong in [
            "",
            "-",
            "1",
            "1-",
            "-1",
            "a-b",
            "1-2-3",
            "+1-2",
            "99999999999999999999-1",
            "1- 2",
        ] {
            assert_eq!(Told::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_gave_way_is_said_to_be_lost() {
        let newest = NewestRows {
            event: 20,
            execution: 9,
        };
        let at = |event, execution| Told { event, execution };
        for (asked, oldest, told, lost) in [
            (None, 1, at(20, 9), false),
            (Some(at(20, 9)), 1, at(20, 9), false),
            (Some(at(5, 3)), 1, at(5, 3), false),
            (Some(at(5, 3)), 6, at(5, 3), false),
            (Some(at(5, 3)), 7, at(6, 3), true),
            (Some(at(5, 3)), 0, at(20, 3), true),
            (Some(at(21, 3)), 1, at(20, 9), true),
            (Some(at(5, 10)), 1, at(20, 9), true),
        ] {
            assert_eq!(
                begin(asked, newest, oldest),
                (told, lost),
                "{asked:?} {oldest}"
            );
        }
    }
}
