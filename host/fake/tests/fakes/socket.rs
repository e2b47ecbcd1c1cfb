//! The hand-made stream client: text frames out, JSON in, and what kind of frame it came in.

use std::time::Duration;

use fillsync_fake::{FakeAlpaca, FakeBybit, sign_stream};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use crate::client::{KEY, SECRET};

/// A message that has to come comes within this.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// How a wait for a message ended.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Heard {
    /// A message, and whether its frame was binary.
    Message(Value, bool),
    /// A close frame with this code.
    Closed(u16),
    /// The connection broke.
    Broken,
}

pub(crate) struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Socket {
    pub(crate) async fn open(url: &str) -> Self {
        Self(tokio_tungstenite::connect_async(url).await.unwrap().0)
    }

    pub(crate) async fn say(&mut self, message: &Value) {
        self.0
            .send(Message::text(message.to_string()))
            .await
            .unwrap();
    }

    pub(crate) async fn heard(&mut self) -> Heard {
        loop {
            let next = tokio::time::timeout(PATIENCE, self.0.next()).await;
            let (bytes, is_binary) = match next.expect("a message within the patience") {
                Some(Ok(Message::Text(text))) => (text.as_bytes().to_vec(), false),
                Some(Ok(Message::Binary(bytes))) => (bytes.to_vec(), true),
                Some(Ok(Message::Close(frame))) => {
                    return Heard::Closed(frame.map_or(1005, |frame| frame.code.into()));
                }
                Some(Ok(_)) => continue,
                Some(Err(_)) | None => return Heard::Broken,
            };
            return Heard::Message(serde_json::from_slice(&bytes).unwrap(), is_binary);
        }
    }

    /// The next message as JSON.
    pub(crate) async fn next(&mut self) -> Value {
        match self.heard().await {
            Heard::Message(value, _) => value,
            other => panic!("expected a message, not {other:?}"),
        }
    }

    pub(crate) async fn ask(&mut self, message: &Value) -> Value {
        self.say(message).await;
        self.next().await
    }
}

/// An authenticated Bybit stream with these topics.
pub(crate) async fn bybit_stream(venue: &FakeBybit, topics: &[&str]) -> Socket {
    let mut socket = Socket::open(&venue.stream_url()).await;
    let expires_ms = venue.clock().now_ms() + 10_000;
    let auth = json!({"op": "auth", "args": [KEY, expires_ms, sign_stream(SECRET, expires_ms)]});
    let answer = socket.ask(&auth).await;
    assert_eq!(answer["success"], true, "{answer}");
    let answer = socket
        .ask(&json!({"op": "subscribe", "args": topics}))
        .await;
    assert_eq!(answer["success"], true, "{answer}");
    socket
}

/// An Alpaca stream of the account `bot` that listens to its trade updates.
pub(crate) async fn alpaca_stream(venue: &FakeAlpaca) -> Socket {
    let mut socket = Socket::open(&venue.stream_url()).await;
    let answer = socket.ask(&alpaca_auth()).await;
    assert_eq!(answer["data"]["status"], "authorized", "{answer}");
    let listen = json!({"action": "listen", "data": {"streams": ["trade_updates"]}});
    let answer = socket.ask(&listen).await;
    assert_eq!(answer["data"]["streams"], json!(["trade_updates"]));
    socket
}

pub(crate) fn alpaca_auth() -> Value {
    json!({"action": "authenticate", "data": {"key_id": "PK1", "secret_key": "secret-1"}})
}
