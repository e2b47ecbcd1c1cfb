//! Bybit's private stream: the topics `execution` and `order` over all categories.
//!
//! Never `execution.fast`, whose rows have no fee and no client order id. A message holds rows of several
//! categories; each is told apart, and those of categories that the account does not follow are passed
//! over. Nothing is replayed and no number shows a gap, so whoever reads this catches up by REST first.

use super::client::Bybit;
use super::refusal::{self, Action};
use super::session::sign_stream;
use super::wire;
use crate::http::{Answer, Http};
use crate::page;
use crate::redact::Redactor;
use crate::stream::{Ended, Ping, ROWS_MAX, Socket, same_host, tells};
use async_trait::async_trait;
use fillsync_core::execution::Source;
use fillsync_core::id::{AccountName, Category};
use fillsync_core::port::{Stream, StreamRows, VenueError};
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::VecDeque;
use std::time::Duration;

const PATH: &str = "/v5/private";
const PING: &str = r#"{"op":"ping"}"#;
const SUBSCRIBE: &str = r#"{"op":"subscribe","args":["execution","order"]}"#;
/// How long a signature of a stream may be used. Bybit refuses one that has expired on arrival.
const AUTH_KEEP: Duration = Duration::from_secs(10);
/// Official hosts whose streams are elsewhere (documentation of V5, "integration guidance").
const STREAM_HOSTS: [(&str, &str); 10] = [
    ("api.bybit.com", "stream.bybit.com"),
    ("api.bytick.com", "stream.bybit.com"),
    ("api-testnet.bybit.com", "stream-testnet.bybit.com"),
    ("api-demo.bybit.com", "stream-demo.bybit.com"),
    ("api.bybit.tr", "stream.bybit.tr"),
    ("api.bybit.kz", "stream.bybit.kz"),
    ("api.bybitgeorgia.ge", "stream.bybitgeorgia.ge"),
    ("api.bybit.eu", "stream.bybit.eu"),
    ("api.bybit.id", "stream.bybit.id"),
    ("api.manepa.jp", "stream.manepa.jp"),
];
const REMEDY: &str = "check api_key and api_secret, and that base_url is of the environment where the key was made (live, testnet or demo)";

/// Where the stream of an account is.
pub(super) fn url(http: &Http) -> String {
    let base = http.base();
    let official = STREAM_HOSTS
        .iter()
        .find(|(api, _)| base.host_str() == Some(*api) && base.port().is_none());
    match official {
        Some((_, stream)) => format!("wss://{stream}{PATH}"),
        None => same_host(http, PATH),
    }
}

/// A message: an answer to one of ours (`op`), or rows (`topic`).
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Message<'a> {
    #[serde(borrow)]
    op: Option<Cow<'a, str>>,
    success: Option<bool>,
    #[serde(borrow, alias = "retMsg")]
    ret_msg: Option<Cow<'a, str>>,
    #[serde(alias = "retCode")]
    ret_code: Option<i64>,
    #[serde(borrow)]
    topic: Option<Cow<'a, str>>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

/// What the venue said to one of our questions.
enum Reply {
    Yes,
    No { code: Option<i64>, text: String },
}

/// The open stream of one account.
pub(super) struct BybitStream {
    socket: Box<Socket>,
    account: AccountName,
    categories: Vec<Category>,
    redactor: Redactor,
    /// At most one entry a category: the next message is only read when all are told.
    told: VecDeque<StreamRows>,
}

impl Bybit {
    /// Opens, authenticates, subscribes.
    pub(super) async fn open_stream(&self) -> Result<Box<dyn Stream>, VenueError> {
        let mut is_second = false;
        loop {
            let had_measured = self.route.clock.estimate().is_some();
            match self.try_stream().await {
                // Bybit says "Params Error" of a wrong key and of an expired signature alike.
                Err(VenueError::Refused { .. }) if had_measured && !is_second => {
                    self.route.clock.forget();
                    is_second = true;
                }
                Err(error) => {
                    self.route.gate.remember(&error);
                    return Err(error);
                }
                Ok(stream) => return Ok(Box::new(stream)),
            }
        }
    }

    async fn try_stream(&self) -> Result<BybitStream, VenueError> {
        let url = url(&self.route.http);
        let refusal = |answer: &Answer| self.refusal(PATH, answer).map(|(_, error)| error);
        let socket = self.route.socket(PATH, &url, Ping::Text(PING), refusal);
        let socket = socket.await?;
        let mut stream = BybitStream {
            socket,
            account: self.route.account.clone(),
            categories: self.categories.clone(),
            redactor: self.route.redactor.clone(),
            told: VecDeque::new(),
        };
        // Only now: to stand in line and to connect may take longer than the signature is good for.
        let expires = self.signing_time().await?.plus(AUTH_KEEP).ms();
        let signature = sign_stream(self.secret.expose_secret(), expires)
            .ok_or_else(|| self.route.retry(PATH, "the stream could not be signed"))?;
        let key = self.key.expose_secret();
        let auth = serde_json::json!({"op": "auth", "args": [key, expires, signature]});
        match self.exchange(&mut stream, "auth", auth.to_string()).await? {
            Reply::Yes => {}
            Reply::No { code, text } => return Err(self.unauthorised(code, &text)),
        }
        let subscribe = SUBSCRIBE.to_owned();
        match self.exchange(&mut stream, "subscribe", subscribe).await? {
            Reply::Yes => Ok(stream),
            Reply::No { text, .. } => Err(VenueError::Rejected {
                what: format!("{}: the topics were refused: {text}", self.route.name(PATH)),
            }),
        }
    }

