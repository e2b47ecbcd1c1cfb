//! What the streams of both venues share: a WebSocket that is bounded, kept alive, and known to be alive.
//!
//! Messages are told as their bytes, whatever kind of frame carried them. A venue that says nothing is asked
//! for a sign of life; where none comes the stream is over, because a dead connection looks like a quiet
//! market. To be dropped while it waits loses nothing. Deliberately absent: reconnecting (the caller first
//! has to catch up by REST), proxies, compression.

use crate::http::{Answer, Http, chain};
use crate::redact::Redactor;
use fillsync_core::port::{StreamRows, VenueError};
use futures_util::{SinkExt, StreamExt};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Bytes, Error, Message};
use tokio_tungstenite::{
    Connector, MaybeTlsStream, WebSocketStream, connect_async_tls_with_config,
};

/// Bytes that are read at once: messages are a few hundred bytes, and there is one buffer an account.
const READ_BYTES: usize = 8 * 1024;
/// The longest text of ours: an authentication has some 250 bytes.
const WRITE_BYTES_MAX: usize = 64 * 1024;
/// The most rows of one message that are taken; with more the stream is over and REST tells them.
pub(crate) const ROWS_MAX: usize = 1_000;

/// How a venue is asked for a sign of life.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Ping {
    /// By a message of its own protocol.
    Text(&'static str),
    /// By a ping frame.
    Frame,
}

/// What an attempt to open a stream led to.
pub(crate) enum Opened {
    /// It is open.
    Socket(Box<Socket>),
    /// The venue answered like a web server: its status says why.
    Answer(Answer),
}

/// Why a stream is over.
#[derive(Debug)]
pub(crate) struct Ended {
    /// The venue ended it, as against a connection that broke or fell silent.
    pub(crate) by_venue: bool,
    /// What happened, redacted, with the stream's name.
    pub(crate) what: String,
}

impl From<Ended> for VenueError {
    fn from(ended: Ended) -> Self {
        Self::Retry { what: ended.what }
    }
}

/// An open WebSocket.
pub(crate) struct Socket {
    inner: WebSocketStream<MaybeTlsStream<TcpStream>>,
    name: String,
    redactor: Redactor,
    ping: Ping,
    ping_every: Duration,
    silence_max: Duration,
    ping_at: Instant,
    /// When the venue was asked for a sign of life and has given none since.
    asked: Option<Instant>,
    is_flushed: bool,
}

