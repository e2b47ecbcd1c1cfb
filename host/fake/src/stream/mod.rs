//! The WebSocket server that both venues share: take the connection over, ask the dialect's talk, meet faults, send.
//!
//! Promise: a talk is a plain state machine from what was heard to what is said; it knows nothing of sockets and
//! faults. What a book tells leaves at once and in order, and nothing is ever repeated for a client that was away.
//! Deliberately absent: compression and fragments, which neither venue sends.

mod fault;
mod open;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::sync::{broadcast, watch};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

pub use self::fault::{StreamFault, StreamFaults, StreamMatch};
pub use self::open::Streams;

pub(crate) use self::fault::FrameTraits;
pub(crate) use self::open::{End, Seat};

use crate::book::News;
use crate::connection::LineHandle;
use crate::fault::Faults;

/// Largest message that a fake reads from a stream.
const HEARD_BYTES_MAX: usize = 1 << 16;
/// Frames that wait to be sent; a connection with more is cut.
const WAITING_MAX: usize = 10_000;
/// A client that takes nothing for so long is cut.
const SEND_WITHIN: Duration = Duration::from_secs(10);
/// How long a connection that fell silent is kept.
const SILENT_FOR: Duration = Duration::from_secs(600);
/// So far away that no test waits for it: a connection without a limit on its idle time.
const NEVER: Duration = Duration::from_secs(30 * 24 * 3_600);

/// How one venue talks over one connection.
pub(crate) trait Talk: Send + 'static {
    /// Answers what the client said.
    fn heard(&mut self, text: &str, seat: &Seat) -> Vec<Said>;
    /// Tells what happened, if it concerns this connection.
    fn news(&mut self, news: &News) -> Vec<Said>;
    /// The account that authenticated.
    fn account(&self) -> Option<&str>;
    /// The connection ends when the client says nothing for so long.
    fn idle_max(&self) -> Option<Duration> {
        None
    }
    /// Whether JSON leaves in binary frames.
    fn is_binary(&self) -> bool {
        false
    }
}

/// One message of the venue.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    /// What a fault is matched by: the topic or event, or the name of the answer.
    pub(crate) kind: String,
    pub(crate) text: String,
    /// The connection ends after it.
    pub(crate) is_last: bool,
}

impl Said {
    pub(crate) fn new(kind: &str, body: &serde_json::Value) -> Self {
        Self {
            kind: kind.to_owned(),
            text: body.to_string(),
            is_last: false,
        }
    }

    pub(crate) fn last(mut self) -> Self {
        self.is_last = true;
        self
    }
}

/// What every connection of a fake shares.
#[derive(Clone, Debug, Default)]
pub(crate) struct StreamDesk {
    pub(crate) faults: StreamFaults,
    pub(crate) streams: Streams,
}

/// What is said in place of going on.
enum Over {
    /// The line is dead from now on.
    Cut,
    /// With a close frame.
    Close(u16, String),
    /// The line stays, and nothing more comes.
    Silence,
    /// The client is gone.
    Gone,
}

/// Takes a connection over and serves it until either side ends it.
pub(crate) async fn serve(
    upgrade: OnUpgrade,
    talk: Box<dyn Talk>,
    news: broadcast::Receiver<Arc<News>>,
    desk: StreamDesk,
    faults: Faults,
    line: LineHandle,
) {
    let Ok(upgraded) = upgrade.await else {
        return;
    };
    let config = WebSocketConfig::default()
        .max_message_size(Some(HEARD_BYTES_MAX))
        .max_frame_size(Some(HEARD_BYTES_MAX));
    let socket =
        WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, Some(config)).await;
    let (seat, ender) = desk.streams.open();
    let mut session = Session {
        socket,
        talk,
        desk,
        seat,
        waiting: VecDeque::new(),
        late: Vec::new(),
    };
    match session.run(news, ender, faults).await {
        Over::Gone => {}
        Over::Cut => line.kill(),
        Over::Close(code, reason) => {
            let frame = CloseFrame {
                code: code.into(),
                reason: reason.into(),
            };
            // The client may be gone already.
            let _ = timeout(SEND_WITHIN, session.socket.close(Some(frame))).await;
            line.kill();
        }
        Over::Silence => {
            // Not even a ping is answered: nothing is read any more.
            session.seat.end_or(SILENT_FOR).await;
            line.kill();
        }
    }
}

/// How the connection is ended from outside; also when the fake is gone.
async fn ended(ender: &mut watch::Receiver<Option<End>>) -> End {
    let end = ender.wait_for(Option::is_some).await;
    end.ok().and_then(|end| end.clone()).unwrap_or(End::Cut)
}

async fn unplugged(plug: &mut watch::Receiver<bool>) {
    // The sender is gone with the fake, and so is the line.
    let _ = plug.wait_for(|unplugged| *unplugged).await;
}

struct Session {
    socket: WebSocketStream<TokioIo<Upgraded>>,
    talk: Box<dyn Talk>,
    desk: StreamDesk,
    seat: Seat,
    /// In order, each with its time; at most [`WAITING_MAX`].
    waiting: VecDeque<(Instant, Message)>,
    /// Frames that others overtake; at most [`WAITING_MAX`].
    late: Vec<(Instant, Message)>,
}

