//! Every endpoint answers in its shape.

use super::client::{Daemon, Reply, Server};
use crate::{Limits, paths};

fn shape(reply: &Reply) -> serde_json::Value {
    assert_eq!(reply.status, 200, "{reply:?}");
    assert!(reply.has("content-type: application/json"), "{reply:?}");
    assert!(
        reply.has("cache-control: no-store") && reply.has("x-content-type-options: nosniff"),
        "{reply:?}"
    );
    reply.json()
}

#[tokio::test]
async fn fills_answer_with_exact_strings_and_the_seeds_names() {
    let server = Server::start().await;
    let json = shape(&server.get("/fills?limit=2").await);
    insta::assert_json_snapshot!("fills", json);
    // Prices of eight places survive, as text.
    let bot = shape(&server.get("/fills?account=bot&symbol=SHIB/USD").await);
    assert_eq!(bot["count"], 2);
    assert_eq!(bot["fills"][1]["price"], "0.00001234");
    assert_eq!(bot["fills"][1]["side"], "BUY");
}

#[tokio::test]
async fn fills_are_narrowed_by_time_and_read_page_by_page() {
    let server = Server::start().await;
    let some = shape(
        &server
            .get("/fills?since=2027-01-15T08:00:20Z&until=2027-01-15T08:00:30Z")
            .await,
    );
    let ids: Vec<_> = some["fills"]
        .as_array()
        .unwrap()
        .iter()
        .map(|fill| fill["exec_id"].clone())
        .collect();
    assert_eq!(ids, ["m-5", "m-3"]);
    let (mut path, mut seen) = ("/fills?limit=3".to_owned(), 0);
    loop {
        let page = shape(&server.get(&path).await);
        seen += page["count"].as_u64().unwrap();
        match page["next"].as_i64() {
            Some(next) => path = format!("/fills?limit=3&before={next}"),
            None => break,
        }
    }
    assert_eq!(seen, 8);
}

