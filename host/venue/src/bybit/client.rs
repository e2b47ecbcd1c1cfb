//! The account at Bybit: which question answers which call of the port.
//!
//! How a request is signed is in `session.rs`, how a list is walked in `pages.rs`, what is pushed in
//! `stream.rs`. Deliberately absent: retries and back-off, which are the poll loop's.

use super::config::{self, EXECUTIONS_PER_PAGE, ORDERS_PER_PAGE, REACH, Slices, WINDOW_MAX};
use super::options::OptionParts;
use super::pages::{oldest, window_ms};
use super::session::SERVER_TIME;
use super::wire;
use crate::clock::VenueClock;
use crate::http::{Http, encode, key_header};
use crate::limit::{Address, Gate};
use crate::redact::Redactor;
use crate::{AccountSettings, OpenError};
use async_trait::async_trait;
use fillsync_core::coverage::Window;
use fillsync_core::execution::{Execution, Source, VenueKind};
use fillsync_core::id::{AccountName, Category, OrderId, Symbol};
use fillsync_core::order::Order;
use fillsync_core::port::{Clock, Cursor, KeyReport, Page, Positions, Stream, Venue, VenueError};
use fillsync_core::time::VenueTime;
use reqwest::header::HeaderValue;
use secrecy::SecretString;
use std::sync::Arc;
use std::time::Duration;

const EXECUTIONS: &str = "/v5/execution/list";
const ORDERS_OPEN: &str = "/v5/order/realtime";
const ORDERS_CLOSED: &str = "/v5/order/history";

/// One account at Bybit.
pub struct Bybit {
    pub(super) account: AccountName,
    pub(super) categories: Vec<Category>,
    pub(super) slices: Slices,
    pub(super) option_parts: OptionParts,
    pub(super) http: Http,
    pub(super) gate: Gate,
    pub(super) host_clock: Arc<dyn Clock>,
    pub(super) clock: VenueClock,
    pub(super) redactor: Redactor,
    pub(super) key: SecretString,
    pub(super) key_header: HeaderValue,
    pub(super) secret: SecretString,
}

impl std::fmt::Debug for Bybit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bybit")
            .field("account", &self.account)
            .finish_non_exhaustive()
    }
}

impl Bybit {
    /// Opens the account; sends nothing.
    ///
    /// # Errors
    /// When the settings cannot work.
    pub fn open(
        settings: AccountSettings,
        address: &Address,
        host_clock: Arc<dyn Clock>,
    ) -> Result<Self, OpenError> {
        config::check(&settings)?;
        let key_value = key_header(&settings, "api_key", &settings.api_key)?;
        key_header(&settings, "api_secret", &settings.api_secret)?;
        Ok(Self {
            http: Http::open(&settings, address.clients(), *address.limits())?,
            gate: Gate::new(address),
            slices: Slices::of(&settings),
            option_parts: OptionParts::default(),
            host_clock,
            clock: VenueClock::default(),
            redactor: Redactor::new([settings.api_key.clone(), settings.api_secret.clone()]),
            key: settings.api_key,
            key_header: key_value,
            secret: settings.api_secret,
            account: settings.account,
            categories: settings.categories,
        })
    }
}

#[async_trait]
impl Venue for Bybit {
    fn account(&self) -> &AccountName {
        &self.account
    }

    fn kind(&self) -> VenueKind {
        VenueKind::Bybit
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
        if let Some(time) = self.clock.reached() {
            return Ok(time);
        }
        self.measure_clock().await?;
        self.clock
            .reached()
            .ok_or_else(|| self.retry(SERVER_TIME, "the clock was lost while it was measured"))
    }

    async fn executions(
        &self,
        category: &Category,
        window: Window,
        cursor: Option<&Cursor>,
    ) -> Result<Page<Execution>, VenueError> {
        let (from, end) = window_ms(window);
        let query = format!(
            "category={category}&startTime={from}&endTime={end}&limit={EXECUTIONS_PER_PAGE}"
        );
        let parts = match category.as_str() {
            "option" => self.option_parts().await?,
            _ => vec![String::new()],
        };
        self.part_page(EXECUTIONS, &query, &parts, cursor, |raw| {
            wire::read_execution(raw, &self.account, category, Source::Poll).map(Some)
        })
        .await
    }

    async fn open_orders(
        &self,
        category: &Category,
        cursor: Option<&Cursor>,
    ) -> Result<Page<Order>, VenueError> {
        let query = format!("category={category}&openOnly=0&limit={ORDERS_PER_PAGE}");
        self.part_page(
            ORDERS_OPEN,
            &query,
            self.slices.orders(category),
            cursor,
            |raw| wire::read_order(raw, &self.account, category).map(Some),
        )
        .await
    }

    async fn order(
        &self,
        category: &Category,
        symbol: &Symbol,
        order_id: &OrderId,
    ) -> Result<Option<Order>, VenueError> {
        let query = format!(
            "category={category}&symbol={}&orderId={}",
            encode(symbol.as_str()),
            encode(order_id.as_str())
        );
        // Open and freshly closed orders are in the first list, older ones only in the second.
        for path in [ORDERS_OPEN, ORDERS_CLOSED] {
            let page = self
                .page(path, &query, "", |raw| {
                    wire::read_order(raw, &self.account, category).map(Some)
                })
                .await?;
            if let Some(order) = page
                .rows
                .into_iter()
                .find(|order| order.order_id == *order_id)
            {
                return Ok(Some(order));
            }
            if let Some(bad) = page.unreadable.first() {
                let what = format!(
                    "{}: order {order_id} cannot be read: {}",
                    self.name(path),
                    bad.reason
                );
                return Err(VenueError::Rejected { what });
            }
        }
        Ok(None)
    }

    async fn executions_of(
        &self,
        category: &Category,
        symbol: &Symbol,
        order_id: &OrderId,
        cursor: Option<&Cursor>,
    ) -> Result<Page<Execution>, VenueError> {
        // `orderId` overrides every other parameter, times and coins too: no window can be missed, and
        // the category only says in which space the id is looked up.
        let query = format!(
            "category={category}&symbol={}&orderId={}&limit={EXECUTIONS_PER_PAGE}",
            encode(symbol.as_str()),
            encode(order_id.as_str())
        );
        let cursor = cursor.map_or("", |Cursor(text)| text);
        self.page(EXECUTIONS, &query, cursor, |raw| {
            let row = wire::read_execution(raw, &self.account, category, Source::Poll)?;
            Ok((row.order_id.as_ref() == Some(order_id)).then_some(row))
        })
        .await
    }

    async fn stream(&self) -> Result<Box<dyn Stream>, VenueError> {
        self.open_stream().await
    }

    async fn positions(&self, category: &Category) -> Result<Option<Positions>, VenueError> {
        if category.as_str() == "spot" {
            return Ok(None);
        }
        let asked_at = self.now().await?;
        let mut positions = Vec::new();
        let mut at = None;
        for part in self.slices.orders(category) {
            at = oldest(
                at,
                self.part_positions(category, part, &mut positions).await?,
            );
        }
        Ok(Some(Positions {
            at: at.unwrap_or(asked_at),
            positions,
        }))
    }

    async fn key(&self) -> Result<KeyReport, VenueError> {
        self.key_report().await
    }
}
