//! Whole traversals of a fake Bybit that checks what the real one checks.
//!
//! Promise under test: every row of a window arrives exactly as often as the venue shows it, and whatever
//! goes wrong is an error that says what to do and never a traversal that seems complete.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{SystemClock, ids, last_hour, sorted, traverse};
use fillsync_core::amount::Quantity;
use fillsync_core::execution::{ExecutionClass, VenueKind};
use fillsync_core::id::{AccountName, Category, OrderId, Symbol};
use fillsync_core::order::{Lane, OrderStatus};
use fillsync_core::port::{Venue, VenueError};
use fillsync_fake::{
    BybitAccount, BybitOptions, FakeBybit, FakeClock, Fault, Fill, Match, NewOrder, NewRow, Side,
};
use fillsync_venue::{AccountSettings, Address, Limits, open};
use secrecy::SecretString;
use std::sync::Arc;

const EXECUTIONS: &str = "/v5/execution/list";

async fn fake() -> FakeBybit {
    FakeBybit::start(BybitOptions::new([
        BybitAccount::new("main", "MAINKEY0123456789", "main-secret", 1001),
        BybitAccount::new("mirror", "MIRRORKEY0123456", "mirror-secret", 1002),
    ]))
    .await
    .unwrap()
}

fn address() -> Address {
    Address::new(VenueKind::Bybit, Limits::of(VenueKind::Bybit)).unwrap()
}

fn venue(fake: &FakeBybit, name: &str, address: &Address) -> Arc<dyn Venue> {
    let (key, secret) = match name {
        "main" => ("MAINKEY0123456789", "main-secret"),
        _ => ("MIRRORKEY0123456", "mirror-secret"),
    };
    let settings = AccountSettings::new(
        AccountName::new(name).unwrap(),
        VenueKind::Bybit,
        fake.base_url(),
        SecretString::from(key),
        SecretString::from(secret),
        ["linear", "spot"]
            .map(|name| Category::new(name).unwrap())
            .to_vec(),
    );
    open(settings, address, Arc::new(SystemClock)).unwrap()
}

/// One order with this many fills, the newest a second ago.
fn lay_down(fake: &FakeBybit, account: &str, fills: i64) {
    let now = fake.clock().now_ms();
    let start = now - 1_000 - fills * 10;
    let quantity = fills.to_string();
    let order =
        NewOrder::limit("GTCUSDT", Side::Sell, &quantity, "0.2215").client_order_id("plan7-L1");
    let order = fake
        .book()
        .place_order(account, order.at_ms(start))
        .unwrap();
    for n in 0..fills {
        fake.book()
            .fill(
                &order,
                Fill::new("1", "0.2215").maker().at_ms(start + n * 10),
            )
            .unwrap();
    }
}

#[tokio::test]
async fn a_traversal_brings_every_row_and_classes_it() {
    let fake = fake().await;
    lay_down(&fake, "main", 250);
    let at = fake.clock().now_ms() - 500;
    fake.book()
        .add_row(
            "main",
            NewRow::funding("GTCUSDT", fillsync_fake::Side::Sell, "250", "0.22", "0.01").at_ms(at),
        )
        .unwrap();
    let venue = venue(&fake, "main", &address());
    let rows = traverse(&*venue, "linear", last_hour(&*venue).await)
        .await
        .unwrap();
    assert_eq!(ids(&rows), sorted(fake.book().execution_ids("main")));
    let fills = rows
        .iter()
        .filter(|row| row.class == ExecutionClass::OrderFill)
        .count();
    assert_eq!((fills, rows.len()), (250, 251));
    assert!(rows.iter().any(|row| row.class == ExecutionClass::Cash));
    assert!(rows.iter().all(|row| row.market.account.as_str() == "main"));
    // Three pages of up to 100 rows and the empty one that ends it.
    assert_eq!(fake.requests().count(EXECUTIONS), 4);
}

