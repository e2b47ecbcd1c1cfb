//! What strangers and mistakes send: the server stays up, bounded, and says what is wrong.

use super::client::{Daemon, Server, read_to_end};
use crate::Limits;
use fillsync_ledger::{Ledger, LedgerError};
use std::sync::mpsc::Receiver;
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;

const BRIEF: Limits = Limits {
    connections_max: 4,
    head_wait: Duration::from_millis(200),
    answer_wait: Duration::from_secs(15),
    connection_life: Duration::from_secs(300),
    drain_wait: Duration::from_millis(300),
    head_bytes_max: 8 * 1024,
    body_bytes_max: 64 * 1024,
    listeners_max: 2,
    listener_life: Duration::from_secs(240),
};

#[tokio::test]
async fn sql_in_parameters_is_a_name_that_matches_nothing() {
    let server = Server::start().await;
    for evil in [
        "'%20OR%20'1'='1",
        "main';DROP%20TABLE%20execution;--",
        "%22%20OR%201=1--",
        "%25",
    ] {
        for path in [
            "/fills?account=",
            "/fills?symbol=",
            "/orders?account=",
            "/alerts?identity=",
            "/counts?group=",
        ] {
            let reply = server.get(&format!("{path}{evil}")).await;
            assert_eq!(
                (reply.status, reply.json()["count"].as_u64()),
                (200, Some(0)),
                "{path}{evil}"
            );
        }
    }
    assert_eq!(server.get("/fills").await.json()["count"], 8);
    assert_eq!(server.get("/fills?before=1%20OR%201=1").await.status, 400);
}

#[tokio::test]
async fn a_huge_limit_is_clamped_and_a_senseless_one_is_refused() {
    let server = Server::start().await;
    for limit in ["1000000000", "18446744073709551615", "0"] {
        let reply = server.get(&format!("/fills?limit={limit}")).await;
        assert_eq!(reply.status, 200, "{limit}");
        assert!(reply.json()["count"].as_u64().unwrap() <= 1_000);
    }
    for limit in ["-1", "1e9", "", "ten", "99999999999999999999999"] {
        let reply = server.get(&format!("/fills?limit={limit}")).await;
        assert_eq!(reply.status, 400, "{limit}");
        assert!(
            reply.json()["remedy"].as_str().unwrap().contains("limit"),
            "{reply:?}"
        );
    }
}

#[tokio::test]
async fn a_wrong_question_names_what_is_right() {
    let server = Server::start().await;
    let mut told = String::new();
    for path in [
        "/fills?limt=3",
        "/fills?_=1",
        "/fills?since=yesterday",
        "/fills?account=",
        "/fills?account=a&account=b",
        "/fills?account=a%0Ab",
        "/alerts?kind=filled",
        "/status?x=1",
        "/nowhere",
        "/fills/../../etc/passwd",
        "/%2e%2e/etc/passwd",
    ] {
        let reply = server.get(path).await;
        assert!(matches!(reply.status, 400 | 404), "{path}: {reply:?}");
        assert!(reply.json()["error"].is_string() && reply.json()["remedy"].is_string());
        told.push_str(&format!("{path}\n  {} {}", reply.status, reply.body));
    }
    insta::assert_snapshot!("wrong_questions", told);
}

#[tokio::test]
async fn where_nothing_can_be_done_only_reading_is_understood() {
    let server = Server::start().await;
    for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "BREW"] {
        let text = format!(
            "{method} /fills HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 0\r\n\
             X-Fillsync-Intent: act\r\n\r\n"
        );
        let reply = server.send(&text).await;
        assert_eq!(reply.status, 405, "{method}");
        assert!(reply.has("allow: get,head"), "{reply:?}");
    }
    let head = server
        .send("HEAD /fills HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .await;
    assert_eq!((head.status, head.body.as_str()), (200, ""));
}

#[tokio::test]
async fn a_large_request_is_cut_short() {
    let server = Server::with(None, BRIEF, Daemon::WELL).await;
    // Ten megabytes are announced; the refusal comes without any of them having been read.
    let body = server
        .send("GET /fills HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10485760\r\n\r\n")
        .await;
    assert_eq!(body.status, 413);
    let path = server
        .get(&format!("/fills?account={}", "a".repeat(20_000)))
        .await;
    assert!(matches!(path.status, 414 | 431 | 0), "{path:?}");
    let lines = format!("X-Long: {}\r\n", "a".repeat(20_000));
    assert!(matches!(
        server.get_with("/fills", &lines).await.status,
        431 | 0
    ));
    assert_eq!(server.get("/fills").await.status, 200);
}

