//! `GET /v5/position/list`.
//!
//! Promise: one row per leg; with `symbol` also empty positions are answered, with `settleCoin` only open ones; empty
//! values are empty strings as recorded. Deliberately absent: margin figures, which stay at plausible constants.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::dialect::Refusal;
use super::executions::{category, limit, page};
use super::{CursorAtEnd, Shared};
use crate::book::{Category, Position, PositionKey};
use crate::query::{Query, percent_decode};
use crate::symbols;

const LIMIT_DEFAULT: usize = 20;
const LIMIT_MAX: usize = 200;

pub(crate) fn list(shared: &Shared, account: &str, query: &Query) -> Result<Value, Refusal> {
    let category = category(query)?;
    if category == Category::Spot {
        return Err(Refusal::parameter("Category is invalid"));
    }
    let limit = limit(query, LIMIT_DEFAULT, LIMIT_MAX)?;
    let (symbol, coin) = (query.get("symbol"), query.get("settleCoin"));
    if category == Category::Linear && symbol.is_none() && coin.is_none() {
        return Err(Refusal::new(
            10001,
            "Missing some parameters that must be filled in, symbol or settleCoin",
        ));
    }
    let cursor_at_end = shared.rules().cursor_at_end;
    let now_ms = shared.clock.now_ms();
    let state = shared.book.lock();
    let known = state.accounts.get(account).map(|book| &book.positions);
    let known = known.into_iter().flat_map(|positions| positions.values());
    let mut found: Vec<Position> = known
        .filter(|position| position.category == category)
        .cloned()
        .collect();
    match symbol {
        Some(symbol) => {
            found.retain(|position| position.symbol == symbol);
            fill_up(&mut found, category, symbol, now_ms);
        }
        None => found.retain(|position| {
            !position.size.is_zero()
                && coin.is_none_or(|coin| symbols::settle_coin(category, &position.symbol) == coin)
        }),
    }
    let place = |position: &Position| format!("{},{}", position.symbol, position.position_idx);
    found.sort_by_key(place);
    if let Some(cursor) = query.get("cursor") {
        let decoded = if cursor.contains('%') {
            percent_decode(cursor)
        } else {
            cursor.to_owned()
        };
        found.retain(|position| place(position) > decoded);
    }
    let has_more = found.len() > limit;
    found.truncate(limit);
    let has_cursor = match cursor_at_end {
        CursorAtEnd::Always => !found.is_empty(),
        CursorAtEnd::FullPage => found.len() == limit,
        CursorAtEnd::Never => has_more,
    };
    let cursor = match found.last() {
        Some(last) if has_cursor => place(last).replace(',', "%2C"),
        _ => String::new(),
    };
    let price = |symbol: &str| state.last_prices.get(symbol).copied();
    let list = found
        .iter()
        .map(|position| render(position, price(&position.symbol)))
        .collect();
    Ok(page(category, list, cursor))
}

/// A symbol is answered with its empty legs too: both of hedge mode once one of them was used.
fn fill_up(found: &mut Vec<Position>, category: Category, symbol: &str, now_ms: i64) {
    let hedged = found.iter().any(|position| position.position_idx != 0);
    let legs: &[u8] = if hedged { &[1, 2] } else { &[0] };
    for leg in legs {
        if !found.iter().any(|position| position.position_idx == *leg) {
            let key = PositionKey {
                category,
                symbol: symbol.to_owned(),
                position_idx: *leg,
            };
            found.push(Position::flat(&key, now_ms));
        }
    }
}

pub(crate) fn render(position: &Position, last_price: Option<Decimal>) -> Value {
    let size = position.size.abs();
    let is_flat = size.is_zero();
    let mark = last_price.unwrap_or_default();
    let or_empty = |value: Decimal| {
        if is_flat {
            String::new()
        } else {
            value.normalize().to_string()
        }
    };
    let side = match (is_flat, position.size.is_sign_negative()) {
        (true, _) => "",
        (false, true) => "Sell",
        (false, false) => "Buy",
    };
    // A symbol that was never traded has a sequence of -1, documented as text.
    let sequence = last_price.map_or_else(|| json!("-1"), |_| json!(5_723_621_632_u64));
    json!({
        "positionIdx": position.position_idx, "riskId": 1, "riskLimitValue": "150",
        "symbol": position.symbol, "side": side, "size": size.to_string(),
        "avgPrice": position.average_price.to_string(),
        "positionValue": or_empty(size * position.average_price),
        "tradeMode": 0, "positionStatus": "Normal", "autoAddMargin": 0, "adlRankIndicator": 0,
        "leverage": "10", "breakEvenPrice": "", "positionBalance": "0", "markPrice": mark.to_string(),
        "liqPrice": "", "bustPrice": "", "positionMM": "0", "positionMMByMp": "0", "positionIM": "0",
        "positionIMByMp": "0", "tpslMode": "Full", "takeProfit": "", "stopLoss": "", "trailingStop": "0",
        "unrealisedPnl": or_empty((mark - position.average_price) * position.size),
        "curRealisedPnl": position.realised.normalize().to_string(),
        "cumRealisedPnl": position.realised.normalize().to_string(),
        "seq": sequence, "isReduceOnly": false, "mmrSysUpdatedTime": "",
        "leverageSysUpdatedTime": "", "sessionAvgPrice": "",
        "createdTime": position.created_ms.to_string(), "updatedTime": position.updated_ms.to_string(),
        "openTime": position.created_ms,
    })
}
