//! A receiver on loopback for the tests: scripted answers, and a record of what was asked.
//!
//! It answers each connection's request with the next of its script and closes. What it cannot do is
//! deliberate: it knows no receiver's rules, so a test says in full what the receiver answers.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use crate::http::{Http, Timeouts};
use fillsync_core::alert::{AlertKind, Severity};
use fillsync_core::id::ChannelName;
use fillsync_core::message::{Rendered, RichMessage, Span};
use fillsync_core::port::{ChannelError, Clock, Outgoing, Receipt};
use fillsync_core::time::HostTime;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// One scripted answer.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// A status, header lines and a body.
    Full(u16, Vec<(&'static str, String)>, String),
    /// Reads the request and never answers.
    Silence,
    /// Reads the request and closes.
    Close,
    /// Promises a longer body than it sends.
    Torn(u16, &'static str),
}

impl Reply {
    pub(crate) fn json(status: u16, body: &str) -> Self {
        Self::Full(status, Vec::new(), body.to_owned())
    }

    pub(crate) fn with(status: u16, name: &'static str, value: &str) -> Self {
        Self::Full(status, vec![(name, value.to_owned())], String::new())
    }
}

/// One request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// The receiver.
pub(crate) struct Loopback {
    pub(crate) url: String,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Loopback {
    pub(crate) async fn start(script: Vec<Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = requests.clone();
        tokio::spawn(async move {
            let mut script = VecDeque::from(script);
            // Silent connections are kept open until the test ends.
            let mut held = Vec::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                let Some(request) = read(&mut stream).await else {
                    continue;
                };
                seen.lock().unwrap().push(request);
                match script
                    .pop_front()
                    .expect("more requests than the script has answers")
                {
                    Reply::Silence => held.push(stream),
                    Reply::Close => {}
                    Reply::Torn(status, body) => {
                        let head =
                            format!("HTTP/1.1 {status} X\r\ncontent-length: 9999\r\n\r\n{body}");
                        stream.write_all(head.as_bytes()).await.unwrap();
                    }
                    Reply::Full(status, headers, body) => {
                        let mut head = format!(
                            "HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {}\r\n",
                            body.len()
                        );
                        for (name, value) in headers {
                            head.push_str(&format!("{name}: {value}\r\n"));
                        }
                        head.push_str("\r\n");
                        stream.write_all(head.as_bytes()).await.unwrap();
                        // A client that has read enough may close before the end.
                        let _ = stream.write_all(body.as_bytes()).await;
                    }
                }
            }
        });
        Self { url, requests }
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

async fn read(stream: &mut TcpStream) -> Option<Request> {
    let mut bytes = Vec::new();
    let head_end = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(bytes[..head_end].to_vec()).unwrap();
    let mut lines = head.split("\r\n");
    let mut start = lines.next()?.split(' ').map(str::to_owned);
    let (method, path) = (start.next()?, start.next()?);
    let headers: BTreeMap<String, String> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let length: usize = headers
        .get("content-length")
        .map_or(0, |text| text.parse().unwrap());
    let mut body = bytes.split_off(head_end + 4);
    while body.len() < length {
        if stream.read_buf(&mut body).await.ok()? == 0 {
            return None;
        }
    }
    Some(Request {
        method,
        path,
        headers,
        body,
    })
}

/// A clock that stands still.
pub(crate) struct Still;

/// When [`Still`] stands.
pub(crate) const NOW: &str = "2026-11-21T12:00:00Z";

impl Clock for Still {
    fn now(&self) -> HostTime {
        HostTime::parse(NOW).unwrap()
    }
}

/// A client with time-outs that a test can wait for.
pub(crate) fn http() -> Http {
    Http::new(Timeouts {
        connect: Duration::from_secs(5),
        whole: Duration::from_secs(5),
    })
    .unwrap()
}

/// A client that soon gives up.
pub(crate) fn impatient() -> Http {
    Http::new(Timeouts {
        connect: Duration::from_secs(5),
        whole: Duration::from_millis(200),
    })
    .unwrap()
}

pub(crate) fn name(name: &str) -> ChannelName {
    ChannelName::new(name).unwrap()
}

/// The remedy of a dead letter.
pub(crate) fn dead_remedy(result: Result<Receipt, ChannelError>) -> String {
    match result {
        Err(ChannelError::Dead { remedy, .. }) => remedy,
        other => panic!("{other:?} is not dead"),
    }
}

/// How long the outbox must wait.
pub(crate) fn waited(result: Result<Receipt, ChannelError>) -> Duration {
    match result {
        Err(ChannelError::Wait { after, .. }) => after,
        other => panic!("{other:?} is no wait"),
    }
}

/// Whether the same is tried again later.
pub(crate) fn is_retry(result: &Result<Receipt, ChannelError>) -> bool {
    matches!(result, Err(ChannelError::Retry { .. }))
}

/// Whether it is sent once more as plain text.
pub(crate) fn is_markup(result: &Result<Receipt, ChannelError>) -> bool {
    matches!(result, Err(ChannelError::Markup { .. }))
}

/// A receipt with the receiver's id.
pub(crate) fn receipt(id: &str) -> Result<Receipt, ChannelError> {
    Ok(Receipt {
        message_id: Some(id.to_owned()),
        notice: None,
    })
}

/// The same message without markup.
pub(crate) fn plainly(outgoing: Outgoing) -> Outgoing {
    Outgoing {
        as_plain: true,
        ..outgoing
    }
}

/// A message in which every mark of every receiver stands, and what a reader must see of it.
pub(crate) fn hard() -> (Outgoing, String) {
    let message = RichMessage {
        title: vec![
            Span::bold("P&L <-1.50> *x* _y_"),
            Span::text(" @everyone <!channel> ~z~"),
        ],
        lines: vec![
            vec![
                Span::Code("</code> & x".into()),
                Span::text(" | "),
                Span::Link {
                    text: "<a> [b]".into(),
                    url: "https://example.com/?a=1&b=2".into(),
                },
            ],
            vec![Span::text(
                "# no heading, > no quote, - no list, ||shown||, BTC_USDT_X",
            )],
        ],
    };
    let seen = message.to_string();
    (rendered(Rendered::Rich(message)), seen)
}

/// A message of a bold title and one line.
pub(crate) fn outgoing(title: &str, line: &str) -> Outgoing {
    rendered(Rendered::Rich(RichMessage {
        title: vec![Span::bold(title)],
        lines: vec![vec![Span::text(line)]],
    }))
}

/// A raw payload.
pub(crate) fn raw(channel_kind: &str, json: &str) -> Outgoing {
    rendered(Rendered::Raw {
        channel_kind: channel_kind.to_owned(),
        json: json.to_owned(),
    })
}

fn rendered(rendered: Rendered) -> Outgoing {
    Outgoing {
        idempotency_key: "fill/desk/GTCUSDT/12/2/main#3".to_owned(),
        kind: AlertKind::Fill,
        severity: Severity::Info,
        rendered,
        alert_json: ALERT.to_owned(),
        as_plain: false,
    }
}

/// An alert as far as channels look at one; the price would lose its last digit as a float.
pub(crate) const ALERT: &str = r#"{"identity":"fill/desk/GTCUSDT/12/2/main","revision":3,"price":0.12345678901234567890,"body":{"kind":"fill"}}"#;