impl Socket {
    /// Connects. `name` says whose stream it is; the URL is never quoted.
    ///
    /// # Errors
    /// [`VenueError::Retry`] for whatever kept the connection from being made in time.
    pub(crate) async fn open(
        http: &Http,
        url: &str,
        name: String,
        redactor: Redactor,
        ping: Ping,
    ) -> Result<Opened, VenueError> {
        let limits = http.limits();
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BYTES)
            .write_buffer_size(0)
            .max_write_buffer_size(WRITE_BYTES_MAX)
            .max_message_size(Some(limits.stream_message_bytes_max))
            .max_frame_size(Some(limits.stream_message_bytes_max));
        let connector = Connector::Rustls(http.tls());
        let sent = Instant::now();
        let within = limits.connect_timeout.saturating_add(limits.head_timeout);
        let connecting = connect_async_tls_with_config(url, Some(config), true, Some(connector));
        let failed = |what: String| VenueError::Retry {
            what: redactor.clean(&format!("{name}: {what}")),
        };
        let inner = match timeout(within, connecting).await {
            Ok(Ok((inner, _))) => inner,
            Ok(Err(Error::Http(response))) => {
                let (parts, body) = response.into_parts();
                return Ok(Opened::Answer(Answer {
                    status: parts.status.as_u16(),
                    headers: parts.headers,
                    body: body.unwrap_or_default(),
                    sent,
                    received: Instant::now(),
                }));
            }
            Ok(Err(error)) => return Err(failed(format!("cannot connect: {}", chain(&error)))),
            Err(_) => {
                let seconds = within.as_secs_f32();
                return Err(failed(format!("no connection within {seconds}s")));
            }
        };
        Ok(Opened::Socket(Box::new(Self {
            inner,
            name,
            redactor,
            ping,
            ping_every: limits.stream_ping_every,
            silence_max: limits.stream_silence_max,
            ping_at: Instant::now() + limits.stream_ping_every,
            asked: None,
            is_flushed: true,
        })))
    }

    /// An error's text, under the stream's name.
    pub(crate) fn about(&self, what: &str) -> String {
        format!("{}: {}", self.name, self.redactor.clean(what))
    }

    fn ended(&self, by_venue: bool, what: &str) -> Ended {
        Ended {
            by_venue,
            what: self.about(what),
        }
    }

    /// The error for a message that is not what the venue's documentation says.
    pub(crate) fn unexpected(&self, message: &[u8], problem: &str) -> Ended {
        let text = self.redactor.body(message);
        Ended {
            by_venue: false,
            what: format!("{}: {problem}: {text}", self.name),
        }
    }

    /// Sends a text. It is never quoted, because it may hold a secret.
    pub(crate) async fn send(&mut self, text: String) -> Result<(), Ended> {
        self.put(Message::text(text)).await?;
        self.flush().await
    }

    /// Hands a message over; one that was handed over is sent by whatever is awaited next.
    async fn put(&mut self, message: Message) -> Result<(), Ended> {
        let handed = self.inner.feed(message).await;
        handed.map_err(|error| self.broken(&error))?;
        self.is_flushed = false;
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), Ended> {
        match timeout(self.silence_max, self.inner.flush()).await {
            Ok(Ok(())) => {
                self.is_flushed = true;
                Ok(())
            }
            Ok(Err(error)) => Err(self.broken(&error)),
            Err(_) => Err(self.ended(false, "the venue takes nothing any more")),
        }
    }

    fn broken(&self, error: &Error) -> Ended {
        let by_venue = matches!(error, Error::ConnectionClosed | Error::AlreadyClosed);
        self.ended(by_venue, &format!("broke off: {}", chain(error)))
    }

    /// Waits for the next message that is not part of the WebSocket's own protocol. Cancel-safe.
    pub(crate) async fn message(&mut self) -> Result<Bytes, Ended> {
        loop {
            if Instant::now() >= self.ping_at {
                let ping = match self.ping {
                    Ping::Text(text) => Message::text(text),
                    Ping::Frame => Message::Ping(Bytes::new()),
                };
                self.put(ping).await?;
                let now = Instant::now();
                self.ping_at = now + self.ping_every;
                self.asked.get_or_insert(now);
            }
            if !self.is_flushed {
                self.flush().await?;
            }
            let silent_at = self.asked.map(|asked| asked + self.silence_max);
            let wake_at = silent_at.map_or(self.ping_at, |silent_at| silent_at.min(self.ping_at));
            // What is there is read first: a caller that was away for long is no silent venue.
            tokio::select! {
                biased;
                message = self.inner.next() => {
                    self.asked = None;
                    if let Some(bytes) = self.told(message)? {
                        return Ok(bytes);
                    }
                }
                () = sleep_until(wake_at) => {
                    if silent_at.is_some_and(|at| at <= Instant::now()) {
                        let seconds = self.silence_max.as_secs_f32();
                        return Err(self.ended(false, &format!("no sign of life within {seconds}s")));
                    }
                }
            }
        }
    }

    fn told(&self, message: Option<Result<Message, Error>>) -> Result<Option<Bytes>, Ended> {
        match message {
            Some(Ok(Message::Text(text))) => Ok(Some(text.into())),
            Some(Ok(Message::Binary(bytes))) => Ok(Some(bytes)),
            Some(Ok(Message::Close(frame))) => Err(self.ended(
                true,
                &frame.map_or_else(
                    || "the venue closed it".to_owned(),
                    |frame| format!("the venue closed it: {} {}", frame.code, frame.reason),
                ),
            )),
            Some(Ok(_)) => Ok(None),
            Some(Err(error)) => Err(self.broken(&error)),
            None => Err(self.ended(true, "the venue ended it")),
        }
    }
}

/// Whether a message has anything to tell.
pub(crate) fn tells(rows: &StreamRows) -> bool {
    !rows.executions.is_empty() || !rows.orders.is_empty() || !rows.unreadable.is_empty()
}

/// The base URL's host for WebSocket: `wss`, and `ws` where requests go in clear (loopback).
pub(crate) fn same_host(http: &Http, path: &str) -> String {
    let base = http.base();
    let scheme = if base.scheme() == "http" { "ws" } else { "wss" };
    let authority = base.authority();
    format!("{scheme}://{authority}{path}")
}
