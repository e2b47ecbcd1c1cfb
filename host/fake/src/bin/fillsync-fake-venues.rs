//! Starts a fake Bybit and a fake Alpaca with a sample history, for clients that are not ours.
//!
//! Promise: prints one line of JSON (addresses, keys, and every id that was laid down), then serves until the given
//! number of seconds has passed or its standard input closes. Usage: `fillsync-fake-venues [SECONDS]`, at most 3600.

use std::io::{self, Read, Write};
use std::time::Duration;

use fillsync_fake::{
    AlpacaAccount, AlpacaOptions, BybitAccount, BybitOptions, FakeAlpaca, FakeBybit, OrderStatus,
    sample,
};
use serde_json::{Value, json};
use tokio::sync::oneshot;

const SECONDS_DEFAULT: u64 = 60;
const SECONDS_MAX: u64 = 3_600;
const ACCOUNT: &str = "main";
const DAY_MS: i64 = 24 * 3_600_000;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let seconds = match std::env::args().nth(1) {
        None => SECONDS_DEFAULT,
        Some(text) => text
            .parse::<u64>()
            .map_err(|_| {
                format!("`{text}` is no number of seconds; usage: fillsync-fake-venues [SECONDS]")
            })?
            .min(SECONDS_MAX),
    };
    let bybit = FakeBybit::start(BybitOptions::new([BybitAccount::new(
        ACCOUNT,
        "SAMPLEKEY0123456789",
        "sample-secret-of-the-fake-bybit",
        1_448_939,
    )]))
    .await?;
    let alpaca = FakeAlpaca::start(AlpacaOptions::new([AlpacaAccount::new(
        ACCOUNT,
        "PKSAMPLEKEY",
        "sample-secret-of-the-fake-alpaca",
    )]))
    .await?;
    let now_ms = bybit.clock().now_ms();
    sample::bybit_history(bybit.book(), ACCOUNT, now_ms)?;
    sample::alpaca_history(alpaca.book(), ACCOUNT, now_ms)?;

    let line = json!({
        "since_ms": now_ms - sample::SAMPLE_REACH_MS,
        "bybit": describe_bybit(&bybit, now_ms),
        "alpaca": describe_alpaca(&alpaca),
    });
    writeln!(io::stdout(), "{line}")?;
    io::stdout().flush()?;

    let closed = standard_input_closes()?;
    // Whichever comes first ends the program; both ends are orderly.
    let _ = tokio::time::timeout(Duration::from_secs(seconds), closed).await;
    Ok(())
}

fn describe_bybit(venue: &FakeBybit, now_ms: i64) -> Value {
    let orders = venue.book().orders(ACCOUNT);
    let open = orders.iter().filter(|order| order.status.is_open());
    // What `order/history` still has: filled ones, and unfilled ones that ended within a day.
    let closed = orders.iter().filter(|order| {
        !order.status.is_open()
            && (!order.filled_qty.is_zero() || now_ms - order.updated_us / 1000 < DAY_MS)
    });
    json!({
        "base_url": venue.base_url(), "key": "SAMPLEKEY0123456789", "secret": "sample-secret-of-the-fake-bybit",
        "executions": venue.book().execution_ids(ACCOUNT),
        "trades": venue.book().trade_ids(ACCOUNT),
        "open_orders": open.map(|order| order.id.clone()).collect::<Vec<_>>(),
        "closed_orders": closed.map(|order| order.id.clone()).collect::<Vec<_>>(),
    })
}

fn describe_alpaca(venue: &FakeAlpaca) -> Value {
    let orders = venue.book().orders(ACCOUNT);
    let replaced = orders
        .iter()
        .filter(|order| order.status == OrderStatus::Replaced)
        .count();
    let open = orders.iter().filter(|order| order.status.is_open());
    json!({
        "base_url": venue.base_url(), "key": "PKSAMPLEKEY", "secret": "sample-secret-of-the-fake-alpaca",
        "activities": venue.activity_ids(ACCOUNT),
        "open_orders": open.map(|order| order.id.clone()).collect::<Vec<_>>(),
        "orders": orders.iter().map(|order| order.id.clone()).collect::<Vec<_>>(),
        "replaced_orders": replaced,
    })
}

/// Resolves when nothing more can come from standard input.
fn standard_input_closes() -> io::Result<oneshot::Receiver<()>> {
    let (sender, receiver) = oneshot::channel();
    // A plain thread: a read of standard input cannot be cancelled, and must not hold the runtime at exit.
    std::thread::Builder::new()
        .name("standard-input".to_owned())
        .spawn(move || {
            let mut buffer = [0_u8; 256];
            let mut input = io::stdin().lock();
            while input.read(&mut buffer).is_ok_and(|count| count > 0) {}
            // The receiver is gone when the time was up first.
            let _ = sender.send(());
        })?;
    Ok(receiver)
}
