//! `GET /v2/account/activities` and `/v2/account/activities/{TYPE}`.
//!
//! Promise: `page_token` is the id of the last row the client has; `after` includes its own instant and is exact to the
//! microsecond; the end is an empty array. Fills carry no client order id, no fee and no maker flag, as at the venue.

use rust_decimal::Decimal;
use serde_json::{Map, Value, json};

use super::dialect::Refusal;
use super::orders::direction_is_ascending;
use super::time;
use super::{AlpacaRules, Shared};
use crate::book::{Execution, ExecutionKind, LateRows, Revision, Side};
use crate::query::Query;

const PAGE_SIZE_MAX: usize = 100;
/// The types that the documentation lists.
const TYPES: [&str; 27] = [
    "FILL", "TRANS", "MISC", "ACATC", "ACATS", "CFEE", "CSD", "CSW", "DIV", "DIVCGL", "DIVCGS",
    "DIVFEE", "DIVFT", "DIVNRA", "DIVROC", "DIVTXEX", "FEE", "INT", "JNLC", "JNLS", "MA", "NC",
    "OPASN", "OPEXP", "OPXRC", "PTC", "SPIN",
];

/// The id of a row: New York local digits and the execution id.
pub(crate) fn activity_id(row: &Execution, twelve_hours: bool) -> String {
    format!(
        "{}::{}",
        time::new_york_digits(row.at_us, twelve_hours),
        row.id
    )
}

pub(crate) fn list(
    shared: &Shared,
    account: &str,
    activity_type: Option<&str>,
    query: &Query,
) -> Result<Value, Refusal> {
    let types = types(activity_type, query)?;
    let rules = shared.rules();
    let page_size = page_size(query)?;
    let ascending = direction_is_ascending(query)?;
    let (date, window) = window(query)?;
    let order_id = query.get("order_id");
    let now_ms = shared.clock.now_ms();
    let state = shared.book.lock();
    let Some(book) = state.accounts.get(account) else {
        return Ok(json!([]));
    };
    let rows = book.executions.values().filter(|row| {
        LateRows::shown_at_ms(rules.late_rows, row) <= now_ms
            && (types.is_empty() || types.contains(&type_of(row)))
            && window.0.is_none_or(|after_us| row.at_us >= after_us)
            && window.1.is_none_or(|until_us| row.at_us < until_us)
            && date.is_none_or(|date| time::new_york_date(row.at_us) == date)
            && order_id.is_none_or(|id| row.order_id == id)
    });
    let ordered: Vec<&Execution> = if ascending {
        rows.collect()
    } else {
        rows.rev().collect()
    };
    let start = match query.get("page_token") {
        None => 0,
        Some(token) => {
            let known = |row: &&Execution| activity_id(row, rules.twelve_hour_ids) == token;
            ordered
                .iter()
                .position(known)
                .map(|place| place + 1)
                .ok_or_else(|| Refusal::parameter("invalid page token"))?
        }
    };
    // With a date, the venue answers all of its rows at once.
    let page_size = if date.is_some() {
        usize::MAX
    } else {
        page_size.min(rules.rows_per_page_max)
    };
    let page = ordered.iter().skip(start).take(page_size);
    let render = |row: &&Execution| {
        // A revision names the row it means by that row's own activity id.
        let revised = row.revision.as_ref().and_then(|revision| {
            let (Revision::Busts(id) | Revision::Corrects(id)) = revision;
            book.executions.values().find(|other| other.id == *id)
        });
        let previous = revised.map(|other| activity_id(other, rules.twelve_hour_ids));
        render(row, previous, &rules)
    };
    Ok(Value::Array(page.map(render).collect()))
}

fn types(activity_type: Option<&str>, query: &Query) -> Result<Vec<String>, Refusal> {
    let asked: Vec<String> = match (activity_type, query.get("activity_types")) {
        (Some(one), _) => vec![one.to_owned()],
        (None, Some(list)) => list.split(',').map(str::to_owned).collect(),
        (None, None) => Vec::new(),
    };
    match asked.iter().find(|name| !TYPES.contains(&name.as_str())) {
        Some(unknown) => Err(Refusal::parameter(format!(
            "invalid activity type: {unknown}"
        ))),
        None => Ok(asked),
    }
}

