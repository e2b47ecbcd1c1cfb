//! Orders beside their rows, and positions as the books have them: what a check against the venue
//! needs, and what the poller asks for by order. Reads only; nobody is judged here.

use super::facts::{KNOWN_ORDER, known_order};
use crate::codec::{self, all, amount, amount_or_none, get, id, market, named, venue_time};
use crate::error::LedgerError;
use crate::reader::Reader;
use crate::rows::{OrderAhead, OrderSum, Proof};
use crate::write::markets::find_market;
use crate::write::weigh::{SHOWN, Shown};
use fillsync_core::amount::Quantity;
use fillsync_core::coverage::Window;
use fillsync_core::id::{AccountName, Category, Market, OrderId};
use fillsync_core::order::PositionSide;
use fillsync_core::port::Position;
use fillsync_core::time::{HostTime, VenueTime};
use rusqlite::{Connection, params};
use std::collections::HashMap;

type Read<T> = Result<T, LedgerError>;

impl Reader {
    /// Orders that filled more than rows and stand-ins show, those first that have waited longest; at
    /// most [`crate::ORDERS_AHEAD_MAX`].
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn orders_ahead(
        &self,
        account: &AccountName,
        category: &Category,
    ) -> Read<Vec<OrderAhead>> {
        all(
            self.connection(),
            "SELECT account, category, symbol, order_ahead.order_id AS order_id, filled_quantity, shown,
                 average_price, orders.created_at AS created_at, updated_at, checked_at
             FROM order_ahead CROSS JOIN market ON market.id = order_ahead.market_id
                 JOIN orders ON orders.market_id = order_ahead.market_id AND orders.order_id = order_ahead.order_id
             WHERE account = ?1 AND category = ?2 ORDER BY updated_at, order_ahead.order_id LIMIT ?3",
            params![
                account.as_str(),
                category.as_str(),
                codec::whole(crate::ORDERS_AHEAD_MAX)?
            ],
            |row| {
                Ok(OrderAhead {
                    market: market(row)?,
                    order_id: id(row, "order_id")?,
                    filled_quantity: amount(row, "filled_quantity")?,
                    shown_quantity: amount(row, "shown")?,
                    average_price: amount_or_none(row, "average_price")?,
                    created_at: venue_time(row, "created_at")?,
                    updated_at: venue_time(row, "updated_at")?,
                    checked_at: venue_time(row, "checked_at")?,
                })
            },
        )
    }

    /// Gives every stored order of an account with the sum of its rows, market by market, so that a
    /// long history needs no more memory than one market's orders.
    ///
    /// # Errors
    /// When the ledger cannot be read, and what `each` gives.
    pub fn order_sums(
        &self,
        account: &AccountName,
        mut each: impl FnMut(OrderSum) -> Read<()>,
    ) -> Read<()> {
        for market in self.markets_of(account)? {
            let Some(id) = find_market(self.connection(), &market)? else {
                continue;
            };
            for sum in market_sums(self.connection(), id, &market)? {
                each(sum)?;
            }
        }
        Ok(())
    }

    /// The positions of an account as its books have them now, signed; those that are flat are left out.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn position_now(&self, account: &AccountName, category: &Category) -> Read<Vec<Position>> {
        all(
            self.connection(),
            "SELECT symbol, lane, side, quantity FROM cycle JOIN market ON market.id = cycle.market_id
             WHERE account = ?1 AND category = ?2 AND closed_at IS NULL ORDER BY symbol, lane",
            params![account.as_str(), category.as_str()],
            |row| {
                let quantity: Quantity = amount(row, "quantity")?;
                let side = named(row, "side", PositionSide::from_name)?;
                Ok(Position {
                    symbol: id(row, "symbol")?,
                    lane: codec::lane(row)?,
                    quantity: match side {
                        PositionSide::Long => quantity,
                        PositionSide::Short => -quantity,
                    },
                })
            },
        )
    }

    /// How far executions are proven, of one account or of all, by category.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn proofs(&self, account: Option<&AccountName>) -> Read<Vec<Proof>> {
        proofs(self.connection(), account)
    }
}

/// The sums of a market's rows by order.
pub(crate) fn shown_by_order(
    connection: &Connection,
    market_id: i64,
) -> Read<HashMap<OrderId, Shown>> {
    let mut sums: HashMap<OrderId, Shown> = HashMap::new();
    all(
        connection,
        &format!(
            "SELECT order_id, {SHOWN} FROM execution WHERE market_id = ?1 AND order_id IS NOT NULL"
        ),
        params![market_id],
        |row| sums.entry(id(row, "order_id")?).or_default().add(row),
    )?;
    Ok(sums)
}

fn market_sums(connection: &Connection, market_id: i64, market: &Market) -> Read<Vec<OrderSum>> {
    let sums = shown_by_order(connection, market_id)?;
    let orders = all(
        connection,
        &format!("{KNOWN_ORDER} WHERE orders.market_id = ?1 ORDER BY orders.created_at, orders.id"),
        params![market_id],
        known_order,
    )?;
    Ok(orders
        .into_iter()
        .map(|known| {
            let shown = sums.get(&known.order.order_id).copied().unwrap_or_default();
            OrderSum {
                market: market.clone(),
                order_id: known.order.order_id,
                status: known.order.status,
                filled_quantity: known.order.filled_quantity,
                live_quantity: shown.live,
                stood_in_quantity: shown.stood_in,
                busted_quantity: shown.busted,
                updated_at: known.order.updated_at,
                checked_at: known.checked_at,
                gone: known.gone,
            }
        })
        .collect())
}

fn proofs(connection: &Connection, account: Option<&AccountName>) -> Read<Vec<Proof>> {
    let name = account.map(AccountName::as_str);
    all(
        connection,
        "SELECT known.account AS account, known.category AS category, coverage.from_at AS from_at,
             coverage.to_at AS to_at, orders_checked,
             ifnull(traversals, 0) AS traversals, last_seen_at,
             count(gap.id) FILTER (WHERE resolved IS NULL AND NOT unfillable) AS open,
             count(gap.id) FILTER (WHERE resolved IS NULL AND unfillable) AS unfillable,
             count(gap.id) FILTER (WHERE resolved IS NOT NULL) AS resolved
         FROM (SELECT account, category FROM traversal UNION SELECT account, category FROM gap) AS known
             LEFT JOIN traversal USING (account, category)
             LEFT JOIN coverage ON coverage.account = known.account AND coverage.category = known.category
                 AND coverage.from_at = (SELECT max(newest.from_at) FROM coverage AS newest
                     WHERE newest.account = known.account AND newest.category = known.category)
             LEFT JOIN gap ON gap.account = known.account AND gap.category = known.category
         WHERE ?1 IS NULL OR known.account = ?1
         GROUP BY known.account, known.category ORDER BY known.account, known.category",
        params![name],
        |row| {
            let time = |column: &str| get::<Option<i64>>(row, column);
            Ok(Proof {
                account: id(row, "account")?,
                category: id(row, "category")?,
                complete: match (time("from_at")?, time("to_at")?) {
                    (Some(from), Some(to)) => {
                        Some(Window::new(VenueTime::from_us(from), VenueTime::from_us(to)))
                    }
                    _ => None,
                },
                orders_checked: time("orders_checked")?.map(VenueTime::from_us),
                traversals: codec::count(row, "traversals")?,
                last_seen: time("last_seen_at")?.map(HostTime::from_us),
                gaps_open: codec::count(row, "open")?,
                gaps_unfillable: codec::count(row, "unfillable")?,
                gaps_resolved: codec::count(row, "resolved")?,
            })
        },
    )
}
