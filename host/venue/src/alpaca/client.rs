//! Asks Alpaca and turns answers into pages.
//!
//! Activities are walked oldest first by the id of the last row seen, until an empty page: new rows then
//! only add to the end. Orders have no page token, so a full list is walked on by submission time with an
//! overlap; the id tells repeats apart. The key stands in clear in every request, which is why base URLs
//! must be TLS and redirects are not followed.

use super::config::{
    self, CLOCK_TOLERANCE, EARLIER, FILLS_PER_PAGE, LATER, ORDERS_PER_PAGE, REACH, WINDOW_MAX,
};
use super::refusal;
use super::wire;
use crate::clock::VenueClock;
use crate::field::{Field, RowError};
use crate::http::{Answer, Http, encode, key_header};
use crate::limit::{Address, Gate};
use crate::redact::Redactor;
use crate::{AccountSettings, OpenError};
use async_trait::async_trait;
use fillsync_core::coverage::Window;
use fillsync_core::execution::{Execution, Source, VenueKind};
use fillsync_core::id::{AccountName, Category, OrderId, Symbol};
use fillsync_core::order::Order;
use fillsync_core::port::{
    Clock, Cursor, KeyReport, Page, Positions, Stream, UnreadableRow, Venue, VenueError,
};
use fillsync_core::time::VenueTime;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::sync::Arc;
use std::time::Duration;

const FILLS: &str = "/v2/account/activities/FILL";
const ORDERS: &str = "/v2/orders";
const POSITIONS: &str = "/v2/positions";
const ACCOUNT: &str = "/v2/account";
const CLOCK: &str = "/v2/clock";

/// One account at Alpaca.
pub struct Alpaca {
    account: AccountName,
    categories: Vec<Category>,
    http: Http,
    gate: Gate,
    host_clock: Arc<dyn Clock>,
    clock: VenueClock,
    redactor: Redactor,
    key: HeaderValue,
    secret: HeaderValue,
}

impl std::fmt::Debug for Alpaca {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Alpaca")
            .field("account", &self.account)
            .finish_non_exhaustive()
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ClockRow<'a> {
    #[serde(borrow)]
    timestamp: Field<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct AccountRow<'a> {
    #[serde(borrow)]
    id: Field<'a>,
    #[serde(borrow)]
    trading_blocked: Field<'a>,
    #[serde(borrow)]
    account_blocked: Field<'a>,
    #[serde(borrow)]
    trade_suspended_by_user: Field<'a>,
}

impl Alpaca {
    /// Opens the account; sends nothing.
    ///
    /// # Errors
    /// When the settings cannot work.
    pub fn open(
        settings: AccountSettings,
        address: &Address,
        host_clock: Arc<dyn Clock>,
    ) -> Result<Self, OpenError> {
        Ok(Self {
            categories: config::categories(&settings)?,
            http: Http::open(&settings, address.clients(), *address.limits())?,
            gate: Gate::new(address),
            host_clock,
            clock: VenueClock::default(),
            key: key_header(&settings, "api_key", &settings.api_key)?,
            secret: key_header(&settings, "api_secret", &settings.api_secret)?,
            redactor: Redactor::new([settings.api_key, settings.api_secret]),
            account: settings.account,
        })
    }

    fn name(&self, path: &str) -> String {
        format!("account {}: Alpaca {path}", self.account)
    }

    fn retry(&self, path: &str, what: &str) -> VenueError {
        VenueError::Retry {
            what: format!("{}: {what}", self.name(path)),
        }
    }

