//! `/fills` and `fillsync fills`: the newest fills, with every digit as the venue wrote it.
//!
//! The seed's clients find their fields under the same names (`timestamp`, `symbol`, `side` in
//! capitals, `quantity`, `price`, `order_id`, `exec_id`). Quantity and price are decimal strings,
//! because a price such as 0.00001234 must not pass through a float or a rounding.

use crate::table::{Column, Look, or_dash, render};
use crate::{Answer, ROWS_MAX, time_text};
use fillsync_core::execution::{Fee, Side};
use fillsync_core::id::AccountName;
use fillsync_core::time::HostTime;
use fillsync_ledger::{FillFilter, LedgerError, Reader, StoredFill};
use schemars::JsonSchema;
use serde::Serialize;

/// Fills, the newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Fills {
    /// When the answer was made.
    #[schemars(extend("format" = "date-time"))]
    pub timestamp: String,
    /// Fills in it.
    pub count: usize,
    /// The fills.
    pub fills: Vec<Fill>,
    /// Ask again with this as `before` for older fills; none at the end.
    pub next: Option<i64>,
}

/// One fill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Fill {
    /// The ledger's row.
    pub id: i64,
    /// When it happened, in venue time.
    #[schemars(extend("format" = "date-time"))]
    pub timestamp: String,
    /// The venue's symbol.
    pub symbol: String,
    /// `BUY` or `SELL`.
    #[schemars(schema_with = "crate::words::trade_side")]
    pub side: &'static str,
    /// How much, exact.
    pub quantity: String,
    /// At which price, exact.
    pub price: String,
    /// The venue's id of the order.
    pub order_id: Option<String>,
    /// The venue's id of the execution.
    pub exec_id: String,
    /// The account.
    pub account: String,
    /// The venue's space ("linear").
    pub category: String,
    /// The id that the trader's bot gave the order.
    pub client_order_id: Option<String>,
    /// The order's type: `limit`, `market`, empty, or the venue's word.
    pub order_type: String,
    /// The fee, exact; positive is paid.
    pub fee: Option<String>,
    /// The currency of the fee, where the venue says.
    pub fee_currency: Option<String>,
    /// Whether the order was resting.
    pub is_maker: Option<bool>,
    /// Whether it enlarged the position (`entry`), reduced it (`exit`) or turned it (`flip`).
    #[schemars(schema_with = "crate::words::effect")]
    pub effect: Option<&'static str>,
    /// The cycle that it belongs to; of a flip, the one it opened.
    pub cycle: Option<u32>,
    /// What it realised before fees, exact, where that can be said.
    pub realised: Option<String>,
    /// The other account of the ledger that was on the other side, where one was: the owner traded
    /// with himself.
    pub self_match: Option<String>,
    /// When it came to this machine.
    #[schemars(extend("format" = "date-time"))]
    pub seen_at: String,
}

/// The newest fills that pass a filter. A limit beyond [`ROWS_MAX`] becomes [`ROWS_MAX`].
///
/// # Errors
/// When the ledger cannot be read.
pub fn fills(reader: &Reader, filter: &FillFilter, now: HostTime) -> Result<Fills, LedgerError> {
    let limit = filter.limit.clamp(1, ROWS_MAX);
    // One more than wanted tells whether there is a next page.
    let mut rows = reader.fills(&FillFilter {
        limit: limit + 1,
        ..filter.clone()
    })?;
    let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = rows.len() > wanted;
    rows.truncate(wanted);
    let keys: Vec<_> = rows.iter().map(|row| row.execution.key()).collect();
    let counterparts = reader.counterparts(&keys)?;
    Ok(Fills {
        timestamp: time_text::host(now),
        count: rows.len(),
        next: rows.last().filter(|_| more).map(|row| row.id),
        fills: rows
            .iter()
            .map(|row| fill(row, counterparts.get(&row.execution.key())))
            .collect(),
    })
}

