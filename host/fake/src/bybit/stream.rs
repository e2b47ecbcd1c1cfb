//! The private WebSocket `/v5/private`: authentication, topics, and what they tell.
//!
//! Promise: no snapshot, no replay and no number that shows a gap; rows carry their category and write `extraFees` as
//! an array, unlike the REST rows of the same execution. Topics: `execution`, `order`, `position` and their forms by
//! category. Deliberately absent: `wallet`, `greeks` and `execution.fast`.

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::executions::category_text;
use super::{BybitAccount, Shared, executions, orders, positions};
use crate::book::{Execution, News, NewsKind, Order, OrderStatus};
use crate::ids::uuid_of;
use crate::query::Query;
use crate::stream::{Said, Seat, Talk};

pub(crate) const PATH: &str = "/v5/private";
const TOPICS: [&str; 3] = ["execution", "order", "position"];
const CATEGORIES: [&str; 4] = ["linear", "inverse", "spot", "option"];

/// The signature of a stream: lower-case hex of HMAC-SHA256 over `GET/realtime` and the time at which it expires, in
/// Unix milliseconds.
#[must_use]
pub fn sign_stream(secret: &str, expires_ms: i64) -> String {
    super::sign(secret, "GET/realtime", &expires_ms.to_string(), "", "")
}

/// One connection.
pub(crate) struct BybitTalk {
    shared: Arc<Shared>,
    account: Option<BybitAccount>,
    topics: BTreeSet<String>,
    idle_max: Duration,
    told: u64,
}

impl BybitTalk {
    pub(crate) fn new(shared: Arc<Shared>, query: &Query) -> Self {
        let asked = query.get("max_active_time").and_then(seconds);
        let idle_max = match asked {
            Some(asked) => Duration::from_secs(asked),
            None => Duration::from_millis(shared.rules().stream_idle_ms),
        };
        Self {
            shared,
            account: None,
            topics: BTreeSet::new(),
            idle_max,
            told: 0,
        }
    }

    fn authenticate(&mut self, arguments: &[Value], seat: &Seat) -> bool {
        let (Some(key), Some(expires_ms), Some(signature)) = (
            arguments.first().and_then(Value::as_str),
            arguments.get(1).and_then(number),
            arguments.get(2).and_then(Value::as_str),
        ) else {
            return false;
        };
        let accounts = self
            .shared
            .accounts
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let Some(account) = accounts.get(key).cloned() else {
            return false;
        };
        drop(accounts);
        if expires_ms <= self.shared.server_ms()
            || signature != sign_stream(&account.secret, expires_ms)
        {
            return false;
        }
        seat.belongs_to(key, &account.name);
        self.account = Some(account);
        true
    }

    /// What is wrong with the topics, or nothing; then they are subscribed to.
    fn subscribe(&mut self, topics: &[Value], seat: &Seat) -> Result<(), String> {
        if self.account.is_none() {
            return Err("Request not authorized".to_owned());
        }
        let topics: Vec<&str> = topics.iter().filter_map(Value::as_str).collect();
        if let Some(unknown) = topics.iter().find(|topic| !is_topic(topic)) {
            return Err(format!("error:handler not found,topic:{unknown}"));
        }
        let categorised = topics.iter().filter(|topic| topic.contains('.')).count();
        if categorised != 0 && categorised != topics.len() {
            return Err("all-in-one and categorised topics must not share a request".to_owned());
        }
        self.topics.extend(topics.into_iter().map(str::to_owned));
        seat.set_live(!self.topics.is_empty());
        Ok(())
    }

    fn answer(
        &self,
        op: &str,
        refused: Option<String>,
        request_id: Option<&Value>,
        seat: &Seat,
    ) -> Said {
        let mut body = json!({
            "success": refused.is_none(), "ret_msg": refused.unwrap_or_default(), "op": op,
            "conn_id": connection_id(seat),
        });
        if let (Some(id), Some(fields)) = (request_id, body.as_object_mut()) {
            fields.insert("req_id".to_owned(), id.clone());
        }
        Said::new(op, &body)
    }

    fn pong(&self, request_id: Option<&Value>, seat: &Seat) -> Said {
        let mut body = json!({
            "op": "pong", "args": [self.shared.server_ms().to_string()], "conn_id": connection_id(seat),
        });
        if let (Some(id), Some(fields)) = (request_id, body.as_object_mut()) {
            fields.insert("req_id".to_owned(), id.clone());
        }
        Said::new("pong", &body)
    }

    /// The topic under which rows of a category are told, if it is subscribed to.
    fn topic(&self, name: &str, category: &str) -> Option<String> {
        let narrow = format!("{name}.{category}");
        if self.topics.contains(name) {
            return Some(name.to_owned());
        }
        self.topics.contains(&narrow).then_some(narrow)
    }

    fn message(&mut self, name: &str, category: &str, row: Value) -> Option<Said> {
        let topic = self.topic(name, category)?;
        self.told += 1;
        let body = json!({
            "id": format!("{}_{}", uuid_of(&topic), self.told), "topic": topic,
            "creationTime": self.shared.server_ms(), "data": [row],
        });
        Some(Said::new(name, &body))
    }

