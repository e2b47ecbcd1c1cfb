//! How Alpaca's lists are walked.
//!
//! Activities are walked oldest first by the id of the last row seen, until an empty page: new rows then
//! only add to the end. Orders have no page token, so a full list is walked on by submission time with an
//! overlap; the id tells repeats apart. A page that leads back to itself is an error.

use super::client::{Alpaca, FILLS, ORDERS};
use super::config::ORDERS_PER_PAGE;
use super::wire;
use crate::field::RowError;
use crate::http::encode;
use fillsync_core::execution::{Execution, Source};
use fillsync_core::id::{Category, OrderId};
use fillsync_core::order::Order;
use fillsync_core::port::{Cursor, Page, VenueError};
use fillsync_core::time::VenueTime;
use serde_json::value::RawValue;
use std::sync::atomic::Ordering;
use std::time::Duration;

impl Alpaca {
    /// One page of activities; only those of one order where one is named.
    pub(super) async fn fills_page(
        &self,
        query: String,
        category: &Category,
        only_of: Option<&OrderId>,
        cursor: Option<&Cursor>,
    ) -> Result<Page<Execution>, VenueError> {
        let query = match cursor {
            Some(Cursor(token)) => format!("{query}&page_token={}", encode(token)),
            None => query,
        };
        let answer = self.get(FILLS, &query).await?;
        let list: Vec<&RawValue> = self.route.json(FILLS, &answer)?;
        let next = self.after_last(&list, cursor)?;
        let read = |raw: &RawValue| {
            let row = wire::read_fill(raw, &self.route.account, category, Source::Poll)?;
            let is_meant = only_of.is_none_or(|order_id| row.order_id.as_ref() == Some(order_id));
            Ok(is_meant.then_some(row))
        };
        let time = self.time_of(&answer);
        Ok(self.route.page(&list, time, next, read))
    }

    /// Reads an order; none for the parent of a multi-leg order, which is said once.
    pub(super) fn read_order(
        &self,
        raw: &RawValue,
        category: &Category,
    ) -> Result<Option<Order>, RowError> {
        let order = wire::read_order(raw, &self.route.account, category)?;
        if order.is_none() && !self.told_of_parents.swap(true, Ordering::Relaxed) {
            tracing::info!(
                account = %self.route.account,
                "a multi-leg order has no symbol of its own; its legs are followed as the orders that they are"
            );
        }
        Ok(order)
    }

    /// Where a walk over activities goes on: after the last row, unless there was none.
    pub(super) fn after_last(
        &self,
        list: &[&RawValue],
        token: Option<&Cursor>,
    ) -> Result<Option<Cursor>, VenueError> {
        let Some(last) = list.last() else {
            return Ok(None);
        };
        let id = wire::activity_id(last).ok_or_else(|| {
            self.route
                .retry(FILLS, "the last row of the page has no id to go on from")
        })?;
        if token.is_some_and(|Cursor(token)| *token == id) {
            return Err(self.route.retry(
                FILLS,
                "the page led back to itself; the traversal is not complete",
            ));
        }
        Ok(Some(Cursor(id)))
    }

    /// Where a walk over orders goes on: before the oldest of a full list, with the oldest again, because
    /// `until` leaves out its own moment and others may share it.
    pub(super) fn before_oldest(
        &self,
        list: &[&RawValue],
        until: Option<&Cursor>,
    ) -> Result<Option<Cursor>, VenueError> {
        let beyond = |oldest: VenueTime| oldest.plus(Duration::from_micros(1));
        self.beyond_last(list, until, beyond)
    }

    /// Where a walk over orders, the oldest first, goes on: after the newest of a full list, with the
    /// newest again, because `after` leaves out its own moment as well.
    pub(super) fn after_newest(
        &self,
        list: &[&RawValue],
        after: Option<&Cursor>,
    ) -> Result<Option<Cursor>, VenueError> {
        let beyond = |newest: VenueTime| newest.minus(Duration::from_micros(1));
        self.beyond_last(list, after, beyond)
    }

    fn beyond_last(
        &self,
        list: &[&RawValue],
        cursor: Option<&Cursor>,
        beyond: impl Fn(VenueTime) -> VenueTime,
    ) -> Result<Option<Cursor>, VenueError> {
        if list.len() < ORDERS_PER_PAGE {
            return Ok(None);
        }
        let last = list
            .last()
            .and_then(|row| wire::submitted_at(row))
            .ok_or_else(|| {
                self.route.retry(
                    ORDERS,
                    "the last order of a full list has no submission time",
                )
            })?;
        let next = beyond(last).to_string();
        if cursor.is_some_and(|Cursor(cursor)| *cursor == next) {
            return Err(VenueError::Rejected {
                what: format!(
                    "{}: {ORDERS_PER_PAGE} orders at one instant, {last}",
                    self.route.name(ORDERS)
                ),
            });
        }
        Ok(Some(Cursor(next)))
    }
}
