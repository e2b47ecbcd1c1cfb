//! The venues' dialects: Bybit V5 and the Alpaca Trading API, read over REST and followed by WebSocket.
//!
//! The promise: what a venue reports arrives as it was reported. Rows are classed and never filtered,
//! each keeps its own JSON text, and a row that cannot be read costs only itself. A page that did not
//! arrive whole is an error and never a short page, so coverage is only claimed for what was seen.
//! A stream tells the same rows sooner and proves nothing. This is the only room of the HTTP and WebSocket
//! clients towards venues. Deliberately absent: order entry, retries and back-off (the poll loop's work).

pub mod alpaca;
pub mod bybit;
mod clock;
pub mod field;
mod http;
mod limit;
mod page;
mod redact;
#[cfg(test)]
mod responder;
mod route;
mod scan;
mod stream;

pub use limit::{Address, Limits, Pace};

use fillsync_core::execution::VenueKind;
use fillsync_core::id::{AccountName, Category};
use fillsync_core::port::{Clock, Venue};
use secrecy::SecretString;
use std::sync::Arc;

/// What an adapter needs to know of one account.
#[derive(Debug, Clone)]
pub struct AccountSettings {
    /// The account's name in the configuration.
    pub account: AccountName,
    /// Whose dialect it speaks.
    pub venue: VenueKind,
    /// Scheme and host, without a path: `https://api.bybit.com`. Plain `http` only for loopback.
    pub base_url: String,
    /// The key's id.
    pub api_key: SecretString,
    /// The key's secret.
    pub api_secret: SecretString,
    /// Bybit: which of `linear`, `inverse`, `spot`, `option` to follow. Alpaca: ignored when empty,
    /// otherwise it must be `fills` alone.
    pub categories: Vec<Category>,
    /// The settlement coins whose linear orders and positions are asked for (Bybit lists neither
    /// without one). Executions need none. Default: [`bybit::LINEAR_SETTLE_COINS`].
    pub linear_settle_coins: Vec<String>,
}

impl AccountSettings {
    /// Settings with the usual coins.
    #[must_use]
    pub fn new(
        account: AccountName,
        venue: VenueKind,
        base_url: impl Into<String>,
        api_key: SecretString,
        api_secret: SecretString,
        categories: Vec<Category>,
    ) -> Self {
        Self {
            account,
            venue,
            base_url: base_url.into(),
            api_key,
            api_secret,
            categories,
            linear_settle_coins: bybit::LINEAR_SETTLE_COINS.map(str::to_owned).to_vec(),
        }
    }
}

/// Settings that no adapter can work with; each says what to change.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The base URL cannot be used.
    #[error("account {account}: base_url {url:?} {problem}")]
    BaseUrl {
        /// The account.
        account: AccountName,
        /// What stood there.
        url: String,
        /// What is wrong with it, and what to write.
        problem: &'static str,
    },
    /// A key or secret that cannot be sent (its text is not shown).
    #[error("account {account}: {which} {problem}")]
    Key {
        /// The account.
        account: AccountName,
        /// `api_key` or `api_secret`.
        which: &'static str,
        /// What is wrong with it, and what to do.
        problem: &'static str,
    },
    /// A category that the venue does not have, or none at all.
    #[error("account {account}: category {category:?} is not one of {known}")]
    Category {
        /// The account.
        account: AccountName,
        /// What stood there; empty for no category at all.
        category: String,
        /// What may stand there.
        known: &'static str,
    },
    /// A coin that cannot stand in a request.
    #[error("account {account}: coin {coin:?} is not made of capital letters and digits")]
    Coin {
        /// The account.
        account: AccountName,
        /// What stood there.
        coin: String,
    },
    /// The address was made for another venue, whose limits it keeps.
    #[error("account {account} speaks {wanted}, but its address was opened for {has}")]
    OtherVenue {
        /// The account.
        account: AccountName,
        /// The account's venue.
        wanted: VenueKind,
        /// The address's venue.
        has: VenueKind,
    },
    /// The HTTP client could not be built.
    #[error("the HTTP client could not be built: {what}")]
    Client {
        /// Why.
        what: String,
    },
}

/// Opens an account at its venue. Sends nothing yet.
///
/// All accounts of one venue on this machine share one [`Address`], because venues count requests per
/// network address as well as per key.
///
/// # Errors
/// When the settings cannot work; see [`OpenError`].
pub fn open(
    settings: AccountSettings,
    address: &Address,
    clock: Arc<dyn Clock>,
) -> Result<Arc<dyn Venue>, OpenError> {
    if settings.venue != address.venue() {
        return Err(OpenError::OtherVenue {
            account: settings.account,
            wanted: settings.venue,
            has: address.venue(),
        });
    }
    Ok(match settings.venue {
        VenueKind::Bybit => Arc::new(bybit::Bybit::open(settings, address, clock)?),
        VenueKind::Alpaca => Arc::new(alpaca::Alpaca::open(settings, address, clock)?),
    })
}
