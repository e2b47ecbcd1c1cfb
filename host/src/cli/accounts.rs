//! The accounts that a command is about: which they are, and how they are opened.
//!
//! A name that the configuration does not have is a wrong call, and the ones that it has are named.

use super::CalledWrongly;
use crate::app::SystemClock;
use fillsync_config::{Account, Config};
use fillsync_core::execution::VenueKind;
use fillsync_core::id::AccountName;
use fillsync_core::port::Venue;
use fillsync_ledger::{Ledger, LedgerError};
use fillsync_venue::{AccountSettings, Address, Limits};
use secrecy::SecretString;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// The account of a name.
pub(super) fn account<'a>(
    config: &'a Config,
    name: &AccountName,
) -> Result<&'a Account, CalledWrongly> {
    config.accounts.get(name).ok_or_else(|| {
        let known: Vec<&str> = config.accounts.keys().map(AccountName::as_str).collect();
        CalledWrongly(format!(
            "the configuration has no account {name}; it has {}",
            if known.is_empty() {
                "none".to_owned()
            } else {
                known.join(", ")
            }
        ))
    })
}

/// The account of a name, or all of them.
pub(super) fn chosen<'a>(
    config: &'a Config,
    name: Option<&AccountName>,
) -> Result<Vec<&'a Account>, CalledWrongly> {
    match name {
        Some(name) => Ok(vec![account(config, name)?]),
        None if config.accounts.is_empty() => Err(CalledWrongly(
            "the configuration has no account; add an [[account]]".to_owned(),
        )),
        None => Ok(config.accounts.values().collect()),
    }
}

/// Opens the ledger for writing, or says who has it and what to do.
pub(super) fn ledger(path: &Path, remedy: &str) -> anyhow::Result<Ledger> {
    Ledger::open(path).map_err(|error| match error {
        LedgerError::Locked { path } => {
            anyhow::anyhow!(
                "the ledger {path} is in use: a daemon or another command works on it; {remedy}"
            )
        }
        error => error.into(),
    })
}

/// Opens venues; what asks the same address keeps its limits together.
#[derive(Default)]
pub(super) struct Venues {
    addresses: BTreeMap<(VenueKind, String), Address>,
    /// What is not good about the secrets, without them.
    pub(super) warnings: Vec<String>,
}

impl Venues {
    /// Opens an account's venue.
    ///
    /// # Errors
    /// When a secret cannot be read, or the settings do not fit the venue.
    pub(super) fn open(&mut self, account: &Account) -> anyhow::Result<Arc<dyn Venue>> {
        let about = format!("account {}", account.name);
        let key = account.api_key.resolve(&format!("{about}: api_key"))?;
        let code = account
            .api_secret
            .resolve(&format!("{about}: api_secret"))?;
        self.warnings.extend(key.warning);
        self.warnings.extend(code.warning);
        self.open_with(account, key.secret, code.secret)
    }

    /// Opens an account's venue with secrets that have no source yet.
    ///
    /// # Errors
    /// When the settings do not fit the venue.
    pub(super) fn open_with(
        &mut self,
        account: &Account,
        key: SecretString,
        code: SecretString,
    ) -> anyhow::Result<Arc<dyn Venue>> {
        let at = (account.venue, account.base_url.origin().to_owned());
        let address = match self.addresses.get(&at) {
            Some(address) => address.clone(),
            None => {
                let address = Address::new(account.venue, Limits::of(account.venue))?;
                self.addresses.insert(at, address.clone());
                address
            }
        };
        let settings = AccountSettings::new(
            account.name.clone(),
            account.venue,
            account.base_url.as_str(),
            key,
            code,
            account.categories.clone(),
        );
        Ok(fillsync_venue::open(
            settings,
            &address,
            Arc::new(SystemClock),
        )?)
    }
}
