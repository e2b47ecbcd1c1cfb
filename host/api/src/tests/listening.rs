//! Whoever listens is told everything once, also across a break, and never takes more than its place.

use super::client::{Daemon, Server};
use super::sample;
use crate::Limits;
use fillsync_core::execution::{Side, VenueKind};
use fillsync_core::time::HostTime;
use fillsync_ledger::{EVENTS_MAX, EventRow};
use serde_json::Value;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// A message of the stream.
#[derive(Debug, Clone, PartialEq)]
struct Message {
    id: String,
    event: String,
    data: Value,
}

struct Listener {
    stream: TcpStream,
    text: String,
    status: u16,
}

impl Listener {
    async fn start(server: &Server, lines: &str) -> Self {
        let mut stream = server.connect().await;
        let head = format!(
            "GET /events/stream HTTP/1.1\r\nHost: {}\r\n{lines}\r\n",
            server.address
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut listener = Self {
            stream,
            text: String::new(),
            status: 0,
        };
        while !listener.text.contains("\r\n\r\n") {
            assert!(listener.more().await, "{}", listener.text);
        }
        listener.status = listener.text[9..12].parse().unwrap();
        let (head, rest) = listener.text.split_once("\r\n\r\n").unwrap();
        if listener.status == 200 {
            assert!(
                head.to_lowercase()
                    .contains("content-type: text/event-stream"),
                "{head}"
            );
        }
        listener.text = rest.to_owned();
        listener
    }

    /// Reads on; false at the end.
    async fn more(&mut self) -> bool {
        let mut bytes = [0; 4_096];
        let read = tokio::time::timeout(Duration::from_secs(20), self.stream.read(&mut bytes))
            .await
            .expect("something comes in time");
        let count = read.unwrap_or(0);
        self.text
            .push_str(std::str::from_utf8(&bytes[..count]).unwrap());
        count > 0
    }

    /// The next message; the lengths of the chunks between them are no lines with a colon.
    async fn next(&mut self) -> Message {
        loop {
            if let Some(end) = self.text.find("\n\n") {
                let block: String = self.text.drain(..end + 2).collect();
                let field = |name: &str| {
                    let mut lines = block.lines();
                    lines
                        .find_map(|line| line.strip_prefix(name))
                        .map(str::to_owned)
                };
                if let (Some(id), Some(event), Some(data)) =
                    (field("id: "), field("event: "), field("data: "))
                {
                    let data = serde_json::from_str(&data).unwrap();
                    return Message { id, event, data };
                }
                continue;
            }
            assert!(self.more().await, "the stream ended: {}", self.text);
        }
    }
}

async fn new_fill(server: &Server, id: &str, second: i64) {
    let mut record = sample::page("main", VenueKind::Bybit, "linear");
    record.executions = vec![sample::execution((
        "main",
        "linear",
        "GTCUSDT",
        id,
        Side::Buy,
        "1",
        "0.2",
        "0 USDT",
        second,
    ))];
    server.ledger.record(record).await.unwrap();
}

async fn new_event(server: &Server, name: &str) {
    let event = EventRow {
        at: HostTime::from_us(sample::NOON_US),
        name: name.to_owned(),
        account: None,
        group: None,
        json: "{}".to_owned(),
    };
    server.ledger.log_events(vec![event]).await.unwrap();
}

fn named(message: &Message) -> String {
    let data = &message.data;
    let name = data["exec_id"]
        .as_str()
        .or(data["event"].as_str())
        .unwrap_or("");
    format!("{} {name}", message.event)
}

#[tokio::test]
async fn fills_and_events_are_told_as_they_come() {
    let server = Server::start().await;
    let mut listener = Listener::start(&server, "").await;
    let start = listener.next().await;
    assert_eq!(
        (start.event.as_str(), &start.data["lost"]),
        ("start", &Value::Bool(false))
    );
    new_fill(&server, "n-1", 50).await;
    let fill = listener.next().await;
    assert_eq!(named(&fill), "fill n-1");
    // The very shape of /fills.
    let answer = server.get("/fills?limit=1").await.json();
    assert_eq!(fill.data, answer["fills"][0]);
    new_event(&server, "config_reloaded").await;
    assert_eq!(named(&listener.next().await), "event config_reloaded");
    // A late row, older than what was told, is new all the same.
    new_fill(&server, "late", 1).await;
    assert_eq!(named(&listener.next().await), "fill late");
}

/// However often a listener goes and comes back, and whatever happens meanwhile, it gets each once.
#[tokio::test]
async fn who_comes_back_is_told_what_came_meanwhile_and_nothing_twice() {
    let server = Server::start().await;
    let mut listener = Listener::start(&server, "").await;
    let mut last = listener.next().await.id;
    let (mut wanted, mut got) = (Vec::new(), Vec::new());
    for round in 0..6 {
        drop(listener);
        for number in 0..3 {
            let id = format!("r{round}-{number}");
            new_fill(&server, &id, 100 + round).await;
            wanted.push(format!("fill {id}"));
        }
        let event = format!("event_{round}");
        new_event(&server, &event).await;
        wanted.push(format!("event {event}"));
        listener = Listener::start(&server, &format!("Last-Event-ID: {last}\r\n")).await;
        let start = listener.next().await;
        assert_eq!(
            (start.event.as_str(), &start.data["lost"]),
            ("start", &Value::Bool(false))
        );
        // Sometimes it goes before it has heard everything.
        let hears = if round % 2 == 0 { 2 } else { 6 };
        for _ in 0..hears {
            let message = listener.next().await;
            last.clone_from(&message.id);
            got.push(named(&message));
        }
    }
    // Fills and events are two rows of numbers: each in its order, and nothing left out or twice.
    for kind in ["fill ", "event "] {
        let of = |all: &[String]| -> Vec<String> {
            let of_kind = all.iter().filter(|one| one.starts_with(kind));
            of_kind.cloned().collect()
        };
        assert_eq!(of(&got), of(&wanted));
    }
}

#[tokio::test]
async fn what_gave_way_is_said_to_be_lost() {
    let server = Server::start().await;
    let event = |number: i64| EventRow {
        at: HostTime::from_us(sample::NOON_US),
        name: format!("event_{number}"),
        account: None,
        group: None,
        json: "{}".to_owned(),
    };
    let many = (1..=EVENTS_MAX + 5).map(event).collect();
    server.ledger.log_events(many).await.unwrap();
    let newest = server
        .ledger
        .read(|reader| reader.newest_rows())
        .await
        .unwrap();
    let lines = format!("Last-Event-ID: 1-{}\r\n", newest.execution);
    let mut listener = Listener::start(&server, &lines).await;
    let start = listener.next().await;
    assert_eq!(start.data["lost"], true);
    // What is kept comes whole: the oldest of it first.
    for number in 6..2_000 {
        assert_eq!(
            named(&listener.next().await),
            format!("event event_{number}")
        );
    }
    // An id that no ledger of this age can have given.
    let mut listener = Listener::start(&server, "Last-Event-ID: 999999-1\r\n").await;
    assert_eq!(listener.next().await.data["lost"], true);
    for wrong in ["x", "1", "1-", "1-2-3", "-1--2", "1%2D2"] {
        let listener = Listener::start(&server, &format!("Last-Event-ID: {wrong}\r\n")).await;
        assert_eq!(listener.status, 400, "{wrong}");
    }
}

#[tokio::test]
async fn listeners_are_few_and_give_their_places_back() {
    let limits = Limits {
        listeners_max: 2,
        ..Limits::default()
    };
    let server = Server::with(None, limits, Daemon::WELL).await;
    let first = Listener::start(&server, "").await;
    let _second = Listener::start(&server, "").await;
    let full = Listener::start(&server, "").await;
    assert_eq!(full.status, 503);
    // Everything else answers meanwhile.
    let metrics = server.get("/metrics").await.body;
    assert!(
        metrics.contains("\nfillsync_http_listeners 2\n"),
        "{metrics}"
    );
    drop(first);
    for _ in 0..200 {
        // The server notes that a listener is gone when it next has something to say.
        new_event(&server, "something").await;
        if Listener::start(&server, "").await.status == 200 {
            return;
        }
    }
    panic!("the place was not given back");
}

#[tokio::test]
async fn a_stream_ends_with_its_time_and_with_the_server() {
    let limits = Limits {
        listener_life: Duration::from_millis(50),
        ..Limits::default()
    };
    let server = Server::with(None, limits, Daemon::WELL).await;
    let mut listener = Listener::start(&server, "Connection: close\r\n").await;
    while listener.more().await {}
    let server = Server::start().await;
    let mut listener = Listener::start(&server, "").await;
    listener.next().await;
    let began = std::time::Instant::now();
    server.stop().await.unwrap();
    // Not after the patience for answers in flight: the stream itself knows.
    assert!(
        began.elapsed() < Duration::from_secs(3),
        "{:?}",
        began.elapsed()
    );
    while listener.more().await {}
}
