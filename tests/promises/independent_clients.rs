//! Independent clients: the fakes are read with the venues' own official clients.
//!
//! Every other test stands on the fake venues. If those were shaped by our own parser, all of them
//! would prove nothing; so pybit and alpaca-py, which somebody else wrote, read the same fakes here,
//! and must find every row.

use crate::tools::{python, run};
use fillsync_fake::{
    AlpacaAccount, AlpacaOptions, BybitAccount, BybitOptions, FakeAlpaca, FakeBybit, Rate, sample,
};
use serde_json::Value;
use std::collections::BTreeSet;
use std::process::Command;

const CLIENTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/clients");

fn texts(value: &Value) -> Vec<String> {
    let rows = value.as_array().unwrap();
    rows.iter()
        .map(|row| row.as_str().unwrap().to_owned())
        .collect()
}

/// The same ids, each once.
fn assert_same(what: &str, read: &Value, laid_down: &[String]) {
    let read = texts(read);
    let unique: BTreeSet<&String> = read.iter().collect();
    assert_eq!(unique.len(), read.len(), "{what}: some came twice");
    assert_eq!(unique, laid_down.iter().collect(), "{what}");
    assert!(!read.is_empty(), "{what}");
}

#[test]
fn the_venues_own_clients_read_every_row_of_the_fakes() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let (bybit, alpaca) = runtime.block_on(async {
        let bybit = BybitOptions::new([BybitAccount::new("main", "PYKEY", "py-secret", 7)]);
        let alpaca = AlpacaOptions::new([AlpacaAccount::new("bot", "PYKEY", "py-secret")]);
        (
            FakeBybit::start(bybit).await.unwrap(),
            FakeAlpaca::start(alpaca).await.unwrap(),
        )
    });
    bybit.rules(|rules| rules.per_uid = Rate::new(10_000, 1_000));
    alpaca.rules(|rules| rules.per_key = Rate::new(10_000, 1_000));
    let now = bybit.clock().now_ms();
    sample::bybit_history(bybit.book(), "main", now).unwrap();
    sample::alpaca_history(alpaca.book(), "bot", now).unwrap();
    let since = now - sample::SAMPLE_REACH_MS;
    let output = run(
        Command::new(python("clients"))
            .arg(format!("{CLIENTS}/read_fakes.py"))
            .args([
                "--bybit",
                &bybit.base_url(),
                "--bybit-key",
                "PYKEY",
                "--bybit-secret",
                "py-secret",
            ])
            .args([
                "--alpaca",
                &alpaca.base_url(),
                "--alpaca-key",
                "PYKEY",
                "--alpaca-secret",
                "py-secret",
            ])
            .args(["--since-ms", &since.to_string()]),
        "the clients did not read the fakes",
    );
    let read: Value = serde_json::from_slice(&output).unwrap();
    assert_same(
        "Bybit's executions",
        &read["bybit"]["executions"],
        &bybit.book().execution_ids("main"),
    );
    assert_same(
        "Alpaca's activities",
        &read["alpaca"]["activities"],
        &alpaca.activity_ids("bot"),
    );
    let orders =
        |book: &fillsync_fake::Book, account: &str, wanted: fn(&fillsync_fake::Order) -> bool| {
            let orders = book.orders(account).into_iter().filter(wanted);
            orders.map(|order| order.id).collect::<Vec<String>>()
        };
    assert_same(
        "Bybit's open orders",
        &read["bybit"]["open_orders"],
        &orders(bybit.book(), "main", |order| order.status.is_open()),
    );
    assert_same(
        "Bybit's closed orders",
        &read["bybit"]["closed_orders"],
        &orders(bybit.book(), "main", |order| !order.status.is_open()),
    );
    assert_same(
        "Alpaca's orders",
        &read["alpaca"]["orders"],
        &orders(alpaca.book(), "bot", |_| true),
    );
    for (key, wanted) in [("same_by_id", true), ("same_by_client_id", true)] {
        assert_eq!(read["alpaca"][key], wanted, "{key}");
    }
}
