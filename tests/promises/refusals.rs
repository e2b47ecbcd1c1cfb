//! Promise: what the ledger refuses costs itself and nothing else: the daemon does not end, everything
//! else is polled and decided, and the operator is told once (law 14).

use crate::rig::{Rig, SYMBOL, eventually, so};

const OTHER: &str = "ARBUSDT";

#[test]
fn law_14_an_order_that_the_ledger_cannot_read_stops_nothing_else() {
    let rig = Rig::new();
    let mut daemon = rig.start_ready();
    let damaged = rig.place("main", 1);
    eventually("main's order is known", || {
        let orders = daemon.json("/orders");
        so(orders.to_string().contains(&damaged), orders)
    });
    // Somebody wrote into the ledger what no fillsync writes.
    let database = rusqlite::Connection::open(rig.database()).unwrap();
    database
        .busy_timeout(std::time::Duration::from_secs(5))
        .unwrap();
    let changed = database
        .execute(
            "UPDATE orders SET quantity = 'nonsense' WHERE order_id = ?1",
            [&damaged],
        )
        .unwrap();
    assert_eq!(changed, 1);
    // Fills of both accounts in the damaged market, and in another one.
    rig.fill(&rig.place("mirror", 1));
    let [main, mirror] = ["main", "mirror"].map(|account| rig.place_in(OTHER, account, 1));
    rig.fill(&main);
    rig.fill(&mirror);
    rig.wait_for_all_fills();
    let fills = eventually("the other market's fills are told", || {
        let mut fills = rig.of_kind("fill");
        fills.retain(|fill| fill.text.contains(OTHER));
        so(fills.len() == 2, daemon.log()).map(|()| fills)
    });
    assert!(fills.iter().all(|fill| !fill.text.contains(SYMBOL)));
    rig.wait_for("system", 1);
    // And what happens after that.
    for account in ["main", "mirror"] {
        rig.fill(&rig.place_in(OTHER, account, 2));
    }
    eventually("the next fills are told", || {
        let mut fills = rig.of_kind("fill");
        fills.retain(|fill| fill.text.contains(OTHER));
        so(fills.len() == 4, daemon.log())
    });
    assert!(daemon.is_running(), "{}", daemon.log());
    let notices: Vec<String> = rig
        .of_kind("system")
        .into_iter()
        .map(|notice| notice.identity)
        .collect();
    let different: std::collections::BTreeSet<&String> = notices.iter().collect();
    assert_eq!(different.len(), notices.len(), "{notices:#?}");
    assert!(
        notices
            .iter()
            .any(|notice| notice.contains("request-refused")),
        "{notices:#?}"
    );
}
