//! The account at Bybit: which question answers which call of the port.
//!
//! How a request is signed is in `session.rs`, how a list is walked in `pages.rs`, what is pushed in
//! `stream.rs`. Deliberately absent: retries and back-off, which are the poll loop's.

use super::config::{self, EXECUTIONS_PER_PAGE, ORDERS_PER_PAGE, REACH, Slices, WINDOW_MAX};
use super::options::OptionParts;
use super::pages::{oldest, window_ms};
use super::wire;
use crate::http::{encode, key_header};
use crate::limit::Address;
use crate::route::Route;
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
pub(super) const ORDERS_OPEN: &str = "/v5/order/realtime";
pub(super) const ORDERS_CLOSED: &str = "/v5/order/history";

/// One account at Bybit.
#[derive(Debug)]
pub struct Bybit {
    pub(super) route: Route,
    pub(super) categories: Vec<Category>,
    pub(super) slices: Slices,
    pub(super) option_parts: OptionParts,
    pub(super) key: SecretString,
    pub(super) key_header: HeaderValue,
    pub(super) secret: SecretString,
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
            route: Route::open("Bybit", &settings, address, host_clock)?,
            slices: Slices::of(&settings),
            option_parts: OptionParts::default(),
            key: settings.api_key,
            key_header: key_value,
            secret: settings.api_secret,
            categories: settings.categories,
        })
    }
}

#[async_trait]
impl Venue for Bybit {
    fn account(&self) -> &AccountName {
        &self.route.account
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
        self.venue_now().await
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
            wire::read_execution(raw, &self.route.account, category, Source::Poll).map(Some)
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
            |raw| wire::read_order(raw, &self.route.account, category).map(Some),
        )
        .await
    }

    async fn closed_orders(
        &self,
        category: &Category,
        since: VenueTime,
        cursor: Option<&Cursor>,
    ) -> Result<Page<Order>, VenueError> {
        self.closed_page(category, since, cursor).await
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
                    wire::read_order(raw, &self.route.account, category).map(Some)
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
                    self.route.name(path),
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
            let row = wire::read_execution(raw, &self.route.account, category, Source::Poll)?;
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
