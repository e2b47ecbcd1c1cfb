//! Closed trades one by one, as they go into files: with the same result that the sums are made of.

use super::trades::{Line, trade};
use fillsync_core::amount::Money;
use fillsync_core::cycle::CycleStart;
use fillsync_core::id::Market;
use fillsync_core::order::{Lane, PositionSide};
use fillsync_core::time::VenueTime;
use fillsync_ledger::{CycleFilter, CyclePlace, LedgerError, Reader};
use std::sync::Arc;

/// One closed trade.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClosedTrade {
    /// Where the walk goes on after it.
    pub place: CyclePlace,
    /// Its market.
    pub market: Market,
    /// Which position.
    pub lane: Lane,
    /// The cycle's number.
    pub cycle: u32,
    /// Its direction.
    pub side: PositionSide,
    /// Whether it was flat when it began, or that is not known.
    pub start: CycleStart,
    /// When it began.
    pub opened_at: VenueTime,
    /// When it was flat again.
    pub closed_at: VenueTime,
    /// The currency of its result.
    pub currency: String,
    /// What it earned after fees; none where that cannot be said.
    pub pnl: Option<Money>,
    /// Fees by currency; positive is paid.
    pub fees: Vec<(String, Money)>,
}

/// The next closed trades of a walk, in the order of their close.
///
/// # Errors
/// When the ledger cannot be read.
pub fn closed_trades(
    reader: &Reader,
    filter: &CycleFilter,
    after: Option<&CyclePlace>,
    limit: u32,
) -> Result<Vec<ClosedTrade>, LedgerError> {
    let mut trades = Vec::new();
    for (place, market, sums) in reader.walk_closed_cycles(filter, after, limit)? {
        let (key, closed_at) = (place.key, place.closed_at);
        let (start, opened_at) = (sums.start, sums.opened_at);
        let line = Arc::new(Line::new(market.clone(), key.lane));
        let made = trade(reader, key, Arc::clone(&line), sums, closed_at)?;
        trades.push(ClosedTrade {
            market,
            lane: key.lane,
            cycle: key.ordinal,
            side: made.side,
            start,
            opened_at,
            closed_at,
            currency: line.currency.to_string(),
            pnl: made.net,
            fees: made.fees.into_vec(),
            place,
        });
    }
    Ok(trades)
}
