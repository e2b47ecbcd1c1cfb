//! One account's way to its venue: what both dialects do alike.
//!
//! Names errors, stands in line, sends, keeps the venue's clock, opens a stream's socket. What a request is
//! made of and what an answer means stay in the dialects. Deliberately absent: any path or field of a venue.

use crate::clock::VenueClock;
use crate::field::RowError;
use crate::http::{Answer, Http};
use crate::limit::{Address, Gate};
use crate::page;
use crate::redact::Redactor;
use crate::stream::{Opened, Ping, Socket};
use crate::{AccountSettings, OpenError};
use fillsync_core::id::AccountName;
use fillsync_core::port::{Clock, Cursor, Page, VenueError};
use fillsync_core::time::VenueTime;
use reqwest::header::HeaderMap;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::sync::Arc;
use tokio::time::timeout;

/// One account's way to its venue.
pub(crate) struct Route {
    pub(crate) account: AccountName,
    /// The venue's name, for errors.
    venue: &'static str,
    pub(crate) http: Http,
    pub(crate) gate: Gate,
    host_clock: Arc<dyn Clock>,
    pub(crate) clock: VenueClock,
    pub(crate) redactor: Redactor,
}

impl std::fmt::Debug for Route {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct(self.venue)
            .field("account", &self.account)
            .finish_non_exhaustive()
    }
}

impl Route {
    /// Checks the base URL; sends nothing.
    pub(crate) fn open(
        venue: &'static str,
        settings: &AccountSettings,
        address: &Address,
        host_clock: Arc<dyn Clock>,
    ) -> Result<Self, OpenError> {
        let secrets = [settings.api_key.clone(), settings.api_secret.clone()];
        Ok(Self {
            account: settings.account.clone(),
            venue,
            http: Http::open(settings, address.clients(), *address.limits())?,
            gate: Gate::new(address),
            host_clock,
            clock: VenueClock::default(),
            redactor: Redactor::new(secrets),
        })
    }

    /// An error's beginning: who, where.
    pub(crate) fn name(&self, path: &str) -> String {
        format!("account {}: {} {path}", self.account, self.venue)
    }

    /// The error for a passing fault; `what` is redacted already.
    pub(crate) fn retry(&self, path: &str, what: &str) -> VenueError {
        VenueError::Retry {
            what: format!("{}: {what}", self.name(path)),
        }
    }

    /// One GET in its turn, whatever its answer.
    pub(crate) async fn fetch(
        &self,
        path: &str,
        query: &str,
        headers: HeaderMap,
    ) -> Result<Answer, VenueError> {
        self.gate.pass().await?;
        let url = self.http.url(path, query);
        self.http
            .get(url, headers)
            .await
            .map_err(|error| match error {
                VenueError::Retry { what } => VenueError::Retry {
                    what: format!("account {}: {} {what}", self.account, self.venue),
                },
                other => other,
            })
    }

    /// An answer's body as what it should be.
    pub(crate) fn json<'a, T: Deserialize<'a>>(
        &self,
        path: &str,
        answer: &'a Answer,
    ) -> Result<T, VenueError> {
        serde_json::from_slice(&answer.body).map_err(|error| self.no_json(path, answer, &error))
    }

    pub(crate) fn no_json(
        &self,
        path: &str,
        answer: &Answer,
        error: &serde_json::Error,
    ) -> VenueError {
        let text = self.redactor.body(&answer.body);
        let status = answer.status;
        self.retry(
            path,
            &format!("HTTP {status}: not the JSON that was expected ({error}): {text}"),
        )
    }

    /// A page of these rows.
    pub(crate) fn page<T>(
        &self,
        list: &[&RawValue],
        venue_time: Option<VenueTime>,
        next: Option<Cursor>,
        read: impl Fn(&RawValue) -> Result<Option<T>, RowError>,
    ) -> Page<T> {
        page::page(list, venue_time, next, &self.redactor, read)
    }

    /// The venue's clock as `read` takes it from the measurement; `ask` measures where there is none, and
    /// one measurement serves all who wait.
    pub(crate) async fn time(
        &self,
        path: &str,
        read: fn(&VenueClock) -> Option<VenueTime>,
        ask: impl Future<Output = Result<(VenueTime, Answer), VenueError>> + Send,
    ) -> Result<VenueTime, VenueError> {
        if let Some(time) = read(&self.clock) {
            return Ok(time);
        }
        {
            let _turn = self.clock.measuring.lock().await;
            if self.clock.estimate().is_none() {
                let (venue, answer) = ask.await?;
                self.clock.measured(venue, answer.sent, answer.received);
            }
        }
        read(&self.clock)
            .ok_or_else(|| self.retry(path, "the clock was lost while it was measured"))
    }

    /// The venue's clock minus the host's, in milliseconds.
    pub(crate) fn offset_ms(&self, venue: VenueTime) -> i64 {
        venue.ms().saturating_sub(self.host_clock.now().ms())
    }

    /// Opens a stream's socket in its turn. `refusal` says what an answer that is no WebSocket means.
    pub(crate) async fn socket(
        &self,
        path: &str,
        url: &str,
        ping: Ping,
        refusal: impl Fn(&Answer) -> Option<VenueError> + Send,
    ) -> Result<Box<Socket>, VenueError> {
        self.gate.pass_stream().await?;
        let redactor = self.redactor.clone();
        match Socket::open(&self.http, url, self.name(path), redactor, ping).await? {
            Opened::Socket(socket) => Ok(socket),
            Opened::Answer(answer) => Err(refusal(&answer).unwrap_or_else(|| {
                self.retry(path, "the answer to the handshake is no WebSocket")
            })),
        }
    }

    /// An exchange over a stream that has to end as soon as a request has to.
    pub(crate) async fn in_time<T>(
        &self,
        path: &str,
        question: &str,
        exchange: impl Future<Output = Result<T, VenueError>> + Send,
    ) -> Result<T, VenueError> {
        let within = self.http.limits().head_timeout;
        match timeout(within, exchange).await {
            Ok(reply) => reply,
            Err(_) => {
                let seconds = within.as_secs_f32();
                Err(self.retry(path, &format!("no answer to {question} within {seconds}s")))
            }
        }
    }
}
