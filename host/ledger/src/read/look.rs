//! The reads of one look at a group: only what is open or changed, whatever the history's length.

use crate::codec::{all, get, json, one, whole};
use crate::decisions::CountRow;
use crate::error::LedgerError;
use crate::reader::Reader;
use crate::rows::StoredGroupCycle;
use fillsync_core::alert::Alert;
use fillsync_core::id::{GroupName, Symbol};
use fillsync_core::order::PositionSide;
use fillsync_core::time::VenueTime;
use rusqlite::params;
use std::collections::BTreeMap;

type Read<T> = Result<T, LedgerError>;

impl Reader {
    /// The cycles of a group and symbol that are not settled, or closed at or after a moment.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn group_cycles_since(
        &self,
        group: &GroupName,
        symbol: &Symbol,
        since: VenueTime,
    ) -> Read<Vec<StoredGroupCycle>> {
        super::groups::group_cycles_since(self.connection(), group, symbol, since)
    }

    /// The greatest number that a group's cycle of a symbol and side has; 0 without any.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn last_group_ordinal(
        &self,
        group: &GroupName,
        symbol: &Symbol,
        side: PositionSide,
    ) -> Read<u64> {
        let ordinal = one(
            self.connection(),
            "SELECT coalesce(max(ordinal), 0) AS ordinal FROM group_cycle WHERE group_name = ?1 AND symbol = ?2 AND side = ?3",
            params![group.as_str(), symbol.as_str(), side.as_str()],
            |row| crate::codec::count(row, "ordinal"),
        )?;
        Ok(ordinal.unwrap_or(0))
    }

    /// The newest counts of one group cycle.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn cycle_counts(
        &self,
        group: &GroupName,
        symbol: &Symbol,
        side: PositionSide,
        cycle: u64,
    ) -> Read<Vec<CountRow>> {
        all(
            self.connection(),
            "SELECT * FROM count_state WHERE group_name = ?1 AND symbol = ?2 AND side = ?3 AND cycle = ?4 ORDER BY account",
            params![
                group.as_str(),
                symbol.as_str(),
                side.as_str(),
                whole(cycle)?
            ],
            super::groups::count_row,
        )
    }

    /// The newest revision of each of some alerts, with whether it was left to a digest.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn latest_alerts(&self, identities: &[String]) -> Read<BTreeMap<String, (Alert, bool)>> {
        let mut found = BTreeMap::new();
        for identity in identities {
            let newest = one(
                self.connection(),
                "SELECT json, state FROM alert WHERE identity = ?1 ORDER BY revision DESC LIMIT 1",
                params![identity],
                |row| {
                    let suppressed = get::<String>(row, "state")? == "suppressed";
                    Ok((json::<Alert>(row, "json")?, suppressed))
                },
            )?;
            if let Some(newest) = newest {
                found.insert(identity.clone(), newest);
            }
        }
        Ok(found)
    }

    /// The newest revision of each alert whose identity begins with a text and that is about a moment
    /// at or after `since`, without those that were left to a digest.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn alerts_under(&self, prefix: &str, since: VenueTime) -> Read<Vec<Alert>> {
        all(
            self.connection(),
            "SELECT json FROM alert AS newest
             WHERE identity >= ?1 AND identity < ?1 || char(1114111) AND at >= ?2 AND state = 'queued' AND revision =
                 (SELECT max(revision) FROM alert WHERE identity = newest.identity)
             ORDER BY identity",
            params![prefix, since.us()],
            |row| json::<Alert>(row, "json"),
        )
    }
}
