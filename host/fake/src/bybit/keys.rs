//! `GET /v5/user/query-api` and `GET /v5/account/info`: what a key may do and what kind of account it opens.
//!
//! Promise: the secret is never answered, as at the venue.

use serde_json::{Value, json};

use super::BybitAccount;

const DAY_MS: i64 = 24 * 3_600_000;

pub(crate) fn query_api(account: &BybitAccount, now_ms: i64) -> Value {
    let expires_ms = now_ms + account.deadline_days * DAY_MS;
    let expires = jiff::Timestamp::from_millisecond(expires_ms)
        .map(|at| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
        .unwrap_or_default();
    let wallet: &[&str] = if account.may_withdraw {
        &["AccountTransfer", "Withdraw"]
    } else {
        &[]
    };
    json!({
        "id": account.uid.to_string(), "note": account.name, "apiKey": account.key,
        "readOnly": i32::from(account.is_read_only), "secret": "",
        "permissions": {
            "ContractTrade": ["Order", "Position"], "Spot": ["SpotTrade"], "Wallet": wallet, "Options": [],
            "Derivatives": ["DerivativesTrade"], "CopyTrading": [], "BlockTrade": [],
            "Exchange": ["ExchangeHistory"], "NFT": [], "Affiliate": [], "Earn": [], "FiatP2P": [],
            "FiatConvertBroker": [], "FiatGlobalPay": [], "FiatBitPay": [], "BitCard": [], "ByXPost": [],
        },
        "ips": if account.ips.is_empty() { vec!["*".to_owned()] } else { account.ips.clone() },
        "type": 1, "deadlineDay": account.deadline_days, "expiredAt": expires,
        "createdAt": "2026-11-20T00:00:00Z", "unified": 0, "uta": 1, "userID": account.uid, "inviterID": 0,
        "vipLevel": "No VIP", "mktMakerLevel": "0", "affiliateID": 0, "rsaPublicKey": "", "isMaster": true,
        "parentUid": "0", "kycLevel": "LEVEL_1", "kycRegion": "MYS", "userIDInt64": account.uid.to_string(),
        "inviterIDInt64": "0", "affiliateIDInt64": "0",
    })
}

pub(crate) fn account_info(now_ms: i64) -> Value {
    json!({
        "marginMode": "REGULAR_MARGIN", "updatedTime": now_ms.to_string(), "unifiedMarginStatus": 5,
        "dcpStatus": "OFF", "timeWindow": 10, "smpGroup": 0, "isMasterTrader": false, "spotHedgingStatus": "OFF",
    })
}
