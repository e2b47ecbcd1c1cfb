//! Scripts: the examples play to their end, mistakes are named, and a venue runs alone.

use std::time::Duration;

use fillsync_fake::script::{Pace, Script, ScriptError, ScriptMistake, Stage, run_script};
use fillsync_fake::{
    Alone, AloneError, AlpacaAccount, AlpacaOptions, BybitAccount, BybitOptions, ExecutionKind,
    FakeAlpaca, FakeBybit, FakeClock, OrderStatus, Service, alone,
};
use tokio::sync::oneshot;

use crate::client::{NOW_MS, http, send};

const BYBIT: &str = include_str!("../../scripts/bybit-hard-day.toml");
const ALPACA: &str = include_str!("../../scripts/alpaca-corrections.toml");

async fn bybit_for(script: &Script) -> FakeBybit {
    let accounts = script.accounts.iter().map(|account| {
        let uid = account.uid.unwrap_or(1);
        BybitAccount::new(&account.name, &account.key, &account.secret, uid)
    });
    let options = BybitOptions::new(accounts).clock(FakeClock::fixed(NOW_MS));
    FakeBybit::start(options).await.unwrap()
}

async fn played(text: &str) -> Result<FakeBybit, ScriptError> {
    let script = Script::read(text).unwrap();
    let venue = bybit_for(&script).await;
    run_script(Stage::Bybit(&venue), &script, Pace::MovingTheClock).await?;
    Ok(venue)
}

#[tokio::test]
async fn the_hard_day_at_bybit_ends_as_it_is_written() {
    let venue = played(BYBIT).await.unwrap();
    let book = venue.book();
    assert_eq!(venue.clock().now_ms(), NOW_MS + 16_000);
    assert_eq!(book.position_size("main", "BTCUSDT", 2).to_string(), "0");
    assert_eq!(book.position_size("main", "GTCUSDT", 0).to_string(), "-180");
    assert_eq!(
        book.position_size("mirror", "GTCUSDT", 0).to_string(),
        "-30"
    );
    assert_eq!(book.trade_ids("main").len(), 4);
    let main = book.executions("main");
    let funding = main.iter().find(|row| row.kind == ExecutionKind::Funding);
    assert_eq!(funding.unwrap().at_us, (NOW_MS - 8 * 3_600_000) * 1000);
    let late = main
        .iter()
        .find(|row| row.qty.to_string() == "100")
        .unwrap();
    assert_eq!(late.visible_at_ms, NOW_MS + 8_000);
    let shared: Vec<_> = book.trade_ids("mirror");
    let shared = shared
        .iter()
        .filter(|id| book.trade_ids("main").contains(id));
    assert_eq!(
        shared.count(),
        1,
        "both sides of the self-match have one id"
    );
    let cancelled = book.orders("mirror").remove(0);
    assert_eq!(cancelled.status, OrderStatus::Cancelled);
    assert_eq!(cancelled.filled_qty.to_string(), "60");
    // The first answer is not touched by the fault of another path; the planned ones wait.
    assert_eq!(venue.faults().pending(), 2);
    assert_eq!(venue.stream_faults().pending(), 1);
}

#[tokio::test]
async fn the_corrections_at_alpaca_end_as_they_are_written() {
    let script = Script::read(ALPACA).unwrap();
    let accounts = script
        .accounts
        .iter()
        .map(|account| AlpacaAccount::new(&account.name, &account.key, &account.secret));
    let options = AlpacaOptions::new(accounts).clock(FakeClock::fixed(NOW_MS));
    let venue = FakeAlpaca::start(options).await.unwrap();
    let stage = Stage::Alpaca(&venue);
    let played = run_script(stage, &script, Pace::MovingTheClock).await;
    let ids = played.unwrap().ids;
    let book = venue.book();
    assert_eq!(book.position_size("bot", "MSFT", 0).to_string(), "6");
    assert_eq!(book.position_size("bot", "FB", 0).to_string(), "-100");
    let order = book.order(&ids["entry-2"]).unwrap();
    assert_eq!(order.average_price().unwrap().to_string(), "410.9");
    assert_eq!(
        book.order(&ids["entry"]).unwrap().filled_qty.to_string(),
        "0"
    );
    let standing = book.trade_ids("bot");
    assert!(standing.contains(&ids["second-corrected"]) && !standing.contains(&ids["second"]));
}

