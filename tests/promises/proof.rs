//! Proof: what counts as proven, and what is claimed without it (nothing).
//!
//! One category says nothing about another, a gap keeps no order from being read, and one order that
//! cannot be looked up neither hides the others nor lets anything be claimed of itself.

use crate::rig::{Daemon, PRICES, Rig, SYMBOL, eventually, so};
use fillsync_core::coverage::Window;
use fillsync_core::id::{AccountName, Category};
use fillsync_fake::{FOREVER, Fault, Fill, Match, NewOrder, Side};
use std::time::Duration;

const EXECUTIONS: &str = "/v5/execution/list";
const ORDERS: &str = "/v5/order/realtime";
/// The group's settle, and as much again for the clocks.
const SETTLED: Duration = Duration::from_millis(600);

fn of_two_categories() -> Rig {
    let rig = Rig::new();
    rig.edit(
        "lookback = \"1h\"",
        "lookback = \"1h\"\ncategories = [\"linear\", \"spot\"]",
    );
    rig
}

/// Waits until the linear executions and orders of an account are proven well past now.
fn wait_for_linear_proof(rig: &Rig, account: &str) {
    let from = fillsync_core::time::VenueTime::from_ms(rig.now_ms()).plus(SETTLED);
    let (account, linear) = (
        AccountName::new(account).unwrap(),
        Category::new("linear").unwrap(),
    );
    eventually("one category is proven past the fill", || {
        let reader = rig.reader();
        let covered: Option<Window> = reader
            .coverage(&account)
            .unwrap()
            .get(&linear)
            .and_then(|windows| windows.newest());
        let checked = reader
            .orders_checked(&account)
            .unwrap()
            .get(&linear)
            .copied();
        so(
            covered.is_some_and(|window| window.to > from) && checked.is_some_and(|at| at > from),
            (covered, checked),
        )
    });
}

/// The mirror's truth in the newest cycle of the plan's symbol.
fn mirrors_truth(daemon: &Daemon) -> String {
    daemon
        .counts(SYMBOL)
        .map_or_else(String::new, |counts| counts[1].2.clone())
}

/// Main fills what the mirror has open, and one category of the mirror cannot be read. The other one
/// is proven, and yet nothing may be said of the mirror before both are.
fn one_unread_category_leaves_nothing_proven(path: &str) {
    let rig = of_two_categories();
    rig.bybit.faults().add(
        Match::path(path).account("mirror").query("category=spot"),
        Fault::Html,
        FOREVER,
    );
    let daemon = rig.start();
    let main = rig.place("main", 1);
    rig.place("mirror", 1);
    rig.fill(&main);
    rig.wait_for("fill", 1);
    wait_for_linear_proof(&rig, "mirror");
    // A later fill of another symbol is decided in the same look as what is still open here.
    let other = rig.place_in("ARBUSDT", "main", 1);
    rig.fill(&other);
    rig.wait_for("fill", 2);
    eventually("the deadline has passed", || {
        let truth = mirrors_truth(&daemon);
        so(truth != "pending", truth)
    });
    assert_eq!(mirrors_truth(&daemon), "unknown");
    assert!(
        rig.of_kind("divergence").is_empty(),
        "claimed without proof: {:#?}",
        rig.of_kind("divergence")
    );
    // With both read, what differs is said.
    rig.bybit.faults().clear();
    let told = rig.wait_for("divergence", 1);
    assert!(told[0].text.contains("MIRROR"), "{}", told[0].text);
}

#[test]
fn executions_of_one_category_prove_nothing_of_another() {
    one_unread_category_leaves_nothing_proven(EXECUTIONS);
}

#[test]
fn orders_of_one_category_prove_nothing_of_another() {
    one_unread_category_leaves_nothing_proven(ORDERS);
}

#[test]
fn a_category_that_is_no_longer_polled_holds_nothing_up() {
    // Its proof ends where its polling ended: counted in, no later fill would ever be proven.
    let rig = of_two_categories();
    let daemon = rig.start_ready();
    rig.edit(
        "categories = [\"linear\", \"spot\"]",
        "categories = [\"linear\"]",
    );
    daemon.wait_for_event("config_reloaded");
    let main = rig.place("main", 1);
    rig.place("mirror", 1);
    rig.fill(&main);
    rig.wait_for("divergence", 1);
    let told = rig.wait_for("fill", 1).remove(0);
    assert_eq!(
        told.body["alert"]["body"]["waiting_for"],
        serde_json::json!([]),
        "{:#}",
        told.body
    );
}