/// Fills in the order in which they came, after a row and up to another one; the second value says up
/// to which row this is all. At most [`ROWS_MAX`] of them.
///
/// # Errors
/// When the ledger cannot be read.
pub fn fills_as_they_came(
    reader: &Reader,
    after: i64,
    up_to: i64,
) -> Result<(Vec<Fill>, i64), LedgerError> {
    let rows = reader.fills_as_they_came(after, up_to, ROWS_MAX)?;
    let is_full = rows.len() >= usize::try_from(ROWS_MAX).unwrap_or(usize::MAX);
    let reached = match rows.last() {
        Some(last) if is_full => last.id,
        _ => up_to,
    };
    let keys: Vec<_> = rows.iter().map(|row| row.execution.key()).collect();
    let counterparts = reader.counterparts(&keys)?;
    let fills = rows
        .iter()
        .map(|row| fill(row, counterparts.get(&row.execution.key())))
        .collect();
    Ok((fills, reached))
}

fn fill(row: &StoredFill, counterpart: Option<&AccountName>) -> Fill {
    let execution = &row.execution;
    let fee: Option<&Fee> = execution.fee.as_ref();
    let (effect, cycle) = match (row.allocation.entry, row.allocation.exit) {
        (Some(entry), Some(_)) => (Some("flip"), Some(entry.ordinal)),
        (Some(entry), None) => (Some("entry"), Some(entry.ordinal)),
        (None, Some(exit)) => (Some("exit"), Some(exit.ordinal)),
        (None, None) => (None, None),
    };
    Fill {
        id: row.id,
        timestamp: time_text::venue(execution.executed_at),
        symbol: execution.market.symbol.to_string(),
        side: match execution.side {
            Side::Buy => "BUY",
            Side::Sell => "SELL",
        },
        quantity: execution.quantity.to_string(),
        price: execution.price.to_string(),
        order_id: execution.order_id.as_ref().map(ToString::to_string),
        exec_id: execution.execution_id.to_string(),
        account: execution.market.account.to_string(),
        category: execution.market.category.to_string(),
        client_order_id: execution.client_order_id.as_ref().map(ToString::to_string),
        order_type: execution.order_kind.as_str().to_owned(),
        fee: fee.map(|fee| fee.amount.to_string()),
        fee_currency: fee
            .and_then(|fee| fee.currency.as_ref())
            .map(ToString::to_string),
        is_maker: execution.is_maker,
        effect,
        cycle,
        realised: row
            .allocation
            .exit
            .and_then(|exit| exit.realised)
            .map(|money| money.to_string()),
        self_match: counterpart.map(ToString::to_string),
        seen_at: time_text::host(row.seen_at),
    }
}

impl Answer for Fills {
    fn table(&self, look: Look) -> String {
        let columns = [
            Column::Left("TIME"),
            Column::Left("ACCOUNT"),
            Column::Left("SYMBOL"),
            Column::Left("SIDE"),
            Column::Right("QUANTITY"),
            Column::Right("PRICE"),
            Column::Right("FEE"),
            Column::Left("EFFECT"),
            Column::Left("ORDER"),
            Column::Left("EXECUTION"),
        ];
        let rows = self.fills.iter().map(|fill| {
            let fee = fill.fee.as_ref().map(|fee| match &fill.fee_currency {
                Some(currency) => format!("{fee} {currency}"),
                None => fee.clone(),
            });
            vec![
                fill.timestamp.clone(),
                fill.account.clone(),
                fill.symbol.clone(),
                fill.side.to_owned(),
                fill.quantity.clone(),
                fill.price.clone(),
                or_dash(fee.as_deref()),
                or_dash(fill.effect),
                or_dash(fill.order_id.as_deref()),
                fill.exec_id.clone(),
            ]
        });
        let mut text = render(look, &columns, rows, "No fills.");
        if let Some(next) = self.next {
            text.push_str(&format!("There are older fills: --before {next}\n"));
        }
        text
    }
}
