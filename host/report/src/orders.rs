//! `/orders`: the open orders, as far as the ledger knows them.

use crate::table::{Column, Look, or_dash, render};
use crate::{Answer, ROWS_MAX, time_text};
use fillsync_core::execution::Side;
use fillsync_core::group::OrderFact;
use fillsync_core::order::OrderStatus;
use fillsync_core::time::HostTime;
use fillsync_ledger::{LedgerError, OrderFilter, Reader};
use schemars::JsonSchema;
use serde::Serialize;

/// Open orders.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Orders {
    /// When the answer was made.
    #[schemars(extend("format" = "date-time"))]
    pub timestamp: String,
    /// Orders in it.
    pub count: usize,
    /// The orders.
    pub orders: Vec<OrderAnswer>,
    /// Whether there are older ones.
    pub more: bool,
    /// Ask again with this as `before` for older orders; none at the end.
    pub next: Option<i64>,
}

/// One order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct OrderAnswer {
    /// The ledger's row.
    pub id: i64,
    /// The account.
    pub account: String,
    /// The venue's space.
    pub category: String,
    /// The venue's symbol.
    pub symbol: String,
    /// The venue's id.
    pub order_id: String,
    /// The id that the trader's bot gave it.
    pub client_order_id: Option<String>,
    /// `BUY` or `SELL`.
    #[schemars(schema_with = "crate::words::trade_side")]
    pub side: &'static str,
    /// `limit`, `market`, empty, or the venue's word.
    #[serde(rename = "type")]
    pub order_type: String,
    /// Whether it waits for a trigger, and what for.
    pub stop: &'static str,
    /// Whether it can only reduce a position.
    pub reduce_only: bool,
    /// What it wants, exact.
    pub quantity: Option<String>,
    /// Its limit price, exact.
    pub price: Option<String>,
    /// Filled so far, as the venue sums it.
    pub filled_quantity: String,
    /// Where it stands, in words that all venues share.
    pub status: &'static str,
    /// The venue's own word, where it is not known.
    pub status_raw: Option<String>,
    /// Whether the venue was asked for it and no longer has it.
    pub gone: bool,
    /// When the venue took it.
    #[schemars(extend("format" = "date-time"))]
    pub created_at: String,
    /// When it last changed.
    #[schemars(extend("format" = "date-time"))]
    pub updated_at: String,
    /// When it was last seen at the venue, in venue time.
    #[schemars(extend("format" = "date-time"))]
    pub checked_at: String,
}

/// The newest open orders that pass a filter. A limit beyond [`ROWS_MAX`] becomes [`ROWS_MAX`].
///
/// # Errors
/// When the ledger cannot be read.
pub fn orders(reader: &Reader, filter: &OrderFilter, now: HostTime) -> Result<Orders, LedgerError> {
    let limit = filter.limit.clamp(1, ROWS_MAX);
    let mut rows = reader.orders_page(&OrderFilter {
        limit: limit + 1,
        ..filter.clone()
    })?;
    let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = rows.len() > wanted;
    rows.truncate(wanted);
    Ok(Orders {
        timestamp: time_text::host(now),
        count: rows.len(),
        next: rows.last().filter(|_| more).map(|(id, _)| *id),
        orders: rows.iter().map(|(id, known)| order(*id, known)).collect(),
        more,
    })
}

fn order(id: i64, known: &OrderFact) -> OrderAnswer {
    let order = &known.order;
    OrderAnswer {
        id,
        account: order.market.account.to_string(),
        category: order.market.category.to_string(),
        symbol: order.market.symbol.to_string(),
        order_id: order.order_id.to_string(),
        client_order_id: order.client_order_id.as_ref().map(ToString::to_string),
        side: match order.side {
            Side::Buy => "BUY",
            Side::Sell => "SELL",
        },
        order_type: order.kind.as_str().to_owned(),
        stop: order.stop.as_str(),
        reduce_only: order.reduce_only,
        quantity: order.quantity.map(|quantity| quantity.to_string()),
        price: order.price.map(|price| price.to_string()),
        filled_quantity: order.filled_quantity.to_string(),
        status: order.status.as_str(),
        status_raw: match &order.status {
            OrderStatus::Unknown(raw) => Some(raw.clone()),
            _ => None,
        },
        gone: known.gone,
        created_at: time_text::venue(order.created_at),
        updated_at: time_text::venue(order.updated_at),
        checked_at: time_text::venue(known.checked_at),
    }
}

impl Answer for Orders {
    fn table(&self, look: Look) -> String {
        let columns = [
            Column::Left("ACCOUNT"),
            Column::Left("SYMBOL"),
            Column::Left("SIDE"),
            Column::Left("TYPE"),
            Column::Right("PRICE"),
            Column::Right("FILLED"),
            Column::Right("QUANTITY"),
            Column::Left("STATUS"),
            Column::Left("CHECKED"),
            Column::Left("ORDER"),
        ];
        let rows = self.orders.iter().map(|order| {
            vec![
                order.account.clone(),
                order.symbol.clone(),
                order.side.to_owned(),
                order.order_type.clone(),
                or_dash(order.price.as_deref()),
                order.filled_quantity.clone(),
                or_dash(order.quantity.as_deref()),
                if order.gone {
                    "gone".to_owned()
                } else {
                    order.status.to_owned()
                },
                order.checked_at.clone(),
                order.order_id.clone(),
            ]
        });
        render(look, &columns, rows, "No open orders.")
    }
}
