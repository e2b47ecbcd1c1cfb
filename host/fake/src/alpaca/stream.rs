//! The WebSocket `/stream` with its one topic, `trade_updates`.
//!
//! Promise: `price` and `qty` are of the event while the order inside has the sums; events that are no execution carry
//! an `execution_id` too, which belongs to nothing; a key has one stream. Deliberately absent: MessagePack, and
//! `pending_…` events, which paper leaves out as well.

use std::sync::{Arc, PoisonError};

use serde_json::{Value, json};

use super::{SecondStream, Shared, orders, time};
use crate::book::{Execution, News, NewsKind, Order, OrderStatus, Revision};
use crate::ids::uuid_of;
use crate::stream::{End, Said, Seat, Talk};

pub(crate) const PATH: &str = "/stream";
const TOPIC: &str = "trade_updates";
/// The close code for "against the rules of this server".
const POLICY: u16 = 1008;

/// One connection.
pub(crate) struct AlpacaTalk {
    shared: Arc<Shared>,
    account: Option<String>,
    is_listening: bool,
    told: u64,
}

impl AlpacaTalk {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            account: None,
            is_listening: false,
            told: 0,
        }
    }

    fn authenticate(&mut self, message: &Value, seat: &Seat) -> Vec<Said> {
        let text = |pointer: &str| message.pointer(pointer).and_then(Value::as_str);
        // The documented form, and the one of the market data streams.
        let key = text("/data/key_id").or_else(|| text("/key"));
        let secret = text("/data/secret_key").or_else(|| text("/secret"));
        let accounts = self
            .shared
            .accounts
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let account = key.and_then(|key| accounts.get(key));
        let account = account
            .filter(|account| Some(account.secret.as_str()) == secret)
            .cloned();
        drop(accounts);
        let Some(account) = account else {
            return vec![authorization("unauthorized", "authenticate")];
        };
        match self.shared.rules().second_stream {
            SecondStream::IsRefused if seat.has_rival(&account.key) => {
                let body = json!({
                    "action": "error", "data": { "error_message": "connection limit exceeded" },
                });
                return vec![Said::new("error", &body).last()];
            }
            SecondStream::EndsFirst => {
                let reason = "another connection of this key".to_owned();
                seat.end_rivals(&account.key, &End::Close(POLICY, reason));
            }
            _ => {}
        }
        seat.belongs_to(&account.key, &account.name);
        self.account = Some(account.name);
        vec![authorization("authorized", "authenticate")]
    }

    fn listen(&mut self, message: &Value, seat: &Seat) -> Said {
        if self.account.is_none() {
            return authorization("unauthorized", "listen");
        }
        let streams = message.pointer("/data/streams").and_then(Value::as_array);
        // The list replaces the one before, and what is unknown is left out without a word.
        self.is_listening = streams
            .is_some_and(|streams| streams.iter().any(|stream| stream.as_str() == Some(TOPIC)));
        seat.set_live(self.is_listening);
        let granted: Vec<&str> = self.is_listening.then_some(TOPIC).into_iter().collect();
        Said::new(
            "listening",
            &json!({ "stream": "listening", "data": { "streams": granted } }),
        )
    }

    fn update(&mut self, news: &News, order: &Order) -> Option<Said> {
        let event = event(news, order)?;
        let rules = self.shared.rules();
        self.told += 1;
        let mut shown = orders::render(order, rules.unknown_keys);
        if rules.stream_without_slash
            && let Some(symbol) = shown.get_mut("symbol")
        {
            *symbol = order.symbol.replace('/', "").into();
        }
        let mut data =
            json!({ "event": event, "timestamp": time::rfc3339(news.at_us), "order": shown });
        let Value::Object(fields) = &mut data else {
            return None;
        };
        let mut put = |key: &str, value: Value| fields.insert(key.to_owned(), value);
        match &news.execution {
            Some(row) => {
                put("execution_id", row.id.clone().into());
                put("price", row.price.to_string().into());
                put("qty", row.qty.to_string().into());
                put("position_qty", news.position.to_string().into());
                if let Some(previous) = previous(row) {
                    put("previous_execution_id", previous.into());
                }
                for (key, value) in &row.extra {
                    put(key, value.clone());
                }
            }
            // An id that no execution has.
            None => {
                let foreign = uuid_of(&format!("{event}/{}/{}", order.id, self.told));
                put("execution_id", foreign.into());
            }
        }
        Some(Said::new(event, &json!({ "stream": TOPIC, "data": data })))
    }
}

impl Talk for AlpacaTalk {
    fn heard(&mut self, text: &str, seat: &Seat) -> Vec<Said> {
        let message: Value = serde_json::from_str(text).unwrap_or_default();
        match message.get("action").and_then(Value::as_str) {
            Some("authenticate" | "auth") => self.authenticate(&message, seat),
            Some("listen") => vec![self.listen(&message, seat)],
            _ => vec![Said::new(
                "error",
                &json!({ "action": "error", "data": { "error_message": "invalid syntax" } }),
            )],
        }
    }

    fn news(&mut self, news: &News) -> Vec<Said> {
        if !self.is_listening || self.account() != Some(news.account.as_str()) {
            return Vec::new();
        }
        let Some(order) = &news.order else {
            return Vec::new();
        };
        self.update(news, order).into_iter().collect()
    }

    fn account(&self) -> Option<&str> {
        self.account.as_deref()
    }

    fn is_binary(&self) -> bool {
        self.shared.rules().binary_frames
    }
}

fn authorization(status: &str, action: &str) -> Said {
    Said::new(
        "authorization",
        &json!({ "stream": "authorization", "data": { "status": status, "action": action } }),
    )
}

fn previous(row: &Execution) -> Option<&str> {
    match row.revision.as_ref()? {
        Revision::Busts(id) | Revision::Corrects(id) => Some(id),
    }
}

/// The name of what happened; nothing for what this venue does not tell.
fn event(news: &News, order: &Order) -> Option<&'static str> {
    Some(match (news.kind, order.status) {
        (NewsKind::Placed, _) => "new",
        (NewsKind::Amended, _) => "restated",
        (NewsKind::Filled, OrderStatus::Filled) => "fill",
        (NewsKind::Filled, _) => "partial_fill",
        (NewsKind::Busted, _) => "trade_bust",
        (NewsKind::Corrected, _) => "trade_correct",
        (NewsKind::Ended, OrderStatus::Replaced) => "replaced",
        (NewsKind::Ended, OrderStatus::Expired) => "expired",
        (NewsKind::Ended, OrderStatus::Rejected) => "rejected",
        (NewsKind::Ended, _) => "canceled",
        (NewsKind::Triggered | NewsKind::Row, _) => return None,
    })
}
