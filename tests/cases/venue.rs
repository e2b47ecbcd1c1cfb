//! The venue as a whole: limits shared by all accounts, and answers that are empty because it is down.

use crate::desk::{DAY_MS, Desk, HOUR_MS, MINUTE_MS, Stand};
use fillsync_core::cycle::CycleStart;
use fillsync_core::execution::{Side as CoreSide, VenueKind};
use fillsync_core::leg::LegState;
use fillsync_core::order::{OrderStatus, PositionSide};
use fillsync_fake::{FOREVER, FakeAlpaca, FakeBybit, Fault, Fill, Match, NewOrder, Rate, Side};
use fillsync_venue::{Limits, Pace};
use std::time::Duration;

/// The empty list of a venue that does not know what it has just now.
fn empty_list<V: Stand>() -> Fault {
    match V::KIND {
        VenueKind::Bybit => Fault::status(
            200,
            "{\"retCode\":0,\"retMsg\":\"OK\",\"result\":{\"list\":[],\"nextPageCursor\":\"\"},\"retExtInfo\":{}}",
        ),
        VenueKind::Alpaca => Fault::status(200, "[]"),
    }
}

fn maintenance<V: Stand>(list: &str) {
    let desk = Desk::<V>::new();
    let at = desk.now_ms() - 10 * MINUTE_MS;
    let order = |price: &str| {
        let order = NewOrder::limit(V::SYMBOL, Side::Buy, "150", price).at_ms(at);
        desk.fake.book().place_order("main", order).unwrap()
    };
    let (open, partial) = (order("0.22"), order("0.23"));
    let fill = Fill::new("50", "0.23").at_ms(at + 1);
    desk.fake.book().fill(&partial, fill).unwrap();
    desk.round("main", HOUR_MS);
    let before = desk.sql("SELECT orders_checked FROM traversal");
    let faults = [
        empty_list::<V>(),
        Fault::Html,
        Fault::status(503, "down for maintenance"),
        Fault::DropConnection,
    ];
    for fault in faults {
        let is_answer = fault == empty_list::<V>();
        let of_list = Match::path(V::ORDERS).query(list);
        desk.fake.faults().add(of_list, fault.clone(), FOREVER);
        assert_eq!(desk.read_orders("main").is_ok(), is_answer, "{fault:?}");
        // Neither order is over: the empty list was not believed, each was asked for by itself.
        for id in [&open, &partial] {
            let standing = &desk.orders("main")[id];
            assert_eq!(standing.status, OrderStatus::Open, "{fault:?}");
            assert!(!standing.gone, "{fault:?}");
        }
        let legs = desk.legs("main", V::SYMBOL, CoreSide::Buy);
        let states: Vec<LegState> = legs.iter().map(|leg| leg.state()).collect();
        assert_eq!(states, [LegState::Partial, LegState::Open], "{fault:?}");
        desk.fake.faults().clear();
    }
    // Where they cannot be asked for by themselves either, nothing is claimed of that moment.
    let checked = desk.sql("SELECT orders_checked FROM traversal");
    assert_ne!(
        before, checked,
        "an empty list that was checked order by order is a check"
    );
    let of_list = Match::path(V::ORDERS).query(list);
    desk.fake.faults().add(of_list, empty_list::<V>(), FOREVER);
    desk.fake
        .faults()
        .add(Match::path(V::ORDERS), Fault::status(500, "oops"), FOREVER);
    desk.read_orders("main")
        .expect_err("no order could be asked for");
    assert_eq!(desk.sql("SELECT orders_checked FROM traversal"), checked);
    assert!(
        desk.orders("main")
            .values()
            .all(|one| one.status == OrderStatus::Open && !one.gone)
    );
}

#[test]
fn case_29_an_empty_list_of_orders_does_not_end_them_on_bybit() {
    // During maintenance a venue answers with errors, or with success and nothing in it; bots took
    // the empty list for the truth and their orders for cancelled (freqtrade 3221 and 4491). An
    // order that is missing in a list is asked for by itself, and only its own answer counts.
    maintenance::<FakeBybit>("openOnly=0");
}

#[test]
fn case_29_an_empty_list_of_orders_does_not_end_them_on_alpaca() {
    // The same at Alpaca.
    maintenance::<FakeAlpaca>("status=open");
}

