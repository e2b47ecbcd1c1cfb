//! The pages of Bybit's lists: one, the next, and all parts of a category.
//!
//! A category that must be asked for coin by coin is walked in its cursor (`part|venue's cursor`), so a
//! traversal ends only after the last page of the last coin. A page that leads back to itself is an error,
//! an empty one is the end, and a part that is no longer among the parts is an error and never the end.

use super::client::Bybit;
use super::config::{CLOCK_TOLERANCE, POSITION_PAGES_MAX, POSITIONS_PER_PAGE};
use super::envelope::Envelope;
use super::wire;
use crate::field::RowError;
use crate::http::encode_verbatim;
use crate::page;
use fillsync_core::coverage::Window;
use fillsync_core::id::Category;
use fillsync_core::port::{Cursor, Page, Position, VenueError};
use fillsync_core::time::VenueTime;
use serde_json::value::RawValue;

pub(super) const POSITIONS: &str = "/v5/position/list";

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

pub(super) fn oldest(one: Option<VenueTime>, other: Option<VenueTime>) -> Option<VenueTime> {
    [one, other].into_iter().flatten().min()
}

impl Bybit {
    /// One page of rows, each given to `read`.
    pub(super) async fn page<T>(
        &self,
        path: &str,
        query: &str,
        cursor: &str,
        read: impl Fn(&RawValue) -> Result<Option<T>, RowError> + Send,
    ) -> Result<Page<T>, VenueError> {
        let query = match cursor {
            "" => query.to_owned(),
            cursor => format!("{query}&cursor={}", encode_verbatim(cursor)),
        };
        let answer = self.get(path, &query).await?;
        let envelope: Envelope<'_> = self.route.json(path, &answer)?;
        let Some(list) = envelope.result.list else {
            return Err(self
                .route
                .retry(path, "the answer is a success without a list"));
        };
        let next = envelope.result.next_page_cursor.unwrap_or_default();
        if !list.is_empty() && !next.is_empty() && next == cursor {
            return Err(self.route.retry(
                path,
                "the page led back to itself; the traversal is not complete",
            ));
        }
        let venue_time = envelope.time.map(VenueTime::from_ms);
        if let Some(time) = venue_time {
            self.route
                .clock
                .compare(time, answer.sent, answer.received, CLOCK_TOLERANCE);
        }
        // A cursor stands on the last page as well: an empty page is the end.
        let next = (!list.is_empty() && !next.is_empty()).then(|| Cursor(next.into_owned()));
        Ok(self.route.page(&list, venue_time, next, read))
    }

    /// One page of a list that is asked for in parts; the cursor says which part.
    pub(super) async fn part_page<T>(
        &self,
        path: &str,
        query: &str,
        parts: &[String],
        cursor: Option<&Cursor>,
        read: impl Fn(&RawValue) -> Result<Option<T>, RowError> + Send,
    ) -> Result<Page<T>, VenueError> {
        let (part, venue_cursor) = match cursor {
            None => (parts.first().map_or("", String::as_str), ""),
            Some(Cursor(text)) => text.split_once('|').ok_or_else(|| VenueError::Rejected {
                what: format!(
                    "{}: the cursor {text:?} is not one of this adapter",
                    self.route.name(path)
                ),
            })?,
        };
        let Some(at) = parts.iter().position(|known| known == part) else {
            let what = format!("{part:?} is no longer asked for; the traversal is not complete");
            return Err(self.route.retry(path, &what));
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
                .get(at + 1)
                .map(|following| Cursor(format!("{following}|"))),
        };
        Ok(page)
    }

    /// All positions of one part of a category; returns when the oldest of its pages was true.
    pub(super) async fn part_positions(
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
            let mut page = self
                .page(POSITIONS, &query, &cursor, wire::read_position)
                .await?;
            at = oldest(at, page.venue_time);
            let next = page.next.take();
            // A position that is left out would look flat, so one bad row costs the whole answer.
            let what = format!("{}: a position", self.route.name(POSITIONS));
            into.extend(page::all_of(page, &what)?);
            match next {
                Some(Cursor(next)) => cursor = next,
                None => return Ok(at),
            }
        }
        let rows = POSITION_PAGES_MAX.saturating_mul(POSITIONS_PER_PAGE as usize);
        Err(VenueError::Rejected {
            what: format!("{}: more than {rows} positions", self.route.name(POSITIONS)),
        })
    }
}
