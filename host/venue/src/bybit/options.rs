//! Which options there are: `execution/list` answers for BTC alone when no base coin is named.
//!
//! A list of coins of our own would claim coverage of options that were never asked for. So the venue is
//! asked (`option-base-coins`, without a signature), and asked again after [`KEEP`]; it names a coin before
//! its options are launched, so none is traded in the meantime. Where the list cannot be had, no window of
//! options is traversed, and the error says so.

use super::client::Bybit;
use super::envelope::OptionRow;
use crate::field::{RowError, fields};
use crate::page;
use fillsync_core::port::VenueError;
use serde_json::value::RawValue;
use std::time::Duration;
use tokio::time::Instant;

const BASE_COINS: &str = "/v5/market/option-base-coins";
/// How long a list is used.
const KEEP: Duration = Duration::from_hours(1);
/// More base coins than Bybit has in sight: a longer list is some other list.
const BASE_COINS_MAX: usize = 200;

/// The parts in which executions of options are asked for, and when the venue named them.
#[derive(Debug, Default)]
pub(super) struct OptionParts(tokio::sync::Mutex<Option<(Instant, Vec<String>)>>);

impl Bybit {
    /// The parts of `execution/list` for options.
    ///
    /// # Errors
    /// As the venue's answer; [`VenueError::Rejected`] where it has no such list.
    pub(super) async fn option_parts(&self) -> Result<Vec<String>, VenueError> {
        let mut known = self.option_parts.0.lock().await;
        if let Some((at, parts)) = known.as_ref()
            && at.elapsed() < KEEP
        {
            return Ok(parts.clone());
        }
        let coins = match self.page(BASE_COINS, "", "", base_coin).await {
            Ok(page) => page::all_of(
                page,
                &format!("{}: a base coin", self.route.name(BASE_COINS)),
            )?,
            Err(VenueError::Rejected { what }) => {
                let remedy = "the base coins of options cannot be known here: take \"option\" out of the categories";
                return Err(VenueError::Rejected {
                    what: format!("{what}; {remedy}"),
                });
            }
            Err(error) => return Err(error),
        };
        if coins.is_empty() || coins.len() > BASE_COINS_MAX {
            let what = format!(
                "{} base coins, where 1 to {BASE_COINS_MAX} were expected",
                coins.len()
            );
            return Err(self.route.retry(BASE_COINS, &what));
        }
        // The order must be the same for all pages of a traversal.
        let mut parts: Vec<String> = coins
            .iter()
            .map(|coin| format!("baseCoin={coin}"))
            .collect();
        parts.sort_unstable();
        parts.dedup();
        *known = Some((Instant::now(), parts.clone()));
        Ok(parts)
    }
}

fn base_coin(raw: &RawValue) -> Result<Option<String>, RowError> {
    let row: OptionRow<'_> = fields(raw)?;
    row.base_coin
        .need("baseCoin", |coin| {
            let is_coin = coin
                .bytes()
                .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
            if is_coin {
                Ok(coin.to_owned())
            } else {
                Err("not made of capital letters and digits")
            }
        })
        .map(Some)
}
