//! Pages of counts, divergences, orders, events, messages and fills as they come.
//!
//! Each statement walks an index from where the page before ended and stops at its limit. Nothing is
//! judged here, and nothing is read that is not shown, but for rows that a filter leaves out.

use super::facts::{KNOWN_ORDER, known_order};
use super::groups::{count_row, divergence_row};
use crate::codec::{all, count, get, host_time, id, id_or_none, named, one, whole};
use crate::decisions::EventRow;
use crate::error::LedgerError;
use crate::lists::{
    CountFilter, DivergenceFilter, EventFilter, FillHour, NewestRows, OrderFilter, OutboxFilter,
    OutboxLine,
};
use crate::reader::Reader;
use crate::rows::{StoredCount, StoredDivergence, StoredEvent};
use fillsync_core::alert::AlertKind;
use fillsync_core::group::OrderFact;
use fillsync_core::id::{AccountName, ChannelName, GroupName, Symbol};
use fillsync_core::time::{HostTime, VenueTime};
use rusqlite::params;

type Read<T> = Result<T, LedgerError>;

/// Microseconds of an hour, in which fills are counted.
const HOUR_US: i64 = 3_600_000_000;

/// The most cycles that one page gives beyond its limit because they share a moment.
const TIES_MAX: u32 = 1_000;

/// A moment, and the group, symbol, side and number of its cycle.
type CountHead = (i64, String, String, String, i64);

