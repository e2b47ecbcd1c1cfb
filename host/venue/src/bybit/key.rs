//! What a key may do, until when, from where, and what kind of account it opens.
//!
//! `query-api` answers to every key. `account/info` tells the account's mode; where it is refused the mode
//! is unknown, which is no reason to withhold the rest. Nothing here judges: `check` does.

use super::client::Bybit;
use super::envelope::{AccountRow, KeyRow};
use crate::field::whole;
use fillsync_core::port::{KeyReport, VenueError};
use fillsync_core::time::VenueTime;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::time::Duration;

const KEY: &str = "/v5/user/query-api";
const ACCOUNT: &str = "/v5/account/info";
/// Groups of permissions that can move a position; the other ones move money or show things.
const TRADING_GROUPS: [&str; 7] = [
    "BlockTrade",
    "ContractTrade",
    "CopyTrading",
    "Derivatives",
    "Exchange",
    "Options",
    "Spot",
];
/// The permission under which money leaves Bybit.
const WITHDRAW: &str = "Wallet: Withdraw";
/// The one name in all groups that stands for reading.
const READS: &str = "Exchange: ExchangeHistory";
/// What `ips` says for a key that works from everywhere.
const ANYWHERE: &str = "*";
const DAY: Duration = Duration::from_hours(24);

impl Bybit {
    pub(super) async fn key_report(&self) -> Result<KeyReport, VenueError> {
        let answer = self.get(KEY, "").await?;
        let bare = self.bare(KEY, &answer)?;
        let Some(raw) = bare.result else {
            return Err(self
                .route
                .retry(KEY, "the answer is a success without a result"));
        };
        let row: KeyRow<'_> = serde_json::from_str(raw.get())
            .map_err(|error| self.route.no_json(KEY, &answer, &error))?;
        let account_mode = self.account_mode().await?;
        let venue = self.signing_time().await?;
        let read_only = match row.read_only.text().as_deref() {
            Some("1") => Some(true),
            Some("0") => Some(false),
            _ => None,
        };
        let powers = match read_only {
            Some(true) => Some(Vec::new()),
            _ => powers(row.permissions),
        };
        let can = |is: fn(&str) -> bool| {
            let powers = powers.as_ref()?;
            Some(powers.iter().any(|power| is(power)))
        };
        Ok(KeyReport {
            read_only,
            can_trade: can(trades),
            can_withdraw: can(|power| power == WITHDRAW),
            expires_at: expires_at(&row, venue),
            addresses: row.ips.and_then(addresses),
            account_mode: account_mode.or_else(|| row.uta.text().map(|uta| by_uta(&uta))),
            clock_offset_ms: self.route.offset_ms(venue),
            uid: row
                .user_id
                .text()
                .map(|text| text.into_owned())
                .filter(|uid| uid != "0"),
            powers: powers.unwrap_or_default(),
        })
    }

    async fn account_mode(&self) -> Result<Option<String>, VenueError> {
        let answer = match self.get(ACCOUNT, "").await {
            Ok(answer) => answer,
            Err(VenueError::Refused { .. } | VenueError::Rejected { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let bare = self.bare(ACCOUNT, &answer)?;
        let row: AccountRow<'_> = bare
            .result
            .and_then(|raw| serde_json::from_str(raw.get()).ok())
            .unwrap_or_default();
        Ok(row
            .unified_margin_status
            .text()
            .map(|status| by_status(&status)))
    }
}

/// `unifiedMarginStatus` in words (documentation of account modes).
fn by_status(status: &str) -> String {
    match status {
        "1" => "classic".to_owned(),
        "3" => "unified 1.0".to_owned(),
        "4" => "unified 1.0 pro".to_owned(),
        "5" => "unified 2.0".to_owned(),
        "6" => "unified 2.0 pro".to_owned(),
        other => format!("unknown ({})", other.chars().take(16).collect::<String>()),
    }
}

/// `uta` of the key: it does not tell which unified mode.
fn by_uta(uta: &str) -> String {
    match uta {
        "0" => "classic".to_owned(),
        _ => "unified".to_owned(),
    }
}

/// `expiredAt`, else the whole days of `deadlineDay` from now; 1970 and -2 are said of keys that stay.
fn expires_at(row: &KeyRow<'_>, now: VenueTime) -> Option<VenueTime> {
    let said = row
        .expired_at
        .text()
        .and_then(|text| VenueTime::parse(&text).ok())
        .filter(|time| *time > VenueTime::EPOCH);
    said.or_else(|| {
        let days = row
            .deadline_day
            .text()
            .and_then(|text| whole(&text).ok())
            .and_then(|days| u32::try_from(days).ok())?;
        Some(now.plus(DAY.saturating_mul(days)))
    })
}

/// The addresses that a key is bound to: none of them for one that works from everywhere.
fn addresses(ips: &RawValue) -> Option<Vec<String>> {
    let ips = Option::<Vec<String>>::deserialize(ips).ok()?;
    let bound = ips.unwrap_or_default().into_iter();
    Some(
        bound
            .filter(|address| !address.is_empty() && address != ANYWHERE)
            .collect(),
    )
}

fn trades(power: &str) -> bool {
    power
        .split_once(": ")
        .is_some_and(|(group, _)| TRADING_GROUPS.contains(&group))
}

/// Everything that a key may do beyond reading, as `Group: Permission`; none where the venue does not say.
fn powers(permissions: Option<&RawValue>) -> Option<Vec<String>> {
    let groups: BTreeMap<String, Option<Vec<String>>> =
        serde_json::from_str(permissions?.get()).ok()?;
    Some(
        groups
            .iter()
            .flat_map(|(group, names)| {
                let names = names.iter().flatten();
                names.map(move |name| format!("{group}: {name}"))
            })
            .filter(|power| power != READS)
            .collect(),
    )
}
