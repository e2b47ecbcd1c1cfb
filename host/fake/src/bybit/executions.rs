//! `GET /v5/execution/list`.
//!
//! Promise: newest first with scrambled ties, windows of at most seven days, a cursor that is already percent-encoded
//! and accepted verbatim or encoded twice, and fills mixed with funding and other rows, as the venue mixes them.

use serde_json::{Map, Value, json};

use super::dialect::Refusal;
use super::{CursorAtEnd, Paging, Shared};
use crate::book::{
    AccountBook, Category, Execution, ExecutionKind, LateRows, OrderKind, RowKey, Side,
};
use crate::query::{Query, percent_decode};
use crate::symbols;

const LIMIT_DEFAULT: usize = 50;
const LIMIT_MAX: usize = 100;
const WEEK_MS: i64 = 7 * 24 * 3_600_000;
/// Executions and filled orders reach back two years.
pub(crate) const REACH_MS: i64 = 2 * 365 * 24 * 3_600_000;

pub(crate) fn list(shared: &Shared, account: &str, query: &Query) -> Result<Value, Refusal> {
    let category = category(query)?;
    let limit = limit(query, LIMIT_DEFAULT, LIMIT_MAX)?;
    let rules = shared.rules();
    let filter = Filter::parse(category, query);
    let now_ms = shared.server_ms();
    let window = match filter {
        // The order ids override every other parameter, the window included.
        Filter::Order(_) | Filter::Link(_) => Window {
            start_ms: i64::MIN / 2000,
            end_ms: i64::MAX / 2000,
        },
        _ => Window::parse(query, now_ms)?,
    };
    let kind = query.get("execType").filter(|_| !filter.is_by_order());
    let seen_ms = shared.clock.now_ms();

    let state = shared.book.lock();
    let Some(book) = state.accounts.get(account) else {
        return Ok(page(category, Vec::new(), String::new()));
    };
    let start_ms = window.start_ms.max(now_ms - REACH_MS);
    let lower = first_key_of(start_ms.saturating_mul(1000));
    let end = first_key_of((window.end_ms + 1).saturating_mul(1000));
    let cursor = query.get("cursor").map(decode_cursor).transpose()?;
    let (upper, skip) = continued(book, cursor, rules.paging, end)?;
    // The range of a map must not run backwards.
    let mut rows = book
        .executions
        .range(lower..upper.max(lower))
        .rev()
        .map(|(_, row)| row)
        .filter(|row| {
            row.category == category
                && LateRows::shown_at_ms(rules.late_rows, row) <= seen_ms
                && filter.covers(row)
                && kind.is_none_or(|kind| exec_type(&row.kind) == kind)
        });
    let chosen: Vec<&Execution> = rows
        .by_ref()
        .skip(skip)
        .take(limit.min(rules.rows_per_page_max))
        .collect();
    let has_cursor = match rules.cursor_at_end {
        CursorAtEnd::Always => !chosen.is_empty(),
        CursorAtEnd::FullPage => chosen.len() == limit,
        CursorAtEnd::Never => rows.next().is_some(),
    };
    let cursor = match (has_cursor, rules.paging, chosen.first(), chosen.last()) {
        (true, Paging::Keyset, Some(first), Some(last)) => {
            format!("{}%3A2%2C{}%3A2", first.sequence, last.sequence)
        }
        (true, Paging::Offset, ..) => format!("{}%3A2%2C{}%3A2", skip, skip + chosen.len()),
        _ => String::new(),
    };
    let list = chosen
        .iter()
        .map(|row| {
            let mut shown = render(row, rules.unknown_keys);
            if rules.unknown_values
                && let Value::Object(fields) = &mut shown
            {
                fields.insert("stopOrderType".to_owned(), "NextReleaseStop".into());
                fields.insert("createType".to_owned(), "CreateByNextRelease".into());
            }
            shown
        })
        .collect();
    Ok(page(category, list, cursor))
}

/// Where a page goes on: the key below which its rows lie, and how many of them the client has.
fn continued(
    book: &AccountBook,
    cursor: Option<u64>,
    paging: Paging,
    end: RowKey,
) -> Result<(RowKey, usize), Refusal> {
    match (cursor, paging) {
        (None, _) => Ok((end, 0)),
        (Some(offset), Paging::Offset) => Ok((end, usize::try_from(offset).unwrap_or(usize::MAX))),
        (Some(sequence), Paging::Keyset) => {
            let key = book.keys_by_sequence.get(&sequence);
            let key = key.ok_or_else(|| Refusal::parameter("cursor invalid"))?;
            Ok(((*key).min(end), 0))
        }
    }
}