impl Reader {
    /// Counts by cycle, the cycle with the newest moment first; the second value says whether there
    /// are more. The counts of one cycle stand together, by account.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn counts_page(&self, filter: &CountFilter) -> Read<(Vec<Vec<StoredCount>>, bool)> {
        let heads = self.count_heads(filter)?;
        let wanted = usize::try_from(filter.limit).unwrap_or(usize::MAX);
        // Cycles that share a moment stay on one page, because the moment is where the next begins.
        let last = heads.get(wanted.saturating_sub(1)).map(|head| head.0);
        let shown = match last {
            Some(last) => heads.iter().take_while(|head| head.0 >= last).count(),
            None => heads.len(),
        };
        let more = heads.len() > shown;
        let mut cycles = Vec::with_capacity(shown);
        for (_, group, symbol, side, cycle) in heads.into_iter().take(shown) {
            cycles.push(all(
                self.connection(),
                "SELECT * FROM count_state WHERE group_name = ?1 AND symbol = ?2 AND side = ?3 AND cycle = ?4
                 ORDER BY account",
                params![group, symbol, side, cycle],
                |row| {
                    Ok(StoredCount {
                        group: id(row, "group_name")?,
                        count: count_row(row)?,
                    })
                },
            )?);
        }
        Ok((cycles, more))
    }

    /// The newest moment of each cycle that passes, the newest first, with the cycle's key.
    fn count_heads(&self, filter: &CountFilter) -> Read<Vec<CountHead>> {
        let before = [filter.to, filter.before]
            .into_iter()
            .flatten()
            .map(VenueTime::us)
            .min()
            .unwrap_or(i64::MAX);
        all(
            self.connection(),
            "SELECT moment, group_name, symbol, side, cycle FROM count_state AS head
             WHERE (?1 IS NULL OR group_name = ?1) AND (?2 IS NULL OR symbol = ?2) AND moment >= ?3 AND moment < ?4
                 AND (?6 IS NULL OR EXISTS (SELECT 1 FROM count_state AS mate WHERE mate.group_name = head.group_name
                     AND mate.symbol = head.symbol AND mate.side = head.side AND mate.cycle = head.cycle
                     AND mate.account = ?6))
                 AND NOT EXISTS (SELECT 1 FROM count_state AS other WHERE other.group_name = head.group_name
                     AND other.symbol = head.symbol AND other.side = head.side AND other.cycle = head.cycle
                     AND (other.moment > head.moment OR (other.moment = head.moment AND other.account < head.account)))
             ORDER BY moment DESC, group_name, symbol, side, cycle DESC LIMIT ?5",
            params![
                filter.group.as_ref().map(GroupName::as_str),
                filter.symbol.as_ref().map(Symbol::as_str),
                filter.from.map_or(i64::MIN, VenueTime::us),
                before,
                filter.limit.saturating_add(TIES_MAX),
                filter.account.as_ref().map(AccountName::as_str),
            ],
            |row| {
                Ok((
                    get(row, "moment")?,
                    get(row, "group_name")?,
                    get(row, "symbol")?,
                    get(row, "side")?,
                    get(row, "cycle")?,
                ))
            },
        )
    }

    /// Divergences with their rows, the newest first.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn divergences_page(
        &self,
        filter: &DivergenceFilter,
    ) -> Read<Vec<(i64, StoredDivergence)>> {
        all(
            self.connection(),
            "SELECT * FROM divergence WHERE (NOT ?1 OR resolved_at IS NULL) AND (?2 IS NULL OR group_name = ?2)
                 AND (?3 IS NULL OR account = ?3) AND (?4 IS NULL OR symbol = ?4) AND first_at >= ?5 AND first_at < ?6
                 AND (?7 IS NULL OR (first_at, id) < (SELECT first_at, id FROM divergence WHERE id = ?7))
             ORDER BY first_at DESC, id DESC LIMIT ?8",
            params![
                filter.open_only,
                filter.group.as_ref().map(GroupName::as_str),
                filter.account.as_ref().map(AccountName::as_str),
                filter.symbol.as_ref().map(Symbol::as_str),
                filter.from.map_or(i64::MIN, VenueTime::us),
                filter.to.map_or(i64::MAX, VenueTime::us),
                filter.before_id,
                filter.limit,
            ],
            |row| Ok((get(row, "id")?, divergence_row(row)?)),
        )
    }

    /// Open orders with their rows, the newest first.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn orders_page(&self, filter: &OrderFilter) -> Read<Vec<(i64, OrderFact)>> {
        all(
            self.connection(),
            &format!(
                "{KNOWN_ORDER} WHERE is_open = 1 AND NOT gone AND (?1 IS NULL OR account = ?1)
                     AND (?2 IS NULL OR account IN (SELECT value FROM json_each(?2))) AND (?3 IS NULL OR symbol = ?3)
                     AND orders.created_at >= ?4 AND orders.created_at < ?5
                     AND (?6 IS NULL OR (orders.created_at, orders.id) <
                         (SELECT created_at, id FROM orders WHERE id = ?6))
                 ORDER BY orders.created_at DESC, orders.id DESC LIMIT ?7"
            ),
            params![
                filter.account.as_ref().map(AccountName::as_str),
                filter.among.as_ref().map(|among| json_list(among)),
                filter.symbol.as_ref().map(Symbol::as_str),
                filter.from.map_or(i64::MIN, VenueTime::us),
                filter.to.map_or(i64::MAX, VenueTime::us),
                filter.before_id,
                filter.limit,
            ],
            |row| Ok((get(row, "id")?, known_order(row)?)),
        )
    }

    /// Events that pass, the oldest first: those after a row, or the newest where none is named.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn events_page(&self, filter: &EventFilter) -> Read<Vec<StoredEvent>> {
        let order = if filter.after.is_some() {
            "ASC"
        } else {
            "DESC"
        };
        all(
            self.connection(),
            &format!(
                "SELECT * FROM (SELECT * FROM event WHERE id > ?1 AND (?2 IS NULL OR name = ?2)
                     AND (?3 IS NULL OR account = ?3) AND (?4 IS NULL OR group_name = ?4) AND at >= ?5 AND at < ?6
                 ORDER BY id {order} LIMIT ?7) ORDER BY id"
            ),
            params![
                filter.after.unwrap_or(0),
                filter.name,
                filter.account.as_ref().map(AccountName::as_str),
                filter.group.as_ref().map(GroupName::as_str),
                filter.from.map_or(i64::MIN, HostTime::us),
                filter.to.map_or(i64::MAX, HostTime::us),
                filter.limit,
            ],
            |row| {
                let event = EventRow {
                    at: host_time(row, "at")?,
                    name: get(row, "name")?,
                    account: id_or_none(row, "account")?,
                    group: id_or_none(row, "group_name")?,
                    json: get(row, "json")?,
                };
                Ok(StoredEvent {
                    id: get(row, "id")?,
                    event,
                })
            },
        )
    }

    /// The oldest event that is still kept; 0 where there is none.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn oldest_event(&self) -> Read<i64> {
        let oldest = one(
            self.connection(),
            "SELECT ifnull(min(id), 0) AS id FROM event",
            [],
            |row| get(row, "id"),
        )?;
        Ok(oldest.unwrap_or(0))
    }

    /// The newest rows of what is told as it comes.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn newest_rows(&self) -> Read<NewestRows> {
        // The numbers of events outlive their rows, which give way.
        let newest = one(
            self.connection(),
            "SELECT ifnull((SELECT seq FROM sqlite_sequence WHERE name = 'event'), 0) AS event,
                 ifnull((SELECT max(id) FROM execution), 0) AS execution",
            [],
            |row| {
                Ok(NewestRows {
                    event: get(row, "event")?,
                    execution: get(row, "execution")?,
                })
            },
        )?;
        Ok(newest.unwrap_or_default())
    }

    /// Messages of the outbox, the newest first.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn outbox_page(&self, filter: &OutboxFilter) -> Read<Vec<OutboxLine>> {
        // What waits and what was given up have indexes of their own, which a bound state would not find.
        let state = match filter.state.as_deref() {
            Some("dead") => "outbox.state = 'dead'",
            Some("pending") => "outbox.state = 'pending'",
            _ => "(?1 IS NULL OR outbox.state = ?1)",
        };
        all(
            self.connection(),
            &format!(
                "SELECT outbox.*, kind, group_name, symbol, account FROM outbox JOIN alert ON alert.id = outbox.alert
                 WHERE {state} AND (?1 IS NULL OR outbox.state = ?1) AND (?2 IS NULL OR channel = ?2)
                     AND (?3 IS NULL OR outbox.id < ?3)
                 ORDER BY outbox.id DESC LIMIT ?4"
            ),
            params![
                filter.state,
                filter.channel.as_ref().map(ChannelName::as_str),
                filter.before_id,
                filter.limit,
            ],
            |row| {
                Ok(OutboxLine {
                    id: get(row, "id")?,
                    channel: id(row, "channel")?,
                    state: get(row, "state")?,
                    attempts: count(row, "attempts")?,
                    created_at: host_time(row, "created_at")?,
                    next_at: host_time(row, "next_at")?,
                    finished_at: get::<Option<i64>>(row, "finished_at")?.map(HostTime::from_us),
                    last_error: get(row, "last_error")?,
                    alert: get(row, "alert")?,
                    identity: get(row, "identity")?,
                    revision: count(row, "revision")?,
                    kind: named(row, "kind", alert_kind)?,
                    group: id_or_none(row, "group_name")?,
                    symbol: id_or_none(row, "symbol")?,
                    account: id_or_none(row, "account")?,
                })
            },
        )
    }

    /// The alert and the channel of a message.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn outbox_place(&self, id: i64) -> Read<Option<(i64, ChannelName)>> {
        one(
            self.connection(),
            "SELECT alert, channel FROM outbox WHERE id = ?1",
            params![id],
            |row| Ok((get(row, "alert")?, crate::codec::id(row, "channel")?)),
        )
    }

    /// Fills by the hour of venue time from one moment to another, of some accounts and a symbol;
    /// hours without any are left out.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn fill_hours(
        &self,
        from: VenueTime,
        to: VenueTime,
        among: Option<&[AccountName]>,
        symbol: Option<&Symbol>,
    ) -> Read<Vec<FillHour>> {
        all(
            self.connection(),
            "SELECT hour, sum(fills) AS fills FROM fill_hour JOIN market ON market.id = fill_hour.market_id
             WHERE hour >= ?1 AND hour < ?2 AND (?3 IS NULL OR account IN (SELECT value FROM json_each(?3)))
                 AND (?4 IS NULL OR symbol = ?4)
             GROUP BY hour ORDER BY hour",
            params![
                whole(from.us().div_euclid(HOUR_US))?,
                whole(to.us().saturating_add(HOUR_US - 1).div_euclid(HOUR_US))?,
                among.map(json_list),
                symbol.map(Symbol::as_str),
            ],
            |row| {
                let hour: i64 = get(row, "hour")?;
                Ok(FillHour {
                    hour: VenueTime::from_us(hour.saturating_mul(HOUR_US)),
                    fills: count(row, "fills")?,
                })
            },
        )
    }
}

/// A list as one bound value.
pub(super) fn json_list(names: &[AccountName]) -> String {
    let names: Vec<&str> = names.iter().map(AccountName::as_str).collect();
    serde_json::to_string(&names).unwrap_or_else(|_| "[]".to_owned())
}

fn alert_kind(name: &str) -> Option<AlertKind> {
    AlertKind::ALL
        .into_iter()
        .find(|kind| kind.as_str() == name)
}