#[tokio::test]
async fn mistakes_are_named_with_their_step() {
    let read = |text: &str| Script::read(text).unwrap_err();
    assert!(matches!(
        read("[[step]]\nat = 'soon'\nundo = 'faults'"),
        ScriptMistake::NoTime { step: 1, .. }
    ));
    assert!(matches!(
        read("[[step]]\nat = '1s'"),
        ScriptMistake::NotOneThing { step: 1, count: 0 }
    ));
    assert!(matches!(
        read("[[step]]\nat = '1s'\nundo = 'faults'\ncancel = { order = 'a' }"),
        ScriptMistake::NotOneThing { step: 1, count: 2 }
    ));
    let unknown = read("[[step]]\nat = '1s'\ncancel = { order = 'a', softly = true }");
    assert!(unknown.to_string().contains("softly"), "{unknown}");

    let cases = [
        ("cancel = { order = 'nobody' }", "no order `nobody`"),
        ("fault = { what = 'delay' }", "needs `ms`"),
        ("fault = { what = 'rain' }", "`rain` is no fault"),
        ("stream_fault = { what = 'late' }", "needs `ms`"),
        (
            "fault = { what = 'fill_after', qty = '1', price = '1' }",
            "needs `order`",
        ),
    ];
    for (action, expected) in cases {
        let text = format!("[[step]]\nat = '0s'\nundo = 'faults'\n[[step]]\nat = '1s'\n{action}");
        let error = played(&text).await.err().unwrap().to_string();
        assert!(error.starts_with("step 2: "), "{error}");
        assert!(error.contains(expected), "{error}");
    }
}

#[tokio::test]
async fn a_venue_runs_alone_until_it_is_told_to_stop() {
    for service in [Service::Bybit, Service::Alpaca] {
        let settings = Alone {
            service,
            port: 0,
            script: (service == Service::Alpaca).then(|| ALPACA.to_owned()),
            seed: None,
        };
        let (tell, told) = oneshot::channel();
        let (stop, stopped) = oneshot::channel::<()>();
        let run = alone(settings, |ready| tell.send(ready.clone()).unwrap(), async {
            stopped.await.unwrap();
        });
        let ask = async {
            let ready = told.await.unwrap();
            let key = &ready.keys[0];
            let (path, expected) = match service {
                Service::Bybit => ("/v5/market/time", 200),
                Service::Alpaca => ("/v2/account/activities/FILL", 200),
            };
            let request = http()
                .get(format!("{}{path}", ready.base_url))
                .header("APCA-API-KEY-ID", &key.key)
                .header("APCA-API-SECRET-KEY", &key.secret);
            let reply = send(request).await.unwrap();
            assert_eq!(reply.status, expected);
            if service == Service::Alpaca {
                // History is there from the first answer on.
                assert_eq!(reply.json().as_array().unwrap().len(), 1);
            }
            tokio_tungstenite::connect_async(&ready.stream_url)
                .await
                .unwrap();
            stop.send(()).unwrap();
            ready.base_url
        };
        let both = async { tokio::join!(run, ask) };
        let (result, base_url) = tokio::time::timeout(Duration::from_secs(20), both)
            .await
            .unwrap();
        result.unwrap();
        assert!(
            send(http().get(base_url)).await.is_err(),
            "the port is closed"
        );
    }
}

#[tokio::test]
async fn a_venue_alone_says_why_it_cannot_run() {
    let settings = |port, script: Option<&str>| Alone {
        service: Service::Bybit,
        port,
        script: script.map(str::to_owned),
        seed: Some(1),
    };
    let run = |settings| alone(settings, |_| (), std::future::ready(()));
    let taken = bybit_for(&Script::read("").unwrap()).await;
    let port = taken
        .base_url()
        .rsplit(':')
        .next()
        .unwrap()
        .parse()
        .unwrap();
    let error = run(settings(port, None)).await.unwrap_err();
    assert!(matches!(error, AloneError::Port { port: said, .. } if said == port));
    let error = run(settings(0, Some(""))).await.unwrap_err();
    assert!(matches!(error, AloneError::NoAccount));
    let error = run(settings(0, Some("[[step]]"))).await.unwrap_err();
    assert!(matches!(error, AloneError::Mistake(_)));
    run(settings(0, None)).await.unwrap();
}