#[tokio::test]
async fn who_says_nothing_or_speaks_slowly_is_let_go() {
    let server = Server::with(None, BRIEF, Daemon::WELL).await;
    let mut silent = server.connect().await;
    let mut slow = server.connect().await;
    slow.write_all(b"GET /fills HTTP/1.1\r\nHost: local")
        .await
        .unwrap();
    let mut lingering = server.connect().await;
    lingering
        .write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await
        .unwrap();
    // Each ends by itself: reading to the end would fail the test otherwise.
    assert_eq!(read_to_end(&mut silent).await, "");
    assert!(!read_to_end(&mut slow).await.contains("200 OK"));
    assert!(read_to_end(&mut lingering).await.contains("200 OK"));
}

#[tokio::test]
async fn idle_connections_take_no_place_for_ever() {
    let server = Server::with(None, BRIEF, Daemon::WELL).await;
    let mut idle = Vec::new();
    for _ in 0..4 {
        idle.push(server.connect().await);
    }
    let full = server.get("/health").await;
    assert!(matches!(full.status, 503 | 0), "{full:?}");
    for stream in &mut idle {
        assert_eq!(read_to_end(stream).await, "");
    }
    // The server notes the end of a connection a moment after the client does.
    for _ in 0..100 {
        if server.get("/health").await.status == 200 {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("the places were not given back");
}

#[tokio::test]
async fn a_connection_has_an_end_even_if_it_keeps_asking() {
    let limits = Limits {
        connection_life: Duration::from_millis(50),
        head_wait: Duration::from_secs(60),
        ..BRIEF
    };
    let server = Server::with(None, limits, Daemon::WELL).await;
    let mut stream = server.connect().await;
    stream
        .write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await
        .unwrap();
    assert!(read_to_end(&mut stream).await.contains("200 OK"));
}

#[tokio::test]
async fn stopping_lets_go_of_idle_connections_and_the_port() {
    let server = Server::with(
        None,
        Limits {
            head_wait: Duration::from_secs(60),
            ..BRIEF
        },
        Daemon::WELL,
    )
    .await;
    let mut idle = server.connect().await;
    idle.write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\nGET /fi")
        .await
        .unwrap();
    let address = server.address;
    server.stop().await.unwrap();
    let _ = read_to_end(&mut idle).await;
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}

async fn ledger_waits(ledger: Ledger, shut: Receiver<()>) -> Result<(), LedgerError> {
    ledger
        .read(move |_| {
            // Nothing is ever sent: the wait ends when the other side is gone.
            let _ = shut.recv();
            Ok(())
        })
        .await
}

#[tokio::test]
async fn an_answer_that_takes_too_long_is_given_up_and_health_answers_meanwhile() {
    let limits = Limits {
        answer_wait: Duration::from_millis(100),
        ..BRIEF
    };
    let server = Server::with(None, limits, Daemon::WELL).await;
    // Every reader of the ledger is kept busy until its gate is dropped.
    let (gates, busy): (Vec<_>, Vec<_>) = (0..8)
        .map(|_| {
            let (gate, shut) = std::sync::mpsc::channel::<()>();
            (
                gate,
                tokio::spawn(ledger_waits(server.ledger.clone(), shut)),
            )
        })
        .unzip();
    tokio::task::yield_now().await;
    let late = server.get("/fills").await;
    assert_eq!(late.status, 503, "{late:?}");
    assert_eq!(server.get("/health").await.status, 200);
    drop(gates);
    for question in busy {
        question.await.unwrap().unwrap();
    }
    assert_eq!(server.get("/fills").await.status, 200);
}

#[tokio::test]
async fn refusals_are_counted() {
    let token = "a-token-that-is-long-enough";
    let server = Server::with(Some(token), Limits::default(), Daemon::WELL).await;
    server.get("/fills").await;
    server.get("/metrics").await;
    let metrics = server
        .get_with("/metrics", &format!("Authorization: Bearer {token}\r\n"))
        .await;
    assert!(
        metrics
            .body
            .contains("fillsync_http_refused_total{reason=\"token\"} 2\n"),
        "{metrics:?}"
    );
}
