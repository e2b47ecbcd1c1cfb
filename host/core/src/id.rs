//! Names and ids, one type for each.
//!
//! A name or id is text with a bound and without control characters; that is all its constructor
//! checks, because venues choose their own forms (uuids, decimal strings, times with uuids). Two
//! kinds can never be mixed up by position in a call. Nothing here is parsed into a number.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The longest name or id that is kept, in bytes. The longest seen at a venue is 128.
pub const ID_BYTES_MAX: usize = 256;

/// A name or id was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Empty text where an id must stand.
    #[error("{kind} is empty")]
    Empty {
        /// The type that was to be made.
        kind: &'static str,
    },
    /// More than [`ID_BYTES_MAX`] bytes.
    #[error("{kind} has {bytes} bytes; at most {ID_BYTES_MAX} are kept")]
    TooLong {
        /// The type that was to be made.
        kind: &'static str,
        /// Its length.
        bytes: usize,
    },
    /// A control character, which would break logs and messages.
    #[error("{kind} {text:?} has a control character")]
    Control {
        /// The type that was to be made.
        kind: &'static str,
        /// The text, as debug output shows it.
        text: String,
    },
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(std::sync::Arc<str>);

        impl $name {
            /// Takes the text as it is.
            ///
            /// # Errors
            /// When it is empty, longer than [`ID_BYTES_MAX`] or has a control character.
            pub fn new(text: impl AsRef<str>) -> Result<Self, IdError> {
                let text = text.as_ref();
                check(stringify!($name), text)?;
                Ok(Self(text.into()))
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({:?})", stringify!($name), &*self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(text: String) -> Result<Self, IdError> {
                Self::new(text)
            }
        }

        impl std::str::FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0.to_string()
            }
        }
    };
}

fn check(kind: &'static str, text: &str) -> Result<(), IdError> {
    if text.is_empty() {
        return Err(IdError::Empty { kind });
    }
    if text.len() > ID_BYTES_MAX {
        return Err(IdError::TooLong {
            kind,
            bytes: text.len(),
        });
    }
    if text.chars().any(char::is_control) {
        return Err(IdError::Control {
            kind,
            text: text.to_owned(),
        });
    }
    Ok(())
}

text_id!(
    /// An account's name in the configuration ("main").
    AccountName
);
text_id!(
    /// A group's name in the configuration ("desk").
    GroupName
);
text_id!(
    /// A channel's name in the configuration ("ops").
    ChannelName
);
text_id!(
    /// A plugin's name ("max-count").
    PluginName
);
text_id!(
    /// A market's name. A venue's own spelling ("BTC/USD") inside an account, the group's own inside a group.
    Symbol
);
text_id!(
    /// A venue's separate space of executions and symbols: Bybit's `linear`, `inverse`, `spot`, `option`;
    /// for Alpaca always `fills`. Also the unit in which coverage is proven.
    Category
);
text_id!(
    /// A venue's order id. Bybit: a uuid for derivatives, a decimal string for spot. Alpaca: a uuid.
    OrderId
);
text_id!(
    /// The order id that the trader's own bot chose (Bybit `orderLinkId`, Alpaca `client_order_id`).
    ClientOrderId
);
text_id!(
    /// A venue's execution id. Unique only together with account, category and symbol.
    ExecutionId
);
text_id!(
    /// A currency or asset in which a fee is taken ("USDT").
    Currency
);

/// Where an account's venue-wide things live: one account, one market.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Market {
    /// The account.
    pub account: AccountName,
    /// The venue's space.
    pub category: Category,
    /// The venue's own symbol.
    pub symbol: Symbol,
}

impl fmt::Display for Market {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.account, self.category, self.symbol)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_keeps_the_venues_own_text() {
        let id = OrderId::new("20201113112345678::904837e3-3b76-47ec-b432-046db621571b");
        assert_eq!(
            id.map(|id| id.to_string()).as_deref(),
            Ok("20201113112345678::904837e3-3b76-47ec-b432-046db621571b")
        );
    }

    #[test]
    fn an_id_that_would_break_a_log_line_is_refused() {
        assert!(matches!(AccountName::new(""), Err(IdError::Empty { .. })));
        assert!(matches!(
            Symbol::new("BTC\nUSD"),
            Err(IdError::Control { .. })
        ));
        assert!(matches!(
            Symbol::new("x".repeat(ID_BYTES_MAX + 1)),
            Err(IdError::TooLong { .. })
        ));
    }
}
