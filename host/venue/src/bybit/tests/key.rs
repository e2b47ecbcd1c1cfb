//! What a key may do, until when, from where, and what account it opens.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::venue_at;
use crate::Limits;
use crate::responder::{Responder, json};
use fillsync_core::execution::VenueKind;
use fillsync_core::port::KeyReport;
use fillsync_core::time::VenueTime;

/// The report of a venue that answers with these: the key, then the account.
async fn report(key: &str, account: &str) -> KeyReport {
    let time = json("200 OK", "", fixture!("documented_market_time.json"));
    let answers = vec![time, json("200 OK", "", key), json("200 OK", "", account)];
    let responder = Responder::start(answers).await;
    venue_at(&responder.url, Limits::of(VenueKind::Bybit))
        .key()
        .await
        .unwrap()
}

fn whole(result: &str) -> String {
    format!(r#"{{"retCode":0,"retMsg":"","result":{result},"time":1688639403423}}"#)
}

const ACCOUNT: &str = fixture!("documented_account_info.json");

#[tokio::test]
async fn a_key_tells_its_powers() {
    let reading = report(fixture!("documented_user_query_api.json"), ACCOUNT).await;
    assert_eq!((reading.read_only, reading.powers.len()), (Some(true), 0));
    assert_eq!(
        (reading.can_trade, reading.can_withdraw),
        (Some(false), Some(false))
    );
    assert_eq!(
        (reading.expires_at, reading.uid.as_deref()),
        (None, Some("1448939"))
    );
    assert!(
        (0..5_000).contains(&reading.clock_offset_ms),
        "{}",
        reading.clock_offset_ms
    );
    let trading = report(&whole(fixture!("recorded_query_api_result.json")), ACCOUNT).await;
    assert_eq!(trading.read_only, Some(false));
    assert!(
        trading
            .powers
            .contains(&"Wallet: AccountTransfer".to_owned()),
        "{:?}",
        trading.powers
    );
    assert_eq!(
        (trading.can_trade, trading.can_withdraw),
        (Some(true), Some(false))
    );
    assert!(trading.expires_at.is_some());
}

#[tokio::test]
async fn a_key_that_can_withdraw_is_told_from_one_that_can_only_move_money_inside() {
    let of = async |wallet: &str| {
        let key = format!(r#"{{"readOnly":0,"permissions":{{"Wallet":[{wallet}],"NFT":null}}}}"#);
        let report = report(&whole(&key), ACCOUNT).await;
        (report.can_trade, report.can_withdraw)
    };
    assert_eq!(of(r#""Withdraw""#).await, (Some(false), Some(true)));
    assert_eq!(of(r#""AccountTransfer""#).await, (Some(false), Some(false)));
    let silent = report(&whole(r#"{"readOnly":0}"#), ACCOUNT).await;
    assert_eq!((silent.can_trade, silent.can_withdraw), (None, None));
}

#[tokio::test]
async fn a_key_tells_its_end_its_addresses_and_its_account() {
    let bound = report(fixture!("documented_user_query_api.json"), ACCOUNT).await;
    assert_eq!(bound.addresses.map(|addresses| addresses.len()), Some(3));
    assert_eq!(bound.account_mode.as_deref(), Some("unified 1.0 pro"));
    let free = report(&whole(fixture!("recorded_query_api_result.json")), ACCOUNT).await;
    assert_eq!(free.addresses, Some(Vec::new()), "`*` is every address");
    // An answer that has only whole days left, and an account that does not tell its mode.
    let refusal = r#"{"retCode":10005,"retMsg":"Permission denied","result":{}}"#;
    let days = report(&whole(r#"{"readOnly":1,"deadlineDay":7,"uta":0}"#), refusal).await;
    let end = days.expires_at.unwrap();
    let week = VenueTime::from_ms(1_688_639_403_423 + 7 * 24 * 3_600_000);
    assert!(end >= week && end.since(week).as_secs() < 60, "{end}");
    assert_eq!(days.account_mode.as_deref(), Some("classic"));
    assert_eq!(days.addresses, None);
}
