//! One fake venue alone, for people who test their own bots: start, say where it is, play its script, stop.
//!
//! Promise: nothing is printed here; whoever calls is told where the venue is and with which keys, once, when the script's history
//! is laid down. It serves until `stop` resolves, also when the script has come to its end.

use std::future::Future;
use std::io;

use crate::alpaca::{AlpacaAccount, AlpacaOptions, FakeAlpaca};
use crate::book::BookError;
use crate::bybit::{BybitAccount, BybitOptions, FakeBybit};
use crate::sample;
use crate::script::{Pace, Script, ScriptAccount, ScriptError, ScriptMistake, Stage, play};

/// The account where no script names any.
const SAMPLE_ACCOUNT: &str = "main";
const FIRST_UID: u64 = 1_001;

/// Which service is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// Bybit V5.
    Bybit,
    /// Alpaca Trading.
    Alpaca,
}

/// What to start.
#[derive(Clone, Debug)]
pub struct Alone {
    /// Which service.
    pub service: Service,
    /// The port on 127.0.0.1; 0: any free one.
    pub port: u16,
    /// The text of a script (see [`crate::script`]); without one, one account with a sample history.
    pub script: Option<String>,
    /// Mixes faults by this seed into requests and streams.
    pub seed: Option<u64>,
}

/// A key of the running venue. The secrets are the fake's own and worth nothing anywhere else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// The account's name.
    pub account: String,
    /// The API key.
    pub key: String,
    /// The secret.
    pub secret: String,
}

/// Where the running venue is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ready {
    /// `http://127.0.0.1:PORT`.
    pub base_url: String,
    /// `ws://127.0.0.1:PORT/…`.
    pub stream_url: String,
    /// In the order of the script.
    pub keys: Vec<Key>,
}

/// Why a venue alone did not run to its end.
#[derive(Debug, thiserror::Error)]
pub enum AloneError {
    /// The port cannot be bound: choose another, or 0.
    #[error("port {port} of 127.0.0.1 cannot be bound; choose another, or 0 for any free one")]
    Port {
        /// The port asked for.
        port: u16,
        /// The system's reason.
        source: io::Error,
    },
    /// The script's text has a mistake: correct it.
    #[error(transparent)]
    Mistake(#[from] ScriptMistake),
    /// A step could not happen: correct the script.
    #[error(transparent)]
    Script(#[from] ScriptError),
    /// The script names no account.
    #[error("the script names no account; write an [[account]] with name, key and secret")]
    NoAccount,
    /// The sample history could not be laid down.
    #[error("the sample history cannot be laid down: {0}")]
    Sample(#[from] BookError),
}

enum Venue {
    Bybit(FakeBybit),
    Alpaca(FakeAlpaca),
}

impl Venue {
    fn stage(&self) -> Stage<'_> {
        match self {
            Self::Bybit(venue) => Stage::Bybit(venue),
            Self::Alpaca(venue) => Stage::Alpaca(venue),
        }
    }
}

/// Runs one fake venue until `stop` resolves. `ready` is called once, when it can be asked.
///
/// # Errors
/// [`AloneError`]: the port, the script's text, or one of its steps.
pub async fn alone(
    settings: Alone,
    ready: impl FnOnce(&Ready),
    stop: impl Future<Output = ()>,
) -> Result<(), AloneError> {
    let script = settings.script.as_deref().map(Script::read).transpose()?;
    let accounts = match &script {
        Some(script) => script.accounts.clone(),
        None => vec![ScriptAccount {
            name: SAMPLE_ACCOUNT.to_owned(),
            key: "SAMPLEKEY0123456789".to_owned(),
            secret: "sample-secret-of-the-fake-venue".to_owned(),
            uid: None,
        }],
    };
    if accounts.is_empty() {
        return Err(AloneError::NoAccount);
    }
    let (venue, base_url, stream_url) = start(&settings, &accounts).await?;
    if let Some(seed) = settings.seed {
        venue.stage().mix(seed);
    }
    let keys = accounts.into_iter().map(|account| Key {
        account: account.name,
        key: account.key,
        secret: account.secret,
    });
    let place = Ready {
        base_url,
        stream_url,
        keys: keys.collect(),
    };
    let played = async {
        match &script {
            Some(script) => {
                let stage = venue.stage();
                let played = play(stage, script, Pace::Waiting, || ready(&place)).await;
                played.map(|_| ())
            }
            None => {
                ready(&place);
                Ok(())
            }
        }
    };
    tokio::pin!(played, stop);
    tokio::select! {
        biased;
        () = &mut stop => return Ok(()),
        played = &mut played => played?,
    }
    stop.await;
    Ok(())
}

async fn start(
    settings: &Alone,
    accounts: &[ScriptAccount],
) -> Result<(Venue, String, String), AloneError> {
    let port = |source| AloneError::Port {
        port: settings.port,
        source,
    };
    let is_sample = settings.script.is_none();
    match settings.service {
        Service::Bybit => {
            let accounts = accounts.iter().zip(FIRST_UID..).map(|(account, uid)| {
                let uid = account.uid.unwrap_or(uid);
                BybitAccount::new(&account.name, &account.key, &account.secret, uid)
            });
            let options = BybitOptions::new(accounts).port(settings.port);
            let venue = FakeBybit::start(options).await.map_err(port)?;
            if is_sample {
                let now_ms = venue.clock().now_ms();
                sample::bybit_history(venue.book(), SAMPLE_ACCOUNT, now_ms)?;
            }
            let urls = (venue.base_url(), venue.stream_url());
            Ok((Venue::Bybit(venue), urls.0, urls.1))
        }
        Service::Alpaca => {
            let accounts = accounts
                .iter()
                .map(|account| AlpacaAccount::new(&account.name, &account.key, &account.secret));
            let options = AlpacaOptions::new(accounts).port(settings.port);
            let venue = FakeAlpaca::start(options).await.map_err(port)?;
            if is_sample {
                let now_ms = venue.clock().now_ms();
                sample::alpaca_history(venue.book(), SAMPLE_ACCOUNT, now_ms)?;
            }
            let urls = (venue.base_url(), venue.stream_url());
            Ok((Venue::Alpaca(venue), urls.0, urls.1))
        }
    }
}