#[tokio::test]
async fn a_page_that_fails_or_repeats_makes_no_complete_traversal() {
    let fake = fake().await;
    lay_down(&fake, "main", 150);
    let venue = venue(&fake, "main", &address());
    let window = last_hour(&*venue).await;
    for fault in [
        Fault::CutBody { keep_bytes: 700 },
        Fault::Html,
        Fault::RepeatPage,
        Fault::DropConnection,
        Fault::LoseAnswer,
        Fault::status(503, "upstream"),
        Fault::redirect(302, "https://example.com/"),
        Fault::refuse(10_016, "server error"),
    ] {
        let name = fault.name();
        fake.faults().add(Match::path(EXECUTIONS).page(2), fault, 1);
        let outcome = traverse(&*venue, "linear", window).await;
        assert!(
            matches!(outcome, Err(VenueError::Retry { .. })),
            "{name}: {outcome:?}"
        );
        assert_eq!(fake.faults().pending(), 0, "{name} was met");
    }
    let rows = traverse(&*venue, "linear", window).await.unwrap();
    assert_eq!(rows.len(), 150, "and the venue is none the worse");
}

#[tokio::test]
async fn a_clock_that_drifts_is_measured_again_within_the_call() {
    let fake = fake().await;
    lay_down(&fake, "main", 3);
    let venue = venue(&fake, "main", &address());
    let window = last_hour(&*venue).await;
    for skew_ms in [30_000, -30_000] {
        fake.faults().set_clock_skew_ms(skew_ms);
        assert_eq!(
            traverse(&*venue, "linear", window)
                .await
                .map(|rows| rows.len()),
            Ok(3)
        );
        let offset = venue.key().await.unwrap().clock_offset_ms;
        assert!((offset - skew_ms).abs() < 2_000, "{offset} for {skew_ms}");
    }
}

#[tokio::test]
async fn a_ban_of_the_address_holds_the_other_account_without_a_request() {
    let fake = fake().await;
    let address = address();
    let (main, mirror) = (
        venue(&fake, "main", &address),
        venue(&fake, "mirror", &address),
    );
    let window = last_hour(&*main).await;
    fake.faults().add(
        Match::path(EXECUTIONS),
        Fault::status(403, "access too frequent"),
        1,
    );
    let first = traverse(&*main, "linear", window).await;
    assert!(
        matches!(
            first,
            Err(VenueError::Wait {
                whole_address: true,
                ..
            })
        ),
        "{first:?}"
    );
    let sent = fake.requests().total();
    let second = traverse(&*mirror, "linear", window).await;
    assert!(
        matches!(
            second,
            Err(VenueError::Wait {
                whole_address: true,
                ..
            })
        ),
        "{second:?}"
    );
    assert_eq!(fake.requests().total(), sent);
}

#[tokio::test]
async fn a_rate_limit_holds_its_own_key_only() {
    let fake = fake().await;
    let address = address();
    let (main, mirror) = (
        venue(&fake, "main", &address),
        venue(&fake, "mirror", &address),
    );
    let window = last_hour(&*main).await;
    let limited = Fault::TooManyRequests {
        retry_after_s: 30,
        with_headers: true,
    };
    fake.faults()
        .add(Match::path(EXECUTIONS).account("main"), limited, 1);
    let first = traverse(&*main, "linear", window).await;
    assert!(
        matches!(first, Err(VenueError::Wait { whole_address: false, after, .. }) if after.as_secs() >= 25),
        "{first:?}"
    );
    assert_eq!(traverse(&*mirror, "linear", window).await, Ok(vec![]));
}

#[tokio::test]
async fn a_wrong_secret_is_refused_without_an_echo() {
    let fake = fake().await;
    fake.add_account(BybitAccount::new(
        "main",
        "MAINKEY0123456789",
        "another-secret",
        1001,
    ));
    let venue = venue(&fake, "main", &address());
    let error = traverse(&*venue, "linear", last_hour(&*venue).await)
        .await
        .unwrap_err();
    assert!(matches!(error, VenueError::Refused { .. }), "{error}");
    assert!(!error.to_string().contains("MAINKEY"), "{error}");
}

