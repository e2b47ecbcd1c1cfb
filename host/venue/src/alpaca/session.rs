//! One request to Alpaca, and what its answer means.
//!
//! The key stands in clear in every request, which is why base URLs must be TLS and redirects are not
//! followed. The status decides; what the answer says is quoted without secrets, with the request's id.

use super::client::Alpaca;
use super::config::CLOCK_TOLERANCE;
use super::refusal;
use crate::clock::VenueClock;
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
    /// One GET, whatever its status.
    pub(super) async fn ask(&self, path: &str, query: &str) -> Result<Answer, VenueError> {
        let headers = HeaderMap::from_iter([
            (HeaderName::from_static("apca-api-key-id"), self.key.clone()),
            (
                HeaderName::from_static("apca-api-secret-key"),
                self.secret.clone(),
            ),
        ]);
        self.route.fetch(path, query, headers).await
    }

    pub(super) fn error(&self, path: &str, answer: &Answer) -> Option<VenueError> {
        let said = self.route.redactor.clean(&refusal::message(answer));
        let request = answer
            .header("x-request-id")
            .map(|id| format!(" [request {}]", self.route.redactor.clean(id)))
            .unwrap_or_default();
        let what = format!(
            "{}: HTTP {}: {said}{request}",
            self.route.name(path),
            answer.status
        );
        let error = refusal::error(answer, what)?;
        self.route.gate.remember(&error);
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

    /// The answer's own time, which also checks the clock.
    pub(super) fn time_of(&self, answer: &Answer) -> Option<VenueTime> {
        let date = refusal::date(answer)?;
        self.route
            .clock
            .compare(date, answer.sent, answer.received, CLOCK_TOLERANCE);
        Some(date)
    }

    /// Asks the venue for its clock.
    async fn ask_time(&self) -> Result<(VenueTime, Answer), VenueError> {
        let answer = self.get(CLOCK, "").await?;
        let row: ClockRow<'_> = self.route.json(CLOCK, &answer)?;
        let said = row
            .timestamp
            .text()
            .and_then(|text| VenueTime::parse(&text).ok());
        let Some(time) = said.or_else(|| refusal::date(&answer)) else {
            return Err(self.route.retry(CLOCK, "the answer has no time"));
        };
        Ok((time, answer))
    }

    /// A time that the venue has certainly reached.
    pub(super) async fn venue_now(&self) -> Result<VenueTime, VenueError> {
        self.route
            .time(CLOCK, VenueClock::reached, self.ask_time())
            .await
    }
}