fn page_size(query: &Query) -> Result<usize, Refusal> {
    match query.number::<usize>("page_size") {
        Ok(None) => Ok(PAGE_SIZE_MAX),
        Ok(Some(size)) if (1..=PAGE_SIZE_MAX).contains(&size) => Ok(size),
        Ok(Some(size)) => Err(Refusal::parameter(format!("invalid page_size: {size}"))),
        Err(text) => Err(Refusal::parameter(format!("invalid page_size: {text}"))),
    }
}

type Window<'a> = (Option<&'a str>, (Option<i64>, Option<i64>));

fn window(query: &Query) -> Result<Window<'_>, Refusal> {
    let time = |name: &str| {
        let parsed = query.get(name).map(|text| {
            time::parse(text).ok_or_else(|| Refusal::parameter(format!("invalid {name}: {text}")))
        });
        parsed.transpose()
    };
    let (after, until) = (time("after")?, time("until")?);
    let date = query.get("date");
    if date.is_some() && (after.is_some() || until.is_some()) {
        return Err(Refusal::parameter(
            "date cannot be combined with after or until",
        ));
    }
    Ok((date, (after, until)))
}

fn type_of(row: &Execution) -> String {
    match &row.kind {
        ExecutionKind::Trade => "FILL".to_owned(),
        ExecutionKind::Other(name) => name.clone(),
        // The venue closes of a derivatives exchange have no counterpart here.
        _ => "MISC".to_owned(),
    }
}

fn render(row: &Execution, previous: Option<String>, rules: &AlpacaRules) -> Value {
    let id = activity_id(row, rules.twelve_hour_ids);
    // Some recordings have the sign of the trade in every amount of a sell.
    let amount = |amount: Decimal| {
        let is_negative = rules.negative_sells && row.side == Side::Sell;
        (if is_negative { -amount } else { amount }).to_string()
    };
    let mut fields = Map::new();
    let mut put = |key: &str, value: Value| fields.insert(key.to_owned(), value);
    put("id", id.into());
    put("activity_type", type_of(row).into());
    match &row.order {
        Some(order) => {
            let is_last = order.leaves_qty.is_zero();
            let side = match row.side {
                Side::Buy => "buy",
                Side::Sell if row.is_short_sale => "sell_short",
                Side::Sell => "sell",
            };
            put("transaction_time", time::rfc3339(row.at_us).into());
            let kind = match row.revision {
                Some(Revision::Busts(_)) => "trade_bust",
                Some(Revision::Corrects(_)) => "trade_correct",
                None if is_last => "fill",
                None => "partial_fill",
            };
            put("type", kind.into());
            if let Some(previous) = &previous {
                put("previous_id", previous.clone().into());
            }
            put("price", row.price.to_string().into());
            put("qty", amount(row.qty).into());
            put("side", side.into());
            put("symbol", row.symbol.clone().into());
            put("leaves_qty", amount(order.leaves_qty).into());
            put("order_id", row.order_id.clone().into());
            put("cum_qty", amount(order.cum_qty).into());
            if rules.order_status_in_activities {
                put(
                    "order_status",
                    if is_last {
                        "filled"
                    } else {
                        "partially_filled"
                    }
                    .into(),
                );
            }
        }
        None => {
            put("date", time::new_york_date(row.at_us).into());
            put("net_amount", (-row.fee).to_string().into());
            put("symbol", row.symbol.clone().into());
            put("qty", row.qty.to_string().into());
            put("price", row.price.to_string().into());
            put("status", "executed".into());
        }
    }
    if rules.unknown_keys {
        put(
            "next_release_field",
            json!({ "since": 2027, "values": ["", null] }),
        );
    }
    for (key, value) in &row.extra {
        put(key, value.clone());
    }
    Value::Object(fields)
}
