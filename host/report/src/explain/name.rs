//! The names of counts: `GROUP/SYMBOL/SIDE/CYCLE`, with an account behind it, or a decision's number.

use fillsync_core::id::{AccountName, GroupName, Symbol};
use fillsync_core::order::PositionSide;
use fillsync_ledger::CycleName;
use std::fmt;

/// What a count is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CountName {
    /// The newest decision of a cycle, all accounts or one.
    Cycle(CycleName, Option<AccountName>),
    /// A decision by its row.
    Decision(i64),
}

/// A text that names no count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} names no count; a name is GROUP/SYMBOL/SIDE/CYCLE with or without /ACCOUNT, as in \
     desk/GTCUSDT/short/12/main (`fillsync counts` prints them), or a decision's number"
)]
pub struct NameError {
    text: String,
}

impl CountName {
    /// Reads a name. A symbol may have a slash in it ("BTC/USD"), so the side is looked for.
    ///
    /// # Errors
    /// When it is none.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let none = || NameError {
            text: text.chars().take(100).collect(),
        };
        if let Ok(id) = text.trim_start_matches('#').parse::<i64>() {
            return Ok(Self::Decision(id));
        }
        let (group, rest) = text.split_once('/').ok_or_else(none)?;
        let sides = [PositionSide::Long, PositionSide::Short];
        let (side, symbol, behind) = sides
            .into_iter()
            .find_map(|side| {
                let (symbol, behind) = rest.split_once(&format!("/{}/", side.as_str()))?;
                Some((side, symbol, behind))
            })
            .ok_or_else(none)?;
        let (ordinal, account) = match behind.split_once('/') {
            Some((ordinal, account)) => (ordinal, Some(account)),
            None => (behind, None),
        };
        let name = CycleName {
            group: GroupName::new(group).map_err(|_| none())?,
            symbol: Symbol::new(symbol).map_err(|_| none())?,
            side,
            ordinal: ordinal.parse().map_err(|_| none())?,
        };
        let account = account
            .map(AccountName::new)
            .transpose()
            .map_err(|_| none())?;
        Ok(Self::Cycle(name, account))
    }
}

/// `GROUP/SYMBOL/SIDE/CYCLE`.
pub(crate) fn cycle_id(
    group: impl fmt::Display,
    symbol: impl fmt::Display,
    side: PositionSide,
    ordinal: u64,
) -> String {
    format!("{group}/{symbol}/{}/{ordinal}", side.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_what_is_none_is_told_what_one_is() {
        let cycle = |text: &str| match CountName::parse(text) {
            Ok(CountName::Cycle(name, account)) => {
                let id = cycle_id(&name.group, &name.symbol, name.side, name.ordinal);
                (id, account.map(|account| account.to_string()))
            }
            other => panic!("{other:?}"),
        };
        let id = "desk/GTCUSDT/short/12".to_owned();
        assert_eq!(cycle("desk/GTCUSDT/short/12"), (id.clone(), None));
        assert_eq!(
            cycle("desk/GTCUSDT/short/12/main"),
            (id, Some("main".to_owned()))
        );
        assert_eq!(
            cycle("desk/BTC/USD/long/3"),
            ("desk/BTC/USD/long/3".to_owned(), None)
        );
        assert_eq!(CountName::parse("17"), Ok(CountName::Decision(17)));
        assert_eq!(CountName::parse("#17"), Ok(CountName::Decision(17)));
        for wrong in [
            "",
            "desk",
            "desk/GTCUSDT/short",
            "desk/GTCUSDT/up/1",
            "desk/X/long/one",
        ] {
            let error = CountName::parse(wrong).unwrap_err().to_string();
            assert!(error.contains("desk/GTCUSDT/short/12/main"), "{error}");
        }
    }
}
