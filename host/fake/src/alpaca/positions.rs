//! `GET /v2/positions`, `/v2/positions/{symbol}` and `/v2/account`.
//!
//! Promise: short positions have negative amounts, closed ones vanish, and crypto loses its slash (with another asset
//! id), as at the venue. Deliberately absent: a market; the current price is the last executed one.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::Shared;
use super::dialect::Refusal;
use crate::book::Position;
use crate::ids::uuid_of;
use crate::symbols::asset_class;

const STARTING_CASH: Decimal = Decimal::from_parts(100_000, 0, 0, false, 0);

pub(crate) fn list(shared: &Shared, account: &str) -> Value {
    Value::Array(rows(shared, account))
}

pub(crate) fn one(shared: &Shared, account: &str, symbol: &str) -> Result<Value, Refusal> {
    rows(shared, account)
        .into_iter()
        .find(|row| row.get("symbol").and_then(Value::as_str) == Some(symbol))
        .ok_or_else(|| Refusal::not_found("position does not exist"))
}

pub(crate) fn account(shared: &Shared, account: &str) -> Value {
    let state = shared.book.lock();
    let positions = state.accounts.get(account).map(|book| &book.positions);
    let invested: Decimal = positions
        .into_iter()
        .flat_map(|positions| positions.values())
        .map(|position| position.size * position.average_price - position.realised)
        .sum();
    let cash = (STARTING_CASH - invested).normalize().to_string();
    json!({
        "id": uuid_of(account), "admin_configurations": {}, "user_configurations": null,
        "account_number": format!("PA{}", uuid_of(account).get(..8).unwrap_or_default().to_uppercase()),
        "status": "ACTIVE", "crypto_status": "ACTIVE", "options_approved_level": 0, "options_trading_level": 0,
        "currency": "USD", "buying_power": cash, "regt_buying_power": cash, "daytrading_buying_power": "0",
        "effective_buying_power": cash, "non_marginable_buying_power": cash, "options_buying_power": cash,
        "bod_dtbp": "0", "cash": cash, "accrued_fees": "0", "portfolio_value": "100000", "equity": "100000",
        "last_equity": "100000", "pattern_day_trader": false, "trading_blocked": false,
        "transfers_blocked": false, "account_blocked": false, "created_at": "2024-01-02T15:04:05.123456Z",
        "trade_suspended_by_user": false, "multiplier": "2", "shorting_enabled": true,
        "long_market_value": "0", "short_market_value": "0", "position_market_value": "0",
        "initial_margin": "0", "maintenance_margin": "0", "last_maintenance_margin": "0", "sma": "0",
        "daytrade_count": 0, "balance_asof": "2026-11-20", "crypto_tier": 1, "intraday_adjustments": "0",
        "pending_reg_taf_fees": "0",
    })
}

fn rows(shared: &Shared, account: &str) -> Vec<Value> {
    let state = shared.book.lock();
    let Some(book) = state.accounts.get(account) else {
        return Vec::new();
    };
    book.positions
        .values()
        .filter(|position| !position.size.is_zero())
        .map(|position| render(position, state.last_prices.get(&position.symbol).copied()))
        .collect()
}

fn render(position: &Position, last_price: Option<Decimal>) -> Value {
    let price = last_price.unwrap_or(position.average_price);
    let symbol = position.symbol.replace('/', "");
    let cost = position.average_price * position.size;
    let value = price * position.size;
    let gain = value - cost;
    let gain_part = gain
        .checked_div(cost.abs())
        .unwrap_or_default()
        .round_dp(15)
        .normalize();
    let text = |amount: Decimal| amount.normalize().to_string();
    let class = asset_class(&position.symbol);
    json!({
        "asset_id": uuid_of(&symbol), "symbol": symbol,
        "exchange": if class == "crypto" { "CRYPTO" } else { "NASDAQ" }, "asset_class": class,
        "asset_marginable": class != "crypto", "qty": position.size.to_string(),
        "avg_entry_price": text(position.average_price),
        "side": if position.size.is_sign_negative() { "short" } else { "long" },
        "market_value": text(value), "cost_basis": text(cost), "unrealized_pl": text(gain),
        "unrealized_plpc": gain_part.to_string(), "unrealized_intraday_pl": text(gain),
        "unrealized_intraday_plpc": gain_part.to_string(), "current_price": text(price),
        "lastday_price": text(price), "change_today": "0", "qty_available": position.size.to_string(),
    })
}