pub(crate) fn page(category: Category, list: Vec<Value>, cursor: String) -> Value {
    json!({ "nextPageCursor": cursor, "category": category_text(category), "list": list })
}

fn first_key_of(at_us: i64) -> RowKey {
    RowKey {
        at_us,
        tie: 0,
        sequence: 0,
    }
}

/// The last number of a cursor `A:2,B:2`, whether it arrives encoded once or twice.
fn decode_cursor(text: &str) -> Result<u64, Refusal> {
    let decoded = if text.contains('%') {
        percent_decode(text)
    } else {
        text.to_owned()
    };
    decoded
        .rsplit(',')
        .next()
        .and_then(|last| last.strip_suffix(":2"))
        .and_then(|number| number.parse().ok())
        .ok_or_else(|| Refusal::parameter("cursor invalid"))
}

/// Which rows are asked for, by the documented priority.
enum Filter<'a> {
    Order(&'a str),
    Link(&'a str),
    Symbol(&'a str),
    BaseCoin(&'a str),
    SettleCoin(&'a str),
    All,
}

impl<'a> Filter<'a> {
    fn parse(category: Category, query: &'a Query) -> Self {
        let option_base = (category == Category::Option).then_some("BTC");
        query
            .get("orderId")
            .map(Self::Order)
            .or_else(|| query.get("orderLinkId").map(Self::Link))
            .or_else(|| query.get("symbol").map(Self::Symbol))
            .or_else(|| query.get("baseCoin").or(option_base).map(Self::BaseCoin))
            .or_else(|| query.get("settleCoin").map(Self::SettleCoin))
            .unwrap_or(Self::All)
    }

    fn is_by_order(&self) -> bool {
        matches!(self, Self::Order(_) | Self::Link(_))
    }

    fn covers(&self, row: &Execution) -> bool {
        match self {
            Self::Order(id) => row.order_id == *id,
            Self::Link(id) => row.client_order_id == *id,
            Self::Symbol(symbol) => row.symbol == *symbol,
            Self::BaseCoin(coin) => symbols::base_coin(row.category, &row.symbol) == *coin,
            Self::SettleCoin(coin) => symbols::settle_coin(row.category, &row.symbol) == *coin,
            Self::All => true,
        }
    }
}

/// A window of time, both ends included, Unix milliseconds.
pub(crate) struct Window {
    pub(crate) start_ms: i64,
    pub(crate) end_ms: i64,
}

impl Window {
    /// Start alone reaches seven days on, end alone seven days back, neither means the last seven days.
    pub(crate) fn parse(query: &Query, now_ms: i64) -> Result<Self, Refusal> {
        let time = |name: &str| {
            query
                .number::<i64>(name)
                .map_err(|text| Refusal::parameter(&format!("{name} `{text}` invalid")))
        };
        let window = match (time("startTime")?, time("endTime")?) {
            (None, None) => Self {
                start_ms: now_ms - WEEK_MS,
                end_ms: now_ms,
            },
            (Some(start_ms), None) => Self {
                start_ms,
                end_ms: start_ms + WEEK_MS,
            },
            (None, Some(end_ms)) => Self {
                start_ms: end_ms - WEEK_MS,
                end_ms,
            },
            (Some(start_ms), Some(end_ms)) => Self { start_ms, end_ms },
        };
        if window.end_ms < window.start_ms {
            return Err(Refusal::parameter("startTime is later than endTime"));
        }
        if window.end_ms - window.start_ms > WEEK_MS {
            return Err(Refusal::parameter(
                "the time range between startTime and endTime exceeds 7 days",
            ));
        }
        Ok(window)
    }
}

pub(crate) fn category(query: &Query) -> Result<Category, Refusal> {
    match query.get("category") {
        Some("linear") => Ok(Category::Linear),
        Some("inverse") => Ok(Category::Inverse),
        Some("spot") => Ok(Category::Spot),
        Some("option") => Ok(Category::Option),
        _ => Err(Refusal::parameter("Category is invalid")),
    }
}

pub(crate) fn category_text(category: Category) -> &'static str {
    match category {
        Category::Linear => "linear",
        Category::Inverse => "inverse",
        Category::Spot => "spot",
        Category::Option => "option",
    }
}

pub(crate) fn limit(query: &Query, default: usize, max: usize) -> Result<usize, Refusal> {
    match query.number::<usize>("limit") {
        Ok(None) => Ok(default),
        Ok(Some(limit)) if (1..=max).contains(&limit) => Ok(limit),
        _ => Err(Refusal::parameter("limit invalid")),
    }
}

pub(crate) fn side_text(side: Side) -> &'static str {
    match side {
        Side::Buy => "Buy",
        Side::Sell => "Sell",
    }
}

/// `stopOrderType` as this category spells "none".
pub(crate) fn stop_order_type(category: Category, kind: OrderKind) -> &'static str {
    match kind {
        OrderKind::Limit | OrderKind::Market if category == Category::Spot => "",
        OrderKind::Limit | OrderKind::Market => "UNKNOWN",
        OrderKind::Stop | OrderKind::StopLimit => "Stop",
        OrderKind::TakeProfit => "TakeProfit",
        OrderKind::StopLoss => "StopLoss",
        OrderKind::TrailingStop => "TrailingStop",
    }
}

fn exec_type(kind: &ExecutionKind) -> &str {
    match kind {
        ExecutionKind::Trade => "Trade",
        ExecutionKind::Adl => "AdlTrade",
        ExecutionKind::Bust => "BustTrade",
        ExecutionKind::Delivery => "Delivery",
        ExecutionKind::Settle => "Settle",
        ExecutionKind::Funding => "Funding",
        ExecutionKind::Other(name) => name,
    }
}

fn create_type(row: &Execution) -> &'static str {
    match row.kind {
        ExecutionKind::Adl => "CreateByAdl_PassThrough",
        ExecutionKind::Bust => "CreateByLiq",
        ExecutionKind::Delivery | ExecutionKind::Settle => "CreateBySettle",
        ExecutionKind::Trade => match row.order.as_ref().map(|order| order.kind) {
            Some(OrderKind::TakeProfit) => "CreateByTakeProfit",
            Some(OrderKind::StopLoss) => "CreateByStopLoss",
            Some(OrderKind::TrailingStop) => "CreateByTrailingStop",
            _ => "CreateByUser",
        },
        _ => "",
    }
}