impl Session {
    async fn run(
        &mut self,
        mut news: broadcast::Receiver<Arc<News>>,
        mut ender: watch::Receiver<Option<End>>,
        faults: Faults,
    ) -> Over {
        let mut plug = faults.plug();
        let mut heard_at = Instant::now();
        loop {
            let due = self.due();
            if due.is_some_and(|due| due <= Instant::now()) {
                if let Some(over) = self.send_due().await {
                    return over;
                }
                continue;
            }
            let idle_until = heard_at + self.talk.idle_max().unwrap_or(NEVER);
            let over = tokio::select! {
                biased;
                end = ended(&mut ender) => Some(match end {
                    End::Close(code, reason) => Over::Close(code, reason),
                    End::Cut => Over::Cut,
                }),
                () = unplugged(&mut plug) => Some(Over::Cut),
                () = sleep_until(due.unwrap_or(idle_until)), if due.is_some() => None,
                message = self.socket.next() => {
                    heard_at = Instant::now();
                    match message {
                        Some(Ok(Message::Text(text))) => self.hear(text.as_str()),
                        Some(Ok(Message::Binary(bytes))) => self.hear(&String::from_utf8_lossy(&bytes)),
                        Some(Ok(Message::Close(_)) | Err(_)) | None => Some(Over::Gone),
                        Some(Ok(_)) => None,
                    }
                }
                told = news.recv() => match told {
                    Ok(news) => {
                        let said = self.talk.news(&news);
                        self.say(said, true)
                    }
                    // A client that is too slow to take them loses the connection, not some of the news.
                    Err(_) => Some(Over::Cut),
                },
                () = sleep_until(idle_until) => Some(Over::Close(1000, "idle for too long".to_owned())),
            };
            if let Some(over) = over {
                if matches!(over, Over::Close(..)) {
                    // What was said before the end is sent before the end.
                    let _ = self.send_due().await;
                }
                return over;
            }
        }
    }

    fn hear(&mut self, text: &str) -> Option<Over> {
        let said = self.talk.heard(text, &self.seat);
        self.say(said, false)
    }

    fn due(&self) -> Option<Instant> {
        let late = self.late.iter().map(|(at, _)| *at).min();
        let first = self.waiting.front().map(|(at, _)| *at);
        late.into_iter().chain(first).min()
    }

    /// Puts messages into the queue, each with its fault.
    fn say(&mut self, said: Vec<Said>, is_news: bool) -> Option<Over> {
        for said in said {
            let traits = FrameTraits {
                kind: &said.kind,
                account: self.talk.account(),
                text: &said.text,
                is_news,
            };
            let fault = self.desk.faults.take(&traits);
            let now = Instant::now();
            let last = self.waiting.back().map_or(now, |(at, _)| *at);
            let message = self.frame(said.text);
            match fault {
                None => self.waiting.push_back((last, message)),
                Some(StreamFault::Drop) => {}
                Some(StreamFault::Duplicate) => {
                    self.waiting.push_back((last, message.clone()));
                    self.waiting.push_back((last, message));
                }
                Some(StreamFault::Delay { ms }) => {
                    let at = last.max(now) + Duration::from_millis(ms);
                    self.waiting.push_back((at, message));
                }
                Some(StreamFault::Late { ms }) => {
                    self.late.push((now + Duration::from_millis(ms), message));
                }
                Some(StreamFault::Instead { text }) => {
                    let message = self.frame(text);
                    self.waiting.push_back((last, message));
                }
                Some(StreamFault::Cut) => return Some(Over::Cut),
                Some(StreamFault::Close { code, reason }) => {
                    return Some(Over::Close(code, reason));
                }
                Some(StreamFault::Silence) => return Some(Over::Silence),
            }
            if said.is_last {
                return Some(Over::Close(1000, String::new()));
            }
            if self.waiting.len() + self.late.len() > WAITING_MAX {
                return Some(Over::Cut);
            }
        }
        None
    }

    fn frame(&self, text: String) -> Message {
        if self.talk.is_binary() {
            Message::binary(text.into_bytes())
        } else {
            Message::text(text)
        }
    }

    /// Sends what is due.
    async fn send_due(&mut self) -> Option<Over> {
        let now = Instant::now();
        let mut ready = Vec::new();
        while let Some((_, message)) = self.waiting.pop_front_if(|(at, _)| *at <= now) {
            ready.push(message);
        }
        for (at, message) in std::mem::take(&mut self.late) {
            if at <= now {
                ready.push(message);
            } else {
                self.late.push((at, message));
            }
        }
        let sending = async {
            for message in ready {
                self.socket.feed(message).await?;
            }
            self.socket.flush().await
        };
        match timeout(SEND_WITHIN, sending).await {
            Ok(Ok(())) => None,
            Ok(Err(_)) => Some(Over::Gone),
            Err(_) => Some(Over::Cut),
        }
    }
}
