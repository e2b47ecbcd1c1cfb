//! The orders that ended, as far back as they are asked for.
//!
//! `order/realtime?openOnly=1` has them at once, but only the newest 500, and none from before a release
//! at the venue. So where it ends before it got back far enough, `order/history` is read as well, which
//! may lag. Both list by creation, the newest first. Deliberately absent: any claim of what was read;
//! the one who walks the pages knows whether they came to the end.

use super::client::{Bybit, ORDERS_CLOSED, ORDERS_OPEN};
use super::config::ORDERS_PER_PAGE;
use super::wire;
use fillsync_core::id::Category;
use fillsync_core::order::Order;
use fillsync_core::port::{Cursor, Page, VenueError};
use fillsync_core::time::VenueTime;

/// Which of the two lists a cursor is of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum List {
    Recent,
    History,
}

impl List {
    const fn name(self) -> &'static str {
        match self {
            Self::Recent => "recent",
            Self::History => "history",
        }
    }

    const fn path(self) -> &'static str {
        match self {
            Self::Recent => ORDERS_OPEN,
            Self::History => ORDERS_CLOSED,
        }
    }

    fn cursor(self, part: &str, venue_cursor: &str) -> Cursor {
        Cursor(format!("{}|{part}|{venue_cursor}", self.name()))
    }
}

impl Bybit {
    /// One page of ended orders; the cursor says of which list and which part.
    pub(super) async fn closed_page(
        &self,
        category: &Category,
        since: VenueTime,
        cursor: Option<&Cursor>,
    ) -> Result<Page<Order>, VenueError> {
        let parts = self.slices.orders(category);
        let first = parts.first().map_or("", String::as_str);
        let (list, part, venue_cursor) = match cursor {
            None => (List::Recent, first, ""),
            Some(Cursor(text)) => parsed(text).ok_or_else(|| VenueError::Rejected {
                what: format!(
                    "{}: the cursor {text:?} is not one of this adapter",
                    self.route.name(ORDERS_OPEN)
                ),
            })?,
        };
        let path = list.path();
        let Some(at) = parts.iter().position(|known| known == part) else {
            let what = format!("{part:?} is no longer asked for; the traversal is not complete");
            return Err(self.route.retry(path, &what));
        };
        let mut query = format!("category={category}&limit={ORDERS_PER_PAGE}");
        match list {
            List::Recent => query.push_str("&openOnly=1"),
            List::History => query = format!("{query}&startTime={}", since.ms()),
        }
        if !part.is_empty() {
            query = format!("{query}&{part}");
        }
        let mut page = self
            .page(path, &query, venue_cursor, |raw| {
                wire::read_order(raw, &self.route.account, category).map(Some)
            })
            .await?;
        let is_far_enough = page.rows.iter().any(|order| order.created_at < since);
        let following = || {
            parts
                .get(at + 1)
                .map(|following| List::Recent.cursor(following, ""))
        };
        page.next = match page.next.take() {
            _ if is_far_enough => following(),
            Some(Cursor(next)) => Some(list.cursor(part, &next)),
            None if list == List::Recent => Some(List::History.cursor(part, "")),
            None => following(),
        };
        Ok(page)
    }
}

fn parsed(text: &str) -> Option<(List, &str, &str)> {
    let (name, rest) = text.split_once('|')?;
    let (part, venue_cursor) = rest.split_once('|')?;
    let list = [List::Recent, List::History]
        .into_iter()
        .find(|list| list.name() == name)?;
    Some((list, part, venue_cursor))
}
