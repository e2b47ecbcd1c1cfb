//! Observers are watched and compared; they hold no trade open, keep no alert back, and move no count.

use crate::rig::{MAIN_SECRET, MIRROR_SECRET, PRICES, Rig, SYMBOL, eventually, so};
use fillsync_core::id::GroupName;
use fillsync_fake::{BybitAccount, FOREVER, Fault, Match, NewOrder, Side};

/// The usual rig, with a third account that observes the group.
fn observed() -> Rig {
    let rig = Rig::new();
    rig.bybit
        .add_account(BybitAccount::new("third", MAIN_SECRET, MIRROR_SECRET, 1003));
    rig.append(&format!(
        "[[account]]\nname = \"third\"\nvenue = \"bybit\"\nbase_url = \"{}\"\n\
         api_key = {{ env = \"RIG_MAIN_SECRET\" }}\napi_secret = {{ env = \"RIG_MIRROR_SECRET\" }}\n\
         poll_every = \"100ms\"\nlookback = \"1h\"\n",
        rig.bybit.base_url()
    ));
    rig.edit(
        "role = \"mirror\" }]",
        "role = \"mirror\" }, { account = \"third\", role = \"observer\" }]",
    );
    rig
}

#[test]
fn an_observer_that_stays_in_its_position_holds_no_trade_open() {
    let rig = observed();
    let daemon = rig.start_ready();
    // The observer fills the first order and never the second; the others fill both and leave.
    let of_third = [1, 2].map(|slot| rig.place("third", slot));
    let of_main = [1, 2].map(|slot| rig.place("main", slot));
    let of_mirror = [1, 2].map(|slot| rig.place("mirror", slot));
    for order in of_main.iter().chain(&of_mirror).chain([&of_third[0]]) {
        rig.fill(order);
    }
    daemon.wait_for_counts(SYMBOL, [(2, 2), (2, 2)]);
    rig.flatten("main");
    rig.flatten("mirror");
    rig.wait_for("closed", 2);
    let desk = GroupName::new("desk").unwrap();
    eventually("the trade is over for good", || {
        let open = rig.reader().group_cycles(&desk, None, true).unwrap();
        so(open.is_empty(), open)
    });
    // The next trade is another one, and begins at nothing.
    let next = rig.place("main", 1);
    rig.fill(&next);
    daemon.wait_for_counts(SYMBOL, [(1, 1), (0, 1)]);
    assert!(
        rig.of_kind("divergence")
            .iter()
            .all(|message| message.account != "third"),
        "{:#?}",
        rig.of_kind("divergence")
    );
}

#[test]
fn an_observer_that_is_away_keeps_no_alert_back() {
    let rig = observed();
    rig.edit("deadline = \"2s\"", "deadline = \"10m\"");
    rig.bybit.faults().add(
        Match::any().account("third"),
        Fault::DropConnection,
        FOREVER,
    );
    let daemon = rig.start();
    for account in ["main", "mirror"] {
        let order = NewOrder::limit(SYMBOL, Side::Sell, "150", PRICES[0]);
        let order = rig.bybit.book().place_order(account, order).unwrap();
        rig.fill(&order);
    }
    let told = rig.wait_for("fill", 2);
    for message in &told {
        assert_eq!(
            message.body["alert"]["body"]["waiting_for"],
            serde_json::json!([]),
            "{:#}",
            message.body
        );
    }
    daemon.wait_for_counts(SYMBOL, [(1, 1), (1, 1)]);
}
