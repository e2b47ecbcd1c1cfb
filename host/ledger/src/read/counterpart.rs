//! Which fills of one account were traded against another account of the same owner.
//!
//! Main and mirror can be the two sides of one trade: neither of them made or lost anything by it, and
//! venues forbid it as a wash trade. Whether both sides get the same execution id is not documented
//! (Bybit; Alpaca's ids differ), so two fills are taken for one trade when everything a trade has is the
//! same: venue, market, time, price and quantity, with opposite sides, and not both or neither of them
//! resting.

use crate::codec::{self, all, get};
use crate::error::LedgerError;
use fillsync_core::amount::{Price, Quantity};
use fillsync_core::execution::ExecutionKey;
use fillsync_core::id::AccountName;
use rusqlite::{Connection, params};
use std::collections::BTreeMap;

/// The account on the other side of each of some fills; those without one are left out.
pub(crate) fn counterparts(
    connection: &Connection,
    keys: &[ExecutionKey],
) -> Result<BTreeMap<ExecutionKey, AccountName>, LedgerError> {
    let mut found = BTreeMap::new();
    for key in keys {
        let others = all(
            connection,
            "SELECT mine.quantity AS quantity, mine.price AS price, other.quantity AS other_quantity,
                 other.price AS other_price, other_market.account AS account
             FROM market AS my_market
             JOIN account AS my_account ON my_account.name = my_market.account
             JOIN execution AS mine ON mine.market_id = my_market.id
             JOIN execution AS other ON other.executed_at = mine.executed_at
             JOIN market AS other_market ON other_market.id = other.market_id
             JOIN account AS other_account ON other_account.name = other_market.account
             WHERE my_market.account = ?1 AND my_market.category = ?2 AND my_market.symbol = ?3
                 AND mine.execution_id = ?4 AND mine.class = 'order-fill' AND mine.state = 'live'
                 AND other.class = 'order-fill' AND other.state = 'live' AND other.side <> mine.side
                 AND other_market.account <> my_market.account AND other_account.venue = my_account.venue
                 AND other_market.category = my_market.category AND other_market.symbol = my_market.symbol
                 AND (mine.is_maker IS NULL OR other.is_maker IS NULL OR mine.is_maker <> other.is_maker)
             ORDER BY other_market.account",
            params![
                key.account.as_str(),
                key.category.as_str(),
                key.symbol.as_str(),
                key.execution_id.as_str()
            ],
            |row| {
                let same = codec::amount::<Quantity>(row, "quantity")?
                    == codec::amount::<Quantity>(row, "other_quantity")?
                    && codec::amount::<Price>(row, "price")?
                        == codec::amount::<Price>(row, "other_price")?;
                let account: String = get(row, "account")?;
                Ok(same.then_some(account))
            },
        )?;
        let other = others
            .into_iter()
            .flatten()
            .find_map(|name| AccountName::new(&name).ok());
        if let Some(other) = other {
            found.insert(key.clone(), other);
        }
    }
    Ok(found)
}