fn empty_positions<V: Stand>(path: &str) {
    let desk = Desk::<V>::new();
    let at = desk.now_ms() - 10 * MINUTE_MS;
    let order = NewOrder::limit(V::SYMBOL, Side::Buy, "150", "0.23").at_ms(at);
    let order = desk.fake.book().place_order("main", order).unwrap();
    desk.fake
        .book()
        .fill(&order, Fill::new("150", "0.23").at_ms(at + 1))
        .unwrap();
    let is_long_150 = |desk: &Desk<V>, what: &str| {
        let cycles = &desk.books("main", V::SYMBOL)[0].cycles;
        let told: Vec<_> = cycles
            .iter()
            .map(|cycle| {
                (
                    cycle.side,
                    cycle.start,
                    cycle.is_open(),
                    cycle.quantity.to_string(),
                )
            })
            .collect();
        let wanted = (PositionSide::Long, CycleStart::Flat, true, "150".to_owned());
        assert_eq!(told, [wanted], "{what}");
    };
    desk.round("main", HOUR_MS);
    is_long_150(&desk, "by its fills");
    // The venue is down: no position at all, errors, then the truth.
    desk.fake
        .faults()
        .add(Match::path(path), empty_list::<V>(), 1);
    desk.read_positions("main").unwrap();
    is_long_150(&desk, "after an empty answer");
    desk.fake.faults().add(Match::path(path), Fault::Html, 1);
    desk.read_positions("main").expect_err("no positions came");
    is_long_150(&desk, "after an error");
    desk.read_positions("main").unwrap();
    desk.read_positions("main").unwrap();
    is_long_150(&desk, "after the truth");
    // A position that was there before the data begin is believed when it is told again.
    let desk = Desk::<V>::new();
    let order = NewOrder::limit(V::SYMBOL, Side::Buy, "150", "0.23").at_ms(desk.now_ms() - DAY_MS);
    let order = desk.fake.book().place_order("main", order).unwrap();
    let fill = Fill::new("150", "0.23").at_ms(desk.now_ms() - DAY_MS);
    desk.fake.book().fill(&order, fill).unwrap();
    desk.round("main", HOUR_MS);
    desk.read_positions("main").unwrap();
    desk.read_positions("main").unwrap();
    let cycle = desk.books("main", V::SYMBOL).remove(0).cycles.remove(0);
    assert_eq!(
        (cycle.start, cycle.quantity.to_string()),
        (CycleStart::Unknown, "150".to_owned())
    );
}

#[test]
fn case_29_an_empty_list_of_positions_is_not_flat_on_bybit() {
    // "No positions", said a venue in its maintenance, and bots closed their books (Nautilus knows
    // "position report failures"; freqtrade 4491). What an empty answer says against the fills that
    // are known must be said again before it is believed.
    empty_positions::<FakeBybit>("/v5/position/list");
}

#[test]
fn case_29_an_empty_list_of_positions_is_not_flat_on_alpaca() {
    // The same at Alpaca.
    empty_positions::<FakeAlpaca>("/v2/positions");
}

/// Asks with every account as fast as it may go, and expects that nobody is refused.
fn nobody_is_refused<V: Stand>(desk: &Desk<V>, accounts: &[&str], each: usize) {
    let window = desk.last(accounts[0], MINUTE_MS);
    desk.runtime.block_on(async {
        let mut asking = tokio::task::JoinSet::new();
        for account in accounts {
            for _ in 0..each {
                let venue = std::sync::Arc::clone(desk.venue(account));
                asking.spawn(async move {
                    let category = venue.categories()[0].clone();
                    venue.executions(&category, window, None).await.map(|_| ())
                });
            }
        }
        while let Some(answer) = asking.join_next().await {
            answer
                .unwrap()
                .expect("within the limits nobody is refused");
        }
    });
    let refused = desk
        .fake
        .requests()
        .all()
        .into_iter()
        .filter(|request| request.status != Some(200))
        .count();
    assert_eq!(refused, 0);
}

#[test]
fn case_30_accounts_of_one_address_share_its_limit_on_bybit() {
    // Bybit counts 50 requests a second for each user and 600 in five seconds for the address, and
    // who breaks the second is shut out for ten minutes with all accounts. Bots that count for each
    // account only are banned as soon as there are many. All accounts of an address share one
    // bucket. (Here with limits that are ten times narrower.)
    let accounts = ["one", "two", "three", "four", "five", "six"];
    let pace = |count, ms| Pace {
        count,
        period: Duration::from_millis(ms),
    };
    let published = Limits::of(VenueKind::Bybit);
    assert!(published.per_key.count <= 50 && published.per_key.period >= Duration::from_secs(1));
    let address = published.per_address.unwrap();
    assert!(address.count <= 600 && address.period >= Duration::from_secs(5));
    let mut limits = published;
    limits.per_key = pace(published.per_key.count / 2, 200);
    limits.per_address = Some(pace(address.count / 10, 500));
    let desk = Desk::<FakeBybit>::with_limits(&accounts, &[], limits);
    desk.fake.rules(|rules| {
        rules.per_uid = Rate::new(25, 200);
        rules.per_ip = Rate::new(60, 500);
    });
    nobody_is_refused(&desk, &accounts, 30);
}

#[test]
fn case_30_a_keys_limit_is_kept_on_alpaca() {
    // Alpaca counts 200 requests a minute for each key. (Here sixty times faster.)
    let published = Limits::of(VenueKind::Alpaca).per_key;
    assert!(published.count <= 200 && published.period >= Duration::from_secs(60));
    let mut limits = Limits::of(VenueKind::Alpaca);
    limits.per_key.period /= 60;
    let desk = Desk::<FakeAlpaca>::with_limits(&["one", "two"], &[], limits);
    desk.fake
        .rules(|rules| rules.per_key = Rate::new(200, 1_000));
    nobody_is_refused(&desk, &["one", "two"], 250);
}