#[tokio::test]
async fn orders_and_positions_of_every_settlement_coin_are_listed() {
    let fake = fake().await;
    let book = fake.book();
    for symbol in ["GTCUSDT", "ETHPERP"] {
        let long = NewOrder::limit(symbol, Side::Buy, "5", "10").position_idx(1);
        let id = book.place_order("main", long).unwrap();
        book.fill(&id, Fill::new("2", "10")).unwrap();
    }
    let venue = venue(&fake, "main", &address());
    let linear = Category::new("linear").unwrap();
    let mut found = Vec::new();
    let mut cursor = None;
    loop {
        let page = venue.open_orders(&linear, cursor.as_ref()).await.unwrap();
        assert_eq!(page.unreadable, []);
        found.extend(page.rows);
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    let mut symbols: Vec<_> = found
        .iter()
        .map(|order| order.market.symbol.to_string())
        .collect();
    symbols.sort();
    assert_eq!(symbols, ["ETHPERP", "GTCUSDT"]);
    assert!(
        found
            .iter()
            .all(|order| order.lane == Lane::Long && order.status == OrderStatus::Open)
    );
    let positions = venue.positions(&linear).await.unwrap().unwrap().positions;
    assert_eq!(positions.len(), 2);
    assert!(
        positions
            .iter()
            .all(|p| p.lane == Lane::Long && p.quantity == Quantity::parse("2").unwrap())
    );
    assert_eq!(
        venue.positions(&Category::new("spot").unwrap()).await,
        Ok(None)
    );
}

#[tokio::test]
async fn an_order_is_found_wherever_the_venue_keeps_it() {
    let fake = fake().await;
    let order = NewOrder::limit("GTCUSDT", Side::Buy, "5", "10");
    let id = fake.book().place_order("main", order).unwrap();
    let venue = venue(&fake, "main", &address());
    let linear = Category::new("linear").unwrap();
    let (symbol, id) = (Symbol::new("GTCUSDT").unwrap(), OrderId::new(id).unwrap());
    let open = venue.order(&linear, &symbol, &id).await.unwrap().unwrap();
    assert_eq!(open.status, OrderStatus::Open);
    fake.book().cancel(id.as_str(), None).unwrap();
    fake.wipe_recent_closed();
    let closed = venue.order(&linear, &symbol, &id).await.unwrap().unwrap();
    assert_eq!(closed.status, OrderStatus::Cancelled);
    assert_eq!(fake.requests().count("/v5/order/history"), 1);
    let unknown = OrderId::new("00000000-0000-4000-8000-000000000000").unwrap();
    assert_eq!(venue.order(&linear, &symbol, &unknown).await, Ok(None));
}

#[tokio::test]
async fn a_fixed_venue_clock_in_the_past_is_followed() {
    let clock = FakeClock::fixed(1_700_000_000_000);
    let options = BybitOptions::new([BybitAccount::new(
        "main",
        "MAINKEY0123456789",
        "main-secret",
        1001,
    )]);
    let fake = FakeBybit::start(options.clock(clock.clone()))
        .await
        .unwrap();
    let venue = venue(&fake, "main", &address());
    lay_down(&fake, "main", 2);
    let window = last_hour(&*venue).await;
    assert_eq!(
        traverse(&*venue, "linear", window)
            .await
            .map(|rows| rows.len()),
        Ok(2)
    );
    clock.advance_ms(3_600_000);
    assert_eq!(
        traverse(&*venue, "linear", window)
            .await
            .map(|rows| rows.len()),
        Ok(2)
    );
    let now = venue.now().await.unwrap();
    assert!(
        now.ms() >= 1_700_003_600_000 - 1_000 && now.ms() <= 1_700_003_602_000,
        "{now}"
    );
}
