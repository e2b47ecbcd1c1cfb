//! Verify: the ledger against itself and against the venues, with both values of every difference.

use crate::rig::{Rig, SYMBOL, eventually, so};
use fillsync_fake::{FOREVER, Fault, Fill, Match, NewOrder, Side};
use serde_json::{Value, json};
use std::process::Output;

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn json_of(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", text(&output.stderr)))
}

/// A run in which both accounts trade: an order filled, one half filled and open, one cancelled half-way.
fn traded(rig: &Rig) {
    let mut daemon = rig.start_ready();
    let book = rig.bybit.book();
    for account in ["main", "mirror"] {
        rig.fill(&rig.place(account, 1));
        for slot in [2, 3] {
            let order = rig.place(account, slot);
            book.fill(
                &order,
                Fill::new("50", crate::rig::PRICES[slot - 1]).maker(),
            )
            .unwrap();
            if slot == 3 {
                book.cancel(&order, None).unwrap();
            }
        }
    }
    rig.wait_for_all_fills();
    // Beside the daemon it says the same as without it.
    let output = rig.run(&["verify"]);
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}{}",
        text(&output.stdout),
        text(&output.stderr)
    );
    assert!(daemon.stop().success());
}

#[test]
fn a_ledger_that_agrees_with_its_venues_is_said_to() {
    let rig = Rig::new();
    traded(&rig);
    let output = rig.run(&["verify", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let answer = json_of(&output);
    assert_eq!(answer["findings"], json!([]));
    for account in [0, 1] {
        let compared = &answer["venues"][account];
        assert_eq!(compared["orders"], 3, "{compared:#}");
        assert_eq!(compared["positions"], 1, "{compared:#}");
        assert_eq!(compared["differences"], json!([]), "{compared:#}");
    }
    let only = json_of(&rig.run(&["verify", "--account", "mirror", "--all", "--json"]));
    assert_eq!(only["venues"].as_array().unwrap().len(), 1);
    assert_eq!(only["venues"][0]["account"], "mirror");
    // Without the venues nobody is asked.
    rig.bybit.requests().clear();
    let offline = json_of(&rig.run(&["verify", "--offline", "--json"]));
    assert_eq!(offline["venues"], Value::Null);
    assert_eq!(rig.bybit.requests().total(), 0);
}

#[test]
fn a_difference_is_told_with_both_values_and_what_to_do_and_doing_it_helps() {
    let rig = Rig::new();
    traded(&rig);
    // While nobody looks the open order fills on.
    let book = rig.bybit.book();
    let open = book
        .orders("main")
        .into_iter()
        .find(|order| order.status.is_open())
        .unwrap();
    book.fill(&open.id, Fill::new("60", "0.2230").maker())
        .unwrap();
    let output = rig.run(&["verify", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let answer = json_of(&output);
    assert_eq!(answer["venues"][1]["differences"], json!([]), "{answer:#}");
    let differences = answer["venues"][0]["differences"].as_array().unwrap();
    assert_eq!(differences.len(), 2, "{answer:#}");
    let [order, position] = [&differences[0], &differences[1]];
    assert_eq!(order["what"], format!("order {}", open.id));
    assert_eq!(
        (&order["ledger"], &order["venue"]),
        (&json!("50"), &json!("110"))
    );
    assert_eq!(position["what"], "position");
    assert_eq!(
        (&position["ledger"], &position["venue"]),
        (&json!("-250"), &json!("-310"))
    );
    // The remedy is a command that can be taken as it stands.
    let remedy = order["remedy"].as_str().unwrap();
    let command = remedy
        .split('`')
        .nth(1)
        .unwrap()
        .strip_prefix("fillsync ")
        .unwrap();
    let arguments: Vec<&str> = command.split(' ').collect();
    assert_eq!(arguments[0], "backfill", "{remedy}");
    let output = rig.run(&arguments);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let output = rig.run(&["verify"]);
    let said = text(&output.stdout);
    assert_eq!(
        output.status.code(),
        Some(0),
        "{said}{}",
        text(&output.stderr)
    );
    // A row that went missing from the file is found both ways.
    let connection = rusqlite::Connection::open(rig.database()).unwrap();
    connection
        .execute("DROP TRIGGER execution_is_never_deleted", [])
        .unwrap();
    connection
        .execute(
            "DELETE FROM execution WHERE id = (SELECT max(id) FROM execution)",
            [],
        )
        .unwrap();
    drop(connection);
    let output = rig.run(&["verify"]);
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stdout);
    assert!(
        said.contains("said to have done") || said.contains("finding"),
        "{said}"
    );
    assert!(said.contains("ledger 50, venue 110"), "{said}");
}

#[test]
fn what_could_not_be_asked_is_a_failure_and_what_the_venue_forgot_is_none() {
    let rig = Rig::new();
    traded(&rig);
    rig.bybit.faults().add(
        Match::path("/v5/position/list").account("mirror"),
        Fault::refuse(10_001, "params error"),
        FOREVER,
    );
    let output = rig.run(&["verify"]);
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    assert!(
        said.contains("not everything could be asked") && said.contains("params error"),
        "{said}"
    );
    rig.bybit.faults().clear();
    // An order that was cancelled without a fill is kept for a day only.
    let two_days = 48 * 3_600_000;
    let order = NewOrder::limit(SYMBOL, Side::Sell, "150", "0.2300").at_ms(rig.now_ms() - two_days);
    let order = rig.bybit.book().place_order("main", order).unwrap();
    let daemon = rig.start_ready();
    eventually("the order is known", || {
        let answer = daemon.json("/orders?account=main");
        so(answer.to_string().contains(&order), answer)
    });
    drop(daemon);
    let book = rig.bybit.book();
    book.cancel(&order, Some(rig.now_ms() - two_days)).unwrap();
    rig.bybit.wipe_recent_closed();
    let output = rig.run(&["verify"]);
    let said = text(&output.stdout);
    assert_eq!(
        output.status.code(),
        Some(0),
        "{said}{}",
        text(&output.stderr)
    );
    assert!(said.contains("1 orders cannot be compared"), "{said}");
    assert_eq!(
        rig.run(&["verify", "--account", "nobody"]).status.code(),
        Some(2)
    );
    assert_eq!(
        rig.run(&["verify", "--all", "--offline"]).status.code(),
        Some(2)
    );
}