#[test]
fn a_gap_that_cannot_be_filled_yet_keeps_no_order_from_being_read() {
    let rig = Rig::new();
    let faults = rig.bybit.faults();
    let of_main = || Match::path(EXECUTIONS).account("main");
    faults.add(of_main(), Fault::status(500, "oops"), FOREVER);
    let daemon = rig.start();
    let main = AccountName::new("main").unwrap();
    let gap = eventually("the first window is a known gap", || {
        let gaps = rig.reader().gaps(Some(&main)).unwrap();
        gaps.first()
            .map(|gap| gap.window)
            .ok_or_else(|| "no gap".to_owned())
    });
    // From now on only the window that begins where the gap begins fails.
    faults.unplug();
    faults.clear();
    let query = format!("startTime={}", gap.from.ms());
    faults.add(of_main().query(&query), Fault::status(500, "oops"), FOREVER);
    let tried = || {
        let asked = rig.bybit.requests().of(EXECUTIONS);
        let of_gap = asked.iter().filter(|asked| asked.query.contains(&query));
        of_gap.count()
    };
    let before = tried();
    faults.plug_in();
    eventually("the gap is tried again", || so(tried() > before, tried()));
    let order = rig.place("main", 1);
    eventually("the open order is known", || {
        let answer = daemon.json("/orders");
        so(answer["orders"].to_string().contains(&order), answer)
    });
    let gaps = rig.reader().gaps(Some(&main)).unwrap();
    assert!(
        gaps.iter().any(|known| known.window.from == gap.from),
        "{gaps:#?}"
    );
    faults.clear();
    eventually("and the gap is filled when it can be", || {
        let status = daemon.json("/status");
        so(status["gaps"] == 0, status)
    });
}

/// The status that the ledger has of an order; empty where it has none.
fn status_of(rig: &Rig, order: &str) -> String {
    let database = rusqlite::Connection::open(rig.database()).unwrap();
    let status = database.query_row(
        "SELECT status FROM orders WHERE order_id = ?1",
        [order],
        |row| row.get(0),
    );
    status.unwrap_or_default()
}

#[test]
fn an_order_that_cannot_be_looked_up_hides_no_other_and_is_claimed_nothing_of() {
    let rig = Rig::new();
    let daemon = rig.start_ready();
    let book = rig.bybit.book();
    let main = [rig.place("main", 1), rig.place("main", 2)];
    let mirror = [rig.place("mirror", 1), rig.place("mirror", 2)];
    eventually("all four orders are known", || {
        let answer = daemon.json("/orders");
        so(answer["count"] == 4, answer)
    });
    // Both of the mirror's orders vanish; the first one, which is asked for first, cannot be read.
    rig.bybit.faults().add(
        Match::path(ORDERS)
            .account("mirror")
            .query(&format!("orderId={}", mirror[0])),
        Fault::refuse(10_001, "params error"),
        FOREVER,
    );
    for order in &mirror {
        book.cancel(order, None).unwrap();
    }
    // It is asked for again and again, at the pace of polling: the account is well but for this order,
    // which is told once.
    let asked = || {
        let requests = rig.bybit.requests().of(ORDERS);
        let of_it = requests
            .iter()
            .filter(|asked| asked.query.contains(&mirror[0]));
        of_it.count()
    };
    eventually("it is asked for again", || so(asked() >= 12, asked()));
    assert_eq!(daemon.ask("/health").0, 200);
    let told = rig.wait_for("system", 1);
    assert_eq!(told.len(), 1, "{told:#?}");
    assert!(told[0].text.contains(&mirror[0]), "{}", told[0].text);
    eventually("the other one is seen to be cancelled", || {
        let status = status_of(&rig, &mirror[1]);
        so(status == "cancelled", status)
    });
    rig.fill(&main[0]);
    rig.wait_for("fill", 1);
    eventually("the deadline has passed", || {
        let truth = mirrors_truth(&daemon);
        so(truth == "unknown", truth)
    });
    assert!(
        rig.of_kind("divergence").is_empty(),
        "an order of unknown fate is no divergence: {:#?}",
        rig.of_kind("divergence")
    );
    rig.bybit.faults().clear();
    let told = rig.wait_for("divergence", 1).remove(0);
    assert!(told.text.contains("MIRROR cancelled"), "{}", told.text);
}

#[test]
fn an_untracked_order_that_cannot_be_looked_up_hides_no_other() {
    let rig = Rig::new();
    let _daemon = rig.start_ready();
    let book = rig.bybit.book();
    let at = rig.now_ms();
    // Two orders that fill before anybody saw them open; the first one cannot be read.
    let orders = ["a-first", "b-second"].map(|id| {
        let order = NewOrder::limit(SYMBOL, Side::Sell, "150", PRICES[0]);
        let order = book.place_order("main", order.id(id).at_ms(at)).unwrap();
        rig.bybit.faults().add(
            Match::path(ORDERS).query("orderId=a-first"),
            Fault::refuse(10_001, "params error"),
            FOREVER,
        );
        book.fill(&order, Fill::new("150", PRICES[0]).maker().at_ms(at))
            .unwrap();
        order
    });
    eventually("the other order is known", || {
        let status = status_of(&rig, &orders[1]);
        so(status == "filled", status)
    });
    assert_eq!(status_of(&rig, &orders[0]), "");
    rig.bybit.faults().clear();
    rig.wait_for("fill", 2);
}
