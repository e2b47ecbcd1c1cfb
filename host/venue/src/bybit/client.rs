//! Asks Bybit and turns answers into pages.
//!
//! A traversal of a category that must be asked for coin by coin walks the coins in its cursor
//! (`part|venue's cursor`), so it ends only after the last page of the last coin. A page that leads back to
//! itself is an error, an empty one is the end. How a request is signed is in `session.rs`.

use super::config::{
    self, CLOCK_TOLERANCE, EXECUTIONS_PER_PAGE, ORDERS_PER_PAGE, POSITION_PAGES_MAX,
    POSITIONS_PER_PAGE, REACH, Slices, WINDOW_MAX,
};
use super::session::SERVER_TIME;
use super::wire::{self, Envelope, KeyRow};
use crate::clock::VenueClock;
use crate::field::RowError;
use crate::http::{Http, encode, encode_verbatim, key_header};
use crate::limit::{Address, Gate};
use crate::redact::Redactor;
use crate::{AccountSettings, OpenError};
use async_trait::async_trait;
use fillsync_core::coverage::Window;
use fillsync_core::execution::{Execution, Source, VenueKind};
use fillsync_core::id::{AccountName, Category, OrderId, Symbol};
use fillsync_core::order::Order;
use fillsync_core::port::{
    Clock, Cursor, KeyReport, Page, Position, Positions, Stream, UnreadableRow, Venue, VenueError,
};
use fillsync_core::time::VenueTime;
use reqwest::header::HeaderValue;
use secrecy::SecretString;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

const EXECUTIONS: &str = "/v5/execution/list";
const ORDERS_OPEN: &str = "/v5/order/realtime";
const ORDERS_CLOSED: &str = "/v5/order/history";
const POSITIONS: &str = "/v5/position/list";
const KEY: &str = "/v5/user/query-api";

