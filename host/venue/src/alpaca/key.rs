//! What a key may do, and the account that it opens.
//!
//! Alpaca makes no read-only keys, and no answer tells a key's end, its addresses or whether it may move
//! crypto out. What is not told is none here and never guessed.

use super::client::Alpaca;
use crate::field::Field;
use fillsync_core::port::{KeyReport, VenueError};
use serde::Deserialize;

const ACCOUNT: &str = "/v2/account";

/// `GET /v2/account`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct AccountRow<'a> {
    /// The account's id.
    #[serde(borrow)]
    id: Field<'a>,
    /// `ACTIVE` and the like.
    #[serde(borrow)]
    status: Field<'a>,
    /// No orders are taken.
    #[serde(borrow)]
    trading_blocked: Field<'a>,
    /// Nothing can be done with the account.
    #[serde(borrow)]
    account_blocked: Field<'a>,
    /// Its owner suspended trading.
    #[serde(borrow)]
    trade_suspended_by_user: Field<'a>,
}

impl Alpaca {
    pub(super) async fn key_report(&self) -> Result<KeyReport, VenueError> {
        let answer = self.get(ACCOUNT, "").await?;
        let row: AccountRow<'_> = self.route.json(ACCOUNT, &answer)?;
        let blocks = [
            ("trading_blocked", row.trading_blocked),
            ("account_blocked", row.account_blocked),
            ("trade_suspended_by_user", row.trade_suspended_by_user),
        ];
        let blocked: Vec<&str> = blocks
            .iter()
            .filter(|(_, is)| is.flag() == Some(true))
            .map(|(name, _)| *name)
            .collect();
        // Alpaca makes no read-only keys; only a block of the account takes the power away for a while.
        let trading = match blocked.as_slice() {
            [] => "Trading: every Alpaca key can trade".to_owned(),
            names => format!("Trading: blocked for now ({})", names.join(", ")),
        };
        let uid = row.id.text().map(|id| id.into_owned());
        let venue = self.venue_now().await?;
        Ok(KeyReport {
            read_only: None,
            powers: vec![trading],
            can_trade: Some(blocked.is_empty()),
            // Whether a key may move crypto out is a setting of the account that no answer tells.
            can_withdraw: None,
            expires_at: None,
            addresses: None,
            account_mode: row.status.text().map(|status| status.into_owned()),
            clock_offset_ms: self.route.offset_ms(venue),
            uid,
        })
    }
}
