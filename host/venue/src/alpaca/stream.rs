//! Alpaca's `trade_updates`: one stream per key.
//!
//! Frames are text or binary. Alpaca keeps one such connection for a key, so to open ours may end another
//! program's, and another program may end ours: a stream that the venue ends again and again is refused with
//! the remedy to turn it off, before two programs knock each other out for ever. Nothing is replayed.

use super::client::Alpaca;
use super::update;
use crate::http::Answer;
use crate::page;
use crate::redact::Redactor;
use crate::stream::{Ended, Ping, Socket, same_host, tells};
use async_trait::async_trait;
use fillsync_core::id::{AccountName, Category};
use fillsync_core::port::{Stream, StreamRows, VenueError};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

const PATH: &str = "/stream";
const TOPIC: &str = "trade_updates";
/// The venue's code for a second connection of one key.
const CONNECTION_LIMIT: i64 = 406;
/// The most entries of one message: a batch of control messages, or one update.
const ENTRIES_MAX: usize = 100;
/// So many endings by the venue…
const ENDINGS_MAX: usize = 3;
/// …within this time mean that another program wants the same stream.
const ENDINGS_WITHIN: Duration = Duration::from_secs(600);
const AUTH_REMEDY: &str =
    "check api_key and api_secret, and that base_url is of the same environment (live or paper)";
const OTHER_REMEDY: &str = "turn the stream off for this account, or give it a key of its own: another program uses the stream of this key, and Alpaca serves only one";

/// When the venue ended streams of this account.
#[derive(Debug, Default)]
pub(super) struct Endings(Mutex<VecDeque<Instant>>);

impl Endings {
    /// Notes one; says whether it was one too many.
    fn note(&self) -> bool {
        let now = Instant::now();
        let mut endings = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        endings.push_back(now);
        while endings.len() > ENDINGS_MAX {
            endings.pop_front();
        }
        endings.len() == ENDINGS_MAX
            && endings
                .front()
                .is_some_and(|first| now.saturating_duration_since(*first) <= ENDINGS_WITHIN)
    }
}

/// A message: an answer, an error in one of three forms, or an update.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Message<'a> {
    #[serde(borrow)]
    stream: Option<Cow<'a, str>>,
    #[serde(borrow)]
    action: Option<Cow<'a, str>>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    #[serde(borrow, rename = "T")]
    kind: Option<Cow<'a, str>>,
    code: Option<i64>,
    #[serde(borrow)]
    msg: Option<Cow<'a, str>>,
}

/// What stands in `data` of an answer or an error.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Data<'a> {
    #[serde(borrow)]
    status: Option<Cow<'a, str>>,
    #[serde(borrow)]
    streams: Option<Vec<Cow<'a, str>>>,
    code: Option<i64>,
    #[serde(borrow, alias = "message")]
    error_message: Option<Cow<'a, str>>,
}

/// What an answer says.
enum Reply {
    Authorised(bool),
    Listening(bool),
}

/// The open stream of one account.
pub(super) struct AlpacaStream {
    socket: Box<Socket>,
    account: AccountName,
    category: Category,
    redactor: Redactor,
    endings: Arc<Endings>,
    /// At most [`ENTRIES_MAX`]: the next message is only read when all are told.
    told: VecDeque<StreamRows>,
}

impl Alpaca {
    /// Opens, authenticates, listens.
    pub(super) async fn open_stream(&self) -> Result<Box<dyn Stream>, VenueError> {
        let url = same_host(&self.route.http, PATH);
        let refusal = |answer: &Answer| self.error(PATH, answer);
        let socket = self.route.socket(PATH, &url, Ping::Frame, refusal).await?;
        let Some(category) = self.categories.first() else {
            return Err(self.route.retry(PATH, "the account has no category"));
        };
        let mut stream = AlpacaStream {
            socket,
            account: self.route.account.clone(),
            category: category.clone(),
            redactor: self.route.redactor.clone(),
            endings: Arc::clone(&self.endings),
            told: VecDeque::new(),
        };
        let (Ok(key), Ok(secret)) = (self.key.to_str(), self.secret.to_str()) else {
            return Err(self.route.retry(PATH, "the key could not be sent"));
        };
        let auth = serde_json::json!({
            "action": "authenticate", "data": {"key_id": key, "secret_key": secret}
        });
        let listen = serde_json::json!({"action": "listen", "data": {"streams": [TOPIC]}});
        if let Reply::Authorised(false) = self.exchange(&mut stream, "authenticate", &auth).await? {
            return Err(VenueError::Refused {
                what: format!("{}: the stream was not authorised", self.route.name(PATH)),
                remedy: AUTH_REMEDY.to_owned(),
            });
        }
        match self.exchange(&mut stream, "listen", &listen).await? {
            Reply::Listening(true) => Ok(Box::new(stream)),
            _ => Err(VenueError::Rejected {
                what: format!("{}: {TOPIC} was not granted", self.route.name(PATH)),
            }),
        }
    }

