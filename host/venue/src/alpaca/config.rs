//! Alpaca's published numbers, and the check of an account's settings.
//!
//! Every bound that the documentation states for a reader stands here once.

use crate::{AccountSettings, OpenError};
use fillsync_core::id::Category;
use std::time::Duration;

/// The one space of executions: Alpaca does not divide markets.
pub(super) const CATEGORY: &str = "fills";
/// Rows of one page of activities: the most that is allowed.
pub(super) const FILLS_PER_PAGE: usize = 100;
/// Rows of one list of orders: the most that is allowed.
pub(super) const ORDERS_PER_PAGE: usize = 500;
/// The longest window of one traversal. Alpaca sets none; a month keeps a failed one cheap to repeat.
pub(super) const WINDOW_MAX: Duration = Duration::from_hours(31 * 24);
/// Activities reach back to the account's opening, and the API is younger than this.
pub(super) const REACH: Duration = Duration::from_hours(10 * 365 * 24);
/// `after` and `until` go by when a row was made, which is not before the trade and may be later: a
/// window is asked for with this much more before it…
pub(super) const EARLIER: Duration = Duration::from_secs(1);
/// …and this much more after it. Rows outside of the window are known by their key.
pub(super) const LATER: Duration = Duration::from_secs(60);
/// How far the `Date` header, which has whole seconds, may be from our estimate.
pub(super) const CLOCK_TOLERANCE: Duration = Duration::from_secs(2);

/// The categories of an account: always the one there is.
pub(super) fn categories(settings: &AccountSettings) -> Result<Vec<Category>, OpenError> {
    let refuse = |category: &str| OpenError::Category {
        account: settings.account.clone(),
        category: category.to_owned(),
        known: "fills",
    };
    for category in &settings.categories {
        if category.as_str() != CATEGORY {
            return Err(refuse(category.as_str()));
        }
    }
    Ok(vec![Category::new(CATEGORY).map_err(|_| refuse(CATEGORY))?])
}
