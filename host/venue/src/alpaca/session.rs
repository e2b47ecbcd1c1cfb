//! One request to Alpaca, and what its answer means.
//!
//! The key stands in clear in every request, which is why base URLs must be TLS and redirects are not
//! followed. The status decides; what the answer says is quoted without secrets, with the request's id.

use super::client::Alpaca;
use super::config::CLOCK_TOLERANCE;
use super::refusal;
use crate::field::Field;
use crate::http::Answer;
use fillsync_core::port::VenueError;
use fillsync_core::time::VenueTime;
use reqwest::header::{HeaderMap, HeaderName};
use serde::Deserialize;

const CLOCK: &str = "/v2/clock";

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ClockRow<'a> {
    #[serde(borrow)]
    timestamp: Field<'a>,
}

impl Alpaca {
    pub(super) fn name(&self, path: &str) -> String {
        format!("account {}: Alpaca {path}", self.account)
    }

    pub(super) fn retry(&self, path: &str, what: &str) -> VenueError {
        VenueError::Retry {
            what: format!("{}: {what}", self.name(path)),
        }
    }

    /// One GET, whatever its status.
    pub(super) async fn ask(&self, path: &str, query: &str) -> Result<Answer, VenueError> {
        self.gate.pass().await?;
        let headers = HeaderMap::from_iter([
            (HeaderName::from_static("apca-api-key-id"), self.key.clone()),
            (
                HeaderName::from_static("apca-api-secret-key"),
                self.secret.clone(),
            ),
        ]);
        let url = self.http.url(path, query);
        self.http
            .get(url, headers)
            .await
            .map_err(|error| match error {
                VenueError::Retry { what } => VenueError::Retry {
                    what: format!("account {}: Alpaca {what}", self.account),
                },
                other => other,
            })
    }

    pub(super) fn error(&self, path: &str, answer: &Answer) -> Option<VenueError> {
        let said = self.redactor.clean(&refusal::message(answer));
        let request = answer
            .header("x-request-id")
            .map(|id| format!(" [request {}]", self.redactor.clean(id)))
            .unwrap_or_default();
        let what = format!(
            "{}: HTTP {}: {said}{request}",
            self.name(path),
            answer.status
        );
        let error = refusal::error(answer, what)?;
        self.gate.remember(&error);
        Some(error)
    }

    /// One GET whose answer is a success.
    pub(super) async fn get(&self, path: &str, query: &str) -> Result<Answer, VenueError> {
        let answer = self.ask(path, query).await?;
        self.success(path, answer)
    }

    pub(super) fn success(&self, path: &str, answer: Answer) -> Result<Answer, VenueError> {
        // The message is only put together for what is no success.
        if (200..=299).contains(&answer.status) {
            return Ok(answer);
        }
        match self.error(path, &answer) {
            None => Ok(answer),
            Some(error) => Err(error),
        }
    }

    pub(super) fn json<'a, T: Deserialize<'a>>(
        &self,
        path: &str,
        answer: &'a Answer,
    ) -> Result<T, VenueError> {
        serde_json::from_slice(&answer.body).map_err(|error| {
            let text = self.redactor.body(&answer.body);
            let status = answer.status;
            self.retry(
                path,
                &format!("HTTP {status}: not the JSON that was expected ({error}): {text}"),
            )
        })
    }

    /// The answer's own time, which also checks the clock.
    pub(super) fn time_of(&self, answer: &Answer) -> Option<VenueTime> {
        let date = refusal::date(answer)?;
        self.clock
            .compare(date, answer.sent, answer.received, CLOCK_TOLERANCE);
        Some(date)
    }

    async fn measure_clock(&self) -> Result<(), VenueError> {
        let _turn = self.clock.measuring.lock().await;
        if self.clock.estimate().is_some() {
            return Ok(());
        }
        let answer = self.get(CLOCK, "").await?;
        let row: ClockRow<'_> = self.json(CLOCK, &answer)?;
        let said = row
            .timestamp
            .text()
            .and_then(|text| VenueTime::parse(&text).ok());
        let Some(time) = said.or_else(|| refusal::date(&answer)) else {
            return Err(self.retry(CLOCK, "the answer has no time"));
        };
        self.clock.measured(time, answer.sent, answer.received);
        Ok(())
    }

    pub(super) async fn venue_now(&self) -> Result<VenueTime, VenueError> {
        if let Some(time) = self.clock.reached() {
            return Ok(time);
        }
        self.measure_clock().await?;
        self.clock
            .reached()
            .ok_or_else(|| self.retry(CLOCK, "the clock was lost while it was measured"))
    }
}