#[tokio::test]
async fn performance_gives_numbers_that_jq_understands() {
    let server = Server::start().await;
    let reply = server.get("/performance").await;
    assert!(
        reply.body.contains(r#""total_pnl":-0.692525,"#),
        "{reply:?}"
    );
    insta::assert_snapshot!("performance", reply.body);
    let bot = shape(&server.get("/performance?account=bot").await);
    assert_eq!(
        (
            bot["overall"]["total_trades"].as_u64(),
            bot["coverage"]["complete"].as_bool()
        ),
        (Some(1), Some(true))
    );
    let none = shape(&server.get("/performance?symbol=NOSUCH").await);
    assert_eq!(
        (none["message"].as_str(), none["total_trades"].as_u64()),
        (Some("No closed trades yet"), Some(0))
    );
}

#[tokio::test]
async fn the_other_questions_answer_in_their_shapes() {
    let server = Server::start().await;
    for (name, path) in [
        ("counts", "/counts?group=desk&symbol=GTCUSDT"),
        ("divergences", "/divergences?open=true"),
        ("alerts", "/alerts?kind=fill&account=main"),
        ("accounts", "/accounts"),
        ("plugins", "/plugins"),
        ("orders", "/orders?account=mirror"),
        ("events", "/events?limit=1"),
        ("groups", "/groups"),
        ("outbox", "/outbox"),
        (
            "timeline",
            "/timeline?since=2027-01-15T07:00:00Z&until=2027-01-15T09:00:00Z",
        ),
    ] {
        insta::assert_json_snapshot!(name, shape(&server.get(path).await));
    }
    let status = shape(&server.get("/status").await);
    assert_eq!(
        (
            status["fills"].as_u64(),
            status["outbox"]["pending"].as_u64()
        ),
        (Some(8), Some(1))
    );
    assert!(
        status["database"]["path"]
            .as_str()
            .unwrap()
            .ends_with("fillsync.db")
    );
}

#[tokio::test]
async fn filters_that_match_nothing_give_empty_lists() {
    let server = Server::start().await;
    for path in [
        "/fills?account=nobody",
        "/counts?group=nobody",
        "/alerts?account=nobody",
        "/orders?account=nobody",
    ] {
        assert_eq!(shape(&server.get(path).await)["count"], 0, "{path}");
    }
}

#[tokio::test]
async fn health_and_readiness_say_why_not() {
    let server = Server::start().await;
    let health = shape(&server.get("/health").await);
    assert_eq!(
        (
            health["ok"].as_bool(),
            health["accounts"][0]["data_age_ms"].as_u64()
        ),
        (Some(true), Some(1_200))
    );
    assert_eq!(shape(&server.get("/ready").await)["ready"], true);
    let ill = Daemon {
        reasons: vec!["account main: no answer of its venue for 90 s".to_owned()],
        missing: vec!["account mirror: its first pass over the lookback is not done".to_owned()],
        ..Daemon::WELL
    };
    let server = Server::with(None, Limits::default(), ill).await;
    let health = server.get("/health").await;
    assert_eq!(
        (
            health.status,
            health.json()["reasons"].as_array().unwrap().len()
        ),
        (503, 1)
    );
    let ready = server.get("/ready").await;
    assert_eq!(
        (
            ready.status,
            ready.json()["reasons"].as_array().unwrap().len()
        ),
        (503, 1)
    );
}

/// A daemon that watches nobody is well, but nothing can rely on it.
#[tokio::test]
async fn without_an_account_it_is_healthy_but_not_ready() {
    let nobody = Daemon {
        has_accounts: false,
        ..Daemon::WELL
    };
    let server = Server::with(None, Limits::default(), nobody).await;
    assert_eq!(server.get("/health").await.status, 200);
    let ready = server.get("/ready").await;
    assert_eq!(ready.status, 503);
    let reason = ready.json()["reasons"][0].as_str().unwrap().to_owned();
    assert!(reason.starts_with("no account is configured"), "{reason}");
    let metrics = server.get("/metrics").await.body;
    assert!(metrics.contains("\nfillsync_ready 0\n"), "{metrics}");
}

#[tokio::test]
async fn performance_is_narrowed_by_group_side_and_currency() {
    let server = Server::start().await;
    for (question, trades, pnl) in [
        ("group=desk", 2, "-1.33"),
        ("side=short", 1, "3.672"),
        ("currency=USD", 1, "0.637475"),
        ("group=desk&side=long", 1, "-5.002"),
    ] {
        let reply = server.get(&format!("/performance?{question}")).await;
        let answer = shape(&reply);
        assert_eq!(answer["overall"]["total_trades"], trades, "{question}");
        let sum = format!(r#""total_pnl":{pnl},"#);
        assert!(reply.body.contains(&sum), "{question}: {}", reply.body);
    }
    let desk = shape(&server.get("/performance").await);
    assert_eq!(desk["by_group"]["desk"]["trades"], 2);
    for (status, wrong, remedy) in [
        (404, "group=nosuch", "the groups are desk"),
        (400, "side=up", "give side=long or side=short"),
    ] {
        let reply = server.get(&format!("/performance?{wrong}")).await;
        assert_eq!(
            (reply.status, reply.json()["remedy"].as_str()),
            (status, Some(remedy))
        );
    }
}

/// What is kept from one question to the next must not hide what happened in between, in whatever
/// order it comes: here the row that opened the trade comes after the one that closed it.
#[tokio::test]
async fn performance_sees_what_was_just_written() {
    let server = Server::start().await;
    let trades = |answer: serde_json::Value| answer["overall"]["total_trades"].clone();
    assert_eq!(trades(shape(&server.get("/performance").await)), 3);
    for (id, side, second) in [
        ("late-2", fillsync_core::execution::Side::Sell, 41),
        ("late-1", fillsync_core::execution::Side::Buy, 40),
    ] {
        let venue = fillsync_core::execution::VenueKind::Bybit;
        let mut record = super::sample::page("main", venue, "linear");
        record.executions = vec![super::sample::execution((
            "main", "linear", "OPUSDT", id, side, "1", "2", "0 USDT", second,
        ))];
        server.ledger.record(record).await.unwrap();
        shape(&server.get("/performance").await);
    }
    assert_eq!(trades(shape(&server.get("/performance").await)), 4);
}

#[tokio::test]
async fn metrics_are_prometheus_text() {
    let server = Server::start().await;
    let reply = server.get("/metrics").await;
    assert!(
        reply.has("content-type: text/plain; version=0.0.4; charset=utf-8"),
        "{reply:?}"
    );
    let lines: Vec<_> = reply
        .body
        .lines()
        .filter(|line| !line.contains("database_bytes "))
        .collect();
    insta::assert_snapshot!("metrics", lines.join("\n"));
}

/// The table of routes and the description are one list, so what could differ is what the server does.
#[tokio::test]
async fn every_endpoint_answers_and_what_is_not_there_says_what_is() {
    let server = Server::start().await;
    for path in paths() {
        if path != "/events/stream" {
            assert_eq!(server.get(path).await.status, 200, "{path}");
        }
    }
    let nowhere = server.get("/nowhere").await.json();
    let listed = nowhere["endpoints"].as_array().unwrap();
    assert_eq!(listed.len(), paths().len());
}

#[tokio::test]
async fn lists_are_narrowed_by_group_symbol_and_time() {
    let server = Server::start().await;
    for (path, count) in [
        ("/fills?group=desk", 6),
        ("/fills?group=desk&account=main&symbol=ARBUSDT", 2),
        ("/fills?group=desk&account=bot", 0),
        ("/orders?group=desk&symbol=GTCUSDT", 1),
        ("/orders?until=2027-01-15T08:00:05Z", 0),
        ("/alerts?since=2027-01-15T08:00:11Z", 1),
        ("/alerts?until=2027-01-15T08:00:11Z", 0),
        ("/events?event=fills_synchronized&group=desk", 1),
        ("/events?until=2027-01-15T08:01:01Z", 0),
        ("/counts?account=mirror&since=2027-01-15T08:00:11Z", 1),
        ("/counts?until=2027-01-15T08:00:11Z", 0),
        ("/divergences?account=mirror&since=2027-01-15T08:00:11Z", 1),
        ("/divergences?until=2027-01-15T08:00:11Z", 0),
        ("/outbox?state=sent&channel=ops", 1),
        ("/outbox?state=dead", 0),
    ] {
        assert_eq!(shape(&server.get(path).await)["count"], count, "{path}");
    }
    for path in ["/fills", "/orders", "/performance", "/timeline", "/groups"] {
        let reply = server.get(&format!("{path}?group=nosuch")).await;
        assert_eq!(reply.status, 404, "{path}");
        assert_eq!(reply.json()["remedy"], "the groups are desk");
    }
}

#[tokio::test]
async fn an_answer_sees_what_was_just_written() {
    let server = Server::start().await;
    let mut record =
        super::sample::page("main", fillsync_core::execution::VenueKind::Bybit, "linear");
    record.executions = vec![super::sample::execution((
        "main",
        "linear",
        "GTCUSDT",
        "m-9",
        fillsync_core::execution::Side::Buy,
        "1",
        "0.2",
        "0 USDT",
        50,
    ))];
    server.ledger.record(record).await.unwrap();
    assert_eq!(
        shape(&server.get("/fills?limit=1").await)["fills"][0]["exec_id"],
        "m-9"
    );
}