    fn execution(&mut self, row: &Execution) -> Option<Said> {
        let mut fields = object(executions::render(row, self.shared.rules().unknown_keys));
        let category = category_text(row.category);
        fields.remove("execFeeV2");
        fields.extend(object(json!({
            "category": category, "isLeverage": "0", "marketUnit": "", "execPnl": "0", "extraFees": [],
        })));
        fields.extend(row.extra.clone());
        self.message("execution", category, Value::Object(fields))
    }

    fn order(&mut self, order: &Order) -> Option<Said> {
        let mut fields = object(orders::render(order, self.shared.rules().unknown_keys));
        let category = category_text(order.category);
        fields.extend(object(
            json!({ "category": category, "closedPnl": "0", "feeCurrency": "" }),
        ));
        self.message("order", category, Value::Object(fields))
    }

    /// The cancel that came too late for a filled order: the same state once more, with the reason.
    fn late_cancel(&mut self, order: &Order) -> Option<Said> {
        let mut second = order.clone();
        second.extra.insert(
            "rejectReason".to_owned(),
            "EC_OrigClOrdIDDoesNotExist".into(),
        );
        self.order(&second)
    }

    fn position(&mut self, news: &News) -> Option<Said> {
        let (category, symbol) = news
            .order
            .as_ref()
            .map(|order| (order.category, &order.symbol))
            .or_else(|| {
                let row = news.execution.as_ref();
                row.map(|row| (row.category, &row.symbol))
            })?;
        self.topic("position", category_text(category))?;
        let found = self.shared.book.positions(&news.account);
        let position = found.into_iter().find(|position| {
            position.symbol == *symbol
                && position.category == category
                && news
                    .order
                    .as_ref()
                    .is_none_or(|order| order.position_idx == position.position_idx)
        })?;
        let price = news.execution.as_ref().map(|row| row.price);
        let mut fields = object(positions::render(&position, price));
        // The stream has another name for it.
        if let Some(price) = fields.remove("avgPrice") {
            fields.insert("entryPrice".to_owned(), price);
        }
        let category = category_text(category);
        fields.insert("category".to_owned(), category.into());
        self.message("position", category, Value::Object(fields))
    }
}

impl Talk for BybitTalk {
    fn heard(&mut self, text: &str, seat: &Seat) -> Vec<Said> {
        let Ok(Value::Object(message)) = serde_json::from_str::<Value>(text) else {
            return vec![self.answer("", Some("Invalid JSON".to_owned()), None, seat)];
        };
        let arguments = message.get("args").and_then(Value::as_array);
        let arguments = arguments.map(Vec::as_slice).unwrap_or_default();
        let request_id = message.get("req_id");
        let op = message
            .get("op")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let said = match op {
            "ping" => self.pong(request_id, seat),
            "auth" => {
                let refused =
                    (!self.authenticate(arguments, seat)).then(|| "Params Error".to_owned());
                self.answer(op, refused, request_id, seat)
            }
            "subscribe" => {
                let refused = self.subscribe(arguments, seat).err();
                self.answer(op, refused, request_id, seat)
            }
            "unsubscribe" => {
                for topic in arguments.iter().filter_map(Value::as_str) {
                    self.topics.remove(topic);
                }
                seat.set_live(!self.topics.is_empty());
                self.answer(op, None, request_id, seat)
            }
            other => {
                let refused = Some(format!("error:handler not found,op:{other}"));
                self.answer(other, refused, request_id, seat)
            }
        };
        vec![said]
    }

    fn news(&mut self, news: &News) -> Vec<Said> {
        if self.account() != Some(news.account.as_str()) {
            return Vec::new();
        }
        let mut said = Vec::new();
        // Bybit has no busts and corrections: only what became of the order is told.
        if !matches!(news.kind, NewsKind::Busted | NewsKind::Corrected)
            && let Some(row) = &news.execution
        {
            said.extend(self.execution(row));
        }
        if let Some(order) = &news.order {
            said.extend(self.order(order));
            if news.kind == NewsKind::Filled
                && order.status == OrderStatus::Filled
                && self.shared.rules().filled_twice
            {
                said.extend(self.late_cancel(order));
            }
        }
        said.extend(self.position(news));
        said
    }

    fn account(&self) -> Option<&str> {
        self.account.as_ref().map(|account| account.name.as_str())
    }

    fn idle_max(&self) -> Option<Duration> {
        Some(self.idle_max)
    }
}

fn is_topic(topic: &str) -> bool {
    match topic.split_once('.') {
        None => TOPICS.contains(&topic),
        Some((name, category)) => TOPICS.contains(&name) && CATEGORIES.contains(&category),
    }
}

/// `30s` to `600s`, or minutes: `1m` to `10m`.
fn seconds(text: &str) -> Option<u64> {
    let seconds = match (text.strip_suffix('s'), text.strip_suffix('m')) {
        (Some(seconds), _) => seconds.parse().ok()?,
        (None, Some(minutes)) => minutes.parse::<u64>().ok()?.checked_mul(60)?,
        (None, None) => return None,
    };
    (30..=600).contains(&seconds).then_some(seconds)
}

/// Clients write the time as a number or as text.
fn number(value: &Value) -> Option<i64> {
    value
        .as_i64()
        .or_else(|| value.as_str().and_then(|text| text.parse().ok()))
}

fn connection_id(seat: &Seat) -> String {
    format!("cfake{:015}-p", seat.number())
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}
