//! Bybit's published numbers, and the account's settings after they were checked.
//!
//! Every bound that the documentation states for a reader stands here once. What an account may set is
//! in [`crate::AccountSettings`]; this file turns it into the slices that a traversal walks.

use crate::{AccountSettings, OpenError};
use fillsync_core::id::Category;
use std::time::Duration;

/// The settlement coins of linear contracts, asked for one after the other: `order/realtime` and
/// `position/list` refuse `category=linear` without a symbol or a coin.
pub const LINEAR_SETTLE_COINS: [&str; 2] = ["USDT", "USDC"];

/// Rows of one page of `execution/list`: the most that is allowed.
pub(super) const EXECUTIONS_PER_PAGE: u32 = 100;
/// Rows of one page of `order/realtime`: the most that is allowed.
pub(super) const ORDERS_PER_PAGE: u32 = 50;
/// Rows of one page of `position/list`: the most that is allowed.
pub(super) const POSITIONS_PER_PAGE: u32 = 200;
/// Pages of positions that are read for one coin: 10,000 positions.
pub(super) const POSITION_PAGES_MAX: usize = 50;
/// A window may span 7 days; half a day is left for clocks that disagree.
pub(super) const WINDOW_MAX: Duration = Duration::from_hours(156);
/// Executions reach back 2 years; a day is left so that a long traversal does not fall off the end.
pub(super) const REACH: Duration = Duration::from_hours(729 * 24);
/// How old a signed request may be when it arrives (`X-BAPI-RECV-WINDOW`): Bybit's own default.
pub(super) const RECV_WINDOW_MS: &str = "5000";
/// How far an answer's `time` may be from our estimate before the clock is measured anew: half of what
/// Bybit tolerates of a time stamp that runs ahead.
pub(super) const CLOCK_TOLERANCE: Duration = Duration::from_millis(500);

const CATEGORIES: [&str; 4] = ["linear", "inverse", "spot", "option"];

/// The parts in which orders and positions are asked for. A part is a query parameter, or empty for all.
#[derive(Debug, Clone)]
pub(super) struct Slices {
    linear: Vec<String>,
    whole: Vec<String>,
}

impl Slices {
    pub(super) fn of(settings: &AccountSettings) -> Self {
        let coins = settings.linear_settle_coins.iter();
        Self {
            linear: coins.map(|coin| format!("settleCoin={coin}")).collect(),
            whole: vec![String::new()],
        }
    }

    /// For `order/realtime` and `position/list`: only linear contracts have to be asked for by coin.
    pub(super) fn orders(&self, category: &Category) -> &[String] {
        if category.as_str() == "linear" {
            &self.linear
        } else {
            &self.whole
        }
    }
}

/// Checks what can be checked without asking the venue.
pub(super) fn check(settings: &AccountSettings) -> Result<(), OpenError> {
    let refuse = |category: &str| OpenError::Category {
        account: settings.account.clone(),
        category: category.to_owned(),
        known: "linear, inverse, spot, option",
    };
    if settings.categories.is_empty() {
        return Err(refuse(""));
    }
    for category in &settings.categories {
        if !CATEGORIES.contains(&category.as_str()) {
            return Err(refuse(category.as_str()));
        }
    }
    let coins = &settings.linear_settle_coins;
    let refuse = |coin: &str| OpenError::Coin {
        account: settings.account.clone(),
        coin: coin.to_owned(),
    };
    let is_followed = settings.categories.iter().any(|c| c.as_str() == "linear");
    if is_followed && coins.is_empty() {
        return Err(refuse(""));
    }
    for coin in coins {
        let is_coin = !coin.is_empty()
            && coin
                .bytes()
                .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
        if !is_coin {
            return Err(refuse(coin));
        }
    }
    Ok(())
}