    /// One GET, whatever its status.
    async fn ask(&self, path: &str, query: &str) -> Result<Answer, VenueError> {
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

    fn error(&self, path: &str, answer: &Answer) -> Option<VenueError> {
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
    async fn get(&self, path: &str, query: &str) -> Result<Answer, VenueError> {
        let answer = self.ask(path, query).await?;
        self.success(path, answer)
    }

    fn success(&self, path: &str, answer: Answer) -> Result<Answer, VenueError> {
        // The message is only put together for what is no success.
        if (200..=299).contains(&answer.status) {
            return Ok(answer);
        }
        match self.error(path, &answer) {
            None => Ok(answer),
            Some(error) => Err(error),
        }
    }

    fn json<'a, T: Deserialize<'a>>(
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
    fn time_of(&self, answer: &Answer) -> Option<VenueTime> {
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

    async fn venue_now(&self) -> Result<VenueTime, VenueError> {
        if let Some(time) = self.clock.reached() {
            return Ok(time);
        }
        self.measure_clock().await?;
        self.clock
            .reached()
            .ok_or_else(|| self.retry(CLOCK, "the clock was lost while it was measured"))
    }

    fn read_rows<T>(
        &self,
        list: &[&RawValue],
        venue_time: Option<VenueTime>,
        next: Option<Cursor>,
        read: impl Fn(&RawValue) -> Result<T, RowError>,
    ) -> Page<T> {
        let mut page = Page {
            rows: Vec::with_capacity(list.len()),
            unreadable: Vec::new(),
            next,
            venue_time,
        };
        for raw in list {
            match read(raw) {
                Ok(row) => page.rows.push(row),
                Err(error) => page.unreadable.push(UnreadableRow {
                    raw: raw.get().to_owned(),
                    reason: self.redactor.clean(&error.to_string()),
                }),
            }
        }
        page
    }

    /// Where a walk over activities goes on: after the last row, unless there was none.
    fn after_last(
        &self,
        list: &[&RawValue],
        token: Option<&Cursor>,
    ) -> Result<Option<Cursor>, VenueError> {
        let Some(last) = list.last() else {
            return Ok(None);
        };
        let id = wire::activity_id(last)
            .ok_or_else(|| self.retry(FILLS, "the last row of the page has no id to go on from"))?;
        if token.is_some_and(|Cursor(token)| *token == id) {
            return Err(self.retry(
                FILLS,
                "the page led back to itself; the traversal is not complete",
            ));
        }
        Ok(Some(Cursor(id)))
    }

    /// Where a walk over orders goes on: before the oldest of a full list, with the oldest again, because
    /// `until` leaves out its own moment and others may share it.
    fn before_oldest(
        &self,
        list: &[&RawValue],
        until: Option<&Cursor>,
    ) -> Result<Option<Cursor>, VenueError> {
        if list.len() < ORDERS_PER_PAGE {
            return Ok(None);
        }
        let oldest = list
            .last()
            .and_then(|row| wire::submitted_at(row))
            .ok_or_else(|| {
                self.retry(
                    ORDERS,
                    "the last order of a full list has no submission time",
                )
            })?;
        let next = oldest.plus(Duration::from_micros(1)).to_string();
        if until.is_some_and(|Cursor(until)| *until == next) {
            return Err(VenueError::Rejected {
                what: format!(
                    "{}: {ORDERS_PER_PAGE} orders at one instant, {oldest}",
                    self.name(ORDERS)
                ),
            });
        }
        Ok(Some(Cursor(next)))
    }
}

#[async_trait]
impl Venue for Alpaca {
    fn account(&self) -> &AccountName {
        &self.account
    }

    fn kind(&self) -> VenueKind {
        VenueKind::Alpaca
    }

    fn categories(&self) -> &[Category] {
        &self.categories
    }

    fn window_max(&self) -> Duration {
        WINDOW_MAX
    }

    fn reach(&self) -> Duration {
        REACH
    }

    async fn now(&self) -> Result<VenueTime, VenueError> {
        self.venue_now().await
    }

    async fn executions(
        &self,
        category: &Category,
        window: Window,
        cursor: Option<&Cursor>,
    ) -> Result<Page<Execution>, VenueError> {
        let after = encode(&window.from.minus(EARLIER).to_string());
        let until = encode(&window.to.plus(LATER).to_string());
        let mut query =
            format!("after={after}&until={until}&direction=asc&page_size={FILLS_PER_PAGE}");
        if let Some(Cursor(token)) = cursor {
            query = format!("{query}&page_token={}", encode(token));
        }
        let answer = self.get(FILLS, &query).await?;
        let list: Vec<&RawValue> = self.json(FILLS, &answer)?;
        let next = self.after_last(&list, cursor)?;
        Ok(self.read_rows(&list, self.time_of(&answer), next, |raw| {
            wire::read_fill(raw, &self.account, category, Source::Poll)
        }))
    }

    async fn open_orders(
        &self,
        category: &Category,
        cursor: Option<&Cursor>,
    ) -> Result<Page<Order>, VenueError> {
        let mut query = format!("status=open&limit={ORDERS_PER_PAGE}&direction=desc&nested=false");
        if let Some(Cursor(until)) = cursor {
            query = format!("{query}&until={}", encode(until));
        }
        let answer = self.get(ORDERS, &query).await?;
        let list: Vec<&RawValue> = self.json(ORDERS, &answer)?;
        let next = self.before_oldest(&list, cursor)?;
        Ok(self.read_rows(&list, self.time_of(&answer), next, |raw| {
            wire::read_order(raw, &self.account, category)
        }))
    }

    async fn order(
        &self,
        category: &Category,
        _symbol: &Symbol,
        order_id: &OrderId,
    ) -> Result<Option<Order>, VenueError> {
        let path = format!("{ORDERS}/{}", encode(order_id.as_str()));
        let answer = self.ask(&path, "").await?;
        if answer.status == 404 {
            return Ok(None);
        }
        let answer = self.success(&path, answer)?;
        let raw: &RawValue = self.json(&path, &answer)?;
        wire::read_order(raw, &self.account, category)
            .map(Some)
            .map_err(|error| {
                let reason = self.redactor.clean(&error.to_string());
                VenueError::Rejected {
                    what: format!("{}: cannot be read: {reason}", self.name(&path)),
                }
            })
    }

    async fn executions_of(
        &self,
        _category: &Category,
        _symbol: &Symbol,
        order_id: &OrderId,
        _cursor: Option<&Cursor>,
    ) -> Result<Page<Execution>, VenueError> {
        let what = format!("order {order_id}: its executions cannot be asked for yet");
        Err(VenueError::Rejected { what })
    }

    async fn stream(&self) -> Result<Box<dyn Stream>, VenueError> {
        let what = "streams cannot be opened yet".to_owned();
        Err(VenueError::Rejected { what })
    }

    async fn positions(&self, _category: &Category) -> Result<Option<Positions>, VenueError> {
        let asked_at = self.venue_now().await?;
        let answer = self.get(POSITIONS, "").await?;
        let list: Vec<&RawValue> = self.json(POSITIONS, &answer)?;
        let page = self.read_rows(&list, self.time_of(&answer), None, wire::read_position);
        // A position that is left out would look flat, so one bad row costs the whole answer.
        if let Some(bad) = page.unreadable.first() {
            let what = format!(
                "{}: a position cannot be read: {}",
                self.name(POSITIONS),
                bad.reason
            );
            return Err(VenueError::Rejected { what });
        }
        // The `Date` header has whole seconds: the moment before the question is the closer one.
        Ok(Some(Positions {
            at: asked_at,
            positions: page.rows.into_iter().flatten().collect(),
        }))
    }

    async fn key(&self) -> Result<KeyReport, VenueError> {
        let answer = self.get(ACCOUNT, "").await?;
        let row: AccountRow<'_> = self.json(ACCOUNT, &answer)?;
        let blocks = [
            ("trading_blocked", row.trading_blocked),
            ("account_blocked", row.account_blocked),
            ("trade_suspended_by_user", row.trade_suspended_by_user),
        ];
        let blocked: Vec<&str> = blocks
            .iter()
            .filter(|(_, is)| is.flag() == Some(true))
            .map(|(name, _)| *name)
            .collect();
        // Alpaca makes no read-only keys; only a block of the account takes the power away for a while.
        let trading = match blocked.as_slice() {
            [] => "Trading: every Alpaca key can trade".to_owned(),
            names => format!("Trading: blocked for now ({})", names.join(", ")),
        };
        let uid = row.id.text().map(|id| id.into_owned());
        let venue = self.venue_now().await?;
        Ok(KeyReport {
            read_only: None,
            powers: vec![trading],
            expires_at: None,
            clock_offset_ms: venue.ms().saturating_sub(self.host_clock.now().ms()),
            uid,
        })
    }
}