    /// Sends a question of the stream's own protocol and waits for its answer.
    async fn exchange(
        &self,
        stream: &mut BybitStream,
        op: &str,
        text: String,
    ) -> Result<Reply, VenueError> {
        let asking = async {
            stream.socket.send(text).await?;
            Ok(stream.reply(op).await?)
        };
        self.route.in_time(PATH, op, asking).await
    }

    fn unauthorised(&self, code: Option<i64>, text: &str) -> VenueError {
        let what = format!("{}: auth was refused: {text}", self.route.name(PATH));
        match code.map(refusal::lookup) {
            Some((means, Action::Refused(remedy))) => VenueError::Refused {
                what: format!("{what} ({means})"),
                remedy: remedy.to_owned(),
            },
            Some((means, Action::Retry | Action::RateWait)) => VenueError::Retry {
                what: format!("{what} ({means})"),
            },
            _ => VenueError::Refused {
                what,
                remedy: REMEDY.to_owned(),
            },
        }
    }
}

impl BybitStream {
    async fn reply(&mut self, op: &str) -> Result<Reply, Ended> {
        loop {
            let bytes = self.socket.message().await?;
            let message = self.read(&bytes)?;
            if message.topic.is_some() {
                self.take(&bytes, &message)?;
            } else if message.op.as_deref() == Some(op) {
                let text = message.ret_msg.as_deref().unwrap_or("");
                let code = message.ret_code.filter(|code| *code != 0);
                return Ok(match message.success.unwrap_or(code.is_none()) {
                    true => Reply::Yes,
                    false => Reply::No {
                        code,
                        text: self.redactor.clean(text),
                    },
                });
            }
        }
    }

    fn read<'a>(&self, bytes: &'a [u8]) -> Result<Message<'a>, Ended> {
        serde_json::from_slice(bytes).map_err(|error| {
            let problem = format!("not the JSON that was expected ({error})");
            self.socket.unexpected(bytes, &problem)
        })
    }

    /// Sorts a message's rows by category, to be told one category after the other.
    fn take(&mut self, bytes: &[u8], message: &Message<'_>) -> Result<(), Ended> {
        let is_order = match message.topic.as_deref() {
            Some("execution") => false,
            Some("order") => true,
            _ => return Ok(()),
        };
        let rows: Vec<&RawValue> = message
            .data
            .and_then(|data| serde_json::from_str(data.get()).ok())
            .ok_or_else(|| self.socket.unexpected(bytes, "a topic without rows"))?;
        if rows.len() > ROWS_MAX {
            let problem = format!("{} rows in one message, more than {ROWS_MAX}", rows.len());
            return Err(self.socket.unexpected(bytes, &problem));
        }
        let mut told: Vec<StreamRows> = self.categories.iter().map(empty).collect();
        for raw in rows {
            let said = wire::category_of(raw);
            let place = match said.as_deref() {
                // A row that does not say its category is reported, where it is seen.
                None => told.first_mut(),
                Some(said) => told.iter_mut().find(|rows| rows.category.as_str() == said),
            };
            let Some(place) = place else { continue };
            if said.is_none() {
                let error = crate::field::RowError::Missing { field: "category" };
                let row = page::unreadable(raw, &error, &self.redactor);
                place.unreadable.push(row);
                continue;
            }
            let error = if is_order {
                wire::read_order(raw, &self.account, &place.category)
                    .map(|row| place.orders.push(row))
            } else {
                wire::read_execution(raw, &self.account, &place.category, Source::Stream)
                    .map(|row| place.executions.push(row))
            };
            if let Err(error) = error {
                let row = page::unreadable(raw, &error, &self.redactor);
                place.unreadable.push(row);
            }
        }
        self.told.extend(told.into_iter().filter(tells));
        Ok(())
    }
}

fn empty(category: &Category) -> StreamRows {
    StreamRows {
        category: category.clone(),
        executions: Vec::new(),
        orders: Vec::new(),
        unreadable: Vec::new(),
    }
}

#[async_trait]
impl Stream for BybitStream {
    async fn next(&mut self) -> Result<StreamRows, VenueError> {
        loop {
            if let Some(rows) = self.told.pop_front() {
                return Ok(rows);
            }
            let bytes = self.socket.message().await?;
            let message = self.read(&bytes)?;
            self.take(&bytes, &message)?;
        }
    }
}
