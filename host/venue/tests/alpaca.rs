//! Whole traversals of a fake Alpaca that shows the habits of the real one.
//!
//! Promise under test: every fill of a window arrives, and whatever goes wrong is an error that says what
//! to do and never a traversal that seems complete.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{SystemClock, ids, last_hour, sorted, traverse};
use fillsync_core::amount::Quantity;
use fillsync_core::execution::VenueKind;
use fillsync_core::id::{AccountName, Category, OrderId, Symbol};
use fillsync_core::order::OrderStatus;
use fillsync_core::port::{Venue, VenueError};
use fillsync_fake::{
    AlpacaAccount, AlpacaOptions, Change, FakeAlpaca, Fault, Fill, Match, NewOrder, Side,
};
use fillsync_venue::{AccountSettings, Address, Limits, open};
use secrecy::SecretString;
use std::sync::Arc;

const FILLS: &str = "/v2/account/activities/FILL";

async fn fake() -> FakeAlpaca {
    FakeAlpaca::start(AlpacaOptions::new([AlpacaAccount::new(
        "bot",
        "BOTKEY",
        "bot-secret",
    )]))
    .await
    .unwrap()
}

fn venue(fake: &FakeAlpaca) -> Arc<dyn Venue> {
    let settings = AccountSettings::new(
        AccountName::new("bot").unwrap(),
        VenueKind::Alpaca,
        fake.base_url(),
        SecretString::from("BOTKEY"),
        SecretString::from("bot-secret"),
        vec![],
    );
    let address = Address::new(VenueKind::Alpaca, Limits::of(VenueKind::Alpaca)).unwrap();
    open(settings, &address, Arc::new(SystemClock)).unwrap()
}

/// One order with this many fills, three of them in each millisecond, the newest seconds ago.
fn lay_down(fake: &FakeAlpaca, fills: i64) {
    let start = fake.clock().now_ms() - 5_000 - fills;
    let quantity = fills.to_string();
    let order = NewOrder::limit("BTC/USD", Side::Buy, &quantity, "60000").at_ms(start);
    let order = fake.book().place_order("bot", order).unwrap();
    for n in 0..fills {
        fake.book()
            .fill(&order, Fill::new("1", "60000").at_ms(start + n / 3))
            .unwrap();
    }
}

#[tokio::test]
async fn a_traversal_brings_every_fill_under_its_own_id() {
    let fake = fake().await;
    lay_down(&fake, 230);
    let venue = venue(&fake);
    let rows = traverse(&*venue, "fills", last_hour(&*venue).await)
        .await
        .unwrap();
    assert_eq!(ids(&rows), sorted(fake.book().execution_ids("bot")));
    assert!(
        rows.iter()
            .all(|row| row.market.symbol.as_str() == "BTC/USD")
    );
    assert_eq!(fake.requests().count(FILLS), 4);
}

#[tokio::test]
async fn a_page_that_fails_or_repeats_makes_no_complete_traversal() {
    let fake = fake().await;
    lay_down(&fake, 150);
    let venue = venue(&fake);
    let window = last_hour(&*venue).await;
    for fault in [
        Fault::CutBody { keep_bytes: 700 },
        Fault::Html,
        Fault::RepeatPage,
        Fault::DropConnection,
        Fault::LoseAnswer,
        Fault::status(503, "<html>upstream</html>"),
        Fault::redirect(302, "https://example.com/"),
    ] {
        let name = fault.name();
        fake.faults().add(Match::path(FILLS).page(2), fault, 1);
        let outcome = traverse(&*venue, "fills", window).await;
        assert!(
            matches!(outcome, Err(VenueError::Retry { .. })),
            "{name}: {outcome:?}"
        );
        assert_eq!(fake.faults().pending(), 0, "{name} was met");
    }
    assert_eq!(
        traverse(&*venue, "fills", window)
            .await
            .map(|rows| rows.len()),
        Ok(150)
    );
}

#[tokio::test]
async fn a_rate_limit_is_waited_for_and_a_lost_key_is_refused() {
    for with_headers in [true, false] {
        let fake = fake().await;
        let venue = venue(&fake);
        let window = last_hour(&*venue).await;
        let limited = Fault::TooManyRequests {
            retry_after_s: 20,
            with_headers,
        };
        fake.faults().add(Match::path(FILLS), limited, 1);
        let error = traverse(&*venue, "fills", window).await.unwrap_err();
        let VenueError::Wait {
            after,
            whole_address,
            ..
        } = error
        else {
            panic!("{error}")
        };
        let range = if with_headers { 15..=25 } else { 10..=10 };
        assert!(
            range.contains(&after.as_secs()) && !whole_address,
            "{after:?}"
        );
        let sent = fake.requests().total();
        assert!(matches!(venue.key().await, Err(VenueError::Wait { .. })));
        assert_eq!(
            fake.requests().total(),
            sent,
            "nothing is sent while the key must wait"
        );
    }
    let fake = fake().await;
    let venue = venue(&fake);
    let window = last_hour(&*venue).await;
    fake.remove_account("bot");
    let error = traverse(&*venue, "fills", window).await.unwrap_err();
    assert!(matches!(error, VenueError::Refused { .. }), "{error}");
}

#[tokio::test]
async fn orders_name_what_they_replaced_and_positions_their_pair() {
    let fake = fake().await;
    let order = NewOrder::limit("BTC/USD", Side::Buy, "3", "60000").client_order_id("plan-L1");
    let old = fake.book().place_order("bot", order).unwrap();
    fake.book().fill(&old, Fill::new("1", "60000")).unwrap();
    let new = fake.book().replace(&old, Change::price("59000")).unwrap();
    let venue = venue(&fake);
    let category = Category::new("fills").unwrap();
    let page = venue.open_orders(&category, None).await.unwrap();
    assert_eq!((page.rows.len(), page.next.clone()), (1, None), "{page:?}");
    assert_eq!(page.rows[0].order_id.as_str(), new);
    assert_eq!(
        page.rows[0].replaces.as_ref().map(OrderId::as_str),
        Some(old.as_str())
    );
    let symbol = Symbol::new("BTC/USD").unwrap();
    let found = venue
        .order(&category, &symbol, &OrderId::new(&old).unwrap())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (found.status, found.filled_quantity),
        (OrderStatus::Replaced, Quantity::parse("1").unwrap())
    );
    let missing = OrderId::new("00000000-0000-4000-8000-000000000000").unwrap();
    assert_eq!(venue.order(&category, &symbol, &missing).await, Ok(None));
    let positions = venue.positions(&category).await.unwrap().unwrap().positions;
    assert_eq!(positions.len(), 1);
    assert_eq!(
        (&positions[0].symbol, positions[0].quantity),
        (&symbol, Quantity::parse("1").unwrap())
    );
    assert_eq!(venue.key().await.unwrap().read_only, None);
}