pub(crate) fn render(row: &Execution, unknown_keys: bool) -> Value {
    let order = row.order.as_ref();
    let value = if row.category == Category::Inverse {
        row.qty
            .checked_div(row.price)
            .unwrap_or_default()
            .round_dp(8)
            .normalize()
    } else {
        (row.qty * row.price).normalize()
    };
    let order_type = match (order, &row.kind) {
        (Some(order), _) if order.kind.has_limit_price() => "Limit",
        (Some(_), _) | (None, ExecutionKind::Adl | ExecutionKind::Bust) => "Market",
        (None, _) => "UNKNOWN",
    };
    let closed = if row.closed_qty.is_zero() {
        String::new()
    } else {
        row.closed_qty.to_string()
    };
    let text = |value: String| Value::String(value);
    let mut fields = Map::new();
    let mut put = |key: &str, value: Value| fields.insert(key.to_owned(), value);
    put("symbol", text(row.symbol.clone()));
    put("orderType", order_type.into());
    put("underlyingPrice", "".into());
    put("orderLinkId", text(row.client_order_id.clone()));
    put("side", side_text(row.side).into());
    put("indexPrice", "".into());
    put("orderId", text(row.order_id.clone()));
    put(
        "stopOrderType",
        order
            .map_or("UNKNOWN", |order| stop_order_type(row.category, order.kind))
            .into(),
    );
    put(
        "leavesQty",
        text(order.map_or_else(|| "0".to_owned(), |order| order.leaves_qty.to_string())),
    );
    put("execTime", text((row.at_us / 1000).to_string()));
    put("feeCurrency", text(row.fee_currency.clone()));
    put("isMaker", row.is_maker.into());
    put("execFee", text(row.fee.to_string()));
    put("execFeeV2", "".into());
    put("feeRate", text(row.fee_rate.to_string()));
    put("execId", text(row.id.clone()));
    put("tradeIv", "".into());
    put("blockTradeId", "".into());
    put("markPrice", text(row.price.to_string()));
    put("execPrice", text(row.price.to_string()));
    put("markIv", "".into());
    put(
        "orderQty",
        text(order.map_or_else(|| "0".to_owned(), |order| order.qty.to_string())),
    );
    put(
        "orderPrice",
        text(order.map_or_else(|| "0".to_owned(), |order| order.price.to_string())),
    );
    put("execValue", text(value.to_string()));
    put("execType", text(exec_type(&row.kind).to_owned()));
    put("execQty", text(row.qty.to_string()));
    put("closedSize", text(closed));
    put("extraFees", "".into());
    put("seq", row.sequence.into());
    if row.category != Category::Spot {
        put("createType", create_type(row).into());
    }
    if unknown_keys {
        put(
            "nextReleaseField",
            json!({ "since": 2027, "values": ["", null] }),
        );
    }
    for (key, value) in &row.extra {
        put(key, value.clone());
    }
    Value::Object(fields)
}