    async fn exchange(
        &self,
        stream: &mut AlpacaStream,
        action: &str,
        question: &serde_json::Value,
    ) -> Result<Reply, VenueError> {
        let asking = async {
            let sent = stream.socket.send(question.to_string()).await;
            sent.map_err(|ended| stream.over(ended))?;
            stream.reply().await
        };
        self.route.in_time(PATH, action, asking).await
    }
}

impl AlpacaStream {
    /// The next answer to a question. Updates that come before it are kept.
    async fn reply(&mut self) -> Result<Reply, VenueError> {
        loop {
            if let Some(reply) = self.turn().await? {
                return Ok(reply);
            }
        }
    }

    /// Reads one message: updates are kept to be told, an answer is returned.
    async fn turn(&mut self) -> Result<Option<Reply>, VenueError> {
        let message = self.socket.message().await;
        let bytes = message.map_err(|ended| self.over(ended))?;
        let entries: Result<Vec<&RawValue>, _> = match bytes.iter().find(|byte| **byte > b' ') {
            Some(b'[') => serde_json::from_slice(&bytes),
            _ => serde_json::from_slice(&bytes).map(|entry| vec![entry]),
        };
        let entries = entries.map_err(|error| self.odd(&bytes, &error))?;
        if entries.len() > ENTRIES_MAX {
            let problem = format!("{} entries, more than {ENTRIES_MAX}", entries.len());
            return Err(self.socket.unexpected(&bytes, &problem).into());
        }
        let mut reply = None;
        for entry in entries {
            let message: Message<'_> =
                serde_json::from_str(entry.get()).map_err(|error| self.odd(&bytes, &error))?;
            reply = self.take(&message)?.or(reply);
        }
        Ok(reply)
    }

    fn odd(&self, bytes: &[u8], error: &serde_json::Error) -> VenueError {
        let problem = format!("not the JSON that was expected ({error})");
        self.socket.unexpected(bytes, &problem).into()
    }

    fn take(&mut self, message: &Message<'_>) -> Result<Option<Reply>, VenueError> {
        if message.stream.as_deref() == Some(TOPIC) {
            if let Some(raw) = message.data {
                self.take_update(raw);
            }
            return Ok(None);
        }
        let data: Data<'_> = message
            .data
            .and_then(|data| serde_json::from_str(data.get()).ok())
            .unwrap_or_default();
        if message.action.as_deref() == Some("error") || message.kind.as_deref() == Some("error") {
            let text = data.error_message.as_deref().or(message.msg.as_deref());
            return Err(self.refusal(message.code.or(data.code), text.unwrap_or("")));
        }
        Ok(match message.stream.as_deref() {
            Some("authorization") => {
                let is = data.status.as_deref() == Some("authorized");
                Some(Reply::Authorised(is))
            }
            Some("listening") => {
                let streams = data.streams.unwrap_or_default();
                Some(Reply::Listening(streams.iter().any(|name| name == TOPIC)))
            }
            _ => None,
        })
    }

    /// An error of the stream's own protocol. Only one of them has a code, so the words are looked at.
    fn refusal(&self, code: Option<i64>, text: &str) -> VenueError {
        let said = self.redactor.clean(text);
        let what = self.socket.about(&format!("the venue said: {said}"));
        if code == Some(CONNECTION_LIMIT) || text.to_lowercase().contains("connection limit") {
            return VenueError::Refused {
                what,
                remedy: OTHER_REMEDY.to_owned(),
            };
        }
        VenueError::Retry { what }
    }

    fn take_update(&mut self, raw: &RawValue) {
        let update = update::read(raw, &self.account, &self.category);
        let rows = StreamRows {
            category: self.category.clone(),
            executions: update.executions,
            orders: update.orders,
            unreadable: update
                .unreadable
                .iter()
                .map(|(raw, error)| page::unreadable(raw, error, &self.redactor))
                .collect(),
        };
        if tells(&rows) {
            self.told.push_back(rows);
        }
    }

    /// What the end of the stream asks of the caller.
    fn over(&self, ended: Ended) -> VenueError {
        if ended.by_venue && self.endings.note() {
            let minutes = ENDINGS_WITHIN.as_secs() / 60;
            return VenueError::Refused {
                what: format!("{}, {ENDINGS_MAX} times within {minutes} min", ended.what),
                remedy: OTHER_REMEDY.to_owned(),
            };
        }
        ended.into()
    }
}

#[async_trait]
impl Stream for AlpacaStream {
    async fn next(&mut self) -> Result<StreamRows, VenueError> {
        loop {
            if let Some(rows) = self.told.pop_front() {
                return Ok(rows);
            }
            self.turn().await?;
        }
    }
}
