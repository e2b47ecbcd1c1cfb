//! The account at Alpaca: which question answers which call of the port.
//!
//! How a request is made is in `session.rs`, how a list is walked in `pages.rs`, what is pushed in
//! `stream.rs`. Deliberately absent: retries and back-off, which are the poll loop's.

use super::config::{self, EARLIER, FILLS_PER_PAGE, LATER, ORDERS_PER_PAGE, REACH, WINDOW_MAX};
use super::stream::Endings;
use super::wire;
use crate::http::{encode, key_header};
use crate::limit::Address;
use crate::page;
use crate::route::Route;
use crate::{AccountSettings, OpenError};
use async_trait::async_trait;
use fillsync_core::coverage::Window;
use fillsync_core::execution::{Execution, VenueKind};
use fillsync_core::id::{AccountName, Category, OrderId, Symbol};
use fillsync_core::order::Order;
use fillsync_core::port::{Clock, Cursor, KeyReport, Page, Positions, Stream, Venue, VenueError};
use fillsync_core::time::VenueTime;
use reqwest::header::HeaderValue;
use serde_json::value::RawValue;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

pub(super) const FILLS: &str = "/v2/account/activities/FILL";
pub(super) const ORDERS: &str = "/v2/orders";
const POSITIONS: &str = "/v2/positions";

/// One account at Alpaca.
#[derive(Debug)]
pub struct Alpaca {
    pub(super) route: Route,
    pub(super) categories: Vec<Category>,
    pub(super) key: HeaderValue,
    pub(super) secret: HeaderValue,
    /// Whether it was said that parents of multi-leg orders are not followed.
    pub(super) told_of_parents: AtomicBool,
    pub(super) endings: Arc<Endings>,
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
            route: Route::open("Alpaca", &settings, address, host_clock)?,
            told_of_parents: AtomicBool::new(false),
            endings: Arc::default(),
            key: key_header(&settings, "api_key", &settings.api_key)?,
            secret: key_header(&settings, "api_secret", &settings.api_secret)?,
        })
    }
}

#[async_trait]
impl Venue for Alpaca {
    fn account(&self) -> &AccountName {
        &self.route.account
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
        let query = format!("after={after}&until={until}&direction=asc&page_size={FILLS_PER_PAGE}");
        self.fills_page(query, category, None, cursor).await
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
        let list: Vec<&RawValue> = self.route.json(ORDERS, &answer)?;
        let next = self.before_oldest(&list, cursor)?;
        let time = self.time_of(&answer);
        let read = |raw: &RawValue| self.read_order(raw, category);
        Ok(self.route.page(&list, time, next, read))
    }

    async fn closed_orders(
        &self,
        category: &Category,
        since: VenueTime,
        cursor: Option<&Cursor>,
    ) -> Result<Page<Order>, VenueError> {
        // `after` goes by submission, and leaves out its own moment.
        let since = since.minus(Duration::from_micros(1)).to_string();
        let after = cursor.map_or(since.as_str(), |Cursor(after)| after);
        let query = format!(
            "status=closed&limit={ORDERS_PER_PAGE}&direction=asc&nested=false&after={}",
            encode(after)
        );
        let answer = self.get(ORDERS, &query).await?;
        let list: Vec<&RawValue> = self.route.json(ORDERS, &answer)?;
        let next = self.after_newest(&list, cursor)?;
        let time = self.time_of(&answer);
        let read = |raw: &RawValue| self.read_order(raw, category);
        Ok(self.route.page(&list, time, next, read))
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
        let raw: &RawValue = self.route.json(&path, &answer)?;
        let page = self
            .route
            .page(&[raw], None, None, |raw| self.read_order(raw, category));
        let what = format!("{}: the order", self.route.name(&path));
        Ok(page::all_of(page, &what)?.pop())
    }

    async fn executions_of(
        &self,
        category: &Category,
        _symbol: &Symbol,
        order_id: &OrderId,
        cursor: Option<&Cursor>,
    ) -> Result<Page<Execution>, VenueError> {
        // `order_id` is taken since 2026-07-29; a server that does not know it answers everything, so what
        // belongs to other orders is left out here.
        let query = format!(
            "order_id={}&direction=asc&page_size={FILLS_PER_PAGE}",
            encode(order_id.as_str())
        );
        self.fills_page(query, category, Some(order_id), cursor)
            .await
    }

    async fn stream(&self) -> Result<Box<dyn Stream>, VenueError> {
        self.open_stream().await
    }

    async fn positions(&self, _category: &Category) -> Result<Option<Positions>, VenueError> {
        let asked_at = self.venue_now().await?;
        let answer = self.get(POSITIONS, "").await?;
        let list: Vec<&RawValue> = self.route.json(POSITIONS, &answer)?;
        let time = self.time_of(&answer);
        let page = self.route.page(&list, time, None, wire::read_position);
        // A position that is left out would look flat, so one bad row costs the whole answer.
        let what = format!("{}: a position", self.route.name(POSITIONS));
        let positions = page::all_of(page, &what)?;
        // The `Date` header has whole seconds: the moment before the question is the closer one.
        Ok(Some(Positions {
            at: asked_at,
            positions,
        }))
    }

    async fn key(&self) -> Result<KeyReport, VenueError> {
        self.key_report().await
    }
}
