//! The venue's end of a WebSocket, held by the test: it hears and says what the test wants.
//!
//! One port answers both kinds of connection, as the venues' hosts do: a WebSocket is handed to the test,
//! anything else gets the one REST answer that was laid down (the venue's clock). Loopback only.

use fillsync_core::port::{Stream, Venue, VenueError};
use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

/// Longer than anything here takes; what does not come in it never comes.
const WITHIN: Duration = Duration::from_secs(10);
/// Connections that wait for the test.
const LINES_MAX: usize = 16;

/// A host that speaks REST and WebSocket.
pub(crate) struct Host {
    pub(crate) url: String,
    lines: mpsc::Receiver<Line>,
    requests: Arc<AtomicUsize>,
}

/// One WebSocket, as the venue holds it.
pub(crate) struct Line(WebSocketStream<TcpStream>);

impl Host {
    /// Answers every request that is no WebSocket with this; every WebSocket as well where `is_deaf`.
    pub(crate) async fn start(status: &'static str, body: String, is_deaf: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (send, lines) = mpsc::channel(LINES_MAX);
        let requests = Arc::new(AtomicUsize::new(0));
        let seen = Arc::clone(&requests);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let is_socket = upgrades(&stream).await;
                if is_socket && !is_deaf {
                    let line = tokio_tungstenite::accept_async(stream).await.unwrap();
                    send.send(Line(line)).await.unwrap();
                } else if is_socket {
                    answer(stream, status, &body).await;
                } else {
                    seen.fetch_add(1, Ordering::Relaxed);
                    answer(stream, "200 OK", &body).await;
                }
            }
        });
        Self {
            url,
            lines,
            requests,
        }
    }

    /// The next WebSocket.
    pub(crate) async fn line(&mut self) -> Line {
        let line = timeout(WITHIN, self.lines.recv()).await;
        line.expect("nobody connected").unwrap()
    }

    /// How many requests came that were no WebSocket.
    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }

    /// No further WebSocket has come.
    pub(crate) fn is_quiet(&mut self) -> bool {
        self.lines.try_recv().is_err()
    }
}

/// Whether the request asks for a WebSocket; reads nothing of it.
async fn upgrades(stream: &TcpStream) -> bool {
    let mut head = [0_u8; 4096];
    loop {
        let length = stream.peek(&mut head).await.unwrap();
        let text = String::from_utf8_lossy(&head[..length]).to_lowercase();
        if length == 0 || text.contains("\r\n\r\n") {
            return text.contains("upgrade: websocket");
        }
        tokio::task::yield_now().await;
    }
}

async fn answer(mut stream: TcpStream, status: &str, body: &str) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    let length = body.len();
    let head =
        format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
    let _ = stream.write_all(format!("{head}{body}").as_bytes()).await;
    let _ = stream.shutdown().await;
}

impl Line {
    /// The next frame of the other side that is not part of the closing.
    pub(crate) async fn frame(&mut self) -> Message {
        let frame = timeout(WITHIN, self.0.next()).await;
        frame.expect("nothing was said").unwrap().unwrap()
    }

    /// The next text, as JSON.
    pub(crate) async fn heard(&mut self) -> Value {
        serde_json::from_str(self.frame().await.to_text().unwrap()).unwrap()
    }

    pub(crate) async fn say(&mut self, text: impl Into<String>) {
        self.0.send(Message::text(text.into())).await.unwrap();
    }

    pub(crate) async fn say_binary(&mut self, text: impl Into<String>) {
        let bytes = text.into().into_bytes();
        self.0.send(Message::binary(bytes)).await.unwrap();
    }

    /// Ends the line as a server does.
    pub(crate) async fn close(mut self) {
        let _ = self.0.close(None).await;
    }
}

/// Opens the stream while the test plays the venue.
pub(crate) async fn opened<T>(
    venue: &dyn Venue,
    plays: impl Future<Output = T>,
) -> (Result<Box<dyn Stream>, VenueError>, T) {
    let both = async { tokio::join!(venue.stream(), plays) };
    timeout(WITHIN, both)
        .await
        .expect("the stream did not open")
}

/// The next rows, or the end.
pub(crate) async fn next(
    stream: &mut Box<dyn Stream>,
) -> Result<fillsync_core::port::StreamRows, VenueError> {
    timeout(WITHIN, stream.next())
        .await
        .expect("nothing was told")
}