/// One account at Bybit.
pub struct Bybit {
    pub(super) account: AccountName,
    pub(super) categories: Vec<Category>,
    pub(super) slices: Slices,
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

/// The window's times as Bybit wants them: milliseconds, both ends inclusive. The start is cut and the
/// end is rounded so that every moment of the half-open window is asked for.
pub(super) fn window_ms(window: Window) -> (i64, i64) {
    let from = window.from.ms();
    let end = window
        .to
        .us()
        .saturating_add(999)
        .div_euclid(1_000)
        .saturating_sub(1);
    (from, end.max(from))
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

    /// One page of rows, each given to `read`.
    async fn page<T>(
        &self,
        path: &str,
        query: &str,
        cursor: &str,
        read: impl Fn(&RawValue) -> Result<T, RowError> + Send,
    ) -> Result<Page<T>, VenueError> {
        let query = match cursor {
            "" => query.to_owned(),
            cursor => format!("{query}&cursor={}", encode_verbatim(cursor)),
        };
        let answer = self.get(path, &query).await?;
        let envelope: Envelope<'_> = serde_json::from_slice(&answer.body)
            .map_err(|error| self.no_json(path, &answer, &error))?;
        let Some(list) = envelope.result.list else {
            return Err(self.retry(path, "the answer is a success without a list"));
        };
        let next = envelope.result.next_page_cursor.unwrap_or_default();
        if !list.is_empty() && !next.is_empty() && next == cursor {
            return Err(self.retry(
                path,
                "the page led back to itself; the traversal is not complete",
            ));
        }
        let venue_time = envelope.time.map(VenueTime::from_ms);
        if let Some(time) = venue_time {
            self.clock
                .compare(time, answer.sent, answer.received, CLOCK_TOLERANCE);
        }
        // A cursor stands on the last page as well: an empty page is the end.
        let next = (!list.is_empty() && !next.is_empty()).then(|| Cursor(next.into_owned()));
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
        Ok(page)
    }

    /// One page of a list that is asked for in parts; the cursor says which part.
    async fn part_page<T>(
        &self,
        path: &str,
        query: &str,
        parts: &[String],
        cursor: Option<&Cursor>,
        read: impl Fn(&RawValue) -> Result<T, RowError> + Send,
    ) -> Result<Page<T>, VenueError> {
        let (part, venue_cursor) = match cursor {
            None => (parts.first().map_or("", String::as_str), ""),
            Some(Cursor(text)) => text.split_once('|').ok_or_else(|| VenueError::Rejected {
                what: format!(
                    "{}: the cursor {text:?} is not one of this adapter",
                    self.name(path)
                ),
            })?,
        };
        let query = if part.is_empty() {
            query.to_owned()
        } else {
            format!("{query}&{part}")
        };
        let mut page = self.page(path, &query, venue_cursor, read).await?;
        page.next = match page.next {
            Some(Cursor(next)) => Some(Cursor(format!("{part}|{next}"))),
            None => parts
                .iter()
                .skip_while(|known| *known != part)
                .nth(1)
                .map(|following| Cursor(format!("{following}|"))),
        };
        Ok(page)
    }

    /// All positions of one part of a category; returns when the oldest of its pages was true.
    async fn part_positions(
        &self,
        category: &Category,
        part: &str,
        into: &mut Vec<Position>,
    ) -> Result<Option<VenueTime>, VenueError> {
        let mut query = format!("category={category}&limit={POSITIONS_PER_PAGE}");
        if !part.is_empty() {
            query = format!("{query}&{part}");
        }
        let mut cursor = String::new();
        let mut at: Option<VenueTime> = None;
        for _ in 0..POSITION_PAGES_MAX {
            let page = self
                .page(POSITIONS, &query, &cursor, wire::read_position)
                .await?;
            // A position that is left out would look flat, so one bad row costs the whole answer.
            if let Some(bad) = page.unreadable.first() {
                let what = format!(
                    "{}: a position cannot be read: {}",
                    self.name(POSITIONS),
                    bad.reason
                );
                return Err(VenueError::Rejected { what });
            }
            at = oldest(at, page.venue_time);
            into.extend(page.rows.into_iter().flatten());
            match page.next {
                Some(Cursor(next)) => cursor = next,
                None => return Ok(at),
            }
        }
        let rows = POSITION_PAGES_MAX.saturating_mul(POSITIONS_PER_PAGE as usize);
        Err(VenueError::Rejected {
            what: format!("{}: more than {rows} positions", self.name(POSITIONS)),
        })
    }

    fn key_report(&self, row: &KeyRow<'_>, clock_offset_ms: i64) -> KeyReport {
        let read_only = match row.read_only.text().as_deref() {
            Some("1") => Some(true),
            Some("0") => Some(false),
            _ => None,
        };
        let expires_at = row
            .expired_at
            .text()
            .and_then(|text| VenueTime::parse(&text).ok())
            .filter(|time| *time > VenueTime::EPOCH);
        KeyReport {
            read_only,
            powers: if read_only == Some(true) {
                Vec::new()
            } else {
                powers(row.permissions)
            },
            expires_at,
            clock_offset_ms,
            uid: row
                .user_id
                .text()
                .map(|text| text.into_owned())
                .filter(|uid| uid != "0"),
        }
    }
}

fn oldest(one: Option<VenueTime>, other: Option<VenueTime>) -> Option<VenueTime> {
    [one, other].into_iter().flatten().min()
}

/// Everything that a key may do beyond reading, as `Group: Permission`.
fn powers(permissions: Option<&RawValue>) -> Vec<String> {
    let groups: BTreeMap<String, Vec<String>> = permissions
        .and_then(|raw| serde_json::from_str(raw.get()).ok())
        .unwrap_or_default();
    groups
        .iter()
        .flat_map(|(group, names)| names.iter().map(move |name| format!("{group}: {name}")))
        .filter(|power| power != "Exchange: ExchangeHistory")
        .collect()
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
        self.part_page(
            EXECUTIONS,
            &query,
            self.slices.executions(category),
            cursor,
            |raw| wire::read_execution(raw, &self.account, category, Source::Poll),
        )
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
            |raw| wire::read_order(raw, &self.account, category),
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
                    wire::read_order(raw, &self.account, category)
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
        let answer = self.get(KEY, "").await?;
        let bare = self.bare(KEY, &answer)?;
        let row: KeyRow<'_> = match bare.result {
            Some(raw) => serde_json::from_str(raw.get())
                .map_err(|error| self.no_json(KEY, &answer, &error))?,
            None => return Err(self.retry(KEY, "the answer is a success without a result")),
        };
        let venue = self.signing_time().await?;
        Ok(self.key_report(&row, venue.ms().saturating_sub(self.host_clock.now().ms())))
    }
}
