//! What both venues' tests share: a host clock, and a traversal to its end.

#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

pub(crate) mod line;

use fillsync_core::coverage::Window;
use fillsync_core::execution::Execution;
use fillsync_core::id::Category;
use fillsync_core::port::{Clock, Cursor, Page, Venue, VenueError};
use fillsync_core::time::HostTime;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// More pages than any test needs: a traversal that does not end fails instead of hanging.
const PAGES_MAX: usize = 100;

/// The host's own clock.
pub(crate) struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> HostTime {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        HostTime::from_us(i64::try_from(since.as_micros()).unwrap())
    }
}

/// The last hour, up to the venue's now.
pub(crate) async fn last_hour(venue: &dyn Venue) -> Window {
    let now = venue.now().await.unwrap();
    Window::new(now.minus(Duration::from_secs(3_600)), now)
}

/// All rows of a window, or the first error.
pub(crate) async fn traverse(
    venue: &dyn Venue,
    category: &str,
    window: Window,
) -> Result<Vec<Execution>, VenueError> {
    let category = Category::new(category).unwrap();
    let mut rows = Vec::new();
    let mut cursor: Option<Cursor> = None;
    for _ in 0..PAGES_MAX {
        let Page {
            rows: more,
            unreadable,
            next,
            ..
        } = venue.executions(&category, window, cursor.as_ref()).await?;
        assert_eq!(unreadable, [], "every row of the fake can be read");
        rows.extend(more);
        if next.is_none() {
            return Ok(rows);
        }
        cursor = next;
    }
    panic!("the traversal did not end within {PAGES_MAX} pages")
}

/// The execution ids of some rows, sorted.
pub(crate) fn ids(rows: &[Execution]) -> Vec<String> {
    let mut ids: Vec<_> = rows
        .iter()
        .map(|row| row.execution_id.to_string())
        .collect();
    ids.sort();
    ids
}

/// Sorted, to compare with [`ids`].
pub(crate) fn sorted(mut ids: Vec<String>) -> Vec<String> {
    ids.sort();
    ids
}
